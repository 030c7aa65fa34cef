//! The parameters of COM_STMT_EXECUTE: from the binary protocol to values in MySQL's text form.
//!
//! Every read is bounded; a packet that does not hold what it announces is error 1210, as with mysqld.

use bytes::Bytes;
use proto::query::Type;
use sqltypes::BindValue;
use vterrors::{Condition, Error, Result};

use crate::packet::Reader;

/// A parameter's type, as the client last told it: `enum_field_types` and the sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParamType {
    pub type_byte: u8,
    pub unsigned: bool,
}

/// What stands before the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecuteHead {
    pub statement_id: u32,
    /// `CURSOR_TYPE_*`; 0 is none.
    pub cursor: u8,
}

fn wrong(what: &str) -> Error {
    Error::new(Condition::WrongArguments, format!("Incorrect arguments to mysqld_stmt_execute: {what}"))
}

/// Reads the head of a COM_STMT_EXECUTE (without its command byte); the reader then stands at the parameters.
pub fn read_execute_head(reader: &mut Reader<'_>) -> Result<ExecuteHead> {
    let statement_id = reader.u32()?;
    let cursor = reader.u8()?;
    // The number of iterations, always 1.
    reader.u32()?;
    Ok(ExecuteHead { statement_id, cursor })
}

/// Reads `count` parameters. `types` are those of the execution before (empty for none) and are replaced
/// when the packet has new ones. A parameter with `long_data` is not in the packet.
///
/// Strings come as the client sent them, in its character set.
pub fn read_params(
    reader: &mut Reader<'_>,
    count: usize,
    types: &mut Vec<ParamType>,
    long_data: &[Option<Bytes>],
) -> Result<Vec<BindValue>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let nulls = reader.bytes(count.div_ceil(8)).map_err(|_| wrong("no NULL bitmap"))?;
    if reader.u8().map_err(|_| wrong("no types"))? != 0 {
        types.clear();
        for _ in 0..count {
            let type_byte = reader.u8().map_err(|_| wrong("no types"))?;
            let flags = reader.u8().map_err(|_| wrong("no types"))?;
            types.push(ParamType { type_byte, unsigned: flags & 0x80 != 0 });
        }
    }
    if types.len() != count {
        return Err(wrong("the parameters' types were never sent"));
    }
    let mut values = Vec::with_capacity(count);
    for (at, ty) in types.iter().enumerate() {
        let is_null = nulls[at / 8] >> (at % 8) & 1 == 1;
        values.push(match long_data.get(at) {
            Some(Some(data)) => BindValue::Scalar(long_type(*ty), data.clone()),
            _ if is_null => BindValue::NULL,
            _ => value(reader, *ty).map_err(|e| e.context(format!("parameter {}", at + 1)))?,
        });
    }
    Ok(values)
}

/// Bytes stay bytes, everything else that comes in pieces is text.
fn long_type(ty: ParamType) -> Type {
    if is_bytes(ty.type_byte) { Type::Varbinary } else { Type::Varchar }
}

/// BIT, VECTOR, the BLOBs and GEOMETRY.
fn is_bytes(type_byte: u8) -> bool {
    matches!(type_byte, 16 | 242 | 249..=252 | 255)
}

fn value(reader: &mut Reader<'_>, ty: ParamType) -> Result<BindValue> {
    let text = |ty, text: String| BindValue::Scalar(ty, Bytes::from(text));
    Ok(match ty.type_byte {
        6 => BindValue::NULL,
        1 => integer(reader, 1, ty.unsigned)?,
        2 | 13 => integer(reader, 2, ty.unsigned)?,
        3 | 9 => integer(reader, 4, ty.unsigned)?,
        8 => integer(reader, 8, ty.unsigned)?,
        // As mysqld does: a FLOAT is widened, and its digits are those of the DOUBLE.
        4 => float(f32::from_bits(reader.u32()?).into())?,
        5 => float(f64::from_bits(reader.uint(8)?))?,
        10 | 14 => text(Type::Date, date(reader)?),
        7 | 12 | 17 | 18 => text(Type::Datetime, datetime(reader)?),
        11 | 19 => text(Type::Time, time(reader)?),
        0 | 246 => decimal(reader.lenenc_bytes()?),
        15 | 245 | 247 | 248 | 253 | 254 => {
            BindValue::Scalar(Type::Varchar, Bytes::copy_from_slice(reader.lenenc_bytes()?))
        }
        bytes if is_bytes(bytes) => {
            BindValue::Scalar(Type::Varbinary, Bytes::copy_from_slice(reader.lenenc_bytes()?))
        }
        other => return Err(wrong(&format!("type {other}"))),
    })
}

fn integer(reader: &mut Reader<'_>, width: usize, unsigned: bool) -> Result<BindValue> {
    let raw = reader.uint(width)?;
    if unsigned {
        return Ok(BindValue::uint64(raw));
    }
    let shift = 64 - 8 * width as u32;
    Ok(BindValue::int64((raw << shift) as i64 >> shift))
}

/// With an exponent, so that MySQL reads it as a DOUBLE and not as a DECIMAL. Rust prints the shortest
/// digits that read back as the same number.
fn float(v: f64) -> Result<BindValue> {
    if !v.is_finite() {
        return Err(wrong("a number that is not finite"));
    }
    Ok(BindValue::Scalar(Type::Float64, Bytes::from(format!("{v:e}"))))
}

/// Digits with an optional sign and point; what is written otherwise stays text, and mysqld converts it.
fn decimal(text: &[u8]) -> BindValue {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let digits = unsigned.iter().filter(|b| b.is_ascii_digit()).count();
    let points = unsigned.iter().filter(|b| **b == b'.').count();
    let plain = digits > 0 && points <= 1 && digits + points == unsigned.len();
    let ty = if plain { Type::Decimal } else { Type::Varchar };
    BindValue::Scalar(ty, Bytes::copy_from_slice(text))
}

fn date(reader: &mut Reader<'_>) -> Result<String> {
    let whole = datetime(reader)?;
    Ok(whole.split(' ').next().unwrap_or_default().to_owned())
}

/// 0, 4, 7 or 11 bytes; 13 with an offset of the time zone in minutes (MySQL 8.0.19).
fn datetime(reader: &mut Reader<'_>) -> Result<String> {
    let len = reader.u8()?;
    let mut fields = Reader::new(reader.bytes(len.into())?);
    if !matches!(len, 0 | 4 | 7 | 11 | 13) {
        return Err(wrong("the length of a date"));
    }
    let mut number = |width: usize| if fields.is_empty() { Ok(0) } else { fields.uint(width) };
    let (year, month, day) = (number(2)?, number(1)?, number(1)?);
    let (hour, minute, second, micros) = (number(1)?, number(1)?, number(1)?, number(4)?);
    let zone = number(2)? as u16 as i16;
    let mut text = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
    if micros != 0 {
        text.push_str(&format!(".{micros:06}"));
    }
    if len == 13 {
        let (sign, minutes) = (if zone < 0 { '-' } else { '+' }, zone.unsigned_abs());
        text.push_str(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
    }
    Ok(text)
}

/// 0, 8 or 12 bytes: sign, days, hours, minutes, seconds, microseconds.
fn time(reader: &mut Reader<'_>) -> Result<String> {
    let len = reader.u8()?;
    let mut fields = Reader::new(reader.bytes(len.into())?);
    if !matches!(len, 0 | 8 | 12) {
        return Err(wrong("the length of a time"));
    }
    let mut number = |width: usize| if fields.is_empty() { Ok(0) } else { fields.uint(width) };
    let negative = number(1)? != 0;
    let (days, hours, minutes, seconds, micros) =
        (number(4)?, number(1)?, number(1)?, number(1)?, number(4)?);
    let mut text =
        format!("{}{:02}:{minutes:02}:{seconds:02}", if negative { "-" } else { "" }, days * 24 + hours);
    if micros != 0 {
        text.push_str(&format!(".{micros:06}"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
