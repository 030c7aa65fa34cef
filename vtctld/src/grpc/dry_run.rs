//! What a reparent would do, for `vtctldclient --dry-run`.
//!
//! Vitess has no RPC for it, so it is a service of ours whose calls take the RPCs' own messages: the steps come as the
//! events of the answer, a line each. A server that does not have the service refuses the call; told by metadata of the RPC
//! itself, a server that passes over it would reparent.

use ops::Ops;
use proto::{logutil::Event, vtctldata::*};
use rpc::{DRY_RUN_EMERGENCY_REPARENT, DRY_RUN_PLANNED_REPARENT, Routes};
use vterrors::Result;

use super::Service;

/// Adds the calls to a server that has `service`; they are counted among its calls and have its limit of time.
pub(crate) fn add(routes: Routes, service: &Service) -> Routes {
    let (planned, emergency) = (service.shared.clone(), service.shared.clone());
    routes
        .unary(DRY_RUN_PLANNED_REPARENT, move |r: PlannedReparentShardRequest| {
            let shared = planned.clone();
            async move {
                let ops = shared.ops.clone();
                let work = Box::pin(async move { planned_reparent(&ops, r).await });
                shared.carry_out("PlannedReparentShard --dry-run", None, work).await
            }
        })
        .unary(DRY_RUN_EMERGENCY_REPARENT, move |r: EmergencyReparentShardRequest| {
            let shared = emergency.clone();
            async move {
                let ops = shared.ops.clone();
                let work = Box::pin(async move { emergency_reparent(&ops, r).await });
                shared.carry_out("EmergencyReparentShard --dry-run", None, work).await
            }
        })
}

async fn planned_reparent(ops: &Ops, r: PlannedReparentShardRequest) -> Result<PlannedReparentShardResponse> {
    let plan = ops.plan_planned_reparent(&r).await?;
    Ok(PlannedReparentShardResponse {
        keyspace: r.keyspace,
        shard: r.shard,
        promoted_primary: Some(plan.primary.clone().into()),
        events: steps(&plan),
    })
}

async fn emergency_reparent(
    ops: &Ops,
    r: EmergencyReparentShardRequest,
) -> Result<EmergencyReparentShardResponse> {
    let plan = ops.plan_emergency_reparent(&r).await?;
    Ok(EmergencyReparentShardResponse {
        keyspace: r.keyspace,
        shard: r.shard,
        promoted_primary: Some(plan.primary.clone().into()),
        events: steps(&plan),
    })
}

fn steps(plan: &impl ToString) -> Vec<Event> {
    let text = plan.to_string();
    text.lines().map(|line| Event { value: line.to_owned(), ..Event::default() }).collect()
}
