//! `tabletmanagerservice.TabletManager`.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures::Stream;
use proto::{tabletmanagerdata::*, tabletmanagerservice::tablet_manager_server::TabletManager};
use tonic::{Request, Response, Status};

use super::{answer, unsupported};
use crate::tablet::Tablet;

pub struct Service(pub Arc<Tablet>);

/// The whole service: calls whose work is an expression over the tablet and the request, and calls that
/// are refused by name. (The trait's attribute has to see the methods, so the macro makes all of it.)
macro_rules! service {
    (
        calls { $($call:ident: $request:ident => $response:ident, |$t:ident, $r:ident| $work:expr;)* }
        unsupported { $($not:ident: $not_request:ident => $not_response:ident;)* }
        unsupported_streams { $($stream:ident: $stream_request:ident => $stream_response:ident;)* }
    ) => {
        #[tonic::async_trait]
        impl TabletManager for Service {
            $(async fn $call(&self, request: Request<$request>) -> Result<Response<$response>, Status> {
                let ($t, $r) = (&self.0, request.into_inner());
                // Only some calls read their request.
                let _ = (&$t, &$r);
                tracing::debug!(call = stringify!($call), "manager call");
                answer(async { Ok($work) }.await)
            })*
            $(async fn $not(&self, _: Request<$not_request>) -> Result<Response<$not_response>, Status> {
                unsupported(stringify!($not))
            })*
            $(async fn $stream(
                &self,
                _: Request<$stream_request>,
            ) -> Result<Response<BoxStream<$stream_response>>, Status> {
                unsupported(stringify!($stream))
            })*
        }
    };
}

type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Nanoseconds of a request; nothing sensible means the default of 10 s.
fn nanoseconds(n: i64) -> Duration {
    match u64::try_from(n) {
        Ok(n) if n > 0 => Duration::from_nanos(n),
        _ => Duration::from_secs(10),
    }
}

/// The longest Sleep.
const SLEEP_LIMIT: Duration = Duration::from_secs(60);

service! {
    calls {
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

    unsupported {
        execute_hook: ExecuteHookRequest => ExecuteHookResponse;
        preflight_schema: PreflightSchemaRequest => PreflightSchemaResponse;
        get_unresolved_transactions: GetUnresolvedTransactionsRequest => GetUnresolvedTransactionsResponse;
        read_transaction: ReadTransactionRequest => ReadTransactionResponse;
        get_transaction_info: GetTransactionInfoRequest => GetTransactionInfoResponse;
        conclude_transaction: ConcludeTransactionRequest => ConcludeTransactionResponse;
        create_v_replication_workflow: CreateVReplicationWorkflowRequest => CreateVReplicationWorkflowResponse;
        delete_table_data: DeleteTableDataRequest => DeleteTableDataResponse;
        delete_v_replication_workflow: DeleteVReplicationWorkflowRequest => DeleteVReplicationWorkflowResponse;
        has_v_replication_workflows: HasVReplicationWorkflowsRequest => HasVReplicationWorkflowsResponse;
        read_v_replication_workflow: ReadVReplicationWorkflowRequest => ReadVReplicationWorkflowResponse;
        read_v_replication_workflows: ReadVReplicationWorkflowsRequest => ReadVReplicationWorkflowsResponse;
        update_v_replication_workflow: UpdateVReplicationWorkflowRequest => UpdateVReplicationWorkflowResponse;
        update_v_replication_workflows: UpdateVReplicationWorkflowsRequest => UpdateVReplicationWorkflowsResponse;
        validate_v_replication_permissions:
            ValidateVReplicationPermissionsRequest => ValidateVReplicationPermissionsResponse;
        v_replication_exec: VReplicationExecRequest => VReplicationExecResponse;
        v_replication_wait_for_pos: VReplicationWaitForPosRequest => VReplicationWaitForPosResponse;
        update_sequence_tables: UpdateSequenceTablesRequest => UpdateSequenceTablesResponse;
        get_max_value_for_sequences: GetMaxValueForSequencesRequest => GetMaxValueForSequencesResponse;
        v_diff: VDiffRequest => VDiffResponse;
        check_throttler: CheckThrottlerRequest => CheckThrottlerResponse;
        get_throttler_status: GetThrottlerStatusRequest => GetThrottlerStatusResponse;
    }

    unsupported_streams {
        backup: BackupRequest => BackupResponse;
        restore_from_backup: RestoreFromBackupRequest => RestoreFromBackupResponse;
    }
}
