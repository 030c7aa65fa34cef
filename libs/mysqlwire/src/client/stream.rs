//! The socket: Unix or TCP behind one type, without a box; or TCP with TLS.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use secrets::tls::{ClientStream, ClientTls};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};
use vterrors::{Condition, Error, Result};

use super::Address;

pub(super) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<ClientStream<TcpStream>>),
    /// A TLS handshake failed, or was given up.
    Broken,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unix(_) => "Unix socket",
            Self::Tcp(_) => "TCP",
            Self::Tls(_) => "TLS",
            Self::Broken => "broken",
        })
    }
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

    /// Goes over to TLS with the server at `host`; only for TCP. The error says whose certificate was refused.
    pub async fn start_tls(&mut self, tls: &ClientTls, host: &str) -> Result<(), String> {
        match std::mem::replace(self, Self::Broken) {
            Self::Tcp(socket) => {
                *self = Self::Tls(Box::new(tls.connect(host, socket).await?));
                Ok(())
            }
            _ => Err("TLS is for TCP".to_owned()),
        }
    }

    /// Nothing can be read and the other end has not closed.
    pub fn is_quiet(&self) -> bool {
        let read = match self {
            Self::Unix(s) => s.try_read(&mut [0]),
            Self::Tcp(s) => s.try_read(&mut [0]),
            Self::Tls(s) => s.get_ref().try_read(&mut [0]),
            Self::Broken => return false,
        };
        matches!(read, Err(e) if e.kind() == io::ErrorKind::WouldBlock)
    }

    /// Writes what fits now; a failure is nobody's concern.
    pub fn try_write_now(&mut self, bytes: &[u8]) {
        let _written_or_not = match self {
            Self::Unix(s) => s.try_write(bytes),
            Self::Tcp(s) => s.try_write(bytes),
            Self::Tls(s) => {
                let cx = &mut Context::from_waker(Waker::noop());
                let written = Pin::new(&mut **s).poll_write(cx, bytes);
                let _ = Pin::new(s).poll_flush(cx);
                return drop(written);
            }
            Self::Broken => return,
        };
    }

    /// Nobody between the ends can listen: a password may be sent as it is.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Unix(_) | Self::Tls(_))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(s) => Pin::new(s).poll_read(cx, buf),
            Self::Tcp(s) => Pin::new(s).poll_read(cx, buf),
            Self::Tls(s) => Pin::new(s).poll_read(cx, buf),
            Self::Broken => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(s) => Pin::new(s).poll_write(cx, buf),
            Self::Tcp(s) => Pin::new(s).poll_write(cx, buf),
            Self::Tls(s) => Pin::new(s).poll_write(cx, buf),
            Self::Broken => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(s) => Pin::new(s).poll_flush(cx),
            Self::Tcp(s) => Pin::new(s).poll_flush(cx),
            Self::Tls(s) => Pin::new(s).poll_flush(cx),
            Self::Broken => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(s) => Pin::new(s).poll_shutdown(cx),
            Self::Tcp(s) => Pin::new(s).poll_shutdown(cx),
            Self::Tls(s) => Pin::new(s).poll_shutdown(cx),
            Self::Broken => Poll::Ready(Ok(())),
        }
    }
}
