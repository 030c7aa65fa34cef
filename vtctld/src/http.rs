//! vtctld's own pages: what the web pages and scripts read without gRPC.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
    routing::get,
};
use ops::{Ops, Vtctld, json};
use proto::vtctldata::{GetKeyspaceRequest, GetKeyspacesRequest, GetTopologyPathRequest};
use servenv::{Context, html_escape};
use vterrors::{Code, Error, Result};

use crate::Options;

pub(crate) fn add_pages(context: &Context, ops: &Arc<Ops>, options: &Options) {
    let routes = Router::new()
        .route("/api/keyspaces/", get(keyspaces))
        .route("/api/keyspaces/{keyspace}", get(keyspace))
        .route("/api/topodata/", get(topo_root))
        .route("/api/topodata/{*path}", get(topo_path))
        .with_state(ops.clone());
    context.pages.add_routes(routes);
    let topo = &options.topo;
    let text = format!(
        "<p>{} at <code>{}</code>, root <code>{}</code></p>",
        html_escape(&topo.topo_implementation),
        html_escape(&topo.topo_global_server_address.join(",")),
        html_escape(&topo.topo_global_root)
    );
    context.pages.add_section("Topology", move || text.clone());
}

/// An error as a page: the status that fits, and the text.
struct Fault(Error);

impl From<Error> for Fault {
    fn from(e: Error) -> Self {
        Self(e)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> axum::response::Response {
        let status = match self.0.code() {
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::InvalidArgument => StatusCode::BAD_REQUEST,
            Code::Unavailable | Code::DeadlineExceeded => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, self.0.to_string()).into_response()
    }
}

async fn keyspaces(State(ops): State<Arc<Ops>>) -> Result<impl IntoResponse, Fault> {
    let found = ops.get_keyspaces(GetKeyspacesRequest {}).await?;
    Ok(Json(found.keyspaces.into_iter().map(|k| k.name).collect::<Vec<_>>()))
}

async fn keyspace(
    State(ops): State<Arc<Ops>>,
    Path(keyspace): Path<String>,
) -> Result<impl IntoResponse, Fault> {
    let found = ops.get_keyspace(GetKeyspaceRequest { keyspace }).await?;
    let record = found.keyspace.and_then(|k| k.keyspace).unwrap_or_default();
    Ok(Json(json::to_value("topodata.Keyspace", &record, json::Style::default())?))
}

async fn topo_root(ops: State<Arc<Ops>>) -> Result<impl IntoResponse, Fault> {
    topo_path(ops, Path(String::new())).await
}

async fn topo_path(
    State(ops): State<Arc<Ops>>,
    Path(path): Path<String>,
) -> Result<impl IntoResponse, Fault> {
    let request = GetTopologyPathRequest { path: format!("/{path}"), as_json: true, ..Default::default() };
    let cell = ops.get_topology_path(request).await?.cell.unwrap_or_default();
    Ok(Json(json::to_value("vtctldata.TopologyCell", &cell, json::Style::default())?))
}
