//! The tablet's part in a reparent: demote, promote, initialise.

use std::time::{Duration, Instant};

use mysqlctl::flavor::SemiSync;
use proto::{replicationdata::PrimaryStatus, tabletmanagerdata as tm, topodata::TabletType};
use tabletclient::TabletManagerClient;
use tracing::{info, warn};
use vterrors::{Condition, Error, Result};
use vtmodel::TabletAlias;

use crate::{
    manager::types::{FORCED_WAIT, READ_ONLY_WAIT},
    query::bind::{backticked, quoted},
    tablet::Tablet,
};

/// How long another primary may take to say whether it accepts writes.
const OTHER_LIMIT: Duration = Duration::from_millis(500);

impl Tablet {
    /// Stops serving and writing; what the server has then. The type stays, so that it can be undone. If
    /// a step fails, those before it are undone.
    pub async fn demote_primary(&self, force: bool) -> Result<PrimaryStatus> {
        let _action = self.action("DemotePrimary").await?;
        if !self.is_primary() {
            let text = format!("DemotePrimary: {} is not the primary", self.config.alias);
            return Err(Error::new(Condition::FailedPrecondition, text));
        }
        let before = self.dba.semi_sync().await?;
        let begun = Instant::now();
        let reason = "the primary is being demoted";
        match force {
            true => self.stop_serving_by_force(reason).await?,
            false => self.stop_serving(reason).await?,
        }
        let drained = begun.elapsed();
        let result = self.stop_writing(force).await;
        info!(?drained, read_only = ?(begun.elapsed() - drained), "the primary takes no more writes");
        if let Err(e) = &result {
            warn!(error = %e, "the primary could not be demoted; it goes on");
            let back = async {
                // Not writable without the acknowledgements that it had to wait for.
                let was = SemiSync { source: before.source_enabled, replica: before.replica_enabled };
                self.dba.set_semi_sync(was).await?;
                self.dba.set_read_write().await?;
                self.apply_state().await
            };
            if let Err(e) = back.await {
                warn!(error = %e, "and it could not be made to serve again");
            }
        }
        result
    }

    async fn stop_writing(&self, force: bool) -> Result<PrimaryStatus> {
        // The source's half of semi-sync stays on until this server follows another: mysqld takes up to a second
        // to switch it off (its thread that receives acknowledgements looks once a second whether it shall end),
        // and nobody can write meanwhile. Nothing waits for acknowledgements in a server that is read-only.
        self.dba.set_read_only(if force { FORCED_WAIT } else { READ_ONLY_WAIT }, force).await?;
        self.dba.primary_status().await
    }

    pub async fn undo_demote_primary(&self, semi_sync: bool) -> Result<()> {
        let _action = self.action("UndoDemotePrimary").await?;
        if !self.is_primary() {
            let text = format!("UndoDemotePrimary: {} is not the primary", self.config.alias);
            return Err(Error::new(Condition::FailedPrecondition, text));
        }
        self.fix_semi_sync(TabletType::Primary, semi_sync).await?;
        self.dba.set_read_write().await?;
        self.apply_state().await
    }

    /// A replica becomes the primary; the position from which it begins.
    pub async fn promote_replica(&self, semi_sync: bool) -> Result<String> {
        let _action = self.action("PromoteReplica").await?;
        self.refuse_second_primary().await?;
        self.dba.forget_source().await?;
        let position = self.dba.primary_position().await?.position;
        if self.is_primary() {
            // A second try, or the old primary again. The term is new: another may have been promoted since.
            let term = self.next_term().await?;
            self.fix_semi_sync(TabletType::Primary, semi_sync).await?;
            self.dba.set_read_write().await?;
            self.begin_term(term);
            self.apply_state().await?;
            return Ok(position);
        }
        self.become_primary(semi_sync).await?;
        Ok(position)
    }

    /// Refuses while the primary of the shard's record says that it accepts writes: a reparent demotes it, or
    /// finds it dead, before it promotes. This is for a promotion that arrives late, when another reparent has
    /// been done since.
    async fn refuse_second_primary(&self) -> Result<()> {
        let shard = self.topo.get_shard(&self.config.keyspace, &self.config.shard).await?;
        let Some(primary) = shard.primary().filter(|p| *p != self.config.alias) else { return Ok(()) };
        // Its cell may be cut off, with the lock server that has its record: whoever promotes has found it dead.
        let reading = tokio::time::timeout(OTHER_LIMIT, self.topo.get_tablet(&primary));
        let Ok(Ok(record)) = reading.await else { return Ok(()) };
        let client = self.managers(OTHER_LIMIT);
        let Ok(answer) = client.full_status(&record, tm::FullStatusRequest {}).await else { return Ok(()) };
        let status = answer.status.unwrap_or_default();
        if status.tablet_type() == TabletType::Primary && !status.read_only && !status.super_read_only {
            let text = format!(
                "{primary} is the shard's primary and accepts writes: {} is not promoted",
                self.config.alias
            );
            return Err(Error::new(Condition::FailedPrecondition, text));
        }
        Ok(())
    }

    /// ReplicaWasPromoted: somebody else made mysqld the primary.
    pub async fn replica_was_promoted(&self) -> Result<()> {
        let _action = self.action("ReplicaWasPromoted").await?;
        match self.is_primary() {
            true => Ok(()),
            false => self.become_primary(self.durability().await?.primary_waits()).await,
        }
    }

    /// The first primary of a shard: databases are made here.
    pub async fn init_primary(&self, semi_sync: bool) -> Result<String> {
        let _action = self.action("InitPrimary").await?;
        self.stop_serving("the tablet is becoming the shard's first primary").await?;
        self.dba.forget_source().await?;
        // Nobody could acknowledge yet what is written now.
        self.dba.set_semi_sync(SemiSync::default()).await?;
        self.dba.set_read_write().await?;
        self.make_databases().await?;
        let position = self.dba.primary_position().await?.position;
        self.become_primary(semi_sync).await?;
        Ok(position)
    }

    /// A tablet of a shard that is being initialised: starts at the primary's position and follows it.
    pub async fn init_replica(&self, request: &tm::InitReplicaRequest) -> Result<()> {
        let parent = self.parent(request.parent.as_ref()).await?;
        {
            let _action = self.action("InitReplica").await?;
            if self.is_primary() {
                self.become_replica_type(self.config.init_type, request.semi_sync, true).await?;
            }
            let flavor = self.dba.flavor().await?;
            let empty = request.replication_position.rsplit('/').next().is_none_or(str::is_empty);
            if !empty {
                self.dba.reset_replication().await?;
                self.dba.run(&flavor.set_position(&request.replication_position)).await?;
            }
            self.point_at(&parent, true, request.semi_sync, 0.0).await?;
        }
        match request.time_created_ns {
            0 => Ok(()),
            created => self.wait_for_journal(created).await,
        }
    }

    /// Writes the reparent into the journal, from where it replicates to the others.
    pub async fn populate_reparent_journal(
        &self,
        request: &tm::PopulateReparentJournalRequest,
    ) -> Result<()> {
        let alias = TabletAlias::from_proto(request.primary_alias.as_ref());
        let sql = format!(
            "insert into {}.reparent_journal (time_created_ns, action_name, primary_alias, replication_position) \
             values ({}, {}, {}, {})",
            backticked(&self.sidecar_db().await),
            request.time_created_ns,
            quoted(&request.action_name),
            quoted(&alias.map(|a| a.to_string()).unwrap_or_default()),
            quoted(&request.replication_position),
        );
        // In a shard that waits for acknowledgements the tables may not have been made yet.
        self.make_databases().await?;
        self.dba.run(&[sql]).await?;
        info!(action = request.action_name, "reparent journal written");
        Ok(())
    }

    /// How many entries the journal has.
    pub async fn reparent_journal_length(&self) -> Result<i32> {
        let sql =
            format!("select count(*) as n from {}.reparent_journal", backticked(&self.sidecar_db().await));
        match self.dba.one_row(&sql).await {
            Ok(row) => Ok(row.number("n")?.unwrap_or(0)),
            // A server that never followed a primary has no table yet.
            Err(e) if matches!(e.errno(), 1049 | 1146) => Ok(0),
            Err(e) => Err(e),
        }
    }
}
