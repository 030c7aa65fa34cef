//! What is undone when a reparent fails, and when that is safe.

use futures::future::join_all;
use proto::tabletmanagerdata as tm;
use topo::ErrorKind;
use vterrors::{Condition, Error, Result};
use vtmodel::TabletAlias;

use super::{Run, UNDO_TIMEOUT};
use crate::Step;

/// What is known of the candidate's promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promotion {
    Not,
    Unknown,
    Happened,
}

impl Run<'_> {
    /// Undoes what was begun where that is safe; gives the error that the caller hears.
    pub(super) async fn give_up(&self, e: Error) -> Error {
        let begun = self.state.lock().await.begun.clone();
        let demoted = begun.iter().find_map(|s| match s {
            Step::DemotePrimary { tablet, semi_sync } => Some((tablet.clone(), *semi_sync)),
            _ => None,
        });
        if demoted.is_none() && self.stops.is_none() {
            return e;
        }
        match self.promotion(&begun).await {
            // Who follows is known; that some replica does not was said already.
            Promotion::Happened => return e,
            Promotion::Unknown => {
                let stays = match &demoted {
                    Some((old_primary, _)) => format!("{old_primary} stays read-only"),
                    None => "the shard stays stopped".to_owned(),
                };
                let primary = &self.plan.primary;
                return e.context(format!(
                    "{stays} because {primary} may be promoted already; run it again when it answers"
                ));
            }
            Promotion::Not => {}
        }
        if let Err(lost) = self.guard.check().await
            && topo::kind(&lost) == ErrorKind::NoNode
        {
            return e.context("nothing is undone because the shard's lock is lost");
        }
        let Some((old_primary, semi_sync)) = demoted else {
            return self.restart_stopped(&begun, e).await;
        };
        match self.undo(&begun, &old_primary, semi_sync).await {
            Ok(()) => e.context(format!("{old_primary} is the primary again")),
            Err(undo) => e.context(format!("{old_primary} could not be made writable again ({undo})")),
        }
    }

    /// An emergency that ends before its promotion leaves the shard as it was. A tablet that was pointed at
    /// another to catch up is pointed back, if it is known whom it followed: the record may be behind.
    async fn restart_stopped(&self, begun: &[Step], e: Error) -> Error {
        let Some(stops) = self.stops else { return e };
        let caught_up = begun.iter().find_map(|s| match s {
            Step::CatchUp { tablet, .. } => self.snapshot.tablet(tablet),
            _ => None,
        });
        if let Some(state) = caught_up {
            let followed = self.snapshot.tablets.iter().find(|t| {
                !t.server_uuid.is_empty() && t.server_uuid.eq_ignore_ascii_case(&state.source_uuid)
            });
            match followed {
                Some(source) => {
                    if let Err(undo) = self.point_back(&state.alias, &source.alias).await {
                        tracing::warn!(error = %undo, tablet = %state.alias, "not pointed back");
                    }
                }
                None => tracing::warn!(tablet = %state.alias, "not pointed back: its source did not answer"),
            }
        }
        stops.undo(self.reparenter, self.snapshot, e).await
    }

    /// Whether the candidate was promoted, as far as that can be known.
    async fn promotion(&self, begun: &[Step]) -> Promotion {
        let Some(step) = begun.iter().find(|s| matches!(s, Step::PromoteReplica { .. })) else {
            return Promotion::Not;
        };
        let journal = |s: &Step| matches!(s, Step::PopulateReparentJournal { .. });
        if begun.iter().any(journal) {
            return Promotion::Happened;
        }
        if self.state.lock().await.promotion_in_doubt {
            return Promotion::Unknown;
        }
        let Some(record) = step.tablet().and_then(|alias| self.record(alias).ok()) else {
            return Promotion::Unknown;
        };
        // A promotion takes replication away before it makes the tablet writable: one that answered with
        // an error and still replicates was not promoted.
        let ask = self.reparenter.tablets.replication_status(record, tm::ReplicationStatusRequest {});
        match tokio::time::timeout(UNDO_TIMEOUT, ask).await {
            Ok(Ok(answer)) if answer.status.as_ref().is_some_and(|s| !s.source_host.is_empty()) => {
                Promotion::Not
            }
            _ => Promotion::Unknown,
        }
    }

    async fn undo(&self, begun: &[Step], old_primary: &TabletAlias, semi_sync: bool) -> Result<()> {
        let manager = &self.reparenter.tablets;
        let record = self.record(old_primary)?;
        let writable = manager.undo_demote_primary(record, tm::UndoDemotePrimaryRequest { semi_sync });
        tokio::time::timeout(UNDO_TIMEOUT, writable)
            .await
            .map_err(|_| Error::new(Condition::Timeout, format!("no answer within {UNDO_TIMEOUT:?}")))??;
        let back = begun.iter().filter_map(|s| match s {
            Step::SetReplicationSource { tablet, undo_source: Some(source), .. } => Some((tablet, source)),
            _ => None,
        });
        let back = back.map(|(tablet, source)| self.point_back(tablet, source));
        join_all(back).await.into_iter().collect::<Result<Vec<_>>>().map(drop)
    }

    async fn point_back(&self, tablet: &TabletAlias, source: &TabletAlias) -> Result<()> {
        let record = self.record(tablet)?;
        let request = tm::SetReplicationSourceRequest {
            parent: Some(source.into()),
            semi_sync: self.snapshot.durability.replica_acknowledges(&source.cell, record),
            ..Default::default()
        };
        let done = self.reparenter.tablets.set_replication_source(record, request);
        let done = tokio::time::timeout(UNDO_TIMEOUT, done).await;
        done.map_err(|_| Error::new(Condition::Timeout, format!("tablet {tablet} did not answer")))?.map(drop)
    }
}
