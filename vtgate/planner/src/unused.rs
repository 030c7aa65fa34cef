//! Parts of a query that change nothing, and that MySQL takes away before it looks at the rest (tried on 9.7):
//!
//! - tables of WITH that nobody reads: neither their tables nor their columns need exist;
//! - DISTINCT beside a GROUP BY whose keys are all in the select list: ORDER BY is then freer;
//! - the columns of `EXISTS (SELECT * ...)`, also where it is one part of a set operation.

use sqlast::{
    Rewriter, Visitor, Walk,
    ast::{
        AliasedExpr, Expr, Ident, Literal, Query, QueryBody, Select, SelectItem, Span, Statement, TableName,
        With,
    },
    visit::TableRole,
};

use crate::select::same_expr;

/// Takes them away from all queries of a statement.
pub(crate) fn drop_unused(statement: &mut Statement) {
    struct Dropper;
    impl Rewriter for Dropper {
        fn enter_query(&mut self, query: &mut Query) -> bool {
            if let Some(mut with) = query.with.take() {
                while let Some(at) = unused(query, &with) {
                    with.tables.remove(at);
                }
                query.with = (!with.tables.is_empty()).then_some(with);
            }
            true
        }

        fn enter_select(&mut self, select: &mut Select) -> bool {
            select.distinct &= !is_distinct_by_groups(select);
            true
        }

        fn enter_expr(&mut self, expr: &mut Expr) -> bool {
            if let Expr::Exists(query) = expr {
                one_column(&mut query.body);
            }
            true
        }
    }
    if let Statement::Query(_) | Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) =
        statement
    {
        statement.rewrite(&mut Dropper);
    }
}

/// Whether no two of its rows can be the same, for each has a group of its own.
fn is_distinct_by_groups(select: &Select) -> bool {
    let Some(group_by) = select.group_by.as_ref().filter(|g| !g.with_rollup && !g.cube) else { return false };
    let shows = |wanted: &Expr| {
        select.items.iter().any(|item| match item {
            SelectItem::Expr(item) => same_expr(&item.expr, wanted),
            _ => false,
        })
    };
    // A position means an item of the list.
    let is_position = |expr: &Expr| matches!(expr, Expr::Literal(Literal::Integer(_)));
    !group_by.exprs.is_empty()
        && group_by.exprs.iter().all(|item| is_position(&item.expr) || shows(&item.expr))
}

/// Puts a constant in the place of `*`.
fn one_column(body: &mut QueryBody) {
    match body {
        QueryBody::Select(select) => {
            if let [item @ SelectItem::Wildcard(None)] = &mut select.items[..]
                && select.having.is_none()
            {
                let expr = Expr::Literal(Literal::Integer("1".into()));
                *item = SelectItem::Expr(AliasedExpr { expr, alias: None, span: Span::default() });
            }
        }
        QueryBody::SetOperation(operation) => {
            one_column(&mut operation.first);
            operation.rest.iter_mut().for_each(|operand| one_column(&mut operand.right));
        }
        QueryBody::Nested(query) => one_column(&mut query.body),
        QueryBody::Values(_) | QueryBody::Table(_) => {}
    }
}

/// A table of `with` that neither the query nor another of its tables reads.
fn unused(query: &Query, with: &With) -> Option<usize> {
    let tables = &with.tables;
    (0..tables.len()).find(|at| {
        let name = &tables[*at].name;
        let mut others = tables.iter().enumerate().filter(|(other, _)| other != at);
        !reads(query, name) && !others.any(|(_, table)| reads(&table.query, name))
    })
}

/// Whether a table of this name stands in the query, even if it means another of the same name.
fn reads(query: &Query, name: &Ident) -> bool {
    struct Reads<'a>(&'a Ident, bool);
    impl Visitor for Reads<'_> {
        fn table_name(&mut self, name: &TableName, role: TableRole) {
            self.1 |=
                role == TableRole::Table && name.qualifier.is_none() && name.name.eq_ignore_case(self.0);
        }
    }
    let mut reads = Reads(name, false);
    query.walk(&mut reads);
    reads.1
}
