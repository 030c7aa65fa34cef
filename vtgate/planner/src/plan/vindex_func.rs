//! The plan's part for a vindex that is read as a table.

use serde::Serialize;

use super::{LookupTable, ValueRef, VindexRef};

/// Asks a vindex where values are: a row for each value and each keyspace id (or range of them) that it has.
/// All columns are VARBINARY.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VindexFunc {
    pub keyspace: String,
    pub vindex: VindexRef,
    /// Where the vindex is a lookup: its table.
    pub lookup: Option<LookupTable>,
    /// One value or a list.
    pub values: ValueRef,
    /// The result's columns: their names and what is in them.
    pub columns: Vec<(String, VindexColumn)>,
}

/// What a vindex tells of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum VindexColumn {
    Id,
    /// NULL where the value has a range of keyspace ids.
    KeyspaceId,
    /// The range of the shard, or of the keyspace ids.
    RangeStart,
    RangeEnd,
    /// In lower-case hexadecimal digits.
    HexKeyspaceId,
    /// The range as shards are named: `-80`.
    Shard,
}

impl VindexColumn {
    /// The column of this name, in any letter case.
    pub fn of_name(name: &str) -> Option<Self> {
        let all =
            [Self::Id, Self::KeyspaceId, Self::RangeStart, Self::RangeEnd, Self::HexKeyspaceId, Self::Shard];
        let at = vschema::VINDEX_COLUMNS.iter().position(|c| c.eq_ignore_ascii_case(name))?;
        all.get(at).copied()
    }
}
