//! The client against a real mysqld: the one on PATH, else the unpacked one in the user's cache.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "client/server.rs"]
mod server;

use std::{path::Path, sync::Arc, time::Duration};

use authority::{Authority, Request};
use mysqlwire::client::{Address, Conn, ConnectOptions, GtidTracking, QueryOptions, Tls};
use proto::query::Type;
use secrets::{
    Named,
    tls::{ClientFiles, ClientTls, Verify},
};
use server::Server;
use sqltypes::values;
use vterrors::Condition;

fn options(server: &Server) -> ConnectOptions {
    ConnectOptions::new(Address::Unix(server.socket()), "root")
}

async fn connect(options: ConnectOptions) -> Conn {
    Conn::connect(Arc::new(options)).await.unwrap()
}

fn first_text(result: &proto::query::QueryResult) -> String {
    let value = values(&result.rows[0]).next().unwrap().unwrap().to_vec();
    String::from_utf8(value).unwrap()
}

#[tokio::test]
async fn values_and_types_of_every_kind() {
    let server = Server::get();
    let mut conn = connect(options(&server)).await;
    conn.execute("create database kinds").await.unwrap();
    conn.init_db("kinds").await.unwrap();
    conn.execute(
        "create table t (i8 tinyint, u64 bigint unsigned, i24 mediumint, f float, d double, dec1 decimal(20,5), \
         c char(5), vc varchar(20) collate utf8mb4_bin, vb varbinary(20), tx text, bl blob, e enum('a','b'), \
         s set('x','y'), j json, dt datetime(3), ts timestamp null, dd date, tt time, y year, b bit(10), n int)",
    )
    .await
    .unwrap();
    conn.execute(
        "insert into t values (-5, 18446744073709551615, -70000, 1.5, 2.25, 12345.67890, 'ab', 'text', \
         x'00ff', 'long', x'ff00', 'b', 'x,y', '{\"k\": 1}', '2020-01-02 03:04:05.678', \
         '2020-01-02 03:04:05', '2020-01-02', '-10:11:12', 1999, b'1000000001', null)",
    )
    .await
    .unwrap();
    let result = conn.query(b"select * from t", &QueryOptions::all_fields(10)).await.unwrap();
    let types: Vec<Type> = result.fields.iter().map(|f| f.r#type()).collect();
    use Type::*;
    assert_eq!(
        types,
        [
            Int8, Uint64, Int24, Float32, Float64, Decimal, Char, Varchar, Varbinary, Text, Blob, Enum, Set,
            Json, Datetime, Timestamp, Date, Time, Year, Bit, Int32
        ]
    );
    let f = &result.fields[1];
    assert_eq!((f.name.as_str(), f.table.as_str(), f.database.as_str()), ("u64", "t", "kinds"));
    let row: Vec<Option<&[u8]>> = values(&result.rows[0]).collect();
    assert_eq!(row[1], Some(&b"18446744073709551615"[..]));
    assert_eq!(row[8], Some(&b"\x00\xff"[..]));
    assert_eq!(row[13], Some(&b"{\"k\": 1}"[..]));
    assert_eq!(row[17], Some(&b"-10:11:12"[..]));
    assert_eq!(row[19], Some(&b"\x02\x01"[..]));
    assert_eq!(row[20], None);
}

#[tokio::test]
async fn errors_keep_their_numbers_and_leave_the_connection_usable() {
    let server = Server::get();
    let mut conn = connect(options(&server)).await;
    let e = conn.execute("select * from nosuch.t").await.unwrap_err();
    assert_eq!((e.errno(), e.mysql_code().sqlstate_str()), (1049, "42000"));
    let e = conn.execute("selec 1").await.unwrap_err();
    assert_eq!((e.errno(), e.mysql_code().sqlstate_str()), (1064, "42000"));
    assert!(conn.is_usable());
    assert_eq!(first_text(&conn.execute("select 7").await.unwrap()), "7");
}

#[tokio::test]
async fn changed_or_found_rows() {
    let server = Server::get();
    for (found_rows, affected) in [(false, 0), (true, 2)] {
        let mut conn = connect(ConnectOptions { found_rows, ..options(&server) }).await;
        conn.execute("create temporary table mysql.fr (a int)").await.unwrap();
        conn.execute("insert into mysql.fr values (1), (1)").await.unwrap();
        let result = conn.execute("update mysql.fr set a = 1").await.unwrap();
        assert_eq!(result.rows_affected, affected, "found_rows {found_rows}");
        assert!(result.info.contains("Rows matched: 2"), "{}", result.info);
    }
}

#[tokio::test]
async fn a_commit_tells_its_gtid() {
    let server = Server::get();
    let mut conn = connect(ConnectOptions { track_gtids: GtidTracking::OwnGtid, ..options(&server) }).await;
    let created = conn.execute("create database gtids").await.unwrap();
    assert!(created.session_state_changes.contains(':'), "{created:?}");
    conn.reset().await.unwrap();
    let dropped = conn.execute("drop database gtids").await.unwrap();
    assert_ne!(dropped.session_state_changes, "");
    assert_ne!(dropped.session_state_changes, created.session_state_changes);
}

#[tokio::test]
async fn all_ways_to_log_in() {
    let server = Server::get();
    let mut root = connect(options(&server)).await;
    root.execute("create user 'sha'@'%' identified with caching_sha2_password by 'secret one'")
        .await
        .unwrap();
    root.execute("create user 'none'@'%' identified with caching_sha2_password by ''").await.unwrap();
    let tcp = Address::Tcp { host: "127.0.0.1".into(), port: server.port() };
    // First over TCP: the server does not know the password's hash yet, so it goes by RSA; then by hash.
    for (round, address) in [(1, tcp.clone()), (2, tcp.clone()), (3, Address::Unix(server.socket()))] {
        let o = ConnectOptions { password: "secret one".into(), ..ConnectOptions::new(address, "sha") };
        let mut conn = connect(o).await;
        let user = conn.execute("select substring_index(current_user(), '@', 1)").await.unwrap();
        assert_eq!(first_text(&user), "sha", "round {round}");
    }
    // In full over the Unix socket.
    root.execute("flush privileges").await.unwrap();
    let unix = Address::Unix(server.socket());
    connect(ConnectOptions { password: "secret one".into(), ..ConnectOptions::new(unix.clone(), "sha") })
        .await;
    connect(ConnectOptions::new(unix, "none")).await;
    // A wrong password is mysqld's own error.
    for password in ["", "wrong"] {
        let o = ConnectOptions { password: password.into(), ..ConnectOptions::new(tcp.clone(), "sha") };
        let e = Conn::connect(Arc::new(o)).await.unwrap_err();
        assert_eq!((e.errno(), e.mysql_code().sqlstate_str()), (1045, "28000"));
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let o = ConnectOptions::new(Address::Unix("/nonexistent/mysql.sock".into()), "root");
    let e = Conn::connect(Arc::new(o)).await.unwrap_err();
    assert_eq!(e.condition(), Condition::Unreachable);
    assert!(e.message().contains("/nonexistent/mysql.sock"), "{e}");
}

#[tokio::test]
async fn a_dropped_query_leaves_the_connection_unusable() {
    let server = Server::get();
    let mut conn = connect(options(&server)).await;
    let cut = tokio::time::timeout(Duration::from_millis(50), conn.execute("select sleep(30)")).await;
    assert!(cut.is_err());
    assert!(!conn.is_usable());
    let e = conn.execute("select 1").await.unwrap_err();
    assert_eq!(e.condition(), Condition::ConnectionLost);
}

#[tokio::test]
async fn a_query_ends_by_kill_through_another_connection() {
    let server = Server::get();
    let mut conn = connect(options(&server)).await;
    let id = conn.connection_id();
    let mut killer = connect(options(&server)).await;
    let query = tokio::spawn(async move {
        let result = conn.execute("select sleep(30) from (select 1 union select 2) two").await;
        (conn, result)
    });
    testkit::wait_until_async("the query runs", Duration::from_secs(20), tokio::time::sleep, async || {
        let sql = format!(
            "select count(*) from information_schema.processlist where id = {id} and info like '%two%'"
        );
        match first_text(&killer.execute(&sql).await.unwrap()).as_str() {
            "1" => Ok(()),
            n => Err(n.to_owned()),
        }
    })
    .await;
    killer.execute(&format!("kill query {id}")).await.unwrap();
    let (mut conn, result) = query.await.unwrap();
    assert_eq!(result.unwrap_err().errno(), 1317);
    conn.ping().await.unwrap();
    killer.execute(&format!("kill {id}")).await.unwrap();
    testkit::wait_until_async("the end is seen", Duration::from_secs(5), tokio::time::sleep, async || {
        if conn.looks_alive() { Err("alive".into()) } else { Ok(()) }
    })
    .await;
}

#[tokio::test]
async fn too_many_rows_is_an_error_and_the_connection_goes_on() {
    let server = Server::get();
    let mut conn = connect(options(&server)).await;
    let sql = "with recursive n as (select 1 a union all select a + 1 from n where a < 500) select a from n";
    let limited = QueryOptions { max_rows: 499, ..QueryOptions::default() };
    let e = conn.query(sql.as_bytes(), &limited).await.unwrap_err();
    assert_eq!((e.condition(), e.message()), (Condition::TooManyRows, "Row count exceeded 499"));
    let all =
        conn.query(sql.as_bytes(), &QueryOptions { max_rows: 500, ..QueryOptions::default() }).await.unwrap();
    assert_eq!(all.rows.len(), 500);
}

#[tokio::test]
async fn rows_arrive_in_chunks() {
    let server = Server::get();
    let mut conn = connect(options(&server)).await;
    conn.execute("set cte_max_recursion_depth = 100000").await.unwrap();
    let sql = "with recursive n as (select 1 a union all select a + 1 from n where a < 20000) \
               select a, repeat('x', 100) from n";
    let mut stream = conn.stream(sql.as_bytes(), &QueryOptions::default()).await.unwrap();
    assert_eq!(stream.take_fields().len(), 2);
    let (mut rows, mut chunks) = (0, 0);
    while let Some(chunk) = stream.next(32 * 1024).await.unwrap() {
        for row in &chunk {
            rows += 1;
            let first = values(row).next().unwrap().unwrap();
            assert_eq!(first, rows.to_string().as_bytes());
        }
        let bytes: usize = chunk.iter().map(|r| r.values.len() + 8 * r.lengths.len()).sum();
        assert!(bytes < 33 * 1024, "a chunk of {bytes} bytes");
        chunks += 1;
    }
    assert_eq!(rows, 20_000);
    assert!(chunks > 60, "{chunks} chunks");
    assert!(stream.summary().is_some());
    assert!(conn.is_usable());
    // Dropped before its end.
    let mut stream = conn.stream(sql.as_bytes(), &QueryOptions::default()).await.unwrap();
    stream.next(1).await.unwrap();
    drop(stream);
    assert!(!conn.is_usable());
}

#[tokio::test]
async fn values_and_statements_over_16_mb() {
    let server = Server::get();
    let mut conn = connect(options(&server)).await;
    for extra in [0usize, 1, 1000] {
        // The statement's payload: command byte, text, quotes; the value alone crosses the limit too.
        let len = 0xff_ffff + extra;
        let sql = format!("select '{}', 'end'", "y".repeat(len));
        let result = conn.execute(&sql).await.unwrap();
        assert_eq!(result.rows[0].lengths, [len as i64, 3]);
        assert!(result.rows[0].values.ends_with(b"yend"));
    }
    // Exactly at the limits of a packet: payload of the row is value + 4 bytes of length.
    for len in [0xff_ffff - 5, 0xff_ffff - 4, 0xff_ffff - 3] {
        let result = conn.execute(&format!("select repeat('z', {len})")).await.unwrap();
        assert_eq!(result.rows[0].lengths, [len as i64]);
        assert_eq!(first_text(&conn.execute("select 1").await.unwrap()), "1");
    }
}

#[tokio::test]
async fn several_results() {
    let server = Server::get();
    let mut conn = connect(ConnectOptions { multi_statements: true, ..options(&server) }).await;
    let all = conn.query_multi(b"select 1; do 0; select 3", &QueryOptions::default()).await.unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(first_text(&all[2]), "3");
    let e =
        conn.query_multi(b"select 1; select nosuch; select 3", &QueryOptions::default()).await.unwrap_err();
    assert_eq!(e.errno(), 1054);
    // One result is asked for, the others are dropped.
    assert_eq!(first_text(&conn.execute("select 4; select 5").await.unwrap()), "4");
    let mut stream = conn.stream(b"select 6; select 7", &QueryOptions::default()).await.unwrap();
    assert!(stream.next(100).await.unwrap().is_some());
    assert!(stream.next(100).await.unwrap().is_none());
    assert_eq!(first_text(&conn.execute("select 8").await.unwrap()), "8");
    // Without the option a second statement is refused.
    let mut single = connect(options(&server)).await;
    assert_eq!(single.execute("select 1; select 2").await.unwrap_err().errno(), 1064);
}

#[tokio::test]
async fn session_state_is_followed() {
    let server = Server::get();
    let mut conn = connect(ConnectOptions { init: vec!["set @mark = 1".into()], ..options(&server) }).await;
    assert!(conn.autocommit() && !conn.in_transaction() && !conn.no_backslash_escapes());
    conn.execute("begin").await.unwrap();
    assert!(conn.in_transaction());
    conn.execute("set sql_mode = 'NO_BACKSLASH_ESCAPES'").await.unwrap();
    assert!(conn.no_backslash_escapes());
    conn.execute("set @mark = 2").await.unwrap();
    conn.reset().await.unwrap();
    assert!(!conn.in_transaction() && !conn.no_backslash_escapes());
    assert_eq!(first_text(&conn.execute("select @mark").await.unwrap()), "1");
    conn.execute("select cast('x' as signed)").await.unwrap();
    assert_eq!(conn.warnings(), 1);
}

/// The same client against MariaDB, where the machine has one.
#[tokio::test]
async fn mariadb() {
    let Some(server) = Server::mariadb() else {
        eprintln!("not run: there is no MariaDB server on this machine");
        return;
    };
    let mut root = connect(options(&server)).await;
    assert!(root.is_mariadb());
    root.execute("create user 'native'@'%' identified by 'secret'").await.unwrap();
    root.execute("grant all on *.* to 'native'@'%'").await.unwrap();
    let tcp = Address::Tcp { host: "127.0.0.1".into(), port: server.port() };
    for address in [tcp.clone(), Address::Unix(server.socket())] {
        let o = ConnectOptions {
            password: "secret".into(),
            track_gtids: GtidTracking::OwnGtid,
            ..ConnectOptions::new(address, "native")
        };
        let mut conn = connect(o).await;
        conn.execute("create database if not exists m").await.unwrap();
        let made = conn
            .execute("create or replace table m.t (id bigint unsigned, j json, v varchar(5))")
            .await
            .unwrap();
        assert!(made.session_state_changes.starts_with("0-1-"), "{made:?}");
        conn.reset().await.unwrap();
        let insert = conn.execute("insert into m.t values (18446744073709551615, '{}', null)").await.unwrap();
        assert_ne!(insert.session_state_changes, made.session_state_changes);
        let result = conn.query(b"select id, v from m.t", &QueryOptions::all_fields(10)).await.unwrap();
        assert_eq!((result.fields[0].r#type(), result.fields[1].r#type()), (Type::Uint64, Type::Varchar));
        assert_eq!(first_text(&result), "18446744073709551615");
        let mut stream =
            conn.stream(b"select seq from m.seq_1_to_50000", &QueryOptions::default()).await.unwrap();
        let mut rows = 0;
        while let Some(chunk) = stream.next(1000).await.unwrap() {
            rows += chunk.len();
        }
        assert_eq!(rows, 50_000);
        assert_eq!(conn.execute("select nosuch").await.unwrap_err().errno(), 1054);
    }
    let wrong = ConnectOptions { password: "wrong".into(), ..ConnectOptions::new(tcp, "native") };
    assert_eq!(Conn::connect(Arc::new(wrong)).await.unwrap_err().errno(), 1045);
}

/// `SHOW STATUS LIKE 'Ssl_cipher'`: empty where TLS is not spoken.
async fn cipher(conn: &mut Conn) -> String {
    let rows = conn.query(b"show session status like 'Ssl_cipher'", &QueryOptions::default()).await.unwrap();
    let value = values(&rows.rows[0]).nth(1).unwrap().unwrap_or_default().to_vec();
    String::from_utf8(value).unwrap()
}

#[tokio::test]
async fn tls_to_a_mysqld_in_every_mode() {
    let server = Server::get();
    let dir = testkit::temp_dir();
    let (ours, foreign) = (Authority::new("Ours").unwrap(), Authority::new("Theirs").unwrap());
    let ca = ours.write(dir.path()).unwrap();
    let (cert, key) =
        ours.issue(&Request::new("db", &["db.example"])).unwrap().write(dir.path(), "db").unwrap();
    let mut root = connect(options(&server)).await;
    for (name, path) in [("ca", &ca), ("cert", &cert), ("key", &key)] {
        root.execute(&format!("set global ssl_{name} = '{}'", path.display())).await.unwrap();
    }
    root.execute("alter instance reload tls").await.unwrap();
    root.execute("create user 'tls'@'%' identified by 'over tls' require ssl").await.unwrap();
    root.execute("create user 'x509'@'%' identified by 'over tls' require x509").await.unwrap();

    let tcp = Address::Tcp { host: "127.0.0.1".into(), port: server.port() };
    let with = |user: &str, files: ClientFiles| ConnectOptions {
        password: "over tls".into(),
        tls: Some(Tls { client: Arc::new(ClientTls::open(files, &[]).unwrap()), required: true }),
        ..ConnectOptions::new(tcp.clone(), user)
    };
    let files = |verify, ca: Option<&Path>, name: Option<&str>| ClientFiles {
        ca: ca.map(|path| Named::new("--db-ssl-ca", path)),
        name: name.map(str::to_owned),
        name_flag: "--db-server-name".into(),
        cert_flag: "--db-ssl-cert".into(),
        verify,
        ..ClientFiles::default()
    };
    let refused = async |options: ConnectOptions| {
        let e = Conn::connect(Arc::new(options)).await.unwrap_err();
        e.message().to_owned()
    };
    // A password that mysqld has not cached goes there as it is, within TLS.
    let mut conn = connect(with("tls", files(Verify::Nothing, None, None))).await;
    assert!(cipher(&mut conn).await.contains("TLS"), "{}", cipher(&mut conn).await);
    let large = conn.query(b"select repeat('x', 20000000)", &QueryOptions::default()).await.unwrap();
    assert_eq!(first_text(&large).len(), 20_000_000);
    assert!(conn.looks_alive());
    connect(with("tls", files(Verify::Chain, Some(&ca), None))).await;
    connect(with("tls", files(Verify::Name, Some(&ca), Some("db.example")))).await;
    let text = refused(with("tls", files(Verify::Name, Some(&ca), None))).await;
    assert!(text.contains("it is for db.example, not for 127.0.0.1 (--db-server-name"), "{text}");
    let other = testkit::temp_dir();
    let theirs = foreign.write(other.path()).unwrap();
    let text = refused(with("tls", files(Verify::Chain, Some(&theirs), None))).await;
    assert!(text.contains("CN=db") && text.contains("not signed by an authority of --db-ssl-ca"), "{text}");

    // A certificate of ours, and one that mysqld does not know.
    let shown = |(cert, key): (std::path::PathBuf, std::path::PathBuf)| ClientFiles {
        identity: Some((Named::new("--db-ssl-cert", cert), Named::new("--db-ssl-key", key))),
        ..files(Verify::Chain, Some(&ca), None)
    };
    let good = ours.issue(&Request::new("tablet", &[])).unwrap().write(dir.path(), "tablet").unwrap();
    connect(with("x509", shown(good))).await;
    let bad = foreign.issue(&Request::new("intruder", &[])).unwrap().write(dir.path(), "bad").unwrap();
    let text = refused(with("x509", shown(bad))).await;
    assert!(text.contains("--db-ssl-cert") && text.contains("CN=intruder"), "{text}");

    let plain = ConnectOptions { password: "over tls".into(), ..ConnectOptions::new(tcp.clone(), "tls") };
    assert_eq!(Conn::connect(Arc::new(plain)).await.unwrap_err().errno(), 1045);
}
