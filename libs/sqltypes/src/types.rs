//! What a type's number says: Vitess keeps the properties as bits beside an ordinal (`query.Flag`).

use proto::query::Type;

const INTEGRAL: i32 = 256;
const UNSIGNED: i32 = 512;
const FLOAT: i32 = 1024;
const QUOTED: i32 = 2048;
const TEXT: i32 = 4096;
const BINARY: i32 = 8192;

pub fn is_integral(t: Type) -> bool {
    t as i32 & INTEGRAL != 0
}

pub fn is_unsigned(t: Type) -> bool {
    t as i32 & (INTEGRAL | UNSIGNED) == INTEGRAL | UNSIGNED
}

pub fn is_signed(t: Type) -> bool {
    t as i32 & (INTEGRAL | UNSIGNED) == INTEGRAL
}

pub fn is_float(t: Type) -> bool {
    t as i32 & FLOAT != 0
}

pub fn is_decimal(t: Type) -> bool {
    t == Type::Decimal
}

/// Integers, floats and decimals.
pub fn is_number(t: Type) -> bool {
    is_integral(t) || is_float(t) || is_decimal(t)
}

/// Whether a value is written between quotes in SQL.
pub fn is_quoted(t: Type) -> bool {
    t as i32 & QUOTED != 0
}

/// Character strings, which compare by a collation.
pub fn is_text(t: Type) -> bool {
    t as i32 & TEXT != 0 && !matches!(t, Type::Hexnum | Type::Hexval | Type::Bitnum)
}

/// Byte strings, which compare byte by byte.
pub fn is_binary(t: Type) -> bool {
    t as i32 & BINARY != 0
}
