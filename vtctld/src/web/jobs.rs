//! Operations under way and the last ones that ended, each with what was logged while it ran.
//!
//! A job runs on the threads that serve, not on the admin server's, and goes on when its viewer leaves. Its log is what
//! the code it runs says through `tracing`: the same lines go to the process's log. Kept in memory: [`KEPT`] jobs of at
//! most [`MAX_LINES`] lines; what lasts is the history in the topology.

mod log;

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Instant, SystemTime},
};

use serde::Serialize;
use serde_json::Value;
use servenv::{Context, Cores};
use tracing::instrument::WithSubscriber;
use vterrors::{Condition, Error, Result};

pub(super) use log::Line;

/// Jobs that are remembered.
const KEPT: usize = 100;
/// Jobs that run at a time.
const MAX_RUNNING: usize = 16;
/// Lines of a job's log; later ones are counted.
const MAX_LINES: usize = 1_000;

/// What a job does; its answer as JSON.
pub(super) type Work = Pin<Box<dyn Future<Output = Result<Value>> + Send>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Running,
    Done,
    Failed,
}

/// A job as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct JobView {
    pub id: u64,
    pub name: &'static str,
    pub who: String,
    pub state: State,
    /// In milliseconds since the epoch.
    pub begun_ms: u64,
    pub took_ms: u64,
    pub request: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<Vec<Line>>,
    pub log_lines: usize,
    pub lines_left_out: usize,
}

struct Job {
    id: u64,
    name: &'static str,
    who: String,
    request: Value,
    begun: (SystemTime, Instant),
    log: Arc<Mutex<log::Log>>,
    /// When it ended, and how.
    end: Mutex<Option<(Instant, Result<Value>)>>,
}

/// The jobs of this process.
pub(super) struct Jobs {
    cores: Cores,
    next: AtomicU64,
    kept: Mutex<VecDeque<Arc<Job>>>,
}

impl Jobs {
    pub fn new(context: &Context) -> Self {
        Self { cores: context.cores.clone(), next: AtomicU64::new(1), kept: Mutex::default() }
    }

    fn with<T>(&self, f: impl FnOnce(&mut VecDeque<Arc<Job>>) -> T) -> T {
        f(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Starts a job; its number.
    pub fn begin(&self, name: &'static str, who: &str, request: Value, work: Work) -> Result<u64> {
        let job = Arc::new(Job {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            name,
            who: who.to_owned(),
            request,
            begun: (SystemTime::now(), Instant::now()),
            log: Arc::default(),
            end: Mutex::default(),
        });
        self.with(|kept| {
            if kept.iter().filter(|job| job.state() == State::Running).count() >= MAX_RUNNING {
                let text =
                    format!("{MAX_RUNNING} operations run already, the most at a time: wait until one ends");
                return Err(Error::new(Condition::PoolFull, text));
            }
            kept.push_front(job.clone());
            // Those that run are never forgotten; there are few.
            while kept.len() > KEPT
                && let Some(oldest) = kept.iter().rposition(|job| job.state() != State::Running)
            {
                kept.remove(oldest);
            }
            Ok(())
        })?;
        let id = job.id;
        let subscriber = log::subscriber(job.log.clone());
        self.cores.next().spawn(run(job, work).with_subscriber(subscriber));
        Ok(id)
    }

    /// The jobs without their logs, newest first.
    pub fn list(&self) -> Vec<JobView> {
        self.with(|kept| kept.iter().map(|job| job.view(None)).collect())
    }

    /// A job with the lines of its log from `after` on.
    pub fn show(&self, id: u64, after: usize) -> Option<JobView> {
        self.with(|kept| kept.iter().find(|job| job.id == id).cloned()).map(|job| job.view(Some(after)))
    }
}

/// Runs a job in a task of its own, so that one that panics is told of as failed.
async fn run(job: Arc<Job>, work: Work) {
    tracing::info!("{} begins, asked for by {}", job.name, job.who);
    let done = match tokio::spawn(work.with_current_subscriber()).await {
        Ok(done) => done,
        Err(e) => Err(Error::internal(format!("its task failed: {e}"))),
    };
    match &done {
        Ok(_) => tracing::info!("{} done", job.name),
        Err(e) => tracing::error!("{} failed: {e}", job.name),
    }
    *job.end.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), done));
}

impl Job {
    fn state(&self) -> State {
        match &*self.end.lock().unwrap_or_else(PoisonError::into_inner) {
            None => State::Running,
            Some((_, Ok(_))) => State::Done,
            Some((_, Err(_))) => State::Failed,
        }
    }

    fn view(&self, log_after: Option<usize>) -> JobView {
        let state = self.state();
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ended = end.as_ref().map_or_else(Instant::now, |(at, _)| *at);
        let (answer, error) = match end.map(|(_, done)| done) {
            Some(Ok(answer)) => (Some(answer).filter(|_| log_after.is_some()), None),
            Some(Err(e)) => (None, Some(e.to_string())),
            None => (None, None),
        };
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        JobView {
            id: self.id,
            name: self.name,
            who: self.who.clone(),
            state,
            begun_ms: millis(self.begun.0.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()),
            took_ms: millis(ended.duration_since(self.begun.1)),
            request: self.request.clone(),
            answer,
            error,
            log: log_after.map(|after| log.lines.iter().skip(after).cloned().collect()),
            log_lines: log.lines.len(),
            lines_left_out: log.left_out,
        }
    }
}

#[cfg(test)]
mod tests;
