//! gRPC between our processes: channels, servers, and errors that keep Vitess's codes.
//!
//! Both sides speak to `h2` themselves ([`channel`], [`server`]); services and clients that are generated for
//! tonic run on top, and calls that have to be fast do without ([`Channel::unary`], [`Routes::unary`]).
//!
//! `vtrpc.Code` has 17 and 18, which `tonic::Code` does not know. [`codes`] maps them at the HTTP/2
//! trailer in both directions, on every server and every channel of ours; the rest of the code sees only
//! [`vterrors::Error`], made by [`error_of`] and turned into a status by [`status`].
//!
//! A server's own answer is told from a broken wire: only the latter is `Unreachable` (nothing was sent)
//! or `ConnectionLost` (nobody knows).

mod channel;
mod codes;
mod options;
mod server;
mod status;
mod trace;
mod wire;

pub use channel::{Channel, ChannelOptions, Connector, Network, Stream, connect_lazy, connect_unix};
pub use options::{
    GrpcServerTlsOptions, OtelOptions, TabletGrpcOptions, TabletManagerGrpcOptions, VtctldGrpcOptions,
    VtgateGrpcOptions,
};
pub use server::{
    Answered, Listener, Peer, Routes, decode, encode, routes, serve, serve_stream, serve_unix, snake_case,
};
pub use status::{error_of, status};
pub use trace::trace_parent;
pub use wire::time_limit;

/// The largest message in both directions, as Vitess's `--grpc-max-message-size` has it.
pub const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// The metadata key with which vtctldclient says who runs it, as `user@host`: by its own word, for histories.
pub const CALLER_KEY: &str = "vivace-caller";

/// The calls that tell what a reparent would do: with the messages of Vitess's RPCs of these names, in a service of ours, so
/// that a server that does not know of dry runs refuses them.
pub const DRY_RUN_PLANNED_REPARENT: &str = "/vivace.DryRun/PlannedReparentShard";
pub const DRY_RUN_EMERGENCY_REPARENT: &str = "/vivace.DryRun/EmergencyReparentShard";

/// HTTP/2 windows: large enough that a stream of rows does not wait for acknowledgements. What is received and not
/// read yet is bounded for each stream; the connection's window is so large that a few streams that nobody reads
/// do not hold up the others.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 30;
/// The largest frame that is taken: rows come in few.
const FRAME_BYTES: u32 = 256 << 10;
/// The largest head or trailers that are taken: a text of an error has to fit, escaped.
const HEADERS_BYTES: u32 = 64 << 10;
/// What one stream may have waiting to be sent.
const SEND_BUFFER_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests;
