//! What the tablet tells about itself to everyone who listens: the StreamHealth streams.
//!
//! The state (who it is, whether it serves) comes from [`crate::state`]; whether it is well comes from
//! [`Looks`]. A message goes out at every change and at every tick of the health check interval. A stream
//! that cannot keep up is ended: its listener connects again and starts from the whole picture.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use proto::{
    query::{RealtimeStats, StreamHealthResponse},
    topodata::TabletAlias,
};
use tokio::sync::broadcast;

use super::schema::Changes;
use crate::state::{Phase, Serving};

/// Messages that a slow stream may lag behind.
const QUEUE: usize = 64;
/// A change of lag that is worth a message between two ticks, in seconds.
const LAG_STEP: u32 = 5;

/// What a look at mysqld saw.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Looks {
    /// Why the tablet is not well; empty when it is.
    pub error: String,
    /// Seconds behind the primary; 0 on a primary.
    pub lag_seconds: u32,
}

/// Makes the messages and sends them to all streams.
#[derive(Debug)]
pub struct HealthStreamer {
    alias: TabletAlias,
    serving: Serving,
    looks: Mutex<Looks>,
    /// The tablet still serves but is about to stop.
    leaving: AtomicBool,
    sender: broadcast::Sender<Arc<StreamHealthResponse>>,
    /// The admitted requests at the last message, for queries per second.
    rate: Mutex<Rate>,
}

#[derive(Debug, Default)]
struct Rate {
    admitted: u64,
    at: Option<tokio::time::Instant>,
    qps: f64,
}

impl HealthStreamer {
    pub fn new(alias: TabletAlias, serving: Serving) -> Self {
        Self {
            alias,
            serving,
            looks: Mutex::default(),
            leaving: AtomicBool::new(false),
            sender: broadcast::Sender::new(QUEUE),
            rate: Mutex::default(),
        }
    }

    /// What a stream starts with, and what follows it.
    pub fn subscribe(&self) -> (StreamHealthResponse, broadcast::Receiver<Arc<StreamHealthResponse>>) {
        let receiver = self.sender.subscribe();
        (self.current(Changes::default()), receiver)
    }

    pub fn looks(&self) -> Looks {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over what a look saw; sends a message when it matters.
    pub fn saw(&self, looks: Looks) {
        let news = {
            let mut last = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
            let news = last.error != looks.error || last.lag_seconds.abs_diff(looks.lag_seconds) >= LAG_STEP;
            *last = looks;
            news
        };
        if news {
            self.broadcast(Changes::default());
        }
    }

    /// Says that the tablet is about to stop serving.
    pub fn set_leaving(&self, leaving: bool) {
        if self.leaving.swap(leaving, Ordering::Relaxed) != leaving && leaving {
            self.broadcast(Changes::default());
        }
    }

    /// Sends a message to everyone, with what changed in the schema.
    pub fn broadcast(&self, changes: Changes) {
        let message = self.current(changes);
        // An error only says that nobody listens.
        let _ = self.sender.send(Arc::new(message));
    }

    /// Streams open now.
    pub fn listeners(&self) -> usize {
        self.sender.receiver_count()
    }

    /// Whether the tablet serves and is well; the reason when not.
    pub fn verdict(&self) -> Result<(), String> {
        let snapshot = self.serving.snapshot();
        let looks = self.looks();
        match (snapshot.phase, looks.error.is_empty()) {
            (Phase::Serving, true) => Ok(()),
            (Phase::Serving, false) => Err(looks.error),
            (phase, _) => Err(format!("{}: {}", phase.name(), snapshot.reason)),
        }
    }

    fn current(&self, changes: Changes) -> StreamHealthResponse {
        let snapshot = self.serving.snapshot();
        let looks = self.looks();
        StreamHealthResponse {
            target: Some((&snapshot.target).into()),
            serving: snapshot.phase == Phase::Serving
                && looks.error.is_empty()
                && !self.leaving.load(Ordering::Relaxed),
            primary_term_start_timestamp: snapshot.primary_term_start,
            tablet_alias: Some(self.alias.clone()),
            realtime_stats: Some(RealtimeStats {
                health_error: looks.error,
                replication_lag_seconds: looks.lag_seconds,
                qps: self.queries_per_second(),
                table_schema_changed: changes.tables,
                view_schema_changed: changes.views,
                ..RealtimeStats::default()
            }),
        }
    }

    fn queries_per_second(&self) -> f64 {
        let mut last = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, admitted) = (tokio::time::Instant::now(), self.serving.admitted());
        if let Some(at) = last.at {
            let took = now.duration_since(at);
            if took < Duration::from_secs(1) {
                return last.qps;
            }
            last.qps = (admitted - last.admitted) as f64 / took.as_secs_f64();
        }
        (last.at, last.admitted) = (Some(now), admitted);
        last.qps
    }
}
