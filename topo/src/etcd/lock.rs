//! Vitess's lock: a key `<dir>/locks/<lease>` attached to a lease; the oldest key holds the lock, each
//! other waits for the one right before it.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use etcd_client::{Compare, CompareOp, EventType, GetOptions, PutOptions, SortOrder, SortTarget, Txn, TxnOp};
use vterrors::{Condition, Error, Result};

use super::{EtcdConn, lease::Lease};
use crate::{
    HeldLock, LockRequest, WatchTarget,
    errors::{no_node, node_exists},
    lock::Holder,
    paths::LOCKS,
};

/// The pause before the queue is looked at again when the watch of the one before us was lost.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug)]
struct EtcdLock {
    lease: Lease,
}

#[async_trait]
impl HeldLock for EtcdLock {
    async fn check(&self) -> Result<()> {
        self.lease.check().await
    }

    async fn unlock(&self) -> Result<()> {
        self.lease.revoke().await
    }
}

pub(super) async fn take(conn: &EtcdConn, request: LockRequest) -> Result<Box<dyn HeldLock>> {
    let dir = &request.dir;
    if request.must_exist && !any_below(conn, &format!("{dir}/")).await? {
        return Err(no_node(dir));
    }
    let queue = format!("{dir}/{LOCKS}/");
    if request.no_wait && any_leased(conn, &queue).await? {
        return Err(node_exists(format!("{dir}/{LOCKS}")));
    }
    let lease = Lease::grant(conn, request.ttl.unwrap_or(conn.lease_ttl)).await?;
    match enter_and_wait(conn, &lease, &queue, &request).await {
        Ok(()) => Ok(Box::new(EtcdLock { lease })),
        Err(e) => {
            // Off the queue before the caller hears of it; dropping it would do so a little later.
            if let Err(not_revoked) = lease.revoke().await {
                tracing::debug!(error = %not_revoked, dir, "a place in the queue ends with its lease");
            }
            Err(e)
        }
    }
}

async fn any_below(conn: &EtcdConn, prefix: &str) -> Result<bool> {
    let options = GetOptions::new().with_prefix().with_keys_only().with_limit(1);
    Ok(!conn.get_kvs("list", prefix, Some(options)).await?.0.is_empty())
}

async fn any_leased(conn: &EtcdConn, queue: &str) -> Result<bool> {
    let options = GetOptions::new().with_prefix().with_keys_only();
    Ok(conn.get_kvs("list", queue, Some(options)).await?.0.iter().any(|kv| kv.lease() != 0))
}

async fn enter_and_wait(conn: &EtcdConn, lease: &Lease, queue: &str, request: &LockRequest) -> Result<()> {
    let deadline = Instant::now() + request.timeout;
    let mine = enter(conn, lease, queue, &request.contents).await?;
    loop {
        let Some((before, revision, holder)) = one_before(conn, queue, mine).await? else {
            return lease.check().await;
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let gone = tokio::time::timeout(left, wait_deleted(conn, &before, revision)).await;
        match gone {
            Ok(Ok(())) => {}
            Ok(Err(e)) => {
                tracing::debug!(error = %e, queue, "waiting for a lock: the watch was lost");
                tokio::time::sleep(RETRY_PAUSE.min(left)).await;
            }
            Err(_) => {
                let text = format!(
                    "deadline exceeded: {} was not unlocked within {:?}; it is held, or waited for before us, for {}",
                    request.dir,
                    request.timeout,
                    Holder::told(holder.as_bytes())
                );
                return Err(Error::new(Condition::Timeout, text));
            }
        }
    }
}

/// Writes our key; gives its revision, which is our place in the queue.
async fn enter(conn: &EtcdConn, lease: &Lease, queue: &str, contents: &str) -> Result<i64> {
    let path = format!("{queue}{}", lease.id);
    let key = conn.key(&path);
    let txn = Txn::new().when([Compare::version(key.clone(), CompareOp::Equal, 0)]).and_then([TxnOp::put(
        key,
        contents,
        Some(PutOptions::new().with_lease(lease.id)),
    )]);
    let done = conn.call("write", &path, async { conn.kv().txn(txn).await }).await?;
    if !done.succeeded() {
        return Err(node_exists(path));
    }
    Ok(done.header().map_or(0, |h| h.revision()))
}

/// The newest key in the queue that is older than ours: its path, the revision of this reading, its words.
async fn one_before(conn: &EtcdConn, queue: &str, mine: i64) -> Result<Option<(String, i64, String)>> {
    let options = GetOptions::new()
        .with_prefix()
        .with_max_mod_revision(mine - 1)
        .with_sort(SortTarget::Mod, SortOrder::Descend)
        .with_limit(1);
    let (kvs, revision) = conn.get_kvs("list", queue, Some(options)).await?;
    Ok(kvs.first().map(|kv| (conn.path(kv), revision, String::from_utf8_lossy(kv.value()).into_owned())))
}

/// Waits until a key is deleted after `revision`; fails when the watch is lost.
async fn wait_deleted(conn: &EtcdConn, path: &str, revision: i64) -> Result<()> {
    let mut stream = conn.start_watch(&WatchTarget::Path(path.to_owned()), revision).await?;
    let lost = |why: String| Error::new(Condition::ConnectionLost, format!("watch of {path}: {why}"));
    loop {
        let message = stream.message().await.map_err(|e| lost(e.to_string()))?;
        let response = message.ok_or_else(|| lost("closed by etcd".into()))?;
        if response.canceled() {
            return Err(lost(response.cancel_reason().to_owned()));
        }
        if response.events().iter().any(|e| e.event_type() == EventType::Delete) {
            return Ok(());
        }
    }
}
