//! Packets on the socket: three bytes of length, one of sequence, the payload; a payload of the largest
//! length goes on in the next packet.
//!
//! Packets are split off one read buffer and share its memory: nothing is copied, and the buffer is
//! reused once everything that was split off it is gone.

use bytes::{Buf, BytesMut};
use secrets::tls::ClientTls;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use vterrors::{Condition, Error, Result};

use super::{cursor::malformed, stream::Stream};

/// The largest payload of one packet; a longer one is continued.
const MAX_PAYLOAD: usize = 0xff_ffff;
const HEADER: usize = 4;
/// How much is asked of the socket at once, at least.
const READ_SIZE: usize = 16 * 1024;

/// A socket that speaks in packets.
#[derive(Debug)]
pub(super) struct Framed {
    stream: Stream,
    read: BytesMut,
    write: BytesMut,
    sequence: u8,
}

fn lost(what: std::io::Error) -> Error {
    Error::new(Condition::ConnectionLost, format!("lost connection to mysqld: {what}"))
}

impl Framed {
    pub fn new(stream: Stream) -> Self {
        Self { stream, read: BytesMut::new(), write: BytesMut::new(), sequence: 0 }
    }

    pub fn is_secret(&self) -> bool {
        self.stream.is_secret()
    }

    /// Goes over to TLS. A server that has said more than its greeting by now is refused: what came in the clear would be
    /// taken for part of what follows.
    pub async fn start_tls(&mut self, tls: &ClientTls, host: &str) -> Result<(), String> {
        if !self.read.is_empty() {
            return Err("the server spoke before TLS was agreed on".to_owned());
        }
        self.stream.start_tls(tls, host).await
    }

    /// A new command starts: sequence numbers start at zero, and nothing of an old answer may be left.
    pub fn begin_command(&mut self) -> Result<()> {
        self.sequence = 0;
        if !self.read.is_empty() {
            return Err(malformed("bytes that no command asked for"));
        }
        Ok(())
    }

    /// Sends `head` followed by `body` as one payload.
    pub async fn send(&mut self, head: &[u8], body: &[u8]) -> Result<()> {
        self.write.clear();
        if head.len() + body.len() < MAX_PAYLOAD {
            self.put_header(head.len() + body.len());
            self.write.extend_from_slice(head);
            self.write.extend_from_slice(body);
        } else {
            self.put_long(&[head, body].concat());
        }
        let sent = self.stream.write_all(&self.write).await;
        // A single huge statement must not keep its size in memory for the connection's life.
        if self.write.capacity() > 1 << 20 {
            self.write = BytesMut::new();
        }
        sent.map_err(lost)
    }

    fn put_header(&mut self, len: usize) {
        let len = u32::try_from(len).expect("a payload is cut at 0xffffff bytes").to_le_bytes();
        self.write.extend_from_slice(&[len[0], len[1], len[2], self.sequence]);
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// A payload over the limit of one packet: full ones, then one that is shorter, maybe empty.
    fn put_long(&mut self, payload: &[u8]) {
        let mut rest = payload;
        loop {
            let (part, tail) = rest.split_at(rest.len().min(MAX_PAYLOAD));
            self.put_header(part.len());
            self.write.extend_from_slice(part);
            if part.len() < MAX_PAYLOAD {
                return;
            }
            rest = tail;
        }
    }

    /// The payload of the next packet.
    pub async fn packet(&mut self) -> Result<BytesMut> {
        loop {
            if let Some(packet) = self.buffered()? {
                return Ok(packet);
            }
            self.fill().await?;
        }
    }

    /// The payload of the next packet if it is completely here: no waiting, no scheduler.
    #[inline]
    pub fn buffered(&mut self) -> Result<Option<BytesMut>> {
        let Some(len) = self.payload_len() else { return Ok(None) };
        if len == MAX_PAYLOAD {
            return self.buffered_long();
        }
        if self.read.len() < HEADER + len {
            return Ok(None);
        }
        self.sequence = self.read[3].wrapping_add(1);
        self.read.advance(HEADER);
        Ok(Some(self.read.split_to(len)))
    }

    #[inline]
    fn payload_len(&self) -> Option<usize> {
        let h = self.read.get(..HEADER)?;
        Some(usize::from(h[0]) | usize::from(h[1]) << 8 | usize::from(h[2]) << 16)
    }

    /// A payload of several packets, joined; `None` until all of them are here.
    fn buffered_long(&mut self) -> Result<Option<BytesMut>> {
        let (mut at, mut total) = (0, 0);
        loop {
            let Some(h) = self.read.get(at..at + HEADER) else { return Ok(None) };
            let len = usize::from(h[0]) | usize::from(h[1]) << 8 | usize::from(h[2]) << 16;
            at += HEADER + len;
            total += len;
            if self.read.len() < at {
                return Ok(None);
            }
            if len < MAX_PAYLOAD {
                break;
            }
        }
        let mut joined = BytesMut::with_capacity(total);
        while joined.len() < total {
            let len = self.payload_len().ok_or_else(|| malformed("a continued packet"))?;
            self.sequence = self.read[3].wrapping_add(1);
            self.read.advance(HEADER);
            joined.extend_from_slice(&self.read.split_to(len));
        }
        // A total that is a multiple of the limit ends in an empty packet.
        if total % MAX_PAYLOAD == 0 {
            self.sequence = self.read[3].wrapping_add(1);
            self.read.advance(HEADER);
        }
        Ok(Some(joined))
    }

    /// Between commands: open, and nothing was sent unasked.
    pub fn is_quiet(&mut self) -> bool {
        self.read.is_empty() && self.stream.is_quiet()
    }

    /// Sends a whole packet if the socket takes it at once; else not.
    pub fn try_send_now(&mut self, packet: &[u8]) {
        self.stream.try_write_now(packet);
    }

    /// Waits for more bytes.
    pub async fn fill(&mut self) -> Result<()> {
        // Room for the rest of the packet that has begun, so that a long value is not grown step by step.
        let missing = self.payload_len().map_or(0, |len| (HEADER + len).saturating_sub(self.read.len()));
        self.read.reserve(missing.max(READ_SIZE));
        match self.stream.read_buf(&mut self.read).await.map_err(lost)? {
            0 => Err(Error::new(
                Condition::ConnectionLost,
                "lost connection to mysqld: it closed the connection",
            )),
            _ => Ok(()),
        }
    }
}
