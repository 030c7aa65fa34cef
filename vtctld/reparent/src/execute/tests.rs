//! Whole reparents on a shard in memory: in health, with each step failed in turn in each way, and run
//! again after it.

use std::sync::Arc;

use proto::topodata::TabletType::{self, Primary, Rdonly, Replica};
use topo::memory::MemoryStore;

use super::*;
use crate::{
    InitRequest, PlannedRequest,
    fake::{Failure, FakeShard},
};

const A: &str = "zone1-0000000100";
const B: &str = "zone1-0000000101";
const C: &str = "zone1-0000000102";

async fn shard(tablets: &[(&str, u32, TabletType)]) -> (Reparenter, Arc<FakeShard>, Server, MemoryStore) {
    let store = MemoryStore::default();
    let topo = Server::in_memory_store(&store, &["zone1", "zone2"]).await.unwrap();
    let fake = Arc::new(FakeShard::new(topo.clone(), "ks", "0", tablets).await.unwrap());
    (Reparenter::new(topo.clone(), fake.clone()), fake, topo, store)
}

use topo::Server;

fn alias(text: &str) -> TabletAlias {
    text.parse().unwrap()
}

fn request(new_primary: Option<&str>) -> PlannedRequest {
    PlannedRequest {
        new_primary: new_primary.map(alias),
        wait_replicas_timeout: Duration::from_secs(2),
        ..PlannedRequest::new("ks", "0")
    }
}

const HEALTHY: [(&str, u32, TabletType); 3] =
    [("zone1", 100, Primary), ("zone1", 101, Replica), ("zone1", 102, Rdonly)];

#[track_caller]
fn assert_led_by(fake: &FakeShard, primary: &str) {
    assert_eq!(fake.violation(), None);
    assert_eq!(fake.writable(), [primary]);
    for other in [A, B, C].iter().filter(|a| **a != primary) {
        assert_eq!(fake.tablet(other).source.as_deref(), Some(primary), "{other}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_healthy_primary_is_moved_and_everybody_follows() {
    let (reparenter, fake, topo, _) = shard(&HEALTHY).await;
    let done = reparenter.planned(&request(None)).await.unwrap();
    assert_eq!(done.primary, alias(B));
    assert_led_by(&fake, B);
    assert_eq!(topo.get_shard("ks", "0").await.unwrap().primary(), Some(alias(B)));
    assert_eq!(topo.get_tablet(&alias(A)).await.unwrap().r#type(), Replica);
    assert_eq!(topo.get_tablet(&alias(C)).await.unwrap().r#type(), Rdonly);
    assert!(!done.events.is_empty());
    // The lock is free again.
    topo.try_lock_shard("ks", "0", "test").await.unwrap().unlock().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn writes_stop_only_after_the_candidate_has_caught_up() {
    let (reparenter, fake, _, _) = shard(&HEALTHY).await;
    reparenter.planned(&request(Some(B))).await.unwrap();
    let calls = fake.calls();
    let at =
        |call: &str| calls.iter().position(|c| c == call).unwrap_or_else(|| panic!("{call} in {calls:?}"));
    let order = [
        at(&format!("set_replication_source {B}")),
        at(&format!("demote_primary {A}")),
        at(&format!("wait_for_position {B}")),
        at(&format!("promote_replica {B}")),
        at(&format!("populate_reparent_journal {B}")),
    ];
    assert!(order.is_sorted(), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn each_step_fails_in_turn_in_each_way_and_the_next_run_ends_it() {
    let steps = [
        ("set_replication_source", B),
        ("demote_primary", A),
        ("wait_for_position", B),
        ("promote_replica", B),
        ("populate_reparent_journal", B),
        ("set_replication_source", A),
        ("set_replication_source", C),
    ];
    for (method, tablet) in steps {
        // Branches run in no fixed order: several rounds of each.
        for how in [Failure::Refused, Failure::AnswerLost, Failure::Unreachable].repeat(8) {
            let (reparenter, fake, topo, _) = shard(&HEALTHY).await;
            fake.fail(method, tablet, how);
            let case = format!("{method} {tablet} {how:?}");
            let e = reparenter.planned(&request(Some(B))).await.expect_err(&case);
            assert!(fake.has_failed(), "{case}");
            assert_eq!(fake.violation(), None, "{case}");
            assert!(e.message().contains("PlannedReparentShard ks/0"), "{case}: {e}");
            check_after_failure(&fake, method, how, &case, &e);
            topo.try_lock_shard("ks", "0", "test").await.expect(&case).unlock().await.unwrap();

            reparenter.planned(&request(Some(B))).await.expect(&case);
            assert_led_by(&fake, B);
        }
    }
}

/// Before the promotion the old primary is writable again; after it the new one is. In doubt nobody is.
#[track_caller]
fn check_after_failure(fake: &FakeShard, method: &str, how: Failure, case: &str, e: &Error) {
    let promoted = method == "populate_reparent_journal"
        || fake.calls().contains(&format!("populate_reparent_journal {B}"));
    let in_doubt = method == "promote_replica" && how == Failure::AnswerLost;
    if in_doubt {
        assert!(e.message().contains("may be promoted already"), "{case}: {e}");
        assert_eq!(fake.writable(), [B], "{case}: it was promoted, only the answer was lost");
    } else if promoted {
        assert_eq!(fake.writable(), [B], "{case}");
    } else {
        assert_eq!(fake.writable(), [A], "{case}: {e}");
        assert!(fake.tablet(C).source.as_deref() == Some(A), "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_candidate_that_does_not_catch_up_leaves_everything_as_it_was() {
    let (reparenter, fake, _, _) = shard(&HEALTHY).await;
    fake.with(A, |t| _ = t.write(10));
    fake.with(B, |t| t.stalled = true);
    let e = reparenter.planned(&request(Some(B))).await.unwrap_err();
    assert!(e.message().contains("--wait-replicas-timeout 2s"), "{e}");
    assert!(!fake.calls().iter().any(|c| c.starts_with("demote_primary")), "{:?}", fake.calls());
    assert_eq!(fake.writable(), [A]);
}

#[tokio::test(start_paused = true)]
async fn without_the_lock_server_it_is_refused_by_name_and_nothing_is_touched() {
    let (reparenter, fake, _, store) = shard(&HEALTHY).await;
    store.set_reachable(false);
    let e = reparenter.planned(&request(None)).await.unwrap_err();
    assert!(
        e.message().starts_with("PlannedReparentShard ks/0 is refused: the shard cannot be locked: "),
        "{e}"
    );
    assert_eq!(fake.calls(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_never_had_a_primary_gets_its_first() {
    let (reparenter, fake, topo, _) =
        shard(&[("zone1", 100, Replica), ("zone1", 101, Replica), ("zone1", 102, Rdonly)]).await;
    let done = reparenter.planned(&request(None)).await.unwrap();
    assert_eq!(done.primary, alias(A));
    assert_led_by(&fake, A);
    assert_eq!(topo.get_shard("ks", "0").await.unwrap().primary(), Some(alias(A)));
    assert!(fake.calls().contains(&format!("execute_fetch_as_dba {A}")), "its database is made");
}

#[tokio::test(start_paused = true)]
async fn init_shard_primary_resets_the_shard_and_writes_its_record() {
    let (reparenter, fake, topo, _) =
        shard(&[("zone1", 100, Replica), ("zone1", 101, Replica), ("zone1", 102, Rdonly)]).await;
    let init = InitRequest {
        keyspace: "ks".into(),
        shard: "0".into(),
        primary_elect: alias(B),
        force: false,
        wait_replicas_timeout: Duration::from_secs(2),
    };
    reparenter.init_shard_primary(&init).await.unwrap();
    assert_led_by(&fake, B);
    assert_eq!(topo.get_shard("ks", "0").await.unwrap().primary(), Some(alias(B)));

    let again = reparenter.init_shard_primary(&init).await.unwrap_err();
    assert!(again.message().contains("--force"), "{again}");
    let other = InitRequest { primary_elect: alias(A), ..init.clone() };
    let other = reparenter.init_shard_primary(&other).await.unwrap_err();
    assert!(other.message().contains(&format!("{B} is the primary")), "{other}");
    reparenter.init_shard_primary(&InitRequest { force: true, ..init }).await.unwrap();
    assert_led_by(&fake, B);
}

#[tokio::test(start_paused = true)]
async fn init_shard_primary_can_be_run_again_after_any_step_failed() {
    let steps = [
        ("reset_replication", A),
        ("reset_replication", B),
        ("init_primary", B),
        ("populate_reparent_journal", B),
        ("execute_fetch_as_dba", B),
        ("set_replication_source", A),
        ("set_replication_source", C),
    ];
    for (method, tablet) in steps {
        for how in [Failure::Refused, Failure::AnswerLost, Failure::Unreachable] {
            let case = format!("{method} {tablet} {how:?}");
            let (reparenter, fake, _, _) =
                shard(&[("zone1", 100, Replica), ("zone1", 101, Replica), ("zone1", 102, Rdonly)]).await;
            fake.fail(method, tablet, how);
            let init = InitRequest {
                keyspace: "ks".into(),
                shard: "0".into(),
                primary_elect: alias(B),
                force: false,
                wait_replicas_timeout: Duration::from_secs(2),
            };
            reparenter.init_shard_primary(&init).await.expect_err(&case);
            assert!(fake.has_failed(), "{case}");
            reparenter.init_shard_primary(&InitRequest { force: true, ..init }).await.expect(&case);
            assert_led_by(&fake, B);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_lost_stops_the_work_at_the_next_step() {
    let (reparenter, fake, topo, _) = shard(&HEALTHY).await;
    // The lock is stolen (its node deleted) while the candidate catches up.
    fake.with(A, |t| _ = t.write(10));
    fake.with(B, |t| t.stalled = true);
    let running = tokio::spawn({
        let reparenter = reparenter.clone();
        async move { reparenter.planned(&request(Some(B))).await }
    });
    while !fake.calls().contains(&format!("set_replication_source {B}")) {
        tokio::task::yield_now().await;
    }
    for lock in topo.global().list("keyspaces/ks/shards/0/locks/").await.unwrap() {
        topo.global().delete(&lock.path, None).await.unwrap();
    }
    fake.with(B, |t| t.stalled = false);
    // Wakes the wait.
    reparenter
        .tablets
        .ping(&topo.get_tablet(&alias(C)).await.unwrap().value, Default::default())
        .await
        .unwrap();
    let e = running.await.unwrap().unwrap_err();
    assert!(e.message().contains("is not held any more"), "{e}");
    assert_eq!(fake.writable(), [A]);
}
