use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    time::timeout,
};

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

async fn tcp_pair() -> (TcpStream, Socket) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0.into())
}

#[tokio::test]
async fn the_end_of_a_client_is_seen_while_nothing_is_read() {
    let (client, socket) = tcp_pair().await;
    assert!(timeout(Duration::from_millis(20), socket.closed()).await.is_err());
    drop(client);
    timeout(LIMIT, socket.closed()).await.expect("seen");
    let (client, server) = UnixStream::pair().unwrap();
    let socket = Socket::from(server);
    assert!(timeout(Duration::from_millis(20), socket.closed()).await.is_err());
    drop(client);
    timeout(LIMIT, socket.closed()).await.expect("seen");
}

#[tokio::test]
async fn a_client_that_has_sent_ahead_is_there_until_it_goes() {
    let (mut client, mut socket) = tcp_pair().await;
    client.write_all(b"next").await.unwrap();
    assert!(timeout(Duration::from_millis(20), socket.closed()).await.is_err());
    let mut read = [0; 4];
    socket.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"next");
    client.write_all(b"last").await.unwrap();
    drop(client);
    timeout(LIMIT, socket.closed()).await.expect("seen");
    socket.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"last");
}
