//! The query router: speaks MySQL's protocol and gRPC to clients, and gRPC to tablets.
//!
//! A statement's way: [`frontend`] reads it, [`executor`] finds its plan (by fingerprint, without parsing,
//! when it was seen before) and runs it; [`gateway`] chooses the tablets; [`tx`] holds their transactions
//! together; [`schema`] is the watched layout that plans are made from; [`observe`] tells of statements.

mod config;
mod executor;
mod frontend;
mod gateway;
mod metrics;
mod observe;
mod pages;
mod schema;
mod session;
mod start;
mod tx;

pub use config::{Config, Options};
pub use start::start;
