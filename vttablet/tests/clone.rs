//! Filling a server by the clone plugin: an empty one, and one with errant transactions. Its mysqld is looked after
//! by a mysqlctld, here in this process.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "tablet/harness.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod harness;

use std::{path::PathBuf, sync::Arc};

use harness::*;
use mysqlctl::{CnfOptions, grpc::MysqlCtlService, supervisor::Supervisor};
use proto::{
    mysqlctl::mysql_ctl_server::MysqlCtlServer,
    topodata::{self, TabletType},
};
use reparent::{PlannedRequest, Reparenter};
use tabletclient::GrpcTabletManagerClient;

/// Hands a server to a mysqlctld; its socket.
async fn supervise(server: &Server) -> PathBuf {
    server.mysqld.shutdown(LIMIT).await.unwrap();
    let (supervisor, task, _) = Supervisor::new(server.mysqld.clone(), CnfOptions::default());
    tokio::spawn(task);
    supervisor.start(Vec::new()).await.unwrap();
    let socket = server.dir.path().join("mysqlctl.sock");
    let service = MysqlCtlServer::new(MysqlCtlService::new(supervisor));
    let routes = rpc::routes().await.unwrap().add_service(service);
    let path = socket.clone();
    tokio::spawn(async move { rpc::serve_unix(&path, routes, std::future::pending()).await });
    socket
}

async fn becomes(t: &Running, topo: &topo::Server, wanted: TabletType, errant: bool) {
    eventually(&format!("{wanted:?}"), async || {
        let record = topo.get_tablet(&t.tablet.config.alias).await.unwrap().value;
        match (record.r#type(), record.tags.contains_key("errant_gtids")) {
            (found, tagged) if found == wanted && tagged == errant => Ok(()),
            other => Err(format!("{other:?} {:?}", record.tags)),
        }
    })
    .await;
}

#[test]
fn an_empty_server_and_one_with_errant_transactions_are_filled() {
    RUNTIME.block_on(async {
        let (one, two, three) = tokio::join!(Server::start(100), Server::start(101), Server::start(102));
        let topo = memory_topo().await;
        let keyspace = topodata::Keyspace {
            durability_policy: "semi_sync".into(),
            sidecar_db_name: "_vt".into(),
            ..topodata::Keyspace::default()
        };
        topo.create_keyspace("ks", &keyspace).await.unwrap();
        let a = start_tablet(&topo, &Arc::new(one), &[]).await;
        let b = start_tablet(&topo, &Arc::new(two), &[]).await;
        let reparenter = Reparenter::new(topo.clone(), Arc::new(GrpcTabletManagerClient::new(LIMIT)));
        let first = PlannedRequest {
            new_primary: Some(a.tablet.config.alias.clone()),
            ..PlannedRequest::new("ks", "0")
        };
        reparenter.planned(&first).await.unwrap();
        a.run("create table t (id bigint primary key)").await.unwrap();
        a.run("insert into t values (1), (2)").await.unwrap();
        // The beginning cannot be replicated any more.
        for tablet in [&a, &b] {
            tablet.dba("flush binary logs").await;
            tablet.dba("purge binary logs before now() + interval 1 day").await;
        }

        let socket = supervise(&three).await;
        let three = Arc::new(three);
        let socket = format!("--mysqlctl-socket={}", socket.display());
        let flags = [socket.as_str(), "--errant-data-retention=0s", "--health-check-interval=200ms"];
        let c = start_tablet(&topo, &three, &flags).await;
        replicates(&a, &c, 3).await;
        let uuids = (a.dba("select @@server_uuid").await, c.dba("select @@server_uuid").await);
        assert_ne!(uuids.0, uuids.1);

        // Something that the primary lacks, found when the tablet starts.
        for sql in [
            "stop replica",
            "reset replica all",
            "set global read_only = 0",
            "insert into vt_ks.t values (77)",
        ] {
            c.dba(sql).await;
        }
        drop(c);
        let kept = [socket.as_str(), "--errant-data-retention=1h", "--health-check-interval=200ms"];
        let c = start_tablet(&topo, &three, &kept).await;
        becomes(&c, &topo, TabletType::Drained, true).await;
        assert_eq!(c.dba("select id from vt_ks.t where id = 77").await, ["77"]);
        drop(c);
        let c = start_tablet(&topo, &three, &flags).await;
        becomes(&c, &topo, TabletType::Replica, false).await;
        replicates(&a, &c, 4).await;
        assert_eq!(c.dba("select id from vt_ks.t where id = 77").await, Vec::<String>::new());
        assert_eq!(c.dba("select @@super_read_only").await, ["1"]);
    });
}

/// What is written to the primary arrives.
async fn replicates(primary: &Running, replica: &Running, id: u64) {
    primary.run(&format!("insert into t values ({id})")).await.unwrap();
    eventually("the row is there", async || {
        match replica.tablet.dba.rows(&format!("select 1 from vt_ks.t where id = {id}")).await {
            Ok(rows) if rows.len() == 1 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}
