//! What can go wrong with a lock server, as its callers decide by it.
//!
//! The texts are Vitess's, because its tools and tests look for them ("node doesn't exist").

use vterrors::{Condition, Error};

/// The errors a caller of the topology acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Create of something that is there already.
    NodeExists,
    /// The node is not there.
    NoNode,
    /// The node changed since it was read.
    BadVersion,
    /// The lock server did not answer in time, or a lock was not free in time.
    Timeout,
    /// The lock server could not be reached, or went away in mid-call.
    Unavailable,
    /// Anything else.
    Other,
}

/// The kind of an error that came out of this crate (or over gRPC from a service that passed it on).
pub fn kind(e: &Error) -> ErrorKind {
    match e.condition() {
        Condition::AlreadyExists => ErrorKind::NodeExists,
        Condition::NotFound => ErrorKind::NoNode,
        Condition::BadVersion => ErrorKind::BadVersion,
        Condition::Timeout => ErrorKind::Timeout,
        Condition::Unreachable | Condition::ConnectionLost => ErrorKind::Unavailable,
        _ => ErrorKind::Other,
    }
}

/// Whether `e` says that the node is not there.
pub fn is_no_node(e: &Error) -> bool {
    kind(e) == ErrorKind::NoNode
}

/// `path` is not there.
pub fn no_node(path: impl std::fmt::Display) -> Error {
    Error::new(Condition::NotFound, format!("node doesn't exist: {path}"))
}

/// `path` is there already.
pub fn node_exists(path: impl std::fmt::Display) -> Error {
    Error::new(Condition::AlreadyExists, format!("node already exists: {path}"))
}

/// `path` changed since it was read.
pub(crate) fn bad_version(path: impl std::fmt::Display) -> Error {
    Error::new(Condition::BadVersion, format!("bad node version: {path}"))
}

/// `what` did not end in time.
pub(crate) fn timeout(what: impl std::fmt::Display, after: std::time::Duration) -> Error {
    Error::new(Condition::Timeout, format!("deadline exceeded: {what} after {after:?}"))
}

/// The lock server cannot be reached.
pub(crate) fn unavailable(what: impl std::fmt::Display) -> Error {
    Error::new(Condition::Unreachable, format!("topology server is not reachable: {what}"))
}

/// Gives `None` for a missing node, so that a caller can say what missing means.
pub(crate) fn optional<T>(result: vterrors::Result<T>) -> vterrors::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if is_no_node(&e) => Ok(None),
        Err(e) => Err(e),
    }
}
