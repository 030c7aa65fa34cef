//! `InitShardPrimary`: the first primary of a shard, chosen by the operator.

use proto::topodata::TabletType;
use vterrors::Result;

use super::{all_answer, named, refused, repoint};
use crate::{InitRequest, Kind, Plan, Snapshot, Step};

/// The plan, or why there is none. Every tablet's replication and binary logs are reset, so a shard that
/// has a primary, or whose tablets replicate, needs `force`.
pub fn init_shard_primary(snapshot: &Snapshot, request: &InitRequest) -> Result<Plan> {
    let elect = named(snapshot, &request.primary_elect)?;
    if !snapshot.may_be_promoted(elect) {
        let tablet_type = elect.tablet.r#type().as_str_name();
        return refused(format!(
            "tablet {} is {tablet_type}: only a REPLICA can become primary",
            elect.alias
        ));
    }
    all_answer(snapshot)?;
    if !request.force {
        refuse_if_initialised(snapshot, request)?;
    }
    let primary = elect.alias.clone();
    let reset = |t: &crate::TabletState| vec![Step::ResetReplication { tablet: t.alias.clone() }];
    let database = match elect.tablet.db_name_override.as_str() {
        "" => vtmodel::default_db_name(&snapshot.keyspace),
        name => name.to_owned(),
    };
    let lead = vec![
        Step::PopulateReparentJournal { tablet: primary.clone() },
        Step::CreateDatabase { tablet: primary.clone(), database },
    ];
    let mut branches = vec![lead];
    // By their own (now empty) position, not at the new primary's: what it wrote while it was initialised,
    // its databases, must arrive too.
    branches.extend(repoint(snapshot, &primary, None));
    let steps = vec![
        Step::Together { branches: snapshot.tablets.iter().map(reset).collect() },
        Step::InitPrimary { tablet: primary.clone(), semi_sync: snapshot.durability.primary_waits() },
        Step::WriteShardRecord { tablet: primary.clone() },
        Step::Together { branches },
    ];
    let old_primary = snapshot.primary().map(|p| p.alias.clone()).filter(|old| *old != primary);
    Ok(Plan { kind: Kind::Initialise, primary, old_primary, steps, warnings: Vec::new() })
}

fn refuse_if_initialised(snapshot: &Snapshot, request: &InitRequest) -> Result<()> {
    let elect = &request.primary_elect;
    if let Some(other) = snapshot.record.primary_alias.as_ref().map(vtmodel::TabletAlias::from)
        && other != *elect
    {
        return refused(format!(
            "{other} is the primary; PlannedReparentShard moves it, --force resets the shard"
        ));
    }
    let primaries = snapshot.tablets.iter().filter(|t| t.tablet.r#type() == TabletType::Primary);
    if let Some(other) = primaries.into_iter().find(|t| t.alias != *elect) {
        return refused(format!("{} is a primary of this shard; --force resets the shard", other.alias));
    }
    if let Some(replica) = snapshot.tablets.iter().find(|t| t.replicates) {
        return refused(format!("{} replicates already; --force resets the shard", replica.alias));
    }
    Ok(())
}
