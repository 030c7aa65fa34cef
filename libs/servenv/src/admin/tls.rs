//! TLS of the admin server: a socket goes through the handshake before HTTP is spoken on it.
//!
//! Handshakes run beside each other, a limited number of them, each with a limit of time: a client that says nothing
//! keeps nobody out. Who speaks HTTP without TLS is told so.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use secrets::tls::{ServerStream, ServerTls};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
};
use tracing::{debug, warn};

/// How long a client may take for its TLS handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// Clients that are in their handshakes; more wait in the socket's queue.
const MAX_AT_DOOR: usize = 256;
/// After a failed accept (no file descriptors left) the next one waits a little.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a client that is turned away may take to hang up, and how many reads what it has sent may need.
const PART_LIMIT: Duration = Duration::from_secs(1);
const MAX_UNREAD: usize = 16;
/// How each record of a TLS handshake begins (RFC 8446, section 5.1); no request of HTTP does.
const HANDSHAKE_RECORD: u8 = 22;

/// Said with every request that came by TLS, as an extension of it.
#[derive(Debug, Clone, Copy)]
pub struct ByTls;

type Entered = (ServerStream<TcpStream>, SocketAddr);

/// Gives the connections that have come in.
pub(super) struct Listener {
    entered: mpsc::Receiver<Entered>,
    address: SocketAddr,
}

impl Listener {
    /// Lets clients in by tasks of this runtime, until it is dropped.
    pub fn new(socket: TcpListener, tls: Arc<ServerTls>) -> std::io::Result<Self> {
        let address = socket.local_addr()?;
        let (sender, entered) = mpsc::channel(MAX_AT_DOOR);
        tokio::spawn(let_in(socket, tls, sender));
        Ok(Self { entered, address })
    }
}

impl axum::serve::Listener for Listener {
    type Io = ServerStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Entered {
        match self.entered.recv().await {
            Some(entered) => entered,
            // The task ends with this listener, not before.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.address)
    }
}

async fn let_in(socket: TcpListener, tls: Arc<ServerTls>, inside: mpsc::Sender<Entered>) {
    let places = Arc::new(Semaphore::new(MAX_AT_DOOR));
    loop {
        let accepted = tokio::select! {
            accepted = async {
                let place = places.clone().acquire_owned().await;
                (socket.accept().await, place)
            } => accepted,
            () = inside.closed() => return,
        };
        let (stream, peer) = match accepted.0 {
            Ok(accepted) => accepted,
            Err(e) => {
                warn!("cannot accept an HTTP connection: {e}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (tls, inside, place) = (tls.clone(), inside.clone(), accepted.1);
        tokio::spawn(async move {
            let entered = tokio::time::timeout(HANDSHAKE_LIMIT, enter(&tls, stream)).await;
            match entered {
                // Fails when nobody serves any more.
                Ok(Ok(stream)) => drop(inside.send((stream, peer)).await),
                Ok(Err(why)) => tell(&tls, peer, &why),
                Err(_) => {
                    tell(&tls, peer, &format!("it did not end its TLS handshake within {HANDSHAKE_LIMIT:?}"))
                }
            }
            drop(place);
        });
    }
}

fn tell(tls: &ServerTls, peer: SocketAddr, why: &str) {
    if tls.is_news(why) {
        warn!("HTTP: no connection for the client at {peer}: {why}");
    } else {
        debug!("HTTP: no connection for the client at {peer}: {why}");
    }
}

async fn enter(tls: &ServerTls, stream: TcpStream) -> Result<ServerStream<TcpStream>, String> {
    let mut first = [0];
    match stream.peek(&mut first).await {
        // Also a balancer that looks whether somebody listens; the handshake says it has hung up.
        Ok(0) | Err(_) => tls.accept(stream).await,
        Ok(_) if first[0] == HANDSHAKE_RECORD => tls.accept(stream).await,
        Ok(_) => {
            // It has hung up, or does not: either way it had its time.
            let _ = tokio::time::timeout(PART_LIMIT, turn_away(stream)).await;
            Err("it does not speak TLS, which --http-cert asks for".to_owned())
        }
    }
}

/// Answers a request that came without TLS. What it sent is read: a socket that is closed with something unread throws
/// away what was sent last.
async fn turn_away(mut stream: TcpStream) -> std::io::Result<()> {
    const TEXT: &str = "this port speaks TLS: ask it with https://\n";
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{TEXT}",
        TEXT.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    let mut unread = [0; 4096];
    for _ in 0..MAX_UNREAD {
        if stream.read(&mut unread).await? == 0 {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
