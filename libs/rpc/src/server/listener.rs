//! Where a server listens, and what becomes of a socket before HTTP/2 is spoken on it: TLS, where it is wanted.

use std::{fmt, sync::Arc, time::Duration};

use secrets::tls::{ServerStream, ServerTls};
use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, warn};

/// How long a client may take for its TLS handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// A socket that is listened on, plain or for TLS alone.
pub struct Listener {
    pub(super) socket: TcpListener,
    pub(super) door: Door,
}

impl Listener {
    pub fn new(socket: TcpListener, tls: Option<Arc<ServerTls>>) -> Self {
        Self { socket, door: Door { tls } }
    }
}

impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self::new(socket, None)
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// What clients come in by. Cheap to clone.
#[derive(Clone)]
pub(super) struct Door {
    pub tls: Option<Arc<ServerTls>>,
}

impl Door {
    /// The TLS handshake; a client that does not come in is told of in the log.
    pub async fn enter(&self, tls: &ServerTls, socket: TcpStream) -> Option<ServerStream<TcpStream>> {
        let peer = socket.peer_addr().map_or_else(|_| "an unknown address".to_owned(), |a| a.to_string());
        let why = match tokio::time::timeout(HANDSHAKE_LIMIT, tls.accept(socket)).await {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(why)) => why,
            Err(_) => format!("it did not end its TLS handshake within {HANDSHAKE_LIMIT:?}"),
        };
        if tls.is_news(&why) {
            warn!("gRPC: no connection for the client at {peer}: {why}");
        } else {
            debug!("gRPC: no connection for the client at {peer}: {why}");
        }
        None
    }
}
