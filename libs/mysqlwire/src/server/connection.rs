//! Framing: packets of at most 16 MiB - 1 with a length and a sequence number.

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use vterrors::{Condition, Error, Result};

use crate::constants::MAX_PAYLOAD;

/// The largest command a client may send: MySQL's default `max_allowed_packet`.
pub const MAX_COMMAND_BYTES: usize = 64 << 20;
/// An answer is flushed to the client whenever so much of it is ready.
const FLUSH_BYTES: usize = 64 << 10;
/// A buffer that grew past this for one large answer is not kept.
const KEEP_BYTES: usize = 256 << 10;
const READ_BYTES: usize = 16 << 10;

/// One client's connection. Packets are written to a buffer; [`Connection::flush`] sends it.
pub struct Connection<S> {
    stream: S,
    read: BytesMut,
    pub(super) write: Vec<u8>,
    sequence: u8,
    /// `CLIENT_*` flags that both sides have, once the handshake is done.
    pub capabilities: u32,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, read: BytesMut::new(), write: Vec::new(), sequence: 0, capabilities: 0 }
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

    /// Sends everything that is buffered.
    pub async fn flush(&mut self) -> Result<()> {
        if !self.write.is_empty() {
            self.stream.write_all(&self.write).await.map_err(lost)?;
            self.write.clear();
            self.write.shrink_to(KEEP_BYTES);
        }
        self.stream.flush().await.map_err(lost)
    }

    /// Whether the client has closed or sent something while its command runs: resolves only then.
    pub async fn closed(&mut self) {
        loop {
            if !self.read.is_empty() {
                // A pipelined command: the client is there, and is answered in turn.
                return std::future::pending().await;
            }
            match self.stream.read_buf(&mut self.read).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }
}

fn lost(e: std::io::Error) -> Error {
    Error::new(Condition::ConnectionLost, format!("client connection: {e}"))
}
