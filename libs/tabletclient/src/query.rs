//! The query service.

use std::{pin::Pin, sync::Arc};

use async_trait::async_trait;
use futures::{Stream, StreamExt};
use proto::{query as q, queryservice::query_client::QueryClient as Grpc};
use rpc::{Channel, ChannelOptions, MAX_MESSAGE_BYTES, error_of};
use vterrors::Result;

/// Messages of a streaming call, in order; the first error is the last item.
pub type RowStream<T> = Pin<Box<dyn Stream<Item = Result<T>> + Send>>;

macro_rules! query_service {
    (
        unary { $($unary:ident = $unary_name:literal ($unary_request:ident) -> $unary_response:ident;)* }
        streaming { $($stream:ident($stream_request:ident) -> $stream_response:ident;)* }
    ) => {
        /// What a gate asks of a tablet.
        #[async_trait]
        pub trait QueryService: Send + Sync {
            $(async fn $unary(&self, request: q::$unary_request) -> Result<q::$unary_response>;)*
            $(async fn $stream(&self, request: q::$stream_request) -> Result<RowStream<q::$stream_response>>;)*

            /// The same service for calls that belong to a trace, which carry this `traceparent`; none where that
            /// cannot be told.
            fn traced(&self, _traceparent: &str) -> Option<Arc<dyn QueryService>> {
                None
            }
        }

        #[async_trait]
        impl QueryService for QueryClient {
            $(async fn $unary(&self, request: q::$unary_request) -> Result<q::$unary_response> {
                self.channel.unary(concat!("/queryservice.Query/", $unary_name), &request).await
            })*
            $(async fn $stream(&self, request: q::$stream_request) -> Result<RowStream<q::$stream_response>> {
                let answer = self.grpc.clone().$stream(request).await.map_err(error_of)?;
                Ok(Box::pin(answer.into_inner().map(|item| item.map_err(error_of))))
            })*

            fn traced(&self, traceparent: &str) -> Option<Arc<dyn QueryService>> {
                Some(Arc::new(Self::of(self.channel.traced(traceparent))))
            }
        }
    };
}

query_service! {
    unary {
        execute = "Execute" (ExecuteRequest) -> ExecuteResponse;
        begin = "Begin" (BeginRequest) -> BeginResponse;
        commit = "Commit" (CommitRequest) -> CommitResponse;
        rollback = "Rollback" (RollbackRequest) -> RollbackResponse;
        begin_execute = "BeginExecute" (BeginExecuteRequest) -> BeginExecuteResponse;
        reserve_execute = "ReserveExecute" (ReserveExecuteRequest) -> ReserveExecuteResponse;
        reserve_begin_execute = "ReserveBeginExecute" (ReserveBeginExecuteRequest) -> ReserveBeginExecuteResponse;
        release = "Release" (ReleaseRequest) -> ReleaseResponse;
    }
    streaming {
        stream_execute(StreamExecuteRequest) -> StreamExecuteResponse;
        begin_stream_execute(BeginStreamExecuteRequest) -> BeginStreamExecuteResponse;
        stream_health(StreamHealthRequest) -> StreamHealthResponse;
        get_schema(GetSchemaRequest) -> GetSchemaResponse;
    }
}

/// The query service over gRPC. Cheap to clone.
#[derive(Debug, Clone)]
pub struct QueryClient {
    /// For calls with one message each way.
    channel: Channel,
    /// For streams.
    grpc: Grpc<Channel>,
}

impl QueryClient {
    /// A client of the tablet at `host:port`; connects at the first call.
    pub fn new(address: &str, options: &ChannelOptions) -> Result<Self> {
        Ok(Self::of(rpc::connect_lazy(address, options)?))
    }

    fn of(channel: Channel) -> Self {
        let grpc = Grpc::new(channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Self { channel, grpc }
    }

    /// Ends its connections: calls under way fail with `ConnectionLost`, later ones connect anew.
    pub fn close(&self) {
        self.channel.close();
    }
}
