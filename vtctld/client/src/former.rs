//! Commands of 2018: they answer with the name of today's.

use std::ffi::OsString;

/// A former name, and what to type now.
const FORMER: &[(&str, &str)] = &[
    ("InitShardMaster", "InitShardPrimary <keyspace/shard> <alias>, or PlannedReparentShard"),
    ("InitTablet", "nothing: vttablet writes its own record when it starts"),
    ("UpdateTabletAddrs", "nothing: vttablet writes its own record when it starts"),
    ("ListAllTablets", "GetTablets [--cell <cell>]"),
    ("ListTablets", "GetTablets --tablet-alias <alias>"),
    ("ListShardTablets", "GetTablets --keyspace <keyspace> --shard <shard>"),
    ("DeleteTablet", "DeleteTablets <alias>..."),
    ("DeleteShard", "DeleteShards <keyspace/shard>..."),
    ("ChangeSlaveType", "ChangeTabletType <alias> <type>"),
    ("StartSlave", "StartReplication <alias>"),
    ("StopSlave", "StopReplication <alias>"),
    ("SetReadOnly", "SetWritable <alias> false"),
    ("SetReadWrite", "SetWritable <alias> true"),
    ("Ping", "PingTablet <alias>"),
    ("Sleep", "SleepTablet <alias> <duration>"),
    ("GetSrvKeyspace", "GetSrvKeyspaces <keyspace> [<cell>]"),
    ("TopoCat", "GetTopologyPath <path>"),
    ("ListBackups", "GetBackups <keyspace/shard>"),
    ("SetShardServedTypes", "Reshard SwitchTraffic"),
    ("SetShardIsMasterServing", "SetShardIsPrimaryServing <keyspace/shard> <true|false>"),
    ("SplitClone", "Reshard Create"),
    ("SplitDiff", "VDiff Create"),
    ("VerticalSplitClone", "MoveTables Create"),
    ("VerticalSplitDiff", "VDiff Create"),
    ("MigrateServedTypes", "Reshard SwitchTraffic"),
    ("MigrateServedFrom", "MoveTables SwitchTraffic"),
    ("CancelResharding", "Reshard Cancel"),
    ("RebuildShardGraph", "RebuildKeyspaceGraph <keyspace>"),
    ("ApplySchemaShard", "ApplySchema --sql <sql> <keyspace>"),
    ("PreflightSchema", "ApplySchema --sql <sql> <keyspace>"),
    ("ValidateVersionShard", "Validate"),
    ("GetVSchemaKeyspace", "GetVSchema <keyspace>"),
];

/// The answer to a command line whose command is a former name.
pub(crate) fn answer(args: impl IntoIterator<Item = OsString>) -> Option<String> {
    let word = args
        .into_iter()
        .filter_map(|a| a.into_string().ok())
        .find_map(|word| FORMER.iter().find(|(former, _)| former.eq_ignore_ascii_case(&word)).copied());
    word.map(|(former, now)| format!("{former} is a command of former days; today it is: {now}"))
}
