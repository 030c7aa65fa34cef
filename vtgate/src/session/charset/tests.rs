use super::*;

fn statement(charset: Charset, sql: &[u8]) -> Option<String> {
    charset.statement(sql, &ParseOptions::default()).map(|s| String::from_utf8(s.sql).unwrap())
}

#[test]
fn every_byte_of_latin1_comes_back() {
    for byte in 0..=255u8 {
        let utf8 = Charset::Latin1.decode(&[byte]);
        assert_eq!(Charset::Latin1.encode(&utf8), [byte], "{byte:#x}");
    }
    assert_eq!(Charset::Latin1.decode(b"\x80\xe9"), "€é".as_bytes());
    assert_eq!(Charset::Latin1.encode("€éЖ😀".as_bytes()), b"\x80\xe9??");
}

#[test]
fn what_a_client_cannot_read_is_a_question_mark() {
    assert_eq!(Charset::Ascii.encode("aé".as_bytes()), b"a?");
    assert_eq!(Charset::Utf8mb3.encode("aé😀".as_bytes()), "aé?".as_bytes());
    assert_eq!(Charset::Utf8mb4.encode("😀".as_bytes()), "😀".as_bytes());
    assert_eq!(Charset::Binary.encode(b"\xff"), b"\xff");
}

#[test]
fn ascii_statements_and_utf8_are_not_touched() {
    assert_eq!(statement(Charset::Latin1, b"insert into t values ('a', 1)"), None);
    assert_eq!(statement(Charset::Utf8mb4, "select 'é'".as_bytes()), None);
}

#[test]
fn literals_keep_their_bytes() {
    for (charset, sql, want) in [
        (
            Charset::Latin1,
            &b"insert into t values ('a\xe9\\'b', 'x', 1)"[..],
            "insert into t values (_latin1 x'61E92762', 'x', 1)",
        ),
        (Charset::Binary, b"insert into t values ('\xff\xfe')", "insert into t values (_binary x'FFFE')"),
        (Charset::Latin1, b"select _utf8mb4'\xc3\xa9'", "select _utf8mb4 x'C3A9'"),
        (
            Charset::Latin1,
            b"select a from t where b in ('\xe9', 'c')",
            "select a from t where b in (_latin1 x'E9', 'c')",
        ),
        (Charset::Latin1, b"set @a = '\xe9'", "set @a = _latin1 x'E9'"),
        (
            Charset::Utf8mb4,
            b"insert into t values (_binary'\xff\\'\xc3\xa9', '\xc3\xa9', _binary 'a')",
            "insert into t values (_binary x'FF27C3A9', 'é', _binary 'a')",
        ),
        // Names are converted.
        (
            Charset::Latin1,
            b"select `\xe9` from t where a = '\xe9'",
            "select `é` from t where a = _latin1 x'E9'",
        ),
        (Charset::Latin1, b"select a /* \xe9 */ from t", "select a /* é */ from t"),
        // No expression: converted whole.
        (Charset::Latin1, b"select a as '\xe9' from t", "select a as 'é' from t"),
        (Charset::Latin1, b"create table t (a int comment '\xe9')", "create table t (a int comment 'é')"),
        (Charset::Ascii, b"create table t (a int comment '\xe9')", "create table t (a int comment '?')"),
    ] {
        assert_eq!(statement(charset, sql).as_deref(), Some(want));
    }
}

#[test]
fn unnamed_columns_keep_their_names() {
    let sql = b"select '\xe9', concat(a, '\xe9'), 'a' from t";
    let converted = Charset::Latin1.statement(sql, &ParseOptions::default()).unwrap();
    let mut fields = ["_latin1 x'E9'", "concat(a, _latin1 x'E9')", "a"].map(sqltypes::text_field);
    converted.labels.restore(&mut fields);
    assert_eq!(fields.map(|f| f.name), ["é", "concat(a, 'é')", "a"]);
}

#[test]
fn sets_are_known_by_name_and_by_number() {
    for (name, id, want) in [
        ("utf8mb4", 45, Charset::Utf8mb4),
        ("UTF8", 33, Charset::Utf8mb3),
        ("latin1", 8, Charset::Latin1),
        ("ascii", 11, Charset::Ascii),
        ("binary", 63, Charset::Binary),
    ] {
        assert_eq!(Charset::parse(name).unwrap(), want);
        assert_eq!(Charset::of_collation(id).unwrap(), want);
    }
    let e = Charset::parse("gbk").unwrap_err();
    assert!(e.errno() == 1235 && e.message().contains("gbk"), "{e}");
    let e = Charset::of_collation(28).unwrap_err();
    assert!(e.errno() == 1235 && e.message().contains("gbk"), "{e}");
    assert_eq!(Charset::parse("nonsense").unwrap_err().errno(), 1115);
}
