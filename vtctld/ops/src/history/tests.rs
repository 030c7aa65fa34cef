use proto::{topodata, vtctldata::*};
use serde_json::json;
use topo::Server;

use super::*;
use crate::{Vtctld, tests::with_shard};

#[tokio::test]
async fn what_was_done_by_whom_and_how_it_ended() {
    let (ops, _fake) = with_shard().await;
    let ops = ops.acting_as("ada");
    let alias: TabletAlias = "zone1-101".parse().unwrap();
    let request = |tablet_type, dry_run| ChangeTabletTypeRequest {
        tablet_alias: Some(alias.clone().into()),
        db_type: tablet_type,
        dry_run,
    };
    let (rdonly, primary) = (topodata::TabletType::Rdonly as i32, topodata::TabletType::Primary as i32);
    ops.change_tablet_type(request(rdonly, true)).await.unwrap();
    ops.change_tablet_type(request(primary, false)).await.unwrap_err();
    let policy =
        SetKeyspaceDurabilityPolicyRequest { keyspace: "ks".into(), durability_policy: "none".into() };
    ops.set_keyspace_durability_policy(policy).await.unwrap();
    let kept = ops.topo.get_history(Some("ks")).await.unwrap();
    let told: Vec<_> =
        kept.iter().map(|e| (e.operation.as_str(), e.target.as_str(), e.error.is_some())).collect();
    assert_eq!(
        told,
        [("ChangeTabletType", "zone1-0000000101", true), ("SetKeyspaceDurabilityPolicy", "", false)]
    );
    assert!(kept.iter().all(|e| e.who == "ada" && e.at.ends_with('Z')), "{kept:?}");
    assert!(kept[1].request.contains("\"durability_policy\":\"none\""), "{}", kept[1].request);
}

#[tokio::test]
async fn a_deleted_keyspace_is_told_of_by_the_cluster() {
    let topo = Server::memory(&["zone1"]).await.unwrap();
    let ops = Ops::new(topo, std::sync::Arc::new(crate::tests::GrpcLess {}));
    ops.create_keyspace(CreateKeyspaceRequest { name: "ks".into(), ..Default::default() }).await.unwrap();
    assert_eq!(ops.topo.get_history(Some("ks")).await.unwrap().len(), 1);
    ops.delete_keyspace(DeleteKeyspaceRequest { keyspace: "ks".into(), ..Default::default() }).await.unwrap();
    assert_eq!(ops.topo.get_history(Some("ks")).await.unwrap(), []);
    let cluster = ops.topo.get_history(None).await.unwrap();
    assert_eq!((cluster[0].operation.as_str(), cluster[0].target.as_str()), ("DeleteKeyspace", "ks"));
}

#[test]
fn a_request_is_kept_short_and_without_passwords() {
    let fields = json!({
        "keyspace": "ks",
        "sql": ["create user a identified by 'planted'"],
        "v_schema": {"tables": vec!["a long list"; 100]},
    });
    let Value::Object(fields) = fields else { unreachable!() };
    let text = shortened(fields);
    assert!(!text.contains("planted") && text.contains("not kept"), "{text}");
    assert!(text.len() <= MAX_REQUEST_BYTES + 3, "{}", text.len());
    assert_eq!(cut("grüße".into(), 3), "gr…");
}

#[test]
fn reading_a_tablet_is_nothing_to_keep() {
    let fields = |sql: &str| {
        let Value::Object(fields) = json!({ "query": sql }) else { unreachable!() };
        fields
    };
    assert!(only_reads(&fields("select 1")) && only_reads(&fields("show processlist")));
    assert!(!only_reads(&fields("set global x = 1")) && !only_reads(&Map::new()));
}

/// A name that is not an operation's would keep nothing.
#[test]
fn what_is_kept_is_there() {
    for name in KEPT {
        assert!(crate::SUPPORTED.contains(name), "{name}");
    }
}
