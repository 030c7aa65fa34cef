use std::sync::atomic::{AtomicUsize, Ordering};

use discovery::Snapshot;
use servenv::Metrics;

use super::*;

/// No RPC of these tablets is called: the tests' own closures stand for the calls.
fn tablet(cell: &str, uid: u32, tablet_type: TabletType, serving: bool, lag: u32) -> Arc<TabletHealth> {
    let service = tabletclient::QueryClient::new("127.0.0.1:1", &rpc::ChannelOptions::default()).unwrap();
    Arc::new(TabletHealth {
        alias: TabletAlias::new(cell, uid),
        target: target(tablet_type),
        serving,
        primary_term_start: 0,
        replication_lag_seconds: lag,
        schema_version: 0,
        error: String::new(),
        hostname: "localhost".into(),
        service: Arc::new(service),
    })
}

fn target(tablet_type: TabletType) -> Target {
    Target::new("ks", "-80", tablet_type)
}

fn gateway(tablets: Vec<Arc<TabletHealth>>) -> Gateway {
    let config = GatewayConfig {
        cell: "here".into(),
        retry_count: 2,
        buffer_window: Duration::from_secs(10),
        buffer_size: 2,
    };
    let metrics = GateMetrics::new(&Metrics::default());
    Gateway::new(Discovery::fixed(Snapshot::of(tablets)), config, metrics)
}

fn not_serving() -> Error {
    Error::new(Condition::NotServing, "operation not allowed in state NOT_SERVING")
}

#[tokio::test]
async fn the_own_cell_and_fresh_replicas_come_first() {
    use TabletType::Replica;
    let gateway = gateway(vec![
        tablet("there", 1, Replica, true, 0),
        tablet("here", 2, Replica, true, 100),
        tablet("here", 3, Replica, true, 1),
        tablet("here", 4, Replica, false, 0),
    ]);
    for _ in 0..20 {
        let uid = gateway.run(&target(Replica), |t| async move { Ok(t.alias.uid) }).await.unwrap();
        assert_eq!(uid, 3);
    }
}

#[tokio::test]
async fn a_read_that_was_not_executed_goes_to_another_replica() {
    use TabletType::Replica;
    let gateway = gateway((1..=4).map(|uid| tablet("here", uid, Replica, true, 0)).collect());
    let calls = AtomicUsize::new(0);
    let result: Result<()> = gateway
        .run(&target(Replica), |_| async {
            calls.fetch_add(1, Ordering::Relaxed);
            Err(not_serving())
        })
        .await;
    assert_eq!(result.unwrap_err().condition(), Condition::NotServing);
    assert_eq!(calls.load(Ordering::Relaxed), 3, "the first call and --retry-count more");
}

#[tokio::test]
async fn what_may_have_been_executed_is_not_sent_again() {
    let gateway = gateway(vec![tablet("here", 1, TabletType::Primary, true, 0)]);
    let calls = AtomicUsize::new(0);
    let result: Result<()> = gateway
        .run(&target(TabletType::Primary), |_| async {
            calls.fetch_add(1, Ordering::Relaxed);
            Err(Error::new(Condition::ConnectionLost, "lost in mid-call"))
        })
        .await;
    assert_eq!(result.unwrap_err().condition(), Condition::ConnectionLost);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_waits_for_the_primary_and_no_longer_than_the_window() {
    let gateway = gateway(vec![tablet("here", 1, TabletType::Primary, true, 0)]);
    let calls = AtomicUsize::new(0);
    let result = gateway
        .run(&target(TabletType::Primary), |_| async {
            if calls.fetch_add(1, Ordering::Relaxed) < 3 { Err(not_serving()) } else { Ok(()) }
        })
        .await;
    result.unwrap();

    let started = Instant::now();
    let result: Result<()> =
        gateway.run(&target(TabletType::Primary), |_| async { Err(not_serving()) }).await;
    assert_eq!(result.unwrap_err().condition(), Condition::NotServing);
    let waited = started.elapsed();
    assert!(waited >= Duration::from_secs(9) && waited <= Duration::from_secs(11), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn the_buffer_is_bounded() {
    let gateway = gateway(vec![]);
    let target = target(TabletType::Primary);
    let wait = || gateway.run::<(), _>(&target, |_| async { Ok(()) });
    let (a, b, c) = tokio::join!(wait(), wait(), wait());
    let faults: Vec<_> = [a, b, c].into_iter().map(|r| r.unwrap_err().to_string()).collect();
    let full = faults.iter().filter(|f| f.contains("--buffer-size 2")).count();
    assert_eq!(full, 1, "{faults:?}");
}

#[tokio::test]
async fn nobody_is_an_error_that_names_the_target() {
    let gateway = gateway(vec![]);
    let e = gateway.run::<(), _>(&target(TabletType::Replica), |_| async { Ok(()) }).await.unwrap_err();
    assert_eq!(e.code(), vterrors::Code::Unavailable);
    assert!(e.message().contains("keyspace:\"ks\" shard:\"-80\" tablet_type:REPLICA"), "{e}");
}
