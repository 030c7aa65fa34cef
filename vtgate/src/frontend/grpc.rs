//! `vtgateservice.Vitess`: sessions travel with each call; errors of queries travel in-band.

use std::sync::Arc;

use async_trait::async_trait;
use proto::{query as q, vtgate as vg, vtgateservice::vitess_server::Vitess, vtrpc};
use sqltypes::{Field, Row};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, codegen::BoxStream};
use vterrors::{Error, Result};

use crate::{
    executor::{Collected, Executor, Outcome, Sink},
    session::{Caller, Session},
};

/// Messages of a stream that may wait for a slow client.
const STREAM_QUEUE: usize = 16;

/// The service; clones share one executor.
#[derive(Clone)]
pub struct VitessService {
    pub executor: Arc<Executor>,
}

fn caller(id: Option<vtrpc::CallerId>, address: Option<std::net::SocketAddr>) -> Caller {
    let id = id.unwrap_or_default();
    Caller {
        user: id.principal,
        address: address.map(|a| a.to_string()).unwrap_or_default(),
        user_data: String::new(),
        groups: id.groups,
        subcomponent: "VTGate gRPC",
    }
}

/// A session that a client sends for the first time may be empty: then it commits by itself.
fn session_of(session: Option<vg::Session>, caller: Caller) -> Result<Session> {
    let fresh = || vg::Session { autocommit: true, ..vg::Session::default() };
    Session::from_wire(session.unwrap_or_else(fresh), caller)
}

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl Vitess for VitessService {
    async fn execute(&self, request: Request<vg::ExecuteRequest>) -> Answer<vg::ExecuteResponse> {
        let address = request.remote_addr();
        let request = request.into_inner();
        let mut session =
            session_of(request.session, caller(request.caller_id, address)).map_err(rpc::status)?;
        let query = request.query.unwrap_or_default();
        let (result, error) = self.one(&mut session, query).await;
        Ok(Response::new(vg::ExecuteResponse { error, session: Some(session.to_wire()), result }))
    }

    async fn execute_batch(
        &self,
        request: Request<vg::ExecuteBatchRequest>,
    ) -> Answer<vg::ExecuteBatchResponse> {
        let address = request.remote_addr();
        let request = request.into_inner();
        let mut session =
            session_of(request.session, caller(request.caller_id, address)).map_err(rpc::status)?;
        let mut results = Vec::with_capacity(request.queries.len());
        for query in request.queries {
            let (result, error) = self.one(&mut session, query).await;
            results.push(q::ResultWithError { error, result });
        }
        Ok(Response::new(vg::ExecuteBatchResponse { error: None, session: Some(session.to_wire()), results }))
    }

    async fn stream_execute(
        &self,
        request: Request<vg::StreamExecuteRequest>,
    ) -> Answer<BoxStream<vg::StreamExecuteResponse>> {
        let address = request.remote_addr();
        let request = request.into_inner();
        let mut session =
            session_of(request.session, caller(request.caller_id, address)).map_err(rpc::status)?;
        let query = request.query.unwrap_or_default();
        let (tx, rx) = mpsc::channel(STREAM_QUEUE);
        let executor = self.executor.clone();
        tokio::spawn(async move {
            let mut sink = StreamSink { tx: tx.clone() };
            let result =
                executor.execute(&mut session, query.sql.as_bytes(), query.bind_variables, &mut sink).await;
            let removed = executor.remove_left_entries(&mut session).await;
            let last = match removed.and(result) {
                Ok(_) => Ok(vg::StreamExecuteResponse { result: None, session: Some(session.to_wire()) }),
                Err(e) => Err(rpc::status(e)),
            };
            // The client may have gone: then nobody waits for the end.
            let _ = tx.send(last).await;
        });
        Ok(Response::new(Box::pin(tokio_stream::wrappers::ReceiverStream::new(rx))))
    }

    async fn close_session(
        &self,
        request: Request<vg::CloseSessionRequest>,
    ) -> Answer<vg::CloseSessionResponse> {
        let request = request.into_inner();
        let mut session =
            session_of(request.session, caller(request.caller_id, None)).map_err(rpc::status)?;
        self.executor.close(&mut session).await;
        Ok(Response::new(vg::CloseSessionResponse { error: None }))
    }
}

impl VitessService {
    async fn one(
        &self,
        session: &mut Session,
        query: q::BoundQuery,
    ) -> (Option<q::QueryResult>, Option<vtrpc::RpcError>) {
        let mut sink = Bounded { inner: Collected::default(), left: self.executor.config.max_memory_rows };
        let done =
            self.executor.execute(session, query.sql.as_bytes(), query.bind_variables, &mut sink).await;
        // The session travels with the client, and entries to remove do not.
        let removed = self.executor.remove_left_entries(session).await;
        match removed.and(done) {
            Ok(outcome) => (Some(result_of(sink.inner, &outcome)), None),
            Err(e) => (None, Some(e.into())),
        }
    }
}

fn result_of(collected: Collected, outcome: &Outcome) -> q::QueryResult {
    collected.into_result(outcome)
}

/// Keeps a result of at most `--max-memory-rows` rows.
struct Bounded {
    inner: Collected,
    left: usize,
}

#[async_trait]
impl Sink for Bounded {
    async fn fields(&mut self, fields: Vec<Field>) -> Result<()> {
        self.inner.fields(fields).await
    }

    async fn rows(&mut self, rows: Vec<Row>) -> Result<bool> {
        self.left = self.left.checked_sub(rows.len()).ok_or_else(|| {
            Error::new(
                vterrors::Condition::TooManyRows,
                "in-memory row count exceeded the allowed limit of --max-memory-rows: stream the result",
            )
        })?;
        self.inner.rows(rows).await
    }
}

struct StreamSink {
    tx: mpsc::Sender<Result<vg::StreamExecuteResponse, Status>>,
}

impl StreamSink {
    async fn send(&self, result: q::QueryResult) -> Result<bool> {
        let message = vg::StreamExecuteResponse { result: Some(result), session: None };
        Ok(self.tx.send(Ok(message)).await.is_ok())
    }
}

#[async_trait]
impl Sink for StreamSink {
    async fn fields(&mut self, fields: Vec<Field>) -> Result<()> {
        self.send(q::QueryResult { fields, ..q::QueryResult::default() }).await.map(drop)
    }

    async fn rows(&mut self, rows: Vec<Row>) -> Result<bool> {
        self.send(q::QueryResult { rows, ..q::QueryResult::default() }).await
    }
}
