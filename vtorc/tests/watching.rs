//! vtorc's tasks over a topology in memory and tablets that are made up: what it finds it repairs, once, whoever
//! else is at work; one that hangs holds up nobody. Time is the test's own.

// The helpers of a test fail the test.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
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
use vtmodel::TabletAlias;
use vtorc::{Board, Options, finding::Analysis};

/// What a tablet is and does.
#[derive(Debug, Clone)]
struct Fake {
    tablet_type: TabletType,
    writable: bool,
    io_state: i32,
    source_port: i32,
    hangs: bool,
    looks: Vec<Instant>,
}

struct Tablets {
    fakes: Mutex<BTreeMap<u32, Fake>>,
    calls: Mutex<Vec<String>>,
    topo: topo::Server,
}

impl Tablets {
    fn with<T>(&self, uid: u32, change: impl FnOnce(&mut Fake) -> T) -> T {
        change(self.fakes.lock().unwrap().get_mut(&uid).unwrap())
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// A call that changes something; a tablet that hangs never answers.
    async fn change(&self, name: &str, tablet: &Tablet, change: impl FnOnce(&mut Fake)) {
        let uid = uid(tablet);
        if self.with(uid, |f| f.hangs) {
            std::future::pending::<()>().await;
        }
        self.calls.lock().unwrap().push(format!("{name} {uid}"));
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.with(uid, change);
    }
}

fn uid(tablet: &Tablet) -> u32 {
    tablet.alias.as_ref().unwrap().uid
}

#[async_trait]
impl TabletManagerClient for Tablets {
    async fn full_status(&self, tablet: &Tablet, _: FullStatusRequest) -> Result<FullStatusResponse> {
        let fake = self.with(uid(tablet), |f| {
            f.looks.push(Instant::now());
            f.clone()
        });
        if fake.hangs {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        let replication_status = (fake.source_port != 0).then(|| Status {
            source_host: "host".into(),
            source_port: fake.source_port,
            io_state: fake.io_state,
            sql_state: fake.io_state,
            ..Status::default()
        });
        let status = FullStatus {
            version: "9.7.0".into(),
            tablet_type: fake.tablet_type as i32,
            read_only: !fake.writable,
            super_read_only: !fake.writable,
            primary_status: Some(PrimaryStatus { position: "MySQL56/".into(), ..PrimaryStatus::default() }),
            replication_status,
            ..FullStatus::default()
        };
        Ok(FullStatusResponse { status: Some(status) })
    }

    async fn ping(&self, tablet: &Tablet, _: PingRequest) -> Result<PingResponse> {
        if self.with(uid(tablet), |f| f.hangs) {
            std::future::pending::<()>().await;
        }
        Ok(PingResponse::default())
    }

    async fn replication_status(
        &self,
        _: &Tablet,
        _: ReplicationStatusRequest,
    ) -> Result<ReplicationStatusResponse> {
        Err(Error::new(Condition::FailedPrecondition, "no replication status"))
    }

    async fn primary_position(
        &self,
        _: &Tablet,
        _: PrimaryPositionRequest,
    ) -> Result<PrimaryPositionResponse> {
        Ok(PrimaryPositionResponse { position: "MySQL56/".into() })
    }

    async fn init_primary(&self, tablet: &Tablet, _: InitPrimaryRequest) -> Result<InitPrimaryResponse> {
        self.change("init_primary", tablet, |f| {
            f.tablet_type = TabletType::Primary;
            f.writable = true;
            f.source_port = 0;
        })
        .await;
        let alias: TabletAlias = tablet.alias.as_ref().unwrap().into();
        let term = Some(vttime::Time { seconds: 7, nanoseconds: 0 });
        self.topo
            .update_tablet_fields(&alias, |t| {
                t.r#type = TabletType::Primary as i32;
                t.primary_term_start_time = term;
                Ok(Edit::Write)
            })
            .await?;
        self.topo
            .update_shard_fields(&tablet.keyspace, &tablet.shard, |s| {
                s.primary_alias = tablet.alias.clone();
                s.primary_term_start_time = term;
                Ok(Edit::Write)
            })
            .await?;
        Ok(InitPrimaryResponse { position: "MySQL56/".into() })
    }

    async fn execute_fetch_as_dba(
        &self,
        tablet: &Tablet,
        _: ExecuteFetchAsDbaRequest,
    ) -> Result<ExecuteFetchAsDbaResponse> {
        self.change("execute_fetch_as_dba", tablet, |_| ()).await;
        Ok(ExecuteFetchAsDbaResponse::default())
    }

    async fn populate_reparent_journal(
        &self,
        tablet: &Tablet,
        _: PopulateReparentJournalRequest,
    ) -> Result<PopulateReparentJournalResponse> {
        self.change("populate_reparent_journal", tablet, |_| ()).await;
        Ok(PopulateReparentJournalResponse {})
    }

    async fn set_replication_source(
        &self,
        tablet: &Tablet,
        r: SetReplicationSourceRequest,
    ) -> Result<SetReplicationSourceResponse> {
        let port = i32::try_from(r.parent.unwrap().uid).unwrap();
        self.change("set_replication_source", tablet, |f| {
            f.source_port = port;
            f.io_state = 3;
        })
        .await;
        Ok(SetReplicationSourceResponse {})
    }

    async fn start_replication(
        &self,
        tablet: &Tablet,
        _: StartReplicationRequest,
    ) -> Result<StartReplicationResponse> {
        self.change("start_replication", tablet, |f| f.io_state = 3).await;
        Ok(StartReplicationResponse {})
    }

    async fn set_read_only(&self, tablet: &Tablet, _: SetReadOnlyRequest) -> Result<SetReadOnlyResponse> {
        self.change("set_read_only", tablet, |f| f.writable = false).await;
        Ok(SetReadOnlyResponse {})
    }
}

struct Stand {
    topo: topo::Server,
    tablets: Arc<Tablets>,
    context: Context,
}

impl Stand {
    /// A shard `ks/0` of tablets 100 and up; the first is primary if `primary` says so.
    async fn new(count: u32, primary: bool) -> Self {
        let topo = topo::Server::memory(&["a"]).await.unwrap();
        topo.create_keyspace("ks", &topodata::Keyspace::default()).await.unwrap();
        topo.create_shard("ks", "0").await.unwrap();
        let mut fakes = BTreeMap::new();
        for uid in 100..100 + count {
            let leads = primary && uid == 100;
            let tablet_type = if leads { TabletType::Primary } else { TabletType::Replica };
            let term = leads.then_some(vttime::Time { seconds: 5, nanoseconds: 0 });
            let record = Tablet {
                alias: Some(topodata::TabletAlias { cell: "a".into(), uid }),
                hostname: "127.0.0.1".into(),
                mysql_hostname: "host".into(),
                mysql_port: i32::try_from(uid).unwrap(),
                keyspace: "ks".into(),
                shard: "0".into(),
                r#type: tablet_type as i32,
                primary_term_start_time: term,
                ..Tablet::default()
            };
            topo.create_tablet(&record).await.unwrap();
            if leads {
                let edit = |s: &mut topodata::Shard| {
                    s.primary_alias = record.alias.clone();
                    s.primary_term_start_time = term;
                    Ok(Edit::Write)
                };
                topo.update_shard_fields("ks", "0", edit).await.unwrap();
            }
            let source_port = if primary && !leads { 100 } else { 0 };
            let fake = Fake {
                tablet_type,
                writable: leads,
                io_state: 3,
                source_port,
                hangs: false,
                looks: Vec::new(),
            };
            fakes.insert(uid, fake);
        }
        let tablets = Tablets { fakes: Mutex::new(fakes), calls: Mutex::default(), topo: topo.clone() };
        Self { topo, tablets: Arc::new(tablets), context: Context::new("vtorc") }
    }

    fn vtorc(&self, flags: &[&str]) -> Arc<Board> {
        let flags = ["vtorc", "--topo-implementation=memory"].iter().chain(flags);
        let config = Options::try_parse_from(flags).unwrap().validate().unwrap();
        let board = Arc::new(Board::default());
        vtorc::watch(&config, self.topo.clone(), self.tablets.clone(), &board, &self.context);
        board
    }
}

/// Polls until it holds, for a minute of the test's time.
async fn until(what: &str, check: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !check() {
        assert!(Instant::now() < limit, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn found(board: &Board) -> Vec<Analysis> {
    board.reports().iter().flat_map(|r| r.findings.iter().map(|f| f.analysis)).collect()
}

#[tokio::test(start_paused = true)]
async fn troubles_of_replicas_are_repaired_once_by_two_of_us() {
    let stand = Stand::new(3, true).await;
    let boards = [stand.vtorc(&[]), stand.vtorc(&[])];
    until("both watch", || boards.iter().all(|b| !b.reports().is_empty())).await;
    pass(3).await;
    assert_eq!(stand.tablets.calls(), [""; 0], "a shard that is well is left alone");
    stand.tablets.with(101, |f| f.io_state = 1);
    stand.tablets.with(102, |f| f.writable = true);
    until("repairs", || {
        stand.tablets.with(101, |f| f.io_state == 3) && !stand.tablets.with(102, |f| f.writable)
    })
    .await;
    pass(10).await;
    let mut calls = stand.tablets.calls();
    calls.sort();
    assert_eq!(calls, ["set_read_only 102", "start_replication 101"]);
    assert!(boards.iter().all(|b| found(b).is_empty()));
    let history: Vec<_> = boards.iter().flat_map(|b| b.history()).collect();
    assert_eq!(history.len(), 2);
    assert!(history.iter().all(|e| e.successful && e.recovery == "FixReplica"), "{history:?}");
    let kept = stand.topo.get_history(Some("ks")).await.unwrap();
    let mut told: Vec<_> =
        kept.iter().map(|e| (e.operation.as_str(), e.target.as_str(), e.error.is_some())).collect();
    told.sort_unstable();
    let wanted = ["a-0000000101", "a-0000000102"].map(|tablet| ("FixReplica", tablet, false));
    assert_eq!(told, wanted, "operators see it where their own operations are");
    assert!(kept.iter().all(|e| e.who.starts_with("vtorc on ")), "{kept:?}");
}

/// The dashboard and the alert rules ask for what there is, and for troubles by their names.
#[tokio::test(start_paused = true)]
async fn what_is_monitored_is_exported() {
    let stand = Stand::new(2, true).await;
    let dir = testkit::temp_dir();
    let authority = authority::Authority::new("Ours").unwrap();
    let request = authority::Request::new("vtorc", &[]);
    let (cert, key) = authority.issue(&request).unwrap().write(dir.path(), "vtorc").unwrap();
    let ca = authority.write(dir.path()).unwrap();
    let file =
        |what: &str, path: &std::path::Path| format!("--tablet-manager-grpc-{what}={}", path.display());
    let board = stand.vtorc(&[&file("ca", &ca), &file("cert", &cert), &file("key", &key)]);
    until("it watches", || !board.reports().is_empty()).await;
    let exported = stand.context.metrics.to_prometheus("vtorc");
    testkit::check_metrics("vtorc", &exported);
    let ends = request.not_after.unix_timestamp();
    let line = format!("vtorc_certificate_not_after{{flag=\"tablet-manager-grpc-cert\"}} {ends}\n");
    assert!(exported.contains(&line), "{exported}");
    let rules = testkit::monitoring_file("alerts.yml");
    let (_, names) = rules.split_once("vtorc_detected_problems{label=~\"(").unwrap();
    let (names, _) = names.split_once(')').unwrap();
    for name in names.split('|') {
        assert!(Analysis::ALL.iter().any(|a| a.name() == name), "{name} is not what vtorc says");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_shard_gets_one_primary_from_two_of_us() {
    let stand = Stand::new(3, false).await;
    stand.tablets.with(102, |f| f.hangs = true);
    let boards = [stand.vtorc(&[]), stand.vtorc(&[])];
    pass(10).await;
    assert_eq!(stand.tablets.calls(), [""; 0], "one that has not answered may have the data");
    assert!(boards.iter().all(|b| found(b).contains(&Analysis::ClusterHasNoPrimary)));
    stand.tablets.with(102, |f| f.hangs = false);
    until("an election", || stand.tablets.with(102, |f| f.source_port == 100)).await;
    pass(10).await;
    let calls = stand.tablets.calls();
    assert_eq!(calls.iter().filter(|c| c.starts_with("init_primary")).count(), 1, "{calls:?}");
    assert_eq!(stand.tablets.with(100, |f| f.tablet_type), TabletType::Primary);
    assert!(boards.iter().all(|b| found(b).is_empty()), "{:?}", boards.each_ref().map(|b| found(b)));
}

#[tokio::test(start_paused = true)]
async fn a_tablet_that_hangs_holds_up_nobody() {
    let stand = Stand::new(4, true).await;
    stand.tablets.with(103, |f| f.hangs = true);
    let board = stand.vtorc(&["--discovery-workers=8"]);
    pass(20).await;
    assert_eq!(found(&board), [Analysis::InvalidReplica]);
    stand.tablets.with(101, |f| f.io_state = 1);
    let begun = Instant::now();
    until("the repair", || stand.tablets.with(101, |f| f.io_state == 3)).await;
    // A poll, and a fresh look that waits for the one that hangs for as long as a look may take.
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let looks = stand.tablets.with(102, |f| f.looks.clone());
    let longest = looks.windows(2).map(|w| w[1] - w[0]).max().unwrap();
    assert!(longest <= Duration::from_millis(1100), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_repaired_while_somebody_else_has_the_shard() {
    let stand = Stand::new(2, true).await;
    let board = stand.vtorc(&[]);
    let guard = stand.topo.lock_shard("ks", "0", "an operator").await.unwrap();
    stand.tablets.with(101, |f| f.io_state = 1);
    pass(20).await;
    assert_eq!(found(&board), [Analysis::ReplicationStopped]);
    assert_eq!(stand.tablets.calls(), [""; 0]);
    guard.unlock().await.unwrap();
    until("the repair", || stand.tablets.with(101, |f| f.io_state == 3)).await;
}

#[tokio::test(start_paused = true)]
async fn a_primary_that_is_silent_beside_silent_replicas_is_not_replaced() {
    let stand = Stand::new(3, true).await;
    let board = stand.vtorc(&[]);
    pass(3).await;
    (100..103).for_each(|uid| stand.tablets.with(uid, |f| f.hangs = true));
    pass(60).await;
    assert!(found(&board).contains(&Analysis::DeadPrimaryAndReplicas), "{:?}", found(&board));
    assert!(board.history().is_empty() && stand.tablets.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn recoveries_are_switched_off_for_all_by_the_topology() {
    let stand = Stand::new(2, true).await;
    stand.topo.set_metadata("vtorc_global_recoveries_disabled", "true").await.unwrap();
    let board = stand.vtorc(&[]);
    until("the first reading", || board.is_disabled()).await;
    stand.tablets.with(101, |f| f.writable = true);
    pass(30).await;
    assert_eq!(found(&board), [Analysis::ReplicaIsWritable]);
    assert_eq!(stand.tablets.calls(), [""; 0]);
    stand.topo.set_metadata("vtorc_global_recoveries_disabled", "").await.unwrap();
    until("the repair", || !stand.tablets.with(101, |f| f.writable)).await;
}

#[tokio::test(start_paused = true)]
async fn only_what_is_wanted_is_watched() {
    let stand = Stand::new(2, true).await;
    let board = stand.vtorc(&["--clusters-to-watch=other,ks/-80"]);
    pass(20).await;
    assert!(board.reports().is_empty() && board.health().is_ok());
    assert!(stand.tablets.with(100, |f| f.looks.is_empty()));
}
