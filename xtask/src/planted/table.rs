//! The printed table, and what of difftest's output stands in it.

use std::fmt;

pub const HEAD: &str =
    "bug                        found  statements  where                        what it breaks";

/// Where a bug showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub statements: u64,
    /// A seed, or a file of the suite.
    pub place: String,
}

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub name: String,
    pub breaks: String,
    pub found: Option<Found>,
}

impl Row {
    pub fn is_found(&self) -> bool {
        self.found.is_some()
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, statements, place) = match &self.found {
            Some(found) => ("yes", found.statements.to_string(), found.place.as_str()),
            None => ("no", String::new(), ""),
        };
        write!(f, "{:26} {word:5} {statements:>11}  {place:28} {}", self.name, self.breaks)
    }
}

/// From difftest's last line: `found after 12 statements: seed 3`.
pub fn found(output: &str) -> Option<Found> {
    let line = output.lines().rev().find_map(|line| line.strip_prefix("found after "))?;
    let (statements, place) = line.split_once(" statements: ")?;
    Some(Found { statements: statements.parse().ok()?, place: place.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_read_from_the_output() {
        let output = "seed 3, statement 8: Rows\nfound after 508 statements: seed 3\n";
        assert_eq!(found(output), Some(Found { statements: 508, place: "seed 3".to_owned() }));
        assert_eq!(found("everything is the same\n"), None);
    }
}
