//! vtgate's own admin pages and variables.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, Router, extract::State, routing::get};
use serde_json::{Map, Value, json};
use servenv::{Context, html_escape};
use vtmodel::tablet_type_lower;

use crate::executor::Executor;

/// Adds them to the process's admin server.
pub fn add(context: &Context, executor: &Arc<Executor>) {
    let e = executor.clone();
    context.metrics.publish("HealthcheckConnections", move || connections(&e));
    let e = executor.clone();
    context.metrics.publish("VtgateVSchemaCounts", move || json!({"Reload": e.schema.layout().version}));
    let e = executor.clone();
    context.pages.set_health(move || match e.schema.layout().keyspaces().next() {
        Some(_) => Ok(()),
        None => Err("no keyspace is served in this cell".to_owned()),
    });
    let e = executor.clone();
    context.pages.add_section("Tablets", move || tablets(&e));
    context.pages.add_routes(
        Router::new()
            .route("/debug/vschema", get(vschema))
            .route("/debug/query_plans", get(query_plans))
            .with_state(executor.clone()),
    );
}

/// `keyspace.shard.type` -> how many tablets serve it.
fn connections(executor: &Executor) -> Value {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for tablet in executor.gateway.discovery().snapshot().tablets().filter(|t| t.serving) {
        *counts.entry(tablet.target.to_string()).or_default() += 1;
    }
    json!(counts)
}

fn tablets(executor: &Executor) -> String {
    let mut rows = String::new();
    for t in executor.gateway.discovery().snapshot().tablets() {
        let state = if t.serving { "serving" } else { "not serving" };
        rows.push_str(&format!(
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{state}<td>{} s<td>{}</tr>",
            html_escape(&t.alias.to_string()),
            html_escape(&t.target.keyspace),
            html_escape(&t.target.shard),
            tablet_type_lower(t.target.tablet_type),
            t.replication_lag_seconds,
            html_escape(&t.error),
        ));
    }
    format!("<table><tr><th>Alias<th>Keyspace<th>Shard<th>Type<th>State<th>Lag<th>Error</tr>{rows}</table>")
}

async fn vschema(State(executor): State<Arc<Executor>>) -> Json<Value> {
    let layout = executor.schema.layout();
    let mut keyspaces = Map::new();
    for keyspace in layout.vschema.keyspaces() {
        let table = |(name, t): (&String, &Arc<vschema::Table>)| {
            let columns: Vec<_> = t.columns.iter().map(|c| json!({"name": c.name})).collect();
            let vindexes: Vec<_> = t
                .column_vindexes
                .iter()
                .map(|v| json!({"name": v.name, "columns": v.columns, "type": v.vindex.type_name(), "owned": v.owned}))
                .collect();
            let value = json!({
                "name": t.name,
                "column_vindexes": vindexes,
                "columns": columns,
                "column_list_authoritative": t.column_list_authoritative,
            });
            (name.clone(), value)
        };
        let tables: Map<_, _> = keyspace.tables.iter().map(table).collect();
        keyspaces.insert(keyspace.name.clone(), json!({"sharded": keyspace.sharded, "tables": tables}));
    }
    let problems: Vec<_> = layout.vschema.problems().iter().map(ToString::to_string).collect();
    Json(json!({"keyspaces": keyspaces, "problems": problems, "version": layout.version}))
}

async fn query_plans(State(executor): State<Arc<Executor>>) -> Json<Value> {
    let plans = executor.cached_plans().into_iter().map(|plan| {
        let value = json!({
            "QueryType": plan.statement.name(),
            "TablesUsed": plan.tables_used,
            "Plan": planner::explain(&plan),
        });
        (plan.normalized.clone(), value)
    });
    Json(Value::Object(plans.collect()))
}
