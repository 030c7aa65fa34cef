//! A real vtctld on a real etcd, driven through the command line's library as an operator would.

use std::net::TcpListener;

use clap::Parser;
use proto::{topodata, vtctldata, vtctlservice::vtctld_client::VtctldClient};
use serde_json::Value;
use servenv::Context;
use testkit::Etcd;

struct Cluster {
    etcd: Etcd,
    server: String,
    context: Context,
}

fn topo_flags(etcd: &Etcd) -> Vec<String> {
    ["--topo-implementation=etcd2", "--topo-global-root=/vitess/global", "--remote-operation-timeout=5s"]
        .iter()
        .map(|s| (*s).to_owned())
        .chain([format!("--topo-global-server-address={}", etcd.address())])
        .collect()
}

impl Cluster {
    /// etcd with the cell zone1, and a vtctld in this process.
    async fn start() -> Self {
        let etcd = Etcd::start();
        let internal = |args: &[&str]| {
            let mut all = topo_flags(&etcd);
            all.push("--server=internal".into());
            all.extend(args.iter().map(|a| (*a).to_owned()));
            vtctlclient::run_args(all)
        };
        let address = etcd.address();
        let add = ["AddCellInfo", "--root", "/vitess/zone1", "--server-address", &address, "zone1"];
        assert_eq!(internal(&add).await.expect("a cell is added"), "Created cell: zone1\n");
        let grpc = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port");
        let mut flags = vec!["vtctld".to_owned(), format!("--grpc-port={}", grpc.port())];
        flags.extend(topo_flags(&etcd));
        let context = Context::new("vtctld");
        let steps =
            vtctld::start(vtctld::Options::parse_from(flags), context.clone()).await.expect("vtctld starts");
        // The test's runtime ends with it; nothing is shut down in order here.
        std::mem::forget(steps);
        Self { etcd, server: grpc.to_string(), context }
    }

    async fn run(&self, args: &[&str]) -> vterrors::Result<String> {
        let mut all = vec!["--server", self.server.as_str()];
        all.extend(args);
        vtctlclient::run_args(all).await
    }

    async fn ok(&self, args: &[&str]) -> String {
        self.run(args).await.unwrap_or_else(|e| panic!("{args:?}: {e}"))
    }

    /// The JSON that a command prints, after a sentence or alone.
    async fn json(&self, args: &[&str]) -> Value {
        let text = self.ok(args).await;
        let from = text.find(['{', '[']).unwrap_or_else(|| panic!("{args:?} printed no JSON: {text}"));
        serde_json::from_str(&text[from..]).unwrap_or_else(|e| panic!("{args:?}: {e}: {text}"))
    }

    async fn error(&self, args: &[&str]) -> String {
        match self.run(args).await {
            Ok(text) => panic!("{args:?} worked: {text}"),
            Err(e) => e.to_string(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_brought_up_command_by_command() {
    let c = Cluster::start().await;
    assert_eq!(c.ok(&["GetCellInfoNames"]).await, "zone1\n");
    assert_eq!(c.json(&["GetCellInfo", "zone1"]).await["root"], "/vitess/zone1");

    let text = c.ok(&["CreateKeyspace", "--durability-policy=semi_sync", "customer"]).await;
    assert!(text.starts_with("Successfully created keyspace customer. Result:\n{"), "{text}");
    c.ok(&["CreateShard", "customer/-80"]).await;
    assert_eq!(c.json(&["CreateShard", "customer/80-"]).await["shard"]["name"], "80-");
    assert!(c.error(&["CreateShard", "customer/80-"]).await.contains("node already exists"));
    assert_eq!(c.json(&["CreateShard", "--force", "customer/80-"]).await["shard_already_exists"], true);
    let keyspaces = c.json(&["GetKeyspaces"]).await;
    assert_eq!(keyspaces[0]["keyspace"]["durability_policy"], "semi_sync");
    let shard = c.json(&["GetShard", "customer/-80"]).await;
    assert_eq!(
        (&shard["shard"]["primary_alias"], &shard["shard"]["key_range"]["end"]),
        (&Value::Null, &"gA==".into())
    );

    c.ok(&["RebuildKeyspaceGraph", "customer"]).await;
    let served = c.json(&["GetSrvKeyspaces", "customer", "zone1"]).await;
    assert_eq!(served["zone1"]["partitions"][0]["served_type"], "PRIMARY");
    assert_eq!(served["zone1"]["partitions"][0]["shard_references"][1]["name"], "80-");

    let vschema = r#"{"sharded": true, "vindexes": {"x": {"type": "xxhash"}},
        "tables": {"t": {"column_vindexes": [{"column": "id", "name": "x"}]}}}"#;
    let text = c.ok(&["ApplyVSchema", "--vschema", vschema, "customer"]).await;
    assert!(text.starts_with("New VSchema object:\n{"), "{text}");
    assert_eq!(c.json(&["GetVSchema", "customer"]).await["vindexes"]["x"]["type"], "xxhash");
    let compact = c.json(&["GetSrvVSchema", "zone1", "--compact"]).await;
    assert_eq!(compact["keyspaces"]["customer"]["tables"]["t"]["column_vindexes"][0]["name"], "x");
    assert_eq!(c.ok(&["RebuildVSchemaGraph"]).await, "RebuildVSchemaGraph: ok\n");
    assert!(
        c.error(&["ApplyVSchema", "--vschema", r#"{"sharde": true}"#, "customer"]).await.contains("sharde")
    );

    let path = c.json(&["GetTopologyPath", "--data-as-json", "/global/keyspaces/customer/Keyspace"]).await;
    assert_eq!(path["sidecar_db_name"], "_vt");
    let issues = c.error(&["Validate"]).await;
    assert!(issues.contains("no primary for shard customer/-80"), "{issues}");
    assert_eq!(
        c.ok(&["DeleteKeyspace", "--recursive", "customer"]).await,
        "Successfully deleted keyspace customer.\n"
    );
    assert_eq!(c.json(&["GetKeyspaces"]).await, serde_json::json!([]));
    assert!(c.ok(&["Validate"]).await.contains("No issues found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tablets_are_listed_and_one_that_does_not_answer_is_named() {
    let c = Cluster::start().await;
    c.ok(&["CreateKeyspace", "ks"]).await;
    c.ok(&["CreateShard", "ks/0"]).await;
    let flags =
        topo::TopoOptions { topo_global_server_address: vec![c.etcd.address()], ..Default::default() };
    let topo = topo::Server::open(&flags.validate().unwrap()).await.unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let tablet = topodata::Tablet {
        alias: Some(topodata::TabletAlias { cell: "zone1".into(), uid: 7 }),
        hostname: "127.0.0.1".into(),
        port_map: [("vt".to_owned(), 15007), ("grpc".to_owned(), i32::from(port))].into(),
        keyspace: "ks".into(),
        shard: "0".into(),
        r#type: topodata::TabletType::Replica as i32,
        ..Default::default()
    };
    topo.create_tablet(&tablet).await.unwrap();
    let line = "zone1-0000000007 ks 0 replica 127.0.0.1:15007 :0 [] <null>\n";
    assert_eq!(c.ok(&["GetTablets"]).await, line);
    assert_eq!(c.ok(&["GetTablets", "--keyspace", "ks", "--tablet-type", "replica"]).await, line);
    assert_eq!(c.ok(&["GetTablets", "--keyspace", "other"]).await, "");
    assert_eq!(c.json(&["GetTablet", "zone1-7"]).await["type"], "REPLICA");
    assert!(c.error(&["PingTablet", "zone1-7"]).await.contains("zone1-0000000007"));
    assert!(c.error(&["PingTablet", "zone1-8"]).await.contains("zone1-0000000008"));
    let silent = c.error(&["PlannedReparentShard", "ks/0"]).await;
    assert!(
        silent.contains("PlannedReparentShard ks/0: not all tablets answer: zone1-0000000007"),
        "{silent}"
    );
    assert!(
        c.error(&["ApplySchema", "--sql", "create table t (x int)", "ks"])
            .await
            .contains("ks/0 has no primary")
    );
    assert_eq!(c.ok(&["DeleteTablets", "zone1-7"]).await, "Successfully deleted 1 tablets\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_through_vtctld_and_changes_nothing() {
    let c = Cluster::start().await;
    let made = c.ok(&["CreateShard", "--include-parent", "--dry-run", "ks/-80"]).await;
    assert_eq!(
        made,
        "--- DRY RUN ---\n\
         + keyspace ks: NORMAL, durability_policy none, sidecar_db_name _vt\n\
         + VSchema of ks: empty\n\
         + shard ks/-80: is_primary_serving true\n"
    );
    assert_eq!(c.json(&["GetKeyspaces"]).await, serde_json::json!([]));
    c.ok(&["CreateShard", "--include-parent", "ks/-80"]).await;
    c.ok(&["CreateShard", "ks/80-"]).await;
    let refused = c.error(&["DeleteKeyspace", "--dry-run", "ks"]).await;
    assert!(refused.contains("still has 2 shards; use --recursive"), "{refused}");
    let gone = c.ok(&["DeleteKeyspace", "--recursive", "--dry-run", "ks"]).await;
    assert!(gone.contains("\n- shard ks/-80\n") && gone.contains("\n- shard ks/80-\n"), "{gone}");
    let table = c.ok(&["FindAllShardsInKeyspace", "--format=table", "ks"]).await;
    assert!(table.contains("| ks       | -80   |         | yes     |"), "{table}");
    let schema = c.error(&["ApplySchema", "--dry-run", "--sql", "create table t (x int)", "ks"]).await;
    assert!(schema.contains("shard ks/-80 has no primary"), "{schema}");
}

/// Its steps, of tablets that live, are told in e2e/tests/tls.rs.
#[tokio::test(flavor = "multi_thread")]
async fn a_reparent_s_dry_run_is_refused_as_the_reparent_is_and_leaves_nothing() {
    let c = Cluster::start().await;
    c.ok(&["CreateShard", "--include-parent", "ks/0"]).await;
    let before = c.ok(&["GetHistory", "ks"]).await;
    for command in ["PlannedReparentShard", "EmergencyReparentShard"] {
        let over_grpc = c.error(&[command, "--dry-run", "ks/0"]).await;
        let mut args = topo_flags(&c.etcd);
        args.extend(["--server=internal", command, "--dry-run", "ks/0"].map(str::to_owned));
        let here = vtctlclient::run_args(args).await.unwrap_err().to_string();
        assert!(over_grpc.contains("tablet"), "{command}: {over_grpc}");
        assert_eq!(over_grpc, here);
        assert!(c.error(&[command, "--dry-run", "ks/-80"]).await.contains("there is no shard ks/-80"));
    }
    assert_eq!(c.ok(&["GetHistory", "ks"]).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_monitored_is_exported() {
    let c = Cluster::start().await;
    testkit::check_metrics("vtctld", &c.context.metrics.to_prometheus("vtctld"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_says_who() {
    let c = Cluster::start().await;
    c.ok(&["CreateKeyspace", "ks"]).await;
    c.error(&["DeleteShards", "ks/0"]).await;
    let mut args = topo_flags(&c.etcd);
    args.extend(["--server=internal", "CreateShard", "ks/0"].iter().map(|a| (*a).to_owned()));
    vtctlclient::run_args(args).await.unwrap();
    let kept = c.json(&["GetHistory", "--format=json", "ks"]).await;
    let me = servenv::user_at_host();
    let told: Vec<_> = kept.as_array().unwrap().iter().map(|e| (&e["operation"], &e["who"])).collect();
    let (over_grpc, internal) =
        (format!("{me} (unproven)").into(), format!("{me} (--server internal)").into());
    let operations: [Value; 3] = ["CreateKeyspace", "DeleteShards", "CreateShard"].map(Value::from);
    let wanted = [&over_grpc, &over_grpc, &internal];
    assert_eq!(told, operations.iter().zip(wanted).collect::<Vec<_>>());
    let table = c.ok(&["GetHistory", "--limit=1", "ks"]).await;
    assert!(
        table.contains("| CreateShard | 0 ") && table.contains("| done ") && !table.contains("Keyspace"),
        "{table}"
    );
    assert_eq!(c.json(&["GetHistory", "--format=json"]).await[0]["operation"], "AddCellInfo");
    assert!(c.error(&["GetHistory", "none"]).await.contains("there are: ks"));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_name_what_is_there_and_who_holds_a_lock() {
    let c = Cluster::start().await;
    for keyspace in ["customer", "commerce"] {
        c.ok(&["CreateKeyspace", keyspace]).await;
    }
    c.ok(&["CreateShard", "customer/0"]).await;
    let missing = c.error(&["GetKeyspace", "custmer"]).await;
    assert!(missing.ends_with("\nthere is no keyspace custmer; there are: customer, commerce"), "{missing}");
    let missing = c.error(&["GetShard", "customer/-80"]).await;
    assert!(missing.ends_with("\nthere is no shard customer/-80; there are: customer/0"), "{missing}");
    let missing = c.error(&["GetTablet", "zone1-7"]).await;
    assert!(missing.ends_with("\nthere is no tablet zone1-0000000007; there is none yet"), "{missing}");

    let flags =
        topo::TopoOptions { topo_global_server_address: vec![c.etcd.address()], ..Default::default() };
    let topo = topo::Server::open(&flags.validate().unwrap()).await.unwrap();
    let guard = topo.lock_keyspace("customer", "a long work").await.unwrap();
    let mut args = topo_flags(&c.etcd);
    let more = ["--server=internal", "--lock-timeout=1s", "DeleteKeyspace", "customer"];
    args.extend(more.iter().map(|a| (*a).to_owned()));
    let held = vtctlclient::run_args(args).await.unwrap_err().to_string();
    assert!(held.contains("for \"a long work\" by "), "{held}");
    guard.unlock().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_answers_unimplemented_with_its_name() {
    let c = Cluster::start().await;
    let mut client = VtctldClient::connect(format!("http://{}", c.server)).await.unwrap();
    let status = client.get_workflows(vtctldata::GetWorkflowsRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unimplemented);
    assert!(status.message().contains("get_workflows"), "{status}");
    let status = client.backup(vtctldata::BackupRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unimplemented);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_etcd_a_reparent_is_refused_by_name_and_with_it_again_work_goes_on() {
    let mut c = Cluster::start().await;
    c.ok(&["CreateKeyspace", "ks"]).await;
    c.ok(&["CreateShard", "ks/0"]).await;
    c.etcd.stop();
    let refused = c.error(&["PlannedReparentShard", "ks/0"]).await;
    assert!(
        refused.contains("PlannedReparentShard ks/0 is refused: the shard cannot be locked"),
        "{refused}"
    );
    c.etcd.restart();
    assert_eq!(c.json(&["GetKeyspace", "ks"]).await["name"], "ks");
}
