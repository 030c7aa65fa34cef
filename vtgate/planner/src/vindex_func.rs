//! A vindex that is read as a table: `select keyspace_id, shard from xxhash where id = 5`.
//!
//! vtgate knows the rows itself, for the values that the statement names; it has to name some, since a vindex
//! has no end of rows. Columns and one condition on `id` are answered here. Whatever else a query does with
//! the rows is MySQL's: they are gathered as those of any table ([`crate::gather`]).

use sqlast::ast::{ComparisonOp, Expr, InList, Query, QueryBody, Select, SelectItem, TableExpr, TableName};
use vschema::{Table, VINDEX_COLUMNS};
use vterrors::{Error, Result};

use crate::{
    Directives, PlanContext, Primitive, ValueRef, VindexColumn, VindexFunc, lookup,
    rewrite::{self, Rewritten},
    routing,
    select::{Planned, tables_used},
    semantics::{Analysis, conjuncts, value_of},
};

/// Vitess's words for what a vindex cannot answer.
pub(crate) fn unsupported() -> Error {
    Error::unsupported(
        "VT12001: unsupported: WHERE clause for vindex function must be of the form id = <val> or \
         id in(<val>,...)",
    )
}

/// Vitess's words for a vindex that is written to, with MySQL's number of what cannot be written.
pub(crate) fn refuse_write(table: &Table) -> Result<()> {
    match table.is_vindex() {
        true => Err(Error::mysql(1288, *b"HY000", "VT09014: vindex cannot be modified")),
        false => Ok(()),
    }
}

/// The plan of a query of one vindex. `None` where no vindex is read; an error where more is asked than the
/// vindex's own rows.
pub(crate) fn plan(
    query: &Query,
    ctx: &PlanContext<'_>,
    analysis: &Analysis,
    directives: &Directives,
) -> Result<Option<Planned>> {
    let Some((_, table)) = analysis.base_tables().find(|(_, t)| t.is_vindex()) else { return Ok(None) };
    let QueryBody::Select(select) = &query.body else { return Err(unsupported()) };
    let (Some(vindex), Some(alias)) = (table.primary_vindex(), only_table(query, select)) else {
        return Err(unsupported());
    };
    let values = select.where_.as_ref().and_then(ids).ok_or_else(unsupported)?;
    let columns = columns(select, &alias).ok_or_else(unsupported)?;
    let lookup = match vindex.vindex.needs_vcursor() {
        false => None,
        true => Some(lookup::table(vindex).ok_or_else(|| {
            let ty = vindex.vindex.type_name();
            Error::unsupported(format!("reading the vindex {} of type {ty}", vindex.name))
        })?),
    };
    let func = VindexFunc {
        keyspace: table.keyspace.clone(),
        vindex: routing::vindex_ref(table, vindex),
        lookup,
        values,
        columns,
    };
    // The values may be the session's.
    let mut statement = sqlast::ast::Statement::Query(Box::new(query.clone()));
    let rewritten: Rewritten = rewrite::rewrite(&mut statement, ctx, false)?;
    Ok(Some(Planned {
        root: Primitive::VindexFunc(Box::new(func)),
        tables_used: tables_used(analysis),
        rewritten,
        warnings: Vec::new(),
        directives: directives.clone(),
    }))
}

/// The name of the only table of a query that does nothing but read it.
fn only_table(query: &Query, select: &Select) -> Option<sqlast::ast::Ident> {
    let plain = query.with.is_none()
        && query.order_by.is_empty()
        && query.limit.is_none()
        && select.group_by.is_none()
        && select.having.is_none()
        && select.qualify.is_none()
        && !select.distinct;
    match &select.from[..] {
        [TableExpr::Table(table)] if plain && table.partitions.is_empty() => {
            Some(table.alias.clone().unwrap_or_else(|| table.name.name.clone()))
        }
        _ => None,
    }
}

/// The values of a condition `id = <value>` or `id in (<values>)`.
pub(crate) fn ids(condition: &Expr) -> Option<ValueRef> {
    let is_id = |e: &Expr| matches!(e, Expr::Column(name) if name.name.is(VINDEX_COLUMNS[0].as_bytes()));
    match condition {
        Expr::Comparison(c) if c.op == ComparisonOp::Equal && c.quantifier.is_none() => {
            match (is_id(&c.left), is_id(&c.right)) {
                (true, false) => value_of(&c.right),
                (false, true) => value_of(&c.left),
                _ => None,
            }
        }
        Expr::In(in_) if !in_.not && is_id(&in_.expr) => match &in_.list {
            InList::Param(name) => Some(ValueRef::ListBind(name.to_string_lossy().into_owned())),
            InList::List(items) => items.iter().map(value_of).collect::<Option<_>>().map(ValueRef::List),
            InList::Subquery(_) => None,
        },
        _ => None,
    }
}

/// Of the conditions on a vindex the one that it can answer; MySQL sees to the others.
pub(crate) fn answered(conditions: &[Expr]) -> Vec<Expr> {
    conditions.iter().flat_map(conjuncts).find(|c| ids(c).is_some()).cloned().into_iter().collect()
}

fn columns(select: &Select, alias: &sqlast::ast::Ident) -> Option<Vec<(String, VindexColumn)>> {
    let mut out = Vec::new();
    let is_own = |name: &TableName| name.name == *alias;
    for item in &select.items {
        match item {
            SelectItem::Wildcard(of) if of.as_ref().is_none_or(is_own) => {
                let all = VINDEX_COLUMNS.iter().map(|c| Some(((*c).to_owned(), VindexColumn::of_name(c)?)));
                out.extend(all.collect::<Option<Vec<_>>>()?);
            }
            SelectItem::Expr(item) => {
                let Expr::Column(name) = &item.expr else { return None };
                if !name.qualifier.as_deref().is_none_or(is_own) {
                    return None;
                }
                let column = VindexColumn::of_name(&name.name.to_string_lossy())?;
                let label = item.alias.as_ref().unwrap_or(&name.name);
                out.push((label.to_string_lossy().into_owned(), column));
            }
            SelectItem::Wildcard(_) | SelectItem::Next(_) => return None,
        }
    }
    Some(out)
}
