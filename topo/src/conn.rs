//! One connection to one root of a lock server: bytes under paths.
//!
//! Paths are relative to the root, without a slash at either end (`keyspaces/commerce/Keyspace`). What a
//! backend must do is written down as a test: `tests/conformance.rs` runs on all of them.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use vterrors::Result;

/// The version of a node: etcd's `mod_revision`. Larger is later; 0 is never a node's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(pub i64);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A value, and the version it was read at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    pub value: T,
    pub version: Version,
}

impl<T> std::ops::Deref for Versioned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// A node under a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the root.
    pub path: String,
    pub value: Vec<u8>,
    pub version: Version,
}

/// A child of a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    pub name: String,
    /// There are nodes below it; else it is a node itself.
    pub is_dir: bool,
    /// It lives as long as its writer's lease (a lock).
    pub ephemeral: bool,
}

/// What to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchTarget {
    /// One node, there or not yet.
    Path(String),
    /// Every node whose path starts so.
    Prefix(String),
}

impl WatchTarget {
    /// The path or prefix, relative to the root.
    pub fn path(&self) -> &str {
        match self {
            Self::Path(p) | Self::Prefix(p) => p,
        }
    }
}

/// A node was written (`Some`) or deleted (`None`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub path: String,
    pub value: Option<Vec<u8>>,
    pub version: Version,
}

/// A watch that was started: what was there, and everything that changes after it, in order.
///
/// The stream ends with one `Err` when the lock server goes away; it is not resumed here (see
/// [`crate::watch`]). Dropping it ends the watch.
#[derive(Debug)]
pub struct Watching {
    pub current: Vec<Entry>,
    pub changes: mpsc::Receiver<Result<Change>>,
}

/// A lock to take.
#[derive(Debug, Clone)]
pub struct LockRequest {
    /// The directory that is locked; its locks are the nodes under `<dir>/locks/`.
    pub dir: String,
    /// Who locks it and why: JSON for people; an election's participant.
    pub contents: String,
    /// Refuse (`NoNode`) when there is nothing under `dir`.
    pub must_exist: bool,
    /// Refuse (`NodeExists`) instead of waiting when somebody holds a lock on `dir`.
    pub no_wait: bool,
    /// How long the lock outlives its holder's last sign of life; the backend's default if `None`.
    pub ttl: Option<Duration>,
    /// How long to wait for it.
    pub timeout: Duration,
}

/// A lock that is held. Dropping it releases it, best effort, in the background.
#[async_trait]
pub trait HeldLock: Send + Sync + std::fmt::Debug {
    /// Asks the lock server whether the lock is still held; an error says that it is not, or not known.
    async fn check(&self) -> Result<()>;

    /// Releases it. A second call does nothing.
    async fn unlock(&self) -> Result<()>;
}

/// One connection to one root. Every call ends within the connection's timeout.
#[async_trait]
pub trait Conn: Send + Sync + std::fmt::Debug {
    /// Reads a node; `NoNode` if it is not there.
    async fn get(&self, path: &str) -> Result<Versioned<Vec<u8>>>;

    /// Reads a node as it was at `version`; `NoNode` if it was not there or is too old to be known.
    async fn get_version(&self, path: &str, version: Version) -> Result<Vec<u8>>;

    /// Every node whose path starts with `prefix`, sorted by path; empty if there is none.
    async fn list(&self, prefix: &str) -> Result<Vec<Entry>>;

    /// The children of a directory ("" is the root), sorted by name; `NoNode` if there is none.
    async fn list_dir(&self, dir: &str) -> Result<Vec<DirEntry>>;

    /// Writes a node that must not be there; `NodeExists` if it is.
    async fn create(&self, path: &str, value: Vec<u8>) -> Result<Version>;

    /// Writes a node: with a version only if it still has it (`BadVersion`, also if it is gone), without
    /// one whatever is there.
    async fn update(&self, path: &str, value: Vec<u8>, version: Option<Version>) -> Result<Version>;

    /// Deletes a node; `NoNode` if it is not there, `BadVersion` if a version is given and it changed.
    async fn delete(&self, path: &str, version: Option<Version>) -> Result<()>;

    /// Reads and goes on watching from there, with nothing lost between.
    async fn watch(&self, target: WatchTarget) -> Result<Watching>;

    /// Takes a lock.
    async fn lock(&self, request: LockRequest) -> Result<Box<dyn HeldLock>>;
}
