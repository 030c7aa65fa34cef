//! Operations on a topology in memory and a shard of fake tablets.

use std::{sync::Arc, time::Duration};

use proto::{
    topodata::{self, TabletType},
    vschema,
    vtctldata::*,
};
use reparent::fake::{Failure, FakeShard};
use topo::{
    Server,
    memory::{Loss, MemoryCells},
};
use vterrors::{Code, Condition};

use super::*;

const PRIMARY: &str = "zone1-0000000100";
const REPLICA: &str = "zone1-0000000101";

async fn empty() -> Ops {
    let topo = Server::memory(&["zone1", "zone2"]).await.unwrap();
    let nobody = GrpcLess {};
    Ops::new(topo, Arc::new(nobody))
}

/// A tablet manager client of which nothing is asked.
pub(crate) struct GrpcLess {}

impl TabletManagerClient for GrpcLess {}

pub(crate) async fn with_shard() -> (Ops, Arc<FakeShard>) {
    let topo = Server::memory(&["zone1", "zone2"]).await.unwrap();
    let tablets = [("zone1", 100, TabletType::Primary), ("zone1", 101, TabletType::Replica)];
    let fake = Arc::new(FakeShard::new(topo.clone(), "ks", "0", &tablets).await.unwrap());
    (Ops::new(topo, fake.clone()), fake)
}

fn alias(text: &str) -> Option<topodata::TabletAlias> {
    Some(text.parse::<TabletAlias>().unwrap().into())
}

#[tokio::test]
async fn create_keyspace_makes_a_vschema_and_tells_every_cell() {
    let ops = empty().await;
    let request = CreateKeyspaceRequest { name: "ks".into(), ..Default::default() };
    let made = ops.create_keyspace(request.clone()).await.unwrap().keyspace.unwrap().keyspace.unwrap();
    assert_eq!((made.durability_policy.as_str(), made.sidecar_db_name.as_str()), ("none", "_vt"));
    for cell in ["zone1", "zone2"] {
        let served = ops.topo.get_srv_vschema(cell).await.unwrap();
        assert!(served.keyspaces.contains_key("ks"));
    }
    let again = ops.create_keyspace(request.clone()).await.unwrap_err();
    assert_eq!(again.code(), Code::AlreadyExists);
    ops.create_keyspace(CreateKeyspaceRequest { force: true, ..request }).await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_in_a_request_is_named() {
    let ops = empty().await;
    let policy =
        CreateKeyspaceRequest { name: "ks".into(), durability_policy: "maybe".into(), ..Default::default() };
    assert!(ops.create_keyspace(policy).await.unwrap_err().message().contains("\"maybe\""));
    let slash = CreateKeyspaceRequest { name: "a/b".into(), ..Default::default() };
    assert!(ops.create_keyspace(slash).await.unwrap_err().message().contains("\"a/b\""));
    assert!(ops.get_keyspaces(GetKeyspacesRequest {}).await.unwrap().keyspaces.is_empty());
    let shard = CreateShardRequest { keyspace: "none".into(), shard_name: "0".into(), ..Default::default() };
    assert_eq!(ops.create_shard(shard).await.unwrap_err().code(), Code::NotFound);
    let e = ops.get_workflows(GetWorkflowsRequest::default()).await.unwrap_err();
    assert_eq!((e.code(), e.message()), (Code::Unimplemented, "vtctld does not support get_workflows yet"));
}

#[tokio::test]
async fn shards_serve_unless_they_overlap_one_that_does() {
    let ops = empty().await;
    let create = |shard: &str| CreateShardRequest {
        keyspace: "ks".into(),
        shard_name: shard.into(),
        include_parent: true,
        ..Default::default()
    };
    for shard in ["-80", "80-", "80-C0"] {
        ops.create_shard(create(shard)).await.unwrap();
    }
    let shards = ops.find_all_shards_in_keyspace(FindAllShardsInKeyspaceRequest { keyspace: "ks".into() });
    let shards = shards.await.unwrap().shards;
    let serving = |name: &str| shards[name].shard.as_ref().unwrap().is_primary_serving;
    assert!(serving("-80") && serving("80-") && !serving("80-c0"));
    assert!(ops.create_shard(create("80-40")).await.unwrap_err().message().contains("80-40"));
    ops.rebuild_keyspace_graph(RebuildKeyspaceGraphRequest { keyspace: "ks".into(), ..Default::default() })
        .await
        .unwrap();
    let served = ops.topo.get_srv_keyspace("zone2", "ks").await.unwrap();
    assert_eq!(served.partitions[0].shard_references.len(), 2);
}

#[tokio::test]
async fn delete_keyspace_takes_everything_below_it() {
    let (ops, _fake) = with_shard().await;
    let delete = DeleteKeyspaceRequest { keyspace: "ks".into(), ..Default::default() };
    let refused = ops.delete_keyspace(delete.clone()).await.unwrap_err();
    assert!(refused.message().contains("--recursive"), "{refused}");
    ops.delete_keyspace(DeleteKeyspaceRequest { recursive: true, ..delete }).await.unwrap();
    assert!(ops.topo.get_keyspaces().await.unwrap().is_empty());
    assert!(ops.get_tablets(GetTabletsRequest::default()).await.unwrap().tablets.is_empty());
}

#[tokio::test]
async fn a_vschema_is_checked_saved_and_served() {
    let ops = empty().await;
    ops.create_keyspace(CreateKeyspaceRequest { name: "ks".into(), ..Default::default() }).await.unwrap();
    let vindex = |r#type: &str| vschema::Vindex { r#type: r#type.into(), ..Default::default() };
    let vschema = |r#type: &str| {
        let columns =
            vec![vschema::ColumnVindex { column: "id".into(), name: "v".into(), ..Default::default() }];
        let table = vschema::Table { column_vindexes: columns, ..Default::default() };
        vschema::Keyspace {
            sharded: true,
            vindexes: [("v".to_owned(), vindex(r#type))].into(),
            tables: [("t".to_owned(), table)].into(),
            ..Default::default()
        }
    };
    let apply = |v: vschema::Keyspace| ApplyVSchemaRequest {
        keyspace: "ks".into(),
        v_schema: Some(v),
        ..Default::default()
    };
    let wrong = ops.apply_v_schema(apply(vschema("no_such_vindex"))).await.unwrap_err();
    assert!(wrong.message().contains("no_such_vindex"), "{wrong}");
    ops.apply_v_schema(ApplyVSchemaRequest { dry_run: true, ..apply(vschema("xxhash")) }).await.unwrap();
    assert!(!ops.topo.get_vschema("ks").await.unwrap().sharded);
    ops.apply_v_schema(apply(vschema("xxhash"))).await.unwrap();
    assert!(ops.topo.get_srv_vschema("zone2").await.unwrap().keyspaces["ks"].sharded);
    let nowhere = ApplyVSchemaRequest { keyspace: "none".into(), ..apply(vschema("xxhash")) };
    assert_eq!(ops.apply_v_schema(nowhere).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn schema_changes_run_on_the_primary_and_replicas_reload() {
    let (ops, fake) = with_shard().await;
    let apply =
        |sql: &str| ApplySchemaRequest { keyspace: "ks".into(), sql: vec![sql.into()], ..Default::default() };
    let done = ops.apply_schema(apply("create table a (x int); create table b (x int)")).await.unwrap();
    assert_eq!(done.rows_affected_by_shard["0"], 2);
    let on = |call: &str| fake.calls().iter().filter(|c| *c == call).count();
    assert_eq!(on(&format!("execute_fetch_as_dba {PRIMARY}")), 2);
    assert_eq!(on(&format!("reload_schema {REPLICA}")), 1);

    let wrong = ops.apply_schema(apply("create syntax error; drop table a")).await.unwrap_err();
    assert_eq!((wrong.condition(), wrong.errno()), (Condition::Mysql, 1064));
    assert!(wrong.message().contains("ks/0"), "{wrong}");
    let online = ApplySchemaRequest { ddl_strategy: "vitess".into(), ..apply("alter table a add y int") };
    assert_eq!(ops.apply_schema(online).await.unwrap_err().code(), Code::Unimplemented);
    let nothing = ops.apply_schema(apply(" -- nothing\n ; ")).await.unwrap_err();
    assert_eq!(nothing.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_replica_that_does_not_reload_does_not_fail_the_change() {
    let (ops, fake) = with_shard().await;
    fake.fail("reload_schema", REPLICA, Failure::Unreachable);
    let request =
        ApplySchemaRequest { keyspace: "ks".into(), sql: vec!["drop table a".into()], ..Default::default() };
    ops.apply_schema(request).await.unwrap();
    assert!(fake.has_failed());
}

#[tokio::test]
async fn tablet_types_change_but_not_to_and_from_primary() {
    let (ops, fake) = with_shard().await;
    let change = |tablet: &str, to: TabletType, dry_run| ChangeTabletTypeRequest {
        tablet_alias: alias(tablet),
        db_type: to as i32,
        dry_run,
    };
    let dry = ops.change_tablet_type(change(REPLICA, TabletType::Rdonly, true)).await.unwrap();
    assert_eq!(dry.after_tablet.unwrap().r#type(), TabletType::Rdonly);
    assert_eq!(fake.tablet(REPLICA).tablet_type, TabletType::Replica as i32);
    let done = ops.change_tablet_type(change(REPLICA, TabletType::Rdonly, false)).await.unwrap();
    assert_eq!(done.after_tablet.unwrap().r#type(), TabletType::Rdonly);
    for (tablet, to) in [(PRIMARY, TabletType::Replica), (REPLICA, TabletType::Primary)] {
        let e = ops.change_tablet_type(change(tablet, to, false)).await.unwrap_err();
        assert_eq!(e.code(), Code::FailedPrecondition, "{e}");
    }
}

#[tokio::test]
async fn a_primary_with_an_older_term_is_shown_as_unknown() {
    let (ops, _fake) = with_shard().await;
    let newer = |t: &mut topodata::Tablet| {
        t.set_type(TabletType::Primary);
        t.primary_term_start_time = Some(proto::vttime::Time { seconds: 99, nanoseconds: 0 });
        Ok(topo::Edit::Write)
    };
    ops.topo.update_tablet_fields(&REPLICA.parse().unwrap(), newer).await.unwrap();
    let tablets = ops.get_tablets(GetTabletsRequest::default()).await.unwrap().tablets;
    let types: Vec<_> = tablets.iter().map(topodata::Tablet::r#type).collect();
    assert_eq!(types, [TabletType::Unknown, TabletType::Primary]);
}

#[tokio::test]
async fn deleting_a_primary_needs_to_be_allowed() {
    let (ops, _fake) = with_shard().await;
    let delete =
        |allow_primary| DeleteTabletsRequest { tablet_aliases: vec![alias(PRIMARY).unwrap()], allow_primary };
    let e = ops.delete_tablets(delete(false)).await.unwrap_err();
    assert!(e.message().contains("--allow-primary"), "{e}");
    ops.delete_tablets(delete(true)).await.unwrap();
    assert_eq!(ops.topo.get_shard("ks", "0").await.unwrap().primary(), None);
    let replication = ops.topo.get_shard_replication("zone1", "ks", "0").await.unwrap();
    assert_eq!(replication.nodes.len(), 1);
}

#[tokio::test]
async fn validate_says_what_does_not_fit() {
    let (ops, fake) = with_shard().await;
    let validate = |ping_tablets| ops.validate(ValidateRequest { ping_tablets });
    let lines = |r: ValidateResponse| r.results_by_keyspace["ks"].results_by_shard["0"].results.clone();
    assert_eq!(lines(validate(true).await.unwrap()), Vec::<String>::new());
    fake.fail("ping", REPLICA, Failure::Unreachable);
    let silent = lines(validate(true).await.unwrap());
    assert!(silent[0].starts_with(&format!("tablet {REPLICA} does not answer")), "{silent:?}");
    let demote = |t: &mut topodata::Tablet| {
        t.set_type(TabletType::Replica);
        Ok(topo::Edit::Write)
    };
    ops.topo.update_tablet_fields(&PRIMARY.parse().unwrap(), demote).await.unwrap();
    let mismatch = lines(validate(false).await.unwrap());
    assert!(mismatch[0].contains("primary mismatch"), "{mismatch:?}");
}

#[tokio::test]
async fn reparents_come_with_their_events() {
    let (ops, _fake) = with_shard().await;
    let request =
        PlannedReparentShardRequest { keyspace: "ks".into(), shard: "0".into(), ..Default::default() };
    let plan = ops.plan_planned_reparent(&request).await.unwrap().to_string();
    assert!(plan.starts_with(&format!("Graceful: primary {PRIMARY} -> {REPLICA}\n")), "{plan}");
    let done = ops.planned_reparent_shard(request).await.unwrap();
    assert_eq!(done.promoted_primary, alias(REPLICA));
    assert!(done.events.iter().any(|e| e.value.contains("DemotePrimary")), "{:?}", done.events);
}

#[tokio::test]
async fn emergencies_and_other_tools_go_through_the_same_library() {
    let (ops, fake) = with_shard().await;
    let request =
        EmergencyReparentShardRequest { keyspace: "ks".into(), shard: "0".into(), ..Default::default() };
    fake.with(PRIMARY, |t| t.silent = true);
    let plan = ops.plan_emergency_reparent(&request).await.unwrap().to_string();
    assert!(plan.starts_with(&format!("Emergency: primary {PRIMARY} -> {REPLICA}\n")), "{plan}");
    let done = ops.emergency_reparent_shard(request).await.unwrap();
    assert_eq!(done.promoted_primary, alias(REPLICA));
    assert!(done.events.iter().any(|e| e.level() == proto::logutil::Level::Warning), "{:?}", done.events);

    // The former primary follows, then another tool promotes it.
    fake.with(PRIMARY, |t| t.silent = false);
    ops.reparent_tablet(ReparentTabletRequest { tablet: alias(PRIMARY) }).await.unwrap();
    fake.servers(|s| s.replicate());
    let external = TabletExternallyReparentedRequest { tablet: alias(PRIMARY) };
    let e = ops.tablet_externally_reparented(external.clone()).await.unwrap_err();
    assert!(e.message().contains("replicates from fake"), "{e}");
    fake.with(PRIMARY, |t| t.source = None);
    let done = ops.tablet_externally_reparented(external.clone()).await.unwrap();
    assert_eq!((done.new_primary.clone(), done.old_primary), (alias(PRIMARY), alias(REPLICA)));
    let again = ops.tablet_externally_reparented(external).await.unwrap();
    assert_eq!((again.new_primary, again.old_primary), (alias(PRIMARY), None));
    // The other one follows by ReparentTablet, the primary itself does not.
    ops.reparent_tablet(ReparentTabletRequest { tablet: alias(REPLICA) }).await.unwrap();
    assert_eq!(fake.tablet(REPLICA).source.as_deref(), Some(PRIMARY));
    let e = ops.reparent_tablet(ReparentTabletRequest { tablet: alias(PRIMARY) }).await.unwrap_err();
    assert!(e.message().contains(&format!("has no other primary than {PRIMARY}")), "{e}");
}

#[tokio::test]
async fn the_topology_is_a_tree_of_decoded_records() {
    let (ops, _fake) = with_shard().await;
    let get = |path: &str| {
        ops.get_topology_path(GetTopologyPathRequest { path: path.into(), ..Default::default() })
    };
    assert_eq!(get("/").await.unwrap().cell.unwrap().children, ["global", "zone1", "zone2"]);
    assert_eq!(get("/global/keyspaces/ks").await.unwrap().cell.unwrap().children, ["Keyspace", "shards"]);
    let tablet = get(&format!("/zone1/tablets/{PRIMARY}/Tablet")).await.unwrap().cell.unwrap();
    let json: serde_json::Value = serde_json::from_str(&tablet.data).unwrap();
    assert_eq!(json["type"], "PRIMARY");
    assert_eq!(get("/global/nowhere").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(get("relative").await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn empty_routing_rules_are_removed_and_served_as_none() {
    let ops = empty().await;
    let rule = vschema::RoutingRule { from_table: "a.t".into(), to_tables: vec!["b.t".into()] };
    let apply = |rules: Vec<vschema::RoutingRule>| ApplyRoutingRulesRequest {
        routing_rules: Some(vschema::RoutingRules { rules }),
        ..Default::default()
    };
    ops.apply_routing_rules(apply(vec![rule.clone()])).await.unwrap();
    let served = ops.topo.get_srv_vschema("zone1").await.unwrap().value.routing_rules.unwrap();
    assert_eq!(served.rules, [rule]);
    ops.apply_routing_rules(apply(vec![])).await.unwrap();
    assert!(topo::is_no_node(&ops.topo.global().get(topo::paths::ROUTING_RULES).await.unwrap_err()));
}

/// Two shards' worth of records in three cells, one of which is lost: what is asked is answered for the rest.
#[tokio::test(start_paused = true)]
async fn a_lost_cell_is_left_out_and_holds_up_nobody() {
    for loss in [Loss::Gone, Loss::Frozen] {
        let cells = MemoryCells::default();
        let topo = cells.server(&["a", "b", "c"]).await.unwrap();
        let ops = Ops::new(topo.clone(), Arc::new(GrpcLess {}));
        let shard = CreateShardRequest {
            keyspace: "ks".into(),
            shard_name: "-".into(),
            include_parent: true,
            ..Default::default()
        };
        ops.create_shard(shard).await.unwrap();
        for (uid, cell) in (1..).zip(["a", "b", "c"]) {
            let alias = Some((&TabletAlias::new(cell, uid)).into());
            let tablet =
                topodata::Tablet { alias, keyspace: "ks".into(), shard: "-".into(), ..Default::default() };
            topo.create_tablet(&tablet).await.unwrap();
        }
        cells.lose("b", loss);
        let begun = tokio::time::Instant::now();
        let rebuild = |cells: &[&str]| RebuildKeyspaceGraphRequest {
            keyspace: "ks".into(),
            cells: cells.iter().map(|c| (*c).into()).collect(),
            ..Default::default()
        };
        ops.rebuild_keyspace_graph(rebuild(&[])).await.unwrap();
        let e = ops.rebuild_keyspace_graph(rebuild(&["b"])).await.unwrap_err();
        assert!(e.to_string().contains("cell b"), "{e}");
        let list = GetTabletsRequest::default();
        assert_eq!(ops.get_tablets(list.clone()).await.unwrap().tablets.len(), 2);
        let e = ops.get_tablets(GetTabletsRequest { strict: true, ..list }).await.unwrap_err();
        assert!(e.to_string().contains("cell b"), "{e}");
        let of_ks = GetSrvKeyspacesRequest { keyspace: "ks".into(), ..Default::default() };
        let served = ops.get_srv_keyspaces(of_ks.clone()).await.unwrap().srv_keyspaces;
        let mut served: Vec<String> = served.into_keys().collect();
        served.sort();
        assert_eq!(served, ["a", "c"]);
        let named = GetSrvKeyspacesRequest { cells: vec!["b".into()], ..of_ks };
        assert!(ops.get_srv_keyspaces(named).await.unwrap_err().to_string().contains("cell b"));
        let replication =
            GetShardReplicationRequest { keyspace: "ks".into(), shard: "-".into(), ..Default::default() };
        assert_eq!(ops.get_shard_replication(replication).await.unwrap().shard_replication_by_cell.len(), 2);
        let told = ops.validate(ValidateRequest { ping_tablets: false }).await.unwrap();
        let text = format!("{told:?}");
        assert!(text.contains("cell b does not answer") && text.contains("it is out of date"), "{text}");
        // Once the limit of a call, then a moment each.
        assert!(begun.elapsed() < Duration::from_secs(30), "{loss:?}: {:?}", begun.elapsed());
    }
}
