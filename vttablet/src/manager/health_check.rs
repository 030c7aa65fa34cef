//! Looking at mysqld: is it there, does it replicate, how far is it behind; and mending what a restart of
//! mysqld broke.
//!
//! What is seen decides whether the tablet serves: a replica that does not replicate, or lags more than
//! the limit, does not (if `--enable-replication-reporter` says so), and nobody does whose mysqld is away.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use mysqlctl::flavor::{CONNECTING, RUNNING};
use proto::{replicationdata::Status, topodata::TabletType};
use tokio::time::Instant;
use tracing::{info, warn};
use vterrors::{Condition, Error, Result};

use super::server_run::ServerRun;
use crate::{
    query::{health::Looks, pool::Pool},
    state::Phase,
    tablet::Tablet,
};

/// The longest pause between two looks; the health check interval when that is shorter.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Between two tries to set up replication.
const REPAIR_PAUSE: Duration = Duration::from_secs(5);
/// Looks in a row without an answer in time that make a tablet not healthy.
const SLOW_LOOKS: u32 = 3;
/// The longest time for one look.
const LOOK_LIMIT: Duration = Duration::from_secs(5);

/// The lag that was known last, for a replica whose source is away.
#[derive(Debug, Clone, Copy)]
pub struct KnownLag {
    seconds: u32,
    at: Instant,
}

impl Default for KnownLag {
    fn default() -> Self {
        Self { seconds: 0, at: Instant::now() }
    }
}

/// What a replica's status says about its health.
pub fn judge(status: Option<&Status>, known: &mut KnownLag, unhealthy: Duration, report: bool) -> Looks {
    let Some(status) = status else {
        let error = if report { "replication is not configured" } else { "" };
        return Looks { error: error.to_owned(), lag_seconds: 0 };
    };
    let now = Instant::now();
    // A source that is away (as in a failover) leaves the replica's data as old as they are.
    let lag_seconds = match status.replication_lag_unknown || status.io_state != RUNNING {
        false => {
            *known = KnownLag { seconds: status.replication_lag_seconds, at: now };
            status.replication_lag_seconds
        }
        true => known
            .seconds
            .saturating_add(u32::try_from(now.duration_since(known.at).as_secs()).unwrap_or(u32::MAX)),
    };
    let stopped = status.sql_state != RUNNING || !matches!(status.io_state, RUNNING | CONNECTING);
    let error = match (report, stopped) {
        (false, _) => String::new(),
        (true, true) => {
            let why = [&status.last_sql_error, &status.last_io_error].into_iter().find(|e| !e.is_empty());
            format!("replication is not running{}", why.map(|e| format!(": {e}")).unwrap_or_default())
        }
        (true, false) if Duration::from_secs(u64::from(lag_seconds)) > unhealthy => {
            format!(
                "replication lag of {lag_seconds} s is above the limit of {}",
                servenv::format_duration(unhealthy)
            )
        }
        (true, false) => String::new(),
    };
    Looks { error, lag_seconds }
}

/// What one look leaves for the next.
#[derive(Debug, Default)]
struct Looker {
    lag: KnownLag,
    /// Of the last look.
    run: Option<ServerRun>,
    made_databases: bool,
    /// When a repair of replication may be tried again.
    next_repair: Option<Instant>,
    /// Looks in a row that got no answer in time.
    slow: u32,
}

fn too_slow() -> Error {
    Error::new(Condition::Timeout, format!("no answer within {LOOK_LIMIT:?}"))
}

impl Looker {
    /// What the health is after a look. A server that is only slow (or whose pool is full) keeps the
    /// health it had until that has happened several times in a row: refusing its queries helps nobody.
    fn conclude(&mut self, looked: Result<Looks>) -> Option<Looks> {
        let e = match looked {
            Ok(looks) => {
                self.slow = 0;
                return Some(looks);
            }
            Err(e) => e,
        };
        if matches!(e.condition(), Condition::Timeout | Condition::PoolFull) {
            self.slow += 1;
            if self.slow < SLOW_LOOKS {
                return None;
            }
        }
        Some(Looks { error: format!("mysqld: {e}"), lag_seconds: 0 })
    }
}

impl Tablet {
    /// Looks for as long as the process runs. `run` is the server's of before the tablet took up its type: a restart
    /// right after that is to be seen, too.
    pub async fn keep_looking(self: Arc<Self>, run: ServerRun) {
        let tick = self.config.tablet.health_check_interval;
        let pause = tick.min(LOOK_INTERVAL);
        let mut looker = Looker { run: Some(run), ..Looker::default() };
        let mut last_message = Instant::now();
        loop {
            let looked_at = self.tablet_type();
            let looked = tokio::time::timeout(LOOK_LIMIT, self.look_once(&mut looker)).await;
            if let Some(looks) = looker.conclude(looked.unwrap_or_else(|_| Err(too_slow()))) {
                self.take_looks(looks, looked_at);
            }
            self.mend(&mut looker).await;
            self.close_expired();
            if last_message.elapsed() >= tick {
                self.health.broadcast(Default::default());
                last_message = Instant::now();
            }
            tokio::select! {
                () = self.look.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Tells the health streams of every change of the serving state, for as long as the process runs.
    pub async fn keep_telling(self: Arc<Self>) {
        let mut changes = self.serving.subscribe();
        while changes.changed().await.is_ok() {
            self.health.broadcast(Default::default());
        }
    }

    /// RunHealthCheck: looks now and tells everyone.
    pub async fn run_health_check(&self) -> Result<()> {
        let looked_at = self.tablet_type();
        let looks = self.look_once(&mut Looker::default()).await?;
        self.take_looks(looks, looked_at);
        self.health.broadcast(Default::default());
        Ok(())
    }

    async fn look_once(&self, looker: &mut Looker) -> Result<Looks> {
        let run = ServerRun::look(&self.dba).await?;
        if looker.run.replace(run).is_some_and(|before| run.is_another_than(&before)) {
            warn!("mysqld was restarted");
            self.mysqld_restarted.store(true, Ordering::Relaxed);
            self.close_connections();
        }
        if self.is_primary() {
            return Ok(Looks::default());
        }
        let quiet = self.try_action().is_some();
        let status = self.dba.replica_status().await?;
        let tablet = &self.config.tablet;
        let report = tablet.enable_replication_reporter;
        let mut looks = judge(status.as_ref(), &mut looker.lag, tablet.unhealthy_threshold, report);
        if !(quiet && self.try_action().is_some()) {
            // Replication that our own action stops for a moment, as in a reparent, is no fault of it.
            looks.error = self.health.looks().error;
        }
        Ok(looks)
    }

    /// Takes over what was seen of a tablet of type `looked_at`; what is out of date is not.
    pub fn take_looks(&self, looks: Looks, looked_at: TabletType) {
        if self.tablet_type() != looked_at {
            self.look.notify_one();
            return;
        }
        let before = self.health.looks();
        if before.error != looks.error {
            match looks.error.is_empty() {
                true => info!("healthy"),
                false => warn!(error = looks.error, "not healthy"),
            }
        }
        self.serving.set_well(looks.error.is_empty());
        self.health.saw(looks);
    }

    /// Repairs what a restart of mysqld broke, and what could not be done at a promotion.
    async fn mend(&self, looker: &mut Looker) {
        let done = match self.is_primary() {
            true => self.mend_primary(looker).await,
            false => {
                looker.made_databases = false;
                self.mend_replica(looker).await
            }
        };
        if let Err(e) = done {
            warn!(error = %e, "the tablet could not be mended; it will be tried again");
        }
    }

    /// A primary whose mysqld was restarted came back read-only and without semi-sync; databases may be
    /// missing after a promotion.
    async fn mend_primary(&self, looker: &mut Looker) -> Result<()> {
        let restarted = self.mysqld_restarted.load(Ordering::Relaxed);
        if looker.made_databases && !restarted {
            return Ok(());
        }
        let Some(_action) = self.try_action() else { return Ok(()) };
        // A demotion that is under way, or was done, has stopped serving first.
        if !self.is_primary() || self.serving.snapshot().phase != Phase::Serving {
            return Ok(());
        }
        let work = async {
            if restarted && self.dba.read_only().await?.0 && self.is_still_primary_in_topo().await? {
                warn!("the primary's mysqld came back read-only; made writable again");
                self.fix_semi_sync(TabletType::Primary, self.durability().await?.primary_waits()).await?;
                self.dba.set_read_write().await?;
            }
            self.make_databases().await
        };
        match tokio::time::timeout(LOOK_LIMIT, work).await {
            Ok(done) => done?,
            // It waits for replicas' acknowledgements, most likely.
            Err(_) => return Ok(()),
        }
        looker.made_databases = true;
        self.mysqld_restarted.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// A replica's mysqld does not start replication by itself.
    async fn mend_replica(&self, looker: &mut Looker) -> Result<()> {
        if !self.mysqld_restarted.load(Ordering::Relaxed)
            || looker.next_repair.is_some_and(|at| at > Instant::now())
        {
            return Ok(());
        }
        looker.next_repair = Some(Instant::now() + REPAIR_PAUSE);
        let repaired = self.repair_replication().await;
        // What is errant does not become less by trying.
        if self.errant.get().is_empty() {
            repaired?;
        }
        self.mysqld_restarted.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// A topology that does not answer leaves it open: it is asked again at the next look.
    async fn is_still_primary_in_topo(&self) -> Result<bool> {
        let shard = self.topo.get_shard(&self.config.keyspace, &self.config.shard).await?;
        Ok(shard.primary().as_ref() == Some(&self.config.alias))
    }

    fn close_expired(&self) {
        self.pools().into_iter().for_each(Pool::close_expired);
    }

    /// The connections of a mysqld that is gone.
    fn close_connections(&self) {
        self.pools().into_iter().for_each(Pool::close_idle);
    }

    /// Ends transactions past their time, for as long as the process runs.
    pub async fn keep_sweeping(self: Arc<Self>) {
        loop {
            let timeout = self.query.tx.limits().transaction_timeout();
            let pause = (timeout / 10).clamp(Duration::from_millis(50), Duration::from_secs(1));
            tokio::time::sleep(pause).await;
            self.query.tx.sweep().await;
        }
    }

    /// Reads the schema after each DDL and at its interval, for as long as the process runs.
    pub async fn keep_schema(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.query.schema_changed.notified() => {}
                () = tokio::time::sleep(self.config.query.queryserver_config_schema_reload_time) => {}
            }
            if let Err(e) = self.reload_schema().await {
                warn!(error = %e, "the schema could not be read again");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(io: i32, sql: i32, lag: Option<u32>) -> Status {
        Status {
            io_state: io,
            sql_state: sql,
            replication_lag_seconds: lag.unwrap_or(0),
            replication_lag_unknown: lag.is_none(),
            ..Status::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_is_away_makes_the_lag_grow_from_what_was_known() {
        let limit = Duration::from_secs(60);
        let mut known = KnownLag::default();
        let looks = judge(Some(&status(RUNNING, RUNNING, Some(7))), &mut known, limit, true);
        assert_eq!(looks, Looks { error: String::new(), lag_seconds: 7 });
        tokio::time::advance(Duration::from_secs(10)).await;
        let away = status(CONNECTING, RUNNING, None);
        assert_eq!(
            judge(Some(&away), &mut known, limit, true),
            Looks { error: String::new(), lag_seconds: 17 }
        );
        tokio::time::advance(Duration::from_secs(50)).await;
        let looks = judge(Some(&away), &mut known, limit, true);
        assert!(looks.error.contains("lag of 67 s"), "{looks:?}");
        assert_eq!(judge(Some(&away), &mut known, limit, false).error, "");
    }

    #[test]
    fn a_server_that_is_slow_keeps_its_health_for_a_while() {
        let mut looker = Looker::default();
        assert_eq!(looker.conclude(Err(too_slow())), None);
        assert_eq!(looker.conclude(Err(too_slow())), None);
        assert!(looker.conclude(Err(too_slow())).is_some_and(|l| !l.error.is_empty()));
        assert_eq!(looker.conclude(Ok(Looks::default())), Some(Looks::default()));
        assert_eq!(looker.conclude(Err(too_slow())), None);
        let away = Error::new(Condition::Unreachable, "away");
        assert!(looker.conclude(Err(away)).is_some_and(|l| l.error == "mysqld: away"));
    }

    #[test]
    fn a_replica_that_does_not_replicate() {
        let limit = Duration::from_secs(60);
        let mut known = KnownLag::default();
        let stopped = Status { last_sql_error: "duplicate".into(), ..status(RUNNING, 1, None) };
        assert_eq!(
            judge(Some(&stopped), &mut known, limit, true).error,
            "replication is not running: duplicate"
        );
        assert_eq!(judge(None, &mut known, limit, true).error, "replication is not configured");
        assert_eq!(judge(None, &mut known, limit, false).error, "");
    }
}
