//! The server side: a connection's framing, its handshake, its answers.
//!
//! A [`Connection`] owns both halves of a socket, reads commands with a bound on their size, and gathers
//! answers in one buffer that is flushed when an answer ends or the buffer is large. Rows go from
//! `Row{lengths, values}` into packets in one pass.

mod answer;
mod binary;
mod connection;
mod handshake;
mod params;
mod stream;

pub use answer::OkPacket;
pub use connection::{Connection, Encode, MAX_COMMAND_BYTES};
pub use handshake::{
    Authenticated, Authenticator, ClientHello, Greeting, Proof, SERVER_CAPABILITIES, change_user, handshake,
    new_salt,
};
pub use params::{ExecuteHead, ParamType, read_execute_head, read_params};

#[cfg(test)]
mod tests;
