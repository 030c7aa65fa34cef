//! Which tablet gets a query: a pure function of the snapshot and of the calls that are under way (and a die).

use std::sync::Arc;

use discovery::{Snapshot, TabletHealth};
use rand::Rng;
use vterrors::{Condition, Error, Result};
use vtmodel::{TabletAlias, TabletType, Target, tablet_type_name};

/// Replicas that lag more than this are used only when no other serves (Vitess's low replication lag).
const LOW_LAG_SECONDS: u32 = 30;

/// A serving tablet of the target that is not in `tried`: fresh before lagging, the own cell before the others of its
/// alias, those before all other cells, among those the one with the fewest calls under way, among equals a random one.
/// A tablet that has become slow has more calls under way, and gets fewer.
pub(super) fn choose(
    snapshot: &Snapshot,
    target: &Target,
    tried: &[TabletAlias],
) -> Result<Arc<TabletHealth>> {
    let rank = |t: &TabletHealth| {
        (t.replication_lag_seconds > LOW_LAG_SECONDS, snapshot.distance(&t.alias.cell), t.load.under_way())
    };
    let mut best: Option<(&Arc<TabletHealth>, u32)> = None;
    for tablet in snapshot.of_target(target).iter().filter(|t| t.serving && !tried.contains(&t.alias)) {
        best = match best {
            Some((other, _)) if rank(other) < rank(tablet) => best,
            Some((other, equals)) if rank(other) == rank(tablet) => {
                // The n-th of n equals replaces the chosen one with a chance of 1/n: all are as likely.
                let replace = rand::rng().random_ratio(1, equals + 1);
                Some((if replace { tablet } else { other }, equals + 1))
            }
            _ => Some((tablet, 1)),
        };
    }
    best.map(|(tablet, _)| tablet.clone()).ok_or_else(|| nobody(snapshot, target))
}

fn nobody(snapshot: &Snapshot, target: &Target) -> Error {
    let known = snapshot.of_target(target);
    if target.tablet_type == TabletType::Primary && !known.is_empty() {
        return Error::new(
            Condition::NotServing,
            "primary is not serving, there may be a reparent operation in progress",
        );
    }
    let why = known.iter().map(|t| format!("; {}: {}", t.alias, t.error)).collect::<String>();
    Error::new(
        Condition::NoHealthyTablet,
        format!(
            "no healthy tablet available for 'keyspace:\"{}\" shard:\"{}\" tablet_type:{}'{why}",
            target.keyspace,
            target.shard,
            tablet_type_name(target.tablet_type)
        ),
    )
}
