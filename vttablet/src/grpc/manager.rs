//! `tabletmanagerservice.TabletManager`, served by the names of its calls: the server that is generated for so
//! many takes longer to compile than the rest of the tablet.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use proto::tabletmanagerdata::*;
use rpc::{Answered, Routes};
use vterrors::{Error, Result};

use crate::tablet::Tablet;

const SERVICE: &str = "tabletmanagerservice.TabletManager";

/// A call: an encoded request to an encoded response.
type Work = fn(Arc<Tablet>, Bytes) -> Answered;

/// Adds the service.
pub fn add_calls(routes: Routes, tablet: &Arc<Tablet>) -> Routes {
    let tablet = Arc::clone(tablet);
    routes.by_name(SERVICE, move |call, message| {
        tracing::debug!(call, "manager call");
        match work(call) {
            Some(work) => work(Arc::clone(&tablet), message),
            None => {
                let e = Error::unsupported(format!("{call} is not supported by this tablet"));
                Box::pin(async move { Err(e) })
            }
        }
    })
}

/// The calls whose work is an expression over the tablet and the request; those that are not here are refused.
macro_rules! calls {
    ($($call:ident: $request:ident => $response:ident, |$t:ident, $r:ident| $work:expr;)*) => {
        /// The work of a call by its name in snake case.
        fn work(name: &str) -> Option<Work> {
            Some(match name {
                $(stringify!($call) => |tablet, message| Box::pin(async move {
                    let ($t, $r) = (&tablet, rpc::decode::<$request>(message)?);
                    // Only some calls read their request.
                    let _ = (&$t, &$r);
                    let answer: Result<$response> = async { Ok($work) }.await;
                    rpc::encode(&answer?)
                }),)*
                _ => return None,
            })
        }
    };
}

/// Nanoseconds of a request; nothing sensible means the default of 10 s.
fn nanoseconds(n: i64) -> Duration {
    match u64::try_from(n) {
        Ok(n) if n > 0 => Duration::from_nanos(n),
        _ => Duration::from_secs(10),
    }
}

/// The longest Sleep.
const SLEEP_LIMIT: Duration = Duration::from_secs(60);

calls! {
    ping: PingRequest => PingResponse, |t, r| PingResponse { payload: r.payload };
    sleep: SleepRequest => SleepResponse, |t, r| {
        tokio::time::sleep(nanoseconds(r.duration).min(SLEEP_LIMIT)).await;
        SleepResponse {}
    };
    get_schema: GetSchemaRequest => GetSchemaResponse, |t, r| {
        GetSchemaResponse { schema_definition: Some(t.schema_definition(&r).await?) }
    };
    get_permissions: GetPermissionsRequest => GetPermissionsResponse, |t, r| {
        GetPermissionsResponse { permissions: Some(t.permissions().await?) }
    };
    get_global_status_vars: GetGlobalStatusVarsRequest => GetGlobalStatusVarsResponse, |t, r| {
        GetGlobalStatusVarsResponse { status_values: t.global_status(&r.variables).await? }
    };
    set_read_only: SetReadOnlyRequest => SetReadOnlyResponse, |t, r| {
        let _action = t.action("SetReadOnly").await?;
        t.dba.set_read_only(crate::manager::types::READ_ONLY_WAIT, false).await?;
        SetReadOnlyResponse {}
    };
    set_read_write: SetReadWriteRequest => SetReadWriteResponse, |t, r| {
        let _action = t.action("SetReadWrite").await?;
        t.dba.set_read_write().await?;
        SetReadWriteResponse {}
    };
    change_tags: ChangeTagsRequest => ChangeTagsResponse, |t, r| {
        ChangeTagsResponse { tags: t.change_tags(&r).await? }
    };
    change_type: ChangeTypeRequest => ChangeTypeResponse, |t, r| {
        t.change_type(r.tablet_type(), r.semi_sync).await?;
        ChangeTypeResponse {}
    };
    refresh_state: RefreshStateRequest => RefreshStateResponse, |t, r| {
        t.refresh_state().await?;
        RefreshStateResponse {}
    };
    run_health_check: RunHealthCheckRequest => RunHealthCheckResponse, |t, r| {
        t.run_health_check().await?;
        RunHealthCheckResponse {}
    };
    reload_schema: ReloadSchemaRequest => ReloadSchemaResponse, |t, r| {
        if !r.wait_position.is_empty() {
            t.wait_for_position(&r.wait_position).await?;
        }
        t.reload_schema().await?;
        ReloadSchemaResponse {}
    };
    apply_schema: ApplySchemaRequest => ApplySchemaResponse, |t, r| t.apply_schema(&r).await?;
    reset_sequences: ResetSequencesRequest => ResetSequencesResponse, |t, r| {
        t.query.sequences.reset();
        ResetSequencesResponse {}
    };
    mysql_host_metrics: MysqlHostMetricsRequest => MysqlHostMetricsResponse, |t, r| {
        MysqlHostMetricsResponse { host_metrics: Some(t.host_metrics().await?) }
    };
    lock_tables: LockTablesRequest => LockTablesResponse, |t, r| {
        t.lock_tables().await?;
        LockTablesResponse {}
    };
    unlock_tables: UnlockTablesRequest => UnlockTablesResponse, |t, r| {
        t.unlock_tables().await?;
        UnlockTablesResponse {}
    };
    execute_query: ExecuteQueryRequest => ExecuteQueryResponse, |t, r| {
        ExecuteQueryResponse { result: Some(t.execute_query(&r).await?) }
    };
    execute_fetch_as_dba: ExecuteFetchAsDbaRequest => ExecuteFetchAsDbaResponse, |t, r| {
        ExecuteFetchAsDbaResponse { result: Some(t.execute_fetch_as_dba(&r).await?) }
    };
    execute_multi_fetch_as_dba: ExecuteMultiFetchAsDbaRequest => ExecuteMultiFetchAsDbaResponse, |t, r| {
        ExecuteMultiFetchAsDbaResponse { results: t.execute_multi_fetch_as_dba(&r).await? }
    };
    execute_fetch_as_all_privs: ExecuteFetchAsAllPrivsRequest => ExecuteFetchAsAllPrivsResponse, |t, r| {
        ExecuteFetchAsAllPrivsResponse { result: Some(t.execute_fetch_as_all_privs(&r).await?) }
    };
    execute_fetch_as_app: ExecuteFetchAsAppRequest => ExecuteFetchAsAppResponse, |t, r| {
        ExecuteFetchAsAppResponse { result: Some(t.execute_fetch_as_app(&r).await?) }
    };
    replication_status: ReplicationStatusRequest => ReplicationStatusResponse, |t, r| {
        ReplicationStatusResponse { status: Some(t.replication_status().await?) }
    };
    primary_status: PrimaryStatusRequest => PrimaryStatusResponse, |t, r| {
        PrimaryStatusResponse { status: Some(t.dba.primary_status().await?) }
    };
    primary_position: PrimaryPositionRequest => PrimaryPositionResponse, |t, r| {
        PrimaryPositionResponse { position: t.dba.primary_position().await?.position }
    };
    wait_for_position: WaitForPositionRequest => WaitForPositionResponse, |t, r| {
        t.wait_for_position(&r.position).await?;
        WaitForPositionResponse {}
    };
    stop_replication: StopReplicationRequest => StopReplicationResponse, |t, r| {
        t.stop_replication().await?;
        StopReplicationResponse {}
    };
    stop_replication_minimum: StopReplicationMinimumRequest => StopReplicationMinimumResponse, |t, r| {
        let position = t.stop_replication_minimum(&r.position, nanoseconds(r.wait_timeout)).await?;
        StopReplicationMinimumResponse { position }
    };
    start_replication: StartReplicationRequest => StartReplicationResponse, |t, r| {
        t.start_replication(r.semi_sync).await?;
        StartReplicationResponse {}
    };
    restart_replication: RestartReplicationRequest => RestartReplicationResponse, |t, r| {
        t.restart_replication(r.semi_sync).await?;
        RestartReplicationResponse {}
    };
    start_replication_until_after: StartReplicationUntilAfterRequest => StartReplicationUntilAfterResponse,
        |t, r| {
            t.start_replication_until_after(&r.position, nanoseconds(r.wait_timeout)).await?;
            StartReplicationUntilAfterResponse {}
        };
    get_replicas: GetReplicasRequest => GetReplicasResponse, |t, r| {
        GetReplicasResponse { addrs: t.replicas().await? }
    };
    reset_replication: ResetReplicationRequest => ResetReplicationResponse, |t, r| {
        t.reset_replication().await?;
        ResetReplicationResponse {}
    };
    reset_replication_parameters: ResetReplicationParametersRequest => ResetReplicationParametersResponse,
        |t, r| {
            t.reset_replication_parameters().await?;
            ResetReplicationParametersResponse {}
        };
    init_primary: InitPrimaryRequest => InitPrimaryResponse, |t, r| {
        InitPrimaryResponse { position: t.init_primary(r.semi_sync).await? }
    };
    populate_reparent_journal: PopulateReparentJournalRequest => PopulateReparentJournalResponse, |t, r| {
        t.populate_reparent_journal(&r).await?;
        PopulateReparentJournalResponse {}
    };
    read_reparent_journal_info: ReadReparentJournalInfoRequest => ReadReparentJournalInfoResponse, |t, r| {
        ReadReparentJournalInfoResponse { length: t.reparent_journal_length().await? }
    };
    init_replica: InitReplicaRequest => InitReplicaResponse, |t, r| {
        t.init_replica(&r).await?;
        InitReplicaResponse {}
    };
    demote_primary: DemotePrimaryRequest => DemotePrimaryResponse, |t, r| {
        DemotePrimaryResponse { primary_status: Some(t.demote_primary(r.force).await?) }
    };
    undo_demote_primary: UndoDemotePrimaryRequest => UndoDemotePrimaryResponse, |t, r| {
        t.undo_demote_primary(r.semi_sync).await?;
        UndoDemotePrimaryResponse {}
    };
    replica_was_promoted: ReplicaWasPromotedRequest => ReplicaWasPromotedResponse, |t, r| {
        t.replica_was_promoted().await?;
        ReplicaWasPromotedResponse {}
    };
    full_status: FullStatusRequest => FullStatusResponse, |t, r| {
        FullStatusResponse { status: Some(t.full_status().await?) }
    };
    set_replication_source: SetReplicationSourceRequest => SetReplicationSourceResponse, |t, r| {
        t.set_replication_source(&r).await?;
        SetReplicationSourceResponse {}
    };
    replica_was_restarted: ReplicaWasRestartedRequest => ReplicaWasRestartedResponse, |t, r| {
        t.refresh_state().await?;
        ReplicaWasRestartedResponse {}
    };
    stop_replication_and_get_status:
        StopReplicationAndGetStatusRequest => StopReplicationAndGetStatusResponse, |t, r| {
            let status = t.stop_replication_and_get_status(r.stop_replication_mode()).await?;
            StopReplicationAndGetStatusResponse { status: Some(status) }
        };
    promote_replica: PromoteReplicaRequest => PromoteReplicaResponse, |t, r| {
        PromoteReplicaResponse { position: t.promote_replica(r.semi_sync).await? }
    };
}

#[cfg(test)]
mod tests {
    use prost_reflect::DescriptorPool;

    use super::*;

    /// What is refused; a call that Vitess adds has to be put here or among the calls.
    const REFUSED: [&str; 24] = [
        "execute_hook",
        "preflight_schema",
        "get_unresolved_transactions",
        "read_transaction",
        "get_transaction_info",
        "conclude_transaction",
        "create_v_replication_workflow",
        "delete_table_data",
        "delete_v_replication_workflow",
        "has_v_replication_workflows",
        "read_v_replication_workflow",
        "read_v_replication_workflows",
        "update_v_replication_workflow",
        "update_v_replication_workflows",
        "validate_v_replication_permissions",
        "v_replication_exec",
        "v_replication_wait_for_pos",
        "update_sequence_tables",
        "get_max_value_for_sequences",
        "v_diff",
        "check_throttler",
        "get_throttler_status",
        "backup",
        "restore_from_backup",
    ];

    /// Each call of the service is found under its name on the wire, or refused on purpose.
    #[test]
    fn every_call_is_answered_or_refused() {
        let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
        let service = pool.get_service_by_name(SERVICE).unwrap();
        let mut refused: Vec<_> = service
            .methods()
            .map(|m| rpc::snake_case(m.name()))
            .filter(|name| work(name).is_none())
            .collect();
        let mut expected = REFUSED.map(str::to_owned).to_vec();
        refused.sort_unstable();
        expected.sort_unstable();
        assert_eq!(refused, expected);
    }
}
