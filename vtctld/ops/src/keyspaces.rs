//! Keyspaces.

use proto::{
    topodata::{self, KeyspaceType},
    vtctldata::*,
};
use reparent::Durability;
use topo::{Edit, ErrorKind, kind};
use vterrors::{Condition, Context, Error, Result};

use crate::{Ops, required, shards};

/// A keyspace's record as answers carry it.
pub(crate) async fn read(ops: &Ops, name: &str) -> Result<Keyspace> {
    let found = ops.topo.get_keyspace(name).await.context_with(|| format!("keyspace {name}"))?;
    Ok(Keyspace { name: name.to_owned(), keyspace: Some(found.value) })
}

pub(crate) async fn create(ops: &Ops, r: CreateKeyspaceRequest) -> Result<CreateKeyspaceResponse> {
    required("the keyspace's name", &r.name)?;
    let record = record_of(&r)?;
    match ops.topo.create_keyspace(&r.name, &record).await {
        Ok(_) => {}
        Err(e) if r.force && kind(&e) == ErrorKind::NodeExists => {
            tracing::info!(keyspace = r.name, "the keyspace exists already (force)");
        }
        Err(e) => return Err(e.context(format!("keyspace {}", r.name))),
    }
    if !r.allow_empty_v_schema {
        ops.topo.ensure_vschema(&r.name).await?;
    }
    if record.keyspace_type() == KeyspaceType::Snapshot {
        copy_base_vschema(ops, &r.name, &record.base_keyspace).await?;
    }
    ops.topo.rebuild_srv_vschema_of(&r.name, &[]).await?;
    Ok(CreateKeyspaceResponse { keyspace: Some(read(ops, &r.name).await?) })
}

/// The record that a request asks for, checked.
pub(crate) fn record_of(r: &CreateKeyspaceRequest) -> Result<topodata::Keyspace> {
    let snapshot = r.r#type() == KeyspaceType::Snapshot;
    if snapshot && r.base_keyspace.is_empty() {
        return Err(Error::invalid("a SNAPSHOT keyspace needs --base-keyspace"));
    }
    if snapshot && r.snapshot_time.is_none() {
        return Err(Error::invalid("a SNAPSHOT keyspace needs --snapshot-timestamp"));
    }
    r.durability_policy.parse::<Durability>()?;
    Ok(topodata::Keyspace {
        keyspace_type: r.r#type,
        base_keyspace: r.base_keyspace.clone(),
        snapshot_time: r.snapshot_time,
        durability_policy: if r.durability_policy.is_empty() {
            "none".into()
        } else {
            r.durability_policy.clone()
        },
        sidecar_db_name: match r.sidecar_db_name.as_str() {
            "" => vtmodel::DEFAULT_SIDECAR_DB.to_owned(),
            name => name.to_owned(),
        },
        ..topodata::Keyspace::default()
    })
}

/// A snapshot is read by its own name only: its VSchema is the base's, with explicit routing required.
async fn copy_base_vschema(ops: &Ops, keyspace: &str, base: &str) -> Result<()> {
    let found = ops.topo.get_vschema(base).await;
    let mut vschema = found.context_with(|| format!("base keyspace {base}"))?.value;
    vschema.require_explicit_routing = true;
    ops.topo.save_vschema(keyspace, &vschema, None).await.map(drop)
}

pub(crate) async fn get(ops: &Ops, r: GetKeyspaceRequest) -> Result<GetKeyspaceResponse> {
    let keyspace = read(ops, required("the keyspace's name", &r.keyspace)?).await?;
    Ok(GetKeyspaceResponse { keyspace: Some(keyspace) })
}

pub(crate) async fn list(ops: &Ops, _: GetKeyspacesRequest) -> Result<GetKeyspacesResponse> {
    let names = ops.topo.get_keyspaces().await?;
    let reads = names.iter().map(|name| read(ops, name));
    let keyspaces = futures::future::join_all(reads).await.into_iter().collect::<Result<_>>()?;
    Ok(GetKeyspacesResponse { keyspaces })
}

pub(crate) async fn delete(ops: &Ops, r: DeleteKeyspaceRequest) -> Result<DeleteKeyspaceResponse> {
    let name = required("the keyspace's name", &r.keyspace)?;
    let guard = ops.topo.lock_keyspace(name, "DeleteKeyspace").await?;
    let shards = ops.topo.find_all_shards_in_keyspace(name).await?;
    if !shards.is_empty() && !r.recursive {
        let text =
            format!("keyspace {name} still has {} shards; use --recursive to delete them too", shards.len());
        return Err(Error::new(Condition::FailedPrecondition, text));
    }
    for shard in &shards {
        shards::delete_one(ops, name, &shard.name, r.recursive, true).await?;
    }
    for cell in ops.topo.get_cell_info_names().await? {
        ignore_no_node(ops.topo.delete_srv_keyspace(&cell, name).await)?;
    }
    ops.topo.delete_keyspace(&guard, name).await?;
    // The lock's own key is the last one below the keyspace.
    guard.unlock().await?;
    Ok(DeleteKeyspaceResponse {})
}

pub(crate) fn ignore_no_node(result: Result<()>) -> Result<()> {
    match result {
        Err(e) if kind(&e) == ErrorKind::NoNode => Ok(()),
        other => other,
    }
}

pub(crate) async fn find_all_shards(
    ops: &Ops,
    r: FindAllShardsInKeyspaceRequest,
) -> Result<FindAllShardsInKeyspaceResponse> {
    let name = required("the keyspace's name", &r.keyspace)?;
    let shards = ops.topo.find_all_shards_in_keyspace(name).await?;
    let shards = shards.into_iter().map(|s| (s.name.clone(), shards::message(s))).collect();
    Ok(FindAllShardsInKeyspaceResponse { shards })
}

/// Lets vtorc replace dead primaries of a keyspace, or of one shard, or keeps it from that.
pub(crate) async fn set_vtorc_emergency_reparent(
    ops: &Ops,
    r: SetVtorcEmergencyReparentRequest,
) -> Result<SetVtorcEmergencyReparentResponse> {
    let name = required("the keyspace's name", &r.keyspace)?;
    if r.shard.is_empty() {
        let guard = ops.topo.lock_keyspace(name, "SetVtorcEmergencyReparent").await?;
        let edit = |k: &mut topodata::Keyspace| {
            k.vtorc_state.get_or_insert_default().disable_emergency_reparent = r.disable;
            Ok(Edit::Write)
        };
        ops.topo.update_keyspace_fields(&guard, name, edit).await?;
        guard.unlock().await?;
    } else {
        let edit = |s: &mut topodata::Shard| {
            s.vtorc_state.get_or_insert_default().disable_emergency_reparent = r.disable;
            Ok(Edit::Write)
        };
        ops.topo.update_shard_fields(name, &r.shard, edit).await?;
    }
    Ok(SetVtorcEmergencyReparentResponse {})
}

pub(crate) async fn set_durability_policy(
    ops: &Ops,
    r: SetKeyspaceDurabilityPolicyRequest,
) -> Result<SetKeyspaceDurabilityPolicyResponse> {
    let name = required("the keyspace's name", &r.keyspace)?;
    r.durability_policy.parse::<Durability>()?;
    let guard = ops.topo.lock_keyspace(name, "SetKeyspaceDurabilityPolicy").await?;
    let edit = |k: &mut topodata::Keyspace| {
        k.durability_policy.clone_from(&r.durability_policy);
        Ok(Edit::Write)
    };
    let changed = ops.topo.update_keyspace_fields(&guard, name, edit).await?;
    guard.unlock().await?;
    Ok(SetKeyspaceDurabilityPolicyResponse { keyspace: Some(changed.value) })
}
