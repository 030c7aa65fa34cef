//! Which parts of a statement keep their literals.

use crate::ast::*;
use crate::visit::{Visit, Visitor, Walk};

/// Whether a part has a literal that the lexer sees as one (not NULL, TRUE, FALSE).
pub(super) fn has_literal(part: &impl Walk) -> bool {
    struct Finder(bool);
    impl Visitor for Finder {
        fn enter_expr(&mut self, _: &Expr) -> Visit {
            if self.0 { Visit::Stop } else { Visit::Into }
        }
        fn literal(&mut self, literal: &Literal) {
            self.0 |= !matches!(literal, Literal::Null | Literal::Bool(_));
        }
    }
    let mut finder = Finder(false);
    part.walk(&mut finder);
    finder.0
}

/// Whether an expression is made of literals only.
pub(super) fn is_constant(expr: &Expr) -> bool {
    struct Finder(bool);
    impl Visitor for Finder {
        fn enter_expr(&mut self, expr: &Expr) -> Visit {
            let constant = matches!(
                expr,
                Expr::Literal(_)
                    | Expr::Unary(_)
                    | Expr::Binary(_)
                    | Expr::Comparison(_)
                    | Expr::Is(_)
                    | Expr::And(_)
                    | Expr::Or(_)
                    | Expr::Between(_)
                    | Expr::Row(_)
                    | Expr::Like(_)
            );
            self.0 &= constant;
            if constant { Visit::Into } else { Visit::Stop }
        }
    }
    let mut finder = Finder(true);
    expr.walk(&mut finder);
    finder.0
}

/// Whether a condition, or one of the terms of it, says something without looking at a row.
pub(super) fn is_constant_predicate(expr: &Expr) -> bool {
    let compares = matches!(expr, Expr::Comparison(_) | Expr::Between(_) | Expr::Is(_) | Expr::Like(_));
    compares && is_constant(expr)
}

/// What of a SELECT block keeps its literals, taken out of it while the rest is normalised.
#[derive(Debug, Default)]
pub(super) struct FrozenSelect {
    /// Index and expression of select items.
    items: Vec<(usize, Expr)>,
    group_by: Option<GroupBy>,
    having: Option<Expr>,
    where_: Option<Expr>,
}

impl FrozenSelect {
    /// Takes out the items that `keep` says by index and item.
    pub(super) fn take_items(&mut self, select: &mut Select, keep: impl Fn(&AliasedExpr) -> bool) {
        for (index, item) in select.items.iter_mut().enumerate() {
            if let SelectItem::Expr(item) = item
                && keep(item)
            {
                self.items.push((index, std::mem::replace(&mut item.expr, Expr::Star)));
            }
        }
    }

    pub(super) fn take_group_by(&mut self, select: &mut Select) {
        self.group_by = select.group_by.take();
        self.having = select.having.take();
    }

    pub(super) fn take_where(&mut self, select: &mut Select) {
        self.where_ = select.where_.take();
    }

    /// Puts everything back.
    pub(super) fn restore(self, select: &mut Select) {
        for (index, expr) in self.items {
            if let Some(SelectItem::Expr(item)) = select.items.get_mut(index) {
                item.expr = expr;
            }
        }
        select.group_by = select.group_by.take().or(self.group_by);
        select.having = select.having.take().or(self.having);
        select.where_ = select.where_.take().or(self.where_);
    }
}
