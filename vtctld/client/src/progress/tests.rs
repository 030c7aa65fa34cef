use std::sync::Mutex;

use ops::json::Style;
use topo::Server;

use super::*;
use crate::plans::Plans;

fn subject() -> Subject {
    let shard = "customer/-80".parse().unwrap();
    Subject { command: "PlannedReparentShard".into(), shards: vec![shard], ..Subject::default() }
}

fn held(action: &str) -> Holder {
    Holder { action: action.into(), by: "vt@one".into(), since: "2026-11-23T01:02:03Z".into() }
}

#[test]
fn a_line_comes_when_something_changed_and_as_a_sign_of_life() {
    let mut lines = Lines::default();
    let mut at = |seconds, picture| lines.of(&subject(), Duration::from_secs(seconds), picture);
    let waits = Picture { lock: Some(held("DeleteShard")), primary: None };
    assert_eq!(
        at(1, waits.clone()).unwrap(),
        "PlannedReparentShard customer/-80: 1 s: the lock is held for \"DeleteShard\" by vt@one since \
         2026-11-23T01:02:03Z"
    );
    assert_eq!(at(2, waits.clone()), None);
    let led = Picture { lock: None, primary: Some("zone1-100".parse().unwrap()) };
    assert_eq!(
        at(3, led.clone()).unwrap(),
        "PlannedReparentShard customer/-80: 3 s: the primary is zone1-0000000100"
    );
    assert_eq!(at(12, led.clone()), None);
    assert!(at(13, led).is_some());
    assert_eq!(words(&Picture::default()), "at work");
}

/// A real lock of a topology in memory, seen by a command that waits for it.
#[tokio::test(start_paused = true)]
async fn who_holds_the_lock_is_seen_while_a_command_waits() {
    let topo = Server::memory(&["zone1"]).await.unwrap();
    topo.create_keyspace("customer", &Default::default()).await.unwrap();
    topo.create_shard("customer", "-80").await.unwrap();
    let guard = topo.lock_shard("customer", "-80", "a long work").await.unwrap();
    let ops = ops::Ops::new(topo, std::sync::Arc::new(Nobody {}));
    let client = Client { vtctld: Box::new(ops.clone()), plans: Plans::Here(ops), style: Style::default() };
    let told = Mutex::new(Vec::new());
    let work = tokio::time::sleep(Duration::from_millis(2500));
    along(work, &client, &subject(), |line| told.lock().unwrap().push(line)).await;
    drop(guard);
    let told = told.into_inner().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("the lock is held for \"a long work\" by "), "{told:?}");
}

struct Nobody {}

impl tabletclient::TabletManagerClient for Nobody {}
