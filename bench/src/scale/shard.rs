//! A made-up shard: two or three mysqlds that replicate and the tablets beside them, as far as the control plane
//! sees them. Plain data that moves when it is looked at; whoever holds it says what time it is.
//!
//! A primary that accepts writes writes ten transactions a second. What a replica can fetch it has at once.

use std::time::Duration;

use proto::{
    replicationdata::{Configuration, FullStatus, PrimaryStatus, Status, StopReplicationStatus},
    tabletmanagerdata as tm,
    topodata::TabletType,
};
use vterrors::{Condition, Error, Result};
use vtmodel::{Durability, Position};

/// Between two transactions of a primary.
const WRITE_EVERY: Duration = Duration::from_millis(100);
/// What a shard has when the simulation begins.
const HISTORY: u64 = 1_000_000;
/// Servers that were primary in earlier years: their transactions are in every position.
const FORMER_PRIMARIES: usize = 8;
/// Most tablets of a shard.
const MEMBERS: usize = 3;

/// `io_state` and `sql_state` of `replicationdata.Status`.
const STOPPED: i32 = 1;
const CONNECTING: i32 = 2;
const RUNNING: i32 = 3;

/// How a mysqld is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mysqld {
    Up,
    /// Its process is gone: connections to it were closed, and new ones are refused.
    Dead,
    /// Its machine is gone: nothing comes, and nobody is told.
    Lost,
}

/// A tablet with its mysqld; its place in the shard is its name here.
#[derive(Debug, Clone)]
pub struct Member {
    pub host: String,
    pub mysqld: Mysqld,
    /// Clients reach it: its vttablet answers. Without it nobody writes.
    pub reached: bool,
    pub tablet_type: TabletType,
    /// When it became primary, in seconds; 0 if it is none.
    pub term: i64,
    writable: bool,
    source: Option<usize>,
    fetching: bool,
    /// The thread that fetches has its connection; it does not notice a machine that is lost.
    connected: bool,
    semi_sync_source: bool,
    semi_sync_replica: bool,
    /// For each member, how many of its transactions are here.
    executed: [u64; MEMBERS],
}

/// A shard.
#[derive(Debug)]
pub struct Shard {
    /// Makes the UUIDs of its servers.
    number: usize,
    pub members: Vec<Member>,
    /// Reparents: who wrote the entry, as which transaction, and the reparent's mark.
    journal: Vec<(usize, u64, i64)>,
    /// Up to when writes were made.
    written: Duration,
    newest_term: i64,
}

fn precondition(text: impl Into<String>) -> Error {
    Error::new(Condition::FailedPrecondition, text)
}

impl Shard {
    /// The first of `hosts` is the primary, the others replicate from it.
    pub fn new(number: usize, hosts: Vec<String>, durability: Durability, term: i64) -> Self {
        let waits = durability.primary_waits();
        let member = |(n, host): (usize, String)| Member {
            host,
            mysqld: Mysqld::Up,
            reached: true,
            tablet_type: if n == 0 { TabletType::Primary } else { TabletType::Replica },
            term: if n == 0 { term } else { 0 },
            writable: n == 0,
            source: (n > 0).then_some(0),
            fetching: n > 0,
            connected: n > 0,
            semi_sync_source: n == 0 && waits,
            semi_sync_replica: n > 0 && waits,
            executed: [HISTORY, 0, 0],
        };
        let members = hosts.into_iter().enumerate().map(member).collect();
        Self { number, members, journal: Vec::new(), written: Duration::ZERO, newest_term: term }
    }

    /// What happened until `now`.
    pub fn advance(&mut self, now: Duration) {
        let ticks = (now.saturating_sub(self.written)).as_millis() / WRITE_EVERY.as_millis();
        let ticks = u64::try_from(ticks).unwrap_or(0);
        if ticks > 0 {
            self.written += WRITE_EVERY * u32::try_from(ticks).unwrap_or(0);
            for n in 0..self.members.len() {
                let member = &mut self.members[n];
                if member.writable && member.reached && member.mysqld == Mysqld::Up {
                    member.executed[n] += ticks;
                }
            }
        }
        self.replicate();
    }

    fn replicate(&mut self) {
        for n in 0..self.members.len() {
            let member = &self.members[n];
            let Some(source) = member.source.filter(|_| member.fetching && member.mysqld == Mysqld::Up)
            else {
                continue;
            };
            let (up, theirs) = (self.members[source].mysqld, self.members[source].executed);
            let member = &mut self.members[n];
            match up {
                Mysqld::Up => member.connected = true,
                Mysqld::Dead => member.connected = false,
                Mysqld::Lost => {}
            }
            if up == Mysqld::Up {
                for (mine, theirs) in member.executed.iter_mut().zip(theirs) {
                    *mine = (*mine).max(theirs);
                }
            }
        }
    }

    fn uuid(&self, n: usize) -> String {
        format!("{:08x}-5ca1-11f1-8000-{n:012x}", self.number)
    }

    fn position_of(&self, executed: &[u64; MEMBERS]) -> String {
        let former = (MEMBERS..MEMBERS + FORMER_PRIMARIES).map(|n| (n, HISTORY * n as u64));
        let own = executed.iter().copied().enumerate().filter(|(_, last)| *last > 0);
        let sets: Vec<String> =
            own.chain(former).map(|(n, last)| format!("{}:1-{last}", self.uuid(n))).collect();
        format!("MySQL56/{}", sets.join(","))
    }

    /// All that a member executed.
    pub fn position(&self, n: usize) -> String {
        self.position_of(&self.members[n].executed)
    }

    fn status(&self, n: usize) -> Option<Status> {
        let member = &self.members[n];
        let source = member.source?;
        let io_state = match (member.fetching, member.connected) {
            (false, _) => STOPPED,
            (true, false) => CONNECTING,
            (true, true) => RUNNING,
        };
        let position = self.position(n);
        let error = (io_state == CONNECTING).then(|| {
            let host = &self.members[source].host;
            format!("Error connecting to source 'vt_repl@{host}:3306'. This was attempt 1/86400, with a delay of 1 seconds between attempts.")
        });
        Some(Status {
            relay_log_position: position.clone(),
            position,
            source_host: self.members[source].host.clone(),
            source_port: 3306,
            connect_retry: 1,
            source_server_id: u32::try_from(source + 1).unwrap_or(0),
            source_uuid: self.uuid(source),
            io_state,
            sql_state: RUNNING,
            last_io_error: error.unwrap_or_default(),
            file_position: "vt-bin.000123:104857600".into(),
            relay_log_source_binlog_equivalent_position: "vt-bin.000123:104857600".into(),
            relay_log_file_position: "vt-relay-bin.000456:1048576".into(),
            source_user: "vt_repl".into(),
            auto_position: true,
            using_gtid: true,
            ..Status::default()
        })
    }

    /// As large as a MySQL's with some years behind it.
    pub fn full_status(&self, n: usize) -> FullStatus {
        let member = &self.members[n];
        let replicas = self.members.iter().filter(|m| m.source == Some(n) && m.connected && m.fetching);
        FullStatus {
            server_id: u32::try_from(n + 1).unwrap_or(0),
            server_uuid: self.uuid(n),
            replication_status: self.status(n),
            primary_status: Some(PrimaryStatus {
                position: self.position(n),
                file_position: "vt-bin.000123:104857600".into(),
                server_uuid: self.uuid(n),
            }),
            gtid_purged: self.position_of(&[HISTORY / 2, 0, 0]),
            version: "8.4.6".into(),
            version_comment: "MySQL Community Server - GPL".into(),
            read_only: !member.writable,
            super_read_only: !member.writable,
            gtid_mode: "ON".into(),
            binlog_format: "ROW".into(),
            binlog_row_image: "full".into(),
            log_bin_enabled: true,
            log_replica_updates: true,
            semi_sync_primary_enabled: member.semi_sync_source,
            semi_sync_replica_enabled: member.semi_sync_replica,
            semi_sync_primary_status: member.semi_sync_source,
            semi_sync_replica_status: member.semi_sync_replica && member.connected,
            semi_sync_primary_clients: u32::try_from(replicas.count()).unwrap_or(0),
            semi_sync_primary_timeout: 1_000_000_000_000,
            semi_sync_wait_for_replica_count: 1,
            replication_configuration: Some(Configuration {
                heartbeat_interval: 2.0,
                replica_net_timeout: 60,
            }),
            tablet_type: member.tablet_type as i32,
            ..FullStatus::default()
        }
    }

    pub fn replication_status(&self, n: usize) -> Result<Status> {
        self.status(n).ok_or_else(|| precondition("no replication status"))
    }

    pub fn stop_and_get_status(&mut self, n: usize) -> Result<StopReplicationStatus> {
        let before = Some(self.replication_status(n)?);
        (self.members[n].fetching, self.members[n].connected) = (false, false);
        Ok(StopReplicationStatus { before, after: Some(self.replication_status(n)?) })
    }

    /// Starts the threads, or restarts them: then they notice that a source is away.
    pub fn start(&mut self, n: usize, semi_sync: bool) {
        let member = &mut self.members[n];
        member.fetching = member.source.is_some();
        (member.connected, member.semi_sync_replica) = (false, semi_sync);
        self.replicate();
    }

    pub fn stop(&mut self, n: usize) {
        (self.members[n].fetching, self.members[n].connected) = (false, false);
    }

    /// Whether a member executed all of a position.
    pub fn has(&self, n: usize, position: &str) -> bool {
        let (ours, theirs): (Result<Position>, Result<Position>) =
            (self.position(n).parse(), position.parse());
        position.is_empty() || matches!((ours, theirs), (Ok(ours), Ok(theirs)) if ours.at_least(&theirs))
    }

    pub fn has_journal(&self, n: usize, created_ns: i64) -> bool {
        let known = |(by, number, _): &(usize, u64, i64)| self.members[n].executed[*by] >= *number;
        created_ns == 0 || self.journal.iter().any(|entry| entry.2 == created_ns && known(entry))
    }

    pub fn journal_length(&self, n: usize) -> i32 {
        let known = self.journal.iter().filter(|(by, number, _)| self.members[n].executed[*by] >= *number);
        i32::try_from(known.count()).unwrap_or(i32::MAX)
    }

    pub fn write_journal(&mut self, n: usize, created_ns: i64) -> Result<()> {
        if !self.members[n].writable {
            return Err(precondition("it is read-only"));
        }
        self.members[n].executed[n] += 1;
        self.journal.push((n, self.members[n].executed[n], created_ns));
        Ok(())
    }

    pub fn set_writable(&mut self, n: usize, writable: bool) {
        self.members[n].writable = writable;
    }

    pub fn demote(&mut self, n: usize) -> Result<PrimaryStatus> {
        let member = &mut self.members[n];
        if member.tablet_type != TabletType::Primary {
            return Err(precondition("it is not the primary"));
        }
        (member.writable, member.semi_sync_source) = (false, false);
        Ok(PrimaryStatus { position: self.position(n), ..PrimaryStatus::default() })
    }

    pub fn undo_demote(&mut self, n: usize, semi_sync: bool) -> Result<()> {
        let member = &mut self.members[n];
        if member.tablet_type != TabletType::Primary {
            return Err(precondition("it is not the primary"));
        }
        (member.writable, member.semi_sync_source) = (true, semi_sync);
        Ok(())
    }

    /// Its position, from which it begins.
    pub fn promote(&mut self, n: usize, semi_sync: bool) -> String {
        self.newest_term += 1;
        let position = self.position(n);
        let member = &mut self.members[n];
        (member.tablet_type, member.term, member.writable) = (TabletType::Primary, self.newest_term, true);
        (member.source, member.fetching, member.connected) = (None, false, false);
        (member.semi_sync_source, member.semi_sync_replica) = (semi_sync, false);
        position
    }

    pub fn follow(&mut self, n: usize, source: usize, request: &tm::SetReplicationSourceRequest) {
        let member = &mut self.members[n];
        if member.tablet_type == TabletType::Primary {
            (member.tablet_type, member.term, member.fetching) = (TabletType::Replica, 0, true);
        }
        (member.writable, member.semi_sync_source) = (false, false);
        member.fetching |= request.force_start_replication || member.source.is_none();
        (member.source, member.connected) = (Some(source), false);
        member.semi_sync_replica = request.semi_sync;
        self.replicate();
    }

    pub fn forget_source(&mut self, n: usize) {
        let member = &mut self.members[n];
        (member.source, member.fetching, member.connected) = (None, false, false);
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    fn shard() -> Shard {
        let hosts = (0..3).map(|n| format!("127.1.0.{n}")).collect();
        Shard::new(7, hosts, Durability::SemiSync, 5)
    }

    #[test]
    fn replicas_have_what_their_primary_wrote_until_it_dies() {
        let mut shard = shard();
        shard.advance(Duration::from_secs(2));
        let position = shard.position(0);
        assert!(position.contains(":1-1000020") && shard.has(2, &position), "{position}");
        shard.members[0].mysqld = Mysqld::Dead;
        shard.advance(Duration::from_secs(3));
        let status = shard.replication_status(1).unwrap();
        assert_eq!((shard.position(0), status.io_state), (position, CONNECTING));
    }

    #[test]
    fn a_lost_machine_is_noticed_by_who_connects_again() {
        let mut shard = shard();
        shard.members[0].mysqld = Mysqld::Lost;
        shard.advance(Duration::from_secs(3));
        assert_eq!(shard.replication_status(1).unwrap().io_state, RUNNING);
        shard.start(1, true);
        assert_eq!(shard.replication_status(1).unwrap().io_state, CONNECTING);
    }

    #[test]
    fn a_promoted_replica_is_followed() {
        let mut shard = shard();
        shard.members[0].mysqld = Mysqld::Dead;
        shard.stop_and_get_status(1).unwrap();
        shard.promote(1, true);
        shard.write_journal(1, 99).unwrap();
        let request = tm::SetReplicationSourceRequest { force_start_replication: true, ..Default::default() };
        assert!(!shard.has_journal(2, 99));
        shard.follow(2, 1, &request);
        assert!(shard.has_journal(2, 99) && shard.members[1].term == 6);
    }

    #[test]
    fn a_status_is_as_large_as_a_real_one() {
        let bytes = shard().full_status(1).encoded_len();
        assert!((1_500..4_000).contains(&bytes), "{bytes}");
    }
}
