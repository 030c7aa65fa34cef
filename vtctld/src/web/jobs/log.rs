//! What is logged while a job runs: caught on its way to the process's own log.

use std::{
    fmt::{Debug, Write},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use serde::Serialize;
use tracing::{
    Dispatch, Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry,
};

use super::MAX_LINES;

/// One line.
#[derive(Debug, Clone, Serialize)]
pub(in crate::web) struct Line {
    /// In milliseconds since the epoch.
    pub at_ms: u64,
    pub level: &'static str,
    pub text: String,
}

#[derive(Debug, Default)]
pub(super) struct Log {
    pub lines: Vec<Line>,
    pub left_out: usize,
}

/// What a job runs under: keeps what is said at INFO and above, and hands everything on.
pub(super) fn subscriber(log: Arc<Mutex<Log>>) -> impl Subscriber + Send + Sync {
    let process = tracing::dispatcher::get_default(Dispatch::clone);
    registry().with(Catch { log, process })
}

struct Catch {
    log: Arc<Mutex<Log>>,
    process: Dispatch,
}

impl<S: Subscriber> Layer<S> for Catch {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if self.process.enabled(event.metadata()) {
            self.process.event(event);
        }
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            _ => return,
        };
        let mut text = Text::default();
        event.record(&mut text);
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        match log.lines.len() < MAX_LINES {
            true => log.lines.push(Line { at_ms, level, text: text.message + &text.fields }),
            false => log.left_out += 1,
        }
    }
}

/// An event's message, and its other fields behind it.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a text does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
