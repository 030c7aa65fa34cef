//! Channels and servers by TLS, with files as the flags name them.

use std::{path::Path, sync::Arc, time::Duration};

use authority::{Authority, Request};
use clap::Parser;
use proto::query as q;
use tokio::{net::TcpListener, time::timeout};
use vterrors::{Condition, Result};

use super::*;
use crate::{
    GrpcServerTlsOptions, Listener, Peer, TabletGrpcOptions, TabletManagerGrpcOptions, routes, serve,
};

const BEGIN: &str = "/queryservice.Query/Begin";
const LIMIT: Duration = Duration::from_secs(20);

#[derive(Debug, Parser)]
struct Flags {
    #[command(flatten)]
    server: GrpcServerTlsOptions,
    #[command(flatten)]
    tablet: TabletGrpcOptions,
    #[command(flatten)]
    manager: TabletManagerGrpcOptions,
}

/// Flags as they are typed; `DIR` stands for the folder.
fn flags(dir: &Path, text: &str) -> Flags {
    let text = text.replace("DIR", &dir.display().to_string());
    Flags::try_parse_from(std::iter::once("x").chain(text.split_whitespace())).unwrap()
}

async fn start(flags: &Flags) -> String {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let listener = Listener::new(socket, flags.server.server_tls().unwrap());
    let routes = routes().await.unwrap().unary(BEGIN, |_: q::BeginRequest| async {
        Ok(q::BeginResponse { transaction_id: 7, ..Default::default() })
    });
    tokio::spawn(serve(listener, routes, Arc::default(), std::future::pending()));
    address
}

async fn call(address: &str, options: &ChannelOptions) -> Result<i64> {
    let channel = connect_lazy(address, options).unwrap();
    let request = q::BeginRequest::default();
    let asked = channel.unary::<_, q::BeginResponse>(BEGIN, &request);
    timeout(LIMIT, asked).await.expect("an answer").map(|answer| answer.transaction_id)
}

/// Answers every call with an error whose text is the name in the caller's certificate.
#[derive(Clone)]
struct Who;

impl tonic::server::NamedService for Who {
    const NAME: &'static str = "queryservice.Query";
}

impl tower::Service<http::Request<tonic::body::Body>> for Who {
    type Response = http::Response<tonic::body::Body>;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let name = request.extensions().get::<Peer>().map_or("nobody", |peer| &peer.name);
        std::future::ready(Ok(tonic::Status::unknown(name).into_http()))
    }
}

#[tokio::test]
async fn a_service_knows_the_name_in_its_callers_certificate() {
    let temp = testkit::temp_dir();
    let dir = temp.path();
    certificates(dir);
    let name = async |server: &str, client: &str| {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap().to_string();
        let listener = Listener::new(socket, flags(dir, server).server.server_tls().unwrap());
        let routes = routes().await.unwrap().add_service(Who);
        tokio::spawn(serve(listener, routes, Arc::default(), std::future::pending()));
        let options = flags(dir, client).tablet.channels().unwrap();
        call(&address, &options).await.unwrap_err().message().to_owned()
    };
    assert_eq!(name(SERVER, CLIENT).await, "client");
    // Not asked for, not told.
    let no_clients = "--grpc-cert DIR/server.pem --grpc-key DIR/server-key.pem";
    assert_eq!(name(no_clients, "--tablet-grpc-ca DIR/ca.pem").await, "nobody");
    assert_eq!(name("", "").await, "nobody");
}

fn certificates(dir: &Path) -> Authority {
    let authority = Authority::new("Ours").unwrap();
    authority.write(dir).unwrap();
    for name in ["server", "client"] {
        authority.issue(&Request::new(name, &["127.0.0.1"])).unwrap().write(dir, name).unwrap();
    }
    authority
}

const SERVER: &str = "--grpc-cert DIR/server.pem --grpc-key DIR/server-key.pem --grpc-ca DIR/ca.pem";
const CLIENT: &str =
    "--tablet-grpc-ca DIR/ca.pem --tablet-grpc-cert DIR/client.pem --tablet-grpc-key DIR/client-key.pem";

#[tokio::test]
async fn calls_go_by_mutual_tls_and_others_are_not_let_in() {
    let temp = testkit::temp_dir();
    let dir = temp.path();
    certificates(dir);
    let server = start(&flags(dir, SERVER)).await;
    let good = flags(dir, CLIENT).tablet.channels().unwrap();
    assert_eq!(call(&server, &good).await.unwrap(), 7);

    // Refused before anything was sent: somebody else may be asked.
    let bare = flags(dir, "--tablet-manager-grpc-ca DIR/ca.pem").manager.channels().unwrap();
    let e = call(&server, &bare).await.unwrap_err();
    assert_eq!(e.condition(), Condition::Unreachable, "{e}");
    assert!(e.message().contains("--tablet-manager-grpc-cert is not given"), "{e}");

    let foreign = Authority::new("Theirs").unwrap();
    foreign.issue(&Request::new("intruder", &[])).unwrap().write(dir, "client").unwrap();
    let e = call(&server, &flags(dir, CLIENT).tablet.channels().unwrap()).await.unwrap_err();
    assert_eq!(e.condition(), Condition::Unreachable, "{e}");
    for part in ["--tablet-grpc-cert", "client.pem", "CN=intruder", "not signed by an authority"] {
        assert!(e.message().contains(part), "{part}: {e}");
    }
    // Nor is one that speaks no TLS.
    let e = call(&server, &ChannelOptions::default()).await.unwrap_err();
    assert!(matches!(e.condition(), Condition::Unreachable | Condition::ConnectionLost), "{e}");
}

/// The same channel and the same server: what is open stays, and the next connection goes by the new files.
#[tokio::test]
async fn certificates_are_changed_without_a_restart() {
    let temp = testkit::temp_dir();
    let dir = temp.path();
    let old = certificates(dir);
    let server = start(&flags(dir, SERVER)).await;
    let options = flags(dir, CLIENT).tablet.channels().unwrap();
    let channel = connect_lazy(&server, &options).unwrap();
    let ask = async || {
        let request = q::BeginRequest::default();
        let asked = channel.unary::<_, q::BeginResponse>(BEGIN, &request);
        timeout(LIMIT, asked).await.expect("an answer").map(|answer| answer.transaction_id)
    };
    assert_eq!(ask().await.unwrap(), 7);
    certificates(dir);
    assert_eq!(ask().await.unwrap(), 7);
    testkit::wait_until_async("both to go by the new authority", LIMIT, tokio::time::sleep, async || {
        channel.close();
        // A client of the old authority tells which files the server goes by.
        let other = testkit::temp_dir();
        old.write(other.path()).map_err(|e| e.to_string())?;
        let pair = old.issue(&Request::new("old", &[])).map_err(|e| e.to_string())?;
        pair.write(other.path(), "client").map_err(|e| e.to_string())?;
        let stale = call(&server, &flags(other.path(), CLIENT).tablet.channels().unwrap()).await;
        match (ask().await, stale) {
            (Ok(7), Err(_)) => Ok(()),
            both => Err(format!("{both:?}")),
        }
    })
    .await;
}

#[test]
fn flags_that_do_not_go_together_are_named() {
    let temp = testkit::temp_dir();
    let dir = temp.path();
    certificates(dir);
    for (text, wanted) in [
        ("--grpc-cert DIR/server.pem", "--grpc-cert and --grpc-key"),
        ("--grpc-ca DIR/ca.pem", "need --grpc-cert"),
        ("--grpc-cert DIR/server.pem --grpc-key DIR/server-key.pem --grpc-crl DIR/x", "--grpc-crl needs"),
        ("--grpc-cert DIR/server.pem --grpc-key DIR/none.pem", "none.pem: No such file"),
    ] {
        let e = flags(dir, text).server.server_tls().unwrap_err().to_string();
        assert!(e.contains(wanted), "{text}: {e}");
    }
    let tablet = |text: &str| flags(dir, text).tablet.channels().unwrap_err().to_string();
    assert!(tablet("--tablet-grpc-server-name x").contains("--tablet-grpc-ca: needed"));
    assert!(tablet("--tablet-grpc-ca DIR/ca.pem --tablet-grpc-cert DIR/client.pem").contains("-key"));
    assert!(flags(dir, "").server.server_tls().unwrap().is_none());
}
