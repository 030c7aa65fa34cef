//! The tablet's admin pages and variables, under Vitess's names.

use std::{collections::BTreeMap, fmt::Write, sync::Arc, time::Duration};

use axum::{
    Form, Json, Router,
    extract::{Query, State},
    http::StatusCode,
    response::{Html, IntoResponse},
    routing::get,
};
use serde_json::{Value, json};
use servenv::{Context, format_duration, html_escape, parse_duration};
use vterrors::{Error, Result};
use vtmodel::{tablet_type_lower, tablet_type_name};

use crate::{query::plan::Plan, tablet::Tablet};

/// Adds everything to the process's admin server.
pub fn install(tablet: &Arc<Tablet>, context: &Context) {
    publish(tablet, context);
    let health = Arc::clone(tablet);
    context.pages.set_health(move || health.health.verdict());
    let section = Arc::clone(tablet);
    context.pages.add_section("Tablet", move || status_html(&section));
    let router = Router::new()
        .route("/debug/env", get(show_env).post(set_env))
        .route("/debug/query_plans", get(query_plans))
        .route("/queryz", get(queryz))
        .route("/debug/status_details", get(status_details))
        .route("/schemaz", get(schemaz))
        .with_state(Arc::clone(tablet));
    context.pages.add_routes(router);
}

fn publish(tablet: &Arc<Tablet>, context: &Context) {
    let var = |name: &str, read: fn(&Tablet) -> Value| {
        let tablet = Arc::clone(tablet);
        context.metrics.publish(name, move || read(&tablet));
    };
    var("TabletStateName", |t| {
        // Names for who waits: a tablet that shuts down, or is not well, is not serving.
        json!(if t.health.verdict().is_ok() { "SERVING" } else { "NOT_SERVING" })
    });
    var("TabletState", |t| json!(if t.health.verdict().is_ok() { 2 } else { 0 }));
    var("TabletType", |t| json!(tablet_type_lower(t.serving.snapshot().target.tablet_type)));
    var("TabletKeyspace", |t| json!(t.config.keyspace));
    var("TabletShard", |t| json!(t.config.shard));
    var("TabletAlias", |t| json!(t.config.alias.to_string()));
    var("TabletHealthError", |t| json!(t.health.verdict().err().unwrap_or_default()));
    var("ReplicationLagSeconds", |t| json!(t.health.looks().lag_seconds));
    var("HealthStreams", |t| json!(t.health.listeners()));
    var("RequestsInside", |t| json!(t.serving.inside()));
    var("QueryCacheSize", |t| json!(t.query.plans.stats().bytes));
    var("QueryCacheLength", |t| json!(t.query.plans.stats().plans));
    var("QueryCacheHits", |t| json!(t.query.plans.stats().hits));
    var("QueryCacheMisses", |t| json!(t.query.plans.stats().misses));
    var("QueryTimeout", |t| json!(t.query.limits.query_timeout().as_nanos() as u64));
    var("TransactionTimeout", |t| json!(t.query.tx.limits().transaction_timeout().as_nanos() as u64));
    var("MaxResultSize", |t| json!(t.query.limits.max_result_size()));
}

fn rows(pairs: &[(&str, String)]) -> String {
    let mut html = String::from("<table>");
    for (name, value) in pairs {
        let _ = write!(html, "<tr><th>{name}</th><td>{}</td></tr>", html_escape(value));
    }
    html + "</table>"
}

fn status_html(t: &Tablet) -> String {
    let snapshot = t.serving.snapshot();
    let health = t.health.verdict().err().unwrap_or_else(|| "healthy".to_owned());
    // "Tablet Type: PRIMARY" is looked for by scripts.
    let heading = format!("<p>Tablet Type: {}</p>", tablet_type_name(snapshot.target.tablet_type));
    heading
        + &rows(&[
            ("Alias", t.config.alias.to_string()),
            ("Keyspace", t.config.keyspace.clone()),
            ("Shard", t.config.shard.clone()),
            ("Database", t.config.db_name.clone()),
            ("State", snapshot.phase.name().to_owned()),
            ("Reason", snapshot.reason.clone()),
            ("Health", health),
            ("Replication lag", format!("{} s", t.health.looks().lag_seconds)),
            ("Open transactions", t.query.tx.transaction_count().to_string()),
        ])
}

async fn status_details(State(t): State<Arc<Tablet>>) -> Json<Value> {
    let snapshot = t.serving.snapshot();
    let looks = t.health.looks();
    let class = |ok: bool| if ok { "healthy" } else { "unhealthy" };
    let serving = t.health.verdict();
    let detail = |key: &str, class: &str, value: String| json!({"Key": key, "Class": class, "Value": value});
    Json(json!([
        detail("Current State", class(serving.is_ok()), snapshot.phase.name().to_owned()),
        detail("Tablet Type", "healthy", tablet_type_name(snapshot.target.tablet_type).to_owned()),
        detail("Health", class(looks.error.is_empty()), serving.err().unwrap_or_else(|| "ok".to_owned())),
        detail(
            "Replication Lag",
            class(looks.error.is_empty()),
            format_duration(Duration::from_secs(u64::from(looks.lag_seconds)))
        ),
    ]))
}

/// A setting that can be changed while the tablet runs.
struct Setting {
    name: &'static str,
    read: fn(&Tablet) -> String,
    write: fn(&Tablet, &str) -> Result<()>,
}

fn number(text: &str) -> Result<usize> {
    text.parse()
        .ok()
        .filter(|n| *n > 0)
        .ok_or_else(|| Error::invalid(format!("{text:?} is not a number of at least 1")))
}

fn duration(text: &str) -> Result<Duration> {
    parse_duration(text).map_err(Error::invalid)
}

const SETTINGS: &[Setting] = &[
    Setting {
        name: "ReadPoolSize",
        read: |t| t.query.oltp.limits().capacity().to_string(),
        write: |t, v| number(v).map(|n| t.query.oltp.set_capacity(n)),
    },
    Setting {
        name: "StreamPoolSize",
        read: |t| t.query.olap.limits().capacity().to_string(),
        write: |t, v| number(v).map(|n| t.query.olap.set_capacity(n)),
    },
    Setting {
        name: "TransactionPoolSize",
        read: |t| t.query.tx.pool(None).limits().capacity().to_string(),
        write: |t, v| {
            let n = number(v)?;
            t.query.tx.pool(None).set_capacity(n);
            t.query.tx.found_rows_pool().set_capacity(n);
            Ok(())
        },
    },
    Setting {
        name: "DbaPoolSize",
        read: |t| t.dba.pool.limits().capacity().to_string(),
        write: |t, v| number(v).map(|n| t.dba.pool.set_capacity(n)),
    },
    Setting {
        name: "AppPoolSize",
        read: |t| t.app.limits().capacity().to_string(),
        write: |t, v| number(v).map(|n| t.app.set_capacity(n)),
    },
    Setting {
        name: "QueryPoolTimeout",
        read: |t| format_duration(t.query.oltp.limits().timeout()),
        write: |t, v| {
            let d = duration(v)?;
            t.query.oltp.limits().set_timeout(d);
            t.query.olap.limits().set_timeout(d);
            Ok(())
        },
    },
    Setting {
        name: "TxPoolTimeout",
        read: |t| format_duration(t.query.tx.pool(None).limits().timeout()),
        write: |t, v| {
            let d = duration(v)?;
            t.query.tx.pool(None).limits().set_timeout(d);
            t.query.tx.found_rows_pool().limits().set_timeout(d);
            Ok(())
        },
    },
    Setting {
        name: "QueryTimeout",
        read: |t| format_duration(t.query.limits.query_timeout()),
        write: |t, v| duration(v).map(|d| t.query.limits.set_query_timeout(d)),
    },
    Setting {
        name: "TransactionTimeout",
        read: |t| format_duration(t.query.tx.limits().transaction_timeout()),
        write: |t, v| duration(v).map(|d| t.query.tx.limits().set_transaction_timeout(d)),
    },
    Setting {
        name: "MaxResultSize",
        read: |t| t.query.limits.max_result_size().to_string(),
        write: |t, v| number(v).map(|n| t.query.set_max_result_size(n)),
    },
];

async fn show_env(
    State(t): State<Arc<Tablet>>,
    Query(asked): Query<BTreeMap<String, String>>,
) -> axum::response::Response {
    let values: serde_json::Map<String, Value> =
        SETTINGS.iter().map(|s| (s.name.to_owned(), json!((s.read)(&t)))).collect();
    if asked.get("format").is_some_and(|f| f == "json") {
        return Json(Value::Object(values)).into_response();
    }
    let mut page =
        String::from("<!doctype html><meta charset=utf-8><title>vttablet settings</title><h1>Settings</h1>");
    for s in SETTINGS {
        let _ = write!(
            page,
            "<form method=post><label>{0} <input type=hidden name=varname value={0}><input name=value value=\"{1}\"></label> <button>Change</button></form>",
            s.name,
            html_escape(&(s.read)(&t))
        );
    }
    Html(page).into_response()
}

async fn set_env(
    State(t): State<Arc<Tablet>>,
    Form(form): Form<BTreeMap<String, String>>,
) -> (StatusCode, String) {
    let text = |key: &str| form.get(key).map_or("", String::as_str);
    let (name, value) = (text("varname"), text("value"));
    let Some(setting) = SETTINGS.iter().find(|s| s.name == name) else {
        let names: Vec<&str> = SETTINGS.iter().map(|s| s.name).collect();
        return (StatusCode::BAD_REQUEST, format!("no setting {name:?}; there are {}\n", names.join(", ")));
    };
    match (setting.write)(&t, value) {
        Ok(()) => {
            tracing::info!(setting = name, value, "setting changed");
            (StatusCode::OK, format!("Setting {name} to: {}\n", (setting.read)(&t)))
        }
        Err(e) => (StatusCode::BAD_REQUEST, format!("{name}: {}\n", e.message())),
    }
}

async fn query_plans(State(t): State<Arc<Tablet>>) -> Json<Value> {
    let plans = t.query.plans.all();
    let pair = |p: &Arc<Plan>| (p.sql.to_string(), json!({"PlanID": p.kind.name(), "Plan": **p}));
    Json(Value::Object(plans.iter().map(pair).collect()))
}

async fn queryz(State(t): State<Arc<Tablet>>) -> Html<String> {
    let mut page = String::from(
        "<!doctype html><meta charset=utf-8><title>queryz</title><h1>Cached queries</h1><table><tr><th>Query<th>Plan</tr>",
    );
    for plan in t.query.plans.all() {
        let _ = write!(page, "<tr><td>{}<td>{}</tr>", html_escape(&plan.sql), plan.kind.name());
    }
    Html(page + "</table>")
}

async fn schemaz(State(t): State<Arc<Tablet>>) -> Html<String> {
    let mut page = String::from("<!doctype html><meta charset=utf-8><title>schemaz</title><h1>Tables</h1>");
    for (name, definition) in t.query.schema.definitions().iter() {
        let _ = write!(page, "<h2>{}</h2><pre>{}</pre>", html_escape(name), html_escape(&definition.create));
    }
    Html(page)
}
