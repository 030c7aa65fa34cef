//! LockTables and UnlockTables: writes stand still while somebody takes a consistent look.

use vterrors::{Condition, Error, Result};

use crate::tablet::Tablet;

impl Tablet {
    /// Locks all tables for reading on a connection that is kept; they are unlocked at the latest after
    /// `--lock-tables-timeout`.
    pub async fn lock_tables(self: &std::sync::Arc<Self>) -> Result<()> {
        let mut locked = self.locked.lock().await;
        if locked.is_some() {
            return Err(Error::new(Condition::FailedPrecondition, "tables already locked on this tablet"));
        }
        let mut conn = self.dba.own_connection(self.users.dba.clone()).await?;
        let limit = self.config.tablet.lock_tables_timeout;
        let (killer, id) = (self.killer(), conn.connection_id());
        let work = conn.execute("flush tables with read lock");
        crate::query::kill::within(crate::query::kill::Deadline::after(limit), &killer, id, work).await?;
        *locked = Some(conn);
        let tablet = std::sync::Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(limit).await;
            let mut locked = tablet.locked.lock().await;
            if locked.as_ref().is_some_and(|c| c.connection_id() == id) {
                tracing::warn!(?limit, "tables unlocked: they were locked for too long");
                // Closing the connection ends its locks.
                *locked = None;
            }
        });
        Ok(())
    }

    pub async fn unlock_tables(&self) -> Result<()> {
        match self.locked.lock().await.take() {
            None => Err(Error::new(Condition::FailedPrecondition, "tables were not locked")),
            Some(mut conn) => conn.execute("unlock tables").await.map(drop),
        }
    }
}
