//! The manager service.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use proto::{
    tabletmanagerdata::*, tabletmanagerservice::tablet_manager_client::TabletManagerClient as Grpc,
    topodata::Tablet,
};
use rpc::{Channel, ChannelOptions, Connector, MAX_MESSAGE_BYTES, error_of};
use vterrors::{Condition, Error, Result};

use crate::grpc_address;

/// How many tablets a client keeps channels to; past that the channels are opened anew.
const MAX_CHANNELS: usize = 16_384;

macro_rules! manager {
    ($($method:ident($request:ident) -> $response:ident;)*) => {
        /// What the control plane and other tablets ask of a tablet's manager. The tablet is named by its
        /// record. A method that an implementation does not have answers `Unsupported`.
        #[async_trait]
        pub trait TabletManagerClient: Send + Sync {
            /// Whether the tablet's machine says that no process listens at its address. Not bounded in time.
            async fn nobody_listens(&self, tablet: &Tablet) -> bool {
                match grpc_address(tablet) {
                    Ok(address) => Connector::default().is_refused(&address).await,
                    Err(_) => false,
                }
            }

            $(async fn $method(&self, tablet: &Tablet, request: $request) -> Result<$response> {
                let _ = (tablet, request);
                Err(Error::unsupported(concat!("tablet manager: ", stringify!($method))))
            })*
        }

        #[async_trait]
        impl TabletManagerClient for GrpcTabletManagerClient {
            async fn nobody_listens(&self, tablet: &Tablet) -> bool {
                match grpc_address(tablet) {
                    Ok(address) => self.options.connector.is_refused(&address).await,
                    Err(_) => false,
                }
            }
            $(async fn $method(&self, tablet: &Tablet, request: $request) -> Result<$response> {
                let call = async {
                    let answer = self.channel(tablet)?.$method(request).await;
                    answer.map(tonic::Response::into_inner).map_err(error_of)
                };
                self.limited(stringify!($method), tablet, call).await
            })*
        }
    };
}

manager! {
    ping(PingRequest) -> PingResponse;
    sleep(SleepRequest) -> SleepResponse;
    execute_hook(ExecuteHookRequest) -> ExecuteHookResponse;
    get_schema(GetSchemaRequest) -> GetSchemaResponse;
    get_permissions(GetPermissionsRequest) -> GetPermissionsResponse;
    get_global_status_vars(GetGlobalStatusVarsRequest) -> GetGlobalStatusVarsResponse;
    set_read_only(SetReadOnlyRequest) -> SetReadOnlyResponse;
    set_read_write(SetReadWriteRequest) -> SetReadWriteResponse;
    change_tags(ChangeTagsRequest) -> ChangeTagsResponse;
    change_type(ChangeTypeRequest) -> ChangeTypeResponse;
    refresh_state(RefreshStateRequest) -> RefreshStateResponse;
    run_health_check(RunHealthCheckRequest) -> RunHealthCheckResponse;
    reload_schema(ReloadSchemaRequest) -> ReloadSchemaResponse;
    preflight_schema(PreflightSchemaRequest) -> PreflightSchemaResponse;
    apply_schema(ApplySchemaRequest) -> ApplySchemaResponse;
    reset_sequences(ResetSequencesRequest) -> ResetSequencesResponse;
    lock_tables(LockTablesRequest) -> LockTablesResponse;
    unlock_tables(UnlockTablesRequest) -> UnlockTablesResponse;
    execute_query(ExecuteQueryRequest) -> ExecuteQueryResponse;
    execute_fetch_as_dba(ExecuteFetchAsDbaRequest) -> ExecuteFetchAsDbaResponse;
    execute_multi_fetch_as_dba(ExecuteMultiFetchAsDbaRequest) -> ExecuteMultiFetchAsDbaResponse;
    execute_fetch_as_all_privs(ExecuteFetchAsAllPrivsRequest) -> ExecuteFetchAsAllPrivsResponse;
    execute_fetch_as_app(ExecuteFetchAsAppRequest) -> ExecuteFetchAsAppResponse;
    get_unresolved_transactions(GetUnresolvedTransactionsRequest) -> GetUnresolvedTransactionsResponse;
    read_transaction(ReadTransactionRequest) -> ReadTransactionResponse;
    get_transaction_info(GetTransactionInfoRequest) -> GetTransactionInfoResponse;
    conclude_transaction(ConcludeTransactionRequest) -> ConcludeTransactionResponse;
    mysql_host_metrics(MysqlHostMetricsRequest) -> MysqlHostMetricsResponse;
    replication_status(ReplicationStatusRequest) -> ReplicationStatusResponse;
    primary_status(PrimaryStatusRequest) -> PrimaryStatusResponse;
    primary_position(PrimaryPositionRequest) -> PrimaryPositionResponse;
    wait_for_position(WaitForPositionRequest) -> WaitForPositionResponse;
    stop_replication(StopReplicationRequest) -> StopReplicationResponse;
    stop_replication_minimum(StopReplicationMinimumRequest) -> StopReplicationMinimumResponse;
    start_replication(StartReplicationRequest) -> StartReplicationResponse;
    restart_replication(RestartReplicationRequest) -> RestartReplicationResponse;
    start_replication_until_after(StartReplicationUntilAfterRequest) -> StartReplicationUntilAfterResponse;
    get_replicas(GetReplicasRequest) -> GetReplicasResponse;
    create_v_replication_workflow(CreateVReplicationWorkflowRequest) -> CreateVReplicationWorkflowResponse;
    delete_table_data(DeleteTableDataRequest) -> DeleteTableDataResponse;
    delete_v_replication_workflow(DeleteVReplicationWorkflowRequest) -> DeleteVReplicationWorkflowResponse;
    has_v_replication_workflows(HasVReplicationWorkflowsRequest) -> HasVReplicationWorkflowsResponse;
    read_v_replication_workflow(ReadVReplicationWorkflowRequest) -> ReadVReplicationWorkflowResponse;
    read_v_replication_workflows(ReadVReplicationWorkflowsRequest) -> ReadVReplicationWorkflowsResponse;
    update_v_replication_workflow(UpdateVReplicationWorkflowRequest) -> UpdateVReplicationWorkflowResponse;
    update_v_replication_workflows(UpdateVReplicationWorkflowsRequest) -> UpdateVReplicationWorkflowsResponse;
    validate_v_replication_permissions(ValidateVReplicationPermissionsRequest) -> ValidateVReplicationPermissionsResponse;
    v_replication_exec(VReplicationExecRequest) -> VReplicationExecResponse;
    v_replication_wait_for_pos(VReplicationWaitForPosRequest) -> VReplicationWaitForPosResponse;
    update_sequence_tables(UpdateSequenceTablesRequest) -> UpdateSequenceTablesResponse;
    get_max_value_for_sequences(GetMaxValueForSequencesRequest) -> GetMaxValueForSequencesResponse;
    v_diff(VDiffRequest) -> VDiffResponse;
    reset_replication(ResetReplicationRequest) -> ResetReplicationResponse;
    init_primary(InitPrimaryRequest) -> InitPrimaryResponse;
    populate_reparent_journal(PopulateReparentJournalRequest) -> PopulateReparentJournalResponse;
    read_reparent_journal_info(ReadReparentJournalInfoRequest) -> ReadReparentJournalInfoResponse;
    init_replica(InitReplicaRequest) -> InitReplicaResponse;
    demote_primary(DemotePrimaryRequest) -> DemotePrimaryResponse;
    undo_demote_primary(UndoDemotePrimaryRequest) -> UndoDemotePrimaryResponse;
    replica_was_promoted(ReplicaWasPromotedRequest) -> ReplicaWasPromotedResponse;
    reset_replication_parameters(ResetReplicationParametersRequest) -> ResetReplicationParametersResponse;
    full_status(FullStatusRequest) -> FullStatusResponse;
    set_replication_source(SetReplicationSourceRequest) -> SetReplicationSourceResponse;
    replica_was_restarted(ReplicaWasRestartedRequest) -> ReplicaWasRestartedResponse;
    stop_replication_and_get_status(StopReplicationAndGetStatusRequest) -> StopReplicationAndGetStatusResponse;
    promote_replica(PromoteReplicaRequest) -> PromoteReplicaResponse;
    check_throttler(CheckThrottlerRequest) -> CheckThrottlerResponse;
    get_throttler_status(GetThrottlerStatusRequest) -> GetThrottlerStatusResponse;
}

/// The manager service over gRPC, for any number of tablets. Each call has a limit of its own, and calls
/// to different tablets never wait for each other.
pub struct GrpcTabletManagerClient {
    limit: Duration,
    options: ChannelOptions,
    channels: Mutex<HashMap<String, Grpc<Channel>>>,
}

impl GrpcTabletManagerClient {
    /// `limit` bounds every call; a caller that wants less puts its own timeout around it.
    pub fn new(limit: Duration) -> Self {
        Self::with_options(limit, ChannelOptions::default())
    }

    /// The same with channels of one's own making.
    pub fn with_options(limit: Duration, options: ChannelOptions) -> Self {
        Self { limit, options, channels: Mutex::default() }
    }

    fn channel(&self, tablet: &Tablet) -> Result<Grpc<Channel>> {
        let address = grpc_address(tablet)?;
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = channels.get(&address) {
            return Ok(client.clone());
        }
        let client = Grpc::new(rpc::connect_lazy(&address, &self.options)?)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        if channels.len() >= MAX_CHANNELS {
            channels.clear();
        }
        channels.insert(address, client.clone());
        Ok(client)
    }

    async fn limited<T>(
        &self,
        method: &str,
        tablet: &Tablet,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let name = || {
            let alias = tablet.alias.as_ref().map(|a| format!("{}-{:010}", a.cell, a.uid));
            format!("{method} on tablet {}", alias.unwrap_or_default())
        };
        match tokio::time::timeout(self.limit, call).await {
            Ok(answer) => answer.map_err(|e| e.context(name())),
            Err(_) => {
                Err(Error::new(Condition::Timeout, format!("{}: no answer within {:?}", name(), self.limit)))
            }
        }
    }
}
