use super::*;

#[test]
fn integers_are_read_strictly() {
    let read = |text: &str| integer(text.as_bytes()).map(|n| (n.bits, n.text()));
    assert_eq!(read("5"), Some((5, "5".into())));
    assert_eq!(read("-1"), Some((u64::MAX, "-1".into())));
    assert_eq!(read("18446744073709551615"), Some((u64::MAX, "18446744073709551615".into())));
    assert_eq!(read("+007"), Some((7, "7".into())));
    assert_eq!(read("-0"), Some((0, "0".into())));
    assert_eq!(read("-9223372036854775808"), Some((1 << 63, "-9223372036854775808".into())));
    for bad in ["", "-", " 5", "5 ", "5a", "5.0", "1e3", "-9223372036854775809", "18446744073709551616"] {
        assert_eq!(read(bad), None, "{bad:?}");
    }
}

#[test]
fn a_decimal_without_a_fraction_is_whole() {
    let class = |text: &'static str| VindexValue::new(Type::Decimal, text.as_bytes()).classify();
    assert_eq!(class("5.00"), Class::Integer(Integer { bits: 5, negative: false }));
    assert_eq!(class("5.01"), Class::OtherNumber);
    assert_eq!(class(".0"), Class::OtherNumber);
}

#[test]
fn hex_and_bit_literals_are_bytes() {
    let class = |ty, text: &'static str| VindexValue::new(ty, text.as_bytes()).classify();
    assert_eq!(class(Type::Hexval, "X'4D5a'"), Class::Bytes(b"MZ"[..].into()));
    assert_eq!(class(Type::Hexnum, "0x14D"), Class::Bytes(vec![1, 0x4d].into()));
    assert_eq!(class(Type::Bitnum, "b'101000001'"), Class::Bytes(vec![1, 0x41].into()));
}
