use super::*;

fn range(s: &str) -> KeyRange {
    s.parse().unwrap()
}

#[test]
fn names_print_as_they_parse() {
    for s in ["-", "-80", "80-", "40-80", "0000-4000", "80-c0ff"] {
        assert_eq!(range(s).to_string(), s);
    }
    assert_eq!(range("C0-").to_string(), "c0-");
}

#[test]
fn bad_names_are_refused() {
    for s in ["", "80", "8-", "zz-", "80-40", "80-80", "80-8000", "-80-c0"] {
        assert!(s.parse::<KeyRange>().is_err(), "{s:?} was accepted");
    }
    assert_eq!(KeyRange::of_shard_name("0").unwrap(), None);
}

#[test]
fn bounds_are_padded_with_zeros() {
    let k = range("80-c0");
    assert!(k.contains(&[0x80]));
    assert!(k.contains(&[0x80, 0, 1]));
    assert!(!k.contains(&[0xc0]));
    assert!(!k.contains(&[0x7f, 0xff]));
    assert!(range("-80").contains(&[]));
    assert!(!range("-80").intersects(&k));
    assert!(range("-8001").intersects(&k));
    assert!(!range("-8000").intersects(&k));
}

#[test]
fn coverage_has_no_gap_and_no_overlap() {
    let covers = |names: &[&str]| {
        let ranges: Vec<_> = names.iter().map(|n| range(n)).collect();
        shards_cover_everything(&ranges)
    };
    assert!(covers(&["-"]));
    assert!(covers(&["80-", "-40", "40-80"]));
    assert!(!covers(&[]));
    assert!(!covers(&["-40", "80-"]));
    assert!(!covers(&["-80", "40-"]));
    assert!(!covers(&["-80", "-80", "80-"]));
    assert!(!covers(&["-", "80-"]));
}
