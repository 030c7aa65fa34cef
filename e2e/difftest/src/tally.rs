//! What a run did, in numbers.

use std::{collections::BTreeMap, fmt};

use crate::compare::Class;

#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub reads: u64,
    /// Reads that gave rows.
    pub with_rows: u64,
    /// Reads that are errors on both sides.
    pub faults: u64,
    pub writes: u64,
    pub others: u64,
    /// Writes that vtgate refuses by name: message -> how often.
    pub refused: BTreeMap<String, u64>,
    pub differences: BTreeMap<Class, u64>,
    pub expected: u64,
}

impl Tally {
    pub fn statements(&self) -> u64 {
        self.reads + self.writes + self.others
    }

    pub fn different(&self) -> u64 {
        self.differences.values().sum()
    }

    /// Reads with rows, of 100.
    pub fn percent_with_rows(&self) -> u64 {
        self.with_rows * 100 / self.reads.max(1)
    }
}

/// A message without the names of tables: those with a keyspace, and generated ones.
pub fn without_tables(message: &str) -> String {
    let generated = |word: &str| {
        let mut chars = word.chars();
        chars.next().is_some_and(|c| ('a'..='e').contains(&c))
            && word.len() > 1
            && chars.all(|c| c.is_ascii_digit())
    };
    let word = |word: &str| {
        let bare = word.trim_end_matches([':', ',', ';', ')']);
        match bare.contains('.') || generated(bare) {
            true => format!("...{}", &word[bare.len()..]),
            false => word.to_owned(),
        }
    };
    message.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn list<K: fmt::Display>(f: &mut fmt::Formatter<'_>, title: &str, counts: &BTreeMap<K, u64>) -> fmt::Result {
    if counts.is_empty() {
        return Ok(());
    }
    writeln!(f, "{title}:")?;
    counts.iter().try_for_each(|(name, count)| writeln!(f, "  {count:6}  {name}"))
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} statements: {} reads ({}% with rows, {} errors on both sides), {} writes ({} refused), {} others",
            self.statements(),
            self.reads,
            self.percent_with_rows(),
            self.faults,
            self.writes,
            self.refused.values().sum::<u64>(),
            self.others,
        )?;
        list(f, "refused", &self.refused)?;
        let by_class = self.differences.iter().map(|(class, n)| (format!("{class:?}"), *n)).collect();
        list(f, "differences", &by_class)?;
        writeln!(f, "{} differences, {} more that are expected", self.different(), self.expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_one_kind_are_counted_together() {
        assert_eq!(without_tables("INSERT into two.a13: no (a1, k)"), "INSERT into ...: no (a1, k)");
        assert_eq!(without_tables("joining tables a1 and b12 here"), "joining tables ... and ... here");
    }
}
