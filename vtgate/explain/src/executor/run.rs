//! See [`super`].

#[allow(dead_code)]
#[rustfmt::skip]
#[path = "../../../src/executor/run/resolve.rs"]
pub mod resolve;
