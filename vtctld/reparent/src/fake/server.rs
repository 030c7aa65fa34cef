//! A fake mysqld and what replicates between several: GTID sets, relay logs, acknowledgements. Pure.
//!
//! The numbers of one writer arrive in order, so a set is, for each writer, how far it goes.

use std::collections::{BTreeMap, BTreeSet};

use proto::topodata::TabletType;
use vtmodel::{Position, gtid::Mysql56GtidSet};

/// For each server's number how many of its transactions are there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gtids(BTreeMap<u32, u64>);

impl Gtids {
    /// The last transaction that the server `uid` wrote.
    pub fn last(&self, uid: u32) -> u64 {
        self.0.get(&uid).copied().unwrap_or(0)
    }

    pub fn set(&mut self, uid: u32, last: u64) {
        self.0.insert(uid, last);
    }

    pub fn merge(&mut self, other: &Self) {
        for (uid, last) in &other.0 {
            let mine = self.0.entry(*uid).or_default();
            *mine = (*mine).max(*last);
        }
    }

    pub fn contains(&self, other: &Self) -> bool {
        other.0.iter().all(|(uid, last)| self.last(*uid) >= *last)
    }

    /// As a tablet says it.
    pub fn position(&self) -> String {
        let written = self.0.iter().filter(|(_, last)| **last > 0);
        let parts: Vec<_> = written.map(|(uid, last)| format!("{}:1-{last}", uuid(*uid))).collect();
        format!("MySQL56/{}", parts.join(","))
    }

    /// What [`Gtids::position`] wrote.
    pub fn parse(position: &str) -> Self {
        let mut out = Self::default();
        let set = match position.parse() {
            Ok(Position::Mysql56(set)) => set,
            _ => Mysql56GtidSet::default(),
        };
        for part in set.to_string().split(',').filter(|p| !p.is_empty()) {
            let uid = part.get(24..36).and_then(|n| n.parse().ok()).unwrap_or(0);
            let last = part.rsplit(['-', ':']).next().and_then(|n| n.parse().ok()).unwrap_or(0);
            out.set(uid, last);
        }
        out
    }
}

/// The UUID of the server of tablet `uid`.
pub fn uuid(uid: u32) -> String {
    format!("00000000-0000-0000-0000-{uid:012}")
}

/// A tablet and its mysqld.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FakeTablet {
    pub uid: u32,
    pub tablet_type: i32,
    /// The tablet does not answer; its mysqld goes on.
    pub silent: bool,
    /// mysqld does not run.
    pub down: bool,
    pub writable: bool,
    pub source: Option<String>,
    /// It fetches from its source, and applies what it fetched.
    pub fetching: bool,
    /// Replication is broken: nothing arrives.
    pub stalled: bool,
    /// What arrives is not executed.
    pub applies_nothing: bool,
    /// Its commits wait; it acknowledges others'.
    pub semi_sync_source: bool,
    pub semi_sync_replica: bool,
    /// In the relay log, or executed.
    pub received: Gtids,
    pub executed: Gtids,
    /// When it became primary.
    pub term: i64,
    /// Another was promoted while it was read-only: it must not be made writable without a promotion of its own.
    pub retired: bool,
    /// Its server's version, MySQL 9.7 if it is empty.
    pub version: String,
}

impl FakeTablet {
    /// Writes `count` transactions here.
    pub fn write(&mut self, count: u64) -> u64 {
        let last = self.executed.last(self.uid) + count;
        self.executed.set(self.uid, last);
        self.received.merge(&self.executed);
        last
    }

    pub fn is(&self, tablet_type: TabletType) -> bool {
        self.tablet_type == tablet_type as i32
    }

    /// Not writable any more, a replica if it was primary.
    pub fn become_replica(&mut self) {
        self.writable = false;
        // Whom it acknowledges to is set with its source.
        (self.semi_sync_source, self.semi_sync_replica) = (false, false);
        if self.is(TabletType::Primary) {
            self.tablet_type = TabletType::Replica as i32;
        }
    }
}

/// A client's write that nobody acknowledged yet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Waiting {
    server: String,
    number: u64,
}

/// All servers of a shard.
#[derive(Debug, Clone, Default)]
pub struct Servers {
    pub tablets: BTreeMap<String, FakeTablet>,
    waiting: Vec<Waiting>,
    /// Writes that a client was told are done: server and number.
    pub acknowledged: BTreeSet<(u32, u64)>,
    /// Entries of the reparent journal: who wrote them, under which number, and the reparent's time.
    journal: Vec<(u32, u64, i64)>,
}

impl Servers {
    /// Everything that can arrive arrives; who waits for it is told.
    pub fn replicate(&mut self) {
        // As often as the longest chain of replicas is long; mostly nothing is new at once.
        while self.pass_on() {}
        let waiting = std::mem::take(&mut self.waiting);
        for w in waiting {
            match self.tablets.get(&w.server) {
                Some(t) if !t.semi_sync_source || self.acknowledges(&w.server, t.uid, w.number) => {
                    let uid = t.uid;
                    self.acknowledged.insert((uid, w.number));
                }
                Some(_) => self.waiting.push(w),
                None => {}
            }
        }
    }

    /// Each replica takes what its source has; true if that was anything new.
    fn pass_on(&mut self) -> bool {
        let mut any = false;
        let aliases: Vec<String> = self.tablets.keys().cloned().collect();
        for alias in aliases {
            let Some(t) = self.tablets.get(&alias).filter(|t| !t.down && !t.stalled && t.source.is_some())
            else {
                continue;
            };
            let source = t.source.as_ref().filter(|_| t.fetching).and_then(|s| self.tablets.get(s));
            let news =
                source.filter(|s| !s.down && !t.received.contains(&s.executed)).map(|s| s.executed.clone());
            let Some(t) = self.tablets.get_mut(&alias) else { continue };
            if let Some(news) = news {
                t.received.merge(&news);
                any = true;
            }
            if !t.applies_nothing && t.executed != t.received {
                t.executed = t.received.clone();
                any = true;
            }
        }
        any
    }

    /// Whether a replica has acknowledged transaction `number` of a server.
    pub fn acknowledges(&self, server: &str, uid: u32, number: u64) -> bool {
        self.acknowledging(server).any(|t| t.received.last(uid) >= number)
    }

    fn acknowledging(&self, server: &str) -> impl Iterator<Item = &FakeTablet> {
        self.tablets.values().filter(move |t| {
            !t.down && t.fetching && t.semi_sync_replica && t.source.as_deref() == Some(server)
        })
    }

    /// A client writes on a server; true if the server took it.
    pub fn client_write(&mut self, alias: &str) -> bool {
        let Some(t) = self.tablets.get_mut(alias).filter(|t| t.writable && !t.down) else { return false };
        let number = t.write(1);
        self.waiting.push(Waiting { server: alias.to_owned(), number });
        true
    }

    /// The clients that wait there hear an error: whether it is written is not known to them.
    pub fn end_waiting(&mut self, server: &str) {
        self.waiting.retain(|w| w.server != server);
    }

    pub fn waits(&self, server: &str) -> bool {
        self.waiting.iter().any(|w| w.server == server)
    }

    /// Writes a reparent into the journal there; the transaction's number.
    pub fn write_journal(&mut self, alias: &str, created_ns: i64) -> u64 {
        let Some(t) = self.tablets.get_mut(alias) else { return 0 };
        let number = t.write(1);
        self.journal.push((t.uid, number, created_ns));
        number
    }

    /// The times of the reparents that a server's journal knows.
    pub fn journal(&self, alias: &str) -> Vec<i64> {
        let Some(t) = self.tablets.get(alias) else { return Vec::new() };
        let known = self.journal.iter().filter(|(uid, number, _)| t.executed.last(*uid) >= *number);
        known.map(|(_, _, created)| *created).collect()
    }

    /// Servers whose clients could get a write acknowledged now.
    pub fn can_write(&self) -> Vec<&str> {
        let able = self.tablets.iter().filter(|(alias, t)| {
            t.writable
                && !t.down
                && (!t.semi_sync_source || self.acknowledging(alias).any(|replica| !replica.stalled))
        });
        able.map(|(alias, _)| alias.as_str()).collect()
    }

    /// Writes that were acknowledged and are not on a server.
    pub fn lacks(&self, alias: &str) -> Vec<(u32, u64)> {
        let Some(t) = self.tablets.get(alias) else { return Vec::new() };
        self.acknowledged.iter().filter(|(uid, n)| t.executed.last(*uid) < *n).copied().collect()
    }
}
