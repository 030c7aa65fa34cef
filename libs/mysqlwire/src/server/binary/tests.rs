use sqltypes::row_of;

use super::*;

fn row(ty: Type, text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    put_binary_row(&mut out, &[ty], &row_of([Some(text)])).ok()?;
    // The head: a zero and the NULL bits.
    assert_eq!(out[..2], [0, 0]);
    Some(out.split_off(2))
}

#[test]
fn text_that_is_no_value_of_its_type_is_an_error() {
    for (ty, text) in [
        (Type::Int32, ""),
        (Type::Int32, "-"),
        (Type::Int32, "1.5"),
        (Type::Uint64, "18446744073709551616"),
        (Type::Float64, "x"),
        (Type::Datetime, "2020-01"),
        (Type::Datetime, "2020-01-02 03:04"),
        (Type::Datetime, "2020-01-02 03:04:05.1234567"),
        (Type::Time, "1:2"),
        (Type::Time, "1:2:3:4"),
        (Type::Time, "1:2:3."),
    ] {
        assert_eq!(row(ty, text), None, "{ty:?} {text:?}");
    }
}

#[test]
fn nulls_are_bits_from_the_third() {
    let types = [Type::Int8; 8];
    let mut out = Vec::new();
    let values = [None, Some("1"), None, None, None, None, None, None];
    put_binary_row(&mut out, &types, &row_of(values)).unwrap();
    assert_eq!(out, [0, 0b1111_0100, 0b0000_0011, 1]);
}

#[test]
fn a_row_that_is_too_short_is_an_error() {
    let mut out = Vec::new();
    assert!(put_binary_row(&mut out, &[Type::Int8, Type::Int8], &row_of([Some("1")])).is_err());
}

#[test]
fn wide_values_are_cut_to_their_width_as_two_complement() {
    assert_eq!(row(Type::Int8, "-128"), Some(vec![0x80]));
    assert_eq!(row(Type::Int24, "-1"), Some(vec![0xff; 4]));
    assert_eq!(row(Type::Int64, "-9223372036854775808"), Some(vec![0, 0, 0, 0, 0, 0, 0, 0x80]));
    assert_eq!(row(Type::Uint64, "18446744073709551615"), Some(vec![0xff; 8]));
    assert_eq!(row(Type::Year, "2155"), Some(vec![0x6b, 0x08]));
}
