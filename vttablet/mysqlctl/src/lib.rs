//! The life of one mysqld: where its files are, its my.cnf, initialising, starting, stopping, removing;
//! and the words it has to be spoken to in ([`flavor`]).
//!
//! What must hold:
//! - The layout is Vitess's: everything of tablet `uid` lies under `$VTDATAROOT/vt_<uid %010d>`.
//! - A server starts read-only and does not start replication by itself: whoever owns the tablet decides.
//! - An error of a start or a stop names the server's error log and quotes its last lines.
//! - Texts and parsing are pure ([`Flavor`], [`Mycnf`]); [`Mysqld`] alone touches processes and files.

pub mod binaries;
pub mod flavor;
pub mod grpc;
pub mod initsql;
pub mod mycnf;
pub mod mysqld;
pub mod options;
pub mod process;
pub mod remote;
pub mod supervisor;
mod unfinished;

pub use binaries::Binaries;
pub use flavor::{Flavor, FlavorKind, NamedRow, ServerVersion, Source, detect};
pub use mycnf::{CnfOptions, Mycnf};
pub use mysqld::{Mysqld, mysql_error};
pub use remote::RemoteMysqld;
