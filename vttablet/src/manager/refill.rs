//! Filling this tablet's server with another's data, by MySQL's clone plugin.
//!
//! Two occasions. A server that is empty, of a shard that has a primary, is filled before it replicates. One that
//! has errant transactions (see [`super::errant`]) is filled once its data were kept for
//! `--errant-data-retention`.
//!
//! Facts (MySQL's manual, "Cloning Remote Data", and trying): the recipient's data are dropped first; when all is
//! copied mysqld ends with code 16 and whoever started it has to start it again, which mysqlctld does. So nothing is
//! cloned without one. GTIDs, accounts and the donor's replication settings come along, the server's UUID does not.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::future::join_all;
use mysqlctl::{
    FlavorKind, RemoteMysqld,
    flavor::{RUNNING, SourceTls},
};
use proto::{
    replicationdata::FullStatus,
    topodata::{Tablet as Record, TabletType},
};
use tabletclient::TabletManagerClient;
use tokio::time::Instant;
use tracing::{info, warn};
use vterrors::{Condition, Error, Result};
use vtmodel::{Position, TabletAlias};

use super::{errant, server_run::ServerRun};
use crate::{
    query::{bind::quoted, kill::Deadline},
    tablet::{Tablet, now},
};

/// How long another tablet may take to say how it is.
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// Between two looks whether a tablet with errant transactions is to be filled.
const LOOK: Duration = Duration::from_secs(1);
/// After a refill that failed.
const RETRY: Duration = Duration::from_secs(30);
/// Between two looks whether mysqld is back.
const STEP: Duration = Duration::from_millis(100);
/// mysqld's words for "copied; start me again" where it cannot ask for that itself.
const ER_RESTART_SERVER_FAILED: u16 = 3707;

/// A tablet whose data could be taken.
#[derive(Debug, Clone)]
struct Candidate {
    record: Record,
    status: FullStatus,
}

/// The candidate to copy from: one that is no primary, follows it, and has nothing that `primary` (a position)
/// lacks; rather in `cell`, rather one that serves no replicas' reads.
fn choose(candidates: Vec<Candidate>, primary: &Position, cell: &str) -> Option<Candidate> {
    let fits = |c: &Candidate| {
        let replicates = c
            .status
            .replication_status
            .as_ref()
            .is_some_and(|s| s.io_state == RUNNING && s.sql_state == RUNNING);
        let clean = position_of(&c.status).is_some_and(|p| primary.at_least(&p));
        replicates && clean && matches!(c.record.r#type(), TabletType::Replica | TabletType::Rdonly)
    };
    let far = |c: &Candidate| {
        let away = c.record.alias.as_ref().is_none_or(|a| a.cell != cell);
        (away, c.record.r#type() != TabletType::Rdonly)
    };
    candidates.into_iter().filter(fits).min_by_key(far)
}

/// What a server has executed.
fn position_of(status: &FullStatus) -> Option<Position> {
    status.primary_status.as_ref()?.position.parse().ok()
}

impl Tablet {
    /// Fills a server that has executed nothing from a shard that has. True if it was filled.
    pub async fn fill_if_empty(&self) -> Result<bool> {
        let Some(mysqlctld) = self.clones().await? else { return Ok(false) };
        if !self.dba.primary_position().await?.position.parse::<Position>()?.is_empty() {
            return Ok(false);
        }
        let Some((primary, has)) = self.primary_and_position().await? else { return Ok(false) };
        if has.is_empty() {
            return Ok(false);
        }
        let _action = self.action("filling an empty server").await?;
        let donor = self.donor(primary, &has).await?;
        self.take_data(mysqlctld, &donor).await.map(|()| true)
    }

    /// Fills the server when its errant transactions were kept long enough, for as long as the process runs.
    pub async fn keep_refilling(self: Arc<Self>) {
        let mut next = Instant::now();
        loop {
            tokio::time::sleep(LOOK).await;
            if self.errant.get().is_empty() || Instant::now() < next {
                continue;
            }
            match self.refill_if_due().await {
                Ok(()) => {}
                Err(e) => {
                    next = Instant::now() + RETRY;
                    warn!(error = %e, "the server with errant transactions could not be filled; it is tried again");
                }
            }
        }
    }

    async fn refill_if_due(&self) -> Result<()> {
        let Some(mysqlctld) = self.clones().await? else { return Ok(()) };
        let record = self.topo.get_tablet(&self.config.alias).await?.value;
        let since = record.tags.get(errant::SINCE_TAG).and_then(|t| t.parse::<i64>().ok());
        let kept = since.map_or(0, |since| now().seconds.saturating_sub(since));
        let retention = self.config.tablet.errant_data_retention.as_secs();
        if since.is_none() || kept < i64::try_from(retention).unwrap_or(i64::MAX) {
            return Ok(());
        }
        let Some((primary, has)) = self.primary_and_position().await? else { return Ok(()) };
        {
            let _action = self.action("refilling a server with errant transactions").await?;
            warn!(
                errant = self.errant.get(),
                kept_seconds = kept,
                "the data with errant transactions are replaced"
            );
            let donor = self.donor(primary, &has).await?;
            self.take_data(mysqlctld, &donor).await?;
            self.edit_record(|r| r.r#type = self.config.init_type as i32);
        }
        // Known from here on: whatever fails below, the data are not replaced again.
        self.forget_errant().await;
        self.apply_state().await?;
        let repaired = self.repair_replication().await;
        if repaired.is_err() && self.errant.get().is_empty() {
            // Tried again with every look at mysqld.
            self.mysqld_restarted.store(true, Ordering::Relaxed);
        }
        repaired
    }

    /// Who starts mysqld again after a clone; none if this tablet's server is not to be cloned.
    async fn clones(&self) -> Result<Option<&RemoteMysqld>> {
        if !self.config.tablet.restore_with_clone || self.dba.flavor().await?.kind() != FlavorKind::MySql {
            return Ok(None);
        }
        Ok(self.mysqlctld.as_ref())
    }

    /// The shard's primary, if that is another tablet, and what it has executed.
    async fn primary_and_position(&self) -> Result<Option<(Record, Position)>> {
        let shard = self.topo.get_shard(&self.config.keyspace, &self.config.shard).await?;
        let Some(alias) = shard.primary().filter(|p| *p != self.config.alias) else { return Ok(None) };
        let record = self.topo.get_tablet(&alias).await?.value;
        let client = self.managers(ASK_LIMIT);
        let position = client.primary_position(&record, Default::default()).await?.position;
        Ok(Some((record, position.parse()?)))
    }

    /// The tablet to copy from.
    async fn donor(&self, primary: Record, has: &Position) -> Result<Record> {
        let tablet = &self.config.tablet;
        if let Some(alias) = &tablet.clone_from_tablet {
            return Ok(self.topo.get_tablet(alias).await?.value);
        }
        if tablet.clone_from_primary {
            return Ok(primary);
        }
        let found = self.topo.find_tablets_by_shard(&self.config.keyspace, &self.config.shard).await?;
        let me = Some((&self.config.alias).into());
        let others = found.tablets.into_iter().filter(|t| t.alias != me);
        let asked = others.map(|record| async move {
            let client = self.managers(ASK_LIMIT);
            let status = client.full_status(&record, Default::default()).await.ok()?.status?;
            Some(Candidate { record, status })
        });
        let candidates = join_all(asked).await.into_iter().flatten().collect();
        Ok(choose(candidates, has, &self.config.alias.cell).map_or(primary, |c| c.record))
    }

    /// Replaces the server's data by those of `donor`; it follows nobody afterwards, and is read-only. Called with
    /// the action lock held.
    async fn take_data(&self, mysqlctld: &RemoteMysqld, donor: &Record) -> Result<()> {
        let alias = TabletAlias::from_proto(donor.alias.as_ref()).map(|a| a.to_string()).unwrap_or_default();
        let what = || format!("cloning the server of {alias}");
        let begun = Instant::now();
        let client = self.managers(ASK_LIMIT);
        let there = client.primary_position(donor, Default::default()).await?.position.parse::<Position>()?;
        self.stop_serving(&format!("its data are replaced by those of {alias}")).await?;
        self.dba.forget_source().await?;
        info!(donor = alias, "the server's data are replaced");
        let before = ServerRun::look(&self.dba).await?;
        self.clone_from(donor).await.map_err(|e| e.context(what()))?;
        self.wait_for_restart(mysqlctld, &before).await.map_err(|e| e.context(what()))?;
        let here = self.dba.primary_position().await?.position.parse::<Position>()?;
        if !here.at_least(&there) {
            let text = format!("{}: the server has {here} afterwards, the donor had {there}", what());
            return Err(Error::new(Condition::FailedPrecondition, text));
        }
        // The donor's settings came along.
        self.dba.forget_source().await?;
        info!(donor = alias, took = ?begun.elapsed(), "the server has the donor's data");
        Ok(())
    }

    async fn clone_from(&self, donor: &Record) -> Result<()> {
        let (host, port) = (&donor.mysql_hostname, donor.mysql_port);
        let password = self.users.repl.password.current();
        let list = format!("set global clone_valid_donor_list = {}", quoted(&format!("{host}:{port}")));
        let clone = format!(
            "clone instance from {}@{}:{port} identified by {}",
            quoted(&self.users.repl.user),
            quoted(host),
            quoted(&password)
        );
        self.dba.run(&[list]).await?;
        let clone = match &self.config.source_tls {
            None => clone,
            Some(tls) => {
                self.dba.run(&clone_tls(tls)).await?;
                format!("{clone} require ssl")
            }
        };
        // A read-only server does not let its data be dropped. It serves nobody, and follows nobody.
        self.dba.set_read_write().await?;
        let mut conn = self.dba.own_connection(self.users.dba.clone()).await?;
        let (killer, id) = (self.killer(), conn.connection_id());
        let limit = Deadline::after(self.config.tablet.clone_timeout);
        match crate::query::kill::within(limit, &killer, id, conn.execute(&clone)).await {
            Ok(_) => Ok(()),
            Err(e) if e.errno() == ER_RESTART_SERVER_FAILED => Ok(()),
            // mysqld ends when it is done, perhaps before its answer is read.
            Err(e) if e.condition() == Condition::ConnectionLost => Ok(()),
            Err(e) => {
                if let Err(e) = self.dba.run(&self.dba.flavor().await?.set_super_read_only(true)).await {
                    warn!(error = %e, "the server could not be made read-only again");
                }
                Err(mysqlctl::flavor::hide(e, &password))
            }
        }
    }

    async fn wait_for_restart(&self, mysqlctld: &RemoteMysqld, before: &ServerRun) -> Result<()> {
        let limit = self.config.tablet.clone_restart_wait_timeout;
        let back = async {
            loop {
                tokio::time::sleep(STEP).await;
                // One that ended with another code than 16 is started by this.
                if let Err(e) = mysqlctld.start(Vec::new(), limit).await {
                    info!(error = %e, "waiting for mysqld after the clone");
                    continue;
                }
                self.pools().into_iter().for_each(crate::query::pool::Pool::close_idle);
                match ServerRun::look(&self.dba).await {
                    Ok(run) if run.is_another_than(before) => return,
                    _ => {}
                }
            }
        };
        tokio::time::timeout(limit, back).await.map_err(|_| {
            let text = format!("mysqld is not back after --clone-restart-wait-timeout {limit:?}");
            Error::new(Condition::Timeout, text)
        })
    }
}

/// By which files a clone speaks TLS with its donor.
fn clone_tls(tls: &SourceTls) -> Vec<String> {
    let set = |name: &str, path: &Option<String>| {
        format!("set global {name} = {}", path.as_deref().map_or_else(|| "null".to_owned(), quoted))
    };
    vec![set("clone_ssl_ca", &tls.ca), set("clone_ssl_cert", &tls.cert), set("clone_ssl_key", &tls.key)]
}

#[cfg(test)]
mod tests {
    use proto::{replicationdata as repl, topodata};

    use super::*;

    fn candidate(uid: u32, cell: &str, t: TabletType, position: &str, state: i32) -> Candidate {
        let alias = Some(topodata::TabletAlias { cell: cell.into(), uid });
        let record = Record { alias, r#type: t as i32, ..Record::default() };
        let replication = repl::Status { io_state: state, sql_state: state, ..repl::Status::default() };
        let primary = repl::PrimaryStatus { position: position.into(), ..repl::PrimaryStatus::default() };
        let status = FullStatus {
            replication_status: Some(replication),
            primary_status: Some(primary),
            ..FullStatus::default()
        };
        Candidate { record, status }
    }

    #[test]
    fn the_donor_is_a_replica_that_has_nothing_of_its_own() {
        let set = |end: u32| format!("MySQL56/00000000-0000-0000-0000-000000000001:1-{end}");
        let primary: Position = set(10).parse().unwrap();
        let chosen = |candidates: Vec<Candidate>| {
            choose(candidates, &primary, "a").map(|c| c.record.alias.unwrap_or_default().uid)
        };
        let (replica, rdonly) = (TabletType::Replica, TabletType::Rdonly);
        assert_eq!(chosen(Vec::new()), None);
        assert_eq!(chosen(vec![candidate(1, "a", TabletType::Drained, &set(9), 3)]), None);
        assert_eq!(chosen(vec![candidate(1, "a", replica, &set(11), 3)]), None, "errant");
        assert_eq!(chosen(vec![candidate(1, "a", replica, &set(9), 1)]), None, "stopped");
        let near = candidate(2, "a", replica, &set(9), 3);
        let far = candidate(3, "b", rdonly, &set(10), 3);
        assert_eq!(chosen(vec![far.clone(), near.clone()]), Some(2));
        assert_eq!(chosen(vec![near, candidate(4, "a", rdonly, &set(8), 3), far]), Some(4));
    }
}
