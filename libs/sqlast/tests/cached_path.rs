//! The fingerprint and the normaliser agree: who finds a plan by the fingerprint binds the same values as who
//! parses.

use std::collections::HashMap;

use sqlast::ast::Statement;
use sqlast::normalize::LiteralBound;
use sqlast::{
    BindValue, FingerprintKey, Normalized, ParseOptions, Scratch, bind_values, fingerprint, normalize, parse,
    preview, to_sql,
};
use testkit::corpus::{corpus, text};

const KEY: FingerprintKey = FingerprintKey([0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210]);

fn parsed_path(sql: &[u8]) -> Option<(Vec<u8>, Normalized)> {
    let options = ParseOptions::default();
    let mut statement: Statement = parse(sql, &options).ok()?;
    let normalized = normalize(&mut statement, sql, &options);
    Some((to_sql(&statement), normalized))
}

#[test]
fn both_paths_give_the_same_values_and_one_text_for_a_fingerprint() {
    let options = ParseOptions::default();
    let mut scratch = Scratch::default();
    let mut texts: HashMap<(u128, Vec<u8>), Vec<u8>> = HashMap::new();
    let mut reasons: HashMap<LiteralBound, usize> = HashMap::new();
    let (mut cacheable, mut all) = (0, 0);
    for case in corpus() {
        let Some((printed, normalized)) = parsed_path(&case.sql) else {
            assert!(!case.mysql_accepts, "refused: {}", text(&case.sql));
            continue;
        };
        for reason in &normalized.literal_bound {
            *reasons.entry(*reason).or_default() += 1;
        }
        if normalized.literal_bound == [LiteralBound::Statement] {
            continue;
        }
        let Some(found) = fingerprint(&case.sql, &options, &KEY, &mut scratch) else {
            panic!("parsed but no fingerprint: {}", text(&case.sql));
        };
        assert_eq!(found.kind, preview(&case.sql), "{}", text(&case.sql));
        all += 1;
        if !normalized.literal_bound.is_empty() {
            continue;
        }
        cacheable += 1;
        let values: Vec<BindValue> = normalized.binds.iter().map(|(_, value)| value.clone()).collect();
        assert_eq!(bind_values(&case.sql, &options, &scratch.literals), values, "{}", text(&case.sql));
        let key = (found.hash, scratch.skeleton.clone());
        let known = texts.entry(key).or_insert_with(|| printed.clone());
        assert_eq!(text(known), text(&printed), "{}", text(&case.sql));
        // The normalised text can be read, and is its own normal form.
        let (again, none) = parsed_path(&printed).unwrap_or_else(|| panic!("cannot read {}", text(&printed)));
        assert_eq!(text(&again), text(&printed));
        assert!(none.binds.is_empty(), "{}", text(&printed));
    }
    println!(
        "{cacheable} of {all} queries and DML statements have plans for other values; reasons: {reasons:?}"
    );
    assert!(cacheable * 2 >= all, "{cacheable} of {all}");
}
