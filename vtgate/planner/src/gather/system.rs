//! The read of a table of MySQL's own (information_schema and its like) beside tables whose rows are gathered.
//!
//! Every tablet has such a table, and each of them knows one keyspace: the read goes to one shard of the keyspace
//! that it names (`table_schema = 'commerce'`), else of the one that the statement names elsewhere, else of the
//! session's. The rows know their schema by the tablet's database; they get the keyspace's name in its place, so
//! that the query over them may compare it with anything.

use sqlast::{
    Visit, Visitor, Walk,
    ast::{
        AliasedExpr, AliasedTable, ColName, ComparisonOp, Expr, FuncCall, Ident, Query, QueryBody, Select,
        SelectItem, Span, Statement, TableExpr,
    },
};
use vterrors::{Error, Result};

use super::{
    Gatherer,
    filters::Filters,
    scan::{Scan, condition},
};
use crate::{
    Load, LoadShape, Primitive, Route, Routing, SystemSchema, ValueRef, rewrite,
    schema_names::is_schema_column, semantics::value_of,
};

pub(super) fn scan(
    gatherer: &Gatherer<'_>,
    reference: &AliasedTable,
    alias: &Ident,
    known: &Filters,
    name: &str,
) -> Result<Scan> {
    let mut schemas: Vec<ValueRef> = Vec::new();
    let mut pushed = Vec::new();
    for condition in &known.conditions {
        match about_schema(condition) {
            AboutSchema::No => pushed.push(condition.clone()),
            AboutSchema::Is(value) => {
                pushed.push(condition.clone());
                schemas.push(value);
            }
            // Its keyspace is that of the statement; what else is said is seen to when the rows are there.
            AboutSchema::Columns => {}
            AboutSchema::Other => {
                return Err(Error::unsupported(format!(
                    "information_schema beside tables of several shards or keyspaces, where {alias} is not \
                     narrowed to a schema by = and its name"
                )));
            }
        }
    }
    if schemas.is_empty() {
        schemas = gatherer.schemas.to_vec();
    }
    let from = AliasedTable { alias: None, ..AliasedTable::new(reference.name.clone()) };
    let query = Query::new(QueryBody::Select(Box::new(Select {
        items: vec![SelectItem::Wildcard(None)],
        from: vec![TableExpr::Table(Box::new(from))],
        where_: condition(&pushed),
        ..Select::default()
    })));
    let mut statement = Statement::Query(Box::new(query.clone()));
    let rewritten = rewrite::rewrite(&mut statement, gatherer.ctx, true)?;
    add_database(&mut statement);
    let keyspace = gatherer.ctx.any_keyspace()?;
    let route = Route {
        keyspace: keyspace.name.clone(),
        routing: if keyspace.sharded { Routing::AnyShard } else { Routing::Unsharded },
        query: rewrite::print(gatherer.ctx, &statement)?,
        order_by: Vec::new(),
        hidden_columns: 0,
        is_locking: false,
        system_schema: Some(SystemSchema { schemas, beside_tables: false, shown: Vec::new() }),
        is_sequence: false,
    };
    let schema = reference.name.qualifier.as_ref().map(|q| q.to_string_lossy().into_owned());
    let load = Load {
        name: name.to_owned(),
        keyspace: schema.unwrap_or_default(),
        table: reference.name.name.to_string_lossy().into_owned(),
        shape: LoadShape::System { table: rewrite::print_table(gatherer.ctx, &reference.name)? },
        input: Primitive::Route(Box::new(route)),
        by_keys: None,
    };
    Ok(Scan { load, query, rewritten, warnings: Vec::new() })
}

/// What a condition on one table says about the schema.
enum AboutSchema {
    No,
    /// It is the one of a name.
    Is(ValueRef),
    /// It is equal to another of the row's columns.
    Columns,
    Other,
}

fn about_schema(condition: &Expr) -> AboutSchema {
    #[derive(Default)]
    struct Finder(bool);
    impl Visitor for Finder {
        fn column_name(&mut self, name: &ColName) {
            self.0 |= is_schema_column(name);
        }
        fn enter_expr(&mut self, expr: &Expr) -> Visit {
            self.0 |= matches!(expr, Expr::Column(name) if is_schema_column(name));
            Visit::Into
        }
    }
    let mut finder = Finder::default();
    condition.walk(&mut finder);
    if !finder.0 {
        return AboutSchema::No;
    }
    let Expr::Comparison(c) = condition else { return AboutSchema::Other };
    if c.op != ComparisonOp::Equal || c.quantifier.is_some() {
        return AboutSchema::Other;
    }
    match (&c.left, &c.right) {
        (Expr::Column(_), Expr::Column(_)) => AboutSchema::Columns,
        (Expr::Column(_), value) | (value, Expr::Column(_)) => {
            value_of(value).map_or(AboutSchema::Other, AboutSchema::Is)
        }
        _ => AboutSchema::Other,
    }
}

/// Adds the tablet's own answer to DATABASE(), which in the client's text would be the session's.
fn add_database(statement: &mut Statement) {
    if let Statement::Query(query) = statement
        && let Some(select) = rewrite::only_select(query)
    {
        let call = FuncCall::new("database", Vec::new());
        select.items.push(SelectItem::Expr(AliasedExpr {
            expr: Expr::Func(Box::new(call)),
            alias: None,
            span: Span::default(),
        }));
    }
}
