//! Errant transactions in an emergency: which tablet has something that was never acknowledged and that nobody
//! else shall get.
//!
//! Two sources of truth. Where the primary that the shard's record names has answered, it is the measure: it had
//! all that was acknowledged when it took over, so what a tablet that is no primary wrote, and it does not have,
//! is errant, unless one who acknowledges for it has it, too. Where it has not, the reparent journals are: a tablet
//! that replicates and whose journal knows the newest reparent has all that its primary had when that reparent was
//! done, for replication delivers in the order of the source's binary log. So what others have beyond all of
//! those was never acknowledged; and among those only the primary wrote since, so what one alone has of the servers of
//! replicas is errant, too. The journal of a tablet that replicates from nobody is no measure: an entry that nobody
//! acknowledged may be in it.
//!
//! In doubt (a server that is not known, a primary that the record does not name yet) a transaction counts as
//! real: it is kept, or the reparent is refused by name.

use std::collections::BTreeMap;

use proto::topodata::TabletType;
use vtmodel::{Position, TabletAlias, gtid::Mysql56GtidSet};

use super::emergency::{answered, recorded_primary};
use crate::{EmergencyRequest, Snapshot, Stop, TabletState};

/// What is errant on which tablet. Only tablets that answered are looked at; see the module.
pub fn errant(snapshot: &Snapshot, request: &EmergencyRequest) -> BTreeMap<TabletAlias, Mysql56GtidSet> {
    let seen: Vec<&TabletState> = answered(snapshot, request).collect();
    let found = match measure(snapshot, &seen) {
        Some(primary) => by_primary(snapshot, &seen, primary),
        None => by_journal(snapshot, &seen),
    };
    found.into_iter().filter(|(_, set)| !set.is_empty()).collect()
}

type Found = Vec<(TabletAlias, Mysql56GtidSet)>;

/// The recorded primary, if it was stopped as a primary, nobody else claims to be one since, and no journal
/// knows of a newer one.
fn measure<'a>(snapshot: &Snapshot, seen: &[&'a TabletState]) -> Option<&'a TabletState> {
    let recorded = recorded_primary(snapshot)?;
    let primary = seen.iter().find(|t| t.alias == recorded && t.stopped == Stop::Writing)?;
    let rival = |t: &TabletState| t.alias != recorded && t.stopped == Stop::Writing && !outdated(snapshot, t);
    let newer = |t: &TabletState| counts(snapshot, t) && t.journal > primary.journal;
    (!seen.iter().any(|t| rival(t) || newer(t))).then_some(primary)
}

/// Whether a tablet's journal is a measure: it replicates, or it is a primary that is not displaced.
fn counts(snapshot: &Snapshot, tablet: &TabletState) -> bool {
    match tablet.stopped {
        Stop::Fetching { .. } => !drained(tablet),
        Stop::Writing => !outdated(snapshot, tablet),
        Stop::Idle | Stop::Not => false,
    }
}

fn drained(tablet: &TabletState) -> bool {
    tablet.tablet.r#type() == TabletType::Drained
}

/// Whether a replica says that it replicates from this tablet.
fn is_followed(snapshot: &Snapshot, tablet: &TabletState) -> bool {
    let replicas =
        snapshot.tablets.iter().filter(|t| t.fault.is_none() && t.alias != tablet.alias && !drained(t));
    let mut replicas = replicas.filter(|t| matches!(t.stopped, Stop::Fetching { .. }));
    !tablet.server_uuid.is_empty()
        && replicas.any(|t| t.source_uuid.eq_ignore_ascii_case(&tablet.server_uuid))
}

/// A former primary: the record names another one that began later. One that is not published yet is none, nor
/// one that accepted writes when the recorded one did not: a reparent demotes before it promotes. Nor is one that
/// replicas follow while the recorded one does not answer: it may have been promoted again, and its own record may
/// be as far behind as the shard's (a term is in the records alone).
fn outdated(snapshot: &Snapshot, tablet: &TabletState) -> bool {
    let Some(recorded) = recorded_primary(snapshot).filter(|r| *r != tablet.alias) else { return false };
    let recorded = snapshot.tablet(&recorded).filter(|t| t.fault.is_none());
    if recorded.is_none() && is_followed(snapshot, tablet) {
        return false;
    }
    let replaced = recorded.is_some_and(|t| t.writable == Some(false));
    let term = snapshot.record.primary_term_start_time.map_or((0, 0), |t| (t.seconds, t.nanoseconds));
    !(replaced && tablet.writable != Some(false))
        && tablet.tablet.r#type() == TabletType::Primary
        && !tablet.unpublished
        && tablet.term() != (0, 0)
        && tablet.term() < term
}

fn by_primary(snapshot: &Snapshot, seen: &[&TabletState], primary: &TabletState) -> Found {
    let others: Vec<&TabletState> = seen.iter().copied().filter(|t| t.alias != primary.alias).collect();
    let tail = |t: &TabletState, of: &[&str]| beyond_all(t, &[primary]).map(|set| set.only(of));
    let no_primary = |t: &TabletState| t.stopped != Stop::Writing || outdated(snapshot, t);
    // What one who acknowledges for it has may have been acknowledged: the record may be behind.
    let acknowledged = |owner: &TabletState| {
        let by = |t: &TabletState| snapshot.durability.replica_acknowledges(&owner.alias.cell, &t.tablet);
        let mut candidates = others.iter().filter(|t| t.alias != owner.alias && by(t));
        candidates.any(|t| tail(t, &[&owner.server_uuid]).is_some_and(|set| !set.is_empty()))
    };
    let former: Vec<&str> = others
        .iter()
        .filter(|t| !t.server_uuid.is_empty() && no_primary(t) && !acknowledged(t))
        .map(|t| t.server_uuid.as_str())
        .collect();
    others.iter().filter_map(|t| Some((t.alias.clone(), tail(t, &former)?))).collect()
}

fn by_journal(snapshot: &Snapshot, seen: &[&TabletState]) -> Found {
    let counts = |t: &TabletState| counts(snapshot, t);
    let Some(longest) = seen.iter().filter(|t| counts(t)).filter_map(|t| t.journal).max() else {
        return Vec::new();
    };
    let (lead, rest): (Vec<&TabletState>, Vec<&TabletState>) =
        seen.iter().partition(|t| counts(t) && t.journal == Some(longest));
    // Of these servers it is not excluded that they wrote as the primary.
    let drained: Vec<&str> = seen.iter().filter(|t| drained(t)).map(|t| t.server_uuid.as_str()).collect();
    let writers = |of: &[&TabletState]| {
        let own = of.iter().filter(|t| t.stopped == Stop::Writing).map(|t| t.server_uuid.clone());
        let all = own.chain(of.iter().map(|t| t.source_uuid.to_ascii_lowercase()));
        all.filter(|uuid| !uuid.is_empty() && !drained.contains(&uuid.as_str())).collect::<Vec<String>>()
    };
    let all_writers = writers(seen);
    // A server of which others have anything was primary once, and perhaps until just now.
    let was_primary = |t: &TabletState| {
        let has = |o: &TabletState| match &o.received {
            Some(Position::Mysql56(set)) => !set.only(&[&t.server_uuid]).is_empty(),
            _ => false,
        };
        seen.iter().any(|o| o.alias != t.alias && has(o))
    };
    let replicas: Vec<&str> = seen
        .iter()
        .filter(|t| !was_primary(t))
        .map(|t| t.server_uuid.as_str())
        .filter(|uuid| !uuid.is_empty() && !all_writers.iter().any(|w| w == uuid))
        .collect();
    let mut out = Vec::new();
    for tablet in &lead {
        let others: Vec<&TabletState> = lead.iter().copied().filter(|t| t.alias != tablet.alias).collect();
        if !others.is_empty()
            && let Some(alone) = beyond_all(tablet, &others)
        {
            out.push((tablet.alias.clone(), alone.only(&replicas)));
        }
    }
    let lead_writers = writers(&lead);
    let lead_writers: Vec<&str> = lead_writers.iter().map(String::as_str).collect();
    // A journal that is not known may be long.
    for tablet in rest.iter().filter(|t| t.journal.is_some()) {
        if let Some(alone) = beyond_all(tablet, &lead) {
            out.push((tablet.alias.clone(), alone.without(&lead_writers)));
        }
    }
    out
}

/// What a tablet received that none of `others` did.
fn beyond_all(tablet: &TabletState, others: &[&TabletState]) -> Option<Mysql56GtidSet> {
    let Some(Position::Mysql56(mine)) = &tablet.received else { return None };
    let theirs = others.iter().filter_map(|other| match &other.received {
        Some(Position::Mysql56(theirs)) => Some(theirs),
        _ => None,
    });
    let left = theirs.fold(mine.clone(), |left, theirs| left.difference(theirs));
    (!left.is_empty()).then_some(left)
}
