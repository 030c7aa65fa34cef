//! The audit log: a line for each statement and each login, which is not lost silently.
//!
//! A client has the end of its statement only when the file has the line ([`AuditLog::write`]). When the file does
//! not take lines (a full disk, a folder that is gone), the lines that are there are kept, and statements are
//! refused before they begin ([`AuditLog::check`]), until the file takes them again; or, with
//! `--audit-log-on-failure=continue`, statements go on, and lines that find no room are counted and told in the
//! log. A statement that ran while the file broke waits [`LINE_LIMIT`] at most for its line.

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::{Args, ValueEnum};
use servenv::{Context, Counter, Step};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};
use vterrors::{Condition, Error, Result};

use crate::{
    Format, Line, Reasons,
    query_log::{END_LIMIT, reopen_on_hangup},
    writer::{Message, Unwritten, Writer},
};

/// Lines that may wait.
const QUEUE_LINES: usize = 10_000;
/// How long a statement waits for its line to be in the file.
const LINE_LIMIT: Duration = Duration::from_secs(5);

/// What happens while the file takes no lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnFailure {
    // Statements and logins are refused.
    Refuse,
    // They go on; their lines may be lost, and are counted then.
    Continue,
}

/// Who touched which data.
#[derive(Debug, Clone, Args)]
pub struct AuditOptions {
    /// File that gets a line of JSON for each statement: who, from where, which tables and shards, how many rows,
    /// how it ended; no values and no text. And one for each login. Opened again on SIGHUP. None when not given
    #[arg(long, value_name = "FILE", help_heading = "Audit log")]
    pub audit_log_file: Option<PathBuf>,
    /// While that file cannot be written: refuse statements and logins, or continue and count the lines that are lost
    /// (AuditLogLost)
    #[arg(long, value_enum, default_value_t = OnFailure::Refuse, help_heading = "Audit log")]
    pub audit_log_on_failure: OnFailure,
}

impl Default for AuditOptions {
    /// As without any flag.
    fn default() -> Self {
        Self { audit_log_file: None, audit_log_on_failure: OnFailure::Refuse }
    }
}

/// See the module.
#[derive(Debug)]
pub struct AuditLog {
    writer: Writer,
    on_failure: OnFailure,
    refused: Counter,
}

impl AuditLog {
    /// Opens the file; none where none is given.
    pub fn start(options: &AuditOptions, reasons: &Reasons, context: &Context) -> Result<Option<Arc<Self>>> {
        let Some(path) = &options.audit_log_file else { return Ok(None) };
        let counters = (context.metrics.counter("AuditLogLines"), context.metrics.counter("AuditLogLost"));
        let writer = Writer::start(path, QUEUE_LINES, Unwritten::Keep, counters)
            .map_err(|e| e.context("--audit-log-file"))?;
        reopen_on_hangup(&writer, context)?;
        let shared = writer.shared.clone();
        context.metrics.publish("AuditLogFailing", move || u8::from(shared.fault().is_some()).into());
        reasons.add();
        let refused = context.metrics.counter("AuditLogRefused");
        Ok(Some(Arc::new(Self { writer, on_failure: options.audit_log_on_failure, refused })))
    }

    /// Before a statement reads or writes anything.
    ///
    /// Errors: the file takes no lines, and statements are to be refused then.
    pub fn check(&self) -> Result<()> {
        if self.on_failure == OnFailure::Continue {
            return Ok(());
        }
        match self.writer.shared.fault() {
            None => Ok(()),
            Some(fault) => {
                self.refused.inc();
                Err(Error::new(
                    Condition::FailedPrecondition,
                    format!("the audit log cannot be written, so nothing is executed: {fault}"),
                ))
            }
        }
    }

    /// Waits until the line is in the file, at most [`LINE_LIMIT`].
    pub async fn write(&self, line: &Line) {
        let text = line.render(Format::Json);
        if self.on_failure == OnFailure::Continue && self.writer.shared.fault().is_some() {
            self.offer(text);
            return;
        }
        let until = Instant::now() + LINE_LIMIT;
        let Ok(Some(place)) = timeout_at(until, self.writer.place()).await else {
            self.lost(1);
            return;
        };
        let (done, written) = oneshot::channel();
        place.send(Message::Line(text, Some(done)));
        // Later than the limit it is still in the queue, and the writer counts it if it is lost in the end.
        let _ = timeout_at(until, written).await;
    }

    /// Of a statement whose caller is gone: nobody waits.
    pub fn write_later(&self, line: &Line) {
        self.offer(line.render(Format::Json));
    }

    fn offer(&self, text: String) {
        if !self.writer.offer(text) {
            tell_lost();
        }
    }

    fn lost(&self, lines: u64) {
        self.writer.shared.lost.add(lines);
        tell_lost();
    }

    /// The shutdown step that sees the last lines written.
    pub fn end_step(&self) -> Step {
        let writer = self.writer.clone();
        Step::new("audit log is written", END_LIMIT, async move { writer.end().await })
    }
}

fn tell_lost() {
    tracing::error!("a line of the audit log is lost: its queue of {QUEUE_LINES} lines is full");
}
