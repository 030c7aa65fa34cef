use proto::{
    replicationdata::{FullStatus, PrimaryStatus},
    topodata::{Shard, TabletType},
};

use super::*;

const UUID: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

fn alias(uid: u32) -> TabletAlias {
    TabletAlias { cell: "zone1".into(), uid }
}

fn record(uid: u32, tablet_type: TabletType) -> Arc<Tablet> {
    Arc::new(Tablet { alias: Some(alias(uid).into()), r#type: tablet_type.into(), ..Tablet::default() })
}

/// A primary, 1, and a replica, 2.
fn shard() -> ShardView {
    ShardView::new(&ShardRecords {
        keyspace: "ks".into(),
        shard: "0".into(),
        durability: None,
        emergency_disabled: false,
        record: Shard { primary_alias: Some(alias(1).into()), ..Shard::default() },
        tablets: vec![record(1, TabletType::Primary), record(2, TabletType::Replica)],
        silent_cells: Vec::new(),
    })
}

/// A look from one millisecond to another that finds these transactions.
fn look(view: &mut ShardView, uid: u32, (asked, answered): (u64, u64), transactions: &str) {
    let position = format!("MySQL56/{UUID}:{transactions}");
    let status = FullStatus {
        primary_status: Some(PrimaryStatus { position, ..PrimaryStatus::default() }),
        ..FullStatus::default()
    };
    let (asked, answered) = (Moment::from_millis(asked), Moment::from_millis(answered));
    view.take_look(&alias(uid), Look { asked, answered, result: Ok(Arc::new(status)) });
}

fn errant(view: &ShardView) -> Option<&str> {
    view.tablet(&alias(2)).unwrap().errant.as_deref()
}

/// The primary has more to tell, and its answers come later than the replica's of the same second.
#[test]
fn errant_transactions_are_found_behind_a_primary_that_answers_last() {
    let mut view = shard();
    for second in [1000, 2000] {
        look(&mut view, 2, (second, second + 10), "1-9");
        look(&mut view, 1, (second, second + 90), "1-7");
    }
    assert_eq!(errant(&view), Some(&*format!("{UUID}:8-9")));
}

#[test]
fn what_the_primary_had_not_told_yet_is_not_errant() {
    let mut view = shard();
    // Transactions go on between the looks.
    for (second, primary) in [(1000, "1-7"), (2000, "1-12")] {
        look(&mut view, 1, (second, second + 90), primary);
        look(&mut view, 2, (second, second + 95), "1-9");
    }
    look(&mut view, 1, (3000, 3090), "1-15");
    assert_eq!(errant(&view), None);
}

/// A clone of the primary's data takes them away, whatever the primary is compared with later.
#[test]
fn a_server_that_was_filled_anew_has_no_errant_transactions() {
    let mut view = shard();
    look(&mut view, 2, (1000, 1010), "1-9");
    look(&mut view, 1, (1020, 1090), "1-7");
    assert!(errant(&view).is_some());
    look(&mut view, 2, (2000, 2010), "1-7");
    assert_eq!(errant(&view), None);
    // The look before the newest had them, the newest has not.
    look(&mut view, 1, (2000, 2090), "1-7");
    assert_eq!(errant(&view), None);
}
