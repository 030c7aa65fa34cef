//! Vitess's key layout, relative to a root. One function a record; nothing else in the suite builds keys.

use vtmodel::TabletAlias;

/// Below the global root.
pub const CELLS: &str = "cells";
pub const CELLS_ALIASES: &str = "cells_aliases";
pub const KEYSPACES: &str = "keyspaces";
pub const SHARDS: &str = "shards";
pub const TABLETS: &str = "tablets";
pub const ROUTING_RULES: &str = "RoutingRules";
pub const SHARD_ROUTING_RULES: &str = "ShardRoutingRules";
pub const MIRROR_RULES: &str = "MirrorRules";
pub const KEYSPACE_ROUTING_RULES: &str = "routing_rules/keyspace/Rules";
/// The directory whose lock guards the routing rules.
pub const ROUTING_RULES_DIR: &str = "routing_rules";
pub const NAMED_LOCKS: &str = "internal/named_locks";
/// What cells have missed while they were away; ours, not Vitess's.
pub const STALE_CELLS: &str = "internal/stale_cells";
/// What was done to keyspaces; ours, not Vitess's.
pub const HISTORY: &str = "internal/history";
pub const METADATA: &str = "metadata";
pub const ELECTIONS: &str = "elections";
pub const EXTERNAL_CLUSTERS: &str = "ExternalClusters/vitess";
/// Below a cell's root.
pub const SRV_VSCHEMA: &str = "SrvVSchema";
/// In the cell's root, in the split layout: what [`SRV_VSCHEMA`] is in Vitess's.
pub const SERVED: &str = "srv_vschema";
pub const SERVED_RULES: &str = "srv_vschema/SrvVSchema";
pub const SERVED_KEYSPACES: &str = "srv_vschema/keyspaces";
/// The directory of a locked directory's locks.
pub const LOCKS: &str = "locks";

/// The last path element of each record.
pub const KEYSPACE_FILE: &str = "Keyspace";
pub const VSCHEMA_FILE: &str = "VSchema";
pub const SHARD_FILE: &str = "Shard";
pub const TABLET_FILE: &str = "Tablet";
pub const SRV_KEYSPACE_FILE: &str = "SrvKeyspace";
pub const SHARD_REPLICATION_FILE: &str = "ShardReplication";
pub const CELL_INFO_FILE: &str = "CellInfo";
pub const CELLS_ALIAS_FILE: &str = "CellsAlias";

pub fn cell_info(cell: &str) -> String {
    format!("{CELLS}/{cell}/{CELL_INFO_FILE}")
}

/// The note that a cell's SrvKeyspace of a keyspace, or its SrvVSchema, is out of date.
pub fn stale_graph(cell: &str, keyspace: Option<&str>) -> String {
    match keyspace {
        Some(keyspace) => format!("{STALE_CELLS}/{cell}/keyspaces/{keyspace}"),
        None => format!("{STALE_CELLS}/{cell}/{SRV_VSCHEMA}"),
    }
}

/// What was done to a keyspace, or to the cluster as a whole.
pub fn history(keyspace: Option<&str>) -> String {
    match keyspace {
        Some(keyspace) => format!("{HISTORY}/keyspaces/{keyspace}"),
        None => format!("{HISTORY}/cluster"),
    }
}

pub fn cells_alias(alias: &str) -> String {
    format!("{CELLS_ALIASES}/{alias}/{CELLS_ALIAS_FILE}")
}

/// The directory of a keyspace, in the global root and in a cell's.
pub fn keyspace_dir(keyspace: &str) -> String {
    format!("{KEYSPACES}/{keyspace}")
}

pub fn keyspace(keyspace: &str) -> String {
    format!("{KEYSPACES}/{keyspace}/{KEYSPACE_FILE}")
}

pub fn vschema(keyspace: &str) -> String {
    format!("{KEYSPACES}/{keyspace}/{VSCHEMA_FILE}")
}

pub fn shards_dir(keyspace: &str) -> String {
    format!("{KEYSPACES}/{keyspace}/{SHARDS}")
}

pub fn shard_dir(keyspace: &str, shard: &str) -> String {
    format!("{KEYSPACES}/{keyspace}/{SHARDS}/{shard}")
}

pub fn shard(keyspace: &str, shard: &str) -> String {
    format!("{KEYSPACES}/{keyspace}/{SHARDS}/{shard}/{SHARD_FILE}")
}

/// In the cell's root.
pub fn tablet(alias: &TabletAlias) -> String {
    format!("{TABLETS}/{alias}/{TABLET_FILE}")
}

/// In the cell's root.
pub fn shard_replication(keyspace: &str, shard: &str) -> String {
    format!("{KEYSPACES}/{keyspace}/{SHARDS}/{shard}/{SHARD_REPLICATION_FILE}")
}

/// In the cell's root.
pub fn srv_keyspace(keyspace: &str) -> String {
    format!("{KEYSPACES}/{keyspace}/{SRV_KEYSPACE_FILE}")
}

/// In the cell's root, in the split layout.
pub fn served_vschema(keyspace: &str) -> String {
    format!("{SERVED_KEYSPACES}/{keyspace}/{VSCHEMA_FILE}")
}

/// The keyspace of a [`served_vschema`].
pub fn served_keyspace(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(SERVED_KEYSPACES)?.strip_prefix('/')?;
    rest.strip_suffix(VSCHEMA_FILE)?.strip_suffix('/')
}

/// Held while a workflow is created, completed, deleted or switched.
pub fn named_lock(keyspace: &str, workflow: &str) -> String {
    format!("{NAMED_LOCKS}/{keyspace}/{workflow}")
}

pub fn metadata(key: &str) -> String {
    format!("{METADATA}/{key}")
}

pub fn election(name: &str) -> String {
    format!("{ELECTIONS}/{name}")
}

pub fn external_cluster(name: &str) -> String {
    format!("{EXTERNAL_CLUSTERS}/{name}")
}

/// The last element of a path.
pub fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The name of the record's directory: `cells/zone1/CellInfo` -> `zone1`.
pub fn parent_name(path: &str) -> &str {
    path.rsplit('/').nth(1).unwrap_or("")
}
