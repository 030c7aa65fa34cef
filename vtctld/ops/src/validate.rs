//! Whether the records of the topology fit together, and the tablets answer.

use std::collections::BTreeSet;

use proto::{
    tabletmanagerdata as tm,
    topodata::{Tablet, TabletType},
    vtctldata::*,
};
use topo::{ErrorKind, is_no_node, kind};
use vterrors::Result;
use vtmodel::TabletAlias;

use crate::{Ops, alias_text, required};

pub(crate) async fn everything(ops: &Ops, r: ValidateRequest) -> Result<ValidateResponse> {
    let mut answer = ValidateResponse::default();
    for name in ops.topo.get_keyspaces().await? {
        let request = ValidateKeyspaceRequest { keyspace: name.clone(), ping_tablets: r.ping_tablets };
        answer.results_by_keyspace.insert(name, keyspace(ops, request).await?);
    }
    answer.results = tablets_without_shard(ops, &answer).await?;
    Ok(answer)
}

async fn tablets_without_shard(ops: &Ops, known: &ValidateResponse) -> Result<Vec<String>> {
    let shard_known = |t: &Tablet| {
        known.results_by_keyspace.get(&t.keyspace).is_some_and(|k| k.results_by_shard.contains_key(&t.shard))
    };
    let found = ops.topo.find_tablets(&[], |t| !shard_known(t)).await?;
    let strays = found.tablets.iter();
    let strays = strays
        .map(|t| format!("tablet {} is of {}/{}, which is not there", alias_text(t), t.keyspace, t.shard));
    let cells = found.failed_cells.iter().map(|(cell, e)| format!("cell {cell} does not answer: {e}"));
    let stale = ops.topo.stale_graphs().await?;
    let stale =
        stale.iter().map(|graph| format!("{graph} was rebuilt while the cell was away: it is out of date"));
    Ok(strays.chain(cells).chain(stale).collect())
}

pub(crate) async fn keyspace(ops: &Ops, r: ValidateKeyspaceRequest) -> Result<ValidateKeyspaceResponse> {
    let name = required("the keyspace's name", &r.keyspace)?;
    let mut answer = ValidateKeyspaceResponse::default();
    if let Err(e) = ops.topo.get_keyspace(name).await {
        answer.results.push(format!("keyspace {name} has no record: {e}"));
    }
    let shards = ops.topo.get_shard_names(name).await?;
    if shards.is_empty() {
        answer.results.push(format!("no shards in keyspace {name}"));
    }
    for shard_name in shards {
        let request = ValidateShardRequest {
            keyspace: name.to_owned(),
            shard: shard_name.clone(),
            ping_tablets: r.ping_tablets,
        };
        answer.results_by_shard.insert(shard_name, shard(ops, request).await?);
    }
    Ok(answer)
}

pub(crate) async fn shard(ops: &Ops, r: ValidateShardRequest) -> Result<ValidateShardResponse> {
    let (keyspace, name) =
        (required("the keyspace's name", &r.keyspace)?, required("the shard's name", &r.shard)?);
    let shard = match ops.topo.get_shard(keyspace, name).await {
        Err(e) if is_no_node(&e) => {
            return Ok(ValidateShardResponse {
                results: vec![format!("shard {keyspace}/{name} has no record")],
            });
        }
        other => other?,
    };
    let found = ops.topo.find_tablets_by_shard(keyspace, name).await?;
    let mut results = check_shard(keyspace, name, shard.primary().as_ref(), &found.tablets);
    results.extend(found.failed_cells.iter().map(|(cell, e)| format!("cell {cell} does not answer: {e}")));
    results.extend(check_replication(ops, keyspace, name, &found.tablets).await?);
    if r.ping_tablets {
        let pings = found.tablets.iter().map(|t| async move {
            let ping = ops.tablets.ping(t, tm::PingRequest { payload: "validate".into() }).await;
            ping.err().map(|e| format!("tablet {} does not answer: {e}", alias_text(t)))
        });
        results.extend(futures::future::join_all(pings).await.into_iter().flatten());
    }
    Ok(ValidateShardResponse { results })
}

/// What is wrong with a shard's primary, from the records alone.
fn check_shard(
    keyspace: &str,
    shard: &str,
    primary: Option<&TabletAlias>,
    tablets: &[Tablet],
) -> Vec<String> {
    let Some(primary) = primary else { return vec![format!("no primary for shard {keyspace}/{shard}")] };
    let mut results = Vec::new();
    if !tablets.iter().any(|t| alias_text(t) == primary.to_string()) {
        results.push(format!("primary {primary} of shard {keyspace}/{shard} has no tablet record"));
    }
    for tablet in tablets {
        let named = alias_text(tablet) == primary.to_string();
        if named != (tablet.r#type() == TabletType::Primary) {
            results.push(format!(
                "primary mismatch for shard {keyspace}/{shard}: its record names {primary}, tablet {} is {}",
                alias_text(tablet),
                tablet.r#type().as_str_name()
            ));
        }
    }
    results
}

/// Tablets that are in ShardReplication but have no record, and the reverse.
async fn check_replication(
    ops: &Ops,
    keyspace: &str,
    shard: &str,
    tablets: &[Tablet],
) -> Result<Vec<String>> {
    let records: BTreeSet<String> = tablets.iter().map(alias_text).collect();
    let mut listed = BTreeSet::new();
    for cell in ops.topo.get_cell_info_names().await? {
        match ops.topo.get_shard_replication(&cell, keyspace, shard).await {
            // One that is away was told of already, and none of its tablets are among the records.
            Err(e) if matches!(kind(&e), ErrorKind::NoNode | ErrorKind::Timeout | ErrorKind::Unavailable) => {
            }
            other => listed.extend(
                other?
                    .value
                    .nodes
                    .iter()
                    .filter_map(|n| TabletAlias::from_proto(n.tablet_alias.as_ref()))
                    .map(|a| a.to_string()),
            ),
        }
    }
    let gone =
        listed.difference(&records).map(|a| format!("tablet {a} is in ShardReplication but has no record"));
    let missing = records.difference(&listed).map(|a| format!("tablet {a} is missing in ShardReplication"));
    Ok(gone.chain(missing).collect())
}
