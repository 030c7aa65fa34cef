//! ShardReplication: which tablets of a cell belong to a shard, in the cell's root.

use proto::topodata::{ShardReplication, Tablet, shard_replication::Node};
use vterrors::{Error, Result};
use vtmodel::TabletAlias;

use super::{Edit, Server, records};
use crate::{Versioned, paths};

impl Server {
    pub async fn get_shard_replication(
        &self,
        cell: &str,
        keyspace: &str,
        shard: &str,
    ) -> Result<Versioned<ShardReplication>> {
        let conn = self.cell(cell).await?;
        records::get(&*conn, &paths::shard_replication(keyspace, shard)).await
    }

    /// Adds a tablet to its shard's record, once.
    pub async fn add_shard_replication(&self, tablet: &Tablet) -> Result<()> {
        let alias = TabletAlias::from_proto(tablet.alias.as_ref())
            .ok_or_else(|| Error::invalid("a tablet record without an alias"))?;
        let conn = self.cell(&alias.cell).await?;
        let path = paths::shard_replication(&tablet.keyspace, &tablet.shard);
        let alias = proto::topodata::TabletAlias::from(alias);
        records::edit_or_create(&*conn, &path, |r: &mut ShardReplication| {
            if r.nodes.iter().any(|n| n.tablet_alias.as_ref() == Some(&alias)) {
                return Ok(Edit::Keep);
            }
            r.nodes.push(Node { tablet_alias: Some(alias.clone()) });
            Ok(Edit::Write)
        })
        .await
    }

    /// Removes a tablet from its shard's record; nothing happens if it is not there.
    pub async fn remove_shard_replication(
        &self,
        keyspace: &str,
        shard: &str,
        alias: &TabletAlias,
    ) -> Result<()> {
        let conn = self.cell(&alias.cell).await?;
        let gone = proto::topodata::TabletAlias::from(alias);
        let edited =
            records::edit(&*conn, &paths::shard_replication(keyspace, shard), |r: &mut ShardReplication| {
                let before = r.nodes.len();
                r.nodes.retain(|n| n.tablet_alias.as_ref() != Some(&gone));
                Ok(if r.nodes.len() == before { Edit::Keep } else { Edit::Write })
            })
            .await;
        crate::errors::optional(edited).map(drop)
    }

    /// Deletes the record of a shard in a cell; nothing happens if it is not there.
    pub async fn delete_shard_replication(&self, cell: &str, keyspace: &str, shard: &str) -> Result<()> {
        let conn = self.cell(cell).await?;
        let deleted = conn.delete(&paths::shard_replication(keyspace, shard), None).await;
        crate::errors::optional(deleted).map(drop)
    }
}
