//! What everybody may see of the shards' tasks: their last reports, the history of recoveries, the counters, the
//! switch that stops recoveries.
//!
//! A task puts a whole new report in the place of its old one; readers take what is there. The history is bounded.

mod audit;
mod counters;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde::Serialize;
use servenv::Metrics;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    decide::{Action, Planned},
    finding::{Analysis, Finding},
    recover::Outcome,
    view::{Look, ShardView},
};

pub(crate) use audit::Audit;
use counters::Counters;

/// Recoveries that are kept.
const HISTORY: usize = 1000;

/// The last word of a shard's task.
#[derive(Debug, Clone)]
pub struct Report {
    pub view: ShardView,
    pub findings: Vec<Finding>,
    /// How long each of the findings lasts.
    pub ages: Vec<Duration>,
}

/// A recovery, as the history has it.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    pub id: u64,
    /// When it ended, RFC 3339.
    pub time: String,
    pub keyspace: String,
    pub shard: String,
    pub finding: Finding,
    pub action: Action,
    /// Vitess's name for the kind of recovery.
    pub recovery: &'static str,
    pub successful: bool,
    /// What was done, or why not.
    pub text: String,
    pub took_ms: u64,
}

/// A recovery that ended, as its task tells it.
pub(crate) struct Recovered<'a> {
    pub view: &'a ShardView,
    pub planned: &'a Planned,
    pub outcome: Outcome,
    pub text: String,
    pub took: Duration,
}

type Name = (String, String);

#[derive(Default)]
struct State {
    shards: BTreeMap<Name, Arc<Report>>,
    history: VecDeque<Entry>,
    next_id: u64,
    /// What of the topology could not be read, the last time.
    topology_fault: Option<String>,
    topology_was_read: bool,
}

/// See the module.
#[derive(Default)]
pub struct Board {
    state: Mutex<State>,
    disabled: AtomicBool,
    counters: Counters,
    audit: Option<Audit>,
}

impl Board {
    pub(crate) fn new(audit: Option<Audit>) -> Self {
        Self { audit, ..Self::default() }
    }

    /// Publishes the counters of this board.
    pub(crate) fn publish(self: &Arc<Self>, metrics: &Metrics) {
        counters::publish(self, metrics);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, view: &ShardView, findings: Vec<Finding>, ages: Vec<Duration>) {
        let name = (view.keyspace.clone(), view.shard.clone());
        let report = Arc::new(Report { view: view.clone(), findings, ages });
        let before = self.state().shards.insert(name, report.clone());
        // Logged when it comes up and when it is gone, not at every look.
        let known = |reports: Option<&Report>, f: &Finding| {
            reports.is_some_and(|r| r.findings.iter().any(|other| other.key() == f.key()))
        };
        for finding in report.findings.iter().filter(|f| !known(before.as_deref(), f)) {
            tracing::warn!(shard = view.name(), "{finding}");
        }
        for finding in before.iter().flat_map(|r| &r.findings).filter(|f| !known(Some(&report), f)) {
            let tablet = finding.tablet.as_ref().map(ToString::to_string);
            tracing::info!(shard = view.name(), tablet, "{} is over", finding.analysis);
        }
    }

    pub(crate) fn forget(&self, name: &Name) {
        self.state().shards.remove(name);
    }

    /// The reports of all shards, by keyspace and shard.
    pub fn reports(&self) -> Vec<Arc<Report>> {
        self.state().shards.values().cloned().collect()
    }

    /// The recoveries that are kept, the newest first.
    pub fn history(&self) -> Vec<Entry> {
        self.state().history.iter().rev().cloned().collect()
    }

    pub(crate) fn looked(&self, look: &Look, poll: Duration) {
        self.counters.looked(look, poll);
    }

    pub(crate) fn topology_read(&self, fault: Option<String>) {
        if let Some(fault) = &fault {
            tracing::warn!(
                fault,
                "a part of the topology could not be read; what was read of it before counts"
            );
        }
        let mut state = self.state();
        state.topology_was_read = true;
        state.topology_fault = fault;
    }

    pub(crate) fn topology_failed(&self, fault: String) {
        self.state().topology_fault = Some(fault);
    }

    /// Why this process is not well: it never read the topology. One that is away later leaves what is known.
    pub fn health(&self) -> Result<(), String> {
        let state = self.state();
        match state.topology_was_read {
            true => Ok(()),
            false => Err(match &state.topology_fault {
                Some(fault) => format!("the topology could not be read yet: {fault}"),
                None => "the topology was not read yet".to_owned(),
            }),
        }
    }

    pub fn topology_fault(&self) -> Option<String> {
        self.state().topology_fault.clone()
    }

    pub fn is_disabled(&self) -> bool {
        self.disabled.load(Ordering::Relaxed)
    }

    pub(crate) fn set_disabled(&self, disabled: bool) {
        if self.disabled.swap(disabled, Ordering::Relaxed) != disabled {
            let now = if disabled { "off" } else { "on" };
            tracing::info!("recoveries are switched {now} for the whole cluster");
        }
    }

    pub(crate) fn skipped(&self, view: &ShardView, planned: &Planned, why: &str) {
        self.counters.skipped(recovery_name(planned), &view.keyspace, &view.shard);
        tracing::debug!(shard = view.name(), action = planned.action.name(), why, "recovery skipped");
    }

    pub(crate) fn recovered(&self, recovered: Recovered<'_>) {
        let Recovered { view, planned, outcome, text, took } = recovered;
        let recovery = recovery_name(planned);
        let successful = match outcome {
            Outcome::Busy => return self.skipped(view, planned, &text),
            Outcome::NotNeeded => return self.skipped(view, planned, "the trouble was over"),
            Outcome::Done => true,
            Outcome::Failed => false,
        };
        self.counters.recovered(planned, recovery, view, successful);
        let entry = {
            let mut state = self.state();
            state.next_id += 1;
            let entry = Entry {
                id: state.next_id,
                time: OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
                keyspace: view.keyspace.clone(),
                shard: view.shard.clone(),
                finding: planned.finding.clone(),
                action: planned.action.clone(),
                recovery,
                successful,
                text,
                took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            };
            state.history.push_back(entry.clone());
            if state.history.len() > HISTORY {
                state.history.pop_front();
            }
            entry
        };
        let (shard, action, tablet) = (view.name(), planned.action.name(), planned.action.tablet());
        match successful {
            true => {
                tracing::info!(shard, action, %tablet, ?took, finding = %entry.finding, text = entry.text, "recovered")
            }
            false => {
                tracing::error!(shard, action, %tablet, ?took, finding = %entry.finding, error = entry.text, "recovery failed");
            }
        }
        if let Some(audit) = &self.audit {
            audit.write(&entry);
        }
    }
}

/// Vitess's names of recoveries, which its tools look for in the metrics.
pub(crate) fn recovery_name(planned: &Planned) -> &'static str {
    match (&planned.action, planned.finding.analysis) {
        (Action::Emergency { .. }, Analysis::PrimaryTabletDeleted) => "RecoverPrimaryTabletDeleted",
        (Action::Emergency { .. }, _) => "RecoverDeadPrimary",
        (Action::ElectFirst { .. }, _) => "ElectNewPrimary",
        (Action::ForgetSource { .. }, _) => "RecoverPrimaryHasPrimary",
        (Action::UndoDemote { .. }, _) => "FixPrimary",
        (Action::Drain { .. }, _) => "RecoverErrantGTIDDetected",
        (Action::RestartReplication { probe: true, .. }, _) => "ProbePrimary",
        (Action::SetSource { .. }, Analysis::StaleTopoPrimary) => "RecoverStaleTopoPrimary",
        _ => "FixReplica",
    }
}
