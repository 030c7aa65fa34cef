//! A lock of the topology that is held, and the words that are written into it.

use std::time::Duration;

use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use vterrors::{Condition, Error, Result};

use crate::HeldLock;

/// The longest time that a release is tried for: the lease ends by itself after it.
pub(crate) const RELEASE_TIMEOUT: Duration = Duration::from_secs(10);

/// A lock that is held for as long as this lives; [`LockGuard::unlock`] releases it and says whether
/// that worked, dropping it releases it in the background.
#[derive(Debug)]
pub struct LockGuard {
    dir: String,
    held: Box<dyn HeldLock>,
}

impl LockGuard {
    pub(crate) fn new(dir: String, held: Box<dyn HeldLock>) -> Self {
        Self { dir, held }
    }

    /// Asks the lock server whether the lock is still ours. Ask before each step that relies on it.
    pub async fn check(&self) -> Result<()> {
        self.held.check().await.map_err(|e| {
            let text = format!("the lock of {} is not held any more: {}", self.dir, e.message());
            Error::new(e.condition(), text)
        })
    }

    /// Releases the lock.
    pub async fn unlock(self) -> Result<()> {
        self.held.unlock().await.map_err(|e| e.context(format!("release the lock of {}", self.dir)))
    }

    /// What is locked, as a path of the global root.
    pub fn dir(&self) -> &str {
        &self.dir
    }

    /// Refuses if this is the lock of something else than `dir`.
    pub(crate) fn covers(&self, dir: &str) -> Result<()> {
        if self.dir == dir {
            return Ok(());
        }
        let text = format!("the lock of {dir} is needed, but {} is locked", self.dir);
        Err(Error::new(Condition::FailedPrecondition, text))
    }
}

/// Who locks, when and for what, as Vitess's tools show it: indented JSON.
pub(crate) fn describe(action: &str) -> String {
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let user = std::env::var("USER").unwrap_or_default();
    let value = json!({
        "Action": action,
        "HostName": host.trim(),
        "UserName": user,
        "Time": now,
        "Options": {},
        "Status": "Running",
    });
    format!("{value:#}")
}
