//! gRPC between our processes: channels, servers, and errors that keep Vitess's codes.
//!
//! `vtrpc.Code` has 17 and 18, which `tonic::Code` does not know. [`codes`] maps them at the HTTP/2
//! trailer in both directions, in one layer that every server and every channel of ours has; the rest of
//! the code sees only [`vterrors::Error`], made by [`error_of`] and turned into a status by [`status`].
//!
//! A server's own answer is told from a broken wire: only the latter is `Unreachable` (nothing was sent)
//! or `ConnectionLost` (nobody knows).

mod channel;
mod codes;
mod server;
mod status;

pub use channel::{Channel, ChannelOptions, connect_lazy, connect_unix};
pub use codes::CodeLayer;
pub use server::{Routes, routes, serve, serve_unix};
pub use status::{error_of, status};

/// The largest message in both directions, as Vitess's `--grpc-max-message-size` has it.
pub const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// HTTP/2 windows: large enough that a stream of rows does not wait for acknowledgements.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;

#[cfg(test)]
mod tests;
