//! Differences that are known: `suite/expected.txt`, a line each, of a class, a piece of the statement or of the
//! difference's text, and the reason, with tabs between. The list may only shrink.

use crate::{
    Result,
    compare::{Class, Difference},
};

/// A known difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub class: String,
    pub piece: String,
    pub reason: String,
}

#[derive(Debug, Clone, Default)]
pub struct Expected {
    pub entries: Vec<Entry>,
    /// How often each was met.
    pub met: Vec<u64>,
}

impl Expected {
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().enumerate().filter(|(_, l)| !l.is_empty() && !l.starts_with('#'));
        let entries: Result<Vec<Entry>> = lines
            .map(|(i, line)| match line.split('\t').collect::<Vec<_>>()[..] {
                [class, piece, reason] if !reason.is_empty() && !piece.is_empty() => {
                    Ok(Entry { class: class.to_owned(), piece: piece.to_owned(), reason: reason.to_owned() })
                }
                _ => Err(format!(
                    "expected.txt:{}: not a class, a piece and a reason with tabs between",
                    i + 1
                )),
            })
            .collect();
        let entries = entries?;
        Ok(Self { met: vec![0; entries.len()], entries })
    }

    /// Whether it is known; counts it if so.
    pub fn knows(&mut self, sql: &str, difference: &Difference) -> bool {
        let class = format!("{:?}", difference.class);
        // Of types that differ, each column has to be known.
        let parts: Vec<&str> = match difference.class {
            Class::Types => difference.text.split("; ").collect(),
            _ => vec![&difference.text],
        };
        let known = |text: &str| {
            let fits = |e: &Entry| e.class == class && (sql.contains(&e.piece) || text.contains(&e.piece));
            self.entries.iter().position(fits)
        };
        let known: Option<Vec<usize>> = parts.into_iter().map(known).collect();
        for at in known.iter().flatten() {
            self.met[*at] += 1;
        }
        known.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lower it when the list gets shorter.
    const ENTRIES: usize = 5;

    #[test]
    fn the_list_only_shrinks() {
        let list = Expected::parse(include_str!("../suite/expected.txt")).unwrap();
        assert_eq!(list.entries.len(), ENTRIES);
    }

    #[test]
    fn an_entry_is_met_by_its_class_and_a_piece() {
        let mut list = Expected::parse("Rows\tGROUP_CONCAT\tits order is open\n").unwrap();
        let rows = Difference { class: Class::Rows, text: "1 for 2".to_owned() };
        assert!(list.knows("SELECT GROUP_CONCAT(a) FROM t", &rows));
        assert!(!list.knows("SELECT a FROM t", &rows));
        assert_eq!(list.met, [1]);
    }

    #[test]
    fn every_column_of_a_difference_has_to_be_known() {
        let mut list = Expected::parse("Types\ttype 252 for type 251\tlong texts\n").unwrap();
        let mut types =
            |text: &str| list.knows("SELECT a", &Difference { class: Class::Types, text: text.to_owned() });
        assert!(types("a: type 252 for type 251; b: type 252 for type 251"));
        assert!(!types("a: type 252 for type 251; b: type 3 for type 8"));
    }
}
