//! What is known of a shard: its records, and the looks at its tablets. Plain data, changed by one owner.
//!
//! Times are counted since the process began ([`Moment`]), so that everything here can be made up in a test.
//! A look has two: when it was asked for and when it was answered; what it tells was true at some moment
//! between the two, and comparisons of two tablets take care of that.

use std::{sync::Arc, time::Duration};

use proto::{
    replicationdata::{FullStatus, Status},
    topodata::{self, Tablet, TabletType},
};
use serde::Serialize;
use vtmodel::{Durability, Position, TabletAlias};

/// Time since the process began.
pub type Moment = Duration;

/// `io_state` and `sql_state` of a thread that does not run (replicationdata.Status).
pub const STOPPED: i32 = 1;
/// Of a fetching thread that tries to connect.
pub const CONNECTING: i32 = 2;
/// Of a thread that runs.
pub const RUNNING: i32 = 3;

/// Why a look brought nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum FaultKind {
    /// Nobody listens at the tablet's address, or its record says that it was shut down: its process is gone.
    TabletGone,
    /// The tablet's process answers nothing within the limit, or cannot be reached.
    TabletSilent,
    /// The same, and its mysqld takes connections and greets nobody: nothing runs there, but the machine is reached.
    HostMute,
    /// The tablet answers, and says that its mysqld is away.
    MysqldGone,
    /// mysqld is there and refuses: too many connections.
    MysqldBusy,
    /// The tablet answers, but its mysqld did not within the limit.
    MysqldSlow,
    /// The same, and a connection to mysqld's port was taken and never greeted: not even the thread that greets runs.
    MysqldMute,
    /// The tablet answers with another error.
    Unclear,
}

/// Why a look brought nothing, in words too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    pub text: String,
}

/// One look at a tablet.
#[derive(Debug, Clone)]
pub struct Look {
    pub asked: Moment,
    pub answered: Moment,
    pub result: Result<Arc<FullStatus>, Fault>,
}

/// The last look that brought something.
#[derive(Debug, Clone, PartialEq)]
pub struct Good {
    pub asked: Moment,
    pub answered: Moment,
    pub status: Arc<FullStatus>,
}

/// Looks in a row that brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// When the first of them was asked for.
    pub since: Moment,
    pub count: u32,
    /// When the last of them ended.
    pub last: Moment,
    /// Of the last.
    pub fault: Fault,
    /// When the first look ended of those, without a break up to the last, that found mysqld mute, or all of its host.
    pub mute_since: Option<Moment>,
}

/// What follows from several looks at how a replica receives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receiving {
    /// Something arrived, or the source was connected to, after this moment.
    pub proven_after: Option<Moment>,
    /// When that was seen: it happened before this moment.
    pub proven_before: Option<Moment>,
    /// Transactions arrived before this moment, and after the look before.
    pub moved_before: Option<Moment>,
    /// The thread that fetches has been trying to connect since this moment.
    pub connecting_since: Option<Moment>,
}

/// A tablet.
#[derive(Debug, Clone, PartialEq)]
pub struct TabletView {
    pub alias: TabletAlias,
    pub record: Arc<Tablet>,
    pub good: Option<Good>,
    /// The one before `good`.
    pub earlier: Option<Good>,
    pub failing: Option<Failing>,
    pub receiving: Receiving,
    /// Transactions that were executed here and not on the primary.
    pub errant: Option<String>,
}

/// A shard's records, as the topology has them.
#[derive(Debug, Clone, PartialEq)]
pub struct ShardRecords {
    pub keyspace: String,
    pub shard: String,
    /// None if the keyspace's policy is not known here.
    pub durability: Option<Durability>,
    /// The keyspace's or the shard's record says so (SetVtorcEmergencyReparent).
    pub emergency_disabled: bool,
    pub record: topodata::Shard,
    /// Sorted by alias.
    pub tablets: Vec<Arc<Tablet>>,
    /// Cells that could not be asked: their tablets are those that were known before.
    pub silent_cells: Vec<String>,
}

/// A shard.
#[derive(Debug, Clone, PartialEq)]
pub struct ShardView {
    pub keyspace: String,
    pub shard: String,
    pub durability: Option<Durability>,
    pub emergency_disabled: bool,
    pub record: topodata::Shard,
    /// Sorted by alias.
    pub tablets: Vec<TabletView>,
}

/// A record's alias; records without one are not ours to judge.
pub fn alias_of(tablet: &Tablet) -> Option<TabletAlias> {
    TabletAlias::from_proto(tablet.alias.as_ref())
}

impl TabletView {
    pub fn new(alias: TabletAlias, record: Arc<Tablet>) -> Self {
        Self {
            alias,
            record,
            good: None,
            earlier: None,
            failing: None,
            receiving: Receiving::default(),
            errant: None,
        }
    }

    /// The status, if the last look brought one.
    pub fn status(&self) -> Option<&FullStatus> {
        if self.failing.is_some() {
            return None;
        }
        self.good.as_ref().map(|g| &*g.status)
    }

    /// How it replicates, if the last look brought something and there is a source.
    pub fn replication(&self) -> Option<&Status> {
        self.status()?.replication_status.as_ref().filter(|s| !s.source_host.is_empty())
    }

    /// What the tablet says it is; what its record says while it says nothing.
    pub fn tablet_type(&self) -> TabletType {
        match self.status().map(FullStatus::tablet_type) {
            None | Some(TabletType::Unknown) => self.record.r#type(),
            Some(told) => told,
        }
    }

    /// Whether it was shut down in order.
    pub fn is_shut_down(&self) -> bool {
        self.record.tablet_shutdown_time.is_some()
    }

    /// Whether a tablet of this type follows the primary.
    pub fn should_replicate(&self) -> bool {
        use TabletType::{Experimental, Rdonly, Replica, Spare};
        matches!(self.tablet_type(), Replica | Rdonly | Spare | Experimental)
    }

    /// When it became primary, as the order of primaries goes; by its record.
    pub fn term(&self) -> (i64, i32) {
        self.record.primary_term_start_time.map_or((0, 0), |t| (t.seconds, t.nanoseconds))
    }

    /// Whether it replicates from `source`.
    pub fn follows(&self, source: &TabletView) -> bool {
        self.replication().is_some_and(|s| {
            s.source_host == source.record.mysql_hostname && s.source_port == source.record.mysql_port
        })
    }

    fn take(&mut self, look: Look) {
        let status = match look.result {
            Ok(status) => status,
            Err(fault) => {
                let before = self.failing.take();
                let (since, count) = before.as_ref().map_or((look.asked, 0), |f| (f.since, f.count));
                let mute = matches!(fault.kind, FaultKind::MysqldMute | FaultKind::HostMute)
                    .then(|| before.and_then(|f| f.mute_since).unwrap_or(look.answered));
                self.failing =
                    Some(Failing { since, count: count + 1, last: look.answered, fault, mute_since: mute });
                return;
            }
        };
        self.receiving = receiving(&self.receiving, self.good.as_ref(), (look.asked, look.answered), &status);
        self.failing = None;
        self.errant = self.errant.take().and_then(|errant| still_there(&errant, &status));
        self.earlier = self.good.replace(Good { asked: look.asked, answered: look.answered, status });
    }

    /// The newest look that had ended at a moment.
    fn look_before(&self, moment: Moment) -> Option<&Good> {
        [&self.good, &self.earlier].into_iter().flatten().find(|good| good.answered <= moment)
    }
}

/// What of these transactions a tablet has at its newest look: a server that was filled anew has lost the others.
fn still_there(errant: &str, status: &FullStatus) -> Option<String> {
    let (Some(Position::Mysql56(ours)), Ok(Position::Mysql56(errant))) =
        (position_text(status).and_then(|text| text.parse().ok()), errant.parse())
    else {
        return Some(errant.to_owned());
    };
    let left = errant.difference(&errant.difference(&ours));
    (!left.is_empty()).then(|| left.to_string())
}

/// What a status adds to what was known of how a replica receives. Whatever changed between two looks
/// changed after the earlier one was asked for, at the earliest.
fn receiving(
    known: &Receiving,
    before: Option<&Good>,
    (asked, answered): (Moment, Moment),
    status: &FullStatus,
) -> Receiving {
    let Some(now) = &status.replication_status else { return Receiving::default() };
    let old = before.and_then(|before| before.status.replication_status.as_ref());
    let connecting_since = match now.io_state {
        CONNECTING => {
            let same = !old.is_some_and(|old| other_source(old, now));
            known.connecting_since.filter(|_| same).or(Some(asked))
        }
        _ => None,
    };
    let Receiving { mut proven_after, mut proven_before, mut moved_before, .. } = *known;
    if let Some(before) = before {
        let moved = old.is_some_and(|old| old.relay_log_position != now.relay_log_position);
        let connected = now.io_state == RUNNING
            && old.is_none_or(|old| old.io_state != RUNNING || other_source(old, now));
        if moved {
            moved_before = Some(answered);
        }
        if moved || connected {
            (proven_after, proven_before) = (Some(before.asked), Some(answered));
        }
    }
    Receiving { proven_after, proven_before, moved_before, connecting_since }
}

fn other_source(a: &Status, b: &Status) -> bool {
    (&a.source_host, a.source_port) != (&b.source_host, b.source_port)
}

impl ShardView {
    pub fn new(records: &ShardRecords) -> Self {
        let mut view = Self {
            keyspace: records.keyspace.clone(),
            shard: records.shard.clone(),
            durability: None,
            emergency_disabled: false,
            record: topodata::Shard::default(),
            tablets: Vec::new(),
        };
        view.take_records(records);
        view
    }

    /// `keyspace/shard`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.keyspace, self.shard)
    }

    pub fn tablet(&self, alias: &TabletAlias) -> Option<&TabletView> {
        self.tablets.iter().find(|t| t.alias == *alias)
    }

    /// The primary that the shard's record names.
    pub fn recorded_primary(&self) -> Option<TabletAlias> {
        TabletAlias::from_proto(self.record.primary_alias.as_ref())
    }

    /// Takes over what the topology says; what is known of the tablets that stay is kept.
    pub fn take_records(&mut self, records: &ShardRecords) {
        self.durability = records.durability;
        self.emergency_disabled = records.emergency_disabled;
        self.record = records.record.clone();
        let mut old = std::mem::take(&mut self.tablets);
        for record in &records.tablets {
            let Some(alias) = alias_of(record) else { continue };
            let known = old.iter().position(|t| t.alias == alias).map(|at| old.swap_remove(at));
            let mut tablet = known.unwrap_or_else(|| TabletView::new(alias, record.clone()));
            tablet.record = record.clone();
            self.tablets.push(tablet);
        }
        // A cell that does not answer deletes nobody.
        self.tablets.extend(old.into_iter().filter(|t| records.silent_cells.contains(&t.alias.cell)));
        self.tablets.sort_by(|a, b| a.alias.cmp(&b.alias));
    }

    /// Takes over a look at a tablet; one that is not of the shard any more is left out.
    pub fn take_look(&mut self, alias: &TabletAlias, look: Look) {
        let Some(tablet) = self.tablets.iter_mut().find(|t| t.alias == *alias) else { return };
        tablet.take(look);
        if tablet.tablet_type() == TabletType::Primary {
            tablet.errant = None;
            self.compare_with(alias);
        }
    }

    /// Whether every tablet that was not shut down answered when it was asked after `then`.
    pub fn all_answered_since(&self, then: Moment) -> bool {
        let answers =
            |t: &TabletView| t.failing.is_none() && t.good.as_ref().is_some_and(|g| g.asked >= then);
        self.tablets.iter().all(|t| t.is_shut_down() || answers(t))
    }

    /// Finds what the replicas have executed and the primary has not. Only looks at replicas that ended before
    /// the look at the primary began count: the primary had everything by then that it ever gave them.
    fn compare_with(&mut self, primary: &TabletAlias) {
        if self.recorded_primary().as_ref() != Some(primary) {
            return;
        }
        let Some(Some(good)) = self.tablet(primary).map(|p| p.good.clone()) else { return };
        let Some(theirs) = position_text(&good.status) else { return };
        let mut parsed: Option<Position> = None;
        for tablet in self.tablets.iter_mut().filter(|t| t.alias != *primary && t.failing.is_none()) {
            // Where the replica always answers before the primary does, that is its look before the newest.
            let Some(ours) = tablet.look_before(good.asked).and_then(|l| position_text(&l.status)) else {
                continue;
            };
            let errant = if ours == theirs {
                None
            } else {
                if parsed.is_none() {
                    parsed = theirs.parse().ok();
                }
                let ours: Option<Position> = ours.parse().ok();
                ours.zip(parsed.as_ref()).and_then(|(ours, theirs)| difference(&ours, theirs))
            };
            let newest = tablet.good.as_ref().map(|good| &*good.status);
            tablet.errant = errant.zip(newest).and_then(|(errant, newest)| still_there(&errant, newest));
        }
    }
}

fn position_text(status: &FullStatus) -> Option<&str> {
    status.primary_status.as_ref().map(|p| p.position.as_str()).filter(|p| !p.is_empty())
}

/// What is in `ours` and not in `theirs`, as text; none when there is nothing, or when it cannot be told.
fn difference(ours: &Position, theirs: &Position) -> Option<String> {
    match (ours, theirs) {
        (Position::Mysql56(a), Position::Mysql56(b)) => {
            let left = a.difference(b);
            (!left.is_empty()).then(|| left.to_string())
        }
        // MariaDB's sets name the last transaction of a domain only.
        _ => None,
    }
}

#[cfg(test)]
mod tests;
