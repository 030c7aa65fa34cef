//! From what is known of a shard to the names of its troubles. Pure: no clock, no network.
//!
//! The rule that matters: **a primary is dead only when it cannot be reached and every replica that can be
//! asked has no connection to it** ([`evidence`]). One look that brings nothing names nothing.
//!
//! Of a shard whose primary is in doubt only that is told: what its replicas lack follows from it.

pub mod evidence;
mod primary;
mod replica;

use std::fmt::Write;

use proto::topodata::TabletType;
use vtmodel::TabletAlias;

use crate::{
    finding::{Analysis, Finding},
    policy::Policy,
    view::{Moment, ShardView, TabletView},
};

pub use evidence::{Evidence, Verdict};

/// Who leads the shard.
#[derive(Debug, Clone, PartialEq)]
pub enum Leader<'a> {
    /// Nobody, and nobody ever did.
    None,
    /// The shard's record names a tablet that has no record.
    Deleted(TabletAlias),
    Tablet(&'a TabletView),
    /// Tablets say otherwise than the records that we have read: those have to be read again.
    Stale,
}

/// Who leads, by the records and by what the tablets say.
pub fn leader(view: &ShardView) -> Leader<'_> {
    let recorded = view.recorded_primary();
    let claims = |t: &&TabletView| t.tablet_type() == TabletType::Primary;
    let mut promoted = view.tablets.iter().filter(claims).filter(|t| Some(&t.alias) != recorded.as_ref());
    // A tablet that has become primary since the records were read, by somebody else's doing.
    if promoted.clone().any(|t| t.record.r#type() != TabletType::Primary) {
        return Leader::Stale;
    }
    let newest = view.tablets.iter().filter(claims).max_by_key(|t| t.term());
    match recorded {
        None => match promoted.next() {
            // It writes itself into the shard's record in a moment.
            Some(_) => newest.map_or(Leader::None, Leader::Tablet),
            None => Leader::None,
        },
        Some(alias) => match view.tablet(&alias) {
            Some(named) => match newest {
                Some(newer) if newer.term() > named.term().max(recorded_term(view)) => Leader::Tablet(newer),
                _ => Leader::Tablet(named),
            },
            None => newest.map_or(Leader::Deleted(alias), Leader::Tablet),
        },
    }
}

fn recorded_term(view: &ShardView) -> (i64, i32) {
    view.record.primary_term_start_time.map_or((0, 0), |t| (t.seconds, t.nanoseconds))
}

/// The troubles of a shard, the most urgent first.
pub fn analyse(view: &ShardView, now: Moment, policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    if view.durability.is_none() {
        findings.push(Finding {
            analysis: Analysis::UnknownDurabilityPolicy,
            tablet: None,
            description: "semi-sync is left as it is, and no reparent is begun".into(),
        });
    }
    match leader(view) {
        Leader::Stale => {}
        Leader::None => findings.extend(no_primary(view)),
        Leader::Deleted(alias) => findings.push(Finding::of(
            Analysis::PrimaryTabletDeleted,
            &alias,
            "the shard's record names it as primary, and it has no record of its own",
        )),
        Leader::Tablet(leader) => {
            findings.extend(primary::analyse(view, leader, now, policy));
            findings.extend(replica::analyse(view, leader, now, policy));
        }
    }
    findings.sort_by_key(Finding::key);
    findings
}

fn no_primary(view: &ShardView) -> Option<Finding> {
    let mut description = String::from("no tablet is primary");
    let running: Vec<_> = view.tablets.iter().filter(|t| !t.is_shut_down()).collect();
    if !running.iter().any(|t| t.tablet_type() == TabletType::Replica) {
        // Nothing can be done about a shard without tablets, and nobody waits for it.
        if view.tablets.is_empty() {
            return None;
        }
        description.push_str(", and no REPLICA is there to become one");
    }
    for silent in running.iter().filter(|t| t.status().is_none()) {
        let _ = write!(description, "; {} has not answered yet", silent.alias);
    }
    Some(Finding { analysis: Analysis::ClusterHasNoPrimary, tablet: None, description })
}

#[cfg(test)]
pub(crate) mod tests;
