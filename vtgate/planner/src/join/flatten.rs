//! Derived tables and WITH tables merged into the query around them, as MySQL itself does it where it can: then
//! their tables can be divided into parts with all others.
//!
//! What must hold: the flat query has the rows and the column names of the other. So only plain SELECTs are merged
//! (no groups, DISTINCT, LIMIT or windows), never the missing side of an outer join, and no literal takes the place
//! of a column, for GROUP BY and ORDER BY would read it as a position.

use std::collections::HashMap;

use sqlast::{
    Rewriter, Walk,
    ast::{
        ColName, DerivedTable, Expr, Ident, JoinKind, Literal, Query, QueryBody, Select, SelectItem,
        TableExpr, TableName, With,
    },
};

use super::tree::Tree;
use crate::{
    PlanContext,
    gather::{is_stable, is_stable_but_aggregates},
    semantics::{conjuncts, has_aggregate, has_subquery, select_has_windows},
};

/// WITH tables are copied to their uses so many times at most.
const MAX_COPIES: usize = 16;

/// The query with its WITH tables as derived tables, and those merged up to the first that cannot be; `None` where
/// there is nothing to merge, or something stands against it.
pub(crate) fn flatten(query: &Query, ctx: &PlanContext<'_>) -> Option<Query> {
    let mut flat = query.clone();
    let mut changed = inline(&mut flat)?;
    let mut order_by = std::mem::take(&mut flat.order_by);
    let select = crate::rewrite::only_select(&mut flat)?;
    loop {
        // One that cannot be merged may be half way there.
        let before = (select.clone(), order_by.clone());
        match merge_one(select, &mut order_by, ctx) {
            Some(true) => changed = true,
            Some(false) => break,
            None => {
                (*select, order_by) = before;
                break;
            }
        }
    }
    flat.order_by = order_by;
    changed.then_some(flat)
}

/// Puts WITH tables in the places of their names. `None`: cannot be done.
fn inline(query: &mut Query) -> Option<bool> {
    let Some(with) = query.with.take() else { return Some(false) };
    if with.recursive {
        return None;
    }
    let mut known: HashMap<String, Known> = HashMap::new();
    let With { tables, .. } = *with;
    for mut table in tables {
        if table.query.with.is_some() {
            return None;
        }
        put_in(&mut table.query, &mut known);
        let derived =
            DerivedTable { lateral: false, query: table.query, alias: None, columns: table.columns };
        known.insert(table.name.to_lower(), Known { derived, copies: 0 });
    }
    put_in(query, &mut known);
    let copies: usize = known.values().map(|one| one.copies).sum();
    let same = known.values().all(|one| one.copies < 2 || gives_the_same_again(&one.derived.query));
    (same && copies > 0 && copies <= MAX_COPIES).then_some(true)
}

/// A WITH table, and how often its name was met.
struct Known {
    derived: DerivedTable,
    copies: usize,
}

/// Whether a query may be asked several times in place of once: nothing in it is left to chance.
fn gives_the_same_again(query: &Query) -> bool {
    const OPEN: [&str; 4] = ["group_concat", "any_value", "json_arrayagg", "json_objectagg"];
    let QueryBody::Select(select) = &query.body else { return false };
    let same = |expr: &Expr| {
        let open = matches!(expr, Expr::Func(call) if OPEN.iter().any(|name| call.name.is(name.as_bytes())));
        is_stable_but_aggregates(expr) && !open
    };
    let items = select.items.iter().all(|item| match item {
        SelectItem::Expr(item) => same(&item.expr),
        _ => true,
    });
    items
        && query.limit.is_none()
        && !select_has_windows(select, Some(query))
        && select.where_.iter().chain(&select.having).all(same)
        && select.from.iter().all(|table| matches!(table, TableExpr::Table(_)))
}

fn put_in(query: &mut Query, known: &mut HashMap<String, Known>) {
    struct Inliner<'a>(&'a mut HashMap<String, Known>);
    impl Rewriter for Inliner<'_> {
        fn leave_table_expr(&mut self, table: &mut TableExpr) {
            if let TableExpr::Table(one) = table
                && one.name.qualifier.is_none()
                && let Some(known) = self.0.get_mut(&one.name.name.to_lower())
            {
                known.copies += 1;
                let alias = one.alias.clone().or_else(|| Some(one.name.name.clone()));
                *table = TableExpr::Derived(Box::new(DerivedTable { alias, ..known.derived.clone() }));
            }
        }
    }
    query.rewrite(&mut Inliner(known));
}

/// Merges one derived table of the FROM. `None`: the query cannot be made flat.
fn merge_one(
    select: &mut Select,
    order_by: &mut [sqlast::ast::OrderBy],
    ctx: &PlanContext<'_>,
) -> Option<bool> {
    let Some(derived) = select.from.iter().find_map(|table| first_derived(table).cloned()) else {
        return Some(false);
    };
    let tree = Tree::of(ctx, select).ok()?;
    let (alias, inner) = mergeable(&derived, ctx)?;
    let inner_tree = Tree::of(ctx, &inner).ok()?;
    let taken = |name: &Ident| tree.leaves.iter().any(|leaf| leaf.alias.eq_ignore_case(name));
    if inner_tree.leaves.iter().any(|leaf| taken(&leaf.alias) && !leaf.alias.eq_ignore_case(&alias)) {
        return None;
    }
    super::finish::expand_stars(select, &tree).ok()?;
    if has_any_subquery(select) {
        return None;
    }
    let mut columns = Vec::new();
    for (at, item) in inner.items.iter().enumerate() {
        let SelectItem::Expr(item) = item else { return None };
        let name = match (derived.columns.get(at), &item.alias, &item.expr) {
            (Some(name), _, _) | (None, Some(name), _) => name.clone(),
            (None, None, Expr::Column(column)) => column.name.clone(),
            (None, None, _) => return None,
        };
        columns.push((name, qualified(&item.expr, &inner_tree)?));
    }
    let condition = match &inner.where_ {
        Some(condition) => Some(qualified(condition, &inner_tree)?),
        None => None,
    };
    let mut substitution = Substitution { alias: &alias, tree: &tree, columns: &columns, missed: false };
    for item in &mut select.items {
        if let SelectItem::Expr(item) = item
            && item.alias.is_none()
            && let Expr::Column(name) = &item.expr
        {
            item.alias = Some(name.name.clone());
        }
    }
    select.rewrite(&mut substitution);
    for item in order_by {
        // An alias of the select list comes before a column.
        if !matches!(&item.expr, Expr::Column(name) if is_alias(select, name)) {
            item.expr.rewrite(&mut substitution);
        }
    }
    if substitution.missed {
        return None;
    }
    let mut inner_from = inner.from;
    inner_from.iter_mut().try_for_each(|table| qualify_joins(table, &inner_tree))?;
    let replacement = match inner_from.len() {
        1 => inner_from.pop()?,
        _ => TableExpr::List(inner_from),
    };
    let mut replacement = Some(replacement);
    select.from.iter_mut().for_each(|table| replace_derived(table, &alias, &mut replacement));
    if let Some(condition) = condition {
        let mut parts: Vec<Expr> = select.where_.iter().flat_map(conjuncts).cloned().collect();
        parts.extend(conjuncts(&condition).iter().cloned());
        select.where_ = if parts.len() == 1 { parts.pop() } else { Some(Expr::And(parts)) };
    }
    replacement.is_none().then_some(true)
}

fn is_alias(select: &Select, name: &ColName) -> bool {
    let called = |item: &SelectItem| match item {
        SelectItem::Expr(item) => item.alias.as_ref().is_some_and(|a| a.eq_ignore_case(&name.name)),
        _ => false,
    };
    name.qualifier.is_none() && select.items.iter().any(called)
}

/// The first derived table that is in every row.
fn first_derived(table: &TableExpr) -> Option<&DerivedTable> {
    match table {
        TableExpr::Derived(derived) => Some(derived),
        TableExpr::List(tables) => tables.iter().find_map(first_derived),
        TableExpr::Join(join) => match join.kind {
            JoinKind::Inner | JoinKind::Straight => {
                first_derived(&join.left).or_else(|| first_derived(&join.right))
            }
            JoinKind::Left => first_derived(&join.left),
            JoinKind::Right => first_derived(&join.right),
        },
        TableExpr::Table(_) | TableExpr::JsonTable(_) => None,
    }
}

fn replace_derived(table: &mut TableExpr, alias: &Ident, by: &mut Option<TableExpr>) {
    match table {
        TableExpr::Derived(derived) if derived.alias.as_ref().is_some_and(|a| a.eq_ignore_case(alias)) => {
            if let Some(by) = by.take() {
                *table = by;
            }
        }
        TableExpr::List(tables) => tables.iter_mut().for_each(|t| replace_derived(t, alias, by)),
        TableExpr::Join(join) => {
            replace_derived(&mut join.left, alias, by);
            replace_derived(&mut join.right, alias, by);
        }
        _ => {}
    }
}

/// A derived table's SELECT, where its rows are those of its tables.
fn mergeable(derived: &DerivedTable, ctx: &PlanContext<'_>) -> Option<(Ident, Select)> {
    let query = &derived.query;
    let alias = derived.alias.clone()?;
    let plain = !derived.lateral && query.with.is_none() && query.limit.is_none() && query.locks.is_empty();
    let QueryBody::Select(select) = &query.body else { return None };
    let mut select = (**select).clone();
    let simple = !select.distinct
        && select.group_by.is_none()
        && select.having.is_none()
        && !select.from.is_empty()
        && !select_has_windows(&select, Some(query));
    if !plain || !simple {
        return None;
    }
    let tree = Tree::of(ctx, &select).ok()?;
    super::finish::expand_stars(&mut select, &tree).ok()?;
    let fits = |item: &SelectItem| match item {
        SelectItem::Expr(item) => {
            is_stable(&item.expr)
                && !has_aggregate(&item.expr)
                && !matches!(item.expr, Expr::Literal(Literal::Integer(_)) | Expr::Param(_))
        }
        _ => false,
    };
    let fits = select.items.iter().all(fits) && !select.where_.as_ref().is_some_and(has_subquery);
    fits.then_some((alias, select))
}

fn has_any_subquery(select: &Select) -> bool {
    let items = select.items.iter().filter_map(|item| match item {
        SelectItem::Expr(item) => Some(&item.expr),
        _ => None,
    });
    items.chain(&select.where_).chain(&select.having).any(has_subquery)
}

/// An expression whose columns all say of which table they are.
fn qualified(expr: &Expr, tree: &Tree) -> Option<Expr> {
    let mut out = expr.clone();
    let mut qualifier = Qualifier { tree, missed: false };
    out.rewrite(&mut qualifier);
    (!qualifier.missed).then_some(out)
}

fn qualify_joins(table: &mut TableExpr, tree: &Tree) -> Option<()> {
    let mut qualifier = Qualifier { tree, missed: false };
    table.rewrite(&mut qualifier);
    (!qualifier.missed).then_some(())
}

struct Qualifier<'a> {
    tree: &'a Tree,
    missed: bool,
}

impl Rewriter for Qualifier<'_> {
    fn enter_query(&mut self, _query: &mut Query) -> bool {
        false
    }

    fn leave_expr(&mut self, expr: &mut Expr) {
        let Expr::Column(name) = expr else { return };
        match self.tree.owner(name) {
            Some(leaf) => {
                let table = TableName { qualifier: None, name: self.tree.leaves[leaf].alias.clone() };
                *expr = Expr::Column(ColName { qualifier: Some(Box::new(table)), name: name.name.clone() });
            }
            None => self.missed = true,
        }
    }
}

/// Puts a derived table's expressions in the places of its columns.
struct Substitution<'a> {
    alias: &'a Ident,
    tree: &'a Tree,
    columns: &'a [(Ident, Expr)],
    missed: bool,
}

impl Rewriter for Substitution<'_> {
    fn enter_query(&mut self, _query: &mut Query) -> bool {
        false
    }

    fn leave_expr(&mut self, expr: &mut Expr) {
        let Expr::Column(name) = expr else { return };
        // A name of no table is an alias of the select list.
        let Some(leaf) = self.tree.owner(name) else {
            self.missed |= name.qualifier.is_some() || self.tree.could_mean(name);
            return;
        };
        if !self.tree.leaves[leaf].alias.eq_ignore_case(self.alias) {
            // Its table is said, for the merged tables may have a column of this name, too.
            let table = TableName { qualifier: None, name: self.tree.leaves[leaf].alias.clone() };
            *expr = Expr::Column(ColName { qualifier: Some(Box::new(table)), name: name.name.clone() });
            return;
        }
        match self.columns.iter().find(|(own, _)| own.eq_ignore_case(&name.name)) {
            Some((_, inner)) => *expr = inner.clone(),
            None => self.missed = true,
        }
    }
}
