//! Changes that concern one tablet: it follows the primary again, or somebody else has made it the primary.

use proto::{replicationdata::FullStatus, tabletmanagerdata as tm, topodata::Tablet};
use topo::LockGuard;
use vterrors::{Condition, Error, Result};
use vtmodel::{Durability, PromotionRule, TabletAlias};

use crate::{Done, Reparenter, finish, info};

fn refused<T>(why: String) -> Result<T> {
    Err(Error::new(Condition::FailedPrecondition, why))
}

/// The tablet's keyspace, shard and who leads it after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Led {
    pub keyspace: String,
    pub shard: String,
    pub primary: TabletAlias,
    /// Another tablet that was primary before.
    pub old_primary: Option<TabletAlias>,
}

impl Reparenter {
    async fn tablet(&self, alias: &TabletAlias) -> Result<Tablet> {
        let found = self.topo.get_tablet(alias).await;
        Ok(found.map_err(|e| e.context(format!("tablet {alias}")))?.value)
    }

    async fn durability(&self, keyspace: &str) -> Result<Durability> {
        self.topo.get_keyspace(keyspace).await?.durability_policy.parse()
    }

    /// `ReparentTablet`: points a replica at its shard's primary again.
    pub async fn reparent_tablet(&self, alias: &TabletAlias) -> Result<Led> {
        let tablet = self.tablet(alias).await?;
        let (keyspace, shard) = (tablet.keyspace.clone(), tablet.shard.clone());
        let name = format!("ReparentTablet {alias}");
        let guard = self.lock(&keyspace, &shard, &name).await?;
        let work = async {
            let primary = self.topo.get_shard(&keyspace, &shard).await?.primary();
            let Some(primary) = primary.filter(|p| p != alias) else {
                return refused(format!("shard {keyspace}/{shard} has no other primary than {alias}"));
            };
            let request = tm::SetReplicationSourceRequest {
                parent: Some((&primary).into()),
                semi_sync: self.durability(&keyspace).await?.replica_acknowledges(&primary.cell, &tablet),
                ..Default::default()
            };
            self.tablets.set_replication_source(&tablet, request).await?;
            Ok(Led { keyspace: keyspace.clone(), shard: shard.clone(), primary, old_primary: None })
        };
        finish(guard, work.await.map_err(|e: Error| e.context(&*name)), &name).await
    }

    /// `TabletExternallyReparented`: another tool has promoted the mysqld of `alias`; its tablet becomes the
    /// primary, and the one before it steps down when it reads so in the shard's record. Refused while that
    /// mysqld still replicates. Nothing is done if it is the primary already.
    pub async fn externally_reparented(&self, alias: &TabletAlias) -> Result<(Led, Done)> {
        let tablet = self.tablet(alias).await?;
        let name = format!("TabletExternallyReparented {alias}");
        let guard = self.lock(&tablet.keyspace, &tablet.shard, &name).await?;
        let done = self.externally_locked(&guard, alias, &tablet, &name).await;
        finish(guard, done.map_err(|e| e.context(&*name)), &name).await
    }

    async fn externally_locked(
        &self,
        guard: &LockGuard,
        alias: &TabletAlias,
        tablet: &Tablet,
        name: &str,
    ) -> Result<(Led, Done)> {
        let old = self.topo.get_shard(&tablet.keyspace, &tablet.shard).await?.primary();
        let led = Led {
            keyspace: tablet.keyspace.clone(),
            shard: tablet.shard.clone(),
            primary: alias.clone(),
            old_primary: old.clone().filter(|old| old != alias),
        };
        if old.as_ref() == Some(alias) {
            let events = vec![info(format!("{name}: it is the primary already"))];
            return Ok((led, Done { primary: alias.clone(), events }));
        }
        if self.durability(&tablet.keyspace).await?.promotion_rule(tablet) == PromotionRule::MustNot {
            let tablet_type = tablet.r#type().as_str_name();
            return refused(format!("its type is {tablet_type}: only a REPLICA can become primary"));
        }
        let full = self.tablets.full_status(tablet, tm::FullStatusRequest {}).await?.status;
        if let Some(FullStatus { replication_status: Some(status), .. }) = full
            && !status.source_host.is_empty()
        {
            return refused(format!(
                "its mysqld replicates from {}:{}: it was not promoted",
                status.source_host, status.source_port
            ));
        }
        guard.check().await?;
        self.tablets.replica_was_promoted(tablet, tm::ReplicaWasPromotedRequest {}).await?;
        let events = vec![info(format!("{name}: it is the primary now"))];
        Ok((led, Done { primary: alias.clone(), events }))
    }
}
