//! One HTTP/2 connection: opened by the first call that needs it, watched by pings, opened again when it
//! broke.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use h2::{Ping, PingPong};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
    task::AbortHandle,
    time::{Instant, sleep, timeout},
};
use tracing::debug;
use vterrors::{Condition, Error, Result};

use super::{ChannelOptions, Peer};

/// A place to send requests to.
pub(super) type Sender = h2::client::SendRequest<Bytes>;

/// Requests that may be open before the peer has told its own limit.
const FIRST_STREAMS: usize = 100;

/// The place of a connection, which is open or not.
#[derive(Debug, Default)]
pub(super) struct Place {
    open: Mutex<Option<(Sender, AbortHandle)>>,
    /// Held by the one that connects; the last attempt that failed.
    opening: tokio::sync::Mutex<Option<(Instant, Error)>>,
}

impl Place {
    /// A sender of the connection, if it is open.
    pub(super) async fn sender(&self) -> Option<Sender> {
        let sender = self.open.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.0.clone();
        // At once for a fresh clone; fails when the connection has ended.
        sender.ready().await.ok()
    }

    /// Ends the connection: what waits for an answer fails.
    pub(super) fn close(&self) {
        if let Some((_, connection)) = self.open.lock().unwrap_or_else(PoisonError::into_inner).take() {
            connection.abort();
        }
    }

    /// Connects, or waits for the one who does; those who waited share its failure.
    pub(super) async fn reopen(&self, peer: &Peer, options: &ChannelOptions) -> Result<Sender> {
        let asked = Instant::now();
        let mut failed = self.opening.lock().await;
        if let Some(sender) = self.sender().await {
            return Ok(sender);
        }
        if let Some((at, e)) = &*failed
            && *at > asked
        {
            return Err(e.clone());
        }
        match timeout(options.connect_timeout, open(peer, options)).await {
            Ok(Ok((sender, connection))) => {
                *self.open.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some((sender.clone(), connection));
                *failed = None;
                Ok(sender)
            }
            ended => {
                let cause = match ended {
                    Ok(Err(e)) => e,
                    _ => format!("no answer within {:?}", options.connect_timeout),
                };
                let e = Error::new(Condition::Unreachable, format!("cannot connect: {cause}"));
                *failed = Some((Instant::now(), e.clone()));
                Err(e)
            }
        }
    }
}

async fn open(peer: &Peer, options: &ChannelOptions) -> Result<(Sender, AbortHandle), String> {
    match peer {
        Peer::Tcp(address) => {
            let stream = options.connector.connect(address).await.map_err(|e| e.to_string())?;
            shake_hands(stream, options, options.connector.may_be_refused_late()).await
        }
        Peer::Unix(path) => {
            let socket = UnixStream::connect(path).await.map_err(|e| e.to_string())?;
            shake_hands(socket, options, false).await
        }
    }
}

/// With `wait` a peer has to answer a ping before the connection is used: a call on one that the peer is about to refuse
/// would be lost, and nobody could tell that it was never read.
async fn shake_hands<S>(
    socket: S,
    options: &ChannelOptions,
    wait: bool,
) -> Result<(Sender, AbortHandle), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, mut connection) = h2::client::Builder::new()
        .initial_window_size(crate::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(crate::CONNECTION_WINDOW_BYTES)
        .max_frame_size(crate::FRAME_BYTES)
        .max_header_list_size(crate::HEADERS_BYTES)
        .max_send_buffer_size(crate::SEND_BUFFER_BYTES)
        .initial_max_send_streams(FIRST_STREAMS)
        .enable_push(false)
        .handshake(socket)
        .await
        .map_err(|e| e.to_string())?;
    let mut pings = connection.ping_pong();
    if let Some(pings) = pings.as_mut().filter(|_| wait) {
        tokio::select! {
            ended = &mut connection => return Err(ended.err().map_or_else(
                || "the peer closed the connection".to_owned(),
                |e| e.to_string(),
            )),
            answered = pings.ping(Ping::opaque()) => answered.map(drop).map_err(|e| e.to_string())?,
        }
    }
    let watch = pings.map(|pings| watch(pings, options.clone()));
    // Not a task of the service's context: it ends with the last sender, or with its runtime.
    let task = tokio::spawn(async move {
        let silent = async {
            match watch {
                Some(watch) => watch.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = connection => if let Err(e) = ended {
                debug!("gRPC connection ended: {e}");
            },
            // Dropping the connection fails what still waits for an answer.
            () = silent => debug!("gRPC connection closed: the peer does not answer pings"),
        }
    });
    Ok((sender, task.abort_handle()))
}

/// Resolves when a ping was not answered in time, or could not be sent.
async fn watch(mut pings: PingPong, options: ChannelOptions) {
    loop {
        sleep(options.keepalive).await;
        match timeout(options.keepalive_timeout, pings.ping(Ping::opaque())).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}
