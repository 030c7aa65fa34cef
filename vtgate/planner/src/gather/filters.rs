//! Which conditions of a block hold for every row of a reference that can count.
//!
//! - The conditions of WHERE and of inner joins hold for whatever is below them.
//! - The ON of an outer join holds for the side that may be missing, never for the side that is kept.
//! - A condition from above an outer join holds for the side that may be missing only if it is never true
//!   of a row of NULLs: then a row that breaks it would be cut off anyway, as itself or as missing.

use std::collections::{BTreeSet, HashMap};

use sqlast::{
    Visit, Visitor, Walk,
    ast::{
        ColName, Comparison, ComparisonOp, Expr, Ident, InList, IsTest, JoinCondition, JoinKind, Select,
        TableExpr,
    },
};
use sqltypes::Type;
use vschema::{Column, Table};

use super::{Gatherer, Stars, is_stable, is_system};
use crate::{
    schema_names::is_schema_column,
    select::outcome,
    semantics::{conjuncts, value_of},
};

/// What is known about a reference.
#[derive(Debug, Clone, Default)]
pub(super) struct Filters {
    /// Conditions on its own columns, with the names as they were written.
    pub conditions: Vec<Expr>,
    /// Its columns that equal one of another reference of the block.
    pub links: Vec<Link>,
    /// `*` or `t.*` takes all of its columns.
    pub all_columns: bool,
}

/// `own = other.column` holds for every row that can count, and compares as the values themselves do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// Lower case, as are the others.
    pub own: String,
    pub other: String,
    pub column: String,
}

/// The references of a block's FROM by alias, in lower case.
pub(super) fn of_block(gatherer: &Gatherer<'_>, select: &Select) -> HashMap<String, Filters> {
    let mut references = Vec::new();
    let mut opaque = false;
    for table in &select.from {
        collect(gatherer, table, &mut references, &mut opaque);
    }
    let nested = !gatherer.blocks.is_empty();
    let mut block =
        Block { references, opaque, nested, assigned: gatherer.assigned.clone(), found: HashMap::new() };
    let mut conditions: Vec<Expr> = select.where_.iter().flat_map(conjuncts).cloned().collect();
    // A variable that a condition sets may count the rows that others take away.
    if conditions.iter().any(outcome::assigns) {
        conditions.clear();
    }
    for table in &select.from {
        block.go_down(table, conditions.clone());
    }
    let stars = Stars::of(select);
    for reference in &block.references {
        let alias = reference.alias.to_lower();
        block.found.entry(alias.clone()).or_default().all_columns = stars.covers(&alias);
    }
    block.found
}

/// A table in a FROM.
struct Reference {
    alias: Ident,
    /// None: one of MySQL's own schemas, whose columns are not known here.
    table: Option<std::sync::Arc<Table>>,
}

impl Reference {
    fn column(&self, name: &ColName) -> Option<&Column> {
        self.table.as_ref()?.column(&name.name.to_string_lossy())
    }
}

fn collect(gatherer: &Gatherer<'_>, table: &TableExpr, out: &mut Vec<Reference>, opaque: &mut bool) {
    match table {
        TableExpr::Table(table) if gatherer.is_base(&table.name) => match gatherer.ctx.table(&table.name) {
            Ok(found) => {
                let alias = table.alias.clone().unwrap_or_else(|| table.name.name.clone());
                *opaque |= !found.column_list_authoritative;
                out.push(Reference { alias, table: Some(found) });
            }
            Err(_) => *opaque = true,
        },
        TableExpr::Table(table) if is_system(&table.name) => {
            let alias = table.alias.clone().unwrap_or_else(|| table.name.name.clone());
            out.push(Reference { alias, table: None });
        }
        TableExpr::Table(table) => *opaque |= !table.name.is_dual(),
        TableExpr::Derived(_) | TableExpr::JsonTable(_) => *opaque = true,
        TableExpr::Join(join) => {
            collect(gatherer, &join.left, out, opaque);
            collect(gatherer, &join.right, out, opaque);
        }
        TableExpr::List(tables) => tables.iter().for_each(|t| collect(gatherer, t, out, opaque)),
    }
}

struct Block {
    references: Vec<Reference>,
    /// Something in the FROM has columns that are not known.
    opaque: bool,
    /// There are blocks around it.
    nested: bool,
    /// The variables that the statement assigns.
    assigned: BTreeSet<String>,
    found: HashMap<String, Filters>,
}

enum Found<T> {
    None,
    One(T),
    Several,
}

fn only<T>(mut all: impl Iterator<Item = T>) -> Found<T> {
    match (all.next(), all.next()) {
        (None, _) => Found::None,
        (Some(one), None) => Found::One(one),
        (Some(_), Some(_)) => Found::Several,
    }
}

impl Block {
    fn go_down(&mut self, table: &TableExpr, conditions: Vec<Expr>) {
        match table {
            TableExpr::Table(table) => {
                let alias = table.alias.as_ref().unwrap_or(&table.name.name);
                self.keep(alias, conditions);
            }
            TableExpr::Derived(_) | TableExpr::JsonTable(_) => {}
            TableExpr::List(tables) => tables.iter().for_each(|t| self.go_down(t, conditions.clone())),
            TableExpr::Join(join) => {
                let on: Vec<Expr> = match &join.condition {
                    Some(JoinCondition::On(on)) => conjuncts(on).to_vec(),
                    _ => Vec::new(),
                };
                let missing = |conditions: &[Expr]| -> Vec<Expr> {
                    let strict = conditions.iter().filter(|c| rejects_nulls(c));
                    strict.chain(&on).cloned().collect()
                };
                let (left, right) = match join.kind {
                    JoinKind::Inner | JoinKind::Straight => {
                        let mut all = conditions;
                        all.extend(on);
                        let derived = self.derived(&all);
                        all.extend(derived);
                        (all.clone(), all)
                    }
                    JoinKind::Left => {
                        let right = missing(&conditions);
                        (conditions, right)
                    }
                    JoinKind::Right => (missing(&conditions), conditions),
                };
                self.go_down(&join.left, left);
                self.go_down(&join.right, right);
            }
        }
    }

    fn keep(&mut self, alias: &Ident, conditions: Vec<Expr>) {
        let all = {
            let mut all = conditions;
            let derived = self.derived(&all);
            all.extend(derived);
            all
        };
        let links = all.iter().filter_map(|c| self.link(alias, c)).collect();
        let own = all
            .into_iter()
            .filter(|c| is_stable(c) && self.is_about(alias, c) && !outcome::reads(c, &self.assigned));
        let mut kept: Vec<Expr> = Vec::new();
        for condition in own {
            if !kept.contains(&condition) {
                kept.push(condition);
            }
        }
        let found = self.found.entry(alias.to_lower()).or_default();
        (found.conditions, found.links) = (kept, links);
    }

    /// What a condition says about a reference's column and another reference's.
    fn link(&self, alias: &Ident, condition: &Expr) -> Option<Link> {
        let Expr::Comparison(c) = condition else { return None };
        let (Expr::Column(a), Expr::Column(b)) = (&c.left, &c.right) else { return None };
        if c.op != ComparisonOp::Equal || c.quantifier.is_some() {
            return None;
        }
        let (left, right) = (self.reference_of(a)?, self.reference_of(b)?);
        let ((own, own_name), (other, other_name)) = match left.alias.eq_ignore_case(alias) {
            true => ((left, a), (right, b)),
            false => ((right, b), (left, a)),
        };
        let is_own = own.alias.eq_ignore_case(alias) && !other.alias.eq_ignore_case(alias);
        let comparable = same_values(own.column(own_name)?, other.column(other_name)?);
        (is_own && comparable).then(|| Link {
            own: own_name.name.to_lower(),
            other: other.alias.to_lower(),
            column: other_name.name.to_lower(),
        })
    }

    /// Whether a condition is about one reference alone.
    fn is_about(&self, alias: &Ident, condition: &Expr) -> bool {
        let mut columns = Columns::default();
        condition.walk(&mut columns);
        !columns.0.is_empty()
            && columns.0.iter().all(|c| self.reference_of(c).is_some_and(|r| r.alias.eq_ignore_case(alias)))
    }

    /// The reference that a name surely means.
    fn reference_of(&self, name: &ColName) -> Option<&Reference> {
        let has = |r: &&Reference| r.column(name).is_some();
        match name.qualifier.as_deref() {
            Some(table) if table.qualifier.is_none() || is_system(table) => {
                let mut named = self.references.iter().filter(|r| r.alias.eq_ignore_case(&table.name));
                named.find(|r| r.table.is_none() || (table.qualifier.is_none() && has(r)))
            }
            Some(_) => None,
            None if self.opaque => None,
            None => match only(self.references.iter().filter(has)) {
                Found::One(reference) => Some(reference),
                Found::Several => None,
                // A column of MySQL's own; in a subquery it could be one of the query around it.
                Found::None if self.nested && !is_schema_column(name) => None,
                Found::None => match only(self.references.iter().filter(|r| r.table.is_none())) {
                    Found::One(reference) => Some(reference),
                    Found::None | Found::Several => None,
                },
            },
        }
    }

    /// `a.x = b.y AND a.x = 5` says `b.y = 5`, for whole numbers and the names of schemas.
    fn derived(&self, conditions: &[Expr]) -> Vec<Expr> {
        let sides = |c: &Expr| match c {
            Expr::Comparison(c) if c.op == ComparisonOp::Equal && c.quantifier.is_none() => {
                Some((c.left.clone(), c.right.clone()))
            }
            _ => None,
        };
        let whole = |e: &Expr| match e {
            Expr::Column(name) => self.reference_of(name).is_some_and(|r| match &r.table {
                Some(table) => {
                    table.column_type(&name.name.to_string_lossy()).is_some_and(sqltypes::is_integral)
                }
                None => is_schema_column(name),
            }),
            _ => false,
        };
        let pairs: Vec<(Expr, Expr)> = conditions.iter().filter_map(sides).collect();
        let equal: Vec<&(Expr, Expr)> = pairs.iter().filter(|(a, b)| whole(a) && whole(b)).collect();
        let mut known: Vec<(Expr, Expr)> = pairs
            .iter()
            .flat_map(|(a, b)| [(a, b), (b, a)])
            .filter(|(column, value)| whole(column) && value_of(value).is_some())
            .map(|(column, value)| (column.clone(), value.clone()))
            .collect();
        let first = known.len();
        let mut at = 0;
        while at < known.len() {
            let (column, value) = known[at].clone();
            for (a, b) in &equal {
                let other = if *a == column {
                    b
                } else if *b == column {
                    a
                } else {
                    continue;
                };
                if !known.iter().any(|(k, _)| k == other) {
                    known.push((other.clone(), value.clone()));
                }
            }
            at += 1;
        }
        known.drain(first..).map(|(column, value)| equal_to(column, value)).collect()
    }
}

pub(crate) fn equal_to(left: Expr, right: Expr) -> Expr {
    Expr::Comparison(Box::new(Comparison { op: ComparisonOp::Equal, left, right, quantifier: None }))
}

/// Whether two columns compare in the same way as one of them does with a literal of the other's value.
pub(crate) fn same_values(a: &Column, b: &Column) -> bool {
    let (Some(x), Some(y)) = (a.ty, b.ty) else { return false };
    if sqltypes::is_integral(x) || sqltypes::is_integral(y) {
        return sqltypes::is_integral(x) && sqltypes::is_integral(y);
    }
    let is_text = |ty| matches!(ty, Type::Char | Type::Varchar | Type::Text);
    match (is_text(x), is_text(y)) {
        (true, true) => a.collation.is_some() && a.collation == b.collation,
        (false, false) => x == y && matches!(x, Type::Binary | Type::Varbinary | Type::Date),
        _ => false,
    }
}

/// Names of columns in an expression.
#[derive(Default)]
struct Columns(Vec<ColName>);

impl Visitor for Columns {
    fn enter_expr(&mut self, expr: &Expr) -> Visit {
        if let Expr::Column(name) = expr {
            self.0.push(name.clone());
        }
        Visit::Into
    }
}

/// Whether a condition is never true where its columns are NULL. Only plain comparisons are looked at.
pub(crate) fn rejects_nulls(condition: &Expr) -> bool {
    let column = |e: &Expr| matches!(e, Expr::Column(_));
    let plain = |e: &Expr| column(e) || value_of(e).is_some();
    match condition {
        Expr::Comparison(c) => {
            c.op != ComparisonOp::NullSafeEqual && c.quantifier.is_none() && plain(&c.left) && plain(&c.right)
        }
        Expr::In(i) => column(&i.expr) && !matches!(i.list, InList::Subquery(_)),
        Expr::Between(b) => column(&b.expr) && !b.not && plain(&b.low) && plain(&b.high),
        Expr::Like(l) => column(&l.expr),
        Expr::Is(i) => i.not && i.test == IsTest::Null && column(&i.expr),
        _ => false,
    }
}
