//! A lease: what is attached to it lives as long as its holder shows signs of life.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::task::AbortHandle;
use vterrors::{Condition, Error, Result};

use super::{EtcdConn, from_etcd};
use crate::{errors::is_no_node, lock::RELEASE_TIMEOUT};

/// The pause after a keep-alive that failed.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A lease that is kept alive by a task of its own until it is dropped or revoked.
#[derive(Debug)]
pub(super) struct Lease {
    conn: EtcdConn,
    pub(super) id: i64,
    keeper: AbortHandle,
    lost: Arc<AtomicBool>,
    released: AtomicBool,
}

impl Lease {
    pub(super) async fn grant(conn: &EtcdConn, ttl: Duration) -> Result<Self> {
        let seconds = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX).max(1);
        let mut client = conn.client.lease_client();
        let granted = conn.call("lease", "", async { client.grant(seconds, None).await }).await?;
        let lost = Arc::new(AtomicBool::new(false));
        let keeper = tokio::spawn(keep(conn.clone(), granted.id(), ttl, lost.clone())).abort_handle();
        Ok(Self { conn: conn.clone(), id: granted.id(), keeper, lost, released: AtomicBool::new(false) })
    }

    /// One keep-alive: whether the lease still lives.
    pub(super) async fn check(&self) -> Result<()> {
        if self.lost.load(Ordering::Acquire) || self.released.load(Ordering::Acquire) {
            return Err(Error::new(Condition::NotFound, format!("lease {} ended", self.id)));
        }
        keep_alive(&self.conn, self.id, self.conn.timeout).await
    }

    /// Ends the lease and what is attached to it. A second call does nothing.
    pub(super) async fn revoke(&self) -> Result<()> {
        if self.released.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.keeper.abort();
        revoke(&self.conn, self.id).await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.keeper.abort();
        if self.released.swap(true, Ordering::AcqRel) {
            return;
        }
        // Without a runtime (the process ends) the lease ends by itself after its time.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (conn, id) = (self.conn.clone(), self.id);
        runtime.spawn(async move {
            if let Err(e) = revoke(&conn, id).await {
                tracing::warn!(lease = id, error = %e, "a lock was not released; it ends with its lease");
            }
        });
    }
}

async fn revoke(conn: &EtcdConn, id: i64) -> Result<()> {
    let mut client = conn.client.lease_client();
    let revoked = conn.call("revoke the lease of", "", async { client.revoke(id).await });
    match tokio::time::timeout(RELEASE_TIMEOUT, revoked).await {
        Ok(Err(e)) if is_no_node(&e) => Ok(()),
        Ok(done) => done.map(drop),
        Err(_) => Err(crate::errors::timeout(format!("revoke lease {id}"), RELEASE_TIMEOUT)),
    }
}

async fn keep_alive(conn: &EtcdConn, id: i64, limit: Duration) -> Result<()> {
    let mut client = conn.client.lease_client();
    // The answer to the first request is awaited inside; the stream is not kept.
    match tokio::time::timeout(limit, client.keep_alive(id)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(e)) => Err(from_etcd(e, &format!("keep lease {id} alive"))),
        Err(_) => Err(crate::errors::timeout(format!("keep lease {id} alive"), limit)),
    }
}

/// Keeps a lease alive three times in its life, more often after a failure, until etcd says it is gone.
async fn keep(conn: EtcdConn, id: i64, ttl: Duration, lost: Arc<AtomicBool>) {
    let every = ttl / 3;
    let mut pause = every;
    loop {
        tokio::time::sleep(pause).await;
        pause = match keep_alive(&conn, id, conn.timeout.min(every.max(RETRY_PAUSE))).await {
            Ok(()) => every,
            Err(e) if is_no_node(&e) => {
                lost.store(true, Ordering::Release);
                tracing::warn!(lease = id, "a lease ended although it was kept alive; its lock is lost");
                return;
            }
            Err(_) => RETRY_PAUSE.min(every),
        };
    }
}
