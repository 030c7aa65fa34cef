//! Locks and elections, all in the global root.

use std::time::Duration;

use vterrors::Result;

use super::Server;
use crate::{LockGuard, LockRequest, errors::is_no_node, lock, paths};

/// How long a named lock outlives its holder's last sign of life: workflows take hours.
const NAMED_LOCK_TTL: Duration = Duration::from_secs(24 * 3600);

impl Server {
    /// Locks a keyspace (`NoNode` if it is not there); `action` says what for.
    pub async fn lock_keyspace(&self, keyspace: &str, action: &str) -> Result<LockGuard> {
        self.lock_dir(paths::keyspace_dir(keyspace), action, true).await
    }

    /// Locks a shard (`NoNode` if it is not there).
    pub async fn lock_shard(&self, keyspace: &str, shard: &str, action: &str) -> Result<LockGuard> {
        self.lock_dir(paths::shard_dir(keyspace, shard), action, true).await
    }

    /// As [`Server::lock_shard`], but `NodeExists` when somebody holds the lock now.
    pub async fn try_lock_shard(&self, keyspace: &str, shard: &str, action: &str) -> Result<LockGuard> {
        let mut request = self.request(paths::shard_dir(keyspace, shard), action, true);
        request.no_wait = true;
        self.take(request).await
    }

    /// Whether anybody holds the shard's lock, or waits for it.
    pub async fn is_shard_locked(&self, keyspace: &str, shard: &str) -> Result<bool> {
        let prefix = format!("{}/{}/", paths::shard_dir(keyspace, shard), paths::LOCKS);
        Ok(!self.inner.global.list(&prefix).await?.is_empty())
    }

    /// Locks the routing rules, whose directory is made if it is not there.
    pub async fn lock_routing_rules(&self, action: &str) -> Result<LockGuard> {
        match self.lock_dir(paths::ROUTING_RULES_DIR.to_owned(), action, true).await {
            Err(e) if is_no_node(&e) => {}
            other => return other,
        }
        self.ensure_routing_rules_dir().await?;
        self.lock_dir(paths::ROUTING_RULES_DIR.to_owned(), action, true).await
    }

    /// Locks a workflow of a keyspace; neither need be there.
    pub async fn lock_name(&self, keyspace: &str, workflow: &str, action: &str) -> Result<LockGuard> {
        let mut request = self.request(paths::named_lock(keyspace, workflow), action, false);
        request.ttl = Some(NAMED_LOCK_TTL);
        self.take(request).await
    }

    async fn lock_dir(&self, dir: String, action: &str, must_exist: bool) -> Result<LockGuard> {
        self.take(self.request(dir, action, must_exist)).await
    }

    fn request(&self, dir: String, action: &str, must_exist: bool) -> LockRequest {
        LockRequest {
            dir,
            contents: lock::describe(action),
            must_exist,
            no_wait: false,
            ttl: None,
            timeout: self.inner.lock_timeout,
        }
    }

    async fn take(&self, request: LockRequest) -> Result<LockGuard> {
        let dir = request.dir.clone();
        let held = self.inner.global.lock(request).await?;
        Ok(LockGuard::new(dir, held))
    }

    /// Waits up to `timeout` to become the leader of the election `name`; leading ends with the guard.
    pub async fn campaign(&self, name: &str, id: &str, timeout: Duration) -> Result<LockGuard> {
        let dir = paths::election(name);
        let (contents, ttl) = (id.to_owned(), None);
        self.take(LockRequest { dir, contents, must_exist: false, no_wait: false, ttl, timeout }).await
    }

    /// The id of the leader of an election: the oldest participant; `None` if there is none.
    pub async fn leader(&self, name: &str) -> Result<Option<String>> {
        let prefix = format!("{}/{}/", paths::election(name), paths::LOCKS);
        let participants = self.inner.global.list(&prefix).await?;
        let oldest = participants.into_iter().min_by_key(|e| e.version);
        Ok(oldest.map(|e| String::from_utf8_lossy(&e.value).into_owned()))
    }
}
