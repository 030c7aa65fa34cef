//! `PlannedReparentShard`.

use std::cmp::Ordering;

use proto::topodata::TabletType;
use vterrors::Result;
use vtmodel::{Position, TabletAlias};

use super::{all_answer, named, refused, repoint};
use crate::{Kind, Plan, PlannedRequest, Snapshot, Step, TabletState};

/// The plan, or why there is none.
pub fn planned(snapshot: &Snapshot, request: &PlannedRequest) -> Result<Plan> {
    let current = snapshot.primary();
    if let Some(expected) = &request.expected_primary
        && current.map(|c| &c.alias) != Some(expected)
    {
        let found = current.map_or_else(|| "none".to_owned(), |c| c.alias.to_string());
        return refused(format!("the primary is {found}, not {expected} as expected"));
    }
    if request.new_primary.is_some() && request.new_primary == request.avoid_primary {
        return refused("--new-primary and --avoid-primary name the same tablet");
    }
    if let (Some(avoid), Some(current)) = (&request.avoid_primary, current)
        && current.alias != *avoid
    {
        return Ok(nothing(&current.alias));
    }
    match current {
        Some(current) => from_primary(snapshot, request, current),
        None => first_primary(snapshot, request),
    }
}

fn nothing(primary: &TabletAlias) -> Plan {
    Plan {
        kind: Kind::Nothing,
        primary: primary.clone(),
        old_primary: Some(primary.clone()),
        steps: Vec::new(),
        warnings: Vec::new(),
    }
}

fn from_primary(snapshot: &Snapshot, request: &PlannedRequest, current: &TabletState) -> Result<Plan> {
    all_answer(snapshot)?;
    one_accepts_writes(snapshot, current)?;
    let elect = match &request.new_primary {
        Some(alias) => named(snapshot, alias)?,
        None => choose(snapshot, request, Some(current))?,
    };
    if elect.alias == current.alias {
        return Ok(repair(snapshot, current));
    }
    promotable(snapshot, elect)?;
    if let Some(why) = unfit(snapshot, elect, current).or_else(|| lags(elect, request)) {
        return refused(format!("tablet {} cannot become primary: {why}", elect.alias));
    }
    let semi_sync = snapshot.durability.primary_waits();
    let primary = elect.alias.clone();
    let promote = vec![
        Step::PromoteReplica { tablet: primary.clone(), semi_sync },
        Step::PopulateReparentJournal { tablet: primary.clone() },
    ];
    let mut branches = vec![promote];
    branches.extend(repoint(snapshot, &primary, Some(&current.alias)));
    let steps = vec![
        Step::CatchUp {
            tablet: primary.clone(),
            source: current.alias.clone(),
            semi_sync: snapshot.durability.replica_acknowledges(&current.alias.cell, &elect.tablet),
        },
        Step::DemotePrimary { tablet: current.alias.clone(), semi_sync },
        Step::WaitForPosition { tablet: primary.clone() },
        Step::Together { branches },
    ];
    let warnings = current.server.zip(elect.server).and_then(|(old, new)| old.cannot_follow(&new));
    let warnings = warnings.map(|why| format!("the old primary {}: {why}: upgrade it now", current.alias));
    Ok(Plan {
        kind: Kind::Graceful,
        primary,
        old_primary: Some(current.alias.clone()),
        steps,
        warnings: warnings.into_iter().collect(),
    })
}

/// Of several tablets that say they are primary, the one that accepts writes is; if that is none or several,
/// only an emergency reparent, which looks at what each has, can tell.
fn one_accepts_writes(snapshot: &Snapshot, current: &TabletState) -> Result<()> {
    let primaries = snapshot.tablets.iter().filter(|t| t.tablet.r#type() == TabletType::Primary);
    let primaries: Vec<&TabletState> = primaries.collect();
    let known = primaries.iter().all(|t| t.writable.is_some());
    let accept = primaries.iter().filter(|t| t.writable == Some(true)).count();
    // One that an emergency reparent did not reach may accept writes still, and the one that was promoted have been
    // demoted by a reparent that died: then what was acknowledged is where nobody accepts writes.
    let rivals = primaries.iter().filter(|t| t.alias != current.alias);
    for (rival, position) in rivals.filter_map(|t| Some((t, t.position.as_ref()?))) {
        let ours = current.position.as_ref();
        if let Some(more) = ours.and_then(|ours| position.beyond(ours, &[&current.server_uuid])) {
            return refused(format!(
                "{} says that it is primary, too, and has {more}, which {} lacks: EmergencyReparentShard is for that",
                rival.alias, current.alias
            ));
        }
    }
    if primaries.len() < 2 || accept == 1 || !known {
        return Ok(());
    }
    let names: Vec<_> = primaries.iter().map(|t| t.alias.to_string()).collect();
    let names = names.join(" and ");
    refused(format!(
        "{names} say that they are primary, and {accept} of them accept writes: EmergencyReparentShard is for that"
    ))
}

/// The wanted tablet is primary: a reparent that was broken off after its promotion is ended here.
fn repair(snapshot: &Snapshot, current: &TabletState) -> Plan {
    let primary = current.alias.clone();
    let mut branches = vec![vec![
        Step::PromoteReplica { tablet: primary.clone(), semi_sync: snapshot.durability.primary_waits() },
        Step::PopulateReparentJournal { tablet: primary.clone() },
    ]];
    branches.extend(repoint(snapshot, &primary, None));
    Plan {
        kind: Kind::Repair,
        primary,
        old_primary: None,
        steps: vec![Step::Together { branches }],
        warnings: Vec::new(),
    }
}

fn first_primary(snapshot: &Snapshot, request: &PlannedRequest) -> Result<Plan> {
    if let Some(gone) = TabletAlias::from_proto(snapshot.record.primary_alias.as_ref()) {
        return refused(format!(
            "its record names {gone} as primary, but no running tablet is one: EmergencyReparentShard is for that"
        ));
    }
    all_answer(snapshot)?;
    let elect = match &request.new_primary {
        Some(alias) => named(snapshot, alias)?,
        None => choose(snapshot, request, None)?,
    };
    promotable(snapshot, elect)?;
    let primary = elect.alias.clone();
    let semi_sync = snapshot.durability.primary_waits();
    let database = match elect.tablet.db_name_override.as_str() {
        "" => vtmodel::default_db_name(&snapshot.keyspace),
        name => name.to_owned(),
    };
    let lead = vec![
        Step::InitPrimary { tablet: primary.clone(), semi_sync },
        Step::CreateDatabase { tablet: primary.clone(), database },
        Step::PopulateReparentJournal { tablet: primary.clone() },
    ];
    let mut branches = vec![lead];
    branches.extend(repoint(snapshot, &primary, None));
    let steps = vec![Step::Together { branches }];
    Ok(Plan { kind: Kind::Initialise, primary, old_primary: None, steps, warnings: Vec::new() })
}

pub(super) fn promotable(snapshot: &Snapshot, tablet: &TabletState) -> Result<()> {
    if snapshot.may_be_promoted(tablet) {
        return Ok(());
    }
    let tablet_type = tablet.tablet.r#type().as_str_name();
    refused(format!("tablet {} is {tablet_type}: only a REPLICA can become primary", tablet.alias))
}

/// The best candidate: of the primary's cell, within the tolerated lag, most advanced, then by alias.
fn choose<'a>(
    snapshot: &'a Snapshot,
    request: &PlannedRequest,
    current: Option<&TabletState>,
) -> Result<&'a TabletState> {
    let mut rejected = Vec::new();
    let mut best: Option<&TabletState> = None;
    for tablet in &snapshot.tablets {
        if let Some(why) = why_not(snapshot, tablet, request, current) {
            rejected.push(format!("{}: {why}", tablet.alias));
        } else if best.is_none_or(|best| more_advanced(tablet, best)) {
            best = Some(tablet);
        }
    }
    match best {
        Some(best) => Ok(best),
        None if rejected.is_empty() => refused("no tablet can become primary: the shard has none".to_owned()),
        None => refused(format!("no tablet can become primary ({})", rejected.join("; "))),
    }
}

fn why_not(
    snapshot: &Snapshot,
    tablet: &TabletState,
    request: &PlannedRequest,
    current: Option<&TabletState>,
) -> Option<String> {
    if current.is_some_and(|c| c.alias == tablet.alias) {
        return Some("it is the primary".into());
    }
    if request.avoid_primary.as_ref() == Some(&tablet.alias) {
        return Some("it is to be avoided".into());
    }
    if !snapshot.may_be_promoted(tablet) {
        return Some(format!("its type is {}", tablet.tablet.r#type().as_str_name()));
    }
    if let Some(current) = current
        && !request.allow_cross_cell_promotion
        && current.alias.cell != tablet.alias.cell
    {
        return Some(format!("it is not in the primary's cell {}", current.alias.cell));
    }
    if tablet.backup_running {
        return Some("it is taking a backup".into());
    }
    if let Some(fault) = &tablet.fault {
        return Some(fault.clone());
    }
    current.and_then(|current| unfit(snapshot, tablet, current).or_else(|| lags(tablet, request)))
}

fn lags(tablet: &TabletState, request: &PlannedRequest) -> Option<String> {
    let limit = request.tolerable_replication_lag;
    match tablet.lag {
        _ if limit.is_zero() => None,
        Some(lag) if lag <= limit => None,
        Some(lag) => Some(format!("it lags {lag:?}, more than {limit:?}")),
        None => Some("its lag is not known".into()),
    }
}

/// What keeps a tablet from taking over from `current`, however long it is waited for.
fn unfit(snapshot: &Snapshot, tablet: &TabletState, current: &TabletState) -> Option<String> {
    // Its first commit would wait forever.
    let others = snapshot.tablets.iter().filter(|t| t.alias != tablet.alias);
    let acknowledge =
        |t: &&TabletState| snapshot.durability.replica_acknowledges(&tablet.alias.cell, &t.tablet);
    if others.filter(acknowledge).count() < snapshot.durability.acknowledgements() {
        return Some(format!("under {} no tablet could acknowledge its commits", snapshot.durability));
    }
    if tablet.family() != current.family() {
        let (theirs, ours) = (tablet.family(), current.family());
        return Some(format!("it runs {theirs}, and the primary {} runs {ours}", current.alias));
    }
    // What the primary wrote after it was asked is not errant, so its own transactions do not count.
    if let (Some(mine), Some(primary)) = (&tablet.position, &current.position)
        && !current.server_uuid.is_empty()
        && let Some(errant) = mine.beyond(primary, &[&current.server_uuid])
    {
        return Some(format!("it has errant transactions {errant}"));
    }
    // The old primary is upgraded last, after it was replaced: it alone may be older.
    let followers = snapshot.tablets.iter().filter(|t| t.alias != tablet.alias && t.alias != current.alias);
    followers.into_iter().find_map(|t| {
        let why = t.server?.cannot_follow(&tablet.server?)?;
        Some(format!("replica {} would not come along: {why}", t.alias))
    })
}

/// Whether `a` goes before `b`; tablets come sorted by alias, so of two equal ones the first stays.
fn more_advanced(a: &TabletState, b: &TabletState) -> bool {
    order(a.position.as_ref(), b.position.as_ref()) == Ordering::Greater
}

fn order(a: Option<&Position>, b: Option<&Position>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => match (a.at_least(b), b.at_least(a)) {
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            _ => Ordering::Equal,
        },
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
