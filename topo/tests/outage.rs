//! What a process sees when a real etcd goes away and comes back.

use std::time::{Duration, Instant};

use proto::{topodata, vschema};
use testkit::Etcd;
use topo::{ErrorKind, Server, TopoConfig, TopoOptions, kind, watch::Record};
use vtmodel::TabletAlias;

fn config(etcd: &Etcd) -> TopoConfig {
    let options = TopoOptions {
        topo_global_server_address: vec![etcd.address()],
        remote_operation_timeout: Duration::from_secs(5),
        topo_etcd_lease_ttl: 2,
        ..TopoOptions::default()
    };
    options.validate().expect("valid")
}

async fn with_cell(etcd: &Etcd) -> Server {
    let server = Server::open(&config(etcd)).await.expect("opens");
    let info = topodata::CellInfo { server_address: etcd.address(), root: "/vitess/zone1".into() };
    server.create_cell_info("zone1", &info).await.expect("a cell is added");
    server
}

fn srv_vschema(keyspace: &str) -> vschema::SrvVSchema {
    vschema::SrvVSchema {
        keyspaces: [(keyspace.to_owned(), Default::default())].into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_watch_keeps_its_value_without_etcd_and_sees_news_within_a_second_of_its_return() {
    let mut etcd = Etcd::start();
    let server = with_cell(&etcd).await;
    server.put_srv_vschema("zone1", &srv_vschema("a")).await.unwrap();
    let mut rx = server.watch_srv_vschema("zone1").await.unwrap();
    let seen = topo::watch::first(&mut rx, Duration::from_secs(10)).await.unwrap();
    assert!(seen.value().unwrap().keyspaces.contains_key("a"));

    etcd.stop();
    let lost = rx.wait_for(|s| s.fault.is_some());
    tokio::time::timeout(Duration::from_secs(30), lost).await.expect("the loss is seen").unwrap();
    assert!(rx.borrow().value().unwrap().keyspaces.contains_key("a"));
    let refused = server.lock_keyspace("ks", "test").await.unwrap_err();
    assert!(matches!(kind(&refused), ErrorKind::Unavailable | ErrorKind::Timeout), "{refused}");

    etcd.restart();
    server.put_srv_vschema("zone1", &srv_vschema("b")).await.unwrap();
    let written = Instant::now();
    let news = rx.wait_for(|s| s.value().is_some_and(|v| v.keyspaces.contains_key("b")) && s.fault.is_none());
    tokio::time::timeout(Duration::from_secs(30), news).await.expect("the news are seen").unwrap();
    assert!(written.elapsed() < Duration::from_secs(1), "{:?}", written.elapsed());
    server.delete_srv_vschema("zone1").await.unwrap();
    let gone = rx.wait_for(|s| matches!(s.record, Record::Absent));
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("the deletion is seen").unwrap();
}

#[tokio::test]
async fn a_lock_outlives_its_lease_time_while_held_and_survives_a_short_restart() {
    let mut etcd = Etcd::start();
    let server = with_cell(&etcd).await;
    server.create_keyspace("ks", &topodata::Keyspace::default()).await.unwrap();
    let guard = server.lock_keyspace("ks", "long work").await.unwrap();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(5) {
        guard.check().await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    etcd.restart();
    let deadline = Instant::now() + Duration::from_secs(20);
    while let Err(e) = guard.check().await {
        assert!(kind(&e) != ErrorKind::NoNode && Instant::now() < deadline, "{e}");
    }
    guard.unlock().await.unwrap();
    server.lock_keyspace("ks", "next").await.unwrap().unlock().await.unwrap();
}

#[tokio::test]
async fn a_lock_whose_holder_died_is_free_after_its_lease() {
    let etcd = Etcd::start();
    let server = with_cell(&etcd).await;
    server.create_keyspace("ks", &topodata::Keyspace::default()).await.unwrap();
    // A runtime that ends without running its tasks again is a process that was killed.
    let config = config(&etcd);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let guard = runtime.block_on(async {
            let server = Server::open(&config).await.unwrap();
            server.lock_keyspace("ks", "will die").await.unwrap()
        });
        runtime.shutdown_background();
        std::mem::forget(guard);
    })
    .join()
    .unwrap();
    let guard = server.lock_keyspace("ks", "waits").await.unwrap();
    guard.unlock().await.unwrap();
}

#[tokio::test]
async fn keys_and_values_are_vitesss() {
    let etcd = Etcd::start();
    let server = with_cell(&etcd).await;
    server.create_keyspace("ks", &topodata::Keyspace::default()).await.unwrap();
    server.ensure_vschema("ks").await.unwrap();
    server.create_shard("ks", "-80").await.unwrap();
    let alias = TabletAlias::new("zone1", 100);
    let tablet = topodata::Tablet {
        alias: Some((&alias).into()),
        keyspace: "ks".into(),
        shard: "-80".into(),
        ..Default::default()
    };
    server.create_tablet(&tablet).await.unwrap();
    server.rebuild_srv_vschema(&[]).await.unwrap();
    let mut raw = etcd_client::Client::connect([etcd.address()], None).await.unwrap();
    let all = raw.get("/", Some(etcd_client::GetOptions::new().with_prefix())).await.unwrap();
    let keys: Vec<_> = all.kvs().iter().map(|kv| kv.key_str().unwrap()).collect();
    assert_eq!(
        keys,
        [
            "/vitess/global/cells/zone1/CellInfo",
            "/vitess/global/keyspaces/ks/Keyspace",
            "/vitess/global/keyspaces/ks/VSchema",
            "/vitess/global/keyspaces/ks/shards/-80/Shard",
            "/vitess/zone1/SrvVSchema",
            "/vitess/zone1/keyspaces/ks/shards/-80/ShardReplication",
            "/vitess/zone1/tablets/zone1-0000000100/Tablet",
        ]
    );
    let read: topodata::Tablet = prost::Message::decode(all.kvs()[6].value()).unwrap();
    assert_eq!(read, tablet);
}

#[tokio::test]
async fn an_election_is_led_by_the_first_and_then_by_the_next() {
    let etcd = Etcd::start();
    let server = with_cell(&etcd).await;
    let long = Duration::from_secs(30);
    assert_eq!(server.leader("e").await.unwrap(), None);
    let first = server.campaign("e", "one", long).await.unwrap();
    assert_eq!(server.leader("e").await.unwrap().as_deref(), Some("one"));
    let next = tokio::spawn({
        let server = server.clone();
        async move { server.campaign("e", "two", long).await }
    });
    first.unlock().await.unwrap();
    let _second = next.await.unwrap().unwrap();
    assert_eq!(server.leader("e").await.unwrap().as_deref(), Some("two"));
}
