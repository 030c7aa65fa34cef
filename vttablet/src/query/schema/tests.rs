use super::*;

#[test]
fn the_counter_is_no_change() {
    let create = "CREATE TABLE `t` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `c` varchar(9) DEFAULT ' AUTO_INCREMENT=5'\n) ENGINE=InnoDB AUTO_INCREMENT=42 DEFAULT CHARSET=utf8mb4";
    let without = "CREATE TABLE `t` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `c` varchar(9) DEFAULT ' AUTO_INCREMENT=5'\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";
    assert_eq!(normalise(create, false, "vt_ks"), without);
    assert_eq!(normalise(without, false, "vt_ks"), without);
    assert_eq!(
        normalise("CREATE VIEW `v` AS select `vt_ks`.`t`.`id` from `vt_ks`.`t`", true, "vt_ks"),
        "CREATE VIEW `v` AS select `t`.`id` from `t`"
    );
}

#[test]
fn what_came_went_or_changed() {
    let d = |create: &str, is_view| Arc::new(Definition::new(create.into(), is_view));
    let old = Definitions::from([
        ("a".into(), d("1", false)),
        ("b".into(), d("1", false)),
        ("v".into(), d("1", true)),
    ]);
    let new = Definitions::from([
        ("a".into(), d("1", false)),
        ("b".into(), d("2", false)),
        ("c".into(), d("1", false)),
    ]);
    let changes = Changes::between(&old, &new);
    assert_eq!(changes, Changes { tables: vec!["b".into(), "c".into()], views: vec!["v".into()] });
    assert!(Changes::between(&new, &new).is_empty());
}

#[test]
fn only_what_is_surely_as_it_was_is_not_read_again() {
    let mark = |changed_at, columns| Mark { changed_at, columns };
    let listed = |mark, is_view| Listed { name: "t".into(), is_view, mark };
    let definition = |is_view| Arc::new(Definition::new("create".into(), is_view));
    let known_at = |is_view, at| {
        let read = Read { mark: mark(10, 1), at, definition: definition(is_view) };
        Known(HashMap::from([("t".to_owned(), read)]))
    };
    let known = |is_view| known_at(is_view, 11);
    assert!(known(false).unchanged(&listed(mark(10, 1), false)).is_some());
    // Changed since; swapped with one of the same age; changed in the second in which it was read.
    assert!(known(false).unchanged(&listed(mark(12, 1), false)).is_none());
    assert!(known(false).unchanged(&listed(mark(10, 2), false)).is_none());
    assert!(known_at(false, 10).unchanged(&listed(mark(10, 1), false)).is_none());
    // Nothing tells of a view, nor of a table where a view was.
    assert!(known(true).unchanged(&listed(mark(10, 1), true)).is_none());
    assert!(known(true).unchanged(&listed(mark(10, 1), false)).is_none());
    assert!(Known::default().unchanged(&listed(mark(10, 1), false)).is_none());
}
