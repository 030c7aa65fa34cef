//! The query log: a line for each query that the filter wants, to a file and to those who look at its page.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use servenv::{Context, Counter, Step};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::broadcast,
};
use vterrors::{Error, Result};

use crate::{
    Facts, Filter, Format, Line, QueryLogOptions, page,
    writer::{Unwritten, Writer},
};

/// Lines that one who looks at the page may be behind.
const VIEWER_LINES: usize = 256;
/// How long the end of the process waits for lines to be written.
pub(crate) const END_LIMIT: Duration = Duration::from_secs(5);

/// How many want to know of each query now: logs that are on, people who look. Nobody: a query costs one load of
/// it and one branch.
#[derive(Debug, Clone, Default)]
pub struct Reasons(Arc<AtomicUsize>);

impl Reasons {
    #[inline]
    pub fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// One more, for good.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// See the module. Handed out as an `Arc`.
#[derive(Debug)]
pub struct QueryLog {
    reasons: Reasons,
    filter: Filter,
    format: Format,
    redact: bool,
    writer: Option<Writer>,
    viewers: broadcast::Sender<Arc<str>>,
    dropped: Counter,
}

impl QueryLog {
    /// Opens the file, if one is given, and adds the page `/debug/querylog`.
    pub fn start(options: &QueryLogOptions, reasons: &Reasons, context: &Context) -> Result<Arc<Self>> {
        options.validate()?;
        let written = context.metrics.counter("QueryLogLines");
        let dropped = context.metrics.counter("QueryLogDropped");
        let writer = match &options.log_queries_to_file {
            None => None,
            Some(path) => {
                let counters = (written, dropped.clone());
                let writer = Writer::start(path, options.querylog_buffer_size, Unwritten::Drop, counters)?;
                reopen_on_hangup(&writer, context)?;
                reasons.add();
                Some(writer)
            }
        };
        let log = Arc::new(Self {
            reasons: reasons.clone(),
            filter: options.filter(),
            format: options.querylog_format,
            redact: options.redact_debug_ui_queries,
            writer,
            viewers: broadcast::Sender::new(VIEWER_LINES),
            dropped,
        });
        context.pages.add_routes(page::routes(&log));
        Ok(log)
    }

    /// A log that nobody reads, for tests and tools.
    pub fn off() -> Arc<Self> {
        Arc::new(Self {
            reasons: Reasons::default(),
            filter: QueryLogOptions::default().filter(),
            format: Format::Text,
            redact: true,
            writer: None,
            viewers: broadcast::Sender::new(1),
            dropped: Counter::default(),
        })
    }

    /// Whether anybody would read a line.
    pub fn is_on(&self) -> bool {
        self.writer.is_some() || self.viewers.receiver_count() > 0
    }

    /// Lines are without values.
    pub fn redacts(&self) -> bool {
        self.redact
    }

    /// Whether a query took so long that its line carries the plan.
    pub fn is_slow(&self, took: Duration) -> bool {
        !self.filter.time.is_zero() && took >= self.filter.time
    }

    pub fn wants(&self, facts: &Facts<'_>) -> bool {
        self.filter.wants(facts, rand::random)
    }

    /// Never waits: a line that does not fit is dropped and counted.
    pub fn write(&self, line: &Line) {
        let text = line.render(self.format);
        if self.viewers.receiver_count() > 0 {
            // Nobody is left: then nobody misses it.
            let _ = self.viewers.send(text.as_str().into());
        }
        if let Some(writer) = &self.writer {
            writer.offer(text);
        }
    }

    /// Waits until every line handed over is in the file; later ones are dropped.
    pub async fn end(&self) {
        if let Some(writer) = &self.writer {
            writer.end().await;
        }
    }

    /// The shutdown step that sees the last lines written.
    pub fn end_step(&self) -> Option<Step> {
        let writer = self.writer.clone()?;
        Some(Step::new("query log is written", END_LIMIT, async move { writer.end().await }))
    }

    /// Lines from now on, for as long as the viewer is kept.
    pub(crate) fn view(self: &Arc<Self>) -> Viewer {
        let lines = self.viewers.subscribe();
        self.reasons.add();
        Viewer { log: self.clone(), lines }
    }
}

/// One who looks at the page.
pub(crate) struct Viewer {
    log: Arc<QueryLog>,
    lines: broadcast::Receiver<Arc<str>>,
}

impl Viewer {
    /// The next line; those that came too fast to be read are counted as dropped. None when the log ends.
    pub async fn next(&mut self) -> Option<Arc<str>> {
        loop {
            match self.lines.recv().await {
                Ok(line) => return Some(line),
                Err(broadcast::error::RecvError::Lagged(n)) => self.log.dropped.add(n),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.log.reasons.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// SIGHUP is what programs that rotate files send.
pub(crate) fn reopen_on_hangup(writer: &Writer, context: &Context) -> Result<()> {
    let mut hangups = signal(SignalKind::hangup())
        .map_err(|e| Error::internal(format!("cannot listen for SIGHUP: {e}")))?;
    let writer = writer.clone();
    context.spawn("log files are opened again", async move {
        while hangups.recv().await.is_some() {
            writer.reopen();
        }
    });
    Ok(())
}
