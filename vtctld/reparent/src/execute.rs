//! Carries a plan out, step by step, under the shard's lock.
//!
//! What is undone when a step fails: a demoted primary is made writable again, and replicas that follow
//! the candidate are pointed back. That is done only while it is certain that the candidate was not
//! promoted: a promotion that failed without an answer may still happen, and then two tablets would
//! accept writes. In doubt the shard stays read-only and the error says what to run next. It is also not
//! done when the lock is known to be lost, for then somebody else may be at work on the shard.

use std::time::Duration;

use proto::{tabletmanagerdata as tm, topodata};
use tokio::sync::{Mutex, watch};
use topo::{Edit, LockGuard};
use vterrors::{Condition, Error, Result};
use vtmodel::TabletAlias;

use crate::{Done, Kind, Plan, Reparenter, Snapshot, Step, info, now, warning};

mod stop;
mod undo;

pub(crate) use stop::Stops;

/// How long an undo may take: the shard does not accept writes meanwhile.
const UNDO_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a new primary may take to write itself into the shard's record.
const RECORD_LIMIT: Duration = Duration::from_secs(5);
/// In an emergency, how long the others may take to follow once the new primary accepts writes. Whoever is busy with what
/// it missed follows later; until then nobody could be replaced again.
const FOLLOW_GRACE: Duration = Duration::from_secs(1);
/// Between two looks at the record.
const RECORD_STEP: Duration = Duration::from_millis(10);

/// What the steps of one reparent share.
struct Run<'a> {
    reparenter: &'a Reparenter,
    guard: &'a LockGuard,
    snapshot: &'a Snapshot,
    plan: &'a Plan,
    name: &'a str,
    wait: Duration,
    /// Marks this reparent in the journal; replicas wait for the entry with it.
    created_ns: i64,
    /// What an emergency reparent stopped before there was a plan.
    stops: Option<&'a Stops>,
    state: Mutex<State>,
    /// Whether the new primary was promoted, for branches that wait for it.
    promoted: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    /// Where the old primary stopped, then where the new one began.
    position: String,
    /// Steps that were begun, whether or not they ended.
    begun: Vec<Step>,
    /// A promotion was asked for and not answered: it may still happen.
    promotion_in_doubt: bool,
    events: Vec<proto::logutil::Event>,
}

impl Reparenter {
    pub(crate) async fn execute(
        &self,
        guard: &LockGuard,
        snapshot: &Snapshot,
        plan: Plan,
        name: &str,
        wait: Duration,
        stops: Option<&Stops>,
    ) -> Result<Done> {
        let created_ns = i64::try_from(now().as_nanos()).unwrap_or(i64::MAX);
        let state = Mutex::default();
        let promoted = watch::Sender::new(false);
        let plan_ref = &plan;
        let run = Run {
            reparenter: self,
            guard,
            snapshot,
            plan: plan_ref,
            name,
            wait,
            created_ns,
            stops,
            state,
            promoted,
        };
        run.say(format!("{name}: {:?}, primary will be {}", plan.kind, plan.primary)).await;
        for text in &plan.warnings {
            run.warn(format!("{name}: {text}")).await;
        }
        let done = |step: &Step| stops.is_some() && step.is_stopping();
        for step in plan.steps.iter().filter(|s| !done(s)) {
            if let Err(e) = run.step(step).await {
                return Err(run.give_up(e).await);
            }
        }
        if plan.kind == Kind::Nothing {
            run.say(format!("{name}: primary {} stays, there is nothing to do", plan.primary)).await;
        }
        let events = run.state.into_inner().events;
        Ok(Done { primary: plan.primary, events })
    }
}

impl Run<'_> {
    async fn say(&self, text: String) {
        tracing::info!("{text}");
        self.state.lock().await.events.push(info(text));
    }

    async fn warn(&self, text: String) {
        tracing::warn!("{text}");
        self.state.lock().await.events.push(warning(text));
    }

    /// One step of the plan. A group's replicas that fail are reported together, once its lead is done.
    async fn step(&self, step: &Step) -> Result<()> {
        let Step::Together { branches } = step else { return self.single(step).await };
        let (lead, others) = match self.plan_leads(branches) {
            Some((lead, others)) => (Some(lead), others),
            None => (None, branches.as_slice()),
        };
        let lead = async {
            match lead {
                Some(lead) => self.branch(lead).await,
                None => Ok(()),
            }
        };
        let others = futures::future::join_all(others.iter().map(|b| self.branch(b)));
        tokio::pin!(lead, others);
        // A lead that fails breaks the others off: they may wait for what it will never do.
        let others = tokio::select! {
            biased;
            led = &mut lead => {
                led?;
                self.followers(others).await
            }
            done = &mut others => {
                lead.await?;
                done
            }
        };
        let failed: Vec<String> = others.into_iter().filter_map(|r| r.err().map(|e| e.to_string())).collect();
        if failed.is_empty() {
            return Ok(());
        }
        let text = format!(
            "{}: {} is the primary, but not all others follow it: {}; run it again with --new-primary {}",
            self.name,
            self.plan.primary,
            failed.join("; "),
            self.plan.primary
        );
        if self.plan.kind == Kind::Emergency {
            // The shard serves again: those that hang behind are no failure of it.
            self.warn(text).await;
            return Ok(());
        }
        Err(Error::new(Condition::FailedPrecondition, text))
    }

    /// Waits for those that are to follow the new primary.
    async fn followers(&self, others: impl Future<Output = Vec<Result<()>>>) -> Vec<Result<()>> {
        if self.plan.kind != Kind::Emergency {
            return others.await;
        }
        match tokio::time::timeout(FOLLOW_GRACE, others).await {
            Ok(done) => done,
            Err(_) => {
                let text = format!("not all do within {FOLLOW_GRACE:?}, and they go on by themselves");
                vec![Err(Error::new(Condition::Timeout, text))]
            }
        }
    }

    /// A group has a lead if its first branch is about the new primary and does not only reset it.
    fn plan_leads<'b>(&self, branches: &'b [Vec<Step>]) -> Option<(&'b [Step], &'b [Vec<Step>])> {
        let (first, others) = branches.split_first()?;
        let step = first.first()?;
        let resets = matches!(step, Step::ResetReplication { .. });
        (!resets && step.tablet() == Some(&self.plan.primary)).then_some((first.as_slice(), others))
    }

    async fn branch(&self, steps: &[Step]) -> Result<()> {
        for step in steps {
            self.single(step).await?;
        }
        Ok(())
    }

    async fn single(&self, step: &Step) -> Result<()> {
        self.guard.check().await.map_err(|e| self.failed(step, e))?;
        let promotes = matches!(step, Step::PromoteReplica { .. });
        {
            let mut state = self.state.lock().await;
            state.begun.push(step.clone());
            state.promotion_in_doubt |= promotes;
        }
        let done = self.act(step).await;
        if promotes {
            let silent = |e: &Error| matches!(e.condition(), Condition::Timeout | Condition::ConnectionLost);
            self.state.lock().await.promotion_in_doubt = done.as_ref().is_err_and(silent);
        }
        done.map_err(|e| self.failed(step, e))?;
        let tablet = step.tablet().map(|t| format!(" {t}")).unwrap_or_default();
        self.say(format!("{}: {}{tablet} done", self.name, step.name())).await;
        Ok(())
    }

    fn failed(&self, step: &Step, e: Error) -> Error {
        let tablet = step.tablet().map(|t| format!(" {t}")).unwrap_or_default();
        e.context(format!("{}: step {}{tablet}", self.name, step.name()))
    }

    fn record(&self, alias: &TabletAlias) -> Result<&topodata::Tablet> {
        let found = self.snapshot.tablet(alias).map(|t| &t.tablet);
        found.ok_or_else(|| Error::internal(format!("tablet {alias} is not in the snapshot")))
    }

    /// What a step does. Every call is bounded: by the wait for replicas where it waits, by the manager
    /// client's own limit elsewhere.
    async fn act(&self, step: &Step) -> Result<()> {
        let manager = &self.reparenter.tablets;
        let record = match step.tablet() {
            Some(alias) => self.record(alias)?,
            None => return Err(Error::internal("a group inside of a group")),
        };
        match step {
            Step::ResetReplication { .. } => {
                manager.reset_replication(record, tm::ResetReplicationRequest {}).await?;
            }
            Step::CatchUp { source, semi_sync, .. } => {
                let source_record = self.record(source)?;
                let position = manager.primary_position(source_record, tm::PrimaryPositionRequest {}).await?;
                let request = tm::SetReplicationSourceRequest {
                    parent: Some(source.into()),
                    wait_position: position.position,
                    semi_sync: *semi_sync,
                    force_start_replication: true,
                    ..Default::default()
                };
                self.waiting(manager.set_replication_source(record, request)).await?;
            }
            Step::DemotePrimary { .. } => {
                let answer =
                    manager.demote_primary(record, tm::DemotePrimaryRequest { force: false }).await?;
                let position = answer.primary_status.unwrap_or_default().position;
                if position.is_empty() {
                    return Err(Error::internal("the demoted primary did not say its position"));
                }
                self.state.lock().await.position = position;
            }
            Step::WaitForPosition { .. } => {
                let position = self.state.lock().await.position.clone();
                self.waiting(manager.wait_for_position(record, tm::WaitForPositionRequest { position }))
                    .await?;
            }
            Step::PromoteReplica { semi_sync, .. } => {
                let request = tm::PromoteReplicaRequest { semi_sync: *semi_sync };
                let answer = self.waiting(manager.promote_replica(record, request)).await?;
                self.state.lock().await.position = answer.position;
                self.promoted.send_replace(true);
            }
            Step::AwaitPromotion { .. } => {
                let mut promoted = self.promoted.subscribe();
                // Ends with the reparent: a promotion that fails breaks this branch off.
                drop(promoted.wait_for(|done| *done).await);
            }
            Step::InitPrimary { semi_sync, .. } => {
                let request = tm::InitPrimaryRequest { semi_sync: *semi_sync };
                let answer = manager.init_primary(record, request).await?;
                self.state.lock().await.position = answer.position;
            }
            Step::SetReplicationSource { source, semi_sync, .. } => {
                let request = tm::SetReplicationSourceRequest {
                    parent: Some(source.into()),
                    time_created_ns: self.created_ns,
                    semi_sync: *semi_sync,
                    // An emergency has stopped them.
                    force_start_replication: self.plan.kind == Kind::Emergency,
                    ..Default::default()
                };
                self.waiting(manager.set_replication_source(record, request)).await?;
            }
            Step::PopulateReparentJournal { tablet } => {
                let action = self.name.split_whitespace().next().unwrap_or_default();
                let request = tm::PopulateReparentJournalRequest {
                    time_created_ns: self.created_ns,
                    action_name: action.to_owned(),
                    primary_alias: Some(tablet.into()),
                    replication_position: self.state.lock().await.position.clone(),
                };
                self.waiting(manager.populate_reparent_journal(record, request)).await?;
            }
            Step::WriteShardRecord { tablet } => self.write_shard_record(tablet).await?,
            Step::CreateDatabase { database, .. } => {
                let name = database.replace('`', "``");
                let request = tm::ExecuteFetchAsDbaRequest {
                    query: format!("CREATE DATABASE IF NOT EXISTS `{name}`").into_bytes(),
                    max_rows: 1,
                    reload_schema: true,
                    ..Default::default()
                };
                self.waiting(manager.execute_fetch_as_dba(record, request)).await?;
            }
            Step::AwaitShardRecord { tablet } => self.await_shard_record(tablet).await?,
            // Done before there was a plan, see `stop`.
            Step::StopReplication { .. } | Step::Together { .. } => {}
        }
        Ok(())
    }

    async fn waiting<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        match tokio::time::timeout(self.wait, call).await {
            Ok(done) => done,
            Err(_) => Err(Error::new(
                Condition::Timeout,
                format!("not done within --wait-replicas-timeout {:?}", self.wait),
            )),
        }
    }

    async fn write_shard_record(&self, primary: &TabletAlias) -> Result<()> {
        let alias = topodata::TabletAlias::from(primary);
        let edit = |shard: &mut topodata::Shard| {
            if shard.primary_alias.as_ref() == Some(&alias) {
                return Ok(Edit::Keep);
            }
            shard.primary_alias = Some(alias.clone());
            Ok(Edit::Write)
        };
        let (keyspace, shard) = (&self.snapshot.keyspace, &self.snapshot.shard);
        self.reparenter.topo.update_shard_fields(keyspace, shard, edit).await.map(drop)
    }

    /// Until the record names the new primary another reparent would take the old one for it. Not a
    /// failure: the tablet goes on trying.
    async fn await_shard_record(&self, primary: &TabletAlias) -> Result<()> {
        let limit = RECORD_LIMIT.min(self.wait);
        let (keyspace, shard) = (&self.snapshot.keyspace, &self.snapshot.shard);
        let named = async {
            loop {
                let found = self.reparenter.topo.get_shard(keyspace, shard).await;
                if found.is_ok_and(|s| s.primary().as_ref() == Some(primary)) {
                    return;
                }
                tokio::time::sleep(RECORD_STEP).await;
            }
        };
        if tokio::time::timeout(limit, named).await.is_err() {
            self.warn(format!("{}: the shard's record does not name {primary} after {limit:?}", self.name))
                .await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod emergency_tests;
#[cfg(test)]
mod tests;
