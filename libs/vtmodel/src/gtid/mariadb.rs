//! MariaDB's sets: for each domain the last `domain-server-sequence`; sequences of a domain only grow.

use std::{collections::BTreeMap, fmt, str::FromStr};

use vterrors::{Error, Result};

/// By domain: the server that wrote last, and its sequence number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct MariadbGtidSet {
    domains: BTreeMap<u32, (u32, u64)>,
}

impl MariadbGtidSet {
    pub fn is_empty(&self) -> bool {
        self.domains.is_empty()
    }

    /// Whether every domain of `other` is here and has come at least as far.
    pub fn contains(&self, other: &Self) -> bool {
        other.domains.iter().all(|(d, (_, sequence))| self.domains.get(d).is_some_and(|m| m.1 >= *sequence))
    }

    /// The farther position of each domain.
    pub fn union(&self, other: &Self) -> Self {
        let mut domains = self.domains.clone();
        for (domain, last) in &other.domains {
            let mine = domains.entry(*domain).or_insert(*last);
            if last.1 > mine.1 {
                *mine = *last;
            }
        }
        Self { domains }
    }
}

impl FromStr for MariadbGtidSet {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let bad = |what: &str| Error::invalid(format!("invalid MariaDB GTID set: {what:?} in {s:?}"));
        let mut domains = BTreeMap::new();
        for part in s.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let mut numbers = part.splitn(3, '-');
            let mut next = || numbers.next().ok_or_else(|| bad(part));
            let domain = next()?.parse().map_err(|_| bad(part))?;
            let server = next()?.parse().map_err(|_| bad(part))?;
            let sequence = next()?.parse().map_err(|_| bad(part))?;
            let last: &mut (u32, u64) = domains.entry(domain).or_insert((server, sequence));
            if sequence > last.1 {
                *last = (server, sequence);
            }
        }
        Ok(Self { domains })
    }
}

impl fmt::Display for MariadbGtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (domain, (server, sequence))) in self.domains.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            write!(f, "{comma}{domain}-{server}-{sequence}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(s: &str) -> MariadbGtidSet {
        s.parse().unwrap()
    }

    #[test]
    fn domains_compare_by_sequence() {
        assert_eq!(set("1-5-7, 0-3-9").to_string(), "0-3-9,1-5-7");
        assert!(set("0-1-10,1-1-1").contains(&set("0-2-9")));
        assert!(!set("0-1-10").contains(&set("0-1-11")));
        assert!(!set("0-1-10").contains(&set("1-1-1")));
        assert_eq!(set("0-1-10").union(&set("0-2-12,1-1-1")), set("0-2-12,1-1-1"));
    }

    #[test]
    fn bad_text_is_refused() {
        for s in ["1", "1-2", "a-b-c", "1-2-3-4"] {
            assert!(s.parse::<MariadbGtidSet>().is_err(), "{s:?} was accepted");
        }
    }
}
