use bytes::BytesMut;
use vterrors::{Code, Condition};

use super::{
    capability as cap, collation_of_charset,
    cursor::{Cursor, lenenc},
    default_utf8mb4_collation,
    response::{parse_err, parse_ok},
    row::transcode,
};

#[test]
fn length_encoded_integers_of_every_width() {
    for (bytes, value, width) in [
        (&[0xfa][..], Some(250), 1),
        (&[0xfb], None, 1),
        (&[0xfc, 1, 2], Some(0x201), 3),
        (&[0xfd, 1, 2, 3], Some(0x30201), 4),
        (&[0xfe, 1, 0, 0, 0, 0, 0, 0, 1], Some(1 | 1 << 56), 9),
    ] {
        assert_eq!(lenenc(bytes), Some((value, width)), "{bytes:x?}");
        if width > 1 {
            assert_eq!(lenenc(&bytes[..width - 1]), None, "cut {bytes:x?}");
        }
    }
    assert_eq!(lenenc(&[0xff]), None);
    assert_eq!(lenenc(&[]), None);
}

#[test]
fn strings_up_to_a_zero() {
    let mut c = Cursor::new(b"ab\0cd");
    assert_eq!((c.until_zero(), c.until_zero(), c.is_empty()), (&b"ab"[..], &b"cd"[..], true));
}

#[test]
fn a_row_is_compacted_in_place() {
    let mut long = vec![0xfc, 44, 1];
    long.extend(std::iter::repeat_n(b'x', 300));
    let mut packet = BytesMut::from(&b"\x03abc\xfb\x00"[..]);
    packet.extend_from_slice(&long);
    packet.extend_from_slice(b"\x01z");
    let row = transcode(packet, 5).unwrap();
    assert_eq!(row.lengths, [3, -1, 0, 300, 1]);
    assert_eq!(row.values.len(), 304);
    assert!(row.values.starts_with(b"abcxxx") && row.values.ends_with(b"xz"));
}

#[test]
fn a_row_that_lies_is_an_error_and_no_panic() {
    for bytes in [&b"\x05ab"[..], b"", b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff", b"\xfc\x01", b"\x01a\x01b"] {
        let e = transcode(BytesMut::from(bytes), 1).unwrap_err();
        assert_eq!(e.condition(), Condition::ConnectionLost, "{bytes:x?}");
    }
}

#[test]
fn an_ok_packet_with_a_gtid_of_either_family() {
    let mut mysql = vec![0, 1, 7, 0x02, 0x40, 3, 0, 4];
    mysql.extend_from_slice(b"info");
    let gtid = b"aaaa:1-5";
    let mut data = vec![0, gtid.len() as u8];
    data.extend_from_slice(gtid);
    let mut changes = vec![3, data.len() as u8];
    changes.extend_from_slice(&data);
    mysql.push(changes.len() as u8);
    mysql.extend_from_slice(&changes);
    let ok = parse_ok(&mysql, cap::SESSION_TRACK).unwrap();
    assert_eq!((ok.affected_rows, ok.insert_id, ok.status, ok.warnings), (1, 7, 0x4002, 3));
    assert_eq!((ok.info.as_str(), ok.gtid.as_str()), ("info", "aaaa:1-5"));

    let mut maria = vec![0, 0, 0, 0, 0x40, 0, 0, 0];
    let mut data = vec![9];
    data.extend_from_slice(b"last_gtid");
    data.push(5);
    data.extend_from_slice(b"0-1-2");
    maria.push(data.len() as u8 + 2);
    maria.extend_from_slice(&[0, data.len() as u8]);
    maria.extend_from_slice(&data);
    assert_eq!(parse_ok(&maria, cap::SESSION_TRACK).unwrap().gtid, "0-1-2");
}

#[test]
fn an_error_packet_keeps_number_state_and_text() {
    let e = parse_err(b"\xff\x26\x04#23000Duplicate entry");
    assert_eq!((e.errno(), e.mysql_code().sqlstate_str(), e.message()), (1062, "23000", "Duplicate entry"));
    assert_eq!(e.code(), Code::AlreadyExists);
    let before_login = parse_err(b"\xff\x10\x04Too many connections");
    assert_eq!((before_login.errno(), before_login.message()), (1040, "Too many connections"));
    assert_eq!(parse_err(b"\xff").condition(), Condition::ConnectionLost);
}

#[test]
fn character_sets_that_cannot_be_escaped_bytewise_are_refused() {
    assert_eq!(collation_of_charset("utf8mb4").unwrap(), None);
    assert_eq!(collation_of_charset("latin1").unwrap(), Some(8));
    for name in ["gbk", "sjis", "big5", "gb18030"] {
        assert!(collation_of_charset(name).unwrap_err().message().contains(name));
    }
}

#[test]
fn literals_have_the_servers_default_collation() {
    for (version, number) in [
        ("9.7.0", 255),
        ("8.0.36-28.1", 255),
        ("5.7.44-log", 45),
        ("10.11.6-MariaDB-0+deb12u1", 45),
        ("5.5.5-10.11.6-MariaDB", 45),
        ("nonsense", 45),
    ] {
        assert_eq!(default_utf8mb4_collation(version), number, "{version}");
    }
}
