//! The spans of a traced statement: its own, its plan's, one for each call to a shard, and those of what is gathered.

use std::{ops::Deref, sync::Arc};

use discovery::TabletHealth;
use proto::query::StreamExecuteResponse;
use tabletclient::QueryService;
use tracer::{Kind, Open, Span, SpanContext, Tracer};
use vterrors::{Error, Result};
use vtmodel::Target;

use super::{
    lines,
    statement::{End, Observed, Seen},
};

/// MySQL's "query execution was interrupted": nobody waits for it any more.
const INTERRUPTED: u16 = 1317;

/// The trace that a statement belongs to.
#[derive(Debug)]
pub(super) struct Trace {
    tracer: Arc<Tracer>,
    root: Open,
}

impl Trace {
    /// None for a statement that is not traced.
    pub fn of(tracer: Option<&Arc<Tracer>>, sql: &[u8]) -> Option<Self> {
        let tracer = tracer?;
        let parent = tracer.decide(tracer::of_sql(sql))?;
        Some(Self { tracer: tracer.clone(), root: Open::first(parent) })
    }

    /// The statement is done.
    pub fn finish(&self, o: &Observed, seen: &Seen, end: &End<'_>) {
        if let Some(took) = seen.planned {
            self.tracer.take(self.root.part("plan", std::time::Duration::ZERO, took));
        }
        let errno = match &end.result {
            Some(Ok(())) => None,
            Some(Err(e)) => Some(e.mysql_code().errno),
            None => Some(INTERRUPTED),
        };
        let kind = lines::statement_type(o, seen);
        let tables: Vec<_> = seen.tables.iter().map(String::as_str).collect();
        let span = self.root.end(format!("vtgate {kind}"), Kind::Server);
        let span = span
            .text("db.system.name", "mysql")
            .text("db.namespace", o.target.as_str())
            .text("db.operation.name", kind)
            .text("db.collection.name", tables.join(","))
            .text("db.query.text", lines::text(o, seen))
            .text("vt.plan", seen.plan.as_ref().map(|p| p.kind()).unwrap_or_default())
            .text("enduser.id", o.caller.user.as_str())
            .number("vt.shards", seen.shards.len() as u64)
            .number("db.response.returned_rows", end.rows)
            .errno(errno);
        self.tracer.take(span);
    }
}

impl Observed {
    /// A span of the statement that begins now; none where it is not traced.
    pub fn open_span(&self) -> Option<Open> {
        self.trace.as_ref().map(|t| t.root.child())
    }

    /// A call to a shard is done, with so many rows.
    pub fn close_call(&self, span: Open, name: &str, target: &Target, rows: Result<u64, &Error>) {
        let errno = rows.as_ref().err().map(|e| e.mysql_code().errno);
        self.close(span, name, target, |span| {
            span.number("db.response.returned_rows", rows.unwrap_or_default()).errno(errno)
        });
    }

    /// A span of work on a tablet is done; `with` says what there is to tell beside where.
    fn close(&self, span: Open, name: &str, target: &Target, with: impl FnOnce(Span) -> Span) {
        let Some(trace) = &self.trace else { return };
        let span = span
            .end(name, Kind::Client)
            .text("vt.keyspace", target.keyspace.as_str())
            .text("vt.shard", target.shard.as_str())
            .text("vt.tablet_type", vtmodel::tablet_type_lower(target.tablet_type));
        trace.tracer.take(with(span));
    }
}

/// A stream from a shard while it is read: its span ends with it.
pub struct OpenCall {
    observed: Arc<Observed>,
    span: Open,
    target: Target,
    rows: u64,
    fault: Option<Error>,
}

impl OpenCall {
    pub fn new(observed: &Arc<Observed>, span: Open, target: &Target) -> Self {
        Self { observed: observed.clone(), span, target: target.clone(), rows: 0, fault: None }
    }

    pub fn next(&mut self, item: &Result<StreamExecuteResponse>) {
        match item {
            Ok(message) => self.rows += message.result.as_ref().map_or(0, |r| r.rows.len() as u64),
            Err(e) => self.fault = Some(e.clone()),
        }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        let rows = self.fault.as_ref().map_or(Ok(self.rows), Err);
        self.observed.close_call(self.span, "shard call", &self.target, rows);
    }
}

/// Work of several calls on one tablet: its span lasts from here until [`OpenWork::end`]. One that is dropped before was
/// interrupted.
pub struct OpenWork {
    observed: Arc<Observed>,
    span: Open,
    name: &'static str,
    target: Target,
    /// `keyspace.table`, where it is about one.
    table: String,
    done: bool,
}

impl OpenWork {
    /// None where the statement is not traced.
    pub fn begin(observed: Option<&Arc<Observed>>, name: &'static str, target: &Target) -> Option<Self> {
        let observed = observed?;
        let span = observed.open_span()?;
        let (observed, target) = (observed.clone(), target.clone());
        Some(Self { observed, span, name, target, table: String::new(), done: false })
    }

    pub fn about(&mut self, table: String) {
        self.table = table;
    }

    pub fn context(&self) -> SpanContext {
        self.span.context
    }

    /// It is done, with so many rows, or failed with MySQL's number of an error.
    pub fn end(mut self, rows: Result<u64, &Error>) {
        let errno = rows.as_ref().err().map(|e| e.mysql_code().errno);
        self.tell(rows.unwrap_or_default(), errno);
    }

    fn tell(&mut self, rows: u64, errno: Option<u16>) {
        self.done = true;
        let table = std::mem::take(&mut self.table);
        self.observed.close(self.span, self.name, &self.target, |span| {
            let span = if table.is_empty() { span } else { span.text("db.collection.name", table) };
            span.number("db.response.returned_rows", rows).errno(errno)
        });
    }
}

impl Drop for OpenWork {
    fn drop(&mut self) {
        if !self.done {
            self.tell(0, Some(INTERRUPTED));
        }
    }
}

/// A tablet's service: its own, or one whose calls say which span they belong to.
pub enum Service<'t> {
    Plain(&'t Arc<dyn QueryService>),
    Traced(Arc<dyn QueryService>),
}

impl<'t> Service<'t> {
    /// One branch for a call that is not traced.
    pub fn of(tablet: &'t TabletHealth, span: Option<SpanContext>) -> Self {
        match span.and_then(|span| tablet.service.traced(&span.to_string())) {
            None => Self::Plain(&tablet.service),
            Some(traced) => Self::Traced(traced),
        }
    }
}

impl Deref for Service<'_> {
    type Target = dyn QueryService;

    fn deref(&self) -> &(dyn QueryService + 'static) {
        match self {
            Self::Plain(service) => &***service,
            Self::Traced(service) => &**service,
        }
    }
}
