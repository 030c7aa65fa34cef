//! Going down in order: a list of named steps, each with a limit.

use std::{pin::Pin, time::Duration};

use tracing::{info, warn};

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One step of a shutdown. A step that takes longer than its limit is left behind and named in the log.
pub struct Step {
    name: &'static str,
    limit: Duration,
    work: Work,
}

impl Step {
    pub fn new(name: &'static str, limit: Duration, work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { name, limit, work: Box::pin(work) }
    }
}

/// Carries the steps out one after the other.
pub(crate) async fn execute(steps: Vec<Step>) {
    for Step { name, limit, work } in steps {
        let started = tokio::time::Instant::now();
        match tokio::time::timeout(limit, work).await {
            Ok(()) => info!(step = name, took = ?started.elapsed(), "shutdown step done"),
            Err(_) => warn!(step = name, ?limit, "shutdown step took longer than its limit"),
        }
    }
}
