//! An emergency reparent of three real servers under writes: the primary's mysqld is killed together with its
//! tablet, nothing that was acknowledged is lost, and the old primary comes back DRAINED with its tail.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "tablet/harness.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod harness;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use harness::*;
use mysqlctl::flavor::Threads;
use proto::{
    query::ExecuteRequest,
    topodata::{self, TabletType},
};
use reparent::{EmergencyRequest, PlannedRequest, Reparenter};
use tabletclient::{GrpcTabletManagerClient, QueryClient, QueryService};
use vtmodel::TabletAlias;

/// Clients that write at the same time.
const WRITERS: u64 = 8;

/// Writes rows with ever new numbers; those whose insert was answered with OK are acknowledged.
#[derive(Default)]
struct Writes {
    next: AtomicU64,
    acknowledged: Mutex<BTreeSet<u64>>,
}

impl Writes {
    /// Until the primary refuses or is gone.
    async fn write(&self, query: &QueryClient) {
        loop {
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            let request = ExecuteRequest {
                target: primary_target(),
                query: bound(&format!("insert into t values ({id})")),
                ..Default::default()
            };
            match query.execute(request).await {
                Ok(_) => drop(self.acknowledged.lock().unwrap().insert(id)),
                Err(_) => return,
            }
        }
    }

    fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }
}

async fn start_three() -> (topo::Server, Running, Running, Running) {
    let (one, two, three) = tokio::join!(Server::start(100), Server::start(101), Server::start(102));
    let topo = memory_topo().await;
    let keyspace = topodata::Keyspace {
        durability_policy: "semi_sync".into(),
        sidecar_db_name: "_vt".into(),
        ..Default::default()
    };
    topo.create_keyspace("ks", &keyspace).await.unwrap();
    let a = start_tablet(&topo, &Arc::new(one), &[]).await;
    let b = start_tablet(&topo, &Arc::new(two), &[]).await;
    let c = start_tablet(&topo, &Arc::new(three), &[]).await;
    (topo, a, b, c)
}

fn alias(t: &Running) -> TabletAlias {
    t.tablet.config.alias.clone()
}

#[test]
fn a_primary_killed_under_writes() {
    RUNTIME.block_on(async {
        let (topo, a, b, c) = start_three().await;
        let reparenter = Reparenter::new(topo.clone(), Arc::new(GrpcTabletManagerClient::new(LIMIT)));
        let first = PlannedRequest { new_primary: Some(alias(&a)), ..PlannedRequest::new("ks", "0") };
        reparenter.planned(&first).await.unwrap();
        a.run("create table t (id bigint primary key)").await.unwrap();
        for replica in [&b, &c] {
            assert!(replica.tablet.dba.semi_sync().await.unwrap().replica_enabled);
        }

        let writes = Arc::new(Writes::default());
        let tasks: Vec<_> = (0..WRITERS)
            .map(|_| {
                let (writes, query) = (Arc::clone(&writes), a.query.clone());
                tokio::spawn(async move { writes.write(&query).await })
            })
            .collect();
        eventually("some writes", async || match writes.count() {
            n if n > 300 => Ok(()),
            n => Err(n.to_string()),
        })
        .await;
        // The tail: both replicas fetch no more, commits wait for an acknowledgement that does not come.
        for replica in [&b, &c] {
            replica.dba("stop replica io_thread").await;
        }
        eventually("commits wait", async || match a.tablet.dba.semi_sync().await {
            Ok(status) if status.waiting_sessions > 0 => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;

        a.server.kill();
        let (server, old) = (Arc::clone(&a.server), alias(&a));
        drop(a);
        for task in tasks {
            tokio::time::timeout(LIMIT, task).await.unwrap().unwrap();
        }
        let request =
            EmergencyRequest { expected_primary: Some(old.clone()), ..EmergencyRequest::new("ks", "0") };
        let plan = reparenter.dry_run_emergency(&request).await.unwrap();
        assert!(plan.old_primary.as_ref() == Some(&old) && plan.primary != old, "{plan}");
        let done = reparenter.emergency(&request).await.unwrap();
        let (new, other) = if done.primary == alias(&b) { (&b, &c) } else { (&c, &b) };
        assert_eq!(topo.get_shard("ks", "0").await.unwrap().primary(), Some(done.primary.clone()));

        // It takes writes, which the other replica acknowledges, and nothing is lost.
        new.run("insert into t values (1000000)").await.unwrap();
        let there: BTreeSet<u64> =
            new.dba("select id from vt_ks.t").await.iter().map(|id| id.parse().unwrap()).collect();
        let lost: Vec<_> = writes.acknowledged.lock().unwrap().difference(&there).copied().collect();
        assert_eq!(lost, Vec::<u64>::new());
        eventually("the other follows", async || {
            match other.dba("select count(*) from vt_ks.t where id = 1000000").await {
                rows if rows == ["1"] => Ok(()),
                rows => Err(format!("{rows:?}")),
            }
        })
        .await;

        comes_back_drained(&topo, &server, new, &old).await;
    });
}

/// MySQL's applier waits a minute for the rest of a transaction before it stops, though nothing is fetched any more.
#[test]
fn a_relay_log_that_ends_within_a_transaction() {
    RUNTIME.block_on(async {
        let (topo, a, b, c) = start_three().await;
        if b.tablet.dba.flavor().await.unwrap().idle_applier_query().is_none() {
            return;
        }
        let reparenter = Reparenter::new(topo.clone(), Arc::new(GrpcTabletManagerClient::new(LIMIT)));
        let first = PlannedRequest { new_primary: Some(alias(&a)), ..PlannedRequest::new("ks", "0") };
        reparenter.planned(&first).await.unwrap();
        a.run("create table t (id int auto_increment primary key, a varchar(1000))").await.unwrap();
        eventually("the table is there", async || {
            match b.tablet.dba.rows("select 1 from vt_ks.t").await {
                Ok(_) => Ok(()),
                Err(e) => Err(e.to_string()),
            }
        })
        .await;
        let big = "insert into t (a) with recursive n(n) as (select 1 union all select n + 1 from n where n < 999) \
                   select repeat('x', 900) from n, n as m limit 100000";
        cut_a_transaction(&a, &b, big).await;

        // One that follows goes on with another source.
        let to_c = PlannedRequest { new_primary: Some(alias(&c)), ..PlannedRequest::new("ks", "0") };
        reparenter.planned(&to_c).await.unwrap();
        let rows = c.dba("select count(*) from vt_ks.t").await;
        eventually("the replica has the whole transaction", async || {
            match b.dba("select count(*) from vt_ks.t").await {
                there if there == rows => Ok(()),
                there => Err(format!("{there:?} of {rows:?}")),
            }
        })
        .await;
        // One that is to stop stops.
        cut_a_transaction(&c, &b, big).await;
        let started = Instant::now();
        b.tablet.stop_replication().await.unwrap();
        let took = started.elapsed();
        assert!(took < Duration::from_secs(20), "{took:?}");
    });
}

/// Has `source` commit a transaction of many megabytes, of which `replica` fetches a part only.
async fn cut_a_transaction(source: &Running, replica: &Running, sql: &'static str) {
    let dba = &replica.tablet.dba;
    for _ in 0..5 {
        let fetched = async || {
            let row = dba.row("show replica status").await.unwrap().unwrap();
            row.number::<u64>("Relay_Log_Space").unwrap().unwrap()
        };
        let before = fetched().await;
        let write = async { source.run(sql).await.unwrap() };
        let cut = async {
            while fetched().await < before + 100_000 {
                tokio::task::yield_now().await;
            }
            dba.stop_replication(Threads::Io).await.unwrap();
        };
        tokio::join!(write, cut);
        let written: vtmodel::Position =
            source.tablet.dba.primary_position().await.unwrap().position.parse().unwrap();
        let status = dba.replica_status().await.unwrap().unwrap();
        let fetched: vtmodel::Position = status.relay_log_position.parse().unwrap();
        if !fetched.at_least(&written) {
            return;
        }
        // The whole transaction was fetched.
        dba.start_replication().await.unwrap();
    }
    panic!("no transaction was cut");
}

/// The old primary has what nobody acknowledged: it says what, keeps it, and does not replicate.
async fn comes_back_drained(topo: &topo::Server, server: &Arc<Server>, new: &Running, old: &TabletAlias) {
    server.mysqld.start(&[], LIMIT).await.unwrap();
    let a = start_tablet(topo, server, &[]).await;
    let record = eventually("the old primary is drained", async || {
        let record = topo.get_tablet(old).await.unwrap().value;
        match record.r#type() {
            TabletType::Drained if record.tags.contains_key("errant_gtids") => Ok(record),
            other => Err(format!("{other:?} {:?}", record.tags)),
        }
    })
    .await;
    let errant = record.tags.get("errant_gtids").unwrap();
    assert_eq!(a.context.metrics.to_json()["ErrantGTIDs"], errant.as_str());
    let errant: vtmodel::Position = errant.parse().unwrap();
    let vtmodel::Position::Mysql56(errant) = errant else { panic!("{errant}") };
    assert!((1..=WRITERS).contains(&errant.count()), "a commit of each writer at most: {errant}");
    assert_eq!(a.dba("select @@super_read_only").await, ["1"]);
    assert!(a.tablet.dba.replica_status().await.unwrap().is_none());
    // Asked to follow, it refuses, and says why.
    let request = proto::tabletmanagerdata::SetReplicationSourceRequest {
        parent: new.record().alias,
        ..Default::default()
    };
    let manager = GrpcTabletManagerClient::new(Duration::from_secs(20));
    let e = tabletclient::TabletManagerClient::set_replication_source(&manager, &a.record(), request)
        .await
        .unwrap_err();
    assert!(e.message().contains("errant transactions"), "{e}");
}
