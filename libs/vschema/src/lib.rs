//! The VSchema: which tables a keyspace has, which columns place a row, and how values become shards.
//!
//! [`VSchema`] is built once from the served `SrvVSchema` message and never changes; a new message makes
//! a new one. Vindexes are pure functions from values to keyspace ids ([`Vindex`]); [`ShardTable`] finds
//! the shard of a keyspace id. No I/O: the two vindexes that name a file get its text from the caller.
//!
//! What must hold: equal values of a column give equal keyspace ids, in this program and in Vitess; where
//! a value could equal rows at several keyspace ids (text compared with a number, say) mapping for a read
//! says [`Mapped::Anywhere`], and mapping for a write is an error. A row's place is that of what its columns
//! store, which is not always what they were given ([`KeyColumn`]).

mod alter;
mod resolve;
mod schema;
mod shards;
mod validate;
mod value;
mod vindex;

pub use alter::{alter, named_keyspace};
pub use resolve::{Files, no_files};
pub use schema::{
    AutoIncrement, Column, ColumnDefault, ColumnVindex, Keyspace, Table, TableKind, TrackedTable,
    VINDEX_COLUMN_BYTES, VINDEX_COLUMNS, VSchema,
};
pub use shards::{ShardRef, ShardTable};
pub use validate::{Problem, Subject, unknown_params, validate};
pub use value::VindexValue;
pub use vindex::{
    KeyColumn, Lookup, LookupKind, Mapped, SingleColumn, Vindex, VindexParams, hash_of_number,
    loose_md5_number, next_keyspace_id, number_of_hash,
};

/// The type of a column.
pub use proto::query::Type as ColumnType;
