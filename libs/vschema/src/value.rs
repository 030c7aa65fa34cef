//! Values as vindexes see them: a type and MySQL's text.

use proto::query::Type;

/// A borrowed value: its type and its text form. NULL is [`Type::NullType`] with no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VindexValue<'a> {
    pub ty: Type,
    pub bytes: &'a [u8],
}

/// What a value is to a vindex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Class<'a> {
    Null,
    /// A whole number within 64 bits.
    Integer(Integer),
    /// A number that is not whole or too large.
    OtherNumber,
    /// Character or byte string.
    Bytes(std::borrow::Cow<'a, [u8]>),
}

/// A whole number from -2^63 to 2^64-1: negative ones as two's complement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Integer {
    pub bits: u64,
    pub negative: bool,
}

impl Integer {
    /// The decimal text without plus sign and leading zeros.
    pub fn text(self) -> String {
        if self.negative { (self.bits as i64).to_string() } else { self.bits.to_string() }
    }
}

impl<'a> VindexValue<'a> {
    pub const NULL: VindexValue<'static> = VindexValue { ty: Type::NullType, bytes: b"" };

    pub fn new(ty: Type, bytes: &'a [u8]) -> Self {
        Self { ty, bytes }
    }

    /// A character string.
    pub fn text(text: &'a str) -> Self {
        Self { ty: Type::Varchar, bytes: text.as_bytes() }
    }

    pub fn is_null(&self) -> bool {
        self.ty == Type::NullType
    }

    /// The bytes of a value: of NULL none, of hex and bit literals what they stand for.
    pub fn raw(&self) -> std::borrow::Cow<'a, [u8]> {
        match self.ty {
            Type::NullType => b"".into(),
            Type::Hexnum | Type::Hexval => hex(self.bytes).into(),
            Type::Bitnum => bits(self.bytes).into(),
            _ => self.bytes.into(),
        }
    }

    /// For messages: the type and the length, never the value itself (it may be private).
    pub(crate) fn describe(&self) -> String {
        match self.ty {
            Type::NullType => "NULL".to_owned(),
            ty => format!("of type {} and {} bytes", ty.as_str_name(), self.bytes.len()),
        }
    }

    pub(crate) fn classify(&self) -> Class<'a> {
        match self.ty {
            Type::NullType => Class::Null,
            Type::Decimal => match integer(whole_part(self.bytes)) {
                Some(number) => Class::Integer(number),
                None => Class::OtherNumber,
            },
            Type::Hexnum | Type::Hexval => Class::Bytes(hex(self.bytes).into()),
            Type::Bitnum => Class::Bytes(bits(self.bytes).into()),
            ty if sqltypes::is_integral(ty) => match integer(self.bytes) {
                Some(number) => Class::Integer(number),
                None => Class::OtherNumber,
            },
            ty if sqltypes::is_float(ty) => Class::OtherNumber,
            _ => Class::Bytes(self.bytes.into()),
        }
    }
}

/// Reads an optional sign and digits; no more, no less.
pub(crate) fn integer(text: &[u8]) -> Option<Integer> {
    let (negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match negative {
        true if magnitude > 1 << 63 => None,
        true => Some(Integer { bits: magnitude.wrapping_neg(), negative: magnitude != 0 }),
        false => Some(Integer { bits: magnitude, negative: false }),
    }
}

/// `5` of `5.00`; the whole text where the fraction is not zero (which then is no integer).
fn whole_part(text: &[u8]) -> &[u8] {
    match text.iter().position(|b| *b == b'.') {
        Some(dot) if dot > 0 && text[dot + 1..].iter().all(|b| *b == b'0') => &text[..dot],
        _ => text,
    }
}

/// The bytes of `x'4D'`, `X'4D'` or `0x4D`; text in none of these forms is taken for the bytes themselves.
fn hex(text: &[u8]) -> Vec<u8> {
    let Some(digits) = quoted(text, b'x').or_else(|| text.strip_prefix(b"0x")) else { return text.to_vec() };
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return text.to_vec();
    }
    let nibble = |b: u8| (b as char).to_digit(16).unwrap_or(0) as u8;
    let (head, rest) = digits.split_at(digits.len() % 2);
    let pairs = rest.chunks(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1]));
    head.iter().map(|b| nibble(*b)).chain(pairs).collect()
}

/// The bytes of `b'0101'` or `0b0101`, as [`hex`].
fn bits(text: &[u8]) -> Vec<u8> {
    let Some(digits) = quoted(text, b'b').or_else(|| text.strip_prefix(b"0b")) else { return text.to_vec() };
    if !digits.iter().all(|b| matches!(b, b'0' | b'1')) {
        return text.to_vec();
    }
    let byte = |chunk: &[u8]| chunk.iter().fold(0u8, |byte, bit| byte << 1 | (bit & 1));
    let (head, rest) = digits.split_at(digits.len() % 8);
    let first = (!head.is_empty()).then(|| byte(head));
    first.into_iter().chain(rest.chunks(8).map(byte)).collect()
}

fn quoted(text: &[u8], letter: u8) -> Option<&[u8]> {
    let (first, rest) = text.split_first()?;
    if !first.eq_ignore_ascii_case(&letter) {
        return None;
    }
    rest.strip_prefix(b"'")?.strip_suffix(b"'")
}

#[cfg(test)]
mod tests;
