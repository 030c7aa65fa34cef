//! vtorc's variables at `/debug/vars`, under Vitess's names.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Map, Value, json};
use servenv::{Counter, Metrics, TimingCounter};

use super::Board;
use crate::{
    decide::{Action, Planned},
    view::{Look, ShardView},
};

/// Upper bounds of the classes of looks by their time, in milliseconds; the last class has none.
const CLASSES_MS: [u128; 6] = [5, 20, 50, 100, 500, 1000];

/// Numbers by labels, which are joined with dots.
#[derive(Default)]
struct Labelled(Mutex<BTreeMap<String, u64>>);

impl Labelled {
    fn inc(&self, labels: &[&str]) {
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *numbers.entry(labels.join(".")).or_default() += 1;
    }

    fn to_json(&self) -> Value {
        json!(*self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Default)]
pub(super) struct Counters {
    looks: TimingCounter,
    failed_looks: Counter,
    slow_looks: Counter,
    classes: [Counter; CLASSES_MS.len() + 1],
    successful: Labelled,
    failed: Labelled,
    skipped: Labelled,
    planned: Labelled,
    emergency: Labelled,
}

impl Counters {
    pub(super) fn looked(&self, look: &Look, poll: Duration) {
        let took = look.answered.saturating_sub(look.asked);
        self.looks.record(took);
        if look.result.is_err() {
            self.failed_looks.inc();
        }
        if took > poll {
            self.slow_looks.inc();
        }
        let class = CLASSES_MS.iter().position(|ms| took.as_millis() <= *ms).unwrap_or(CLASSES_MS.len());
        self.classes[class].inc();
    }

    pub(super) fn skipped(&self, recovery: &str, keyspace: &str, shard: &str) {
        self.skipped.inc(&[recovery, keyspace, shard]);
    }

    pub(super) fn recovered(&self, planned: &Planned, recovery: &str, view: &ShardView, successful: bool) {
        let labels = [recovery, &view.keyspace, &view.shard];
        let (counter, result) =
            if successful { (&self.successful, "success") } else { (&self.failed, "failure") };
        counter.inc(&labels);
        let reparents = match planned.action {
            Action::ElectFirst { .. } => &self.planned,
            Action::Emergency { .. } => &self.emergency,
            _ => return,
        };
        reparents.inc(&[&view.keyspace, &view.shard, result]);
    }

    fn classes(&self) -> Value {
        let mut classes = Map::new();
        for (n, counter) in self.classes.iter().enumerate() {
            let name = CLASSES_MS.get(n).map_or("inf".to_owned(), |ms| format!("{ms}ms"));
            classes.insert(name, json!(counter.get()));
        }
        Value::Object(classes)
    }
}

pub(super) fn publish(board: &Arc<Board>, metrics: &Metrics) {
    let publish = |name: &str, read: fn(&Board) -> Value| {
        let board = board.clone();
        metrics.publish(name, move || read(&board));
    };
    publish("SuccessfulRecoveries", |b| b.counters.successful.to_json());
    publish("FailedRecoveries", |b| b.counters.failed.to_json());
    publish("SkippedRecoveries", |b| b.counters.skipped.to_json());
    publish("PlannedReparentCounts", |b| b.counters.planned.to_json());
    publish("EmergencyReparentCounts", |b| b.counters.emergency.to_json());
    publish("InstancePolls", |b| json!(b.counters.looks.count()));
    publish("InstancePollsFailed", |b| json!(b.counters.failed_looks.get()));
    publish("InstancePollTimes", |b| b.counters.classes());
    publish("DiscoveriesInstancePollSecondsExceeded", |b| json!(b.counters.slow_looks.get()));
    publish("RecoveriesDisabled", |b| json!(u8::from(b.is_disabled())));
    publish("DetectedProblems", detected);
    publish("EmergencyReparentShardDisabled", |b| {
        let reports = b.reports();
        let shards = reports.iter().map(|r| {
            let label = format!("{}.{}", r.view.keyspace, r.view.shard);
            (label, json!(u8::from(r.view.emergency_disabled)))
        });
        Value::Object(shards.collect())
    });
    publish("CurrentErrantGTIDCount", |b| Value::Object(errant(b).into_iter().collect()));
    publish("ErrantGtidTabletCount", |b| json!(errant(b).len()));
    publish("WatchedShards", |b| json!(b.reports().len()));
    publish("WatchedTablets", |b| json!(b.reports().iter().map(|r| r.view.tablets.len()).sum::<usize>()));
}

/// `Analysis.alias.keyspace.shard`: 1 for what is wrong now.
fn detected(board: &Board) -> Value {
    let mut found = Map::new();
    for report in board.reports() {
        for finding in &report.findings {
            let tablet = finding.tablet.as_ref().map(ToString::to_string).unwrap_or_default();
            let (keyspace, shard) = (&report.view.keyspace, &report.view.shard);
            found.insert(format!("{}.{tablet}.{keyspace}.{shard}", finding.analysis), json!(1));
        }
    }
    Value::Object(found)
}

/// Errant transactions by tablet.
fn errant(board: &Board) -> Vec<(String, Value)> {
    let reports = board.reports();
    let tablets = reports.iter().flat_map(|r| &r.view.tablets);
    tablets
        .filter_map(|t| {
            let set: vtmodel::gtid::Mysql56GtidSet = t.errant.as_ref()?.parse().ok()?;
            Some((t.alias.to_string(), json!(set.count())))
        })
        .collect()
}
