//! What is told of statements: to the query log, to the audit log, and to traces.
//!
//! A session that runs a statement carries an [`Observed`] while anybody wants to know; what the statement's way
//! through the gate learns (its plan, its shards, what committing took) is noted there. While nobody does, that
//! costs one load and one branch at the start ([`Observer::is_on`]) and a branch on an empty option at each note;
//! nothing is allocated.

mod lines;
mod logins;
mod spans;
mod statement;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use querylog::{AuditLog, AuditOptions, QueryLog, QueryLogOptions, Reasons};
use servenv::{Context, Step};
use sqltypes::{BindVars, Field, Row};
use tracer::{Tracer, TracerOptions};
use vterrors::Result;

pub use logins::{Entered, Newcomer, Refusal, SUBCOMPONENT};
pub use spans::{OpenCall, OpenWork, Service};
pub use statement::Observed;

use crate::{
    executor::{Executor, Outcome, Sink},
    session::Session,
};

/// Who wants to know of statements.
pub struct Observer {
    reasons: Reasons,
    pub query_log: Arc<QueryLog>,
    pub audit: Option<Arc<AuditLog>>,
    pub tracer: Option<Arc<Tracer>>,
}

impl Default for Observer {
    /// Nobody.
    fn default() -> Self {
        Self { reasons: Reasons::default(), query_log: QueryLog::off(), audit: None, tracer: None }
    }
}

impl Observer {
    /// Opens the logs that the options name, and begins to send traces where they are asked for.
    pub fn start(
        log: &QueryLogOptions,
        audit: &AuditOptions,
        tracer: &TracerOptions,
        context: &Context,
    ) -> Result<Self> {
        let reasons = Reasons::default();
        let query_log = QueryLog::start(log, &reasons, context)?;
        let audit = AuditLog::start(audit, &reasons, context)?;
        let tracer = Tracer::start(tracer, context)?;
        if tracer.is_some() {
            reasons.add();
        }
        Ok(Self { reasons, query_log, audit, tracer })
    }

    /// Whether anybody does: one load.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.reasons.any()
    }

    /// The steps of the shutdown that see the last lines written.
    pub fn end_steps(&self) -> Vec<Step> {
        let audit = self.audit.as_ref().map(|a| a.end_step());
        let traces = self.tracer.as_ref().map(Tracer::end_step);
        self.query_log.end_step().into_iter().chain(audit).chain(traces).collect()
    }
}

impl Executor {
    /// [`Executor::execute`] of a statement that somebody wants to know of.
    pub(crate) async fn execute_observed(
        &self,
        session: &mut Session,
        sql: &[u8],
        params: BindVars,
        sink: &mut dyn Sink,
    ) -> Result<Outcome> {
        if let Some(audit) = &self.observer.audit
            && !ends_transaction(sql)
        {
            audit.check()?;
        }
        let observed = Arc::new(Observed::new(&self.observer, session, sql, self.parse_options(session)));
        session.observed = Some(observed.clone());
        let mut unfinished = Unfinished { observer: &self.observer, observed: Some(observed.clone()) };
        let mut counted = Counted { inner: sink, observed: &observed };
        let result = self.execute_unseen(session, sql, params, &mut counted).await;
        session.observed = None;
        unfinished.observed = None;
        observed.finish(&self.observer, &result).await;
        result
    }
}

/// What gives back what a session holds is carried out, whatever the logs say.
fn ends_transaction(sql: &[u8]) -> bool {
    use sqlast::StatementKind as K;
    matches!(sqlast::preview(sql), K::Commit | K::Rollback)
}

/// Tells of a statement that is dropped in the middle: its caller is gone.
struct Unfinished<'a> {
    observer: &'a Observer,
    observed: Option<Arc<Observed>>,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(observed) = self.observed.take() {
            observed.abandon(self.observer);
        }
    }
}

/// Counts the rows on their way to the client: those of a statement that fails half way, too.
struct Counted<'a> {
    inner: &'a mut dyn Sink,
    observed: &'a Observed,
}

#[async_trait]
impl Sink for Counted<'_> {
    async fn fields(&mut self, fields: Vec<Field>) -> Result<()> {
        self.inner.fields(fields).await
    }

    async fn rows(&mut self, rows: Vec<Row>) -> Result<bool> {
        self.observed.add_rows(rows.len());
        self.inner.rows(rows).await
    }

    async fn ask_for_file(&mut self, name: &[u8]) -> Result<()> {
        self.inner.ask_for_file(name).await
    }

    async fn file_piece(&mut self) -> Result<Option<Bytes>> {
        self.inner.file_piece().await
    }
}
