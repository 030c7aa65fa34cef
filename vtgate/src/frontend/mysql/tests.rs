//! The MySQL port with everything behind it but the tablets: those are stood for by one that runs the
//! queries on a real mysqld. What a client gets here is compared with what the mysqld itself answers.

mod logins;
#[path = "../../../../libs/mysqlwire/tests/client/server.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod mysqld;
mod tablet;

use std::{sync::Arc, time::Duration};

use discovery::{Discovery, Snapshot, TabletHealth};
use mysql_async::{Conn, Opts, OptsBuilder, Params, Row, Value, consts::ColumnType, prelude::Queryable};
use mysqld::Server;
use proto::{
    topodata::{ShardReference, SrvKeyspace, srv_keyspace::KeyspacePartition},
    vschema::{Keyspace, SrvVSchema},
};
use servenv::Context;
use tablet::Forwarder;
use tokio::net::TcpListener;
use vtmodel::{TabletAlias, TabletType, Target, TargetString};

use super::{MysqlServer, Users, serve_tcp};
use crate::{
    executor::{Executor, ExecutorConfig},
    gateway::{BufferConfig, Gateway, GatewayConfig},
    metrics::GateMetrics,
    schema::Schema,
};

const LIMIT: Duration = Duration::from_secs(30);

/// A gate over one unsharded keyspace `ks`, whose tablet's database is `vt_ks` of the mysqld.
struct Gate {
    mysqld: Arc<Server>,
    tablet: Arc<Forwarder>,
    port: u16,
    context: Context,
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.context.stop.cancel();
    }
}

async fn schema(context: &Context) -> Schema {
    let topo = topo::Server::memory(&["here"]).await.unwrap();
    let keyspaces = [("ks".to_owned(), Keyspace::default())].into();
    topo.put_srv_vschema("here", &SrvVSchema { keyspaces, ..SrvVSchema::default() }).await.unwrap();
    let shard_references = vec![ShardReference { name: "0".into(), key_range: None }];
    let partition = KeyspacePartition {
        served_type: TabletType::Primary as i32,
        shard_references,
        ..KeyspacePartition::default()
    };
    let served = SrvKeyspace { partitions: vec![partition], ..SrvKeyspace::default() };
    topo.put_srv_keyspace("here", "ks", &served).await.unwrap();
    Schema::start(Arc::new(topo), "here", context, LIMIT).await.unwrap()
}

impl Gate {
    async fn start(database: &str) -> Self {
        let mysqld = Server::get();
        let tablet = Arc::new(Forwarder::new(&mysqld, database).await);
        let context = Context::new("vtgate");
        let metrics = GateMetrics::new(&context.metrics);
        let health = TabletHealth {
            alias: TabletAlias::new("here", 1),
            target: Target::new("ks", "0", TabletType::Primary),
            serving: true,
            primary_term_start: 1,
            replication_lag_seconds: 0,
            schema_version: 0,
            error: String::new(),
            hostname: "localhost".into(),
            service: tablet.clone(),
            load: discovery::Load::default(),
        };
        let gateway_config = GatewayConfig {
            retry_count: 0,
            buffer: BufferConfig {
                window: Duration::from_secs(1),
                size: 10,
                bytes: 1 << 20,
                max_failover_duration: Duration::from_secs(20),
                min_time_between_failovers: Duration::from_secs(60),
                drain_concurrency: 1,
            },
            max_calls_per_tablet: 100,
        };
        let discovery = Discovery::fixed(Snapshot::of([Arc::new(health)]));
        let gateway = Arc::new(Gateway::new(discovery, gateway_config, metrics.clone()));
        let schema = schema(&context).await;
        schema.track(gateway.clone(), &context, LIMIT).await;
        let executor = Executor::new(schema, gateway, executor_config(), metrics.clone(), 1 << 20);
        let users = Users::from_json(r#"{"u": {"Password": ""}, "other": {"Password": ""}}"#).unwrap();
        let target = TargetString::parse("ks").unwrap();
        let server = MysqlServer::new(Arc::new(executor), users, "8.4.6-Vitess".into(), target, 100, metrics);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        context.spawn("mysql", serve_tcp(Arc::new(server), listener));
        Self { mysqld, tablet, port, context }
    }

    async fn client(&self) -> Conn {
        Conn::new(options(self.port, "u")).await.unwrap()
    }

    /// A client of the mysqld itself, in a database of its own.
    async fn plain(&self, database: &str) -> Conn {
        let mut conn = Conn::new(options(self.mysqld.port(), "root")).await.unwrap();
        conn.query_drop(format!("create database {database}")).await.unwrap();
        conn.query_drop(format!("use {database}")).await.unwrap();
        conn
    }

    /// Waits until as many queries as these run on the tablet.
    async fn running(&self, queries: usize) {
        let mut running = self.tablet.running.subscribe();
        tokio::time::timeout(LIMIT, running.wait_for(|n| *n == queries)).await.expect("in time").unwrap();
    }
}

fn executor_config() -> ExecutorConfig {
    let options = <crate::Options as clap::Parser>::parse_from(["vtgate"]);
    ExecutorConfig {
        single_shard_transactions: false,
        max_memory_rows: 1000,
        gather: crate::executor::GatherLimits {
            rows: options.gather_max_rows,
            bytes: options.gather_max_bytes,
        },
        no_scatter: false,
        local_infile: true,
        vschema_ddl_users: Default::default(),
        server_version: "8.4.6-Vitess".into(),
        query_timeout: Duration::ZERO,
        lock_heartbeat: Duration::from_secs(5),
    }
}

fn options(port: u16, user: &str) -> Opts {
    let options = OptsBuilder::default().ip_or_hostname("127.0.0.1").tcp_port(port).user(Some(user));
    // A socket would be used instead of the port where the server names one.
    options.prefer_socket(false).stmt_cache_size(0).into()
}

fn errno(e: mysql_async::Error) -> u16 {
    match e {
        mysql_async::Error::Server(e) => e.code,
        other => panic!("{other}"),
    }
}

/// All that a client sees of a result: names, types and values; or the error's number.
type Seen = Result<(Vec<(String, ColumnType)>, Vec<Vec<Value>>), u16>;

async fn seen(conn: &mut Conn, sql: &str, params: Params) -> Seen {
    let rows: Vec<Row> = conn.exec(sql, params).await.map_err(errno)?;
    let columns = rows
        .first()
        .map(|row| row.columns_ref().iter().map(|c| (c.name_str().into_owned(), c.column_type())).collect());
    Ok((columns.unwrap_or_default(), rows.into_iter().map(Row::unwrap).collect()))
}

/// A value of each type goes in as a parameter and comes out in a binary row, as with the mysqld itself.
#[tokio::test]
async fn values_of_each_type_are_mysqlds() {
    let gate = Gate::start("vt_values").await;
    let (mut ours, mut theirs) = (gate.client().await, gate.plain("plain_values").await);
    let date = |micros| Value::Date(2020, 2, 29, 23, 59, 58, micros);
    for (at, (column, values)) in [
        ("tinyint", vec![Value::Int(-128), Value::Int(127)]),
        ("smallint unsigned", vec![Value::UInt(65535)]),
        ("mediumint", vec![Value::Int(-8388608)]),
        ("int", vec![Value::Int(i32::MIN.into()), Value::from("12")]),
        ("bigint", vec![Value::Int(i64::MIN)]),
        ("bigint unsigned", vec![Value::UInt(u64::MAX)]),
        ("decimal(30,10)", vec![Value::from("-12345678901234567890.0123456789")]),
        ("double", vec![Value::Double(0.1), Value::Double(-1.5e300)]),
        ("float", vec![Value::Float(1.5), Value::Double(0.25)]),
        ("bit(10)", vec![Value::UInt(513)]),
        ("year", vec![Value::Int(1999)]),
        ("date", vec![date(0), Value::from("2020-01-02")]),
        ("datetime(6)", vec![date(123456), date(0), Value::Date(2020, 1, 2, 0, 0, 0, 0)]),
        ("timestamp(3) null", vec![date(120000)]),
        (
            "time(6)",
            vec![
                Value::Time(true, 34, 22, 59, 59, 0),
                Value::Time(false, 0, 0, 0, 0, 0),
                Value::Time(false, 1, 2, 3, 4, 500),
            ],
        ),
        ("varchar(100)", vec![Value::from("it's \\ \"é😀\"\0\n"), Value::from("")]),
        ("varbinary(100)", vec![Value::Bytes(vec![0, 255, b'\'', b'\\'])]),
        ("longblob", vec![Value::Bytes((0..=255).cycle().take(100_000).collect())]),
        ("json", vec![Value::from(r#"{"a": [1, null, "é"]}"#)]),
        ("enum('a','b')", vec![Value::from("b")]),
        ("set('x','y')", vec![Value::from("x,y")]),
    ]
    .into_iter()
    .enumerate()
    {
        let table = format!("t{at}");
        for conn in [&mut ours, &mut theirs] {
            let create = format!("create table {table} (id int primary key, v {column})");
            conn.query_drop(create).await.unwrap();
        }
        let insert = format!("insert into {table} (id, v) values (?, ?)");
        for (id, value) in values.iter().chain([&Value::NULL]).enumerate() {
            let params = || Params::Positional(vec![Value::from(id), value.clone()]);
            let answers =
                (seen(&mut ours, &insert, params()).await, seen(&mut theirs, &insert, params()).await);
            assert_eq!(answers.0, answers.1, "{insert} {value:?}");
        }
        let select = format!("select v, id, v is null from {table} where id >= ? order by id limit ?");
        let params = || Params::from((0, 100));
        let (a, b) = (seen(&mut ours, &select, params()).await, seen(&mut theirs, &select, params()).await);
        assert_eq!(a.as_ref().unwrap().1.len(), values.len() + 1, "{column}");
        assert_eq!(a, b, "{column}");
    }
}

#[tokio::test]
async fn statements_are_prepared_as_mysqld_prepares_them() {
    let gate = Gate::start("vt_prepared").await;
    let (mut ours, mut theirs) = (gate.client().await, gate.plain("plain_prepared").await);
    for conn in [&mut ours, &mut theirs] {
        conn.query_drop("create table t (id int primary key, s varchar(20))").await.unwrap();
        conn.query_drop("insert into t values (1, 'a'), (2, 'b'), (3, '?')").await.unwrap();
    }
    let params = |values: &[Value]| match values {
        [] => Params::Empty,
        values => Params::Positional(values.to_vec()),
    };
    for (sql, values) in [
        (
            "select ?, ? + 1, '?', s from t where id in (?, ?) /* ? */ order by id",
            vec![Value::from("x"), Value::Int(1), Value::Int(2), Value::Int(3)],
        ),
        ("select id from (select id from t order by id limit ?) d where id > ?", vec![2.into(), 1.into()]),
        ("select id from t order by id limit ?, ?", vec![1.into(), 1.into()]),
        ("select id from t order by id limit ?", vec![Value::Int(-1)]),
        ("select id from t order by id limit ?", vec![Value::from("1")]),
        ("update t set s = ? where id = ?", vec!["c".into(), 1.into()]),
        ("select * from t where s = ?", vec!["c".into()]),
        ("insert into t values (?, ?)", vec![1.into(), "dup".into()]),
        ("delete from t where id = ? limit ?", vec![3.into(), 1.into()]),
        ("select count(*) from t", vec![]),
        ("set @a = ?", vec!["it's".into()]),
        ("select @a = 'it''s' as same", vec![]),
        ("show columns from t", vec![]),
        ("do ?", vec![1.into()]),
        ("select * from nosuch where a = ?", vec![1.into()]),
        ("select nosuch from t where id = ?", vec![1.into()]),
        ("selec ?", vec![1.into()]),
        ("select 1; select 2", vec![]),
        ("begin", vec![]),
        ("savepoint a", vec![]),
        ("use ks", vec![]),
        ("prepare p from 'select 1'", vec![]),
        ("", vec![]),
    ] {
        let (a, b) =
            (seen(&mut ours, sql, params(&values)).await, seen(&mut theirs, sql, params(&values)).await);
        assert_eq!(a, b, "{sql}");
    }
    // Columns are known before the first execution.
    for sql in
        ["select id, s as x from t where id = ?", "insert into t values (?, ?)", "select ? union select 2"]
    {
        let (a, b) = (ours.prep(sql).await.unwrap(), theirs.prep(sql).await.unwrap());
        let columns = |s: &mysql_async::Statement| {
            s.columns().iter().map(|c| c.name_str().into_owned()).collect::<Vec<_>>()
        };
        assert_eq!((columns(&a), a.num_params()), (columns(&b), b.num_params()), "{sql}");
    }
}

#[tokio::test]
async fn prepare_in_sql_is_mysqlds() {
    let gate = Gate::start("vt_named").await;
    let (mut ours, mut theirs) = (gate.client().await, gate.plain("plain_named").await);
    for sql in [
        "prepare s from 'select ? + 1 as x, ? as y'",
        "set @a = 1, @b = 'it''s'",
        "execute s using @a, @b",
        "execute s using @a",
        "execute s",
        "set @q = 'select 5 as five'",
        "prepare S from @q",
        "execute s",
        "prepare s from 'selec'",
        "execute s",
        "deallocate prepare s",
        "prepare t from 'select 1 as one limit ?'",
        "execute t using @a",
        "execute t using @b",
        "prepare u from 'begin'",
        "prepare v from @nosuch",
        "deallocate prepare t",
        "deallocate prepare t",
    ] {
        let mut answers = Vec::new();
        for conn in [&mut ours, &mut theirs] {
            let rows = conn.query::<Row, _>(sql).await.map_err(errno);
            answers.push(rows.map(|rows| rows.into_iter().map(Row::unwrap).collect::<Vec<_>>()));
        }
        assert_eq!(answers[0], answers[1], "{sql}");
    }
}

#[tokio::test]
async fn a_statement_ends_with_its_client_and_by_kill() {
    let gate = Gate::start("vt_kill").await;
    let mut other = gate.client().await;
    // Its client goes.
    let gone = gate.client().await;
    let sleeper = tokio::spawn(async move {
        let mut gone = gone;
        gone.query_drop("select sleep(600)").await
    });
    gate.running(1).await;
    sleeper.abort();
    gate.running(0).await;
    // KILL QUERY: the connection stays, and its transaction must be rolled back by the client.
    let mut killed = gate.client().await;
    let id: u32 = killed.query_first("select connection_id()").await.unwrap().unwrap();
    killed.query_drop("create table t (a int)").await.unwrap();
    killed.query_drop("begin").await.unwrap();
    killed.query_drop("insert into t values (1)").await.unwrap();
    let sleeper = tokio::spawn(async move {
        let ended = killed.query_drop("select sleep(600)").await;
        (killed, ended)
    });
    gate.running(1).await;
    let shown: Vec<Row> = other.query("show processlist").await.unwrap();
    assert!(shown.iter().any(|row| row.get::<String, _>("Info").is_some_and(|i| i.contains("sleep"))));
    other.query_drop(format!("kill query {id}")).await.unwrap();
    let (mut killed, ended) = sleeper.await.unwrap();
    assert_eq!(errno(ended.unwrap_err()), 1317);
    assert_eq!(errno(killed.query_drop("insert into t values (2)").await.unwrap_err()), 1105);
    killed.query_drop("rollback").await.unwrap();
    assert_eq!(killed.query_first("select count(*) from t").await.unwrap(), Some(0));
    // KILL: the connection goes, also when it does nothing.
    other.query_drop(format!("kill {id}")).await.unwrap();
    assert!(killed.query_drop("select 1").await.is_err());
    assert_eq!(errno(other.query_drop(format!("kill {id}")).await.unwrap_err()), 1094);
    // Not another user's.
    let mut stranger = Conn::new(options(gate.port, "other")).await.unwrap();
    let id: u32 = other.query_first("select connection_id()").await.unwrap().unwrap();
    assert_eq!(errno(stranger.query_drop(format!("kill {id}")).await.unwrap_err()), 1095);
    let shown: Vec<Row> = stranger.query("select * from information_schema.processlist").await.unwrap();
    assert_eq!(shown.len(), 1);
}

#[tokio::test]
async fn a_session_begins_anew() {
    let gate = Gate::start("vt_anew").await;
    let mut conn = gate.client().await;
    conn.query_drop("set @a = 1, sql_mode = 'ANSI_QUOTES'").await.unwrap();
    conn.query_drop("prepare s from 'select 1'").await.unwrap();
    assert!(conn.reset().await.unwrap());
    let row: (Option<i32>, String) = conn.query_first("select @a, \"x\"").await.unwrap().unwrap();
    assert_eq!(row, (None, "x".to_owned()));
    assert_eq!(errno(conn.query_drop("execute s").await.unwrap_err()), 1243);
    conn.query_drop("set @a = 1").await.unwrap();
    conn.change_user(mysql_async::ChangeUserOpts::new().with_user(Some("other".to_owned()))).await.unwrap();
    let row: (Option<i32>, String) = conn.query_first("select @a, user()").await.unwrap().unwrap();
    assert_eq!(row, (None, "other@localhost".to_owned()));
}

/// A client in latin1 writes and reads its own bytes; BLOBs take them as they are.
#[tokio::test]
async fn latin1_bytes_go_both_ways() {
    let gate = Gate::start("vt_latin1").await;
    let (mut ours, mut theirs) = (gate.client().await, gate.plain("plain_latin1").await);
    let mut answers = Vec::new();
    for conn in [&mut ours, &mut theirs] {
        conn.query_drop("create table t (u varchar(20) character set utf8mb4, b blob)").await.unwrap();
        conn.query_drop("set names latin1").await.unwrap();
        conn.query_drop(&b"insert into t values ('\xe9\x80', '\xe9\xff')"[..]).await.unwrap();
        conn.exec_drop("insert into t values (?, ?)", (&b"\xe8"[..], &b"\xe8"[..])).await.unwrap();
        conn.query_drop("insert into t values (_utf8mb4 x'D0B6', _binary'\x00')").await.unwrap();
        let rows: Vec<Row> = conn
            .query(&b"select u, b, hex(u), hex(b), u = '\xe9\x80' as same from t order by 3"[..])
            .await
            .unwrap();
        let rows: Vec<_> = rows.into_iter().map(Row::unwrap).collect();
        let label: Row = conn.query_first(&b"select '\xe9' from t"[..]).await.unwrap().unwrap();
        answers.push((rows, label.columns_ref()[0].name_ref().to_vec()));
    }
    assert_eq!(answers[0], answers[1]);
    let last = answers[0].0.last().unwrap();
    assert_eq!(last[0], Value::from("?"), "what latin1 does not have");
}
