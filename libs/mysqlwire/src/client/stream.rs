//! The socket: Unix or TCP behind one type, without a box.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};
use vterrors::{Condition, Error, Result};

use super::Address;

#[derive(Debug)]
pub(super) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    pub async fn connect(address: &Address) -> Result<Self> {
        let connected = match address {
            Address::Unix(path) => UnixStream::connect(path).await.map(Self::Unix),
            Address::Tcp { host, port } => match TcpStream::connect((host.as_str(), *port)).await {
                Ok(stream) => stream.set_nodelay(true).map(|()| Self::Tcp(stream)),
                Err(e) => Err(e),
            },
        };
        connected.map_err(|e| {
            Error::new(Condition::Unreachable, format!("cannot connect to mysqld at {address}: {e}"))
        })
    }

    /// Nothing can be read and the other end has not closed.
    pub fn is_quiet(&self) -> bool {
        let read = match self {
            Self::Unix(s) => s.try_read(&mut [0]),
            Self::Tcp(s) => s.try_read(&mut [0]),
        };
        matches!(read, Err(e) if e.kind() == io::ErrorKind::WouldBlock)
    }

    /// Writes what fits now; a failure is nobody's concern.
    pub fn try_write_now(&self, bytes: &[u8]) {
        let _written_or_not = match self {
            Self::Unix(s) => s.try_write(bytes),
            Self::Tcp(s) => s.try_write(bytes),
        };
    }

    /// Nobody between the ends can listen: a password may be sent as it is.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Unix(_))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(s) => Pin::new(s).poll_read(cx, buf),
            Self::Tcp(s) => Pin::new(s).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(s) => Pin::new(s).poll_write(cx, buf),
            Self::Tcp(s) => Pin::new(s).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(s) => Pin::new(s).poll_flush(cx),
            Self::Tcp(s) => Pin::new(s).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(s) => Pin::new(s).poll_shutdown(cx),
            Self::Tcp(s) => Pin::new(s).poll_shutdown(cx),
        }
    }
}
