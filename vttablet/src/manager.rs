//! The tablet's manager: its life in the topology and in replication, and what the control plane asks of it.
//!
//! One file a domain. What changes the tablet's type, its replication or its read-only mode happens under
//! [`crate::tablet::Tablet::action`], one at a time.

pub mod disk;
pub mod errant;
pub mod fetch;
pub mod health_check;
pub mod init;
pub mod locks;
pub mod permissions;
pub mod refill;
pub mod reparent;
pub mod replication;
pub mod schema;
pub mod server_run;
pub mod shard_sync;
pub mod sidecar;
pub mod status;
pub mod types;
