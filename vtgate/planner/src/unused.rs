//! Parts of a query that change nothing, and that MySQL takes away before it looks at the rest (tried on 9.7):
//!
//! - tables of WITH that nobody reads: neither their tables nor their columns need exist;
//! - DISTINCT beside a GROUP BY whose keys are all in the select list: ORDER BY is then freer;
//! - a GROUP BY without aggregates and HAVING in a subquery of IN, EXISTS, ALL or ANY: groups tell no more than rows, and
//!   columns beside the keys are then no error;
//! - the columns of `EXISTS (SELECT * ...)`, also where it is one part of a set operation.

use sqlast::{
    Rewriter, Visitor, Walk,
    ast::{
        AliasedExpr, Expr, Ident, InList, Literal, Query, QueryBody, Select, SelectItem, Span, Statement,
        TableName, With,
    },
    visit::TableRole,
};

use crate::{
    select::same_expr,
    semantics::{has_aggregate, select_has_windows},
};

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
            match expr {
                Expr::Exists(query) => {
                    one_column(&mut query.body);
                    ungroup(query);
                }
                Expr::In(item) => {
                    if let InList::Subquery(query) = &mut item.list {
                        ungroup(query);
                    }
                }
                Expr::Comparison(comparison) if comparison.quantifier.is_some() => {
                    if let Expr::Subquery(query) = &mut comparison.right {
                        ungroup(query);
                    }
                }
                _ => {}
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

/// Takes a GROUP BY away that only makes fewer rows of the same.
fn ungroup(query: &mut Query) {
    let draws = query.limit.is_some() || query.order_by.iter().any(|item| has_aggregate(&item.expr));
    let QueryBody::Select(select) = &mut query.body else { return };
    let plain = select.group_by.as_ref().is_some_and(|g| !g.with_rollup && !g.cube);
    let aggregates = select.items.iter().any(|item| match item {
        SelectItem::Expr(item) => has_aggregate(&item.expr),
        _ => false,
    });
    if plain && !draws && !aggregates && select.having.is_none() && !select_has_windows(select, None) {
        select.group_by = None;
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
