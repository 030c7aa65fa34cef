//! Reading the protocol's integers and strings out of one packet. Every read is checked: a short packet is
//! a `None`, which the caller turns into [`malformed`].

use vterrors::{Condition, Error};

/// A server that sent what the protocol does not allow; the connection is not used again.
pub(super) fn malformed(what: &str) -> Error {
    Error::new(Condition::ConnectionLost, format!("malformed packet from mysqld: {what}"))
}

/// A position in a packet's payload.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn rest(self) -> &'a [u8] {
        self.bytes
    }

    pub fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.bytes.split_at_checked(n)?;
        self.bytes = tail;
        Some(head)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|b| b[0])
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|b| u16::from_le_bytes([b[0], b[1]]))
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.take(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }

    /// A length-encoded integer; `None` also for the NULL marker.
    pub fn lenenc_int(&mut self) -> Option<u64> {
        let (value, width) = lenenc(self.bytes)?;
        self.take(width)?;
        value
    }

    pub fn lenenc_bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.lenenc_int()?).ok()?;
        self.take(len)
    }

    /// Bytes up to a zero byte, which is consumed; to the end where there is none.
    pub fn until_zero(&mut self) -> &'a [u8] {
        match self.bytes.iter().position(|b| *b == 0) {
            Some(at) => {
                let (head, tail) = (&self.bytes[..at], &self.bytes[at + 1..]);
                self.bytes = tail;
                head
            }
            None => std::mem::take(&mut self.bytes),
        }
    }
}

/// The length-encoded integer at the start of `bytes` and how many bytes it takes; a value of `None` is
/// the NULL marker of a text row.
#[inline]
pub(super) fn lenenc(bytes: &[u8]) -> Option<(Option<u64>, usize)> {
    let first = *bytes.first()?;
    let wide = |n: usize| -> Option<(Option<u64>, usize)> {
        let mut value = [0u8; 8];
        value[..n].copy_from_slice(bytes.get(1..=n)?);
        Some((Some(u64::from_le_bytes(value)), n + 1))
    };
    match first {
        0..=0xfa => Some((Some(u64::from(first)), 1)),
        0xfb => Some((None, 1)),
        0xfc => wide(2),
        0xfd => wide(3),
        0xfe => wide(8),
        0xff => None,
    }
}
