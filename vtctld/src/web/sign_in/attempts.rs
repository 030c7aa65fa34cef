//! How often signing in may fail: [`MAX_FAILED`] times a name in [`WINDOW`], then the name has to wait.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const MAX_FAILED: u32 = 5;
const WINDOW: Duration = Duration::from_secs(60);
/// Names that are remembered; while there are more, nobody new may fail.
const MAX_NAMES: usize = 10_000;

#[derive(Default)]
pub(super) struct Attempts(Mutex<HashMap<String, (u32, Instant)>>);

impl Attempts {
    /// Counts an attempt, before the password is looked at; false if there were too many.
    pub fn allow(&self, name: &str) -> bool {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.len() >= MAX_NAMES {
            failed.retain(|_, (_, since)| since.elapsed() < WINDOW);
        }
        if failed.len() >= MAX_NAMES && !failed.contains_key(name) {
            return false;
        }
        let entry = failed.entry(name.to_owned()).or_insert((0, Instant::now()));
        if entry.1.elapsed() >= WINDOW {
            *entry = (0, Instant::now());
        }
        entry.0 += 1;
        entry.0 <= MAX_FAILED
    }

    /// Forgets those of a name that signed in.
    pub fn succeeded(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_failures_make_a_name_wait_and_no_other() {
        let attempts = Attempts::default();
        assert!((0..MAX_FAILED).all(|_| attempts.allow("ada")));
        assert!(!attempts.allow("ada") && attempts.allow("bob"));
        attempts.succeeded("ada");
        assert!(attempts.allow("ada"));
    }
}
