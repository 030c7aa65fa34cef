//! One HTTP/2 connection of a server: a task for each call.

use h2::server::Builder;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{Routes, answer, listener::Door, peer::Peer};

/// Calls that a peer may have open on one connection; more wait on its side.
const MAX_STREAMS: u32 = 10_000;
/// How long a peer may take to begin.
const HANDSHAKE_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

/// Lets a client in, by TLS where the door wants it, and serves it. One that is at the door when `stop` comes is
/// let go.
pub(super) async fn enter(door: Door, socket: TcpStream, routes: Routes, stop: CancellationToken) {
    let Some(tls) = &door.tls else { return serve(socket, None, routes, stop).await };
    let entered = tokio::select! {
        entered = door.enter(tls, socket) => entered,
        () = stop.cancelled() => None,
    };
    if let Some(stream) = entered {
        let peer = Peer::of(&stream);
        serve(stream, peer, routes, stop).await;
    }
}

/// Serves a connection to its end. Once `stop` is cancelled no new calls are taken, and those that run end.
pub(super) async fn serve<S>(socket: S, peer: Option<Peer>, routes: Routes, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let handshake = Builder::new()
        .initial_window_size(crate::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(crate::CONNECTION_WINDOW_BYTES)
        .max_frame_size(crate::FRAME_BYTES)
        .max_header_list_size(crate::HEADERS_BYTES)
        .max_send_buffer_size(crate::SEND_BUFFER_BYTES)
        .max_concurrent_streams(MAX_STREAMS)
        .handshake(socket);
    let mut connection = match tokio::time::timeout(HANDSHAKE_LIMIT, handshake).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(e)) => return debug!("gRPC connection not begun: {e}"),
        Err(_) => return debug!("gRPC connection not begun within {HANDSHAKE_LIMIT:?}"),
    };
    let mut stopping = false;
    loop {
        let call = tokio::select! {
            biased;
            call = connection.accept() => call,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                connection.graceful_shutdown();
                continue;
            }
        };
        match call {
            Some(Ok((request, respond))) => {
                // Ends with its connection: a call whose stream is gone is dropped.
                tokio::spawn(answer::answer(routes.clone(), peer.clone(), request, respond));
            }
            Some(Err(e)) => return debug!("gRPC connection ended: {e}"),
            None => return,
        }
    }
}
