use proto::query::Type;

use super::*;
use crate::no_files;

fn vindex(ty: &str, params: &[(&str, &str)]) -> Result<Vindex> {
    let params = params.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Vindex::new(VindexParams { vindex_type: ty, params: &params, files: &no_files })
}

fn id(bytes: &[u8]) -> Mapped {
    Mapped::KeyspaceId(bytes.to_vec())
}

#[test]
fn null_has_no_shard_for_numbers_and_is_empty_for_bytes() {
    for ty in ["hash", "numeric", "reverse_bits"] {
        assert_eq!(vindex(ty, &[]).unwrap().hash(&[VindexValue::NULL]).unwrap(), Mapped::None);
    }
    let empty = VindexValue::text("");
    for ty in ["xxhash", "binary_md5", "unicode_loose_md5", "unicode_loose_xxhash"] {
        let v = vindex(ty, &[]).unwrap();
        assert_eq!(v.hash(&[VindexValue::NULL]).unwrap(), v.hash(&[empty]).unwrap());
    }
}

#[test]
fn equals_null_finds_nothing() {
    let v = vindex("xxhash", &[]).unwrap();
    assert_eq!(v.map_read(&[VindexValue::NULL], &[None]).unwrap(), Mapped::None);
}

#[test]
fn a_number_is_written_as_an_integer_column_stores_it() {
    let written = |name: &str, ty: Type, text: &'static str| {
        let value = VindexValue::new(ty, text.as_bytes());
        let vindex = vindex(name, &[]).unwrap();
        vindex.map_write(&[value], &[Some(Type::Int64.into())]).map(|mapped| id(&mapped))
    };
    let wanted =
        |name: &str, text: &'static str| vindex(name, &[]).unwrap().hash(&[VindexValue::text(text)]).unwrap();
    for name in ["hash", "xxhash"] {
        // As `INSERT INTO t SELECT 2.5` and `... SELECT 2.5e0` store them in MySQL 9.7.
        for (text, stored) in
            [("2.5", "3"), ("-2.5", "-3"), ("2.49", "2"), (".5", "1"), ("-0.4", "0"), ("7", "7")]
        {
            assert_eq!(written(name, Type::Decimal, text).unwrap(), wanted(name, stored), "{text}");
        }
        for (text, stored) in [("2.5", "2"), ("3.5", "4"), ("-2.5", "-2"), ("1e3", "1000"), ("-0.4", "0")] {
            assert_eq!(written(name, Type::Float64, text).unwrap(), wanted(name, stored), "{text}");
        }
        for (text, stored) in [
            ("5.5", "6"),
            ("4.5", "5"),
            ("-4.5", "-5"),
            ("1e3", "1000"),
            ("1.25e1", "13"),
            (" 5.5 ", "6"),
            ("+7", "7"),
            (".5", "1"),
            ("5.", "5"),
            ("-0.4", "0"),
            ("1e-1", "0"),
            ("5e-1", "1"),
            ("49e-2", "0"),
            ("\t5", "5"),
        ] {
            assert_eq!(written(name, Type::Varchar, text).unwrap(), wanted(name, stored), "{text:?}");
        }
        for (ty, text, stored) in
            [(Type::Hexval, "x'35'", "53"), (Type::Hexnum, "0x4142", "16706"), (Type::Bitnum, "b'101'", "5")]
        {
            assert_eq!(written(name, ty, text).unwrap(), wanted(name, stored), "{text}");
        }
        // What does not fit is refused by MySQL, or stored so.
        for (ty, text, stored) in [
            (Type::Varchar, "x", "0"),
            (Type::Varchar, "5x", "5"),
            (Type::Varchar, "99999999999999999999", "9223372036854775807"),
            (Type::Decimal, "-99999999999999999999.5", "-9223372036854775808"),
            (Type::Float64, "1e30", "9223372036854775807"),
        ] {
            assert_eq!(written(name, ty, text).unwrap(), wanted(name, stored), "{text}");
        }
        assert!(written(name, Type::Float64, "inf").is_err());
    }
}

#[test]
fn a_value_that_equals_several_reads_from_everywhere_and_is_not_written() {
    let hash = vindex("hash", &[]).unwrap();
    let xxhash = vindex("xxhash", &[]).unwrap();
    let text = VindexValue::text;
    let int = |t: &'static str| VindexValue::new(Type::Int64, t.as_bytes());
    let decimal = |t: &'static str| VindexValue::new(Type::Decimal, t.as_bytes());
    let float = |t: &'static str| VindexValue::new(Type::Float64, t.as_bytes());
    for (v, value, column) in [
        (&hash, text("5a"), None),
        (&hash, text("5 x"), Some(Type::Int64)),
        (&hash, decimal("5.5"), None),
        (&hash, float("5e0"), None),
        (&xxhash, text("05"), None),
        (&xxhash, text("5.0"), None),
        (&xxhash, text("5x"), Some(Type::Int64)),
        (&xxhash, decimal("5.0"), None),
        (&xxhash, text("2024-1-1"), Some(Type::Date)),
        (&xxhash, text("1.5"), Some(Type::Decimal)),
    ] {
        assert_eq!(
            v.map_read(&[value], &[column.map(KeyColumn::from)]).unwrap(),
            Mapped::Anywhere,
            "{value:?} {column:?}"
        );
        let is_whole = column == Some(Type::Int64);
        let written = v.map_write(&[value], &[column.map(KeyColumn::from)]);
        assert_eq!(written.is_ok(), is_whole, "{value:?} {column:?}");
    }
    // A character column compares with a number as a number, but stores its digits.
    assert_eq!(xxhash.map_read(&[int("5")], &[Some(Type::Varchar.into())]).unwrap(), Mapped::Anywhere);
    let five = xxhash.hash(&[text("5")]).unwrap();
    assert_eq!(id(&xxhash.map_write(&[int("05")], &[Some(Type::Varchar.into())]).unwrap()), five);
}

#[test]
fn equal_values_have_one_keyspace_id() {
    let xxhash = vindex("xxhash", &[]).unwrap();
    let five = xxhash.hash(&[VindexValue::text("5")]).unwrap();
    for (value, column) in [
        (VindexValue::new(Type::Int64, b"5"), None),
        (VindexValue::new(Type::Int64, b"005"), None),
        (VindexValue::new(Type::Uint64, b"5"), Some(Type::Int64)),
        (VindexValue::text("5"), Some(Type::Int64)),
        (VindexValue::text("05"), Some(Type::Int64)),
        (VindexValue::new(Type::Decimal, b"5.0"), Some(Type::Int64)),
        (VindexValue::text("5"), Some(Type::Varchar)),
    ] {
        assert_eq!(
            xxhash.map_read(&[value], &[column.map(KeyColumn::from)]).unwrap(),
            five,
            "{value:?} {column:?}"
        );
        assert_eq!(
            id(&xxhash.map_write(&[value], &[column.map(KeyColumn::from)]).unwrap()),
            five,
            "{value:?} {column:?}"
        );
    }
    let uuid = VindexValue::text("3f2504e0-4f89-11d3-9a0c-0305e82c3301");
    assert_eq!(xxhash.map_read(&[uuid], &[None]).unwrap(), xxhash.hash(&[uuid]).unwrap());
}

#[test]
fn static_map() {
    let v = vindex("numeric_static_map", &[("json", r#"{"1":2,"3":18446744073709551615}"#)]).unwrap();
    let number = |t: &'static str| v.hash(&[VindexValue::new(Type::Int64, t.as_bytes())]).unwrap();
    assert_eq!(number("1"), id(&[0, 0, 0, 0, 0, 0, 0, 2]));
    assert_eq!(number("3"), id(&[0xff; 8]));
    assert_eq!(number("4"), id(&[0, 0, 0, 0, 0, 0, 0, 4]));
    let v = vindex("numeric_static_map", &[("json", r#"{"1":2}"#), ("fallback_type", "xxhash")]).unwrap();
    let four = VindexValue::new(Type::Int64, b"4");
    assert_eq!(v.hash(&[four]).unwrap(), vindex("xxhash", &[]).unwrap().hash(&[four]).unwrap());
    for bad in [&[("json", "[1]")][..], &[("json", r#"{"a":1}"#)], &[], &[("json_path", "/x")]] {
        assert!(vindex("numeric_static_map", bad).is_err(), "{bad:?}");
    }
}

#[test]
fn region_json_reads_its_file() {
    let files = |path: &str| match path {
        "/regions" => Ok(r#"{"us": 1, "eu": 258}"#.to_owned()),
        other => Err(format!("no {other}")),
    };
    let make = |path: &str, bytes: &str| {
        let params =
            [("region_map", path), ("region_bytes", bytes)].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        Vindex::new(VindexParams { vindex_type: "region_json", params: &params, files: &files })
    };
    let one = VindexValue::new(Type::Int64, b"1");
    let hash = [0x16, 0x6b, 0x40, 0xb4, 0x4a, 0xba, 0x4b, 0xd6];
    let v = make("/regions", "2").unwrap();
    assert_eq!(v.hash(&[one, VindexValue::text("eu")]).unwrap(), id(&[&[1, 2][..], &hash].concat()));
    assert_eq!(v.hash(&[one, VindexValue::text("mars")]).unwrap(), Mapped::None);
    let v = make("/regions", "1").unwrap();
    assert_eq!(v.hash(&[one, VindexValue::text("eu")]).unwrap(), id(&[&[2][..], &hash].concat()));
    assert!(make("/regions", "3").is_err());
    assert!(make("/nowhere", "1").unwrap_err().message().contains("/nowhere"));
}

#[test]
fn cfc_hashes_part_by_part() {
    let plain = vindex("cfc", &[]).unwrap();
    assert_eq!(plain.hash(&[VindexValue::text("abc")]).unwrap(), id(b"abc"));
    let v = vindex("cfc", &[("hash", "md5"), ("offsets", "[2,4]")]).unwrap();
    let Mapped::KeyspaceId(whole) = v.hash(&[VindexValue::text("0011zz")]).unwrap() else { panic!() };
    assert_eq!(whole.len(), 6);
    let range = |prefix: &[u8]| match v.map_prefix(prefix) {
        Mapped::KeyRange(range) => range,
        other => panic!("{other:?}"),
    };
    assert_eq!(range(b"00").start, whole[..2]);
    assert_eq!(range(b"0011").start, whole[..4]);
    assert_eq!(range(b"0011z").start, whole[..4], "a part that is cut says nothing");
    assert_eq!(v.map_prefix(b"0"), Mapped::Anywhere);
    assert!(v.hash(&[VindexValue::text("001")]).is_err());
    for bad in [&[("hash", "sha")][..], &[("hash", "md5")], &[("hash", "md5"), ("offsets", "[4,2]")]] {
        assert!(vindex("cfc", bad).is_err(), "{bad:?}");
    }
}

#[test]
fn multicol_widths() {
    let of = |count: &str, bytes: &str| -> Result<usize> {
        let v =
            vindex("multicol", &[("column_count", count), ("column_bytes", bytes), ("column_vindex", "")])?;
        let one = VindexValue::new(Type::Int64, b"1");
        let values = vec![one; v.column_count().unwrap_or(0)];
        match v.hash(&values)? {
            Mapped::KeyspaceId(id) => Ok(id.len()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(of("3", ""), Ok(8));
    assert_eq!(of("2", "1"), Ok(8));
    assert_eq!(of("2", "1,2"), Ok(3));
    assert_eq!(of("3", ",6"), Ok(8));
    for (count, bytes) in
        [("0", ""), ("9", ""), ("x", ""), ("2", "8"), ("2", "1,2,3"), ("2", "0,1"), ("2", "a")]
    {
        assert!(of(count, bytes).is_err(), "{count} {bytes}");
    }
}

#[test]
fn a_short_part_is_filled_up() {
    let params = [("column_count", "2"), ("column_bytes", "3,2"), ("column_vindex", "binary,binary")];
    let v = vindex("multicol", &params).unwrap();
    assert_eq!(v.hash(&[VindexValue::text("a"), VindexValue::text("bcd")]).unwrap(), id(b"a\0\0bc"));
}

#[test]
fn the_next_keyspace_id() {
    assert_eq!(next_keyspace_id(&[1, 0xff]), Some(vec![2]));
    assert_eq!(next_keyspace_id(&[1, 2]), Some(vec![1, 3]));
    assert_eq!(next_keyspace_id(&[0xff, 0xff]), None);
    assert_eq!(next_keyspace_id(&[]), None);
}
