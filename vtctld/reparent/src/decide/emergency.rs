//! `EmergencyReparentShard`: a new primary for a shard whose primary is gone.
//!
//! Two decisions. [`unrevoked`] says whether enough tablets were stopped: nobody who was not reached can still
//! get a write acknowledged, and whatever was acknowledged is on a tablet that was reached. [`emergency`] then
//! chooses. What must hold in every plan: the new primary has, or fetches before it is promoted, all that any
//! reached tablet received, except transactions that are known to be errant.

use std::collections::BTreeMap;

use proto::topodata::Tablet;
use vterrors::Result;
use vtmodel::{PromotionRule, TabletAlias, gtid::Mysql56GtidSet};

use super::{errant, refused, repoint};
use crate::{EmergencyRequest, Kind, Plan, Snapshot, Step, Stop, TabletState};

/// The first steps: every tablet that is not ignored is stopped. Refused where the request does not fit the
/// shard.
pub fn stop_everything(snapshot: &Snapshot, request: &EmergencyRequest) -> Result<Vec<Step>> {
    let recorded = recorded_primary(snapshot);
    if let Some(expected) = &request.expected_primary
        && recorded.as_ref() != Some(expected)
    {
        let found = recorded.map_or_else(|| "none".to_owned(), |p| p.to_string());
        return refused(format!("the primary is {found}, not {expected} as expected"));
    }
    if let Some(wanted) = &request.new_primary {
        let elect = super::named(snapshot, wanted)?;
        super::planned::promotable(snapshot, elect)?;
        if request.ignore_replicas.contains(wanted) {
            return refused(format!("tablet {wanted} is to be promoted and to be ignored"));
        }
    }
    unread_cells(snapshot)?;
    let asked = snapshot.tablets.iter().filter(|t| !request.ignore_replicas.contains(&t.alias));
    let branches = asked.map(|t| vec![Step::StopReplication { tablet: t.alias.clone() }]).collect();
    Ok(vec![Step::Together { branches }])
}

/// The tablet that the shard's record names.
pub fn recorded_primary(snapshot: &Snapshot) -> Option<TabletAlias> {
    TabletAlias::from_proto(snapshot.record.primary_alias.as_ref())
}

/// Tablets that are not known may have acknowledged writes, unless the policy asks for another cell's
/// acknowledgement and all of them are in one.
fn unread_cells(snapshot: &Snapshot) -> Result<()> {
    use vtmodel::Durability::{CrossCell, CrossCellWithRdonlyAck, None, SemiSync, SemiSyncWithRdonlyAck};
    let may_lose = match snapshot.durability {
        None => false,
        SemiSync | SemiSyncWithRdonlyAck => !snapshot.unread_cells.is_empty(),
        CrossCell | CrossCellWithRdonlyAck => snapshot.unread_cells.len() > 1,
    };
    if !may_lose {
        return Ok(());
    }
    let cells: Vec<_> = snapshot.unread_cells.iter().map(|(cell, why)| format!("{cell}: {why}")).collect();
    refused(format!(
        "under {} a tablet of a cell whose topology does not answer may have acknowledged writes ({})",
        snapshot.durability,
        cells.join("; ")
    ))
}

/// A tablet that might still accept writes, or have accepted some that we do not see: it was not reached, and
/// neither were enough of those that acknowledge its writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrevoked {
    pub primary: TabletAlias,
    pub acknowledging: Vec<TabletAlias>,
}

/// Those of `known` from whom the right to write is not taken while only `reached` are stopped. Empty where
/// nobody has to acknowledge: then nothing can be taken from a primary that is not reached, and nothing was
/// promised.
///
/// In a cell whose tablets are not known is a primary for all we know: the recorded one, or one that nobody has heard of.
pub fn unrevoked(
    snapshot: &Snapshot,
    request: &EmergencyRequest,
    reached: impl Fn(&TabletAlias) -> bool,
) -> Vec<Unrevoked> {
    let acknowledgements = snapshot.durability.acknowledgements();
    if acknowledgements == 0 {
        return Vec::new();
    }
    let counted = |t: &&TabletState| !request.ignore_replicas.contains(&t.alias);
    let all = snapshot.tablets.iter().chain(&snapshot.shut_down).filter(counted);
    let silent: Vec<&TabletState> = all.filter(|t| !reached(&t.alias)).collect();
    let known = silent.iter().filter(|t| snapshot.may_be_promoted(t)).map(|t| t.alias.clone());
    let unknown = snapshot.unread_cells.iter().map(|(cell, _)| unread_primary(snapshot, cell));
    let unknown = unknown.filter(|alias| !request.ignore_replicas.contains(alias));
    let mut out = Vec::new();
    for primary in known.chain(unknown) {
        let others = silent.iter().filter(|t| t.alias != primary);
        let acknowledging: Vec<_> = others
            .filter(|t| snapshot.durability.replica_acknowledges(&primary.cell, &t.tablet))
            .map(|t| t.alias.clone())
            .collect();
        if acknowledging.len() >= acknowledgements {
            out.push(Unrevoked { primary, acknowledging });
        }
    }
    out
}

/// Who may be primary in a cell whose tablets are not known. No tablet has uid 0.
fn unread_primary(snapshot: &Snapshot, cell: &str) -> TabletAlias {
    let recorded = recorded_primary(snapshot).filter(|primary| primary.cell == cell);
    recorded.unwrap_or_else(|| TabletAlias::new(cell, 0))
}

pub(super) fn answered<'a>(
    snapshot: &'a Snapshot,
    request: &'a EmergencyRequest,
) -> impl Iterator<Item = &'a TabletState> {
    snapshot.tablets.iter().filter(|t| t.fault.is_none() && !request.ignore_replicas.contains(&t.alias))
}

/// The plan, or why there is none, from what the tablets said when they were stopped. Its first step is the
/// stopping, which a dry run has not done.
pub fn emergency(snapshot: &Snapshot, request: &EmergencyRequest) -> Result<Plan> {
    let mut steps = stop_everything(snapshot, request)?;
    enough_reached(snapshot, request)?;
    let errant = errant(snapshot, request);
    let sound: Vec<&TabletState> =
        answered(snapshot, request).filter(|t| !errant.contains_key(&t.alias)).collect();
    one_family(&sound)?;
    let source = most_advanced(&sound, &errant)?;
    let elect = choose(snapshot, request, &sound, &errant, source)?;
    let primary = elect.alias.clone();
    if !has_all(elect, source) {
        steps.push(Step::CatchUp { tablet: primary.clone(), source: source.alias.clone(), semi_sync: false });
    }
    let semi_sync = snapshot.durability.primary_waits();
    let mut branches = vec![vec![
        Step::PromoteReplica { tablet: primary.clone(), semi_sync },
        Step::PopulateReparentJournal { tablet: primary.clone() },
    ]];
    branches.extend(followers(snapshot, elect, &sound));
    steps.push(Step::Together { branches });
    steps.push(Step::AwaitShardRecord { tablet: primary.clone() });
    let warnings = left_behind(snapshot, request, &errant);
    Ok(Plan { kind: Kind::Emergency, primary, old_primary: recorded_primary(snapshot), steps, warnings })
}

/// Points each sound tablet at the new primary.
fn followers(snapshot: &Snapshot, elect: &TabletState, sound: &[&TabletState]) -> Vec<Vec<Step>> {
    let old = sound.iter().find(|t| t.stopped == Stop::Writing && t.alias != elect.alias);
    let all = repoint(snapshot, &elect.alias, old.map(|t| &t.alias));
    let is_sound = |branch: &Vec<Step>| {
        let tablet = branch.last().and_then(Step::tablet);
        sound.iter().any(|t| Some(&t.alias) == tablet)
    };
    all.into_iter().filter(is_sound).collect()
}

fn enough_reached(snapshot: &Snapshot, request: &EmergencyRequest) -> Result<()> {
    let reached = |alias: &TabletAlias| snapshot.tablet(alias).is_some_and(|t| t.fault.is_none());
    let open = unrevoked(snapshot, request, reached);
    if open.is_empty() {
        return Ok(());
    }
    let states = snapshot.tablets.iter().chain(&snapshot.shut_down);
    let silent: Vec<String> = states
        .filter(|t| !reached(&t.alias) && !request.ignore_replicas.contains(&t.alias))
        .filter(|t| open.iter().any(|u| u.primary == t.alias || u.acknowledging.contains(&t.alias)))
        .map(|t| format!("{}: {}", t.alias, t.fault.as_deref().unwrap_or("no answer")))
        .collect();
    let pairs: Vec<String> = open
        .iter()
        .map(|u| {
            let by: Vec<_> = u.acknowledging.iter().map(ToString::to_string).collect();
            format!("{} with {}", u.primary, by.join(", "))
        })
        .collect();
    refused(format!(
        "acknowledged writes might be lost: under {} these could have written and acknowledged what no reached \
         tablet has: {} ({}); --ignore-replicas gives up what only the named tablets have",
        snapshot.durability,
        pairs.join("; "),
        silent.join("; ")
    ))
}

/// GTID sets of two families cannot be compared.
fn one_family(sound: &[&TabletState]) -> Result<()> {
    let foreign: Vec<String> = sound
        .iter()
        .filter(|t| t.family() != "MySQL")
        .map(|t| format!("{} runs {}", t.alias, t.family()))
        .collect();
    match foreign.is_empty() {
        true => Ok(()),
        false => refused(format!("an emergency reparent needs MySQL with GTIDs: {}", foreign.join("; "))),
    }
}

/// `a` received all that `b` did.
pub(crate) fn has_all(a: &TabletState, b: &TabletState) -> bool {
    match (&a.received, &b.received) {
        (Some(a), Some(b)) => a.at_least(b),
        (_, None) => true,
        (None, Some(b)) => b.is_empty(),
    }
}

/// The tablet that received all that any other did, and has executed it.
fn most_advanced<'a>(
    sound: &[&'a TabletState],
    errant: &BTreeMap<TabletAlias, Mysql56GtidSet>,
) -> Result<&'a TabletState> {
    let first: Vec<&&TabletState> =
        sound.iter().filter(|t| sound.iter().all(|other| has_all(t, other))).collect();
    if let Some(best) = first.iter().find(|t| t.applied) {
        return Ok(best);
    }
    if !first.is_empty() {
        let names: Vec<_> = first.iter().map(|t| t.alias.to_string()).collect();
        return refused(format!(
            "{} received the most, but did not execute its relay log within the wait for replicas",
            names.join(", ")
        ));
    }
    if sound.is_empty() {
        let why = errant.iter().map(|(t, set)| errant_text(t, set)).collect::<Vec<_>>();
        let why = if why.is_empty() { "no tablet answers".to_owned() } else { why.join("; ") };
        return refused(format!("no tablet can become primary: {why}"));
    }
    // Two that each have something that the other lacks.
    let conflict: Vec<String> = sound
        .iter()
        .filter(|t| sound.iter().any(|o| !has_all(t, o) && !has_all(o, t)))
        .map(|t| format!("{} has {}", t.alias, t.received.as_ref().map_or(String::new(), |p| p.gtid_text())))
        .collect();
    refused(format!(
        "no tablet received all that the others did, and it is not known what is errant: {}; --ignore-replicas \
         gives up what only the named tablets have",
        conflict.join("; ")
    ))
}

fn errant_text(tablet: &TabletAlias, set: &Mysql56GtidSet) -> String {
    format!("tablet {tablet} has errant transactions {set}")
}

/// The tablet to promote: as willing as possible, of a version that all others can replicate from, of the old
/// primary's cell, with nothing to fetch before; then by alias.
fn choose<'a>(
    snapshot: &Snapshot,
    request: &EmergencyRequest,
    sound: &[&'a TabletState],
    errant: &BTreeMap<TabletAlias, Mysql56GtidSet>,
    source: &TabletState,
) -> Result<&'a TabletState> {
    let cell = recorded_primary(snapshot).map(|p| p.cell);
    let reject = |t: &TabletState| why_not(snapshot, request, sound, cell.as_deref(), t);
    if let Some(wanted) = &request.new_primary {
        if let Some(set) = errant.get(wanted) {
            return refused(errant_text(wanted, set));
        }
        let Some(elect) = sound.iter().find(|t| t.alias == *wanted) else {
            let fault = snapshot.tablet(wanted).and_then(|t| t.fault.clone()).unwrap_or_default();
            return refused(format!("tablet {wanted} cannot become primary: {fault}"));
        };
        return match reject(elect) {
            Some(why) => refused(format!("tablet {wanted} cannot become primary: {why}")),
            None => Ok(elect),
        };
    }
    let rank = |t: &TabletState| {
        (
            snapshot.durability.promotion_rule(&t.tablet),
            sound.iter().filter(|o| too_new(t, o).is_some()).count(),
            cell.as_ref().is_some_and(|c| *c != t.alias.cell),
            !has_all(t, source),
            t.alias.clone(),
        )
    };
    let fit = sound.iter().filter(|t| reject(t).is_none());
    match fit.min_by_key(|t| rank(t)) {
        Some(best) => Ok(best),
        None => {
            let mut why: Vec<_> =
                sound.iter().map(|t| format!("{}: {}", t.alias, reject(t).unwrap_or_default())).collect();
            why.extend(errant.iter().map(|(t, set)| errant_text(t, set)));
            refused(format!("no tablet can become primary ({})", why.join("; ")))
        }
    }
}

/// Why `follower` could not replicate from `primary`.
fn too_new(primary: &TabletState, follower: &TabletState) -> Option<String> {
    follower.server?.cannot_follow(&primary.server?)
}

fn why_not(
    snapshot: &Snapshot,
    request: &EmergencyRequest,
    sound: &[&TabletState],
    cell: Option<&str>,
    tablet: &TabletState,
) -> Option<String> {
    if snapshot.durability.promotion_rule(&tablet.tablet) == PromotionRule::MustNot {
        return Some(format!("its type is {}", tablet.tablet.r#type().as_str_name()));
    }
    if tablet.backup_running {
        return Some("it is taking a backup".into());
    }
    if !tablet.applied {
        return Some("it did not execute its relay log within the wait for replicas".into());
    }
    if let Some(cell) = cell
        && request.prevent_cross_cell_promotion
        && tablet.alias.cell != cell
    {
        return Some(format!("it is not in the old primary's cell {cell}"));
    }
    let acknowledge = |t: &Tablet| snapshot.durability.replica_acknowledges(&tablet.alias.cell, t);
    let found = sound.iter().filter(|t| t.alias != tablet.alias && acknowledge(&t.tablet)).count();
    let needed = snapshot.durability.acknowledgements();
    (found < needed).then(|| {
        format!(
            "under {} it needs acknowledgements, and no reached tablet could give them",
            snapshot.durability
        )
    })
}

/// What the operator is to hear of tablets that do not come along.
fn left_behind(
    snapshot: &Snapshot,
    request: &EmergencyRequest,
    errant: &BTreeMap<TabletAlias, Mysql56GtidSet>,
) -> Vec<String> {
    let mut out: Vec<String> = errant
        .iter()
        .map(|(tablet, set)| {
            format!("{}: it stays stopped and is not pointed at the new primary", errant_text(tablet, set))
        })
        .collect();
    let silent = snapshot.tablets.iter().filter(|t| !request.ignore_replicas.contains(&t.alias));
    out.extend(silent.filter_map(|t| {
        let fault = t.fault.as_ref()?;
        Some(format!("tablet {} was not reached ({fault}): it is to follow when it comes back", t.alias))
    }));
    if snapshot.durability.acknowledgements() == 0 {
        out.push("durability policy none: what only the old primary had is lost".to_owned());
    }
    out
}
