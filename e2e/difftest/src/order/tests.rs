use super::*;

fn column(name: &str) -> Column {
    Column { name: name.to_owned(), kind: 8, unsigned: false, charset: 63, decimals: 0, computed: false }
}

fn ranked_sql(sql: &str, columns: &[&str]) -> Option<Ranked> {
    let columns: Vec<Column> = columns.iter().map(|c| column(c)).collect();
    ranked(&Shape::of(sql).query.unwrap(), &columns)
}

#[test]
fn positions_and_aliases_become_expressions() {
    let got =
        ranked_sql("select a + 1 as x, b from t order by x desc, 2, t.c limit 3, 4", &["x", "b"]).unwrap();
    assert_eq!(
        got.sql,
        "select a + 1 as x, b, dense_rank() over (order by a + 1 desc, b asc, t.c asc) as rank_ from t"
    );
    assert_eq!(got.offset, 3);
}

#[test]
fn columns_of_the_result_are_ranked_from_outside() {
    let got =
        ranked_sql("select rank() over (order by a) as r, b from t order by r desc, 2", &["r", "b"]).unwrap();
    assert!(
        got.sql.starts_with("SELECT q.*, DENSE_RANK() OVER (ORDER BY c0 DESC, c1) AS rank_ FROM (select")
    );
}

#[test]
fn a_union_is_ranked_from_outside() {
    let got = ranked_sql("select a from t union select b from u order by a limit 1", &["a"]).unwrap();
    assert_eq!(
        got.sql,
        "SELECT q.*, DENSE_RANK() OVER (ORDER BY c0) AS rank_ FROM (select a from t union select b from u) AS q(c0)"
    );
}

#[test]
fn without_an_order_every_row_ties() {
    let got = ranked_sql("select a from t limit 2", &["a"]).unwrap();
    assert_eq!(got.sql, "SELECT q.*, 1 AS rank_ FROM (select a from t) AS q(c0)");
}

#[test]
fn groups_are_seen_at_any_depth() {
    assert!(Shape::of("select 1 from (select distinct a from t) d").groups);
    assert!(Shape::of("select max(a) from t").groups);
    assert!(!Shape::of("select a from t where b = 1").groups);
}
