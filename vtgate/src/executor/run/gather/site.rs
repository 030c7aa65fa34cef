//! The connection of a tablet where rows are put together.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use proto::query as q;
use sqltypes::BindVars;
use tabletclient::{QueryService, RowStream};
use tracing::warn;
use vterrors::Result;
use vtmodel::Target;

use crate::{gateway::Gateway, session::Session, tx};

/// How long giving the connection back may take; after that the tablet does it by itself.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);

/// Values are loaded as they are: zero dates and numbers 0 of other modes among them. Nothing that is read here
/// may wait for a transaction, least of all for the session's own.
const LOAD_MODE: [&str; 2] = [
    "set sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'",
    "set session transaction isolation level read committed",
];

/// A reserved connection. Given back by [`Site::close`], or behind the back of whoever drops it.
pub(super) struct Site {
    service: Arc<dyn QueryService>,
    /// What every request says; its query and ids vary.
    request: q::ExecuteRequest,
    target: Target,
    open: bool,
    /// What was sent, where a VEXPLAIN asks for it, until [`Site::take_notes`].
    notes: Option<Mutex<Vec<Note>>>,
}

/// A statement that was sent, as VEXPLAIN tells of it.
#[derive(Debug)]
pub(super) struct Note {
    pub sql: String,
    pub rows: Option<u64>,
    pub microseconds: u64,
}

impl Site {
    /// A connection with the session's settings, in a mode in which rows can be loaded.
    pub(super) async fn open(gateway: &Gateway, session: &Session, target: Target) -> Result<Self> {
        if let Some(observed) = &session.observed {
            observed.calls(&target);
        }
        let (effective_caller_id, immediate_caller_id) = tx::callers(session);
        let options = q::ExecuteOptions {
            skip_query_plan_cache: true,
            transaction_isolation: 0,
            ..session.execute_options()
        };
        let request = q::ExecuteRequest {
            effective_caller_id,
            immediate_caller_id,
            target: Some((&target).into()),
            options: Some(options),
            ..q::ExecuteRequest::default()
        };
        let settings = session.system_variables.iter().map(|(name, value)| format!("set {name} = {value}"));
        let reserve = q::ReserveExecuteRequest {
            effective_caller_id: request.effective_caller_id.clone(),
            immediate_caller_id: request.immediate_caller_id.clone(),
            target: request.target.clone(),
            query: Some(q::BoundQuery { sql: "select 1 from dual".to_owned(), ..q::BoundQuery::default() }),
            options: request.options.clone(),
            pre_queries: settings.chain(LOAD_MODE.map(str::to_owned)).collect(),
            ..q::ReserveExecuteRequest::default()
        };
        let reserve = &reserve;
        let (service, answer) = gateway
            .run(
                &target,
                || 0,
                |t| async move {
                    let answer = t.service.reserve_execute(reserve.clone()).await?;
                    match answer.error {
                        Some(e) if answer.reserved_id == 0 => Err(e.into()),
                        _ => Ok((t.service.clone(), answer)),
                    }
                },
            )
            .await?;
        let request = q::ExecuteRequest { reserved_id: answer.reserved_id, ..request };
        let notes = session.trace.is_some().then(Mutex::default);
        let site = Self { service, request, target, open: true, notes };
        match answer.error {
            Some(e) => Err(e.into()),
            None => Ok(site),
        }
    }

    pub(super) async fn execute(&self, sql: &str, bind_variables: BindVars) -> Result<()> {
        let started = Instant::now();
        let query = Some(q::BoundQuery { sql: sql.to_owned(), bind_variables });
        self.service.execute(q::ExecuteRequest { query, ..self.request.clone() }).await?;
        self.note(started, || sql.to_owned(), None);
        Ok(())
    }

    /// An INSERT of so many rows: `head` is what it begins with.
    pub(super) async fn insert(&self, head: &str, sql: String, rows: u64) -> Result<()> {
        let started = Instant::now();
        let query = Some(q::BoundQuery { sql, ..q::BoundQuery::default() });
        self.service.execute(q::ExecuteRequest { query, ..self.request.clone() }).await?;
        self.note(started, || format!("{head}..."), Some(rows));
        Ok(())
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    pub(super) fn note(&self, started: Instant, sql: impl FnOnce() -> String, rows: Option<u64>) {
        let Some(notes) = &self.notes else { return };
        let microseconds = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let note = Note { sql: sql(), rows, microseconds };
        notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    /// What was sent since the last time.
    pub(super) fn take_notes(&self) -> Vec<Note> {
        match &self.notes {
            Some(notes) => std::mem::take(&mut *notes.lock().unwrap_or_else(PoisonError::into_inner)),
            None => Vec::new(),
        }
    }

    /// A text without bind variables.
    pub(super) async fn execute_text(&self, sql: &str) -> Result<()> {
        self.execute(sql, BindVars::new()).await
    }

    pub(super) async fn stream(
        &self,
        sql: &str,
        bind_variables: BindVars,
    ) -> Result<RowStream<q::StreamExecuteResponse>> {
        let request = q::StreamExecuteRequest {
            effective_caller_id: self.request.effective_caller_id.clone(),
            immediate_caller_id: self.request.immediate_caller_id.clone(),
            target: self.request.target.clone(),
            query: Some(q::BoundQuery { sql: sql.to_owned(), bind_variables }),
            options: self.request.options.clone(),
            reserved_id: self.request.reserved_id,
            ..q::StreamExecuteRequest::default()
        };
        self.service.stream_execute(request).await
    }

    /// Ends the connection, and with it the temporary tables.
    pub(super) async fn close(mut self) {
        self.open = false;
        release(self.service.clone(), self.request.clone()).await;
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if self.open {
            tokio::spawn(release(self.service.clone(), self.request.clone()));
        }
    }
}

async fn release(service: Arc<dyn QueryService>, request: q::ExecuteRequest) {
    let request = q::ReleaseRequest {
        effective_caller_id: request.effective_caller_id,
        immediate_caller_id: request.immediate_caller_id,
        target: request.target,
        transaction_id: 0,
        reserved_id: request.reserved_id,
    };
    match tokio::time::timeout(CLOSE_LIMIT, service.release(request)).await {
        Ok(Ok(_)) => {}
        Ok(Err(e)) => warn!("could not release a gather's connection, the tablet will by itself: {e}"),
        Err(_) => warn!("releasing a gather's connection took too long, the tablet will do it by itself"),
    }
}
