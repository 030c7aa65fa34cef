//! The steps of a newcomer's day with the sample cluster, each on the cluster as the last one left it: rows land
//! where their vindex says, come back by key, by list and by scatter; a reparent loses nothing.

use std::{collections::BTreeMap, time::Duration};

use mysql_async::prelude::Queryable;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{Cluster, exec, fault, rows, shards::customer_shard, text, try_rows};

const SHARDS: [&str; 2] = ["-80", "80-"];
/// First id of the rows that are inserted here; the sample's own come before.
const FIRST: u64 = 10_000;
const COUNT: u64 = 1_000;

/// Names the step that is on, for who reads a failure.
#[allow(clippy::print_stdout)]
pub fn step(name: &str) {
    println!("step: {name}");
}

/// A second `vtlocal up` finds everything running: same processes, same record.
pub fn up_again_changes_nothing(cluster: &Cluster) {
    let before = cluster.state();
    let out = cluster.up();
    assert!(out.status.success() && text(&out).contains("nothing was changed"), "{}", text(&out));
    assert_eq!(cluster.state(), before);
    assert!(before.processes.iter().all(|p| p.is_running()));
}

/// The rows that `up` loads are there, with ids from the sequence, on the primary and on a replica.
pub async fn sample_rows(cluster: &Cluster) {
    let mut conn = cluster.connect("commerce").await;
    let products = rows(&mut conn, "SELECT sku, price FROM product ORDER BY sku").await;
    assert_eq!(products[0], ["SKU-1001", "100"]);
    exec(&mut conn, "USE customer").await;
    let names = rows(&mut conn, "SELECT customer_id, name FROM customer ORDER BY customer_id").await;
    assert_eq!(names.first().unwrap(), &["1", "Alice"], "ids come from the sequence");
    assert_eq!(names.len(), 5);
    // A replica answers too.
    exec(&mut conn, "USE `customer@replica`").await;
    let on_replica = async || {
        let found = try_rows(&mut conn, "SELECT name FROM customer WHERE customer_id = 3").await;
        match found {
            Ok(found) if found == [["Charlie"]] => Ok(()),
            other => Err(format!("{other:?}")),
        }
    };
    wait("the replica to have the row", on_replica).await;
}

/// 1,000 customers inserted in lots of 100 are each on the mysqld of their shard, looked at directly.
pub async fn customers_land_where_their_vindex_says(cluster: &Cluster) {
    let mut conn = cluster.connect("customer").await;
    for start in (FIRST..FIRST + COUNT).step_by(100) {
        let values: Vec<String> =
            (start..start + 100).map(|id| format!("({id}, 'c{id}@example.com', 'customer {id}')")).collect();
        let sql = format!("INSERT INTO customer (customer_id, email, name) VALUES {}", values.join(", "));
        exec(&mut conn, &sql).await;
        assert_eq!(conn.affected_rows(), 100);
    }
    for shard in SHARDS {
        let expected: Vec<String> = (FIRST..FIRST + COUNT)
            .filter(|id| customer_shard(*id) == shard)
            .map(|id| id.to_string())
            .collect();
        assert!(expected.len() > 400, "{shard} expects {}", expected.len());
        let mut mysqld = cluster.mysqld(cluster.primary("customer", shard).await).await;
        let sql =
            format!("SELECT customer_id FROM vt_customer.customer WHERE customer_id >= {FIRST} ORDER BY 1");
        let found: Vec<String> = rows(&mut mysqld, &sql).await.concat();
        assert_eq!(found, expected, "customers in {shard}");
    }
}

/// By key, by list, and from all shards in order with limit and offset.
pub async fn rows_come_back(cluster: &Cluster) {
    let mut conn = cluster.connect("customer").await;
    for id in [FIRST, FIRST + 1, FIRST + 777] {
        let found = rows(&mut conn, &format!("SELECT name FROM customer WHERE customer_id = {id}")).await;
        assert_eq!(found, [[format!("customer {id}")]]);
    }
    let mut found = rows(
        &mut conn,
        "SELECT customer_id FROM customer WHERE customer_id IN (10001, 10002, 10003, 10004, 99)",
    )
    .await;
    found.sort();
    assert_eq!(found.concat(), ["10001", "10002", "10003", "10004"]);
    let sql = "SELECT customer_id, name FROM customer WHERE customer_id >= 10000 ORDER BY customer_id DESC LIMIT 5, 3";
    assert_eq!(
        rows(&mut conn, sql).await,
        [["10994", "customer 10994"], ["10993", "customer 10993"], ["10992", "customer 10992"]]
    );
    let all =
        rows(&mut conn, "SELECT customer_id FROM customer WHERE customer_id >= 10000 ORDER BY customer_id")
            .await;
    assert_eq!(all.len() as u64, COUNT);
    assert!(all.windows(2).all(|w| w[0][0].parse::<u64>().unwrap() < w[1][0].parse::<u64>().unwrap()));
    assert!(rows(&mut conn, "SELECT 1 FROM customer WHERE customer_id = 424242").await.is_empty());
}

/// What each shard's primary has executed.
async fn executed(cluster: &Cluster) -> BTreeMap<&'static str, String> {
    let mut sets = BTreeMap::new();
    for shard in SHARDS {
        let mut mysqld = cluster.mysqld(cluster.primary("customer", shard).await).await;
        let mut found = try_rows(&mut mysqld, "SELECT @@GLOBAL.gtid_executed").await;
        if found.is_err() {
            found = try_rows(&mut mysqld, "SELECT @@GLOBAL.gtid_binlog_pos").await;
        }
        sets.insert(shard, found.unwrap().concat().concat());
    }
    sets
}

/// An update and a delete by key give one shard a transaction, and the other none.
pub async fn writes_by_key_touch_one_shard(cluster: &Cluster) {
    let mut conn = cluster.connect("customer").await;
    for (id, sql) in [
        (FIRST + 5, format!("UPDATE customer SET name = 'changed' WHERE customer_id = {}", FIRST + 5)),
        (FIRST + 6, format!("DELETE FROM customer WHERE customer_id = {}", FIRST + 6)),
    ] {
        let before = executed(cluster).await;
        exec(&mut conn, &sql).await;
        assert_eq!(conn.affected_rows(), 1, "{sql}");
        let after = executed(cluster).await;
        for shard in SHARDS {
            assert_eq!(before[shard] != after[shard], shard == customer_shard(id), "{shard}: {sql}");
        }
    }
    let left = format!("SELECT name FROM customer WHERE customer_id IN ({}, {})", FIRST + 5, FIRST + 6);
    assert_eq!(rows(&mut conn, &left).await, [["changed"]]);
}

/// A transaction over both shards, rolled back and committed.
pub async fn a_rolled_back_transaction_leaves_nothing(cluster: &Cluster) {
    let mut conn = cluster.connect("customer").await;
    exec(&mut conn, "BEGIN").await;
    // Ids of both shards.
    for id in 50_000..50_010 {
        exec(
            &mut conn,
            &format!("INSERT INTO customer (customer_id, email) VALUES ({id}, 'r{id}@example.com')"),
        )
        .await;
    }
    let inside =
        rows(&mut conn, "SELECT customer_id FROM customer WHERE customer_id IN (50000, 50001)").await;
    assert_eq!(inside.len(), 2, "a transaction sees its own rows");
    exec(&mut conn, "ROLLBACK").await;
    let sql = "SELECT customer_id FROM customer WHERE customer_id >= 50000 AND customer_id < 50010 ORDER BY customer_id";
    assert!(rows(&mut conn, sql).await.is_empty());
    // And a committed one leaves all of it.
    exec(&mut conn, "BEGIN").await;
    for id in 50_000..50_010 {
        exec(
            &mut conn,
            &format!("INSERT INTO customer (customer_id, email) VALUES ({id}, 'r{id}@example.com')"),
        )
        .await;
    }
    exec(&mut conn, "COMMIT").await;
    assert_eq!(rows(&mut conn, sql).await.len(), 10);
    exec(&mut conn, "DELETE FROM customer WHERE customer_id IN (50000, 50001, 50002)").await;
    assert_eq!(conn.affected_rows(), 3);
}

/// Faults of a client have MySQL's numbers, and harm nobody else.
pub async fn bad_input(cluster: &Cluster) {
    let mut conn = cluster.connect("customer").await;
    let (code, state, message) = fault(&mut conn, "SELEC 1").await;
    assert_eq!((code, state.as_str()), (1064, "42000"), "{message}");
    let (code, _, message) = fault(&mut conn, "SELECT * FROM no_such_table").await;
    assert!(code == 1146 && message.contains("no_such_table"), "{code} {message}");
    let (code, _, message) =
        fault(&mut conn, "SELECT no_such_column FROM customer WHERE customer_id = 1").await;
    assert!(code == 1054 && message.contains("no_such_column"), "{code} {message}");
    let (code, _, message) = fault(&mut conn, "USE no_such_keyspace").await;
    assert!(code == 1049 && message.contains("no_such_keyspace"), "{code} {message}");
    let (code, state, _) =
        fault(&mut conn, &format!("INSERT INTO customer (customer_id) VALUES ({FIRST})")).await;
    assert_eq!((code, state.as_str()), (1062, "23000"), "mysqld's own error passes through");
    // The connection lives on after each of them.
    assert_eq!(rows(&mut conn, "SELECT 1").await, [["1"]]);

    // Random bytes end that connection and no other.
    let mut stream =
        tokio::net::TcpStream::connect(("127.0.0.1", cluster.plan().ports.vtgate_mysql)).await.unwrap();
    stream.write_all(&[0x17; 300]).await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection stays open");
    assert_eq!(rows(&mut conn, "SELECT 1").await, [["1"]]);
}

/// A planned reparent moves the primary; every insert before and after is there, on both servers.
pub async fn a_reparent_moves_the_primary_and_inserts_go_on(cluster: &Cluster) {
    let shard = "-80";
    let (old, new) = (cluster.primary("customer", shard).await, cluster.replica("customer", shard).await);
    let ids: Vec<u64> = (60_000..).filter(|id| customer_shard(*id) == shard).take(400).collect();
    let mut conn = cluster.connect("customer").await;
    let (half, rest) = ids.split_at(200);
    for id in half {
        exec(
            &mut conn,
            &format!("INSERT INTO customer (customer_id, email) VALUES ({id}, 'p{id}@example.com')"),
        )
        .await;
    }
    let alias = format!("zone1-{new:010}");
    let reparent =
        cluster.vtctl(&["PlannedReparentShard", "--new-primary", &alias, &format!("customer/{shard}")]);
    assert!(reparent.status.success(), "{}\n{}", text(&reparent), cluster.logs());
    for id in rest {
        let sql = format!("INSERT INTO customer (customer_id, email) VALUES ({id}, 'p{id}@example.com')");
        // vtgate learns of the new primary from its health stream; until then nothing is written.
        wait("an insert after the reparent", async || match conn.query_drop(sql.as_str()).await {
            Ok(()) => Ok(()),
            Err(e) => Err(e.to_string()),
        })
        .await;
    }
    assert_eq!(cluster.primary("customer", shard).await, new);
    let wanted: Vec<String> = ids.iter().map(u64::to_string).collect();
    let sql = "SELECT customer_id FROM vt_customer.customer WHERE customer_id >= 60000 ORDER BY customer_id";
    let mut mysqld = cluster.mysqld(new).await;
    assert_eq!(rows(&mut mysqld, sql).await.concat(), wanted, "on the new primary");
    let mut mysqld = cluster.mysqld(old).await;
    wait("the old primary to follow the new one", async || {
        let found = try_rows(&mut mysqld, sql).await.map_err(|e| e.to_string())?.concat();
        if found == wanted { Ok(()) } else { Err(format!("{} of {}", found.len(), wanted.len())) }
    })
    .await;
    let read_only = rows(&mut mysqld, "SELECT @@GLOBAL.read_only").await;
    assert_eq!(read_only, [["1"]], "the old primary takes no writes");
}

/// After `vtlocal down` and `up` the same primaries serve the same rows.
pub async fn data_survives_down_and_up(cluster: &Cluster) {
    let primary = cluster.primary("customer", "-80").await;
    let out = cluster.down();
    assert!(out.status.success(), "{}", text(&out));
    assert!(cluster.state().processes.is_empty());
    let out = cluster.up();
    assert!(out.status.success(), "{}\n{}", text(&out), cluster.logs());
    assert_eq!(cluster.primary("customer", "-80").await, primary, "the primary stays the primary");
    let mut conn = cluster.connect("customer").await;
    let sql = "SELECT customer_id FROM customer WHERE customer_id >= 60000 ORDER BY customer_id";
    assert_eq!(rows(&mut conn, sql).await.len(), 400);
    exec(&mut conn, "INSERT INTO customer (email, name) VALUES ('last@example.com', 'Last')").await;
    assert_eq!(
        rows(&mut conn, "SELECT name FROM customer WHERE email = 'last@example.com'").await,
        [["Last"]]
    );
}

/// Polls for half a minute.
pub async fn wait(what: &str, check: impl AsyncFnMut() -> Result<(), String>) {
    testkit::wait_until_async(what, Duration::from_secs(30), async |t| tokio::time::sleep(t).await, check)
        .await;
}
