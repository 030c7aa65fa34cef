//! What vtorc repairs on real servers: each step breaks something past all of our programs, and waits until it is
//! whole again.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use mysql_async::{Conn, prelude::Queryable};
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::{Cluster, exec, rows, scenario::wait, text};

/// One shard, and a second failover of it need not wait long. A primary that was killed under writes may come back
/// DRAINED, which takes it out: after three kills there are two others still.
pub const FLAGS: [&str; 5] = [
    "--keyspace=ks=1",
    "--replicas=4",
    "--mysql-flavor=mysql",
    "--vtorc-arg=--recovery-block-duration=1s",
    "--vtgate-arg=--buffer-window=20s",
];
/// Clients that write while a primary is killed.
const WRITERS: usize = 4;

/// Where the first cell's is asked.
fn vtorc(cluster: &Cluster) -> (&str, u16) {
    cluster.plan().vtorcs().next().expect("the cluster has a vtorc").http()
}

/// What vtorc's API answers.
pub async fn api(cluster: &Cluster, path: &str) -> Result<Value, String> {
    let answer = vtlocal::supervise::http_get(vtorc(cluster), path).await.ok_or("vtorc does not answer")?;
    serde_json::from_str(&answer).map_err(|e| format!("{path}: {e}: {answer}"))
}

/// What is wrong, in vtorc's opinion: names and tablets.
async fn wrong(cluster: &Cluster) -> Result<Vec<String>, String> {
    let found = api(cluster, "/api/replication-analysis").await?;
    let text = |f: &Value, name: &str| f[name].as_str().unwrap_or("-").to_owned();
    let name = |f: &Value| {
        format!("{} {}: {}", text(f, "Analysis"), text(f, "AnalyzedInstanceAlias"), text(f, "Description"))
    };
    Ok(found.as_array().into_iter().flatten().map(name).collect())
}

async fn all_is_well(cluster: &Cluster) {
    wait("vtorc to find nothing wrong", async || match wrong(cluster).await? {
        found if found.is_empty() => Ok(()),
        found => Err(format!("{found:?}")),
    })
    .await;
}

/// What vtorc finds, and the last that it did, for a message.
async fn told(cluster: &Cluster) -> String {
    let history = api(cluster, "/api/recoveries").await.unwrap_or_default();
    let last: Vec<_> = history.as_array().into_iter().flatten().take(4).map(Value::to_string).collect();
    format!("{:?}\n{}", wrong(cluster).await, last.join("\n"))
}

/// Successful recoveries of a name.
async fn recoveries(cluster: &Cluster, name: &str) -> Result<usize, String> {
    let all = api(cluster, "/api/recoveries").await?;
    let of_name = |e: &&Value| e["recovery"] == name && e["successful"] == true;
    Ok(all.as_array().into_iter().flatten().filter(of_name).count())
}

/// vtorc, and not `vtlocal`, gave the new shard its primary: the tablet that `vtlocal` would have chosen.
pub async fn the_first_primary_was_elected(cluster: &Cluster) {
    assert_eq!(recoveries(cluster, "ElectNewPrimary").await, Ok(1), "{}", cluster.logs());
    assert_eq!(cluster.primary("ks", "0").await, cluster.plan().tablets[0].uid);
    all_is_well(cluster).await;
}

/// A new durability policy is carried to every server, and nobody's write waits long for it.
pub async fn a_durability_policy_is_carried_out(cluster: &Cluster) {
    let create = "CREATE TABLE w (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)";
    cluster.vtctl_ok(&["ApplySchema", "--sql", create, "ks"]);
    cluster.vtctl_ok(&["SetKeyspaceDurabilityPolicy", "--durability-policy=semi_sync", "ks"]);
    let primary = cluster.primary("ks", "0").await;
    for tablet in &cluster.plan().tablets {
        let half = if tablet.uid == primary { "source" } else { "replica" };
        let sql = format!("SELECT @@rpl_semi_sync_{half}_enabled");
        let mut mysqld = cluster.mysqld(tablet.uid).await;
        wait(&format!("semi-sync of tablet {}", tablet.uid), async || {
            let found = crate::try_rows(&mut mysqld, &sql).await.map_err(|e| e.to_string())?;
            if found == [["1"]] { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    }
    all_is_well(cluster).await;
    let mut conn = cluster.connect("ks").await;
    exec(&mut conn, "INSERT INTO w (id, n) VALUES (0, 0)").await;
}

/// `STOP REPLICA` behind everybody's back.
pub async fn stopped_replication_is_started(cluster: &Cluster) {
    let uid = cluster.replica("ks", "0").await;
    let mut mysqld = cluster.mysqld(uid).await;
    exec(&mut mysqld, "STOP REPLICA").await;
    let before = recoveries(cluster, "FixReplica").await.unwrap();
    wait("replication to run", async || {
        let status: Vec<mysql_async::Row> =
            mysqld.query("SHOW REPLICA STATUS").await.map_err(|e| e.to_string())?;
        let state = |name: &str| status[0].get::<String, _>(name).unwrap_or_default();
        let states = (state("Replica_IO_Running"), state("Replica_SQL_Running"));
        if states == ("Yes".into(), "Yes".into()) { Ok(()) } else { Err(format!("{states:?}")) }
    })
    .await;
    wait("the history to tell it", async || match recoveries(cluster, "FixReplica").await? {
        n if n > before => Ok(()),
        n => Err(format!("{n} repairs")),
    })
    .await;
    all_is_well(cluster).await;
}

/// A replica that somebody made writable.
pub async fn a_writable_replica_is_made_read_only(cluster: &Cluster) {
    let uid = cluster.replica("ks", "0").await;
    let mut mysqld = cluster.mysqld(uid).await;
    exec(&mut mysqld, "SET GLOBAL super_read_only = 0").await;
    exec(&mut mysqld, "SET GLOBAL read_only = 0").await;
    wait("the replica to be read-only", async || {
        let found = rows(&mut mysqld, "SELECT @@global.read_only, @@global.super_read_only").await;
        if found == [["1", "1"]] { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    all_is_well(cluster).await;
}

/// A primary that somebody made read-only.
pub async fn a_read_only_primary_is_made_writable(cluster: &Cluster) {
    let uid = cluster.primary("ks", "0").await;
    let mut mysqld = cluster.mysqld(uid).await;
    exec(&mut mysqld, "SET GLOBAL super_read_only = 1").await;
    wait("the primary to be writable", async || {
        let found = rows(&mut mysqld, "SELECT @@global.read_only").await;
        if found == [["0"]] { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    all_is_well(cluster).await;
    assert_eq!(cluster.primary("ks", "0").await, uid);
}

/// Clients that insert one row after the other, each with a number of its own, and keep what was acknowledged.
pub(crate) struct Writers {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<Vec<(u64, Instant)>>>,
    errors: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<()>>,
}

impl Writers {
    async fn start(cluster: &Cluster, first: u64) -> Self {
        let mut clients = Vec::new();
        for _ in 0..WRITERS {
            clients.push(cluster.connect("ks").await);
        }
        Self::of(clients, first)
    }

    /// One for each client, all with ids from `first` on.
    pub(crate) fn of(clients: Vec<Conn>, first: u64) -> Self {
        let (stop, acknowledged, errors) = (Arc::default(), Arc::default(), Arc::default());
        let mut writers = Self { stop, acknowledged, errors, tasks: Vec::new() };
        let ids = Arc::new(AtomicU64::new(first));
        for conn in clients {
            writers.tasks.push(tokio::spawn(write(
                conn,
                ids.clone(),
                writers.stop.clone(),
                writers.acknowledged.clone(),
                writers.errors.clone(),
            )));
        }
        writers
    }

    pub(crate) fn acknowledged_since(&self, at: Instant) -> Option<Instant> {
        self.acknowledged.lock().unwrap().iter().map(|(_, when)| *when).filter(|when| *when > at).min()
    }

    pub(crate) fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// Ends them; gives what was acknowledged.
    pub(crate) async fn end(self) -> BTreeSet<u64> {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        self.acknowledged.lock().unwrap().iter().map(|(id, _)| *id).collect()
    }
}

/// What fails is not tried again: nobody knows what became of it.
async fn write(
    mut conn: Conn,
    ids: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<Vec<(u64, Instant)>>>,
    errors: Arc<AtomicU64>,
) {
    while !stop.load(Ordering::Relaxed) {
        let id = ids.fetch_add(1, Ordering::Relaxed);
        match conn.query_drop(format!("INSERT INTO w (id, n) VALUES ({id}, 1)")).await {
            Ok(()) => acknowledged.lock().unwrap().push((id, Instant::now())),
            Err(_) => drop(errors.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

/// How a primary is killed.
#[derive(Debug, Clone, Copy)]
pub enum Kill {
    Mysqld,
    Vttablet,
    Both,
}

/// Kills the primary under writes: another one takes over, and all that was acknowledged is there. Gives the time
/// from the kill to the next acknowledged write.
#[allow(clippy::print_stdout)]
pub async fn a_killed_primary_is_replaced(cluster: &Cluster, how: Kill, first: u64) -> Duration {
    let old = cluster.primary("ks", "0").await;
    let writers = Writers::start(cluster, first).await;
    let begun = Instant::now();
    wait("the first writes", async || {
        writers.acknowledged_since(begun).map(drop).ok_or_else(|| "none".to_owned())
    })
    .await;
    let killed = Instant::now();
    for (name, hit) in [
        (format!("vttablet-{old}"), matches!(how, Kill::Vttablet | Kill::Both)),
        (format!("mysqld-{old}"), matches!(how, Kill::Mysqld | Kill::Both)),
    ] {
        if hit {
            cluster.signal(&name, Signal::SIGKILL);
        }
    }
    // A write that was on its way back when the primary died.
    let after = killed + Duration::from_millis(100);
    wait("a new primary to take writes", async || {
        let others = cluster.tablet_types().await;
        let new = others.iter().any(|(uid, t)| *uid != old && t == "primary");
        let acknowledged = writers.acknowledged_since(after).is_some();
        if new && acknowledged { Ok(()) } else { Err(format!("{others:?}, {}", told(cluster).await)) }
    })
    .await;
    let pause = writers.acknowledged_since(after).unwrap() - killed;
    let errors = writers.errors.clone();
    let acknowledged = writers.end().await;
    let mut conn = cluster.connect("ks").await;
    let found = rows(&mut conn, &format!("SELECT id FROM w WHERE id >= {first}")).await;
    let found: BTreeSet<u64> = found.into_iter().map(|row| row[0].parse().unwrap()).collect();
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    println!(
        "{how:?} of tablet {old}: {} ms to the next acknowledged write, {} acknowledged, {} errors, {} lost",
        pause.as_millis(),
        acknowledged.len(),
        errors.load(Ordering::Relaxed),
        lost.len()
    );
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}\n{}", cluster.logs());
    pause
}

/// What was killed is started again: it is a replica of the new primary, or DRAINED with what nobody acknowledged.
pub async fn the_killed_one_comes_back(cluster: &Cluster) {
    let out = cluster.up();
    assert!(out.status.success(), "{}\n{}", text(&out), cluster.logs());
    wait("every tablet to be of use, or drained", async || {
        let types = cluster.tablet_types().await;
        let primaries = types.values().filter(|t| *t == "primary").count();
        let others = types.values().all(|t| matches!(t.as_str(), "primary" | "replica" | "drained"));
        if primaries == 1 && others { Ok(()) } else { Err(format!("{types:?}")) }
    })
    .await;
    all_is_well(cluster).await;
}

/// The switch stops recoveries, for as long as it is off.
pub async fn the_switch_stops_recoveries(cluster: &Cluster) {
    let switch =
        async |path: &str| vtlocal::supervise::http_get(vtorc(cluster), path).await.expect("vtorc answers");
    assert!(switch("/api/disable-global-recoveries").await.contains("disabled"));
    let uid = cluster.replica("ks", "0").await;
    let mut mysqld = cluster.mysqld(uid).await;
    exec(&mut mysqld, "SET GLOBAL super_read_only = 0").await;
    let skipped = async || {
        let vars = api(cluster, "/debug/vars").await?;
        Ok::<_, String>(vars["SkippedRecoveries"]["FixReplica.ks.0"].as_u64().unwrap_or(0))
    };
    let before = skipped().await.unwrap();
    wait("vtorc to see it, and to leave it", async || {
        let (found, now) = (wrong(cluster).await?, skipped().await?);
        let seen = found.iter().any(|f| f.starts_with("ReplicaIsWritable"));
        if seen && now > before { Ok(()) } else { Err(format!("{found:?}, {before} and {now} skipped")) }
    })
    .await;
    assert_eq!(rows(&mut mysqld, "SELECT @@global.super_read_only").await, [["0"]]);
    assert!(switch("/api/enable-global-recoveries").await.contains("enabled"));
    wait("the replica to be read-only", async || {
        let found = rows(&mut mysqld, "SELECT @@global.super_read_only").await;
        if found == [["1"]] { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    all_is_well(cluster).await;
}
