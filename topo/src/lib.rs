//! The lock server: typed records, compare-and-swap, locks, elections and watches.
//!
//! A [`Conn`] is one connection to one root of a lock server and knows bytes under paths; the backends
//! are [`etcd`] and [`memory`]. A [`Server`] is what the rest of the suite holds: one `Conn` to the
//! global root, one to each cell opened when first needed, and typed records over them in Vitess's
//! exact key layout and encoding ([`paths`]).
//!
//! What must hold:
//! - Every call ends: reads and writes within `--remote-operation-timeout`, those of a cell within a third of it and
//!   soon where the cell is silent, locks within `--lock-timeout`.
//! - A change of a shared record is a compare-and-swap, or is made under the lock that guards it.
//! - A watch never ends by itself and never spins: with the lock server gone it keeps the last value,
//!   backs off, and reads everything again when the server is back ([`watch`]).
//! - Nobody outside sees the backend's types: errors are `vterrors` with a [`ErrorKind`].

mod around;
mod chunks;
mod conn;
mod errors;
pub mod etcd;
mod lock;
pub mod memory;
mod options;
pub mod paths;
pub mod rebuild;
mod server;
pub mod watch;

pub use chunks::{Layout, MAX_NODE_BYTES};
pub use conn::{
    Change, Conn, DirEntry, Entry, HeldLock, LockRequest, Version, Versioned, WatchTarget, Watching,
};
pub use errors::{ErrorKind, is_no_node, kind, no_node, node_exists};
pub use lock::{Holder, LockGuard};
pub use options::{Implementation, TlsFiles, TopoConfig, TopoOptions};
pub use rebuild::stale::StaleGraph;
pub use server::{
    CellFactory, Edit, FoundTablets, GLOBAL_CELL, HistoryEntry, Server, ShardInfo, check_name, denied_tables,
    parse_shard_name,
};
pub use watch::Seen;
