//! Rows of the binary protocol, made from rows in MySQL's text form.
//!
//! The bytes are those that mysqld itself sends for the same values (a test compares them), with one
//! exception that lies in the text: mysqld prints a FLOAT with six digits, and some computed DOUBLEs
//! (`PI()`) with as many as the column has decimals. Where a number needs more it comes as the text has it.

use proto::query::{Row, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use vterrors::{Error, Result};

use super::Connection;
use crate::packet::{put_lenenc_bytes, put_uint};

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// One row in the binary protocol; `types` are its columns'. An error, and nothing written, for a value
    /// that is not of its column's type.
    pub fn write_binary_row(&mut self, types: &[Type], row: &Row) -> Result<()> {
        self.try_packet(|out| put_binary_row(out, types, row))
    }
}

/// NULLs are bits, counted from the third.
const FIRST_NULL_BIT: usize = 2;

fn put_binary_row(out: &mut Vec<u8>, types: &[Type], row: &Row) -> Result<()> {
    out.push(0);
    let nulls = out.len();
    out.resize(nulls + (types.len() + 7 + FIRST_NULL_BIT) / 8, 0);
    let mut values = sqltypes::values(row);
    for (at, ty) in types.iter().enumerate() {
        match values.next() {
            Some(Some(text)) if *ty != Type::NullType => put_value(out, *ty, text).map_err(|_| {
                let text = String::from_utf8_lossy(text);
                Error::internal(format!("column {}: {} cannot be {text:?}", at + 1, ty.as_str_name()))
            })?,
            Some(_) => {
                let bit = at + FIRST_NULL_BIT;
                out[nulls + bit / 8] |= 1 << (bit % 8);
            }
            None => return Err(Error::internal(format!("a row ends before its column {}", at + 1))),
        }
    }
    Ok(())
}

/// What the text is not: a value of its type.
struct Malformed;

impl<E: std::error::Error> From<E> for Malformed {
    fn from(_: E) -> Self {
        Self
    }
}

fn put_value(out: &mut Vec<u8>, ty: Type, text: &[u8]) -> Result<(), Malformed> {
    match ty {
        Type::Int8 | Type::Uint8 => put_integer(out, text, 1),
        Type::Int16 | Type::Uint16 | Type::Year => put_integer(out, text, 2),
        Type::Int24 | Type::Uint24 | Type::Int32 | Type::Uint32 => put_integer(out, text, 4),
        Type::Int64 | Type::Uint64 => put_integer(out, text, 8),
        Type::Float32 => {
            let v: f32 = std::str::from_utf8(text)?.parse()?;
            out.extend_from_slice(&v.to_le_bytes());
            Ok(())
        }
        Type::Float64 => {
            let v: f64 = std::str::from_utf8(text)?.parse()?;
            out.extend_from_slice(&v.to_le_bytes());
            Ok(())
        }
        Type::Date | Type::Datetime | Type::Timestamp => put_datetime(out, text),
        Type::Time => put_time(out, text),
        _ => {
            put_lenenc_bytes(out, text);
            Ok(())
        }
    }
}

fn put_integer(out: &mut Vec<u8>, text: &[u8], width: usize) -> Result<(), Malformed> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let v = number(digits)?;
    put_uint(out, if negative { v.wrapping_neg() } else { v }, width);
    Ok(())
}

fn number(digits: &[u8]) -> Result<u64, Malformed> {
    if digits.is_empty() {
        return Err(Malformed);
    }
    digits.iter().try_fold(0u64, |v, b| match b {
        b'0'..=b'9' => v.checked_mul(10).and_then(|v| v.checked_add(u64::from(b - b'0'))).ok_or(Malformed),
        _ => Err(Malformed),
    })
}

/// Microseconds from the digits behind a point: one to six.
fn micros(digits: &[u8]) -> Result<u64, Malformed> {
    let missing = 6usize.checked_sub(digits.len()).ok_or(Malformed)?;
    Ok(number(digits)? * 10u64.pow(missing as u32))
}

/// `hh:mm:ss` with an optional fraction: hours, minutes, seconds, microseconds.
fn clock(text: &[u8]) -> Result<[u64; 4], Malformed> {
    let (whole, fraction) = match text.iter().position(|b| *b == b'.') {
        Some(at) => (&text[..at], micros(&text[at + 1..])?),
        None => (text, 0),
    };
    let mut parts = whole.split(|b| *b == b':');
    let mut next = || number(parts.next().ok_or(Malformed)?);
    let clock = [next()?, next()?, next()?, fraction];
    if parts.next().is_some() { Err(Malformed) } else { Ok(clock) }
}

/// Zeros at the end are left out, in steps: nothing, the date, to the second, to the microsecond.
fn put_datetime(out: &mut Vec<u8>, text: &[u8]) -> Result<(), Malformed> {
    let (day, time) = match text.iter().position(|b| *b == b' ') {
        Some(at) => (&text[..at], clock(&text[at + 1..])?),
        None => (text, [0; 4]),
    };
    let mut parts = day.split(|b| *b == b'-');
    let mut next = || number(parts.next().ok_or(Malformed)?);
    let date = [next()?, next()?, next()?];
    let [.., fraction] = time;
    let len = match (date, time) {
        _ if fraction > 0 => 11,
        (_, [h, m, s, _]) if h + m + s > 0 => 7,
        ([0, 0, 0], _) => 0,
        _ => 4,
    };
    out.push(len);
    if len >= 4 {
        put_uint(out, date[0], 2);
        out.extend_from_slice(&[date[1] as u8, date[2] as u8]);
    }
    if len >= 7 {
        out.extend_from_slice(&[time[0] as u8, time[1] as u8, time[2] as u8]);
    }
    if len == 11 {
        put_uint(out, time[3], 4);
    }
    Ok(())
}

fn put_time(out: &mut Vec<u8>, text: &[u8]) -> Result<(), Malformed> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let [hours, minutes, seconds, micros] = clock(text)?;
    let len = match (hours + minutes + seconds, micros) {
        (_, 1..) => 12,
        (1.., 0) => 8,
        (0, 0) => 0,
    };
    out.push(len);
    if len > 0 {
        out.push(u8::from(negative));
        put_uint(out, hours / 24, 4);
        out.extend_from_slice(&[(hours % 24) as u8, minutes as u8, seconds as u8]);
    }
    if len == 12 {
        put_uint(out, micros, 4);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
