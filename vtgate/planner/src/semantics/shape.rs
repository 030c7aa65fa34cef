//! What a SELECT does with its rows: groups, windows, limits.

use sqlast::{
    Visit, Visitor, Walk,
    ast::{ColName, Expr, FuncCall, Ident, OverWindow, Query, QueryBody, Select, SelectItem, WindowSpec},
};

use super::ColumnKey;

/// How rows are drawn together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Aggregation {
    None,
    /// Aggregates without GROUP BY: one row.
    Scalar,
    /// GROUP BY: a key where a grouping expression is a plain column.
    Grouped {
        keys: Vec<Option<ColumnKey>>,
        rollup: bool,
    },
}

impl Aggregation {
    /// Whether a column of an output row is that column in every row it was made of.
    pub fn keeps(&self, key: &ColumnKey) -> bool {
        match self {
            Self::None => true,
            Self::Scalar => false,
            Self::Grouped { keys, rollup } => !rollup && keys.iter().flatten().any(|k| k == key),
        }
    }
}

/// MySQL's aggregate functions (MySQL reference manual, "Aggregate Function Descriptions").
pub(crate) fn is_aggregate(call: &FuncCall) -> bool {
    const NAMES: [&str; 21] = [
        "any_value",
        "avg",
        "bit_and",
        "bit_or",
        "bit_xor",
        "count",
        "group_concat",
        "json_arrayagg",
        "json_objectagg",
        "max",
        "min",
        "std",
        "stddev",
        "stddev_pop",
        "stddev_samp",
        "sum",
        "var_pop",
        "var_samp",
        "variance",
        "st_collect",
        "grouping",
    ];
    call.over.is_none() && call.qualifier.is_none() && NAMES.iter().any(|name| call.name.is(name.as_bytes()))
}

/// How a SELECT draws its rows together. An aggregate that stands in ORDER BY counts, too.
pub(crate) fn select_aggregation(
    select: &Select,
    query: Option<&Query>,
    resolve: &dyn Fn(&ColName) -> Option<ColumnKey>,
) -> Aggregation {
    if let Some(group_by) = &select.group_by {
        let keys = group_by.exprs.iter().map(|item| grouping_key(&item.expr, select, resolve)).collect();
        return Aggregation::Grouped { keys, rollup: group_by.with_rollup };
    }
    let items = select.items.iter().filter_map(|item| match item {
        SelectItem::Expr(item) => Some(&item.expr),
        _ => None,
    });
    let order = query.into_iter().flat_map(|q| &q.order_by).map(|o| &o.expr);
    let aggregated = items.chain(&select.having).chain(order).any(draws_together);
    if aggregated { Aggregation::Scalar } else { Aggregation::None }
}

/// The column of a grouping expression: itself, or the select item it names by position or alias.
fn grouping_key(
    expr: &Expr,
    select: &Select,
    resolve: &dyn Fn(&ColName) -> Option<ColumnKey>,
) -> Option<ColumnKey> {
    let item_at = |at: usize| match select.items.get(at)? {
        SelectItem::Expr(item) => Some(&item.expr),
        _ => None,
    };
    match expr {
        Expr::Literal(sqlast::ast::Literal::Integer(text)) => {
            let no_star = select.items.iter().all(|i| matches!(i, SelectItem::Expr(_)));
            let at: usize = text.to_string_lossy().parse().ok()?;
            match item_at(at.checked_sub(1)?)? {
                Expr::Column(name) if no_star => resolve(name),
                _ => None,
            }
        }
        // GROUP BY prefers a column of the tables to an alias, unless it is no column at all.
        Expr::Column(name) => {
            let aliased = (name.qualifier.is_none()).then(|| alias_target(select, &name.name)).flatten();
            match aliased {
                None => resolve(name),
                Some(Expr::Column(target)) if resolve(target) == resolve(name) => resolve(name),
                // Which of the two is meant depends on columns that may not be known.
                Some(_) => None,
            }
        }
        _ => None,
    }
}

fn alias_target<'a>(select: &'a Select, name: &Ident) -> Option<&'a Expr> {
    select.items.iter().find_map(|item| match item {
        SelectItem::Expr(item) if item.alias.as_ref().is_some_and(|a| a.eq_ignore_case(name)) => {
            Some(&item.expr)
        }
        _ => None,
    })
}

/// Whether an aggregate function stands in an expression, subqueries aside.
pub(crate) fn has_aggregate(expr: &Expr) -> bool {
    finds(expr, is_aggregate)
}

/// Whether an expression makes one row of all where there is no GROUP BY. ANY_VALUE does not: MySQL calls it no
/// aggregate function, and without groups it is the value of its row.
pub(crate) fn draws_together(expr: &Expr) -> bool {
    finds(expr, |call| is_aggregate(call) && !call.name.is(b"any_value"))
}

/// Whether a subquery stands in an expression.
pub(crate) fn has_subquery(expr: &Expr) -> bool {
    struct Finder(bool);
    impl Visitor for Finder {
        fn enter_query(&mut self, _query: &Query) -> Visit {
            self.0 = true;
            Visit::Stop
        }
    }
    let mut finder = Finder(false);
    expr.walk(&mut finder);
    finder.0
}

pub(crate) fn has_window(expr: &Expr) -> bool {
    finds(expr, |call| call.over.is_some())
}

fn finds(expr: &Expr, wanted: impl Fn(&FuncCall) -> bool) -> bool {
    struct Finder<F> {
        wanted: F,
        found: bool,
    }
    impl<F: Fn(&FuncCall) -> bool> Visitor for Finder<F> {
        fn enter_expr(&mut self, expr: &Expr) -> Visit {
            match expr {
                Expr::Func(call) if (self.wanted)(call) => {
                    self.found = true;
                    Visit::Stop
                }
                _ => Visit::Into,
            }
        }
        fn enter_query(&mut self, _query: &Query) -> Visit {
            Visit::Over
        }
    }
    let mut finder = Finder { wanted, found: false };
    expr.walk(&mut finder);
    finder.found
}

/// Of each window function of a SELECT, and of the ORDER BY around it, the columns of its PARTITION BY.
pub(crate) fn window_partitions(
    select: &Select,
    query: Option<&Query>,
    resolve: &dyn Fn(&ColName) -> Option<ColumnKey>,
) -> Vec<Vec<Option<ColumnKey>>> {
    struct Finder<'a> {
        select: &'a Select,
        resolve: &'a dyn Fn(&ColName) -> Option<ColumnKey>,
        out: Vec<Vec<Option<ColumnKey>>>,
    }
    impl Visitor for Finder<'_> {
        fn enter_expr(&mut self, expr: &Expr) -> Visit {
            if let Expr::Func(call) = expr
                && let Some(over) = &call.over
            {
                let parts = parted_by(self.select, &over.window);
                // (A number is no position here.)
                let key = |part: &Expr| match part {
                    Expr::Column(_) => grouping_key(part, self.select, self.resolve),
                    _ => None,
                };
                self.out.push(parts.iter().map(key).collect());
            }
            Visit::Into
        }
        fn enter_query(&mut self, _query: &Query) -> Visit {
            Visit::Over
        }
    }
    let mut finder = Finder { select, resolve, out: Vec::new() };
    let items = select.items.iter().filter_map(|item| match item {
        SelectItem::Expr(item) => Some(&item.expr),
        _ => None,
    });
    let order = query.into_iter().flat_map(|q| &q.order_by).map(|o| &o.expr);
    for expr in items.chain(&select.qualify).chain(order) {
        expr.walk(&mut finder);
    }
    finder.out
}

/// The PARTITION BY of a window, or that of the named one it builds on.
fn parted_by<'a>(select: &'a Select, window: &'a OverWindow) -> &'a [Expr] {
    let mut spec = match window {
        OverWindow::Spec(spec) => Some(spec),
        OverWindow::Named(name) => named_window(select, name),
    };
    // One builds on another that is named, and MySQL refuses circles.
    for _ in 0..=select.windows.len() {
        match spec {
            Some(WindowSpec { base: Some(base), partition_by, .. }) if partition_by.is_empty() => {
                spec = named_window(select, base);
            }
            _ => break,
        }
    }
    spec.map_or(&[], |spec| &spec.partition_by)
}

fn named_window<'a>(select: &'a Select, name: &Ident) -> Option<&'a WindowSpec> {
    select.windows.iter().find(|w| w.name.eq_ignore_case(name)).map(|w| &w.spec)
}

/// Whether window functions stand in a SELECT or the ORDER BY around it.
pub(crate) fn select_has_windows(select: &Select, query: Option<&Query>) -> bool {
    let items = select.items.iter().filter_map(|item| match item {
        SelectItem::Expr(item) => Some(&item.expr),
        _ => None,
    });
    let order = query.into_iter().flat_map(|q| &q.order_by).map(|o| &o.expr);
    !select.windows.is_empty() || select.qualify.is_some() || items.chain(order).any(has_window)
}

/// Whether a condition on the rows that a query gives may be moved before its LIMIT, windows and groups.
///
/// With groups, only conditions on grouping columns are ever moved: other columns have no key
/// ([`Aggregation::keeps`]). Aggregates without GROUP BY give a row even of no rows.
pub(crate) fn accepts_conditions(query: &Query) -> bool {
    if query.limit.is_some() {
        return false;
    }
    match &query.body {
        QueryBody::Select(select) => {
            !select_has_windows(select, Some(query))
                && select.group_by.as_ref().is_none_or(|g| !g.with_rollup)
                && select_aggregation(select, Some(query), &|_| None) != Aggregation::Scalar
        }
        QueryBody::Nested(nested) => query.with.is_none() && accepts_conditions(nested),
        QueryBody::Table(_) => true,
        QueryBody::SetOperation(_) | QueryBody::Values(_) => false,
    }
}
