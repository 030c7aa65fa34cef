//! Changes of a shard's primary: the deciding and acting is in the crate `reparent`.

use proto::vtctldata::*;
use reparent::{EmergencyRequest, InitRequest, Plan, PlannedRequest, Reparenter};
use vterrors::Result;
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

fn emergency_request(ops: &Ops, r: &EmergencyReparentShardRequest) -> Result<EmergencyRequest> {
    Ok(EmergencyRequest {
        keyspace: required("the keyspace's name", &r.keyspace)?.to_owned(),
        shard: required("the shard's name", &r.shard)?.to_owned(),
        new_primary: TabletAlias::from_proto(r.new_primary.as_ref()),
        expected_primary: TabletAlias::from_proto(r.expected_primary.as_ref()),
        ignore_replicas: r.ignore_replicas.iter().map(TabletAlias::from).collect(),
        prevent_cross_cell_promotion: r.prevent_cross_cell_promotion,
        wait_for_all_tablets: r.wait_for_all_tablets,
        silent: Vec::new(),
        wait_replicas_timeout: duration(r.wait_replicas_timeout.as_ref(), ops.wait_replicas_timeout)?,
    })
}

pub(crate) async fn emergency(
    ops: &Ops,
    r: EmergencyReparentShardRequest,
) -> Result<EmergencyReparentShardResponse> {
    let done = reparenter(ops).emergency(&emergency_request(ops, &r)?).await?;
    Ok(EmergencyReparentShardResponse {
        keyspace: r.keyspace,
        shard: r.shard,
        promoted_primary: Some(done.primary.into()),
        events: done.events,
    })
}

impl Ops {
    /// The steps that `EmergencyReparentShard` would take now: nothing is locked or changed.
    pub async fn plan_emergency_reparent(&self, r: &EmergencyReparentShardRequest) -> Result<Plan> {
        reparenter(self).dry_run_emergency(&emergency_request(self, r)?).await
    }
}

pub(crate) async fn externally_reparented(
    ops: &Ops,
    r: TabletExternallyReparentedRequest,
) -> Result<TabletExternallyReparentedResponse> {
    let (led, _) = reparenter(ops).externally_reparented(&required_alias(r.tablet.as_ref())?).await?;
    Ok(TabletExternallyReparentedResponse {
        keyspace: led.keyspace,
        shard: led.shard,
        new_primary: Some(led.primary.into()),
        old_primary: led.old_primary.map(Into::into),
    })
}

/// Points a replica at its shard's primary again.
pub(crate) async fn reparent_tablet(ops: &Ops, r: ReparentTabletRequest) -> Result<ReparentTabletResponse> {
    let led = reparenter(ops).reparent_tablet(&required_alias(r.tablet.as_ref())?).await?;
    Ok(ReparentTabletResponse { keyspace: led.keyspace, shard: led.shard, primary: Some(led.primary.into()) })
}
