//! Vindexes: from the values of a row's columns to its keyspace id.
//!
//! An enum, not a trait object: the set of types is closed (it is Vitess's), a vindex is data that can be
//! compared and printed inside a plan, and a new type does not compile until every `match` knows it.
//!
//! [`Vindex::hash`] is the bare function, equal to Vitess's bit by bit. [`Vindex::map_read`] and
//! [`Vindex::map_write`] are what plans use: they know that MySQL compares and stores by the type of the
//! column, and refuse or widen where the bare function would find the wrong shard (see [`adapt`]).

mod adapt;
mod bytes;
mod cfc;
mod lookup;
mod multicol;
mod new;
mod numbers;
mod region;
mod stored;
mod unicode;

use vterrors::{Error, Result};
use vtmodel::KeyRange;

pub use lookup::{Lookup, LookupKind};
pub use new::VindexParams;
pub use numbers::{hash as hash_of_number, number_of_hash};
pub use stored::KeyColumn;

use self::{
    adapt::{Domain, adapt_read, adapt_write},
    cfc::Cfc,
    multicol::Multicol,
    numbers::StaticMap,
    region::Region,
};
use crate::VindexValue;

/// Where rows with given values are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mapped {
    KeyspaceId(Vec<u8>),
    /// Some leading columns were given: all keyspace ids that begin so.
    KeyRange(KeyRange),
    /// No row can have these values.
    None,
    /// Rows at any keyspace id may equal the value: ask every shard.
    Anywhere,
}

/// A vindex as configured.
#[derive(Debug, Clone, PartialEq)]
pub enum Vindex {
    Single(SingleColumn),
    /// `region_experimental` and `region_json`
    Region(Region),
    Multicol(Multicol),
    /// Needs a table to map; not used for routing.
    Lookup(Lookup),
}

/// The functions of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum SingleColumn {
    Binary,
    BinaryMd5,
    Hash,
    Numeric,
    NumericStaticMap(StaticMap),
    ReverseBits,
    Xxhash,
    UnicodeLooseMd5,
    UnicodeLooseXxhash,
    Null,
    Cfc(Cfc),
}

impl SingleColumn {
    fn type_name(&self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::BinaryMd5 => "binary_md5",
            Self::Hash => "hash",
            Self::Numeric => "numeric",
            Self::NumericStaticMap(_) => "numeric_static_map",
            Self::ReverseBits => "reverse_bits",
            Self::Xxhash => "xxhash",
            Self::UnicodeLooseMd5 => "unicode_loose_md5",
            Self::UnicodeLooseXxhash => "unicode_loose_xxhash",
            Self::Null => "null",
            Self::Cfc(_) => "cfc",
        }
    }

    fn domain(&self) -> Domain {
        match self {
            Self::Hash | Self::Numeric | Self::NumericStaticMap(_) | Self::ReverseBits => Domain::Number,
            Self::Binary | Self::BinaryMd5 | Self::Xxhash | Self::Cfc(_) => Domain::Bytes,
            Self::UnicodeLooseMd5 | Self::UnicodeLooseXxhash => Domain::Bytes,
            Self::Null => Domain::Any,
        }
    }

    /// The keyspace id of a value; none where this function has none for it.
    fn hash(&self, value: VindexValue<'_>) -> Result<Option<Vec<u8>>> {
        Ok(match self {
            Self::Hash => numbers::number(value).map(numbers::hash),
            Self::Numeric => numbers::number(value).map(numbers::numeric),
            Self::ReverseBits => numbers::number(value).map(numbers::reverse_bits),
            Self::NumericStaticMap(map) => return map.hash(value),
            Self::Binary => Some(value.raw().into_owned()),
            Self::BinaryMd5 => Some(bytes::md5(&value.raw())),
            Self::Xxhash => Some(bytes::xxhash(&value.raw())),
            Self::UnicodeLooseMd5 => Some(bytes::md5(&unicode::loose_key(&value.raw())?)),
            Self::UnicodeLooseXxhash => Some(bytes::xxhash(&unicode::loose_key(&value.raw())?)),
            Self::Null => Some(vec![0]),
            Self::Cfc(cfc) => Some(cfc.hash(&value.raw())?),
        })
    }

    /// Binary keeps the bytes, so it costs nothing; `null` puts all rows on one shard.
    fn cost(&self) -> u32 {
        match self {
            Self::Binary | Self::Numeric => 0,
            Self::Null => 100,
            _ => 1,
        }
    }
}

impl Vindex {
    /// The type's name in a VSchema.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Single(single) => single.type_name(),
            Self::Region(region) => region.type_name(),
            Self::Multicol(_) => "multicol",
            Self::Lookup(lookup) => lookup.kind.type_name(),
        }
    }

    /// Whether a value has at most one keyspace id.
    pub fn is_unique(&self) -> bool {
        match self {
            Self::Single(_) | Self::Region(_) | Self::Multicol(_) => true,
            Self::Lookup(lookup) => lookup.kind.is_unique(),
        }
    }

    /// Whether mapping needs queries: a lookup.
    pub fn needs_vcursor(&self) -> bool {
        matches!(self, Self::Lookup(_))
    }

    /// The lower, the better for routing; Vitess's numbers.
    pub fn cost(&self) -> u32 {
        match self {
            Self::Single(single) => single.cost(),
            Self::Region(_) => 1,
            Self::Multicol(multicol) => multicol.cost(),
            Self::Lookup(lookup) => lookup.cost(),
        }
    }

    /// How many columns it takes; none where any number will do (a lookup).
    pub fn column_count(&self) -> Option<usize> {
        match self {
            Self::Single(_) => Some(1),
            Self::Region(_) => Some(2),
            Self::Multicol(multicol) => Some(multicol.column_count()),
            Self::Lookup(_) => None,
        }
    }

    /// Whether leading columns alone find a range of keyspace ids.
    pub fn is_partial(&self) -> bool {
        match self {
            Self::Single(_) | Self::Lookup(_) => false,
            Self::Region(region) => region.is_partial(),
            Self::Multicol(_) => true,
        }
    }

    /// The bare function: the keyspace id of one row's column values, as Vitess computes it.
    pub fn hash(&self, values: &[VindexValue<'_>]) -> Result<Mapped> {
        let id = |id: Option<Vec<u8>>| id.map_or(Mapped::None, Mapped::KeyspaceId);
        match (self, values) {
            (Self::Single(single), [value]) => single.hash(*value).map(id),
            (Self::Region(region), values) => region.hash(values),
            (Self::Multicol(multicol), values) => multicol.hash(values),
            (Self::Single(_), values) => Err(Error::internal(format!(
                "vindex type {} takes one value, not {}",
                self.type_name(),
                values.len()
            ))),
            (Self::Lookup(_), _) => {
                Err(Error::unsupported(format!("routing by the lookup vindex type {}", self.type_name())))
            }
        }
    }

    /// Where rows are whose columns equal (`=`) these values. `columns` are the columns as far as known.
    pub fn map_read(&self, values: &[VindexValue<'_>], columns: &[Option<KeyColumn>]) -> Result<Mapped> {
        let mut adapted = Vec::with_capacity(values.len());
        for (at, value) in values.iter().enumerate() {
            match adapt_read(self.domain(at), *value, columns.get(at).copied().flatten()) {
                adapt::Read::Value(value) => adapted.push(value),
                adapt::Read::Nothing => return Ok(Mapped::None),
                adapt::Read::Anywhere => return Ok(Mapped::Anywhere),
            }
        }
        let views: Vec<_> = adapted.iter().map(adapt::Adapted::view).collect();
        match self.hash(&views) {
            // What cannot be hashed cannot have been stored, but MySQL may still find it equal to something.
            Ok(Mapped::None) => Ok(Mapped::Anywhere),
            Err(e) if e.condition() == vterrors::Condition::InvalidArgument => Ok(Mapped::Anywhere),
            other => other,
        }
    }

    /// The keyspace id of a row that is written with these values. An error says which value has none.
    pub fn map_write(&self, values: &[VindexValue<'_>], columns: &[Option<KeyColumn>]) -> Result<Vec<u8>> {
        let mut adapted = Vec::with_capacity(values.len());
        for (at, value) in values.iter().enumerate() {
            let value = adapt_write(self.domain(at), *value, columns.get(at).copied().flatten())
                .map_err(|e| e.context(format!("vindex type {}", self.type_name())))?;
            adapted.push(value);
        }
        let views: Vec<_> = adapted.iter().map(adapt::Adapted::view).collect();
        match self.hash(&views)? {
            Mapped::KeyspaceId(id) => Ok(id),
            _ => Err(Error::invalid(format!(
                "the values ({}) have no keyspace id by vindex type {}",
                values.iter().map(|v| v.describe()).collect::<Vec<_>>().join(", "),
                self.type_name()
            ))),
        }
    }

    /// Where rows are whose column begins with `prefix` (`LIKE 'prefix%'`): only `cfc` and `binary` know.
    pub fn map_prefix(&self, prefix: &[u8]) -> Mapped {
        match self {
            Self::Single(SingleColumn::Cfc(cfc)) => cfc.map_prefix(prefix),
            Self::Single(SingleColumn::Binary) => prefix_range(prefix.to_vec()),
            _ => Mapped::Anywhere,
        }
    }

    /// Whether it hashes the very bytes of a text, where others look at letters without case and accents.
    pub fn tells_texts_apart(&self) -> bool {
        match self {
            Self::Single(SingleColumn::UnicodeLooseMd5 | SingleColumn::UnicodeLooseXxhash) => false,
            Self::Single(single) => single.domain() == Domain::Bytes,
            Self::Region(_) | Self::Multicol(_) | Self::Lookup(_) => false,
        }
    }

    /// Whether a row with these values belongs to `keyspace_id`.
    pub fn verify(&self, values: &[VindexValue<'_>], keyspace_id: &[u8]) -> Result<bool> {
        Ok(matches!(self.hash(values)?, Mapped::KeyspaceId(id) if id == keyspace_id))
    }

    fn domain(&self, column: usize) -> Domain {
        match self {
            Self::Single(single) => single.domain(),
            Self::Region(region) => region.domain(column),
            Self::Multicol(multicol) => multicol.domain(column),
            Self::Lookup(_) => Domain::Any,
        }
    }
}

/// What `lookup_unicodeloosemd5_hash` keeps of a text: the first eight bytes of its `unicode_loose_md5`, as a
/// number. Texts that are equal without regard to case and accents have the same.
pub fn loose_md5_number(text: &[u8]) -> Result<u64> {
    let hash = bytes::md5(&unicode::loose_key(text)?);
    Ok(hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The first keyspace id after all those that begin with `prefix`; none when there is none.
pub fn next_keyspace_id(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|b| *b != 0xff)?;
    let mut next = prefix[..=last].to_vec();
    next[last] += 1;
    Some(next)
}

/// All keyspace ids that begin with `prefix`.
fn prefix_range(prefix: Vec<u8>) -> Mapped {
    if prefix.is_empty() {
        return Mapped::Anywhere;
    }
    let end = next_keyspace_id(&prefix).unwrap_or_default();
    Mapped::KeyRange(KeyRange { start: prefix, end })
}

#[cfg(test)]
mod tests;
