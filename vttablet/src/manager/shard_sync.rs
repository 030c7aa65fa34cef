//! The shard's record and this tablet: a primary writes itself into it, and steps down when it reads a
//! newer one there.
//!
//! The record names the primary with the latest term. It is written by compare-and-swap, only over an
//! older term; a write that fails is tried again until it is done or the tablet is primary no more.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use proto::{
    topodata::{self, TabletType},
    vttime,
};
use topo::{Edit, Seen};
use tracing::{info, warn};
use vterrors::Result;
use vtmodel::TabletAlias;

use crate::tablet::Tablet;

/// The longest pause before the record is looked at again: an old primary must not stay one for long.
const SYNC_RETRY: Duration = Duration::from_secs(5);

/// What a primary with `term` does about a shard's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The record is as it should be.
    Keep,
    /// The record is older: write it.
    Write,
    /// Another tablet has a newer term: step down.
    StepDown,
}

/// Compares the record with a primary's own term. Pure.
pub fn verdict(shard: &topodata::Shard, me: &TabletAlias, term: Option<&vttime::Time>) -> Verdict {
    let of = |t: Option<&vttime::Time>| t.map_or((0, 0), |t| (t.seconds, t.nanoseconds));
    let (theirs, mine) = (of(shard.primary_term_start_time.as_ref()), of(term));
    let named = TabletAlias::from_proto(shard.primary_alias.as_ref());
    match named {
        Some(named) if named == *me => {
            if theirs == mine {
                Verdict::Keep
            } else {
                Verdict::Write
            }
        }
        Some(_) if theirs > mine => Verdict::StepDown,
        _ => Verdict::Write,
    }
}

impl Tablet {
    /// Keeps the shard's record and this tablet in step, for as long as the process runs.
    pub async fn keep_shard_in_step(self: Arc<Self>) {
        let mut watch: Option<tokio::sync::watch::Receiver<Seen<topodata::Shard>>> = None;
        loop {
            let mut again = None;
            if self.is_primary() {
                watch.get_or_insert_with(|| self.topo.watch_shard(&self.config.keyspace, &self.config.shard));
                if let Err(e) = self.sync_shard().await {
                    warn!(error = %e, "the shard's record could not be written; it will be tried again");
                    again = Some(self.config.tablet.shard_sync_retry_delay.min(SYNC_RETRY));
                }
            } else {
                watch = None;
            }
            let changed = async {
                match &mut watch {
                    // The watch's task never ends while there is a receiver.
                    Some(watch) => drop(watch.changed().await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.shard_sync.notified() => {}
                () = changed => {}
                () = pause(again) => {}
            }
        }
    }

    async fn sync_shard(&self) -> Result<()> {
        let record = self.record();
        if record.r#type() != TabletType::Primary {
            return Ok(());
        }
        let term = record.primary_term_start_time;
        let me = &self.config.alias;
        let mut seen = Verdict::Keep;
        let written = self
            .topo
            .update_shard_fields(&self.config.keyspace, &self.config.shard, |shard| {
                seen = verdict(shard, me, term.as_ref());
                if seen != Verdict::Write {
                    return Ok(Edit::Keep);
                }
                shard.primary_alias = Some(me.into());
                shard.primary_term_start_time = term;
                Ok(Edit::Write)
            })
            .await?;
        match seen {
            Verdict::Keep => Ok(()),
            Verdict::Write => {
                info!("the shard's record names this tablet as primary");
                Ok(())
            }
            Verdict::StepDown => {
                let newer = written.primary().map(|p| p.to_string()).unwrap_or_default();
                warn!(newer, "another tablet has a newer term as primary: this one steps down");
                self.step_down().await
            }
        }
    }

    /// Becomes a replica of the newer primary.
    async fn step_down(&self) -> Result<()> {
        {
            let _action = self.action("stepping down").await?;
            if !self.is_primary() {
                return Ok(());
            }
            // Whom it acknowledges to is set with its source.
            self.become_replica_type(self.config.init_type, false, true).await?;
        }
        let repaired = self.repair_replication().await;
        if repaired.is_err() && self.errant.get().is_empty() {
            // Tried again with every look at mysqld.
            self.mysqld_restarted.store(true, Ordering::Relaxed);
        }
        repaired
    }

    /// Writes the tablet's record whenever it changes, for as long as the process runs.
    pub async fn keep_publishing(self: Arc<Self>) {
        loop {
            self.publish.notified().await;
            while let Err(e) = self.publish_now().await {
                warn!(error = %e, "the tablet's record could not be written; it will be tried again");
                tokio::select! {
                    () = self.publish.notified() => {}
                    () = tokio::time::sleep(self.config.tablet.shard_sync_retry_delay.min(Duration::from_secs(5))) => {}
                }
            }
        }
    }

    /// Writes the tablet's record as it is now.
    pub async fn publish_now(&self) -> Result<()> {
        let record = self.record();
        let edited = self
            .topo
            .update_tablet_fields(&self.config.alias, |r| {
                // Tags are the control plane's.
                let tags = r.tags.clone();
                *r = topodata::Tablet { tags, ..record.clone() };
                Ok(Edit::Write)
            })
            .await;
        match edited {
            // Somebody deleted it while the tablet runs.
            Err(e) if topo::is_no_node(&e) => self.topo.put_tablet(&record).await.map(drop),
            other => other.map(drop),
        }
    }
}

async fn pause(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_term_wins() {
        let me = TabletAlias::new("zone1", 1);
        let other = TabletAlias::new("zone1", 2);
        let time = |seconds| vttime::Time { seconds, nanoseconds: 5 };
        let shard = |alias: Option<&TabletAlias>, term: Option<i64>| topodata::Shard {
            primary_alias: alias.map(Into::into),
            primary_term_start_time: term.map(time),
            ..Default::default()
        };
        for (record, expected) in [
            (shard(None, None), Verdict::Write),
            (shard(Some(&other), Some(9)), Verdict::Write),
            (shard(Some(&other), None), Verdict::Write),
            (shard(Some(&other), Some(11)), Verdict::StepDown),
            (shard(Some(&me), Some(10)), Verdict::Keep),
            (shard(Some(&me), Some(9)), Verdict::Write),
            // vtctld's InitShardPrimary names the primary before the primary does, without a term.
            (shard(Some(&me), None), Verdict::Write),
        ] {
            assert_eq!(verdict(&record, &me, Some(&time(10))), expected, "{record:?}");
        }
    }
}
