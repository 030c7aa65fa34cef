use std::cmp::Ordering::{Equal, Greater, Less};

use proptest::prelude::*;

use super::*;

fn order(ty: Type, a: &str, b: &str) -> Ordering {
    compare_values(ty, a.as_bytes(), b.as_bytes()).unwrap()
}

fn field(ty: Type) -> Field {
    Field { name: "c".into(), r#type: ty as i32, ..Field::default() }
}

fn key(column: usize) -> SortKey {
    SortKey { column, weight_string: None, collation_column: None, collation: None, desc: false }
}

#[test]
fn values_compare_by_type() {
    for (ty, less, more) in [
        (Type::Int64, "-10", "-9"),
        (Type::Int64, "9", "10"),
        (Type::Uint64, "9223372036854775807", "18446744073709551615"),
        (Type::Uint32, "00009", "00010"),
        (Type::Decimal, "-1.10", "-1.09"),
        (Type::Decimal, "99999999999999999999.1", "100000000000000000000.0"),
        (Type::Float64, "1e3", "1e10"),
        (Type::Float64, "-1.5", "1e-7"),
        (Type::Date, "0000-00-00", "2024-01-31"),
        (Type::Datetime, "2024-01-31 00:00:00", "2024-01-31 00:00:01"),
        (Type::Time, "-100:00:00", "-99:59:59"),
        (Type::Time, "99:59:59", "838:59:59"),
        (Type::Time, "-00:00:01.5", "00:00:00.0"),
        (Type::Time, "00:00:01.25", "00:00:01.5"),
        (Type::Year, "0", "1999"),
        (Type::Varbinary, "A", "a"),
        (Type::Varbinary, "a", "a "),
        (Type::Bit, "\0\u{1}", "\u{1}\0"),
    ] {
        assert_eq!(order(ty, less, more), Less, "{ty:?} {less} {more}");
        assert_eq!(order(ty, more, less), Greater, "{ty:?} {less} {more}");
        assert_eq!(order(ty, less, less), Equal);
    }
    assert_eq!(order(Type::Float64, "-0", "0"), Equal);
    assert_eq!(order(Type::Decimal, "1.0", "1.00"), Equal);
    assert!(compare_values(Type::Int64, b"x", b"1").is_err());
}

#[test]
fn null_is_first_and_last_where_descending() {
    let fields = [field(Type::Int64)];
    let asc = Comparator::new(&[key(0)], &fields).unwrap();
    let desc = Comparator::new(&[SortKey { desc: true, ..key(0) }], &fields).unwrap();
    let (null, one) = (vec![None], vec![Some(&b"1"[..])]);
    assert_eq!(asc.compare(&null, &one).unwrap(), Less);
    assert_eq!(desc.compare(&null, &one).unwrap(), Greater);
    assert_eq!(asc.compare(&null, &null).unwrap(), Equal);
}

#[test]
fn text_compares_by_weight_and_collation() {
    let fields = [field(Type::Varchar), field(Type::Varbinary), field(Type::Varchar)];
    let by_column = SortKey { weight_string: Some(1), collation_column: Some(2), ..key(0) };
    let compare =
        |a: (&'static str, &'static [u8]), b: (&'static str, &'static [u8]), collation: &'static str| {
            let row = |(text, weight): (&'static str, &'static [u8])| {
                vec![Some(text.as_bytes()), Some(weight), Some(collation.as_bytes())]
            };
            Comparator::new(std::slice::from_ref(&by_column), &fields).unwrap().compare(&row(a), &row(b))
        };
    let (a, a_space): ((_, &[u8]), (_, &[u8])) = (("a", &[0, 0x41]), ("a ", &[0, 0x41, 0, 0x20]));
    assert_eq!(compare(a, a_space, "utf8mb4_general_ci").unwrap(), Equal);
    assert_eq!(compare(a, a_space, "utf8mb4_0900_ai_ci").unwrap(), Less);
    assert!(compare(a, a_space, "big5_chinese_ci").unwrap_err().message().contains("big5_chinese_ci"));
    assert_eq!(compare(a, ("b", &[0, 0x42]), "big5_chinese_ci").unwrap(), Less);
}

#[test]
fn types_whose_text_is_not_their_order_are_refused() {
    for ty in [Type::Float32, Type::Enum, Type::Set, Type::Json, Type::Varchar] {
        let error = Comparator::new(&[key(0)], &[field(ty)]).unwrap_err();
        assert_eq!(error.errno(), 1235, "{ty:?}");
    }
}

#[test]
fn hash_keys_are_equal_as_values_are() {
    let fields = [field(Type::Decimal), field(Type::Float64), field(Type::Time)];
    let comparator = Comparator::new(&[key(0), key(1), key(2)], &fields).unwrap();
    let hash = |a: &'static str, b: &'static str, c: &'static str| {
        let mut out = Vec::new();
        let row: Vec<Option<&[u8]>> = [a, b, c].map(|v| Some(v.as_bytes())).to_vec();
        comparator.hash_key(&row, &mut out).unwrap();
        out
    };
    assert_eq!(hash("1.50", "-0", "00:00:01.50"), hash("1.5", "0e0", "00:00:01.5"));
    assert_ne!(hash("1.5", "0", "00:00:01"), hash("1.5", "0", "00:00:02"));
    let mut null = Vec::new();
    comparator.hash_key(&vec![None, None, None], &mut null).unwrap();
    assert_ne!(null, hash("0", "0", "00:00:00"));
}

proptest! {
    #[test]
    fn integers_compare_as_numbers(a: i64, b: i64) {
        prop_assert_eq!(order(Type::Int64, &a.to_string(), &b.to_string()), a.cmp(&b));
    }

    #[test]
    fn floats_compare_as_numbers(a in -1e300f64..1e300, b in -1e300f64..1e300) {
        prop_assert_eq!(Some(order(Type::Float64, &a.to_string(), &b.to_string())), a.partial_cmp(&b));
    }

    #[test]
    fn order_is_antisymmetric_and_transitive(rows in proptest::collection::vec((proptest::option::of(-3i64..3), 0u8..3), 3)) {
        let fields = [field(Type::Int64), field(Type::Varbinary)];
        let comparator = Comparator::new(&[SortKey { desc: true, ..key(0) }, key(1)], &fields).unwrap();
        let texts: Vec<_> = rows.iter().map(|(a, b)| (a.map(|a| a.to_string()), vec![*b])).collect();
        let rows: Vec<Vec<Option<&[u8]>>> = texts
            .iter()
            .map(|(a, b)| vec![a.as_ref().map(|a| a.as_bytes()), Some(b.as_slice())])
            .collect();
        let cmp = |a: usize, b: usize| comparator.compare(&rows[a], &rows[b]).unwrap();
        prop_assert_eq!(cmp(0, 1), cmp(1, 0).reverse());
        if cmp(0, 1) != Greater && cmp(1, 2) != Greater {
            prop_assert_ne!(cmp(0, 2), Greater);
        }
        let hash = |at: usize| {
            let mut out = Vec::new();
            comparator.hash_key(&rows[at], &mut out).unwrap();
            out
        };
        prop_assert_eq!(cmp(0, 1) == Equal, hash(0) == hash(1));
    }
}
