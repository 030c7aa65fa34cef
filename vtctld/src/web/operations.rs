//! RPCs that change something: tried first, then begun as a job that goes on by itself, whoever goes away.

mod dry_run;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::StatusCode,
};
use ops::json;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Shared,
    answer::{Answer, Fault, body},
    guard::Caller,
    jobs::{JobView, Work},
};
use crate::grpc::operation;

/// What may be begun.
pub(super) const OPERATIONS: &[&str] = &[
    "ApplySchema",
    "ApplyVSchema",
    "ChangeTabletType",
    "CreateKeyspace",
    "CreateShard",
    "DeleteKeyspace",
    "DeleteShards",
    "DeleteTablets",
    "EmergencyReparentShard",
    "PingTablet",
    "PlannedReparentShard",
    "RebuildKeyspaceGraph",
    "RebuildVSchemaGraph",
    "RefreshState",
    "RefreshStateByShard",
    "ReloadSchema",
    "ReloadSchemaKeyspace",
    "ReloadSchemaShard",
    "ReparentTablet",
    "RunHealthCheck",
    "SetKeyspaceDurabilityPolicy",
    "SetShardIsPrimaryServing",
    "SetVtorcEmergencyReparent",
    "SetWritable",
    "StartReplication",
    "StopReplication",
    "Validate",
    "ValidateKeyspace",
    "ValidateShard",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    name: String,
    request: Value,
    #[serde(default)]
    dry_run: bool,
}

/// Begins an operation and answers with its job, or tells what it would do.
pub(super) async fn begin(
    State(web): State<Shared>,
    Extension(caller): Extension<Caller>,
    bytes: Bytes,
) -> Answer<Value> {
    let Begin { name, request, dry_run } = body(&bytes)?;
    let Some(known) = OPERATIONS.iter().find(|known| **known == name) else {
        let text = format!("{name} is no operation of these pages: {}", OPERATIONS.join(", "));
        return Err(Fault::new(StatusCode::NOT_FOUND, text));
    };
    let encoded = json::json_to_bytes(&format!("vtctldata.{name}Request"), &request.to_string())?;
    if dry_run {
        return Ok(Json(json!(dry_run::tell(&web.ops, known, &request).await?)));
    }
    let run = operation(&rpc::snake_case(known))
        .ok_or_else(|| Fault::new(StatusCode::NOT_IMPLEMENTED, format!("{name} is not there yet")))?;
    let ops = web.ops.acting_as(&caller.name);
    let response = format!("vtctldata.{name}Response");
    let work: Work = Box::pin(async move {
        let answer = run(ops.into(), encoded.into()).await?;
        json::bytes_to_value(&response, &answer, json::Style { compact: true })
    });
    let id = web.jobs.begin(known, &caller.name, request, work)?;
    Ok(Json(json!({ "id": id })))
}

/// The last jobs, newest first.
pub(super) async fn list(State(web): State<Shared>) -> Json<Vec<JobView>> {
    Json(web.jobs.list())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct From {
    /// Lines of the log that are known already.
    after: usize,
}

/// A job, with its log and what came of it.
pub(super) async fn show(
    State(web): State<Shared>,
    Path(id): Path<u64>,
    Query(from): Query<From>,
) -> Answer<JobView> {
    let missing = || {
        Fault::new(
            StatusCode::NOT_FOUND,
            format!("operation {id} is not known (any more): vtctld keeps the last ones until it restarts"),
        )
    };
    Ok(Json(web.jobs.show(id, from.after).ok_or_else(missing)?))
}
