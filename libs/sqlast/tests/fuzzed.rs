//! What fuzzing found stays mended: the fuzz targets' functions over the inputs in `tests/data/fuzzed.txt`, and over
//! corpus statements with pieces changed. Set SEED to begin elsewhere; CASES for more.

// A panic in a test is a failed test, in its helpers too.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::path::Path;

fn all_targets(input: &[u8]) {
    targets::lexer(input);
    targets::round_trip(input);
    targets::cached_path(input);
}

/// `\xNN` and `\\` to bytes.
fn decoded(line: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = line.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match (first, behind) {
            (b'\\', [b'x', high, low, after @ ..]) => {
                let digits = [*high, *low];
                out.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                rest = after;
            }
            (b'\\', [b'\\', after @ ..]) => {
                out.push(b'\\');
                rest = after;
            }
            _ => out.push(*first),
        }
    }
    out
}

#[test]
fn what_was_found_stays_mended() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fuzzed.txt");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).for_each(|line| all_targets(&decoded(line)));
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % limit.max(1) as u64) as usize
    }
}

#[test]
fn changed_statements() {
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |v| v.parse().unwrap());
    let (seed, cases) = (number("SEED", 1), number("CASES", 4_000));
    eprintln!("SEED={seed} CASES={cases}");
    let corpus = testkit::corpus::corpus();
    let mut random = Random(seed);
    for _ in 0..if corpus.is_empty() { 0 } else { cases } {
        let mut sql = corpus[random.below(corpus.len())].sql.clone();
        for _ in 0..=random.below(3) {
            let other = &corpus[random.below(corpus.len())].sql;
            let (from, at) = (random.below(other.len()), random.below(sql.len()));
            let to = (from + random.below(12)).min(other.len());
            let end = (at + random.below(6)).min(sql.len());
            sql.splice(at..end, other[from..to].iter().copied());
        }
        let caught = std::panic::catch_unwind(|| all_targets(&sql));
        assert!(caught.is_ok(), "SEED={seed}: {}", testkit::corpus::text(&sql));
    }
}
