//! What is known of one statement, gathered while it runs. Calls to shards run side by side, so it is behind a lock;
//! only who is observed pays for it.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use planner::Plan;
use querylog::Facts;
use sqlast::ParseOptions;
use sqltypes::BindVars;
use vterrors::{Error, Result};
use vtmodel::Target;

use super::{Observer, lines, spans::Trace};
use crate::{
    executor::Outcome,
    session::{Caller, Session},
};

/// Bytes of a text that are kept, for its line and for the filter's tag.
const MAX_TEXT_BYTES: usize = 64 << 10;

/// See the module.
#[derive(Debug)]
pub struct Observed {
    pub(super) start: SystemTime,
    clock: Instant,
    pub(super) method: &'static str,
    pub(super) caller: Caller,
    pub(super) connection: u32,
    pub(super) session: String,
    /// The session's target, as USE takes it.
    pub(super) target: String,
    pub(super) tablet_type: &'static str,
    pub(super) sql: Vec<u8>,
    pub(super) options: ParseOptions,
    keeps_values: bool,
    rows: AtomicU64,
    pub(super) trace: Option<Trace>,
    seen: Mutex<Seen>,
}

/// What came while it ran.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub plan: Option<Arc<Plan>>,
    /// Only where the query log tells values.
    pub binds: BindVars,
    /// The plan came from the cache.
    pub cached: bool,
    /// From the start until the plan was there.
    pub planned: Option<Duration>,
    pub commit: Duration,
    /// Calls to shards.
    pub calls: u64,
    /// `keyspace/shard`.
    pub shards: BTreeSet<String>,
    /// `keyspace.table`.
    pub tables: BTreeSet<String>,
}

/// How a statement ended.
#[derive(Debug)]
pub(super) struct End<'a> {
    pub took: Duration,
    pub rows: u64,
    pub affected: u64,
    /// None for a statement that was dropped in the middle.
    pub result: Option<Result<(), &'a Error>>,
}

impl End<'_> {
    pub fn error(&self) -> Option<&Error> {
        self.result.as_ref().and_then(|r| r.err())
    }
}

impl Observed {
    pub fn new(observer: &Observer, session: &Session, sql: &[u8], options: ParseOptions) -> Self {
        Self {
            start: SystemTime::now(),
            clock: Instant::now(),
            method: if session.olap { "StreamExecute" } else { "Execute" },
            caller: session.caller.clone(),
            connection: session.id,
            session: session.uuid.clone(),
            target: session.target.to_string(),
            tablet_type: vtmodel::tablet_type_lower(session.tablet_type()),
            sql: sql[..sql.len().min(MAX_TEXT_BYTES)].to_vec(),
            options,
            keeps_values: observer.query_log.is_on() && !observer.query_log.redacts(),
            rows: AtomicU64::new(0),
            trace: Trace::of(observer.tracer.as_ref(), sql),
            seen: Mutex::default(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take_seen(&self) -> Seen {
        std::mem::take(&mut *self.seen())
    }

    pub fn add_rows(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// The statement's plan is there; a plan of a statement within it (EXECUTE) counts as its own.
    pub fn planned(&self, plan: &Arc<Plan>, binds: &BindVars, cached: bool) {
        let mut seen = self.seen();
        seen.planned = seen.planned.or(Some(self.clock.elapsed()));
        seen.cached = cached;
        if self.keeps_values {
            seen.binds.clone_from(binds);
        }
        seen.plan = Some(plan.clone());
        seen.tables.extend(plan.tables_used.iter().cloned());
    }

    /// Tables that are used by a plan that is made on the way.
    pub fn uses(&self, tables: &[String]) {
        let mut seen = self.seen();
        if !tables.iter().all(|t| seen.tables.contains(t)) {
            seen.tables.extend(tables.iter().cloned());
        }
    }

    /// Something is sent to a shard.
    pub fn calls(&self, target: &Target) {
        let mut seen = self.seen();
        seen.calls += 1;
        seen.shards.insert(format!("{}/{}", target.keyspace, target.shard));
    }

    pub fn committed(&self, took: Duration) {
        self.seen().commit += took;
    }

    /// The statement is done: writes its lines.
    pub async fn finish(&self, observer: &Observer, result: &Result<Outcome>) {
        let (affected, ended) = match result {
            Ok(outcome) => (outcome.affected_rows, Ok(())),
            Err(e) => (0, Err(e)),
        };
        let rows = self.rows.load(Ordering::Relaxed);
        let end = End { took: self.clock.elapsed(), rows, affected, result: Some(ended) };
        let seen = self.take_seen();
        self.log(observer, &seen, &end);
        if let Some(audit) = &observer.audit {
            audit.write(&lines::audit(self, &seen, &end)).await;
        }
    }

    /// The statement was dropped in the middle.
    pub fn abandon(&self, observer: &Observer) {
        let rows = self.rows.load(Ordering::Relaxed);
        let end = End { took: self.clock.elapsed(), rows, affected: 0, result: None };
        let seen = self.take_seen();
        self.log(observer, &seen, &end);
        if let Some(audit) = &observer.audit {
            audit.write_later(&lines::audit(self, &seen, &end));
        }
    }

    fn log(&self, observer: &Observer, seen: &Seen, end: &End<'_>) {
        if let Some(trace) = &self.trace {
            trace.finish(self, seen, end);
        }
        let log = &observer.query_log;
        if !log.is_on() {
            return;
        }
        let facts = Facts {
            sql: &self.sql,
            rows: end.rows.max(end.affected),
            took: end.took,
            failed: end.error().is_some() || end.result.is_none(),
        };
        if log.wants(&facts) {
            log.write(&lines::query(self, seen, end, log.redacts(), log.is_slow(end.took)));
        }
    }
}
