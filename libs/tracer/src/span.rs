//! One span: a piece of work with a name, a beginning and an end.

use std::time::{Duration, Instant, SystemTime};

use crate::SpanContext;

/// What side of a call a span is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Internal,
    Server,
    Client,
}

/// What a span tells beside its name. Never a value of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    Text(&'static str, String),
    Number(&'static str, i64),
}

/// A span that is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub context: SpanContext,
    /// None at the root of a trace.
    pub parent: Option<[u8; 8]>,
    pub name: String,
    pub kind: Kind,
    pub start: SystemTime,
    pub took: Duration,
    pub attributes: Vec<Attribute>,
    /// What went wrong, without a value of the query.
    pub error: Option<String>,
}

/// A span that has begun.
#[derive(Debug, Clone, Copy)]
pub struct Open {
    pub context: SpanContext,
    parent: Option<[u8; 8]>,
    start: SystemTime,
    clock: Instant,
}

impl Open {
    /// The first span of this process: below `parent`, where there is one.
    pub fn first(parent: Option<SpanContext>) -> Self {
        let context = parent.map_or_else(SpanContext::new_root, |p| p.child());
        Self { context, parent: parent.map(|p| p.span_id), start: SystemTime::now(), clock: Instant::now() }
    }

    /// One below this one, which begins now.
    pub fn child(&self) -> Self {
        Self::first(Some(self.context))
    }

    /// It ends now.
    pub fn end(self, name: impl Into<String>, kind: Kind) -> Span {
        self.lasted(name, kind, self.clock.elapsed())
    }

    /// One below this one that was measured otherwise: it began so long after this one.
    pub fn part(&self, name: impl Into<String>, after: Duration, took: Duration) -> Span {
        let start = self.start + after;
        Self { start, ..self.child() }.lasted(name, Kind::Internal, took)
    }

    fn lasted(self, name: impl Into<String>, kind: Kind, took: Duration) -> Span {
        let Self { context, parent, start, .. } = self;
        Span { context, parent, name: name.into(), kind, start, took, attributes: Vec::new(), error: None }
    }
}

impl Span {
    pub fn text(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push(Attribute::Text(name, value.into()));
        self
    }

    pub fn number(mut self, name: &'static str, value: u64) -> Self {
        self.attributes.push(Attribute::Number(name, i64::try_from(value).unwrap_or(i64::MAX)));
        self
    }

    /// MySQL's number of an error, whose text may quote values.
    pub fn errno(mut self, errno: Option<u16>) -> Self {
        if let Some(errno) = errno {
            self.error = Some(format!("error {errno}"));
            self = self.number("db.response.status_code", errno.into());
        }
        self
    }
}
