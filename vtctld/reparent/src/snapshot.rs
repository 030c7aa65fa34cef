//! What a shard's records and tablets say right now: all that a decision rests on.

use std::time::Duration;

use proto::{
    replicationdata, tabletmanagerdata as tm,
    topodata::{self, Tablet, TabletType},
};
use tabletclient::TabletManagerClient;
use topo::Server;
use vterrors::{Condition, Error, Result};
use vtmodel::{Durability, Position, PromotionRule, TabletAlias};

/// A tablet of the shard.
#[derive(Debug, Clone, PartialEq)]
pub struct TabletState {
    pub alias: TabletAlias,
    pub tablet: Tablet,
    /// What its mysqld has executed.
    pub position: Option<Position>,
    /// Whether replication is set up (running or not).
    pub replicates: bool,
    /// None if it is not known.
    pub lag: Option<Duration>,
    pub backup_running: bool,
    /// What it has executed or has in its relay log: all that it may have acknowledged.
    pub received: Option<Position>,
    /// Whether all that it received is executed.
    pub applied: bool,
    /// The UUID of the server that it replicates from, or did last; empty if there is none.
    pub source_uuid: String,
    /// Its own server's; empty if it is not known.
    pub server_uuid: String,
    pub server: Option<ServerKind>,
    /// Whether its server accepted writes before anything was stopped, as far as that is known.
    pub writable: Option<bool>,
    /// Whether its server acknowledged commits to its source, as far as that is known.
    pub acknowledged: bool,
    /// The tablet's type is another than its record says.
    pub unpublished: bool,
    /// How many reparents its journal knows; None if that is not known, or not all of its relay log is executed.
    pub journal: Option<i32>,
    /// What an emergency reparent did to it.
    pub stopped: Stop,
    /// Why nothing is known of its mysqld.
    pub fault: Option<String>,
}

/// How a tablet was kept from acknowledging and accepting writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stop {
    #[default]
    Not,
    /// A replica that fetches no more; whether it did before.
    Fetching { ran: bool },
    /// A primary that is read-only.
    Writing,
    /// Neither replicates nor can be written to, found so.
    Idle,
}

/// Which server a tablet has, as far as replication between two of them goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerKind {
    pub mariadb: bool,
    /// Major and minor.
    pub version: (u16, u16),
}

impl ServerKind {
    /// Of `@@version`, for instance `9.7.4` or `10.11.19-MariaDB-log`.
    pub fn parse(version: &str) -> Option<Self> {
        let mut numbers = version.split(['.', '-']).map(str::parse::<u16>);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some(Self { mariadb: version.contains("MariaDB"), version: (major, minor) })
    }

    /// Why a server of this kind cannot replicate from `source`: another family, or an older version.
    pub(crate) fn cannot_follow(&self, source: &Self) -> Option<String> {
        let foreign = self.mariadb != source.mariadb;
        (foreign || self.version < source.version).then(|| format!("{self} cannot replicate from {source}"))
    }
}

impl std::fmt::Display for ServerKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let family = if self.mariadb { "MariaDB" } else { "MySQL" };
        write!(f, "{family} {}.{}", self.version.0, self.version.1)
    }
}

impl TabletState {
    /// A tablet of which only the record is known, and why.
    pub fn unknown(tablet: Tablet, why: impl Into<String>) -> Result<Self> {
        let alias = TabletAlias::from_proto(tablet.alias.as_ref())
            .ok_or_else(|| Error::invalid("a tablet record without an alias"))?;
        Ok(Self {
            alias,
            tablet,
            position: None,
            replicates: false,
            lag: None,
            backup_running: false,
            received: None,
            applied: false,
            source_uuid: String::new(),
            server_uuid: String::new(),
            server: None,
            writable: None,
            acknowledged: false,
            unpublished: false,
            journal: None,
            stopped: Stop::Not,
            fault: Some(why.into()),
        })
    }

    /// Takes over what the tablet says of its replication.
    pub(crate) fn saw(&mut self, status: &replicationdata::Status) {
        self.fault = None;
        match status.position.parse() {
            Ok(position) => self.position = Some(position),
            Err(e) => self.fault = Some(format!("its position {:?}: {}", status.position, e.message())),
        }
        // A server that does not replicate has received what it executed.
        let relay = status.relay_log_position.as_str();
        let received = if relay.is_empty() { Ok(self.position.clone()) } else { relay.parse().map(Some) };
        match received {
            Ok(received) => self.received = received,
            Err(e) => self.fault = Some(format!("its relay log's position {relay:?}: {}", e.message())),
        }
        self.replicates = !status.source_host.is_empty();
        let lag = Duration::from_secs(u64::from(status.replication_lag_seconds));
        self.lag = (!status.replication_lag_unknown).then_some(lag);
        self.backup_running = status.backup_running;
        self.source_uuid.clone_from(&status.source_uuid);
    }

    /// Takes over what its server is.
    pub(crate) fn saw_server(&mut self, full: &replicationdata::FullStatus) {
        self.server = ServerKind::parse(&full.version);
        self.server_uuid = full.server_uuid.to_ascii_lowercase();
        self.acknowledged = full.semi_sync_replica_enabled;
        self.writable.get_or_insert(!full.read_only && !full.super_read_only);
        // The tablet knows before its record does.
        if full.tablet_type() != TabletType::Unknown && full.tablet_type() != self.tablet.r#type() {
            self.tablet.r#type = full.tablet_type;
            self.unpublished = true;
        }
    }

    /// What its server is, for texts.
    pub(crate) fn family(&self) -> &'static str {
        match (&self.position, self.server) {
            (Some(Position::Mariadb(_)), _) | (None, Some(ServerKind { mariadb: true, .. })) => "MariaDB",
            (Some(Position::FilePos(_)), _) => "a server without GTIDs",
            _ => "MySQL",
        }
    }

    /// When it became primary, as the order of primaries goes.
    pub(crate) fn term(&self) -> (i64, i32) {
        self.tablet.primary_term_start_time.map_or((0, 0), |t| (t.seconds, t.nanoseconds))
    }
}

/// A shard.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    pub keyspace: String,
    pub shard: String,
    pub record: topodata::Shard,
    pub durability: Durability,
    /// Tablets that run, sorted by alias.
    pub tablets: Vec<TabletState>,
    /// Those that were shut down cleanly; their mysqlds may still have what they acknowledged.
    pub shut_down: Vec<TabletState>,
    /// Cells whose tablets are not known, and why.
    pub unread_cells: Vec<(String, String)>,
}

impl Snapshot {
    pub fn tablet(&self, alias: &TabletAlias) -> Option<&TabletState> {
        self.tablets.iter().find(|t| t.alias == *alias)
    }

    /// Whether the policy lets a tablet become primary.
    pub fn may_be_promoted(&self, tablet: &TabletState) -> bool {
        self.durability.promotion_rule(&tablet.tablet) != PromotionRule::MustNot
    }

    /// The tablet that says it is PRIMARY. Where several do, one that accepts writes, for a reparent demotes
    /// first; then the newest term. A term that is not in the record yet is newer than those that are.
    pub fn primary(&self) -> Option<&TabletState> {
        let primaries = self.tablets.iter().filter(|t| t.tablet.r#type() == TabletType::Primary);
        primaries.max_by_key(|t| (t.writable == Some(true), t.unpublished, t.term()))
    }
}

/// Reads a shard's records; no tablet is asked. Cells whose topology does not answer are named in
/// `unread_cells`.
pub(crate) async fn records(topo: &Server, keyspace: &str, shard: &str) -> Result<Snapshot> {
    let durability: Durability = topo.get_keyspace(keyspace).await?.durability_policy.parse()?;
    let record = topo.get_shard(keyspace, shard).await?.record;
    let found = topo.find_tablets_by_shard(keyspace, shard).await?;
    let unread_cells = found.failed_cells.iter().map(|(c, e)| (c.clone(), e.message().to_owned())).collect();
    let (tablets, shut_down): (Vec<_>, Vec<_>) =
        found.tablets.into_iter().partition(|t| t.tablet_shutdown_time.is_none());
    let unknown = |tablets: Vec<Tablet>, why: &str| {
        tablets.into_iter().map(|t| TabletState::unknown(t, why)).collect::<Result<Vec<_>>>()
    };
    Ok(Snapshot {
        keyspace: keyspace.to_owned(),
        shard: shard.to_owned(),
        record,
        durability,
        tablets: unknown(tablets, "it was not asked")?,
        shut_down: unknown(shut_down, "it was shut down")?,
        unread_cells,
    })
}

/// Reads a shard: every tablet is asked at the same time, each for at most `limit`.
pub(crate) async fn read(
    topo: &Server,
    manager: &dyn TabletManagerClient,
    keyspace: &str,
    shard: &str,
    limit: Duration,
) -> Result<Snapshot> {
    let mut snapshot = records(topo, keyspace, shard).await?;
    if let Some((cell, why)) = snapshot.unread_cells.first() {
        return Err(Error::new(Condition::Unreachable, format!("cell {cell}: {why}")));
    }
    let asked = std::mem::take(&mut snapshot.tablets).into_iter().map(|state| ask(manager, state, limit));
    snapshot.tablets = futures::future::join_all(asked).await;
    Ok(snapshot)
}

/// Asks a tablet how it replicates and what its server is, for at most `limit`.
pub(crate) async fn ask(
    manager: &dyn TabletManagerClient,
    mut state: TabletState,
    limit: Duration,
) -> TabletState {
    let asked = async {
        let full = manager.full_status(&state.tablet, tm::FullStatusRequest {});
        futures::join!(status_of(manager, &state.tablet), full)
    };
    match tokio::time::timeout(limit, asked).await {
        Ok((Ok(status), full)) => {
            state.saw(&status);
            match full {
                Ok(full) => state.saw_server(&full.status.unwrap_or_default()),
                // What a tablet cannot tell is not held against it.
                Err(e) if e.condition() == Condition::Unsupported => {}
                Err(e) => state.fault = Some(e.message().to_owned()),
            }
        }
        Ok((Err(e), _)) => state.fault = Some(e.message().to_owned()),
        Err(_) => state.fault = Some(format!("no answer within {limit:?}")),
    }
    state
}

/// How a tablet replicates; for one that does not (a primary, a fresh one), its position alone.
pub async fn status_of(
    manager: &dyn TabletManagerClient,
    tablet: &Tablet,
) -> Result<replicationdata::Status> {
    let not_asked = || Error::internal("a primary is not asked how it replicates");
    let mut as_replica = Err(not_asked());
    if tablet.r#type() != TabletType::Primary {
        let answer = manager.replication_status(tablet, tm::ReplicationStatusRequest {}).await;
        as_replica = answer.map(|a| a.status.unwrap_or_default());
        let unreachable = |e: &Error| {
            matches!(e.condition(), Condition::Unreachable | Condition::ConnectionLost | Condition::Timeout)
        };
        if matches!(&as_replica, Ok(s) if !s.position.is_empty())
            || as_replica.as_ref().is_err_and(unreachable)
        {
            return as_replica;
        }
    }
    let position = manager.primary_position(tablet, tm::PrimaryPositionRequest {}).await?.position;
    Ok(replicationdata::Status { position, ..as_replica.unwrap_or_default() })
}
