//! Changing what the tablet is: type, term, read-only mode, serving; always in an order in which a tablet
//! that says it serves as primary can be written to, and one that can be written to is the primary.

use std::time::Duration;

use mysqlctl::flavor::SemiSync;
use proto::{topodata::TabletType, vttime};
use tracing::{info, warn};
use vterrors::{Condition, Error, Result};
use vtmodel::tablet_type_lower;

use crate::{
    query::health::Looks,
    state::{Phase, Wanted},
    tablet::{Tablet, now},
};

/// How long commits that wait for replicas may hold up a server that is to become read-only.
pub const READ_ONLY_WAIT: Duration = Duration::from_secs(10);

/// Types whose tablets answer queries.
pub fn runs_queries(t: TabletType) -> bool {
    matches!(
        t,
        TabletType::Primary
            | TabletType::Replica
            | TabletType::Rdonly
            | TabletType::Spare
            | TabletType::Experimental
            | TabletType::Drained
    )
}

/// The same where they are given up by force.
pub const FORCED_WAIT: Duration = Duration::from_secs(1);
/// Between two looks at commits that nobody will acknowledge, while serving ends by force.
const FORCE_STEP: Duration = Duration::from_millis(300);

/// Types whose tablets acknowledge commits under some durability policy.
pub fn acknowledges(t: TabletType) -> bool {
    matches!(t, TabletType::Primary | TabletType::Replica | TabletType::Rdonly)
}

impl Tablet {
    /// The state that the record and the topology ask for.
    pub async fn wanted(&self) -> Wanted {
        let reason = self.reason_not_to_serve(self.tablet_type()).await;
        self.wanted_for(reason)
    }

    /// As the record says, serving if there is no reason against it.
    fn wanted_for(&self, reason: String) -> Wanted {
        let record = self.record();
        Wanted {
            tablet_type: record.r#type(),
            serving: reason.is_empty(),
            reason,
            primary_term_start: record.primary_term_start_time.map_or(0, |t| t.seconds),
        }
    }

    /// Empty when there is none. A topology that cannot be asked is no reason: serving goes on without it.
    async fn reason_not_to_serve(&self, t: TabletType) -> String {
        if !runs_queries(t) {
            return format!("a tablet of type {} does not serve", tablet_type_lower(t));
        }
        let (keyspace, shard) = (&self.config.keyspace, &self.config.shard);
        if t == TabletType::Primary {
            match self.topo.get_shard(keyspace, shard).await {
                Ok(info) if !info.record.is_primary_serving => {
                    return format!(
                        "shard {keyspace}/{shard} does not serve yet, or its traffic was moved away"
                    );
                }
                _ => return String::new(),
            }
        }
        let Ok(srv) = self.topo.get_srv_keyspace(&self.config.alias.cell, keyspace).await else {
            return String::new();
        };
        let partitions = srv.value.partitions.into_iter().filter(|p| p.served_type() == t);
        let mut controls = partitions.flat_map(|p| p.shard_tablet_controls);
        match controls.any(|c| c.name == *shard && c.query_service_disabled) {
            true => format!("query service of {keyspace}/{shard} is disabled: its traffic was moved away"),
            false => String::new(),
        }
    }

    /// Becomes what record and topology ask for.
    pub async fn apply_state(&self) -> Result<()> {
        let wanted = self.wanted().await;
        self.change_state(wanted).await
    }

    /// Changes the state; the health streams are told of every step by [`Tablet::keep_telling`].
    pub async fn change_state(&self, wanted: Wanted) -> Result<()> {
        let result = self.state.change(wanted, self.config.tablet.shutdown_grace_period).await;
        self.look.notify_one();
        result
    }

    /// Stops serving, whatever the record says. Does not ask the topology, which may be away.
    pub async fn stop_serving(&self, reason: &str) -> Result<()> {
        let grace = self.config.tablet.serving_state_grace_period;
        if !grace.is_zero() && self.serving.snapshot().phase == Phase::Serving {
            // Said first, so that callers go elsewhere before they are refused.
            self.health.set_leaving(true);
            tokio::time::sleep(grace).await;
        }
        let changed = self.change_state(self.wanted_for(reason.to_owned())).await;
        self.health.set_leaving(false);
        changed
    }

    /// Stops serving at once: what waits for an acknowledgement that will not come is ended with an error.
    pub async fn stop_serving_by_force(&self, reason: &str) -> Result<()> {
        let stopping = self.state.change(self.wanted_for(reason.to_owned()), Duration::ZERO);
        tokio::pin!(stopping);
        let stopped = loop {
            tokio::select! {
                stopped = &mut stopping => break stopped,
                () = tokio::time::sleep(FORCE_STEP) => {}
            }
            if let Err(e) = self.dba.end_waiting_commits().await {
                warn!(error = %e, "waiting commits could not be ended");
            }
        };
        self.look.notify_one();
        stopped
    }

    /// Semi-sync as the type and the keyspace's durability (`wanted`) ask for it.
    pub async fn fix_semi_sync(&self, t: TabletType, wanted: bool) -> Result<bool> {
        let want =
            SemiSync { source: wanted && t == TabletType::Primary, replica: wanted && acknowledges(t) };
        self.dba.set_semi_sync(want).await
    }

    /// The beginning of a primary's term: now, but later than the one in the shard's record, whatever the clock
    /// of that tablet says, for the latest term wins.
    pub async fn next_term(&self) -> Result<vttime::Time> {
        let shard = self.topo.get_shard(&self.config.keyspace, &self.config.shard).await?;
        let now = now();
        let Some(last) = shard.record.primary_term_start_time else { return Ok(now) };
        let after = |t: &vttime::Time| (t.seconds, t.nanoseconds);
        if after(&last) < after(&now) {
            return Ok(now);
        }
        warn!(last = last.seconds, now = now.seconds, "the clock is behind the last primary's");
        Ok(vttime::Time { seconds: last.seconds + 1, nanoseconds: 0 })
    }

    /// Writes a new term into the record, and from there into the shard's.
    pub fn begin_term(&self, term: vttime::Time) {
        info!(term = term.seconds, "this tablet is the primary now");
        self.edit_record(|r| {
            r.r#type = TabletType::Primary as i32;
            r.primary_term_start_time = Some(term);
        });
        self.shard_sync.notify_one();
    }

    /// Becomes the primary: writable first, then serving. The caller has stopped replication.
    pub async fn become_primary(&self, semi_sync: bool) -> Result<()> {
        let term = self.next_term().await?;
        self.stop_serving("the tablet is becoming the primary").await?;
        self.fix_semi_sync(TabletType::Primary, semi_sync).await?;
        self.dba.set_read_write().await?;
        self.begin_term(term);
        // What was seen of the replica says nothing about the primary.
        self.take_looks(Looks::default(), TabletType::Primary);
        // Not before it is writable, and not in the way of the promotion: it may wait for replicas'
        // acknowledgements, and they are pointed here at this moment.
        if semi_sync {
            self.spawn_make_databases();
        } else {
            self.make_databases().await?;
        }
        self.apply_state().await
    }

    fn spawn_make_databases(&self) {
        // The look that follows every change of state tries again until it is done.
        self.look.notify_one();
    }

    /// Becomes a tablet of another type than primary: not writable first. `force` gives up on commits that
    /// nobody acknowledges.
    pub async fn become_replica_type(&self, t: TabletType, semi_sync: bool, force: bool) -> Result<()> {
        let was_primary = self.is_primary();
        let reason = "the tablet is no longer the primary";
        match (was_primary, force) {
            (false, _) => {}
            (true, false) => self.stop_serving(reason).await?,
            (true, true) => self.stop_serving_by_force(reason).await?,
        }
        self.dba.set_read_only(if force { FORCED_WAIT } else { READ_ONLY_WAIT }, force).await?;
        if let Err(e) = self.fix_semi_sync(t, semi_sync).await {
            warn!(error = %e, "semi-sync could not be set");
        }
        self.edit_record(|r| {
            r.r#type = t as i32;
            r.primary_term_start_time = None;
        });
        self.shard_sync.notify_one();
        self.apply_state().await
    }

    /// ChangeType: between types of replicas.
    pub async fn change_type(&self, t: TabletType, semi_sync: bool) -> Result<()> {
        let _action = self.action("ChangeType").await?;
        let refuse = |text: String| Err(Error::new(Condition::FailedPrecondition, text));
        let from = self.tablet_type();
        if t == TabletType::Primary || t == TabletType::Unknown {
            return refuse(format!(
                "ChangeType: a tablet cannot be made {} this way: use PlannedReparentShard",
                tablet_type_lower(t)
            ));
        }
        if from == TabletType::Primary {
            return refuse(
                "ChangeType: the primary cannot change its type: use PlannedReparentShard".to_owned(),
            );
        }
        self.edit_record(|r| r.r#type = t as i32);
        self.apply_state().await?;
        // A replica's half of semi-sync takes effect when the thread that fetches is started again.
        if self.fix_semi_sync(t, semi_sync).await? {
            self.restart_fetching().await?;
        }
        Ok(())
    }

    /// RefreshState: reads the topology again.
    pub async fn refresh_state(&self) -> Result<()> {
        let _action = self.action("RefreshState").await?;
        self.shard_sync.notify_one();
        self.apply_state().await
    }

    /// ChangeTags: the record's tags, merged or replaced; the tags afterwards.
    pub async fn change_tags(
        &self,
        request: &proto::tabletmanagerdata::ChangeTagsRequest,
    ) -> Result<std::collections::HashMap<String, String>> {
        let edited = self
            .topo
            .update_tablet_fields(&self.config.alias, |r| {
                if request.replace {
                    r.tags.clear();
                }
                for (name, value) in &request.tags {
                    match value.is_empty() {
                        true => drop(r.tags.remove(name)),
                        false => drop(r.tags.insert(name.clone(), value.clone())),
                    }
                }
                Ok(topo::Edit::Write)
            })
            .await?;
        self.edit_record(|r| r.tags.clone_from(&edited.tags));
        Ok(edited.value.tags)
    }
}
