//! Every functional vindex against the test vectors of the interop facts (`tests/data`).

// A panic in a test is a failed test, in its helpers too.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use vschema::{ColumnType, Mapped, Vindex, VindexParams, VindexValue, no_files};

const VECTORS: &str = include_str!("data/vindex_vectors.tsv");

#[test]
fn vindex_vectors() {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in VECTORS.lines().skip(1) {
        let [name, kind, input, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line:?}")
        };
        *counts.entry(name).or_default() += 1;
        assert_eq!(mapped(name, kind, input), expected, "{line}");
    }
    let counts: Vec<_> = counts.into_iter().collect();
    assert_eq!(
        counts,
        [
            ("binary", 10),
            ("binary_md5", 10),
            ("hash", 21),
            ("multicol", 4),
            ("null", 1),
            ("numeric", 19),
            ("region_experimental", 8),
            ("reverse_bits", 19),
            ("unicode_loose_md5", 11),
            ("unicode_loose_xxhash", 11),
            ("xxhash", 31),
        ]
    );
}

fn mapped(name: &str, kind: &str, input: &str) -> String {
    let params = kind
        .split(',')
        .filter_map(|param| param.split_once('='))
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
    let vindex = Vindex::new(VindexParams { vindex_type: name, params: &params, files: &no_files }).unwrap();
    let bytes: Vec<Vec<u8>> = match kind {
        "hex" => vec![unhex(input)],
        _ if params.is_empty() => vec![input.as_bytes().to_vec()],
        _ => input.split(',').map(|part| part.as_bytes().to_vec()).collect(),
    };
    let ty = match kind {
        "text" | "hex" => ColumnType::Varbinary,
        _ if input.starts_with('-') => ColumnType::Int64,
        _ => ColumnType::Uint64,
    };
    let values: Vec<_> = bytes.iter().map(|b| VindexValue::new(ty, b)).collect();
    match vindex.hash(&values).unwrap() {
        Mapped::KeyspaceId(id) => hex(&id),
        Mapped::KeyRange(range) => format!("keyrange {range}"),
        other => panic!("{other:?}"),
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn unicode_loose_golden_texts() {
    let lines: Vec<_> = include_str!("data/unicode_loose_golden.tsv").lines().skip(1).collect();
    assert_eq!(lines.len(), 28);
    for line in lines {
        let [text, xxhash, md5] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line:?}") };
        let text = hex(&unbase64(text));
        assert_eq!(mapped("unicode_loose_xxhash", "hex", &text), xxhash);
        assert_eq!(mapped("unicode_loose_md5", "hex", &text), md5);
    }
}

/// Texts of contractions, marks out of order and characters of all kinds, with the keys that the Go module
/// makes of them.
#[test]
fn unicode_loose_samples() {
    let lines: Vec<_> = include_str!("data/unicode_loose_samples.tsv").lines().skip(1).collect();
    assert_eq!(lines.len(), 600);
    let wrong: Vec<_> = lines
        .iter()
        .filter(|line| {
            let (text, key) = line.split_once('\t').unwrap();
            mapped("unicode_loose_xxhash", "hex", text) != mapped("xxhash", "hex", key)
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}: {:?}", wrong.len(), lines.len(), wrong.first());
}

fn unbase64(text: &str) -> Vec<u8> {
    let digit = |b: u8| match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|b| *b != b'=').map(digit).collect();
    let bits: Vec<u8> = digits.iter().flat_map(|d| (0..6).rev().map(move |bit| d >> bit & 1)).collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |value, bit| value << 1 | bit)).collect()
}
