//! Where clients come in.

pub mod grpc;
pub mod mysql;
