//! The threads that serve: a runtime each, which share nothing.
//!
//! A connection belongs to one of them. What it asks for is read, decided, asked of the next process and
//! answered there, without waking another thread: with one runtime over several threads, each step of a query
//! may be found by another thread, which has to be woken for it. Within a thread tasks run in the order in
//! which they became ready, so that what several queries have to say to the same peer leaves in one write.
//!
//! The first of them is the process's main thread, where everything else runs as well.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;
use vterrors::{Error, Result};

/// How long work that blocks may hold up the end of a thread.
const END_LIMIT: Duration = Duration::from_secs(1);

/// The runtimes of a process's connections. Cheap to clone; by default there is only the caller's own.
#[derive(Clone, Default)]
pub struct Cores {
    handles: Arc<[Handle]>,
    turn: Arc<AtomicUsize>,
    others: Arc<Others>,
}

#[derive(Default)]
struct Others {
    stop: CancellationToken,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Cores {
    /// The caller's runtime, and `threads - 1` others on threads of their own. To be called in a runtime.
    pub(crate) fn start(threads: usize) -> Result<Self> {
        let mut handles = vec![Handle::current()];
        let others = Others::default();
        for core in 1..threads {
            let runtime = Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|e| Error::internal(format!("cannot start a runtime: {e}")))?;
            handles.push(runtime.handle().clone());
            let stop = others.stop.clone();
            let thread = std::thread::Builder::new()
                .name(format!("core-{core}"))
                .spawn(move || {
                    runtime.block_on(stop.cancelled());
                    runtime.shutdown_timeout(END_LIMIT);
                })
                .map_err(|e| Error::internal(format!("cannot start a thread: {e}")))?;
            others.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
        Ok(Self { handles: handles.into(), turn: Arc::default(), others: Arc::new(others) })
    }

    /// All of them; empty for the caller's alone.
    pub fn handles(&self) -> Arc<[Handle]> {
        self.handles.clone()
    }

    /// Where the next connection goes: each in turn.
    pub fn next(&self) -> Handle {
        match self.handles.len() {
            0 => Handle::current(),
            n => self.handles[self.turn.fetch_add(1, Ordering::Relaxed) % n].clone(),
        }
    }

    /// Ends the other threads; what still runs there is dropped.
    pub(crate) fn stop(&self) {
        self.others.stop.cancel();
        let threads =
            std::mem::take(&mut *self.others.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A panic there was told by its task.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[tokio::test]
    async fn each_core_is_a_thread_and_gets_its_turn() {
        let cores = Cores::start(3).unwrap();
        assert_eq!(cores.handles().len(), 3);
        let mut threads = HashSet::new();
        for _ in 0..6 {
            let thread = cores.next().spawn(async { std::thread::current().id() });
            threads.insert(thread.await.unwrap());
        }
        assert_eq!(threads.len(), 3);
        let forever = cores.handles()[1].spawn(std::future::pending::<()>());
        cores.stop();
        assert!(forever.await.unwrap_err().is_cancelled());
    }

    #[tokio::test]
    async fn without_cores_it_is_the_callers_own() {
        assert_eq!(Cores::default().next().id(), Handle::current().id());
    }
}
