//! `GET_LOCK` and the other functions of MySQL's locks by name.
//!
//! A lock belongs to a session and must be seen by all others, whichever vtgate they are at: the first shard of the
//! first keyspace by name keeps them all, as in Vitess. Such a function beside rows of tables would be called where
//! the rows are, and as often: that is refused.

use sqlast::{
    Visit, Visitor, Walk,
    ast::{Expr, FuncCall, Query, QueryBody, SelectItem, Statement},
};
use vterrors::{Condition, Error, Result};

use crate::{
    Directives, LockColumn, Locks, PlanContext, Primitive, rewrite,
    select::{Planned, query_directives},
    semantics::Analysis,
};

/// The functions that a statement calls.
#[derive(Debug, Default)]
struct Called {
    calls: usize,
    takes: bool,
    name: String,
}

impl Visitor for Called {
    fn enter_expr(&mut self, expr: &Expr) -> Visit {
        if let Expr::Func(call) = expr
            && let Some(column) = column_of(call)
        {
            self.calls += 1;
            self.takes |= column == LockColumn::Get;
            self.name = call.name.to_string();
        }
        Visit::Into
    }
}

fn column_of(call: &FuncCall) -> Option<LockColumn> {
    Some(match call.name.as_bytes() {
        b"get_lock" => LockColumn::Get,
        b"release_lock" => LockColumn::Release,
        b"release_all_locks" => LockColumn::ReleaseAll,
        b"is_free_lock" | b"is_used_lock" => LockColumn::Other,
        _ => return None,
    })
}

/// The plan of a query that calls functions of locks; `None` where it calls none.
pub(crate) fn plan(query: &Query, ctx: &PlanContext<'_>, analysis: &Analysis) -> Result<Option<Planned>> {
    let mut called = Called::default();
    query.walk(&mut called);
    if called.calls == 0 {
        return Ok(None);
    }
    if analysis.base_tables().next().is_some() || analysis.has_system_tables() {
        return Err(Error::unsupported(format!("the function {} beside tables", called.name)));
    }
    let planned = of(Statement::Query(Box::new(query.clone())), &called, columns(query, &called), ctx)?;
    Ok(Some(Planned { directives: query_directives(query), ..planned }))
}

/// The plan of a `DO` that calls such functions.
pub(crate) fn plan_do(statement: &Statement, ctx: &PlanContext<'_>) -> Result<Option<Planned>> {
    let mut called = Called::default();
    statement.walk(&mut called);
    if called.calls == 0 {
        return Ok(None);
    }
    of(statement.clone(), &called, None, ctx).map(Some)
}

fn of(
    mut statement: Statement,
    called: &Called,
    columns: Option<Vec<LockColumn>>,
    ctx: &PlanContext<'_>,
) -> Result<Planned> {
    let rewritten = rewrite::rewrite(&mut statement, ctx, false)?;
    let locks = Locks {
        keyspace: first_keyspace(ctx)?,
        query: rewrite::print(ctx, &statement)?,
        columns,
        takes: called.takes,
        is_do: matches!(statement, Statement::Do(_)),
    };
    Ok(Planned {
        root: Primitive::Locks(Box::new(locks)),
        tables_used: Vec::new(),
        rewritten,
        warnings: Vec::new(),
        directives: Directives::default(),
    })
}

/// What the columns tell, where every call is a column of a query that gives one row for certain.
fn columns(query: &Query, called: &Called) -> Option<Vec<LockColumn>> {
    let QueryBody::Select(select) = &query.body else { return None };
    if !query.is_bare() || select.where_.is_some() || select.having.is_some() || select.qualify.is_some() {
        return None;
    }
    let column = |item: &SelectItem| match item {
        SelectItem::Expr(item) => match &item.expr {
            Expr::Func(call) => column_of(call),
            _ => None,
        },
        SelectItem::Wildcard(_) | SelectItem::Next(_) => None,
    };
    let columns: Vec<_> = select.items.iter().map(column).collect();
    let direct = columns.iter().flatten().count();
    (direct == called.calls).then(|| columns.into_iter().map(|c| c.unwrap_or(LockColumn::Other)).collect())
}

fn first_keyspace(ctx: &PlanContext<'_>) -> Result<String> {
    let names = ctx.vschema.keyspaces().map(|k| &k.name);
    names.min().cloned().ok_or_else(|| {
        Error::new(Condition::NoKeyspaceSelected, "No database selected: there is no keyspace for locks")
    })
}
