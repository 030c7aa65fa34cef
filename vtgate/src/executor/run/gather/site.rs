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

use crate::{
    gateway::Gateway,
    observe::{Observed, OpenWork, Service},
    session::Session,
    tx,
};

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
    /// The statement, while somebody wants to know of it.
    observed: Option<Arc<Observed>>,
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
        let work = OpenWork::begin(session.observed.as_ref(), "gather reserve", &target);
        let (reserve, span) = (&reserve, work.as_ref().map(OpenWork::context));
        let reserved = gateway
            .run(
                &target,
                || 0,
                |t| async move {
                    let answer = Service::of(&t, span).reserve_execute(reserve.clone()).await?;
                    match answer.error {
                        Some(e) if answer.reserved_id == 0 => Err(e.into()),
                        _ => Ok((t.service.clone(), answer)),
                    }
                },
            )
            .await;
        if let Some(work) = work {
            work.end(reserved.as_ref().map(|_| 0));
        }
        let (service, answer) = reserved?;
        let request = q::ExecuteRequest { reserved_id: answer.reserved_id, ..request };
        let notes = session.trace.is_some().then(Mutex::default);
        let observed = session.observed.clone();
        let site = Self { service, request, target, observed, open: true, notes };
        match answer.error {
            Some(e) => Err(e.into()),
            None => Ok(site),
        }
    }

    /// A step of the work, which the statements that are part of it are sent by. `name` is its span's.
    pub(super) fn step(&self, name: &'static str) -> Step<'_> {
        let work = OpenWork::begin(self.observed.as_ref(), name, &self.target);
        let traced = work.as_ref().and_then(|work| self.service.traced(&work.context().to_string()));
        Step { site: self, traced, work }
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

    /// Ends the connection, and with it the temporary tables.
    pub(super) async fn close(mut self) {
        self.open = false;
        release(self.service.clone(), self.request.clone()).await;
    }
}

/// See [`Site::step`].
pub(super) struct Step<'a> {
    site: &'a Site,
    /// Where the statement is traced: the service whose calls say so, and the step's span.
    traced: Option<Arc<dyn QueryService>>,
    work: Option<OpenWork>,
}

impl Step<'_> {
    pub(super) fn site(&self) -> &Site {
        self.site
    }

    fn service(&self) -> &dyn QueryService {
        &**self.traced.as_ref().unwrap_or(&self.site.service)
    }

    /// What its span tells of: `keyspace.table`.
    pub(super) fn about(mut self, keyspace: &str, table: &str) -> Self {
        if let Some(work) = &mut self.work {
            work.about(format!("{keyspace}.{table}"));
        }
        self
    }

    /// The step is over, and put so many rows somewhere.
    pub(super) fn end<T>(self, result: Result<T>, rows: impl FnOnce(&T) -> u64) -> Result<T> {
        if let Some(work) = self.work {
            work.end(result.as_ref().map(rows));
        }
        result
    }

    pub(super) async fn execute(&self, sql: &str, bind_variables: BindVars) -> Result<()> {
        let started = Instant::now();
        let query = Some(q::BoundQuery { sql: sql.to_owned(), bind_variables });
        self.service().execute(q::ExecuteRequest { query, ..self.site.request.clone() }).await?;
        self.site.note(started, || sql.to_owned(), None);
        Ok(())
    }

    /// A text without bind variables.
    pub(super) async fn execute_text(&self, sql: &str) -> Result<()> {
        self.execute(sql, BindVars::new()).await
    }

    /// An INSERT of so many rows: `head` is what it begins with.
    pub(super) async fn insert(&self, head: &str, sql: String, rows: u64) -> Result<()> {
        let started = Instant::now();
        let query = Some(q::BoundQuery { sql, ..q::BoundQuery::default() });
        self.service().execute(q::ExecuteRequest { query, ..self.site.request.clone() }).await?;
        self.site.note(started, || format!("{head}..."), Some(rows));
        Ok(())
    }

    pub(super) async fn stream(
        &self,
        sql: &str,
        bind_variables: BindVars,
    ) -> Result<RowStream<q::StreamExecuteResponse>> {
        let request = &self.site.request;
        let request = q::StreamExecuteRequest {
            effective_caller_id: request.effective_caller_id.clone(),
            immediate_caller_id: request.immediate_caller_id.clone(),
            target: request.target.clone(),
            query: Some(q::BoundQuery { sql: sql.to_owned(), bind_variables }),
            options: request.options.clone(),
            reserved_id: request.reserved_id,
            ..q::StreamExecuteRequest::default()
        };
        self.service().stream_execute(request).await
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
