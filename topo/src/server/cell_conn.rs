//! The connection to one cell's root, which gives up early.
//!
//! A lost cell must not hold up the others. Its lock server may refuse connections, which is told at once, or be frozen
//! or cut off, and then every call to it lasts as long as it may. So a call to a cell has a limit of its own, shorter than
//! that of the global root; and once a cell has let a call wait for a second, further calls get only a moment, until one
//! is answered. That second counts also when whoever called has less patience and goes away. Now and then a call is given
//! the whole limit again: a cell that is slow and not silent must not stay written off.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, timeout};
use vterrors::{Condition, Error, Result};

use crate::{
    Conn, ErrorKind,
    around::{Around, Surrounded},
    kind,
};

/// How long calls to a cell may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CellLimits {
    /// One call.
    pub call: Duration,
    /// A cell that leaves a call without an answer for so long is silent.
    pub suspect: Duration,
    /// One call to a silent cell.
    pub silent: Duration,
    /// While a cell is silent, a call gets the whole limit at most so often.
    pub patience: Duration,
}

impl CellLimits {
    /// From the limit of a call to the lock server: with Vitess's 15 s, these are 5 s, 1 s, half a second and 30 s.
    pub(crate) fn of(operation: Duration) -> Self {
        let (call, suspect, silent) = (operation / 3, operation / 15, operation / 30);
        Self { call, suspect, silent, patience: operation * 2 }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Limiter {
    cell: String,
    limits: CellLimits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the calls began that are under way, by number.
    under_way: BTreeMap<u64, Instant>,
    calls: u64,
    /// The last answer to any call.
    answered: Option<Instant>,
    /// Set while the cell is silent: when a call gets the whole limit again.
    patient_at: Option<Instant>,
}

impl State {
    /// Whether a call that began then is left without an answer for too long.
    fn is_suspect(&self, begun: Instant, limits: &CellLimits) -> bool {
        begun.elapsed() >= limits.suspect && self.answered.is_none_or(|at| at <= begun)
    }
}

/// A call that is under way; whether it was answered or given up by its caller is seen when it ends.
struct UnderWay<'a> {
    conn: &'a Limiter,
    number: u64,
    begun: Instant,
    answered: bool,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut state = self.conn.state();
        state.under_way.remove(&self.number);
        if self.answered {
            state.answered = Some(Instant::now());
            state.patient_at = None;
        } else if state.patient_at.is_none() && state.is_suspect(self.begun, &self.conn.limits) {
            state.patient_at = Some(Instant::now() + self.conn.limits.patience);
        }
    }
}

/// The connection to a cell.
pub(crate) type CellConn = Surrounded<Limiter>;

impl CellConn {
    pub(crate) fn new(cell: &str, inner: Arc<dyn Conn>, limits: CellLimits) -> Self {
        Self { inner, around: Limiter { cell: cell.to_owned(), limits, state: Mutex::default() } }
    }
}

impl Limiter {
    fn state(&self) -> MutexGuard<'_, State> {
        // Whole after a panic: each change is one of a field.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call that begins, and how long it may take.
    fn begin(&self) -> (UnderWay<'_>, Duration) {
        let begun = Instant::now();
        let mut state = self.state();
        if state.patient_at.is_none()
            && state.under_way.values().any(|at| state.is_suspect(*at, &self.limits))
        {
            state.patient_at = Some(begun + self.limits.patience);
        }
        let limit = match state.patient_at {
            None => self.limits.call,
            Some(at) if at <= begun => {
                state.patient_at = Some(begun + self.limits.patience);
                self.limits.call
            }
            Some(_) => self.limits.silent,
        };
        state.calls += 1;
        let number = state.calls;
        state.under_way.insert(number, begun);
        (UnderWay { conn: self, number, begun, answered: false }, limit)
    }
}

impl Around for Limiter {
    async fn call<T: Send>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let (mut under_way, limit) = self.begin();
        match timeout(limit, call).await {
            Ok(answer) => {
                under_way.answered = answer.as_ref().map_or_else(|e| kind(e) != ErrorKind::Timeout, |_| true);
                answer
            }
            Err(_) => {
                let text = format!("the lock server of cell {} did not answer within {limit:?}", self.cell);
                Err(Error::new(Condition::Timeout, text))
            }
        }
    }

    /// No lock of ours is in a cell; one that waits its turn is no sign of silence.
    async fn lock<T: Send>(&self, wait: impl Future<Output = Result<T>> + Send) -> Result<T> {
        wait.await
    }
}

#[cfg(test)]
mod tests;
