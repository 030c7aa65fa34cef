//! The lines of the two logs. Names are those of Vitess's query log where it has them.

use std::time::Duration;

use planner::Plan;
use querylog::{Line, bind_values, seconds};
use serde_json::json;
use sqlast::StatementKind;

use super::statement::{End, Observed, Seen};

/// Bytes of a statement's text in a line.
const MAX_TEXT_BYTES: usize = 16 << 10;

/// A line of the query log. The text never has literals; values, and texts of errors, which quote values, are in
/// it where it is not redacted.
pub fn query(o: &Observed, seen: &Seen, end: &End<'_>, redact: bool, slow: bool) -> Line {
    let mut line = Line::default();
    line.set_time("Start", o.start).set("Method", o.method);
    who(&mut line, o);
    line.set("SessionUUID", o.session.as_str());
    line.set("ActiveKeyspace", o.target.as_str()).set("TabletType", o.tablet_type);
    line.set("StmtType", statement_type(o, seen));
    line.set("PlanType", seen.plan.as_ref().map(|p| p.kind()).unwrap_or_default());
    line.set("TablesUsed", json!(seen.tables)).set("Shards", json!(seen.shards));
    line.set("ShardQueries", seen.calls);
    line.set("RowsReturned", end.rows).set("RowsAffected", end.affected);
    line.set("TotalTime", seconds(end.took));
    let plan = seen.planned.unwrap_or(Duration::ZERO);
    line.set("PlanTime", seconds(plan));
    line.set("ExecuteTime", seconds(end.took.saturating_sub(plan + seen.commit)));
    line.set("CommitTime", seconds(seen.commit));
    line.set("CachedPlan", seen.cached);
    line.set("SQL", text(o, seen));
    if !redact {
        line.set("BindVars", bind_values(&seen.binds));
    }
    outcome(&mut line, end);
    if !redact {
        line.set("Error", end.error().map(|e| e.message()).unwrap_or_default());
    }
    if slow && let Some(plan) = &seen.plan {
        // The plan may quote literals that stayed in it.
        let told = if redact { plan.kind() } else { planner::explain(plan) };
        line.set("Plan", told);
    }
    line
}

/// A line of the audit log: nothing in it is from a literal, a value or the text of an error.
pub fn audit(o: &Observed, seen: &Seen, end: &End<'_>) -> Line {
    let mut line = Line::default();
    line.set_time("Time", o.start);
    who(&mut line, o);
    line.set("Component", o.caller.subcomponent);
    line.set("Keyspace", o.target.as_str()).set("TabletType", o.tablet_type);
    line.set("StmtType", statement_type(o, seen));
    line.set("Tables", json!(seen.tables)).set("Shards", json!(seen.shards));
    line.set("RowsReturned", end.rows).set("RowsAffected", end.affected);
    outcome(&mut line, end);
    line
}

fn who(line: &mut Line, o: &Observed) {
    line.set("User", o.caller.user.as_str());
    line.set("ImmediateCaller", o.caller.immediate());
    line.set("RemoteAddr", o.caller.address.as_str());
    line.set("ConnectionId", o.connection);
}

/// `ok`, `error` with its number, or `abandoned`.
fn outcome(line: &mut Line, end: &End<'_>) {
    let (word, errno) = match &end.result {
        Some(Ok(())) => ("ok", 0),
        Some(Err(e)) => ("error", e.mysql_code().errno),
        None => ("abandoned", 0),
    };
    line.set("Outcome", word).set("Errno", errno);
}

/// The plan, where it is that of the statement itself: SET reads values by one of its own.
fn own_plan<'a>(o: &Observed, seen: &'a Seen) -> Option<&'a Plan> {
    seen.plan.as_deref().filter(|_| sqlast::preview(&o.sql) != StatementKind::Set)
}

pub fn statement_type(o: &Observed, seen: &Seen) -> &'static str {
    own_plan(o, seen).map_or_else(|| sqlast::preview(&o.sql).name(), |plan| plan.statement.name())
}

/// The normalised text, or the client's; in both, what literals are left is replaced, for some cannot become bind
/// variables.
pub fn text(o: &Observed, seen: &Seen) -> String {
    match own_plan(o, seen) {
        Some(plan) => sqlast::redacted(plan.normalized.as_bytes(), &Default::default(), MAX_TEXT_BYTES),
        None => sqlast::redacted(&o.sql, &o.options, MAX_TEXT_BYTES),
    }
}
