//! The atoms of packets: integers, length-encoded integers and strings, read with bounds and written to
//! a buffer.

use vterrors::{Condition, Error, Result};

/// Reads a packet's payload from front to back; every read past its end is an error, never a panic.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

fn short() -> Error {
    Error::new(Condition::InvalidArgument, "malformed packet: it ends too early")
}

impl<'a> Reader<'a> {
    pub fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(n).ok_or_else(short)?;
        self.rest = tail;
        Ok(head)
    }

    /// A little-endian integer of `n` <= 8 bytes.
    pub fn uint(&mut self, n: usize) -> Result<u64> {
        let bytes = self.bytes(n)?;
        Ok(bytes.iter().rev().fold(0, |v, b| v << 8 | u64::from(*b)))
    }

    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.bytes(1)?[0])
    }

    pub fn u16(&mut self) -> Result<u16> {
        Ok(self.uint(2)? as u16)
    }

    pub fn u32(&mut self) -> Result<u32> {
        Ok(self.uint(4)? as u32)
    }

    /// A length-encoded integer; the NULL mark `fb` is an error here (see [`Reader::lenenc_or_null`]).
    pub fn lenenc(&mut self) -> Result<u64> {
        self.lenenc_or_null()?.ok_or_else(|| {
            Error::new(Condition::InvalidArgument, "malformed packet: NULL where a number is expected")
        })
    }

    /// A length-encoded integer, or `None` for the NULL mark `fb`.
    pub fn lenenc_or_null(&mut self) -> Result<Option<u64>> {
        Ok(Some(match self.u8()? {
            0xfb => return Ok(None),
            0xfc => self.uint(2)?,
            0xfd => self.uint(3)?,
            0xfe => self.uint(8)?,
            0xff => return Err(Error::new(Condition::InvalidArgument, "malformed packet: bad length")),
            n => u64::from(n),
        }))
    }

    /// A string with its length before it.
    pub fn lenenc_bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.lenenc()?;
        self.bytes(usize::try_from(len).map_err(|_| short())?)
    }

    /// A string that ends in a zero byte, which is skipped.
    pub fn nul_bytes(&mut self) -> Result<&'a [u8]> {
        let at = self.rest.iter().position(|b| *b == 0).ok_or_else(short)?;
        let s = &self.rest[..at];
        self.rest = &self.rest[at + 1..];
        Ok(s)
    }

    /// The same, but a packet that ends before the zero byte gives what is left.
    pub fn nul_bytes_or_rest(&mut self) -> &'a [u8] {
        match self.nul_bytes() {
            Ok(s) => s,
            Err(_) => std::mem::take(&mut self.rest),
        }
    }
}

/// Appends a little-endian integer of `n` bytes.
pub fn put_uint(out: &mut Vec<u8>, v: u64, n: usize) {
    out.extend_from_slice(&v.to_le_bytes()[..n]);
}

/// Appends a length-encoded integer.
pub fn put_lenenc(out: &mut Vec<u8>, v: u64) {
    match v {
        0..=250 => out.push(v as u8),
        251..=0xffff => {
            out.push(0xfc);
            put_uint(out, v, 2);
        }
        0x1_0000..=0xff_ffff => {
            out.push(0xfd);
            put_uint(out, v, 3);
        }
        _ => {
            out.push(0xfe);
            put_uint(out, v, 8);
        }
    }
}

/// Appends a string with its length before it.
pub fn put_lenenc_bytes(out: &mut Vec<u8>, s: &[u8]) {
    put_lenenc(out, s.len() as u64);
    out.extend_from_slice(s);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lenenc_reads_back_at_each_width() {
        for v in [0, 250, 251, 0xffff, 0x1_0000, 0xff_ffff, 0x100_0000, u64::MAX] {
            let mut out = Vec::new();
            put_lenenc(&mut out, v);
            let mut r = Reader::new(&out);
            assert_eq!(r.lenenc().unwrap(), v);
            assert!(r.is_empty());
        }
    }

    #[test]
    fn reads_past_the_end_are_errors() {
        assert!(Reader::new(&[1, 2]).u32().is_err());
        assert!(Reader::new(&[5, b'a']).lenenc_bytes().is_err());
        assert!(Reader::new(&[0xfe, 255, 255, 255, 255, 255, 255, 255, 255]).lenenc_bytes().is_err());
        assert!(Reader::new(b"abc").nul_bytes().is_err());
    }
}
