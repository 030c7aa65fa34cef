use super::*;

fn var(ty: Type, value: &str) -> BindVariable {
    BindVariable { r#type: ty as i32, value: Bytes::copy_from_slice(value.as_bytes()), values: vec![] }
}

fn list(values: &[(Type, &str)]) -> BindVariable {
    let values = values
        .iter()
        .map(|(t, v)| proto::query::Value { r#type: *t as i32, value: Bytes::copy_from_slice(v.as_bytes()) })
        .collect();
    BindVariable { r#type: Type::Tuple as i32, value: Bytes::new(), values }
}

fn run(sql: &str, vars: &[(&str, BindVariable)]) -> Result<String> {
    run_with(sql, vars, Escapes::Backslash)
}

fn run_with(sql: &str, vars: &[(&str, BindVariable)], escapes: Escapes) -> Result<String> {
    let vars = vars.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    let out = render(sql, &cut(sql, escapes), &vars, Target { db_name: "vt_ks", escapes })?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn values_of_every_kind() {
    let vars = [
        ("i", var(Type::Int64, "-5")),
        ("d", var(Type::Decimal, "1.50")),
        ("f", var(Type::Float64, "1e-7")),
        ("s", var(Type::Varchar, "it's \"a\" \\ \n\0")),
        ("n", var(Type::NullType, "")),
        ("h", var(Type::Hexnum, "0xFF")),
        ("hv", var(Type::Hexval, "x'0a'")),
        ("b", var(Type::Bit, "\x01")),
        ("l", list(&[(Type::Int64, "1"), (Type::Varchar, "x"), (Type::NullType, "")])),
        ("dt", var(Type::Datetime, "2020-01-01 00:00:00")),
    ];
    for (sql, expected) in [
        ("select :i, :d, :f", "select -5, 1.50, 1e-7"),
        ("select :s", "select 'it\\'s \\\"a\\\" \\\\ \\n\\0'"),
        ("select :n, :h, :hv, :b", "select null, 0xFF, x'0a', b'00000001'"),
        ("a in ::l and :i", "a in (1, 'x', null) and -5"),
        ("select :dt", "select '2020-01-01 00:00:00'"),
    ] {
        assert_eq!(run(sql, &vars).unwrap(), expected);
    }
    assert_eq!(run_with("select :s", &vars, Escapes::QuotesOnly).unwrap(), "select 'it''s \"a\" \\ \n\0'");
}

#[test]
fn colons_that_are_no_bind_variables() {
    for sql in [
        "select ':x', \":x\", `:x`, 'a\\':x' /* :x */ -- :x\n, 1 # :x",
        "set @a := 1",
        "select '12:30:00', 1 : 2",
        "select 'doubled '':x'' quote'",
        "select 1 --",
        "select 'never closed :x",
        "/* never closed :x",
    ] {
        assert_eq!(run(sql, &[]).unwrap(), sql);
    }
    // Two minus signs without a space are no comment.
    assert_eq!(run("select 1--:x", &[("x", var(Type::Int64, "2"))]).unwrap(), "select 1--2");
    // Without backslash escapes the string ends before the variable.
    let sql = "select '\\', :x, '\\'";
    assert_eq!(
        run_with(sql, &[("x", var(Type::Int64, "2"))], Escapes::QuotesOnly).unwrap(),
        "select '\\', 2, '\\'"
    );
}

#[test]
fn the_database_of_the_tablet() {
    let replace = ("__replacevtschemaname", var(Type::Int64, "1"));
    let sql = "where table_schema = :__vtschemaname";
    assert_eq!(run(sql, &[replace]).unwrap(), "where table_schema = 'vt_ks'");
    assert_eq!(run(sql, &[]).unwrap(), "where table_schema = 'vt_ks'");
    let own = ("__vtschemaname", var(Type::Varchar, "mysql"));
    assert_eq!(run(sql, &[own]).unwrap(), "where table_schema = 'mysql'");
}

#[test]
fn what_is_not_a_value_is_refused_by_name() {
    for (sql, var, word) in [
        ("select :v", var(Type::Int64, "1; drop table t"), "not an integer"),
        ("select :v", var(Type::Int64, ""), "not an integer"),
        ("select :v", var(Type::Decimal, "1.2.3"), "not a number"),
        ("select :v", var(Type::Float64, "nan"), "not a number"),
        ("select :v", var(Type::Float64, "1e"), "not a number"),
        ("select :v", var(Type::Hexval, "x'0a' or '1'"), "literal"),
        ("select :v", list(&[(Type::Int64, "1")]), "a list"),
        ("select ::v", var(Type::Int64, "1"), "one value"),
        ("select ::v", list(&[]), "empty list"),
        ("select :w", var(Type::Int64, "1"), "missing bind var w"),
    ] {
        let e = run(sql, &[("v", var)]).unwrap_err();
        assert!(e.message().contains(word), "{sql}: {e}");
    }
}

#[test]
fn bytes_that_are_no_text() {
    let raw = BindVariable {
        r#type: Type::Varbinary as i32,
        value: Bytes::from_static(b"\xff\x00'"),
        values: vec![],
    };
    let vars = HashMap::from([("v".to_owned(), raw)]);
    let target = Target { db_name: "", escapes: Escapes::Backslash };
    let text = |sql: &str| render(sql, &cut(sql, Escapes::Backslash), &vars, target).unwrap();
    assert_eq!(text("select :v"), b"select _binary '\xff\\0\\''");
    assert_eq!(text("select _binary :v"), b"select _binary '\xff\\0\\''");
}

#[test]
fn no_value_can_leave_its_literal() {
    // Every string of up to four of the bytes that matter, in both modes, read back by the same scanner.
    let alphabet = [b'\'', b'\\', b'"', b'a', b'\n', b'`'];
    for escapes in [Escapes::Backslash, Escapes::QuotesOnly] {
        for n in 0..alphabet.len().pow(4) {
            let mut n = n;
            let value: Vec<u8> = (0..4)
                .map(|_| {
                    let b = alphabet[n % alphabet.len()];
                    n /= alphabet.len();
                    b
                })
                .collect();
            let mut out = Vec::new();
            write_string(&mut out, &value, escapes);
            // Doubled quotes read as adjacent strings, so go on while a quote follows.
            let mut end = skip_token(&out, 0, escapes);
            while end < out.len() && out[end] == b'\'' {
                end = skip_token(&out, end, escapes);
            }
            assert_eq!(end, out.len(), "{:?}", String::from_utf8_lossy(&value));
        }
    }
}
