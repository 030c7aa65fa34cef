//! From a snapshot and a request to a plan. Pure: no clock, no network.

mod emergency;
mod errant;
mod init;
mod planned;

pub(crate) use emergency::has_all;
pub use emergency::{Unrevoked, emergency, recorded_primary, stop_everything, unrevoked};
pub use errant::errant;
pub use init::init_shard_primary;
pub use planned::planned;

use vterrors::{Condition, Error, Result};
use vtmodel::TabletAlias;

use crate::{Snapshot, Step, TabletState};

fn refused<T>(why: impl Into<String>) -> Result<T> {
    Err(Error::new(Condition::FailedPrecondition, why))
}

/// Refuses unless every running tablet answered: a replica that is not pointed at the new primary would
/// go on following the old one.
fn all_answer(snapshot: &Snapshot) -> Result<()> {
    let silent: Vec<String> =
        snapshot.tablets.iter().filter_map(|t| Some(format!("{}: {}", t.alias, t.fault.as_ref()?))).collect();
    if silent.is_empty() { Ok(()) } else { refused(format!("not all tablets answer: {}", silent.join("; "))) }
}

/// A tablet that the request names; it must be of the shard and run.
fn named<'a>(snapshot: &'a Snapshot, alias: &TabletAlias) -> Result<&'a TabletState> {
    match snapshot.tablet(alias) {
        Some(tablet) => Ok(tablet),
        None => refused(format!(
            "tablet {alias} is no running tablet of shard {}/{}",
            snapshot.keyspace, snapshot.shard
        )),
    }
}

/// One branch for each tablet but the new primary, that points it there. A tablet that is primary until
/// now waits for the promotion.
fn repoint(snapshot: &Snapshot, primary: &TabletAlias, old: Option<&TabletAlias>) -> Vec<Vec<Step>> {
    let others = snapshot.tablets.iter().filter(|t| t.alias != *primary);
    others
        .map(|t| {
            let repoint = Step::SetReplicationSource {
                tablet: t.alias.clone(),
                source: primary.clone(),
                semi_sync: snapshot.durability.replica_acknowledges(&primary.cell, &t.tablet),
                undo_source: old.filter(|old| **old != t.alias).cloned(),
            };
            if old == Some(&t.alias) {
                vec![Step::AwaitPromotion { tablet: primary.clone() }, repoint]
            } else {
                vec![repoint]
            }
        })
        .collect()
}
