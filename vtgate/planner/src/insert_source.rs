//! The rows of an INSERT or REPLACE as what a query reads, for the plans that read them before they write.

use std::borrow::Cow;

use sqlast::ast::{
    self, AliasedExpr, Assignment, ColName, Expr, InsertSource, Literal, Query, QueryBody, Select,
    SelectItem, Span,
};
use vschema::Table;
use vterrors::{Error, Result};

use crate::{PlanContext, floats, in_the_way::visible_columns, insert, semantics::value_of, set_order};

/// MySQL gives no more columns in a row of a result (its manual, "Limits on Table Column Count").
const MOST_CELLS: usize = 4096;

pub(crate) struct Source {
    pub query: Query,
    /// The rows are values that only MySQL can compute. They lie side by side in the one row that the query gives:
    /// as rows of a UNION, the values of a column would all get one type.
    pub side_by_side: bool,
}

/// The columns that the rows have values of.
pub(crate) fn columns(insert: &ast::Insert, table: &Table) -> Result<Vec<ColName>> {
    if !insert.columns.is_empty() {
        return Ok(insert.columns.clone());
    }
    let unknown = || Error::unsupported("a column list is needed (the VSchema does not list all columns)");
    visible_columns(table).ok_or_else(unknown)
}

/// Several where one query cannot give all values. `None` where reading them would help nothing: all are known, or
/// one of them has a meaning only within the INSERT.
pub(crate) fn sources(
    insert: &ast::Insert,
    table: &Table,
    columns: &[ColName],
    ctx: &PlanContext<'_>,
) -> Result<Option<Vec<Source>>> {
    let rows = match &insert.source {
        InsertSource::Query(query) => {
            let mut query = (**query).clone();
            floats::as_doubles(&mut query, ctx);
            return Ok(Some(vec![Source { query, side_by_side: false }]));
        }
        InsertSource::Set(_) => return Ok(None),
        InsertSource::Values(rows) => rows,
    };
    let is_known = |cell: &Expr| matches!(cell, Expr::Default(None)) || value_of(cell).is_some();
    if columns.is_empty() || rows.iter().flatten().all(is_known) {
        return Ok(None);
    }
    let mut out = Vec::new();
    for rows in rows.chunks((MOST_CELLS / columns.len()).max(1)) {
        let mut cells = Vec::with_capacity(rows.len() * columns.len());
        for row in rows {
            insert::check_count(row, columns)?;
            let Ok(row) = by_itself(row, columns, insert, table) else { return Ok(None) };
            for (cell, column) in row.iter().zip(columns) {
                let Some(cell) = read_alone(cell, column, insert, table)? else { return Ok(None) };
                cells.push(SelectItem::Expr(AliasedExpr { expr: cell, alias: None, span: Span::default() }));
            }
        }
        let select = Select { items: cells, ..Select::default() };
        let query = Query::new(QueryBody::Select(Box::new(select)));
        out.push(Source { query, side_by_side: true });
    }
    Ok(Some(out))
}

/// The row without names of columns that got a value before.
fn by_itself<'r>(
    row: &'r [Expr],
    columns: &[ColName],
    insert: &ast::Insert,
    table: &Table,
) -> Result<Cow<'r, [Expr]>> {
    let mut inner = Inner(false);
    row.iter().for_each(|cell| {
        sqlast::Walk::walk(cell, &mut inner);
    });
    if !inner.0 {
        return Ok(Cow::Borrowed(row));
    }
    // A column that has no value yet is what it is by default.
    let default = |column: &vschema::Column| {
        let value = insert::default_of(table, &column.name, false).ok()??;
        Some(Assignment { column: ColName::unqualified(column.name.as_str()), value })
    };
    let given = columns.iter().zip(row);
    let given = given.map(|(column, value)| Assignment { column: column.clone(), value: value.clone() });
    let set: Vec<_> = table.columns.iter().filter_map(default).chain(given).collect();
    let set = set_order::at_once(&set, table, &table.name, insert.ignore)?;
    // The given ones come last.
    let first = set.len() - columns.len().min(set.len());
    Ok(Cow::Owned(set.into_iter().skip(first).map(|assignment| assignment.value).collect()))
}

/// A value as it can be read outside of its INSERT.
fn read_alone(cell: &Expr, column: &ColName, insert: &ast::Insert, table: &Table) -> Result<Option<Expr>> {
    if matches!(cell, Expr::Default(None)) && table.sharded {
        let name = column.name.to_string_lossy();
        return match &table.auto_increment {
            Some(auto) if auto.column.eq_ignore_ascii_case(&name) => Ok(Some(Expr::Literal(Literal::Null))),
            _ => insert::default_of(table, &name, insert.ignore),
        };
    }
    let mut inner = Inner(false);
    sqlast::Walk::walk(cell, &mut inner);
    Ok((!inner.0).then(|| cell.clone()))
}

/// Finds DEFAULT, and columns that were given a value before: only the INSERT knows them.
struct Inner(bool);

impl sqlast::Visitor for Inner {
    fn enter_expr(&mut self, expr: &Expr) -> sqlast::Visit {
        self.0 |= matches!(expr, Expr::Default(_) | Expr::Column(_));
        sqlast::Visit::Into
    }

    fn enter_query(&mut self, _query: &Query) -> sqlast::Visit {
        sqlast::Visit::Over
    }
}
