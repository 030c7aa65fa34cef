//! The API and the page: what is wrong, what was done, and the switch that stops recoveries. Paths are Vitess's.

mod page;

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    response::IntoResponse,
    routing::get,
};
use serde_json::{Value, json};
use servenv::Context;

use crate::{Board, Options, board::Report, view::TabletView, watch::topology::DISABLED_KEY};

#[derive(Clone)]
struct Site {
    board: Arc<Board>,
    topo: topo::Server,
}

pub(crate) fn add_pages(context: &Context, board: &Arc<Board>, topo: &topo::Server, options: &Options) {
    let site = Site { board: board.clone(), topo: topo.clone() };
    let routes = Router::new()
        .route("/api/replication-analysis", get(analysis))
        .route("/api/detection-analysis", get(analysis))
        .route("/api/problems", get(problems))
        .route("/api/errant-gtids", get(errant))
        .route("/api/recoveries", get(history))
        .route("/api/database-state", get(tablets))
        .route("/api/disable-global-recoveries", get(disable).put(disable).post(disable))
        .route("/api/enable-global-recoveries", get(enable).put(enable).post(enable))
        .route("/debug/liveness", get(|| async { "alive\n" }))
        .with_state(site);
    context.pages.add_routes(routes);
    let health = board.clone();
    context.pages.set_health(move || health.health());
    context.pages.tell_health_as_json();
    page::add_sections(context, board, &options.watch.cell);
}

/// `?keyspace=` and `?shard=` narrow a list.
type Narrow = Query<HashMap<String, String>>;

fn reports(site: &Site, narrow: &Narrow) -> Vec<Arc<Report>> {
    let is =
        |name: &str, value: &str| narrow.get(name).is_none_or(|wanted| wanted.is_empty() || wanted == value);
    let all = site.board.reports();
    all.into_iter().filter(|r| is("keyspace", &r.view.keyspace) && is("shard", &r.view.shard)).collect()
}

/// Every finding, with what is known of its tablet.
async fn analysis(State(site): State<Site>, narrow: Narrow) -> impl IntoResponse {
    let mut found = Vec::new();
    for report in reports(&site, &narrow) {
        for (finding, age) in report.findings.iter().zip(&report.ages) {
            let tablet = finding.tablet.as_ref();
            found.push(json!({
                "AnalyzedInstanceAlias": tablet.map(ToString::to_string).unwrap_or_default(),
                "Analysis": finding.analysis.name(),
                "Description": finding.description,
                "SecondsSince": age.as_secs_f64(),
                "ClusterDetails": { "Keyspace": report.view.keyspace, "Shard": report.view.shard },
                "TabletType": tablet.and_then(|a| report.view.tablet(a)).map(|t| t.tablet_type().as_str_name()),
            }));
        }
    }
    Json(found)
}

/// Every tablet that something is wrong with.
async fn problems(State(site): State<Site>, narrow: Narrow) -> impl IntoResponse {
    let mut found = Vec::new();
    for report in reports(&site, &narrow) {
        for tablet in &report.view.tablets {
            let of_tablet: Vec<&str> = report
                .findings
                .iter()
                .filter(|f| f.tablet.as_ref() == Some(&tablet.alias))
                .map(|f| f.analysis.name())
                .collect();
            if !of_tablet.is_empty() {
                let mut value = instance(&report, tablet);
                value["Problems"] = json!(of_tablet);
                found.push(value);
            }
        }
    }
    Json(found)
}

async fn errant(State(site): State<Site>, narrow: Narrow) -> impl IntoResponse {
    let mut found = Vec::new();
    for report in reports(&site, &narrow) {
        let tablets = report.view.tablets.iter().filter(|t| t.errant.is_some());
        found.extend(tablets.map(|t| instance(&report, t)));
    }
    Json(found)
}

/// All that is known of every tablet.
async fn tablets(State(site): State<Site>, narrow: Narrow) -> impl IntoResponse {
    let reports = reports(&site, &narrow);
    let all = reports.iter().flat_map(|r| r.view.tablets.iter().map(|t| instance(r, t)));
    Json(all.collect::<Vec<_>>())
}

fn instance(report: &Report, tablet: &TabletView) -> Value {
    let status = tablet.good.as_ref().map(|g| &*g.status);
    let replication = status.and_then(|s| s.replication_status.as_ref());
    json!({
        "InstanceAlias": tablet.alias.to_string(),
        "Keyspace": report.view.keyspace,
        "Shard": report.view.shard,
        "Cell": tablet.alias.cell,
        "TabletType": tablet.tablet_type().as_str_name(),
        "Hostname": tablet.record.mysql_hostname,
        "Port": tablet.record.mysql_port,
        "IsLastCheckValid": tablet.failing.is_none() && tablet.good.is_some(),
        "LastCheckError": tablet.failing.as_ref().map(|f| f.fault.text.clone()),
        "FailedChecks": tablet.failing.as_ref().map_or(0, |f| f.count),
        "Version": status.map(|s| s.version.clone()),
        "ReadOnly": status.map(|s| s.read_only),
        "ServerUUID": status.map(|s| s.server_uuid.clone()),
        "ExecutedGtidSet": status.and_then(|s| s.primary_status.as_ref()).map(|p| p.position.clone()),
        "GtidErrant": tablet.errant,
        "SourceHost": replication.map(|r| r.source_host.clone()),
        "SourcePort": replication.map(|r| r.source_port),
        "ReplicationLagSeconds":
            replication.filter(|r| !r.replication_lag_unknown).map(|r| r.replication_lag_seconds),
        "LastIOError": replication.map(|r| r.last_io_error.clone()),
        "LastSQLError": replication.map(|r| r.last_sql_error.clone()),
    })
}

async fn history(State(site): State<Site>, narrow: Narrow) -> impl IntoResponse {
    let is =
        |name: &str, value: &str| narrow.get(name).is_none_or(|wanted| wanted.is_empty() || wanted == value);
    let all = site.board.history();
    Json(all.into_iter().filter(|e| is("keyspace", &e.keyspace) && is("shard", &e.shard)).collect::<Vec<_>>())
}

async fn disable(State(site): State<Site>) -> impl IntoResponse {
    switch(&site, true).await
}

async fn enable(State(site): State<Site>) -> impl IntoResponse {
    switch(&site, false).await
}

/// In this process at once, in the others when they read the topology the next time.
async fn switch(site: &Site, disabled: bool) -> (StatusCode, String) {
    site.board.set_disabled(disabled);
    let word = if disabled { "disabled" } else { "enabled" };
    match site.topo.set_metadata(DISABLED_KEY, if disabled { "true" } else { "" }).await {
        Ok(()) => (StatusCode::OK, format!("Global recoveries {word}\n")),
        Err(e) => {
            let text = format!(
                "Global recoveries {word} in this process only: the topology could not be written, and what it says \
                 will count again when it is read: {e}\n"
            );
            (StatusCode::SERVICE_UNAVAILABLE, text)
        }
    }
}
