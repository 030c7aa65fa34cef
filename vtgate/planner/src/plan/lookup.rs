//! The plan's part for lookup vindexes: tables that hold the keyspace ids of values.

use serde::Serialize;
use vschema::KeyColumn;

/// A lookup vindex: all that is needed to read and write its table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LookupTable {
    /// The vindex's name.
    pub name: String,
    /// `` `keyspace`.`table` ``
    pub table: String,
    /// The columns of the values, quoted.
    pub from: Vec<String>,
    /// The column of the keyspace ids, quoted.
    pub to: String,
    /// The keyspace id is held as the number whose `hash` it is.
    pub is_hash: bool,
    /// The values are held as numbers made of them ([`vschema::loose_md5_number`]).
    pub is_loose: bool,
    /// A value has one keyspace id at most.
    pub unique: bool,
    pub order: LookupOrder,
    /// The write leaves out what is there already and does not look whose it is.
    pub no_verify: bool,
}

/// When an entry is committed. A reader must never miss the entry of a row that is there; one without a row
/// is harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum LookupOrder {
    /// New ones before the rows' own transaction, removed ones after it (`consistent_lookup`).
    Around,
    /// With the rows' own transaction.
    Same,
    /// Each by itself.
    Alone,
}

/// Rows are on the shards that a lookup says for these values. Several values for one column are a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LookupRead {
    pub lookup: LookupTable,
    pub values: super::ValueRef,
}

/// What a write does to a row's entries of one lookup. Positions are those of the row that the write has at
/// hand (see [`super::KeyedDml`], [`super::InsertRowsOf`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LookupChange {
    pub lookup: LookupTable,
    /// Where the values are for which the row has an entry; none for a new row.
    pub old: Option<Vec<usize>>,
    /// Where those are for which it gets one; none for a row that goes.
    pub new: Option<Vec<usize>>,
    /// The owner's table, `` `keyspace`.`table` ``, and its columns, quoted: to see whose an entry is.
    pub owner: String,
    pub owner_columns: Vec<String>,
    /// The same columns, as far as known: an entry is of what they keep of a value.
    #[serde(skip)]
    pub columns: Vec<Option<KeyColumn>>,
}
