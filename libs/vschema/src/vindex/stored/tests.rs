use proto::query::Type;

use super::KeyColumn;
use crate::VindexValue;

fn column(ty: Type, definition: &str) -> KeyColumn {
    KeyColumn::new(ty, Some(definition))
}

fn stored(column: KeyColumn, ty: Type, bytes: &[u8]) -> Option<String> {
    let (_, bytes) = column.stored(VindexValue::new(ty, bytes))?;
    Some(String::from_utf8(bytes.into_owned()).unwrap())
}

#[test]
fn numbers_are_made_to_fit() {
    for (ty, given, kept) in [
        (Type::Int8, "300", "127"),
        (Type::Int8, "-300", "-128"),
        (Type::Uint8, "-1", "0"),
        (Type::Int24, "8388608", "8388607"),
        (Type::Int32, "99999999999", "2147483647"),
        (Type::Uint32, "99999999999", "4294967295"),
        (Type::Int64, "18446744073709551615", "9223372036854775807"),
        (Type::Uint64, "18446744073709551615", "18446744073709551615"),
        (Type::Uint64, "-0.4", "0"),
    ] {
        for given_as in [Type::Decimal, Type::Varchar] {
            assert_eq!(stored(ty.into(), given_as, given.as_bytes()).unwrap(), kept, "{given} in {ty:?}");
        }
    }
    assert_eq!(stored(Type::Int32.into(), Type::Hexnum, b"0xFFFFFFFFFFFFFFFFFF").unwrap(), "2147483647");
    // Years of few digits are other years.
    assert_eq!(stored(Type::Year.into(), Type::Int64, b"2024").unwrap(), "2024");
    assert_eq!(stored(Type::Year.into(), Type::Int64, b"24"), None);
    assert_eq!(stored(Type::Int64.into(), Type::Date, b"2024-01-02"), None);
}

#[test]
fn a_text_is_the_number_it_begins_with() {
    for (given, kept) in [
        ("", "0"),
        ("x5", "0"),
        (".", "0"),
        ("-", "0"),
        ("e5", "0"),
        ("12abc", "12"),
        (" \t-12 a", "-12"),
        ("+7-", "7"),
        ("1.5abc", "2"),
        (".5", "1"),
        ("5.", "5"),
        ("0x10", "0"),
        ("1e2x", "100"),
        ("1e", "1"),
        ("1e+", "1"),
        ("125e-1", "13"),
        ("0.0049e2", "0"),
        ("0.005e2", "1"),
        ("000000000000000000000000000000000000000000012", "12"),
        ("1e400", "9223372036854775807"),
        ("-1e99999999999999999999", "-9223372036854775808"),
        ("1e-99999999999999999999", "0"),
        ("0e99999999999999999999", "0"),
    ] {
        assert_eq!(stored(Type::Int64.into(), Type::Varchar, given.as_bytes()).unwrap(), kept, "{given:?}");
    }
}

#[test]
fn text_is_cut() {
    let varchar = column(Type::Varchar, "varchar(4) collate utf8mb4_bin not null");
    let char = column(Type::Char, "char(4) collate utf8mb4_bin null");
    let binary = column(Type::Binary, "binary(4) null");
    let varbinary = column(Type::Varbinary, "varbinary(4) null");
    for (column, given, kept) in [
        (varchar, "abcdefgh", "abcd"),
        (varchar, "xyz   ", "xyz "),
        (varchar, "äöüßä", "äöüß"),
        (varchar, "ab", "ab"),
        (char, "xy  ", "xy"),
        (char, "x   y", "x"),
        (char, "    ", ""),
        (binary, "ab", "ab\0\0"),
        (binary, "abcdef", "abcd"),
        (varbinary, "äöü", "äö"),
        (Type::Varchar.into(), "abcdefgh", "abcdefgh"),
    ] {
        assert_eq!(stored(column, Type::Varchar, given.as_bytes()).unwrap(), kept, "{given:?} {column:?}");
    }
    assert_eq!(stored(varchar, Type::Int64, b"12345").unwrap(), "1234");
    assert_eq!(stored(varchar, Type::Float64, b"1.5"), None);
}

#[test]
fn null_where_it_is_not_taken_is_the_types_zero() {
    assert_eq!(stored(column(Type::Int32, "int not null"), Type::NullType, b"").unwrap(), "0");
    assert_eq!(stored(column(Type::Char, "char(2) not null"), Type::NullType, b"").unwrap(), "");
    assert_eq!(stored(column(Type::Binary, "binary(2) not null"), Type::NullType, b"").unwrap(), "\0\0");
    for nullable in [column(Type::Int32, "int null"), Type::Int32.into()] {
        let (ty, _) = nullable.stored(VindexValue::NULL).unwrap();
        assert_eq!(ty, Type::NullType);
    }
}

#[test]
fn digits_and_seconds_are_those_that_the_column_has() {
    let decimal = column(Type::Decimal, "decimal(8,2) not null");
    for (given, kept) in [
        ("1", "1.00"),
        ("2.5", "2.50"),
        ("-.5", "-0.50"),
        ("+007.125", "7.13"),
        ("-0.001", "0.00"),
        ("999999.994", "999999.99"),
    ] {
        assert_eq!(stored(decimal, Type::Decimal, given.as_bytes()).unwrap(), kept, "{given}");
    }
    for given in ["999999.995", "1e2", "x", "", "."] {
        assert_eq!(stored(decimal, Type::Varchar, given.as_bytes()), None, "{given}");
    }
    assert_eq!(stored(column(Type::Decimal, "decimal(10,0) null"), Type::Varchar, b"2.5").unwrap(), "3");
    // The greatest that is computed with here, and a half.
    let most = format!("{}.5", u128::MAX);
    assert_eq!(stored(column(Type::Decimal, "decimal(65,0) null"), Type::Decimal, most.as_bytes()), None);
    let (date, seconds) = (column(Type::Date, "date null"), column(Type::Datetime, "datetime null"));
    let (millis, time) = (column(Type::Datetime, "datetime(3) null"), column(Type::Time, "time null"));
    for (column, given, kept) in [
        (date, "2024-01-31", Some("2024-01-31")),
        (date, "2024-01-31 00:00:00.000", Some("2024-01-31")),
        (date, "2024-01-31 10:00:00", None),
        (date, "2024-1-31", None),
        (seconds, "2024-01-31", Some("2024-01-31 00:00:00")),
        (seconds, "2024-01-31 10:00:00.00", Some("2024-01-31 10:00:00")),
        (seconds, "2024-01-31 10:00:00.6", None),
        (seconds, "2024-01-31T10:00:00", None),
        (seconds, "2024-01-31 10:00", None),
        (millis, "2024-01-31 10:00:00", Some("2024-01-31 10:00:00.000")),
        (millis, "2024-01-31 10:00:00.12", Some("2024-01-31 10:00:00.120")),
        (millis, "2024-01-31 10:00:00.x", None),
        (time, "10:00:00", Some("10:00:00")),
        (time, "100:00:00", None),
        (time, "2024-01-31 10:00:00", None),
    ] {
        assert_eq!(stored(column, Type::Varchar, given.as_bytes()).as_deref(), kept, "{given} {column:?}");
        let equal = column.equal(VindexValue::text(given));
        assert_eq!(equal.as_deref(), kept.map(str::as_bytes), "{given} {column:?}");
    }
}

#[test]
fn one_value_equals_another_only_where_none_else_does() {
    let decimal = column(Type::Decimal, "decimal(8,2) not null");
    let year = column(Type::Year, "year null");
    for (column, ty, given, equal) in [
        (decimal, Type::Int64, "1", Some("1.00")),
        (decimal, Type::Decimal, "2.500", Some("2.50")),
        (decimal, Type::Decimal, "2.505", None),
        // Compared as floating point numbers.
        (decimal, Type::Varchar, "2.5", None),
        (decimal, Type::Float64, "2.5", None),
        (year, Type::Int64, "2024", Some("2024")),
        (year, Type::Int64, "24", None),
        (year, Type::Varchar, "24", None),
        (Type::Int64.into(), Type::Decimal, "5.0", Some("5")),
        (Type::Int64.into(), Type::Decimal, "5.5", None),
    ] {
        let found = column.equal(VindexValue::new(ty, given.as_bytes()));
        assert_eq!(found.as_deref(), equal.map(str::as_bytes), "{given} {column:?}");
    }
}
