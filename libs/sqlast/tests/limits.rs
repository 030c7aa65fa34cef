//! Long and deep statements: no stack overflows, and a limit that is hit says so. Test threads have 2 MiB of
//! stack, as the threads of a server have.

use sqlast::ast::{Expr, Statement};
use sqlast::{
    ParseErrorKind, ParseOptions, Rewriter, Walk, normalize, parse, parse_expr, to_sql, to_sql_parenthesised,
};

/// Parses, clones, compares, walks, prints, normalises and drops.
fn through_everything(sql: &str) -> Statement {
    struct Nothing;
    impl Rewriter for Nothing {}
    let options = ParseOptions::default();
    let mut statement = parse(sql.as_bytes(), &options).unwrap_or_else(|error| panic!("{error}"));
    let copy = statement.clone();
    assert!(copy == statement);
    statement.rewrite(&mut Nothing);
    let printed = to_sql(&statement);
    match parse(&printed, &options) {
        Ok(again) => assert!(again == statement),
        Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&printed)),
    }
    let _ = (to_sql_parenthesised(&statement), format!("{statement:?}"));
    normalize(&mut statement, sql.as_bytes(), &options);
    copy
}

#[test]
fn chains_of_100_000_terms() {
    for operator in [" or ", " and ", " || ", " && "] {
        through_everything(&format!("select 1 from t where {}", vec!["a = 1"; 100_000].join(operator)));
    }
    through_everything(&format!("select a from t where id in ({})", vec!["1"; 100_000].join(", ")));
    through_everything(&format!("insert into t values {}", vec!["(1, 'a')"; 100_000].join(", ")));
}

#[test]
fn long_unions() {
    through_everything(&vec!["select 1"; 20_000].join(" union all "));
    through_everything(&vec!["(select 1)"; 20_000].join(" union "));
    through_everything(&vec!["select 1"; 5_000].join(" intersect "));
}

#[test]
fn operators_lean_as_high_as_the_limit_allows() {
    for operator in [" + ", " div ", " - ", " | ", " = ", " xor "] {
        through_everything(&format!("select {}", vec!["1"; 1_000].join(operator)));
        let error =
            parse(format!("select {}", vec!["1"; 4_000].join(operator)).as_bytes(), &ParseOptions::default());
        assert_eq!(error.unwrap_err().kind, ParseErrorKind::TooDeep { limit: 1_000 }, "{operator}");
    }
}

#[test]
fn many_things_beside_each_other_are_not_deep() {
    through_everything(&format!("select {}", vec!["(a + b * c)"; 3_000].join(", ")));
    through_everything(&format!("select f({})", vec!["-a + (b)"; 3_000].join(", ")));
    through_everything(&format!("select 1 from {}", vec!["(select a + b from t) x"; 1_000].join(", ")));
    through_everything(&format!("select case {} end", vec!["when a + 1 then (b)"; 3_000].join(" ")));
}

#[test]
fn nesting_up_to_the_limit_and_a_clear_error_beyond() {
    let nested = |open: &str, inner: &str, close: &str, depth: usize| {
        format!("select 1 from t where {}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    let cases = [
        ("(", "1", ")"),
        ("(a or ", "1", ")"),
        ("not (", "1", ")"),
        ("- ", "1", ""),
        ("not ", "1", ""),
        ("f(", "1", ")"),
        ("case when ", "1", " then 1 end"),
        ("a in (select 1 from t where ", "1", ")"),
        ("exists (select 1 from (select 1 from t where ", "1", ") x)"),
        ("interval (", "1", ") day + a"),
        ("a between 1 and (", "1", ")"),
        ("@a := ", "1", ""),
    ];
    for (open, inner, close) in cases {
        through_everything(&nested(open, inner, close, 24));
        let options = ParseOptions::default();
        for depth in [70, 100, 148, 149, 150, 151, 1_000, 20_000] {
            let sql = nested(open, inner, close, depth);
            match parse(sql.as_bytes(), &options) {
                Ok(_) => drop(through_everything(&sql)),
                Err(error) => {
                    assert!(matches!(error.kind, ParseErrorKind::TooDeep { .. }), "{open} {depth}: {error}");
                    assert!(error.to_string().contains("limit of"), "{error}");
                }
            }
        }
    }
}

#[test]
fn nested_tables_and_queries() {
    let options = ParseOptions::default();
    for depth in [10, 60, 150, 300, 20_000] {
        let cases = [
            format!("select 1 from {}t{}", "(".repeat(depth), ")".repeat(depth)),
            format!("{}select 1{}", "(".repeat(depth), ")".repeat(depth)),
            format!("select 1 from {}t join t2 on 1{}", "(a join ".repeat(depth), ")".repeat(depth)),
            format!("select 1 from t{}", " join t".repeat(depth)),
            format!("select 1 from t{}", " join t on a = b".repeat(depth)),
            format!("{}select 1", "explain ".repeat(depth)),
            format!("{}select 1{}", "with x as (".repeat(depth), ") select 1".repeat(depth)),
        ];
        for sql in cases {
            match parse(sql.as_bytes(), &options) {
                Ok(_) => drop(through_everything(&sql)),
                Err(error) => assert!(depth > 60 || sql.starts_with("explain"), "{sql}: {error}"),
            }
        }
    }
}

#[test]
fn expressions_of_parse_expr_have_the_same_limits() {
    let sql = vec!["1"; 5_000].join(" * ");
    assert!(parse_expr(sql.as_bytes(), &ParseOptions::default()).is_err());
    let sql = vec!["1"; 500].join(" * ");
    let expr: Expr = parse_expr(sql.as_bytes(), &ParseOptions::default()).unwrap();
    assert_eq!(to_sql(&expr), sql.as_bytes());
}
