//! The control plane's operations as a library: vtctld serves them over gRPC, and `vtctldclient --server
//! internal` runs them in its own process, on the same topology.
//!
//! [`Vtctld`] is the vocabulary (one method a RPC, requests and answers are Vitess's messages); [`Ops`]
//! carries them out on a [`topo::Server`] and through a [`TabletManagerClient`]. One file a noun.
//!
//! What must hold: a request is checked before anything is written; an operation on several cells, shards
//! or tablets says in its error which of them it concerns; nothing here knows of gRPC.

mod cells;
pub mod dry_run;
mod fetch;
mod history;
pub mod json;
mod keyspaces;
mod reparents;
mod routing;
#[macro_use]
mod rpcs;
mod schema;
mod serving;
mod shards;
mod tablets;
mod topology_path;
mod validate;
mod vschemas;

use std::{sync::Arc, time::Duration};

use proto::topodata;
use tabletclient::TabletManagerClient;
use topo::Server;
use vterrors::{Error, Result};
use vtmodel::TabletAlias;

pub use rpcs::Vtctld;
pub use schema::plan_apply_schema;

/// What the operations need.
#[derive(Clone)]
pub struct Ops {
    pub topo: Server,
    pub tablets: Arc<dyn TabletManagerClient>,
    /// The wait for replicas where a request names none.
    pub wait_replicas_timeout: Duration,
    /// Who asks, for the history of keyspaces.
    pub actor: Arc<str>,
}

impl std::fmt::Debug for Ops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ops").field("topo", &self.topo).finish_non_exhaustive()
    }
}

impl Ops {
    pub fn new(topo: Server, tablets: Arc<dyn TabletManagerClient>) -> Self {
        Self { topo, tablets, wait_replicas_timeout: Duration::from_secs(15), actor: "command line".into() }
    }

    /// The same operations, asked for by somebody else.
    #[must_use]
    pub fn acting_as(&self, actor: &str) -> Self {
        Self { actor: actor.into(), ..self.clone() }
    }

    /// The record of the tablet that a request names.
    async fn tablet(&self, alias: Option<&topodata::TabletAlias>) -> Result<topodata::Tablet> {
        let alias = required_alias(alias)?;
        let found = self.topo.get_tablet(&alias).await;
        Ok(found.map_err(|e| e.context(format!("tablet {alias}")))?.value)
    }

    /// The record of a shard's primary; an error names the shard that has none.
    async fn primary_of(&self, keyspace: &str, shard: &str) -> Result<topodata::Tablet> {
        let info = self.topo.get_shard(keyspace, shard).await?;
        let alias = info.primary().ok_or_else(|| {
            let text = format!("shard {keyspace}/{shard} has no primary");
            Error::new(vterrors::Condition::FailedPrecondition, text)
        })?;
        self.tablet(Some(&alias.into())).await
    }
}

/// The alias in a request, which must be there.
fn required_alias(alias: Option<&topodata::TabletAlias>) -> Result<TabletAlias> {
    TabletAlias::from_proto(alias).ok_or_else(|| Error::invalid("a tablet alias is required"))
}

/// A text in a request, which must be there.
fn required<'a>(what: &str, text: &'a str) -> Result<&'a str> {
    if text.is_empty() { Err(Error::invalid(format!("{what} is required"))) } else { Ok(text) }
}

/// A duration in a request; `default` where there is none.
fn duration(given: Option<&proto::vttime::Duration>, default: Duration) -> Result<Duration> {
    let Some(d) = given.filter(|d| d.seconds != 0 || d.nanos != 0) else { return Ok(default) };
    let bad = || Error::invalid(format!("invalid duration of {} s {} ns", d.seconds, d.nanos));
    let (seconds, nanos) = (u64::try_from(d.seconds), u32::try_from(d.nanos));
    Ok(Duration::new(seconds.map_err(|_| bad())?, nanos.map_err(|_| bad())?))
}

/// The database of a tablet's keyspace on its mysqld.
fn db_name(tablet: &topodata::Tablet) -> String {
    match tablet.db_name_override.as_str() {
        "" => vtmodel::default_db_name(&tablet.keyspace),
        name => name.to_owned(),
    }
}

/// `cell-uid` of a record, for texts.
fn alias_text(tablet: &topodata::Tablet) -> String {
    TabletAlias::from_proto(tablet.alias.as_ref()).map(|a| a.to_string()).unwrap_or_default()
}

macro_rules! delegate {
    ($($method:ident($request:ident) -> $response:ident = $path:path;)*) => {
        #[async_trait::async_trait]
        impl Vtctld for Ops {
            $(async fn $method(
                &self,
                request: proto::vtctldata::$request,
            ) -> Result<proto::vtctldata::$response> {
                let begun = history::begin(self, stringify!($method), stringify!($request), &request).await;
                let answer = $path(self, request).await;
                history::end(self, begun, answer.as_ref().err()).await;
                answer
            })*
        }

        /// The names of the operations that are there, as methods of [`Vtctld`].
        pub const SUPPORTED: &[&str] = &[$(stringify!($method)),*];
    };
}

delegate! {
    add_cell_info(AddCellInfoRequest) -> AddCellInfoResponse = cells::add;
    update_cell_info(UpdateCellInfoRequest) -> UpdateCellInfoResponse = cells::update;
    delete_cell_info(DeleteCellInfoRequest) -> DeleteCellInfoResponse = cells::delete;
    get_cell_info(GetCellInfoRequest) -> GetCellInfoResponse = cells::get;
    get_cell_info_names(GetCellInfoNamesRequest) -> GetCellInfoNamesResponse = cells::names;
    add_cells_alias(AddCellsAliasRequest) -> AddCellsAliasResponse = cells::add_alias;
    update_cells_alias(UpdateCellsAliasRequest) -> UpdateCellsAliasResponse = cells::update_alias;
    delete_cells_alias(DeleteCellsAliasRequest) -> DeleteCellsAliasResponse = cells::delete_alias;
    get_cells_aliases(GetCellsAliasesRequest) -> GetCellsAliasesResponse = cells::aliases;

    create_keyspace(CreateKeyspaceRequest) -> CreateKeyspaceResponse = keyspaces::create;
    get_keyspace(GetKeyspaceRequest) -> GetKeyspaceResponse = keyspaces::get;
    get_keyspaces(GetKeyspacesRequest) -> GetKeyspacesResponse = keyspaces::list;
    delete_keyspace(DeleteKeyspaceRequest) -> DeleteKeyspaceResponse = keyspaces::delete;
    find_all_shards_in_keyspace(FindAllShardsInKeyspaceRequest) -> FindAllShardsInKeyspaceResponse
        = keyspaces::find_all_shards;
    set_keyspace_durability_policy(SetKeyspaceDurabilityPolicyRequest) -> SetKeyspaceDurabilityPolicyResponse
        = keyspaces::set_durability_policy;
    set_vtorc_emergency_reparent(SetVtorcEmergencyReparentRequest) -> SetVtorcEmergencyReparentResponse
        = keyspaces::set_vtorc_emergency_reparent;

    create_shard(CreateShardRequest) -> CreateShardResponse = shards::create;
    get_shard(GetShardRequest) -> GetShardResponse = shards::get;
    delete_shards(DeleteShardsRequest) -> DeleteShardsResponse = shards::delete;
    get_shard_replication(GetShardReplicationRequest) -> GetShardReplicationResponse = shards::replication;
    set_shard_is_primary_serving(SetShardIsPrimaryServingRequest) -> SetShardIsPrimaryServingResponse
        = shards::set_is_primary_serving;
    shard_replication_positions(ShardReplicationPositionsRequest) -> ShardReplicationPositionsResponse
        = shards::replication_positions;

    get_tablet(GetTabletRequest) -> GetTabletResponse = tablets::get;
    get_tablets(GetTabletsRequest) -> GetTabletsResponse = tablets::list;
    delete_tablets(DeleteTabletsRequest) -> DeleteTabletsResponse = tablets::delete;
    change_tablet_type(ChangeTabletTypeRequest) -> ChangeTabletTypeResponse = tablets::change_type;
    ping_tablet(PingTabletRequest) -> PingTabletResponse = tablets::ping;
    refresh_state(RefreshStateRequest) -> RefreshStateResponse = tablets::refresh_state;
    refresh_state_by_shard(RefreshStateByShardRequest) -> RefreshStateByShardResponse
        = tablets::refresh_state_by_shard;
    run_health_check(RunHealthCheckRequest) -> RunHealthCheckResponse = tablets::run_health_check;
    set_writable(SetWritableRequest) -> SetWritableResponse = tablets::set_writable;
    start_replication(StartReplicationRequest) -> StartReplicationResponse = tablets::start_replication;
    stop_replication(StopReplicationRequest) -> StopReplicationResponse = tablets::stop_replication;
    get_full_status(GetFullStatusRequest) -> GetFullStatusResponse = tablets::full_status;
    get_permissions(GetPermissionsRequest) -> GetPermissionsResponse = tablets::permissions;
    sleep_tablet(SleepTabletRequest) -> SleepTabletResponse = tablets::sleep;

    execute_fetch_as_app(ExecuteFetchAsAppRequest) -> ExecuteFetchAsAppResponse = fetch::as_app;
    execute_fetch_as_dba(ExecuteFetchAsDbaRequest) -> ExecuteFetchAsDbaResponse = fetch::as_dba;
    execute_multi_fetch_as_dba(ExecuteMultiFetchAsDbaRequest) -> ExecuteMultiFetchAsDbaResponse
        = fetch::multi_as_dba;

    apply_schema(ApplySchemaRequest) -> ApplySchemaResponse = schema::apply;
    get_schema(GetSchemaRequest) -> GetSchemaResponse = schema::get;
    reload_schema(ReloadSchemaRequest) -> ReloadSchemaResponse = schema::reload;
    reload_schema_shard(ReloadSchemaShardRequest) -> ReloadSchemaShardResponse = schema::reload_shard;
    reload_schema_keyspace(ReloadSchemaKeyspaceRequest) -> ReloadSchemaKeyspaceResponse
        = schema::reload_keyspace;

    apply_v_schema(ApplyVSchemaRequest) -> ApplyVSchemaResponse = vschemas::apply;
    get_v_schema(GetVSchemaRequest) -> GetVSchemaResponse = vschemas::get;

    apply_routing_rules(ApplyRoutingRulesRequest) -> ApplyRoutingRulesResponse = routing::apply;
    get_routing_rules(GetRoutingRulesRequest) -> GetRoutingRulesResponse = routing::get;
    apply_shard_routing_rules(ApplyShardRoutingRulesRequest) -> ApplyShardRoutingRulesResponse
        = routing::apply_shard;
    get_shard_routing_rules(GetShardRoutingRulesRequest) -> GetShardRoutingRulesResponse = routing::get_shard;
    apply_keyspace_routing_rules(ApplyKeyspaceRoutingRulesRequest) -> ApplyKeyspaceRoutingRulesResponse
        = routing::apply_keyspace;
    get_keyspace_routing_rules(GetKeyspaceRoutingRulesRequest) -> GetKeyspaceRoutingRulesResponse
        = routing::get_keyspace;
    get_mirror_rules(GetMirrorRulesRequest) -> GetMirrorRulesResponse = routing::get_mirror;

    rebuild_keyspace_graph(RebuildKeyspaceGraphRequest) -> RebuildKeyspaceGraphResponse
        = serving::rebuild_keyspace_graph;
    rebuild_v_schema_graph(RebuildVSchemaGraphRequest) -> RebuildVSchemaGraphResponse
        = serving::rebuild_v_schema_graph;
    get_srv_keyspaces(GetSrvKeyspacesRequest) -> GetSrvKeyspacesResponse = serving::keyspaces;
    get_srv_keyspace_names(GetSrvKeyspaceNamesRequest) -> GetSrvKeyspaceNamesResponse
        = serving::keyspace_names;
    get_srv_v_schema(GetSrvVSchemaRequest) -> GetSrvVSchemaResponse = serving::v_schema;
    get_srv_v_schemas(GetSrvVSchemasRequest) -> GetSrvVSchemasResponse = serving::v_schemas;
    delete_srv_v_schema(DeleteSrvVSchemaRequest) -> DeleteSrvVSchemaResponse = serving::delete_v_schema;

    get_topology_path(GetTopologyPathRequest) -> GetTopologyPathResponse = topology_path::get;
    validate(ValidateRequest) -> ValidateResponse = validate::everything;
    validate_keyspace(ValidateKeyspaceRequest) -> ValidateKeyspaceResponse = validate::keyspace;
    validate_shard(ValidateShardRequest) -> ValidateShardResponse = validate::shard;

    init_shard_primary(InitShardPrimaryRequest) -> InitShardPrimaryResponse = reparents::init_shard_primary;
    planned_reparent_shard(PlannedReparentShardRequest) -> PlannedReparentShardResponse
        = reparents::planned;
    emergency_reparent_shard(EmergencyReparentShardRequest) -> EmergencyReparentShardResponse
        = reparents::emergency;
    tablet_externally_reparented(TabletExternallyReparentedRequest) -> TabletExternallyReparentedResponse
        = reparents::externally_reparented;
    reparent_tablet(ReparentTabletRequest) -> ReparentTabletResponse = reparents::reparent_tablet;
}

#[cfg(test)]
mod tests;
