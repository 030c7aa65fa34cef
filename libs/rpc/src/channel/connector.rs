//! How a channel's bytes reach a peer: over TCP, or as somebody who stands in for the network has it.
//!
//! A simulation of thousands of tablets in one process hands its own down; everything above the bytes is the
//! same then.

use std::{fmt, io, sync::Arc};

use async_trait::async_trait;
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

/// Opens streams to peers; TCP by default. Cheap to clone.
#[derive(Clone, Default)]
pub struct Connector(Option<Arc<dyn Network>>);

impl Connector {
    pub fn new(network: Arc<dyn Network>) -> Self {
        Self(Some(network))
    }

    pub(super) async fn connect(&self, address: &str) -> io::Result<Box<dyn Stream>> {
        if let Some(network) = &self.0 {
            return network.connect(address).await;
        }
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Box::new(socket))
    }

    /// Whether the machine of `address` is there and says that nobody listens. Not bounded in time.
    pub async fn is_refused(&self, address: &str) -> bool {
        let connected = match &self.0 {
            Some(network) => network.connect(address).await.map(drop),
            None => TcpStream::connect(address).await.map(drop),
        };
        connected.is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "a network of one's own" } else { "TCP" })
    }
}
