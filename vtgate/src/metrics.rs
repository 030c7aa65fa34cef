//! Numbers of vtgate, under Vitess's names.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Value, json};
use servenv::{Counter, Gauge, Metrics, TimingCounter};

/// The variables that the query path counts in.
#[derive(Clone)]
pub struct GateMetrics {
    pub queries: TimingCounter,
    pub errors: LabelledCounter,
    /// By `class.routing`.
    pub executions: LabelledCounter,
    pub plan_hits: Counter,
    pub plan_misses: Counter,
    pub mysql_connections: Gauge,
    pub mysql_connections_total: Counter,
    pub mysql_commands: Counter,
    pub buffer: BufferMetrics,
    /// Transactions that were open when their tablet stopped serving, and were told so.
    pub transactions_lost: Counter,
    pub commit_unresolved: Counter,
}

/// Of queries that wait for a primary; labels are `keyspace/shard`, and `keyspace/shard.reason`.
#[derive(Clone)]
pub struct BufferMetrics {
    pub starts: LabelledCounter,
    pub stops: LabelledCounter,
    pub failover_ms: LabelledCounter,
    pub buffered: LabelledCounter,
    pub drained: LabelledCounter,
    pub evicted: LabelledCounter,
    pub waiting: Gauge,
}

impl BufferMetrics {
    fn new(metrics: &Metrics) -> Self {
        Self {
            starts: LabelledCounter::new(metrics, "BufferStarts"),
            stops: LabelledCounter::new(metrics, "BufferStops"),
            failover_ms: LabelledCounter::new(metrics, "BufferFailoverDurationSumMs"),
            buffered: LabelledCounter::new(metrics, "BufferRequestsBuffered"),
            drained: LabelledCounter::new(metrics, "BufferRequestsDrained"),
            evicted: LabelledCounter::new(metrics, "BufferRequestsEvicted"),
            waiting: metrics.gauge("BufferRequestsInFlight"),
        }
    }
}

impl GateMetrics {
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            queries: metrics.timing("QueriesProcessed"),
            errors: LabelledCounter::new(metrics, "VtgateApiErrorCounts"),
            executions: LabelledCounter::new(metrics, "QueryExecutions"),
            plan_hits: metrics.counter("QueryPlanCacheHits"),
            plan_misses: metrics.counter("QueryPlanCacheMisses"),
            mysql_connections: metrics.gauge("MysqlServerConnCount"),
            mysql_connections_total: metrics.counter("MysqlServerConnAccepted"),
            mysql_commands: metrics.counter("MysqlServerCommands"),
            buffer: BufferMetrics::new(metrics),
            transactions_lost: metrics.counter("TransactionsLostToFailover"),
            commit_unresolved: metrics.counter("CommitUnresolved"),
        }
    }
}

/// Counters by a label, of which there is a bounded number.
#[derive(Clone)]
pub struct LabelledCounter(Arc<Mutex<BTreeMap<String, u64>>>);

const MAX_LABELS: usize = 10_000;

impl LabelledCounter {
    fn new(metrics: &Metrics, name: &str) -> Self {
        let counts = Arc::new(Mutex::new(BTreeMap::<String, u64>::new()));
        let read = counts.clone();
        metrics.publish(name, move || {
            let counts = read.lock().unwrap_or_else(PoisonError::into_inner);
            Value::Object(counts.iter().map(|(k, v)| (k.clone(), json!(v))).collect())
        });
        Self(counts)
    }

    pub fn inc(&self, label: &str) {
        self.add(label, 1);
    }

    pub fn add(&self, label: &str, more: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = counts.get_mut(label) {
            *n += more;
        } else if counts.len() < MAX_LABELS {
            counts.insert(label.to_owned(), more);
        }
    }

    #[cfg(test)]
    pub fn get(&self, label: &str) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(label).copied().unwrap_or_default()
    }
}
