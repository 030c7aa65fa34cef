//! What is told of a query: to the query log.
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
use servenv::Context;
use vterrors::{Error, Result};

use super::plan::Kind;

/// Bytes of a query's text in a line.
const MAX_TEXT_BYTES: usize = 16 << 10;

/// Who wants to know of queries.
#[derive(Debug)]
pub struct Observer {
    reasons: Reasons,
    pub query_log: Arc<QueryLog>,
}

impl Observer {
    /// Opens the log that the options name.
    pub fn start(options: &QueryLogOptions, context: &Context) -> Result<Self> {
        let reasons = Reasons::default();
        let query_log = QueryLog::start(options, &reasons, context)?;
        Ok(Self { reasons, query_log })
    }

    /// What notes a query's parts; none while nobody wants to know.
    #[inline]
    pub fn observe(&self, ask: impl FnOnce() -> Asker) -> Option<Box<Observed>> {
        if self.reasons.any() { Some(Box::new(Observed::new(ask()))) } else { None }
    }
}

/// Who asks for what, of a request.
#[derive(Debug)]
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
    fn new(asker: Asker) -> Self {
        Self { start: SystemTime::now(), clock: Instant::now(), asker, parts: Mutex::default() }
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The transaction or the reserved connection is there, under this id; 0 where there is none.
    pub fn begun(&self, id: i64) {
        let mut parts = self.parts();
        if id != 0 && self.asker.transaction_id == 0 && self.asker.reserved_id == 0 {
            parts.begin = Some(Part { took: self.clock.elapsed() });
            parts.begun_id = id;
        }
    }

    /// Writes the line.
    pub fn finish<T>(&self, observer: &Observer, query: Option<&BoundQuery>, rows: Rows, result: &Result<T>) {
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

    fn line(
        &self,
        log: &QueryLog,
        query: Option<&BoundQuery>,
        rows: Rows,
        took: Duration,
        error: Option<&Error>,
    ) -> Line {
        let (asker, parts) = (&self.asker, *self.parts());
        let kind = query.map(|q| Kind::of(&q.sql).name()).unwrap_or_default();
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
            observed.parts().wait = Some(Part { took: began.elapsed() });
        }
    }

    /// mysqld has answered.
    pub fn answered(&self, began: Option<Instant>) {
        if let (Some(observed), Some(began)) = (self.observed, began) {
            observed.parts().mysqld = Some(Part { took: began.elapsed() });
        }
    }
}

#[cfg(test)]
mod tests;
