//! A shard in memory behind the tablet manager's trait: what mysqld and vttablet would do, as far as a
//! reparent sees it. It watches that there are never two writable tablets, and fails where it is told to.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use proto::{
    query, replicationdata,
    tabletmanagerdata::*,
    topodata::{self, Tablet, TabletType},
};
use tabletclient::TabletManagerClient;
use tokio::sync::Notify;
use topo::{Edit, Server};
use vterrors::{Condition, Error, Result};
use vtmodel::TabletAlias;

const UUID: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// An error, and nothing was done.
    Refused,
    /// It was done, but the answer never came.
    AnswerLost,
    /// The tablet cannot be reached; nothing was done.
    Unreachable,
}

/// A tablet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FakeTablet {
    pub tablet_type: i32,
    pub writable: bool,
    pub source: Option<String>,
    /// Transactions executed.
    pub executed: u64,
    /// Replication is broken: nothing arrives.
    pub stalled: bool,
    /// Reparents in its journal, by time.
    pub journal: Vec<i64>,
}

#[derive(Debug, Default)]
struct State {
    tablets: BTreeMap<String, FakeTablet>,
    /// The next call of this method on this tablet fails so.
    fail: Option<(String, String, Failure)>,
    calls: Vec<String>,
    violation: Option<String>,
    clock: i64,
}

/// The shard.
#[derive(Debug)]
pub struct FakeShard {
    topo: Server,
    state: Mutex<State>,
    changed: Notify,
}

impl FakeShard {
    /// A shard of the given tablets (`cell`, uid, type), written into the topology with keyspace and shard.
    /// The first PRIMARY among them is writable and the others replicate from it.
    pub async fn new(
        topo: Server,
        keyspace: &str,
        shard: &str,
        tablets: &[(&str, u32, TabletType)],
    ) -> Result<Self> {
        topo.create_keyspace(keyspace, &topodata::Keyspace::default()).await?;
        topo.create_shard(keyspace, shard).await?;
        let primary = tablets.iter().find(|t| t.2 == TabletType::Primary);
        let primary = primary.map(|(cell, uid, _)| TabletAlias::new(*cell, *uid));
        let mut state = State { clock: 1, ..State::default() };
        for (cell, uid, tablet_type) in tablets {
            let alias = TabletAlias::new(*cell, *uid);
            let is_primary = Some(&alias) == primary.as_ref();
            let record = Tablet {
                alias: Some((&alias).into()),
                hostname: "fake".into(),
                port_map: [("grpc".to_owned(), 1), ("vt".to_owned(), 2)].into(),
                keyspace: keyspace.into(),
                shard: shard.into(),
                r#type: *tablet_type as i32,
                primary_term_start_time: is_primary
                    .then_some(proto::vttime::Time { seconds: 1, nanoseconds: 0 }),
                ..Tablet::default()
            };
            topo.create_tablet(&record).await?;
            let fake = FakeTablet {
                tablet_type: *tablet_type as i32,
                writable: is_primary,
                source: primary.as_ref().filter(|_| !is_primary).map(ToString::to_string),
                executed: if primary.is_some() { 10 } else { 0 },
                ..FakeTablet::default()
            };
            state.tablets.insert(alias.to_string(), fake);
        }
        if let Some(primary) = &primary {
            topo.update_shard_fields(keyspace, shard, |s| {
                s.primary_alias = Some(primary.into());
                Ok(Edit::Write)
            })
            .await?;
        }
        Ok(Self { topo, state: Mutex::new(state), changed: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the next call of `method` on `alias` fail.
    pub fn fail(&self, method: &str, alias: &str, how: Failure) {
        self.state().fail = Some((method.to_owned(), alias.to_owned(), how));
    }

    /// Whether the failure that was asked for happened.
    pub fn has_failed(&self) -> bool {
        self.state().fail.is_none()
    }

    /// Changes a tablet.
    pub fn with(&self, alias: &str, change: impl FnOnce(&mut FakeTablet)) {
        change(self.state().tablets.entry(alias.to_owned()).or_default());
    }

    pub fn tablet(&self, alias: &str) -> FakeTablet {
        self.state().tablets.get(alias).cloned().unwrap_or_default()
    }

    /// Every call so far that changes something, as `method alias`.
    pub fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    /// The tablets that accept writes.
    pub fn writable(&self) -> Vec<String> {
        let state = self.state();
        state.tablets.iter().filter(|(_, t)| t.writable).map(|(alias, _)| alias.clone()).collect()
    }

    /// What must never happen and did: two writable tablets.
    pub fn violation(&self) -> Option<String> {
        self.state().violation.clone()
    }

    /// Runs a change of a tablet with the failure that was asked for, if it is this call's turn.
    async fn change<T>(
        &self,
        method: &str,
        tablet: &Tablet,
        change: impl FnOnce(&mut FakeTablet, &BTreeMap<String, FakeTablet>, i64) -> T,
    ) -> Result<T> {
        let alias = alias_of(tablet);
        let (value, failure, after) = {
            let mut state = self.state();
            state.calls.push(format!("{method} {alias}"));
            let ours = |f: &(String, String, Failure)| f.0 == method && f.1 == alias;
            let failure = if state.fail.as_ref().is_some_and(ours) { state.fail.take() } else { None };
            let failure = failure.map(|f| f.2);
            match failure {
                Some(Failure::Refused) => return Err(Error::internal(format!("{method} failed as told"))),
                Some(Failure::Unreachable) => return Err(Error::new(Condition::Unreachable, "no route")),
                _ => {}
            }
            state.clock += 1;
            let (all, clock) = (state.tablets.clone(), state.clock);
            let fake = state.tablets.entry(alias.clone()).or_default();
            let value = change(fake, &all, clock);
            let after = fake.clone();
            state.watch(method);
            (value, failure, after)
        };
        self.publish(tablet, &after).await?;
        self.changed.notify_waiters();
        match failure {
            Some(_) => Err(Error::new(Condition::Timeout, format!("{method}: no answer"))),
            None => Ok(value),
        }
    }

    /// Writes the tablet's type into its record, and a new primary into the shard's, as a vttablet does.
    async fn publish(&self, tablet: &Tablet, after: &FakeTablet) -> Result<()> {
        let alias = TabletAlias::from_proto(tablet.alias.as_ref()).unwrap_or(TabletAlias::new("", 0));
        let primary = after.tablet_type == TabletType::Primary as i32;
        let clock = self.state().clock;
        let edit = |t: &mut Tablet| {
            if t.r#type == after.tablet_type {
                return Ok(Edit::Keep);
            }
            t.r#type = after.tablet_type;
            t.primary_term_start_time =
                primary.then_some(proto::vttime::Time { seconds: clock, nanoseconds: 0 });
            Ok(Edit::Write)
        };
        self.topo.update_tablet_fields(&alias, edit).await?;
        if primary && after.writable {
            self.topo
                .update_shard_fields(&tablet.keyspace, &tablet.shard, |s| {
                    s.primary_alias = Some((&alias).into());
                    Ok(Edit::Write)
                })
                .await?;
        }
        Ok(())
    }

    /// Waits until `check` of the replicated state holds.
    async fn wait_until(&self, check: impl Fn(&State) -> bool) {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.state();
                state.replicate();
                if check(&state) {
                    return;
                }
            }
            changed.await;
        }
    }
}

impl State {
    /// Everything that can arrive arrives.
    fn replicate(&mut self) {
        for _ in 0..self.tablets.len() {
            let all = self.tablets.clone();
            for fake in self.tablets.values_mut().filter(|t| !t.stalled) {
                let Some(source) = fake.source.as_ref().and_then(|s| all.get(s)) else { continue };
                fake.executed = fake.executed.max(source.executed);
            }
        }
    }

    fn watch(&mut self, after: &str) {
        let writable: Vec<_> =
            self.tablets.iter().filter(|(_, t)| t.writable).map(|(a, _)| a.as_str()).collect();
        if writable.len() > 1 {
            self.violation = Some(format!("after {after}: {writable:?} are writable"));
        }
    }
}

fn alias_of(tablet: &Tablet) -> String {
    TabletAlias::from_proto(tablet.alias.as_ref()).map(|a| a.to_string()).unwrap_or_default()
}

fn parent_of(parent: Option<&topodata::TabletAlias>) -> String {
    TabletAlias::from_proto(parent).map(|a| a.to_string()).unwrap_or_default()
}

fn position(executed: u64) -> String {
    if executed == 0 { "MySQL56/".into() } else { format!("MySQL56/{UUID}:1-{executed}") }
}

fn executed_of(position: &str) -> u64 {
    position.rsplit(['-', ':']).next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[async_trait]
impl TabletManagerClient for FakeShard {
    async fn ping(&self, tablet: &Tablet, r: PingRequest) -> Result<PingResponse> {
        self.change("ping", tablet, |_, _, _| PingResponse { payload: r.payload }).await
    }

    async fn refresh_state(&self, tablet: &Tablet, _: RefreshStateRequest) -> Result<RefreshStateResponse> {
        self.change("refresh_state", tablet, |_, _, _| RefreshStateResponse {}).await
    }

    async fn reload_schema(&self, tablet: &Tablet, _: ReloadSchemaRequest) -> Result<ReloadSchemaResponse> {
        self.change("reload_schema", tablet, |_, _, _| ReloadSchemaResponse {}).await
    }

    async fn change_type(&self, tablet: &Tablet, r: ChangeTypeRequest) -> Result<ChangeTypeResponse> {
        self.change("change_type", tablet, |t, _, _| t.tablet_type = r.tablet_type).await?;
        Ok(ChangeTypeResponse {})
    }

    async fn execute_fetch_as_dba(
        &self,
        tablet: &Tablet,
        r: ExecuteFetchAsDbaRequest,
    ) -> Result<ExecuteFetchAsDbaResponse> {
        let sql = String::from_utf8_lossy(&r.query).into_owned();
        if sql.contains("syntax error") {
            return Err(Error::mysql(1064, *b"42000", "You have an error in your SQL syntax"));
        }
        self.change("execute_fetch_as_dba", tablet, |t, _, _| t.executed += 1).await?;
        let result = query::QueryResult { rows_affected: 1, ..Default::default() };
        Ok(ExecuteFetchAsDbaResponse { result: Some(result) })
    }

    async fn replication_status(
        &self,
        tablet: &Tablet,
        _: ReplicationStatusRequest,
    ) -> Result<ReplicationStatusResponse> {
        let mut state = self.state();
        state.replicate();
        let fake = state.tablets.get(&alias_of(tablet)).cloned().unwrap_or_default();
        if fake.source.is_none() {
            return Err(Error::internal("no replication status"));
        }
        let status = replicationdata::Status {
            position: position(fake.executed),
            source_host: "fake".into(),
            ..Default::default()
        };
        Ok(ReplicationStatusResponse { status: Some(status) })
    }

    async fn primary_position(
        &self,
        tablet: &Tablet,
        _: PrimaryPositionRequest,
    ) -> Result<PrimaryPositionResponse> {
        let mut state = self.state();
        state.replicate();
        let executed = state.tablets.get(&alias_of(tablet)).map_or(0, |t| t.executed);
        Ok(PrimaryPositionResponse { position: position(executed) })
    }

    async fn wait_for_position(
        &self,
        tablet: &Tablet,
        r: WaitForPositionRequest,
    ) -> Result<WaitForPositionResponse> {
        self.change("wait_for_position", tablet, |_, _, _| ()).await?;
        let (alias, wanted) = (alias_of(tablet), executed_of(&r.position));
        self.wait_until(|s| s.tablets.get(&alias).is_some_and(|t| t.executed >= wanted)).await;
        Ok(WaitForPositionResponse {})
    }

    async fn reset_replication(
        &self,
        tablet: &Tablet,
        _: ResetReplicationRequest,
    ) -> Result<ResetReplicationResponse> {
        let reset = |t: &mut FakeTablet, _: &BTreeMap<String, FakeTablet>, _: i64| {
            t.source = None;
            t.executed = 0;
        };
        self.change("reset_replication", tablet, reset).await?;
        Ok(ResetReplicationResponse {})
    }

    async fn init_primary(&self, tablet: &Tablet, _: InitPrimaryRequest) -> Result<InitPrimaryResponse> {
        let make = |t: &mut FakeTablet, _: &BTreeMap<String, FakeTablet>, _: i64| {
            t.tablet_type = TabletType::Primary as i32;
            t.writable = true;
            t.source = None;
            t.executed += 1;
            position(t.executed)
        };
        Ok(InitPrimaryResponse { position: self.change("init_primary", tablet, make).await? })
    }

    async fn init_replica(&self, tablet: &Tablet, r: InitReplicaRequest) -> Result<InitReplicaResponse> {
        let source = parent_of(r.parent.as_ref());
        let make = |t: &mut FakeTablet, _: &BTreeMap<String, FakeTablet>, _: i64| {
            t.source = Some(source.clone());
            t.writable = false;
            t.executed = executed_of(&r.replication_position);
        };
        self.change("init_replica", tablet, make).await?;
        self.wait_until(|s| s.tablets.get(&source).is_some_and(|t| t.journal.contains(&r.time_created_ns)))
            .await;
        Ok(InitReplicaResponse {})
    }

    async fn populate_reparent_journal(
        &self,
        tablet: &Tablet,
        r: PopulateReparentJournalRequest,
    ) -> Result<PopulateReparentJournalResponse> {
        let write = |t: &mut FakeTablet, _: &BTreeMap<String, FakeTablet>, _: i64| {
            t.journal.push(r.time_created_ns);
            t.executed += 1;
        };
        self.change("populate_reparent_journal", tablet, write).await?;
        Ok(PopulateReparentJournalResponse {})
    }

    async fn demote_primary(
        &self,
        tablet: &Tablet,
        _: DemotePrimaryRequest,
    ) -> Result<DemotePrimaryResponse> {
        let demote = |t: &mut FakeTablet, _: &BTreeMap<String, FakeTablet>, _: i64| {
            t.writable = false;
            position(t.executed)
        };
        let position = self.change("demote_primary", tablet, demote).await?;
        let status = replicationdata::PrimaryStatus { position, ..Default::default() };
        Ok(DemotePrimaryResponse { primary_status: Some(status) })
    }

    async fn undo_demote_primary(
        &self,
        tablet: &Tablet,
        _: UndoDemotePrimaryRequest,
    ) -> Result<UndoDemotePrimaryResponse> {
        if self.tablet(&alias_of(tablet)).tablet_type != TabletType::Primary as i32 {
            return Err(Error::new(Condition::FailedPrecondition, "it is not the primary"));
        }
        self.change("undo_demote_primary", tablet, |t, _, _| t.writable = true).await?;
        Ok(UndoDemotePrimaryResponse {})
    }

    async fn promote_replica(
        &self,
        tablet: &Tablet,
        _: PromoteReplicaRequest,
    ) -> Result<PromoteReplicaResponse> {
        let promote = |t: &mut FakeTablet, _: &BTreeMap<String, FakeTablet>, _: i64| {
            t.tablet_type = TabletType::Primary as i32;
            t.source = None;
            t.writable = true;
            position(t.executed)
        };
        Ok(PromoteReplicaResponse { position: self.change("promote_replica", tablet, promote).await? })
    }

    async fn set_replication_source(
        &self,
        tablet: &Tablet,
        r: SetReplicationSourceRequest,
    ) -> Result<SetReplicationSourceResponse> {
        let (alias, source) = (alias_of(tablet), parent_of(r.parent.as_ref()));
        let point = |t: &mut FakeTablet, _: &BTreeMap<String, FakeTablet>, _: i64| {
            t.source = Some(source.clone());
            t.writable = false;
            if t.tablet_type == TabletType::Primary as i32 {
                t.tablet_type = TabletType::Replica as i32;
            }
        };
        self.change("set_replication_source", tablet, point).await?;
        let wanted = executed_of(&r.wait_position);
        self.wait_until(|s| s.tablets.get(&alias).is_some_and(|t| t.executed >= wanted)).await;
        if r.time_created_ns != 0 {
            self.wait_until(|s| {
                s.tablets.get(&source).is_some_and(|t| t.journal.contains(&r.time_created_ns))
            })
            .await;
        }
        Ok(SetReplicationSourceResponse {})
    }
}
