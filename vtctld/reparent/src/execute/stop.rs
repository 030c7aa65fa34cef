//! The first half of an emergency reparent: every tablet is stopped and says what it has; those that matter
//! execute what they received. What was learned is a [`Snapshot`] that the second half is decided on.
//!
//! Nobody is waited for longer than needed: when enough tablets are stopped for nothing to be lost, the others
//! have a moment more, unless the request asks for all. A primary whose mysqld answers is the exception: it ends
//! its transactions before it is read-only, and a promotion while it still is writable is refused.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use proto::{replicationdata::StopReplicationMode, tabletmanagerdata as tm, topodata::TabletType};
use tabletclient::TabletManagerClient;
use tokio::time::{Instant, timeout, timeout_at};
use vterrors::{Condition, Error, Result};
use vtmodel::TabletAlias;

use super::UNDO_TIMEOUT;
use crate::{EmergencyRequest, Reparenter, Snapshot, Step, Stop, TabletState, decide};

/// What tablets have after enough have answered.
const GRACE: Duration = Duration::from_secs(1);
/// The same for those that did not answer before, and for those that execute what they received when one that can take
/// over has done so.
const SHORT_GRACE: Duration = Duration::from_millis(200);
/// What a living primary has after that, to end its transactions and to become read-only. A tablet gives up on
/// commits that nobody acknowledges after a second, and on requests that do not leave after ten.
const DEMOTION: Duration = Duration::from_secs(12);

/// What was asked to stop, for the undo.
#[derive(Debug, Default)]
pub(crate) struct Stops {
    /// Primaries that were asked to accept no more writes.
    demoted: Vec<TabletAlias>,
}

/// How long one is waited for once there are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// For [`SHORT_GRACE`].
    Short,
    /// For [`GRACE`].
    Ordinary,
    /// For [`GRACE`] and [`DEMOTION`].
    Alive,
}

/// Runs everything at the same time, until all is done, `limit` is over, or `enough` of the results so far is true and
/// the others have had the time that `patience` gives them. What was not done is None.
pub(super) async fn gather<T>(
    work: impl IntoIterator<Item = impl Future<Output = T>>,
    limit: Duration,
    enough: impl Fn(&[Option<T>]) -> bool,
    patience: impl Fn(usize) -> Patience,
) -> Vec<Option<T>> {
    let mut running: FuturesUnordered<_> =
        work.into_iter().enumerate().map(|(n, work)| async move { (n, work.await) }).collect();
    let mut done: Vec<Option<T>> = (0..running.len()).map(|_| None).collect();
    let last = Instant::now() + limit;
    let mut satisfied = None;
    let deadline = |satisfied: Option<Instant>, done: &[Option<T>]| {
        let Some(satisfied) = satisfied else { return last };
        let open = done.iter().enumerate().filter(|(_, done)| done.is_none());
        let times = open.map(|(n, _)| match patience(n) {
            Patience::Short => SHORT_GRACE,
            Patience::Ordinary => GRACE,
            Patience::Alive => GRACE + DEMOTION,
        });
        last.min(satisfied + times.max().unwrap_or_default())
    };
    loop {
        let until = deadline(satisfied, &done);
        match timeout_at(until, running.next()).await {
            Ok(Some((n, value))) => {
                if let Some(place) = done.get_mut(n) {
                    *place = Some(value);
                }
                if satisfied.is_none() && enough(&done) {
                    satisfied = Some(Instant::now());
                }
            }
            // One may have shown that it is alive meanwhile.
            Err(_) if deadline(satisfied, &done) > until => {}
            Ok(None) | Err(_) => return done,
        }
    }
}

impl Reparenter {
    /// Stops the tablets of `snapshot` (whose records alone are known) and learns what they have.
    pub(crate) async fn stop_everything(
        &self,
        snapshot: &mut Snapshot,
        request: &EmergencyRequest,
    ) -> Result<Stops> {
        let steps = decide::stop_everything(snapshot, request)?;
        let Some(Step::Together { branches }) = steps.into_iter().next() else {
            return Err(Error::internal("an emergency reparent begins with stopping the tablets"));
        };
        let asked: Vec<TabletAlias> = branches.iter().flatten().filter_map(|s| s.tablet().cloned()).collect();
        let limit = request.wait_replicas_timeout;
        let states: Vec<TabletState> = asked.iter().filter_map(|a| snapshot.tablet(a).cloned()).collect();
        // Which of them said that they accept writes.
        let writable: Vec<AtomicBool> = states.iter().map(|_| AtomicBool::new(false)).collect();
        let work: Vec<_> = states
            .into_iter()
            .zip(&writable)
            .map(|(state, writable)| stop(Arc::clone(&self.tablets), state, writable))
            .collect();
        let enough = |done: &[Option<TabletState>]| {
            !request.wait_for_all_tablets && enough_stopped(snapshot, request, done)
        };
        let patience = |n: usize| match (writable.get(n), asked.get(n)) {
            (Some(writable), _) if writable.load(Ordering::Relaxed) => Patience::Alive,
            (_, Some(alias)) if request.silent.contains(alias) => Patience::Short,
            _ => Patience::Ordinary,
        };
        let begun = Instant::now();
        let done = gather(work, limit, enough, patience).await;
        let stopped = begun.elapsed();
        let mut stops = Stops::default();
        for (alias, answer) in asked.iter().zip(done) {
            let Some(state) = snapshot.tablets.iter_mut().find(|t| t.alias == *alias) else { continue };
            match answer {
                Some(answer) => *state = answer,
                None => state.fault = Some(format!("no answer while it was to be stopped, limit {limit:?}")),
            }
            if state.tablet.r#type() == TabletType::Primary || state.stopped == Stop::Writing {
                stops.demoted.push(alias.clone());
            }
        }
        self.apply_received(snapshot, request, limit).await;
        let applied = begun.elapsed() - stopped;
        tracing::info!(?stopped, ?applied, "the tablets have stopped and executed what they received");
        Ok(stops)
    }

    /// Has the tablets that could become primary, and those that received the most, execute all they received;
    /// reads the journals of those that did. One that can take over with everything is enough: another that is still
    /// busy with what it missed while it was away may follow all the same.
    async fn apply_received(&self, snapshot: &mut Snapshot, request: &EmergencyRequest, limit: Duration) {
        let most = received_most(snapshot);
        let relevant: Vec<TabletState> = snapshot
            .tablets
            .iter()
            .filter(|t| t.fault.is_none() && (snapshot.may_be_promoted(t) || most.contains(&t.alias)))
            .cloned()
            .collect();
        let work: Vec<_> = relevant.iter().cloned().map(|t| apply(Arc::clone(&self.tablets), t)).collect();
        let everything: Vec<&TabletState> = most.iter().filter_map(|t| snapshot.tablet(t)).collect();
        let takes_over = |t: &TabletState| {
            may_take_over(snapshot, request, t) && everything.iter().all(|most| decide::has_all(t, most))
        };
        let enough = |done: &[Option<TabletState>]| {
            let applied: Vec<&TabletState> = done.iter().flatten().filter(|t| t.applied).collect();
            if applied.iter().any(|t| takes_over(t)) {
                return true;
            }
            let covered = |t: &TabletAlias| applied.iter().any(|a| a.alias == *t);
            most.iter().all(covered) && applied.iter().any(|t| snapshot.may_be_promoted(t))
        };
        let done = gather(work, limit, enough, |_| Patience::Short).await;
        for answer in done.into_iter().flatten() {
            if let Some(state) = snapshot.tablets.iter_mut().find(|t| t.alias == answer.alias) {
                *state = answer;
            }
        }
    }

    /// What [`Reparenter::stop_everything`] would find out, with nothing stopped.
    pub(crate) async fn look_at_everything(&self, request: &EmergencyRequest) -> Result<Snapshot> {
        let limit = request.wait_replicas_timeout;
        let mut snapshot = crate::snapshot::records(&self.topo, &request.keyspace, &request.shard).await?;
        let asked = std::mem::take(&mut snapshot.tablets).into_iter();
        let asked = asked.map(|t| crate::snapshot::ask(&*self.tablets, t, limit));
        snapshot.tablets = join_all(asked).await;
        for state in snapshot.tablets.iter_mut().filter(|t| t.fault.is_none()) {
            let primary = state.tablet.r#type() == TabletType::Primary;
            state.stopped = if primary { Stop::Writing } else { Stop::Fetching { ran: true } };
            // The reparent would wait for it.
            state.applied = true;
        }
        let journals = snapshot.tablets.iter().map(|t| journal(&*self.tablets, t));
        let journals = join_all(journals).await;
        for (state, journal) in snapshot.tablets.iter_mut().zip(journals) {
            state.journal = journal;
        }
        Ok(snapshot)
    }
}

fn enough_stopped(snapshot: &Snapshot, request: &EmergencyRequest, done: &[Option<TabletState>]) -> bool {
    let reached = |alias: &TabletAlias| done.iter().flatten().any(|t| t.alias == *alias && t.fault.is_none());
    // All but the primary, if nobody acknowledges; one that can be promoted at least.
    let others = match snapshot.durability.acknowledgements() {
        0 => {
            let old = decide::recorded_primary(snapshot);
            let mut others = snapshot.tablets.iter().filter(|t| Some(&t.alias) != old.as_ref());
            others.all(|t| request.ignore_replicas.contains(&t.alias) || reached(&t.alias))
        }
        _ => decide::unrevoked(snapshot, request, reached).is_empty(),
    };
    others && snapshot.tablets.iter().any(|t| snapshot.may_be_promoted(t) && reached(&t.alias))
}

/// Whether the request lets a tablet become primary, as far as its record tells.
fn may_take_over(snapshot: &Snapshot, request: &EmergencyRequest, tablet: &TabletState) -> bool {
    let wanted = request.new_primary.as_ref().is_none_or(|wanted| *wanted == tablet.alias);
    let cell = decide::recorded_primary(snapshot).map(|p| p.cell);
    let near = !request.prevent_cross_cell_promotion || cell.is_none_or(|cell| cell == tablet.alias.cell);
    wanted && near && !tablet.backup_running && snapshot.may_be_promoted(tablet)
}

/// The tablets whose received set is not a part of another's.
fn received_most(snapshot: &Snapshot) -> Vec<TabletAlias> {
    let seen: Vec<&TabletState> = snapshot.tablets.iter().filter(|t| t.fault.is_none()).collect();
    let less = |a: &TabletState, b: &TabletState| match (&a.received, &b.received) {
        (Some(a), Some(b)) => b.at_least(a) && !a.at_least(b),
        _ => false,
    };
    seen.iter().filter(|t| !seen.iter().any(|o| less(t, o))).map(|t| t.alias.clone()).collect()
}

/// Stops one tablet: a replica fetches no more, a primary accepts no more writes. `writable` is set when it says
/// that it accepts writes.
async fn stop(
    manager: Arc<dyn TabletManagerClient>,
    mut state: TabletState,
    writable: &AtomicBool,
) -> TabletState {
    let manager = &*manager;
    let stopped = match state.tablet.r#type() {
        TabletType::Primary => match stop_writing(manager, &mut state, writable).await {
            Err(e) if !unreachable(&e) => stop_fetching(manager, &mut state).await,
            other => other,
        },
        _ => match stop_fetching(manager, &mut state).await {
            Err(e) if !unreachable(&e) => stop_writing(manager, &mut state, writable).await,
            other => other,
        },
    };
    if let Err(e) = stopped
        && (unreachable(&e) || !find_idle(manager, &mut state).await)
    {
        state.fault = Some(e.message().to_owned());
        return state;
    }
    let full = manager.full_status(&state.tablet, tm::FullStatusRequest {});
    if let Ok(Ok(Some(full))) = timeout(GRACE, full).await.map(|f| f.map(|f| f.status)) {
        state.saw_server(&full);
    }
    state
}

fn unreachable(e: &Error) -> bool {
    matches!(e.condition(), Condition::Unreachable | Condition::ConnectionLost | Condition::Timeout)
}

async fn stop_fetching(manager: &dyn TabletManagerClient, state: &mut TabletState) -> Result<()> {
    let request = tm::StopReplicationAndGetStatusRequest {
        stop_replication_mode: StopReplicationMode::Iothreadonly as i32,
    };
    let answer = manager.stop_replication_and_get_status(&state.tablet, request).await?;
    let status = answer.status.unwrap_or_default();
    let (before, after) = (status.before.unwrap_or_default(), status.after.unwrap_or_default());
    state.saw(&after);
    // 0 and 1: unknown and stopped.
    state.stopped = Stop::Fetching { ran: before.io_state > 1 };
    Ok(())
}

async fn stop_writing(
    manager: &dyn TabletManagerClient,
    state: &mut TabletState,
    writable: &AtomicBool,
) -> Result<()> {
    let full = manager.full_status(&state.tablet, tm::FullStatusRequest {});
    if let Ok(Ok(Some(full))) = timeout(GRACE, full).await.map(|f| f.map(|f| f.status)) {
        state.saw_server(&full);
        writable.store(state.writable == Some(true), Ordering::Relaxed);
    }
    let answer = manager.demote_primary(&state.tablet, tm::DemotePrimaryRequest { force: true }).await?;
    take_position(state, &answer.primary_status.unwrap_or_default().position);
    state.stopped = Stop::Writing;
    Ok(())
}

fn take_position(state: &mut TabletState, position: &str) {
    let status = proto::replicationdata::Status { position: position.to_owned(), ..Default::default() };
    state.saw(&status);
    state.applied = true;
}

/// Whether a tablet that neither replicates nor is primary cannot be written to.
async fn find_idle(manager: &dyn TabletManagerClient, state: &mut TabletState) -> bool {
    let full = manager.full_status(&state.tablet, tm::FullStatusRequest {}).await;
    let Ok(Some(full)) = full.map(|f| f.status) else { return false };
    if full.replication_status.is_some() || !(full.read_only || full.super_read_only) {
        return false;
    }
    take_position(state, &full.primary_status.unwrap_or_default().position);
    state.stopped = Stop::Idle;
    true
}

/// Waits until a tablet has executed all that it received, then reads its journal.
async fn apply(manager: Arc<dyn TabletManagerClient>, mut state: TabletState) -> TabletState {
    let Some(received) = state.received.clone() else { return state };
    if !state.applied && state.position.as_ref().is_none_or(|p| !p.at_least(&received)) {
        let request = tm::WaitForPositionRequest { position: received.to_string() };
        if let Err(e) = manager.wait_for_position(&state.tablet, request).await {
            tracing::warn!(error = %e, tablet = %state.alias, "its relay log is not executed");
            return state;
        }
    }
    state.applied = true;
    state.position = Some(received);
    state.journal = journal(&*manager, &state).await;
    state
}

async fn journal(manager: &dyn TabletManagerClient, state: &TabletState) -> Option<i32> {
    if !state.applied || state.fault.is_some() {
        return None;
    }
    let read = manager.read_reparent_journal_info(&state.tablet, tm::ReadReparentJournalInfoRequest {});
    match timeout(GRACE, read).await {
        Ok(Ok(answer)) => Some(answer.length),
        Ok(Err(e)) => {
            tracing::warn!(error = %e, tablet = %state.alias, "its reparent journal cannot be read");
            None
        }
        Err(_) => None,
    }
}

impl Stops {
    /// Lets everything go on as it was. Only for a reparent that promoted nobody.
    pub(crate) async fn undo(&self, reparenter: &Reparenter, snapshot: &Snapshot, e: Error) -> Error {
        // Not the one that the record names: it may be behind.
        let old = snapshot.primary().map(|p| p.alias.clone());
        let writable = old.as_ref().filter(|old| self.demoted.contains(old));
        // One that accepted no writes before may have been demoted by a reparent that promoted another.
        let accepted = |t: &TabletAlias| snapshot.tablet(t).is_some_and(|t| t.writable == Some(true));
        let writable = writable.filter(|old| accepted(old));
        let semi_sync = snapshot.durability.primary_waits();
        let mut failed = Vec::new();
        if let Some(state) = writable.and_then(|old| snapshot.tablet(old)) {
            let request = tm::UndoDemotePrimaryRequest { semi_sync };
            let done = reparenter.tablets.undo_demote_primary(&state.tablet, request);
            failed.extend(undone(state, timeout(UNDO_TIMEOUT, done).await));
        }
        // Only what is known to have run, and as it was: a replica that an earlier reparent left stopped may
        // follow a former primary, and must not acknowledge to that.
        let ran = |t: &&TabletState| t.stopped == Stop::Fetching { ran: true };
        let starts = snapshot.tablets.iter().filter(ran).map(|state| async {
            let request = tm::StartReplicationRequest { semi_sync: state.acknowledged };
            let done = reparenter.tablets.start_replication(&state.tablet, request);
            undone(state, timeout(UNDO_TIMEOUT, done).await)
        });
        failed.extend(join_all(starts).await.into_iter().flatten());
        match failed.is_empty() {
            true => e.context("the tablets go on as before"),
            false => e.context(format!("not started again: {}", failed.join("; "))),
        }
    }
}

/// Why an undo failed. A tablet that did not answer before is not expected to now.
fn undone<T>(
    state: &TabletState,
    done: std::result::Result<Result<T>, tokio::time::error::Elapsed>,
) -> Option<String> {
    let why = match done {
        Ok(Ok(_)) => return None,
        _ if state.fault.is_some() => return None,
        Ok(Err(e)) => e.message().to_owned(),
        Err(_) => format!("no answer within {UNDO_TIMEOUT:?}"),
    };
    Some(format!("{}: {why}", state.alias))
}
