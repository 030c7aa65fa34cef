use super::*;

fn parsed(sql: &str) -> Statement {
    crate::parse(sql.as_bytes(), &ParseOptions::default()).unwrap()
}

fn named(sql: &str) -> String {
    let mut statement = parsed(sql);
    name_params(&mut statement);
    String::from_utf8(crate::to_sql(&statement)).unwrap()
}

#[test]
fn only_question_marks_outside_of_strings_names_and_comments_count() {
    for (sql, count) in [
        ("select ?", 1),
        ("select '?', \"?\", `?`, 'a''?', 'a\\'?' from t where a = ?", 1),
        ("select /* ? */ ? -- ?\n, ? # ?\n", 2),
        ("select /*!80000 ? */, /*!99999 ? */ ?", 2),
        ("select 1", 0),
        ("set @a = ?, sql_select_limit = ?", 2),
        ("create user ? identified by ?", 2),
    ] {
        assert_eq!(param_places(sql.as_bytes(), &ParseOptions::default()).len(), count, "{sql}");
    }
    assert_eq!(param_places(b"select ?, '?' , ?", &ParseOptions::default()), [7, 16]);
}

#[test]
fn names_go_by_the_order_of_the_text() {
    assert_eq!(
        named("select ? from t where a in (?, ?) limit ?, ?"),
        "select :v1 from t where a in (:v2, :v3) limit :v4, :v5"
    );
    // Read twice by the parser.
    assert_eq!(named("delete from t where a = ? limit ?"), "delete from t where a = :v1 limit :v2");
    assert_eq!(
        named("with c as (select ? as x) select x from c where x = ?"),
        "with c as (select :v1 as x) select x from c where x = :v2"
    );
    assert_eq!(
        named("with c as (select ? as x) update t join c set a = ? where x = ?"),
        "with c as (select :v1 as x) update t join c set a = :v2 where x = :v3"
    );
    assert_eq!(
        named("insert into t (a, b) values (?, ?), (?, ?) on duplicate key update a = ?"),
        "insert into t(a, b) values (:v1, :v2), (:v3, :v4) on duplicate key update a = :v5"
    );
}

#[test]
fn limits_are_found_at_every_depth() {
    assert_eq!(
        limit_params(&parsed("select * from (select a from t limit ?) d where a = ? limit ?, ?")),
        [2, 3, 0]
    );
    assert_eq!(limit_params(&parsed("update t set a = ? limit ?")), [1]);
    assert_eq!(limit_params(&parsed("delete from t where a = ? limit ?")), [1]);
    assert_eq!(limit_params(&parsed("select ? limit 5")), Vec::<u32>::new());
}
