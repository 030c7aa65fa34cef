//! From findings to what is to be done about them. Pure: no clock, no network.
//!
//! What must hold:
//! - An emergency reparent follows only from a primary that is dead by [`crate::analyse`], or that cannot serve
//!   for longer than the policy's grace.
//! - Nothing is tried again and again: each attempt at the same trouble of the same tablet waits twice as long
//!   as the one before, and a shard that got a new primary in an emergency is left alone for a while, or until it is
//!   whole: what breaks then is another trouble.
//! - What is returned comes in the order of urgency; whoever acts does the first, and looks again.

use std::{collections::BTreeMap, time::Duration};

use serde::{Serialize, Serializer};
use vtmodel::TabletAlias;

use crate::{
    analyse::{
        Leader,
        evidence::{Evidence, Vote, weigh},
        leader,
    },
    finding::{Analysis, Finding},
    policy::Policy,
    view::{FaultKind, Moment, ShardView, TabletView},
};

/// The first pause after an attempt; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A primary that took writes so lately is of use to somebody.
const WRITTEN_WITHIN: Duration = Duration::from_secs(3);
/// A trouble that was not seen for so long begins anew.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
/// A shard's troubles that are remembered; those seen longest ago go first.
const MAX_MEMORIES: usize = 256;

fn text<S: Serializer>(alias: &TabletAlias, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(alias)
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Action {
    /// The shard's first primary, by a planned reparent.
    ElectFirst {
        #[serde(serialize_with = "text")]
        candidate: TabletAlias,
    },
    /// `primary` is replaced; whoever else is primary by then is left in office.
    Emergency {
        #[serde(serialize_with = "text")]
        primary: TabletAlias,
    },
    /// Writable, serving, with semi-sync as the durability policy wants it.
    UndoDemote {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
        semi_sync: bool,
    },
    /// A primary that replicates forgets its source.
    ForgetSource {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
    },
    SetReadOnly {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
    },
    /// Points a tablet at the primary; one that says it is primary becomes a replica by it.
    SetSource {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
        #[serde(serialize_with = "text")]
        source: TabletAlias,
        semi_sync: bool,
    },
    StartReplication {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
        semi_sync: bool,
    },
    RestartReplication {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
        semi_sync: bool,
        /// To learn whether the primary's mysqld lives, not to repair anything.
        probe: bool,
    },
    Drain {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
    },
}

impl Action {
    pub fn name(&self) -> &'static str {
        match self {
            Self::ElectFirst { .. } => "ElectNewPrimary",
            Self::Emergency { .. } => "EmergencyReparentShard",
            Self::UndoDemote { .. } => "FixPrimary",
            Self::ForgetSource { .. } => "ResetReplicationParameters",
            Self::SetReadOnly { .. } => "SetReadOnly",
            Self::SetSource { .. } => "SetReplicationSource",
            Self::StartReplication { .. } => "StartReplication",
            Self::RestartReplication { probe: false, .. } => "RestartReplication",
            Self::RestartReplication { probe: true, .. } => "ProbePrimary",
            Self::Drain { .. } => "DrainErrantTablet",
        }
    }

    /// The tablet that it is about.
    pub fn tablet(&self) -> &TabletAlias {
        match self {
            Self::ElectFirst { candidate: tablet }
            | Self::Emergency { primary: tablet }
            | Self::UndoDemote { tablet, .. }
            | Self::ForgetSource { tablet }
            | Self::SetReadOnly { tablet }
            | Self::SetSource { tablet, .. }
            | Self::StartReplication { tablet, .. }
            | Self::RestartReplication { tablet, .. }
            | Self::Drain { tablet } => tablet,
        }
    }

    fn key(&self) -> (&'static str, TabletAlias) {
        (self.name(), self.tablet().clone())
    }

    /// Whether it moves the primary.
    pub fn reparents(&self) -> bool {
        matches!(self, Self::ElectFirst { .. } | Self::Emergency { .. })
    }
}

/// An action and the trouble that it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planned {
    pub action: Action,
    pub finding: Finding,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Attempts {
    count: u32,
    /// When the next is allowed.
    next: Moment,
    last: Moment,
}

/// What is remembered of a shard beyond its view: since when each trouble lasts, what was tried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    seen: BTreeMap<(Analysis, Option<TabletAlias>), (Moment, Moment)>,
    attempts: BTreeMap<(&'static str, TabletAlias), Attempts>,
    /// When the last emergency reparent was begun, and when it was done; each until the shard is whole.
    emergency_begun: Option<Moment>,
    emergency_done: Option<Moment>,
}

impl Memory {
    /// Takes note of the findings of this moment.
    pub fn saw(&mut self, view: &ShardView, findings: &[Finding], now: Moment) {
        if findings.is_empty() {
            let whole_since = |then: &Moment| view.all_answered_since(*then);
            self.emergency_begun = self.emergency_begun.filter(|then| !whole_since(then));
            self.emergency_done = self.emergency_done.filter(|then| !whole_since(then));
        }
        self.seen.retain(|key, _| findings.iter().any(|f| f.key() == *key));
        for finding in findings.iter().take(MAX_MEMORIES) {
            self.seen.entry(finding.key()).or_insert((now, now)).1 = now;
        }
        self.attempts.retain(|_, a| now.saturating_sub(a.last) < FORGOTTEN_AFTER + pause(a.count));
    }

    /// How long a trouble lasts.
    pub fn age(&self, finding: &Finding, now: Moment) -> Duration {
        self.seen.get(&finding.key()).map_or(Duration::ZERO, |(first, _)| now.saturating_sub(*first))
    }

    /// Takes note of a recovery that begins. The shard may be whole before an emergency reparent has ended.
    pub fn began(&mut self, action: &Action, now: Moment) {
        if matches!(action, Action::Emergency { .. }) {
            self.emergency_begun = Some(now);
        }
    }

    /// Takes note of an attempt, whatever came out of it.
    pub fn tried(&mut self, action: &Action, done: bool, now: Moment) {
        if done && matches!(action, Action::Emergency { .. }) {
            // Another tablet leads now. When this one does so again and fails, that is no attempt after this one.
            self.attempts.remove(&action.key());
            self.emergency_done = self.emergency_begun.take().map(|_| now);
            return;
        }
        let count = self.attempts.get(&action.key()).map_or(0, |a| a.count) + 1;
        self.attempts.insert(action.key(), Attempts { count, next: now + pause(count), last: now });
        if self.attempts.len() > MAX_MEMORIES
            && let Some(oldest) = self.attempts.iter().min_by_key(|(_, a)| a.last).map(|(key, _)| key.clone())
        {
            self.attempts.remove(&oldest);
        }
    }

    /// How often the same was tried lately.
    pub fn attempts(&self, action: &Action) -> u32 {
        self.attempts.get(&action.key()).map_or(0, |a| a.count)
    }

    fn allows(&self, action: &Action, now: Moment, policy: &Policy) -> bool {
        let recent = |done: Moment| now < done + policy.emergency_block;
        let blocked = matches!(action, Action::Emergency { .. }) && self.emergency_done.is_some_and(recent);
        !blocked && self.attempts.get(&action.key()).is_none_or(|a| now >= a.next)
    }
}

fn pause(count: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << count.saturating_sub(1).min(16)).min(LONGEST_PAUSE)
}

/// What is to be done about `findings`, the most urgent first. Empty when there is nothing, or nothing yet.
pub fn decide_recovery(
    view: &ShardView,
    findings: &[Finding],
    memory: &Memory,
    now: Moment,
    policy: &Policy,
) -> Vec<Planned> {
    let case = Case { view, memory, now, policy };
    let mut planned = Vec::new();
    for finding in findings {
        let Some(action) = case.action(finding) else { continue };
        if memory.allows(&action, now, policy) {
            planned.push(Planned { action, finding: finding.clone() });
        }
    }
    planned
}

struct Case<'a> {
    view: &'a ShardView,
    memory: &'a Memory,
    now: Moment,
    policy: &'a Policy,
}

impl Case<'_> {
    fn action(&self, finding: &Finding) -> Option<Action> {
        use Analysis as A;
        match finding.analysis {
            A::ClusterHasNoPrimary => self.elect(),
            A::DeadPrimary | A::DeadPrimaryAndSomeReplicas => self.emergency(finding),
            A::PrimaryTabletDeleted | A::PrimaryCurrentTypeMismatch | A::PrimaryDiskStalled => {
                self.after(self.policy.settle, finding).and_then(|()| self.emergency(finding))
            }
            A::PrimarySemiSyncBlocked => {
                self.after(self.policy.blocked_grace, finding).and_then(|()| self.blocked(finding))
            }
            A::UnreachablePrimary => self.unreachable(finding),
            A::PrimarySaturated => self.probe(finding),
            A::PrimaryHasPrimary => Some(Action::ForgetSource { tablet: finding.tablet.clone()? }),
            A::PrimaryIsReadOnly => {
                self.after(self.policy.settle, finding).and_then(|()| self.undo_demote(finding))
            }
            A::PrimarySemiSyncMustBeSet => self.wait_for_acknowledgements(finding),
            A::PrimarySemiSyncMustNotBeSet => self.undo_demote(finding),
            A::StaleTopoPrimary => self.after(self.policy.settle, finding).and_then(|()| self.point(finding)),
            A::ErrantGTIDDetected if self.policy.drain_errant => {
                self.after(self.policy.settle, finding)?;
                Some(Action::Drain { tablet: finding.tablet.clone()? })
            }
            A::ReplicaIsWritable => Some(Action::SetReadOnly { tablet: finding.tablet.clone()? }),
            A::ConnectedToWrongPrimary => self.point(finding),
            A::NotConnectedToPrimary => self.connect(finding),
            A::ReplicationStopped => {
                // One that has transactions of its own may have been stopped because of them.
                let tablet = self.tablet(finding).filter(|t| t.errant.is_none())?;
                Some(Action::StartReplication {
                    tablet: tablet.alias.clone(),
                    semi_sync: self.acknowledges(tablet)?,
                })
            }
            A::ReplicaSemiSyncMustBeSet | A::ReplicaSemiSyncMustNotBeSet => self.restart(finding, false),
            A::DeadPrimaryAndReplicas
            | A::DeadPrimaryWithoutReplicas
            | A::ErrantGTIDDetected
            | A::InvalidReplica
            | A::UnknownDurabilityPolicy => None,
        }
    }

    fn after(&self, grace: Duration, finding: &Finding) -> Option<()> {
        (self.memory.age(finding, self.now) >= grace).then_some(())
    }

    fn tablet(&self, finding: &Finding) -> Option<&TabletView> {
        self.view.tablet(finding.tablet.as_ref()?)
    }

    fn leader(&self) -> Option<&TabletView> {
        match leader(self.view) {
            Leader::Tablet(tablet) => Some(tablet),
            _ => None,
        }
    }

    /// Whether a replica has to acknowledge; none where that cannot be told.
    fn acknowledges(&self, tablet: &TabletView) -> Option<bool> {
        let primary = self.leader()?;
        Some(self.view.durability?.replica_acknowledges(&primary.alias.cell, &tablet.record))
    }

    /// All that run have to answer: one that does not may be the one that has the data. The first by alias of
    /// those that have executed most, so that several vtorcs choose the same.
    fn elect(&self) -> Option<Action> {
        use proto::topodata::TabletType::Replica;
        let durability = self.view.durability?;
        let running: Vec<_> = self.view.tablets.iter().filter(|t| !t.is_shut_down()).collect();
        if running.iter().any(|t| t.status().is_none()) {
            return None;
        }
        let candidates: Vec<_> = running.iter().filter(|t| t.tablet_type() == Replica).collect();
        let position = |t: &TabletView| -> Option<vtmodel::Position> {
            t.status()?.primary_status.as_ref()?.position.parse().ok()
        };
        let mut best: Option<&TabletView> = None;
        for candidate in candidates {
            let more = match (best.map(position), position(candidate)) {
                (None, _) => true,
                (Some(Some(best)), Some(own)) => own.at_least(&best) && !best.at_least(&own),
                _ => false,
            };
            if more {
                best = Some(candidate);
            }
        }
        let best = best?;
        // A primary that nobody can acknowledge to would hang at its first commit.
        let acknowledges = |t: &&&TabletView| {
            t.alias != best.alias && durability.replica_acknowledges(&best.alias.cell, &t.record)
        };
        let enough = !durability.primary_waits() || running.iter().any(|t| acknowledges(&t));
        enough.then(|| Action::ElectFirst { candidate: best.alias.clone() })
    }

    fn emergency(&self, finding: &Finding) -> Option<Action> {
        let allowed = self.policy.allow_emergency_reparent && !self.view.emergency_disabled;
        let known = self.view.durability.is_some();
        let primary = finding.tablet.clone()?;
        (allowed && known).then_some(Action::Emergency { primary })
    }

    /// Commits hang. Another primary helps if replicas that could acknowledge run and have no connection.
    fn blocked(&self, finding: &Finding) -> Option<Action> {
        let primary = self.tablet(finding)?;
        let waiting = |t: &&TabletView| {
            t.alias != primary.alias
                && t.follows(primary)
                && t.replication().is_some_and(|s| s.io_state == crate::view::CONNECTING)
                && self.acknowledges(t) == Some(true)
        };
        self.view.tablets.iter().find(waiting).and_then(|_| self.emergency(finding))
    }

    fn evidence(&self, finding: &Finding) -> Option<(Evidence, FaultKind, Moment)> {
        let primary = self.tablet(finding)?;
        let failing = primary.failing.as_ref()?;
        let evidence = weigh(self.view, primary, self.now, self.policy);
        Some((evidence, failing.fault.kind, failing.since))
    }

    /// A primary whose mysqld may live, but which nobody can use: first it is found out whether it lives, then it
    /// is replaced, by the rules in docs/adr/2026-11-22-when-a-primary-is-dead.md.
    fn unreachable(&self, finding: &Finding) -> Option<Action> {
        let (evidence, kind, since) = self.evidence(finding)?;
        let silent_for = self.now.saturating_sub(since);
        let heard =
            evidence.votes.iter().any(|(_, v)| !matches!(v, Vote::Absent | Vote::Nothing | Vote::Stopped));
        let waits = self.view.durability.is_some_and(|d| d.primary_waits());
        let replace = match kind {
            // Nobody acknowledges commits there: what the replicas have not received yet would be lost. With the
            // tablet gone nothing new is written, so that a quiet second means that all has arrived.
            FaultKind::TabletGone => silent_for >= self.policy.tablet_gone_grace && (waits || self.quiet()),
            FaultKind::TabletSilent | FaultKind::HostMute => {
                let grace = self.policy.tablet_silent_grace;
                // Where transactions arrive, its vttablet serves others: it is we who do not reach it.
                waits && !grace.is_zero() && silent_for >= grace && !self.is_written_to()
            }
            _ => false,
        };
        if replace && heard {
            return self.emergency(finding);
        }
        self.probe(finding)
    }

    /// Whether transactions arrived at a replica of late.
    fn is_written_to(&self) -> bool {
        let recent = |at: Moment| self.now.saturating_sub(at) < WRITTEN_WITHIN;
        self.view.tablets.iter().any(|t| t.receiving.moved_before.is_some_and(recent))
    }

    /// Whether nothing arrived at any replica for a second.
    fn quiet(&self) -> bool {
        let recent = |at: Moment| self.now.saturating_sub(at) < Duration::from_secs(1);
        !self.view.tablets.iter().any(|t| t.receiving.proven_before.is_some_and(recent))
    }

    fn probe(&self, finding: &Finding) -> Option<Action> {
        let (evidence, ..) = self.evidence(finding)?;
        let probes = evidence.probe.iter().filter_map(|alias| self.view.tablet(alias));
        let restarts = probes.filter_map(|tablet| {
            let semi_sync = self.acknowledges(tablet)?;
            Some(Action::RestartReplication { tablet: tablet.alias.clone(), semi_sync, probe: true })
        });
        restarts.into_iter().find(|action| self.memory.allows(action, self.now, self.policy))
    }

    /// Not while another tablet says it is primary, too.
    fn undo_demote(&self, finding: &Finding) -> Option<Action> {
        use proto::topodata::TabletType::Primary;
        let tablet = self.tablet(finding)?;
        let alone = !self.view.tablets.iter().any(|t| t.alias != tablet.alias && t.tablet_type() == Primary);
        let semi_sync = self.view.durability?.primary_waits();
        alone.then(|| Action::UndoDemote { tablet: tablet.alias.clone(), semi_sync })
    }

    /// Replicas first, where they can be had: a primary that waits for nobody in particular blocks its clients.
    fn wait_for_acknowledgements(&self, finding: &Finding) -> Option<Action> {
        let primary = self.tablet(finding)?;
        let durability = self.view.durability?;
        let acknowledges = |t: &&TabletView| {
            t.alias != primary.alias && durability.replica_acknowledges(&primary.alias.cell, &t.record)
        };
        let answering: Vec<_> =
            self.view.tablets.iter().filter(acknowledges).filter_map(TabletView::status).collect();
        let ready = answering.is_empty() || answering.iter().any(|s| s.semi_sync_replica_enabled);
        ready.then(|| self.undo_demote(finding)).flatten()
    }

    /// One that has executed what the primary has not is left alone: following would hide that they differ.
    fn point(&self, finding: &Finding) -> Option<Action> {
        let tablet = self.tablet(finding)?;
        let source = self.leader()?;
        source.status()?;
        if differs(tablet, source) {
            return None;
        }
        let semi_sync = self.acknowledges(tablet)?;
        Some(Action::SetSource { tablet: tablet.alias.clone(), source: source.alias.clone(), semi_sync })
    }

    fn connect(&self, finding: &Finding) -> Option<Action> {
        let tablet = self.tablet(finding)?;
        match tablet.replication() {
            None => self.point(finding),
            Some(_) => self.restart(finding, false),
        }
    }

    fn restart(&self, finding: &Finding, probe: bool) -> Option<Action> {
        let tablet = self.tablet(finding)?;
        let semi_sync = self.acknowledges(tablet)?;
        Some(Action::RestartReplication { tablet: tablet.alias.clone(), semi_sync, probe })
    }
}

/// Whether a tablet has executed what the primary had not when it was asked. A primary that was asked before the
/// tablet may have moved on since: then it differs only by transactions of the primary's own.
fn differs(tablet: &TabletView, primary: &TabletView) -> bool {
    if tablet.errant.is_some() {
        return true;
    }
    let position = |t: &TabletView| -> Option<vtmodel::Position> {
        t.status()?.primary_status.as_ref()?.position.parse().ok()
    };
    let (Some(ours), Some(theirs)) = (position(tablet), position(primary)) else { return true };
    let (vtmodel::Position::Mysql56(ours), vtmodel::Position::Mysql56(theirs)) = (&ours, &theirs) else {
        return false;
    };
    let own = primary.status().map(|s| s.server_uuid.to_ascii_lowercase()).unwrap_or_default();
    ours.difference(theirs).sources().any(|source| own.is_empty() || !source.starts_with(&own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emergency_that_worked_makes_the_next_of_the_tablet_wait_for_nothing() {
        let policy = Policy { emergency_block: Duration::ZERO, ..Policy::default() };
        let action = Action::Emergency { primary: TabletAlias::new("a", 100) };
        let mut memory = Memory::default();
        let second = Duration::from_secs;
        for n in 1..6 {
            assert!(memory.allows(&action, second(n), &policy), "{n}");
            memory.began(&action, second(n));
            memory.tried(&action, true, second(n));
        }
        memory.began(&action, second(6));
        memory.tried(&action, false, second(6));
        assert!(!memory.allows(&action, second(6) + FIRST_PAUSE / 2, &policy), "it failed");
    }
}
