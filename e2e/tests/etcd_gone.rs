//! Serving does not need the topology: etcd is killed for longer than every lease, and queries go on.
//!
//! `ETCD_GONE_SECONDS` sets for how long (default 35: leases last 30).

// The helpers of a test fail the test.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::{Duration, Instant};

use e2e::{Cluster, exec, rows, text};
use nix::sys::signal::Signal;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_go_on_without_etcd() {
    let cluster = Cluster::start(&[]);
    let mut conn = cluster.connect("customer").await;
    let query = "SELECT name FROM customer WHERE customer_id = 1";
    assert_eq!(rows(&mut conn, query).await, [["Alice"]]);

    let seconds: u64 = std::env::var("ETCD_GONE_SECONDS").map_or(35, |s| s.parse().unwrap());
    cluster.signal("etcd", Signal::SIGKILL);
    let gone = Instant::now();
    let mut number = 0;
    while gone.elapsed() < Duration::from_secs(seconds) {
        number += 1;
        assert_eq!(rows(&mut conn, query).await, [["Alice"]], "after {:?}", gone.elapsed());
        let write = format!("UPDATE customer SET name = 'Bob {number}' WHERE customer_id = 2");
        exec(&mut conn, &write).await;
        // New connections are taken too.
        let mut other = cluster.connect("commerce").await;
        assert_eq!(rows(&mut other, "SELECT price FROM product WHERE sku = 'SKU-1001'").await, [["100"]]);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("{number} rounds of queries in {:?} without etcd", gone.elapsed());

    // A change of the topology is refused, and says what is missing.
    let new = format!("zone1-{:010}", cluster.replica("customer", "-80").await);
    let out = cluster.vtctl(&[
        "--action-timeout=20s",
        "PlannedReparentShard",
        "--new-primary",
        &new,
        "customer/-80",
    ]);
    assert!(!out.status.success(), "{}", text(&out));
    assert!(text(&out).to_lowercase().contains("topo") || text(&out).contains("etcd"), "{}", text(&out));
    assert_eq!(rows(&mut conn, query).await, [["Alice"]]);

    // etcd back: a change of the VSchema is seen within a second of being made.
    let up = cluster.up();
    assert!(up.status.success(), "{}\n{}", text(&up), cluster.logs());
    let file = cluster.data_dir().join("vschema.json");
    let vschema = r#"{"tables": {"product": {}, "customer_seq": {"type": "sequence"},
        "orders_seq": {"type": "sequence"}, "customer_email": {}, "made_later": {}}}"#;
    std::fs::write(&file, vschema).unwrap();
    wait("vtctld to reach etcd again", Duration::from_secs(30), async || {
        let out = cluster.vtctl(&["ApplyVSchema", "--vschema-file", file.to_str().unwrap(), "commerce"]);
        if out.status.success() { Ok(()) } else { Err(text(&out)) }
    })
    .await;
    wait("vtgate to see the new VSchema", Duration::from_secs(1), async || {
        let mut conn = cluster.connect("commerce").await;
        let tables = rows(&mut conn, "SHOW VSCHEMA TABLES").await;
        if tables.concat().iter().any(|t| t == "made_later") { Ok(()) } else { Err(format!("{tables:?}")) }
    })
    .await;
    assert_eq!(rows(&mut conn, query).await, [["Alice"]]);
}

async fn wait(what: &str, limit: Duration, check: impl AsyncFnMut() -> Result<(), String>) {
    testkit::wait_until_async(what, limit, async |t| tokio::time::sleep(t).await, check).await;
}
