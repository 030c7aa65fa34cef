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
        Ok(self.start_stream(admitted, request.query.unwrap_or_default(), id, request.options))
    }

    /// The ids are valid even when the stream ends in an error.
    pub async fn begin_stream_execute(
        self: &Arc<Self>,
        request: BeginStreamExecuteRequest,
    ) -> Result<(Session, Chunks)> {
        let admitted = self.serving.admit(request.target.as_ref(), request.reserved_id != 0)?;
        let options = request.options.as_ref();
        let begun =
            self.open_transaction(&admitted, request.reserved_id, options, &request.pre_queries).await?;
        let session = Session {
            transaction_id: begun.id,
            reserved_id: request.reserved_id,
            session_state_changes: begun.session_state_changes,
        };
        let query = request.query.unwrap_or_default();
        Ok((session, self.start_stream(admitted, query, begun.id, request.options)))
    }

    pub async fn reserve_stream_execute(
        self: &Arc<Self>,
        request: ReserveStreamExecuteRequest,
    ) -> Result<(Session, Chunks)> {
        let admitted = self.serving.admit(request.target.as_ref(), request.transaction_id != 0)?;
        let options = request.options.as_ref();
        let id = self.tx.reserve(request.transaction_id, &request.pre_queries, options).await?;
        let session =
            Session { transaction_id: request.transaction_id, reserved_id: id, ..Session::default() };
        Ok((session, self.start_stream(admitted, request.query.unwrap_or_default(), id, request.options)))
    }

    pub async fn reserve_begin_stream_execute(
        self: &Arc<Self>,
        request: ReserveBeginStreamExecuteRequest,
    ) -> Result<(Session, Chunks)> {
        let admitted = self.serving.admit(request.target.as_ref(), false)?;
        let options = request.options.as_ref();
        let begun =
            self.reserve_begin(&admitted, options, &request.pre_queries, &request.post_begin_queries).await?;
        let session = Session {
            transaction_id: begun.id,
            reserved_id: begun.id,
            session_state_changes: begun.session_state_changes,
        };
        let query = request.query.unwrap_or_default();
        Ok((session, self.start_stream(admitted, query, begun.id, request.options)))
    }

    fn start_stream(
        self: &Arc<Self>,
        admitted: Admitted,
        query: BoundQuery,
        id: i64,
        options: Option<ExecuteOptions>,
    ) -> Chunks {
        let (sender, receiver) = mpsc::channel(CHUNKS_WAITING);
        let service = Arc::clone(self);
        tokio::spawn(async move {
            let started = Instant::now();
            let mut rows = 0;
            let work = service.stream(&query, id, options.as_ref(), &sender, &mut rows);
            // A caller that went away ends the query at once, not at its next chunk.
            let result = tokio::select! {
                result = work => result.map_err(translate),
                () = sender.closed() => Ok(()),
            };
            service.counts.done(started, rows, &result);
            if let Err(e) = result {
                let _ = sender.send(Err(e)).await;
            }
            drop(admitted);
        });
        receiver
    }

    async fn stream(
        &self,
        query: &BoundQuery,
        id: i64,
        options: Option<&ExecuteOptions>,
        sender: &mpsc::Sender<StreamItem>,
        rows: &mut usize,
    ) -> Result<()> {
        let plan = self.plan(&query.sql);
        let streams = matches!(plan.kind, Kind::Select | Kind::Show | Kind::OtherRead | Kind::CallProc);
        if !streams {
            // Its result is small, and it has other rules: the same way as Execute.
            let result = self.run(query, id, options).await?;
            let _ = sender.send(Ok(result)).await;
            return Ok(());
        }
        if id != 0 {
            let mut held = self.tx.hold(id, "for stream")?;
            let deadline = Deadline::earlier(stream_deadline(options), held.deadline());
            let killer = held.killer();
            return self
                .stream_on(held.conn(), &killer, &plan, query, options, deadline, (sender, rows))
                .await;
        }
        let mut lent = self.olap.get_for_query().await?;
        if plan.kind == Kind::CallProc {
            lent.spoil();
        }
        let killer = lent.killer().clone();
        self.stream_on(&mut lent, &killer, &plan, query, options, stream_deadline(options), (sender, rows))
            .await
    }

    #[allow(clippy::too_many_arguments, reason = "the stream's own state beside what Execute takes")]
    async fn stream_on(
        &self,
        conn: &mut Conn,
        killer: &Killer,
        plan: &Plan,
        query: &BoundQuery,
        options: Option<&ExecuteOptions>,
        deadline: Option<Deadline>,
        (sender, rows): (&mpsc::Sender<StreamItem>, &mut usize),
    ) -> Result<()> {
        let sql = self.text(conn, plan, query)?;
        let wanted = QueryOptions { max_rows: usize::MAX, ..self.query_options(options) };
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
        within(deadline, killer, id, work).await
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
