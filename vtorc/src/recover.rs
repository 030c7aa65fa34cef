//! Acting: one recovery at a time for a shard, under its lock, after a fresh look at everything.
//!
//! Several vtorcs, and operators, may want the same at the same time. Whoever holds the shard's lock works; the
//! others go away and look again later. With the lock held, records and tablets are read anew, and what is to be
//! done is decided anew: a trouble that somebody else has mended is gone then.
//!
//! The reparents of the library take the lock themselves. Between our lock and theirs somebody may have changed
//! the primary: so they are told whom to replace, and refuse when it is another.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use proto::tabletmanagerdata as tm;
use reparent::{EmergencyRequest, PlannedRequest, Reparenter};
use tabletclient::TabletManagerClient;
use tokio::{sync::Semaphore, time::timeout};
use vterrors::{Condition, Error, Result};
use vtmodel::TabletAlias;

use crate::{
    analyse::analyse,
    board::Recovered,
    config::RecoveryConfig,
    decide::{Action, Memory, Planned, decide_recovery},
    history::History,
    view::{FaultKind, Look, ShardView, TabletView},
    watch::{Shared, look::Suspicion, shard::one_look, topology, turns},
};

/// Recoveries at the same time, of all shards. They wait more than they work: a lost cell of the largest deployment takes
/// the primaries of some 550 shards, each of which needs two or three.
const AT_ONCE: usize = 1_000;
/// How long the lock may take that nobody holds.
const LOCK_LIMIT: Duration = Duration::from_secs(5);

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Failed,
    /// Another process is at work on the shard.
    Busy,
    /// The fresh look did not show the trouble any more.
    NotNeeded,
}

/// A recovery that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub action: Action,
    pub outcome: Outcome,
}

/// Carries recoveries out.
pub(crate) struct Recoverer {
    config: RecoveryConfig,
    reparenter: Reparenter,
    turns: Semaphore,
    history: History,
}

impl Recoverer {
    pub(crate) fn new(
        config: RecoveryConfig,
        topo: topo::Server,
        tablets: Arc<dyn TabletManagerClient>,
        history: History,
    ) -> Self {
        let turns = Semaphore::new(AT_ONCE);
        Self { config, reparenter: Reparenter::new(topo, tablets), turns, history }
    }

    /// One recovery from its lock to its entry in the history.
    pub(crate) async fn recover(
        &self,
        shared: &Shared,
        view: ShardView,
        memory: Memory,
        planned: Planned,
    ) -> Ended {
        // Never closed.
        let _turn = self.turns.acquire().await.ok();
        let begun = Instant::now();
        let done = self.locked(shared, view.clone(), &memory, &planned).await;
        let (outcome, text) = match done {
            Ok(None) => (Outcome::NotNeeded, String::new()),
            Ok(Some(text)) => (Outcome::Done, text),
            Err(e) if topo::kind(&e) == topo::ErrorKind::NodeExists => (Outcome::Busy, e.to_string()),
            Err(e) => (Outcome::Failed, e.to_string()),
        };
        let recovered = Recovered { view: &view, planned: &planned, outcome, text, took: begun.elapsed() };
        self.history.note(&recovered, memory.attempts(&planned.action).saturating_add(1));
        shared.board.recovered(recovered);
        Ended { action: planned.action, outcome }
    }

    /// None when there was nothing to do any more; else what was done.
    async fn locked(
        &self,
        shared: &Shared,
        view: ShardView,
        memory: &Memory,
        planned: &Planned,
    ) -> Result<Option<String>> {
        let action = format!("vtorc {} for {}", planned.action.name(), planned.finding.analysis);
        let locking = shared.topo.try_lock_shard(&view.keyspace, &view.shard, &action);
        let guard = match timeout(LOCK_LIMIT, locking).await {
            Ok(guard) => guard?,
            Err(_) => {
                let text = format!("the shard's lock was not free within {LOCK_LIMIT:?}");
                return Err(topo::node_exists(text));
            }
        };
        let fresh = match self.look_again(shared, view, memory, &planned.action).await {
            Ok(Some(fresh)) => fresh,
            other => {
                unlock(guard).await;
                return other.map(|_| None);
            }
        };
        if planned.action.reparents() {
            unlock(guard).await;
            return self.reparent(&fresh, &planned.action).await.map(Some);
        }
        guard.check().await?;
        let done = self.repair(shared, &fresh, &planned.action).await;
        unlock(guard).await;
        done.map(|()| Some(String::new()))
    }

    /// The shard as it is now, if the same is to be done about it still.
    async fn look_again(
        &self,
        shared: &Shared,
        mut view: ShardView,
        memory: &Memory,
        action: &Action,
    ) -> Result<Option<ShardView>> {
        let records = topology::read_again(&shared.topo, &view, shared.config.poll_limit).await?;
        view.take_records(&records);
        let looks = view.tablets.iter().map(|t| async {
            let turn = shared.turns.wait_urgently().await;
            let limit = match hangs(t) {
                true => shared.config.poll_limit / 4,
                false => shared.config.poll_limit,
            };
            let look = one_look(shared, &t.record, Suspicion::of(t), limit);
            (t.alias.clone(), turns::hold(turn, false, look).await)
        });
        let looks: Vec<(TabletAlias, Look)> = futures::future::join_all(looks).await;
        for (alias, look) in looks {
            view.take_look(&alias, look);
        }
        let now = shared.now();
        let findings = analyse(&view, now, &shared.policy);
        let planned = decide_recovery(&view, &findings, memory, now, &shared.policy);
        Ok(planned.iter().any(|p| p.action == *action).then_some(view))
    }

    async fn reparent(&self, view: &ShardView, action: &Action) -> Result<String> {
        let done = match action {
            Action::ElectFirst { candidate } => {
                let mut request = PlannedRequest::new(&view.keyspace, &view.shard);
                request.new_primary = Some(candidate.clone());
                // "Only if this tablet is the primary": no tablet has this name, so that a primary that the shard
                // got in the meantime stays.
                request.avoid_primary = Some(TabletAlias::new("no primary", 0));
                request.wait_replicas_timeout = self.config.wait_replicas;
                self.reparenter.planned(&request).await?
            }
            Action::Emergency { primary } => {
                let request = EmergencyRequest {
                    expected_primary: Some(primary.clone()),
                    prevent_cross_cell_promotion: self.config.prevent_cross_cell,
                    wait_replicas_timeout: self.config.wait_replicas,
                    silent: failing(view),
                    ..EmergencyRequest::new(&view.keyspace, &view.shard)
                };
                self.reparenter.emergency(&request).await?
            }
            other => return Err(Error::internal(format!("{} is no reparent", other.name()))),
        };
        Ok(format!("{} is the primary", done.primary))
    }

    async fn repair(&self, shared: &Shared, view: &ShardView, action: &Action) -> Result<()> {
        let alias = action.tablet();
        let tablet = view.tablet(alias).ok_or_else(|| {
            Error::new(Condition::NotFound, format!("tablet {alias} is not in {} any more", view.name()))
        })?;
        let work = repair(&*shared.tablets, tablet, action);
        match timeout(self.config.call_limit, work).await {
            Ok(done) => done,
            Err(_) => {
                let text =
                    format!("{} on {alias}: not done within {:?}", action.name(), self.config.call_limit);
                Err(Error::new(Condition::Timeout, text))
            }
        }
    }
}

/// One that did not answer in time before is not waited for as long as the others: the shard waits with it. If it
/// does answer, it does so soon.
fn hangs(tablet: &TabletView) -> bool {
    use FaultKind::{HostMute, MysqldMute, MysqldSlow, TabletSilent};
    let failing = tablet.failing.as_ref();
    failing.is_some_and(|f| matches!(f.fault.kind, TabletSilent | HostMute | MysqldMute | MysqldSlow))
}

/// Those that did not answer a moment ago.
fn failing(view: &ShardView) -> Vec<TabletAlias> {
    view.tablets.iter().filter(|t| t.failing.is_some()).map(|t| t.alias.clone()).collect()
}

/// The lock ends with its lease if it cannot be released; that is no fault of the recovery.
async fn unlock(guard: topo::LockGuard) {
    if let Err(e) = guard.unlock().await {
        tracing::warn!(error = %e, "the shard's lock ends with its lease");
    }
}

async fn repair(manager: &dyn TabletManagerClient, tablet: &TabletView, action: &Action) -> Result<()> {
    let record = &*tablet.record;
    match action {
        Action::UndoDemote { semi_sync, .. } => {
            let request = tm::UndoDemotePrimaryRequest { semi_sync: *semi_sync };
            manager.undo_demote_primary(record, request).await.map(drop)
        }
        Action::ForgetSource { .. } => {
            let request = tm::ResetReplicationParametersRequest {};
            manager.reset_replication_parameters(record, request).await.map(drop)
        }
        Action::SetReadOnly { .. } => {
            manager.set_read_only(record, tm::SetReadOnlyRequest {}).await.map(drop)
        }
        Action::SetSource { source, semi_sync, .. } => {
            let request = tm::SetReplicationSourceRequest {
                parent: Some(source.into()),
                semi_sync: *semi_sync,
                force_start_replication: true,
                ..Default::default()
            };
            manager.set_replication_source(record, request).await.map(drop)
        }
        Action::StartReplication { semi_sync, .. } => {
            let request = tm::StartReplicationRequest { semi_sync: *semi_sync };
            manager.start_replication(record, request).await.map(drop)
        }
        Action::RestartReplication { semi_sync, .. } => {
            let request = tm::RestartReplicationRequest { semi_sync: *semi_sync };
            manager.restart_replication(record, request).await.map(drop)
        }
        Action::Drain { .. } => {
            let drained = proto::topodata::TabletType::Drained as i32;
            let request = tm::ChangeTypeRequest { tablet_type: drained, semi_sync: false };
            manager.change_type(record, request).await.map(drop)
        }
        Action::ElectFirst { .. } | Action::Emergency { .. } => {
            Err(Error::internal(format!("{} is a reparent", action.name())))
        }
    }
}
