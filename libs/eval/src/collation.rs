//! How weights of a collation compare.
//!
//! The shards give `weight_string(column)`. For NO PAD collations its bytes are the order. For PAD SPACE
//! collations `'a'` and `'a '` are equal, but their weights differ in length: weights compare as if both
//! were padded without end with the weight of a space. The units were measured on MySQL 9.7 and
//! MariaDB 10.11; a collation that is not listed has none, and then two weights of which one begins with
//! the other cannot be compared.

use std::cmp::Ordering;

/// How a shorter weight is padded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Not at all: shorter is less.
    None,
    /// With this unit, without end.
    With(&'static [u8]),
    /// It is not known.
    Unknown,
}

/// The padding of a collation by name, in any letter case.
pub fn padding(collation: &str) -> Padding {
    let name = collation.to_ascii_lowercase();
    let name = name.as_str();
    let (charset, rest) = name.split_once('_').unwrap_or((name, ""));
    if name == "binary" || rest.contains("0900") || rest.contains("nopad") {
        return Padding::None;
    }
    match (charset, rest) {
        ("utf8mb4" | "utf8mb3" | "utf8", "general_ci") => Padding::With(&[0x00, 0x20]),
        ("utf8mb4" | "utf8mb3" | "utf8", "unicode_ci") => Padding::With(&[0x02, 0x09]),
        (_, rest) if rest.starts_with("uca1400_") => Padding::With(&[0x02, 0x09]),
        ("uca1400", _) => Padding::With(&[0x02, 0x09]),
        ("utf8mb4", "bin") => Padding::With(&[0x00, 0x00, 0x20]),
        ("latin1", "swedish_ci" | "bin") | ("ascii", "general_ci" | "bin") => Padding::With(&[0x20]),
        _ => Padding::Unknown,
    }
}

impl Padding {
    /// The order of two weights; none where it depends on a padding that is not known.
    pub fn compare(self, a: &[u8], b: &[u8]) -> Option<Ordering> {
        let common = a.len().min(b.len());
        let order = a[..common].cmp(&b[..common]);
        if order != Ordering::Equal || a.len() == b.len() {
            return Some(order);
        }
        match self {
            Self::None => Some(a.len().cmp(&b.len())),
            Self::Unknown => None,
            Self::With(unit) => {
                let (longer, turned) = if a.len() > b.len() { (a, false) } else { (b, true) };
                let pad = unit.iter().cycle().skip(common % unit.len());
                // Endless padding is equal to the rest of the longer one, or the first difference decides.
                let order = longer[common..].iter().cmp(pad.take(longer.len() - common));
                Some(if turned { order.reverse() } else { order })
            }
        }
    }

    /// What is the same for equal weights, for hashing: without trailing pad units. None where not known.
    pub fn key(self, mut weight: &[u8]) -> Option<&[u8]> {
        match self {
            Self::None => Some(weight),
            Self::Unknown => None,
            Self::With(unit) => {
                while weight.len().is_multiple_of(unit.len()) && weight.ends_with(unit) {
                    weight = &weight[..weight.len() - unit.len()];
                }
                Some(weight)
            }
        }
    }
}

#[cfg(test)]
mod tests;
