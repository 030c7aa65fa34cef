//! Connections to mysqld, kept open and lent out.
//!
//! What must hold:
//! - At most `capacity` connections are lent at once; who comes when all are out waits in line, first come
//!   first served, at most `timeout`, and then is told which pool was full. Both can be changed while the
//!   pool runs: a smaller capacity takes effect as connections come back.
//! - A connection that comes back in the middle of an answer, inside a transaction, or after
//!   [`Lent::spoil`] is closed, never lent again. If mysqld may still be working for it, it is killed there.
//! - A connection is lent to the runtime in which it was opened (`servenv::Cores`): its answers wake the thread
//!   that waits for them. One of another runtime is lent only where no more may be opened.
//! - A connection that lay idle longer than `idle_timeout` is closed.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use mysqlwire::client::{Conn, ConnectOptions};
use serde_json::json;
use servenv::Metrics;
use tokio::{
    runtime::{Handle, Id},
    sync::oneshot,
    time::Instant,
};
use vterrors::{Condition, Error, Result};

use super::kill::Killer;

/// What can be changed while a pool runs. Times are in nanoseconds inside, 0 means none.
#[derive(Debug)]
pub struct Limits {
    capacity: AtomicU64,
    timeout: AtomicU64,
    idle_timeout: AtomicU64,
}

/// How a pool starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolConfig {
    /// Its name in metrics and errors, as Vitess names it: `ConnPool`, `TransactionPool`...
    pub name: &'static str,
    pub capacity: usize,
    /// How long to wait for a connection when all are out; zero waits as long as the caller does.
    pub timeout: Duration,
    /// Zero keeps idle connections forever.
    pub idle_timeout: Duration,
    /// The most callers that may wait at once.
    pub max_waiters: usize,
}

/// A pool of connections with the same options. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Pool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: &'static str,
    options: ArcSwap<ConnectOptions>,
    limits: Limits,
    max_waiters: usize,
    killer: Killer,
    state: Mutex<State>,
    stats: Stats,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Idle>,
    lent: usize,
    waiters: VecDeque<oneshot::Sender<Turn>>,
    /// Connections lent before the last [`Pool::close_idle`] are not kept when they come back.
    generation: u64,
}

#[derive(Debug)]
struct Idle {
    /// Boxed as long as it is in the pool's hands: it is large, and goes in and out for each query.
    conn: Box<Conn>,
    home: Id,
    since: Instant,
}

/// What a waiter is handed: a connection, or the right to open one.
#[derive(Debug)]
enum Turn {
    Conn(Box<Conn>, Id),
    Open,
}

#[derive(Debug, Default)]
struct Stats {
    waits: AtomicU64,
    wait_nanoseconds: AtomicU64,
    exhausted: AtomicU64,
    opened: AtomicU64,
    idle_closed: AtomicU64,
}

fn nanoseconds(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

impl Limits {
    fn new(config: &PoolConfig) -> Self {
        Self {
            capacity: AtomicU64::new(config.capacity as u64),
            timeout: AtomicU64::new(nanoseconds(config.timeout)),
            idle_timeout: AtomicU64::new(nanoseconds(config.idle_timeout)),
        }
    }

    pub fn capacity(&self) -> usize {
        usize::try_from(self.capacity.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
    }

    pub fn timeout(&self) -> Duration {
        Duration::from_nanos(self.timeout.load(Ordering::Relaxed))
    }

    pub fn set_timeout(&self, timeout: Duration) {
        self.timeout.store(nanoseconds(timeout), Ordering::Relaxed);
    }

    fn idle_timeout(&self) -> Option<Duration> {
        match self.idle_timeout.load(Ordering::Relaxed) {
            0 => None,
            n => Some(Duration::from_nanos(n)),
        }
    }
}

impl Pool {
    pub fn new(config: &PoolConfig, options: Arc<ConnectOptions>, killer: Killer) -> Self {
        let inner = Inner {
            name: config.name,
            options: ArcSwap::new(options),
            limits: Limits::new(config),
            max_waiters: config.max_waiters,
            killer,
            state: Mutex::default(),
            stats: Stats::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    pub fn name(&self) -> &'static str {
        self.inner.name
    }

    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// A connection: an idle one, a new one, or the next that comes back.
    ///
    /// Errors: `PoolFull` after the timeout, or at once when too many wait already; what connecting says.
    pub async fn get(&self) -> Result<Lent> {
        match self.take_turn() {
            Ok(turn) => self.fulfil(turn).await,
            Err(waiter) => {
                let turn = self.wait(waiter?).await?;
                self.fulfil(turn).await
            }
        }
    }

    /// [`Pool::get`] for a query of a client: no mysqld at all is the tablet's not serving.
    pub async fn get_for_query(&self) -> Result<Lent> {
        self.get().await.map_err(not_executed)
    }

    /// A turn at once, or a place in the line (or a refusal because the line is too long).
    fn take_turn(&self) -> Result<Turn, Result<oneshot::Receiver<Turn>>> {
        let mut state = self.inner.lock();
        // In line first: nobody overtakes.
        if state.waiters.is_empty() && state.lent < self.inner.limits.capacity() {
            state.lent += 1;
            return Ok(state.next_idle(&self.inner));
        }
        if state.waiters.len() >= self.inner.max_waiters {
            // Those who gave up are only noticed when a connection comes back.
            state.waiters.retain(|w| !w.is_closed());
        }
        if state.waiters.len() >= self.inner.max_waiters {
            self.inner.stats.exhausted.fetch_add(1, Ordering::Relaxed);
            let text = format!(
                "pool {}: too many callers wait for one of {} connections (limit {})",
                self.inner.name,
                self.inner.limits.capacity(),
                self.inner.max_waiters
            );
            return Err(Err(Error::new(Condition::PoolFull, text)));
        }
        let (sender, receiver) = oneshot::channel();
        state.waiters.push_back(sender);
        Err(Ok(receiver))
    }

    async fn wait(&self, receiver: oneshot::Receiver<Turn>) -> Result<Turn> {
        // Given back if this future is dropped after the turn was handed over and before it was taken.
        let mut receiver = Waiting { pool: self.clone(), receiver };
        let started = Instant::now();
        let limit = self.inner.limits.timeout();
        let turn = match limit.is_zero() {
            true => Ok((&mut receiver.receiver).await),
            false => tokio::time::timeout(limit, &mut receiver.receiver).await,
        };
        self.inner.stats.waits.fetch_add(1, Ordering::Relaxed);
        self.inner.stats.wait_nanoseconds.fetch_add(nanoseconds(started.elapsed()), Ordering::Relaxed);
        match turn {
            Ok(turn) => turn.map_err(|_| Error::internal(format!("pool {} was closed", self.inner.name))),
            Err(_) => {
                self.inner.stats.exhausted.fetch_add(1, Ordering::Relaxed);
                Err(Error::new(
                    Condition::PoolFull,
                    format!(
                        "pool {}: all {} connections were in use for {}",
                        self.inner.name,
                        self.inner.limits.capacity(),
                        servenv::format_duration(limit)
                    ),
                ))
            }
        }
    }

    /// Makes a turn into a lent connection.
    async fn fulfil(&self, turn: Turn) -> Result<Lent> {
        let generation = self.inner.lock().generation;
        // From here on the place is given back by a drop, whatever happens.
        let home = Handle::current().id();
        let mut lent = Lent { pool: self.clone(), conn: None, home, spoiled: false, generation };
        match turn {
            Turn::Conn(conn, home) => (lent.conn, lent.home) = (Some(conn), home),
            Turn::Open => {
                self.inner.stats.opened.fetch_add(1, Ordering::Relaxed);
                let conn = Conn::connect(self.inner.options.load_full()).await?;
                lent.conn = Some(Box::new(conn));
            }
        }
        Ok(lent)
    }

    /// A new capacity; connections that are out beyond it are closed as they come back.
    pub fn set_capacity(&self, capacity: usize) {
        self.inner.limits.capacity.store(capacity as u64, Ordering::Relaxed);
        let mut state = self.inner.lock();
        let most = capacity.saturating_sub(state.lent);
        state.idle.truncate(most);
        while state.lent < capacity {
            let Some(waiter) = state.waiters.pop_front() else { break };
            state.lent += 1;
            let turn = state.next_idle(&self.inner);
            if let Err(turn) = waiter.send(turn) {
                state.lent -= 1;
                state.keep_turn(turn);
            }
        }
    }

    /// How sessions start from now on; those there are closed as they come back.
    pub fn set_options(&self, change: impl FnOnce(&mut ConnectOptions)) {
        let mut options = ConnectOptions::clone(&self.inner.options.load());
        change(&mut options);
        self.inner.options.store(Arc::new(options));
        self.close_idle();
    }

    /// Closes what is idle now, and what is out as it comes back: after a restart of mysqld, or a change of
    /// what its sessions start with.
    pub fn close_idle(&self) {
        let mut state = self.inner.lock();
        state.generation += 1;
        state.idle.clear();
    }

    /// Closes what lay idle too long. Called now and then by the tablet.
    pub fn close_expired(&self) {
        let Some(limit) = self.inner.limits.idle_timeout() else { return };
        let mut state = self.inner.lock();
        let before = state.idle.len();
        state.idle.retain(|i| i.since.elapsed() < limit);
        let closed = before - state.idle.len();
        self.inner.stats.idle_closed.fetch_add(closed as u64, Ordering::Relaxed);
    }

    /// Connections out now.
    pub fn in_use(&self) -> usize {
        self.inner.lock().lent
    }

    /// Callers in line now.
    pub fn waiting(&self) -> usize {
        self.inner.lock().waiters.iter().filter(|w| !w.is_closed()).count()
    }

    /// Publishes the pool's numbers under Vitess's names.
    pub fn publish(&self, metrics: &Metrics) {
        let stat = |suffix: &str, read: fn(&Inner) -> u64| {
            let inner = Arc::clone(&self.inner);
            metrics.publish(format!("{}{suffix}", self.inner.name), move || json!(read(&inner)));
        };
        stat("Capacity", |i| i.limits.capacity() as u64);
        stat("InUse", |i| i.lock().lent as u64);
        stat("Active", |i| {
            let state = i.lock();
            (state.lent + state.idle.len()) as u64
        });
        stat("Available", |i| i.limits.capacity().saturating_sub(i.lock().lent) as u64);
        stat("Waiting", |i| i.lock().waiters.iter().filter(|w| !w.is_closed()).count() as u64);
        stat("WaitCount", |i| i.stats.waits.load(Ordering::Relaxed));
        stat("WaitTime", |i| i.stats.wait_nanoseconds.load(Ordering::Relaxed));
        stat("WaitTimeout", |i| i.limits.timeout.load(Ordering::Relaxed));
        stat("Exhausted", |i| i.stats.exhausted.load(Ordering::Relaxed));
        stat("Opened", |i| i.stats.opened.load(Ordering::Relaxed));
        stat("IdleClosed", |i| i.stats.idle_closed.load(Ordering::Relaxed));
        stat("IdleTimeout", |i| i.limits.idle_timeout.load(Ordering::Relaxed));
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place is free: the next in line gets it, with `conn` if there is one to be kept.
    fn give_back(&self, conn: Option<(Box<Conn>, Id)>) {
        let mut state = self.lock();
        let mut turn = match conn {
            Some((conn, home)) => Turn::Conn(conn, home),
            None => Turn::Open,
        };
        if state.lent <= self.limits.capacity() {
            while let Some(waiter) = state.waiters.pop_front() {
                match waiter.send(turn) {
                    Ok(()) => return,
                    Err(back) => turn = back,
                }
            }
        }
        let over = state.lent > self.limits.capacity();
        state.lent -= 1;
        if !over {
            state.keep_turn(turn);
        }
    }
}

impl State {
    /// The connection used last that is still open, or the right to open one. `self.lent` counts the caller.
    fn next_idle(&mut self, inner: &Inner) -> Turn {
        let limit = inner.limits.idle_timeout();
        let here = Handle::try_current().ok().map(|h| h.id());
        while let Some(last) = self.idle.len().checked_sub(1) {
            let own = self.idle.iter().rposition(|i| here.is_none_or(|here| i.home == here));
            if own.is_none() && self.lent + self.idle.len() <= inner.limits.capacity() {
                return Turn::Open;
            }
            let mut idle = self.idle.remove(own.unwrap_or(last));
            let fresh = limit.is_none_or(|limit| idle.since.elapsed() < limit);
            if fresh && idle.conn.looks_alive() {
                return Turn::Conn(idle.conn, idle.home);
            }
        }
        Turn::Open
    }

    fn keep_turn(&mut self, turn: Turn) {
        if let Turn::Conn(conn, home) = turn {
            self.idle.push(Idle { conn, home, since: Instant::now() });
        }
    }
}

/// A place in the line. A turn that arrives after the waiter gave up goes to the next.
struct Waiting {
    pool: Pool,
    receiver: oneshot::Receiver<Turn>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.receiver.close();
        match self.receiver.try_recv() {
            Ok(Turn::Conn(conn, home)) => self.pool.inner.give_back(Some((conn, home))),
            Ok(Turn::Open) => self.pool.inner.give_back(None),
            Err(_) => {}
        }
    }
}

/// A connection out of a pool; it goes back when dropped.
#[derive(Debug)]
pub struct Lent {
    pool: Pool,
    /// Always there but while connecting and while being given back.
    conn: Option<Box<Conn>>,
    /// The runtime of its socket.
    home: Id,
    spoiled: bool,
    generation: u64,
}

impl Lent {
    /// It will be closed instead of going back: its session was changed.
    pub fn spoil(&mut self) {
        self.spoiled = true;
    }

    /// Takes the connection out of the pool for good; the pool may open another in its place.
    pub fn detach(mut self) -> Box<Conn> {
        self.conn.take().expect("a lent connection is there until it is dropped")
    }

    /// Who can end a query on it.
    pub fn killer(&self) -> &Killer {
        &self.pool.inner.killer
    }
}

impl std::ops::Deref for Lent {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        self.conn.as_ref().expect("a lent connection is there until it is dropped")
    }
}

impl std::ops::DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Conn {
        self.conn.as_mut().expect("a lent connection is there until it is dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let inner = &self.pool.inner;
        let conn = self.conn.take().filter(|conn| {
            if !conn.is_usable() {
                inner.killer.kill_later(conn.connection_id());
                return false;
            }
            let old = inner.lock().generation != self.generation;
            !(self.spoiled || old || conn.in_transaction())
        });
        inner.give_back(conn.map(|conn| (conn, self.home)));
    }
}

/// Without a mysqld nothing of a query was executed: the gate may wait for another primary, or ask another replica.
/// Administration is told what it is: vtorc tells a mysqld that is gone from one that is slow by it.
fn not_executed(e: Error) -> Error {
    match e.condition() {
        Condition::Unreachable => Error::new(Condition::NotServing, e.message()),
        _ => e,
    }
}

#[cfg(test)]
mod tests {
    use mysqlwire::client::Address;

    use super::*;

    /// A client's query may go elsewhere; vtorc is told that nobody is there, which "not serving" would hide.
    #[tokio::test]
    async fn no_mysqld_is_not_serving_to_queries_alone() {
        let dir = testkit::temp_dir();
        let options = Arc::new(ConnectOptions::new(Address::Unix(dir.path().join("mysql.sock")), "app"));
        let config = PoolConfig {
            name: "TestPool",
            capacity: 1,
            timeout: Duration::ZERO,
            idle_timeout: Duration::ZERO,
            max_waiters: 1,
        };
        let pool = Pool::new(&config, Arc::clone(&options), Killer::new(options));
        assert_eq!(pool.get().await.map(drop).unwrap_err().condition(), Condition::Unreachable);
        assert_eq!(pool.get_for_query().await.map(drop).unwrap_err().condition(), Condition::NotServing);
    }
}
