//! Types of generated columns and the values that come in them: few, so that they collide; with case variants,
//! trailing spaces, accents, NULLs and extremes.

use crate::dice::Dice;

/// A column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int,
    /// BIGINT UNSIGNED, with values no signed number holds.
    Unsigned,
    Decimal,
    Double,
    Text(Collation),
    Bytes,
    Date,
    DateTime,
    Time,
    Enum,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collation {
    Ai,
    General,
    Bin,
    /// Without padding, as vindexes compare.
    NoPadBin,
    Latin1,
}

/// What may be compared with each other without a conversion that warns or fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Number,
    Text(Collation),
    Bytes,
    Date,
    Time,
    Enum,
    Json,
}

const INTS: &[&str] = &["-3", "-1", "0", "1", "2", "3", "4", "5", "7", "10", "100"];
/// MySQL may put a column's equal in its place, in an addition, too: the largest number with a sign would be too large.
const UNSIGNED: &[&str] =
    &["0", "1", "2", "3", "5", "10", "9223372036854775800", "9223372036854775808", "18446744073709551615"];
const DECIMALS: &[&str] = &["-1.50", "0.00", "1.00", "1.50", "2.00", "2.25", "10.00", "99999999.99"];
const DOUBLES: &[&str] = &["-1.5", "0", "0.1", "1", "2", "2.5", "3", "1e10"];
const TEXTS: &[&str] =
    &["''", "'a'", "'A'", "'a '", "'b'", "'B '", "'ab'", "'aB'", "'á'", "'z'", "'10'", "'9'"];
const BYTES: &[&str] = &["''", "'a'", "'A'", "'a '", "x'6100'", "x'ff'", "x'00'", "'ab'"];
const DATES: &[&str] = &["'1999-12-31'", "'2000-01-01'", "'2000-02-29'", "'2024-06-15'", "'1000-01-01'"];
const DATETIMES: &[&str] = &[
    "'1999-12-31 23:59:59'",
    "'2000-01-01 00:00:00'",
    "'2000-01-01 12:00:00'",
    "'2024-06-15 08:30:00'",
    "'9999-12-31 23:59:59'",
];
const TIMES: &[&str] = &["'-10:00:00'", "'00:00:00'", "'08:30:00'", "'100:00:01'"];
const ENUMS: &[&str] = &["'zeta'", "'alpha'", "'Mid'"];
const JSONS: &[&str] =
    &["'1'", "'\"a\"'", "'[1, 2]'", "'{\"a\": 1}'", "'{\"a\": \"x\", \"b\": null}'", "'null'"];

impl Kind {
    /// Types of columns that are not keys.
    pub const ALL: [Self; 13] = [
        Self::Int,
        Self::Unsigned,
        Self::Decimal,
        Self::Double,
        Self::Text(Collation::Ai),
        Self::Text(Collation::General),
        Self::Text(Collation::Bin),
        Self::Text(Collation::Latin1),
        Self::Bytes,
        Self::Date,
        Self::DateTime,
        Self::Time,
        Self::Enum,
    ];

    pub fn sql(self) -> &'static str {
        match self {
            Self::Int => "INT",
            Self::Unsigned => "BIGINT UNSIGNED",
            Self::Decimal => "DECIMAL(10, 2)",
            Self::Double => "DOUBLE",
            Self::Text(Collation::Ai) => "VARCHAR(12) COLLATE utf8mb4_0900_ai_ci",
            Self::Text(Collation::General) => "VARCHAR(12) COLLATE utf8mb4_general_ci",
            Self::Text(Collation::Bin) => "VARCHAR(12) COLLATE utf8mb4_bin",
            Self::Text(Collation::NoPadBin) => "VARCHAR(12) COLLATE utf8mb4_0900_bin",
            Self::Text(Collation::Latin1) => "VARCHAR(12) CHARACTER SET latin1",
            Self::Bytes => "VARBINARY(12)",
            Self::Date => "DATE",
            Self::DateTime => "DATETIME",
            Self::Time => "TIME",
            Self::Enum => "ENUM('zeta', 'alpha', 'Mid')",
            Self::Json => "JSON",
        }
    }

    pub fn family(self) -> Family {
        match self {
            Self::Int | Self::Unsigned | Self::Decimal | Self::Double => Family::Number,
            Self::Text(collation) => Family::Text(collation),
            Self::Bytes => Family::Bytes,
            Self::Date | Self::DateTime => Family::Date,
            Self::Time => Family::Time,
            Self::Enum => Family::Enum,
            Self::Json => Family::Json,
        }
    }

    /// The collation of a text in utf8mb4.
    pub fn collation(self) -> Option<&'static str> {
        Some(match self {
            Self::Text(Collation::Ai) => "utf8mb4_0900_ai_ci",
            Self::Text(Collation::General) => "utf8mb4_general_ci",
            Self::Text(Collation::Bin) => "utf8mb4_bin",
            Self::Text(Collation::NoPadBin) => "utf8mb4_0900_bin",
            _ => return None,
        })
    }

    pub fn is_text(self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// The literals of this type.
    pub fn pool(self) -> &'static [&'static str] {
        match self {
            Self::Int => INTS,
            Self::Unsigned => UNSIGNED,
            Self::Decimal => DECIMALS,
            Self::Double => DOUBLES,
            Self::Text(_) => TEXTS,
            Self::Bytes => BYTES,
            Self::Date => DATES,
            Self::DateTime => DATETIMES,
            Self::Time => TIMES,
            Self::Enum => ENUMS,
            Self::Json => JSONS,
        }
    }

    pub fn literal(self, dice: &mut Dice) -> &'static str {
        let pool = self.pool();
        pool[dice.below(pool.len())]
    }
}
