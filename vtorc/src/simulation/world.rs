//! Three servers with their tablets, a client that writes, and what happens to them.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use proto::{
    replicationdata::{FullStatus, PrimaryStatus, Status},
    topodata::{self, Tablet, TabletType},
    vttime,
};
use rand::{Rng, rngs::StdRng};
use vtmodel::{Durability, TabletAlias};

use crate::{
    decide::Action,
    view::{CONNECTING, Fault, FaultKind, Moment, RUNNING, STOPPED, ShardRecords},
};

pub(super) const SERVERS: usize = 3;
/// How long a process that died stays away, and any other fault lasts.
const FAULT_SECONDS: std::ops::Range<u64> = 1..20;
/// A primary that was ill so short a time ago may be replaced.
const JUST_BACK: Duration = Duration::from_secs(2);
/// `Last_IO_Error` of a thread whose source's machine is there and its mysqld is not.
const REFUSED: &str = "Error connecting to source. Message: Can't connect to MySQL server";
/// `replica_net_timeout`.
const NET_TIMEOUT: Duration = Duration::from_secs(60);
/// What a tablet needs to see that its mysqld was restarted, or that another one leads.
const TABLET_PACE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Process {
    Up,
    Frozen(Moment),
    Dead(Moment),
}

impl Process {
    fn up(self) -> bool {
        self == Self::Up
    }
}

/// A transaction: who wrote it, and its number there.
type Transaction = (usize, u64);

pub(super) struct Server {
    pub tablet: Process,
    pub mysqld: Process,
    /// mysqld answers nobody in time, but feeds its replicas.
    slow_until: Moment,
    /// Each vtorc cannot reach the tablet until then.
    cut_from: [Moment; 2],
    /// No replica reaches mysqld until then.
    cable_cut_until: Moment,
    pub tablet_type: TabletType,
    term: i64,
    pub writable: bool,
    pub source: Option<usize>,
    /// The threads were started.
    pub threads: bool,
    io_state: i32,
    silent_since: Moment,
    executed: BTreeSet<Transaction>,
    /// From whom it took over how many transactions the last time.
    pulled: (usize, usize),
    /// When it was dead, frozen or cut off from its replicas the last time.
    ill_at: Moment,
    /// mysqld was restarted, and the tablet has not mended it.
    mend_at: Option<Moment>,
}

pub(super) struct World {
    pub random: StdRng,
    servers: Vec<Server>,
    primary: Option<usize>,
    term: i64,
    acknowledged: BTreeSet<Transaction>,
    next: u64,
    faults_end: Moment,
    /// Who holds the shard's lock.
    pub lock: Option<usize>,
    pub violation: Option<String>,
    /// What happened, for whoever looks into a seed.
    pub story: Vec<String>,
    now: Moment,
}

pub(super) fn alias(server: usize) -> TabletAlias {
    TabletAlias::new("a", 100 + u32::try_from(server).unwrap())
}

pub(super) fn server_of(alias: &TabletAlias) -> usize {
    usize::try_from(alias.uid - 100).unwrap()
}

impl World {
    pub(super) fn new(random: StdRng, faults_end: Moment) -> Self {
        let server = |n: usize| Server {
            tablet: Process::Up,
            mysqld: Process::Up,
            slow_until: Duration::ZERO,
            cut_from: [Duration::ZERO; 2],
            cable_cut_until: Duration::ZERO,
            tablet_type: if n == 0 { TabletType::Primary } else { TabletType::Replica },
            term: i64::from(n == 0),
            writable: n == 0,
            source: (n > 0).then_some(0),
            threads: n > 0,
            io_state: if n > 0 { RUNNING } else { STOPPED },
            silent_since: Duration::ZERO,
            executed: BTreeSet::new(),
            pulled: (n, 0),
            ill_at: Duration::ZERO,
            mend_at: None,
        };
        Self {
            random,
            servers: (0..SERVERS).map(server).collect(),
            primary: Some(0),
            term: 1,
            acknowledged: BTreeSet::new(),
            next: 1,
            faults_end,
            lock: None,
            violation: None,
            story: Vec::new(),
            now: Duration::ZERO,
        }
    }

    pub(super) fn tick(&mut self, now: Moment) {
        self.now = now;
        if now < self.faults_end && self.random.random_bool(0.01) {
            self.break_something();
        }
        self.wake();
        self.connect();
        self.write();
        (0..SERVERS).for_each(|n| self.tablet_works(n));
        for n in 0..SERVERS {
            let server = &self.servers[n];
            if !server.tablet.up() || !server.mysqld.up() || !self.feeds(n) || !server.writable {
                self.servers[n].ill_at = now;
            }
        }
    }

    fn break_something(&mut self) {
        let seconds = self.random.random_range(FAULT_SECONDS);
        let until = (self.now + Duration::from_secs(seconds)).min(self.faults_end);
        // The primary is what it is about.
        let n = match self.primary {
            Some(primary) if self.random.random_bool(0.6) => primary,
            _ => self.random.random_range(0..SERVERS),
        };
        let which = self.random.random_range(0..9);
        let vtorc = self.random.random_range(0..2);
        self.story.push(format!("{:?} fault {which} of {n} until {until:?} (vtorc {vtorc})", self.now));
        let server = &mut self.servers[n];
        match which {
            0 => server.mysqld = Process::Dead(until),
            1 => server.tablet = Process::Dead(until),
            2 => (server.mysqld, server.tablet) = (Process::Dead(until), Process::Dead(until)),
            3 if server.mysqld.up() => server.mysqld = Process::Frozen(until),
            4 if server.tablet.up() => server.tablet = Process::Frozen(until),
            5 => server.slow_until = until,
            6 => server.cut_from[vtorc] = until,
            7 if server.source.is_some() => server.threads = false,
            8 if server.tablet_type == TabletType::Replica => server.writable = true,
            _ => server.cable_cut_until = until,
        }
        if let Process::Dead(_) = server.mysqld {
            (server.threads, server.io_state, server.writable) = (false, STOPPED, false);
        }
    }

    /// What was away comes back.
    fn wake(&mut self) {
        let (now, primary) = (self.now, self.primary);
        for (n, server) in self.servers.iter_mut().enumerate() {
            match server.mysqld {
                Process::Frozen(until) if now >= until => server.mysqld = Process::Up,
                Process::Dead(until) if now >= until => {
                    server.mysqld = Process::Up;
                    server.mend_at = Some(now + TABLET_PACE);
                }
                _ => {}
            }
            match server.tablet {
                Process::Frozen(until) if now >= until => server.tablet = Process::Up,
                Process::Dead(until) if now >= until => {
                    server.tablet = Process::Up;
                    server.mend_at = Some(now + TABLET_PACE);
                    if primary != Some(n) {
                        server.tablet_type = TabletType::Replica;
                    }
                }
                _ => {}
            }
        }
    }

    fn feeds(&self, source: usize) -> bool {
        self.servers[source].mysqld.up() && self.now >= self.servers[source].cable_cut_until
    }

    /// The fetching threads: who is connected, and what arrives.
    fn connect(&mut self) {
        for n in 0..SERVERS {
            let server = &self.servers[n];
            let (Some(source), true, true) = (server.source, server.threads, server.mysqld.up()) else {
                continue;
            };
            if self.feeds(source) {
                // Not all arrives at once.
                let lags = self.random.random_bool(0.2);
                // Sets only grow: one of the size that was taken over is the same.
                let pulled = (source, self.servers[source].executed.len());
                if !lags && self.servers[n].pulled != pulled {
                    let more = self.servers[source].executed.clone();
                    self.servers[n].executed.extend(more);
                    self.servers[n].pulled = pulled;
                }
                let server = &mut self.servers[n];
                (server.io_state, server.silent_since) = (RUNNING, self.now);
                continue;
            }
            let dead = matches!(self.servers[source].mysqld, Process::Dead(_));
            let server = &mut self.servers[n];
            if dead || self.now.saturating_sub(server.silent_since) > NET_TIMEOUT {
                server.io_state = CONNECTING;
            }
        }
    }

    /// A client writes where the shard's record says; what a replica has is acknowledged.
    fn write(&mut self) {
        let Some(primary) = self.primary else { return };
        let server = &self.servers[primary];
        let serves = server.tablet.up() && server.mysqld.up() && server.writable;
        if !serves || server.tablet_type != TabletType::Primary || self.now < server.slow_until {
            return;
        }
        if !self.random.random_bool(0.08) {
            return;
        }
        let transaction = (primary, self.next);
        self.next += 1;
        self.servers[primary].executed.insert(transaction);
        let feeds = self.feeds(primary);
        let receives = |s: &&mut Server| {
            feeds && s.source == Some(primary) && s.threads && s.io_state == RUNNING && s.mysqld.up()
        };
        if let Some(replica) = self.servers.iter_mut().find(|s| receives(s)) {
            replica.executed.insert(transaction);
            self.acknowledged.insert(transaction);
        }
    }

    /// What a vttablet does by itself: mends after a restart, steps down when another one leads.
    fn tablet_works(&mut self, n: usize) {
        let server = &self.servers[n];
        if !server.tablet.up() || !server.mysqld.up() || server.tablet_type == TabletType::Drained {
            return;
        }
        let old = server.tablet_type == TabletType::Primary && self.primary != Some(n);
        let due = server.mend_at.is_some_and(|at| self.now >= at);
        if !old && !due {
            return;
        }
        self.servers[n].mend_at = None;
        if self.primary == Some(n) {
            if self.servers[n].tablet_type == TabletType::Primary {
                self.servers[n].writable = true;
            }
            return;
        }
        let Some(primary) = self.primary else { return };
        self.follow(n, primary);
    }

    fn follow(&mut self, n: usize, primary: usize) {
        let ahead = !self.servers[n].executed.is_subset(&self.servers[primary].executed);
        // What the new primary has not told yet is no errant transaction: only its own come after.
        let errant = ahead
            && self.servers[n].executed.difference(&self.servers[primary].executed).any(|t| t.0 != primary);
        let server = &mut self.servers[n];
        server.writable = false;
        server.tablet_type = if errant { TabletType::Drained } else { TabletType::Replica };
        (server.source, server.threads, server.io_state) = ((!errant).then_some(primary), !errant, STOPPED);
        if !errant {
            (server.io_state, server.silent_since) = (CONNECTING, self.now);
        }
    }

    /// What the topology says.
    pub(super) fn records(&self) -> ShardRecords {
        let time = |term: i64| (term > 0).then_some(vttime::Time { seconds: term, nanoseconds: 0 });
        let tablets = self.servers.iter().enumerate().map(|(n, s)| {
            Arc::new(Tablet {
                alias: Some(alias(n).into()),
                keyspace: "ks".into(),
                shard: "0".into(),
                mysql_hostname: "host".into(),
                mysql_port: i32::try_from(n).unwrap() + 1,
                r#type: s.tablet_type as i32,
                primary_term_start_time: if s.tablet_type == TabletType::Primary {
                    time(s.term)
                } else {
                    None
                },
                ..Tablet::default()
            })
        });
        ShardRecords {
            keyspace: "ks".into(),
            shard: "0".into(),
            durability: Some(Durability::SemiSync),
            emergency_disabled: false,
            record: topodata::Shard {
                primary_alias: self.primary.map(|p| alias(p).into()),
                primary_term_start_time: time(self.term),
                ..topodata::Shard::default()
            },
            tablets: tablets.collect(),
            silent_cells: Vec::new(),
        }
    }

    /// What a look at a tablet brings; late answers are the caller's.
    pub(super) fn look(&self, vtorc: usize, n: usize) -> Result<FullStatus, FaultKind> {
        let server = &self.servers[n];
        if self.now < server.cut_from[vtorc] {
            return Err(FaultKind::TabletSilent);
        }
        match (server.tablet, server.mysqld) {
            (Process::Dead(_), _) => Err(FaultKind::TabletGone),
            (Process::Frozen(_), Process::Frozen(_)) => Err(FaultKind::HostMute),
            (Process::Frozen(_), _) => Err(FaultKind::TabletSilent),
            (_, Process::Dead(_)) => Err(FaultKind::MysqldGone),
            (_, Process::Frozen(_)) => Err(FaultKind::MysqldMute),
            _ if self.now < server.slow_until => Err(FaultKind::MysqldSlow),
            _ => Ok(self.status(n)),
        }
    }

    /// A machine without mysqld refuses connections; one that is frozen or cut off leaves them waiting.
    fn is_refused(&self, n: usize) -> bool {
        let server = &self.servers[n];
        let source = server.source.map(|source| &self.servers[source].mysqld);
        server.threads && server.io_state == CONNECTING && matches!(source, Some(Process::Dead(_)))
    }

    fn status(&self, n: usize) -> FullStatus {
        let server = &self.servers[n];
        let primary = server.tablet_type == TabletType::Primary;
        let thread = |state| if server.threads { state } else { STOPPED };
        let replication_status = server.source.map(|source| Status {
            source_host: "host".into(),
            source_port: i32::try_from(source).unwrap() + 1,
            io_state: thread(server.io_state),
            last_io_error: if self.is_refused(n) { REFUSED.to_owned() } else { String::new() },
            sql_state: thread(RUNNING),
            relay_log_position: server.executed.len().to_string(),
            ..Status::default()
        });
        FullStatus {
            server_uuid: uuid(n),
            version: "9.7.0".into(),
            primary_status: Some(PrimaryStatus {
                position: position(&server.executed),
                ..Default::default()
            }),
            replication_status,
            read_only: !server.writable,
            super_read_only: !server.writable,
            semi_sync_primary_enabled: primary,
            semi_sync_replica_enabled: !primary,
            tablet_type: server.tablet_type as i32,
            ..FullStatus::default()
        }
    }

    /// Whether a repair reaches the tablet and its mysqld.
    fn reaches(&self, vtorc: usize, n: usize) -> bool {
        self.look(vtorc, n).is_ok()
    }

    /// Carries an action out; false when it failed, in which case it may have been done all the same.
    pub(super) fn act(&mut self, vtorc: usize, action: &Action) -> bool {
        let n = server_of(action.tablet());
        let answered = self.random.random_bool(0.9);
        if let Action::Emergency { .. } = action {
            return self.emergency(vtorc, n) && answered;
        }
        if !self.reaches(vtorc, n) || self.random.random_bool(0.05) {
            return false;
        }
        match action {
            Action::UndoDemote { .. } if self.primary == Some(n) => self.servers[n].writable = true,
            Action::SetReadOnly { .. } => self.servers[n].writable = false,
            Action::SetSource { source, .. } => self.follow(n, server_of(source)),
            Action::StartReplication { .. } | Action::RestartReplication { .. } => {
                let server = &mut self.servers[n];
                (server.threads, server.io_state) = (server.source.is_some(), CONNECTING);
            }
            Action::Drain { .. } => self.servers[n].tablet_type = TabletType::Drained,
            _ => return false,
        }
        answered
    }

    /// As the library does it: replicas stop receiving, all of them have to be reached, the most advanced leads.
    fn emergency(&mut self, vtorc: usize, old: usize) -> bool {
        if self.primary != Some(old) {
            return false;
        }
        // It may have come back while the decision was on its way.
        if self.now.saturating_sub(self.servers[old].ill_at) > JUST_BACK {
            self.violation = Some(format!("primary {old} lives and is replaced"));
        }
        let others: Vec<usize> = (0..SERVERS).filter(|n| *n != old).collect();
        if others.iter().any(|n| !self.reaches(vtorc, *n)) {
            return false;
        }
        // The library's choosing and fetching have their own tests: here they are the best there can be.
        let has = |n: usize| self.acknowledged.intersection(&self.servers[n].executed).count();
        let fetched: BTreeSet<Transaction> = others
            .iter()
            .flat_map(|n| self.acknowledged.intersection(&self.servers[*n].executed).copied())
            .collect();
        let drained = |n: usize| self.servers[n].tablet_type == TabletType::Drained;
        let others: Vec<usize> = others.into_iter().filter(|n| !drained(*n)).collect();
        let best = others.iter().copied().max_by_key(|n| (has(*n), self.servers[*n].executed.len()));
        let Some(new) = best else { return false };
        self.servers[new].executed.extend(fetched);
        if let Some(lost) = self.acknowledged.iter().find(|t| !self.servers[new].executed.contains(t)) {
            self.violation = Some(format!("{lost:?} was acknowledged, and {new} has not got it"));
        }
        self.term += 1;
        self.primary = Some(new);
        let term = self.term;
        let leader = &mut self.servers[new];
        (leader.tablet_type, leader.term, leader.writable) = (TabletType::Primary, term, true);
        (leader.source, leader.threads, leader.io_state) = (None, false, STOPPED);
        for n in others.into_iter().filter(|n| *n != new) {
            // All were stopped, some may not be pointed at the new one: vtorc has to.
            self.servers[n].threads = false;
            if self.random.random_bool(0.8) {
                self.follow(n, new);
            }
        }
        true
    }

    /// What is not as it should be once everything is over.
    pub(super) fn not_whole(&self) -> Option<String> {
        let Some(primary) = self.primary else { return Some("no primary".into()) };
        for (n, server) in self.servers.iter().enumerate() {
            let leads = n == primary;
            let well = match server.tablet_type {
                TabletType::Primary => leads && server.writable,
                TabletType::Replica => {
                    !leads && !server.writable && server.source == Some(primary) && server.io_state == RUNNING
                }
                TabletType::Drained => !leads && !server.writable,
                _ => false,
            };
            if !well {
                let state =
                    (server.tablet_type, server.writable, server.source, server.threads, server.io_state);
                return Some(format!("server {n} of primary {primary}: {state:?}"));
            }
        }
        let has = |t: &Transaction| self.servers[primary].executed.contains(t);
        self.acknowledged.iter().find(|t| !has(t)).map(|t| format!("{t:?} was acknowledged and is lost"))
    }
}

fn uuid(n: usize) -> String {
    format!("00000000-0000-0000-0000-00000000000{n}")
}

/// As a GTID set, with intervals.
fn position(executed: &BTreeSet<Transaction>) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut open: Option<(usize, u64, u64)> = None;
    let close = |(n, from, to): (usize, u64, u64)| format!("{}:{from}-{to}", uuid(n));
    for (n, number) in executed {
        match &mut open {
            Some((of, _, to)) if of == n && *to + 1 == *number => *to = *number,
            _ => {
                parts.extend(open.take().map(close));
                open = Some((*n, *number, *number));
            }
        }
    }
    parts.extend(open.map(close));
    format!("MySQL56/{}", parts.join(","))
}

/// The fault of a look.
pub(super) fn fault(kind: FaultKind) -> Fault {
    Fault { kind, text: format!("{kind:?}") }
}
