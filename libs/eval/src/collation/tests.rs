use std::cmp::Ordering::{Equal, Greater, Less};

use super::*;

#[test]
fn collations_are_known_by_name() {
    assert_eq!(padding("utf8mb4_0900_ai_ci"), Padding::None);
    assert_eq!(padding("utf8mb4_da_0900_as_cs"), Padding::None);
    assert_eq!(padding("BINARY"), Padding::None);
    assert_eq!(padding("utf8mb4_general_ci"), Padding::With(&[0, 0x20]));
    assert_eq!(padding("utf8mb4_general_nopad_ci"), Padding::None);
    assert_eq!(padding("utf8mb4_uca1400_ai_ci"), Padding::With(&[2, 9]));
    assert_eq!(padding("utf8mb4_uca1400_nopad_ai_ci"), Padding::None);
    assert_eq!(padding("latin1_swedish_ci"), Padding::With(&[0x20]));
    assert_eq!(padding("sjis_japanese_ci"), Padding::Unknown);
}

#[test]
fn pad_space_compares_with_endless_spaces() {
    let general = padding("utf8mb4_general_ci");
    let a = [0, 0x41];
    assert_eq!(general.compare(&a, &[0, 0x41, 0, 0x20, 0, 0x20]), Some(Equal));
    // A tab sorts before the space that is imagined.
    assert_eq!(general.compare(&a, &[0, 0x41, 0, 0x09]), Some(Greater));
    assert_eq!(general.compare(&[0, 0x41, 0, 0x42], &a), Some(Greater));
    assert_eq!(general.compare(&[], &[0, 0x20]), Some(Equal));
    assert_eq!(general.key(&[0, 0x41, 0, 0x20]), Some(&a[..]));
    assert_eq!(general.key(&[0, 0x20]), Some(&[][..]));
    // 0x2000 followed by 0x20.. is not a space in place.
    assert_eq!(general.key(&[0x41, 0x00, 0x20, 0x00]), Some(&[0x41, 0x00, 0x20, 0x00][..]));
}

#[test]
fn no_pad_is_bytes_and_unknown_says_so() {
    assert_eq!(Padding::None.compare(b"a", b"a "), Some(Less));
    assert_eq!(Padding::Unknown.compare(b"a", b"a "), None);
    assert_eq!(Padding::Unknown.compare(b"a", b"b "), Some(Less));
    assert_eq!(Padding::Unknown.compare(b"a", b"a"), Some(Equal));
}
