//! Reading the records of shards: all of them, or one shard's anew.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, stream};
use proto::topodata::{self, Tablet};
use tokio::time::timeout;
use topo::{Server, ShardInfo};
use vterrors::{Condition, Error, Result};
use vtmodel::TabletAlias;

use super::{Clusters, Name};
use crate::view::{ShardRecords, ShardView, alias_of};

/// Keyspaces that are read at the same time.
const READS_AT_ONCE: usize = 32;
/// The topology's value that stops the recoveries of every vtorc of the cluster.
pub const DISABLED_KEY: &str = "vtorc_global_recoveries_disabled";

/// What one read of the topology brought.
#[derive(Debug, Default)]
pub struct Read {
    pub shards: BTreeMap<Name, ShardRecords>,
    pub failed_keyspaces: BTreeMap<String, Error>,
    pub failed_cells: BTreeMap<String, Error>,
    /// Whether recoveries are switched off for the whole cluster; none if it could not be read.
    pub recoveries_disabled: Option<bool>,
}

impl Read {
    /// What could not be read, in words.
    pub fn fault(&self) -> Option<String> {
        let keyspaces = self.failed_keyspaces.iter().map(|(k, e)| format!("keyspace {k}: {e}"));
        let cells = self.failed_cells.iter().map(|(c, e)| format!("cell {c}: {e}"));
        let faults: Vec<String> = keyspaces.chain(cells).collect();
        (!faults.is_empty()).then(|| faults.join("; "))
    }
}

/// Reads every keyspace that is wanted, with its shards and tablets.
pub async fn read_all(topo: &Server, clusters: &Clusters) -> Result<Read> {
    let keyspaces: Vec<String> =
        topo.get_keyspaces().await?.into_iter().filter(|k| clusters.wants_keyspace(k)).collect();
    let found = topo.find_tablets(&[], |t| clusters.wants(&t.keyspace, &t.shard)).await?;
    let mut tablets: HashMap<Name, Vec<Arc<Tablet>>> = HashMap::new();
    for tablet in found.tablets {
        let name = (tablet.keyspace.clone(), tablet.shard.clone());
        tablets.entry(name).or_default().push(Arc::new(tablet));
    }
    let mut read = Read { failed_cells: found.failed_cells, ..Read::default() };
    let silent_cells: Vec<String> = read.failed_cells.keys().cloned().collect();
    let mut reads = stream::iter(keyspaces)
        .map(|keyspace| async move {
            let records = read_keyspace(topo, &keyspace).await;
            (keyspace, records)
        })
        .buffer_unordered(READS_AT_ONCE);
    while let Some((keyspace, records)) = reads.next().await {
        let (record, shards) = match records {
            Ok(records) => records,
            // Deleted since its name was listed.
            Err(e) if topo::is_no_node(&e) => continue,
            Err(e) => {
                read.failed_keyspaces.insert(keyspace, e);
                continue;
            }
        };
        for shard in shards.into_iter().filter(|s| clusters.wants(&keyspace, &s.name)) {
            let name = (keyspace.clone(), shard.name.clone());
            let of_shard = tablets.remove(&name).unwrap_or_default();
            read.shards.insert(name, records_of(&record, shard, of_shard, silent_cells.clone()));
        }
    }
    read.recoveries_disabled = disabled(topo).await;
    Ok(read)
}

async fn read_keyspace(topo: &Server, keyspace: &str) -> Result<(topodata::Keyspace, Vec<ShardInfo>)> {
    let record = topo.get_keyspace(keyspace).await?.value;
    Ok((record, topo.find_all_shards_in_keyspace(keyspace).await?))
}

async fn disabled(topo: &Server) -> Option<bool> {
    let values = topo.get_metadata(DISABLED_KEY).await.ok()?;
    Some(values.get(DISABLED_KEY).is_some_and(|v| !v.is_empty()))
}

fn records_of(
    keyspace: &topodata::Keyspace,
    shard: ShardInfo,
    mut tablets: Vec<Arc<Tablet>>,
    silent_cells: Vec<String>,
) -> ShardRecords {
    let emergency_disabled = keyspace.vtorc_state.as_ref().is_some_and(|s| s.disable_emergency_reparent)
        || shard.record.vtorc_state.as_ref().is_some_and(|s| s.disable_emergency_reparent);
    tablets.sort_by_key(|t| alias_of(t));
    ShardRecords {
        keyspace: shard.keyspace,
        shard: shard.name,
        durability: keyspace.durability_policy.parse().ok(),
        emergency_disabled,
        record: shard.record,
        tablets,
        silent_cells,
    }
}

/// Reads the records of one shard again. Tablets that nobody knew of yet come with the next whole read. A tablet whose
/// cell does not answer within `limit` is as it was: a lost cell must not keep its primary from being replaced.
pub async fn read_again(topo: &Server, view: &ShardView, limit: Duration) -> Result<ShardRecords> {
    let (keyspace, shard) = (&view.keyspace, &view.shard);
    let reads = view.tablets.iter().map(|t| async {
        let record = timeout(limit, topo.get_tablet(&t.alias)).await;
        let silent = || Err(Error::new(Condition::Timeout, format!("no answer within {limit:?}")));
        (t.alias.clone(), record.unwrap_or_else(|_| silent()))
    });
    let (keyspace, shard, read) = tokio::join!(
        topo.get_keyspace(keyspace),
        topo.get_shard(keyspace, shard),
        futures::future::join_all(reads)
    );
    let (mut tablets, mut silent_cells): (Vec<Arc<Tablet>>, Vec<String>) = (Vec::new(), Vec::new());
    for (alias, record) in read {
        match record {
            Ok(record) => tablets.push(Arc::new(record.value)),
            Err(e) if topo::is_no_node(&e) => {}
            Err(_) => push_once(&mut silent_cells, alias),
        }
    }
    let (keyspace, shard) = (keyspace?.value, shard?);
    tablets.retain(|t| t.keyspace == shard.keyspace && t.shard == shard.name);
    Ok(records_of(&keyspace, shard, tablets, silent_cells))
}

fn push_once(cells: &mut Vec<String>, alias: TabletAlias) {
    if !cells.contains(&alias.cell) {
        cells.push(alias.cell);
    }
}
