use super::*;
use crate::{parse, to_sql};

fn normal(sql: &str) -> (String, Vec<String>, Vec<LiteralBound>) {
    let options = ParseOptions::default();
    let mut statement = parse(sql.as_bytes(), &options).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let normalized = normalize(&mut statement, sql.as_bytes(), &options);
    let text = |value: &Value| format!("{:?}({})", value.kind, value.bytes);
    let binds = normalized
        .binds
        .iter()
        .map(|(name, value)| match value {
            BindValue::Value(value) => format!("{name}={}", text(value)),
            BindValue::Tuple(values) => {
                format!("{name}=[{}]", values.iter().map(text).collect::<Vec<_>>().join(","))
            }
        })
        .collect();
    (String::from_utf8(to_sql(&statement)).unwrap(), binds, normalized.literal_bound)
}

#[test]
fn literals_become_bind_variables_in_the_order_of_the_text() {
    let (text, binds, bound) = normal(
        "select a from t where a = 1 and b in (2, -3, '4') and c > -1.5 and d = 18446744073709551615 limit 5, 6",
    );
    assert_eq!(
        text,
        "select a from t where a = :vtg1 and b in ::vtg2 and c > :vtg3 and d = :vtg4 limit :vtg5, :vtg6"
    );
    assert_eq!(
        binds,
        [
            "vtg1=Int64(1)",
            "vtg2=[Int64(2),Int64(-3),VarChar(4)]",
            "vtg3=Decimal(-1.5)",
            "vtg4=Uint64(18446744073709551615)",
            "vtg5=Int64(5)",
            "vtg6=Int64(6)",
        ]
    );
    assert_eq!(bound, []);
}

#[test]
fn every_kind_of_literal_has_its_type() {
    let (text, binds, bound) =
        normal("insert into t values (1e3, x'4D', 0x4d, b'01', 'a' 'b', null, true, -9223372036854775808)");
    assert_eq!(text, "insert into t values (:vtg1, :vtg2, :vtg3, :vtg4, :vtg5, null, true, :vtg6)");
    assert_eq!(
        binds,
        [
            "vtg1=Float64(1e3)",
            "vtg2=HexVal(x'4D')",
            "vtg3=HexNum(0x4d)",
            "vtg4=BitNum(0b01)",
            "vtg5=VarChar(ab)",
            "vtg6=Int64(-9223372036854775808)",
        ]
    );
    assert_eq!(bound, []);
}

#[test]
fn names_that_the_statement_uses_are_passed_over() {
    let (text, ..) = normal("select a from t where a = :vtg1 and b = 2 and c in ::vtg3 and d = 4");
    assert_eq!(text, "select a from t where a = :vtg1 and b = :vtg2 and c in ::vtg3 and d = :vtg4");
}

#[test]
fn what_makes_a_plan_literal_bound() {
    for (sql, reason, text) in [
        (
            "select a from t where b = 2 order by 1",
            LiteralBound::OrderBy,
            "select a from t where b = :vtg1 order by 1 asc",
        ),
        ("select a from t group by 1", LiteralBound::GroupBy, "select a from t group by 1"),
        (
            "select a + 1 as x from t group by a + 1 having a + 1 > 3",
            LiteralBound::GroupBy,
            "select a + 1 as x from t group by a + 1 having a + 1 > 3",
        ),
        ("select a+1 from t where b = 2", LiteralBound::UnnamedItem, "select a + 1 from t where b = :vtg1"),
        (
            "select a from t where 1 = 0 and b = 2",
            LiteralBound::ConstantPredicate,
            "select a from t where 1 = 0 and b = :vtg1",
        ),
        ("select a from t where 1", LiteralBound::ConstantPredicate, "select a from t where 1"),
        (
            "select a from t where b = _latin1 'x'",
            LiteralBound::Typed,
            "select a from t where b = _latin1 'x'",
        ),
        (
            "select a from t where b > date '2024-01-01'",
            LiteralBound::Typed,
            "select a from t where b > date'2024-01-01'",
        ),
        (
            "select a from t where b = 'x' collate utf8mb4_bin",
            LiteralBound::Typed,
            "select a from t where b = 'x' collate utf8mb4_bin",
        ),
        (
            "select a as 'x' from t where b = 2",
            LiteralBound::NotAValue,
            "select a as x from t where b = :vtg1",
        ),
        (
            "select a from t where cast(b as char(3)) = 'x'",
            LiteralBound::NotAValue,
            "select a from t where cast(b as char(3)) = :vtg1",
        ),
        (
            "select group_concat(a separator ';') as x from t where b = 2",
            LiteralBound::OrderBy,
            "select group_concat(a separator ';') as x from t where b = :vtg1",
        ),
        ("set @a = 1", LiteralBound::Statement, "set @a = 1"),
    ] {
        let (found, _, bound) = normal(sql);
        assert_eq!((found.as_str(), bound.as_slice()), (text, &[reason][..]), "{sql}");
    }
}

#[test]
fn names_of_columns_that_nobody_sees_do_not_matter() {
    for (sql, text) in [
        (
            "select a from t where exists (select 1 from u where b = 2)",
            "select a from t where exists (select :vtg1 from u where b = :vtg2)",
        ),
        (
            "select a from t where a in (select b + 1 from u)",
            "select a from t where a in (select b + :vtg1 from u)",
        ),
        (
            "insert into t(a) select b + 1 from u where c = 2",
            "insert into t(a) select b + :vtg1 from u where c = :vtg2",
        ),
        ("select (select 1) as x", "select (select :vtg1) as x"),
    ] {
        assert_eq!(normal(sql).0, text);
        assert_eq!(normal(sql).2, [], "{sql}");
    }
    // Those of a derived table can be seen.
    assert_eq!(normal("select * from (select a + 1 from t) x").2, [LiteralBound::UnnamedItem]);
}
