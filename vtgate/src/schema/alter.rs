//! ALTER VSCHEMA: the one statement with which a client changes what vtgate reads.
//!
//! The keyspace's record is changed by compare-and-swap, then the cells get a SrvVSchema that is built from
//! all the records, and the statement is answered when this vtgate plans by it. Two that are carried out
//! at the same time on different vtgates may write SrvVSchema in the wrong order: so it is built again
//! until the records and the cell agree.

use std::time::Duration;

use proto::vschema as pb;
use sqlast::ast::AlterVschema;
use topo::is_no_node;
use vschema::{VSchema, no_files};
use vterrors::{Condition, Context, Error, Result};

use super::Schema;

/// How long the change may take until this vtgate has it.
const SEEN_LIMIT: Duration = Duration::from_secs(10);
/// How often the cell is looked at in between, if nothing tells of a change.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How often a change is tried that others get in the way of.
const ATTEMPTS: usize = 20;

impl Schema {
    /// Changes the VSchema of a keyspace and returns when the layout has it.
    ///
    /// # Errors
    /// The statement's own faults, and what would make a table or vindex unusable that was not so before:
    /// nothing was written then.
    pub async fn alter(&self, keyspace: &str, alter: &AlterVschema) -> Result<()> {
        match self.topo.get_keyspace(keyspace).await {
            Err(e) if is_no_node(&e) => {
                let text = format!("Unknown database '{keyspace}'");
                return Err(Error::new(Condition::UnknownKeyspace, text));
            }
            found => found.map(drop)?,
        }
        for _ in 0..ATTEMPTS {
            let (record, version) = match self.topo.get_vschema(keyspace).await {
                Ok(found) => (found.value, Some(found.version)),
                Err(e) if is_no_node(&e) => (pb::Keyspace::default(), None),
                Err(e) => return Err(e),
            };
            let mut wanted = record.clone();
            vschema::alter(keyspace, &mut wanted, alter)?;
            self.check(keyspace, &record, &wanted).await?;
            match self.topo.save_vschema(keyspace, &wanted, version).await {
                Ok(_) => return self.spread().await,
                // Somebody else changed it: the statement is carried out on what is there now.
                Err(e) if e.condition() == Condition::BadVersion => {}
                Err(e) => return Err(e.context(format!("VSchema of keyspace {keyspace}"))),
            }
        }
        Err(Error::new(
            Condition::BadVersion,
            format!(
                "the VSchema of keyspace {keyspace} was changed by others in each of {ATTEMPTS} attempts"
            ),
        ))
    }

    /// Refuses what breaks something; what was broken before may stay so.
    async fn check(&self, keyspace: &str, record: &pb::Keyspace, wanted: &pb::Keyspace) -> Result<()> {
        let mut all = self.topo.build_srv_vschema().await?;
        all.keyspaces.insert(keyspace.to_owned(), record.clone());
        let before = VSchema::new(&all, &no_files);
        all.keyspaces.insert(keyspace.to_owned(), wanted.clone());
        let after = VSchema::new(&all, &no_files);
        match after.problems().iter().find(|p| !before.problems().contains(p)) {
            None => Ok(()),
            Some(problem) => Err(Error::new(Condition::FailedPrecondition, problem.to_string())),
        }
    }

    /// Writes SrvVSchema to all cells, and waits until the layout is made of it.
    async fn spread(&self) -> Result<()> {
        let spreading = async {
            let saved =
                || "the VSchema is saved, but not all cells have it yet (RebuildVSchemaGraph tries again)";
            self.topo.rebuild_srv_vschema(&[]).await.context_with(saved)?;
            let mut changes = self.changes.clone();
            loop {
                changes.borrow_and_update();
                let built = self.topo.build_srv_vschema().await?;
                let served = self.topo.get_srv_vschema(&self.cell).await?.value;
                if served.keyspaces != built.keyspaces {
                    self.topo.rebuild_srv_vschema(&[]).await.context_with(saved)?;
                } else if self.layout().source.keyspaces == served.keyspaces {
                    return Ok(());
                }
                // Nothing told within the time is as good a reason to look again.
                let _ = tokio::time::timeout(LOOK_AGAIN, changes.changed()).await;
            }
        };
        tokio::time::timeout(SEEN_LIMIT, spreading).await.unwrap_or_else(|_| {
            Err(Error::new(
                Condition::Timeout,
                format!("the VSchema is saved, but this vtgate did not see it within {SEEN_LIMIT:?}"),
            ))
        })
    }
}
