use std::time::Duration;

use proto::vschema::SrvVSchema;

use super::*;
use crate::{Server, memory::MemoryStore};

async fn wait_for(rx: &mut Receiver<Seen<SrvVSchema>>, what: impl FnMut(&Seen<SrvVSchema>) -> bool) {
    tokio::time::timeout(Duration::from_secs(30), rx.wait_for(what)).await.expect("in time").unwrap();
}

fn with_keyspace(name: &str) -> SrvVSchema {
    SrvVSchema { keyspaces: [(name.to_owned(), Default::default())].into(), ..Default::default() }
}

fn has(seen: &Seen<SrvVSchema>, keyspace: &str) -> bool {
    seen.value().is_some_and(|v| v.keyspaces.contains_key(keyspace))
}

#[tokio::test(start_paused = true)]
async fn the_last_value_is_kept_while_the_server_is_away_and_news_come_when_it_is_back() {
    let store = MemoryStore::default();
    let server = Server::in_memory_store(&store, &["zone1"]).await.unwrap();
    let mut rx = server.watch_srv_vschema("zone1").await.unwrap();
    wait_for(&mut rx, |s| matches!(s.record, Record::Absent)).await;
    server.put_srv_vschema("zone1", &with_keyspace("a")).await.unwrap();
    wait_for(&mut rx, |s| has(s, "a")).await;

    store.set_reachable(false);
    wait_for(&mut rx, |s| s.fault.is_some()).await;
    assert!(has(&rx.borrow(), "a"));

    store.set_reachable(true);
    server.put_srv_vschema("zone1", &with_keyspace("b")).await.unwrap();
    let before = tokio::time::Instant::now();
    wait_for(&mut rx, |s| has(s, "b") && s.fault.is_none()).await;
    assert!(before.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn vitess_3745_a_watch_that_is_closed_again_and_again_does_not_spin() {
    let store = MemoryStore::default();
    let server = Server::in_memory_store(&store, &["zone1"]).await.unwrap();
    let mut rx = server.watch_srv_vschema("zone1").await.unwrap();
    wait_for(&mut rx, Seen::is_known).await;
    let before = store.calls();
    // Every watch is closed within a millisecond of its start, for a minute.
    let end = tokio::time::Instant::now() + Duration::from_secs(60);
    while tokio::time::Instant::now() < end {
        tokio::time::advance(Duration::from_millis(1)).await;
        store.break_watches();
    }
    let calls = store.calls() - before;
    assert!((60..=200).contains(&calls), "{calls} calls in a minute");
}

#[tokio::test(start_paused = true)]
async fn the_watch_ends_with_its_last_receiver() {
    let store = MemoryStore::default();
    let server = Server::in_memory_store(&store, &["zone1"]).await.unwrap();
    let mut rx = server.watch_srv_vschema("zone1").await.unwrap();
    wait_for(&mut rx, Seen::is_known).await;
    drop(rx);
    store.set_reachable(false);
    let before = store.calls();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(store.calls() - before <= 1);
}

#[tokio::test]
async fn a_record_that_cannot_be_decoded_leaves_the_last_one() {
    let server = Server::memory(&["zone1"]).await.unwrap();
    server.put_srv_vschema("zone1", &with_keyspace("a")).await.unwrap();
    let mut rx = server.watch_srv_vschema("zone1").await.unwrap();
    wait_for(&mut rx, |s| has(s, "a")).await;
    let conn = server.cell("zone1").await.unwrap();
    conn.update(crate::paths::SRV_VSCHEMA, vec![0xff; 3], None).await.unwrap();
    wait_for(&mut rx, |s| s.fault.is_some()).await;
    assert!(has(&rx.borrow(), "a"));
}
