//! The raw client path to a mysqld: what vttablet's serving path speaks.
//!
//! It owns one connection: handshake, commands, and reading the answer. Rows are not made into objects: a
//! row packet is compacted in the buffer it was read into and leaves as `query::Row {lengths, values}`,
//! `values` being a slice of that buffer. So a row costs one allocation (its lengths) and its bytes are
//! moved once after the kernel's copy.
//!
//! What must hold:
//! - **A connection whose answer was not read to its end is never used again.** Every command marks the
//!   connection unusable first and usable again at its clean end; a future that is dropped in between
//!   leaves it unusable ([`Conn::is_usable`]), and the next command on it is refused.
//! - An error packet of mysqld becomes `vterrors::Error::mysql` with its number, state and text unchanged.
//! - Nothing here waits without a limit but on the server's answer; the caller puts a deadline on a query
//!   and ends it with `KILL QUERY` through another connection ([`Conn::connection_id`]).
//!
//! Facts: MySQL's "Client/Server Protocol" (internals manual), and MariaDB's knowledge base of the same.

mod auth;
mod capability;
mod conn;
mod cursor;
mod field;
mod framing;
mod handshake;
mod options;
mod response;
mod results;
mod row;
mod stream;

pub use conn::Conn;
pub use options::{
    Address, ConnectOptions, GtidTracking, Tls, collation_of_charset, default_utf8mb4_collation,
};
pub use results::{Chunk, QueryOptions, ResultStream};

#[cfg(test)]
mod tests;
