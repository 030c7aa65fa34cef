//! MySQL's sets: `uuid[:tag]:1-5:7,uuid:...`; a source is a server's UUID with an optional tag (8.3 on).

use std::{collections::BTreeMap, fmt, str::FromStr};

use vterrors::{Error, Result};

/// For each source the executed transaction numbers as sorted, disjoint, non-adjacent closed intervals.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Mysql56GtidSet {
    sources: BTreeMap<String, Vec<(u64, u64)>>,
}

impl Mysql56GtidSet {
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// How many transactions the set holds.
    pub fn count(&self) -> u64 {
        self.sources.values().flatten().map(|(a, b)| b - a + 1).sum()
    }

    pub fn contains(&self, other: &Self) -> bool {
        other.difference(self).is_empty()
    }

    pub fn union(&self, other: &Self) -> Self {
        let mut sources = self.sources.clone();
        for (source, intervals) in &other.sources {
            sources.entry(source.clone()).or_default().extend(intervals);
        }
        sources.values_mut().for_each(|v| *v = merged(std::mem::take(v)));
        Self { sources }
    }

    /// What is in `self` and not in `other`: of a replica against its source, its errant transactions.
    pub fn difference(&self, other: &Self) -> Self {
        let mut sources = BTreeMap::new();
        for (source, intervals) in &self.sources {
            let left = match other.sources.get(source) {
                Some(minus) => subtract(intervals, minus),
                None => intervals.clone(),
            };
            if !left.is_empty() {
                sources.insert(source.clone(), left);
            }
        }
        Self { sources }
    }

    /// Without the transactions of the servers with the UUIDs `servers`, tagged or not.
    #[must_use]
    pub fn without(&self, servers: &[&str]) -> Self {
        let of = |source: &str| servers.iter().any(|s| s.eq_ignore_ascii_case(server(source)));
        let kept = self.sources.iter().filter(|(source, _)| !of(source));
        Self { sources: kept.map(|(s, i)| (s.clone(), i.clone())).collect() }
    }

    /// Only the transactions of the servers with the UUIDs `servers`, tagged or not.
    #[must_use]
    pub fn only(&self, servers: &[&str]) -> Self {
        self.difference(&self.without(servers))
    }

    /// The sources (UUIDs, with their tags) that the set names.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }
}

/// The UUID of a source.
fn server(source: &str) -> &str {
    source.split(':').next().unwrap_or(source)
}

fn merged(mut intervals: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    intervals.sort_unstable();
    let mut out: Vec<(u64, u64)> = Vec::with_capacity(intervals.len());
    for (start, end) in intervals {
        match out.last_mut() {
            Some(last) if start <= last.1.saturating_add(1) => last.1 = last.1.max(end),
            _ => out.push((start, end)),
        }
    }
    out
}

fn subtract(from: &[(u64, u64)], minus: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut out = Vec::new();
    for &(start, end) in from {
        let mut at = start;
        for &(m_start, m_end) in minus.iter().skip_while(|m| m.1 < start).take_while(|m| m.0 <= end) {
            if m_start > at {
                out.push((at, m_start - 1));
            }
            at = at.max(m_end.saturating_add(1));
        }
        if at <= end {
            out.push((at, end));
        }
    }
    out
}

fn is_uuid(s: &str) -> bool {
    s.len() == 36
        && s.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

impl FromStr for Mysql56GtidSet {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let bad = |what: &str| Error::invalid(format!("invalid MySQL GTID set: {what:?} in {s:?}"));
        let mut sources: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
        for part in s.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let mut pieces = part.split(':').map(str::trim);
            let uuid = pieces.next().filter(|u| is_uuid(u)).ok_or_else(|| bad(part))?.to_ascii_lowercase();
            let mut source = uuid.clone();
            let mut seen = false;
            for piece in pieces {
                if piece.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
                    source = format!("{uuid}:{}", piece.to_ascii_lowercase());
                    continue;
                }
                let (a, b) = piece.split_once('-').unwrap_or((piece, piece));
                let start: u64 = a.trim().parse().map_err(|_| bad(piece))?;
                let end: u64 = b.trim().parse().map_err(|_| bad(piece))?;
                if start == 0 || end < start {
                    return Err(bad(piece));
                }
                sources.entry(source.clone()).or_default().push((start, end));
                seen = true;
            }
            if !seen {
                return Err(bad(part));
            }
        }
        sources.values_mut().for_each(|v| *v = merged(std::mem::take(v)));
        Ok(Self { sources })
    }
}

impl fmt::Display for Mysql56GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (source, intervals)) in self.sources.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            f.write_str(source)?;
            for (start, end) in intervals {
                if start == end { write!(f, ":{start}")? } else { write!(f, ":{start}-{end}")? }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "00010203-0405-0607-0809-0a0b0c0d0e0f";
    const B: &str = "10010203-0405-0607-0809-0a0b0c0d0e0f";

    fn set(s: &str) -> Mysql56GtidSet {
        s.replace('A', A).replace('B', B).parse().unwrap()
    }

    #[test]
    fn text_is_made_canonical() {
        assert_eq!(set("B:7,A:3-5:1-2:9").to_string(), format!("{A}:1-5:9,{B}:7"));
        assert_eq!(set("A:tag:4:1-2,A:1").to_string(), format!("{A}:1,{A}:tag:1-2:4"));
        assert_eq!(set("").to_string(), "");
        assert_eq!(set("A:1-3,\n B:2").count(), 4);
    }

    #[test]
    fn bad_text_is_refused() {
        for s in ["x", A, &format!("{A}:0"), &format!("{A}:5-1"), &format!("{A}:1-x")] {
            assert!(s.parse::<Mysql56GtidSet>().is_err(), "{s:?} was accepted");
        }
    }

    #[test]
    fn sets_compare_and_subtract() {
        assert!(set("A:1-10,B:1").contains(&set("A:2-3:7")));
        assert!(!set("A:1-10").contains(&set("A:11")));
        assert!(!set("A:1-10").contains(&set("B:1")));
        assert_eq!(set("A:1-10,B:5").difference(&set("A:3-4:8-20")), set("A:1-2:5-7,B:5"));
        assert_eq!(set("A:1-3,A:tag:4,B:5").without(&[&A.to_uppercase()]), set("B:5"));
        assert_eq!(set("A:1-3,A:tag:4,B:5").only(&[A]), set("A:1-3,A:tag:4"));
        assert_eq!(set("A:1-3").union(&set("A:4-6,B:1")), set("A:1-6,B:1"));
    }
}
