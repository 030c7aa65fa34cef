//! Emergency reparents on a shard in memory.

use std::sync::Arc;

use proto::topodata::TabletType::{self, Primary, Rdonly, Replica};
use topo::Server;

use super::*;
use crate::{
    EmergencyRequest, PlannedRequest,
    fake::{Failure, FakeShard, uuid},
};

const A: &str = "zone1-0000000100";
const B: &str = "zone1-0000000101";
const C: &str = "zone1-0000000102";
const D: &str = "zone2-0000000103";

const FOUR: [(&str, u32, TabletType); 4] =
    [("zone1", 100, Primary), ("zone1", 101, Replica), ("zone1", 102, Rdonly), ("zone2", 103, Replica)];

async fn shard(policy: &str) -> (Reparenter, Arc<FakeShard>, Server) {
    let topo = Server::memory(&["zone1", "zone2"]).await.unwrap();
    let fake = FakeShard::with_policy(topo.clone(), "ks", "0", &FOUR, policy).await.unwrap();
    let fake = Arc::new(fake);
    (Reparenter::new(topo.clone(), fake.clone()), fake, topo)
}

fn request() -> EmergencyRequest {
    EmergencyRequest { wait_replicas_timeout: Duration::from_secs(2), ..EmergencyRequest::new("ks", "0") }
}

fn alias(text: &str) -> TabletAlias {
    text.parse().unwrap()
}

fn kill(fake: &FakeShard, tablet: &str) {
    fake.with(tablet, |t| (t.silent, t.down) = (true, true));
}

#[track_caller]
fn assert_follow(fake: &FakeShard, primary: &str, others: &[&str]) {
    assert_eq!(fake.violation(), None);
    assert_eq!(fake.servers(|s| s.lacks(primary)), []);
    let now = fake.tablet(primary);
    assert!(now.writable && now.is(Primary), "{now:?}");
    for other in others {
        let t = fake.tablet(other);
        assert_eq!((t.source.as_deref(), t.fetching), (Some(primary), true), "{other}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_primary_is_replaced_by_a_replica_of_its_cell() {
    let (reparenter, fake, topo) = shard("semi_sync").await;
    fake.servers(|s| assert!(s.client_write(A)));
    fake.servers(|s| s.replicate());
    kill(&fake, A);
    let done = reparenter.emergency(&request()).await.unwrap();
    assert_eq!(done.primary, alias(B));
    assert_follow(&fake, B, &[C, D]);
    assert!(fake.tablet(B).semi_sync_source && fake.tablet(D).semi_sync_replica);
    assert!(!fake.tablet(C).semi_sync_replica, "an rdonly does not acknowledge under semi_sync");
    assert_eq!(topo.get_shard("ks", "0").await.unwrap().primary(), Some(alias(B)));
    assert!(done.events.iter().any(|e| e.value.contains(&format!("tablet {A} was not reached"))));
    topo.try_lock_shard("ks", "0", "test").await.unwrap().unlock().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_only_one_replica_received_is_fetched_before_the_promotion() {
    // The acknowledgement came from zone2's replica, or is in the rdonly's relay log only.
    for most in [D, C] {
        let (reparenter, fake, _) = shard("semi_sync").await;
        fake.with(if most == D { C } else { D }, |t| t.stalled = true);
        fake.with(B, |t| t.stalled = true);
        fake.servers(|s| (0..5).for_each(|_| assert!(s.client_write(A))));
        fake.servers(|s| s.replicate());
        kill(&fake, A);
        for t in [B, C, D] {
            fake.with(t, |t| t.stalled = false);
        }
        let plan = reparenter.dry_run_emergency(&request()).await.unwrap();
        assert_eq!(fake.calls(), Vec::<String>::new(), "a dry run changes nothing");
        let catch_up = Step::CatchUp { tablet: alias(B), source: alias(most), semi_sync: false };
        assert!(plan.steps.contains(&catch_up), "{plan}");
        reparenter.emergency(&request()).await.unwrap();
        assert_eq!(fake.tablet(B).executed.last(100), 15);
        assert_follow(&fake, B, &[C, D]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_is_busy_with_what_it_missed_is_not_waited_for() {
    let (reparenter, fake, _) = shard("semi_sync").await;
    // The first to be chosen, if only it had executed what it received.
    fake.with(B, |t| t.applies_nothing = true);
    fake.servers(|s| (0..5).for_each(|_| assert!(s.client_write(A))));
    fake.servers(|s| s.replicate());
    kill(&fake, A);
    let begun = tokio::time::Instant::now();
    let done = reparenter.emergency(&request()).await.unwrap();
    assert_eq!(done.primary, alias(D));
    // A second of it is for the replica that has to follow, and would have had two.
    assert!(begun.elapsed() < Duration::from_millis(1_500), "{:?}", begun.elapsed());
    assert_follow(&fake, D, &[B, C]);
    // One that is asked for is waited for.
    let (reparenter, fake, _) = shard("semi_sync").await;
    fake.with(B, |t| t.applies_nothing = true);
    fake.servers(|s| assert!(s.client_write(A)));
    fake.servers(|s| s.replicate());
    kill(&fake, A);
    let e = reparenter.emergency(&EmergencyRequest { new_primary: Some(alias(B)), ..request() }).await;
    assert!(e.unwrap_err().message().contains("did not execute its relay log"));
}

#[tokio::test(start_paused = true)]
async fn those_that_are_known_to_be_silent_are_hardly_waited_for() {
    use super::stop::{Patience, gather};
    use std::future::{Ready, pending, ready};
    let work =
        |n: usize| async move { if n == 0 { ready(n).await } else { pending::<Ready<usize>>().await.await } };
    let enough = |done: &[Option<usize>]| done.iter().flatten().count() > 0;
    for (patience, at_least, below) in [(Patience::Short, 0, 300), (Patience::Ordinary, 900, 1_200)] {
        let begun = tokio::time::Instant::now();
        let done = gather([work(0), work(1)], Duration::from_secs(30), enough, |_| patience).await;
        assert_eq!(done, [Some(0), None]);
        let took = begun.elapsed().as_millis();
        assert!((at_least..below).contains(&took), "{patience:?}: {took} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn too_few_reached_is_refused_by_name_and_everybody_goes_on() {
    let (reparenter, fake, _) = shard("semi_sync").await;
    kill(&fake, A);
    kill(&fake, D);
    let e = reparenter.emergency(&request()).await.unwrap_err();
    for part in
        ["acknowledged writes might be lost", A, D, "semi_sync", "--ignore-replicas", "go on as before"]
    {
        assert!(e.message().contains(part), "{part}: {e}");
    }
    assert!(fake.tablet(B).fetching && fake.tablet(C).fetching);
    assert_eq!(fake.tablet(B).source.as_deref(), Some(A));
    // With the loss accepted, or where nobody in that cell could have acknowledged.
    let ignoring = EmergencyRequest { ignore_replicas: vec![alias(D)], ..request() };
    let e = reparenter.emergency(&ignoring).await.unwrap_err();
    assert!(e.message().contains("no reached tablet could give them"), "{e}");

    let (reparenter, fake, _) = shard("none").await;
    kill(&fake, A);
    kill(&fake, D);
    let done = reparenter.emergency(&request()).await.unwrap();
    assert_eq!(done.primary, alias(B));
    assert!(done.events.iter().any(|e| e.value.contains("durability policy none")));

    let (reparenter, fake, _) = shard("semi_sync_with_rdonly_ack").await;
    kill(&fake, A);
    kill(&fake, D);
    let ignoring = EmergencyRequest { ignore_replicas: vec![alias(D)], ..request() };
    reparenter.emergency(&ignoring).await.unwrap();
    assert_follow(&fake, B, &[C]);
    assert!(fake.tablet(C).semi_sync_replica);
}

#[tokio::test(start_paused = true)]
async fn cross_cell_promotes_where_acknowledgements_can_come_from() {
    // With zone2's replica as the only one in another cell, a primary in zone1 has it, one in zone2 has B.
    let (reparenter, fake, _) = shard("cross_cell").await;
    kill(&fake, A);
    let done = reparenter.emergency(&request()).await.unwrap();
    assert_eq!(done.primary, alias(B));
    assert!(fake.tablet(D).semi_sync_replica && !fake.tablet(C).semi_sync_replica);

    let (reparenter, fake, _) = shard("cross_cell").await;
    kill(&fake, A);
    kill(&fake, D);
    let e = reparenter.emergency(&request()).await.unwrap_err();
    assert!(e.message().contains("might be lost") && e.message().contains(D), "{e}");

    let (reparenter, fake, _) = shard("cross_cell").await;
    kill(&fake, A);
    kill(&fake, B);
    // B is of A's cell: it could not have acknowledged. But D alone has nobody to acknowledge.
    let e = reparenter.emergency(&request()).await.unwrap_err();
    assert!(e.message().contains(&format!("{D}: under cross_cell it needs acknowledgements")), "{e}");
    let (reparenter, fake, _) = shard("cross_cell_with_rdonly_ack").await;
    kill(&fake, A);
    kill(&fake, B);
    assert_eq!(reparenter.emergency(&request()).await.unwrap().primary, alias(D));
    assert_follow(&fake, D, &[C]);
}

#[tokio::test(start_paused = true)]
async fn an_errant_replica_is_no_candidate_and_is_left_stopped() {
    let (reparenter, fake, _) = shard("semi_sync").await;
    fake.with(B, |t| _ = t.write(2));
    kill(&fake, A);
    let wanted = EmergencyRequest { new_primary: Some(alias(B)), ..request() };
    let e = reparenter.emergency(&wanted).await.unwrap_err();
    assert!(e.message().contains(&format!("tablet {B} has errant transactions {}:1-2", uuid(101))), "{e}");
    // Left without B, nobody could acknowledge to D but B's rdonly cannot.
    let e = reparenter.emergency(&request()).await.unwrap_err();
    assert!(e.message().contains(&format!("tablet {B} has errant transactions")), "{e}");
    let (reparenter, fake, _) = shard("semi_sync_with_rdonly_ack").await;
    fake.with(B, |t| _ = t.write(2));
    kill(&fake, A);
    let done = reparenter.emergency(&request()).await.unwrap();
    assert_eq!(done.primary, alias(D));
    assert_follow(&fake, D, &[C]);
    assert!(!fake.tablet(B).fetching);
    assert!(done.events.iter().any(|e| e.value.contains(&format!("tablet {B} has errant transactions"))));
}

#[tokio::test(start_paused = true)]
async fn a_former_primary_with_a_tail_that_nobody_acknowledged_is_errant() {
    let (reparenter, fake, _) = shard("semi_sync_with_rdonly_ack").await;
    // A is cut off with a write that nobody has, B takes over, A comes back, B dies.
    fake.with(A, |t| t.silent = true);
    reparenter.emergency(&EmergencyRequest { new_primary: Some(alias(B)), ..request() }).await.unwrap();
    fake.with(A, |t| _ = t.write(1));
    fake.servers(|s| assert!(s.client_write(B)));
    fake.servers(|s| s.replicate());
    fake.with(A, |t| t.silent = false);
    kill(&fake, B);
    let done = reparenter.emergency(&request()).await.unwrap();
    assert_eq!(done.primary, alias(D), "{:?}", done.events);
    let says = format!("tablet {A} has errant transactions {}:11", uuid(100));
    assert!(done.events.iter().any(|e| e.value.contains(&says)), "{:?}", done.events);
    assert_follow(&fake, D, &[C]);
    assert!(!fake.tablet(A).writable);
}

#[tokio::test(start_paused = true)]
async fn a_primary_that_is_there_after_all_is_made_read_only_and_follows() {
    let (reparenter, fake, _) = shard("semi_sync").await;
    fake.servers(|s| assert!(s.client_write(A)));
    let done =
        reparenter.emergency(&EmergencyRequest { new_primary: Some(alias(D)), ..request() }).await.unwrap();
    assert_eq!(done.primary, alias(D));
    assert_follow(&fake, D, &[A, B, C]);
    assert_eq!(fake.tablet(A).tablet_type, Replica as i32);
}

#[tokio::test(start_paused = true)]
async fn requests_that_do_not_fit_are_refused_before_anything_stops() {
    let (reparenter, fake, _) = shard("semi_sync").await;
    let wrong = EmergencyRequest { expected_primary: Some(alias(B)), ..request() };
    let rdonly = EmergencyRequest { new_primary: Some(alias(C)), ..request() };
    let nobody = EmergencyRequest { new_primary: Some(alias("zone1-7")), ..request() };
    let both = EmergencyRequest { new_primary: Some(alias(B)), ignore_replicas: vec![alias(B)], ..request() };
    for (request, why) in [
        (wrong, "not zone1-0000000101 as expected"),
        (rdonly, "RDONLY"),
        (nobody, "zone1-0000000007 is no running tablet"),
        (both, "to be ignored"),
    ] {
        let e = reparenter.emergency(&request).await.unwrap_err();
        assert!(e.message().contains(why), "{why}: {e}");
    }
    assert_eq!(fake.calls(), Vec::<String>::new());
    kill(&fake, A);
    kill(&fake, B);
    let cell =
        EmergencyRequest { prevent_cross_cell_promotion: true, ignore_replicas: vec![alias(B)], ..request() };
    let e = reparenter.emergency(&cell).await.unwrap_err();
    assert!(e.message().contains("not in the old primary's cell zone1"), "{e}");
}

#[tokio::test(start_paused = true)]
async fn a_relay_log_that_is_not_executed_in_time() {
    // B has all, but does not execute it: D has executed the same, and is promoted.
    let (reparenter, fake, _) = shard("semi_sync").await;
    fake.with(B, |t| t.applies_nothing = true);
    fake.servers(|s| assert!(s.client_write(A)));
    fake.servers(|s| s.replicate());
    kill(&fake, A);
    let done = reparenter.emergency(&request()).await.unwrap();
    assert_eq!(done.primary, alias(D));
    assert_eq!(fake.servers(|s| s.lacks(D)), []);
    // Only B has it: refused by name.
    let (reparenter, fake, _) = shard("semi_sync").await;
    fake.with(B, |t| t.applies_nothing = true);
    fake.with(D, |t| t.stalled = true);
    fake.with(C, |t| t.stalled = true);
    fake.servers(|s| assert!(s.client_write(A)));
    fake.servers(|s| s.replicate());
    kill(&fake, A);
    let e = reparenter.emergency(&request()).await.unwrap_err();
    assert!(e.message().contains(&format!("{B} received the most, but did not execute")), "{e}");
}

#[tokio::test(start_paused = true)]
async fn each_step_fails_in_turn_in_each_way_and_the_next_run_ends_it() {
    let steps = [
        ("stop_replication_and_get_status", B),
        ("stop_replication_and_get_status", C),
        ("set_replication_source", B),
        ("promote_replica", B),
        ("populate_reparent_journal", B),
        ("set_replication_source", C),
        ("set_replication_source", D),
    ];
    for (method, tablet) in steps {
        for how in [Failure::Refused, Failure::AnswerLost, Failure::Unreachable].repeat(4) {
            let case = format!("{method} {tablet} {how:?}");
            let (reparenter, fake, topo) = shard("semi_sync").await;
            fake.with(B, |t| t.stalled = true);
            fake.servers(|s| assert!(s.client_write(A)));
            fake.servers(|s| s.replicate());
            kill(&fake, A);
            fake.with(B, |t| t.stalled = false);
            fake.fail(method, tablet, how);
            let wanted = EmergencyRequest { new_primary: Some(alias(B)), ..request() };
            let first = reparenter.emergency(&wanted).await;
            assert!(fake.has_failed(), "{case}");
            assert_eq!(fake.violation(), None, "{case}");
            if let Err(e) = first {
                assert!(e.message().contains("EmergencyReparentShard ks/0"), "{case}: {e}");
            }
            topo.try_lock_shard("ks", "0", "test").await.expect(&case).unlock().await.unwrap();
            reparenter.emergency(&wanted).await.expect(&case);
            assert_follow(&fake, B, &[C, D]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_planned_reparent_to_a_tablet_that_does_not_fit() {
    let (reparenter, fake, _) = shard("none").await;
    let to = |t: &str| PlannedRequest {
        new_primary: Some(alias(t)),
        wait_replicas_timeout: Duration::from_secs(2),
        ..PlannedRequest::new("ks", "0")
    };
    fake.with(B, |t| _ = t.write(1));
    let e = reparenter.planned(&to(B)).await.unwrap_err();
    assert!(e.message().contains(&format!("{B} cannot become primary: it has errant transactions")), "{e}");
    fake.with(C, |t| t.version = "8.0.36".into());
    let e = reparenter.planned(&to(D)).await.unwrap_err();
    assert!(e.message().contains(&format!("replica {C} would not come along: MySQL 8.0 cannot")), "{e}");
    assert_eq!(fake.writable(), [A]);
    fake.with(C, |t| t.version = String::new());
    fake.with(A, |t| t.version = "8.4.1".into());
    let done = reparenter.planned(&to(D)).await.unwrap();
    assert!(done.events.iter().any(|e| e.value.contains("upgrade it now")), "the old primary may be older");
}
