//! Failing parts of a cluster, one by one, each step leaving the cluster well for the next.

use std::time::{Duration, Instant};

use mysql_async::{Conn, prelude::Queryable};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinHandle,
};

use crate::{Cluster, exec, fault, rows, scenario::wait, shards::customer_shard, text, try_rows};

/// One keyspace in two shards with a replica each, and pools that a few clients fill.
pub const FLAGS: [&str; 9] = [
    // What fails here is brought back by hand.
    "--no-vtorc",
    "--keyspace=ks=2",
    "--replicas=1",
    "--vttablet-arg=--queryserver-config-pool-size=2",
    "--vttablet-arg=--queryserver-config-query-pool-timeout=500ms",
    "--vttablet-arg=--queryserver-config-transaction-cap=2",
    "--vttablet-arg=--queryserver-config-txpool-timeout=500ms",
    "--vttablet-arg=--queryserver-config-query-timeout=20s",
    "--vttablet-arg=--health-check-interval=1s",
];
/// What the pools of [`FLAGS`] hold.
const POOL: usize = 2;

/// Table `t (id, n)` by xxhash of id, with the rows 1 to 20, `n` being 0.
pub async fn make_a_table(cluster: &Cluster) {
    let vschema = r#"{"sharded": true, "vindexes": {"xxhash": {"type": "xxhash"}},
        "tables": {"t": {"column_vindexes": [{"column": "id", "name": "xxhash"}]}}}"#;
    cluster.vtctl_ok(&["ApplyVSchema", "--vschema", vschema, "ks"]);
    let create = "CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)";
    cluster.vtctl_ok(&["ApplySchema", "--sql", create, "ks"]);
    let mut conn = cluster.connect("ks").await;
    let values: Vec<String> = (1..=20).map(|id| format!("({id}, 0)")).collect();
    let insert = format!("INSERT INTO t (id, n) VALUES {}", values.join(", "));
    wait("vtgate to know the table", async || {
        conn.query_drop(insert.as_str()).await.map_err(|e| e.to_string())
    })
    .await;
}

/// An id of the shard, from 1 to 20.
fn id_in(shard: &str) -> u64 {
    (1..=20).find(|id| customer_shard(*id) == shard).expect("twenty ids are in both shards")
}

/// A statement on a connection of its own, under way.
fn under_way(mut conn: Conn, sql: String) -> JoinHandle<mysql_async::Result<Vec<Vec<String>>>> {
    tokio::spawn(async move { try_rows(&mut conn, &sql).await })
}

/// Waits until `count` statements like `part` run at a tablet's own mysqld.
async fn runs_at(mysqld: &mut Conn, part: &str, count: usize) {
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.processlist \
         WHERE info LIKE '%{part}%' AND info NOT LIKE '%processlist%'"
    );
    wait(&format!("{count} times {part} at mysqld"), async || {
        let found = rows(mysqld, &sql).await.concat().concat();
        if found == count.to_string() { Ok(()) } else { Err(found) }
    })
    .await;
}

/// The state that `SHOW VITESS_TABLETS` gives for a tablet.
async fn state_of(conn: &mut Conn, uid: u32) -> String {
    let alias = format!("zone1-{uid:010}");
    let tablets = rows(conn, "SHOW VITESS_TABLETS").await;
    let row = tablets.into_iter().find(|row| row.contains(&alias));
    row.map_or_else(String::new, |row| row[4].clone())
}

async fn becomes(cluster: &Cluster, uid: u32, wanted: &str) {
    let mut conn = cluster.connect("").await;
    wait(&format!("{uid} to be {wanted}"), async || match state_of(&mut conn, uid).await {
        state if state == wanted => Ok(()),
        state => Err(state),
    })
    .await;
}

/// Starts what does not run.
fn repair(cluster: &Cluster) {
    let out = cluster.up();
    assert!(out.status.success(), "{}\n{}", text(&out), cluster.logs());
}

/// Whatever comes instead of a login ends that connection; who is logged in, and who comes next, is served.
#[allow(clippy::print_stdout)]
pub async fn random_bytes_end_their_connection_only(cluster: &Cluster) {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut conn = cluster.connect("ks").await;
    for round in 0..20 {
        let mut bytes = vec![0; random.random_range(1..4000)];
        random.fill_bytes(&mut bytes);
        let address = ("127.0.0.1", cluster.plan().ports.vtgate_mysql);
        let mut stream = tokio::net::TcpStream::connect(address).await.expect("vtgate listens");
        // The other side may be gone before all is written.
        let _refused = stream.write_all(&bytes).await;
        let _refused = stream.shutdown().await;
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "round {round}: the connection stays open");
        assert_eq!(rows(&mut conn, "SELECT COUNT(*) FROM t").await, [["20"]], "round {round}");
    }
    let mut other = cluster.connect("ks").await;
    assert_eq!(rows(&mut other, "SELECT 1").await, [["1"]]);
}

/// More queries than connections: those that wait too long are told which pool was full; then all is as before.
pub async fn a_full_pool_is_named(cluster: &Cluster) {
    let uid = cluster.primary("ks", "-80").await;
    let (mut mysqld, id) = (cluster.mysqld(uid).await, id_in("-80"));
    let slow = format!("SELECT id, SLEEP(4) FROM t WHERE id = {id}");
    // Connected first: a driver asks for variables when it connects, which takes a connection of the pool, too.
    let (mut conn, mut clients) = (cluster.connect("ks").await, Vec::new());
    for _ in 0..POOL {
        clients.push(cluster.connect("ks").await);
    }
    let sleepers: Vec<_> = clients.into_iter().map(|conn| under_way(conn, slow.clone())).collect();
    runs_at(&mut mysqld, "sleep(", POOL).await;
    let begun = Instant::now();
    let (code, state, message) = fault(&mut conn, &format!("SELECT n FROM t WHERE id = {id}")).await;
    assert_eq!((code, state.as_str()), (1203, "42000"), "{message}");
    assert!(message.contains("pool ConnPool: all 2 connections were in use for 500ms"), "{message}");
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(500) && waited < Duration::from_secs(3), "{waited:?}");
    // The other shard's pool is another one.
    let elsewhere = format!("SELECT n FROM t WHERE id = {}", id_in("80-"));
    assert_eq!(rows(&mut conn, &elsewhere).await, [["0"]]);
    for sleeper in sleepers {
        assert_eq!(sleeper.await.unwrap().unwrap(), [[id.to_string(), "0".to_owned()]]);
    }
    assert_eq!(rows(&mut conn, &format!("SELECT n FROM t WHERE id = {id}")).await, [["0"]]);
}

/// The same for transactions: the session whose transaction cannot begin is told, and can go on later.
pub async fn a_full_transaction_pool_is_named(cluster: &Cluster) {
    let id = id_in("-80");
    let ids: Vec<u64> = (1..=20).filter(|id| customer_shard(*id) == "-80").take(POOL + 1).collect();
    let mut holders = Vec::new();
    for id in &ids[..POOL] {
        let mut conn = cluster.connect("ks").await;
        exec(&mut conn, "BEGIN").await;
        exec(&mut conn, &format!("UPDATE t SET n = 7 WHERE id = {id}")).await;
        holders.push(conn);
    }
    let mut conn = cluster.connect("ks").await;
    exec(&mut conn, "BEGIN").await;
    let update = format!("UPDATE t SET n = 7 WHERE id = {}", ids[POOL]);
    let (code, state, message) = fault(&mut conn, &update).await;
    assert_eq!((code, state.as_str()), (1203, "42000"), "{message}");
    assert!(message.contains("pool TransactionPool: all 2 connections were in use for 500ms"), "{message}");
    // Reads outside of transactions have their own pool.
    let mut reader = cluster.connect("ks").await;
    assert_eq!(rows(&mut reader, &format!("SELECT n FROM t WHERE id = {id}")).await, [["0"]]);
    for holder in &mut holders {
        exec(holder, "ROLLBACK").await;
    }
    exec(&mut conn, "ROLLBACK").await;
    exec(&mut conn, "BEGIN").await;
    exec(&mut conn, &update).await;
    exec(&mut conn, "ROLLBACK").await;
    assert_eq!(rows(&mut conn, "SELECT SUM(n) FROM t").await, [["0"]]);
}

/// A replica whose applying thread stands still leaves those that serve, with the reason; the other shard's is read
/// as before. Once it runs again, it is read, and has what was written meanwhile.
pub async fn a_replica_that_does_not_replicate_is_not_read(cluster: &Cluster) {
    let (uid, other) = (cluster.replica("ks", "-80").await, cluster.replica("ks", "80-").await);
    let (here, there) = (id_in("-80"), id_in("80-"));
    let mut replicas = cluster.connect("ks@replica").await;
    let read = |id: u64| format!("SELECT n FROM t WHERE id = {id}");
    wait("both replicas to answer", async || {
        for id in [here, there] {
            let found = try_rows(&mut replicas, &read(id)).await.map_err(|e| e.to_string())?;
            if found != [["0"]] {
                return Err(format!("{found:?}"));
            }
        }
        Ok(())
    })
    .await;
    let mut mysqld = cluster.mysqld(uid).await;
    let flavor_s =
        |verb: &str, other: &str| [format!("{verb} REPLICA SQL_THREAD"), format!("{verb} SLAVE {other}")];
    run_one_of(&mut mysqld, &flavor_s("STOP", "SQL_THREAD")).await;
    let mut primaries = cluster.connect("ks").await;
    exec(&mut primaries, &format!("UPDATE t SET n = 1 WHERE id IN ({here}, {there})")).await;
    becomes(cluster, uid, "NOT_SERVING").await;
    let (code, _, message) = fault(&mut replicas, &read(here)).await;
    assert!(message.contains("no healthy tablet available"), "{code} {message}");
    assert!(message.contains("replication is not running"), "{code} {message}");
    assert_eq!(state_of(&mut primaries, other).await, "SERVING");
    assert!(try_rows(&mut replicas, &read(there)).await.is_ok(), "the other shard's replica is read");

    run_one_of(&mut mysqld, &flavor_s("START", "SQL_THREAD")).await;
    becomes(cluster, uid, "SERVING").await;
    wait("the replica to have the row", async || {
        let found = try_rows(&mut replicas, &read(here)).await.map_err(|e| e.to_string())?;
        if found == [["1"]] { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    exec(&mut primaries, &format!("UPDATE t SET n = 0 WHERE id IN ({here}, {there})")).await;
}

/// The first statement in today's words, the second in those of older servers.
async fn run_one_of(mysqld: &mut Conn, statements: &[String; 2]) {
    if mysqld.query_drop(statements[0].as_str()).await.is_err() {
        exec(mysqld, &statements[1]).await;
    }
}

/// SIGKILL in mid-query: a read and a write in flight fail, once; other shards and other clients go on; with the
/// tablet back, everything answers, and the write was done at most once.
pub async fn a_killed_vttablet_fails_its_own_queries_only(cluster: &Cluster) {
    let uid = cluster.primary("ks", "-80").await;
    let (mut mysqld, here, there) = (cluster.mysqld(uid).await, id_in("-80"), id_in("80-"));
    let mut bystander = cluster.connect("ks").await;
    let read =
        under_way(cluster.connect("ks").await, format!("SELECT id, SLEEP(10) FROM t WHERE id = {here}"));
    // Not the row that is read: both are slow, neither waits for the other.
    let id = (1..=20).filter(|id| customer_shard(*id) == "-80").nth(1).unwrap();
    let write =
        under_way(cluster.connect("ks").await, format!("UPDATE t SET n = n + 1 + SLEEP(3) WHERE id = {id}"));
    runs_at(&mut mysqld, "sleep(", 2).await;
    kill(Pid::from_raw(cluster.pid(&format!("vttablet-{uid}"))), Signal::SIGKILL).unwrap();

    for (what, query) in [("the read", read), ("the write", write)] {
        let ended = tokio::time::timeout(Duration::from_secs(5), query).await;
        match ended.unwrap_or_else(|_| panic!("{what} is told nothing")).unwrap() {
            Err(mysql_async::Error::Server(e)) => {
                assert!(e.message.contains("connection lost in mid-call"), "{what}: {e}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
    // Elsewhere nothing happened, and vtgate takes new clients.
    assert_eq!(rows(&mut bystander, &format!("SELECT n FROM t WHERE id = {there}")).await, [["0"]]);
    let mut newcomer = cluster.connect("ks:80-").await;
    exec(&mut newcomer, &format!("UPDATE t SET n = 0 WHERE id = {there}")).await;

    repair(cluster);
    becomes(cluster, uid, "SERVING").await;
    let all = "SELECT COUNT(*), SUM(n) FROM t";
    runs_at(&mut mysqld, "sleep(", 0).await;
    let counted = rows(&mut bystander, all).await;
    assert!(counted == [["20", "0"]] || counted == [["20", "1"]], "the write was done twice: {counted:?}");
    exec(&mut bystander, &format!("UPDATE t SET n = 0 WHERE id = {id}")).await;
    assert_eq!(rows(&mut bystander, all).await, [["20", "0"]]);
}

/// SIGKILL for a primary's mysqld: the query in flight is told, the tablet says that it does not serve and why, the
/// other shard goes on; started again it takes reads and writes without anybody touching the tablet.
pub async fn a_killed_mysqld_is_named_and_comes_back(cluster: &Cluster) {
    let uid = cluster.primary("ks", "80-").await;
    let (here, there) = (id_in("80-"), id_in("-80"));
    let mut conn = cluster.connect("ks").await;
    let read =
        under_way(cluster.connect("ks").await, format!("SELECT id, SLEEP(10) FROM t WHERE id = {here}"));
    runs_at(&mut cluster.mysqld(uid).await, "sleep(", 1).await;
    cluster.signal(&format!("mysqld-{uid}"), Signal::SIGKILL);
    let ended = tokio::time::timeout(Duration::from_secs(5), read).await;
    match ended.expect("the query in flight is told nothing").unwrap() {
        Err(mysql_async::Error::Server(e)) => {
            assert!(e.code == 2013 && e.message.contains("mysqld"), "{} {}", e.code, e.message);
        }
        other => panic!("{other:?}"),
    }
    becomes(cluster, uid, "NOT_SERVING").await;
    assert_eq!(rows(&mut conn, &format!("SELECT n FROM t WHERE id = {there}")).await, [["0"]]);
    let status = cluster.status();
    assert!(text(&status).contains(&format!("mysqld-{uid}")), "{}", text(&status));

    repair(cluster);
    becomes(cluster, uid, "SERVING").await;
    wait("writes to be taken again", async || {
        let update = format!("UPDATE t SET n = n + 1 WHERE id = {here}");
        conn.query_drop(update.as_str()).await.map_err(|e| e.to_string())
    })
    .await;
    assert_eq!(rows(&mut conn, "SELECT COUNT(*), SUM(n) FROM t").await, [["20", "1"]]);
}
