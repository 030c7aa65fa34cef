//! RPCs of the control plane that only read, as JSON: the body is the request, the answer the response, both in the
//! form that `vtctldclient` prints.

use std::time::Duration;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
};
use ops::json;
use serde_json::Value;
use topo::HistoryEntry;

use super::{
    Shared,
    answer::{Answer, Fault},
};
use crate::grpc::operation;

/// What may be asked.
pub(super) const READS: &[&str] = &[
    "FindAllShardsInKeyspace",
    "GetCellInfo",
    "GetCellInfoNames",
    "GetCellsAliases",
    "GetFullStatus",
    "GetKeyspace",
    "GetKeyspaceRoutingRules",
    "GetMirrorRules",
    "GetRoutingRules",
    "GetSchema",
    "GetShard",
    "GetShardReplication",
    "GetShardRoutingRules",
    "GetSrvKeyspaces",
    "GetTablet",
    "GetVSchema",
    "ShardReplicationPositions",
];

/// The longest that one may take: somebody waits in front of a page.
const LIMIT: Duration = Duration::from_secs(15);
/// The largest answer, encoded.
const MAX_BYTES: usize = 4 << 20;

pub(super) async fn read(State(web): State<Shared>, Path(rpc): Path<String>, bytes: Bytes) -> Answer<Value> {
    let known = READS.contains(&rpc.as_str()).then(|| operation(&rpc::snake_case(&rpc))).flatten();
    let Some(run) = known else {
        let text = format!("{rpc} is nothing that can be read here: {}", READS.join(", "));
        return Err(Fault::new(StatusCode::NOT_FOUND, text));
    };
    let text = std::str::from_utf8(&bytes).map_err(|e| Fault::new(StatusCode::BAD_REQUEST, e.to_string()))?;
    let request = json::json_to_bytes(&format!("vtctldata.{rpc}Request"), text)?;
    let answer = tokio::time::timeout(LIMIT, run(web.ops.clone(), request.into())).await;
    let answer = answer.map_err(|_| {
        Fault::new(StatusCode::SERVICE_UNAVAILABLE, format!("{rpc}: no answer within {LIMIT:?}"))
    })??;
    if answer.len() > MAX_BYTES {
        let text = format!(
            "{rpc}: the answer has {} bytes, at most {MAX_BYTES} are shown: ask for less",
            answer.len()
        );
        return Err(Fault::new(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    Ok(Json(json::bytes_to_value(&format!("vtctldata.{rpc}Response"), &answer, json::Style::default())?))
}

pub(super) async fn history(
    State(web): State<Shared>,
    Path(keyspace): Path<String>,
) -> Answer<Vec<HistoryEntry>> {
    Ok(Json(web.ops.topo.get_history(Some(&keyspace)).await?))
}

pub(super) async fn cluster_history(State(web): State<Shared>) -> Answer<Vec<HistoryEntry>> {
    Ok(Json(web.ops.topo.get_history(None).await?))
}
