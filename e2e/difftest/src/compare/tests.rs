use super::*;
use crate::answer::Column;

#[test]
fn only_a_computed_integer_may_have_another_width() {
    let mut mysql = column(8, 63);
    assert!(types::compare(&[column(3, 63)], std::slice::from_ref(&mysql)).is_err());
    mysql.computed = true;
    assert!(types::compare(&[column(3, 63)], std::slice::from_ref(&mysql)).is_ok());
    assert!(types::compare(&[column(1, 63)], std::slice::from_ref(&mysql)).is_err());
}

fn column(kind: u8, charset: u16) -> Column {
    Column { name: "a".to_owned(), kind, unsigned: false, charset, decimals: 0, computed: false }
}

fn rows(values: &[&str]) -> Vec<Vec<Cell>> {
    values.iter().map(|v| vec![Some(v.as_bytes().to_vec())]).collect()
}

fn all(values: &[(&str, u64)]) -> Rows {
    let row =
        |(v, rank): &(&str, u64)| vec![Some(v.as_bytes().to_vec()), Some(rank.to_string().into_bytes())];
    Rows { columns: vec![column(253, 255), column(8, 63)], rows: values.iter().map(row).collect() }
}

#[test]
fn rows_that_tie_may_come_in_any_order_and_no_others() {
    let loose = Looseness { groups: false };
    let one = Rows { columns: vec![column(253, 255)], rows: Vec::new() };
    let ranks = all(&[("a", 1), ("A", 1), ("b", 2), ("c", 3)]);
    assert!(allowed(&rows(&["A", "a", "b"]), &ranks, 0, &one, loose));
    assert!(allowed(&rows(&["b", "c"]), &ranks, 2, &one, loose));
    assert!(!allowed(&rows(&["b", "a", "A"]), &ranks, 0, &one, loose), "b is not first");
    assert!(!allowed(&rows(&["a", "a"]), &ranks, 0, &one, loose), "there is one a");
    assert!(!allowed(&rows(&["c"]), &ranks, 2, &one, loose));
}

#[test]
fn a_group_is_shown_by_any_of_its_texts() {
    let text = [column(253, 255)];
    let shown = |v: &str, groups| canonical(&[Some(v.as_bytes().to_vec())], &text, Looseness { groups });
    assert_eq!(shown("Ärger ", true), shown("arger", true));
    assert_ne!(shown("A", false), shown("a", false));
    assert_ne!(shown("a", true), shown("b", true));
}

#[test]
fn outcomes_have_to_be_of_one_kind() {
    let done = |affected| Answer::Done { affected, insert_id: 0 };
    let fault = |errno| Answer::Fault { errno, state: "HY000".to_owned(), message: String::new() };
    let class = |v: &Answer, m: &Answer| outcomes(Wanted::default(), v, m).err().map(|d| d.class);
    assert_eq!(class(&done(1), &done(1)), None);
    assert_eq!(class(&done(1), &done(2)), Some(Class::Affected));
    assert_eq!(class(&fault(1062), &fault(1048)), Some(Class::Errno));
    assert_eq!(class(&fault(1062), &done(1)), Some(Class::Error));
    assert_eq!(class(&fault(1235), &done(1)), Some(Class::RefusedRead));
    assert_eq!(class(&done(1), &fault(1062)), Some(Class::NoError));
}
