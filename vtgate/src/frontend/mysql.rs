//! MySQL's protocol: one task a connection, from the handshake to the end of the session.

mod auth;
mod commands;
mod connection;
mod listener;
mod socket;
mod statements;
mod writer;

pub use auth::Users;
pub use listener::{MysqlServer, bind_unix, serve_tcp, serve_unix};

#[cfg(test)]
mod tests;
