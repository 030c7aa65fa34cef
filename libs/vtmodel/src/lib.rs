//! Value types of the vocabulary: key ranges, aliases, targets, tablet types, GTID sets, durability policies.
//!
//! Each type parses from and prints as Vitess's text, and converts to and from its message. No I/O.

mod alias;
mod durability;
pub mod gtid;
mod keyrange;
mod position;
mod tablet_type;
mod target;

pub use alias::TabletAlias;
pub use durability::{Durability, PromotionRule};
pub use keyrange::{KeyRange, is_range_shard_name, shards_cover_everything};
pub use position::Position;
pub use tablet_type::{parse_tablet_type, tablet_type_lower, tablet_type_name};
pub use target::{Target, TargetString};

pub use proto::topodata::TabletType;

/// A keyspace id: the bytes that a primary vindex makes of a row's sharding columns.
pub type KeyspaceId = Vec<u8>;

/// The name of the sidecar database where a keyspace names none.
pub const DEFAULT_SIDECAR_DB: &str = "_vt";

/// Whether `name` is the keyspace's [`default_db_name`].
pub fn is_default_db_name(name: &str, keyspace: &str) -> bool {
    name.strip_prefix("vt_") == Some(keyspace)
}

/// The database of a keyspace on its mysqlds, where the tablet's record names none.
pub fn default_db_name(keyspace: &str) -> String {
    format!("vt_{keyspace}")
}
