use super::*;

fn prepared(sql: &str, is_bound: bool) -> Prepared {
    let options = sqlast::ParseOptions::default();
    let places = sqlast::param_places(sql.as_bytes(), &options);
    let limits =
        sqlast::parse(sql.as_bytes(), &options).map(|s| sqlast::limit_params(&s)).unwrap_or_default();
    Prepared {
        sql: Bytes::copy_from_slice(sql.as_bytes()),
        sql_mode: SqlMode::default(),
        places,
        limits,
        is_bound,
        fields: Arc::from([]),
    }
}

fn text(sql: &str, values: Vec<BindValue>) -> String {
    match prepared(sql, false).with(values, Charset::Utf8mb4).unwrap() {
        Ready::Text(text) => String::from_utf8(text).unwrap(),
        bound => panic!("{bound:?}"),
    }
}

#[test]
fn bound_values_are_v1_and_so_on() {
    let p = prepared("select a from t where a = ? and b = ?", true);
    let ready = p.with(vec![BindValue::int64(1), BindValue::bytes(&b"\xff"[..])], Charset::Utf8mb4).unwrap();
    let want = BindVars::from([
        ("v1".to_owned(), BindValue::int64(1).into()),
        ("v2".to_owned(), BindValue::bytes(&b"\xff"[..]).into()),
    ]);
    assert_eq!(ready, Ready::Bound(want));
    let e = p.with(vec![BindValue::int64(1)], Charset::Utf8mb4).unwrap_err();
    assert_eq!((e.errno(), e.message()), (1210, "Incorrect arguments to EXECUTE"));
}

#[test]
fn literals_cannot_end_early() {
    assert_eq!(
        text("set @a = ?, @b='?', @c=?", vec![BindValue::text(&br"x'\' or 1=1"[..]), BindValue::NULL]),
        r"set @a =  'x''\\'' or 1=1' , @b='?', @c= NULL "
    );
    let options = sqlast::ParseOptions { sql_mode: SqlMode::NO_BACKSLASH_ESCAPES, ..Default::default() };
    let mut p = prepared("do ?", false);
    p.sql_mode = options.sql_mode;
    let ready = p.with(vec![BindValue::text(&br"\"[..])], Charset::Utf8mb4).unwrap();
    assert_eq!(ready, Ready::Text(br"do  '\' ".to_vec()));
}

#[test]
fn bytes_are_written_in_hex() {
    assert_eq!(text("do ?", vec![BindValue::bytes(&b"\x00'\xff"[..])]), "do  _binary x'0027FF' ");
    assert_eq!(text("do ?", vec![BindValue::text(&b"\xff"[..])]), "do  _binary x'FF' ");
    assert_eq!(text("do ?", vec![BindValue::text("é")]), "do  'é' ");
}

#[test]
fn latin1_text_says_what_it_is() {
    let values = vec![BindValue::text(&b"\xe9"[..]), BindValue::int64(5)];
    let ready = prepared("select ?, ?", true).with(values, Charset::Latin1).unwrap();
    assert_eq!(ready, Ready::Text(b"select  _latin1 x'E9' ,  5 ".to_vec()));
}

#[test]
fn a_limit_is_a_whole_number() {
    let p = prepared("select a from t limit ?", true);
    let bound = |v: BindValue| p.with(vec![v], Charset::Utf8mb4);
    let ten = Ready::Bound(BindVars::from([("v1".to_owned(), BindValue::uint64(10).into())]));
    assert_eq!(bound(BindValue::text(&b"10"[..])).unwrap(), ten);
    assert_eq!(bound(BindValue::int64(10)).unwrap(), ten);
    assert_eq!(bound(BindValue::int64(-1)).unwrap_err().errno(), 1690);
    for wrong in [BindValue::text(&b"x"[..]), BindValue::NULL] {
        assert_eq!(bound(wrong).unwrap_err().errno(), 1210);
    }
}
