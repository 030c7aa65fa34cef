//! Changes of a shard's primary: the deciding and acting is in the crate `reparent`.

use proto::{tabletmanagerdata as tm, vtctldata::*};
use reparent::{Durability, InitRequest, Plan, PlannedRequest, Reparenter};
use vterrors::{Condition, Error, Result};
use vtmodel::TabletAlias;

use crate::{Ops, duration, required, required_alias};

fn reparenter(ops: &Ops) -> Reparenter {
    Reparenter::new(ops.topo.clone(), ops.tablets.clone())
}

pub(crate) async fn init_shard_primary(
    ops: &Ops,
    r: InitShardPrimaryRequest,
) -> Result<InitShardPrimaryResponse> {
    let request = InitRequest {
        keyspace: required("the keyspace's name", &r.keyspace)?.to_owned(),
        shard: required("the shard's name", &r.shard)?.to_owned(),
        primary_elect: required_alias(r.primary_elect_tablet_alias.as_ref())?,
        force: r.force,
        wait_replicas_timeout: duration(r.wait_replicas_timeout.as_ref(), ops.wait_replicas_timeout)?,
    };
    let done = reparenter(ops).init_shard_primary(&request).await?;
    Ok(InitShardPrimaryResponse { events: done.events })
}

fn planned_request(ops: &Ops, r: &PlannedReparentShardRequest) -> Result<PlannedRequest> {
    Ok(PlannedRequest {
        keyspace: required("the keyspace's name", &r.keyspace)?.to_owned(),
        shard: required("the shard's name", &r.shard)?.to_owned(),
        new_primary: TabletAlias::from_proto(r.new_primary.as_ref()),
        avoid_primary: TabletAlias::from_proto(r.avoid_primary.as_ref()),
        expected_primary: TabletAlias::from_proto(r.expected_primary.as_ref()),
        allow_cross_cell_promotion: r.allow_cross_cell_promotion,
        wait_replicas_timeout: duration(r.wait_replicas_timeout.as_ref(), ops.wait_replicas_timeout)?,
        tolerable_replication_lag: duration(r.tolerable_replication_lag.as_ref(), std::time::Duration::ZERO)?,
    })
}

pub(crate) async fn planned(
    ops: &Ops,
    r: PlannedReparentShardRequest,
) -> Result<PlannedReparentShardResponse> {
    let done = reparenter(ops).planned(&planned_request(ops, &r)?).await?;
    Ok(PlannedReparentShardResponse {
        keyspace: r.keyspace,
        shard: r.shard,
        promoted_primary: Some(done.primary.into()),
        events: done.events,
    })
}

impl Ops {
    /// The steps that `PlannedReparentShard` would take now: nothing is locked or changed.
    pub async fn plan_planned_reparent(&self, r: &PlannedReparentShardRequest) -> Result<Plan> {
        reparenter(self).dry_run_planned(&planned_request(self, r)?).await
    }
}

/// Points a replica at its shard's primary again.
pub(crate) async fn reparent_tablet(ops: &Ops, r: ReparentTabletRequest) -> Result<ReparentTabletResponse> {
    let tablet = ops.tablet(r.tablet.as_ref()).await?;
    let alias = required_alias(r.tablet.as_ref())?;
    let shard = ops.topo.get_shard(&tablet.keyspace, &tablet.shard).await?;
    let primary = shard.primary().filter(|p| *p != alias).ok_or_else(|| {
        let text = format!("shard {}/{} has no other primary than {alias}", tablet.keyspace, tablet.shard);
        Error::new(Condition::FailedPrecondition, text)
    })?;
    let durability: Durability = ops.topo.get_keyspace(&tablet.keyspace).await?.durability_policy.parse()?;
    let request = tm::SetReplicationSourceRequest {
        parent: Some(primary.clone().into()),
        semi_sync: durability.replica_acknowledges(&primary.cell, &tablet),
        ..Default::default()
    };
    ops.tablets.set_replication_source(&tablet, request).await?;
    Ok(ReparentTabletResponse {
        keyspace: tablet.keyspace,
        shard: tablet.shard,
        primary: Some(primary.into()),
    })
}
