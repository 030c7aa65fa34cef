//! What a service is handed when it starts.

use std::{sync::Arc, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument, error_span};

use crate::{AdminPages, Cores, Metrics};

/// The process around a service: metrics, pages, the tasks that belong to it, the threads that serve, and the
/// sign to stop.
#[derive(Clone)]
pub struct Context {
    pub program: &'static str,
    pub metrics: Arc<Metrics>,
    pub pages: AdminPages,
    /// Where connections are placed.
    pub cores: Cores,
    /// Cancelled after the last shutdown step: every task ends.
    pub stop: CancellationToken,
    tasks: TaskTracker,
}

impl Context {
    pub fn new(program: &'static str) -> Self {
        Self {
            program,
            metrics: Arc::default(),
            pages: AdminPages::default(),
            cores: Cores::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    pub(crate) fn on_cores(mut self, cores: Cores) -> Self {
        self.cores = cores;
        self
    }

    /// Runs a task under a name until it ends by itself or the process stops.
    pub fn spawn(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let work = self.until_stop(work);
        self.tasks.spawn(work.instrument(error_span!("task", name)));
    }

    /// The same on the next of the threads that serve: for many tasks of a kind.
    pub fn spawn_on_cores(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let work = self.until_stop(work);
        self.tasks.spawn_on(work.instrument(error_span!("task", name)), &self.cores.next());
    }

    fn until_stop(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let stop = self.stop.clone();
        async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = work => {}
            }
        }
    }

    /// Tells every task to end and waits for them, at most `limit`.
    pub async fn stop_tasks(&self, limit: Duration) {
        self.stop.cancel();
        self.tasks.close();
        let _ = tokio::time::timeout(limit, self.tasks.wait()).await;
    }
}
