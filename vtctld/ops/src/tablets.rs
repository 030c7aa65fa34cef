//! Tablets: their records, and what is asked of the processes behind them.

use std::collections::HashMap;

use proto::{
    tabletmanagerdata as tm,
    topodata::{Tablet, TabletType},
    vtctldata::*,
};
use reparent::Durability;
use vterrors::{Condition, Error, Result};
use vtmodel::TabletAlias;

use crate::{Ops, alias_text, duration, required_alias};

pub(crate) async fn get(ops: &Ops, r: GetTabletRequest) -> Result<GetTabletResponse> {
    Ok(GetTabletResponse { tablet: Some(ops.tablet(r.tablet_alias.as_ref()).await?) })
}

/// By alias, else by keyspace, shard and cells. A primary whose term is older than another's in its shard
/// is shown as UNKNOWN: it has not heard yet that it was replaced.
pub(crate) async fn list(ops: &Ops, r: GetTabletsRequest) -> Result<GetTabletsResponse> {
    if r.keyspace.is_empty() && !r.shard.is_empty() {
        return Err(Error::invalid("--shard needs --keyspace"));
    }
    let mut tablets =
        if r.tablet_aliases.is_empty() { found(ops, &r).await? } else { named(ops, &r).await? };
    mark_stale_primaries(&mut tablets);
    if r.tablet_type != 0 {
        tablets.retain(|t| t.r#type == r.tablet_type);
    }
    Ok(GetTabletsResponse { tablets })
}

async fn named(ops: &Ops, r: &GetTabletsRequest) -> Result<Vec<Tablet>> {
    let reads = r.tablet_aliases.iter().map(|alias| ops.tablet(Some(alias)));
    let mut tablets = Vec::new();
    for read in futures::future::join_all(reads).await {
        match read {
            Ok(tablet) => tablets.push(tablet),
            Err(e) if r.strict => return Err(e),
            Err(e) => tracing::warn!(error = %e, "GetTablets leaves a tablet out"),
        }
    }
    Ok(tablets)
}

async fn found(ops: &Ops, r: &GetTabletsRequest) -> Result<Vec<Tablet>> {
    let wanted = |t: &Tablet| {
        (r.keyspace.is_empty() || t.keyspace == r.keyspace) && (r.shard.is_empty() || t.shard == r.shard)
    };
    let found = ops.topo.find_tablets(&r.cells, wanted).await?;
    if r.strict { found.all() } else { those_found(found, "GetTablets") }
}

/// The tablets of the cells that answered; an error where there are none because a cell did not.
pub(crate) fn those_found(found: topo::FoundTablets, who: &str) -> Result<Vec<Tablet>> {
    if found.tablets.is_empty() {
        return found.all();
    }
    for (cell, e) in &found.failed_cells {
        tracing::warn!(cell, error = %e, "{who} leaves a cell out");
    }
    Ok(found.tablets)
}

fn mark_stale_primaries(tablets: &mut [Tablet]) {
    let term = |t: &Tablet| t.primary_term_start_time.map_or((0, 0), |t| (t.seconds, t.nanoseconds));
    let mut newest: HashMap<(String, String), (i64, i32)> = HashMap::new();
    for t in tablets.iter().filter(|t| t.r#type() == TabletType::Primary) {
        let entry = newest.entry((t.keyspace.clone(), t.shard.clone())).or_default();
        *entry = (*entry).max(term(t));
    }
    for t in tablets.iter_mut().filter(|t| t.r#type() == TabletType::Primary) {
        if newest.get(&(t.keyspace.clone(), t.shard.clone())).is_some_and(|newest| term(t) < *newest) {
            t.set_type(TabletType::Unknown);
        }
    }
}

pub(crate) async fn delete(ops: &Ops, r: DeleteTabletsRequest) -> Result<DeleteTabletsResponse> {
    for alias in &r.tablet_aliases {
        delete_one(ops, alias, r.allow_primary).await?;
    }
    Ok(DeleteTabletsResponse {})
}

async fn delete_one(ops: &Ops, alias: &proto::topodata::TabletAlias, allow_primary: bool) -> Result<()> {
    let tablet = ops.tablet(Some(alias)).await?;
    let alias = required_alias(Some(alias))?;
    let shard = match ops.topo.get_shard(&tablet.keyspace, &tablet.shard).await {
        Err(e) if topo::is_no_node(&e) => None,
        other => Some(other?),
    };
    let is_primary = shard.is_some_and(|s| s.primary() == Some(alias.clone()));
    if is_primary && !allow_primary {
        let text = format!(
            "tablet {alias} is the primary of {}/{}; use --allow-primary to delete it anyway",
            tablet.keyspace, tablet.shard
        );
        return Err(Error::new(Condition::FailedPrecondition, text));
    }
    if is_primary {
        forget_primary(ops, &tablet, &alias).await?;
    }
    ops.topo.delete_tablet(&alias).await.map_err(|e| e.context(format!("tablet {alias}")))
}

/// Takes a primary that will be deleted out of its shard's record.
async fn forget_primary(ops: &Ops, tablet: &Tablet, alias: &TabletAlias) -> Result<()> {
    let guard =
        ops.topo.lock_shard(&tablet.keyspace, &tablet.shard, &format!("DeleteTablet {alias}")).await?;
    let edit = |s: &mut proto::topodata::Shard| {
        if TabletAlias::from_proto(s.primary_alias.as_ref()).as_ref() != Some(alias) {
            return Ok(topo::Edit::Keep);
        }
        s.primary_alias = None;
        Ok(topo::Edit::Write)
    };
    ops.topo.update_shard_fields(&tablet.keyspace, &tablet.shard, edit).await?;
    guard.unlock().await
}

/// Whether a tablet's type may be changed by hand: into and out of PRIMARY only reparents lead.
fn trivial_change(from: TabletType, to: TabletType) -> bool {
    use TabletType::{Backup, Drained, Experimental, Rdonly, Replica, Restore, Spare};
    match from {
        Replica | Rdonly | Spare | Backup | Experimental | Drained => {
            matches!(to, Replica | Rdonly | Spare | Backup | Experimental | Drained)
        }
        Restore => matches!(to, Spare),
        _ => false,
    }
}

pub(crate) async fn change_type(ops: &Ops, r: ChangeTabletTypeRequest) -> Result<ChangeTabletTypeResponse> {
    let before = ops.tablet(r.tablet_alias.as_ref()).await?;
    let (from, to) = (before.r#type(), r.db_type());
    if !trivial_change(from, to) {
        let text = format!(
            "tablet {}: type {} cannot be changed to {} (reparents change the primary)",
            alias_text(&before),
            from.as_str_name(),
            to.as_str_name()
        );
        return Err(Error::new(Condition::FailedPrecondition, text));
    }
    let mut after = before.clone();
    after.set_type(to);
    if !r.dry_run {
        let semi_sync = semi_sync_after_change(ops, &after).await?;
        ops.tablets.change_type(&before, tm::ChangeTypeRequest { tablet_type: to as i32, semi_sync }).await?;
        after = ops.tablet(r.tablet_alias.as_ref()).await?;
    }
    Ok(ChangeTabletTypeResponse {
        before_tablet: Some(before),
        after_tablet: Some(after),
        was_dry_run: r.dry_run,
    })
}

async fn semi_sync_after_change(ops: &Ops, tablet: &Tablet) -> Result<bool> {
    let durability: Durability = match ops.topo.get_keyspace(&tablet.keyspace).await {
        Err(e) if topo::is_no_node(&e) => return Ok(false),
        other => other?.durability_policy.parse()?,
    };
    let shard = ops.topo.get_shard(&tablet.keyspace, &tablet.shard).await?;
    let Some(primary) = shard.primary() else { return Ok(false) };
    Ok(durability.replica_acknowledges(&primary.cell, tablet))
}

pub(crate) async fn ping(ops: &Ops, r: PingTabletRequest) -> Result<PingTabletResponse> {
    let tablet = ops.tablet(r.tablet_alias.as_ref()).await?;
    ops.tablets.ping(&tablet, tm::PingRequest { payload: "payload".into() }).await?;
    Ok(PingTabletResponse {})
}

pub(crate) async fn refresh_state(ops: &Ops, r: RefreshStateRequest) -> Result<RefreshStateResponse> {
    let tablet = ops.tablet(r.tablet_alias.as_ref()).await?;
    ops.tablets.refresh_state(&tablet, tm::RefreshStateRequest {}).await?;
    Ok(RefreshStateResponse {})
}

pub(crate) async fn refresh_state_by_shard(
    ops: &Ops,
    r: RefreshStateByShardRequest,
) -> Result<RefreshStateByShardResponse> {
    let wanted = |t: &Tablet| t.keyspace == r.keyspace && t.shard == r.shard;
    let found = ops.topo.find_tablets(&r.cells, wanted).await?;
    let mut faults: Vec<String> =
        found.failed_cells.iter().map(|(cell, e)| format!("cell {cell}: {e}")).collect();
    let refreshes = found.tablets.iter().map(|t| ops.tablets.refresh_state(t, tm::RefreshStateRequest {}));
    for done in futures::future::join_all(refreshes).await {
        if let Err(e) = done {
            faults.push(e.to_string());
        }
    }
    Ok(RefreshStateByShardResponse {
        is_partial_refresh: !faults.is_empty(),
        partial_refresh_details: faults.join("; "),
    })
}

pub(crate) async fn run_health_check(ops: &Ops, r: RunHealthCheckRequest) -> Result<RunHealthCheckResponse> {
    let tablet = ops.tablet(r.tablet_alias.as_ref()).await?;
    ops.tablets.run_health_check(&tablet, tm::RunHealthCheckRequest {}).await?;
    Ok(RunHealthCheckResponse {})
}

pub(crate) async fn set_writable(ops: &Ops, r: SetWritableRequest) -> Result<SetWritableResponse> {
    let tablet = ops.tablet(r.tablet_alias.as_ref()).await?;
    if r.writable {
        ops.tablets.set_read_write(&tablet, tm::SetReadWriteRequest {}).await?;
    } else {
        ops.tablets.set_read_only(&tablet, tm::SetReadOnlyRequest {}).await?;
    }
    Ok(SetWritableResponse {})
}

pub(crate) async fn start_replication(
    ops: &Ops,
    r: StartReplicationRequest,
) -> Result<StartReplicationResponse> {
    let tablet = ops.tablet(r.tablet_alias.as_ref()).await?;
    let semi_sync = semi_sync_after_change(ops, &tablet).await?;
    ops.tablets.start_replication(&tablet, tm::StartReplicationRequest { semi_sync }).await?;
    Ok(StartReplicationResponse {})
}

pub(crate) async fn stop_replication(
    ops: &Ops,
    r: StopReplicationRequest,
) -> Result<StopReplicationResponse> {
    let tablet = ops.tablet(r.tablet_alias.as_ref()).await?;
    ops.tablets.stop_replication(&tablet, tm::StopReplicationRequest {}).await?;
    Ok(StopReplicationResponse {})
}

pub(crate) async fn full_status(ops: &Ops, r: GetFullStatusRequest) -> Result<GetFullStatusResponse> {
    let tablet = ops.tablet(r.tablet_alias.as_ref()).await?;
    let status = ops.tablets.full_status(&tablet, tm::FullStatusRequest {}).await?.status;
    Ok(GetFullStatusResponse { status })
}

pub(crate) async fn permissions(ops: &Ops, r: GetPermissionsRequest) -> Result<GetPermissionsResponse> {
    let tablet = ops.tablet(r.tablet_alias.as_ref()).await?;
    let permissions = ops.tablets.get_permissions(&tablet, tm::GetPermissionsRequest {}).await?.permissions;
    Ok(GetPermissionsResponse { permissions })
}

pub(crate) async fn sleep(ops: &Ops, r: SleepTabletRequest) -> Result<SleepTabletResponse> {
    let tablet = ops.tablet(r.tablet_alias.as_ref()).await?;
    let time = duration(r.duration.as_ref(), ops.wait_replicas_timeout)?;
    let nanoseconds =
        i64::try_from(time.as_nanos()).map_err(|_| Error::invalid("the duration is too long"))?;
    ops.tablets.sleep(&tablet, tm::SleepRequest { duration: nanoseconds }).await?;
    Ok(SleepTabletResponse {})
}
