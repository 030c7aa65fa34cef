//! Protobuf records over bytes: read, create, and change by compare-and-swap.

use std::time::Duration;

use prost::Message;
use vterrors::{Condition, Context, Error, Result};

use crate::{Conn, ErrorKind, Version, Versioned, kind};

/// What a closure that changes a record says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// Write it.
    Write,
    /// It is already as wanted; nothing is written.
    Keep,
}

/// How often a compare-and-swap is tried before it is given up: one that loses so often is a livelock.
const CAS_ATTEMPTS: u32 = 100;

pub(crate) fn decode<M: Message + Default>(path: &str, bytes: &[u8]) -> Result<M> {
    M::decode(bytes).map_err(|e| Error::internal(format!("the record at {path} cannot be decoded: {e}")))
}

pub(crate) async fn get<M: Message + Default>(conn: &dyn Conn, path: &str) -> Result<Versioned<M>> {
    let Versioned { value, version } = conn.get(path).await?;
    Ok(Versioned { value: decode(path, &value)?, version })
}

pub(crate) async fn create<M: Message>(conn: &dyn Conn, path: &str, record: &M) -> Result<Version> {
    conn.create(path, record.encode_to_vec()).await
}

pub(crate) async fn put<M: Message>(
    conn: &dyn Conn,
    path: &str,
    record: &M,
    version: Option<Version>,
) -> Result<Version> {
    conn.update(path, record.encode_to_vec(), version).await
}

/// Changes a record that must be there: `edit` is called again with what is there now for as long as
/// somebody else writes in between.
pub(crate) async fn edit<M: Message + Default>(
    conn: &dyn Conn,
    path: &str,
    mut edit: impl FnMut(&mut M) -> Result<Edit> + Send,
) -> Result<Versioned<M>> {
    for attempt in 0..CAS_ATTEMPTS {
        let mut record: Versioned<M> = get(conn, path).await?;
        if edit(&mut record.value)? == Edit::Keep {
            return Ok(record);
        }
        match put(conn, path, &record.value, Some(record.version)).await {
            Ok(version) => return Ok(Versioned { version, ..record }),
            Err(e) if kind(&e) == ErrorKind::BadVersion => back_off(attempt).await,
            Err(e) => return Err(e),
        }
    }
    Err(contended(path, CAS_ATTEMPTS))
}

/// As [`edit`], for a record that is made (from its default) when it is not there.
pub(crate) async fn edit_or_create<M: Message + Default>(
    conn: &dyn Conn,
    path: &str,
    mut edit: impl FnMut(&mut M) -> Result<Edit> + Send,
) -> Result<()> {
    for attempt in 0..CAS_ATTEMPTS {
        let (mut record, version) = match get::<M>(conn, path).await {
            Ok(found) => (found.value, Some(found.version)),
            Err(e) if crate::is_no_node(&e) => (M::default(), None),
            Err(e) => return Err(e),
        };
        if edit(&mut record)? == Edit::Keep {
            return Ok(());
        }
        let written = match version {
            Some(v) => put(conn, path, &record, Some(v)).await,
            None => create(conn, path, &record).await,
        };
        match written {
            Ok(_) => return Ok(()),
            Err(e) if matches!(kind(&e), ErrorKind::BadVersion | ErrorKind::NodeExists) => {
                back_off(attempt).await;
            }
            Err(e) => return Err(e),
        }
    }
    Err(contended(path, CAS_ATTEMPTS))
}

/// The records under `prefix` whose path ends in the element `file`; others are not ours.
pub(crate) async fn list<M: Message + Default>(
    conn: &dyn Conn,
    prefix: &str,
    file: &str,
) -> Result<Vec<(String, Versioned<M>)>> {
    let entries = conn.list(prefix).await.context_with(|| format!("list {prefix}"))?;
    entries
        .into_iter()
        .filter(|e| crate::paths::file_name(&e.path) == file)
        .map(|e| Ok((e.path.clone(), Versioned { value: decode(&e.path, &e.value)?, version: e.version })))
        .collect()
}

/// A short random wait that grows, so that two writers do not meet again and again.
pub(super) async fn back_off(attempt: u32) {
    let most = 5u64 << attempt.min(5);
    let wait = rand::random_range(0..=most);
    tokio::time::sleep(Duration::from_millis(wait)).await;
}

pub(super) fn contended(path: &str, attempts: u32) -> Error {
    let text = format!("{path} was changed by others in each of {attempts} attempts to update it");
    Error::new(Condition::BadVersion, text)
}
