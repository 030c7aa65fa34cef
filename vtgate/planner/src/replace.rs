//! REPLACE into a table with lookup vindexes of its own.
//!
//! MySQL removes the rows that are in a new row's way; here their entries in the lookups have to go, too, and
//! they may be on other shards: a unique lookup makes a value unique over all of them. So the rows in the way
//! are deleted first, as by a DELETE, and then the row is inserted. Row by row, because one row of the
//! statement may be in the way of the next.

use sqlast::ast::{
    self, AliasedTable, ColName, Comparison, ComparisonOp, Expr, Ident, InsertSource, Literal, TableExpr,
    TableName,
};
use vschema::Table;
use vterrors::{Error, Result};

use crate::{
    PlanContext, Primitive, dml, insert, lookup, normalized::directives, rewrite::Rewritten, select::Planned,
};

/// Whether a REPLACE has to look after entries.
pub(crate) fn is_needed(insert: &ast::Insert, table: &Table, ctx: &PlanContext<'_>) -> bool {
    insert.replace
        && table.sharded
        && ctx.shard.is_none()
        && matches!(insert.source, InsertSource::Values(_))
        && table.owned_vindexes().any(|v| lookup::table(v).is_some())
}

pub(crate) fn plan(insert: &ast::Insert, table: &Table, ctx: &PlanContext<'_>) -> Result<Planned> {
    let refuse = |what: &str| {
        let name = table.full_name();
        Err(Error::unsupported(format!("REPLACE into {name}, which has lookup vindexes of its own: {what}")))
    };
    if table.unique_keys.is_empty() || !table.column_list_authoritative {
        return refuse("its keys are not known");
    }
    let InsertSource::Values(rows) = &insert.source else {
        return refuse("rows that are not values");
    };
    let mut insert = insert.clone();
    if insert.columns.is_empty() {
        let visible = table.columns.iter().filter(|c| !c.invisible);
        insert.columns = visible.map(|c| ColName::unqualified(c.name.as_str())).collect();
    }
    let mut writes = Vec::with_capacity(2 * rows.len());
    let mut out: Option<Planned> = None;
    let mut rewritten = Rewritten::default();
    for row in rows {
        if row.len() != insert.columns.len() {
            return Err(Error::new(
                vterrors::Condition::WrongValueCount,
                "Column count doesn't match value count at row 1",
            ));
        }
        let one = ast::Insert { source: InsertSource::Values(vec![row.clone()]), ..insert.clone() };
        if let Some(condition) = in_the_way(table, &insert.columns, row) {
            let planned = dml::plan_delete(&delete(table, condition), ctx)?;
            rewritten.add(planned.rewritten);
            writes.push(planned.root);
        }
        let planned = insert::plan_alone(one, table, ctx)?;
        writes.push(planned.root);
        match &mut out {
            None => out = Some(Planned { root: Primitive::All(Vec::new()), ..planned }),
            Some(out) => out.rewritten.add(planned.rewritten),
        }
    }
    let Some(mut out) = out else { return refuse("no rows") };
    out.rewritten.add(rewritten);
    out.directives = directives(&insert.comments);
    out.root = Primitive::All(writes);
    Ok(out)
}

/// Rows that have the values of a new row in a unique key: the table's, or that of a unique lookup.
fn in_the_way(table: &Table, columns: &[ColName], row: &[Expr]) -> Option<Expr> {
    let lookups = table.owned_vindexes().filter(|v| v.vindex.is_unique()).map(|v| &v.columns);
    let mut keys: Vec<&Vec<String>> = table.unique_keys.iter().chain(lookups).collect();
    keys.dedup();
    let mut ways: Vec<Expr> = Vec::new();
    for key in keys {
        let parts: Option<Vec<Expr>> = key.iter().map(|name| equal(table, columns, row, name)).collect();
        let condition = match parts {
            Some(mut parts) if parts.len() == 1 => parts.pop(),
            Some(parts) => Some(Expr::And(parts)),
            None => None,
        };
        if let Some(condition) = condition.filter(|c| !ways.contains(c)) {
            ways.push(condition);
        }
    }
    match ways.len() {
        0 | 1 => ways.pop(),
        _ => Some(Expr::Or(ways)),
    }
}

/// `column = value`; none where the value is NULL or comes from a sequence, which is in nobody's way.
fn equal(table: &Table, columns: &[ColName], row: &[Expr], name: &str) -> Option<Expr> {
    let column = ColName::unqualified(name);
    let generated = table.auto_increment.as_ref().is_some_and(|a| a.column.eq_ignore_ascii_case(name));
    let at = columns.iter().position(|c| c.name.is(name.as_bytes()));
    let default = || Expr::Default(Some(Box::new(column.clone())));
    let value = match at.and_then(|at| row.get(at)) {
        Some(Expr::Literal(Literal::Null)) => return None,
        Some(Expr::Default(None)) | None if generated => return None,
        Some(Expr::Default(None)) | None => default(),
        Some(value) => value.clone(),
    };
    Some(Expr::Comparison(Box::new(Comparison {
        op: ComparisonOp::Equal,
        left: Expr::Column(column),
        right: value,
        quantifier: None,
    })))
}

fn delete(table: &Table, condition: Expr) -> ast::Delete {
    let name = TableName {
        qualifier: Some(Ident::from(table.keyspace.as_str())),
        name: Ident::from(table.name.as_str()),
    };
    ast::Delete {
        comments: ast::Comments::default(),
        with: None,
        low_priority: false,
        quick: false,
        ignore: false,
        targets: Vec::new(),
        tables: vec![TableExpr::Table(Box::new(AliasedTable::new(name)))],
        where_: Some(condition),
        order_by: Vec::new(),
        limit: None,
    }
}
