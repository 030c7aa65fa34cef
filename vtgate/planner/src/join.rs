//! Joins that vtgate does itself, because no shard has all the rows: the tables are divided into parts that
//! can each be asked with one query, and the parts' rows are put together by equal columns.
//!
//! What must hold: every expression is evaluated by a mysqld, in the one part whose tables it is about. So a
//! condition, or a selected expression, over several parts (other than `a.x = b.y`) is not for this way, nor is
//! anything above the rows but aggregates that can be folded row by row. Such queries are refused here, and then
//! gathered ([`crate::gather`]).
//!
//! Stages: [`tree`] takes FROM and WHERE apart; [`Joiner::divide`] makes parts and the steps that put them
//! together; [`finish`] says what is selected, grouped and ordered, and prints the parts.

mod assemble;
mod conditions;
mod finish;
mod flatten;
mod parts;
mod pushdown;
mod subqueries;
mod tree;

use sqlast::ast::{ColName, Comments, Expr, Query, QueryBody, Select, TableExpr, TableName};
use vterrors::{Error, Result};

use self::{
    conditions::Link,
    parts::{Frame, Part},
    tree::{Leaves, Outer, Tree},
};
use crate::{
    Directives, JoinKind, PlanContext,
    gather::is_stable,
    select::Planned,
    semantics::{Analysis, SelectBlock, has_subquery},
};

pub(crate) use flatten::flatten;
pub(crate) use pushdown::push_conditions;
pub(crate) use subqueries::{First, values_first};

/// More parts than this are left to the gather.
const MAX_LEAVES: usize = 24;

/// Plans a query of several parts. Refuses what is not for this way.
pub(crate) fn plan(
    query: &Query,
    ctx: &PlanContext<'_>,
    analysis: &Analysis,
    block: &SelectBlock,
    directives: Directives,
) -> Result<Planned> {
    let QueryBody::Select(select) = &query.body else { return refuse("a set operation") };
    check(query, select, block)?;
    let tree = Tree::of(ctx, select)?;
    if tree.leaves.len() > MAX_LEAVES {
        return refuse("so many tables");
    }
    let frame = Frame { comments: directives_of(select), locks: query.locks.clone() };
    let mut joiner = Joiner { ctx, tree: &tree, frame, parts: Vec::new(), steps: Vec::new() };
    joiner.divide()?;
    finish::plan(joiner, query, select, analysis, block, directives)
}

fn refuse<T>(what: &str) -> Result<T> {
    Err(Error::unsupported(format!("{what} in a join that vtgate does")))
}

fn check(query: &Query, select: &Select, block: &SelectBlock) -> Result<()> {
    if query.with.is_some() {
        return refuse("WITH");
    }
    if query.locks.iter().any(|lock| !lock.of.is_empty()) {
        return refuse("FOR UPDATE OF");
    }
    if !block.windows.is_empty() || select.options.calc_found_rows {
        return refuse("a window or SQL_CALC_FOUND_ROWS");
    }
    Ok(())
}

fn directives_of(select: &Select) -> Comments {
    let is_directive = |c: &&sqlast::Text| c.as_bytes().starts_with(b"/*vt+");
    Comments(select.comments.0.iter().filter(is_directive).cloned().collect())
}

/// How a part's rows come to those before it.
#[derive(Debug)]
struct Step {
    /// By position in [`Joiner::parts`].
    part: usize,
    kind: JoinKind,
    links: Vec<Link>,
    /// Conditions on the rows before it without which nothing matches.
    only_if: Vec<Expr>,
    /// Its columns that have to be NULL afterwards.
    null_columns: Vec<Expr>,
    /// What is known about the columns on its side of the links, where its tables are not the tree's.
    inner: Option<Tree>,
}

impl Step {
    fn new(part: usize, kind: JoinKind, links: Vec<Link>) -> Self {
        Self { part, kind, links, only_if: Vec::new(), null_columns: Vec::new(), inner: None }
    }
}

struct Joiner<'a> {
    ctx: &'a PlanContext<'a>,
    tree: &'a Tree,
    frame: Frame,
    parts: Vec<Part>,
    /// The first one begins: its kind and links say nothing.
    steps: Vec<Step>,
}

impl Joiner<'_> {
    fn is_plannable(&self, part: &Part) -> bool {
        part.plan(self.ctx, &self.frame).is_ok()
    }

    /// A table as a part. A derived table that no query to shards can read gets a plan of its own.
    fn part_of(&self, leaves: Leaves, table: &TableExpr) -> Part {
        let part = Part::new(leaves, vec![table.clone()]);
        match (table, part.leaves.first()) {
            (TableExpr::Derived(derived), Some(leaf)) if !self.is_plannable(&part) => {
                Part::of_plan(*leaf, derived.query.clone(), &self.tree.leaves[*leaf])
            }
            _ => part,
        }
    }

    /// Whether the rows begin with those of a derived table that has a plan of its own.
    fn begins_with_plan(&self) -> bool {
        self.steps.first().is_some_and(|step| self.parts[step.part].has_own_plan())
    }

    /// A column of the first part, which is a derived table.
    fn first_column(&self) -> Result<Expr> {
        let leaf = self.steps.first().and_then(|step| self.parts[step.part].leaves.first());
        let Some(leaf) = leaf.map(|at| &self.tree.leaves[*at]) else { return refuse("no table") };
        let Some(name) = leaf.visible().into_iter().next() else { return refuse("a table without columns") };
        let table = TableName { qualifier: None, name: leaf.alias.clone() };
        Ok(Expr::Column(ColName { qualifier: Some(Box::new(table)), name }))
    }

    /// Divides the tables into parts and puts these in an order.
    fn divide(&mut self) -> Result<()> {
        let (with_subqueries, mut conditions): (Vec<Expr>, Vec<Expr>) =
            self.tree.conditions.iter().cloned().partition(has_subquery);
        if let Some(odd) = conditions.iter().find(|c| !is_stable(c)) {
            return refuse(&format!("the condition {}", printed(odd)));
        }
        let implied = conditions::implied(&conditions, self.tree);
        let needed = conditions.len();
        conditions.extend(implied);
        let core = self.tree.core.iter();
        let mut cores: Vec<Part> =
            core.map(|(leaf, table)| self.part_of(Leaves::from([*leaf]), table)).collect();
        let of: Vec<Leaves> = conditions.iter().map(|c| self.tree.leaves_of(c)).collect::<Result<_>>()?;
        self.push_down(&mut cores, &conditions, &of);
        while self.merge_two(&mut cores, &conditions, &of) {
            self.push_down(&mut cores, &conditions, &of);
        }
        let outer = self.absorb(&mut cores)?;
        self.push_down(&mut cores, &conditions, &of);
        let semi = self.place_subqueries(&mut cores, with_subqueries)?;
        let is_pushed = |leaves: &Leaves| cores.iter().any(|part| leaves.is_subset(&part.leaves));
        let rest = conditions.into_iter().zip(&of).enumerate().filter(|(_, (_, of))| !is_pushed(of));
        // What is implied need not be looked at.
        let left = rest.map(|(at, (condition, _))| Left { condition, must_hold: at < needed }).collect();
        self.order(cores, left, &outer)?;
        self.add_outer(outer)?;
        self.add_semi(semi)
    }

    /// Gives each condition to the part that has all of its tables.
    fn push_down(&self, parts: &mut [Part], conditions: &[Expr], of: &[Leaves]) {
        for (condition, leaves) in conditions.iter().zip(of) {
            let at = match leaves.is_empty() {
                true => (!parts.is_empty()).then_some(0),
                false => parts.iter().position(|part| leaves.is_subset(&part.leaves)),
            };
            if let Some(part) = at.and_then(|at| parts.get_mut(at)) {
                part.add_condition(condition.clone());
            }
        }
    }

    /// Makes one part of two that a condition ties and that one query can read.
    fn merge_two(&self, parts: &mut Vec<Part>, conditions: &[Expr], of: &[Leaves]) -> bool {
        for i in 0..parts.len() {
            for j in i + 1..parts.len() {
                if parts[i].has_own_plan() || parts[j].has_own_plan() {
                    continue;
                }
                let mut both = parts[i].joined(&parts[j]);
                let tied = of.iter().any(|leaves| {
                    leaves.is_subset(&both.leaves)
                        && !leaves.is_disjoint(&parts[i].leaves)
                        && !leaves.is_disjoint(&parts[j].leaves)
                });
                let mut one = vec![both];
                self.push_down(&mut one, conditions, of);
                both = one.remove(0);
                if tied && self.is_plannable(&both) {
                    parts[i] = both;
                    parts.remove(j);
                    return true;
                }
            }
        }
        false
    }

    /// Lets parts take the outer joins that they can do by themselves; returns the others.
    fn absorb(&self, parts: &mut [Part]) -> Result<Vec<Outer>> {
        let mut rest: Vec<Outer> = Vec::new();
        for outer in &self.tree.outer {
            let mut needs = Leaves::new();
            for condition in &outer.on {
                needs.extend(self.tree.leaves_of(condition)?);
            }
            let kept: Leaves = needs.difference(&outer.leaves).copied().collect();
            let part = parts.iter_mut().find(|part| !kept.is_empty() && kept.is_subset(&part.leaves));
            if let Some(part) = part.filter(|part| !part.has_own_plan()) {
                let both = part.outer_joined(outer);
                if self.is_plannable(&both) {
                    *part = both;
                    continue;
                }
            }
            rest.push(Outer {
                leaves: outer.leaves.clone(),
                table: outer.table.clone(),
                on: outer.on.clone(),
            });
        }
        Ok(rest)
    }

    /// Puts the core's parts in an order: few rows first, then those that are linked to what is there.
    fn order(&mut self, parts: Vec<Part>, left: Vec<Left>, outer: &[Outer]) -> Result<()> {
        let rank = |part: &Part| part.rank(self.tree, self.ctx, &self.frame);
        let ranks: Vec<u8> = parts.iter().map(rank).collect::<Result<_>>()?;
        self.parts = parts;
        let mut waiting: Vec<usize> = (0..self.parts.len()).collect();
        let mut leaves = Leaves::new();
        let mut used = vec![false; left.len()];
        while !waiting.is_empty() {
            let links_of = |part: usize| -> Vec<(usize, Link)> {
                let right = &self.parts[part].leaves;
                let link = |left: &Left| Link::of(&left.condition, self.tree, &leaves, right);
                left.iter().enumerate().filter_map(|(at, one)| Some((at, link(one)?))).collect()
            };
            let cost = |at: &usize| {
                let part = waiting[*at];
                (!leaves.is_empty() && links_of(part).is_empty(), ranks[part])
            };
            let next = (0..waiting.len()).min_by_key(cost).unwrap_or_default();
            let part = waiting.remove(next);
            let (places, links): (Vec<usize>, Vec<Link>) = links_of(part).into_iter().unzip();
            places.into_iter().for_each(|at| used[at] = true);
            leaves.extend(&self.parts[part].leaves);
            self.steps.push(Step::new(part, JoinKind::Inner, links));
        }
        // A condition that ties nothing is about several parts in a way that only MySQL can look at, unless it is
        // about an outer join that comes later.
        let later: Leaves = outer.iter().flat_map(|o| o.leaves.iter().copied()).collect();
        for (one, used) in left.iter().zip(used) {
            if one.must_hold && !used && self.tree.leaves_of(&one.condition)?.is_disjoint(&later) {
                return refuse(&format!("the condition {}", printed(&one.condition)));
            }
        }
        Ok(())
    }

    /// The outer joins that no part could do.
    fn add_outer(&mut self, outer: Vec<Outer>) -> Result<()> {
        let mut before: Leaves = self.parts.iter().flat_map(|p| p.leaves.iter().copied()).collect();
        for outer in outer {
            let mut part = self.part_of(outer.leaves.clone(), &outer.table);
            let mut step = Step::new(self.parts.len(), JoinKind::Left, Vec::new());
            for condition in outer.on {
                let leaves = self.tree.leaves_of(&condition)?;
                if !is_stable(&condition) {
                    return refuse("an ON that changes from row to row");
                } else if leaves.is_subset(&outer.leaves) {
                    part.add_condition(condition);
                } else if let Some(link) = Link::of(&condition, self.tree, &before, &outer.leaves) {
                    step.links.push(link);
                } else if leaves.is_subset(&before) && self.is_of_one_part(&leaves) {
                    step.only_if.push(condition);
                } else {
                    return refuse("such an ON");
                }
            }
            for condition in &self.tree.conditions {
                if !has_subquery(condition)
                    && let leaves = self.tree.leaves_of(condition)?
                    && !leaves.is_disjoint(&outer.leaves)
                {
                    step.null_columns.push(null_column(condition, &leaves, &outer.leaves)?);
                }
            }
            before.extend(&part.leaves);
            self.parts.push(part);
            self.steps.push(step);
        }
        Ok(())
    }

    /// Whether one part evaluates what is about these tables, and not one whose rows may be missing.
    fn is_of_one_part(&self, leaves: &Leaves) -> bool {
        self.steps
            .iter()
            .any(|step| step.kind == JoinKind::Inner && leaves.is_subset(&self.parts[step.part].leaves))
    }

    /// The subqueries that say which rows count.
    fn add_semi(&mut self, semi: Vec<(Part, Step)>) -> Result<()> {
        for (part, mut step) in semi {
            let at_hand = step
                .links
                .iter()
                .all(|link| self.tree.leaves_of(&link.left).is_ok_and(|leaves| self.is_of_one_part(&leaves)));
            if !at_hand {
                return refuse("a subquery about the missing side of an outer join");
            }
            step.part = self.parts.len();
            self.parts.push(part);
            self.steps.push(step);
        }
        match self.steps.len() {
            0 => refuse("no table"),
            1 if !self.begins_with_plan() => refuse("one part"),
            _ => Ok(()),
        }
    }
}

/// A condition that is about several parts.
struct Left {
    condition: Expr,
    /// It is one of the statement's, and does not follow from others.
    must_hold: bool,
}

fn printed(expr: &Expr) -> String {
    String::from_utf8_lossy(&sqlast::to_sql(expr)).into_owned()
}

/// The column of `column IS NULL` about the missing side of an outer join: the one condition on it that can be
/// looked at after the join.
fn null_column(condition: &Expr, leaves: &Leaves, missing: &Leaves) -> Result<Expr> {
    match condition {
        Expr::Is(is)
            if !is.not
                && is.test == sqlast::ast::IsTest::Null
                && matches!(is.expr, Expr::Column(_))
                && leaves.is_subset(missing) =>
        {
            Ok(is.expr.clone())
        }
        _ => refuse("such a condition on the missing side of an outer join"),
    }
}
