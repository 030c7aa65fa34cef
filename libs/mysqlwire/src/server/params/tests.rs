use super::*;
use crate::packet::{put_lenenc_bytes, put_uint};

/// One parameter's value from its bytes.
fn one(type_byte: u8, unsigned: bool, value: &[u8]) -> Result<BindValue> {
    let mut packet = vec![0, 1, type_byte, if unsigned { 0x80 } else { 0 }];
    packet.extend_from_slice(value);
    read_params(&mut Reader::new(&packet), 1, &mut Vec::new(), &[]).map(|mut v| v.remove(0))
}

fn text(type_byte: u8, value: &[u8]) -> (Type, String) {
    match one(type_byte, false, value).unwrap() {
        BindValue::Scalar(ty, bytes) => (ty, String::from_utf8(bytes.to_vec()).unwrap()),
        list => panic!("{list:?}"),
    }
}

fn lenenc(s: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_lenenc_bytes(&mut out, s);
    out
}

#[test]
fn integers_of_all_widths_with_their_sign() {
    for (ty, bytes, signed, unsigned) in [
        (1, &[0xff][..], "-1", "255"),
        (2, &[0xfe, 0xff], "-2", "65534"),
        (13, &[0xd0, 0x07], "2000", "2000"),
        (3, &[0xff; 4], "-1", "4294967295"),
        (9, &[1, 0, 0, 0], "1", "1"),
        (8, &[0xff; 8], "-1", "18446744073709551615"),
        (8, &[0, 0, 0, 0, 0, 0, 0, 0x80], "-9223372036854775808", "9223372036854775808"),
    ] {
        assert_eq!(one(ty, false, bytes).unwrap(), BindValue::int64(signed.parse().unwrap()), "{ty}");
        assert_eq!(one(ty, true, bytes).unwrap(), BindValue::uint64(unsigned.parse().unwrap()), "{ty}");
    }
}

#[test]
fn floats_are_doubles_to_mysql() {
    assert_eq!(text(5, &0.1f64.to_le_bytes()), (Type::Float64, "1e-1".into()));
    assert_eq!(text(4, &0.1f32.to_le_bytes()), (Type::Float64, "1.0000000149011612e-1".into()));
    assert_eq!(text(5, &(-1.5e300f64).to_le_bytes()), (Type::Float64, "-1.5e300".into()));
    assert_eq!(one(5, false, &f64::NAN.to_le_bytes()).unwrap_err().errno(), 1210);
}

#[test]
fn dates_and_times_of_all_lengths() {
    let long = [11, 0xe4, 7, 1, 2, 3, 4, 5, 0xc0, 0x2f, 9, 0];
    assert_eq!(text(12, &long), (Type::Datetime, "2020-01-02 03:04:05.602048".into()));
    assert_eq!(text(12, &[7, 0xe4, 7, 1, 2, 3, 4, 5]).1, "2020-01-02 03:04:05");
    assert_eq!(text(7, &[4, 0xe4, 7, 1, 2]).1, "2020-01-02 00:00:00");
    assert_eq!(text(12, &[0]).1, "0000-00-00 00:00:00");
    assert_eq!(text(10, &[4, 0xe4, 7, 1, 2]), (Type::Date, "2020-01-02".into()));
    assert_eq!(text(10, &[0]).1, "0000-00-00");
    let zoned = [13, 0xe4, 7, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0xa6, 0xfe];
    assert_eq!(text(12, &zoned).1, "2020-01-02 03:04:05-05:46");
    assert_eq!(text(11, &[8, 1, 34, 0, 0, 0, 22, 59, 59]), (Type::Time, "-838:59:59".into()));
    assert_eq!(text(11, &[12, 0, 0, 0, 0, 0, 1, 2, 3, 7, 0, 0, 0]).1, "01:02:03.000007");
    assert_eq!(text(11, &[0]).1, "00:00:00");
    assert_eq!(one(12, false, &[5, 0, 0, 0, 0, 0]).unwrap_err().errno(), 1210);
    assert_eq!(one(11, false, &[7, 0, 0, 0, 0, 0, 0, 0]).unwrap_err().errno(), 1210);
}

#[test]
fn texts_bytes_and_decimals() {
    assert_eq!(text(246, &lenenc(b"-12.50")), (Type::Decimal, "-12.50".into()));
    assert_eq!(text(0, &lenenc(b"1e5")).0, Type::Varchar);
    assert_eq!(text(246, &lenenc(b"1 or 1")).0, Type::Varchar);
    assert_eq!(text(246, &lenenc(b"")).0, Type::Varchar);
    for ty in [15, 245, 247, 248, 253, 254] {
        assert_eq!(text(ty, &lenenc(b"a'b")), (Type::Varchar, "a'b".into()), "{ty}");
    }
    for ty in [16, 242, 249, 250, 251, 252, 255] {
        assert_eq!(text(ty, &lenenc(b"ab")).0, Type::Varbinary, "{ty}");
    }
    assert_eq!(one(6, false, &[]).unwrap(), BindValue::NULL);
    assert_eq!(one(200, false, &[]).unwrap_err().errno(), 1210);
}

/// Ten parameters, two of them NULL, one sent in pieces before; then the same types without being told again.
#[test]
fn nulls_long_data_and_kept_types() {
    let mut types = Vec::new();
    let mut long: Vec<Option<Bytes>> = vec![None; 10];
    long[2] = Some(Bytes::from_static(b"long"));
    let mut packet = vec![0b0000_0010, 0b0000_0010, 1];
    for at in 0..10 {
        packet.extend_from_slice(&[if at == 2 { 252 } else { 8 }, 0]);
    }
    for v in [0u64, 3, 4, 5, 6, 7, 8] {
        put_uint(&mut packet, v, 8);
    }
    let values = read_params(&mut Reader::new(&packet), 10, &mut types, &long).unwrap();
    assert!(values[1].is_null() && values[9].is_null());
    assert_eq!(values[2], BindValue::bytes(&b"long"[..]));
    assert_eq!(values[3], BindValue::int64(3));
    assert_eq!(values[8], BindValue::int64(8));
    let again = [&[0b1111_1111, 0b0000_0011, 0][..]].concat();
    let values = read_params(&mut Reader::new(&again), 10, &mut types, &[]).unwrap();
    assert!(values.iter().all(BindValue::is_null));
    assert_eq!(read_params(&mut Reader::new(&again), 10, &mut Vec::new(), &[]).unwrap_err().errno(), 1210);
}

#[test]
fn packets_that_end_too_early_are_errors() {
    let mut packet = vec![0, 0, 1];
    for _ in 0..9 {
        packet.extend_from_slice(&[8, 0]);
    }
    for _ in 0..9 {
        put_uint(&mut packet, 1, 8);
    }
    for len in 0..packet.len() {
        assert!(read_params(&mut Reader::new(&packet[..len]), 9, &mut Vec::new(), &[]).is_err(), "{len}");
    }
    assert!(read_params(&mut Reader::new(&packet), 9, &mut Vec::new(), &[]).is_ok());
}
