//! StreamExecute and its relatives: a result of any size, chunk by chunk.
//!
//! A stream runs in its own task and hands its chunks over through a channel of two: mysqld is read no
//! faster than the caller takes. When the caller goes away the send fails, the connection is dropped in the
//! middle of its answer, and the query is killed at mysqld.

use std::sync::Arc;

use mysqlwire::client::{Conn, QueryOptions};
use proto::query::{
    BeginStreamExecuteRequest, BoundQuery, ExecuteOptions, QueryResult, ReserveBeginStreamExecuteRequest,
    ReserveStreamExecuteRequest, StreamExecuteRequest, execute_options::Timeout,
};
use tokio::{sync::mpsc, time::Instant};
use vterrors::{Error, Result};

use super::{
    QueryService,
    execute::{session_id, translate},
};
use crate::{
    query::{
        kill::{Deadline, Killer, within},
        observe::{Asked, Asker, Observed, Rows, asker},
        plan::{Kind, Plan},
    },
    state::Admitted,
};

/// How much of a result is sent at once, in bytes of values.
pub const CHUNK_BYTES: usize = 32 * 1024;
/// Chunks that may wait for a slow caller.
const CHUNKS_WAITING: usize = 2;

/// The ids that a stream's call gave out; 0 for none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session {
    pub transaction_id: i64,
    pub reserved_id: i64,
    pub session_state_changes: String,
}

/// A message of a stream: first the fields, then rows; or an error, which is the last.
pub type StreamItem = Result<QueryResult>;

/// What a stream hands over.
pub type Chunks = mpsc::Receiver<StreamItem>;

impl QueryService {
    pub fn stream_execute(self: &Arc<Self>, request: StreamExecuteRequest) -> Result<Chunks> {
        let id = session_id(request.transaction_id, request.reserved_id)?;
        let admitted = self.serving.admit(request.target.as_ref(), id != 0)?;
        let observed = self.observer.observe(|| Asker {
            transaction_id: request.transaction_id,
            reserved_id: request.reserved_id,
            ..asker!("StreamExecute", request)
        });
        Ok(self.start_stream(admitted, request.query.unwrap_or_default(), id, request.options, observed))
    }

    /// The ids are valid even when the stream ends in an error.
    pub async fn begin_stream_execute(
        self: &Arc<Self>,
        request: BeginStreamExecuteRequest,
    ) -> Result<(Session, Chunks)> {
        let admitted = self.serving.admit(request.target.as_ref(), request.reserved_id != 0)?;
        let options = request.options.as_ref();
        let observed = self.observer.observe(|| asker!("BeginStreamExecute", request));
        let begun =
            self.open_transaction(&admitted, request.reserved_id, options, &request.pre_queries).await?;
        let session = Session {
            transaction_id: begun.id,
            reserved_id: request.reserved_id,
            session_state_changes: begun.session_state_changes,
        };
        let query = request.query.unwrap_or_default();
        Ok((session, self.start_stream(admitted, query, begun.id, request.options, observed)))
    }

    pub async fn reserve_stream_execute(
        self: &Arc<Self>,
        request: ReserveStreamExecuteRequest,
    ) -> Result<(Session, Chunks)> {
        let admitted = self.serving.admit(request.target.as_ref(), request.transaction_id != 0)?;
        let options = request.options.as_ref();
        let observed = self.observer.observe(|| asker!("ReserveStreamExecute", request));
        let id = self.tx.reserve(request.transaction_id, &request.pre_queries, options).await?;
        let session =
            Session { transaction_id: request.transaction_id, reserved_id: id, ..Session::default() };
        let query = request.query.unwrap_or_default();
        Ok((session, self.start_stream(admitted, query, id, request.options, observed)))
    }

    pub async fn reserve_begin_stream_execute(
        self: &Arc<Self>,
        request: ReserveBeginStreamExecuteRequest,
    ) -> Result<(Session, Chunks)> {
        let admitted = self.serving.admit(request.target.as_ref(), false)?;
        let options = request.options.as_ref();
        let observed = self.observer.observe(|| asker!("ReserveBeginStreamExecute", request));
        let begun =
            self.reserve_begin(&admitted, options, &request.pre_queries, &request.post_begin_queries).await?;
        let session = Session {
            transaction_id: begun.id,
            reserved_id: begun.id,
            session_state_changes: begun.session_state_changes,
        };
        let query = request.query.unwrap_or_default();
        Ok((session, self.start_stream(admitted, query, begun.id, request.options, observed)))
    }

    fn start_stream(
        self: &Arc<Self>,
        admitted: Admitted,
        query: BoundQuery,
        id: i64,
        options: Option<ExecuteOptions>,
        observed: Option<Box<Observed>>,
    ) -> Chunks {
        if let Some(observed) = &observed {
            observed.begun(id);
        }
        let (sender, receiver) = mpsc::channel(CHUNKS_WAITING);
        let service = Arc::clone(self);
        tokio::spawn(async move {
            let started = Instant::now();
            let mut rows = 0;
            let asked = Asked { query: &query, options: options.as_ref(), observed: observed.as_deref() };
            let work = service.stream(asked, id, &sender, &mut rows);
            // A caller that went away ends the query at once, not at its next chunk.
            let result = tokio::select! {
                result = work => result.map_err(translate),
                () = sender.closed() => Ok(()),
            };
            service.counts.done(started, rows, &result);
            if let Some(observed) = observed {
                let rows = Rows { returned: rows as u64, affected: 0 };
                observed.finish(&service.observer, Some(&query), rows, &result);
            }
            if let Err(e) = result {
                let _ = sender.send(Err(e)).await;
            }
            drop(admitted);
        });
        receiver
    }

    async fn stream(
        &self,
        asked: Asked<'_>,
        id: i64,
        sender: &mpsc::Sender<StreamItem>,
        rows: &mut usize,
    ) -> Result<()> {
        let plan = self.plan(&asked.query.sql);
        let streams = matches!(plan.kind, Kind::Select | Kind::Show | Kind::OtherRead | Kind::CallProc);
        if !streams {
            // Its result is small, and it has other rules: the same way as Execute.
            let result = self.run(asked, id).await?;
            let _ = sender.send(Ok(result)).await;
            return Ok(());
        }
        if id != 0 {
            let mut held = self.tx.hold(id, "for stream")?;
            let deadline = Deadline::earlier(stream_deadline(asked.options), held.deadline());
            let killer = held.killer();
            return self.stream_on(held.conn(), &killer, &plan, asked, deadline, (sender, rows)).await;
        }
        let began = asked.begins();
        let lent = self.olap.get_for_query().await;
        asked.waited(began);
        let mut lent = lent?;
        if plan.kind == Kind::CallProc {
            lent.spoil();
        }
        let killer = lent.killer().clone();
        let deadline = stream_deadline(asked.options);
        self.stream_on(&mut lent, &killer, &plan, asked, deadline, (sender, rows)).await
    }

    async fn stream_on(
        &self,
        conn: &mut Conn,
        killer: &Killer,
        plan: &Plan,
        asked: Asked<'_>,
        deadline: Option<Deadline>,
        (sender, rows): (&mpsc::Sender<StreamItem>, &mut usize),
    ) -> Result<()> {
        let sql = self.text(conn, plan, asked.query)?;
        let wanted = QueryOptions { max_rows: usize::MAX, ..self.query_options(asked.options) };
        let id = conn.connection_id();
        let work = async {
            let mut stream = conn.stream(&sql, &wanted).await?;
            let mut first = QueryResult { fields: stream.take_fields(), ..QueryResult::default() };
            self.rename_database(&mut first);
            if !first.fields.is_empty() {
                send(sender, first).await?;
            }
            while let Some(chunk) = stream.next(CHUNK_BYTES).await? {
                *rows += chunk.len();
                send(sender, QueryResult { rows: chunk, ..QueryResult::default() }).await?;
            }
            let summary = stream.summary().filter(|s| **s != QueryResult::default());
            match summary.cloned() {
                Some(summary) => send(sender, summary).await,
                None => Ok(()),
            }
        };
        let began = asked.begins();
        let result = within(deadline, killer, id, work).await;
        asked.answered(began);
        result
    }
}

async fn send(sender: &mpsc::Sender<StreamItem>, result: QueryResult) -> Result<()> {
    sender
        .send(Ok(result))
        .await
        .map_err(|_| Error::new(vterrors::Condition::QueryInterrupted, "the caller went away"))
}

/// Streams have no limit but the caller's own.
fn stream_deadline(options: Option<&ExecuteOptions>) -> Option<Deadline> {
    match options.and_then(|o| o.timeout.as_ref()) {
        Some(Timeout::AuthoritativeTimeout(ms)) => {
            Deadline::after(std::time::Duration::from_millis(u64::try_from(*ms).unwrap_or(0)))
        }
        None => None,
    }
}
