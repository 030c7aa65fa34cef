//! What is told of a query: to the query log, and to traces.
//!
//! While nobody wants to know, a query pays one load and one branch for it ([`Observer::observe`]) and a branch on an
//! empty option where its parts are measured; nothing is allocated.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use proto::{
    query::{BoundQuery, QueryResult, Target, VtGateCallerId},
    vtrpc::CallerId,
};
use querylog::{Facts, Line, QueryLog, QueryLogOptions, Reasons, bind_values, seconds};
use servenv::{Context, Step};
use tracer::{Kind, Open, SpanContext, Tracer, TracerOptions};
use vterrors::{Error, Result};

use super::plan::Kind as Statement;

/// Bytes of a query's text in a line.
const MAX_TEXT_BYTES: usize = 16 << 10;

/// Who wants to know of queries.
#[derive(Debug)]
pub struct Observer {
    reasons: Reasons,
    pub query_log: Arc<QueryLog>,
    pub tracer: Option<Arc<Tracer>>,
}

impl Observer {
    /// Opens the log that the options name, and begins to send traces where they are asked for.
    pub fn start(options: &QueryLogOptions, tracer: &TracerOptions, context: &Context) -> Result<Self> {
        let reasons = Reasons::default();
        let query_log = QueryLog::start(options, &reasons, context)?;
        let tracer = Tracer::start(tracer, context)?;
        if tracer.is_some() {
            reasons.add();
        }
        Ok(Self { reasons, query_log, tracer })
    }

    /// What notes a query's parts; none while nobody wants to know.
    #[inline]
    pub fn observe(&self, ask: impl FnOnce() -> Asker) -> Option<Box<Observed>> {
        if self.reasons.any() { Some(Box::new(Observed::new(ask(), self.parent()))) } else { None }
    }

    /// The caller's span, where it traces.
    fn parent(&self) -> Option<SpanContext> {
        let told = self.tracer.as_ref().and_then(|_| rpc::trace_parent())?;
        SpanContext::parse(&told).filter(|p| p.sampled)
    }

    /// The steps of the shutdown that see the last lines written and the last spans sent.
    pub fn end_steps(&self) -> Vec<Step> {
        self.query_log.end_step().into_iter().chain(self.tracer.as_ref().map(Tracer::end_step)).collect()
    }
}

/// Who asks for what, of a request.
#[derive(Debug, Clone)]
pub struct Asker {
    pub method: &'static str,
    pub effective: Option<CallerId>,
    pub immediate: Option<VtGateCallerId>,
    pub target: Option<Target>,
    pub transaction_id: i64,
    pub reserved_id: i64,
}

/// The [`Asker`] of a request with callers and a target.
macro_rules! asker {
    ($method:literal, $request:expr) => {
        $crate::query::observe::Asker {
            method: $method,
            effective: $request.effective_caller_id.clone(),
            immediate: $request.immediate_caller_id.clone(),
            target: $request.target.clone(),
            transaction_id: 0,
            reserved_id: 0,
        }
    };
}
pub(crate) use asker;

/// One query while it runs.
#[derive(Debug)]
pub struct Observed {
    start: SystemTime,
    clock: Instant,
    asker: Asker,
    parts: Mutex<Parts>,
    /// The query's span, where its caller traces it.
    span: Option<Open>,
}

/// What took how long.
#[derive(Debug, Clone, Copy, Default)]
struct Parts {
    /// Opening the transaction or reserving the connection, with the wait for it.
    begin: Option<Part>,
    /// The id that it got.
    begun_id: i64,
    wait: Option<Part>,
    mysqld: Option<Part>,
}

#[derive(Debug, Clone, Copy)]
struct Part {
    /// Since the query's beginning.
    after: Duration,
    took: Duration,
}

/// How a query ended.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rows {
    pub returned: u64,
    pub affected: u64,
}

impl From<&Result<QueryResult>> for Rows {
    fn from(result: &Result<QueryResult>) -> Self {
        match result {
            Ok(r) if r.fields.is_empty() => Self { returned: 0, affected: r.rows_affected },
            Ok(r) => Self { returned: r.rows.len() as u64, affected: 0 },
            Err(_) => Self::default(),
        }
    }
}

impl Observed {
    fn new(asker: Asker, parent: Option<SpanContext>) -> Self {
        let span = parent.map(|p| Open::first(Some(p)));
        Self { start: SystemTime::now(), clock: Instant::now(), asker, parts: Mutex::default(), span }
    }

    /// So much of the time since the start is this.
    fn part(&self, began: Instant) -> Part {
        Part { after: began.saturating_duration_since(self.clock), took: began.elapsed() }
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The transaction or the reserved connection is there, under this id; 0 where there is none.
    pub fn begun(&self, id: i64) {
        let mut parts = self.parts();
        if id != 0 && self.asker.transaction_id == 0 && self.asker.reserved_id == 0 {
            parts.begin = Some(self.part(self.clock));
            parts.begun_id = id;
        }
    }

    /// Writes the line, and tells the spans.
    pub fn finish<T>(&self, observer: &Observer, query: Option<&BoundQuery>, rows: Rows, result: &Result<T>) {
        if let (Some(tracer), Some(span)) = (&observer.tracer, self.span) {
            self.trace(tracer, span, rows, result.as_ref().err());
        }
        let log = &observer.query_log;
        if !log.is_on() {
            return;
        }
        let took = self.clock.elapsed();
        let sql = query.map(|q| q.sql.as_bytes()).unwrap_or_default();
        let rows_most = rows.returned.max(rows.affected);
        if log.wants(&Facts { sql, rows: rows_most, took, failed: result.is_err() }) {
            log.write(&self.line(log, query, rows, took, result.as_ref().err()));
        }
    }

    fn trace(&self, tracer: &Tracer, span: Open, rows: Rows, error: Option<&Error>) {
        let parts = *self.parts();
        for (name, part) in [("begin", parts.begin), ("pool wait", parts.wait), ("mysqld", parts.mysqld)] {
            if let Some(Part { after, took }) = part {
                tracer.take(span.part(name, after, took));
            }
        }
        let target = self.asker.target.clone().unwrap_or_default();
        let done = span
            .end(format!("vttablet {}", self.asker.method), Kind::Server)
            .text("vt.keyspace", target.keyspace.as_str())
            .text("vt.shard", target.shard.as_str())
            .text("vt.tablet_type", vtmodel::tablet_type_lower(target.tablet_type()))
            .number("db.response.returned_rows", rows.returned)
            .errno(error.map(|e| e.mysql_code().errno));
        tracer.take(done);
    }

    fn line(
        &self,
        log: &QueryLog,
        query: Option<&BoundQuery>,
        rows: Rows,
        took: Duration,
        error: Option<&Error>,
    ) -> Line {
        let (asker, parts) = (&self.asker, *self.parts());
        let kind = query.map(|q| Statement::of(&q.sql).name()).unwrap_or_default();
        let mut line = Line::default();
        line.set_time("Start", self.start).set("Method", asker.method);
        let caller = asker.effective.as_ref();
        line.set("User", caller.map(|c| c.principal.as_str()).unwrap_or_default());
        line.set(
            "ImmediateCaller",
            asker.immediate.as_ref().map(|c| c.username.as_str()).unwrap_or_default(),
        );
        line.set("RemoteAddr", caller.map(|c| c.component.as_str()).unwrap_or_default());
        let target = asker.target.clone().unwrap_or_default();
        line.set("Keyspace", target.keyspace.as_str()).set("Shard", target.shard.as_str());
        line.set("TabletType", vtmodel::tablet_type_lower(target.tablet_type()));
        line.set("TransactionID", asker.transaction_id).set("ReservedID", asker.reserved_id);
        line.set("BegunID", parts.begun_id);
        line.set("PlanType", kind);
        line.set("RowsReturned", rows.returned).set("RowsAffected", rows.affected);
        let time = |part: Option<Part>| seconds(part.map_or(Duration::ZERO, |p| p.took));
        line.set("TotalTime", seconds(took)).set("BeginTime", time(parts.begin));
        line.set("ConnWaitTime", time(parts.wait)).set("MysqlTime", time(parts.mysqld));
        let text = query.map(|q| sqlast::redacted(q.sql.as_bytes(), &Default::default(), MAX_TEXT_BYTES));
        line.set("SQL", text.unwrap_or_default());
        if !log.redacts()
            && let Some(query) = query
        {
            line.set("BindVars", bind_values(&query.bind_variables));
        }
        line.set("Outcome", if error.is_some() { "error" } else { "ok" });
        line.set("Errno", error.map_or(0, |e| e.mysql_code().errno));
        if !log.redacts() {
            line.set("Error", error.map(|e| e.message()).unwrap_or_default());
        }
        if log.is_slow(took) {
            // To the tablet a plan is the kind of statement: the rest of it is the text.
            line.set("Plan", kind);
        }
        line
    }
}

/// A query as it goes through the service.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub query: &'a BoundQuery,
    pub options: Option<&'a proto::query::ExecuteOptions>,
    pub observed: Option<&'a Observed>,
}

impl Asked<'_> {
    /// Something that is measured begins; none where nobody wants to know.
    pub fn begins(&self) -> Option<Instant> {
        self.observed.map(|_| Instant::now())
    }

    /// The wait for a connection is over.
    pub fn waited(&self, began: Option<Instant>) {
        if let (Some(observed), Some(began)) = (self.observed, began) {
            observed.parts().wait = Some(observed.part(began));
        }
    }

    /// mysqld has answered.
    pub fn answered(&self, began: Option<Instant>) {
        if let (Some(observed), Some(began)) = (self.observed, began) {
            observed.parts().mysqld = Some(observed.part(began));
        }
    }
}

#[cfg(test)]
mod tests;
