//! The size of the largest deployment told of: 11,416 tablets of 4,438 shards in 1,911 keyspaces, 1% of which hang.
//! In the test's own time: nobody waits for those that hang, and a dead primary is named as soon as in a small
//! cluster. What it costs is printed, for this build on this machine.

// The helpers of a test fail the test.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use clap::Parser;
use proto::{
    replicationdata::{FullStatus, PrimaryStatus, Status},
    tabletmanagerdata::*,
    topodata::{self, Tablet, TabletType},
    vttime,
};
use servenv::Context;
use tabletclient::TabletManagerClient;
use tokio::time::Instant;
use topo::Edit;
use vterrors::{Condition, Error, Result};
use vtorc::{Board, Options, finding::Analysis};

const KEYSPACES: u32 = 1_911;
const SHARDS: u32 = 4_438;
const TABLETS: u32 = 11_416;
/// Primaries that die.
const DEAD: u32 = 20;

/// Tablets that answer after 1 to 20 ms; one in a hundred never does.
struct Tablets {
    looks: AtomicU64,
    /// The mysqlds of the first primaries are dead.
    killed: AtomicBool,
    /// Of each tablet: its primary.
    primary_of: BTreeMap<u32, u32>,
}

fn uid(tablet: &Tablet) -> u32 {
    tablet.alias.as_ref().unwrap().uid
}

/// Replicas only: what is measured is not the failing over to them.
fn hangs(uid: u32) -> bool {
    uid >= SHARDS + 2 * DEAD && uid.is_multiple_of(61)
}

#[async_trait]
impl TabletManagerClient for Tablets {
    async fn full_status(&self, tablet: &Tablet, _: FullStatusRequest) -> Result<FullStatusResponse> {
        let uid = uid(tablet);
        self.looks.fetch_add(1, Ordering::Relaxed);
        if hangs(uid) {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(1 + u64::from(uid) * 7 % 20)).await;
        let (primary, killed) = (self.primary_of[&uid], self.killed.load(Ordering::Relaxed));
        if killed && uid < DEAD {
            return Err(Error::new(Condition::ConnectionLost, "cannot connect to mysqld"));
        }
        let gtids = (0..12).map(|n| format!("{n:08x}-0000-0000-0000-{uid:012x}:1-{}", 1_000_000 + uid));
        let position = format!("MySQL56/{}", gtids.collect::<Vec<_>>().join(","));
        let status = FullStatus {
            version: "9.7.0".into(),
            version_comment: "MySQL Community Server - GPL".into(),
            tablet_type: tablet.r#type,
            read_only: uid != primary,
            super_read_only: uid != primary,
            replication_status: (uid != primary).then(|| Status {
                source_host: "host".into(),
                source_port: i32::try_from(primary).unwrap(),
                io_state: if killed && primary < DEAD { 2 } else { 3 },
                sql_state: 3,
                position: position.clone(),
                relay_log_position: position.clone(),
                ..Status::default()
            }),
            primary_status: Some(PrimaryStatus { position, ..PrimaryStatus::default() }),
            ..FullStatus::default()
        };
        Ok(FullStatusResponse { status: Some(status) })
    }

    async fn ping(&self, tablet: &Tablet, _: PingRequest) -> Result<PingResponse> {
        if hangs(uid(tablet)) {
            std::future::pending::<()>().await;
        }
        Ok(PingResponse::default())
    }
}

/// Uids below [`SHARDS`] are the primaries of the shards in turn, the others replicas.
async fn topology() -> (topo::Server, BTreeMap<u32, u32>) {
    let topo = topo::Server::memory(&["a"]).await.unwrap();
    let name = |shard: u32| {
        (
            format!("ks{}", shard % KEYSPACES),
            format!("{:02x}-{:02x}", shard / KEYSPACES, shard / KEYSPACES + 1),
        )
    };
    for keyspace in 0..KEYSPACES {
        topo.create_keyspace(&format!("ks{keyspace}"), &topodata::Keyspace::default()).await.unwrap();
    }
    let mut primary_of = BTreeMap::new();
    let term = Some(vttime::Time { seconds: 5, nanoseconds: 0 });
    for uid in 0..TABLETS {
        let shard = uid % SHARDS;
        let (keyspace, shard_name) = name(shard);
        let leads = uid < SHARDS;
        let tablet_type = if leads { TabletType::Primary } else { TabletType::Replica };
        let record = Tablet {
            alias: Some(topodata::TabletAlias { cell: "a".into(), uid }),
            hostname: "127.0.0.1".into(),
            mysql_hostname: "host".into(),
            mysql_port: i32::try_from(uid).unwrap(),
            keyspace: keyspace.clone(),
            shard: shard_name.clone(),
            r#type: tablet_type as i32,
            primary_term_start_time: term.filter(|_| leads),
            ..Tablet::default()
        };
        if leads {
            topo.create_shard(&keyspace, &shard_name).await.unwrap();
            topo.update_shard_fields(&keyspace, &shard_name, |s| {
                s.primary_alias = record.alias.clone();
                s.primary_term_start_time = term;
                Ok(Edit::Write)
            })
            .await
            .unwrap();
        }
        topo.create_tablet(&record).await.unwrap();
        primary_of.insert(uid, shard);
    }
    (topo, primary_of)
}

/// Of this process: seconds of CPU, megabytes of memory.
fn cost() -> (f64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let rss = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
    (ticks / 100.0, rss.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024)
}

fn dead(board: &Board) -> u32 {
    let reports = board.reports();
    let found = reports.iter().flat_map(|r| &r.findings).filter(|f| f.analysis == Analysis::DeadPrimary);
    u32::try_from(found.count()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_dead_primary_among_thousands_is_named_at_once() {
    let (topo, primary_of) = topology().await;
    let tablets = Arc::new(Tablets { looks: AtomicU64::new(0), killed: AtomicBool::new(false), primary_of });
    let context = Context::new("vtorc");
    let config =
        Options::try_parse_from(["vtorc", "--topo-implementation=memory"]).unwrap().validate().unwrap();
    let board = Arc::new(Board::default());
    vtorc::watch(&config, topo, tablets.clone(), &board, &context);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(board.reports().len(), usize::try_from(SHARDS).unwrap());
    assert_eq!(dead(&board), 0);

    let (looks, (cpu, _)) = (tablets.looks.load(Ordering::Relaxed), cost());
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (cpu, memory) = (cost().0 - cpu, cost().1);
    let looks = tablets.looks.load(Ordering::Relaxed) - looks;
    println!("{looks} looks in 5 s: {:.0} us of CPU each, {memory} MB", cpu * 1e6 / looks as f64);
    let wanted = u64::from(TABLETS) * 5;
    assert!(looks > wanted * 95 / 100, "{looks} looks of {wanted}");

    tablets.killed.store(true, Ordering::Relaxed);
    let killed = Instant::now();
    let mut times = Vec::new();
    while dead(&board) < DEAD {
        assert!(killed.elapsed() < Duration::from_secs(10), "{} of {DEAD} are named", dead(&board));
        tokio::time::sleep(Duration::from_millis(20)).await;
        times.resize(usize::try_from(dead(&board)).unwrap(), killed.elapsed());
    }
    println!(
        "from the death to its name: half after {:?}, all after {:?}",
        times[times.len() / 2],
        killed.elapsed()
    );
    assert!(killed.elapsed() < Duration::from_secs(2), "{:?}", killed.elapsed());
}
