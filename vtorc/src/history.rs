//! What was repaired, in the history of its keyspace: where vtctld's operations are, so that one page tells who did what.
//!
//! Entries go through a queue to one task, so that no recovery waits for the lock server because of them. The topology
//! bounds what a keyspace keeps; so that a repair that is tried again and again does not push everything else out, only
//! its first, second, fourth, eighth ... attempt is told. A history is told, never relied on: an entry that cannot be
//! written is logged.

use std::time::{Duration, SystemTime};

use serde_json::json;
use servenv::Context;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::sync::mpsc;
use topo::HistoryEntry;

use crate::{
    board::{Recovered, recovery_name},
    decide::Action,
    recover::Outcome,
};

/// Entries that may wait to be written: more than a lost cell of the largest deployment makes.
const QUEUE: usize = 2_000;
/// The longest time for one entry.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// What is kept of an error, in characters.
const MAX_ERROR_CHARS: usize = 400;

/// Takes entries; they are written in the order in which they came.
pub(crate) struct History {
    queue: mpsc::Sender<(String, HistoryEntry)>,
    who: String,
}

impl History {
    /// Begins the task that writes; it ends with the context.
    pub(crate) fn start(topo: topo::Server, context: &Context) -> Self {
        let (queue, mut waiting) = mpsc::channel::<(String, HistoryEntry)>(QUEUE);
        context.spawn("history", async move {
            while let Some((keyspace, entry)) = waiting.recv().await {
                let writing = topo.add_to_history(Some(&keyspace), &entry);
                let fault = match tokio::time::timeout(WRITE_LIMIT, writing).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(e)) => e.to_string(),
                    Err(_) => format!("not done within {WRITE_LIMIT:?}"),
                };
                let operation = entry.operation;
                tracing::warn!(keyspace, operation, "its entry in the history is not written: {fault}");
            }
        });
        Self { queue, who: format!("vtorc on {}", servenv::host_name()) }
    }

    /// Notes a recovery that ended; `attempt` counts from 1.
    pub(crate) fn note(&self, recovered: &Recovered<'_>, attempt: u32) {
        let Some(entry) = entry(&self.who, recovered, attempt, SystemTime::now()) else { return };
        let keyspace = recovered.view.keyspace.clone();
        if self.queue.try_send((keyspace, entry)).is_err() {
            tracing::warn!(
                shard = recovered.view.name(),
                "an entry of the history is left out: {QUEUE} wait"
            );
        }
    }
}

/// The entry of a recovery; none for one that changed nothing, or that was told often enough.
fn entry(who: &str, recovered: &Recovered<'_>, attempt: u32, ended: SystemTime) -> Option<HistoryEntry> {
    let Recovered { view, planned, outcome, text, took } = recovered;
    let error = match outcome {
        Outcome::Busy | Outcome::NotNeeded => return None,
        Outcome::Done => None,
        Outcome::Failed => Some(text.chars().take(MAX_ERROR_CHARS).collect()),
    };
    if matches!(planned.action, Action::RestartReplication { probe: true, .. }) || !attempt.is_power_of_two()
    {
        return None;
    }
    let tablet = planned.action.tablet().to_string();
    let began = OffsetDateTime::from(ended.checked_sub(*took).unwrap_or(ended));
    let began = began.replace_nanosecond(0).unwrap_or(began);
    let mut request = json!({
        "analysis": planned.finding.analysis.to_string(),
        "action": planned.action.name(),
        "shard": view.shard,
        "tablet": tablet,
    });
    if attempt > 1 {
        request["attempt"] = attempt.into();
    }
    if error.is_none() && !text.is_empty() {
        request["outcome"] = text.as_str().into();
    }
    Some(HistoryEntry {
        at: began.format(&Rfc3339).unwrap_or_default(),
        who: who.to_owned(),
        operation: recovery_name(planned).to_owned(),
        target: if planned.action.reparents() { view.shard.clone() } else { tablet },
        request: request.to_string(),
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        error,
    })
}

#[cfg(test)]
mod tests {
    use vtmodel::TabletAlias;

    use super::*;
    use crate::{
        decide::Planned,
        finding::{Analysis, Finding},
        view::ShardView,
    };

    fn planned(action: Action, analysis: Analysis) -> Planned {
        let tablet = action.tablet().clone();
        Planned { action, finding: Finding::of(analysis, &tablet, "seen") }
    }

    fn told(planned: &Planned, outcome: Outcome, attempt: u32) -> Option<HistoryEntry> {
        let view = ShardView {
            keyspace: "ks".into(),
            shard: "-80".into(),
            durability: None,
            emergency_disabled: false,
            record: Default::default(),
            tablets: Vec::new(),
        };
        let text = "what came out".to_owned();
        let recovered = Recovered { view: &view, planned, outcome, text, took: Duration::from_millis(2500) };
        let ended = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_002_600);
        entry("vtorc on b", &recovered, attempt, ended)
    }

    #[test]
    fn a_reparent_is_the_shards_and_a_repair_its_tablets() {
        let tablet = TabletAlias::new("zone1", 100);
        let dead = planned(Action::Emergency { primary: tablet.clone() }, Analysis::DeadPrimary);
        let entry = told(&dead, Outcome::Done, 1).unwrap();
        assert_eq!(entry.at, "2023-11-14T22:13:20Z", "when it began");
        assert_eq!((entry.who.as_str(), entry.operation.as_str()), ("vtorc on b", "RecoverDeadPrimary"));
        assert_eq!((entry.target.as_str(), entry.took_ms, entry.error), ("-80", 2500, None));
        assert!(entry.request.contains("\"analysis\":\"DeadPrimary\""), "{}", entry.request);
        assert!(entry.request.contains("\"outcome\":\"what came out\""), "{}", entry.request);

        let stopped = Action::StartReplication { tablet, semi_sync: false };
        let stopped = planned(stopped, Analysis::ReplicationStopped);
        let entry = told(&stopped, Outcome::Failed, 1).unwrap();
        assert_eq!(entry.target, "zone1-0000000100");
        assert_eq!(entry.error.as_deref(), Some("what came out"));
    }

    #[test]
    fn what_changed_nothing_or_was_told_often_is_left_out() {
        let tablet = TabletAlias::new("zone1", 100);
        let stopped = Action::StartReplication { tablet: tablet.clone(), semi_sync: false };
        let stopped = planned(stopped, Analysis::ReplicationStopped);
        for outcome in [Outcome::Busy, Outcome::NotNeeded] {
            assert_eq!(told(&stopped, outcome, 1), None);
        }
        let attempts: Vec<u32> = (1..=20).filter(|n| told(&stopped, Outcome::Failed, *n).is_some()).collect();
        assert_eq!(attempts, [1, 2, 4, 8, 16]);
        let probe = Action::RestartReplication { tablet, semi_sync: false, probe: true };
        assert_eq!(told(&planned(probe, Analysis::UnreachablePrimary), Outcome::Done, 1), None);
    }
}
