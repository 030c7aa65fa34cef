//! The query service: what each of its calls does, without gRPC's types.
//!
//! Every call is admitted first ([`Serving::admit`]), which also counts it as inside until it is done.

mod execute;
mod session;
mod stream;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use mysqlwire::client::QueryOptions;
use proto::{
    query::{ExecuteOptions, execute_options::Timeout},
    topodata::{TabletAlias, TabletType},
};
use servenv::{Counter, Metrics, TimingCounter};
use tokio::{sync::Notify, time::Instant};
use vterrors::Result;

pub use stream::{CHUNK_BYTES, Session, StreamItem};

use super::{
    kill::Deadline, observe::Observer, plan::PlanCache, pool::Pool, schema::Schema, sequence::Sequences,
    tx::TxEngine,
};
use crate::state::{Part, Serving, Wanted};

/// Limits that can be changed while the tablet runs.
#[derive(Debug)]
pub struct QueryLimits {
    query_timeout_nanoseconds: AtomicU64,
    max_result_size: AtomicU64,
}

impl QueryLimits {
    pub fn new(query_timeout: Duration, max_result_size: usize) -> Self {
        let max_result_size = AtomicU64::new(max_result_size as u64);
        let limits = Self { query_timeout_nanoseconds: AtomicU64::new(0), max_result_size };
        limits.set_query_timeout(query_timeout);
        limits
    }

    /// For a query that is not streamed; zero is none.
    pub fn query_timeout(&self) -> Duration {
        Duration::from_nanos(self.query_timeout_nanoseconds.load(Ordering::Relaxed))
    }

    pub fn set_query_timeout(&self, timeout: Duration) {
        let nanoseconds = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        self.query_timeout_nanoseconds.store(nanoseconds, Ordering::Relaxed);
    }

    /// The most rows a result that is not streamed may have; see [`QueryService::set_max_result_size`].
    pub fn max_result_size(&self) -> usize {
        usize::try_from(self.max_result_size.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
    }
}

/// Everything that queries need. Parts are cheap to clone and shared with the manager.
pub struct QueryService {
    pub alias: TabletAlias,
    pub keyspace: String,
    /// The tablet's database on its mysqld.
    pub db_name: String,
    pub serving: Serving,
    pub oltp: Pool,
    pub olap: Pool,
    pub tx: TxEngine,
    pub plans: PlanCache,
    pub sequences: Sequences,
    pub schema: Schema,
    pub limits: QueryLimits,
    /// Told after every DDL.
    pub schema_changed: Arc<Notify>,
    pub counts: QueryCounts,
    pub observer: Observer,
}

/// Counters of the query path.
#[derive(Debug)]
pub struct QueryCounts {
    queries: TimingCounter,
    errors: Counter,
    killed: Counter,
    rows_returned: Counter,
    internal: Counter,
}

impl QueryCounts {
    /// Under Vitess's names.
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            queries: metrics.timing("Queries"),
            errors: metrics.counter("QueryErrors"),
            killed: metrics.counter("KilledQueries"),
            rows_returned: metrics.counter("QueryRowsReturned"),
            internal: metrics.counter("InternalErrors"),
        }
    }

    fn done<T>(&self, started: Instant, rows: usize, result: &Result<T>) {
        self.queries.record(started.elapsed());
        self.rows_returned.add(rows as u64);
        if let Err(e) = result {
            self.errors.inc();
            match e.condition() {
                vterrors::Condition::Timeout => self.killed.inc(),
                vterrors::Condition::Internal => self.internal.inc(),
                _ => {}
            }
        }
    }
}

impl QueryService {
    /// The most rows a result that is not streamed may have. mysqld is told to stop one row later, so that
    /// an answer that is refused is not read to its end first.
    pub fn set_max_result_size(&self, rows: usize) {
        self.limits.max_result_size.store(rows as u64, Ordering::Relaxed);
        self.oltp.set_options(|o| o.init = vec![select_limit(rows)]);
    }

    /// The deadline of a query: the caller's own limit counts in milliseconds and may be 0 for none.
    fn deadline(&self, options: Option<&ExecuteOptions>) -> Option<Deadline> {
        match options.and_then(|o| o.timeout.as_ref()) {
            Some(Timeout::AuthoritativeTimeout(ms)) => {
                Deadline::after(Duration::from_millis(u64::try_from(*ms).unwrap_or(0)))
            }
            None => Deadline::after(self.limits.query_timeout()),
        }
    }

    fn query_options(&self, options: Option<&ExecuteOptions>) -> QueryOptions {
        let included = options.map_or_else(Default::default, ExecuteOptions::included_fields);
        QueryOptions { included, max_rows: self.limits.max_result_size() }
    }
}

/// The statement by which sessions outside of transactions stop a SELECT one row past the limit. (Not in
/// transactions, where the same connection also streams.)
pub fn select_limit(rows: usize) -> String {
    format!("set session sql_select_limit = {}", rows.saturating_add(1))
}

/// The part of the serving state that is about queries.
pub struct QueryPart(pub Arc<QueryService>);

/// How often a drain looks whether the last transaction has ended.
const DRAIN_STEP: Duration = Duration::from_millis(10);

#[async_trait]
impl Part for QueryPart {
    fn name(&self) -> &'static str {
        "query service"
    }

    async fn open(&self, wanted: &Wanted) -> Result<()> {
        self.0.sequences.reset();
        // The schema is part of what is served; a database that is not there yet is not fatal for a
        // replica, whose primary will make it.
        match self.0.schema.reload().await {
            Err(e) if wanted.tablet_type == TabletType::Primary => Err(e),
            Err(e) => {
                tracing::warn!(error = %e, "the schema cannot be read yet");
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    async fn drain(&self, deadline: Instant) {
        while !self.is_drained() && Instant::now() < deadline {
            tokio::time::sleep(DRAIN_STEP).await;
        }
    }

    fn is_drained(&self) -> bool {
        self.0.tx.transaction_count() == 0
    }

    async fn close(&self) {
        self.0.tx.end_all("the tablet stopped serving").await;
        self.0.sequences.reset();
        for pool in [&self.0.oltp, &self.0.olap, self.0.tx.pool(None), self.0.tx.found_rows_pool()] {
            pool.close_idle();
        }
    }
}
