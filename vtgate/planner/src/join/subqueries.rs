//! Subqueries in WHERE over rows that no shard has all of.
//!
//! - A condition whose subquery the part's shards can answer stays where it is.
//! - `EXISTS (... b.x = a.y ...)` and `a.y IN (SELECT b.x ...)` only say which rows count: semi- and anti-joins.
//! - A subquery that needs no row of the query around it is done first, and its value put in its place. Only
//!   where a literal compares as the value itself would: whole numbers and decimals, or a column of the very type.

use std::collections::BTreeSet;

use sqlast::{
    Rewriter, Visit, Visitor, Walk,
    ast::{ColName, Expr, Ident, In, InList, Param, Query, QueryBody, Select, SelectItem, Unary, UnaryOp},
};
use sqltypes::Type;
use vschema::Column;
use vterrors::Result;

use super::{
    Joiner, Step,
    conditions::{Link, comparable_columns, sides},
    parts::Part,
    refuse,
    tree::{Leaves, Tree},
};
use crate::{
    JoinKind, PlanContext, SubqueryKind,
    gather::{filters::same_values, is_stable},
    semantics::{draws_together, has_subquery, is_aggregate},
};

/// A query nested deeper is not looked into.
const MAX_DEPTH: usize = 16;

/// The columns of a query, at any depth, that are none of its own tables'.
fn free_columns(query: &Query, ctx: &PlanContext<'_>, depth: usize) -> Result<Vec<ColName>> {
    if query.with.is_some() || depth > MAX_DEPTH {
        return refuse("WITH in a subquery");
    }
    let order = query.order_by.iter().map(|o| &o.expr);
    match &query.body {
        QueryBody::Select(select) => free_of_select(select, order, ctx, depth),
        QueryBody::Nested(nested) => free_columns(nested, ctx, depth + 1),
        QueryBody::SetOperation(operation) => {
            let rest = operation.rest.iter().map(|operand| &operand.right);
            let mut out = Vec::new();
            for body in std::iter::once(&operation.first).chain(rest) {
                out.extend(free_columns(&Query::new(body.clone()), ctx, depth + 1)?);
            }
            Ok(out)
        }
        QueryBody::Values(_) | QueryBody::Table(_) => refuse("VALUES or TABLE in a subquery"),
    }
}

fn free_of_select<'q>(
    select: &'q Select,
    order: impl Iterator<Item = &'q Expr>,
    ctx: &PlanContext<'_>,
    depth: usize,
) -> Result<Vec<ColName>> {
    struct Columns<'a> {
        ctx: &'a PlanContext<'a>,
        depth: usize,
        found: Result<Vec<ColName>>,
    }
    impl Visitor for Columns<'_> {
        fn enter_expr(&mut self, expr: &Expr) -> Visit {
            if let (Expr::Column(name), Ok(found)) = (expr, &mut self.found) {
                found.push(name.clone());
            }
            Visit::Into
        }
        fn enter_query(&mut self, query: &Query) -> Visit {
            match (free_columns(query, self.ctx, self.depth + 1), &mut self.found) {
                (Ok(more), Ok(found)) => found.extend(more),
                (Err(e), found) => *found = Err(e),
                _ => {}
            }
            Visit::Over
        }
    }
    let tree = Tree::of(ctx, select)?;
    let mut columns = Columns { ctx, depth, found: Ok(Vec::new()) };
    select.walk(&mut columns);
    for expr in order {
        expr.walk(&mut columns);
    }
    let aliased = |name: &ColName| {
        name.qualifier.is_none()
            && select.items.iter().any(|item| match item {
                SelectItem::Expr(item) => item.alias.as_ref().is_some_and(|a| a.eq_ignore_case(&name.name)),
                _ => false,
            })
    };
    let free = |name: &ColName| tree.owner(name).is_none() && !aliased(name);
    Ok(columns.found?.into_iter().filter(free).collect())
}

/// The leaves of the query around it that a condition with subqueries is about.
fn leaves_around(condition: &Expr, tree: &Tree, ctx: &PlanContext<'_>) -> Result<Leaves> {
    struct Around<'a> {
        ctx: &'a PlanContext<'a>,
        names: Result<Vec<ColName>>,
    }
    impl Visitor for Around<'_> {
        fn enter_expr(&mut self, expr: &Expr) -> Visit {
            if let (Expr::Column(name), Ok(names)) = (expr, &mut self.names) {
                names.push(name.clone());
            }
            Visit::Into
        }
        fn enter_query(&mut self, query: &Query) -> Visit {
            match (free_columns(query, self.ctx, 0), &mut self.names) {
                (Ok(more), Ok(names)) => names.extend(more),
                (Err(e), names) => *names = Err(e),
                _ => {}
            }
            Visit::Over
        }
    }
    let mut around = Around { ctx, names: Ok(Vec::new()) };
    condition.walk(&mut around);
    let owner = |name: &ColName| tree.owner(name);
    match around.names?.iter().map(owner).collect::<Option<BTreeSet<usize>>>() {
        Some(leaves) => Ok(leaves),
        None => refuse("a name whose table is open"),
    }
}

impl Joiner<'_> {
    /// Gives each condition with a subquery to a part, or makes it a step of its own.
    pub(super) fn place_subqueries(
        &self,
        parts: &mut [Part],
        conditions: Vec<Expr>,
    ) -> Result<Vec<(Part, Step)>> {
        let mut out = Vec::new();
        for condition in conditions {
            let leaves = leaves_around(&condition, self.tree, self.ctx)?;
            if let Some(part) = parts.iter_mut().find(|part| leaves.is_subset(&part.leaves)) {
                let with = part.with_condition(&condition);
                if self.is_plannable(&with) {
                    *part = with;
                    continue;
                }
            }
            let reads_few = parts.iter().any(|part| {
                !leaves.is_disjoint(&part.leaves)
                    && part.rank(self.tree, self.ctx, &self.frame).is_ok_and(|rank| rank <= 1)
            });
            out.push(self.semi_join(&condition, reads_few)?);
        }
        Ok(out)
    }

    /// A condition that only says which rows count. With an uncorrelated IN all rows around it would be read, so
    /// that is for few rows only.
    fn semi_join(&self, condition: &Expr, reads_few: bool) -> Result<(Part, Step)> {
        let (kind, query, outer_side) = match condition {
            Expr::Exists(query) => (JoinKind::Semi, &**query, None),
            Expr::Unary(unary) if unary.op == UnaryOp::Not => match &unary.expr {
                Expr::Exists(query) => (JoinKind::Anti, &**query, None),
                _ => return refuse("such a condition with a subquery"),
            },
            Expr::In(in_) if !in_.not => match &in_.list {
                InList::Subquery(query) => (JoinKind::Semi, &**query, Some(&in_.expr)),
                _ => return refuse("such a condition with a subquery"),
            },
            _ => return refuse("such a condition with a subquery"),
        };
        let QueryBody::Select(select) = &query.body else { return refuse("a UNION in a subquery") };
        let grouped = select.group_by.is_some() || select.having.is_some();
        if query.with.is_some() || query.limit.is_some() || grouped || gives_one_row(select) {
            return refuse("a subquery with groups or a LIMIT");
        }
        let inner = Tree::of(self.ctx, select)?;
        if !inner.outer.is_empty() {
            return refuse("an outer join in a subquery");
        }
        let mut part = Part::new(Leaves::new(), inner.core.iter().map(|(_, table)| table.clone()).collect());
        part.distinct = true;
        let mut links = Vec::new();
        if let Some(outer_side) = outer_side {
            let [SelectItem::Expr(item)] = &select.items[..] else { return refuse("a row in IN") };
            links.push(self.correlation(outer_side, &item.expr, &inner)?);
        }
        let own_links = links.len();
        for condition in &inner.conditions {
            if !has_subquery(condition) && is_stable(condition) && inner.leaves_of(condition).is_ok() {
                part.add_condition(condition.clone());
                continue;
            }
            let Some((a, b)) = sides(condition) else { return refuse("such a correlation") };
            let link = self.correlation(a, b, &inner).or_else(|_| self.correlation(b, a, &inner))?;
            links.push(link);
        }
        if links.is_empty() || (outer_side.is_some() && links.len() == own_links && !reads_few) {
            return refuse("a subquery that is done first");
        }
        if !self.is_plannable(&part) {
            return refuse("a subquery over several shards");
        }
        Ok((part, Step { inner: Some(inner), ..Step::new(0, kind, links) }))
    }

    /// `outer = inner`, the sides of the query around and of the subquery.
    fn correlation(&self, outer: &Expr, inner: &Expr, tree: &Tree) -> Result<Link> {
        let is_inner = !has_subquery(inner) && tree.leaves_of(inner).is_ok_and(|l| !l.is_empty());
        // A name of the subquery's own tables comes before one of the tables around it.
        let is_outer = !has_subquery(outer)
            && self.tree.leaves_of(outer).is_ok_and(|l| !l.is_empty())
            && names_none_of(outer, tree);
        let fits = is_inner && is_outer && is_stable(inner) && is_stable(outer);
        if !fits || !comparable_columns(self.tree.known_column(outer), tree.known_column(inner)) {
            return refuse("such a correlation");
        }
        Ok(Link { left: outer.clone(), right: inner.clone() })
    }
}

fn names_none_of(expr: &Expr, tree: &Tree) -> bool {
    struct Finder<'a>(&'a Tree, bool);
    impl Visitor for Finder<'_> {
        fn enter_expr(&mut self, expr: &Expr) -> Visit {
            if let Expr::Column(name) = expr {
                self.1 |= self.0.could_mean(name);
            }
            Visit::Into
        }
    }
    let mut finder = Finder(tree, false);
    expr.walk(&mut finder);
    !finder.1
}

/// Aggregates without GROUP BY: one row, even of no rows.
fn gives_one_row(select: &Select) -> bool {
    select.items.iter().any(|item| matches!(item, SelectItem::Expr(item) if draws_together(&item.expr)))
}

/// A subquery to be done first.
pub(crate) struct First {
    pub kind: SubqueryKind,
    pub bind: String,
    pub query: Query,
}

/// Takes subqueries that need no row of `query` out of its WHERE. `None` where there is none.
pub(crate) fn values_first(query: &Query, ctx: &PlanContext<'_>) -> Option<(Query, Vec<First>)> {
    let QueryBody::Select(select) = &query.body else { return None };
    if query.with.is_some() || !select.where_.as_ref().is_some_and(has_subquery) {
        return None;
    }
    let tree = Tree::of(ctx, select).ok()?;
    let mut out = query.clone();
    let select = crate::rewrite::only_select(&mut out)?;
    let mut taker = Taker { ctx, tree: &tree, taken: Vec::new() };
    match select.where_.as_mut()? {
        Expr::And(parts) => parts.iter_mut().for_each(|part| taker.conjunct(part)),
        only => taker.conjunct(only),
    }
    let taken = taker.taken;
    (!taken.is_empty()).then_some((out, taken))
}

struct Taker<'a> {
    ctx: &'a PlanContext<'a>,
    tree: &'a Tree,
    taken: Vec<First>,
}

impl Taker<'_> {
    fn take(&mut self, kind: SubqueryKind, query: &Query) -> Ident {
        let bind = format!("__sq{}", self.taken.len());
        self.taken.push(First { kind, bind: bind.clone(), query: query.clone() });
        Ident::from(bind.as_str())
    }

    /// One of the conditions that must all hold: where an IN is not true, it does not matter whether it is false or
    /// NULL, and without anything around it it can route.
    fn conjunct(&mut self, condition: &mut Expr) {
        match condition {
            Expr::In(in_) if !in_.not => {
                self.list(in_);
                in_.expr.rewrite(self);
            }
            other => other.rewrite(self),
        }
    }

    /// Puts a list in the place of an IN's subquery; the bind variable that says whether it has any value.
    fn list(&mut self, in_: &mut In) -> Option<Ident> {
        let InList::Subquery(query) = &in_.list else { return None };
        let fits =
            self.is_free(query) && self.value_of(query).is_some_and(|value| self.compares(&value, &in_.expr));
        let query = fits.then(|| (**query).clone())?;
        let bind = self.take(SubqueryKind::List, &query);
        in_.list = InList::Param(bind.clone());
        let has = crate::has_values_bind(&bind.to_string_lossy());
        Some(Ident::from(has.as_str()))
    }

    fn is_free(&self, query: &Query) -> bool {
        free_columns(query, self.ctx, 0).is_ok_and(|free| free.is_empty())
    }

    /// The column that a subquery's one value is like; none where that is not known.
    fn value_of(&self, query: &Query) -> Option<Column> {
        let QueryBody::Select(select) = &query.body else { return None };
        let [SelectItem::Expr(item)] = &select.items[..] else { return None };
        let tree = Tree::of(self.ctx, select).ok()?;
        match &item.expr {
            column @ Expr::Column(_) => tree.known_column(column).cloned(),
            Expr::Func(call) if is_aggregate(call) && call.args.len() == 1 => {
                let arg = tree.known_column(&call.args[0]);
                if call.name.is(b"count") {
                    Some(number(Type::Int64))
                } else if call.name.is(b"min") || call.name.is(b"max") {
                    arg.cloned()
                } else if call.name.is(b"sum") && arg.and_then(|c| c.ty).is_some_and(is_exact) {
                    Some(number(Type::Decimal))
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    /// Whether a literal of a subquery's value compares with `other` as the value itself does.
    fn compares(&self, value: &Column, other: &Expr) -> bool {
        value.ty.is_some_and(is_exact)
            && self.tree.known_column(other).is_none_or(|c| c.ty.is_some_and(is_exact))
            || self.tree.known_column(other).is_some_and(|other| same_values(other, value))
    }
}

/// A column of numbers of which no more is known.
fn number(ty: Type) -> Column {
    Column {
        name: String::new(),
        ty: Some(ty),
        collation: None,
        invisible: false,
        definition: None,
        generated: false,
        default: vschema::ColumnDefault::Unknown,
    }
}

fn is_exact(ty: Type) -> bool {
    sqltypes::is_integral(ty) || ty == Type::Decimal
}

impl Rewriter for Taker<'_> {
    /// Subqueries in subqueries are theirs.
    fn enter_query(&mut self, _query: &mut Query) -> bool {
        false
    }

    fn enter_expr(&mut self, expr: &mut Expr) -> bool {
        let bind = |name: Ident| Expr::Param(Param::Named(name));
        match expr {
            Expr::Exists(query) if self.is_free(query) => {
                let name = self.take(SubqueryKind::Exists, query);
                *expr = bind(name);
                false
            }
            Expr::In(in_) => {
                // IN of no values is false, and NOT IN true, even for NULL: no list says that.
                let not = in_.not;
                if let Some(has) = self.list(in_) {
                    let has = bind(has);
                    let own = expr.clone();
                    *expr = match not {
                        false => Expr::And(vec![has, own]),
                        true => {
                            let none = Unary { op: UnaryOp::Not, expr: has };
                            Expr::Or(vec![Expr::Unary(Box::new(none)), own])
                        }
                    };
                    return false;
                }
                true
            }
            Expr::Comparison(c) if c.quantifier.is_none() => {
                let (left, right) = (c.left.clone(), c.right.clone());
                for (side, other) in [(&mut c.left, &right), (&mut c.right, &left)] {
                    if let Expr::Subquery(query) = side
                        && self.is_free(query)
                        && self.value_of(query).is_some_and(|value| self.compares(&value, other))
                    {
                        let query = (**query).clone();
                        *side = bind(self.take(SubqueryKind::Value, &query));
                    }
                }
                true
            }
            _ => true,
        }
    }
}
