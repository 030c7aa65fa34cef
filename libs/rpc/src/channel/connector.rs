//! How a channel's bytes reach a peer: over TCP, or as somebody who stands in for the network has it; plain, or
//! by TLS.
//!
//! A simulation of thousands of tablets in one process hands its own down; everything above the bytes is the
//! same then.

use std::{fmt, io, sync::Arc};

use async_trait::async_trait;
use secrets::tls::ClientTls;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// A stream of bytes in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Stands in for the network.
#[async_trait]
pub trait Network: Send + Sync {
    /// A stream to `host:port`. The errors are those of a TCP connection: `ConnectionRefused` says that the machine
    /// is there and nobody listens.
    async fn connect(&self, address: &str) -> io::Result<Box<dyn Stream>>;
}

/// Opens streams to peers; plain TCP by default. Cheap to clone.
#[derive(Clone, Default)]
pub struct Connector {
    network: Option<Arc<dyn Network>>,
    tls: Option<Arc<ClientTls>>,
}

impl Connector {
    pub fn new(network: Arc<dyn Network>) -> Self {
        Self { network: Some(network), tls: None }
    }

    /// The same by TLS, where `tls` is given.
    pub fn with_tls(self, tls: Option<Arc<ClientTls>>) -> Self {
        Self { tls, ..self }
    }

    /// What TLS is spoken by, if it is.
    pub fn tls(&self) -> Option<&Arc<ClientTls>> {
        self.tls.as_ref()
    }

    /// Whether a peer may still refuse a connection that is made: by TLS 1.3 it says so after the handshake.
    pub(super) fn may_be_refused_late(&self) -> bool {
        self.tls.is_some()
    }

    pub(super) async fn connect(&self, address: &str) -> io::Result<Box<dyn Stream>> {
        let stream = match &self.network {
            Some(network) => network.connect(address).await?,
            None => {
                let socket = TcpStream::connect(address).await?;
                socket.set_nodelay(true)?;
                Box::new(socket)
            }
        };
        let Some(tls) = &self.tls else { return Ok(stream) };
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let stream = tls.connect(host, stream).await.map_err(io::Error::other)?;
        Ok(Box::new(stream))
    }

    /// Whether the machine of `address` is there and says that nobody listens. Not bounded in time.
    pub async fn is_refused(&self, address: &str) -> bool {
        let connected = match &self.network {
            Some(network) => network.connect(address).await.map(drop),
            None => TcpStream::connect(address).await.map(drop),
        };
        connected.is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.network.is_some() { "a network of one's own" } else { "TCP" })?;
        f.write_str(if self.tls.is_some() { " by TLS" } else { "" })
    }
}
