//! What was done to a keyspace, in the global root: ours, not Vitess's.
//!
//! One node a keyspace holds its last entries as JSON, newest last; what concerns no keyspace is in a node of its own.
//! Always bounded: [`MAX_ENTRIES`] and [`MAX_BYTES`] a node, the oldest go first. A history is told, never relied on:
//! nothing is decided by it.

use serde::{Deserialize, Serialize};
use vterrors::{Error, Result};

use super::{Server, records};
use crate::{Conn, ErrorKind, Version, errors::optional, kind, paths};

/// Entries that are kept of a keyspace.
pub const MAX_ENTRIES: usize = 100;

/// What a node of a history holds at most: 2,000 keyspaces together stay far below what etcd is made for.
const MAX_BYTES: usize = 48 << 10;

/// How often an entry is tried to be added while others add theirs.
const ATTEMPTS: u32 = 20;

/// One thing that was done, or failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When it began, as RFC 3339 in UTC.
    pub at: String,
    pub who: String,
    /// The RPC's name: `PlannedReparentShard`.
    pub operation: String,
    /// The shard, tablet or cell that it was about; empty for the keyspace as a whole.
    pub target: String,
    /// What was asked for: the request as JSON, shortened, without anything that may be secret.
    pub request: String,
    pub took_ms: u64,
    /// Why it failed; none when it was done.
    pub error: Option<String>,
}

impl Server {
    /// The history of a keyspace, oldest first; of the cluster as a whole for none. Empty if there is none.
    pub async fn get_history(&self, keyspace: Option<&str>) -> Result<Vec<HistoryEntry>> {
        Ok(read(&*self.inner.global, &paths::history(keyspace)).await?.0)
    }

    /// Adds an entry; the oldest ones make room for it.
    pub async fn add_to_history(&self, keyspace: Option<&str>, entry: &HistoryEntry) -> Result<()> {
        let (conn, path) = (&*self.inner.global, paths::history(keyspace));
        for attempt in 0..ATTEMPTS {
            let (mut entries, version) = read(conn, &path).await?;
            entries.push(entry.clone());
            let value = encode(entries)?;
            let written = match version {
                Some(version) => conn.update(&path, value, Some(version)).await,
                None => conn.create(&path, value).await,
            };
            match written {
                Err(e) if matches!(kind(&e), ErrorKind::BadVersion | ErrorKind::NodeExists) => {
                    records::back_off(attempt).await;
                }
                other => return other.map(drop),
            }
        }
        Err(records::contended(&path, ATTEMPTS))
    }

    /// Forgets the history of a keyspace that is deleted.
    pub async fn delete_history(&self, keyspace: &str) -> Result<()> {
        optional(self.inner.global.delete(&paths::history(Some(keyspace)), None).await).map(drop)
    }
}

async fn read(conn: &dyn Conn, path: &str) -> Result<(Vec<HistoryEntry>, Option<Version>)> {
    let Some(found) = optional(conn.get(path).await)? else { return Ok((Vec::new(), None)) };
    // One that cannot be read (of a later version, or broken by hand) is begun anew: it must not hold up operations.
    let entries = serde_json::from_slice(&found.value).unwrap_or_default();
    Ok((entries, Some(found.version)))
}

/// The entries as a node holds them, without the oldest where they are too many or too large.
fn encode(mut entries: Vec<HistoryEntry>) -> Result<Vec<u8>> {
    let excess = entries.len().saturating_sub(MAX_ENTRIES);
    entries.drain(..excess);
    loop {
        let value = serde_json::to_vec(&entries).map_err(|e| Error::internal(format!("a history: {e}")))?;
        if value.len() <= MAX_BYTES || entries.is_empty() {
            return Ok(value);
        }
        // Some at once: this is not done again for each entry that is added.
        entries.drain(..entries.len().div_ceil(8));
    }
}

#[cfg(test)]
mod tests;
