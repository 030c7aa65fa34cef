//! Framing: packets of at most 16 MiB - 1 with a length and a sequence number.

use bytes::{Buf, Bytes, BytesMut};
use secrets::tls::ServerTls;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use vterrors::{Condition, Error, Result};

use super::stream::Stream;
use crate::constants::MAX_PAYLOAD;

/// The largest command a client may send: MySQL's default `max_allowed_packet`.
pub const MAX_COMMAND_BYTES: usize = 64 << 20;
/// An answer is flushed to the client whenever so much of it is ready.
const FLUSH_BYTES: usize = 64 << 10;
/// A buffer that grew past this for one large answer is not kept.
const KEEP_BYTES: usize = 256 << 10;
const READ_BYTES: usize = 16 << 10;

/// From UTF-8 to what a client reads.
pub type Encode = fn(&[u8]) -> Vec<u8>;

/// One client's connection. Packets are written to a buffer; [`Connection::flush`] sends it.
pub struct Connection<S> {
    stream: Stream<S>,
    read: BytesMut,
    pub(super) write: Vec<u8>,
    /// How much of `write` is sent already.
    sent: usize,
    sequence: u8,
    broken: bool,
    /// `CLIENT_*` flags that both sides have, once the handshake is done.
    pub capabilities: u32,
    /// Turns UTF-8 into what the client reads; `None` for UTF-8. Names of columns and texts of errors go
    /// through it, rows are the caller's.
    pub encode: Option<Encode>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub fn new(stream: S) -> Self {
        Self {
            stream: Stream::Plain(stream),
            read: BytesMut::new(),
            write: Vec::new(),
            sent: 0,
            sequence: 0,
            broken: false,
            capabilities: 0,
            encode: None,
        }
    }

    /// Goes over to TLS. What the client has sent already is the beginning of its TLS handshake.
    ///
    /// Errors: `AccessDenied` for a client that is not let in; it says why, for the log: the client cannot be told any
    /// more.
    pub async fn start_tls(&mut self, tls: &ServerTls) -> Result<()> {
        let sent = std::mem::take(&mut self.read).freeze();
        let stream = std::mem::replace(&mut self.stream, Stream::Broken);
        let started = stream.start_tls(tls, sent).await;
        self.broken = started.is_err();
        self.stream = started.map_err(|why| Error::new(Condition::AccessDenied, format!("TLS: {why}")))?;
        Ok(())
    }

    /// Whether a write has failed: then the client cannot be told anything more.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// The next command's payload; `None` when the client has closed. Begins a new sequence.
    pub async fn read_command(&mut self) -> Result<Option<Bytes>> {
        self.sequence = 0;
        self.read_packet(MAX_COMMAND_BYTES).await
    }

    /// The next packet, put together from its pieces, of at most `limit` bytes.
    pub async fn read_packet(&mut self, limit: usize) -> Result<Option<Bytes>> {
        let Some(first) = self.read_piece(limit, true).await? else { return Ok(None) };
        if first.len() < MAX_PAYLOAD {
            return Ok(Some(first));
        }
        let mut whole = BytesMut::from(&first[..]);
        loop {
            let left = limit - whole.len();
            let piece = self.read_piece(left, false).await?.unwrap_or_default();
            whole.extend_from_slice(&piece);
            if piece.len() < MAX_PAYLOAD {
                return Ok(Some(whole.freeze()));
            }
        }
    }

    async fn read_piece(&mut self, limit: usize, may_end: bool) -> Result<Option<Bytes>> {
        if !self.fill(4, may_end).await? {
            return Ok(None);
        }
        let len =
            usize::from(self.read[0]) | usize::from(self.read[1]) << 8 | usize::from(self.read[2]) << 16;
        let sequence = self.read[3];
        if sequence != self.sequence {
            return Err(Error::new(
                Condition::InvalidArgument,
                format!("packets out of order: got {sequence}, expected {}", self.sequence),
            ));
        }
        if len > limit {
            return Err(Error::new(
                Condition::PacketTooLarge,
                format!("Got a packet bigger than 'max_allowed_packet' bytes ({MAX_COMMAND_BYTES})"),
            ));
        }
        self.sequence = sequence.wrapping_add(1);
        self.fill(4 + len, false).await?;
        self.read.advance(4);
        Ok(Some(self.read.split_to(len).freeze()))
    }

    /// Reads until `n` bytes are buffered; `false` when the peer closed before the first of them.
    async fn fill(&mut self, n: usize, may_end: bool) -> Result<bool> {
        while self.read.len() < n {
            // What was announced is reserved only as it arrives: a length alone costs no memory.
            let more = (n - self.read.len()).clamp(READ_BYTES, FLUSH_BYTES * 16);
            self.read.reserve(more);
            let got = self.stream.read_buf(&mut self.read).await.map_err(lost)?;
            if got == 0 {
                if may_end && self.read.is_empty() {
                    return Ok(false);
                }
                return Err(Error::new(Condition::ConnectionLost, "the client closed in mid-packet"));
            }
        }
        Ok(true)
    }

    /// Appends a packet whose payload `build` writes. Payloads past 16 MiB are cut in pieces.
    pub fn packet(&mut self, build: impl FnOnce(&mut Vec<u8>)) {
        let at = self.write.len();
        self.write.extend_from_slice(&[0; 4]);
        build(&mut self.write);
        self.end_packet(at);
    }

    /// The same; nothing is appended when `build` fails.
    pub fn try_packet(&mut self, build: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        let at = self.write.len();
        self.write.extend_from_slice(&[0; 4]);
        if let Err(e) = build(&mut self.write) {
            self.write.truncate(at);
            return Err(e);
        }
        self.end_packet(at);
        Ok(())
    }

    fn end_packet(&mut self, at: usize) {
        let len = self.write.len() - at - 4;
        if len < MAX_PAYLOAD {
            self.header(at, len);
            return;
        }
        self.split_long(at);
    }

    fn header(&mut self, at: usize, len: usize) {
        self.write[at..at + 3].copy_from_slice(&(len as u32).to_le_bytes()[..3]);
        self.write[at + 3] = self.sequence;
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// Rewrites the long payload at `at` as pieces; the last one is shorter than the limit, maybe empty.
    fn split_long(&mut self, at: usize) {
        let payload = self.write.split_off(at).split_off(4);
        let mut pieces = payload.chunks(MAX_PAYLOAD).peekable();
        while let Some(piece) = pieces.next() {
            self.piece(piece);
            if pieces.peek().is_none() && piece.len() == MAX_PAYLOAD {
                self.piece(&[]);
            }
        }
    }

    fn piece(&mut self, payload: &[u8]) {
        let at = self.write.len();
        self.write.extend_from_slice(&[0; 4]);
        self.write.extend_from_slice(payload);
        self.header(at, payload.len());
    }

    /// Sends what is buffered when it is large; call between rows.
    pub async fn flush_if_large(&mut self) -> Result<()> {
        if self.write.len() >= FLUSH_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Sends everything that is buffered. When it is dropped half way, the next call goes on from there.
    pub async fn flush(&mut self) -> Result<()> {
        while self.sent < self.write.len() {
            match self.stream.write(&self.write[self.sent..]).await {
                Ok(n) if n > 0 => self.sent += n,
                ended => {
                    self.broken = true;
                    return Err(lost(ended.err().unwrap_or_else(|| std::io::ErrorKind::WriteZero.into())));
                }
            }
        }
        if self.sent > 0 {
            self.sent = 0;
            self.write.clear();
            self.write.shrink_to(KEEP_BYTES);
        }
        self.stream.flush().await.map_err(lost)
    }
}

fn lost(e: std::io::Error) -> Error {
    Error::new(Condition::ConnectionLost, format!("client connection: {e}"))
}
