use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use authority::{Authority, Request};
use axum::{Extension, Router, routing::get};
use secrets::{
    Named,
    tls::{ClientFiles, ClientTls, HTTP1, ServerFiles, ServerTls},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{ByTls, enter};
use crate::{Context, admin};

const LIMIT: Duration = Duration::from_secs(20);

/// Writes a certificate for 127.0.0.1 into `dir`, with its authority's as `ca.pem`.
fn write(dir: &Path, authority: &Authority, request: Request) -> ServerFiles {
    authority.write(dir).unwrap();
    let (cert, key) = authority.issue(&request).unwrap().write(dir, "server").unwrap();
    ServerFiles::new(Named::new("--http-cert", cert), Named::new("--http-key", key))
}

fn request(name: &str) -> Request {
    Request::new(name, &["127.0.0.1"])
}

fn client(dir: &Path) -> ClientTls {
    let ca = Some(Named::new("the authority", dir.join("ca.pem")));
    ClientTls::open(ClientFiles { ca, ..ClientFiles::default() }, &[HTTP1]).unwrap()
}

/// What comes back for `GET path` until the other side hangs up.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, work).await.expect("it does not hang")
}

/// A process's HTTP server by TLS, with a page that tells whether it sees that.
fn serve(files: &ServerFiles) -> (SocketAddr, Context) {
    let context = Context::new("test");
    let page = get(async |by: Option<Extension<ByTls>>| format!("by TLS: {}", by.is_some()));
    context.pages.add_routes(Router::new().route("/by", page));
    let listener = admin::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let tls = ServerTls::open(files.clone(), &[HTTP1]).unwrap();
    admin::serve(listener, Some(Arc::new(tls)), context.clone()).unwrap();
    (address, context)
}

#[tokio::test]
async fn pages_come_by_tls_alone_and_a_new_certificate_counts() {
    let dir = testkit::temp_dir();
    let authority = Authority::new("ours").unwrap();
    let (address, context) = serve(&write(dir.path(), &authority, request("first")));
    // One that says nothing keeps nobody out.
    let _silent = TcpStream::connect(address).await.unwrap();
    let by_tls = async |path: &str| {
        let stream = TcpStream::connect(address).await.unwrap();
        let stream = client(dir.path()).connect("127.0.0.1", stream).await?;
        Ok::<_, String>(ask(stream, path).await)
    };
    let health = within(by_tls("/healthz")).await.unwrap();
    assert!(health.starts_with("HTTP/1.1 200") && health.ends_with("ok\n"), "{health}");
    assert!(within(by_tls("/by")).await.unwrap().ends_with("by TLS: true"));

    let plain = within(ask(TcpStream::connect(address).await.unwrap(), "/healthz")).await;
    assert!(plain.starts_with("HTTP/1.1 400") && plain.contains("https://"), "{plain}");

    let other = Authority::new("another").unwrap();
    write(dir.path(), &other, request("second"));
    let pause = async |time| tokio::time::sleep(time).await;
    testkit::wait_until_async("the new certificate", LIMIT, pause, async || by_tls("/by").await).await;

    // The port is free when the process stops.
    context.stop.cancel();
    testkit::wait_until_async("the port to be closed", LIMIT, pause, async || {
        match TcpStream::connect(address).await {
            Ok(_) => Err("it is open".to_owned()),
            Err(_) => Ok(()),
        }
    })
    .await;
}

/// What server and client say of a connection.
async fn meet(files: ServerFiles, client: ClientTls) -> (String, String) {
    let tls = ServerTls::open(files, &[HTTP1]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async { enter(&tls, listener.accept().await.unwrap().0).await.map(drop) };
    let caller =
        async { client.connect("127.0.0.1", TcpStream::connect(address).await.unwrap()).await.map(drop) };
    let (server, caller) = Box::pin(within(async { tokio::join!(server, caller) })).await;
    (server.unwrap_err(), caller.unwrap_err())
}

#[tokio::test]
async fn both_sides_say_which_certificate_is_refused_and_why() {
    let dir = testkit::temp_dir();
    let ours = Authority::new("ours").unwrap();
    let expired = write(dir.path(), &ours, request("old pages").expired());
    let (server, caller) = meet(expired, client(dir.path())).await;
    assert!(server.contains("refuses our certificate --http-cert"), "{server}");
    assert!(server.contains("old pages") && server.contains("as expired"), "{server}");
    assert!(caller.contains("old pages") && caller.contains("it has expired"), "{caller}");

    let foreign = write(dir.path(), &ours, request("foreign pages"));
    Authority::new("another").unwrap().write(dir.path()).unwrap();
    let (server, caller) = meet(foreign, client(dir.path())).await;
    assert!(server.contains("--http-cert") && server.contains("foreign pages"), "{server}");
    assert!(server.contains("an authority"), "{server}");
    assert!(caller.contains("foreign pages") && caller.contains("not signed by an authority"), "{caller}");
}
