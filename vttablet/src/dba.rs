//! Administration of mysqld: statements of the dba user, and the flavour's words for replication.
//!
//! Every statement has a limit and is killed at mysqld when it is over.

mod applier;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use mysqlctl::{
    Flavor, NamedRow,
    flavor::{PrimaryPosition, SemiSync, SemiSyncStatus, Threads},
};
use mysqlwire::client::{Conn, ConnectOptions, QueryOptions};
use proto::{
    query::QueryResult,
    replicationdata::{PrimaryStatus, Status},
};
use tokio::time::Instant;
use vterrors::{Condition, Error, Result};

use crate::query::{
    kill::{Deadline, within},
    pool::Pool,
};

/// The longest time for one statement of administration, unless said otherwise.
pub const STATEMENT_LIMIT: Duration = Duration::from_secs(30);

/// The dba's connections and the flavour of the server behind them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Dba {
    pub pool: Pool,
    flavor: Arc<OnceLock<Arc<dyn Flavor>>>,
}

impl Dba {
    pub fn new(pool: Pool) -> Self {
        Self { pool, flavor: Arc::default() }
    }

    /// The server's flavour, found out at the first connection.
    pub async fn flavor(&self) -> Result<Arc<dyn Flavor>> {
        if let Some(flavor) = self.flavor.get() {
            return Ok(Arc::clone(flavor));
        }
        let conn = self.pool.get().await?;
        let found = mysqlctl::detect(conn.server_version())?;
        Ok(Arc::clone(self.flavor.get_or_init(|| found)))
    }

    /// Runs one statement within `limit`.
    pub async fn query(&self, sql: &str, limit: Duration) -> Result<QueryResult> {
        let mut lent = self.pool.get().await?;
        let (killer, id) = (lent.killer().clone(), lent.connection_id());
        let wanted = QueryOptions::default();
        within(Deadline::after(limit), &killer, id, lent.query(sql.as_bytes(), &wanted)).await
    }

    /// Runs statements one after the other; the first error ends the list and names its statement's verb.
    pub async fn run(&self, statements: &[String]) -> Result<()> {
        for sql in statements {
            self.query(sql, STATEMENT_LIMIT).await?;
        }
        Ok(())
    }

    pub async fn rows(&self, sql: &str) -> Result<Vec<NamedRow>> {
        Ok(named_rows(&self.query(sql, STATEMENT_LIMIT).await?))
    }

    pub async fn row(&self, sql: &str) -> Result<Option<NamedRow>> {
        Ok(self.rows(sql).await?.into_iter().next())
    }

    /// One row that has to be there.
    pub async fn one_row(&self, sql: &str) -> Result<NamedRow> {
        self.row(sql).await?.ok_or_else(|| Error::internal(format!("no row from: {sql}")))
    }

    /// The replica's status; `None` for a server without a source.
    pub async fn replica_status(&self) -> Result<Option<Status>> {
        let flavor = self.flavor().await?;
        let row = self.row(flavor.replica_status_query()).await?;
        row.map(|row| flavor.parse_replica_status(&row)).transpose()
    }

    /// Seconds between two signs of life of an idle source; 0 for a server without a source, or of a family that does
    /// not tell.
    pub async fn heartbeat_interval(&self) -> Result<f64> {
        let Some(sql) = self.flavor().await?.heartbeat_interval_query() else { return Ok(0.0) };
        let row = self.row(sql).await?;
        Ok(row.and_then(|row| row.first().and_then(|v| v.parse().ok())).unwrap_or(0.0))
    }

    /// The position as the source of others.
    pub async fn primary_position(&self) -> Result<PrimaryPosition> {
        let flavor = self.flavor().await?;
        let row = self.one_row(flavor.primary_position_query()).await?;
        flavor.parse_primary_position(&row)
    }

    pub async fn primary_status(&self) -> Result<PrimaryStatus> {
        let flavor = self.flavor().await?;
        let position = self.primary_position().await?;
        let file = self.row(flavor.binlog_status_query()).await?;
        let file_position = file.map(|row| mysqlctl::flavor::parse_binlog_status(&row)).transpose()?;
        Ok(PrimaryStatus {
            position: position.position,
            file_position: file_position.unwrap_or_default(),
            server_uuid: position.server_uuid,
        })
    }

    /// (read_only, super_read_only).
    pub async fn read_only(&self) -> Result<(bool, bool)> {
        let row = self.one_row(self.flavor().await?.read_only_query()).await?;
        let on = |name: &str| row.text(name).is_some_and(|v| v == "1" || v.eq_ignore_ascii_case("ON"));
        Ok((on("read_only"), on("super_read_only")))
    }

    pub async fn semi_sync(&self) -> Result<SemiSyncStatus> {
        let flavor = self.flavor().await?;
        Ok(flavor.parse_semi_sync(&self.rows(flavor.semi_sync_query()).await?))
    }

    /// Switches the halves of semi-sync if they differ. A server without the plugins takes only "off".
    pub async fn set_semi_sync(&self, want: SemiSync) -> Result<bool> {
        let now = self.semi_sync().await?;
        if (now.source_enabled, now.replica_enabled) == (want.source, want.replica) {
            return Ok(false);
        }
        self.run(&self.flavor().await?.set_semi_sync(want)).await?;
        Ok(true)
    }

    pub async fn set_read_write(&self) -> Result<()> {
        self.run(&self.flavor().await?.set_super_read_only(false)).await
    }

    /// Stops all writes. Blocks behind commits that wait for a semi-sync acknowledgement, so these are
    /// waited for first, at most `limit`; when nobody acknowledges, `force` gives up waiting for replicas
    /// (the commits are done here, but their clients hear an error: nobody else has them), else it is an
    /// error and nothing was changed.
    pub async fn set_read_only(&self, limit: Duration, force: bool) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            let status = self.semi_sync().await?;
            if !status.source_enabled || status.waiting_sessions == 0 {
                break;
            }
            if Instant::now() >= deadline {
                if !force {
                    return Err(Error::new(
                        Condition::FailedPrecondition,
                        format!(
                            "{} commits wait for a replica's acknowledgement and {} replicas are connected: \
                             not made read-only",
                            status.waiting_sessions, status.clients
                        ),
                    ));
                }
                let replica = status.replica_enabled;
                self.end_waiting_commits().await?;
                self.run(&self.flavor().await?.set_semi_sync(SemiSync { source: false, replica })).await?;
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.run(&self.flavor().await?.set_super_read_only(true)).await
    }

    /// Closes the connections whose commit waits for a replica's acknowledgement: their clients must not hear
    /// that it is done when the wait is given up.
    pub async fn end_waiting_commits(&self) -> Result<()> {
        // The leader of a group of commits waits for the acknowledgement, the others for the leader.
        let sql = "select id as id from information_schema.processlist \
                   where state like 'Waiting for semi-sync ACK%' or state = 'waiting for handler commit'";
        let killer = self.pool.get().await?.killer().clone();
        let ids = self.rows(sql).await?;
        let ids = ids.iter().map(|row| row.number::<u32>("id")).collect::<Result<Vec<_>>>()?;
        let ended = ids.into_iter().flatten().map(|id| killer.kill_connection(id));
        futures::future::join_all(ended).await.into_iter().collect()
    }

    pub async fn start_replication(&self) -> Result<()> {
        self.run(&self.flavor().await?.start_replication(Threads::Both)).await
    }

    /// Waits until `position` is executed here, at most `limit`.
    pub async fn wait_for_position(&self, position: &str, limit: Duration) -> Result<()> {
        // A short wait of the server's at a time: a caller that goes away leaves nothing behind for long.
        const SLICE: Duration = Duration::from_secs(5);
        if position.split_once('/').is_some_and(|(_, set)| set.is_empty()) {
            return Ok(());
        }
        let flavor = self.flavor().await?;
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let sql = flavor.wait_for_position(position, left.min(SLICE));
            let answer = self.query(&sql, SLICE + STATEMENT_LIMIT).await?;
            let row = named_rows(&answer).into_iter().next().unwrap_or_default();
            if flavor.parse_wait(&row)? {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let text = format!("position {position} was not reached within {limit:?}");
                return Err(Error::new(Condition::Timeout, text));
            }
        }
    }

    /// A connection of its own for a session that changes settings; several statements a query are allowed.
    pub async fn own_connection(&self, options: ConnectOptions) -> Result<Conn> {
        Conn::connect(Arc::new(ConnectOptions { multi_statements: true, ..options })).await
    }
}

/// The rows of a result by the names of their columns.
pub fn named_rows(result: &QueryResult) -> Vec<NamedRow> {
    let names: Vec<&str> = result.fields.iter().map(|f| f.name.as_str()).collect();
    let row = |row: &proto::query::Row| {
        let texts = sqltypes::values(row).map(|v| v.map(|v| String::from_utf8_lossy(v).into_owned()));
        NamedRow::new(names.iter().copied().zip(texts))
    };
    result.rows.iter().map(row).collect()
}
