//! The serving state: what the tablet is asked to be, what it is, and how it gets there.
//!
//! One task owns the way ([`run`]); requests only look at a snapshot ([`Serving::admit`]). The parts that
//! serve are opened in list order and closed in reverse.
//!
//! Going down has two stages. First the tablet is `SHUTTING_DOWN`: nothing new is admitted, what belongs to
//! an open transaction still is, for the grace period. Then it is `NOT_SERVING`: what is left is rolled
//! back and killed, and the way ends when no request is inside any more. A refused request has code 17,
//! whose text vtgate reads, so that it buffers or goes elsewhere.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use proto::topodata::TabletType;
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    time::Instant,
};
use tracing::{info, warn};
use vterrors::{Condition, Error, Result};
use vtmodel::{Target, tablet_type_lower};

/// How long requests inside may take to leave once they were killed.
const LEAVE_LIMIT: Duration = Duration::from_secs(10);

/// What the tablet shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub tablet_type: TabletType,
    pub serving: bool,
    /// Why it shall not serve, for people; empty when it shall.
    pub reason: String,
    /// Seconds since 1970 when this tablet became primary; 0 for others.
    pub primary_term_start: i64,
}

/// How far the tablet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    NotServing,
    /// Transactions that are open may still end.
    ShuttingDown,
    Serving,
}

impl Phase {
    /// As texts and metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotServing => "NOT_SERVING",
            Self::ShuttingDown => "SHUTTING_DOWN",
            Self::Serving => "SERVING",
        }
    }
}

/// What the tablet is: a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub target: Target,
    pub phase: Phase,
    pub reason: String,
    pub primary_term_start: i64,
}

/// A part that serves. Opening and closing must be possible again and again.
#[async_trait]
pub trait Part: Send + Sync {
    fn name(&self) -> &'static str;

    /// Gets ready to serve as `wanted`.
    async fn open(&self, wanted: &Wanted) -> Result<()>;

    /// Nothing new comes in; what is under way may end until `deadline`. Called in list order.
    async fn drain(&self, _deadline: Instant) {}

    /// Whether nothing is under way that a drain would wait for.
    fn is_drained(&self) -> bool {
        true
    }

    /// Ends what is left.
    async fn close(&self);
}

/// The snapshot that requests look at, and the count of those inside. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Serving {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    snapshot: ArcSwap<Snapshot>,
    changed: watch::Sender<Arc<Snapshot>>,
    inside: AtomicUsize,
    left: Notify,
    admitted: AtomicU64,
    /// mysqld answers and replication is in order.
    well: AtomicBool,
}

/// A request that was let in; it leaves when this is dropped.
#[derive(Debug)]
pub struct Admitted {
    inner: Arc<Inner>,
    pub tablet_type: TabletType,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if self.inner.inside.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.inner.left.notify_waiters();
        }
    }
}

impl Serving {
    pub fn new(target: Target) -> Self {
        let snapshot = Arc::new(Snapshot {
            target,
            phase: Phase::NotServing,
            reason: "the tablet is starting".into(),
            primary_term_start: 0,
        });
        let inner = Inner {
            snapshot: ArcSwap::new(Arc::clone(&snapshot)),
            changed: watch::Sender::new(snapshot),
            inside: AtomicUsize::new(0),
            left: Notify::new(),
            admitted: AtomicU64::new(0),
            well: AtomicBool::new(true),
        };
        Self { inner: Arc::new(inner) }
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.snapshot.load_full()
    }

    /// Told of every change.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.inner.changed.subscribe()
    }

    /// Requests that were let in since the start.
    pub fn admitted(&self) -> u64 {
        self.inner.admitted.load(Ordering::Relaxed)
    }

    /// Requests inside now.
    pub fn inside(&self) -> usize {
        self.inner.inside.load(Ordering::Acquire)
    }

    /// Lets a request for `target` in. `in_session` is true for what belongs to an open transaction or a
    /// reserved connection, which may still end while the tablet shuts down.
    pub fn admit(&self, target: Option<&proto::query::Target>, in_session: bool) -> Result<Admitted> {
        // Counted first: whoever drains sees either this request or its refusal.
        self.inner.inside.fetch_add(1, Ordering::AcqRel);
        let snapshot = self.inner.snapshot.load();
        let admitted = Admitted { inner: Arc::clone(&self.inner), tablet_type: snapshot.target.tablet_type };
        snapshot.check(target, in_session)?;
        if !in_session && !self.inner.well.load(Ordering::Relaxed) {
            return Err(not_allowed(Phase::NotServing));
        }
        self.inner.admitted.fetch_add(1, Ordering::Relaxed);
        Ok(admitted)
    }

    /// Whether the health check is content; if not, nothing new is let in.
    pub fn set_well(&self, well: bool) {
        self.inner.well.store(well, Ordering::Relaxed);
    }

    fn publish(&self, change: impl FnOnce(&mut Snapshot)) {
        let mut snapshot = Snapshot::clone(&self.inner.snapshot.load());
        change(&mut snapshot);
        let snapshot = Arc::new(snapshot);
        self.inner.snapshot.store(Arc::clone(&snapshot));
        self.inner.changed.send_replace(snapshot);
    }

    /// Waits until nobody is inside.
    async fn all_left(&self) {
        loop {
            let left = self.inner.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if self.inside() == 0 {
                return;
            }
            left.await;
        }
    }
}

/// vtgate reads this text, and code 17.
fn not_allowed(phase: Phase) -> Error {
    Error::new(Condition::NotServing, format!("operation not allowed in state {}", phase.name()))
}

impl Snapshot {
    fn check(&self, target: Option<&proto::query::Target>, in_session: bool) -> Result<()> {
        match self.phase {
            Phase::Serving => {}
            Phase::ShuttingDown if in_session => {}
            phase => {
                return Err(not_allowed(phase));
            }
        }
        // A request without a target comes from this process or from a person.
        let Some(asked) = target else { return Ok(()) };
        let mine = &self.target;
        if asked.keyspace != mine.keyspace {
            return Err(Error::invalid(format!(
                "invalid keyspace {}: this tablet has {}",
                asked.keyspace, mine.keyspace
            )));
        }
        if asked.shard != mine.shard {
            return Err(Error::invalid(format!(
                "invalid shard {}: this tablet has {}",
                asked.shard, mine.shard
            )));
        }
        // While it shuts down the tablet still is what its transactions were begun on.
        if asked.tablet_type() != mine.tablet_type && !in_session {
            return Err(Error::new(
                Condition::WrongTabletType,
                format!(
                    "wrong tablet type: {}, want: {}",
                    tablet_type_lower(asked.tablet_type()),
                    tablet_type_lower(mine.tablet_type)
                ),
            ));
        }
        Ok(())
    }
}

/// Asks the task that owns the way. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StateHandle {
    sender: mpsc::Sender<Request>,
}

#[derive(Debug)]
struct Request {
    wanted: Wanted,
    grace: Duration,
    done: oneshot::Sender<Result<()>>,
}

/// Requests that may wait for the task; more are refused by waiting in `send`.
const QUEUE: usize = 16;

impl StateHandle {
    /// Becomes `wanted` and returns when it is: what is open gets `grace` to end.
    pub async fn change(&self, wanted: Wanted, grace: Duration) -> Result<()> {
        let (done, answer) = oneshot::channel();
        let gone = || Error::internal("the tablet is going down");
        self.sender.send(Request { wanted, grace, done }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// The handle, and the task to be spawned.
pub fn machine(serving: Serving, parts: Vec<Arc<dyn Part>>) -> (StateHandle, impl Future<Output = ()>) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (StateHandle { sender }, run(serving, parts, receiver))
}

async fn run(serving: Serving, parts: Vec<Arc<dyn Part>>, mut requests: mpsc::Receiver<Request>) {
    while let Some(Request { wanted, grace, done }) = requests.recv().await {
        let result = go(&serving, &parts, &wanted, grace).await;
        if let Err(e) = &result {
            warn!(error = %e, "the serving state could not be reached");
        }
        // The asker may have given up waiting.
        let _ = done.send(result);
    }
}

async fn go(serving: &Serving, parts: &[Arc<dyn Part>], wanted: &Wanted, grace: Duration) -> Result<()> {
    let now = serving.snapshot();
    let same_type = now.target.tablet_type == wanted.tablet_type;
    let is_serving = now.phase == Phase::Serving;
    if is_serving && !(wanted.serving && same_type) {
        go_down(serving, parts, grace, &wanted.reason).await;
    }
    let describe = |s: &mut Snapshot, phase: Phase, reason: &str| {
        s.target.tablet_type = wanted.tablet_type;
        s.primary_term_start = wanted.primary_term_start;
        s.phase = phase;
        s.reason = reason.to_owned();
    };
    if !wanted.serving {
        serving.publish(|s| describe(s, Phase::NotServing, &wanted.reason));
        return Ok(());
    }
    if !(is_serving && same_type) {
        for (at, part) in parts.iter().enumerate() {
            if let Err(e) = part.open(wanted).await {
                for part in parts[..at].iter().rev() {
                    part.close().await;
                }
                let e = e.context(part.name());
                serving.publish(|s| describe(s, Phase::NotServing, &e.to_string()));
                return Err(e);
            }
        }
    }
    serving.publish(|s| describe(s, Phase::Serving, ""));
    info!(tablet_type = tablet_type_lower(wanted.tablet_type), "serving");
    Ok(())
}

async fn go_down(serving: &Serving, parts: &[Arc<dyn Part>], grace: Duration, reason: &str) {
    info!(reason, ?grace, "going down");
    serving.publish(|s| {
        s.phase = Phase::ShuttingDown;
        s.reason = reason.to_owned();
    });
    let deadline = Instant::now() + grace;
    loop {
        for part in parts {
            part.drain(deadline).await;
        }
        // Requests inside may end by themselves within the grace. One that was let in before may have begun a
        // transaction after the drain: that has its grace, too.
        let left = tokio::time::timeout_at(deadline, serving.all_left()).await.is_ok();
        if !left || parts.iter().all(|part| part.is_drained()) || Instant::now() >= deadline {
            break;
        }
    }
    serving.publish(|s| s.phase = Phase::NotServing);
    for part in parts.iter().rev() {
        part.close().await;
    }
    if tokio::time::timeout(LEAVE_LIMIT, serving.all_left()).await.is_err() {
        warn!(inside = serving.inside(), limit = ?LEAVE_LIMIT, "requests are still inside after they were killed");
    }
}

#[cfg(test)]
mod tests;
