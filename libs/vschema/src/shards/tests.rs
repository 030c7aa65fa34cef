use super::*;

fn table(names: &[&str]) -> ShardTable {
    ShardTable::from_names(names.iter().copied()).unwrap()
}

#[test]
fn a_keyspace_id_finds_its_shard() {
    let t = table(&["80-c0", "-40", "c0-", "40-80"]);
    for (id, shard) in [
        (&[][..], "-40"),
        (&[0x00], "-40"),
        (&[0x3f, 0xff], "-40"),
        (&[0x40], "40-80"),
        (&[0x40, 0x00, 0x00], "40-80"),
        (&[0x7f], "40-80"),
        (&[0x80], "80-c0"),
        (&[0xc0], "c0-"),
        (&[0xff, 0xff], "c0-"),
    ] {
        assert_eq!(t.find(id).name, shard, "{id:?}");
    }
}

#[test]
fn search_agrees_with_the_ranges() {
    let t = table(&["-2a", "2a-2a80", "2a80-90", "90-9001", "9001-"]);
    for a in 0..=255u8 {
        for b in [0, 1, 0x7f, 0x80, 0xff] {
            let id = [a, b];
            let slow: Vec<_> = t.all().iter().filter(|s| s.range.contains(&id)).map(|s| &s.name).collect();
            assert_eq!(slow, [&t.find(&id).name], "{id:x?}");
        }
    }
}

#[test]
fn a_range_finds_every_shard_it_touches() {
    let t = table(&["-40", "40-80", "80-c0", "c0-"]);
    let found = |range: &str| -> Vec<usize> { t.indexes_of_range(&range.parse().unwrap()).collect() };
    assert_eq!(found("30-50"), [0, 1]);
    assert_eq!(found("40-80"), [1]);
    assert_eq!(found("-"), [0, 1, 2, 3]);
    assert_eq!(found("c001-"), [3]);
}

#[test]
fn gaps_and_overlaps_are_refused() {
    for bad in [&["-40", "80-"][..], &["-80", "40-"], &["-80"], &[]] {
        assert!(ShardTable::from_names(bad.iter().copied()).is_err(), "{bad:?}");
    }
    assert_eq!(table(&["0"]).only().unwrap().name, "0");
}
