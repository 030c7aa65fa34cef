//! REPLACE into a table with lookup vindexes of its own.
//!
//! MySQL removes the rows that are in a new row's way; here their entries in the lookups have to go, too, and
//! they may be on other shards: a unique lookup makes a value unique over all of them. So the rows in the way
//! are deleted first, as by a DELETE, and then the row is inserted. Row by row, because one row of the
//! statement may be in the way of the next.

use sqlast::ast::{self, AliasedTable, Expr, InsertSource, TableExpr};
use vschema::Table;
use vterrors::{Error, Result};

use crate::{
    PlanContext, dml,
    in_the_way::{NewRow, rows_of, whole_name},
    insert, insert_rows, lookup,
    normalized::directives,
    select::Planned,
    semantics::value_of,
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
    let Some((columns, rows)) = rows_of(insert, table) else {
        return refuse("rows that are not values");
    };
    let is_computed = |cell: &Expr| !matches!(cell, Expr::Default(_)) && value_of(cell).is_none();
    let mut cells = rows.iter().flat_map(|values| columns.iter().zip(values));
    if let Some((column, _)) = cells.find(|(name, cell)| is_computed(cell) && is_key_column(table, name)) {
        let (name, column) = (table.full_name(), column.name.to_string_lossy());
        let reason = format!("REPLACE into {name}: an expression as the value of {column}");
        return insert_rows::plan(insert, table, ctx, &Error::unsupported(reason));
    }
    let mut writes = Vec::with_capacity(2 * rows.len());
    for values in rows {
        insert::check_count(values, &columns)?;
        let source = InsertSource::Values(vec![values.clone()]);
        let one = ast::Insert { source, columns: columns.clone(), ..insert.clone() };
        let row = NewRow { table, columns: &columns, values };
        let mut ways: Vec<Expr> = row.ways().into_iter().map(|way| way.condition).collect();
        let condition = if ways.len() > 1 { Some(Expr::Or(ways)) } else { ways.pop() };
        if let Some(condition) = condition {
            writes.push(dml::plan_delete(&delete(table, condition), ctx)?);
        }
        writes.push(insert::plan_alone(one, table, ctx)?);
    }
    let Some(mut out) = Planned::all(writes) else { return refuse("no rows") };
    out.directives = directives(&insert.comments);
    Ok(out)
}

/// Whether it decides which rows are in a row's way, or where the row and its entries go.
fn is_key_column(table: &Table, name: &ast::ColName) -> bool {
    let vindexes = table.column_vindexes.iter().map(|v| &v.columns);
    table.unique_keys.iter().chain(vindexes).flatten().any(|key| name.name.is(key.as_bytes()))
}

fn delete(table: &Table, condition: Expr) -> ast::Delete {
    ast::Delete {
        comments: ast::Comments::default(),
        with: None,
        low_priority: false,
        quick: false,
        ignore: false,
        targets: Vec::new(),
        tables: vec![TableExpr::Table(Box::new(AliasedTable::new(whole_name(table))))],
        where_: Some(condition),
        order_by: Vec::new(),
        limit: None,
    }
}
