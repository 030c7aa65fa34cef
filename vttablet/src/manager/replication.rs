//! Replication of this tablet's mysqld: its status, starting and stopping, its source.

use std::time::Duration;

use mysqlctl::{
    Source,
    flavor::{CONNECTING, RUNNING, STOPPED, Threads},
};
use proto::{
    replicationdata::{Status, StopReplicationMode, StopReplicationStatus},
    tabletmanagerdata as tm,
    topodata::{self, TabletType},
};
use tracing::{info, warn};
use vterrors::{Condition, Context as _, Error, Result};
use vtmodel::{Durability, TabletAlias};

use crate::{
    manager::types::{READ_ONLY_WAIT, acknowledges},
    query::bind::backticked,
    tablet::Tablet,
};

/// The longest wait for a position when the caller sets no deadline of its own.
const POSITION_LIMIT: Duration = Duration::from_secs(600);

fn no_status() -> Error {
    Error::new(Condition::FailedPrecondition, "no replication status")
}

impl Tablet {
    /// An error on a server that has no source.
    pub async fn replication_status(&self) -> Result<Status> {
        self.dba.replica_status().await?.ok_or_else(no_status)
    }

    pub async fn wait_for_position(&self, position: &str) -> Result<()> {
        position.parse::<vtmodel::Position>()?;
        self.dba.wait_for_position(position, POSITION_LIMIT).await
    }

    pub async fn stop_replication(&self) -> Result<()> {
        let _action = self.action("StopReplication").await?;
        self.dba.stop_replication(Threads::Both).await
    }

    /// Waits for `position`, then stops; the position where it stopped.
    pub async fn stop_replication_minimum(&self, position: &str, limit: Duration) -> Result<String> {
        self.dba.wait_for_position(position, limit).await?;
        let _action = self.action("StopReplicationMinimum").await?;
        self.dba.stop_replication(Threads::Both).await?;
        Ok(self.dba.primary_position().await?.position)
    }

    pub async fn start_replication(&self, semi_sync: bool) -> Result<()> {
        let _action = self.action("StartReplication").await?;
        self.fix_semi_sync(self.tablet_type(), semi_sync).await?;
        self.dba.start_replication().await
    }

    pub async fn restart_replication(&self, semi_sync: bool) -> Result<()> {
        let _action = self.action("RestartReplication").await?;
        self.dba.stop_replication(Threads::Both).await?;
        self.fix_semi_sync(self.tablet_type(), semi_sync).await?;
        self.dba.start_replication().await
    }

    pub async fn start_replication_until_after(&self, position: &str, limit: Duration) -> Result<()> {
        {
            let _action = self.action("StartReplicationUntilAfter").await?;
            self.dba.run(&self.dba.flavor().await?.start_replication_until_after(position)).await?;
        }
        self.dba.wait_for_position(position, limit).await
    }

    /// Restarts the thread that fetches if it runs: a change of semi-sync counts from then on.
    pub async fn restart_fetching(&self) -> Result<()> {
        let Some(status) = self.dba.replica_status().await? else { return Ok(()) };
        if status.io_state != RUNNING && status.io_state != CONNECTING {
            return Ok(());
        }
        self.dba.stop_replication(Threads::Io).await?;
        self.dba.run(&self.dba.flavor().await?.start_replication(Threads::Io)).await
    }

    /// `host:port` of the servers that replicate from here.
    pub async fn replicas(&self) -> Result<Vec<String>> {
        let sql = "select host as host from information_schema.processlist where command like 'Binlog Dump%'";
        let rows = self.dba.rows(sql).await?;
        Ok(rows.iter().filter_map(|r| r.text("host").map(str::to_owned)).collect())
    }

    /// As a new server: no source, no binary logs, no GTIDs.
    pub async fn reset_replication(&self) -> Result<()> {
        let _action = self.action("ResetReplication").await?;
        self.stop_serving("replication is being reset").await?;
        self.dba.reset_replication().await?;
        self.apply_state().await
    }

    /// Forgets the source; the data and the GTIDs stay.
    pub async fn reset_replication_parameters(&self) -> Result<()> {
        let _action = self.action("ResetReplicationParameters").await?;
        self.dba.forget_source().await
    }

    pub async fn stop_replication_and_get_status(
        &self,
        mode: StopReplicationMode,
    ) -> Result<StopReplicationStatus> {
        let _action = self.action("StopReplicationAndGetStatus").await?;
        let before = self.replication_status().await?;
        let threads = match mode {
            StopReplicationMode::Iothreadonly => Threads::Io,
            StopReplicationMode::Ioandsqlthread => Threads::Both,
        };
        self.dba.stop_replication(threads).await?;
        let after = self.replication_status().await?;
        Ok(StopReplicationStatus { before: Some(before), after: Some(after) })
    }

    /// SetReplicationSource: replicates from `parent`; a primary becomes a replica by it.
    pub async fn set_replication_source(&self, request: &tm::SetReplicationSourceRequest) -> Result<()> {
        let parent = self.parent(request.parent.as_ref()).await?;
        {
            let _action = self.action("SetReplicationSource").await?;
            self.refuse_outdated(request.time_created_ns).await?;
            self.point_at(
                &parent,
                request.force_start_replication,
                request.semi_sync,
                request.heartbeat_interval,
            )
            .await?;
        }
        if !request.wait_position.is_empty() {
            self.dba.wait_for_position(&request.wait_position, POSITION_LIMIT).await?;
        }
        match request.time_created_ns {
            0 => Ok(()),
            created => self.wait_for_journal(created).await,
        }
    }

    /// The record of the tablet to replicate from.
    pub async fn parent(&self, alias: Option<&topodata::TabletAlias>) -> Result<topodata::Tablet> {
        let alias =
            TabletAlias::from_proto(alias).ok_or_else(|| Error::invalid("no parent tablet was named"))?;
        if alias == self.config.alias {
            return Err(Error::invalid(format!("tablet {alias} cannot replicate from itself")));
        }
        let record = self.topo.get_tablet(&alias).await.context_with(|| format!("tablet {alias}"))?.value;
        if record.mysql_port <= 0 || record.mysql_hostname.is_empty() {
            let text = format!("tablet {alias} has no address of its mysqld in its record: is it running?");
            return Err(Error::new(Condition::FailedPrecondition, text));
        }
        Ok(record)
    }

    /// Points replication at `parent`. Starts it if it ran, if there was none yet, or if `start` says so.
    /// Called with the action lock held.
    pub async fn point_at(
        &self,
        parent: &topodata::Tablet,
        start: bool,
        semi_sync: bool,
        heartbeat_interval: f64,
    ) -> Result<()> {
        let t = match self.tablet_type() {
            TabletType::Primary => self.config.init_type,
            t => t,
        };
        if self.is_primary() {
            // The new primary has been chosen: what nobody acknowledged here is not waited for.
            self.become_replica_type(t, semi_sync, true).await?;
        } else {
            self.dba.set_read_only(READ_ONLY_WAIT, true).await?;
        }
        let status = self.dba.replica_status().await?;
        if status.is_none() {
            // Perhaps a former primary.
            self.refuse_errant(parent, false).await?;
        }
        let semi_sync_changed = self.fix_semi_sync(t, semi_sync && acknowledges(t)).await?;
        // An emergency reparent stops the thread that fetches only, an operator both.
        let ran = status.as_ref().is_none_or(|s| s.io_state != STOPPED || s.sql_state == RUNNING);
        let same = status.as_ref().is_some_and(|s| {
            s.source_host == parent.mysql_hostname
                && s.source_port == parent.mysql_port
                && s.io_state == RUNNING
        });
        if same && ran && !semi_sync_changed && heartbeat_interval == 0.0 {
            return Ok(());
        }
        let flavor = self.dba.flavor().await?;
        let source = self.source(parent, heartbeat_interval)?;
        let applies = status.as_ref().is_some_and(|s| s.sql_state == RUNNING && s.auto_position);
        match flavor.set_source_while_applying(&source).filter(|_| applies) {
            Some(statements) => {
                self.dba.stop_replication(Threads::Io).await?;
                self.dba.run(&statements).await.map_err(|e| source.hide_password(e))?;
                if start || ran {
                    self.dba.run(&flavor.start_replication(Threads::Io)).await?;
                }
            }
            None => {
                self.dba.stop_replication(Threads::Both).await?;
                self.dba.run(&flavor.set_source(&source)).await.map_err(|e| source.hide_password(e))?;
                if start || ran {
                    self.dba.run(&flavor.start_replication(Threads::Both)).await?;
                }
            }
        }
        info!(host = source.host, port = source.port, started = start || ran, "replication source set");
        self.look.notify_one();
        Ok(())
    }

    fn source(&self, parent: &topodata::Tablet, heartbeat_interval: f64) -> Result<Source> {
        let port = u16::try_from(parent.mysql_port)
            .map_err(|_| Error::invalid(format!("{} is no port of a mysqld", parent.mysql_port)))?;
        Ok(Source {
            host: parent.mysql_hostname.clone(),
            port,
            user: self.users.repl.user.clone(),
            password: self.users.repl.password.current(),
            tls: self.config.source_tls.clone(),
            connect_retry: u32::try_from(self.config.tablet.replication_connect_retry.as_secs())
                .unwrap_or(10)
                .max(1),
            heartbeat_interval,
        })
    }

    /// Waits until the reparent that was marked with `created_ns` has arrived here by replication.
    pub async fn wait_for_journal(&self, created_ns: i64) -> Result<()> {
        const STEP: Duration = Duration::from_millis(50);
        let sidecar = self.sidecar_db().await;
        let sql = format!(
            "select 1 as found from {}.reparent_journal where time_created_ns = {created_ns}",
            backticked(&sidecar)
        );
        let poll = async {
            loop {
                match self.dba.row(&sql).await {
                    Ok(Some(_)) => return Ok(()),
                    // The table itself may be on its way.
                    Ok(None) => {}
                    Err(e) if matches!(e.errno(), 1146 | 1049) => {}
                    Err(e) => return Err(e),
                }
                tokio::time::sleep(STEP).await;
            }
        };
        match tokio::time::timeout(POSITION_LIMIT, poll).await {
            Ok(found) => found,
            Err(_) => Err(Error::new(Condition::Timeout, "the reparent journal's entry did not arrive")),
        }
    }

    /// A replica that starts points itself at the shard's primary, if there is one. Failing is no reason
    /// not to start: the primary may be away, or a reparent at work.
    pub async fn repair_replication(&self) -> Result<()> {
        let shard = self.topo.get_shard(&self.config.keyspace, &self.config.shard).await?;
        let Some(primary) = shard.primary().filter(|p| *p != self.config.alias) else { return Ok(()) };
        let durability = self.durability().await?;
        let parent = self.parent(Some(&(&primary).into())).await?;
        let _action = self.action("repair of replication").await?;
        if self.is_primary() {
            return Ok(());
        }
        self.refuse_while_locked().await?;
        let semi_sync = durability.replica_acknowledges(&primary.cell, &self.record());
        let follows = self.dba.replica_status().await?.is_some();
        self.refuse_errant(&parent, follows).await?;
        if let Err(e) = self.point_at(&parent, true, semi_sync, 0.0).await {
            warn!(error = %e, %primary, "cannot replicate from the shard's primary");
            return Err(e);
        }
        Ok(())
    }

    /// Refuses while somebody has the shard's lock. A reparent may have stopped this server, so that nobody but the new
    /// primary gets writes acknowledged, and the primary of the record may be one that it could not stop. Called in an
    /// action: a reparent that takes the lock after this look stops the server after what follows it.
    async fn refuse_while_locked(&self) -> Result<()> {
        let (keyspace, shard) = (&self.config.keyspace, &self.config.shard);
        if !self.topo.is_shard_locked(keyspace, shard).await? {
            return Ok(());
        }
        let text =
            format!("shard {keyspace}/{shard} is locked: whoever works on it says whom this server follows");
        Err(Error::new(Condition::FailedPrecondition, text))
    }

    /// The keyspace's durability policy. A topology that does not answer is an error: a primary must not
    /// accept writes before it is known who has to acknowledge them.
    pub async fn durability(&self) -> Result<Durability> {
        self.topo.get_keyspace(&self.config.keyspace).await?.value.durability_policy.parse()
    }

    /// Refuses what was asked by a reparent that is older than the newest in the journal.
    async fn refuse_outdated(&self, created_ns: i64) -> Result<()> {
        if created_ns == 0 {
            return Ok(());
        }
        let sidecar = backticked(&self.sidecar_db().await);
        let sql = format!("select max(time_created_ns) as newest from {sidecar}.reparent_journal");
        let newest = match self.dba.one_row(&sql).await {
            Ok(row) => row.number::<i64>("newest")?.unwrap_or(0),
            // A server that never followed a primary has no table yet.
            Err(e) if matches!(e.errno(), 1049 | 1146) => 0,
            Err(e) => return Err(e),
        };
        if newest <= created_ns {
            return Ok(());
        }
        let text = format!("a newer reparent was done: {newest} in the journal, {created_ns} asked for");
        Err(Error::new(Condition::FailedPrecondition, text))
    }
}
