//! What conditions say about columns of different parts.

use sqlast::ast::{Comparison, ComparisonOp, Expr};

use vschema::Column;

use super::tree::{Leaves, Tree};
use crate::{
    gather::filters::{equal_to, same_values},
    semantics::value_of,
};

/// Both sides of `a = b`.
pub(super) fn sides(condition: &Expr) -> Option<(&Expr, &Expr)> {
    match condition {
        Expr::Comparison(c) if c.op == ComparisonOp::Equal && c.quantifier.is_none() => {
            Some((&c.left, &c.right))
        }
        _ => None,
    }
}

pub(super) fn is_column_equality(condition: &Expr) -> bool {
    matches!(sides(condition), Some((Expr::Column(_), Expr::Column(_))))
}

/// `left = right`, each over tables of its own: rows are put together by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub left: Expr,
    pub right: Expr,
}

impl Link {
    /// A condition as a link between two sets of leaves, where it is one that vtgate can compare by.
    pub fn of(condition: &Expr, tree: &Tree, left: &Leaves, right: &Leaves) -> Option<Self> {
        let (a, b) = sides(condition)?;
        let (of_a, of_b) = (tree.leaves_of(a).ok()?, tree.leaves_of(b).ok()?);
        if of_a.is_empty() || of_b.is_empty() || !comparable(tree, a, b) {
            return None;
        }
        if of_a.is_subset(left) && of_b.is_subset(right) {
            Some(Self { left: a.clone(), right: b.clone() })
        } else if of_b.is_subset(left) && of_a.is_subset(right) {
            Some(Self { left: b.clone(), right: a.clone() })
        } else {
            None
        }
    }
}

/// Whether two sides compare as their values do. Of expressions that is seen when their types are known.
fn comparable(tree: &Tree, a: &Expr, b: &Expr) -> bool {
    comparable_columns(tree.known_column(a), tree.known_column(b))
}

/// As [`comparable`], for columns of which none is known where an expression is none.
pub(super) fn comparable_columns(a: Option<&Column>, b: Option<&Column>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => same_values(a, b),
        (Some(one), None) | (None, Some(one)) => one.ty.is_some_and(sqltypes::is_integral),
        (None, None) => true,
    }
}

/// Conditions that follow: columns that equal the same column equal each other, and a constant that one of them
/// equals (whole numbers only: others may compare otherwise with a literal).
pub(super) fn implied(conditions: &[Expr], tree: &Tree) -> Vec<Expr> {
    let mut classes: Vec<Vec<Expr>> = Vec::new();
    for condition in conditions {
        let Some((a @ Expr::Column(_), b @ Expr::Column(_))) = sides(condition) else { continue };
        let (Some(x), Some(y)) = (tree.known_column(a), tree.known_column(b)) else { continue };
        if !same_values(x, y) {
            continue;
        }
        let (with, without): (Vec<_>, Vec<_>) =
            classes.into_iter().partition(|class| class.contains(a) || class.contains(b));
        let mut merged: Vec<Expr> = with.into_iter().flatten().collect();
        for side in [a, b] {
            if !merged.contains(side) {
                merged.push(side.clone());
            }
        }
        classes = without;
        classes.push(merged);
    }
    let mut out = Vec::new();
    for class in &classes {
        for (at, a) in class.iter().enumerate() {
            out.extend(class[at + 1..].iter().map(|b| equal_to(a.clone(), b.clone())));
        }
        let whole =
            class.iter().all(|c| tree.known_column(c).and_then(|c| c.ty).is_some_and(sqltypes::is_integral));
        if whole {
            out.extend(constants(conditions, class));
        }
    }
    out.retain(|condition| !conditions.contains(condition));
    out
}

/// `b = 5` for every column of the class of `a`, where `a = 5`; lists likewise.
fn constants(conditions: &[Expr], class: &[Expr]) -> Vec<Expr> {
    let mut out = Vec::new();
    for condition in conditions {
        let of = |column: &Expr, made: &dyn Fn(&Expr) -> Expr| -> Vec<Expr> {
            class.iter().filter(|other| *other != column).map(made).collect()
        };
        match condition {
            Expr::In(i) if !i.not && class.contains(&i.expr) && is_constant_list(&i.list) => {
                out.extend(of(&i.expr, &|other| {
                    let mut list = i.clone();
                    list.expr = other.clone();
                    Expr::In(list)
                }));
            }
            Expr::Comparison(c) if is_equality(c) => {
                if class.contains(&c.left) && value_of(&c.right).is_some() {
                    out.extend(of(&c.left, &|other| {
                        let mut made = c.clone();
                        made.left = other.clone();
                        Expr::Comparison(made)
                    }));
                } else if class.contains(&c.right) && value_of(&c.left).is_some() {
                    out.extend(of(&c.right, &|other| {
                        let mut made = c.clone();
                        made.right = other.clone();
                        Expr::Comparison(made)
                    }));
                }
            }
            _ => {}
        }
    }
    out
}

fn is_equality(c: &Comparison) -> bool {
    c.op == ComparisonOp::Equal && c.quantifier.is_none()
}

fn is_constant_list(list: &sqlast::ast::InList) -> bool {
    match list {
        sqlast::ast::InList::List(items) => items.iter().all(|i| value_of(i).is_some()),
        sqlast::ast::InList::Param(_) => true,
        sqlast::ast::InList::Subquery(_) => false,
    }
}
