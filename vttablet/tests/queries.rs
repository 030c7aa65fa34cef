//! The query service of a primary, over gRPC, against a real mysqld.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "tablet/harness.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod harness;

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use harness::*;
use proto::query::{execute_options::*, *};
use tabletclient::QueryService;
use vterrors::{Code, Condition};

macro_rules! tests {
    ($(async fn $name:ident($t:ident) $body:block)*) => {
        $(#[test]
        fn $name() {
            RUNTIME.block_on(async {
                let shared = shared_primary().await;
                let $t: &Running = &shared;
                $body
            });
        })*
    };
}

fn execute(query: Option<BoundQuery>, options: ExecuteOptions) -> ExecuteRequest {
    ExecuteRequest { target: primary_target(), query, options: Some(options), ..Default::default() }
}

fn begin() -> BeginRequest {
    BeginRequest { target: primary_target(), ..Default::default() }
}

fn commit(transaction_id: i64) -> CommitRequest {
    CommitRequest { target: primary_target(), transaction_id, ..Default::default() }
}

fn rollback(transaction_id: i64) -> RollbackRequest {
    RollbackRequest { target: primary_target(), transaction_id, ..Default::default() }
}

tests! {
    async fn queries_with_bind_variables(t) {
        t.run("create table binds (id bigint primary key, v varchar(100), b varbinary(20))").await.unwrap();
        let vars = [("id", Type::Int64, "7"), ("v", Type::Varchar, "it's; -- \\ \"quoted\"")];
        let insert = with_vars("insert into binds (id, v) values (:id, :v)", &vars);
        let done = t.query.execute(execute(insert, ExecuteOptions::default())).await.unwrap().result.unwrap();
        assert_eq!(done.rows_affected, 1);
        let select = with_vars("select id, v, b from binds where v = :v", &vars[1..]);
        let found = t.query.execute(execute(select, ExecuteOptions::default())).await.unwrap().result.unwrap();
        assert_eq!(rows(&found), ["7|it's; -- \\ \"quoted\"|NULL"]);
        assert_eq!(found.fields[0].name, "id");
        let e = t.run("select :nothing").await.unwrap_err();
        assert_eq!((e.code(), e.message()), (Code::InvalidArgument, "missing bind var nothing"));
    }

    async fn the_tablets_own_database_for_information_schema(t) {
        t.run("create table in_schema (id int)").await.unwrap();
        let sql = "select table_name from information_schema.tables where table_schema = :__vtschemaname and table_name = 'in_schema'";
        let vars = [("__replacevtschemaname", Type::Int64, "1")];
        let found = t.query.execute(execute(with_vars(sql, &vars), ExecuteOptions::default())).await.unwrap();
        assert_eq!(rows(&found.result.unwrap()), ["in_schema"]);
    }

    async fn fields_name_the_keyspace_not_the_database(t) {
        t.run("create table named (id int)").await.unwrap();
        let options = ExecuteOptions { included_fields: IncludedFields::All as i32, ..Default::default() };
        let result = t.query.execute(execute(bound("select id as x from named"), options)).await.unwrap();
        let field = &result.result.unwrap().fields[0];
        assert_eq!(
            (field.name.as_str(), field.org_name.as_str(), field.table.as_str(), field.database.as_str()),
            ("x", "id", "named", "ks")
        );
    }

    async fn errors_of_mysqld_pass_with_number_and_state(t) {
        t.run("create table dup (id int primary key)").await.unwrap();
        t.run("insert into dup values (1)").await.unwrap();
        let e = t.run("insert into dup values (1)").await.unwrap_err();
        assert_eq!((e.code(), e.errno(), e.mysql_code().sqlstate_str()), (Code::AlreadyExists, 1062, "23000"));
        let e = t.run("select * from nosuchtable").await.unwrap_err();
        assert_eq!((e.errno(), e.mysql_code().sqlstate_str()), (1146, "42S02"));
        let e = t.run("selekt 1").await.unwrap_err();
        assert_eq!(e.errno(), 1064);
        assert_eq!(t.run("").await.unwrap_err().errno(), 1065);
    }

    async fn changed_and_found_rows(t) {
        t.run("create table fr (id int primary key, a int)").await.unwrap();
        t.run("insert into fr values (1, 1), (2, 1)").await.unwrap();
        for (client_found_rows, affected) in [(false, 0), (true, 2)] {
            let options = ExecuteOptions { client_found_rows, ..Default::default() };
            let done = t.query.execute(execute(bound("update fr set a = 1"), options)).await.unwrap();
            assert_eq!(done.result.unwrap().rows_affected, affected);
        }
    }

    async fn insert_ids(t) {
        t.run("create table auto (id int primary key auto_increment, a int)").await.unwrap();
        let done = t.run("insert into auto (a) values (1), (2)").await.unwrap();
        assert_eq!((done.insert_id, done.insert_id_changed), (1, true));
        assert!(done.session_state_changes.contains(':'), "no GTID in {done:?}");
        let options = ExecuteOptions { fetch_last_insert_id: true, ..Default::default() };
        let done = t.query.execute(execute(bound("update auto set id = last_insert_id(id + 10) where id = 2"), options)).await;
        assert_eq!(done.unwrap().result.unwrap().insert_id, 12);
    }

    async fn a_transaction_is_seen_when_it_commits(t) {
        t.run("create table txs (id int primary key)").await.unwrap();
        let id = t.query.begin(begin()).await.unwrap().transaction_id;
        t.run_in(id, "insert into txs values (1)").await.unwrap();
        assert_eq!(t.rows("select count(*) from txs").await, ["0"]);
        assert_eq!(rows(&t.run_in(id, "select count(*) from txs").await.unwrap()), ["1"]);
        assert_eq!(t.query.commit(commit(id)).await.unwrap().reserved_id, 0);
        assert_eq!(t.rows("select count(*) from txs").await, ["1"]);
        let e = t.run_in(id, "select 1").await.unwrap_err();
        assert_eq!(e.code(), Code::Aborted);
        assert!(e.message().starts_with(&format!("transaction {id}: ended at ")), "{e}");
        assert!(e.message().ends_with("(transaction committed)"), "{e}");

        let id = t.query.begin(begin()).await.unwrap().transaction_id;
        t.run_in(id, "insert into txs values (2)").await.unwrap();
        t.query.rollback(rollback(id)).await.unwrap();
        assert_eq!(t.rows("select count(*) from txs").await, ["1"]);
        let e = t.run_in(1234, "select 1").await.unwrap_err();
        assert_eq!(e.message(), "transaction 1234: not found");
        let e = t.run("begin").await.unwrap_err();
        assert!(e.message().contains("not allowed"), "{e}");
    }

    async fn two_requests_on_one_transaction(t) {
        let id = t.query.begin(begin()).await.unwrap().transaction_id;
        let first = t.run_in(id, "select /* first of two */ sleep(3)");
        let second = async {
            let sql = "select count(*) from information_schema.processlist where info like '%first of two%' and info not like '%processlist%'";
            eventually("the first runs", async || match t.dba(sql).await[0].as_str() {
                "1" => Ok(()),
                n => Err(n.to_owned()),
            })
            .await;
            let e = t.run_in(id, "select 1").await.unwrap_err();
            assert_eq!(e.message(), format!("transaction {id}: in use: for query"));
        };
        let (first, ()) = tokio::join!(first, second);
        first.unwrap();
        t.query.rollback(rollback(id)).await.unwrap();
    }

    async fn begin_with_a_query_keeps_the_id_when_the_query_fails(t) {
        let request = |sql: &str| BeginExecuteRequest {
            target: primary_target(),
            query: bound(sql),
            ..Default::default()
        };
        let begun = t.query.begin_execute(request("select * from nosuchtable")).await.unwrap();
        let e = vterrors::Error::from(begun.error.unwrap());
        assert_eq!(e.errno(), 1146);
        assert_ne!(begun.transaction_id, 0);
        t.run_in(begun.transaction_id, "select 1").await.unwrap();
        t.query.rollback(rollback(begun.transaction_id)).await.unwrap();
        let begun = t.query.begin_execute(request("select 5")).await.unwrap();
        assert_eq!(rows(&begun.result.unwrap()), ["5"]);
        assert_eq!(begun.tablet_alias.unwrap().uid, 100);
        t.query.rollback(rollback(begun.transaction_id)).await.unwrap();
    }

    async fn savepoints_and_isolation(t) {
        t.run("create table sp (id int primary key)").await.unwrap();
        let options = ExecuteOptions { transaction_isolation: TransactionIsolation::Serializable as i32, ..Default::default() };
        let id = t.query.begin(BeginRequest { options: Some(options), ..begin() }).await.unwrap().transaction_id;
        for sql in ["insert into sp values (1)", "savepoint a", "insert into sp values (2)", "rollback to a"] {
            t.run_in(id, sql).await.unwrap();
        }
        t.query.commit(commit(id)).await.unwrap();
        assert_eq!(t.rows("select id from sp").await, ["1"]);
        let read_only = ExecuteOptions {
            transaction_access_mode: vec![TransactionAccessMode::ReadOnly as i32],
            ..Default::default()
        };
        let id = t.query.begin(BeginRequest { options: Some(read_only), ..begin() }).await.unwrap().transaction_id;
        assert_eq!(t.run_in(id, "insert into sp values (3)").await.unwrap_err().errno(), 1792);
        t.query.rollback(rollback(id)).await.unwrap();
    }

    async fn reserved_connections_keep_their_settings(t) {
        let request = ReserveExecuteRequest {
            target: primary_target(),
            query: bound("select @@sql_mode"),
            pre_queries: vec!["set sql_mode = 'NO_BACKSLASH_ESCAPES'".into()],
            ..Default::default()
        };
        let reserved = t.query.reserve_execute(request).await.unwrap();
        assert_eq!(rows(&reserved.result.unwrap()), ["NO_BACKSLASH_ESCAPES"]);
        let id = reserved.reserved_id;
        // A value is written the way this session reads it.
        let query = with_vars("select :v, 'a\\', '\\'", &[("v", Type::Varchar, "back\\slash'")]);
        let request = ExecuteRequest { target: primary_target(), query, reserved_id: id, ..Default::default() };
        let result = t.query.execute(request).await.unwrap().result.unwrap();
        assert_eq!(rows(&result), ["back\\slash'|a\\|\\"]);
        // A transaction on it; the connection outlives it under a new id.
        let begun = t.query.begin_execute(BeginExecuteRequest {
            target: primary_target(), query: bound("select 1"), reserved_id: id, ..Default::default()
        }).await.unwrap();
        assert_eq!(begun.transaction_id, id);
        let renamed = t.query.commit(commit(id)).await.unwrap().reserved_id;
        assert!(renamed != 0 && renamed != id);
        let again = ExecuteRequest { target: primary_target(), query: bound("select @@sql_mode"), reserved_id: renamed, ..Default::default() };
        assert_eq!(rows(&t.query.execute(again.clone()).await.unwrap().result.unwrap()), ["NO_BACKSLASH_ESCAPES"]);
        t.query.release(ReleaseRequest { target: primary_target(), reserved_id: renamed, ..Default::default() }).await.unwrap();
        let e = t.query.execute(again).await.unwrap_err();
        assert!(e.message().contains("ended at"), "{e}");
        // SET outside of a session does not stay in the pool.
        t.run("set sql_mode = 'ANSI_QUOTES'").await.unwrap();
        for _ in 0..20 {
            assert_ne!(t.rows("select @@sql_mode").await, ["ANSI_QUOTES"]);
        }
    }

    async fn streams_of_any_size(t) {
        let sql = "with recursive n as (select 1 a union all select a + 1 from n where a < 900) \
                   select x.a * 1000 + y.a, repeat('r', 50) from n x join n y where y.a <= 50 order by 1";
        let request = StreamExecuteRequest { target: primary_target(), query: bound(sql), ..Default::default() };
        let mut stream = t.query.stream_execute(request).await.unwrap();
        let first = stream.next().await.unwrap().unwrap().result.unwrap();
        assert_eq!((first.fields.len(), first.rows.len()), (2, 0));
        let (mut count, mut messages) = (0, 0);
        while let Some(message) = stream.next().await {
            let result = message.unwrap().result.unwrap();
            assert_eq!(result.fields.len(), 0);
            count += result.rows.len();
            messages += 1;
        }
        assert_eq!(count, 45_000);
        assert!(messages > 50, "{messages} messages");
        // Not streamed it is too large.
        let e = t.run(sql).await.unwrap_err();
        assert_eq!((e.condition(), e.message()), (Condition::Mysql, "Row count exceeded 10000"));
        // An error is the stream's last message.
        let request = StreamExecuteRequest { target: primary_target(), query: bound("select * from nosuch"), ..Default::default() };
        let mut stream = t.query.stream_execute(request).await.unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap_err().errno(), 1146);
    }

    async fn a_stream_that_is_dropped_is_killed_at_mysqld(t) {
        let sql = "select /* dropped stream */ a.id, sleep(0.1), repeat('x', 20000) from (with recursive n as (select 1 id union all select id + 1 from n where id < 900) select * from n) a";
        let request = StreamExecuteRequest { target: primary_target(), query: bound(sql), ..Default::default() };
        let mut stream = t.query.stream_execute(request).await.unwrap();
        stream.next().await.unwrap().unwrap();
        drop(stream);
        gone_from_processlist(t, "%dropped stream%").await;
    }

    async fn a_query_that_is_given_up_is_killed_at_mysqld(t) {
        let given_up = tokio::time::timeout(Duration::from_millis(300), t.run("select /* given up */ sleep(30)")).await;
        assert!(given_up.is_err());
        gone_from_processlist(t, "%given up%").await;
        // In a transaction: it ends, and the caller is told.
        let id = t.query.begin(begin()).await.unwrap().transaction_id;
        let given_up = tokio::time::timeout(Duration::from_millis(300), t.run_in(id, "select /* given up too */ sleep(30)")).await;
        assert!(given_up.is_err());
        gone_from_processlist(t, "%given up too%").await;
        let e = t.run_in(id, "select 1").await.unwrap_err();
        assert!(e.message().starts_with(&format!("transaction {id}: ended at ")), "{e}");
    }

    async fn a_query_past_its_limit_ends_with_a_clear_error(t) {
        let options = ExecuteOptions { timeout: Some(Timeout::AuthoritativeTimeout(300)), ..Default::default() };
        let request = execute(bound("select sleep(30) from (select 1 union select 2) two"), options);
        let e = t.query.execute(request).await.unwrap_err();
        assert_eq!(e.code(), Code::DeadlineExceeded);
        assert!(e.message().contains("longer than its limit of 300ms"), "{e}");
        assert_eq!(t.rows("select 1").await, ["1"]);
    }

    async fn sequences_under_concurrency(t) {
        t.run("create table seq (id int primary key, next_id bigint, cache bigint) comment 'vitess_sequence'").await.unwrap();
        t.run("insert into seq values (0, 1, 7)").await.unwrap();
        let mut tasks = Vec::new();
        for worker in 0..8i64 {
            let query = t.query.clone();
            tasks.push(tokio::spawn(async move {
                let mut mine = Vec::new();
                for round in 0..25i64 {
                    let n = (worker + round) % 10 + 1;
                    let text = with_vars("select next :n values from seq", &[("n", Type::Int64, &n.to_string())]);
                    let result = query.execute(execute(text, ExecuteOptions::default())).await.unwrap().result.unwrap();
                    assert_eq!(result.fields[0].name, "nextval");
                    let first: i64 = rows(&result)[0].parse().unwrap();
                    mine.extend(first..first + n);
                }
                mine
            }));
        }
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "a number was given out twice");
        let next: i64 = t.rows("select next_id from seq").await[0].parse().unwrap();
        assert!(next > *all.last().unwrap(), "the table says {next}");
        let e = t.run("select next 0 values from seq").await.unwrap_err();
        assert!(e.message().contains("invalid number of values 0"), "{e}");
        t.run("create table noseq (id int primary key, next_id bigint, cache bigint)").await.unwrap();
        let e = t.run("select next value from noseq").await.unwrap_err();
        assert!(e.message().contains("sequence noseq: expected one row"), "{e}");
    }

    async fn a_wrong_target_is_refused_by_name(t) {
        for (target, code, text) in [
            (vtmodel::Target::new("other", "0", vtmodel::TabletType::Primary), Code::InvalidArgument, "invalid keyspace other"),
            (vtmodel::Target::new("ks", "-80", vtmodel::TabletType::Primary), Code::InvalidArgument, "invalid shard -80"),
            (vtmodel::Target::new("ks", "0", vtmodel::TabletType::Replica), Code::FailedPrecondition, "wrong tablet type: replica, want: primary"),
        ] {
            let request = ExecuteRequest { target: Some((&target).into()), query: bound("select 1"), ..Default::default() };
            let e = t.query.execute(request).await.unwrap_err();
            assert_eq!(e.code(), code);
            assert!(e.message().starts_with(text), "{e}");
        }
    }

    async fn ddl_is_seen_by_schema_and_health_streams(t) {
        let mut health = t.query.stream_health(StreamHealthRequest {}).await.unwrap();
        let first = health.next().await.unwrap().unwrap();
        assert!(first.serving);
        assert_eq!(first.target, primary_target());
        assert!(first.primary_term_start_timestamp > 0);
        t.run("create table seen (id int primary key auto_increment)").await.unwrap();
        let wait = async {
            loop {
                let message = health.next().await.unwrap().unwrap();
                if message.realtime_stats.unwrap().table_schema_changed.iter().any(|n| n == "seen") {
                    return;
                }
            }
        };
        tokio::time::timeout(LIMIT, wait).await.expect("the change is told");
        let request = GetSchemaRequest { target: primary_target(), table_type: SchemaTableType::Tables as i32, table_names: vec!["seen".into()] };
        let mut schema = t.query.get_schema(request).await.unwrap();
        let definitions = schema.next().await.unwrap().unwrap().table_definition;
        assert_eq!(definitions.len(), 1);
        assert!(definitions["seen"].starts_with("CREATE TABLE `seen`"), "{definitions:?}");
    }
}

/// Within a time in which the queries of these tests do not end by themselves.
async fn gone_from_processlist(t: &Running, like: &str) {
    let sql = format!(
        "select count(*) from information_schema.processlist where info like '{like}' and info not like '%processlist%'"
    );
    let look = async || match t.dba(&sql).await[0].as_str() {
        "0" => Ok(()),
        n => Err(format!("{n} still run")),
    };
    testkit::wait_until_async("the query is gone", Duration::from_secs(15), tokio::time::sleep, look).await;
}

/// Limits of a tablet of its own: small pools, short transactions.
#[test]
fn limits_are_told_and_can_be_changed() {
    RUNTIME.block_on(async {
        let server = Arc::new(Server::start(101).await);
        let flags = [
            "--queryserver-config-transaction-cap=1",
            "--queryserver-config-txpool-timeout=200ms",
            "--queryserver-config-pool-size=1",
            "--queryserver-config-query-pool-timeout=200ms",
            "--queryserver-config-transaction-timeout=2s",
        ];
        let t = start_tablet(&memory_topo().await, &server, &flags).await;
        t.init_primary().await;
        let target = primary_target();
        // The transaction pool is full.
        let id = t.query.begin(begin()).await.unwrap().transaction_id;
        let e = t.query.begin(begin()).await.unwrap_err();
        assert_eq!(e.code(), Code::ResourceExhausted);
        assert_eq!(e.message(), "pool TransactionPool: all 1 connections were in use for 200ms");
        // A larger pool, while it runs.
        t.tablet.query.tx.pool(None).set_capacity(2);
        let second = t.query.begin(begin()).await.unwrap().transaction_id;
        t.query.rollback(rollback(second)).await.unwrap();
        // The query pool too.
        let (slow, e) = tokio::join!(t.run("select sleep(1)"), async {
            eventually("the pool is full", async || match t.run("select 1").await {
                Err(e) => Ok(e),
                Ok(_) => Err("not yet".into()),
            })
            .await
        });
        slow.unwrap();
        assert_eq!(e.message(), "pool ConnPool: all 1 connections were in use for 200ms");
        // The transaction is killed at its timeout, idle or not.
        let e = eventually("the transaction is killed", async || match t.run_in(id, "select 1").await {
            Err(e) if e.message().contains("ended at") => Ok(e),
            other => Err(format!("{other:?}")),
        })
        .await;
        assert!(e.message().ends_with("(exceeded timeout: 2s)"), "{e}");
        let id = t.query.begin(begin()).await.unwrap().transaction_id;
        let started = std::time::Instant::now();
        let e = t.run_in(id, "select sleep(20) from (select 1 union select 2) two").await.unwrap_err();
        assert_eq!(e.code(), Code::DeadlineExceeded, "{e}");
        assert!(started.elapsed() < Duration::from_secs(10));
        // A result above the limit, which can be raised.
        t.tablet.query.set_max_result_size(2);
        let sql = "select 1 union select 2 union select 3";
        assert!(t.run(sql).await.unwrap_err().message().contains("Row count exceeded 2"));
        t.tablet.query.set_max_result_size(3);
        assert_eq!(t.rows(sql).await.len(), 3);
        let vars = t.context.metrics.to_json();
        assert_eq!(vars["ConnPoolCapacity"], 1);
        assert_eq!(vars["TransactionPoolCapacity"], 2);
        assert!(vars["ConnPoolExhausted"].as_u64().unwrap() >= 1);
        assert_eq!(vars["TabletStateName"], "SERVING");
        drop(target);
    });
}
