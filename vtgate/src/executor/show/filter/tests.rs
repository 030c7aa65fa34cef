use sqlast::ParseOptions;
use sqltypes::{row_of, text_field};

use super::*;

#[test]
fn like_matches_as_in_mysql() {
    for (pattern, text, matches) in [
        ("auto%", "autocommit", true),
        ("%commit", "autocommit", true),
        ("a_b", "axb", true),
        ("a\\_b", "axb", false),
        ("a\\_b", "a_b", true),
        ("", "", true),
        ("%", "", true),
        ("_", "", false),
        ("%a%b%c", "xxaybzc", true),
        ("%a%b%c", "xxaybz", false),
    ] {
        assert_eq!(like(pattern, text), matches, "{pattern} {text}");
    }
}

fn query(condition: &str) -> Result<Option<String>> {
    let fields = [text_field("Variable_name"), text_field("Value")];
    let rows = [row_of([Some("a"), Some("1")]), row_of([Some("\\b'"), None])];
    let condition = sqlast::parse_expr(condition.as_bytes(), &ParseOptions::default()).unwrap();
    condition_query(&fields, &rows, &condition)
}

#[test]
fn a_condition_goes_with_its_rows() {
    let sql = query("Variable_name in ('a', 'b') and Value > 0").unwrap().unwrap();
    let rows = r"select 'a' as `Variable_name`, '1' as `Value` union all select '\\b''', null";
    let condition = "Variable_name in ('a', 'b') and Value > 0";
    assert_eq!(sql, format!("select * from ({rows}) as `rows` where {condition}"));
}

#[test]
fn conditions_about_something_else_are_refused_by_name() {
    for (condition, word) in [
        ("Value in (select a from t)", "subqueries"),
        ("Value = @a", "variables"),
        ("Value = @@version", "variables"),
        ("Value = database()", "functions"),
        ("t.Value = 1", "qualified"),
    ] {
        let e = query(condition).unwrap_err();
        assert!(e.errno() == 1235 && e.message().contains(word), "{condition}: {e}");
    }
}
