//! Routing rules, in the global root. A missing record is an empty one; an empty one is removed, except
//! KeyspaceRoutingRules, which stay.

use proto::vschema::{KeyspaceRoutingRules, MirrorRules, RoutingRules, ShardRoutingRules};
use vterrors::{Error, Result};

use super::{Server, records};
use crate::{LockGuard, errors::optional, paths};

impl Server {
    pub async fn get_routing_rules(&self) -> Result<RoutingRules> {
        Ok(optional(records::get(&*self.inner.global, paths::ROUTING_RULES).await)?
            .map(|r| r.value)
            .unwrap_or_default())
    }

    pub async fn save_routing_rules(&self, rules: &RoutingRules) -> Result<()> {
        self.save_or_remove(paths::ROUTING_RULES, rules, rules.rules.is_empty()).await
    }

    pub async fn get_shard_routing_rules(&self) -> Result<ShardRoutingRules> {
        let found = records::get(&*self.inner.global, paths::SHARD_ROUTING_RULES).await;
        Ok(optional(found)?.map(|r| r.value).unwrap_or_default())
    }

    pub async fn save_shard_routing_rules(&self, rules: &ShardRoutingRules) -> Result<()> {
        self.save_or_remove(paths::SHARD_ROUTING_RULES, rules, rules.rules.is_empty()).await
    }

    pub async fn get_mirror_rules(&self) -> Result<MirrorRules> {
        Ok(optional(records::get(&*self.inner.global, paths::MIRROR_RULES).await)?
            .map(|r| r.value)
            .unwrap_or_default())
    }

    pub async fn save_mirror_rules(&self, rules: &MirrorRules) -> Result<()> {
        self.save_or_remove(paths::MIRROR_RULES, rules, rules.rules.is_empty()).await
    }

    /// `None` if they were never written.
    pub async fn get_keyspace_routing_rules(&self) -> Result<Option<KeyspaceRoutingRules>> {
        let found = records::get(&*self.inner.global, paths::KEYSPACE_ROUTING_RULES).await;
        Ok(optional(found)?.map(|r| r.value))
    }

    /// Writes them, under the lock of the routing rules that `guard` holds.
    pub async fn save_keyspace_routing_rules(
        &self,
        guard: &LockGuard,
        rules: &KeyspaceRoutingRules,
    ) -> Result<()> {
        guard.covers(paths::ROUTING_RULES_DIR)?;
        guard.check().await?;
        records::put(&*self.inner.global, paths::KEYSPACE_ROUTING_RULES, rules, None).await.map(drop)
    }

    /// Makes the directory that [`Server::lock_routing_rules`] locks.
    pub(super) async fn ensure_routing_rules_dir(&self) -> Result<()> {
        let rules = KeyspaceRoutingRules::default();
        match records::create(&*self.inner.global, paths::KEYSPACE_ROUTING_RULES, &rules).await {
            Err(e) if crate::kind(&e) == crate::ErrorKind::NodeExists => Ok(()),
            other => other.map(drop),
        }
    }

    async fn save_or_remove<M: prost::Message>(&self, path: &str, record: &M, empty: bool) -> Result<()> {
        if empty {
            return optional(self.inner.global.delete(path, None).await).map(drop);
        }
        records::put(&*self.inner.global, path, record, None)
            .await
            .map(drop)
            .map_err(|e: Error| e.context(format!("save {path}")))
    }
}
