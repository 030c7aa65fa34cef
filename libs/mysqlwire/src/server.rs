//! The server side: a connection's framing, its handshake, its answers.
//!
//! A [`Connection`] owns both halves of a socket, reads commands with a bound on their size, and gathers
//! answers in one buffer that is flushed when an answer ends or the buffer is large. Rows go from
//! `Row{lengths, values}` into packets in one pass.

mod answer;
mod connection;
mod handshake;

pub use answer::OkPacket;
pub use connection::{Connection, MAX_COMMAND_BYTES};
pub use handshake::{
    Authenticated, Authenticator, ClientHello, Greeting, Proof, SERVER_CAPABILITIES, handshake, new_salt,
};

#[cfg(test)]
mod tests;
