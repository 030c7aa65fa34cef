//! `sql`: statements through vtgate, or a client to type them into.

use std::{os::unix::process::CommandExt, time::Duration};

use mysql_async::{Conn, OptsBuilder, Value, prelude::Queryable};
use mysqlctl::{binaries::SearchPath, mysql_error};
use vterrors::{Condition, Error, Result};

use crate::{
    options::SqlOptions,
    plan::{CellPlan, Plan},
    state::State,
    up::say,
};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// A connection to vtgate as the user of the local cluster.
pub async fn connect(plan: &Plan, cell: &CellPlan, database: Option<&str>) -> Result<Conn> {
    let (host, port) = cell.mysql();
    let options = OptsBuilder::default()
        .ip_or_hostname(host)
        .tcp_port(port)
        // What goes by TLS alone over TCP is spoken to over a socket.
        .socket(plan.tls.as_ref().map(|_| cell.socket.display().to_string()))
        .user(Some("user"))
        .db_name(database)
        .prefer_socket(false);
    match tokio::time::timeout(CONNECT_LIMIT, Conn::new(options)).await {
        Ok(conn) => {
            conn.map_err(|e| mysql_error(e).context(format!("connecting to vtgate at {host}:{port}")))
        }
        Err(_) => Err(Error::new(
            Condition::Timeout,
            format!("connecting to vtgate at {host}:{port} took longer than {CONNECT_LIMIT:?}"),
        )),
    }
}

/// Runs the statements given, or becomes the `mysql` client.
pub async fn run(options: &SqlOptions) -> Result<()> {
    let data_dir = options.data_dir.absolute()?;
    let state = State::read(&data_dir)?;
    let plan = state
        .as_ref()
        .map(|s| Plan::new(&s.spec, &data_dir))
        .filter(|plan| state.as_ref().is_some_and(|s| plan.vtgates().any(|p| s.running(&p.name).is_some())));
    let Some(plan) = plan else {
        let text = format!("no cluster runs in {}: start it with `vtlocal up`", data_dir.display());
        return Err(Error::new(Condition::NotFound, text));
    };
    let cell = chosen_cell(&plan, options.cell.as_deref())?;
    let database = options.database.as_deref().or(plan.spec.sample.then_some("customer"));
    if options.execute.is_empty() {
        return become_client(&plan, cell, database);
    }
    let mut conn = connect(&plan, cell, database).await?;
    for statement in &options.execute {
        let mut result = conn.query_iter(statement.as_str()).await.map_err(mysql_error)?;
        let columns: Vec<String> = result.columns_ref().iter().map(|c| c.name_str().into_owned()).collect();
        let rows: Vec<mysql_async::Row> = result.collect().await.map_err(mysql_error)?;
        if !columns.is_empty() {
            say(None, &columns.join("\t"));
        }
        for row in rows {
            say(None, &row.unwrap().iter().map(text).collect::<Vec<_>>().join("\t"));
        }
    }
    conn.disconnect().await.map_err(mysql_error)
}

/// As the `mysql` client prints it without a terminal.
fn text(value: &Value) -> String {
    match value {
        Value::NULL => "NULL".to_owned(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => other.as_sql(true),
    }
}

/// That of the name, or the first.
fn chosen_cell<'a>(plan: &'a Plan, cell: Option<&str>) -> Result<&'a CellPlan> {
    let Some(name) = cell else { return Ok(&plan.cells[0]) };
    let known = || plan.spec.cells.join(", ");
    plan.cell(name).ok_or_else(|| {
        Error::invalid(format!("--cell {name}: the cluster has no such cell, but {}", known()))
    })
}

fn become_client(plan: &Plan, cell: &CellPlan, database: Option<&str>) -> Result<()> {
    let (host, port) = cell.mysql();
    let client = SearchPath::from_env().find(&["mysql", "mariadb"]).ok_or_else(|| {
        Error::new(Condition::NotFound, "no `mysql` client found; use `vtlocal sql -e 'statement'`")
    })?;
    let error = std::process::Command::new(&client)
        .args(plan.tls.iter().map(|tls| format!("--ssl-ca={}", tls.ca().display())))
        .args(["-h", host, "-P", &port.to_string(), "-u", "user"])
        .args(database)
        .exec();
    Err(Error::internal(format!("cannot run {}: {error}", client.display())))
}
