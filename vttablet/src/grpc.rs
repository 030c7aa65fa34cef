//! The tablet's two gRPC services: convert, call, convert; nothing else.

mod manager;
mod query;

use std::sync::Arc;

use rpc::{MAX_MESSAGE_BYTES, Routes};
use tonic::{Response, Status};
use vterrors::{Error, Result};

use crate::tablet::Tablet;

/// Adds the services to a server's routes.
pub fn add_services(routes: Routes, tablet: &Arc<Tablet>) -> Routes {
    let query = proto::queryservice::query_server::QueryServer::new(query::Service(Arc::clone(tablet)))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    manager::add_calls(query::add_calls(routes.add_service(query), tablet), tablet)
}

/// The answer of a call.
fn answer<T>(result: Result<T>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(rpc::status)
}

/// A call of Vitess's that this tablet does not have.
fn unsupported<T>(call: &str) -> Result<Response<T>, Status> {
    Err(rpc::status(Error::unsupported(format!("{call} is not supported by this tablet"))))
}
