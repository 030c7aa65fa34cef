//! MySQL's protocol: one task a connection, from the handshake to the end of the session.

mod auth;
mod connection;
mod listener;
mod writer;

pub use auth::Users;
pub use listener::{MysqlServer, bind_unix, serve_tcp, serve_unix};
