//! One way through a tree: [`Walk::walk`] to look, [`Walk::rewrite`] to change.
//!
//! Both go through a node's parts in the order of the text. A visitor's `enter_...` method is called before
//! the parts are visited and says whether to go in; `leave_...` after.

mod ddl;
mod dml;
mod expr;
mod query;
mod statement;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use crate::ast::{ColName, Expr, Literal, Query, Select, Statement, TableExpr, TableName};

/// What to do after looking at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    /// Go into its parts.
    Into,
    /// Pass over its parts.
    Over,
    /// End the walk.
    Stop,
}

/// Looks at nodes. Every method does nothing unless overridden.
pub trait Visitor {
    /// Before an expression's parts.
    fn enter_expr(&mut self, _expr: &Expr) -> Visit {
        Visit::Into
    }
    /// After an expression's parts.
    fn leave_expr(&mut self, _expr: &Expr) -> Visit {
        Visit::Into
    }
    /// Before a query (also subqueries, derived tables, CTEs).
    fn enter_query(&mut self, _query: &Query) -> Visit {
        Visit::Into
    }
    /// After a query.
    fn leave_query(&mut self, _query: &Query) -> Visit {
        Visit::Into
    }
    /// Before a SELECT block.
    fn enter_select(&mut self, _select: &Select) -> Visit {
        Visit::Into
    }
    /// After a SELECT block.
    fn leave_select(&mut self, _select: &Select) -> Visit {
        Visit::Into
    }
    /// Before a table expression.
    fn enter_table_expr(&mut self, _table: &TableExpr) -> Visit {
        Visit::Into
    }
    /// After a table expression.
    fn leave_table_expr(&mut self, _table: &TableExpr) -> Visit {
        Visit::Into
    }
    /// Every name of a table: in FROM, targets of DML and DDL, and qualifiers of columns and wildcards.
    fn table_name(&mut self, _name: &TableName, _role: TableRole) {}
    /// Every name of a column.
    fn column_name(&mut self, _name: &ColName) {}
    /// Every literal, also outside of expressions.
    fn literal(&mut self, _literal: &Literal) {}
}

/// Changes nodes in place. Every method does nothing unless overridden.
pub trait Rewriter {
    /// Before an expression's parts; false passes over them.
    fn enter_expr(&mut self, _expr: &mut Expr) -> bool {
        true
    }
    /// After an expression's parts.
    fn leave_expr(&mut self, _expr: &mut Expr) {}
    /// Before a query's parts; false passes over them.
    fn enter_query(&mut self, _query: &mut Query) -> bool {
        true
    }
    /// After a query's parts.
    fn leave_query(&mut self, _query: &mut Query) {}
    /// Before a SELECT block's parts; false passes over them.
    fn enter_select(&mut self, _select: &mut Select) -> bool {
        true
    }
    /// After a SELECT block's parts.
    fn leave_select(&mut self, _select: &mut Select) {}
    /// Before a table expression's parts; false passes over them.
    fn enter_table_expr(&mut self, _table: &mut TableExpr) -> bool {
        true
    }
    /// After a table expression's parts.
    fn leave_table_expr(&mut self, _table: &mut TableExpr) {}
    /// Every name of a table: in FROM, targets of DML and DDL, and qualifiers of columns and wildcards.
    fn table_name(&mut self, _name: &mut TableName, _role: TableRole) {}
    /// Every name of a column.
    fn column_name(&mut self, _name: &mut ColName) {}
    /// Every literal, also outside of expressions.
    fn literal(&mut self, _literal: &mut Literal) {}
}

/// Where a table's name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TableRole {
    /// It names a table (or a CTE, or a view).
    Table,
    /// It qualifies a column or a wildcard, or is a target of a multi-table DELETE, or `FOR UPDATE OF`:
    /// an alias or a table of the statement.
    Reference,
}

/// A tree that can be visited.
pub trait Walk {
    /// Looks at this node and its parts; false if the visitor stopped.
    fn walk(&self, visitor: &mut dyn Visitor) -> bool;
    /// Changes this node and its parts.
    fn rewrite(&mut self, rewriter: &mut dyn Rewriter);
}

/// Goes on, or stops the whole walk.
type Flow = ControlFlow<()>;

impl From<bool> for Visit {
    fn from(into: bool) -> Self {
        if into { Visit::Into } else { Visit::Over }
    }
}

impl From<()> for Visit {
    fn from((): ()) -> Self {
        Visit::Into
    }
}

/// What a visitor's answer means: break, or whether to go into the parts.
fn answer(visit: impl Into<Visit>) -> ControlFlow<(), bool> {
    match visit.into() {
        Visit::Into => ControlFlow::Continue(true),
        Visit::Over => ControlFlow::Continue(false),
        Visit::Stop => ControlFlow::Break(()),
    }
}

/// The two walks are the same code with `&` or `&mut`: each file of this module defines its functions in a
/// macro and expands it for both.
macro_rules! both {
    ($functions:ident) => {
        pub(super) mod walk {
            $functions!(walk Visitor);
        }
        pub(super) mod rewrite {
            $functions!(rewrite Rewriter mut);
        }
    };
}
use both;

macro_rules! walkable {
    ($($node:ty => $file:ident :: $function:ident),* $(,)?) => {
        $(impl Walk for $node {
            fn walk(&self, visitor: &mut dyn Visitor) -> bool {
                $file::walk::$function(self, visitor).is_continue()
            }
            fn rewrite(&mut self, rewriter: &mut dyn Rewriter) {
                // Only a visitor can stop a walk.
                let _ = $file::rewrite::$function(self, rewriter);
            }
        })*
    };
}

walkable! {
    Statement => statement::statement,
    Query => query::query,
    Select => query::select,
    TableExpr => query::table_expr,
    Expr => expr::expr,
}
