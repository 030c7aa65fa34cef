//! What a cell serves, built from what the global root says: SrvVSchema and SrvKeyspace.
//!
//! Here, and not with vtctld's operations, because a vtgate or a vttablet that finds them missing in its
//! own cell builds them too. Building is pure; the methods of [`Server`] read, build and write. A cell that is away does
//! not keep the others from theirs ([`stale`]).

pub(crate) mod stale;

use proto::{
    topodata::{ShardReference, SrvKeyspace, TabletType, ThrottlerConfig, srv_keyspace::KeyspacePartition},
    vschema::SrvVSchema,
};
use vterrors::{Condition, Error, Result};
use vtmodel::{KeyRange, shards_cover_everything};

use crate::{Layout, LockGuard, Server, ShardInfo, errors::optional, paths};

/// The types that a keyspace is partitioned for.
const SERVED_TYPES: [TabletType; 3] = [TabletType::Primary, TabletType::Replica, TabletType::Rdonly];

/// The SrvKeyspace of a keyspace with these shards, sorted by key range.
///
/// Refused when the shards that serve do not cover every keyspace id exactly once, unless `allow_partial`.
pub fn build_srv_keyspace(
    keyspace: &str,
    shards: &[ShardInfo],
    throttler_config: Option<ThrottlerConfig>,
    allow_partial: bool,
) -> Result<SrvKeyspace> {
    let serving: Vec<&ShardInfo> = shards.iter().filter(|s| s.record.is_primary_serving).collect();
    let ranges: Vec<KeyRange> = serving.iter().map(|s| s.key_range()).collect();
    if !allow_partial && !serving.is_empty() && !shards_cover_everything(&ranges) {
        let names: Vec<&str> = serving.iter().map(|s| s.name.as_str()).collect();
        let text =
            format!("keyspace {keyspace}: the serving shards {names:?} do not cover every keyspace id once");
        return Err(Error::new(Condition::FailedPrecondition, text));
    }
    let shard_references: Vec<ShardReference> = serving
        .iter()
        .map(|s| ShardReference { name: s.name.clone(), key_range: s.record.key_range.clone() })
        .collect();
    let partition = |served_type: TabletType| KeyspacePartition {
        served_type: served_type as i32,
        shard_references: shard_references.clone(),
        shard_tablet_controls: Vec::new(),
    };
    let partitions =
        if shard_references.is_empty() { Vec::new() } else { SERVED_TYPES.map(partition).to_vec() };
    Ok(SrvKeyspace { partitions, throttler_config })
}

/// Refuses when query service is switched off for a shard: a rebuild would switch it on again.
fn refuse_disabled(keyspace: &str, cell: &str, current: &SrvKeyspace) -> Result<()> {
    for partition in &current.partitions {
        if let Some(control) = partition.shard_tablet_controls.iter().find(|c| c.query_service_disabled) {
            let text = format!(
                "cell {cell}: query service is disabled for {} of {keyspace}/{} (traffic is being moved)",
                vtmodel::tablet_type_name(partition.served_type()),
                control.name
            );
            return Err(Error::new(Condition::FailedPrecondition, text));
        }
    }
    Ok(())
}

impl Server {
    /// Builds SrvVSchema from every keyspace's VSchema and the routing rules.
    pub async fn build_srv_vschema(&self) -> Result<SrvVSchema> {
        let mut built = SrvVSchema::default();
        for keyspace in self.get_keyspaces().await? {
            let vschema = optional(self.get_vschema(&keyspace).await)?.map(|v| v.value).unwrap_or_default();
            built.keyspaces.insert(keyspace, vschema);
        }
        built.routing_rules = Some(self.get_routing_rules().await?);
        built.shard_routing_rules = Some(self.get_shard_routing_rules().await?);
        built.keyspace_routing_rules = self.get_keyspace_routing_rules().await?;
        built.mirror_rules = Some(self.get_mirror_rules().await?);
        Ok(built)
    }

    /// Builds SrvVSchema and writes it to `cells` (names or aliases; all known cells if empty). Cells that are away get
    /// it later, as long as one of them is not.
    pub async fn rebuild_srv_vschema(&self, cells: &[String]) -> Result<SrvVSchema> {
        let built = self.build_srv_vschema().await?;
        let cells = self.expand_cells(cells).await?;
        let record = &built;
        let writes =
            cells.iter().map(|cell| async move { (cell.clone(), self.put_srv_vschema(cell, record).await) });
        self.note_stale(None, futures::future::join_all(writes).await).await?;
        Ok(built)
    }

    /// As [`Server::rebuild_srv_vschema`] after a change of one keyspace's VSchema: in the split layout nothing else is
    /// read or written.
    pub async fn rebuild_srv_vschema_of(&self, keyspace: &str, cells: &[String]) -> Result<()> {
        if self.layout() == Layout::Compat {
            return self.rebuild_srv_vschema(cells).await.map(drop);
        }
        let record = optional(self.get_vschema(keyspace).await)?.map(|found| found.value);
        let has_keyspace = optional(self.get_keyspace(keyspace).await)?.is_some();
        // A keyspace without VSchema is served with an empty one.
        let record = has_keyspace.then(|| record.unwrap_or_default());
        let cells = self.expand_cells(cells).await?;
        let record = record.as_ref();
        let writes = cells
            .iter()
            .map(|cell| async move { (cell.clone(), self.put_served(cell, keyspace, record).await) });
        self.note_stale(None, futures::future::join_all(writes).await).await
    }

    async fn put_served(
        &self,
        cell: &str,
        keyspace: &str,
        record: Option<&proto::vschema::Keyspace>,
    ) -> Result<()> {
        match optional(self.get_srv_vschema_rules(cell).await)?.is_some() {
            true => self.put_served_keyspace(cell, keyspace, record).await,
            // A cell that serves nothing yet gets all of it.
            false => self.put_srv_vschema(cell, &self.build_srv_vschema().await?).await,
        }
    }

    /// Builds SrvKeyspace and writes it to `cells` (names or aliases; all known cells if empty), under the
    /// keyspace's lock. Cells that are away get it later, as long as one of them is not.
    pub async fn rebuild_keyspace_graph(
        &self,
        keyspace: &str,
        cells: &[String],
        allow_partial: bool,
    ) -> Result<()> {
        let guard = self.lock_keyspace(keyspace, &format!("RebuildKeyspaceGraph {keyspace}")).await?;
        let built = self.rebuild_keyspace_graph_locked(&guard, keyspace, cells, allow_partial).await;
        let released = guard.unlock().await;
        built.and(released)
    }

    /// As [`Server::rebuild_keyspace_graph`], with the keyspace's lock held by the caller.
    pub async fn rebuild_keyspace_graph_locked(
        &self,
        guard: &LockGuard,
        keyspace: &str,
        cells: &[String],
        allow_partial: bool,
    ) -> Result<()> {
        guard.covers(&paths::keyspace_dir(keyspace))?;
        guard.check().await?;
        let record = self.get_keyspace(keyspace).await?.value;
        let shards = self.find_all_shards_in_keyspace(keyspace).await?;
        let partial = allow_partial && record.keyspace_type() == proto::topodata::KeyspaceType::Snapshot;
        let cells = self.expand_cells(cells).await?;
        let reads = cells
            .iter()
            .map(|cell| async move { (cell, optional(self.get_srv_keyspace(cell, keyspace).await)) });
        let reads = futures::future::join_all(reads).await;
        for (cell, current) in &reads {
            if let Ok(Some(current)) = current {
                refuse_disabled(keyspace, cell, current)?;
            }
        }
        let built = build_srv_keyspace(keyspace, &shards, record.throttler_config, partial)?;
        let record = &built;
        let writes = reads.into_iter().map(|(cell, read)| async move {
            let written = match read {
                Ok(_) => self.put_srv_keyspace(cell, keyspace, record).await,
                // What is there could not be looked at, so it is not written over.
                Err(e) => Err(e),
            };
            (cell.clone(), written)
        });
        self.note_stale(Some(keyspace), futures::future::join_all(writes).await).await
    }
}

#[cfg(test)]
mod tests;
