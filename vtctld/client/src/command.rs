//! The commands: one struct each, grouped by noun.

mod cells;
mod completion;
mod fetch;
mod history;
mod keyspaces;
mod reparents;
mod routing;
mod schema;
mod serving;
mod shards;
mod tablets;
mod topology;
mod vschema;

use clap::Subcommand;
use vterrors::Result;

use crate::Client;

macro_rules! commands {
    ($($(#[$attribute:meta])* $name:ident($args:path),)*) => {
        /// Every command, under Vitess's name.
        #[derive(Debug, Clone, Subcommand)]
        #[command(rename_all = "PascalCase")]
        pub(crate) enum Command {
            $($(#[$attribute])* $name($args),)*
        }

        impl Command {
            /// Runs the command; gives what it prints.
            pub(crate) async fn run(self, client: &Client) -> Result<String> {
                match self {
                    $(Self::$name(args) => Box::pin(args.run(client)).await,)*
                }
            }
        }
    };
}

impl Command {
    /// What a command prints that needs no server; none for all the others.
    pub(crate) fn without_server(&self) -> Option<Result<String>> {
        match self {
            Self::Completion(args) => Some(args.script()),
            _ => None,
        }
    }
}

commands! {
    /// Adds a cell to the topology
    AddCellInfo(cells::AddCellInfo),
    /// Adds a name for several cells
    AddCellsAlias(cells::AddCellsAlias),
    /// Replaces the routing rules of keyspaces
    ApplyKeyspaceRoutingRules(routing::ApplyKeyspaceRoutingRules),
    /// Replaces the routing rules of tables
    ApplyRoutingRules(routing::ApplyRoutingRules),
    /// Runs schema changes on every shard of a keyspace
    ApplySchema(schema::ApplySchema),
    /// Replaces the routing rules of shards
    ApplyShardRoutingRules(routing::ApplyShardRoutingRules),
    /// Replaces the VSchema of a keyspace
    #[command(name = "ApplyVSchema")]
    ApplyVSchema(vschema::ApplyVSchema),
    /// Changes the type of a tablet (not to or from PRIMARY)
    ChangeTabletType(tablets::ChangeTabletType),
    /// Prints a script for bash, zsh or fish that completes commands and flags
    #[command(name = "completion")]
    Completion(completion::Completion),
    /// Adds a keyspace
    CreateKeyspace(keyspaces::CreateKeyspace),
    /// Adds a shard
    CreateShard(shards::CreateShard),
    /// Deletes a cell from the topology
    DeleteCellInfo(cells::DeleteCellInfo),
    /// Deletes a name for several cells
    DeleteCellsAlias(cells::DeleteCellsAlias),
    /// Deletes a keyspace
    DeleteKeyspace(keyspaces::DeleteKeyspace),
    /// Deletes shards
    DeleteShards(shards::DeleteShards),
    /// Deletes a cell's SrvVSchema
    #[command(name = "DeleteSrvVSchema")]
    DeleteSrvVSchema(serving::DeleteSrvVSchema),
    /// Deletes the records of tablets
    DeleteTablets(tablets::DeleteTablets),
    /// Gives a shard whose primary is gone a new one
    EmergencyReparentShard(reparents::EmergencyReparentShard),
    /// Runs a query on a tablet's mysqld as the application's user
    ExecuteFetchAsApp(fetch::ExecuteFetchAsApp),
    /// Runs a query on a tablet's mysqld as the administrator
    #[command(name = "ExecuteFetchAsDBA", alias = "ExecuteFetchAsDba")]
    ExecuteFetchAsDba(fetch::ExecuteFetchAsDba),
    /// Runs several queries on a tablet's mysqld as the administrator
    #[command(name = "ExecuteMultiFetchAsDBA", alias = "ExecuteMultiFetchAsDba")]
    ExecuteMultiFetchAsDba(fetch::ExecuteMultiFetchAsDba),
    /// Shows every shard of a keyspace
    FindAllShardsInKeyspace(keyspaces::FindAllShardsInKeyspace),
    /// Shows a cell
    GetCellInfo(cells::GetCellInfo),
    /// Lists the cells
    GetCellInfoNames(cells::GetCellInfoNames),
    /// Shows the names for several cells
    GetCellsAliases(cells::GetCellsAliases),
    /// Shows all that a tablet knows of its mysqld's replication
    GetFullStatus(tablets::GetFullStatus),
    /// Shows who did what to a keyspace, or to the cluster, and how it ended; vtorc's repairs too
    GetHistory(history::GetHistory),
    /// Shows a keyspace
    GetKeyspace(keyspaces::GetKeyspace),
    /// Shows the routing rules of keyspaces
    GetKeyspaceRoutingRules(routing::GetKeyspaceRoutingRules),
    /// Shows every keyspace
    GetKeyspaces(keyspaces::GetKeyspaces),
    /// Shows the mirror rules
    GetMirrorRules(routing::GetMirrorRules),
    /// Shows the permissions of a tablet's mysqld
    GetPermissions(tablets::GetPermissions),
    /// Shows the routing rules of tables
    GetRoutingRules(routing::GetRoutingRules),
    /// Shows the tables of a tablet
    GetSchema(schema::GetSchema),
    /// Shows a shard
    GetShard(shards::GetShard),
    /// Shows which tablets belong to a shard, by cell
    GetShardReplication(shards::GetShardReplication),
    /// Shows the routing rules of shards
    GetShardRoutingRules(routing::GetShardRoutingRules),
    /// Lists the keyspaces that cells serve
    GetSrvKeyspaceNames(serving::GetSrvKeyspaceNames),
    /// Shows how cells serve a keyspace
    GetSrvKeyspaces(serving::GetSrvKeyspaces),
    /// Shows a cell's SrvVSchema
    #[command(name = "GetSrvVSchema")]
    GetSrvVSchema(serving::GetSrvVSchema),
    /// Shows the SrvVSchema of cells
    #[command(name = "GetSrvVSchemas")]
    GetSrvVSchemas(serving::GetSrvVSchemas),
    /// Shows a tablet's record
    GetTablet(tablets::GetTablet),
    /// Lists tablets
    GetTablets(tablets::GetTablets),
    /// Shows a path of the topology
    GetTopologyPath(topology::GetTopologyPath),
    /// Shows the VSchema of a keyspace
    #[command(name = "GetVSchema")]
    GetVSchema(vschema::GetVSchema),
    /// Makes a tablet the first primary of its shard; resets replication
    InitShardPrimary(reparents::InitShardPrimary),
    /// Asks a tablet whether it lives
    PingTablet(tablets::PingTablet),
    /// Moves the primary of a shard, or gives it its first
    PlannedReparentShard(reparents::PlannedReparentShard),
    /// Builds SrvKeyspace anew
    RebuildKeyspaceGraph(serving::RebuildKeyspaceGraph),
    /// Builds SrvVSchema anew
    #[command(name = "RebuildVSchemaGraph")]
    RebuildVSchemaGraph(serving::RebuildVSchemaGraph),
    /// Has a tablet read its record again
    RefreshState(tablets::RefreshState),
    /// Has the tablets of a shard read their records again
    RefreshStateByShard(tablets::RefreshStateByShard),
    /// Has a tablet read its tables again
    ReloadSchema(schema::ReloadSchema),
    /// Has the tablets of a keyspace read their tables again
    ReloadSchemaKeyspace(schema::ReloadSchemaKeyspace),
    /// Has the tablets of a shard read their tables again
    ReloadSchemaShard(schema::ReloadSchemaShard),
    /// Points a replica at its shard's primary again
    ReparentTablet(reparents::ReparentTablet),
    /// Has a tablet look at its health now
    RunHealthCheck(tablets::RunHealthCheck),
    /// Sets which replicas acknowledge a commit
    SetKeyspaceDurabilityPolicy(keyspaces::SetKeyspaceDurabilityPolicy),
    /// Sets whether a shard's primary serves
    SetShardIsPrimaryServing(shards::SetShardIsPrimaryServing),
    /// Lets vtorc replace dead primaries of a keyspace or shard, or keeps it from that
    SetVtorcEmergencyReparent(keyspaces::SetVtorcEmergencyReparent),
    /// Makes a tablet's mysqld accept writes, or not
    SetWritable(tablets::SetWritable),
    /// Shows where each tablet of a shard is in replication
    ShardReplicationPositions(shards::ShardReplicationPositions),
    /// Has a tablet's manager do nothing for a while (for tests)
    SleepTablet(tablets::SleepTablet),
    /// Starts replication on a tablet
    StartReplication(tablets::StartReplication),
    /// Stops replication on a tablet
    StopReplication(tablets::StopReplication),
    /// Tells the shard that another tool has made a tablet's mysqld the primary
    TabletExternallyReparented(reparents::TabletExternallyReparented),
    /// Changes a cell
    UpdateCellInfo(cells::UpdateCellInfo),
    /// Changes a name for several cells
    UpdateCellsAlias(cells::UpdateCellsAlias),
    /// Checks that the records of the topology fit together
    Validate(topology::Validate),
    /// Checks the records of a keyspace
    ValidateKeyspace(topology::ValidateKeyspace),
    /// Checks the records of a shard
    ValidateShard(topology::ValidateShard),
}
