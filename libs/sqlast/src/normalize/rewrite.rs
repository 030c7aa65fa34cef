//! The walk that puts bind variables in the place of literals.

use std::collections::HashSet;

use super::freeze::{FrozenSelect, has_literal, is_constant_predicate};
use super::{BindValue, LiteralBound, Normalized, Value, value_of_literal};
use crate::ast::*;
use crate::visit::{Rewriter, Visit, Visitor, Walk};

/// The state of the walk.
#[derive(Default)]
pub(super) struct Literals {
    found: Normalized,
    /// Names that the statement uses itself.
    used: HashSet<Ident>,
    counter: usize,
    /// For each query, derived table and value around the present place: whether the names of select items
    /// can be seen from outside.
    named: Vec<bool>,
    selects: Vec<FrozenSelect>,
    orders: Vec<Vec<OrderBy>>,
    /// The ORDER BY or GROUP BY of the block has literals: equal ones in its items must stay, too.
    keep_items: bool,
}

impl Literals {
    pub(super) fn take_out(statement: &mut Statement) -> Normalized {
        let named = match statement {
            Statement::Insert(insert) => !insert.on_duplicate.is_empty(),
            _ => true,
        };
        let mut literals = Self { used: used_names(statement), named: vec![named], ..Self::default() };
        statement.rewrite(&mut literals);
        literals.found
    }

    fn bound(&mut self, reason: LiteralBound) {
        self.found.literal_bound.push(reason);
    }

    fn bind(&mut self, value: BindValue) -> Ident {
        let name = loop {
            self.counter += 1;
            let name = Ident::from(format!("vtg{}", self.counter));
            if !self.used.contains(&name) {
                break name;
            }
        };
        self.found.binds.push((name.clone(), value));
        name
    }

    fn names_seen(&self) -> bool {
        self.named.last().copied().unwrap_or(true)
    }

    /// The value of a number with its sign, or of a literal.
    fn value(expr: &Expr) -> Option<Value> {
        match expr {
            Expr::Literal(literal) => value_of_literal(literal, false),
            Expr::Unary(unary) if unary.op == UnaryOp::Minus => match &unary.expr {
                Expr::Literal(number @ (Literal::Integer(_) | Literal::Decimal(_) | Literal::Float(_))) => {
                    value_of_literal(number, true)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// `IN (1, 2, 3)` to `IN ::vtg1`. The left side stands before the list and has its literals first.
    fn in_list(&mut self, in_: &mut In) -> bool {
        let InList::List(exprs) = &in_.list else { return true };
        let values: Option<Vec<Value>> = exprs.iter().map(Self::value).collect();
        let Some(values) = values else { return true };
        in_.expr.rewrite(self);
        in_.list = InList::Param(self.bind(BindValue::Tuple(values)));
        false
    }

    /// Whether the parts of an expression are to be visited.
    fn enter_parts(&mut self, expr: &mut Expr) -> bool {
        match expr {
            Expr::Literal(literal) => {
                if !matches!(literal, Literal::Null | Literal::Bool(_)) {
                    self.bound(LiteralBound::Typed);
                }
                false
            }
            Expr::Collate(collate) if Self::value(&collate.expr).is_some() => {
                self.bound(LiteralBound::Typed);
                false
            }
            Expr::In(in_) => self.in_list(in_),
            Expr::Func(call) if call.group_concat.as_ref().is_some_and(|tail| tail_has_literal(tail)) => {
                self.bound(LiteralBound::OrderBy);
                false
            }
            Expr::And(terms) | Expr::Or(terms) if terms.iter().any(|term| Self::value(term).is_some()) => {
                self.bound(LiteralBound::ConstantPredicate);
                false
            }
            expr if is_constant_predicate(expr) => {
                if has_literal(expr) {
                    self.bound(LiteralBound::ConstantPredicate);
                }
                false
            }
            _ => true,
        }
    }
}

fn tail_has_literal(tail: &GroupConcat) -> bool {
    tail.order_by.iter().any(|item| has_literal(&item.expr))
        || tail.separator.as_ref().is_some_and(has_literal)
}

/// Whether the names of what an expression holds cannot be seen.
fn is_value(expr: &Expr) -> bool {
    matches!(expr, Expr::Subquery(_) | Expr::Exists(_) | Expr::In(_) | Expr::Comparison(_))
}

impl Rewriter for Literals {
    fn enter_expr(&mut self, expr: &mut Expr) -> bool {
        if let Some(value) = Self::value(expr) {
            *expr = Expr::Param(Param::Named(self.bind(BindValue::Value(value))));
            return false;
        }
        if is_value(expr) {
            self.named.push(false);
        }
        self.enter_parts(expr)
    }

    fn leave_expr(&mut self, expr: &mut Expr) {
        if is_value(expr) {
            self.named.pop();
        }
    }

    fn enter_table_expr(&mut self, table: &mut TableExpr) -> bool {
        match table {
            TableExpr::Derived(_) => self.named.push(true),
            // The paths in it are part of its form.
            TableExpr::JsonTable(_) if has_literal(table) => {
                self.bound(LiteralBound::NotAValue);
                return false;
            }
            TableExpr::Join(join) => {
                let constant =
                    matches!(&join.condition, Some(JoinCondition::On(on)) if Self::value(on).is_some());
                if constant {
                    self.bound(LiteralBound::ConstantPredicate);
                    return false;
                }
            }
            _ => {}
        }
        true
    }

    fn leave_table_expr(&mut self, table: &mut TableExpr) {
        if matches!(table, TableExpr::Derived(_)) {
            self.named.pop();
        }
    }

    fn enter_query(&mut self, query: &mut Query) -> bool {
        self.named.push(self.names_seen() || query.with.is_some());
        let ordered = query.order_by.iter().any(|item| has_literal(&item.expr));
        self.keep_items = ordered;
        if ordered {
            self.bound(LiteralBound::OrderBy);
            self.orders.push(std::mem::take(&mut query.order_by));
        } else {
            self.orders.push(Vec::new());
        }
        true
    }

    fn leave_query(&mut self, query: &mut Query) {
        self.named.pop();
        let order_by = self.orders.pop().unwrap_or_default();
        if !order_by.is_empty() {
            query.order_by = order_by;
        }
    }

    fn enter_select(&mut self, select: &mut Select) -> bool {
        let mut frozen = FrozenSelect::default();
        let mut keep_items = std::mem::take(&mut self.keep_items);
        let grouped = select
            .group_by
            .as_ref()
            .is_some_and(|group_by| group_by.exprs.iter().any(|item| has_literal(&item.expr)));
        if grouped {
            self.bound(LiteralBound::GroupBy);
            frozen.take_group_by(select);
            keep_items = true;
        }
        if select.where_.as_ref().is_some_and(|condition| Self::value(condition).is_some()) {
            self.bound(LiteralBound::ConstantPredicate);
            frozen.take_where(select);
        }
        let seen = self.names_seen();
        let unnamed = |item: &AliasedExpr| seen && item.alias.is_none();
        let keep = |item: &AliasedExpr| (keep_items || unnamed(item)) && has_literal(&item.expr);
        let kept = |item: &SelectItem| matches!(item, SelectItem::Expr(item) if keep(item));
        if select.items.iter().any(kept) {
            if !keep_items {
                self.bound(LiteralBound::UnnamedItem);
            }
            frozen.take_items(select, keep);
        }
        self.selects.push(frozen);
        true
    }

    fn leave_select(&mut self, select: &mut Select) {
        if let Some(frozen) = self.selects.pop() {
            frozen.restore(select);
        }
    }
}

/// The names of the bind variables that a statement has.
fn used_names(statement: &Statement) -> HashSet<Ident> {
    struct Names(HashSet<Ident>);
    impl Visitor for Names {
        fn enter_expr(&mut self, expr: &Expr) -> Visit {
            match expr {
                Expr::Param(Param::Named(name) | Param::List(name)) => {
                    self.0.insert(name.clone());
                }
                Expr::In(in_) => {
                    if let InList::Param(name) = &in_.list {
                        self.0.insert(name.clone());
                    }
                }
                _ => {}
            }
            Visit::Into
        }
    }
    let mut names = Names(HashSet::new());
    statement.walk(&mut names);
    names.0
}
