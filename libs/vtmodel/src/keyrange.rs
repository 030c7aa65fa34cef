//! Key ranges `[start, end)` over keyspace ids, and the shard names made of them.

use std::{fmt, str::FromStr};

use vterrors::{Error, Result};

/// Half-open range of keyspace ids; an empty `end` means "to the last one". `-` is everything.
///
/// Bounds compare as bytes padded with zeros on the right, so `80` and `8000` are the same bound.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct KeyRange {
    pub start: Vec<u8>,
    pub end: Vec<u8>,
}

impl KeyRange {
    /// Every keyspace id.
    pub fn full() -> Self {
        Self::default()
    }

    pub fn is_full(&self) -> bool {
        trimmed(&self.start).is_empty() && self.end.is_empty()
    }

    pub fn contains(&self, keyspace_id: &[u8]) -> bool {
        trimmed(&self.start) <= trimmed(keyspace_id)
            && (self.end.is_empty() || trimmed(keyspace_id) < trimmed(&self.end))
    }

    /// Whether some keyspace id lies in both.
    pub fn intersects(&self, other: &Self) -> bool {
        let starts_before_end = |a: &Self, b: &Self| b.end.is_empty() || trimmed(&a.start) < trimmed(&b.end);
        starts_before_end(self, other) && starts_before_end(other, self)
    }

    /// The order of shards in lists: by start.
    pub fn cmp_start(&self, other: &Self) -> std::cmp::Ordering {
        trimmed(&self.start).cmp(trimmed(&other.start))
    }

    /// From a record's field; none is the whole range (an unsharded shard `0`).
    pub fn from_proto(p: Option<&proto::topodata::KeyRange>) -> Self {
        p.map(|p| Self { start: p.start.clone(), end: p.end.clone() }).unwrap_or_default()
    }

    /// The key range of a shard's name: `80-c0` is a range, any other name (`0`) has none.
    pub fn of_shard_name(shard: &str) -> Result<Option<Self>> {
        if !shard.contains('-') {
            return Ok(None);
        }
        shard.parse().map(Some)
    }
}

fn trimmed(bound: &[u8]) -> &[u8] {
    let len = bound.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
    &bound[..len]
}

/// Whether a shard's name is a key range.
pub fn is_range_shard_name(shard: &str) -> bool {
    matches!(KeyRange::of_shard_name(shard), Ok(Some(_)))
}

/// Whether the ranges, in any order, cover every keyspace id exactly once.
pub fn shards_cover_everything<'a>(ranges: impl IntoIterator<Item = &'a KeyRange>) -> bool {
    let mut sorted: Vec<_> = ranges.into_iter().collect();
    sorted.sort_by(|a, b| a.cmp_start(b));
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return false };
    trimmed(&first.start).is_empty()
        && last.end.is_empty()
        && sorted.windows(2).all(|w| !w[0].end.is_empty() && trimmed(&w[0].end) == trimmed(&w[1].start))
}

impl fmt::Display for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.start)?;
        f.write_str("-")?;
        write_hex(f, &self.end)
    }
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|b| write!(f, "{b:02x}"))
}

impl FromStr for KeyRange {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let bad = |why: &str| Error::invalid(format!("invalid key range {s:?}: {why}"));
        let (start, end) = s.split_once('-').ok_or_else(|| bad("expected <start>-<end> in hex"))?;
        let hex = |text: &str| -> Option<Vec<u8>> {
            let text = text.as_bytes();
            if !text.len().is_multiple_of(2) {
                return None;
            }
            let digit = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
            text.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
        };
        let range = Self {
            start: hex(start).ok_or_else(|| bad("the start is not hex"))?,
            end: hex(end).ok_or_else(|| bad("the end is not hex"))?,
        };
        if !range.end.is_empty() && trimmed(&range.start) >= trimmed(&range.end) {
            return Err(bad("the start is not before the end"));
        }
        Ok(range)
    }
}

impl From<&KeyRange> for proto::topodata::KeyRange {
    fn from(k: &KeyRange) -> Self {
        Self { start: k.start.clone(), end: k.end.clone() }
    }
}

#[cfg(test)]
mod tests;
