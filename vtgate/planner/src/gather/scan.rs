//! The read of one table reference.

use sqlast::{
    Rewriter, Walk,
    ast::{
        AliasedExpr, AliasedTable, ColName, Expr, Ident, In, InList, Locking, Query, QueryBody, Select,
        SelectItem, Span, TableExpr,
    },
};
use sqltypes::Type;
use vschema::{Column, Table};
use vterrors::{Error, Result};

use super::{Gatherer, filters::Filters};
use crate::{
    Load, LoadColumn, LoadShape, PlanContext, PlanWarning, Primitive, floats,
    rewrite::{self, Rewritten},
    select, vindex_func,
};

/// What is to be read, and what the read needs and tells.
pub(super) struct Scan {
    pub load: Load,
    /// The read as a query, for a plan of it with one more condition.
    pub query: Query,
    pub rewritten: Rewritten,
    pub warnings: Vec<PlanWarning>,
}

pub(super) fn scan(
    gatherer: &Gatherer<'_>,
    reference: &AliasedTable,
    alias: &Ident,
    known: &Filters,
    name: &str,
) -> Result<Scan> {
    let table = gatherer.ctx.table(&reference.name)?;
    if !table.column_list_authoritative {
        return Err(Error::unsupported(format!(
            "putting together the rows of table {}: its columns are not known yet",
            table.full_name()
        )));
    }
    let all = known.all_columns || gatherer.natural;
    let columns = wanted(&table, all, gatherer)?;
    let items = columns.iter().map(|c| SelectItem::Expr(read_column(c))).collect();
    let condition = match table.is_vindex() {
        true => condition(&vindex_func::answered(&known.conditions)),
        false => condition(&known.conditions),
    };
    let from = AliasedTable { alias: None, hints: Vec::new(), ..reference.clone() };
    let query = Query {
        locks: gatherer.lock_of(alias).into_iter().map(|l| Locking { of: Vec::new(), ..l }).collect(),
        ..Query::new(QueryBody::Select(Box::new(Select {
            items,
            from: vec![TableExpr::Table(Box::new(from))],
            where_: condition,
            comments: gatherer.comments.clone(),
            ..Select::default()
        })))
    };
    let planned = select::plan_by_shard(&query, gatherer.ctx)?;
    let has =
        |key: &&Vec<String>| key.iter().all(|part| columns.iter().any(|c| c.name.eq_ignore_ascii_case(part)));
    let load = Load {
        name: name.to_owned(),
        keyspace: table.keyspace.clone(),
        table: table.name.clone(),
        shape: LoadShape::Columns {
            columns: columns.iter().map(|c| load_column(c)).collect::<Result<_>>()?,
            unique_keys: table.unique_keys.iter().filter(has).cloned().collect(),
        },
        input: planned.root,
        by_keys: None,
    };
    Ok(Scan { load, query, rewritten: planned.rewritten, warnings: planned.warnings })
}

/// The same read of only those rows whose column is in a list.
pub(super) fn by_keys(ctx: &PlanContext<'_>, query: &Query, column: &str, bind: &str) -> Result<Primitive> {
    let mut query = query.clone();
    let condition = Expr::In(Box::new(In {
        not: false,
        expr: Expr::Column(ColName { qualifier: None, name: Ident::from(column) }),
        list: InList::Param(Ident::from(bind)),
    }));
    if let Some(select) = rewrite::only_select(&mut query) {
        select.where_ = Some(match select.where_.take() {
            None => condition,
            Some(Expr::And(mut parts)) => {
                parts.push(condition);
                Expr::And(parts)
            }
            Some(other) => Expr::And(vec![other, condition]),
        });
    }
    select::plan_by_shard(&query, ctx).map(|planned| planned.root)
}

/// The columns that the statement could mean; one of them at least, so that rows can be counted.
fn wanted<'t>(table: &'t Table, all: bool, gatherer: &Gatherer<'_>) -> Result<Vec<&'t Column>> {
    let named = |c: &Column| gatherer.names.contains(&c.name.to_lowercase());
    let mut columns: Vec<&Column> =
        table.columns.iter().filter(|c| (all && !c.invisible) || named(c)).collect();
    if columns.is_empty() {
        let key = table.unique_keys.first().and_then(|k| k.first());
        let smallest = key.and_then(|k| table.column(k)).or(table.columns.first());
        columns.extend(smallest);
    }
    if columns.is_empty() {
        return Err(Error::unsupported(format!("a table without columns ({})", table.full_name())));
    }
    Ok(columns)
}

fn read_column(column: &Column) -> AliasedExpr {
    let plain = Expr::Column(ColName { qualifier: None, name: Ident::from(column.name.as_str()) });
    match column.ty {
        // As text a FLOAT loses digits; as a DOUBLE it has them all.
        Some(Type::Float32) => AliasedExpr {
            expr: floats::doubled(plain),
            alias: Some(Ident::from(column.name.as_str())),
            span: Span::default(),
        },
        _ => AliasedExpr { expr: plain, alias: None, span: Span::default() },
    }
}

fn load_column(column: &Column) -> Result<LoadColumn> {
    let definition = column.definition.clone().ok_or_else(|| {
        Error::unsupported(format!("a column whose definition is not known yet ({})", column.name))
    })?;
    let invisible = if column.invisible { " invisible" } else { "" };
    Ok(LoadColumn { name: column.name.clone(), definition: format!("{definition}{invisible}") })
}

/// The conditions with their columns unqualified: there is one table.
pub(super) fn condition(conditions: &[Expr]) -> Option<Expr> {
    struct Unqualified;
    impl Rewriter for Unqualified {
        fn column_name(&mut self, name: &mut ColName) {
            name.qualifier = None;
        }
    }
    let mut conditions = conditions.to_vec();
    conditions.iter_mut().for_each(|c| c.rewrite(&mut Unqualified));
    match conditions.len() {
        0 => None,
        1 => conditions.pop(),
        _ => Some(Expr::And(conditions)),
    }
}
