//! The list of the control plane's operations: one line each, from which the trait, the gRPC server and the
//! gRPC client are made.

/// Calls the macro `$callback` with every unary RPC of `vtctlservice.Vtctld`.
#[macro_export]
macro_rules! for_each_rpc {
    ($callback:ident) => {
        $callback! {
            add_cell_info(AddCellInfoRequest) -> AddCellInfoResponse;
            add_cells_alias(AddCellsAliasRequest) -> AddCellsAliasResponse;
            apply_routing_rules(ApplyRoutingRulesRequest) -> ApplyRoutingRulesResponse;
            apply_schema(ApplySchemaRequest) -> ApplySchemaResponse;
            apply_keyspace_routing_rules(ApplyKeyspaceRoutingRulesRequest) -> ApplyKeyspaceRoutingRulesResponse;
            apply_shard_routing_rules(ApplyShardRoutingRulesRequest) -> ApplyShardRoutingRulesResponse;
            apply_v_schema(ApplyVSchemaRequest) -> ApplyVSchemaResponse;
            cancel_schema_migration(CancelSchemaMigrationRequest) -> CancelSchemaMigrationResponse;
            change_tablet_tags(ChangeTabletTagsRequest) -> ChangeTabletTagsResponse;
            change_tablet_type(ChangeTabletTypeRequest) -> ChangeTabletTypeResponse;
            check_throttler(CheckThrottlerRequest) -> CheckThrottlerResponse;
            cleanup_schema_migration(CleanupSchemaMigrationRequest) -> CleanupSchemaMigrationResponse;
            complete_schema_migration(CompleteSchemaMigrationRequest) -> CompleteSchemaMigrationResponse;
            conclude_transaction(ConcludeTransactionRequest) -> ConcludeTransactionResponse;
            copy_schema_shard(CopySchemaShardRequest) -> CopySchemaShardResponse;
            create_keyspace(CreateKeyspaceRequest) -> CreateKeyspaceResponse;
            create_shard(CreateShardRequest) -> CreateShardResponse;
            delete_cell_info(DeleteCellInfoRequest) -> DeleteCellInfoResponse;
            delete_cells_alias(DeleteCellsAliasRequest) -> DeleteCellsAliasResponse;
            delete_keyspace(DeleteKeyspaceRequest) -> DeleteKeyspaceResponse;
            delete_shards(DeleteShardsRequest) -> DeleteShardsResponse;
            delete_srv_v_schema(DeleteSrvVSchemaRequest) -> DeleteSrvVSchemaResponse;
            delete_tablets(DeleteTabletsRequest) -> DeleteTabletsResponse;
            emergency_reparent_shard(EmergencyReparentShardRequest) -> EmergencyReparentShardResponse;
            execute_fetch_as_app(ExecuteFetchAsAppRequest) -> ExecuteFetchAsAppResponse;
            execute_fetch_as_dba(ExecuteFetchAsDbaRequest) -> ExecuteFetchAsDbaResponse;
            execute_hook(ExecuteHookRequest) -> ExecuteHookResponse;
            execute_multi_fetch_as_dba(ExecuteMultiFetchAsDbaRequest) -> ExecuteMultiFetchAsDbaResponse;
            find_all_shards_in_keyspace(FindAllShardsInKeyspaceRequest) -> FindAllShardsInKeyspaceResponse;
            force_cut_over_schema_migration(ForceCutOverSchemaMigrationRequest) -> ForceCutOverSchemaMigrationResponse;
            get_backups(GetBackupsRequest) -> GetBackupsResponse;
            get_cell_info(GetCellInfoRequest) -> GetCellInfoResponse;
            get_cell_info_names(GetCellInfoNamesRequest) -> GetCellInfoNamesResponse;
            get_cells_aliases(GetCellsAliasesRequest) -> GetCellsAliasesResponse;
            get_full_status(GetFullStatusRequest) -> GetFullStatusResponse;
            get_keyspace(GetKeyspaceRequest) -> GetKeyspaceResponse;
            get_keyspaces(GetKeyspacesRequest) -> GetKeyspacesResponse;
            get_keyspace_routing_rules(GetKeyspaceRoutingRulesRequest) -> GetKeyspaceRoutingRulesResponse;
            get_permissions(GetPermissionsRequest) -> GetPermissionsResponse;
            get_routing_rules(GetRoutingRulesRequest) -> GetRoutingRulesResponse;
            get_schema(GetSchemaRequest) -> GetSchemaResponse;
            get_schema_migrations(GetSchemaMigrationsRequest) -> GetSchemaMigrationsResponse;
            get_shard_replication(GetShardReplicationRequest) -> GetShardReplicationResponse;
            get_shard(GetShardRequest) -> GetShardResponse;
            get_shard_routing_rules(GetShardRoutingRulesRequest) -> GetShardRoutingRulesResponse;
            get_srv_keyspace_names(GetSrvKeyspaceNamesRequest) -> GetSrvKeyspaceNamesResponse;
            get_srv_keyspaces(GetSrvKeyspacesRequest) -> GetSrvKeyspacesResponse;
            update_throttler_config(UpdateThrottlerConfigRequest) -> UpdateThrottlerConfigResponse;
            get_srv_v_schema(GetSrvVSchemaRequest) -> GetSrvVSchemaResponse;
            get_srv_v_schemas(GetSrvVSchemasRequest) -> GetSrvVSchemasResponse;
            get_tablet(GetTabletRequest) -> GetTabletResponse;
            get_tablets(GetTabletsRequest) -> GetTabletsResponse;
            get_throttler_status(GetThrottlerStatusRequest) -> GetThrottlerStatusResponse;
            get_topology_path(GetTopologyPathRequest) -> GetTopologyPathResponse;
            get_transaction_info(GetTransactionInfoRequest) -> GetTransactionInfoResponse;
            get_unresolved_transactions(GetUnresolvedTransactionsRequest) -> GetUnresolvedTransactionsResponse;
            get_version(GetVersionRequest) -> GetVersionResponse;
            get_v_schema(GetVSchemaRequest) -> GetVSchemaResponse;
            get_workflows(GetWorkflowsRequest) -> GetWorkflowsResponse;
            init_shard_primary(InitShardPrimaryRequest) -> InitShardPrimaryResponse;
            launch_schema_migration(LaunchSchemaMigrationRequest) -> LaunchSchemaMigrationResponse;
            lookup_vindex_complete(LookupVindexCompleteRequest) -> LookupVindexCompleteResponse;
            lookup_vindex_create(LookupVindexCreateRequest) -> LookupVindexCreateResponse;
            lookup_vindex_externalize(LookupVindexExternalizeRequest) -> LookupVindexExternalizeResponse;
            lookup_vindex_internalize(LookupVindexInternalizeRequest) -> LookupVindexInternalizeResponse;
            materialize_create(MaterializeCreateRequest) -> MaterializeCreateResponse;
            workflow_add_tables(WorkflowAddTablesRequest) -> WorkflowAddTablesResponse;
            migrate_create(MigrateCreateRequest) -> WorkflowStatusResponse;
            mount_register(MountRegisterRequest) -> MountRegisterResponse;
            mount_unregister(MountUnregisterRequest) -> MountUnregisterResponse;
            mount_show(MountShowRequest) -> MountShowResponse;
            mount_list(MountListRequest) -> MountListResponse;
            move_tables_create(MoveTablesCreateRequest) -> WorkflowStatusResponse;
            move_tables_complete(MoveTablesCompleteRequest) -> MoveTablesCompleteResponse;
            ping_tablet(PingTabletRequest) -> PingTabletResponse;
            planned_reparent_shard(PlannedReparentShardRequest) -> PlannedReparentShardResponse;
            rebuild_keyspace_graph(RebuildKeyspaceGraphRequest) -> RebuildKeyspaceGraphResponse;
            rebuild_v_schema_graph(RebuildVSchemaGraphRequest) -> RebuildVSchemaGraphResponse;
            refresh_state(RefreshStateRequest) -> RefreshStateResponse;
            refresh_state_by_shard(RefreshStateByShardRequest) -> RefreshStateByShardResponse;
            reload_schema(ReloadSchemaRequest) -> ReloadSchemaResponse;
            reload_schema_keyspace(ReloadSchemaKeyspaceRequest) -> ReloadSchemaKeyspaceResponse;
            reload_schema_shard(ReloadSchemaShardRequest) -> ReloadSchemaShardResponse;
            remove_backup(RemoveBackupRequest) -> RemoveBackupResponse;
            remove_keyspace_cell(RemoveKeyspaceCellRequest) -> RemoveKeyspaceCellResponse;
            remove_shard_cell(RemoveShardCellRequest) -> RemoveShardCellResponse;
            reparent_tablet(ReparentTabletRequest) -> ReparentTabletResponse;
            reshard_create(ReshardCreateRequest) -> WorkflowStatusResponse;
            retry_schema_migration(RetrySchemaMigrationRequest) -> RetrySchemaMigrationResponse;
            run_health_check(RunHealthCheckRequest) -> RunHealthCheckResponse;
            set_keyspace_durability_policy(SetKeyspaceDurabilityPolicyRequest) -> SetKeyspaceDurabilityPolicyResponse;
            set_shard_is_primary_serving(SetShardIsPrimaryServingRequest) -> SetShardIsPrimaryServingResponse;
            set_shard_tablet_control(SetShardTabletControlRequest) -> SetShardTabletControlResponse;
            set_vtorc_emergency_reparent(SetVtorcEmergencyReparentRequest) -> SetVtorcEmergencyReparentResponse;
            set_writable(SetWritableRequest) -> SetWritableResponse;
            shard_replication_add(ShardReplicationAddRequest) -> ShardReplicationAddResponse;
            shard_replication_fix(ShardReplicationFixRequest) -> ShardReplicationFixResponse;
            shard_replication_positions(ShardReplicationPositionsRequest) -> ShardReplicationPositionsResponse;
            shard_replication_remove(ShardReplicationRemoveRequest) -> ShardReplicationRemoveResponse;
            sleep_tablet(SleepTabletRequest) -> SleepTabletResponse;
            source_shard_add(SourceShardAddRequest) -> SourceShardAddResponse;
            source_shard_delete(SourceShardDeleteRequest) -> SourceShardDeleteResponse;
            start_replication(StartReplicationRequest) -> StartReplicationResponse;
            stop_replication(StopReplicationRequest) -> StopReplicationResponse;
            tablet_externally_reparented(TabletExternallyReparentedRequest) -> TabletExternallyReparentedResponse;
            update_cell_info(UpdateCellInfoRequest) -> UpdateCellInfoResponse;
            update_cells_alias(UpdateCellsAliasRequest) -> UpdateCellsAliasResponse;
            validate(ValidateRequest) -> ValidateResponse;
            validate_keyspace(ValidateKeyspaceRequest) -> ValidateKeyspaceResponse;
            validate_permissions_keyspace(ValidatePermissionsKeyspaceRequest) -> ValidatePermissionsKeyspaceResponse;
            validate_schema_keyspace(ValidateSchemaKeyspaceRequest) -> ValidateSchemaKeyspaceResponse;
            validate_shard(ValidateShardRequest) -> ValidateShardResponse;
            validate_version_keyspace(ValidateVersionKeyspaceRequest) -> ValidateVersionKeyspaceResponse;
            validate_version_shard(ValidateVersionShardRequest) -> ValidateVersionShardResponse;
            validate_v_schema(ValidateVSchemaRequest) -> ValidateVSchemaResponse;
            v_diff_create(VDiffCreateRequest) -> VDiffCreateResponse;
            v_diff_delete(VDiffDeleteRequest) -> VDiffDeleteResponse;
            v_diff_resume(VDiffResumeRequest) -> VDiffResumeResponse;
            v_diff_show(VDiffShowRequest) -> VDiffShowResponse;
            v_diff_stop(VDiffStopRequest) -> VDiffStopResponse;
            workflow_delete(WorkflowDeleteRequest) -> WorkflowDeleteResponse;
            workflow_status(WorkflowStatusRequest) -> WorkflowStatusResponse;
            workflow_switch_traffic(WorkflowSwitchTrafficRequest) -> WorkflowSwitchTrafficResponse;
            workflow_update(WorkflowUpdateRequest) -> WorkflowUpdateResponse;
            get_mirror_rules(GetMirrorRulesRequest) -> GetMirrorRulesResponse;
            workflow_mirror_traffic(WorkflowMirrorTrafficRequest) -> WorkflowMirrorTrafficResponse;
        }
    };
}

macro_rules! define_trait {
    ($($method:ident($request:ident) -> $response:ident;)*) => {
        /// The control plane's operations. An operation that an implementation does not have answers
        /// `Unsupported` (gRPC code 12) with its name.
        #[async_trait::async_trait]
        pub trait Vtctld: Send + Sync {
            $(async fn $method(
                &self,
                request: proto::vtctldata::$request,
            ) -> vterrors::Result<proto::vtctldata::$response> {
                let _ = request;
                Err(vterrors::Error::unsupported(concat!("vtctld does not support ", stringify!($method), " yet")))
            })*
        }
    };
}

for_each_rpc!(define_trait);
