//! What was read from files, read again when they change.
//!
//! There is no task that watches: whoever needs the value asks for it, and the files are looked at then, at most
//! once in [`LOOK_INTERVAL`]. A look is a `stat` of few local files, which costs less than the connection that it is
//! for; a process that opens no connection does not look.

use std::{
    fmt,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use tracing::{info, warn};
use vterrors::Result;

/// How often the files are looked at, at most.
pub const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// When each file was last written, its length, and which file it is: one that is put in another's place may be
/// as long and as old.
type Stamp = Vec<Option<(SystemTime, u64, u64)>>;

type Load<T> = Box<dyn Fn() -> Result<T> + Send + Sync>;

/// See the module.
pub struct Watched<T> {
    what: &'static str,
    paths: Vec<PathBuf>,
    load: Load<T>,
    state: Mutex<State<T>>,
}

struct State<T> {
    current: Arc<T>,
    seen: Stamp,
    looked: Instant,
}

impl<T> Watched<T> {
    /// Reads the files at `paths` by `load`, whose error is that of the start. `what` is told in the log, as in "new
    /// certificates".
    pub fn open(
        what: &'static str,
        paths: Vec<PathBuf>,
        load: impl Fn() -> Result<T> + Send + Sync + 'static,
    ) -> Result<Self> {
        // Before they are read: a file that changes meanwhile is read again.
        let seen = stamp(&paths);
        let state = State { current: Arc::new(load()?), seen, looked: Instant::now() };
        Ok(Self { what, paths, load: Box::new(load), state: Mutex::new(state) })
    }

    /// What the files say now, or said when they were last good.
    pub fn current(&self) -> Arc<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() < LOOK_INTERVAL {
            return state.current.clone();
        }
        state.looked = Instant::now();
        let stamp = stamp(&self.paths);
        if stamp != state.seen {
            let files = self.paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ");
            match (self.load)() {
                Ok(new) => {
                    info!(files, "{} are used from now on", self.what);
                    state.current = Arc::new(new);
                }
                Err(e) => warn!(files, "{} cannot be used, the old ones stay: {e}", self.what),
            }
            state.seen = stamp;
        }
        state.current.clone()
    }
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("paths", &self.paths).finish_non_exhaustive()
    }
}

fn stamp(paths: &[PathBuf]) -> Stamp {
    let of = |path: &PathBuf| {
        let data = path.metadata().ok()?;
        Some((data.modified().ok()?, data.len(), data.ino()))
    };
    paths.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_changed_file_counts_and_a_broken_one_does_not() {
        let dir = testkit::temp_dir();
        let path = dir.path().join("number");
        fs::write(&path, "1").unwrap();
        let file = path.clone();
        let read = move || {
            let text = fs::read_to_string(&file).map_err(|e| vterrors::Error::invalid(e.to_string()))?;
            text.parse::<u32>().map_err(|e| vterrors::Error::invalid(e.to_string()))
        };
        let watched = Watched::open("numbers", vec![path.clone()], read).unwrap();
        let becomes = |want| {
            testkit::wait_until("the number", Duration::from_secs(10), || match *watched.current() {
                now if now == want => Ok(()),
                now => Err(now.to_string()),
            });
        };
        assert_eq!(*watched.current(), 1);
        fs::write(&path, "22").unwrap();
        becomes(22);
        // Neither of these counts; that the next one does shows that they were looked at, or passed over.
        fs::write(&path, "no number").unwrap();
        watched.state.lock().unwrap().looked -= LOOK_INTERVAL;
        assert_eq!(*watched.current(), 22);
        fs::remove_file(&path).unwrap();
        watched.state.lock().unwrap().looked -= LOOK_INTERVAL;
        assert_eq!(*watched.current(), 22);
        fs::write(&path, "333").unwrap();
        becomes(333);
    }
}
