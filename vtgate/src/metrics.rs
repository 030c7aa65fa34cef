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
    pub buffered: Counter,
    pub buffer_waiting: Gauge,
    pub commit_unresolved: Counter,
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
            buffered: metrics.counter("BufferRequestsBuffered"),
            buffer_waiting: metrics.gauge("BufferRequestsInFlight"),
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
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = counts.get_mut(label) {
            *n += 1;
        } else if counts.len() < MAX_LABELS {
            counts.insert(label.to_owned(), 1);
        }
    }
}
