//! The live picture over HTTP, by pages.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use serde_json::{Value, json};
use vtmodel::TabletAlias;

use super::{
    Shared,
    answer::{Answer, Fault},
};
use crate::live::{KeyspaceQuery, KeyspacesPage, TabletQuery, TabletRow};

pub(super) async fn keyspaces(
    State(web): State<Shared>,
    Query(query): Query<KeyspaceQuery>,
) -> Answer<KeyspacesPage> {
    Ok(Json(web.live.picture().await?.keyspaces_page(&query)))
}

pub(super) async fn tablets(State(web): State<Shared>, Query(query): Query<TabletQuery>) -> Answer<Value> {
    let picture = web.live.picture().await?;
    Ok(Json(json!(picture.tablets_page(&query))))
}

pub(super) async fn tablet(
    State(web): State<Shared>,
    Path(alias): Path<TabletAliasText>,
) -> Answer<TabletRow> {
    let alias: TabletAlias = alias.parse()?;
    let picture = web.live.picture().await?;
    let missing =
        || Fault::new(StatusCode::NOT_FOUND, format!("there is no tablet {alias}: see the list of tablets"));
    Ok(Json(picture.tablet(&alias).cloned().ok_or_else(missing)?))
}

/// `zone1-101` or `zone1-0000000101`.
type TabletAliasText = String;
