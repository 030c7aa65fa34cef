//! The MySQL client/server protocol: framing, the server side for clients of the gate, and the raw
//! client path of the tablet.
//!
//! Written from the protocol's public documentation ("MySQL Internals: Client/Server Protocol"). Every
//! packet that a peer sends is read with bounds: a malformed one is an error of that connection alone.

pub mod auth;
pub mod client;
pub mod constants;
pub mod packet;
pub mod server;
