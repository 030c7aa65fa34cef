use sqltypes::Type;

use super::*;

fn field(ty: Type) -> Field {
    Field { r#type: ty as i32, ..Field::default() }
}

fn key(column: usize) -> SortKey {
    SortKey { column, weight_string: None, collation_column: None, collation: None, desc: false }
}

fn fold(column: usize, function: FoldFunction) -> Fold {
    Fold { column, function }
}

fn rows(rows: &[&[Option<&str>]]) -> Vec<Row> {
    rows.iter().map(|row| sqltypes::row_of(row.iter().map(|v| v.map(str::as_bytes)))).collect()
}

fn text(rows: &[Row]) -> Vec<Vec<Option<String>>> {
    let cell = |v: Option<&[u8]>| v.map(|v| String::from_utf8_lossy(v).into_owned());
    rows.iter().map(|row| sqltypes::values(row).map(cell).collect()).collect()
}

fn run(aggregator: Aggregator, input: &[&[Option<&str>]]) -> Vec<Vec<Option<String>>> {
    let mut aggregator = aggregator;
    rows(input).iter().for_each(|row| aggregator.push(row).unwrap());
    text(&aggregator.finish(None, None).unwrap())
}

fn some(values: &[&str]) -> Vec<Option<String>> {
    values.iter().map(|v| Some((*v).to_owned())).collect()
}

#[test]
fn partial_groups_become_one() {
    let fields = [Type::Int64, Type::Int64, Type::Decimal, Type::Int64, Type::Int64].map(field);
    let folds = vec![
        fold(1, FoldFunction::Count),
        fold(2, FoldFunction::Sum),
        fold(3, FoldFunction::Min(key(3))),
        fold(4, FoldFunction::Max(key(4))),
    ];
    let aggregator = Aggregator::new(&[key(0)], folds, &fields, 10).unwrap();
    let got = run(
        aggregator,
        &[
            &[Some("1"), Some("2"), Some("1.50"), Some("9"), Some("9")],
            &[None, Some("1"), None, None, None],
            &[Some("1"), Some("3"), Some("-0.25"), Some("10"), Some("10")],
            &[None, Some("4"), Some("7.00"), None, Some("-3")],
        ],
    );
    assert_eq!(got[0], some(&["1", "5", "1.25", "9", "10"]));
    assert_eq!(got[1], [None, Some("5".into()), Some("7.00".into()), None, Some("-3".into())]);
}

#[test]
fn no_keys_are_one_group_and_nulls_add_nothing() {
    let fields = [Type::Int64, Type::Decimal].map(field);
    let folds = vec![fold(0, FoldFunction::Count), fold(1, FoldFunction::Sum)];
    let aggregator = Aggregator::new(&[], folds, &fields, 10).unwrap();
    let got = run(aggregator, &[&[Some("0"), None], &[Some("0"), None]]);
    assert_eq!(got, [vec![Some("0".to_owned()), None]]);
}

#[test]
fn without_keys_there_is_a_group_of_nothing() {
    let fields = [Type::Int64, Type::Decimal, Type::Int64].map(field);
    let folds =
        vec![fold(0, FoldFunction::Count), fold(1, FoldFunction::Sum), fold(2, FoldFunction::Max(key(2)))];
    let aggregator = Aggregator::new(&[], folds.clone(), &fields, 10).unwrap();
    assert_eq!(run(aggregator, &[]), [vec![Some("0".to_owned()), None, None]]);
    let aggregator = Aggregator::new(&[key(0)], folds, &fields, 10).unwrap();
    assert_eq!(run(aggregator, &[]), [] as [Vec<Option<String>>; 0]);
}

#[test]
fn counts_of_nulls_alone_are_zero() {
    let fields = [Type::Int64, Type::Int64].map(field);
    let aggregator = Aggregator::new(&[key(0)], vec![fold(1, FoldFunction::Count)], &fields, 10).unwrap();
    assert_eq!(run(aggregator, &[&[Some("7"), None], &[Some("7"), None]]), [some(&["7", "0"])]);
}

#[test]
fn rows_count_whatever_they_hold() {
    let fields = [Type::Varchar].map(field);
    let aggregator = || Aggregator::new(&[], vec![fold(0, FoldFunction::CountRows)], &fields, 10).unwrap();
    assert_eq!(run(aggregator(), &[&[Some("x")], &[None]]), [some(&["2"])]);
    assert_eq!(run(aggregator(), &[]), [some(&["0"])]);
}

#[test]
fn bits_and_texts() {
    let fields = [Type::Uint64, Type::Uint64, Type::Text].map(field);
    let concat = FoldFunction::Concat { separator: b"; ".to_vec(), longest: 12 };
    let folds = vec![fold(0, FoldFunction::BitAnd), fold(1, FoldFunction::BitXor), fold(2, concat)];
    let aggregator = || Aggregator::new(&[], folds.clone(), &fields, 10).unwrap();
    let rows_: &[&[Option<&str>]] = &[
        &[Some("6"), Some("6"), Some("a,b")],
        &[Some("3"), Some("3"), None],
        &[Some("2"), Some("1"), Some("c")],
    ];
    assert_eq!(run(aggregator(), rows_), [some(&["2", "4", "a,b; c"])]);
    let mut long = aggregator();
    let error = long.push(&rows(&[&[None, None, Some("abcdefghijkl")]])[0]).unwrap_err();
    assert!(error.message().contains("GROUP_CONCAT of 12 bytes"), "{error}");
}

#[test]
fn averages_are_sums_by_counts() {
    let fields = [Type::Decimal, Type::Decimal, Type::Int64].map(field);
    let folds = || {
        vec![
            fold(0, FoldFunction::Avg { sum: 1, count: 2, of_rows: false }),
            fold(1, FoldFunction::Sum),
            fold(2, FoldFunction::Count),
        ]
    };
    let aggregator = Aggregator::new(&[], folds(), &fields, 10).unwrap();
    let got = run(
        aggregator,
        &[
            &[None, None, Some("0")],
            &[Some("1.5000"), Some("3"), Some("2")],
            &[Some("7.0000"), Some("7"), Some("1")],
        ],
    );
    assert_eq!(got[0], some(&["3.3333", "10", "3"]));
    let aggregator = Aggregator::new(&[], folds(), &fields, 10).unwrap();
    assert_eq!(run(aggregator, &[&[None, None, Some("0")]])[0][0], None);
    let floats = [Type::Float64, Type::Float64, Type::Int64].map(field);
    let aggregator = Aggregator::new(&[], folds(), &floats, 10).unwrap();
    let got = run(aggregator, &[&[Some("1"), Some("1"), Some("1")], &[Some("2"), Some("4"), Some("2")]]);
    assert_eq!(got[0][0].as_deref(), Some("1.6666666666666667"));
}

#[test]
fn averages_of_rows_have_four_digits_more_than_the_values() {
    let fields = [Type::Decimal, Type::Decimal, Type::Int64].map(field);
    let folds = vec![
        fold(0, FoldFunction::Avg { sum: 1, count: 2, of_rows: true }),
        fold(1, FoldFunction::Sum),
        fold(2, FoldFunction::Count),
    ];
    let aggregator = Aggregator::new(&[], folds, &fields, 10).unwrap();
    let got = run(
        aggregator,
        &[
            &[Some("1.50"), Some("1.50"), Some("1")],
            &[None, None, Some("0")],
            &[Some("2.00"), Some("2.00"), Some("1")],
            &[Some("2.00"), Some("2.00"), Some("1")],
        ],
    );
    assert_eq!(got[0], some(&["1.833333", "5.50", "3"]));
}

#[test]
fn the_largest_text_is_so_by_weight() {
    let fields = [Type::Varchar, Type::Varbinary].map(field);
    let by = SortKey { weight_string: Some(1), collation: Some("utf8mb4_0900_ai_ci".into()), ..key(0) };
    let aggregator = Aggregator::new(&[], vec![fold(0, FoldFunction::Max(by))], &fields, 10).unwrap();
    let got = run(aggregator, &[&[Some("Z"), Some("\u{1}")], &[Some("a"), Some("\u{2}")], &[None, None]]);
    assert_eq!(got[0], some(&["a", "\u{2}"]));
}

#[test]
fn two_extremes_may_share_a_weight() {
    let fields = [Type::Varchar, Type::Varchar, Type::Varbinary].map(field);
    let by = |column| SortKey {
        weight_string: Some(2),
        collation: Some("utf8mb4_0900_ai_ci".into()),
        ..key(column)
    };
    let folds = vec![fold(0, FoldFunction::Max(by(0))), fold(1, FoldFunction::Max(by(1)))];
    let aggregator = Aggregator::new(&[], folds, &fields, 10).unwrap();
    let got =
        run(aggregator, &[&[Some("a"), Some("a"), Some("\u{1}")], &[Some("b"), Some("b"), Some("\u{2}")]]);
    assert_eq!(got[0], some(&["b", "b", "\u{2}"]));
}

#[test]
fn groups_can_be_sorted_and_are_bounded() {
    let fields = [field(Type::Int64)];
    let mut aggregator = Aggregator::new(&[key(0)], vec![], &fields, 3).unwrap();
    let input = rows(&[&[Some("2")], &[Some("10")], &[Some("2")], &[None]]);
    input.iter().for_each(|row| aggregator.push(row).unwrap());
    let error = aggregator.push(&rows(&[&[Some("5")]])[0]).unwrap_err();
    assert!(error.message().contains("limit of 3"), "{error}");
    let order = Comparator::new(&[SortKey { desc: true, ..key(0) }], &fields).unwrap();
    let sorted = text(&aggregator.finish(None, Some(&order)).unwrap());
    assert_eq!(sorted, [vec![Some("10".to_owned())], vec![Some("2".to_owned())], vec![None]]);
}

#[test]
fn doubles_are_written_as_mysql_does() {
    for (value, text) in
        [(0.0, "0"), (1.5, "1.5"), (-100000.0, "-100000"), (1e15, "1e15"), (1.25e-20, "1.25e-20")]
    {
        assert_eq!(float_text(value), text);
    }
}
