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
    /// Why nothing is known of its mysqld.
    pub fault: Option<String>,
}

impl TabletState {
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
    /// Tablets that run (those that were shut down cleanly are left out), sorted by alias.
    pub tablets: Vec<TabletState>,
}

impl Snapshot {
    pub fn tablet(&self, alias: &TabletAlias) -> Option<&TabletState> {
        self.tablets.iter().find(|t| t.alias == *alias)
    }

    /// Whether the policy lets a tablet become primary.
    pub fn may_be_promoted(&self, tablet: &TabletState) -> bool {
        self.durability.promotion_rule(&tablet.tablet) != PromotionRule::MustNot
    }

    /// The tablet whose record says PRIMARY, the one with the newest term where several do.
    pub fn primary(&self) -> Option<&TabletState> {
        let primaries = self.tablets.iter().filter(|t| t.tablet.r#type() == TabletType::Primary);
        primaries.max_by_key(|t| t.term())
    }
}

/// Reads a shard: every tablet is asked at the same time, each for at most `limit`.
pub(crate) async fn read(
    topo: &Server,
    manager: &dyn TabletManagerClient,
    keyspace: &str,
    shard: &str,
    limit: Duration,
) -> Result<Snapshot> {
    let durability: Durability = topo.get_keyspace(keyspace).await?.durability_policy.parse()?;
    let record = topo.get_shard(keyspace, shard).await?.record;
    let records = topo.find_tablets_by_shard(keyspace, shard).await?.all()?;
    let running = records.into_iter().filter(|t| t.tablet_shutdown_time.is_none());
    let asked = running.map(|tablet| state_of(manager, tablet, limit));
    let tablets = futures::future::join_all(asked).await.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(Snapshot { keyspace: keyspace.to_owned(), shard: shard.to_owned(), record, durability, tablets })
}

async fn state_of(manager: &dyn TabletManagerClient, tablet: Tablet, limit: Duration) -> Result<TabletState> {
    let alias = TabletAlias::from_proto(tablet.alias.as_ref())
        .ok_or_else(|| Error::invalid("a tablet record without an alias"))?;
    let status = match tokio::time::timeout(limit, status_of(manager, &tablet)).await {
        Ok(status) => status,
        Err(_) => Err(Error::new(Condition::Timeout, format!("no answer within {limit:?}"))),
    };
    let mut state = TabletState {
        alias,
        tablet,
        position: None,
        replicates: false,
        lag: None,
        backup_running: false,
        fault: None,
    };
    match status {
        Ok(status) => take_over(&mut state, &status),
        Err(e) => state.fault = Some(e.message().to_owned()),
    }
    Ok(state)
}

fn take_over(state: &mut TabletState, status: &replicationdata::Status) {
    match status.position.parse() {
        Ok(position) => state.position = Some(position),
        Err(e) => state.fault = Some(format!("its position {:?}: {}", status.position, e.message())),
    }
    state.replicates = !status.source_host.is_empty();
    let lag = Duration::from_secs(u64::from(status.replication_lag_seconds));
    state.lag = (!status.replication_lag_unknown).then_some(lag);
    state.backup_running = status.backup_running;
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
