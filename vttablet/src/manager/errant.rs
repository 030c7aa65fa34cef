//! Errant transactions: those that this server executed and the shard's primary never will, such as the tail
//! that nobody acknowledged of a primary that was replaced.
//!
//! A tablet with such transactions does not replicate: that would hide that two servers differ. It becomes
//! DRAINED, and what is errant is told by the log, by the metric `ErrantGTIDs` and by the tag `errant_gtids` of
//! its record. Its data stay as they are, so that the lost tail can be looked at.
//!
//! After `--errant-data-retention` the server is filled from another replica, see [`super::refill`], and the tablet
//! has the type again that it was started with.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mysqlctl::flavor::{SemiSync, Threads};
use proto::topodata::{self, TabletType};
use tabletclient::TabletManagerClient;
use topo::Edit;
use tracing::{error, info, warn};
use vterrors::{Condition, Error, Result};
use vtmodel::Position;

use crate::tablet::{Tablet, now};

/// How long the primary may take to tell its position.
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// The tag of the tablet's record.
pub const TAG: &str = "errant_gtids";
/// The tag that says since when, in seconds since 1970: the data are kept for a while.
pub const SINCE_TAG: &str = "errant_since";
/// Of a long set the tag shows the beginning; the log has all.
const TAG_BYTES: usize = 1_000;

/// What is errant here, empty when nothing is; shared with the metrics.
#[derive(Debug, Clone, Default)]
pub struct Errant(Arc<Mutex<String>>);

impl Errant {
    pub fn get(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// True if it is another than before.
    fn set(&self, text: &str) -> bool {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = *now != text;
        text.clone_into(&mut now);
        changed
    }
}

/// What of `ours` the primary's `theirs` lacks.
fn beyond(ours: &str, theirs: &str) -> Result<Option<String>> {
    let (ours, theirs): (Position, Position) = (ours.parse()?, theirs.parse()?);
    if theirs.at_least(&ours) {
        return Ok(None);
    }
    Ok(Some(ours.beyond(&theirs, &[]).map_or_else(|| ours.gtid_text(), |set| set.to_string())))
}

impl Tablet {
    /// What is errant here against `primary`. A primary that cannot be asked is an error.
    pub async fn errant_against(&self, primary: &topodata::Tablet) -> Result<Option<String>> {
        // Ours is read first: the primary's only grows.
        let ours = self.dba.primary_position().await?.position;
        if ours.parse::<Position>()?.is_empty() {
            return Ok(None);
        }
        let client = self.managers(ASK_LIMIT);
        let theirs = client.primary_position(primary, Default::default()).await?.position;
        beyond(&ours, &theirs)
    }

    /// Refuses to follow a primary that lacks transactions that were executed here; the tablet is DRAINED then.
    /// Called with the action lock held, on a tablet that is no primary.
    ///
    /// A server that follows somebody already is let through when the primary cannot be asked; one that
    /// follows nobody may be a former primary, and waits.
    pub async fn refuse_errant(&self, primary: &topodata::Tablet, follows: bool) -> Result<()> {
        let errant = match self.errant_against(primary).await {
            Ok(errant) => errant,
            Err(e) if follows => {
                info!(error = %e, "the primary could not be asked for its position");
                return Ok(());
            }
            Err(e) => {
                return Err(e.context("the primary could not be asked whether transactions here are errant"));
            }
        };
        let Some(errant) = errant else {
            self.forget_errant().await;
            return Ok(());
        };
        self.drain_errant(&errant).await;
        let text = format!("tablet {} has errant transactions {errant}: it is DRAINED", self.config.alias);
        Err(Error::new(Condition::FailedPrecondition, text))
    }

    async fn drain_errant(&self, errant: &str) {
        let changed = self.errant.set(errant);
        if changed {
            error!(
                errant,
                "this server has transactions that the primary lacks: the tablet is DRAINED, its data are kept"
            );
        }
        let quiet = async {
            self.dba.stop_replication(Threads::Both).await?;
            self.dba.set_semi_sync(SemiSync::default()).await.map(drop)
        };
        if let Err(e) = quiet.await {
            info!(error = %e, "replication could not be stopped on a tablet with errant transactions");
        }
        if self.tablet_type() != TabletType::Drained {
            self.edit_record(|r| r.r#type = TabletType::Drained as i32);
            if let Err(e) = self.apply_state().await {
                warn!(error = %e, "the drained tablet's state");
            }
        }
        if changed {
            self.tag_errant(errant).await;
        }
    }

    /// Nothing is errant here (any more).
    pub async fn forget_errant(&self) {
        if self.errant.set("") {
            self.tag_errant("").await;
        }
    }

    /// Tags are not written with the rest of the record: they are the control plane's.
    async fn tag_errant(&self, errant: &str) {
        let mut text = errant.to_owned();
        text.truncate(TAG_BYTES);
        let edited = self
            .topo
            .update_tablet_fields(&self.config.alias, |r| {
                match text.is_empty() {
                    true => {
                        r.tags.remove(TAG);
                        r.tags.remove(SINCE_TAG);
                    }
                    false => {
                        r.tags.insert(TAG.to_owned(), text.clone());
                        // A tablet that is started again goes on counting.
                        r.tags.entry(SINCE_TAG.to_owned()).or_insert_with(|| now().seconds.to_string());
                    }
                }
                Ok(Edit::Write)
            })
            .await;
        if let Err(e) = edited {
            warn!(error = %e, "the tag {TAG} could not be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_primary_lacks() {
        let uuid = |n: u32| format!("00000000-0000-0000-0000-{n:012}");
        let (a, b) = (uuid(1), uuid(2));
        let set = |text: String| format!("MySQL56/{text}");
        let of = |ours: String, theirs: String| beyond(&set(ours), &set(theirs)).unwrap();
        assert_eq!(of(format!("{a}:1-10"), format!("{a}:1-10,{b}:1-3")), None);
        assert_eq!(of(format!("{a}:1-12"), format!("{a}:1-10,{b}:1-3")), Some(format!("{a}:11-12")));
        assert_eq!(beyond("MariaDB/0-1-5", "MariaDB/0-2-4").unwrap().as_deref(), Some("0-1-5"));
        assert_eq!(beyond("MariaDB/0-1-4", "MariaDB/0-2-4").unwrap(), None);
    }
}
