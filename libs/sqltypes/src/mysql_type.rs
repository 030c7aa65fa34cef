//! The type of a column in MySQL's protocol <-> the type on our wire.
//!
//! MySQL's numbers: `enum_field_types` and the column flags of its protocol documentation.

use proto::query::{MySqlFlag, Type};

use crate::charset;

/// `enum_field_types`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum MysqlType {
    Decimal = 0,
    Tiny = 1,
    Short = 2,
    Long = 3,
    Float = 4,
    Double = 5,
    Null = 6,
    Timestamp = 7,
    LongLong = 8,
    Int24 = 9,
    Date = 10,
    Time = 11,
    Datetime = 12,
    Year = 13,
    Varchar = 15,
    Bit = 16,
    Vector = 242,
    Json = 245,
    NewDecimal = 246,
    Enum = 247,
    Set = 248,
    TinyBlob = 249,
    MediumBlob = 250,
    LongBlob = 251,
    Blob = 252,
    VarString = 253,
    String = 254,
    Geometry = 255,
}

const UNSIGNED: u32 = MySqlFlag::UnsignedFlag as u32;
const ENUM: u32 = MySqlFlag::EnumFlag as u32;
const SET: u32 = MySqlFlag::SetFlag as u32;

/// Our type of a column that a mysqld describes by its type byte, flags and charset id.
/// A type byte that is not known is a byte string: nothing is lost.
pub fn column_type_of(type_byte: u8, flags: u32, charset_id: u32) -> Type {
    let unsigned = flags & UNSIGNED != 0;
    let pick = |signed: Type, other: Type| if unsigned { other } else { signed };
    let binary = charset_id == charset::BINARY;
    match type_byte {
        0 | 246 => Type::Decimal,
        1 => pick(Type::Int8, Type::Uint8),
        2 => pick(Type::Int16, Type::Uint16),
        3 => pick(Type::Int32, Type::Uint32),
        4 => Type::Float32,
        5 => Type::Float64,
        6 => Type::NullType,
        7 | 17 => Type::Timestamp,
        8 => pick(Type::Int64, Type::Uint64),
        9 => pick(Type::Int24, Type::Uint24),
        10 | 14 => Type::Date,
        11 | 19 => Type::Time,
        12 | 18 => Type::Datetime,
        13 => Type::Year,
        16 => Type::Bit,
        242 => Type::Vector,
        245 => Type::Json,
        247 => Type::Enum,
        248 => Type::Set,
        255 => Type::Geometry,
        254 if flags & ENUM != 0 => Type::Enum,
        254 if flags & SET != 0 => Type::Set,
        254 => {
            if binary {
                Type::Binary
            } else {
                Type::Char
            }
        }
        15 | 253 => {
            if binary {
                Type::Varbinary
            } else {
                Type::Varchar
            }
        }
        249..=252 => {
            if binary {
                Type::Blob
            } else {
                Type::Text
            }
        }
        _ => Type::Varbinary,
    }
}

/// The type byte and the flags that a MySQL client is told for a column of our type.
pub fn mysql_type_of(t: Type) -> (MysqlType, u32) {
    use MysqlType as M;
    match t {
        Type::NullType => (M::Null, 0),
        Type::Int8 => (M::Tiny, 0),
        Type::Uint8 => (M::Tiny, UNSIGNED),
        Type::Int16 => (M::Short, 0),
        Type::Uint16 => (M::Short, UNSIGNED),
        Type::Int24 => (M::Int24, 0),
        Type::Uint24 => (M::Int24, UNSIGNED),
        Type::Int32 => (M::Long, 0),
        Type::Uint32 => (M::Long, UNSIGNED),
        Type::Int64 => (M::LongLong, 0),
        Type::Uint64 => (M::LongLong, UNSIGNED),
        Type::Float32 => (M::Float, 0),
        Type::Float64 => (M::Double, 0),
        Type::Timestamp => (M::Timestamp, 0),
        Type::Date => (M::Date, 0),
        Type::Time => (M::Time, 0),
        Type::Datetime => (M::Datetime, 0),
        Type::Year => (M::Year, UNSIGNED),
        Type::Decimal => (M::NewDecimal, 0),
        Type::Text | Type::Blob => (M::Blob, 0),
        Type::Varchar | Type::Varbinary => (M::VarString, 0),
        Type::Char | Type::Binary => (M::String, 0),
        Type::Bit => (M::Bit, 0),
        Type::Enum => (M::String, ENUM),
        Type::Set => (M::String, SET),
        Type::Geometry => (M::Geometry, 0),
        Type::Json => (M::Json, 0),
        Type::Vector => (M::Vector, 0),
        Type::Tuple
        | Type::Expression
        | Type::Hexnum
        | Type::Hexval
        | Type::Bitnum
        | Type::Raw
        | Type::RowTuple => (M::VarString, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_is_told_reads_back_as_the_same_type() {
        for t in (0..4096).filter_map(|n| Type::try_from(n).ok()) {
            // Types that are no column's: they are told to clients as strings.
            use Type::*;
            if matches!(t, Tuple | Expression | Hexnum | Hexval | Bitnum | Raw | RowTuple) {
                continue;
            }
            let (m, flags) = mysql_type_of(t);
            let cs = if crate::is_text(t) { charset::UTF8MB4_0900_AI_CI } else { charset::BINARY };
            assert_eq!(column_type_of(m as u8, flags, cs), t, "{t:?}");
        }
    }
}
