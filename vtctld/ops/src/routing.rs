//! Routing rules of tables, shards and keyspaces.

use proto::vtctldata::*;
use vterrors::Result;

use crate::Ops;

async fn rebuild(ops: &Ops, skip: bool, cells: &[String]) -> Result<()> {
    if skip { Ok(()) } else { ops.topo.rebuild_srv_vschema(cells).await.map(drop) }
}

pub(crate) async fn apply(ops: &Ops, r: ApplyRoutingRulesRequest) -> Result<ApplyRoutingRulesResponse> {
    let guard = ops.topo.lock_routing_rules("ApplyRoutingRules").await?;
    ops.topo.save_routing_rules(&r.routing_rules.unwrap_or_default()).await?;
    guard.unlock().await?;
    rebuild(ops, r.skip_rebuild, &r.rebuild_cells).await?;
    Ok(ApplyRoutingRulesResponse {})
}

pub(crate) async fn get(ops: &Ops, _: GetRoutingRulesRequest) -> Result<GetRoutingRulesResponse> {
    Ok(GetRoutingRulesResponse { routing_rules: Some(ops.topo.get_routing_rules().await?) })
}

pub(crate) async fn apply_shard(
    ops: &Ops,
    r: ApplyShardRoutingRulesRequest,
) -> Result<ApplyShardRoutingRulesResponse> {
    let guard = ops.topo.lock_routing_rules("ApplyShardRoutingRules").await?;
    ops.topo.save_shard_routing_rules(&r.shard_routing_rules.unwrap_or_default()).await?;
    guard.unlock().await?;
    rebuild(ops, r.skip_rebuild, &r.rebuild_cells).await?;
    Ok(ApplyShardRoutingRulesResponse {})
}

pub(crate) async fn get_shard(
    ops: &Ops,
    _: GetShardRoutingRulesRequest,
) -> Result<GetShardRoutingRulesResponse> {
    Ok(GetShardRoutingRulesResponse { shard_routing_rules: Some(ops.topo.get_shard_routing_rules().await?) })
}

pub(crate) async fn apply_keyspace(
    ops: &Ops,
    r: ApplyKeyspaceRoutingRulesRequest,
) -> Result<ApplyKeyspaceRoutingRulesResponse> {
    let guard = ops.topo.lock_routing_rules("ApplyKeyspaceRoutingRules").await?;
    let rules = r.keyspace_routing_rules.unwrap_or_default();
    ops.topo.save_keyspace_routing_rules(&guard, &rules).await?;
    guard.unlock().await?;
    rebuild(ops, r.skip_rebuild, &r.rebuild_cells).await?;
    Ok(ApplyKeyspaceRoutingRulesResponse { keyspace_routing_rules: Some(rules) })
}

pub(crate) async fn get_keyspace(
    ops: &Ops,
    _: GetKeyspaceRoutingRulesRequest,
) -> Result<GetKeyspaceRoutingRulesResponse> {
    let rules = ops.topo.get_keyspace_routing_rules().await?.unwrap_or_default();
    Ok(GetKeyspaceRoutingRulesResponse { keyspace_routing_rules: Some(rules) })
}

pub(crate) async fn get_mirror(ops: &Ops, _: GetMirrorRulesRequest) -> Result<GetMirrorRulesResponse> {
    Ok(GetMirrorRulesResponse { mirror_rules: Some(ops.topo.get_mirror_rules().await?) })
}
