//! INSERT and REPLACE of rows that a query gives, one after the other: what a row does depends on what is there, as
//! in [`crate::replace`] and [`crate::upsert`], or on more of the query's row than is inserted.

use sqlast::{
    Rewriter, Walk as _,
    ast::{self, AliasedExpr, ColName, Expr, InsertSource, Param, Query, QueryBody, SelectItem, Span},
};
use vschema::Table;
use vterrors::{Error, Result};

use crate::{
    EachRow, GivenRows, PlanContext, Primitive, floats, insert,
    insert_source::{self, Source},
    normalized::directives,
    row_bind,
    select::{self, Planned},
};

pub(crate) fn plan(
    insert: &ast::Insert,
    table: &Table,
    ctx: &PlanContext<'_>,
    source: &Source,
) -> Result<Planned> {
    let columns = insert_source::columns(insert, table)?;
    let mut query = source.query.clone();
    let mut one = insert.clone();
    let mut beside = Vec::new();
    if !source.side_by_side {
        let mut others = Others { table, first: columns.len(), found: Vec::new() };
        one.on_duplicate.iter_mut().for_each(|assignment| assignment.value.rewrite(&mut others));
        beside = others.found;
        give_beside(&mut query, &beside)?;
        floats::as_doubles(&mut query, ctx);
    }
    one.source = InsertSource::Values(vec![(0..columns.len()).map(param).collect()]);
    let width = columns.len() + beside.len();
    one.columns = columns;
    let write = insert::plan_values(one, table, ctx)?;
    let input = select::plan(&query, ctx)?;
    let mut rewritten = input.rewritten;
    rewritten.add(write.rewritten);
    let mut tables_used = input.tables_used;
    tables_used.extend(write.tables_used);
    tables_used.sort();
    tables_used.dedup();
    let rows = GivenRows { input: input.root, width, side_by_side: source.side_by_side };
    let root = EachRow { rows, write: write.root };
    let mut planned = Planned {
        root: Primitive::EachRow(Box::new(root)),
        tables_used,
        rewritten,
        warnings: input.warnings,
        directives: directives(&insert.comments),
    };
    planned.add_warnings(write.warnings);
    Ok(planned)
}

fn param(at: usize) -> Expr {
    Expr::Param(Param::Named(row_bind(at).into()))
}

/// Puts the query's own columns, which `ON DUPLICATE KEY UPDATE` may name, behind those that are inserted.
fn give_beside(query: &mut Query, columns: &[ColName]) -> Result<()> {
    if columns.is_empty() {
        return Ok(());
    }
    match &mut query.body {
        QueryBody::Select(select) if !select.distinct && select.group_by.is_none() => {
            let item = |column: &ColName| {
                let expr = Expr::Column(column.clone());
                SelectItem::Expr(AliasedExpr { expr, alias: None, span: Span::default() })
            };
            select.items.extend(columns.iter().map(item));
            Ok(())
        }
        // MySQL refuses it of these, too.
        _ => Err(Error::unsupported(format!(
            "ON DUPLICATE KEY UPDATE with {}, which no row of the query has alone",
            columns.iter().map(|c| c.name.to_string_lossy().into_owned()).collect::<Vec<_>>().join(", ")
        ))),
    }
}

/// Takes the columns of other tables than the written one out of what is set.
struct Others<'a> {
    table: &'a Table,
    /// The place of the first among the query's columns.
    first: usize,
    found: Vec<ColName>,
}

impl Rewriter for Others<'_> {
    fn enter_expr(&mut self, expr: &mut Expr) -> bool {
        let Expr::Column(column) = expr else { return true };
        if !insert::is_other(column, self.table) {
            return false;
        }
        let at = self.found.iter().position(|found| found == column).unwrap_or_else(|| {
            self.found.push(column.clone());
            self.found.len() - 1
        });
        *expr = param(self.first + at);
        false
    }

    fn enter_query(&mut self, _query: &mut Query) -> bool {
        false
    }
}
