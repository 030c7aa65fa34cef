//! Stopping the thread that applies what was fetched, which MySQL does not always do when it is asked to: see
//! [`Flavor::idle_applier_query`](mysqlctl::flavor::Flavor::idle_applier_query).

use std::time::Duration;

use mysqlctl::flavor::{RUNNING, Threads};
use proto::replicationdata::Status;
use tokio::time::Instant;
use tracing::warn;
use vterrors::Result;

use super::Dba;

/// How long the position of what was executed may be behind what was executed: twice MySQL's default of
/// `replica_checkpoint_period`.
const CHECKPOINT: Duration = Duration::from_millis(600);
/// How long the appliers may take to execute what was fetched whole, before the rest is looked for.
const CATCH_UP: Duration = Duration::from_secs(2);
/// Between two looks.
const STEP: Duration = Duration::from_millis(20);

impl Dba {
    /// Stops threads of replication.
    pub async fn stop_replication(&self, threads: Threads) -> Result<()> {
        if threads != Threads::Io {
            self.give_up_partial_transaction().await?;
        }
        self.run(&self.flavor().await?.stop_replication(threads)).await
    }

    /// Stops replication and forgets the source; the data and the GTIDs stay.
    pub async fn forget_source(&self) -> Result<()> {
        self.give_up_partial_transaction().await?;
        self.run(&self.flavor().await?.forget_source()).await
    }

    /// As a new server: no source, no binary logs, no GTIDs.
    pub async fn reset_replication(&self) -> Result<()> {
        self.give_up_partial_transaction().await?;
        self.run(&self.flavor().await?.reset_replication()).await
    }

    /// Ends the applying thread if it has executed all but the beginning of a transaction whose end does not come,
    /// because nothing is fetched. A thread that is fed is left alone: it stops between two transactions.
    async fn give_up_partial_transaction(&self) -> Result<()> {
        let Some(idle) = self.flavor().await?.idle_applier_query() else { return Ok(()) };
        let begun = Instant::now();
        let mut executed_since = None;
        loop {
            let Some(status) = self.replica_status().await? else { return Ok(()) };
            if status.sql_state != RUNNING || status.io_state == RUNNING || ends_with_a_transaction(&status) {
                return Ok(());
            }
            if status.position != status.relay_log_position {
                executed_since = None;
            } else if executed_since.get_or_insert_with(Instant::now).elapsed() >= CHECKPOINT {
                break;
            }
            if begun.elapsed() >= CATCH_UP {
                break;
            }
            tokio::time::sleep(STEP).await;
        }
        let row = self.row(idle).await?;
        let Some(id) = row.map(|row| row.number::<u32>("id")).transpose()?.flatten() else { return Ok(()) };
        warn!(
            id,
            "the relay log ends within a transaction: its applier is ended, for the rest will not come"
        );
        let killer = self.pool.get().await?.killer().clone();
        killer.kill_connection(id).await
    }
}

/// Whether the position of what was executed is that of what was fetched.
fn ends_with_a_transaction(status: &Status) -> bool {
    status.file_position == status.relay_log_source_binlog_equivalent_position
}
