//! The planner: a normalised statement and a VSchema in, a [`Plan`] out.
//!
//! Pure: no network, clock, file or global state. Stages have types:
//! [`Normalized`] (literals are bind variables) -> `Analysis` ([`semantics`]: tables, scopes, equalities)
//! -> routing ([`routing`]: which shards) -> [`Plan`] (data that vtgate's executor interprets).
//!
//! What must always hold: a plan gives the rows that one MySQL holding all shards' data would give. A SELECT that
//! no routing fits is gathered on one tablet ([`Gather`]); what cannot be planned at all is refused with
//! [`Condition::Unsupported`](vterrors::Condition) and words that say what. Where the planner does not know (a
//! column whose table or type the VSchema does not list), it takes the way that is right in any case.

mod aliases;
mod context;
mod dml;
mod explain;
mod floats;
mod gather;
mod in_the_way;
mod insert;
mod insert_each;
mod insert_rows;
mod insert_source;
mod join;
mod keyed;
mod keys;
mod locks;
mod lookup;
mod normalized;
mod outputs;
mod plan;
mod replace;
mod rewrite;
mod routing;
mod schema_names;
mod select;
mod semantics;
mod send;
mod set_aggregates;
mod set_order;
mod shadowed;
mod unused;
mod upsert;
mod views;
mod vindex_func;

use sqlast::ast::{Expr, Limit as LimitClause, Literal, QueryBody, Statement};
use vterrors::{Error, Result};

pub use context::PlanContext;
pub use explain::explain;
pub use keys::{Keys, keys};
pub use normalized::Normalized;
pub use plan::*;
pub use schema_names::is_schema_column_name;

/// Plans a statement.
///
/// Statements of the session (SET, USE, transactions, PREPARE, LOCK, KILL) and what vtgate answers itself
/// (SHOW DATABASES, SHOW VITESS_..., VEXPLAIN, ALTER VSCHEMA) do not come here: [`is_planned`].
///
/// Errors: unknown tables and keyspaces with MySQL's numbers; [`vterrors::Condition::Unsupported`] for what
/// is not planned.
pub fn plan(normalized: &Normalized, ctx: &PlanContext<'_>) -> Result<Plan> {
    let expanded = match &normalized.statement {
        Statement::Query(_) | Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) => {
            views::expanded(&normalized.statement, ctx)?
        }
        _ => None,
    };
    let statement = expanded.as_ref().unwrap_or(&normalized.statement);
    let limited = limited(statement, ctx);
    let statement = limited.as_ref().unwrap_or(statement);
    let told_apart = aliases::told_apart(statement, ctx)?;
    let statement = told_apart.as_ref().unwrap_or(statement);
    let sql = &normalized.sql;
    let mut planned = match statement {
        Statement::Query(query) => select::plan(query, ctx)?,
        Statement::Insert(insert) => insert::plan(insert, ctx)?,
        Statement::Update(update) => dml::plan_update(update, ctx)?,
        Statement::Delete(delete) => dml::plan_delete(delete, ctx)?,
        Statement::Show(show) => send::plan_show(show, ctx)?,
        Statement::Explain(explain) => send::plan_explain(explain, ctx)?,
        Statement::Call(call) => send::plan_call(call, ctx)?,
        Statement::Do(_) => send::plan_do(statement, ctx)?,
        Statement::Other(_) => send::plan_other(statement, sql, ctx)?,
        _ if is_ddl(statement) => send::plan_ddl(statement, sql, ctx)?,
        _ => return Err(Error::unsupported("this statement in this place")),
    };
    rewrite::add_what_values_need(statement, &mut planned.rewritten);
    let reasons: Vec<String> = normalized.values.literal_bound.iter().map(|r| format!("{r:?}")).collect();
    Ok(Plan {
        statement: class(statement),
        root: planned.root,
        tables_used: planned.tables_used,
        normalized: String::from_utf8_lossy(&sqlast::to_sql(&normalized.statement)).into_owned(),
        literal_bound: (!reasons.is_empty()).then(|| LiteralBound { reason: reasons.join(", ") }),
        session_values: planned.rewritten.session_values,
        warnings: planned.warnings,
        directives: planned.directives,
    })
}

/// The query with the session's limit, where it has one and the query has none.
fn limited(statement: &Statement, ctx: &PlanContext<'_>) -> Option<Statement> {
    let count = ctx.select_limit?;
    let Statement::Query(query) = statement else { return None };
    let mut query = query.clone();
    let mut innermost = &mut *query;
    // Parentheses alone are no query of their own; an order around them comes before the limit.
    while innermost.limit.is_none() && innermost.order_by.is_empty() {
        let QueryBody::Nested(nested) = &mut innermost.body else { break };
        innermost = nested;
    }
    if innermost.limit.is_some() {
        return None;
    }
    let count = Expr::Literal(Literal::Integer(count.to_string().into()));
    innermost.limit = Some(LimitClause { count, offset: None, comma: false });
    Some(Statement::Query(query))
}

/// Whether a statement is planned here, and not carried out by vtgate's session.
pub fn is_planned(statement: &Statement) -> bool {
    match statement {
        Statement::Query(_)
        | Statement::Insert(_)
        | Statement::Update(_)
        | Statement::Delete(_)
        | Statement::Explain(_)
        | Statement::Call(_)
        | Statement::Do(_)
        | Statement::Other(_) => true,
        Statement::Show(show) => send::is_answered_by_mysqld(&show.kind),
        other => is_ddl(other),
    }
}

fn is_ddl(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::CreateTable(_)
            | Statement::AlterTable(_)
            | Statement::DropTable(_)
            | Statement::TruncateTable(_)
            | Statement::RenameTable(_)
            | Statement::CreateView(_)
            | Statement::DropView(_)
            | Statement::CreateIndex(_)
            | Statement::DropIndex(_)
            | Statement::CreateDatabase(_)
            | Statement::AlterDatabase(_)
            | Statement::DropDatabase(_)
            | Statement::TableMaintenance(_)
    )
}

fn class(statement: &Statement) -> StatementClass {
    match statement {
        Statement::Query(_) => StatementClass::Select,
        Statement::Insert(insert) if insert.replace => StatementClass::Replace,
        Statement::Insert(_) => StatementClass::Insert,
        Statement::Update(_) => StatementClass::Update,
        Statement::Delete(_) => StatementClass::Delete,
        Statement::Show(_) => StatementClass::Show,
        Statement::Explain(_) => StatementClass::Explain,
        Statement::Other(other) if other.kind == sqlast::StatementKind::Ddl => StatementClass::Ddl,
        Statement::TableMaintenance(_) => StatementClass::Other,
        other if is_ddl(other) => StatementClass::Ddl,
        _ => StatementClass::Other,
    }
}
