//! The topology as a tree of paths: `/` has the cells and `global`, below each is its root.

use proto::vtctldata::*;
use topo::{Conn, ErrorKind, GLOBAL_CELL, Version, kind, paths};
use vterrors::{Error, Result};

use crate::{Ops, json};

pub(crate) async fn get(ops: &Ops, r: GetTopologyPathRequest) -> Result<GetTopologyPathResponse> {
    let path = r.path.trim_matches('/');
    if !r.path.starts_with('/') {
        return Err(Error::invalid(format!("invalid path {:?}: it must start with /", r.path)));
    }
    if path.is_empty() {
        let mut children = vec![GLOBAL_CELL.to_owned()];
        children.extend(ops.topo.get_cell_info_names().await?);
        let cell = TopologyCell { path: "/".into(), children, ..TopologyCell::default() };
        return Ok(GetTopologyPathResponse { cell: Some(cell) });
    }
    let (cell, below) = path.split_once('/').unwrap_or((path, ""));
    let conn = ops.topo.cell(cell).await?;
    let mut answer = TopologyCell {
        name: paths::file_name(path).to_owned(),
        path: format!("/{path}"),
        ..TopologyCell::default()
    };
    if !below.is_empty() && read_node(&*conn, below, r.version, &mut answer).await? {
        return Ok(GetTopologyPathResponse { cell: Some(answer) });
    }
    answer.children = conn.list_dir(below).await?.into_iter().map(|e| e.name).collect();
    Ok(GetTopologyPathResponse { cell: Some(answer) })
}

/// Fills in a node's data; false if there is no node at `path`.
async fn read_node(conn: &dyn Conn, path: &str, version: i64, answer: &mut TopologyCell) -> Result<bool> {
    let (bytes, version) = if version == 0 {
        match conn.get(path).await {
            Err(e) if kind(&e) == ErrorKind::NoNode => return Ok(false),
            other => {
                let found = other?;
                (found.value, found.version)
            }
        }
    } else {
        (conn.get_version(path, Version(version)).await?, Version(version))
    };
    answer.data = decode(path, &bytes)?;
    answer.version = version.0;
    Ok(true)
}

/// The message type of the records whose path ends in `file`.
fn record_type(file: &str) -> Option<&'static str> {
    Some(match file {
        paths::CELL_INFO_FILE => "topodata.CellInfo",
        paths::CELLS_ALIAS_FILE => "topodata.CellsAlias",
        paths::KEYSPACE_FILE => "topodata.Keyspace",
        paths::SHARD_FILE => "topodata.Shard",
        paths::TABLET_FILE => "topodata.Tablet",
        paths::SHARD_REPLICATION_FILE => "topodata.ShardReplication",
        paths::SRV_KEYSPACE_FILE => "topodata.SrvKeyspace",
        paths::VSCHEMA_FILE => "vschema.Keyspace",
        paths::SRV_VSCHEMA => "vschema.SrvVSchema",
        paths::ROUTING_RULES => "vschema.RoutingRules",
        paths::SHARD_ROUTING_RULES => "vschema.ShardRoutingRules",
        paths::MIRROR_RULES => "vschema.MirrorRules",
        "Rules" => "vschema.KeyspaceRoutingRules",
        _ => return None,
    })
}

/// A record as JSON; what is no record of ours as text.
pub(crate) fn decode(path: &str, bytes: &[u8]) -> Result<String> {
    match record_type(paths::file_name(path)) {
        Some(name) => json::bytes_to_json(name, bytes, json::Style::default()),
        None => Ok(String::from_utf8_lossy(bytes).into_owned()),
    }
}
