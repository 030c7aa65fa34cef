//! The `sqlparser` crate as a second opinion: for every SELECT of the corpus that both read, the clauses have the
//! same form. `tests/data/second_opinion.txt` lists the statements where they differ, under the reason; it may only
//! shrink: a difference that is not listed fails, and so does one that is listed and gone.
//!
//! A form is text with every operation in parentheses and no spelling left: [`ours`], [`theirs`]. What one
//! of the two has no form for is not compared; the numbers are printed (`--nocapture`).

// A panic in a test is a failed test, in its helpers too.
#![allow(clippy::unwrap_used)]

#[path = "second_opinion/ours.rs"]
mod ours;
#[path = "second_opinion/theirs.rs"]
mod theirs;

use std::{collections::BTreeMap, path::Path};

/// A SELECT's clauses; none for one that has no form here.
#[derive(Debug, PartialEq, Eq)]
pub struct Clauses {
    pub from: Option<String>,
    pub items: Vec<Option<String>>,
    pub where_: Option<String>,
    pub group_by: Option<String>,
    pub having: Option<String>,
}

impl Clauses {
    /// One form of the whole, for subqueries.
    pub fn whole(self) -> Option<String> {
        let items: Option<Vec<String>> = self.items.into_iter().collect();
        let parts = [self.from?, self.where_?, self.group_by?, self.having?];
        Some(format!("(select {} {})", items?.join(", "), parts.join(" ")))
    }
}

/// The pairs of forms that both have.
fn pairs(ours: Clauses, theirs: Clauses) -> Vec<(String, String)> {
    let mut all = vec![
        (ours.from, theirs.from),
        (ours.where_, theirs.where_),
        (ours.group_by, theirs.group_by),
        (ours.having, theirs.having),
    ];
    let counts = |items: &[Option<String>]| Some(format!("{} items", items.len()));
    all.push((counts(&ours.items), counts(&theirs.items)));
    all.extend(ours.items.into_iter().zip(theirs.items));
    all.into_iter().filter_map(|(ours, theirs)| ours.zip(theirs)).collect()
}

fn listed() -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/second_opinion.txt");
    let mut reason = String::new();
    let mut out = BTreeMap::new();
    for line in std::fs::read_to_string(path).unwrap().lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("# ") {
            Some(text) => reason = text.to_owned(),
            None => drop(out.insert(line.to_owned(), reason.clone())),
        }
    }
    out
}

#[test]
fn both_read_the_same() {
    let corpus = testkit::corpus::corpus();
    let mut listed = listed();
    let mut unlisted = Vec::new();
    let (mut both, mut compared, mut refused) = (0, 0, 0);
    for case in corpus.iter().filter(|case| case.mysql_accepts) {
        let Some(ours) = ours::statement(&case.sql) else { continue };
        let Some(theirs) = std::str::from_utf8(&case.sql).ok().and_then(theirs::statement) else {
            refused += 1;
            continue;
        };
        both += 1;
        let pairs = pairs(ours, theirs);
        compared += pairs.len();
        let differing: Vec<_> = pairs.into_iter().filter(|(ours, theirs)| ours != theirs).collect();
        let line = case.text().split_whitespace().collect::<Vec<_>>().join(" ");
        if !differing.is_empty() && listed.remove(&line).is_none() {
            unlisted.push(format!("{line}\n    ours:   {}\n    theirs: {}", differing[0].0, differing[0].1));
        }
    }
    println!("{both} SELECTs that both read, {compared} clauses compared; {refused} that only we read");
    assert!(unlisted.is_empty(), "{} differences are not listed:\n{}", unlisted.len(), unlisted.join("\n"));
    let gone: Vec<_> = if corpus.is_empty() { Vec::new() } else { listed.into_keys().collect() };
    assert!(gone.is_empty(), "no difference any more, take it off the list:\n{}", gone.join("\n"));
    assert!(corpus.is_empty() || both > 1_000, "only {both} statements were compared");
}
