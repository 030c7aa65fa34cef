//! DER, as much as a certificate needs: tag, length, contents. Tags of more than one byte are refused.

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_ID: u8 = 0x06;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// The tag of a field that the structure numbers, and that holds others.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// The same for one that holds bytes.
pub(super) const fn unstructured(number: u8) -> u8 {
    0x80 | number
}

/// Reads elements one after the other.
#[derive(Clone)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// The next element's tag and contents.
    pub fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, mut rest) = rest.split_first()?;
        let length = match first {
            0..=0x7f => usize::from(first),
            // As many bytes of length follow; nothing here is longer than 16 MB.
            0x81..=0x83 => {
                let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
                rest = after;
                bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
            }
            _ => return None,
        };
        let (contents, after) = rest.split_at_checked(length)?;
        self.0 = after;
        Some((tag, contents))
    }

    /// The contents of the next element, which has to be of that kind.
    pub fn enter(&mut self, tag: u8) -> Option<Reader<'a>> {
        match self.any()? {
            (found, contents) if found == tag => Some(Reader(contents)),
            _ => None,
        }
    }

    /// The same where it may be missing.
    pub fn enter_if(&mut self, tag: u8) -> Option<Reader<'a>> {
        match self.0.first() {
            Some(found) if *found == tag => self.enter(tag),
            _ => None,
        }
    }
}
