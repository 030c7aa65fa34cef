//! Conditions on a derived table's columns, moved into it: then the shards look at them, and fewer rows come.
//!
//! What must hold: the derived table gives the rows that passed before. So a condition moves only where it is about
//! columns of the tables below, those of GROUP BY where there are groups, and never below a LIMIT, a window, ROLLUP
//! or aggregates without groups; and only into a derived table that is in every row of the FROM. (MySQL moves
//! conditions in the same cases.)

use sqlast::{
    Rewriter, Walk,
    ast::{ColName, DerivedTable, Expr, Ident, JoinKind, Query, QueryBody, Select, SelectItem, TableExpr},
};

use super::tree::Tree;
use crate::{
    PlanContext,
    gather::is_stable,
    rewrite::only_select,
    semantics::{conjuncts, has_aggregate, select_has_windows},
};

/// The query with all conditions moved that can be; `None` where none can.
pub(crate) fn push_conditions(query: &Query, ctx: &PlanContext<'_>) -> Option<Query> {
    if query.with.is_some() {
        return None;
    }
    let mut out = query.clone();
    let select = only_select(&mut out)?;
    let tree = Tree::of(ctx, select).ok()?;
    let mut open: Vec<Open> = Vec::new();
    select.from.iter().for_each(|table| find_open(table, ctx, &mut open));
    let mut kept = Vec::new();
    for condition in select.where_.iter().flat_map(conjuncts).cloned() {
        let into = open.iter_mut().find_map(|derived| Some((derived.moved(&condition, &tree)?, derived)));
        match into {
            Some((inner, derived)) => derived.conditions.push(inner),
            None => kept.push(condition),
        }
    }
    open.retain(|derived| !derived.conditions.is_empty());
    if open.is_empty() {
        return None;
    }
    select.where_ = all(kept);
    select.from.iter_mut().for_each(|table| add_to(table, &open));
    Some(out)
}

fn all(mut conditions: Vec<Expr>) -> Option<Expr> {
    if conditions.len() > 1 { Some(Expr::And(conditions)) } else { conditions.pop() }
}

/// A derived table that takes conditions.
struct Open {
    alias: Ident,
    /// Its columns that conditions may be about, as the tables below have them.
    columns: Vec<(Ident, ColName)>,
    conditions: Vec<Expr>,
}

impl Open {
    fn of(derived: &DerivedTable, ctx: &PlanContext<'_>) -> Option<Self> {
        let query = &derived.query;
        let QueryBody::Select(select) = &query.body else { return None };
        let plain =
            !derived.lateral && query.with.is_none() && query.limit.is_none() && query.locks.is_empty();
        let item_of = |item: &SelectItem| match item {
            SelectItem::Expr(item) => Some((item.alias.clone(), item.expr.clone())),
            _ => None,
        };
        let items: Vec<(Option<Ident>, Expr)> = select.items.iter().map(item_of).collect::<Option<_>>()?;
        let aggregated = items.iter().map(|(_, expr)| expr).chain(&select.having).any(has_aggregate);
        let grouped = select.group_by.as_ref();
        if !plain
            || select_has_windows(select, Some(query))
            || grouped.is_some_and(|g| g.with_rollup)
            || (grouped.is_none() && (aggregated || select.having.is_some()))
        {
            return None;
        }
        let tree = Tree::of(ctx, select).ok()?;
        let is_key = |column: &ColName| match grouped {
            None => true,
            Some(group_by) => group_by.exprs.iter().any(|item| is_column(&item.expr, column, select, &tree)),
        };
        let names = |at: usize, alias: &Option<Ident>, column: &ColName| {
            let given = derived.columns.get(at).or(alias.as_ref());
            given.unwrap_or(&column.name).clone()
        };
        let column = |(at, (alias, expr)): (usize, &(Option<Ident>, Expr))| match expr {
            Expr::Column(column) if tree.owner(column).is_some() && is_key(column) => {
                Some((names(at, alias, column), column.clone()))
            }
            _ => None,
        };
        let columns = items.iter().enumerate().filter_map(column).collect();
        Some(Self { alias: derived.alias.clone()?, columns, conditions: Vec::new() })
    }

    /// The condition as it stands inside; none if it is about anything else.
    fn moved(&self, condition: &Expr, tree: &Tree) -> Option<Expr> {
        if !is_stable(condition) || has_aggregate(condition) {
            return None;
        }
        let mut inner = condition.clone();
        let mut mover = Mover { open: self, tree, any: false, missed: false };
        inner.rewrite(&mut mover);
        (mover.any && !mover.missed).then_some(inner)
    }
}

/// Whether a grouping expression is this column.
fn is_column(expr: &Expr, column: &ColName, select: &Select, tree: &Tree) -> bool {
    let Expr::Column(name) = expr else { return false };
    let is_alias = |item: &SelectItem| match item {
        SelectItem::Expr(item) => item.alias.as_ref().is_some_and(|a| a.eq_ignore_case(&name.name)),
        _ => false,
    };
    // Whether an alias or a column is meant is left to MySQL.
    let aliased = name.qualifier.is_none() && select.items.iter().any(is_alias);
    !aliased
        && name.name.eq_ignore_case(&column.name)
        && tree.owner(name).is_some()
        && tree.owner(name) == tree.owner(column)
}

struct Mover<'a> {
    open: &'a Open,
    tree: &'a Tree,
    any: bool,
    missed: bool,
}

impl Rewriter for Mover<'_> {
    fn leave_expr(&mut self, expr: &mut Expr) {
        let Expr::Column(name) = expr else { return };
        let owner = self.tree.owner(name).map(|leaf| &self.tree.leaves[leaf].alias);
        let column = self.open.columns.iter().find(|(own, _)| own.eq_ignore_case(&name.name));
        match (owner, column) {
            (Some(alias), Some((_, inner))) if alias.eq_ignore_case(&self.open.alias) => {
                self.any = true;
                *expr = Expr::Column(inner.clone());
            }
            _ => self.missed = true,
        }
    }
}

/// The derived tables that are in every row.
fn find_open(table: &TableExpr, ctx: &PlanContext<'_>, out: &mut Vec<Open>) {
    match table {
        TableExpr::Derived(derived) => out.extend(Open::of(derived, ctx)),
        TableExpr::List(tables) => tables.iter().for_each(|t| find_open(t, ctx, out)),
        TableExpr::Join(join) => {
            if join.kind != JoinKind::Right {
                find_open(&join.left, ctx, out);
            }
            if join.kind != JoinKind::Left {
                find_open(&join.right, ctx, out);
            }
        }
        TableExpr::Table(_) | TableExpr::JsonTable(_) => {}
    }
}

fn add_to(table: &mut TableExpr, open: &[Open]) {
    match table {
        TableExpr::Derived(derived) => {
            let own = |one: &&Open| derived.alias.as_ref().is_some_and(|a| a.eq_ignore_case(&one.alias));
            if let (Some(one), QueryBody::Select(select)) = (open.iter().find(own), &mut derived.query.body) {
                let before = select.where_.take();
                let mut conditions: Vec<Expr> = before.iter().flat_map(conjuncts).cloned().collect();
                conditions.extend(one.conditions.iter().cloned());
                select.where_ = all(conditions);
            }
        }
        TableExpr::List(tables) => tables.iter_mut().for_each(|t| add_to(t, open)),
        TableExpr::Join(join) => {
            add_to(&mut join.left, open);
            add_to(&mut join.right, open);
        }
        TableExpr::Table(_) | TableExpr::JsonTable(_) => {}
    }
}
