//! Changing the primary of a shard, on purpose and in health.
//!
//! Three parts: [`snapshot`] reads what is (records and replication of every tablet), [`decide`] makes a
//! [`Plan`] of it, purely, and `execute` carries the plan out under the shard's lock, with undo.
//!
//! What must hold:
//! - Never two writable primaries. The old one is read-only before the new one is promoted; it is made
//!   writable again only where it is certain that nobody else was.
//! - Each step asks first whether the lock is still held.
//! - A step that was done may be done again: a new process takes over by planning anew.
//! - Without the lock server nothing is begun; the refusal names the shard.

pub mod decide;
mod execute;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod plan;
#[cfg(test)]
mod simulation;
mod single;
mod snapshot;

use std::{sync::Arc, time::Duration};

use proto::logutil;
use tabletclient::TabletManagerClient;
use topo::{LockGuard, Server};
use vterrors::{Error, Result};
use vtmodel::TabletAlias;

pub use plan::{Kind, Plan, Step};
pub use single::Led;
pub use snapshot::{ServerKind, Snapshot, Stop, TabletState, status_of};
pub use vtmodel::Durability;

/// What `PlannedReparentShard` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRequest {
    pub keyspace: String,
    pub shard: String,
    /// The tablet to promote; the best one if none is given.
    pub new_primary: Option<TabletAlias>,
    /// Reparent only if this tablet is the primary, to any other.
    pub avoid_primary: Option<TabletAlias>,
    /// Refuse if another tablet than this is the primary.
    pub expected_primary: Option<TabletAlias>,
    /// Let a tablet of another cell than the primary's be chosen.
    pub allow_cross_cell_promotion: bool,
    /// The longest wait for the candidate to catch up, and for each replica to follow it.
    pub wait_replicas_timeout: Duration,
    /// A candidate that lags more is not chosen; no limit if zero.
    pub tolerable_replication_lag: Duration,
}

impl PlannedRequest {
    pub fn new(keyspace: impl Into<String>, shard: impl Into<String>) -> Self {
        Self {
            keyspace: keyspace.into(),
            shard: shard.into(),
            new_primary: None,
            avoid_primary: None,
            expected_primary: None,
            allow_cross_cell_promotion: false,
            wait_replicas_timeout: Duration::from_secs(15),
            tolerable_replication_lag: Duration::ZERO,
        }
    }
}

/// What `InitShardPrimary` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitRequest {
    pub keyspace: String,
    pub shard: String,
    pub primary_elect: TabletAlias,
    /// Also if the shard has a primary already; its replicas are reset.
    pub force: bool,
    pub wait_replicas_timeout: Duration,
}

/// What `EmergencyReparentShard` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmergencyRequest {
    pub keyspace: String,
    pub shard: String,
    /// The tablet to promote; the best one if none is given.
    pub new_primary: Option<TabletAlias>,
    /// Refuse if another tablet than this is the primary of the shard's record.
    pub expected_primary: Option<TabletAlias>,
    /// Tablets that are neither asked nor pointed at the new primary: whatever only they have is given up.
    pub ignore_replicas: Vec<TabletAlias>,
    /// Promote only a tablet of the old primary's cell.
    pub prevent_cross_cell_promotion: bool,
    /// Wait for the answer of every tablet, not only of as many as durability asks for.
    pub wait_for_all_tablets: bool,
    /// Tablets that are known not to answer: once enough others have stopped, these are hardly waited for.
    pub silent: Vec<TabletAlias>,
    /// The longest wait for tablets to stop, for relay logs to be applied, and for each replica to follow.
    pub wait_replicas_timeout: Duration,
}

impl EmergencyRequest {
    pub fn new(keyspace: impl Into<String>, shard: impl Into<String>) -> Self {
        Self {
            keyspace: keyspace.into(),
            shard: shard.into(),
            new_primary: None,
            expected_primary: None,
            ignore_replicas: Vec::new(),
            prevent_cross_cell_promotion: false,
            wait_for_all_tablets: false,
            silent: Vec::new(),
            wait_replicas_timeout: Duration::from_secs(15),
        }
    }
}

/// A reparent that was done.
#[derive(Debug, Clone)]
pub struct Done {
    pub primary: TabletAlias,
    pub events: Vec<logutil::Event>,
}

/// Carries out reparents.
#[derive(Clone)]
pub struct Reparenter {
    topo: Server,
    tablets: Arc<dyn TabletManagerClient>,
}

impl Reparenter {
    pub fn new(topo: Server, tablets: Arc<dyn TabletManagerClient>) -> Self {
        Self { topo, tablets }
    }

    /// Moves the primary of a shard to another tablet; gives a shard that never had one its first.
    pub async fn planned(&self, request: &PlannedRequest) -> Result<Done> {
        let name = format!("PlannedReparentShard {}/{}", request.keyspace, request.shard);
        let guard = self.lock(&request.keyspace, &request.shard, &name).await?;
        let done = self.planned_locked(&guard, request, &name).await;
        finish(guard, done, &name).await
    }

    async fn planned_locked(&self, guard: &LockGuard, request: &PlannedRequest, name: &str) -> Result<Done> {
        let snapshot = self.snapshot(&request.keyspace, &request.shard, request.wait_replicas_timeout).await;
        let snapshot = snapshot.map_err(|e| e.context(name))?;
        let plan = decide::planned(&snapshot, request).map_err(|e| e.context(name))?;
        self.execute(guard, &snapshot, plan, name, request.wait_replicas_timeout, None).await
    }

    /// Makes a tablet the first primary of its shard.
    pub async fn init_shard_primary(&self, request: &InitRequest) -> Result<Done> {
        let name = format!("InitShardPrimary {}/{}", request.keyspace, request.shard);
        let guard = self.lock(&request.keyspace, &request.shard, &name).await?;
        let done = self.init_locked(&guard, request, &name).await;
        finish(guard, done, &name).await
    }

    async fn init_locked(&self, guard: &LockGuard, request: &InitRequest, name: &str) -> Result<Done> {
        let snapshot = self.snapshot(&request.keyspace, &request.shard, request.wait_replicas_timeout).await;
        let snapshot = snapshot.map_err(|e| e.context(name))?;
        let plan = decide::init_shard_primary(&snapshot, request).map_err(|e| e.context(name))?;
        self.execute(guard, &snapshot, plan, name, request.wait_replicas_timeout, None).await
    }

    /// The steps that [`Reparenter::planned`] would take now; nothing is locked or changed.
    pub async fn dry_run_planned(&self, request: &PlannedRequest) -> Result<Plan> {
        let snapshot =
            self.snapshot(&request.keyspace, &request.shard, request.wait_replicas_timeout).await?;
        decide::planned(&snapshot, request)
    }

    /// Gives a shard whose primary is gone a new one, without losing what was acknowledged.
    ///
    /// Stops replication everywhere first; when that shows that acknowledged writes might be lost, or that
    /// nobody can take over, the tablets go on as before and the error says why.
    pub async fn emergency(&self, request: &EmergencyRequest) -> Result<Done> {
        let name = format!("EmergencyReparentShard {}/{}", request.keyspace, request.shard);
        let guard = self.lock(&request.keyspace, &request.shard, &name).await?;
        let done = self.emergency_locked(&guard, request, &name).await;
        finish(guard, done, &name).await
    }

    async fn emergency_locked(
        &self,
        guard: &LockGuard,
        request: &EmergencyRequest,
        name: &str,
    ) -> Result<Done> {
        let records = snapshot::records(&self.topo, &request.keyspace, &request.shard).await;
        let mut snapshot = records.map_err(|e| e.context(name))?;
        guard.check().await.map_err(|e| e.context(name))?;
        let stops = self.stop_everything(&mut snapshot, request).await.map_err(|e| e.context(name))?;
        match decide::emergency(&snapshot, request) {
            Ok(plan) => {
                self.execute(guard, &snapshot, plan, name, request.wait_replicas_timeout, Some(&stops)).await
            }
            Err(e) => Err(self.undo_stops(guard, &stops, &snapshot, e).await.context(name)),
        }
    }

    /// Whoever holds the shard's lock now may rely on what is stopped.
    async fn undo_stops(
        &self,
        guard: &LockGuard,
        stops: &execute::Stops,
        snapshot: &Snapshot,
        e: Error,
    ) -> Error {
        match guard.check().await {
            Ok(()) => stops.undo(self, snapshot, e).await,
            Err(lost) => e.context(format!("the tablets stay stopped: {}", lost.message())),
        }
    }

    /// The steps that [`Reparenter::emergency`] would take now; nothing is locked or changed.
    pub async fn dry_run_emergency(&self, request: &EmergencyRequest) -> Result<Plan> {
        let name = format!("EmergencyReparentShard {}/{}", request.keyspace, request.shard);
        let snapshot = self.look_at_everything(request).await.map_err(|e| e.context(&*name))?;
        decide::emergency(&snapshot, request).map_err(|e| e.context(name))
    }

    async fn lock(&self, keyspace: &str, shard: &str, name: &str) -> Result<LockGuard> {
        let locked = self.topo.lock_shard(keyspace, shard, name).await;
        locked.map_err(|e| {
            let text = format!("{name} is refused: the shard cannot be locked: {}", e.message());
            Error::new(e.condition(), text)
        })
    }

    async fn snapshot(&self, keyspace: &str, shard: &str, limit: Duration) -> Result<Snapshot> {
        snapshot::read(&self.topo, &*self.tablets, keyspace, shard, limit).await
    }
}

/// Releases the lock whatever came out; the lock's error counts only if there is no other.
async fn finish<T>(guard: LockGuard, done: Result<T>, name: &str) -> Result<T> {
    let released = guard.unlock().await;
    let done = done?;
    if let Err(e) = released {
        tracing::warn!(error = %e, "{name}: the shard's lock ends with its lease");
    }
    Ok(done)
}

fn now() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

fn event(level: logutil::Level, value: impl Into<String>) -> logutil::Event {
    let now = now();
    let time = proto::vttime::Time {
        seconds: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
        nanoseconds: i32::try_from(now.subsec_nanos()).unwrap_or(0),
    };
    logutil::Event {
        time: Some(time),
        level: level as i32,
        file: "reparent".into(),
        line: 0,
        value: value.into(),
    }
}

/// An event for the operator: something went on without what was wished for.
pub fn warning(value: impl Into<String>) -> logutil::Event {
    event(logutil::Level::Warning, value)
}

/// An event for the operator: what was done.
pub fn info(value: impl Into<String>) -> logutil::Event {
    event(logutil::Level::Info, value)
}
