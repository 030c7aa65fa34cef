//! Telling of refused connections without filling the log: most who are refused try again and again.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The same text is told again after this time.
const AGAIN: Duration = Duration::from_secs(30);

/// What was told last, and when.
#[derive(Debug, Default)]
pub(super) struct Said(Mutex<Option<(String, Instant)>>);

impl Said {
    /// Whether a text is to be told, loudly: not when it was told just now.
    pub fn is_news(&self, text: &str) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let old = said.as_ref().is_some_and(|(last, at)| last == text && at.elapsed() < AGAIN);
        if !old {
            *said = Some((text.to_owned(), Instant::now()));
        }
        !old
    }
}
