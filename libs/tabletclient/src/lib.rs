//! Typed clients of a tablet's two services.
//!
//! The query service is behind [`QueryService`], the manager behind [`TabletManagerClient`], so that the
//! transport can change and tests can stand in for a tablet. Errors are [`vterrors::Error`]; tonic's types
//! stay in here. Where a peer reports an error in-band (begin and reserve answers), the answer is
//! returned whole: the ids in it must not be lost.

mod manager;
mod query;

pub use manager::{GrpcTabletManagerClient, TabletManagerClient};
pub use query::{QueryClient, QueryService, RowStream};

use vterrors::{Error, Result};

/// `host:port` of a tablet's gRPC server.
pub fn grpc_address(tablet: &proto::topodata::Tablet) -> Result<String> {
    let alias = tablet.alias.as_ref().map(|a| format!("{}-{:010}", a.cell, a.uid)).unwrap_or_default();
    let port = tablet.port_map.get("grpc").ok_or_else(|| {
        Error::invalid(format!("tablet {alias} has no grpc port in its record: is it running?"))
    })?;
    if tablet.hostname.is_empty() {
        return Err(Error::invalid(format!("tablet {alias} has no hostname in its record: is it running?")));
    }
    Ok(format!("{}:{port}", tablet.hostname))
}
