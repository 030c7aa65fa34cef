//! Whether the disk takes writes: a small file below `--disk-write-dir` is written every `--disk-write-interval`, and
//! a write that fails, or takes longer than `--disk-write-timeout`, makes `FullStatus` say `disk_stalled`.
//!
//! A write to a stalled disk may never return, so a thread of its own does them; nobody waits for it.

use std::{
    fs::File,
    io::Write,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::{Duration, Instant},
};

use tracing::{info, warn};
use vterrors::{Error, Result};

/// The file that is written.
const FILE: &str = ".vttablet_disk_check";

/// What is known of the disk. Cheap to clone; with [`Disk::default`] nothing is ever written.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    state: Arc<Mutex<State>>,
    timeout: Duration,
}

#[derive(Debug, Default)]
struct State {
    /// When the write that is under way began.
    begun: Option<Instant>,
    /// The last write failed.
    failed: bool,
}

/// Has the writes made, at an interval.
#[derive(Debug)]
pub struct Writes {
    disk: Disk,
    wishes: mpsc::SyncSender<()>,
    interval: Duration,
}

impl Disk {
    /// Starts the thread that writes into `dir`.
    pub fn watch(dir: PathBuf, interval: Duration, timeout: Duration) -> Result<(Self, Writes)> {
        let disk = Self { state: Arc::default(), timeout };
        // One wish at a time: the next is made when the write is done.
        let (wishes, inbox) = mpsc::sync_channel(1);
        let writer = disk.clone();
        let path = dir.join(FILE);
        std::thread::Builder::new()
            .name("disk".into())
            .spawn(move || {
                while inbox.recv().is_ok() {
                    let written = write(&path);
                    if let Err(e) = &written {
                        warn!(file = %path.display(), error = %e, "the disk does not take a write");
                    }
                    writer.set(|s| *s = State { begun: None, failed: written.is_err() });
                }
            })
            .map_err(|e| Error::internal(format!("no thread for --disk-write-dir: {e}")))?;
        Ok((disk.clone(), Writes { disk, wishes, interval }))
    }

    /// Whether the disk takes no writes.
    pub fn is_stalled(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failed || state.begun.is_some_and(|begun| begun.elapsed() > self.timeout)
    }

    fn set<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Writes {
    /// Has a write made every interval, for as long as the process runs.
    pub async fn keep_writing(self) {
        let mut stalled = false;
        loop {
            let free = self.disk.set(|s| s.begun.is_none().then(|| s.begun = Some(Instant::now())).is_some());
            if free && self.wishes.send(()).is_err() {
                return;
            }
            tokio::time::sleep(self.interval).await;
            let now = self.disk.is_stalled();
            match (std::mem::replace(&mut stalled, now), now) {
                (false, true) => warn!("the disk takes no writes"),
                (true, false) => info!("the disk takes writes again"),
                _ => {}
            }
        }
    }
}

fn write(path: &std::path::Path) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(b"written to see whether the disk takes writes\n")?;
    file.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use super::*;

    async fn until(disk: &Disk, stalled: bool) {
        let begun = Instant::now();
        while disk.is_stalled() != stalled {
            assert!(begun.elapsed() < Duration::from_secs(20), "not {stalled}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_write_that_does_not_return() {
        let dir = testkit::temp_dir();
        let path = dir.path().join(FILE);
        // Opening a pipe waits until somebody reads it.
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let tick = Duration::from_millis(20);
        let (disk, writes) = Disk::watch(dir.path().to_owned(), tick, tick).unwrap();
        assert!(!disk.is_stalled());
        let task = tokio::spawn(writes.keep_writing());
        until(&disk, true).await;
        // A pipe cannot be synced: that write fails, the next one makes a file.
        let reader = tokio::task::spawn_blocking({
            let path = path.clone();
            move || File::open(path).unwrap()
        });
        drop(reader.await.unwrap());
        std::fs::remove_file(&path).unwrap();
        until(&disk, false).await;
        task.abort();
    }

    #[tokio::test]
    async fn a_directory_that_is_not_there() {
        let dir = testkit::temp_dir();
        let limit = Duration::from_secs(60);
        let (disk, writes) = Disk::watch(dir.path().join("none"), Duration::from_millis(5), limit).unwrap();
        let task = tokio::spawn(writes.keep_writing());
        until(&disk, true).await;
        task.abort();
        assert!(!Disk::default().is_stalled());
    }
}
