//! `queryservice.Query`: calls with one message each way are answered directly, streams by way of the trait
//! that is generated for tonic.

use std::{pin::Pin, sync::Arc};

use futures::{Stream, StreamExt, stream};
use proto::{binlogdata as bd, query::*, queryservice::query_server::Query};
use rpc::Routes;
use tokio::sync::{broadcast, mpsc};
use tonic::{Request, Response, Status};
use vterrors::{Condition, Error, Result};

use super::{answer, unsupported};
use crate::{
    query::service::{Session, StreamItem},
    tablet::Tablet,
};

pub struct Service(pub Arc<Tablet>);

type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The chunks of a stream as messages.
fn messages<T: Send + 'static>(
    chunks: mpsc::Receiver<StreamItem>,
    convert: impl FnMut(StreamItem) -> Result<T, Status> + Send + 'static,
) -> impl Stream<Item = Result<T, Status>> + Send {
    stream::unfold(chunks, |mut chunks| async move { chunks.recv().await.map(|item| (item, chunks)) })
        .map(convert)
}

/// CREATE statements in one message.
const SCHEMA_MESSAGE_BYTES: usize = 1 << 20;

/// The whole service: calls that take the request and give the response or an error, streams that are
/// methods of [`Service`], and calls that are refused by name. (The trait's attribute has to see the
/// methods, so the macro makes all of it.)
macro_rules! service {
    (
        unary { $($call:literal: $request:ident => $response:ident, |$service:ident, $r:ident| $work:expr;)* }
        streams { $($stream:ident: $stream_request:ident => $stream_response:ident, $method:ident;)* }
        unsupported { $($not:ident: $not_request:ty => $not_response:ty;)* }
        unsupported_streams { $($not_stream:ident: $ns_request:ty => $ns_response:ty;)* }
    ) => {
        /// Adds the calls with one message each way.
        pub fn add_calls(routes: Routes, tablet: &Arc<Tablet>) -> Routes {
            $(let routes = {
                let query = Arc::clone(&tablet.query);
                routes.unary(concat!("/queryservice.Query/", $call), move |$r: $request| {
                    let query = Arc::clone(&query);
                    async move {
                        let $service = &query;
                        let answer: Result<$response> = $work.await;
                        answer
                    }
                })
            };)*
            routes
        }

        #[tonic::async_trait]
        impl Query for Service {
            $(async fn $stream(
                &self,
                request: Request<$stream_request>,
            ) -> Result<Response<BoxStream<$stream_response>>, Status> {
                answer(self.$method(request.into_inner()).await)
            })*
            $(async fn $not(&self, _: Request<$not_request>) -> Result<Response<$not_response>, Status> {
                unsupported(stringify!($not))
            })*
            $(async fn $not_stream(
                &self,
                _: Request<$ns_request>,
            ) -> Result<Response<BoxStream<$ns_response>>, Status> {
                unsupported(stringify!($not_stream))
            })*
        }
    };
}

service! {
    unary {
        "Execute": ExecuteRequest => ExecuteResponse, |s, r| async {
            Ok(ExecuteResponse { result: Some(s.execute(&r).await?) })
        };
        "Begin": BeginRequest => BeginResponse, |s, r| s.begin(&r);
        "Commit": CommitRequest => CommitResponse, |s, r| async {
            Ok(CommitResponse { reserved_id: s.commit(&r).await? })
        };
        "Rollback": RollbackRequest => RollbackResponse, |s, r| async {
            Ok(RollbackResponse { reserved_id: s.rollback(&r).await? })
        };
        "BeginExecute": BeginExecuteRequest => BeginExecuteResponse, |s, r| s.begin_execute(&r);
        "ReserveExecute": ReserveExecuteRequest => ReserveExecuteResponse, |s, r| s.reserve_execute(&r);
        "ReserveBeginExecute": ReserveBeginExecuteRequest => ReserveBeginExecuteResponse,
            |s, r| s.reserve_begin_execute(&r);
        "Release": ReleaseRequest => ReleaseResponse, |s, r| async {
            s.release(&r).await.map(|()| ReleaseResponse {})
        };
    }
    streams {
        stream_execute: StreamExecuteRequest => StreamExecuteResponse, plain_stream;
        begin_stream_execute: BeginStreamExecuteRequest => BeginStreamExecuteResponse, begin_stream;
        reserve_stream_execute: ReserveStreamExecuteRequest => ReserveStreamExecuteResponse, reserve_stream;
        reserve_begin_stream_execute:
            ReserveBeginStreamExecuteRequest => ReserveBeginStreamExecuteResponse, reserve_begin_stream;
        stream_health: StreamHealthRequest => StreamHealthResponse, health_stream;
        get_schema: GetSchemaRequest => GetSchemaResponse, schema_stream;
    }
    unsupported {
        prepare: PrepareRequest => PrepareResponse;
        commit_prepared: CommitPreparedRequest => CommitPreparedResponse;
        rollback_prepared: RollbackPreparedRequest => RollbackPreparedResponse;
        create_transaction: CreateTransactionRequest => CreateTransactionResponse;
        start_commit: StartCommitRequest => StartCommitResponse;
        set_rollback: SetRollbackRequest => SetRollbackResponse;
        conclude_transaction: ConcludeTransactionRequest => ConcludeTransactionResponse;
        read_transaction: ReadTransactionRequest => ReadTransactionResponse;
        unresolved_transactions: UnresolvedTransactionsRequest => UnresolvedTransactionsResponse;
        message_ack: MessageAckRequest => MessageAckResponse;
    }
    unsupported_streams {
        message_stream: MessageStreamRequest => MessageStreamResponse;
        v_stream: bd::VStreamRequest => bd::VStreamResponse;
        v_stream_rows: bd::VStreamRowsRequest => bd::VStreamRowsResponse;
        v_stream_tables: bd::VStreamTablesRequest => bd::VStreamTablesResponse;
        v_stream_results: bd::VStreamResultsRequest => bd::VStreamResultsResponse;
    }
}

impl Service {
    async fn plain_stream(&self, request: StreamExecuteRequest) -> Result<BoxStream<StreamExecuteResponse>> {
        let chunks = self.0.query.stream_execute(request)?;
        let convert = |item: StreamItem| {
            item.map(|result| StreamExecuteResponse { result: Some(result) }).map_err(rpc::status)
        };
        Ok(Box::pin(messages(chunks, convert)))
    }

    async fn begin_stream(
        &self,
        request: BeginStreamExecuteRequest,
    ) -> Result<BoxStream<BeginStreamExecuteResponse>> {
        let (session, chunks) = self.0.query.begin_stream_execute(request).await?;
        let first = BeginStreamExecuteResponse {
            transaction_id: session.transaction_id,
            tablet_alias: Some(self.0.query.alias.clone()),
            session_state_changes: session.session_state_changes,
            ..Default::default()
        };
        let rest = messages(chunks, |item| {
            let (result, error) = split(item);
            Ok(BeginStreamExecuteResponse { result, error, ..Default::default() })
        });
        Ok(Box::pin(stream::iter([Ok(first)]).chain(rest)))
    }

    async fn reserve_stream(
        &self,
        request: ReserveStreamExecuteRequest,
    ) -> Result<BoxStream<ReserveStreamExecuteResponse>> {
        let (session, chunks) = self.0.query.reserve_stream_execute(request).await?;
        let Session { reserved_id, .. } = session;
        let tablet_alias = Some(self.0.query.alias.clone());
        let first = ReserveStreamExecuteResponse { reserved_id, tablet_alias, ..Default::default() };
        let rest = messages(chunks, |item| {
            let (result, error) = split(item);
            Ok(ReserveStreamExecuteResponse { result, error, ..Default::default() })
        });
        Ok(Box::pin(stream::iter([Ok(first)]).chain(rest)))
    }

    async fn reserve_begin_stream(
        &self,
        request: ReserveBeginStreamExecuteRequest,
    ) -> Result<BoxStream<ReserveBeginStreamExecuteResponse>> {
        let (session, chunks) = self.0.query.reserve_begin_stream_execute(request).await?;
        let first = ReserveBeginStreamExecuteResponse {
            transaction_id: session.transaction_id,
            reserved_id: session.reserved_id,
            tablet_alias: Some(self.0.query.alias.clone()),
            session_state_changes: session.session_state_changes,
            ..Default::default()
        };
        let rest = messages(chunks, |item| {
            let (result, error) = split(item);
            Ok(ReserveBeginStreamExecuteResponse { result, error, ..Default::default() })
        });
        Ok(Box::pin(stream::iter([Ok(first)]).chain(rest)))
    }

    async fn health_stream(&self, _: StreamHealthRequest) -> Result<BoxStream<StreamHealthResponse>> {
        let (first, receiver) = self.0.health.subscribe();
        let rest = stream::unfold(Some(receiver), |receiver| async move {
            let mut receiver = receiver?;
            match receiver.recv().await {
                Ok(message) => Some((Ok(StreamHealthResponse::clone(&message)), Some(receiver))),
                Err(broadcast::error::RecvError::Closed) => None,
                // What was missed may have named tables: the listener has to start over.
                Err(broadcast::error::RecvError::Lagged(n)) => {
                    let text = format!("health stream: the listener is {n} messages behind");
                    Some((Err(rpc::status(Error::new(Condition::Unreachable, text))), None))
                }
            }
        });
        Ok(Box::pin(stream::iter([Ok(first)]).chain(rest)))
    }

    async fn schema_stream(&self, request: GetSchemaRequest) -> Result<BoxStream<GetSchemaResponse>> {
        let r = request;
        let _admitted = self.0.serving.admit(r.target.as_ref(), false)?;
        let definitions = self.0.query.schema.select(r.table_type(), &r.table_names);
        let (mut responses, mut bytes) = (vec![GetSchemaResponse::default()], 0);
        for (name, create) in definitions {
            if bytes > SCHEMA_MESSAGE_BYTES {
                responses.push(GetSchemaResponse::default());
                bytes = 0;
            }
            bytes += name.len() + create.len();
            if let Some(last) = responses.last_mut() {
                last.table_definition.insert(name, create);
            }
        }
        Ok(Box::pin(stream::iter(responses.into_iter().map(Ok))))
    }
}

/// An error travels in-band in the streams that give out ids.
fn split(item: StreamItem) -> (Option<QueryResult>, Option<proto::vtrpc::RpcError>) {
    match item {
        Ok(result) => (Some(result), None),
        Err(e) => (None, Some(e.into())),
    }
}
