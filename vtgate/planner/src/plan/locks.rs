//! The plan's part for MySQL's locks by name.

use serde::Serialize;

/// A query with `GET_LOCK` and its like: it goes to the one shard that keeps the locks of all sessions, on a
/// connection that the session has for its locks alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Locks {
    /// The first keyspace by name; its first shard keeps the locks.
    pub keyspace: String,
    pub query: String,
    /// What each column of the one row tells of the session's locks; `None` where the query does not give the
    /// functions' values as they are.
    pub columns: Option<Vec<LockColumn>>,
    /// Whether locks may be taken: a query that takes none needs no connection of the session's own.
    pub takes: bool,
    /// `DO`: the client gets no rows.
    pub is_do: bool,
}

/// What the value of a column says of the number of locks that a session holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum LockColumn {
    /// `GET_LOCK`: 1 is one more (also of a lock that the session has already).
    Get,
    /// `RELEASE_LOCK`: 1 is one less.
    Release,
    /// `RELEASE_ALL_LOCKS`: none is left.
    ReleaseAll,
    /// Nothing.
    Other,
}
