use super::*;
use crate::ast::{QueryBody, SelectItem, Statement};
use crate::parse;

fn labels(sql: &str) -> Vec<String> {
    let options = ParseOptions::default();
    let Ok(Statement::Query(query)) = parse(sql.as_bytes(), &options) else { panic!("{sql}") };
    let QueryBody::Select(select) = query.body else { panic!("{sql}") };
    let label = |item: &SelectItem| match item {
        SelectItem::Expr(item) => String::from_utf8(column_label(item, sql.as_bytes(), &options)).unwrap(),
        _ => "*".to_owned(),
    };
    select.items.iter().map(label).collect()
}

#[test]
fn labels_are_mysqls() {
    assert_eq!(
        labels("select 1, -1, (1), ((1)), +1, 007, 1.50, 0x41"),
        ["1", "-1", "1", "1", "1", "007", "1.50", "0x41"]
    );
    assert_eq!(labels("select null, (Null), true, (true), tRUE"), ["NULL", "NULL", "true", "(true)", "tRUE"]);
    assert_eq!(
        labels("select 'a' 'b', (\"y\"), '  lead', 'it''s', _utf8mb4'z', n'q', date'2020-01-01'"),
        ["a", "y", "lead", "it's", "z", "q", "date'2020-01-01'"]
    );
    assert_eq!(
        labels("select x.a, `x` . `a b`, (x.a), +a, a  +  1, a/*c*/+1 , 2 as b, count( * ) from x"),
        ["a", "a b", "a", "a", "a  +  1", "a/*c*/+1", "b", "count( * )"]
    );
    assert_eq!(labels("SELECT 1 /*!32301 +1 */"), ["1  +1"]);
    assert_eq!(labels("select (select 'q'), + (1+1), @@version"), ["(select 'q')", "+ (1+1)", "@@version"]);
}
