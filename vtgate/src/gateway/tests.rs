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
        load: discovery::Load::default(),
    })
}

fn target(tablet_type: TabletType) -> Target {
    Target::new("ks", "-80", tablet_type)
}

fn gateway(tablets: Vec<Arc<TabletHealth>>) -> Gateway {
    let config = GatewayConfig {
        retry_count: 2,
        buffer: BufferConfig {
            window: Duration::from_secs(10),
            size: 2,
            bytes: 1024,
            max_failover_duration: Duration::from_secs(20),
            min_time_between_failovers: Duration::from_secs(60),
            drain_concurrency: 1,
        },
        max_calls_per_tablet: 100,
    };
    let metrics = GateMetrics::new(&Metrics::default());
    let snapshot = Snapshot::of(tablets).seen_from("here", Arc::new(["near".to_owned()].into()));
    Gateway::new(Discovery::fixed(snapshot), config, metrics)
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
        let uid = gateway.run(&target(Replica), || 10, |t| async move { Ok(t.alias.uid) }).await.unwrap();
        assert_eq!(uid, 3);
    }
}

/// One tablet after the other goes away: each time the nearest of those that are left is asked.
#[tokio::test]
async fn the_cells_of_the_own_alias_come_before_the_others() {
    use TabletType::Replica;
    let all = [("far", 1), ("near", 2), ("here", 3), ("here", 4)];
    for (left, expected) in [(4, vec![3, 4]), (3, vec![3]), (2, vec![2]), (1, vec![1])] {
        let serving = all[..left].iter().map(|(cell, uid)| tablet(cell, *uid, Replica, true, 0));
        let gateway = gateway(serving.collect());
        for _ in 0..20 {
            let uid = gateway.run(&target(Replica), || 10, |t| async move { Ok(t.alias.uid) }).await.unwrap();
            assert!(expected.contains(&uid), "{uid} of {left}");
        }
    }
    // Within one query, too.
    let gateway = gateway(all.iter().map(|(cell, uid)| tablet(cell, *uid, Replica, true, 0)).collect());
    let asked = std::sync::Mutex::new(Vec::new());
    let refuse = |t: Arc<TabletHealth>| {
        asked.lock().unwrap().push(t.alias.cell.clone());
        async { Err::<(), _>(not_serving()) }
    };
    gateway.run(&target(Replica), || 10, refuse).await.unwrap_err();
    assert_eq!(*asked.lock().unwrap(), ["here", "here", "near"]);
    // A lagging replica of the own cell comes after a fresh one of another.
    let lagging = vec![tablet("here", 1, Replica, true, 100), tablet("far", 2, Replica, true, 0)];
    let gateway = super::tests::gateway(lagging);
    let uid = gateway.run(&target(Replica), || 10, |t| async move { Ok(t.alias.uid) }).await.unwrap();
    assert_eq!(uid, 2);
}

#[tokio::test]
async fn a_read_that_was_not_executed_goes_to_another_replica() {
    use TabletType::Replica;
    let gateway = gateway((1..=4).map(|uid| tablet("here", uid, Replica, true, 0)).collect());
    let calls = AtomicUsize::new(0);
    let result: Result<()> = gateway
        .run(
            &target(Replica),
            || 10,
            |_| async {
                calls.fetch_add(1, Ordering::Relaxed);
                Err(not_serving())
            },
        )
        .await;
    assert_eq!(result.unwrap_err().condition(), Condition::NotServing);
    assert_eq!(calls.load(Ordering::Relaxed), 3, "the first call and --retry-count more");
}

#[tokio::test]
async fn what_may_have_been_executed_is_not_sent_again() {
    let gateway = gateway(vec![tablet("here", 1, TabletType::Primary, true, 0)]);
    let calls = AtomicUsize::new(0);
    let result: Result<()> = gateway
        .run(
            &target(TabletType::Primary),
            || 10,
            |_| async {
                calls.fetch_add(1, Ordering::Relaxed);
                Err(Error::new(Condition::ConnectionLost, "lost in mid-call"))
            },
        )
        .await;
    assert_eq!(result.unwrap_err().condition(), Condition::ConnectionLost);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_waits_for_the_primary_and_no_longer_than_the_window() {
    let gateway = gateway(vec![tablet("here", 1, TabletType::Primary, true, 0)]);
    let calls = AtomicUsize::new(0);
    let result = gateway
        .run(
            &target(TabletType::Primary),
            || 10,
            |_| async { if calls.fetch_add(1, Ordering::Relaxed) < 3 { Err(not_serving()) } else { Ok(()) } },
        )
        .await;
    result.unwrap();

    let started = Instant::now();
    let result: Result<()> =
        gateway.run(&target(TabletType::Primary), || 10, |_| async { Err(not_serving()) }).await;
    assert_eq!(result.unwrap_err().condition(), Condition::NotServing);
    let waited = started.elapsed();
    assert!(waited >= Duration::from_secs(9) && waited <= Duration::from_secs(11), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn the_buffer_is_bounded() {
    let gateway = gateway(vec![]);
    let target = target(TabletType::Primary);
    let wait = || gateway.run::<(), _>(&target, || 10, |_| async { Ok(()) });
    let (a, b, c) = tokio::join!(wait(), wait(), wait());
    let faults: Vec<_> = [a, b, c].into_iter().map(|r| r.unwrap_err().to_string()).collect();
    let full = faults.iter().filter(|f| f.contains("--buffer-size 2")).count();
    assert_eq!(full, 1, "{faults:?}");
}

#[tokio::test]
async fn nobody_is_an_error_that_names_the_target() {
    let gateway = gateway(vec![]);
    let e =
        gateway.run::<(), _>(&target(TabletType::Replica), || 10, |_| async { Ok(()) }).await.unwrap_err();
    assert_eq!(e.code(), vterrors::Code::Unavailable);
    assert!(e.message().contains("keyspace:\"ks\" shard:\"-80\" tablet_type:REPLICA"), "{e}");
}

#[tokio::test]
async fn replicas_with_fewer_calls_under_way_come_first() {
    use TabletType::Replica;
    let slow = tablet("here", 1, Replica, true, 0);
    let load = slow.load.clone();
    let _calls = [load.begin(), load.begin()];
    let gateway = gateway(vec![slow, tablet("here", 2, Replica, true, 0)]);
    for _ in 0..20 {
        let uid = gateway.run(&target(Replica), || 10, |t| async move { Ok(t.alias.uid) }).await.unwrap();
        assert_eq!(uid, 2);
    }
}

#[tokio::test]
async fn calls_to_a_slow_tablet_are_bounded() {
    let slow = tablet("here", 1, TabletType::Primary, true, 0);
    let load = slow.load.clone();
    let _calls: Vec<_> = (0..100).map(|_| load.begin()).collect();
    let gateway = gateway(vec![slow]);
    let e =
        gateway.run::<(), _>(&target(TabletType::Primary), || 10, |_| async { Ok(()) }).await.unwrap_err();
    assert!(e.message().contains("here-0000000001") && e.message().contains("--max-calls-per-tablet"), "{e}");
}

#[tokio::test]
async fn a_replica_that_went_away_in_mid_call_is_replaced() {
    use TabletType::Replica;
    let gateway = gateway((1..=2).map(|uid| tablet("here", uid, Replica, true, 0)).collect());
    let calls = AtomicUsize::new(0);
    let lost = || Error::new(Condition::ConnectionLost, "lost in mid-call");
    let result = gateway
        .run(
            &target(Replica),
            || 10,
            |_| async { if calls.fetch_add(1, Ordering::Relaxed) == 0 { Err(lost()) } else { Ok(()) } },
        )
        .await;
    result.unwrap();
}

/// The shard's primary, with its term.
fn primary_of(shard: &str, uid: u32, serving: bool) -> Arc<TabletHealth> {
    let health = tablet("here", uid, TabletType::Primary, serving, 0);
    Arc::new(TabletHealth {
        target: Target::new("ks", shard, TabletType::Primary),
        primary_term_start: i64::from(uid),
        ..TabletHealth::clone(&health)
    })
}

#[tokio::test(start_paused = true)]
async fn shards_are_kept_apart_and_drained_a_few_at_a_time() {
    let gone = || vec![primary_of("-80", 1, false), primary_of("80-", 2, false)];
    let mut gateway = gateway(gone());
    gateway.buffer = Buffer::new(
        BufferConfig { size: 10, ..gateway.config.buffer.clone() },
        gateway.metrics.buffer.clone(),
    );
    let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let low = Target::new("ks", "-80", TabletType::Primary);
    let high = Target::new("ks", "80-", TabletType::Primary);
    let write = |target| {
        gateway.run(
            target,
            || 10,
            |t| {
                let (inside, most) = (&inside, &most);
                async move {
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                    Ok(t.alias.uid)
                }
            },
        )
    };
    let back = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        gateway.discovery.replace(Snapshot::of([primary_of("-80", 3, true), primary_of("80-", 2, false)]));
    };
    let (a, b, c, other, ()) = tokio::join!(write(&low), write(&low), write(&low), write(&high), back);
    assert_eq!([a.unwrap(), b.unwrap(), c.unwrap()], [3, 3, 3]);
    assert_eq!(most.load(Ordering::SeqCst), 1, "--buffer-drain-concurrency is 1");
    assert_eq!(other.unwrap_err().condition(), Condition::NotServing);
    let metrics = &gateway.metrics.buffer;
    assert_eq!(metrics.starts.get("ks/-80.NotServing"), 1);
    assert_eq!(metrics.stops.get("ks/-80.NewPrimarySeen"), 1);
    assert_eq!(metrics.failover_ms.get("ks/-80") / 100, 10);
    assert_eq!(metrics.drained.get("ks/-80"), 3);
    assert_eq!(metrics.evicted.get("ks/80-.WindowExceeded"), 1);
    assert_eq!(metrics.waiting.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_shard_without_primary_for_long_is_given_up_and_tried_again_later() {
    let gateway = gateway(vec![primary_of("-80", 1, false)]);
    let target = Target::new("ks", "-80", TabletType::Primary);
    let ask = || async {
        let begun = Instant::now();
        let answer = gateway.run(&target, || 10, |t| async move { Ok(t.alias.uid) }).await;
        (begun.elapsed().as_secs(), answer)
    };
    assert_eq!(ask().await.0, 10, "the window of a query");
    assert_eq!(ask().await.0, 10, "until --buffer-max-failover-duration");
    let (waited, answer) = ask().await;
    assert_eq!(waited, 0);
    assert!(
        answer.unwrap_err().message().contains("ks/-80 had no primary for --buffer-max-failover-duration")
    );
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(ask().await.0, 10, "another failover");
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(ask().await.0, 10, "the one before is forgotten when nobody has asked for a while");
    gateway.discovery.replace(Snapshot::of([primary_of("-80", 2, true)]));
    assert_eq!(ask().await.1.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn queries_that_wait_have_bounded_bytes() {
    let gateway = gateway(vec![]);
    let target = target(TabletType::Primary);
    let wait = |bytes| gateway.run::<(), _>(&target, move || bytes, |_| async { Ok(()) });
    let (a, b) = tokio::join!(wait(1000), wait(100));
    assert!(!a.unwrap_err().message().contains("--buffer-max-bytes"));
    assert!(b.unwrap_err().message().contains("--buffer-max-bytes 1024"));
}

/// A frozen primary answers nothing: whoever has a transaction there is told as soon as another one serves.
#[tokio::test]
async fn transactions_of_a_replaced_primary_are_gone() {
    let primary = |uid, serving, primary_term_start| {
        let tablet = tablet("here", uid, TabletType::Primary, serving, 0);
        Arc::new(TabletHealth { primary_term_start, ..(*tablet).clone() })
    };
    let [old, new] = [1, 2].map(|uid| TabletAlias::new("here", uid));
    let before = gateway(vec![primary(1, true, 10), primary(2, false, 20)]);
    assert!(before.tablet(&old).is_ok(), "nobody serves in its place");
    let after = gateway(vec![primary(1, true, 10), primary(2, true, 20)]);
    assert!(after.tablet(&new).is_ok());
    let Err(e) = after.tablet(&old) else { panic!("it was replaced") };
    assert_eq!(e.condition(), Condition::TransactionGone);
    assert!(e.message().contains("no longer the primary of ks.-80.primary"), "{e}");
}
