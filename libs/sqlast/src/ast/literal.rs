//! Literals: their kind and value, as MySQL's lexer reads them.

use super::Ident;
use crate::text::Text;

/// A literal. Numbers keep their text, strings are decoded (escapes and doubled quotes resolved).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Literal {
    Null,
    /// TRUE or FALSE; as a value 1 or 0.
    Bool(bool),
    /// Digits that fit in 64 unsigned bits.
    Integer(Text),
    /// A number with a point, or an integer too large for 64 bits.
    Decimal(Text),
    /// A number with an exponent.
    Float(Text),
    /// The decoded bytes of `'...'` or `"..."`, adjacent strings joined.
    String(Text),
    /// `N'...'`: a string in utf8mb3.
    National(Text),
    /// The digits of `X'4D'`.
    HexString(Text),
    /// The digits of `0x4D`.
    HexNumber(Text),
    /// The digits of `b'01'` or `0b01`.
    Bit(Text),
    /// `DATE '2024-01-31'` and its like; also ODBC's `{d '...'}`.
    Temporal(Box<Temporal>),
    /// `_latin1 'abc'`: a string, hex or bit literal with its character set.
    Introduced(Box<Introduced>),
}

/// A typed temporal literal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Temporal {
    pub kind: TemporalKind,
    /// Written `{d '...'}`, which to MySQL is a plain string if it is no date.
    pub odbc: bool,
    /// The decoded string.
    pub value: Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TemporalKind {
    Date,
    Time,
    Timestamp,
}

/// A literal behind a character set introducer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Introduced {
    /// The character set, without the underscore, lower case.
    pub charset: Ident,
    /// String, HexString, HexNumber or Bit.
    pub literal: Literal,
}

impl Literal {
    /// The bytes that MySQL takes for the value: digits of numbers, decoded strings, decoded hex and bits;
    /// none for NULL.
    pub fn value_bytes(&self) -> Option<Vec<u8>> {
        Some(match self {
            Literal::Null => return None,
            Literal::Bool(value) => vec![b'0' + u8::from(*value)],
            Literal::Integer(text)
            | Literal::Decimal(text)
            | Literal::Float(text)
            | Literal::String(text)
            | Literal::National(text) => text.as_bytes().to_vec(),
            Literal::HexString(digits) | Literal::HexNumber(digits) => hex_bytes(digits.as_bytes()),
            Literal::Bit(digits) => bit_bytes(digits.as_bytes()),
            Literal::Temporal(temporal) => temporal.value.as_bytes().to_vec(),
            Literal::Introduced(introduced) => return introduced.literal.value_bytes(),
        })
    }
}

/// Hex digits to bytes; an odd number of digits counts as if a zero stood before (only `0x` allows it).
fn hex_bytes(digits: &[u8]) -> Vec<u8> {
    let nibble = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0) as u8;
    let (head, rest) = digits.split_at(digits.len() % 2);
    let mut bytes: Vec<u8> = head.iter().map(|d| nibble(*d)).collect();
    bytes.extend(rest.chunks(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])));
    bytes
}

/// Binary digits to bytes, the last byte full.
fn bit_bytes(digits: &[u8]) -> Vec<u8> {
    let (head, rest) = digits.split_at(digits.len() % 8);
    let byte = |bits: &[u8]| bits.iter().fold(0u8, |byte, bit| byte << 1 | (bit & 1));
    let mut bytes = Vec::with_capacity(digits.len() / 8 + 1);
    if !head.is_empty() {
        bytes.push(byte(head));
    }
    bytes.extend(rest.chunks(8).map(byte));
    bytes
}
