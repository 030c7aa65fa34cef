//! Writes the records of a made-up cluster into a topology: what the programs under test read.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use prost::Message;
use proto::{
    topodata::{self, CellInfo, TabletType},
    vschema, vttime,
};
use topo::{Edit, Server, ShardInfo};
use vterrors::Result;

use super::shape::Cluster;

/// Keyspaces that are written at the same time.
const AT_ONCE: usize = 64;
/// When every primary became one, in seconds.
const FIRST_TERM: i64 = 1_000_000_000;

/// What was written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Written {
    /// The largest value in bytes.
    pub largest: usize,
    pub values: usize,
    /// In all values together.
    pub bytes: usize,
}

/// The record of a tablet in the beginning.
pub fn record(cluster: &Cluster, tablet: usize, port: u16) -> topodata::Tablet {
    let of = &cluster.tablets[tablet];
    let shard = &cluster.shards[of.shard];
    let leads = shard.tablets.first() == Some(&tablet);
    let range = vtmodel::KeyRange::of_shard_name(&shard.name).ok().flatten();
    let host = Cluster::address(tablet).to_string();
    topodata::Tablet {
        alias: Some((&cluster.alias(tablet)).into()),
        hostname: host.clone(),
        port_map: [("grpc".to_owned(), i32::from(port)), ("vt".to_owned(), i32::from(port))].into(),
        keyspace: cluster.keyspace(of.shard).name.clone(),
        shard: shard.name.clone(),
        key_range: range.as_ref().map(Into::into),
        r#type: if leads { TabletType::Primary } else { TabletType::Replica } as i32,
        mysql_hostname: host,
        mysql_port: 3306,
        primary_term_start_time: leads.then_some(first_term()),
        ..topodata::Tablet::default()
    }
}

/// The term of every shard's first primary.
pub fn first_term() -> vttime::Time {
    vttime::Time { seconds: FIRST_TERM, nanoseconds: 0 }
}

/// Adds the cells (all in the lock server at `address`) and everything in them. With `vschemas`, also what a vtgate
/// of the first cell reads.
pub async fn write(
    topo: &Server,
    cluster: &Arc<Cluster>,
    address: &str,
    port: u16,
    vschemas: bool,
) -> Result<()> {
    for cell in cluster.cell_names() {
        let info = CellInfo { server_address: address.to_owned(), root: format!("/{cell}") };
        match topo.create_cell_info(&cell, &info).await {
            Err(e) if topo::kind(&e) == topo::ErrorKind::NodeExists => {}
            other => drop(other?),
        }
    }
    stream::iter(0..cluster.keyspaces.len())
        .map(|keyspace| {
            let (topo, cluster) = (topo.clone(), Arc::clone(cluster));
            async move { write_keyspace(&topo, &cluster, keyspace, port, vschemas).await }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    if vschemas {
        topo.rebuild_srv_vschema(&[Cluster::cell_name(0)]).await?;
    }
    Ok(())
}

async fn write_keyspace(topo: &Server, cluster: &Cluster, n: usize, port: u16, vschemas: bool) -> Result<()> {
    let keyspace = &cluster.keyspaces[n];
    let name = &keyspace.name;
    let record = topodata::Keyspace {
        durability_policy: keyspace.durability.name().to_owned(),
        ..topodata::Keyspace::default()
    };
    topo.create_keyspace(name, &record).await?;
    let mut shards: Vec<ShardInfo> = Vec::new();
    for shard in &keyspace.shards {
        let shard = &cluster.shards[*shard];
        topo.create_shard(name, &shard.name).await?;
        let primary = shard.tablets.first().map(|t| topodata::TabletAlias::from(&cluster.alias(*t)));
        let lead = |record: &mut topodata::Shard| {
            record.primary_alias.clone_from(&primary);
            record.primary_term_start_time = Some(first_term());
            Ok(Edit::Write)
        };
        shards.push(topo.update_shard_fields(name, &shard.name, lead).await?);
        for tablet in &shard.tablets {
            topo.create_tablet(&self::record(cluster, *tablet, port)).await?;
        }
    }
    if vschemas {
        let tables = cluster.size.tables / cluster.keyspaces.len()
            + usize::from(n < cluster.size.tables % cluster.keyspaces.len());
        topo.save_vschema(name, &vschema_of(tables, shards.len() > 1), None).await?;
        let served = topo::rebuild::build_srv_keyspace(name, &shards, None, false)?;
        topo.put_srv_keyspace(&Cluster::cell_name(0), name, &served).await?;
    }
    Ok(())
}

/// A VSchema of so many tables, each placed by its first column where there are several shards.
pub fn vschema_of(tables: usize, sharded: bool) -> vschema::Keyspace {
    let table = || match sharded {
        false => vschema::Table::default(),
        true => vschema::Table {
            column_vindexes: vec![vschema::ColumnVindex {
                name: "xxhash".into(),
                columns: vec!["customer_id".into()],
                ..vschema::ColumnVindex::default()
            }],
            ..vschema::Table::default()
        },
    };
    let vindex = vschema::Vindex { r#type: "xxhash".into(), ..vschema::Vindex::default() };
    vschema::Keyspace {
        sharded,
        vindexes: sharded.then(|| ("xxhash".to_owned(), vindex)).into_iter().collect(),
        tables: (0..tables).map(|n| (format!("orders_of_customers_{n:05}"), table())).collect(),
        ..vschema::Keyspace::default()
    }
}

/// What the topology holds, the largest value among it.
pub async fn written(topo: &Server, cluster: &Cluster) -> Result<Written> {
    let mut written = Written::default();
    let mut roots = vec![topo.global()];
    for cell in cluster.cell_names() {
        roots.push(topo.cell(&cell).await?);
    }
    for root in roots {
        for entry in root.list("").await? {
            written.largest = written.largest.max(entry.value.len());
            written.values += 1;
            written.bytes += entry.value.len();
        }
    }
    Ok(written)
}

/// What the VSchemas would weigh in Vitess's single value, in bytes.
pub fn compat_bytes(cluster: &Cluster) -> usize {
    let per_keyspace = cluster.size.tables / cluster.keyspaces.len();
    let sharded = vschema_of(per_keyspace, true).encoded_len();
    let plain = vschema_of(per_keyspace, false).encoded_len();
    cluster.keyspaces.iter().map(|k| if k.shards.len() > 1 { sharded } else { plain }).sum()
}
