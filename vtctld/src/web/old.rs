//! The routes that scripts have asked since before there were pages: names, records, raw nodes. A fault is plain text.

use axum::{
    Json,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use ops::{Vtctld, json};
use proto::vtctldata::{GetKeyspaceRequest, GetKeyspacesRequest, GetTopologyPathRequest};
use serde::Deserialize;
use vterrors::{Error, Result};

use super::{Shared, answer::status_of};

/// An error as a page: the status that fits, and the text.
pub(super) struct TextFault(Error);

impl From<Error> for TextFault {
    fn from(e: Error) -> Self {
        Self(e)
    }
}

impl IntoResponse for TextFault {
    fn into_response(self) -> Response {
        (status_of(self.0.code()), self.0.to_string()).into_response()
    }
}

pub(super) async fn keyspaces(State(web): State<Shared>) -> Result<impl IntoResponse, TextFault> {
    let found = web.ops.get_keyspaces(GetKeyspacesRequest {}).await?;
    Ok(Json(found.keyspaces.into_iter().map(|k| k.name).collect::<Vec<_>>()))
}

pub(super) async fn keyspace(
    State(web): State<Shared>,
    Path(keyspace): Path<String>,
) -> Result<impl IntoResponse, TextFault> {
    let found = web.ops.get_keyspace(GetKeyspaceRequest { keyspace }).await?;
    let record = found.keyspace.and_then(|k| k.keyspace).unwrap_or_default();
    Ok(Json(json::to_value("topodata.Keyspace", &record, json::Style::default())?))
}

/// Which of a directory's children; all without a limit.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Window {
    offset: usize,
    limit: Option<usize>,
}

pub(super) async fn topo_root(
    web: State<Shared>,
    window: Query<Window>,
) -> Result<impl IntoResponse, TextFault> {
    topo_path(web, Path(String::new()), window).await
}

pub(super) async fn topo_path(
    State(web): State<Shared>,
    Path(path): Path<String>,
    Query(window): Query<Window>,
) -> Result<impl IntoResponse, TextFault> {
    let request = GetTopologyPathRequest { path: format!("/{path}"), as_json: true, ..Default::default() };
    let mut cell = web.ops.get_topology_path(request).await?.cell.unwrap_or_default();
    let count = cell.children.len();
    if let Some(limit) = window.limit {
        cell.children = cell.children.into_iter().skip(window.offset).take(limit).collect();
    }
    let mut answer = json::to_value("vtctldata.TopologyCell", &cell, json::Style::default())?;
    if let (Some(_), Some(object)) = (window.limit, answer.as_object_mut()) {
        object.insert("children_count".into(), count.into());
    }
    Ok(Json(answer))
}
