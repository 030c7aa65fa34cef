use super::*;
use crate::normalize::{BindValue, Value, ValueKind};

const KEY: FingerprintKey = FingerprintKey([1, 2]);

fn found(sql: &str) -> Option<(Fingerprint, Scratch)> {
    let mut scratch = Scratch::default();
    let found = fingerprint(sql.as_bytes(), &ParseOptions::default(), &KEY, &mut scratch)?;
    Some((found, scratch))
}

fn same(a: &str, b: &str) -> bool {
    let (a, b) = (found(a).unwrap(), found(b).unwrap());
    assert_eq!(a.0.hash == b.0.hash, a.1.skeleton == b.1.skeleton);
    a.0 == b.0
}

#[test]
fn literals_do_not_matter_but_their_kind_does() {
    assert!(same("select a from t where b = 1", "select a from t where b = -22"));
    assert!(same("select a from t where b in (1, 2)", "select a from t where b in (3,'x',   -5)"));
    assert!(same("insert into t values ('a')", "insert into t values ('b' \"c\")"));
    assert!(!same("select a from t where b = 1", "select a from t where b = '1'"));
    assert!(!same("select a from t where b = 1", "select a from t where c = 1"));
    assert!(!same("select a from t where b in (1, 2)", "select a from t where b in (1, c)"));
    assert!(!same("select a from t where b - 1", "select a from t where b + 1"));
    assert!(!same("select a from t where b = interval(1, 2)", "select a from t where b = 1"));
}

#[test]
fn comments_and_space_around_a_statement_do_not_matter() {
    assert!(same("/* trace 1 */ select 1 -- x\n;", "# y\nselect 1"));
    // Within it they can be in the names of columns.
    assert!(!same("select a+b from t", "select a + b from t"));
    assert!(!same("select /*vt+ ALLOW_SCATTER */ a from t", "select a from t"));
}

#[test]
fn what_is_no_statement_has_no_fingerprint() {
    for sql in ["select 'a", "select 1; select 2", "select /* a", "select x'1'", "select `a"] {
        assert!(found(sql).is_none(), "{sql}");
    }
    assert_eq!(found(" /* a */ ; ").unwrap().0.kind, StatementKind::Empty);
    assert_eq!(found("(select 1) union (select 2)").unwrap().0.kind, StatementKind::Select);
    assert_eq!(found("START  transaction").unwrap().0.kind, StatementKind::Begin);
}

#[test]
fn a_minus_is_a_sign_only_where_no_operand_stands_before() {
    let values = |sql: &str| {
        let (_, scratch) = found(sql).unwrap();
        bind_values(sql.as_bytes(), &ParseOptions::default(), &scratch.literals)
    };
    let int = |text: &str| BindValue::Value(Value { kind: ValueKind::Int64, bytes: text.into() });
    assert_eq!(values("select a from t where b = -1"), [int("-1")]);
    assert_eq!(values("select a from t where b -1"), [int("1")]);
    assert_eq!(
        values("select a from t where t.key -1 and - 2 and null - 3"),
        [int("1"), int("-2"), int("3")]
    );
    assert_eq!(
        values("select -1 - -2 -(-3) - f(4) - 5"),
        [int("-1"), int("-2"), int("-3"), int("4"), int("5")]
    );
    assert_eq!(values("select a between -1 and -2"), [int("-1"), int("-2")]);
}

#[test]
fn the_key_changes_every_hash() {
    let mut scratch = Scratch::default();
    let options = ParseOptions::default();
    let one = fingerprint(b"select 1", &options, &KEY, &mut scratch).unwrap();
    let other = fingerprint(b"select 1", &options, &FingerprintKey([1, 3]), &mut scratch).unwrap();
    assert_ne!(one.hash, other.hash);
    assert_ne!(one.hash as u64, other.hash as u64);
    assert_ne!(one.hash >> 64, other.hash >> 64);
}
