//! Aggregate functions in subqueries of a SET over columns of the row that is changed:
//! `UPDATE t SET a = (SELECT avg(t.b) FROM s)`.
//!
//! A query aggregates such a function in the block outside that has its columns (outer references: MySQL's manual,
//! "Correlated Subqueries"); an UPDATE may not aggregate, so there it is the subquery that does (measured on 9.7). The
//! query that reads the new values must not differ: the function is given a column of the subquery's own tables to look
//! at, without a change of its value.

use sqlast::{
    Rewriter, Visit, Visitor, Walk as _,
    ast::{ColName, Expr, FuncCall, Ident, Query, Select, TableExpr, TableName},
};

use crate::{
    PlanContext,
    outputs::{Known, Seen, with_tables},
    semantics::is_aggregate,
};

/// Keeps the aggregates of a new value in its subqueries. `outer` are the tables of the statement; its WITH is in
/// `with`. False where that cannot be done.
pub(crate) fn keep_inside(
    value: &mut Expr,
    outer: &[TableExpr],
    with: Option<&sqlast::ast::With>,
    ctx: &PlanContext<'_>,
) -> bool {
    let seen = Seen { ctx, with: with_tables(with, ctx, &[]) };
    let outer = seen.tables(outer);
    let mut inside = Inside { ctx, outer, withs: vec![seen.with], blocks: Vec::new(), is_open: false };
    value.rewrite(&mut inside);
    !inside.is_open
}

struct Inside<'a> {
    ctx: &'a PlanContext<'a>,
    /// The tables of the statement.
    outer: Vec<Known>,
    /// The tables of WITH at each query around the place we are at.
    withs: Vec<Vec<Known>>,
    /// The tables of each SELECT around the place we are at, the innermost last.
    blocks: Vec<Vec<Known>>,
    is_open: bool,
}

/// Whether a name may be one of these tables'; `unknown` is what counts for tables whose columns are not known.
fn may_mean(name: &ColName, tables: &[Known], unknown: bool) -> bool {
    let column = name.name.to_lower();
    let of = name.qualifier.as_ref().map(|q| q.name.to_lower());
    let mut meant = tables.iter().filter(|(alias, _)| of.as_ref().is_none_or(|of| of == alias));
    meant.any(|(_, columns)| match columns {
        Some(columns) => columns.iter().any(|(name, _)| *name == column),
        None => unknown || of.is_some(),
    })
}

impl Inside<'_> {
    /// Whether all columns that a function is given are the statement's.
    fn is_outer(&self, call: &FuncCall) -> bool {
        struct Finder<'a>(&'a Inside<'a>, bool, bool);
        impl Visitor for Finder<'_> {
            fn column_name(&mut self, name: &ColName) {
                let inside = self.0.blocks.iter().any(|block| may_mean(name, block, false));
                let outer = !inside && may_mean(name, &self.0.outer, true);
                self.1 |= outer;
                self.2 |= !outer;
            }
            fn enter_query(&mut self, _query: &Query) -> Visit {
                Visit::Over
            }
        }
        let mut finder = Finder(self, false, false);
        call.args.iter().for_each(|arg| {
            arg.walk(&mut finder);
        });
        finder.1 && !finder.2
    }

    /// A column of the innermost SELECT's tables.
    fn anchor(&self) -> Option<Expr> {
        let (table, column) = self.blocks.last()?.iter().find_map(|(table, columns)| {
            let (column, _) = columns.as_ref()?.iter().find(|(name, _)| !name.is_empty())?;
            Some((table, column))
        })?;
        let qualifier = Some(Box::new(TableName::unqualified(table.as_str())));
        Some(Expr::Column(ColName { qualifier, name: Ident::from(column.as_str()) }))
    }
}

impl Rewriter for Inside<'_> {
    fn enter_query(&mut self, query: &mut Query) -> bool {
        let around = self.withs.last().map_or(&[][..], Vec::as_slice);
        let with = with_tables(query.with.as_deref(), self.ctx, around);
        self.withs.push(with);
        true
    }

    fn leave_query(&mut self, _query: &mut Query) {
        self.withs.pop();
    }

    fn enter_select(&mut self, select: &mut Select) -> bool {
        let with = self.withs.last().cloned().unwrap_or_default();
        self.blocks.push(Seen { ctx: self.ctx, with }.tables(&select.from));
        true
    }

    fn leave_select(&mut self, _select: &mut Select) {
        self.blocks.pop();
    }

    fn leave_expr(&mut self, expr: &mut Expr) {
        let Expr::Func(call) = expr else { return };
        if self.blocks.is_empty() || !is_aggregate(call) || !self.is_outer(call) {
            return;
        }
        // Further inside it is another question which of the blocks between aggregates it.
        let anchor = if self.blocks.len() == 1 { self.anchor() } else { None };
        match (anchor, call.args.first_mut()) {
            (Some(anchor), Some(arg)) => {
                let is_null = Expr::Func(Box::new(FuncCall::new("isnull", vec![anchor])));
                let either = vec![is_null, arg.clone(), arg.clone()];
                *arg = Expr::Func(Box::new(FuncCall::new("if", either)));
            }
            _ => self.is_open = true,
        }
    }
}
