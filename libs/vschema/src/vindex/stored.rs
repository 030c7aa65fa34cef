//! What a column keeps of a value that is written to it, where that decides a row's place.
//!
//! MySQL changes a value that does not fit when the statement says IGNORE or sql_mode is not strict: a number becomes
//! the nearest one that fits, text is cut, text that is no number becomes the number that it begins with. A row belongs
//! where its *stored* value says. Whether the mode is strict need not be known here: where it is, the shard's MySQL
//! refuses the value, whichever shard that is. All of this was tried on MySQL 9.7.

use std::borrow::Cow;

use proto::query::Type;

use crate::{
    ColumnType, VindexValue,
    value::{Class, Integer, integer},
};

/// More digits than this before the point do not fit into any column.
const MOST_DIGITS: i64 = 30;

/// A column, as far as it changes what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyColumn {
    pub ty: ColumnType,
    /// How many characters CHAR and VARCHAR keep, how many bytes BINARY and VARBINARY, how many digits DECIMAL; none where
    /// that is not known.
    pub length: Option<usize>,
    /// How many digits DECIMAL, DATETIME and TIME keep behind the point; none where that is not known.
    pub scale: Option<usize>,
    /// Known not to take NULL.
    pub not_null: bool,
}

impl From<ColumnType> for KeyColumn {
    fn from(ty: ColumnType) -> Self {
        Self { ty, length: None, scale: None, not_null: false }
    }
}

impl KeyColumn {
    /// `definition` is the type as CREATE TABLE takes it, as in `varchar(20) collate utf8mb4_bin not null`.
    pub fn new(ty: ColumnType, definition: Option<&str>) -> Self {
        // `(10,2)` of `decimal(10,2)`, `(20)` of `varchar(20)`.
        let inner = definition.and_then(|text| Some(text.split_once('(')?.1.split_once(')')?.0));
        let number = |text: Option<&str>| text.and_then(|text| text.trim().parse().ok());
        let (first, second) = inner.map(|text| text.split_once(',').unwrap_or((text, "0"))).unzip();
        let (length, scale) = match ty {
            Type::Char | Type::Varchar | Type::Binary | Type::Varbinary => (number(first), None),
            Type::Decimal => (number(first), number(second)),
            Type::Datetime | Type::Time => (None, Some(number(first).unwrap_or(0))),
            _ => (None, None),
        };
        Self { ty, length, scale, not_null: definition.is_some_and(|text| text.ends_with(" not null")) }
    }

    /// The text of the only value of the column that equals `value`; none where there may be others, or where only MySQL
    /// knows.
    pub fn equal<'a>(&self, value: VindexValue<'a>) -> Option<Cow<'a, [u8]>> {
        match self.ty {
            ty if is_whole(ty) => {
                let whole = match value.classify() {
                    Class::Integer(whole) => whole,
                    Class::Bytes(text) if is_text(value) => integer(text.trim_ascii())?,
                    _ => return None,
                };
                // Years of few digits are other years.
                if ty == Type::Year && whole.bits < 1000 {
                    return None;
                }
                Some(Cow::Owned(whole.text().into_bytes()))
            }
            Type::Decimal => match value.classify() {
                Class::Integer(_) | Class::OtherNumber if !sqltypes::is_float(value.ty) => {
                    self.decimal(value.bytes).filter(|(_, exact)| *exact).map(|(text, _)| Cow::Owned(text))
                }
                _ => None,
            },
            Type::Char | Type::Varchar | Type::Text | Type::Binary | Type::Varbinary | Type::Blob => {
                match value.classify() {
                    Class::Bytes(bytes) => Some(bytes),
                    _ => None,
                }
            }
            Type::Date | Type::Datetime | Type::Time => self.time(value),
            _ => None,
        }
    }

    /// What the column holds after it was given `value`: of which type, and its text. None where only MySQL knows.
    pub fn stored<'a>(&self, value: VindexValue<'a>) -> Option<(ColumnType, Cow<'a, [u8]>)> {
        let is_bytes = matches!(self.ty, Type::Binary | Type::Varbinary | Type::Blob);
        if value.is_null() {
            return match self.ty {
                _ if !self.not_null => Some((Type::NullType, Cow::Borrowed(b""))),
                ty if is_whole(ty) => Some((Type::Int64, Cow::Borrowed(b"0"))),
                Type::Char | Type::Varchar | Type::Binary | Type::Varbinary => {
                    Some((self.ty, self.cut(Cow::Borrowed(b""))))
                }
                _ => None,
            };
        }
        if is_whole(self.ty) {
            let number = self.nearest(number(value)?)?;
            let ty = if number.negative { Type::Int64 } else { Type::Uint64 };
            return Some((ty, Cow::Owned(number.text().into_bytes())));
        }
        match self.ty {
            Type::Decimal if is_text(value) && !sqltypes::is_float(value.ty) => {
                return self.decimal(value.bytes).map(|(text, _)| (Type::Decimal, Cow::Owned(text)));
            }
            Type::Date | Type::Datetime | Type::Time => return self.time(value).map(|text| (self.ty, text)),
            Type::Char | Type::Varchar | Type::Text => {}
            _ if is_bytes => {}
            _ => return None,
        }
        // Text columns keep a number's digits; those of a floating point number are MySQL's to write.
        let bytes = match value.classify() {
            Class::Bytes(bytes) => bytes,
            _ if value.ty == Type::Decimal => Cow::Borrowed(value.bytes),
            Class::Integer(number) => Cow::Owned(number.text().into_bytes()),
            Class::OtherNumber | Class::Null => return None,
        };
        Some((if is_bytes { Type::Varbinary } else { Type::Varchar }, self.cut(bytes)))
    }

    /// Digits with an optional sign and point, rounded to the column's scale; and whether that left the value the same.
    fn decimal(&self, text: &[u8]) -> Option<(Vec<u8>, bool)> {
        let (digits, scale) = (self.length?, self.scale?);
        let text = std::str::from_utf8(text).ok()?.trim_ascii();
        let (sign, text) = match text.strip_prefix('-') {
            Some(rest) => ("-", rest),
            None => ("", text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if !(is_number(whole) && is_number(fraction)) || (whole.is_empty() && fraction.is_empty()) {
            return None;
        }
        let (kept, rest) = fraction.split_at(scale.min(fraction.len()));
        // Of so many digits that they do not fit here MySQL alone knows.
        let number: u128 = format!("0{whole}{kept:0<scale$}").parse().ok()?;
        let up = u128::from(rest.as_bytes().first().is_some_and(|digit| *digit >= b'5'));
        let number = number.checked_add(up)?;
        let text = format!("{number:0>width$}", width = scale + 1);
        if text.trim_start_matches('0').len() > digits {
            return None;
        }
        let (whole, kept) = text.split_at(text.len() - scale);
        let sign = if number == 0 { "" } else { sign };
        let point = if scale == 0 { "" } else { "." };
        Some((format!("{sign}{whole}{point}{kept}").into_bytes(), rest.bytes().all(|b| b == b'0')))
    }

    /// A point in time in MySQL's own form, as the column has it; a date alone is midnight. None for other forms, and for
    /// more digits of a second than the column keeps.
    fn time<'a>(&self, value: VindexValue<'a>) -> Option<Cow<'a, [u8]>> {
        const DATE: &str = "0000-00-00";
        const MIDNIGHT: &str = " 00:00:00";
        const TIME: &str = "00:00:00";
        if !is_text(value) {
            return None;
        }
        let text = std::str::from_utf8(value.bytes).ok()?;
        let is_like = |text: &str, shape: &str| {
            let fits =
                |(byte, shape): (u8, u8)| if shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
            text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(fits)
        };
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
        let date = seconds.get(..DATE.len()).filter(|date| is_like(date, DATE));
        if self.ty == Type::Date {
            let is_midnight =
                ["", MIDNIGHT].contains(&&seconds[date?.len()..]) && fraction.bytes().all(|b| b == b'0');
            return date.filter(|_| is_midnight).map(|date| Cow::Borrowed(&value.bytes[..date.len()]));
        }
        let scale = self.scale.unwrap_or(0);
        let seconds = match (date, self.ty) {
            (Some(date), Type::Datetime) if seconds.len() == date.len() => format!("{date}{MIDNIGHT}"),
            (Some(date), Type::Datetime) if is_like(&seconds[date.len()..], MIDNIGHT) => seconds.to_owned(),
            (None, Type::Time) if is_like(seconds, TIME) => seconds.to_owned(),
            _ => return None,
        };
        let (kept, rest) = fraction.split_at_checked(scale.min(fraction.len()))?;
        if !kept.bytes().all(|b| b.is_ascii_digit()) || !rest.bytes().all(|b| b == b'0') {
            return None;
        }
        let point = if scale == 0 { "" } else { "." };
        Some(Cow::Owned(format!("{seconds}{point}{kept:0<scale$}").into_bytes()))
    }

    /// At most so many characters or bytes as the column has; a CHAR without spaces at its end, a BINARY filled with zeros.
    fn cut<'a>(&self, bytes: Cow<'a, [u8]>) -> Cow<'a, [u8]> {
        let Some(length) = self.length else { return bytes };
        let in_characters = matches!(self.ty, Type::Char | Type::Varchar);
        let mut end = match std::str::from_utf8(&bytes) {
            Ok(text) if in_characters => text.char_indices().nth(length).map_or(bytes.len(), |(at, _)| at),
            _ => length.min(bytes.len()),
        };
        if self.ty == Type::Char {
            end = bytes[..end].iter().rposition(|b| *b != b' ').map_or(0, |last| last + 1);
        }
        if self.ty == Type::Binary && end < length {
            let mut filled = bytes.into_owned();
            filled.resize(length, 0);
            return Cow::Owned(filled);
        }
        match bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[..end]),
            Cow::Owned(mut bytes) => {
                bytes.truncate(end);
                Cow::Owned(bytes)
            }
        }
    }

    /// The number of the column's range that is nearest.
    fn nearest(&self, number: i128) -> Option<Integer> {
        let signed = |bits: u32| (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1);
        let unsigned = |bits: u32| (0, (1i128 << bits) - 1);
        let (least, most) = match self.ty {
            Type::Int8 => signed(8),
            Type::Int16 => signed(16),
            Type::Int24 => signed(24),
            Type::Int32 => signed(32),
            Type::Int64 => signed(64),
            Type::Uint8 => unsigned(8),
            Type::Uint16 => unsigned(16),
            Type::Uint24 => unsigned(24),
            Type::Uint32 => unsigned(32),
            Type::Uint64 => unsigned(64),
            // Years have rules of their own for few digits, and zero for all that are too early or too late.
            Type::Year if (1901..=2155).contains(&number) => (1901, 2155),
            _ => return None,
        };
        let number = number.clamp(least, most);
        // The lower half of the bits, in two's complement.
        Some(Integer { bits: number as u64, negative: number < 0 })
    }
}

/// Not a literal that stands for bytes or for a number.
fn is_text(value: VindexValue<'_>) -> bool {
    !matches!(value.ty, Type::Hexnum | Type::Hexval | Type::Bitnum)
}

fn is_whole(ty: ColumnType) -> bool {
    sqltypes::is_integral(ty)
}

/// The whole number that a value is to a column of whole numbers, before it is made to fit: floating point numbers go to the
/// nearest, the even one of two; DECIMALs and text to the nearest, the greater in magnitude of two; hexadecimal and bit
/// literals are numbers.
fn number(value: VindexValue<'_>) -> Option<i128> {
    match value.ty {
        Type::Hexnum | Type::Hexval | Type::Bitnum => {
            let bytes = value.raw();
            let long = bytes.len() > size_of::<u64>();
            let number = |bytes: &[u8]| bytes.iter().fold(0, |n: i128, byte| n << 8 | i128::from(*byte));
            Some(if long { i128::MAX } else { number(&bytes) })
        }
        ty if sqltypes::is_float(ty) => {
            let number = std::str::from_utf8(value.bytes).ok()?.parse::<f64>().ok()?;
            // Beyond its range `as` gives the range's end, which is what a column that is too small keeps of it.
            number.is_finite().then(|| number.round_ties_even() as i128)
        }
        ty if ty == Type::Decimal || is_whole(ty) || sqltypes::is_text(ty) || sqltypes::is_binary(ty) => {
            Some(leading(value.bytes))
        }
        _ => None,
    }
}

/// The number with which a text begins, `-12.5e1` and the like, rounded; 0 where it begins with none.
fn leading(text: &[u8]) -> i128 {
    let (negative, text) = match text.trim_ascii_start() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        text => (false, text),
    };
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.strip_prefix(b".") {
        Some(rest) => digits(rest),
        None => (&b""[..], rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return 0;
    }
    let all: Vec<u8> = [whole, fraction].concat();
    // Where the point comes to stand; zeros stand where there are no digits.
    let point = (whole.len() as i64).saturating_add(exponent(rest));
    let zeros = all.iter().take_while(|digit| **digit == b'0').count();
    if zeros == all.len() {
        return 0;
    }
    let digit = |at: i64| usize::try_from(at).ok().and_then(|at| all.get(at)).map_or(0, |d| d - b'0');
    let magnitude = if point.saturating_sub(zeros as i64) > MOST_DIGITS {
        i128::MAX
    } else {
        let whole = (zeros as i64..point).fold(0i128, |n, at| n * 10 + i128::from(digit(at)));
        whole + i128::from(point >= 0 && digit(point) >= 5)
    };
    if negative { -magnitude } else { magnitude }
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|b| b.is_ascii_digit()).count())
}

/// Of `e12`, `E-3` and the like at the front; 0 where there is none.
fn exponent(text: &[u8]) -> i64 {
    let [b'e' | b'E', rest @ ..] = text else { return 0 };
    let (negative, rest) = match rest {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, rest),
    };
    let add = |n: i64, digit: &u8| n.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    let number = digits(rest).0.iter().fold(0, add);
    if negative { -number } else { number }
}

#[cfg(test)]
mod tests;
