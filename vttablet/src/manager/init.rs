//! The start of a tablet: mysqld, topology, what it is, and the tasks that keep it so.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use proto::topodata::{self, TabletType};
use servenv::Context;
use tabletclient::TabletManagerClient;
use tokio::time::Instant;
use tracing::{info, warn};
use vterrors::{Condition, Error, Result};
use vtmodel::{DEFAULT_SIDECAR_DB, Durability};

use super::server_run::ServerRun;
use crate::tablet::{Tablet, now};

/// Between two tries to reach mysqld or the topology.
const RETRY: Duration = Duration::from_millis(250);
/// How often the wait says that it waits.
const SAY_EVERY: Duration = Duration::from_secs(5);
/// How long a tablet of the same alias may take to say that it runs.
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// Between two tries to build what the cell serves.
const BUILD_RETRY: Duration = Duration::from_secs(1);

impl Tablet {
    /// Brings the tablet up: it is registered, has its type and serves (or says why not) when this returns.
    pub async fn start(self: &Arc<Self>, context: &Context) -> Result<()> {
        let limit = self.config.tablet.init_timeout;
        self.wait_for_mysqld(limit).await?;
        let tablet = Arc::clone(self);
        let shard = retry("the topology", limit, async || tablet.register_shard().await).await?;
        self.find_type(&shard);
        self.find_mysql_port().await?;
        let run = ServerRun::look(&self.dba).await?;
        self.refuse_second_of_this_alias().await?;
        retry("the tablet's record", limit, async || {
            tablet.topo.put_tablet(&tablet.record()).await.map(drop)
        })
        .await?;
        context.spawn("publishing", Arc::clone(self).keep_publishing());
        context.spawn("telling", Arc::clone(self).keep_telling());
        let durability =
            retry("the keyspace's durability policy", limit, async || tablet.durability().await).await?;
        self.take_up(durability).await;
        context.spawn("looking at mysqld", Arc::clone(self).keep_looking(run));
        context.spawn("transaction killer", Arc::clone(self).keep_sweeping());
        context.spawn("refill", Arc::clone(self).keep_refilling());
        context.spawn("schema", Arc::clone(self).keep_schema());
        context.spawn("shard sync", Arc::clone(self).keep_shard_in_step());
        context.spawn("serving graph", Arc::clone(self).build_serving_graph());
        Ok(())
    }

    /// As the primary if the shard's record says so, else as a replica of the one it names.
    async fn take_up(&self, durability: Durability) {
        if self.is_primary() {
            let up = async {
                let _action = self.action("start as primary").await?;
                self.fix_semi_sync(TabletType::Primary, durability.primary_waits()).await?;
                self.dba.set_read_write().await?;
                self.apply_state().await
            };
            if let Err(e) = up.await {
                warn!(error = %e, "the primary does not serve yet");
            }
            return;
        }
        if let Err(e) = self.fill_if_empty().await {
            warn!(error = %e, "the empty server could not be filled; it replicates from the beginning");
        }
        if let Err(e) = self.repair_replication().await {
            warn!(error = %e, "replication could not be set up; it will be tried again");
            // What is errant does not become less by trying.
            self.mysqld_restarted.store(self.errant.get().is_empty(), Ordering::Relaxed);
        }
        if let Err(e) = self.apply_state().await {
            warn!(error = %e, "the tablet does not serve yet");
        }
    }

    /// Waits until mysqld answers; one that a mysqlctld looks after is started by it if it does not run.
    async fn wait_for_mysqld(&self, limit: Duration) -> Result<()> {
        if let Some(mysqlctld) = &self.mysqlctld {
            let version = retry("mysqlctld", limit, async || mysqlctld.version().await).await?;
            info!(socket = %mysqlctld.socket().display(), version = version.trim(), "mysqlctld answers");
            mysqlctld.start(Vec::new(), limit).await?;
        }
        retry("mysqld", limit, async || self.dba.flavor().await.map(drop)).await?;
        info!(version = %self.dba.flavor().await?.version(), "mysqld answers");
        Ok(())
    }

    /// Refuses to take over the alias of a tablet that runs elsewhere, beside another server: two that believe to be the
    /// same tablet would both be primary. One that does not answer was this one before it was started again.
    async fn refuse_second_of_this_alias(&self) -> Result<()> {
        let Ok(before) = self.topo.get_tablet(&self.config.alias).await else { return Ok(()) };
        let there = tabletclient::grpc_address(&before.value).unwrap_or_default();
        if there.is_empty() || Some(&there) == tabletclient::grpc_address(&self.record()).ok().as_ref() {
            return Ok(());
        }
        let client = self.managers(ASK_LIMIT);
        let Ok(answer) = client.full_status(&before.value, Default::default()).await else { return Ok(()) };
        let uuid = answer.status.unwrap_or_default().server_uuid;
        if uuid == self.dba.primary_position().await?.server_uuid {
            return Ok(());
        }
        let text = format!(
            "tablet {} runs at {there}, with another mysqld (server_uuid {uuid}): is its uid used twice?",
            self.config.alias
        );
        Err(Error::new(Condition::AlreadyExists, text))
    }

    /// Makes keyspace and shard if they are missing.
    async fn register_shard(&self) -> Result<topo::ShardInfo> {
        let new = topodata::Keyspace {
            sidecar_db_name: DEFAULT_SIDECAR_DB.to_owned(),
            durability_policy: "none".to_owned(),
            ..topodata::Keyspace::default()
        };
        self.topo.get_or_create_shard(&self.config.keyspace, &self.config.shard, &new).await
    }

    fn find_type(&self, shard: &topo::ShardInfo) {
        if shard.primary().as_ref() != Some(&self.config.alias) {
            return;
        }
        info!("the shard's record names this tablet as its primary");
        self.edit_record(|r| {
            r.r#type = TabletType::Primary as i32;
            r.primary_term_start_time = Some(shard.record.primary_term_start_time.unwrap_or_else(now));
        });
    }

    async fn find_mysql_port(&self) -> Result<()> {
        let row = self.dba.one_row("select @@global.port as port").await?;
        let port = row.number("port")?.unwrap_or(0);
        self.edit_record(|r| r.mysql_port = port);
        Ok(())
    }

    /// Makes SrvKeyspace and SrvVSchema of the cell if they are missing, or were rebuilt while it was away; tried until
    /// every shard is there.
    async fn build_serving_graph(self: Arc<Self>) {
        let mut said = false;
        while let Err(e) = self.try_build_serving_graph().await {
            if !std::mem::replace(&mut said, true) {
                info!(error = %e, "the keyspace is not complete yet; what the cell serves is built when it is");
            }
            tokio::time::sleep(BUILD_RETRY).await;
        }
    }

    async fn try_build_serving_graph(&self) -> Result<()> {
        let (cell, keyspace) = (&self.config.alias.cell, &self.config.keyspace);
        let cells = [cell.clone()];
        match self.topo.get_srv_keyspace(cell, keyspace).await {
            Ok(_) => {}
            Err(e) if topo::is_no_node(&e) => {
                self.topo.rebuild_keyspace_graph(keyspace, &cells, false).await?
            }
            Err(e) => return Err(e),
        }
        if !self.topo.serves_vschema_of(cell, keyspace).await? {
            self.topo.rebuild_srv_vschema_of(keyspace, &cells).await?;
        }
        // vtctld tries again: it is no reason to begin anew here.
        if let Err(e) = self.topo.rebuild_stale(Some(cell)).await {
            warn!(error = %e, "what the cell missed is not made up for yet");
        }
        Ok(())
    }

    /// The record of a tablet that went down on purpose: others stop dialling it.
    pub async fn unpublish(&self) -> Result<()> {
        self.edit_record(|r| {
            r.hostname.clear();
            r.mysql_hostname.clear();
            r.port_map.clear();
            r.mysql_port = 0;
            r.tablet_start_time = None;
            r.tablet_shutdown_time = Some(now());
        });
        self.publish_now().await
    }
}

/// Tries until it works or `limit` is over; the error says what was waited for and the last failure.
async fn retry<T>(what: &str, limit: Duration, mut work: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    let mut said = started;
    loop {
        let e = match work().await {
            Ok(done) => return Ok(done),
            Err(e) => e,
        };
        if started.elapsed() >= limit {
            let text = format!("{what} was not ready within {}: {e}", servenv::format_duration(limit));
            return Err(Error::new(Condition::Timeout, text));
        }
        if said.elapsed() >= SAY_EVERY || said == started {
            info!(error = %e, "waiting for {what}");
            said = Instant::now();
        }
        tokio::time::sleep(RETRY).await;
    }
}
