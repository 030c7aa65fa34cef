//! Calls between our channel and our server, and with tonic's on the other side.

use std::{sync::Arc, time::Duration};

use proto::query as q;
use tokio::{
    net::TcpListener,
    runtime::Handle,
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::timeout,
};
use vterrors::{Code, Condition, Error, Result};

use super::*;
use crate::{MAX_MESSAGE_BYTES, Routes, routes, serve};

const LIMIT: Duration = Duration::from_secs(20);
const BEGIN: &str = "/queryservice.Query/Begin";
const EXECUTE: &str = "/queryservice.Query/Execute";

struct Running {
    address: String,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<()>>,
}

async fn start_at(address: &str, routes: Routes, runtimes: Arc<[Handle]>) -> Running {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(serve(listener, routes, runtimes, async move { drop(stopped.await) }));
    Running { address, stop, served }
}

async fn start(routes: Routes) -> Running {
    start_at("127.0.0.1:0", routes, Arc::default()).await
}

impl Running {
    fn channel(&self) -> Channel {
        connect_lazy(&self.address, &ChannelOptions::default()).unwrap()
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        timeout(LIMIT, self.served).await.expect("the server ends").unwrap().unwrap();
    }
}

/// Answers with the text of the query as the id of a row.
async fn echoing() -> Routes {
    routes().await.unwrap().unary(EXECUTE, |r: q::ExecuteRequest| async move {
        let info = r.query.unwrap_or_default().sql;
        Ok(q::ExecuteResponse { result: Some(q::QueryResult { info, ..Default::default() }) })
    })
}

async fn echo(channel: &Channel, sql: &str) -> Result<String> {
    let query = Some(q::BoundQuery { sql: sql.to_owned(), ..Default::default() });
    let answer: q::ExecuteResponse =
        channel.unary(EXECUTE, &q::ExecuteRequest { query, ..Default::default() }).await?;
    Ok(answer.result.unwrap_or_default().info)
}

#[tokio::test]
async fn messages_of_any_allowed_size_go_both_ways() {
    let server = start(echoing().await).await;
    let channel = server.channel();
    for len in [0, 1, 20_000, 300_000, 5 << 20, MAX_MESSAGE_BYTES - 64] {
        let sql = "x".repeat(len);
        assert!(timeout(LIMIT, echo(&channel, &sql)).await.unwrap().unwrap() == sql, "{len}");
    }
    let e = echo(&channel, &"x".repeat(MAX_MESSAGE_BYTES)).await.unwrap_err();
    assert_eq!(e.condition(), Condition::PacketTooLarge, "{e}");
    assert_eq!(echo(&channel, "after").await.unwrap(), "after");
}

#[tokio::test]
async fn many_calls_at_once_share_a_connection() {
    let server = start(echoing().await).await;
    let channel = server.channel();
    let calls = (0..1000).map(|n| {
        let channel = channel.clone();
        async move { echo(&channel, &n.to_string()).await.unwrap() == n.to_string() }
    });
    assert!(timeout(LIMIT, futures::future::join_all(calls)).await.unwrap().into_iter().all(|same| same));
}

#[tokio::test]
async fn errors_keep_their_codes_and_texts() {
    let routes = routes().await.unwrap().unary(BEGIN, |_: q::BeginRequest| async {
        Err::<q::BeginResponse, _>(Error::new(Condition::NotServing, "operation not allowed in state ü%\n"))
    });
    let server = start(routes).await;
    let channel = server.channel();
    let e = channel.unary::<_, q::BeginResponse>(BEGIN, &q::BeginRequest::default()).await.unwrap_err();
    assert_eq!((e.code(), e.message()), (Code::ClusterEvent, "operation not allowed in state ü%\n"));
    let e = echo(&channel, "").await.unwrap_err();
    assert_eq!(e.code(), Code::Unimplemented, "{e}");
}

struct Dropped(Arc<Notify>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// A call that never answers; tells when it begins and when it is dropped.
async fn hanging() -> (Routes, Arc<Notify>, Arc<Notify>) {
    let (begun, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (b, d) = (begun.clone(), dropped.clone());
    let routes = routes().await.unwrap().unary(BEGIN, move |_: q::BeginRequest| {
        let guard = Dropped(d.clone());
        b.notify_one();
        async move {
            let _guard = guard;
            std::future::pending::<Result<q::BeginResponse>>().await
        }
    });
    (routes, begun, dropped)
}

#[tokio::test]
async fn a_call_that_is_given_up_is_given_up_by_the_server() {
    let (routes, begun, dropped) = hanging().await;
    let server = start(routes).await;
    let channel = server.channel();
    let call = tokio::spawn(async move {
        channel.unary::<_, q::BeginResponse>(BEGIN, &q::BeginRequest::default()).await
    });
    timeout(LIMIT, begun.notified()).await.expect("the call arrives");
    call.abort();
    timeout(LIMIT, dropped.notified()).await.expect("its work is dropped");
}

#[tokio::test]
async fn the_callers_deadline_ends_the_work() {
    let (routes, _, dropped) = hanging().await;
    let server = start(routes).await;
    let plain = tonic::transport::Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
    let mut client = proto::queryservice::query_client::QueryClient::new(plain.connect_lazy());
    let mut request = tonic::Request::new(q::BeginRequest::default());
    request.set_timeout(Duration::from_millis(20));
    assert!(client.begin(request).await.is_err());
    timeout(LIMIT, dropped.notified()).await.expect("its work is dropped");
}

#[tokio::test]
async fn a_server_that_stops_lets_calls_end_and_a_new_one_is_found() {
    let (go, wait) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (g, w) = (go.clone(), wait.clone());
    let slow = echoing().await.unary(BEGIN, move |_: q::BeginRequest| {
        let (go, wait) = (g.clone(), w.clone());
        async move {
            wait.notify_one();
            go.notified().await;
            Ok(q::BeginResponse { transaction_id: 7, ..Default::default() })
        }
    });
    let server = start(slow).await;
    let (address, channel) = (server.address.clone(), server.channel());
    let running = channel.clone();
    let call = tokio::spawn(async move {
        running.unary::<_, q::BeginResponse>(BEGIN, &q::BeginRequest::default()).await
    });
    timeout(LIMIT, wait.notified()).await.expect("the call arrives");
    let end = tokio::spawn(server.end());
    let refused = async {
        // Until the server has told its connections, it still answers.
        while echo(&channel, "x").await.is_ok() {}
    };
    timeout(LIMIT, refused).await.expect("new calls are refused");
    go.notify_one();
    assert_eq!(timeout(LIMIT, call).await.unwrap().unwrap().unwrap().transaction_id, 7);
    timeout(LIMIT, end).await.unwrap().unwrap();
    let e = echo(&channel, "x").await.unwrap_err();
    assert_eq!(e.condition(), Condition::Unreachable, "{e}");
    let again = start_at(&address, echoing().await, Arc::default()).await;
    assert_eq!(echo(&channel, "x").await.unwrap(), "x");
    drop(channel);
    again.end().await;
}

#[tokio::test]
async fn a_connection_that_breaks_in_mid_call_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let channel =
        connect_lazy(&listener.local_addr().unwrap().to_string(), &ChannelOptions::default()).unwrap();
    let server = async {
        let socket = listener.accept().await.unwrap().0;
        let mut connection = h2::server::handshake(socket).await.unwrap();
        // The call arrives, and the server dies.
        drop(connection.accept().await.unwrap().unwrap());
        drop(connection);
    };
    let (e, ()) = tokio::join!(echo(&channel, "x"), server);
    assert_eq!(e.unwrap_err().condition(), Condition::ConnectionLost);
}

#[tokio::test]
async fn a_peer_that_does_not_answer_pings_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = ChannelOptions {
        keepalive: Duration::from_millis(20),
        keepalive_timeout: Duration::from_millis(50),
        ..ChannelOptions::default()
    };
    let channel = connect_lazy(&listener.local_addr().unwrap().to_string(), &options).unwrap();
    let silent = async {
        let socket = listener.accept().await.unwrap().0;
        std::future::pending::<()>().await;
        drop(socket);
    };
    let e = tokio::select! {
        answer = timeout(LIMIT, echo(&channel, "x")) => answer.unwrap().unwrap_err(),
        () = silent => unreachable!(),
    };
    assert_eq!(e.condition(), Condition::ConnectionLost, "{e}");
}

#[test]
fn each_runtime_has_connections_of_its_own_on_both_sides() {
    let make = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (one, two) = (make(), make());
    let seen = Arc::new(std::sync::Mutex::new(std::collections::HashSet::new()));
    let (server, channel) = one.block_on(async {
        let place = seen.clone();
        let routes = routes().await.unwrap().unary(BEGIN, move |_: q::BeginRequest| {
            place.lock().unwrap().insert(Handle::current().id());
            async { Ok(q::BeginResponse::default()) }
        });
        let runtimes = [one.handle().clone(), two.handle().clone()];
        let server = start_at("127.0.0.1:0", routes, runtimes.into()).await;
        let channel = server.channel();
        (server, channel)
    });
    let request = &q::BeginRequest::default();
    for runtime in [&one, &two] {
        let call = channel.unary::<q::BeginRequest, q::BeginResponse>(BEGIN, request);
        runtime.block_on(async { timeout(LIMIT, call).await.unwrap().unwrap() });
    }
    assert_eq!(channel.shared.runtimes.read().unwrap().len(), 2);
    assert_eq!(seen.lock().unwrap().len(), 2);
    drop(channel);
    one.block_on(server.end());
}

/// A peer that hangs: its connections are given up by who knows that no answer will come.
#[tokio::test]
async fn a_closed_channel_fails_what_is_under_way_and_connects_anew() {
    let begun = Arc::new(Notify::new());
    let inside = Arc::clone(&begun);
    let routes = echoing().await.unary(BEGIN, move |_: q::BeginRequest| {
        let inside = Arc::clone(&inside);
        async move {
            inside.notify_one();
            std::future::pending::<Result<q::BeginResponse>>().await
        }
    });
    let server = start(routes).await;
    let channel = server.channel();
    let hanging = tokio::spawn({
        let channel = channel.clone();
        async move { channel.unary::<_, q::BeginResponse>(BEGIN, &q::BeginRequest::default()).await }
    });
    timeout(LIMIT, begun.notified()).await.unwrap();
    channel.close();
    let e = timeout(LIMIT, hanging).await.unwrap().unwrap().unwrap_err();
    assert_eq!(e.condition(), Condition::ConnectionLost, "{e}");
    assert_eq!(echo(&channel, "after").await.unwrap(), "after");
    server.end().await;
}
