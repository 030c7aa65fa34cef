//! What is wrong with a statement, in MySQL's words.

use sqlast::{ParseError, ParseOptions, parse};

fn error(sql: &str) -> ParseError {
    match parse(sql.as_bytes(), &ParseOptions::default()) {
        Ok(statement) => panic!("{sql} is {statement:?}"),
        Err(error) => error,
    }
}

#[test]
fn the_text_is_mysqls_1064() {
    let error = error("select 1\nfrom t\nwhere = 2");
    assert_eq!((error.offset, error.line), (22, 3));
    assert_eq!(
        error.to_string(),
        "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for \
         the right syntax to use near '= 2' at line 3"
    );
    let converted: vterrors::Error = error.into();
    assert_eq!(converted.condition(), vterrors::Condition::SyntaxError);
    assert_eq!(converted.condition().spec().errno, 1064);
}

#[test]
fn the_place_is_where_mysql_stops() {
    for (sql, near) in [
        ("selec 1", "selec 1"),
        ("select", ""),
        ("select 1 from", ""),
        ("select 1; select 2", "select 2"),
        ("select 'open", "'open"),
        ("select 1 limit 1 union select 2", "union select 2"),
        ("insert into t values (1", ""),
        ("update t where a = 1", "where a = 1"),
        ("select 'a' like 'b' + 1", "+ 1"),
        ("select 1 is true is true", "is true"),
        ("select a = not b", "not b"),
        ("select * from a left join b", ""),
        ("select mod from t", "from t"),
        ("set a", ""),
        ("select x'4' from t", "x'4' from t"),
        ("select :. from t", ":. from t"),
        ("foo bar", "foo bar"),
    ] {
        assert_eq!(String::from_utf8_lossy(&error(sql).near), near, "{sql}");
    }
}

#[test]
fn the_text_shown_is_limited() {
    let error = error(&format!("select from {}", "x".repeat(10_000)));
    assert_eq!(error.near.len(), sqlast::NEAR_BYTES);
    assert_eq!(error.offset, 7);
}
