//! Codes 17 and 18 over a real connection: unary, before the first and after some messages of a stream.

use std::sync::Arc;

use futures::{StreamExt, stream};
use proto::vtgateservice::{
    vitess_client::VitessClient,
    vitess_server::{Vitess, VitessServer},
};
use proto::{query as q, queryservice::query_client::QueryClient, vtgate as vg};
use tonic::{Request, Response, Status};
use vterrors::{Code, Condition, Error};

use super::*;

struct Failing;

fn cluster_event() -> Status {
    status(Error::new(Condition::NotServing, "operation not allowed in state NOT_SERVING"))
}

#[tonic::async_trait]
impl Vitess for Failing {
    async fn execute(&self, _: Request<vg::ExecuteRequest>) -> Result<Response<vg::ExecuteResponse>, Status> {
        Err(status(Error::new(Condition::ReadOnly, "the server is read-only")))
    }

    async fn stream_execute(
        &self,
        request: Request<vg::StreamExecuteRequest>,
    ) -> Result<Response<tonic::codegen::BoxStream<vg::StreamExecuteResponse>>, Status> {
        let good: usize = request.into_inner().query.map_or(0, |q| q.sql.len());
        let items: Vec<_> = (0..good)
            .map(|_| Ok(vg::StreamExecuteResponse { result: Some(q::QueryResult::default()), session: None }))
            .chain([Err(cluster_event())])
            .collect();
        Ok(Response::new(Box::pin(stream::iter(items))))
    }

    async fn close_session(
        &self,
        _: Request<vg::CloseSessionRequest>,
    ) -> Result<Response<vg::CloseSessionResponse>, Status> {
        let mut forged = Status::new(tonic::Code::NotFound, "forged");
        forged.metadata_mut().insert("x-other", "1".parse().unwrap());
        Err(forged)
    }
}

async fn serve_failing() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let routes = routes().await.unwrap().add_service(VitessServer::new(Failing));
    tokio::spawn(serve(listener, routes, Arc::default(), std::future::pending()));
    address
}

#[tokio::test]
async fn codes_17_and_18_pass_through_both_ways() {
    let address = serve_failing().await;
    let mut client = VitessClient::new(connect_lazy(&address, &ChannelOptions::default()).unwrap());

    let e = error_of(client.execute(vg::ExecuteRequest::default()).await.unwrap_err());
    assert_eq!((e.code(), e.errno()), (Code::ReadOnly, 1290));

    for good in [0, 3] {
        let query = Some(q::BoundQuery { sql: "x".repeat(good), ..Default::default() });
        let answer = client.stream_execute(vg::StreamExecuteRequest { query, ..Default::default() }).await;
        let mut stream = answer.unwrap().into_inner();
        for _ in 0..good {
            stream.next().await.unwrap().unwrap();
        }
        let e = error_of(stream.next().await.unwrap().unwrap_err());
        assert_eq!((e.code(), e.condition()), (Code::ClusterEvent, Condition::NotServing), "after {good}");
        assert_eq!(e.message(), "operation not allowed in state NOT_SERVING");
    }
}

/// What is on the wire is the number itself: a client without our layer sees no marker.
#[tokio::test]
async fn the_wire_carries_the_number_and_no_marker() {
    let address = serve_failing().await;
    let plain = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut client = VitessClient::new(plain.connect_lazy());
    let e = client.execute(vg::ExecuteRequest::default()).await.unwrap_err();
    // tonic reads 18 as UNKNOWN, having no name for it; the marker must not have travelled.
    assert_eq!(e.code(), tonic::Code::Unknown);
    assert!(e.metadata().get(codes::MARKER).is_none());
}

#[tokio::test]
async fn ordinary_codes_are_left_alone() {
    let address = serve_failing().await;
    let mut client = VitessClient::new(connect_lazy(&address, &ChannelOptions::default()).unwrap());
    let e = error_of(client.close_session(vg::CloseSessionRequest::default()).await.unwrap_err());
    assert_eq!(e.code(), Code::NotFound);
    let mut other = QueryClient::new(connect_lazy(&address, &ChannelOptions::default()).unwrap());
    let e = error_of(other.begin(q::BeginRequest::default()).await.unwrap_err());
    assert_eq!(e.code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_dead_peer_is_unreachable_and_a_dying_one_is_lost() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let mut client = VitessClient::new(connect_lazy(&address, &ChannelOptions::default()).unwrap());
    let e = error_of(client.execute(vg::ExecuteRequest::default()).await.unwrap_err());
    assert_eq!(e.condition(), Condition::Unreachable, "{e}");
}

/// A call of a traced channel tells the work that answers it, where the server was asked to look; others do not.
#[tokio::test]
async fn a_trace_goes_with_its_calls() {
    const PATH: &str = "/test.Traces/Told";
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for looks in [true, false] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let routes = routes().await.unwrap().with_traces(looks).unary(PATH, |_: q::BoundQuery| async {
            let sql = trace_parent().map(|t| t.to_string()).unwrap_or_default();
            Ok(q::BoundQuery { sql, ..q::BoundQuery::default() })
        });
        tokio::spawn(serve(listener, routes, Arc::default(), std::future::pending()));
        let channel = connect_lazy(&address, &ChannelOptions::default()).unwrap();
        let told = async |channel: &Channel| {
            channel.unary::<_, q::BoundQuery>(PATH, &q::BoundQuery::default()).await.unwrap().sql
        };
        assert_eq!(told(&channel.traced(TRACE)).await, if looks { TRACE } else { "" });
        assert_eq!(told(&channel).await, "");
    }
    assert!(trace_parent().is_none());
}
