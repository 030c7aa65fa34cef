//! A shard in memory behind the tablet manager's trait: what mysqld and vttablet would do, as far as a
//! reparent sees it. It watches that there are never two writable tablets, and fails where it is told to.

mod server;

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use proto::{
    query, replicationdata,
    tabletmanagerdata::*,
    topodata::{self, Tablet, TabletType},
    vttime,
};
use tabletclient::TabletManagerClient;
use tokio::sync::Notify;
use topo::{Edit, Server};
use vterrors::{Condition, Error, Result};
use vtmodel::TabletAlias;

pub use server::{FakeTablet, Gtids, Servers, uuid};

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

#[derive(Debug, Default)]
struct State {
    servers: Servers,
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
    /// Records are written by [`FakeShard::sync`] alone, later than what they tell of.
    lazy: bool,
    keyspace: String,
    shard: String,
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
        Self::with_policy(topo, keyspace, shard, tablets, "").await
    }

    /// As [`FakeShard::new`], with the durability policy of the keyspace.
    pub async fn with_policy(
        topo: Server,
        keyspace: &str,
        shard: &str,
        tablets: &[(&str, u32, TabletType)],
        policy: &str,
    ) -> Result<Self> {
        let durability: vtmodel::Durability = policy.parse()?;
        let record = topodata::Keyspace { durability_policy: policy.to_owned(), ..Default::default() };
        topo.create_keyspace(keyspace, &record).await?;
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
                primary_term_start_time: is_primary.then_some(vttime::Time { seconds: 1, nanoseconds: 0 }),
                ..Tablet::default()
            };
            topo.create_tablet(&record).await?;
            let mut fake = FakeTablet {
                uid: *uid,
                tablet_type: *tablet_type as i32,
                writable: is_primary,
                source: primary.as_ref().filter(|_| !is_primary).map(ToString::to_string),
                fetching: !is_primary,
                semi_sync_source: is_primary && durability.primary_waits(),
                term: i64::from(is_primary),
                ..FakeTablet::default()
            };
            if let Some(primary) = &primary {
                fake.semi_sync_replica =
                    !is_primary && durability.replica_acknowledges(&primary.cell, &record);
                fake.executed.set(primary.uid, 10);
                fake.received.set(primary.uid, 10);
            }
            state.servers.tablets.insert(alias.to_string(), fake);
        }
        if let Some(primary) = &primary {
            topo.update_shard_fields(keyspace, shard, |s| {
                s.primary_alias = Some(primary.into());
                s.primary_term_start_time = Some(vttime::Time { seconds: 1, nanoseconds: 0 });
                Ok(Edit::Write)
            })
            .await?;
        }
        let (keyspace, shard) = (keyspace.to_owned(), shard.to_owned());
        Ok(Self { topo, state: Mutex::new(state), changed: Notify::new(), lazy: false, keyspace, shard })
    }

    /// Records are written later, when [`FakeShard::sync`] is called.
    #[must_use]
    pub fn lazy(self) -> Self {
        Self { lazy: true, ..self }
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
        self.servers(|s| change(s.tablets.entry(alias.to_owned()).or_default()));
    }

    /// Looks at, or changes, the servers.
    pub fn servers<T>(&self, work: impl FnOnce(&mut Servers) -> T) -> T {
        let value = work(&mut self.state().servers);
        self.changed.notify_waiters();
        value
    }

    pub fn tablet(&self, alias: &str) -> FakeTablet {
        self.state().servers.tablets.get(alias).cloned().unwrap_or_default()
    }

    /// Every call so far that changes something, as `method alias`.
    pub fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    /// The tablets that accept writes.
    pub fn writable(&self) -> Vec<String> {
        let state = self.state();
        state.servers.tablets.iter().filter(|(_, t)| t.writable).map(|(alias, _)| alias.clone()).collect()
    }

    /// What must never happen and did: two tablets that accept writes that they can get acknowledged, one promoted
    /// that lacks an acknowledged write, one made writable again although another was promoted since its demotion.
    pub fn violation(&self) -> Option<String> {
        self.state().violation.clone()
    }

    /// A tablet, if it answers.
    fn reach(&self, tablet: &Tablet) -> Result<(String, FakeTablet)> {
        let alias = alias_of(tablet);
        let mut state = self.state();
        state.servers.replicate();
        let fake = state.servers.tablets.get(&alias).cloned().unwrap_or_default();
        match (fake.silent, fake.down) {
            (true, _) => Err(Error::new(Condition::Unreachable, format!("{alias} is not there"))),
            (_, true) => Err(Error::new(Condition::Unreachable, format!("mysqld of {alias} is not there"))),
            _ => Ok((alias, fake)),
        }
    }

    /// Runs a change of a tablet with the failure that was asked for, if it is this call's turn.
    async fn change<T>(
        &self,
        method: &str,
        tablet: &Tablet,
        change: impl FnOnce(&mut Servers, &str, i64) -> Result<T>,
    ) -> Result<T> {
        let (alias, _) = self.reach(tablet)?;
        let (value, failure) = {
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
            let clock = state.clock;
            let value = change(&mut state.servers, &alias, clock)?;
            state.watch(method, &alias);
            (value, failure)
        };
        if !self.lazy {
            self.publish(&alias).await?;
        }
        self.changed.notify_waiters();
        match failure {
            Some(_) => Err(Error::new(Condition::Timeout, format!("{method}: no answer"))),
            None => Ok(value),
        }
    }

    /// Writes the tablet's type into its record, and a new primary into the shard's, as a vttablet does.
    async fn publish(&self, alias: &str) -> Result<()> {
        let fake = self.tablet(alias);
        let alias: TabletAlias = alias.parse()?;
        let primary = fake.is(TabletType::Primary);
        let term = primary.then_some(vttime::Time { seconds: fake.term, nanoseconds: 0 });
        self.topo
            .update_tablet_fields(&alias, |t: &mut Tablet| {
                (t.r#type, t.primary_term_start_time) = (fake.tablet_type, term);
                Ok(Edit::Write)
            })
            .await?;
        if !primary {
            return Ok(());
        }
        self.topo
            .update_shard_fields(&self.keyspace, &self.shard, |s| {
                if s.primary_term_start_time.is_some_and(|t| t.seconds >= fake.term) {
                    return Ok(Edit::Keep);
                }
                s.primary_alias = Some((&alias).into());
                s.primary_term_start_time = term;
                Ok(Edit::Write)
            })
            .await
            .map(drop)
    }

    /// What a tablet does by itself: writes its records, steps down for a newer primary, follows the primary
    /// of the shard's record if it follows nobody and nobody has the shard's lock. DRAINED if it has transactions that
    /// this primary lacks.
    pub async fn sync(&self, alias: &str) -> Result<()> {
        if self.tablet(alias).silent {
            return Ok(());
        }
        self.publish(alias).await?;
        let record = self.topo.get_shard(&self.keyspace, &self.shard).await?;
        let Some(primary) = record.primary().filter(|p| p.to_string() != alias) else {
            return Ok(());
        };
        let durability: vtmodel::Durability =
            self.topo.get_keyspace(&self.keyspace).await?.value.durability_policy.parse()?;
        let own = self.topo.get_tablet(&alias.parse()?).await?;
        let acknowledges = durability.replica_acknowledges(&primary.cell, &own);
        let term = record.record.primary_term_start_time.map_or(0, |t| t.seconds);
        let locked = self.topo.is_shard_locked(&self.keyspace, &self.shard).await?;
        self.servers(|s| {
            s.replicate();
            let Some(t) = s.tablets.get_mut(alias) else { return };
            if t.is(TabletType::Primary) && term > t.term {
                t.become_replica();
                s.end_waiting(alias);
            }
            if !locked {
                s.follow_if_alone(alias, &primary.to_string(), acknowledges);
            }
        });
        self.publish(alias).await
    }

    /// A mysqld that died is started again: read-only, not replicating.
    pub fn restart(&self, alias: &str) {
        self.servers(|s| {
            s.end_waiting(alias);
            if let Some(t) = s.tablets.get_mut(alias) {
                (t.down, t.writable, t.fetching) = (false, false, false);
                (t.semi_sync_source, t.semi_sync_replica) = (false, false);
            }
        });
    }

    /// Waits until `check` of the replicated state holds.
    async fn wait_until(&self, check: impl Fn(&Servers) -> bool) {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.state();
                state.servers.replicate();
                if check(&state.servers) {
                    return;
                }
            }
            changed.await;
        }
    }

    async fn wait_for_journal(&self, alias: &str, created_ns: i64) {
        if created_ns != 0 {
            self.wait_until(|s| s.journal(alias).contains(&created_ns)).await;
        }
    }
}

impl Servers {
    /// A replica without a source follows the shard's primary, if that has all that it has, and acknowledges to it
    /// what the durability policy wants.
    fn follow_if_alone(&mut self, alias: &str, primary: &str, acknowledges: bool) {
        let there = self.tablets.get(primary).filter(|p| !p.silent && !p.down).map(|p| p.executed.clone());
        let (Some(theirs), Some(t)) = (there, self.tablets.get_mut(alias)) else { return };
        if t.down || t.is(TabletType::Primary) || t.is(TabletType::Drained) || t.source.is_some() {
            return;
        }
        if theirs.contains(&t.executed) {
            t.source = Some(primary.to_owned());
            (t.fetching, t.semi_sync_replica) = (true, acknowledges);
        } else {
            t.tablet_type = TabletType::Drained as i32;
            t.semi_sync_replica = false;
        }
    }
}

impl State {
    fn watch(&mut self, after: &str, alias: &str) {
        let servers = &self.servers;
        let writable = servers.can_write();
        let violation = if writable.len() > 1 {
            Some(format!("{writable:?} are writable"))
        } else {
            // At once: by the time that a write could be acknowledged to both, chance has to help twice more.
            match after {
                "promote_replica" => {
                    let lost = servers.lacks(alias);
                    (!lost.is_empty())
                        .then(|| format!("it is promoted and lacks acknowledged writes {lost:?}"))
                }
                "undo_demote_primary" if servers.tablets.get(alias).is_some_and(|t| t.retired) => {
                    Some("it is writable again, and another was promoted since it was demoted".to_owned())
                }
                _ => None,
            }
        };
        if let Some(violation) = violation {
            self.violation.get_or_insert(format!("after {after} of {alias}: {violation}"));
        }
    }
}

fn alias_of(tablet: &Tablet) -> String {
    TabletAlias::from_proto(tablet.alias.as_ref()).map(|a| a.to_string()).unwrap_or_default()
}

fn parent_of(parent: Option<&topodata::TabletAlias>) -> String {
    TabletAlias::from_proto(parent).map(|a| a.to_string()).unwrap_or_default()
}

fn status_of(fake: &FakeTablet, source_uid: u32) -> replicationdata::Status {
    replicationdata::Status {
        position: fake.executed.position(),
        relay_log_position: fake.received.position(),
        source_host: "fake".into(),
        source_uuid: uuid(source_uid),
        io_state: if fake.fetching { 3 } else { 1 },
        sql_state: 3,
        ..Default::default()
    }
}

fn precondition(text: &str) -> Error {
    Error::new(Condition::FailedPrecondition, text)
}

impl Servers {
    fn status(&self, alias: &str) -> Result<replicationdata::Status> {
        let fake = self.tablets.get(alias).cloned().unwrap_or_default();
        let source = fake.source.as_ref().ok_or_else(|| precondition("no replication status"))?;
        let uid = self.tablets.get(source).map_or(0, |t| t.uid);
        Ok(status_of(&fake, uid))
    }

    fn demote(&mut self, alias: &str, force: bool) -> Result<String> {
        self.replicate();
        if self.waits(alias) && !force {
            return Err(precondition("commits wait for a replica's acknowledgement"));
        }
        let Some(t) = self.tablets.get_mut(alias).filter(|t| t.is(TabletType::Primary)) else {
            return Err(precondition("it is not the primary"));
        };
        t.retired &= !t.writable;
        (t.writable, t.semi_sync_source) = (false, false);
        let position = t.executed.position();
        self.end_waiting(alias);
        Ok(position)
    }

    fn promote(&mut self, alias: &str, semi_sync: bool, term: i64, recorded: Option<&str>) -> Result<String> {
        let other = recorded.filter(|r| *r != alias).and_then(|r| self.tablets.get(r));
        if other.is_some_and(|t| !t.silent && !t.down && t.writable && t.is(TabletType::Primary)) {
            return Err(precondition("the shard's primary accepts writes"));
        }
        self.tablets.values_mut().filter(|t| !t.writable).for_each(|t| t.retired = true);
        let t = self.tablets.entry(alias.to_owned()).or_default();
        t.retired = false;
        // Also if it was one: another may have been promoted since.
        t.term = term;
        t.tablet_type = TabletType::Primary as i32;
        (t.source, t.fetching, t.writable, t.semi_sync_source) = (None, false, true, semi_sync);
        t.received = t.executed.clone();
        Ok(t.executed.position())
    }

    fn point(&mut self, alias: &str, source: &str, r: &SetReplicationSourceRequest) -> Result<()> {
        let newest = self.journal(alias).into_iter().max().unwrap_or(0);
        if r.time_created_ns != 0 && newest > r.time_created_ns {
            return Err(precondition("a newer reparent was done"));
        }
        self.replicate();
        let theirs = self.tablets.get(source).map(|t| t.executed.clone()).unwrap_or_default();
        let Some(t) = self.tablets.get_mut(alias) else { return Err(precondition("no such tablet")) };
        let (alone, was_primary) = (t.source.is_none(), t.is(TabletType::Primary));
        t.become_replica();
        if alone && !theirs.contains(&t.executed) {
            t.tablet_type = TabletType::Drained as i32;
            self.end_waiting(alias);
            return Err(precondition("errant transactions"));
        }
        if t.source.as_deref() != Some(source) {
            // Changing the source empties the relay log.
            t.received = t.executed.clone();
        }
        t.fetching = r.force_start_replication || t.fetching || t.source.is_none() || was_primary;
        t.source = Some(source.to_owned());
        t.semi_sync_replica = r.semi_sync;
        self.end_waiting(alias);
        Ok(())
    }
}

#[async_trait]
impl TabletManagerClient for FakeShard {
    async fn ping(&self, tablet: &Tablet, r: PingRequest) -> Result<PingResponse> {
        self.change("ping", tablet, |_, _, _| Ok(PingResponse { payload: r.payload })).await
    }

    async fn refresh_state(&self, tablet: &Tablet, _: RefreshStateRequest) -> Result<RefreshStateResponse> {
        self.change("refresh_state", tablet, |_, _, _| Ok(RefreshStateResponse {})).await
    }

    async fn reload_schema(&self, tablet: &Tablet, _: ReloadSchemaRequest) -> Result<ReloadSchemaResponse> {
        self.change("reload_schema", tablet, |_, _, _| Ok(ReloadSchemaResponse {})).await
    }

    async fn change_type(&self, tablet: &Tablet, r: ChangeTypeRequest) -> Result<ChangeTypeResponse> {
        let change = |s: &mut Servers, alias: &str, _| {
            s.tablets.entry(alias.to_owned()).or_default().tablet_type = r.tablet_type;
            Ok(ChangeTypeResponse {})
        };
        self.change("change_type", tablet, change).await
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
        let write = |s: &mut Servers, alias: &str, _| {
            s.tablets.entry(alias.to_owned()).or_default().write(1);
            Ok(())
        };
        self.change("execute_fetch_as_dba", tablet, write).await?;
        let result = query::QueryResult { rows_affected: 1, ..Default::default() };
        Ok(ExecuteFetchAsDbaResponse { result: Some(result) })
    }

    async fn replication_status(
        &self,
        tablet: &Tablet,
        _: ReplicationStatusRequest,
    ) -> Result<ReplicationStatusResponse> {
        let (alias, _) = self.reach(tablet)?;
        Ok(ReplicationStatusResponse { status: Some(self.servers(|s| s.status(&alias))?) })
    }

    async fn primary_position(
        &self,
        tablet: &Tablet,
        _: PrimaryPositionRequest,
    ) -> Result<PrimaryPositionResponse> {
        let (_, fake) = self.reach(tablet)?;
        Ok(PrimaryPositionResponse { position: fake.executed.position() })
    }

    async fn full_status(&self, tablet: &Tablet, _: FullStatusRequest) -> Result<FullStatusResponse> {
        let (alias, fake) = self.reach(tablet)?;
        let replication_status = self.servers(|s| s.status(&alias)).ok();
        let version = if fake.version.is_empty() { "9.7.4".to_owned() } else { fake.version.clone() };
        let position = fake.executed.position();
        let primary_status = Some(replicationdata::PrimaryStatus {
            position,
            server_uuid: uuid(fake.uid),
            ..Default::default()
        });
        let status = replicationdata::FullStatus {
            server_uuid: uuid(fake.uid),
            version,
            read_only: !fake.writable,
            super_read_only: !fake.writable,
            semi_sync_replica_enabled: fake.semi_sync_replica,
            replication_status,
            primary_status,
            tablet_type: fake.tablet_type,
            ..Default::default()
        };
        Ok(FullStatusResponse { status: Some(status) })
    }

    async fn wait_for_position(
        &self,
        tablet: &Tablet,
        r: WaitForPositionRequest,
    ) -> Result<WaitForPositionResponse> {
        self.change("wait_for_position", tablet, |_, _, _| Ok(())).await?;
        let (alias, wanted) = (alias_of(tablet), Gtids::parse(&r.position));
        self.wait_until(|s| s.tablets.get(&alias).is_some_and(|t| t.executed.contains(&wanted))).await;
        Ok(WaitForPositionResponse {})
    }

    async fn start_replication(
        &self,
        tablet: &Tablet,
        r: StartReplicationRequest,
    ) -> Result<StartReplicationResponse> {
        let start = |s: &mut Servers, alias: &str, _| {
            let t = s.tablets.entry(alias.to_owned()).or_default();
            (t.fetching, t.semi_sync_replica) = (t.source.is_some(), r.semi_sync);
            Ok(StartReplicationResponse {})
        };
        self.change("start_replication", tablet, start).await
    }

    async fn stop_replication_and_get_status(
        &self,
        tablet: &Tablet,
        _: StopReplicationAndGetStatusRequest,
    ) -> Result<StopReplicationAndGetStatusResponse> {
        let stop = |s: &mut Servers, alias: &str, _| {
            let before = s.status(alias)?;
            s.tablets.entry(alias.to_owned()).or_default().fetching = false;
            let (before, after) = (Some(before), Some(s.status(alias)?));
            let status = Some(replicationdata::StopReplicationStatus { before, after });
            Ok(StopReplicationAndGetStatusResponse { status })
        };
        self.change("stop_replication_and_get_status", tablet, stop).await
    }

    async fn read_reparent_journal_info(
        &self,
        tablet: &Tablet,
        _: ReadReparentJournalInfoRequest,
    ) -> Result<ReadReparentJournalInfoResponse> {
        let (alias, _) = self.reach(tablet)?;
        let length = self.servers(|s| s.journal(&alias).len());
        Ok(ReadReparentJournalInfoResponse { length: i32::try_from(length).unwrap_or(i32::MAX) })
    }

    async fn reset_replication(
        &self,
        tablet: &Tablet,
        _: ResetReplicationRequest,
    ) -> Result<ResetReplicationResponse> {
        let reset = |s: &mut Servers, alias: &str, _| {
            let t = s.tablets.entry(alias.to_owned()).or_default();
            (t.source, t.fetching) = (None, false);
            (t.executed, t.received) = Default::default();
            Ok(ResetReplicationResponse {})
        };
        self.change("reset_replication", tablet, reset).await
    }

    async fn init_primary(&self, tablet: &Tablet, r: InitPrimaryRequest) -> Result<InitPrimaryResponse> {
        let make = |s: &mut Servers, alias: &str, clock| {
            s.tablets.entry(alias.to_owned()).or_default().write(1);
            s.promote(alias, r.semi_sync, clock, None)
        };
        Ok(InitPrimaryResponse { position: self.change("init_primary", tablet, make).await? })
    }

    async fn init_replica(&self, tablet: &Tablet, r: InitReplicaRequest) -> Result<InitReplicaResponse> {
        let source = parent_of(r.parent.as_ref());
        let make = |s: &mut Servers, alias: &str, _| {
            let t = s.tablets.entry(alias.to_owned()).or_default();
            t.executed = Gtids::parse(&r.replication_position);
            (t.source, t.fetching, t.writable) = (Some(source.clone()), true, false);
            Ok(())
        };
        self.change("init_replica", tablet, make).await?;
        self.wait_for_journal(&alias_of(tablet), r.time_created_ns).await;
        Ok(InitReplicaResponse {})
    }

    async fn populate_reparent_journal(
        &self,
        tablet: &Tablet,
        r: PopulateReparentJournalRequest,
    ) -> Result<PopulateReparentJournalResponse> {
        let write = |s: &mut Servers, alias: &str, _| match s.tablets.get(alias).is_some_and(|t| t.writable) {
            true => Ok(s.write_journal(alias, r.time_created_ns)),
            false => Err(precondition("it is read-only")),
        };
        let number = self.change("populate_reparent_journal", tablet, write).await?;
        let alias = alias_of(tablet);
        self.wait_until(|s| {
            s.tablets
                .get(&alias)
                .is_some_and(|t| !t.semi_sync_source || s.acknowledges(&alias, t.uid, number))
        })
        .await;
        Ok(PopulateReparentJournalResponse {})
    }

    async fn demote_primary(
        &self,
        tablet: &Tablet,
        r: DemotePrimaryRequest,
    ) -> Result<DemotePrimaryResponse> {
        let demote = |s: &mut Servers, alias: &str, _| s.demote(alias, r.force);
        let position = self.change("demote_primary", tablet, demote).await?;
        let status = replicationdata::PrimaryStatus { position, ..Default::default() };
        Ok(DemotePrimaryResponse { primary_status: Some(status) })
    }

    async fn undo_demote_primary(
        &self,
        tablet: &Tablet,
        r: UndoDemotePrimaryRequest,
    ) -> Result<UndoDemotePrimaryResponse> {
        let undo = |s: &mut Servers, alias: &str, _| {
            let Some(t) = s.tablets.get_mut(alias).filter(|t| t.is(TabletType::Primary)) else {
                return Err(precondition("it is not the primary"));
            };
            (t.writable, t.semi_sync_source) = (true, r.semi_sync);
            Ok(UndoDemotePrimaryResponse {})
        };
        self.change("undo_demote_primary", tablet, undo).await
    }

    async fn promote_replica(
        &self,
        tablet: &Tablet,
        r: PromoteReplicaRequest,
    ) -> Result<PromoteReplicaResponse> {
        let record = self.topo.get_shard(&self.keyspace, &self.shard).await?;
        let recorded = record.primary().map(|p| p.to_string());
        let promote =
            |s: &mut Servers, alias: &str, clock| s.promote(alias, r.semi_sync, clock, recorded.as_deref());
        Ok(PromoteReplicaResponse { position: self.change("promote_replica", tablet, promote).await? })
    }

    async fn replica_was_promoted(
        &self,
        tablet: &Tablet,
        _: ReplicaWasPromotedRequest,
    ) -> Result<ReplicaWasPromotedResponse> {
        let promote = |s: &mut Servers, alias: &str, clock| s.promote(alias, false, clock, None);
        self.change("replica_was_promoted", tablet, promote).await?;
        Ok(ReplicaWasPromotedResponse {})
    }

    async fn set_replication_source(
        &self,
        tablet: &Tablet,
        r: SetReplicationSourceRequest,
    ) -> Result<SetReplicationSourceResponse> {
        let (alias, source) = (alias_of(tablet), parent_of(r.parent.as_ref()));
        let point = |s: &mut Servers, alias: &str, _| s.point(alias, &source, &r);
        self.change("set_replication_source", tablet, point).await?;
        let wanted = Gtids::parse(&r.wait_position);
        self.wait_until(|s| s.tablets.get(&alias).is_some_and(|t| t.executed.contains(&wanted))).await;
        self.wait_for_journal(&alias, r.time_created_ns).await;
        Ok(SetReplicationSourceResponse {})
    }
}
