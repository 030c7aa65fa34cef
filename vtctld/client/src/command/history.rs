//! What was done, and by whom. Ours, not Vitess's: its entries are in the topology, and are read as any path of it is.

use clap::Args;
use proto::vtctldata::*;
use topo::HistoryEntry;
use vterrors::{Error, Result};

use crate::{
    Client,
    lists::{self, Format},
};

#[derive(Debug, Clone, Args)]
pub(crate) struct GetHistory {
    /// Only the last entries, this many
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Print a table for people, or JSON, which has the requests too
    #[arg(long, value_enum, ignore_case = true, default_value_t = Format::Table)]
    format: Format,
    /// The cluster as a whole when not given: cells, routing rules, keyspaces that were deleted
    keyspace: Option<String>,
}

impl GetHistory {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let path = format!("/{}/{}", topo::GLOBAL_CELL, topo::paths::history(self.keyspace.as_deref()));
        let request = GetTopologyPathRequest { path, ..GetTopologyPathRequest::default() };
        let data = match c.vtctld.get_topology_path(request).await {
            Err(e) if topo::is_no_node(&e) => String::new(),
            other => other?.cell.unwrap_or_default().data,
        };
        if let (true, Some(keyspace)) = (data.is_empty(), self.keyspace) {
            // Nothing was done to it, or it is not there.
            c.vtctld.get_keyspace(GetKeyspaceRequest { keyspace }).await?;
        }
        let mut entries: Vec<HistoryEntry> = match data.as_str() {
            "" => Vec::new(),
            data => serde_json::from_str(data)
                .map_err(|e| Error::internal(format!("the history cannot be read: {e}")))?,
        };
        entries.drain(..entries.len().saturating_sub(self.limit));
        if self.format == Format::Json {
            let text = serde_json::to_string_pretty(&entries).map_err(|e| Error::internal(e.to_string()))?;
            return Ok(text + "\n");
        }
        Ok(lists::history(&entries))
    }
}
