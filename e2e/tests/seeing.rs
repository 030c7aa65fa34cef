//! What a cluster tells of its queries: query logs of vtgate and vttablet, the audit log, traces; and that what was planted in
//! statements is not where it must not be.
//!
//! One cluster, one test, step by step: starting it costs more than the steps.

// The helpers of a test fail the test.
#![allow(clippy::unwrap_used)]

use std::{fs, path::Path, time::Duration};

use collector::{Collector, tree};
use e2e::{Cluster, exec, fault, rows, scenario::step};
use mysql_async::{Conn, prelude::Queryable};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(30);
/// A value of a row, a literal of an unknown statement, a comment: none of them is part of another text.
const SECRET: &str = "planted-8c41";

/// The lines of a log, as JSON; those of the file's last, unfinished line are left out.
fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_inclusive('\n')
        .filter(|l| l.ends_with('\n'))
        .map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{l}: {e}")))
        .collect()
}

/// The first line that `is` accepts.
async fn line(path: &Path, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    testkit::wait_until_async(what, LIMIT, tokio::time::sleep, async || {
        let lines = lines(path);
        lines.iter().find(|l| is(l)).cloned().ok_or_else(|| format!("{} lines", lines.len()))
    })
    .await
}

fn sql_has(line: &Value, text: &str) -> bool {
    line["SQL"].as_str().is_some_and(|sql| sql.contains(text))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_tells_of_its_queries() {
    let dir = testkit::temp_dir();
    let file = |name: &str| dir.path().join(name);
    let (gate_log, tablet_log, audit_log) = (file("vtgate.log"), file("vttablet.log"), file("audit.log"));
    let collector = Collector::start().await;
    let endpoint = format!("--otel-endpoint={}", collector.address());
    let cluster = Cluster::start(&[
        "--vtgate-arg=--tracer=otlp",
        // Only what a client asks for.
        "--vtgate-arg=--tracing-sampling-rate=0",
        &format!("--vtgate-arg={endpoint}"),
        "--vttablet-arg=--tracer=otlp",
        &format!("--vttablet-arg={endpoint}"),
        "--mysql-flavor=mysql",
        &format!("--vtgate-arg=--log-queries-to-file={}", gate_log.display()),
        "--vtgate-arg=--querylog-format=json",
        // Every query takes longer: its line carries the plan.
        "--vtgate-arg=--querylog-time-threshold=1us",
        &format!("--vtgate-arg=--audit-log-file={}", audit_log.display()),
        &format!("--vttablet-arg=--log-queries-to-file={}", tablet_log.display()),
        "--vttablet-arg=--querylog-format=json",
        "--vttablet-arg=--redact-debug-ui-queries",
    ]);
    let mut conn = cluster.connect("customer").await;
    step("statements with secrets");
    statements(&mut conn).await;
    step("the query log of vtgate");
    query_log_of_vtgate(&gate_log).await;
    step("the query log of vttablet");
    query_log_of_vttablet(&tablet_log).await;
    step("the audit log");
    the_audit_log(&audit_log).await;
    step("nothing planted where it must not be");
    for path in [&tablet_log, &audit_log] {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.lines().count() > 5 && !text.contains(SECRET), "{}", path.display());
    }
    // The counter-check: the log that tells values has it, as a value and never as text.
    let told: Vec<_> = lines(&gate_log).into_iter().filter(|l| l.to_string().contains(SECRET)).collect();
    assert!(!told.is_empty());
    assert!(told.iter().all(|l| !sql_has(l, SECRET)), "{told:?}");
    step("a traced query is a tree of spans");
    a_traced_query_is_a_tree_of_spans(&mut conn, &collector).await;
    step("what is gathered, and what is rolled back, is traced");
    gathered_and_rolled_back(&mut conn, &collector).await;
    step("a full disk refuses statements");
    a_full_disk_refuses_statements(&cluster, &mut conn, &audit_log).await;
}

async fn statements(conn: &mut Conn) {
    let insert = format!("insert into customer (name) values ('{SECRET}')");
    exec(conn, &insert).await;
    let found =
        rows(conn, &format!("select /* {SECRET} */ name from customer where name = '{SECRET}'")).await;
    assert_eq!(found, [[SECRET]]);
    exec(conn, "begin").await;
    exec(conn, &format!("update customer set name = 'other' where name = '{SECRET}'")).await;
    exec(conn, "commit").await;
    let _: Vec<mysql_async::Row> =
        conn.exec("select count(*) from customer where name <> ?", (SECRET,)).await.unwrap();
    assert_eq!(fault(conn, &format!("select '{SECRET}' from nowhere")).await.0, 1146);
    assert_eq!(fault(conn, &format!("selekt '{SECRET}'")).await.0, 1064);
    exec(conn, &format!("set @a = '{SECRET}'")).await;
}

async fn query_log_of_vtgate(path: &Path) {
    let select = line(path, "the select", |l| sql_has(l, "select name from customer")).await;
    assert_eq!(select["StmtType"], "SELECT");
    assert_eq!(select["PlanType"], "Route Scatter");
    assert_eq!(select["TablesUsed"], serde_json::json!(["customer.customer"]));
    assert_eq!(select["Shards"].as_array().unwrap().len(), 2, "{select}");
    assert_eq!((&select["RowsReturned"], &select["ShardQueries"]), (&1.into(), &2.into()));
    assert_eq!((&select["Outcome"], &select["Errno"]), (&"ok".into(), &0.into()));
    assert!(select["RemoteAddr"].as_str().unwrap().starts_with("127.0.0.1:"), "{select}");
    assert!(select["BindVars"].to_string().contains(SECRET), "{select}");
    assert!(select["Plan"].as_str().unwrap().starts_with("Route customer Scatter\n"), "{select}");
    let time = |name: &str| select[name].as_f64().unwrap();
    assert!(time("PlanTime") > 0.0 && time("ExecuteTime") > 0.0, "{select}");
    assert!(time("TotalTime") >= time("PlanTime") + time("ExecuteTime") - 1e-5, "{select}");
    let commit = line(path, "the commit", |l| l["StmtType"] == "COMMIT").await;
    assert!(commit["CommitTime"].as_f64().unwrap() > 0.0, "{commit}");
    let wrong = line(path, "the unknown table", |l| l["Errno"] == 1146).await;
    assert_eq!(wrong["Outcome"], "error");
    assert_eq!(wrong["SQL"], "select ? from nowhere");
    line(path, "the syntax error", |l| l["Errno"] == 1064 && l["SQL"] == "selekt ?").await;
}

async fn query_log_of_vttablet(path: &Path) {
    let is_it = |l: &Value| l["Method"] == "StreamExecute" && sql_has(l, "select name from customer");
    let select = line(path, "the select", is_it).await;
    assert_eq!((&select["Keyspace"], &select["PlanType"]), (&"customer".into(), &"Select".into()));
    assert!(select["MysqlTime"].as_f64().unwrap() > 0.0, "{select}");
    assert!(select["ConnWaitTime"].as_f64().is_some() && select["BindVars"].is_null(), "{select}");
    assert!(select["RemoteAddr"].as_str().unwrap().starts_with("127.0.0.1:"), "{select}");
    line(path, "the commit", |l| l["Method"] == "Commit" && l["TransactionID"] != 0).await;
    let begun = line(path, "the update", |l| sql_has(l, "update customer")).await;
    assert_eq!(begun["RowsAffected"].as_u64().map(|n| n <= 1), Some(true), "{begun}");
}

async fn the_audit_log(path: &Path) {
    // The sample's rows came before: five at once.
    let is_it = |l: &Value| {
        l["StmtType"] == "INSERT"
            && l["Tables"] == serde_json::json!(["customer.customer"])
            && l["RowsAffected"] == 1
    };
    let insert = line(path, "the insert", is_it).await;
    assert_eq!((&insert["Keyspace"], &insert["Outcome"]), (&"customer".into(), &"ok".into()));
    // The row's shard, and the sequence's.
    assert_eq!(insert["Shards"].as_array().unwrap().len(), 2, "{insert}");
    let told: Vec<_> = insert.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "Time",
        "User",
        "ImmediateCaller",
        "RemoteAddr",
        "ConnectionId",
        "Component",
        "Keyspace",
        "TabletType",
        "StmtType",
        "Tables",
        "Shards",
        "RowsReturned",
        "RowsAffected",
        "Outcome",
        "Errno",
    ];
    assert_eq!(told, expected);
    let login = line(path, "the login", |l| l["ConnectionId"] == insert["ConnectionId"]).await;
    assert_eq!((&login["StmtType"], &login["Outcome"]), (&"LOGIN".into(), &"ok".into()), "{login}");
    assert_eq!((&login["User"], &login["RemoteAddr"]), (&insert["User"], &insert["RemoteAddr"]));
    let update = line(path, "the update", |l| l["StmtType"] == "UPDATE").await;
    assert_eq!(update["Shards"].as_array().unwrap().len(), 2, "{update}");
    line(path, "the commit", |l| l["StmtType"] == "COMMIT" && l["Shards"] != serde_json::json!([])).await;
    line(path, "the failed select", |l| l["Errno"] == 1146 && l["Outcome"] == "error").await;
    line(path, "the prepared select", |l| l["StmtType"] == "SELECT" && l["RowsReturned"] == 1).await;
}

/// From the client's comment through vtgate and the tablets of both shards to their mysqlds.
async fn a_traced_query_is_a_tree_of_spans(conn: &mut Conn, collector: &Collector) {
    let (trace, client) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let comment = format!("/*traceparent='00-{trace}-{client}-01'*/");
    exec(conn, &format!("select name from customer where name = '{SECRET}' {comment}")).await;
    let mut expected: Vec<String> =
        ["client > vtgate SELECT", "vtgate SELECT > plan"].map(str::to_owned).into();
    for _shard in 0..2 {
        expected.extend(
            [
                "vtgate SELECT > shard call",
                "shard call > vttablet StreamExecute",
                "vttablet StreamExecute > pool wait",
                "vttablet StreamExecute > mysqld",
            ]
            .map(str::to_owned),
        );
    }
    expected.sort();
    let client = u64::from_str_radix(client, 16).unwrap().to_be_bytes();
    testkit::wait_until_async("the tree of spans", LIMIT, tokio::time::sleep, async || {
        let spans = collector.spans();
        let tree = tree(&spans, &client);
        if tree == expected { Ok(()) } else { Err(format!("{tree:#?}")) }
    })
    .await;
    let spans = collector.spans();
    let trace = u128::from_str_radix(trace, 16).unwrap().to_be_bytes();
    // Nothing but this query was traced, and no value of it is in a span.
    assert!(spans.iter().all(|s| s.trace_id == trace));
    assert!(!format!("{spans:?}").contains(SECRET));
}

/// Executes a statement below a client's span, and waits until the tree of its spans is as `expected`: what is there more
/// than once is named once.
async fn traced(conn: &mut Conn, collector: &Collector, sql: &str, expected: &[&str]) {
    collector.take();
    let (trace, client) = ("a3ce929d0e0e47364bf92f3577b34da6", "11f067aa0ba902b7");
    exec(conn, &format!("{sql} /*traceparent='00-{trace}-{client}-01'*/")).await;
    let client = u64::from_str_radix(client, 16).unwrap().to_be_bytes();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    testkit::wait_until_async(sql, LIMIT, tokio::time::sleep, async || {
        let mut tree = tree(&collector.spans(), &client);
        tree.dedup();
        if tree == expected { Ok(()) } else { Err(format!("{tree:#?}")) }
    })
    .await;
    assert!(!format!("{:?}", collector.spans()).contains(SECRET), "{sql}");
}

async fn gathered_and_rolled_back(conn: &mut Conn, collector: &Collector) {
    let sql = format!("select name, rank() over (order by name) from customer where name <> '{SECRET}'");
    let mut expected = vec!["client > vtgate SELECT", "vtgate SELECT > plan"];
    expected.extend([
        "vtgate SELECT > gather reserve",
        "gather reserve > vttablet ReserveExecute",
        "vttablet ReserveExecute > begin",
        "vttablet ReserveExecute > mysqld",
    ]);
    expected.extend([
        "vtgate SELECT > shard call",
        "shard call > vttablet StreamExecute",
        "vttablet StreamExecute > mysqld",
        "vttablet StreamExecute > pool wait",
    ]);
    // The CREATE and the INSERT, and what sets the mode of the query.
    expected.extend([
        "vtgate SELECT > gather load",
        "gather load > vttablet Execute",
        "vttablet Execute > mysqld",
        "vtgate SELECT > gather query",
        "gather query > vttablet Execute",
        "gather query > vttablet StreamExecute",
    ]);
    traced(conn, collector, &sql, &expected).await;

    exec(conn, "begin").await;
    exec(conn, "update customer set name = concat(name, '!')").await;
    let expected = [
        "client > vtgate SAVEPOINT",
        "vtgate SAVEPOINT > savepoint",
        "savepoint > vttablet Execute",
        "vttablet Execute > mysqld",
    ];
    traced(conn, collector, "savepoint a", &expected).await;
    let expected = ["client > vtgate ROLLBACK", "vtgate ROLLBACK > rollback", "rollback > vttablet Rollback"];
    traced(conn, collector, "rollback", &expected).await;
}

/// As a client sees it: an error that says why, nothing executed, and service again when there is room.
async fn a_full_disk_refuses_statements(cluster: &Cluster, conn: &mut Conn, audit_log: &Path) {
    let before = audit_log.with_extension("before");
    fs::rename(audit_log, &before).unwrap();
    std::os::unix::fs::symlink("/dev/full", audit_log).unwrap();
    cluster.signal("vtgate", nix::sys::signal::Signal::SIGHUP);
    let message = testkit::wait_until_async("a refusal", LIMIT, tokio::time::sleep, async || {
        match conn.query_drop("select 1 from customer").await {
            Err(mysql_async::Error::Server(e)) => Ok(e.message),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert!(message.contains("the audit log cannot be written"), "{message}");
    fs::remove_file(audit_log).unwrap();
    testkit::wait_until_async("service again", LIMIT, tokio::time::sleep, async || {
        conn.query_drop("select 1 from customer").await.map_err(|e| e.to_string())
    })
    .await;
    line(audit_log, "the line that waited", |l| l["StmtType"] == "SELECT").await;
}
