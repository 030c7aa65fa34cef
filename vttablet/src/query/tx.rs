//! Connections that belong to one session of a caller: transactions and reserved connections.
//!
//! Each has an id; the caller names it in every request, and one request at a time may hold it.
//!
//! What must hold:
//! - A connection whose query was given up is never used again: its transaction has ended, and the next
//!   request that names it is told so.
//! - A transaction ends at its timeout, whether somebody uses it or not: idle ones are rolled back by
//!   [`TxEngine::sweep`], running queries have the rest of the time as their deadline.
//! - Every id that ended lately is remembered with the reason, so that the caller learns it. The texts
//!   (`transaction <id>: not found`, `: in use: for ...`, `: ended at ... (...)`) are read by vtgate.

mod begin;
mod slots;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use mysqlwire::client::Conn;
use proto::query::ExecuteOptions;
use servenv::{Counter, Metrics, TimingCounter};
use tokio::time::Instant;
use vterrors::{Condition, Error, Result};

use super::{
    kill::{Deadline, Killer},
    pool::{Lent, Pool},
};
pub use begin::begin_statements;
pub use slots::Held;
use slots::Slots;

/// How long a ROLLBACK or COMMIT of our own may take before the connection is killed instead.
const END_LIMIT: Duration = Duration::from_secs(10);

/// What a session's connection is.
#[derive(Debug)]
pub(super) enum Holder {
    /// Out of a pool, to go back to it.
    Lent(Lent),
    /// Taken out of its pool: a reserved connection.
    Own(Box<Conn>, Killer),
}

impl Holder {
    fn conn(&mut self) -> &mut Conn {
        match self {
            Self::Lent(lent) => lent,
            Self::Own(conn, _) => conn,
        }
    }

    fn killer(&self) -> &Killer {
        match self {
            Self::Lent(lent) => lent.killer(),
            Self::Own(_, killer) => killer,
        }
    }
}

/// An open transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transaction {
    pub started: Instant,
    /// None for no limit.
    pub deadline: Option<Deadline>,
    /// Each statement commits by itself: there was no BEGIN.
    pub autocommit: bool,
}

/// A session's connection with its state.
#[derive(Debug)]
pub(super) struct Stateful {
    pub holder: Holder,
    pub transaction: Option<Transaction>,
    pub reserved: bool,
    /// When the last request let it go.
    pub idle_since: Instant,
}

/// What a transaction is begun with.
#[derive(Debug, Default)]
pub struct BeginArguments<'a> {
    pub options: Option<&'a ExecuteOptions>,
    /// Statements that set the session up; the connection does not go back to its pool after them.
    pub pre_queries: &'a [String],
    /// The tablet is a replica.
    pub read_only: bool,
}

/// What a BEGIN gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    pub id: i64,
    pub session_state_changes: String,
}

/// Settings that can change while the engine runs.
#[derive(Debug)]
pub struct TxLimits {
    transaction_timeout_nanoseconds: AtomicU64,
    reserved_limit: AtomicUsize,
    /// A reserved connection without a transaction is closed when it lay idle so long.
    reserved_idle_timeout: Duration,
}

impl TxLimits {
    pub fn new(
        transaction_timeout: Duration,
        reserved_limit: usize,
        reserved_idle_timeout: Duration,
    ) -> Self {
        let limits = Self {
            transaction_timeout_nanoseconds: AtomicU64::new(0),
            reserved_limit: AtomicUsize::new(reserved_limit),
            reserved_idle_timeout,
        };
        limits.set_transaction_timeout(transaction_timeout);
        limits
    }

    pub fn transaction_timeout(&self) -> Duration {
        Duration::from_nanos(self.transaction_timeout_nanoseconds.load(Ordering::Relaxed))
    }

    /// For transactions that begin from now on; zero is none.
    pub fn set_transaction_timeout(&self, timeout: Duration) {
        let nanoseconds = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        self.transaction_timeout_nanoseconds.store(nanoseconds, Ordering::Relaxed);
    }
}

/// The engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TxEngine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    slots: Slots,
    pool: Pool,
    found_rows_pool: Pool,
    limits: TxLimits,
    counts: Counts,
}

#[derive(Debug)]
struct Counts {
    killed: Counter,
    commits: TimingCounter,
    rollbacks: TimingCounter,
}

impl TxEngine {
    pub fn new(pool: Pool, found_rows_pool: Pool, limits: TxLimits, metrics: &Metrics) -> Self {
        let counts = Counts {
            killed: metrics.counter("KilledTransactions"),
            commits: metrics.timing("TransactionCommits"),
            rollbacks: metrics.timing("TransactionRollbacks"),
        };
        let engine =
            Self { inner: Arc::new(Inner { slots: Slots::new(), pool, found_rows_pool, limits, counts }) };
        let (a, b, c) = (engine.clone(), engine.clone(), engine.clone());
        metrics.publish("OpenTransactions", move || a.inner.slots.count(|s| s.transaction).into());
        metrics.publish("ReservedConnections", move || b.inner.slots.count(|s| s.reserved).into());
        metrics.publish("ReservedConnectionsLimit", move || {
            c.inner.limits.reserved_limit.load(Ordering::Relaxed).into()
        });
        engine
    }

    pub fn limits(&self) -> &TxLimits {
        &self.inner.limits
    }

    /// Open transactions and reserved connections.
    pub fn open_count(&self) -> usize {
        self.inner.slots.count(|_| true)
    }

    /// Transactions that are open, reserved connections without one left out.
    pub fn transaction_count(&self) -> usize {
        self.inner.slots.count(|s| s.transaction)
    }

    /// The connection `id` for one request; `purpose` is told to others that want it meanwhile.
    pub fn hold(&self, id: i64, purpose: &'static str) -> Result<Held> {
        self.inner.slots.hold(id, purpose)
    }

    /// The pool for statements with or without `client_found_rows`.
    pub fn pool(&self, options: Option<&ExecuteOptions>) -> &Pool {
        match options.is_some_and(|o| o.client_found_rows) {
            true => &self.inner.found_rows_pool,
            false => &self.inner.pool,
        }
    }

    /// The pool of connections with `client_found_rows`.
    pub fn found_rows_pool(&self) -> &Pool {
        &self.inner.found_rows_pool
    }

    /// Opens a transaction on a connection of the pool.
    pub async fn begin(&self, arguments: &BeginArguments<'_>) -> Result<Begun> {
        let mut lent = self.pool(arguments.options).get_for_query().await?;
        for sql in arguments.pre_queries {
            lent.spoil();
            lent.execute(sql).await?;
        }
        let mut holder = Holder::Lent(lent);
        let (transaction, session_state_changes) = self.start_transaction(holder.conn(), arguments).await?;
        let id = self.inner.slots.add(Stateful {
            holder,
            transaction: Some(transaction),
            reserved: false,
            idle_since: Instant::now(),
        });
        Ok(Begun { id, session_state_changes })
    }

    /// Opens a transaction on the reserved connection `id`, which keeps its id.
    pub async fn begin_on(&self, id: i64, arguments: &BeginArguments<'_>) -> Result<Begun> {
        let mut held = self.hold(id, "for begin")?;
        if held.stateful().transaction.is_some() {
            return Err(Error::new(
                Condition::FailedPrecondition,
                format!("transaction {id} is already open"),
            ));
        }
        let (transaction, session_state_changes) = self.start_transaction(held.conn(), arguments).await?;
        held.stateful().transaction = Some(transaction);
        Ok(Begun { id, session_state_changes })
    }

    async fn start_transaction(
        &self,
        conn: &mut Conn,
        a: &BeginArguments<'_>,
    ) -> Result<(Transaction, String)> {
        let statements = begin_statements(a.options, a.read_only);
        let mut changes = String::new();
        for sql in &statements {
            changes = conn.execute(sql).await?.session_state_changes;
        }
        // The caller's own limit counts in milliseconds; absent is the tablet's.
        let own = a.options.and_then(|o| o.transaction_timeout);
        let limit = match own.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0))) {
            Some(own) => shorter(own, self.inner.limits.transaction_timeout()),
            None => self.inner.limits.transaction_timeout(),
        };
        let transaction = Transaction {
            started: Instant::now(),
            deadline: Deadline::after(limit),
            autocommit: statements.is_empty(),
        };
        Ok((transaction, changes))
    }

    /// Commits. A reserved connection stays under the new id that is returned; else it is 0.
    pub async fn commit(&self, id: i64) -> Result<i64> {
        self.conclude(id, "for commit", "commit", "transaction committed", &self.inner.counts.commits).await
    }

    /// Rolls back; as [`TxEngine::commit`]. A transaction that has ended already is no error.
    pub async fn rollback(&self, id: i64) -> Result<i64> {
        let done = self.conclude(
            id,
            "for rollback",
            "rollback",
            "transaction rolled back",
            &self.inner.counts.rollbacks,
        );
        match done.await {
            Err(e) if e.condition() == Condition::TransactionGone && self.inner.slots.is_gone(id) => Ok(0),
            other => other,
        }
    }

    async fn conclude(
        &self,
        id: i64,
        purpose: &'static str,
        sql: &str,
        reason: &str,
        timing: &TimingCounter,
    ) -> Result<i64> {
        let mut held = self.hold(id, purpose)?;
        let Some(transaction) = held.stateful().transaction else {
            return Err(slots::gone(id, "not found: the connection is reserved, without a transaction"));
        };
        if !transaction.autocommit {
            let ended = tokio::time::timeout(END_LIMIT, held.conn().execute(sql)).await;
            let failed = match ended {
                Ok(Ok(_)) => None,
                Ok(Err(e)) => Some(e),
                Err(_) => {
                    Some(Error::new(Condition::Timeout, format!("{sql}: no answer within {END_LIMIT:?}")))
                }
            };
            if let Some(e) = failed {
                held.close(&format!("{sql} failed: {e}"));
                return Err(e);
            }
        }
        timing.record(transaction.started.elapsed());
        if held.stateful().reserved {
            held.stateful().transaction = None;
            return Ok(held.rename(reason));
        }
        held.finish(reason);
        Ok(0)
    }

    /// Reserves a connection, or makes the one of transaction `transaction_id` a reserved one (it keeps its
    /// id). `pre_queries` run on it first.
    pub async fn reserve(
        &self,
        transaction_id: i64,
        pre_queries: &[String],
        options: Option<&ExecuteOptions>,
    ) -> Result<i64> {
        let limit = self.inner.limits.reserved_limit.load(Ordering::Relaxed);
        if self.inner.slots.count(|s| s.reserved) >= limit {
            let text = format!("all {limit} reserved connections of the tablet are in use");
            return Err(Error::new(Condition::PoolFull, text));
        }
        if transaction_id != 0 {
            let mut held = self.hold(transaction_id, "to reserve")?;
            for sql in pre_queries {
                held.conn().execute(sql).await?;
            }
            held.take_out_of_pool();
            return Ok(transaction_id);
        }
        let mut lent = self.pool(options).get_for_query().await?;
        for sql in pre_queries {
            lent.spoil();
            lent.execute(sql).await?;
        }
        let killer = lent.killer().clone();
        let holder = Holder::Own(lent.detach(), killer);
        Ok(self.inner.slots.add(Stateful {
            holder,
            transaction: None,
            reserved: true,
            idle_since: Instant::now(),
        }))
    }

    /// Lets a connection go: its transaction is rolled back, the connection closed.
    pub async fn release(&self, id: i64) -> Result<()> {
        let held = self.hold(id, "for release")?;
        roll_back_and_end(held, "released").await;
        Ok(())
    }

    /// Ends what is past its time. Called often; returns how many it ended.
    pub async fn sweep(&self) -> usize {
        let now = Instant::now();
        let idle_limit = self.inner.limits.reserved_idle_timeout;
        let expired = self.inner.slots.hold_idle("for tx killer rollback", |s| match s.transaction {
            Some(t) => t.deadline.is_some_and(|d| d.at <= now),
            None => !idle_limit.is_zero() && s.idle_since + idle_limit <= now,
        });
        let count = expired.len();
        for mut held in expired {
            let reason = match held.stateful().transaction.and_then(|t| t.deadline) {
                Some(d) => format!("exceeded timeout: {}", servenv::format_duration(d.limit)),
                None => "was idle too long".to_owned(),
            };
            tracing::warn!(transaction = held.id(), reason, "transaction killed");
            self.inner.counts.killed.inc();
            roll_back_and_end(held, &reason).await;
        }
        count
    }

    /// Ends everything: idle connections are rolled back, running ones are killed at mysqld.
    pub async fn end_all(&self, reason: &str) {
        for held in self.inner.slots.hold_idle("for shutdown", |_| true) {
            roll_back_and_end(held, reason).await;
        }
        for (id, connection, killer) in self.inner.slots.in_use() {
            if let Err(e) = killer.kill_connection(connection).await {
                tracing::warn!(transaction = id, error = %e, "cannot kill the connection of a transaction");
            }
        }
    }
}

fn shorter(a: Duration, b: Duration) -> Duration {
    match (a.is_zero(), b.is_zero()) {
        (true, _) => b,
        (_, true) => a,
        _ => a.min(b),
    }
}

/// Rolls back within a limit and ends the slot; a reserved connection is closed.
async fn roll_back_and_end(mut held: Held, reason: &str) {
    let open = held.stateful().transaction.is_some_and(|t| !t.autocommit);
    if open && !matches!(tokio::time::timeout(END_LIMIT, held.conn().execute("rollback")).await, Ok(Ok(_))) {
        held.close(reason);
        return;
    }
    match held.stateful().reserved {
        true => held.close(reason),
        false => held.finish(reason),
    }
}

#[cfg(test)]
mod tests;
