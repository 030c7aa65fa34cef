use std::sync::Arc;

use topo::Server;
use vterrors::Code;

use super::*;
use crate::{
    Ops,
    tests::{GrpcLess, with_shard},
};

async fn empty() -> Ops {
    Ops::new(Server::memory(&["zone1", "zone2"]).await.unwrap(), Arc::new(GrpcLess {}))
}

async fn told(ops: &Ops, change: Change) -> String {
    tell(ops, &change).await.unwrap().join("\n")
}

fn keyspace(name: &str) -> CreateKeyspaceRequest {
    CreateKeyspaceRequest { name: name.into(), durability_policy: "semi_sync".into(), ..Default::default() }
}

fn shard(name: &str) -> CreateShardRequest {
    CreateShardRequest { keyspace: "ks".into(), shard_name: name.into(), ..Default::default() }
}

#[tokio::test]
async fn what_is_made_is_told_and_not_made() {
    let ops = empty().await;
    assert_eq!(
        told(&ops, Change::CreateKeyspace(keyspace("ks"))).await,
        "+ keyspace ks: NORMAL, durability_policy semi_sync, sidecar_db_name _vt\n\
         + VSchema of ks: empty"
    );
    assert!(ops.topo.get_keyspaces().await.unwrap().is_empty());
    let parent = CreateShardRequest { include_parent: true, ..shard("-80") };
    assert_eq!(
        told(&ops, Change::CreateShard(parent)).await,
        "+ keyspace ks: NORMAL, durability_policy none, sidecar_db_name _vt\n\
         + VSchema of ks: empty\n\
         + shard ks/-80: is_primary_serving true"
    );
    ops.create_keyspace(keyspace("ks")).await.unwrap();
    ops.create_shard(shard("-")).await.unwrap();
    assert_eq!(
        told(&ops, Change::CreateShard(shard("-80"))).await,
        "+ shard ks/-80: is_primary_serving false\n  its rows are served by -"
    );
    // As the operation decides it.
    let made = ops.create_shard(shard("-80")).await.unwrap();
    assert!(!made.shard.unwrap().shard.unwrap().is_primary_serving);
}

/// What the operation refuses, its dry run refuses, with the same code.
#[tokio::test]
async fn refusals_are_those_of_the_operations() {
    let (ops, _fake) = with_shard().await;
    let both = |code: Code, dry: Error, real: Error| {
        assert_eq!((dry.code(), real.code()), (code, code), "{dry} / {real}");
    };
    let again = keyspace("ks");
    both(
        Code::AlreadyExists,
        tell(&ops, &Change::CreateKeyspace(again.clone())).await.unwrap_err(),
        ops.create_keyspace(again).await.unwrap_err(),
    );
    let full = DeleteKeyspaceRequest { keyspace: "ks".into(), ..Default::default() };
    both(
        Code::FailedPrecondition,
        tell(&ops, &Change::DeleteKeyspace(full.clone())).await.unwrap_err(),
        ops.delete_keyspace(full).await.unwrap_err(),
    );
    let none = CreateShardRequest { keyspace: "none".into(), ..shard("-80") };
    both(
        Code::NotFound,
        tell(&ops, &Change::CreateShard(none.clone())).await.unwrap_err(),
        ops.create_shard(none).await.unwrap_err(),
    );
    let alias = TabletAliasRef::from("zone1-100");
    let primary = DeleteTabletsRequest { tablet_aliases: vec![alias.0.clone()], allow_primary: false };
    both(
        Code::FailedPrecondition,
        tell(&ops, &Change::DeleteTablets(primary.clone())).await.unwrap_err(),
        ops.delete_tablets(primary).await.unwrap_err(),
    );
    let unknown = AddCellsAliasRequest { name: "near".into(), cells: vec!["zone9".into()] };
    both(
        Code::InvalidArgument,
        tell(&ops, &Change::AddCellsAlias(unknown.clone())).await.unwrap_err(),
        ops.add_cells_alias(unknown).await.unwrap_err(),
    );
}

struct TabletAliasRef(ProtoAlias);

impl From<&str> for TabletAliasRef {
    fn from(text: &str) -> Self {
        Self(text.parse::<vtmodel::TabletAlias>().unwrap().into())
    }
}

#[tokio::test]
async fn what_goes_is_named() {
    let (ops, _fake) = with_shard().await;
    let request = DeleteKeyspaceRequest { keyspace: "ks".into(), recursive: true, force: false };
    let text = told(&ops, Change::DeleteKeyspace(request)).await;
    for line in [
        "- VSchema of ks",
        "- shard ks/0",
        "-   tablet zone1-0000000100: primary,",
        "-   tablet zone1-0000000101: replica,",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let request = DeleteTabletsRequest {
        tablet_aliases: vec![TabletAliasRef::from("zone1-100").0],
        allow_primary: true,
    };
    let text = told(&ops, Change::DeleteTablets(request)).await;
    assert!(text.contains("- shard ks/0: primary_alias zone1-0000000100"), "{text}");
    assert_eq!(ops.topo.get_keyspaces().await.unwrap(), ["ks"]);
}

#[tokio::test]
async fn a_field_is_shown_before_and_after() {
    let (ops, _fake) = with_shard().await;
    let serving =
        SetShardIsPrimaryServingRequest { keyspace: "ks".into(), shard: "0".into(), is_serving: false };
    assert_eq!(
        told(&ops, Change::SetShardIsPrimaryServing(serving)).await,
        "- shard ks/0: is_primary_serving true\n\
         + shard ks/0: is_primary_serving false\n  \
         vtgates follow after RebuildKeyspaceGraph ks"
    );
    let off =
        SetVtorcEmergencyReparentRequest { keyspace: "ks".into(), shard: String::new(), disable: false };
    assert_eq!(
        told(&ops, Change::SetVtorcEmergencyReparent(off)).await,
        "  keyspace ks: disable_emergency_reparent stays false"
    );
    let update = UpdateCellsAliasRequest {
        name: "near".into(),
        cells_alias: Some(CellsAlias { cells: vec!["zone1".into(), "zone2".into()] }),
    };
    assert_eq!(told(&ops, Change::UpdateCellsAlias(update)).await, "+ cells alias near: zone1, zone2");
}

#[tokio::test]
async fn making_a_replica_writable_is_warned_of() {
    let (ops, _fake) = with_shard().await;
    let request = |alias: &str, writable| SetWritableRequest {
        tablet_alias: Some(TabletAliasRef::from(alias).0),
        writable,
    };
    let text = told(&ops, Change::SetWritable(request("zone1-101", true))).await;
    assert!(text.contains("errant transaction"), "{text}");
    let text = told(&ops, Change::SetWritable(request("zone1-100", false))).await;
    assert!(text.contains("writes fail"), "{text}");
}

#[test]
fn names_are_those_of_rpcs() {
    for name in Change::NAMES {
        let method: String = name.chars().fold(String::new(), |mut text, c| {
            if c.is_ascii_uppercase() && !text.is_empty() {
                text.push('_');
            }
            text.push(c.to_ascii_lowercase());
            text
        });
        assert!(crate::SUPPORTED.contains(&method.as_str()), "{method}");
    }
    assert!(Change::from_json("GetKeyspace", "{}").unwrap().is_none());
    assert!(Change::from_json("CreateShard", "{\"nonsense\": 1}").is_err());
}
