//! A client's socket, which two can look at: the connection reads and writes it, and while a statement runs
//! somebody watches whether the client is still there.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::{TcpStream, UnixStream},
};

/// How often a client that has sent more before its answer came is looked after.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Clones are the same socket.
#[derive(Debug, Clone)]
pub enum Socket {
    Tcp(Arc<TcpStream>),
    Unix(Arc<UnixStream>),
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(Arc::new(stream))
    }
}

impl From<UnixStream> for Socket {
    fn from(stream: UnixStream) -> Self {
        Self::Unix(Arc::new(stream))
    }
}

/// A socket on its way from one runtime to another.
#[derive(Debug)]
pub enum Detached {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

impl TryFrom<Detached> for Socket {
    type Error = io::Error;

    /// The socket in this runtime.
    fn try_from(detached: Detached) -> io::Result<Self> {
        Ok(match detached {
            Detached::Tcp(stream) => TcpStream::from_std(stream)?.into(),
            Detached::Unix(stream) => UnixStream::from_std(stream)?.into(),
        })
    }
}

/// The same call on either kind.
macro_rules! on {
    ($socket:expr, $stream:ident => $call:expr) => {
        match $socket {
            Socket::Tcp($stream) => $call,
            Socket::Unix($stream) => $call,
        }
    };
}

impl Socket {
    /// Takes the socket out of its runtime. Fails when there are clones of it.
    pub fn detach(self) -> io::Result<Detached> {
        let shared = || io::Error::other("the socket is in use");
        Ok(match self {
            Self::Tcp(stream) => Detached::Tcp(Arc::try_unwrap(stream).map_err(|_| shared())?.into_std()?),
            Self::Unix(stream) => Detached::Unix(Arc::try_unwrap(stream).map_err(|_| shared())?.into_std()?),
        })
    }

    /// Resolves when the client has closed its side; reads nothing. For the task that reads: the two share one
    /// place to be woken.
    pub async fn closed(&self) {
        loop {
            // Costs less to begin and to give up than `ready`, and every statement does.
            if std::future::poll_fn(|cx| on!(self, s => s.poll_read_ready(cx))).await.is_err() {
                return;
            }
            let Ok(ready) = on!(self, s => s.ready(Interest::READABLE).await) else { return };
            if ready.is_read_closed() {
                return;
            }
            match self.peek() {
                Ok(0) => return,
                // A command sent ahead: what is readable stays so, and only the end is of interest.
                Ok(_) => tokio::time::sleep(LOOK_AGAIN).await,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }

    /// How many bytes could be read, at most one. `WouldBlock` also clears tokio's note that there are some.
    fn peek(&self) -> io::Result<usize> {
        let mut byte = [std::mem::MaybeUninit::uninit()];
        on!(self, s => s.try_io(Interest::READABLE, || socket2::SockRef::from(&**s).peek(&mut byte)))
    }

    /// Clears tokio's note that something can be read, as tokio's own streams do after a read that did not fill
    /// its buffer: nothing is left, and what comes later is told anew. Saves the system call that would find out.
    fn note_drained(&self) {
        let nothing = || io::Result::<()>::Err(io::ErrorKind::WouldBlock.into());
        let _ = on!(self, s => s.try_io(Interest::READABLE, nothing));
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(on!(&*self, s => s.poll_read_ready(cx)))?;
            let room = buf.remaining();
            // Into memory as it is: filling it with zeros first would cost more than the read.
            match on!(&*self, s => s.try_read_buf(buf)) {
                Ok(n) => {
                    if n > 0 && n < room {
                        self.note_drained();
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(on!(&*self, s => s.poll_write_ready(cx)))?;
            match on!(&*self, s => s.try_write(buf)) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(on!(&*self, s => socket2::SockRef::from(&**s).shutdown(std::net::Shutdown::Write)))
    }
}

#[cfg(test)]
mod tests;
