use std::sync::Mutex;

use super::*;

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct Fake {
    name: &'static str,
    log: Arc<Log>,
    fails: bool,
}

#[async_trait]
impl Part for Fake {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn open(&self, _: &Wanted) -> Result<()> {
        self.log.add(format!("open {}", self.name));
        if self.fails { Err(Error::internal("cannot")) } else { Ok(()) }
    }

    async fn drain(&self, _: Instant) {
        self.log.add(format!("drain {}", self.name));
    }

    async fn close(&self) {
        self.log.add(format!("close {}", self.name));
    }
}

fn wanted(tablet_type: TabletType, serving: bool) -> Wanted {
    Wanted { tablet_type, serving, reason: "asked".into(), primary_term_start: 7 }
}

fn target(tablet_type: TabletType) -> proto::query::Target {
    (&Target::new("ks", "0", tablet_type)).into()
}

fn start(fails: bool) -> (Serving, StateHandle, Arc<Log>) {
    let serving = Serving::new(Target::new("ks", "0", TabletType::Replica));
    let log = Arc::<Log>::default();
    let part = |name, fails| -> Arc<dyn Part> { Arc::new(Fake { name, log: Arc::clone(&log), fails }) };
    let (handle, task) = machine(serving.clone(), vec![part("a", false), part("b", fails)]);
    tokio::spawn(task);
    (serving, handle, log)
}

#[tokio::test]
async fn parts_open_in_order_and_close_in_reverse() {
    let (serving, handle, log) = start(false);
    let grace = Duration::ZERO;
    let e = serving.admit(Some(&target(TabletType::Replica)), true).unwrap_err();
    assert_eq!(
        (e.code(), e.message()),
        (vterrors::Code::ClusterEvent, "operation not allowed in state NOT_SERVING")
    );

    handle.change(wanted(TabletType::Replica, true), grace).await.unwrap();
    assert_eq!(log.take(), ["open a", "open b"]);
    serving.admit(Some(&target(TabletType::Replica)), false).unwrap();
    let e = serving.admit(Some(&target(TabletType::Primary)), false).unwrap_err();
    assert_eq!(e.message(), "wrong tablet type: primary, want: replica");

    // Another type: down and up again.
    handle.change(wanted(TabletType::Primary, true), grace).await.unwrap();
    assert_eq!(log.take(), ["drain a", "drain b", "close b", "close a", "open a", "open b"]);
    assert_eq!(serving.snapshot().primary_term_start, 7);
    // The same again: nothing.
    handle.change(wanted(TabletType::Primary, true), grace).await.unwrap();
    assert_eq!(log.take(), Vec::<String>::new());
    handle.change(wanted(TabletType::Primary, false), grace).await.unwrap();
    assert_eq!(log.take(), ["drain a", "drain b", "close b", "close a"]);
}

#[tokio::test]
async fn a_part_that_does_not_open_closes_those_before_it() {
    let (serving, handle, log) = start(true);
    let e = handle.change(wanted(TabletType::Primary, true), Duration::ZERO).await.unwrap_err();
    assert_eq!(e.message(), "b: cannot");
    assert_eq!(log.take(), ["open a", "open b", "close a"]);
    assert_eq!(serving.snapshot().phase, Phase::NotServing);
    assert!(serving.snapshot().reason.contains("cannot"));
}

#[tokio::test(start_paused = true)]
async fn a_request_inside_is_waited_for_within_the_grace() {
    let (serving, handle, _) = start(false);
    handle.change(wanted(TabletType::Primary, true), Duration::ZERO).await.unwrap();
    let inside = serving.admit(Some(&target(TabletType::Primary)), false).unwrap();
    let mut watch = serving.subscribe();
    let down = tokio::spawn({
        let handle = handle.clone();
        async move { handle.change(wanted(TabletType::Primary, false), Duration::from_secs(3)).await }
    });
    watch.wait_for(|s| s.phase == Phase::ShuttingDown).await.unwrap();
    let e = serving.admit(Some(&target(TabletType::Primary)), false).unwrap_err();
    assert_eq!(e.message(), "operation not allowed in state SHUTTING_DOWN");
    drop(serving.admit(Some(&target(TabletType::Primary)), true).unwrap());
    let started = Instant::now();
    drop(inside);
    down.await.unwrap().unwrap();
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(serving.snapshot().phase, Phase::NotServing);
}

#[test]
fn targets_that_are_not_ours_are_refused_by_name() {
    let snapshot = Snapshot {
        target: Target::new("ks", "-80", TabletType::Replica),
        phase: Phase::Serving,
        reason: String::new(),
        primary_term_start: 0,
    };
    for (keyspace, shard, word) in
        [("other", "-80", "invalid keyspace other"), ("ks", "80-", "invalid shard 80-")]
    {
        let asked = (&Target::new(keyspace, shard, TabletType::Replica)).into();
        assert!(snapshot.check(Some(&asked), false).unwrap_err().message().contains(word));
    }
    assert!(snapshot.check(None, false).is_ok());
}

/// A part with one transaction, that a request begins.
struct OneTransaction {
    open: AtomicBool,
    drains: watch::Sender<usize>,
    ended: Notify,
    cut_off: AtomicBool,
}

#[async_trait]
impl Part for OneTransaction {
    fn name(&self) -> &'static str {
        "transaction"
    }

    async fn open(&self, _: &Wanted) -> Result<()> {
        Ok(())
    }

    async fn drain(&self, _: Instant) {
        self.drains.send_modify(|n| *n += 1);
        if !self.is_drained() {
            self.ended.notified().await;
        }
    }

    fn is_drained(&self) -> bool {
        !self.open.load(Ordering::SeqCst)
    }

    async fn close(&self) {
        self.cut_off.store(!self.is_drained(), Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_transaction_that_begins_while_serving_ends_has_its_grace() {
    let part = Arc::new(OneTransaction {
        open: AtomicBool::new(false),
        drains: watch::Sender::new(0),
        ended: Notify::new(),
        cut_off: AtomicBool::new(false),
    });
    let serving = Serving::new(target_of(TabletType::Primary));
    let (handle, task) = machine(serving.clone(), vec![part.clone()]);
    tokio::spawn(task);
    let grace = Duration::from_secs(60);
    handle.change(wanted(TabletType::Primary, true), grace).await.unwrap();
    let beginning = serving.admit(Some(&target(TabletType::Primary)), false).unwrap();
    let change = tokio::spawn(async move { handle.change(wanted(TabletType::Primary, false), grace).await });
    // Nothing is open when it is first looked; the request that was let in before begins a transaction then.
    let mut drains = part.drains.subscribe();
    drains.wait_for(|n| *n == 1).await.unwrap();
    part.open.store(true, Ordering::SeqCst);
    drop(beginning);
    drains.wait_for(|n| *n == 2).await.unwrap();
    assert_eq!(serving.snapshot().phase, Phase::ShuttingDown);
    serving.admit(Some(&target(TabletType::Primary)), true).unwrap();
    part.open.store(false, Ordering::SeqCst);
    part.ended.notify_one();
    change.await.unwrap().unwrap();
    assert!(!part.cut_off.load(Ordering::SeqCst));
    assert_eq!(serving.snapshot().phase, Phase::NotServing);
}

fn target_of(tablet_type: TabletType) -> Target {
    Target::new("ks", "0", tablet_type)
}
