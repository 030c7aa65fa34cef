use std::time::Duration;

use proto::topodata::{self, Tablet, TabletType};

use super::*;
use crate::{
    Durability, EmergencyRequest, PlannedRequest, Snapshot, Stop, TabletState,
    decide::{errant::errant, planned},
};

fn state(alias: &str, tablet_type: TabletType, executed: u64) -> TabletState {
    let alias: TabletAlias = alias.parse().unwrap();
    let tablet = Tablet {
        alias: Some((&alias).into()),
        keyspace: "ks".into(),
        shard: "0".into(),
        r#type: tablet_type as i32,
        ..Tablet::default()
    };
    let position = format!("MySQL56/3e11fa47-71ca-11e1-9e33-c80aa9429562:1-{executed}");
    TabletState {
        alias,
        position: Some(position.parse().unwrap()),
        replicates: tablet_type != TabletType::Primary,
        lag: Some(Duration::ZERO),
        fault: None,
        ..TabletState::unknown(tablet, "").unwrap()
    }
}

fn snapshot(tablets: Vec<TabletState>) -> Snapshot {
    Snapshot {
        keyspace: "ks".into(),
        shard: "0".into(),
        record: topodata::Shard::default(),
        durability: Durability::None,
        tablets,
        shut_down: Vec::new(),
        unread_cells: Vec::new(),
    }
}

use TabletType::{Primary, Rdonly, Replica};

#[test]
fn the_most_advanced_replica_of_the_primarys_cell_is_chosen() {
    let s = snapshot(vec![
        state("z1-1", Primary, 10),
        state("z1-2", Replica, 8),
        state("z1-3", Replica, 9),
        state("z1-4", Rdonly, 10),
        state("z2-5", Replica, 10),
    ]);
    let plan = planned(&s, &PlannedRequest::new("ks", "0")).unwrap();
    assert_eq!(plan.primary.to_string(), "z1-0000000003");
    let anywhere = PlannedRequest { allow_cross_cell_promotion: true, ..PlannedRequest::new("ks", "0") };
    assert_eq!(planned(&s, &anywhere).unwrap().primary.to_string(), "z2-0000000005");
}

#[test]
fn a_plan_reads_as_a_list_of_steps() {
    let s = snapshot(vec![state("z1-1", Primary, 10), state("z1-2", Replica, 10), state("z1-3", Rdonly, 10)]);
    let plan = planned(&s, &PlannedRequest::new("ks", "0")).unwrap();
    assert_eq!(
        plan.to_string(),
        "Graceful: primary z1-0000000001 -> z1-0000000002\n\
         \x20 CatchUp z1-0000000002 from z1-0000000001\n\
         \x20 DemotePrimary z1-0000000001\n\
         \x20 WaitForPosition z1-0000000002\n\
         \x20 at the same time:\n\
         \x20   1:\n\
         \x20     PromoteReplica z1-0000000002\n\
         \x20     PopulateReparentJournal z1-0000000002\n\
         \x20   2:\n\
         \x20     AwaitPromotion z1-0000000002\n\
         \x20     SetReplicationSource z1-0000000001 from z1-0000000002\n\
         \x20   3:\n\
         \x20     SetReplicationSource z1-0000000003 from z1-0000000002\n"
    );
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["steps"][1]["DemotePrimary"]["tablet"], "z1-0000000001");
}

#[test]
fn why_nobody_can_be_chosen_is_told_for_each() {
    let mut backup = state("z1-2", Replica, 10);
    backup.backup_running = true;
    let mut late = state("z1-3", Replica, 10);
    late.lag = Some(Duration::from_secs(60));
    let s = snapshot(vec![state("z1-1", Primary, 10), backup, late, state("z1-4", Rdonly, 10)]);
    let request = PlannedRequest {
        tolerable_replication_lag: Duration::from_secs(5),
        ..PlannedRequest::new("ks", "0")
    };
    let e = planned(&s, &request).unwrap_err();
    for why in ["it is the primary", "taking a backup", "it lags 60s, more than 5s", "its type is RDONLY"] {
        assert!(e.message().contains(why), "{why}: {e}");
    }
}

#[test]
fn a_tablet_that_does_not_answer_is_named() {
    let mut silent = state("z1-3", Rdonly, 10);
    silent.fault = Some("no answer".into());
    let s = snapshot(vec![state("z1-1", Primary, 10), state("z1-2", Replica, 10), silent]);
    let e = planned(&s, &PlannedRequest::new("ks", "0")).unwrap_err();
    assert_eq!(e.message(), "not all tablets answer: z1-0000000003: no answer");
}

#[test]
fn expected_and_avoided_primaries_are_looked_at_first() {
    let s = snapshot(vec![state("z1-1", Primary, 10), state("z1-2", Replica, 10)]);
    let other: TabletAlias = "z1-2".parse().unwrap();
    let expected = PlannedRequest { expected_primary: Some(other.clone()), ..PlannedRequest::new("ks", "0") };
    assert!(planned(&s, &expected).unwrap_err().message().contains("not z1-0000000002 as expected"));
    let avoid = PlannedRequest { avoid_primary: Some(other), ..PlannedRequest::new("ks", "0") };
    assert_eq!(planned(&s, &avoid).unwrap().kind, Kind::Nothing);
}

#[test]
fn a_primary_that_is_gone_is_not_taken_for_a_new_shard() {
    let mut s = snapshot(vec![state("z1-2", Replica, 10)]);
    s.record.primary_alias = Some(topodata::TabletAlias { cell: "z1".into(), uid: 1 });
    let e = planned(&s, &PlannedRequest::new("ks", "0")).unwrap_err();
    assert!(e.message().contains("EmergencyReparentShard"), "{e}");
}

#[test]
fn of_two_primaries_the_one_with_the_newer_term_counts() {
    let term = |seconds| Some(proto::vttime::Time { seconds, nanoseconds: 0 });
    let (mut old, mut new) = (state("z1-1", Primary, 10), state("z1-2", Primary, 11));
    old.tablet.primary_term_start_time = term(5);
    new.tablet.primary_term_start_time = term(6);
    let s = snapshot(vec![old, new]);
    let wanted =
        PlannedRequest { new_primary: Some("z1-2".parse().unwrap()), ..PlannedRequest::new("ks", "0") };
    assert_eq!(planned(&s, &wanted).unwrap().kind, Kind::Repair);
}

#[test]
fn semi_sync_is_asked_of_those_the_policy_names() {
    let mut s =
        snapshot(vec![state("z1-1", Primary, 10), state("z1-2", Replica, 10), state("z2-3", Replica, 10)]);
    s.durability = Durability::CrossCell;
    let plan = planned(&s, &PlannedRequest::new("ks", "0")).unwrap();
    let Some(Step::Together { branches }) = plan.steps.last() else { panic!("{plan}") };
    let semi: Vec<bool> = branches[1..]
        .iter()
        .map(|b| matches!(b.last(), Some(Step::SetReplicationSource { semi_sync: true, .. })))
        .collect();
    assert_eq!(semi, [false, true]);
    assert!(matches!(branches[0][0], Step::PromoteReplica { semi_sync: true, .. }));
}

/// Under `cross_cell` a primary needs somebody in another cell: without, its first commit would wait forever.
#[test]
fn nobody_is_promoted_whom_no_other_cell_acknowledges() {
    let mut s =
        snapshot(vec![state("z1-1", Primary, 10), state("z1-2", Replica, 10), state("z1-3", Replica, 10)]);
    s.durability = Durability::CrossCell;
    let e = planned(&s, &PlannedRequest::new("ks", "0")).unwrap_err();
    assert!(e.message().contains("cross_cell"), "{e}");
}

/// A cell whose topology is away may hold the primary: it can write as long as somebody elsewhere acknowledges.
#[test]
fn the_unknown_primary_of_an_unread_cell_is_counted() {
    use crate::decide::unrevoked;
    let mut s = snapshot(vec![
        state("z2-2", Replica, 10),
        state("z3-3", Replica, 10),
        state("z3-4", Rdonly, 10),
        state("z4-5", Replica, 10),
    ]);
    s.durability = Durability::CrossCell;
    s.unread_cells = vec![("z1".into(), "away".into())];
    let request = crate::EmergencyRequest::new("ks", "0");
    let open = |s: &Snapshot, reached: &[u32]| {
        let open = unrevoked(s, &request, |alias| reached.contains(&alias.uid));
        open.iter().map(|u| format!("{} {:?}", u.primary, u.acknowledging.len())).collect::<Vec<_>>()
    };
    assert_eq!(open(&s, &[2, 3, 5]), [""; 0]);
    // One that was not reached is enough for the primary that nobody sees.
    assert_eq!(open(&s, &[3, 5]), ["z1-0000000000 1"]);
    s.record.primary_alias = Some(topodata::TabletAlias { cell: "z1".into(), uid: 1 });
    assert_eq!(open(&s, &[2, 5]), ["z1-0000000001 1"]);
    assert_eq!(open(&s, &[5]), ["z2-0000000002 1", "z3-0000000003 1", "z1-0000000001 2"]);
    // Nobody acknowledges within the own cell, unread or not.
    s.unread_cells = vec![("z2".into(), "away".into())];
    s.record.primary_alias = None;
    s.tablets[0] = state("z2-2", Rdonly, 10);
    assert_eq!(open(&s, &[3, 5]), [""; 0]);
}

#[test]
fn a_demoted_primary_that_has_more_than_the_one_that_accepts_writes_is_a_refusal() {
    // An emergency reparent did not reach z1-1 and promoted z1-2; the next one demoted that, and died.
    let mut stale = state("z1-1", Primary, 9);
    stale.writable = Some(true);
    let mut demoted = state("z1-2", Primary, 10);
    demoted.writable = Some(false);
    let s = snapshot(vec![stale, demoted, state("z1-3", Replica, 9)]);
    let e = planned(&s, &PlannedRequest::new("ks", "0")).unwrap_err();
    assert!(e.message().contains("z1-0000000002") && e.message().contains("EmergencyReparentShard"), "{e}");
}

#[test]
fn a_primary_that_replicas_follow_is_no_former_one_while_the_recorded_one_is_silent() {
    const PRIMARY: &str = "aaaaaaaa-71ca-11e1-9e33-c80aa9429562";
    let time = |seconds| Some(proto::vttime::Time { seconds, nanoseconds: 0 });
    // z1-1 was promoted again, and neither its record nor the shard's tells of that; it alone has the last write of
    // z1-2, which it acknowledged.
    let seen = |alias, tablet_type, executed| {
        let state = state(alias, tablet_type, executed);
        TabletState { received: state.position.clone(), applied: true, journal: Some(2), ..state }
    };
    let mut again = seen("z1-1", Primary, 14);
    again.tablet.primary_term_start_time = time(1);
    (again.server_uuid, again.stopped) = (PRIMARY.into(), Stop::Writing);
    let mut recorded = state("z1-2", Primary, 14);
    recorded.fault = Some("no answer".into());
    let mut replica = seen("z1-3", Replica, 13);
    (replica.source_uuid, replica.stopped) = (PRIMARY.into(), Stop::Fetching { ran: true });
    let mut s = snapshot(vec![again, recorded, replica]);
    s.record.primary_alias = Some((&s.tablets[1].alias).into());
    s.record.primary_term_start_time = time(9);
    assert!(errant(&s, &EmergencyRequest::new("ks", "0")).is_empty());
    // Nobody follows it: it may be a former one, with a tail that nobody acknowledged.
    s.tablets[2].source_uuid = "bbbbbbbb-71ca-11e1-9e33-c80aa9429562".into();
    assert_eq!(errant(&s, &EmergencyRequest::new("ks", "0")).len(), 1);
}
