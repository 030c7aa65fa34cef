//! From the value in a statement to the value that the column holds.
//!
//! A vindex hashes the column's value. MySQL compares and stores by the column's type: an integer column
//! equals `'05'`, and stores 5 when it is given. A vindex of bytes (xxhash) would hash `05`. So:
//! - a whole number is hashed by its canonical text, on integer columns also when it is written as text;
//! - a value that could equal several stored values reads from everywhere, and cannot be written;
//! - a number that is written to an integer column is hashed as it is stored, rounded;
//! - where the column's type is unknown, the value's own type counts, and only text that is a number in
//!   other than canonical form (`'05'`, `'5.0'`) is treated as uncertain.
//!
//! Letter case and accents are not looked at: as in Vitess, the vindex decides which texts are equal, and
//! a case-insensitive sharding column wants a `unicode_loose_*` vindex.

use std::borrow::Cow;

use proto::query::Type;
use vterrors::{Error, Result};

use crate::{
    ColumnType, VindexValue,
    value::{Class, Integer, integer},
};

/// More makes every number zero or too large.
const MAX_EXPONENT: i32 = 400;

/// What a vindex takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    Number,
    Bytes,
    /// The value does not matter (`null`).
    Any,
}

/// A value as the column holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Adapted<'a> {
    ty: Type,
    bytes: Cow<'a, [u8]>,
}

impl Adapted<'_> {
    pub(super) fn view(&self) -> VindexValue<'_> {
        VindexValue::new(self.ty, &self.bytes)
    }
}

/// What a value in a comparison finds.
#[derive(Debug)]
pub(super) enum Read<'a> {
    Value(Adapted<'a>),
    Nothing,
    Anywhere,
}

/// A value that a column is compared with by `=`.
pub(super) fn adapt_read<'a>(domain: Domain, value: VindexValue<'a>, column: Option<ColumnType>) -> Read<'a> {
    if value.is_null() {
        return Read::Nothing;
    }
    match adapt(domain, value, column) {
        Some(adapted) => Read::Value(adapted),
        None => Read::Anywhere,
    }
}

/// A value that is written to a column.
pub(super) fn adapt_write<'a>(
    domain: Domain,
    value: VindexValue<'a>,
    column: Option<ColumnType>,
) -> Result<Adapted<'a>> {
    if value.is_null() {
        return Ok(Adapted { ty: Type::NullType, bytes: Cow::Borrowed(b"") });
    }
    if domain != Domain::Any
        && column.is_some_and(sqltypes::is_integral)
        && let Some(number) = rounded(value)
    {
        return Ok(owned(number.text()));
    }
    // A character column takes a number as its text, although it is compared with it as a number.
    if domain == Domain::Bytes && column.is_some_and(is_string) {
        match value.classify() {
            Class::Integer(number) if value.ty != Type::Decimal => return Ok(owned(number.text())),
            Class::Integer(_) | Class::OtherNumber if value.ty == Type::Decimal => return Ok(as_is(value)),
            _ => {}
        }
    }
    adapt(domain, value, column).ok_or_else(|| {
        if let Some(misfit) = misfit(value).filter(|_| column.is_some_and(sqltypes::is_integral)) {
            return misfit;
        }
        let of = column.map_or(String::new(), |ty| format!(" for a column of type {}", ty.as_str_name()));
        Error::invalid(format!("the value {} is not exact enough to say its shard{of}", value.describe()))
    })
}

/// The value as the column holds it, if there is exactly one that equals it.
fn adapt<'a>(domain: Domain, value: VindexValue<'a>, column: Option<ColumnType>) -> Option<Adapted<'a>> {
    match domain {
        Domain::Any => Some(as_is(value)),
        Domain::Number => number(value),
        Domain::Bytes => match column {
            None => unknown_column(value),
            Some(ty) if sqltypes::is_integral(ty) => {
                let number = match value.classify() {
                    Class::Integer(number) => number,
                    Class::Bytes(text) if is_text(value.ty) => integer(text.trim_ascii())?,
                    _ => return None,
                };
                Some(owned(number.text()))
            }
            Some(ty) if is_string(ty) => match value.classify() {
                Class::Bytes(bytes) => Some(Adapted { ty: Type::Varbinary, bytes }),
                _ => None,
            },
            Some(Type::Date) => canonical_time(value, 10),
            Some(Type::Datetime) => canonical_time(value, 19),
            Some(_) => None,
        },
    }
}

/// The whole number that an integer column stores for a value that is none by itself (tried on MySQL 9.7): floating point
/// numbers go to the nearest, the even one of two; DECIMALs and text to the nearest, the greater in magnitude of two;
/// hexadecimal and bit literals are numbers.
fn rounded(value: VindexValue<'_>) -> Option<Integer> {
    match value.ty {
        Type::Hexnum | Type::Hexval | Type::Bitnum => {
            let bytes = value.raw();
            let number =
                |bytes: &[u8]| bytes.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
            (bytes.len() <= 8).then(|| Integer { bits: number(&bytes), negative: false })
        }
        ty if sqltypes::is_float(ty) => {
            let nearest = std::str::from_utf8(value.bytes).ok()?.parse::<f64>().ok()?.round_ties_even();
            // Without an exponent, and without a fraction.
            integer(format!("{nearest:.0}").as_bytes())
        }
        ty if ty == Type::Decimal || sqltypes::is_text(ty) || sqltypes::is_binary(ty) => {
            nearest(std::str::from_utf8(value.bytes).ok()?.trim_ascii())
        }
        _ => None,
    }
}

/// Reads `-12.5e1` and the like, all of it, and rounds it.
fn nearest(text: &str) -> Option<Integer> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) || exponent.abs() > MAX_EXPONENT {
        return None;
    }
    // Where the dot comes to stand; zeros stand where there are no digits.
    let dot = i32::try_from(whole.len()).ok()? + exponent;
    let digit =
        |at: i32| usize::try_from(at).ok().and_then(|at| digits.as_bytes().get(at)).copied().unwrap_or(b'0');
    let whole: String = (0..dot.max(0)).map(|at| char::from(digit(at))).collect();
    let magnitude = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let up = u64::from(dot >= 0 && digit(dot) >= b'5');
    integer(format!("{sign}{}", magnitude.checked_add(up)?).as_bytes())
}

/// What MySQL says in strict mode of text that an integer column cannot store whole.
fn misfit(value: VindexValue<'_>) -> Option<Error> {
    if !(sqltypes::is_text(value.ty) || sqltypes::is_binary(value.ty)) {
        return None;
    }
    let text = value.bytes.trim_ascii();
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let begins = |text: &[u8]| text.first().is_some_and(u8::is_ascii_digit);
    let is_number = std::str::from_utf8(text).is_ok_and(|text| text.parse::<f64>().is_ok());
    let shown = value.describe();
    Some(if is_number && begins(digits) {
        Error::mysql(1264, *b"22003", format!("Out of range value {shown} for a column of whole numbers"))
    } else if begins(digits) || digits.first() == Some(&b'.') && begins(&digits[1..]) {
        Error::mysql(
            1265,
            *b"01000",
            format!("Data truncated: the value {shown} for a column of whole numbers"),
        )
    } else {
        Error::mysql(1366, *b"HY000", format!("Incorrect integer value: {shown}"))
    })
}

fn number(value: VindexValue<'_>) -> Option<Adapted<'_>> {
    match value.classify() {
        Class::Integer(_) => Some(as_is(value)),
        Class::Bytes(text) if is_text(value.ty) && integer(&text).is_some() => Some(as_is(value)),
        _ => None,
    }
}

fn unknown_column(value: VindexValue<'_>) -> Option<Adapted<'_>> {
    match value.classify() {
        // A DECIMAL's text depends on the column's scale.
        Class::Integer(number) if value.ty != Type::Decimal => Some(owned(number.text())),
        Class::Bytes(bytes) if is_text(value.ty) && is_uncertain_number(&bytes) => None,
        Class::Bytes(bytes) => Some(Adapted { ty: Type::Varbinary, bytes }),
        _ => None,
    }
}

/// Text that an integer column would read as a whole number, in other than canonical form.
fn is_uncertain_number(text: &[u8]) -> bool {
    if let Some(number) = integer(text) {
        return number.text().as_bytes() != text;
    }
    let trimmed = text.trim_ascii();
    let starts_like_one =
        trimmed.first().is_some_and(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.'));
    starts_like_one && std::str::from_utf8(trimmed).is_ok_and(|t| t.parse::<f64>().is_ok())
}

/// `2024-01-31` or `2024-01-31 10:20:30`, exactly `len` characters.
fn canonical_time(value: VindexValue<'_>, len: usize) -> Option<Adapted<'_>> {
    const SHAPE: &[u8; 19] = b"0000-00-00 00:00:00";
    let fits = |(byte, shape): (&u8, &u8)| if *shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
    let exact = value.bytes.len() == len && value.bytes.iter().zip(SHAPE).all(fits);
    exact.then(|| as_is(value))
}

fn is_text(ty: Type) -> bool {
    !matches!(ty, Type::Hexnum | Type::Hexval | Type::Bitnum)
}

/// Character and byte strings.
fn is_string(ty: ColumnType) -> bool {
    matches!(ty, Type::Char | Type::Varchar | Type::Text | Type::Binary | Type::Varbinary | Type::Blob)
}

fn as_is(value: VindexValue<'_>) -> Adapted<'_> {
    Adapted { ty: value.ty, bytes: Cow::Borrowed(value.bytes) }
}

fn owned(text: String) -> Adapted<'static> {
    Adapted { ty: Type::Varbinary, bytes: Cow::Owned(text.into_bytes()) }
}
