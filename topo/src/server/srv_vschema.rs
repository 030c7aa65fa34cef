//! What a cell serves of VSchemas, in either [`Layout`].
//!
//! Split: `srv_vschema/SrvVSchema` is one without keyspaces, `srv_vschema/keyspaces/<keyspace>/VSchema` the
//! keyspace's. A change of one keyspace writes that one and moves no other.

use std::collections::BTreeSet;

use prost::Message;
use proto::vschema::{Keyspace, SrvVSchema};
use tokio::sync::watch::Receiver;
use vterrors::Result;

use super::{Server, records};
use crate::{
    Conn, Layout, Seen, Version, Versioned,
    chunks::{self, is_chunk},
    errors::optional,
    paths,
    watch::{self, split},
};

impl Server {
    pub async fn get_srv_vschema(&self, cell: &str) -> Result<Versioned<SrvVSchema>> {
        let conn = self.cell(cell).await?;
        match self.inner.layout {
            Layout::Compat => records::get(&*conn, paths::SRV_VSCHEMA).await,
            Layout::Split => get_split(&*conn).await,
        }
    }

    /// Writes it whatever is there; in the split layout only what is different.
    pub async fn put_srv_vschema(&self, cell: &str, record: &SrvVSchema) -> Result<()> {
        let conn = self.cell(cell).await?;
        match self.inner.layout {
            Layout::Compat => {
                let value = record.encode_to_vec();
                chunks::put(&*conn, paths::SRV_VSCHEMA, value, None, Layout::Compat).await.map(drop)
            }
            Layout::Split => put_split(&*conn, record).await,
        }
    }

    /// Whether a cell serves a VSchema of this keyspace.
    pub async fn serves_vschema_of(&self, cell: &str, keyspace: &str) -> Result<bool> {
        if self.inner.layout == Layout::Compat {
            let served = optional(self.get_srv_vschema(cell).await)?;
            return Ok(served.is_some_and(|served| served.value.keyspaces.contains_key(keyspace)));
        }
        let conn = self.cell(cell).await?;
        Ok(optional(conn.get(&paths::served_vschema(keyspace)).await)?.is_some())
    }

    /// The rules that a cell serves in the split layout.
    pub(crate) async fn get_srv_vschema_rules(&self, cell: &str) -> Result<Versioned<SrvVSchema>> {
        let conn = self.cell(cell).await?;
        records::get(&*conn, paths::SERVED_RULES).await
    }

    /// Writes the VSchema of one keyspace that a cell serves, in the split layout; `None` removes it.
    pub(crate) async fn put_served_keyspace(
        &self,
        cell: &str,
        keyspace: &str,
        record: Option<&Keyspace>,
    ) -> Result<()> {
        let conn = self.cell(cell).await?;
        let path = paths::served_vschema(keyspace);
        match record {
            Some(record) => put_if_new(&*conn, &path, record, Layout::Split).await,
            None => optional(chunks::delete(&*conn, &path).await).map(drop),
        }
    }

    pub async fn delete_srv_vschema(&self, cell: &str) -> Result<()> {
        let conn = self.cell(cell).await?;
        match self.inner.layout {
            Layout::Compat => conn.delete(paths::SRV_VSCHEMA, None).await,
            Layout::Split => {
                for keyspace in served_keyspaces(&*conn).await? {
                    optional(chunks::delete(&*conn, &paths::served_vschema(&keyspace)).await)?;
                }
                conn.delete(paths::SERVED_RULES, None).await
            }
        }
    }

    /// Watches a cell's SrvVSchema. The receiver keeps the last value while the lock server is away; the
    /// watch ends when every receiver is dropped.
    pub async fn watch_srv_vschema(&self, cell: &str) -> Result<Receiver<Seen<SrvVSchema>>> {
        let conn = self.cell(cell).await?;
        Ok(match self.inner.layout {
            Layout::Compat => watch::record(conn, paths::SRV_VSCHEMA.to_owned()),
            Layout::Split => split::served_vschemas(conn),
        })
    }
}

/// A value that is there already is not written again: its readers would take it for a change.
async fn put_if_new<M>(conn: &dyn Conn, path: &str, record: &M, layout: Layout) -> Result<()>
where
    M: Message + Default + PartialEq,
{
    let found = optional(chunks::get(conn, path).await)?;
    // Maps have no order in bytes: equal records may differ there. One that cannot be read is replaced.
    if found.is_some_and(|found| M::decode(&*found.value).is_ok_and(|found| found == *record)) {
        return Ok(());
    }
    chunks::put(conn, path, record.encode_to_vec(), None, layout).await.map(drop)
}

async fn served_keyspaces(conn: &dyn Conn) -> Result<BTreeSet<String>> {
    let found = optional(conn.list_dir(paths::SERVED_KEYSPACES).await)?.unwrap_or_default();
    Ok(found.into_iter().map(|entry| entry.name).filter(|name| !is_chunk(name)).collect())
}

async fn get_split(conn: &dyn Conn) -> Result<Versioned<SrvVSchema>> {
    let mut out: Versioned<SrvVSchema> = records::get(conn, paths::SERVED_RULES).await?;
    for keyspace in served_keyspaces(conn).await? {
        let path = paths::served_vschema(&keyspace);
        let Some(found) = optional(chunks::get(conn, &path).await)? else { continue };
        out.version = Version(out.version.0.max(found.version.0));
        out.value.keyspaces.insert(keyspace, records::decode(&path, &found.value)?);
    }
    Ok(out)
}

async fn put_split(conn: &dyn Conn, record: &SrvVSchema) -> Result<()> {
    for (keyspace, vschema) in &record.keyspaces {
        put_if_new(conn, &paths::served_vschema(keyspace), vschema, Layout::Split).await?;
    }
    for gone in served_keyspaces(conn).await?.iter().filter(|name| !record.keyspaces.contains_key(*name)) {
        optional(chunks::delete(conn, &paths::served_vschema(gone)).await)?;
    }
    // Last, so that a cell that has rules has the keyspaces, too.
    let rules = SrvVSchema {
        keyspaces: Default::default(),
        routing_rules: record.routing_rules.clone(),
        shard_routing_rules: record.shard_routing_rules.clone(),
        keyspace_routing_rules: record.keyspace_routing_rules.clone(),
        mirror_rules: record.mirror_rules.clone(),
    };
    put_if_new(conn, paths::SERVED_RULES, &rules, Layout::Compat).await
}
