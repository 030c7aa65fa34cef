//! What becomes of a query's rows besides being sent to the client: they go into variables
//! (`SELECT ... INTO @a`), or all of them are counted though few are wanted (`SQL_CALC_FOUND_ROWS`).

use std::collections::BTreeSet;

use sqlast::{
    Visit, Visitor, Walk,
    ast::{Expr, Into, Query, QueryBody, Select},
};
use vterrors::{Error, Result};

use super::{Last, Planned, limit_values, plan_with};
use crate::{IntoVariables, Limit, PlanContext, Primitive};

/// Plans a query with what becomes of its rows.
pub(super) fn plan(query: &Query, ctx: &PlanContext<'_>) -> Result<Planned> {
    let counts = first_select(&query.body).is_some_and(|s| s.options.calc_found_rows);
    let variables = match query.into.as_deref() {
        Some(Into::Variables(names)) => Some(names),
        _ => None,
    };
    if variables.is_none() && !counts {
        return plan_with(query, ctx, Last::Gather);
    }
    let mut query = query.clone();
    if variables.is_some() {
        query.into = None;
    }
    if let Some(select) = first_select_mut(&mut query.body) {
        select.options.calc_found_rows = false;
    }
    let limit = if counts { query.limit.take() } else { None };
    let mut planned = plan_with(&query, ctx, Last::Gather)?;
    if let Some(limit) = limit {
        let (count, offset) = limit_values(&limit)?;
        planned.root =
            Primitive::Limit(Box::new(Limit { input: planned.root, count, offset, count_all: true }));
    }
    if let Some(names) = variables {
        let variables = names.iter().map(variable).collect::<Result<_>>()?;
        planned.root = Primitive::IntoVariables(Box::new(IntoVariables { input: planned.root, variables }));
    }
    Ok(planned)
}

/// The name of a user variable, in lower case. Others are local ones of stored programs: MySQL's 1327.
fn variable(expr: &Expr) -> Result<String> {
    match expr {
        Expr::UserVar(name) => Ok(name.to_lower()),
        other => {
            let name = String::from_utf8_lossy(&sqlast::to_sql(other)).into_owned();
            Err(Error::mysql(1327, *b"42000", format!("Undeclared variable: {name}")))
        }
    }
}

fn first_select(body: &QueryBody) -> Option<&Select> {
    match body {
        QueryBody::Select(select) => Some(select),
        QueryBody::SetOperation(operation) => first_select(&operation.first),
        QueryBody::Nested(_) | QueryBody::Values(_) | QueryBody::Table(_) => None,
    }
}

fn first_select_mut(body: &mut QueryBody) -> Option<&mut Select> {
    match body {
        QueryBody::Select(select) => Some(select),
        QueryBody::SetOperation(operation) => first_select_mut(&mut operation.first),
        QueryBody::Nested(_) | QueryBody::Values(_) | QueryBody::Table(_) => None,
    }
}

/// Whether an expression assigns a variable.
pub(crate) fn assigns(expr: &Expr) -> bool {
    has(expr, &|expr| matches!(expr, Expr::Assign(_)))
}

/// Whether an expression reads one of these variables.
pub(crate) fn reads(expr: &Expr, variables: &BTreeSet<String>) -> bool {
    has(expr, &|expr| matches!(expr, Expr::UserVar(name) if variables.contains(&name.to_lower())))
}

fn has(expr: &Expr, wanted: &dyn Fn(&Expr) -> bool) -> bool {
    struct Finder<'a>(&'a dyn Fn(&Expr) -> bool, bool);
    impl Visitor for Finder<'_> {
        fn enter_expr(&mut self, expr: &Expr) -> Visit {
            self.1 |= (self.0)(expr);
            if self.1 { Visit::Stop } else { Visit::Into }
        }
    }
    let mut finder = Finder(wanted, false);
    expr.walk(&mut finder);
    finder.1
}

/// The user variables that a query assigns (`@a := 1`), in lower case.
pub(crate) fn assigned(query: &Query) -> BTreeSet<String> {
    struct Finder(BTreeSet<String>);
    impl Visitor for Finder {
        fn enter_expr(&mut self, expr: &Expr) -> Visit {
            if let Expr::Assign(assign) = expr {
                self.0.insert(assign.variable.to_lower());
            }
            Visit::Into
        }
    }
    let mut finder = Finder(BTreeSet::new());
    query.walk(&mut finder);
    finder.0
}

/// Refuses a variable that is assigned and compared in one statement on shards: by its old value no shard may
/// be chosen, since it changes from row to row.
pub(super) fn refuse_compared(query: &Query, assigned: &BTreeSet<String>) -> Result<()> {
    struct Finder<'a>(&'a BTreeSet<String>, Option<String>);
    impl Finder<'_> {
        fn look(&mut self, expr: &Expr) {
            if let Expr::UserVar(name) = expr
                && self.0.contains(&name.to_lower())
            {
                self.1 = Some(name.to_lower());
            }
        }
    }
    impl Visitor for Finder<'_> {
        fn enter_expr(&mut self, expr: &Expr) -> Visit {
            match expr {
                Expr::Comparison(c) => [&c.left, &c.right].into_iter().for_each(|e| self.look(e)),
                Expr::In(in_) => {
                    if let sqlast::ast::InList::List(items) = &in_.list {
                        items.iter().for_each(|e| self.look(e));
                    }
                }
                _ => {}
            }
            Visit::Into
        }
    }
    let mut finder = Finder(assigned, None);
    query.walk(&mut finder);
    match finder.1 {
        None => Ok(()),
        Some(name) => Err(Error::unsupported(format!(
            "comparing the user variable @{name} with a column in the statement that assigns it, over shards"
        ))),
    }
}
