//! The plan's part for writes whose rows are read first.

use serde::Serialize;

use super::{LookupChange, Primitive, VindexRef};

/// Where rows that were read first are written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum RowsAt {
    /// The one shard of an unsharded keyspace.
    OnlyShard,
    /// Each at the keyspace id of its values at these places.
    Vindex(VindexRef, Vec<usize>),
    /// The shard of this keyspace id: a pinned table.
    KeyspaceId(Vec<u8>),
    /// All of them on every shard: a reference table. They count once.
    EveryShard,
}

impl RowsAt {
    /// How many of a row's first columns are the vindex's in a [`KeyedDml`].
    pub fn vindex_columns(&self) -> usize {
        match self {
            Self::Vindex(_, places) => places.len(),
            Self::OnlyShard | Self::KeyspaceId(_) | Self::EveryShard => 0,
        }
    }
}

/// An UPDATE or DELETE of rows that no shard can find for itself: they are read, and locked, by a query
/// over all shards, and then changed by their keys, each where it is. All in one transaction.
///
/// A row of `input` is: the columns of the primary vindex, the key, the new values, and then what `lookups`
/// needs, in this order. A row
/// that comes several times is changed once, as its first row says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyedDml {
    pub keyspace: String,
    pub table: String,
    pub input: Primitive,
    /// The vindex's columns are the row's first.
    pub at: RowsAt,
    /// The columns of the key, printed.
    pub key: Vec<String>,
    /// The statement up to its conditions: the executor adds `where (<key>) in (...)`.
    pub query: String,
    /// The columns that get new values, printed. With none, one statement changes many rows; else each row has
    /// its own, which sets `column = :value`.
    pub new_values: Vec<String>,
    /// What happens to the rows' entries of owned lookups; positions in a row of `input`.
    pub lookups: Vec<LookupChange>,
}

/// An UPDATE of the columns that decide a row's shard: each row is read, deleted where it is, and inserted where
/// it belongs, or changed by its key where it stays. All in one transaction.
///
/// A row of `input` is: the old columns of the primary vindex, the key, all columns with their new values, and
/// then what `lookups` needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MoveRows {
    pub keyspace: String,
    pub table: String,
    pub input: Primitive,
    pub vindex: VindexRef,
    /// The columns of the key, printed.
    pub key: Vec<String>,
    /// `delete from t`
    pub delete: String,
    /// `insert into t(a, b) values `
    pub insert: String,
    /// `update t`
    pub update: String,
    /// The columns of a new row, printed.
    pub columns: Vec<String>,
    /// Where the new values of the vindex's columns are in a row of `input`.
    pub new_vindex: Vec<usize>,
    pub lookups: Vec<LookupChange>,
}

/// An INSERT or REPLACE of rows that a query gives, from anywhere to anywhere. The rows are read first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InsertRowsOf {
    pub keyspace: String,
    pub table: String,
    pub rows: GivenRows,
    /// `insert into t(a, b) values `
    pub prefix: String,
    /// ` on duplicate key update ...`
    pub suffix: String,
    pub ignore: bool,
    pub at: RowsAt,
    /// The column that a sequence gives values to, where the rows have none.
    pub generate: Option<GenerateRows>,
    /// The lookups that get entries of the rows; positions in a row.
    pub lookups: Vec<LookupChange>,
    /// Rows may be there already without an error: `IGNORE`, `ON DUPLICATE KEY UPDATE`.
    pub may_exist: bool,
}

/// The rows that a query gives to a write.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GivenRows {
    pub input: Primitive,
    /// The columns of a row. An input that gives others is an error (1136).
    pub width: usize,
    /// The input gives one row, in which the rows lie side by side.
    pub side_by_side: bool,
}

/// A write for each row that is given, one after the other, all or nothing. All rows are read before the first
/// write.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EachRow {
    /// `write` has a row's values as [`row_bind`].
    pub rows: GivenRows,
    pub write: Primitive,
}

/// The bind variable of a column of [`EachRow::rows`].
pub fn row_bind(column: usize) -> String {
    format!("__vt_each_{column}")
}

/// See [`super::Generate`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GenerateRows {
    pub keyspace: String,
    pub query: String,
    pub column: String,
    /// Its position among the rows' columns; none: it comes after them.
    pub at: Option<usize>,
}

/// `INSERT ... ON DUPLICATE KEY UPDATE`, row by row, all or nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Upsert {
    pub keyspace: String,
    pub table: String,
    pub rows: Vec<UpsertRow>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UpsertRow {
    /// By the table's keys in their order.
    pub conflicts: Vec<Conflict>,
    /// Where there is no row in the way.
    pub insert: Primitive,
}

/// The row that is in the way by one key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conflict {
    /// Gives its primary key and locks it.
    pub find: Primitive,
    /// None where nothing changes.
    pub update: Option<Primitive>,
}
