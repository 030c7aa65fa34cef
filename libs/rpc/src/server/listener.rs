//! Where a server listens, and what becomes of a socket before HTTP/2 is spoken on it: TLS, where it is wanted.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use secrets::tls::{ServerStream, ServerTls};
use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, warn};

/// How long a client may take for its TLS handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// A client that is turned away for the same reason as the one before is told of again after this time: most try
/// again and again.
const SAY_AGAIN: Duration = Duration::from_secs(30);

/// A socket that is listened on, plain or for TLS alone.
pub struct Listener {
    pub(super) socket: TcpListener,
    pub(super) door: Door,
}

impl Listener {
    pub fn new(socket: TcpListener, tls: Option<Arc<ServerTls>>) -> Self {
        Self { socket, door: Door { tls, said: Arc::default() } }
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
    /// Why the last one was turned away, and when that was said.
    said: Arc<Mutex<Option<(String, Instant)>>>,
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
        if self.is_news(&why) {
            warn!("gRPC: no connection for the client at {peer}: {why}");
        } else {
            debug!("gRPC: no connection for the client at {peer}: {why}");
        }
        None
    }

    fn is_news(&self, why: &str) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let old = said.as_ref().is_some_and(|(text, at)| text == why && at.elapsed() < SAY_AGAIN);
        if !old {
            *said = Some((why.to_owned(), Instant::now()));
        }
        !old
    }
}
