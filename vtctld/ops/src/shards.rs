//! Shards.

use proto::{topodata, vtctldata::*};
use topo::{Edit, ErrorKind, ShardInfo, kind, parse_shard_name};
use vterrors::{Condition, Context, Error, Result};

use crate::{
    Ops,
    keyspaces::{self, ignore_no_node},
    required,
};

/// A shard's record as answers carry it.
pub(crate) fn message(info: ShardInfo) -> Shard {
    Shard { keyspace: info.keyspace, name: info.name, shard: Some(info.record) }
}

async fn read(ops: &Ops, keyspace: &str, shard: &str) -> Result<Shard> {
    let found = ops.topo.get_shard(keyspace, shard).await;
    Ok(message(found.context_with(|| format!("shard {keyspace}/{shard}"))?))
}

pub(crate) async fn create(ops: &Ops, r: CreateShardRequest) -> Result<CreateShardResponse> {
    let keyspace = required("the keyspace's name", &r.keyspace)?;
    let (shard, _) = parse_shard_name(required("the shard's name", &r.shard_name)?)?;
    if r.include_parent {
        let parent = CreateKeyspaceRequest {
            name: keyspace.to_owned(),
            force: true,
            ..CreateKeyspaceRequest::default()
        };
        keyspaces::create(ops, parent).await?;
    }
    let shard_already_exists = match ops.topo.create_shard(keyspace, &shard).await {
        Ok(()) => false,
        Err(e) if r.force && kind(&e) == ErrorKind::NodeExists => true,
        Err(e) => return Err(e.context(format!("shard {keyspace}/{shard}"))),
    };
    Ok(CreateShardResponse {
        keyspace: Some(keyspaces::read(ops, keyspace).await?),
        shard: Some(read(ops, keyspace, &shard).await?),
        shard_already_exists,
    })
}

pub(crate) async fn get(ops: &Ops, r: GetShardRequest) -> Result<GetShardResponse> {
    let keyspace = required("the keyspace's name", &r.keyspace)?;
    let shard = required("the shard's name", &r.shard_name)?;
    Ok(GetShardResponse { shard: Some(read(ops, keyspace, shard).await?) })
}

pub(crate) async fn delete(ops: &Ops, r: DeleteShardsRequest) -> Result<DeleteShardsResponse> {
    for shard in &r.shards {
        match delete_one(ops, &shard.keyspace, &shard.name, r.recursive, r.even_if_serving).await {
            Err(e) if r.force && kind(&e) == ErrorKind::NoNode => {}
            other => other.context_with(|| format!("shard {}/{}", shard.keyspace, shard.name))?,
        }
    }
    Ok(DeleteShardsResponse {})
}

/// Deletes a shard; with `recursive` its tablets' records too.
pub(crate) async fn delete_one(
    ops: &Ops,
    keyspace: &str,
    shard: &str,
    recursive: bool,
    even_if_serving: bool,
) -> Result<()> {
    let guard = ops.topo.lock_shard(keyspace, shard, "DeleteShard").await?;
    if !even_if_serving {
        refuse_if_served(ops, keyspace, shard).await?;
    }
    let tablets = ops.topo.find_tablets_by_shard(keyspace, shard).await?.all()?;
    if !tablets.is_empty() && !recursive {
        let text =
            format!("it still has {} tablets; use --recursive to delete their records too", tablets.len());
        return Err(Error::new(Condition::FailedPrecondition, text));
    }
    for tablet in &tablets {
        let alias = crate::required_alias(tablet.alias.as_ref())?;
        ignore_no_node(ops.topo.delete_tablet(&alias).await)?;
    }
    for cell in ops.topo.get_cell_info_names().await? {
        ops.topo.delete_shard_replication(&cell, keyspace, shard).await?;
    }
    ops.topo.delete_shard(keyspace, shard).await?;
    guard.unlock().await
}

async fn refuse_if_served(ops: &Ops, keyspace: &str, shard: &str) -> Result<()> {
    for cell in ops.topo.get_cell_info_names().await? {
        let served = match ops.topo.get_srv_keyspace(&cell, keyspace).await {
            Err(e) if kind(&e) == ErrorKind::NoNode => continue,
            other => other?.value,
        };
        if served.partitions.iter().any(|p| p.shard_references.iter().any(|s| s.name == shard)) {
            let text = format!("it is serving in cell {cell}; use --even-if-serving to delete it anyway");
            return Err(Error::new(Condition::FailedPrecondition, text));
        }
    }
    Ok(())
}

pub(crate) async fn replication(
    ops: &Ops,
    r: GetShardReplicationRequest,
) -> Result<GetShardReplicationResponse> {
    let (keyspace, shard) =
        (required("the keyspace's name", &r.keyspace)?, required("the shard's name", &r.shard)?);
    let read = |cell: String| async move {
        match ops.topo.get_shard_replication(&cell, keyspace, shard).await {
            Err(e) if kind(&e) == ErrorKind::NoNode => Ok(None),
            other => other.map(|found| Some(found.value)),
        }
    };
    let found = crate::serving::of_cells(ops, &r.cells, read).await?;
    let shard_replication_by_cell = found.into_iter().filter_map(|(cell, r)| Some((cell, r?))).collect();
    Ok(GetShardReplicationResponse { shard_replication_by_cell })
}

pub(crate) async fn set_is_primary_serving(
    ops: &Ops,
    r: SetShardIsPrimaryServingRequest,
) -> Result<SetShardIsPrimaryServingResponse> {
    let guard = ops.topo.lock_keyspace(&r.keyspace, "SetShardIsPrimaryServing").await?;
    let edit = |s: &mut topodata::Shard| {
        s.is_primary_serving = r.is_serving;
        Ok(Edit::Write)
    };
    let changed = ops.topo.update_shard_fields(&r.keyspace, &r.shard, edit).await?;
    guard.unlock().await?;
    Ok(SetShardIsPrimaryServingResponse { shard: Some(changed.record) })
}

pub(crate) async fn replication_positions(
    ops: &Ops,
    r: ShardReplicationPositionsRequest,
) -> Result<ShardReplicationPositionsResponse> {
    let found = ops.topo.find_tablets_by_shard(&r.keyspace, &r.shard).await?;
    let tablets = crate::tablets::those_found(found, "ShardReplicationPositions")?;
    let asked = tablets.iter().map(|tablet| async {
        let status = reparent::status_of(&*ops.tablets, tablet).await;
        (crate::alias_text(tablet), status)
    });
    let mut answer = ShardReplicationPositionsResponse::default();
    for (alias, status) in futures::future::join_all(asked).await {
        // A tablet that does not answer has no status, and is listed all the same.
        answer.replication_statuses.insert(alias, status.unwrap_or_default());
    }
    answer.tablet_map = tablets.into_iter().map(|t| (crate::alias_text(&t), t)).collect();
    Ok(answer)
}
