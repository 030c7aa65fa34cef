//! A lock of the topology that is held, and the words that are written into it.

use std::{fmt, time::Duration};

use serde_json::{Value, json};
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

/// Who holds a lock, as its words say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub action: String,
    /// `user@host`, or the host alone.
    pub by: String,
    /// RFC 3339.
    pub since: String,
}

impl Holder {
    /// Reads what Vitess's programs and ours write into a lock; none where it is something else.
    pub fn read(contents: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(contents).ok()?;
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (user, host) = (text("UserName"), text("HostName"));
        let by = if user.is_empty() { host } else { format!("{user}@{host}") };
        Some(Self { action: text("Action"), by, since: text("Time") })
    }

    /// The words for people, whatever was written into the lock.
    pub(crate) fn told(contents: &[u8]) -> String {
        match Self::read(contents) {
            Some(holder) => holder.to_string(),
            None => String::from_utf8_lossy(contents).split_whitespace().collect::<Vec<_>>().join(" "),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} by {} since {}", self.action, self.by, self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_into_a_lock_is_read_again() {
        let holder = Holder::read(describe("PlannedReparentShard ks/0").as_bytes()).unwrap();
        assert_eq!(holder.action, "PlannedReparentShard ks/0");
        assert!(holder.since.ends_with('Z') && !holder.by.is_empty(), "{holder}");
        let vitess = br#"{"Action": "A", "HostName": "h", "UserName": "u", "Time": "T", "Options": {}}"#;
        assert_eq!(Holder::told(vitess), "\"A\" by u@h since T");
        assert_eq!(Holder::told(b"not \n json"), "not json");
    }
}
