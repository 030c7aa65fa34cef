//! What a cell serves of keyspaces: SrvKeyspace, in the cell's root.

use proto::topodata::SrvKeyspace;
use tokio::sync::watch::Receiver;
use vterrors::Result;

use super::{Server, records};
use crate::{Seen, Versioned, errors::optional, paths, watch};

impl Server {
    /// The keyspaces that a cell knows, sorted; empty if there is none.
    pub async fn get_srv_keyspace_names(&self, cell: &str) -> Result<Vec<String>> {
        let conn = self.cell(cell).await?;
        let entries = optional(conn.list_dir(paths::KEYSPACES).await)?.unwrap_or_default();
        Ok(entries.into_iter().map(|e| e.name).collect())
    }

    pub async fn get_srv_keyspace(&self, cell: &str, keyspace: &str) -> Result<Versioned<SrvKeyspace>> {
        let conn = self.cell(cell).await?;
        records::get(&*conn, &paths::srv_keyspace(keyspace)).await
    }

    /// Writes it whatever is there.
    pub async fn put_srv_keyspace(&self, cell: &str, keyspace: &str, record: &SrvKeyspace) -> Result<()> {
        let conn = self.cell(cell).await?;
        records::put(&*conn, &paths::srv_keyspace(keyspace), record, None).await.map(drop)
    }

    pub async fn delete_srv_keyspace(&self, cell: &str, keyspace: &str) -> Result<()> {
        let conn = self.cell(cell).await?;
        conn.delete(&paths::srv_keyspace(keyspace), None).await
    }

    /// Watches a keyspace's SrvKeyspace in a cell, as [`Server::watch_srv_vschema`] does.
    pub async fn watch_srv_keyspace(
        &self,
        cell: &str,
        keyspace: &str,
    ) -> Result<Receiver<Seen<SrvKeyspace>>> {
        Ok(watch::record(self.cell(cell).await?, paths::srv_keyspace(keyspace)))
    }
}
