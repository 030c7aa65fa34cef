//! Who did what to a keyspace: each operation that changes something leaves an entry in the topology.
//!
//! It happens around the operations themselves, so that an entry is there whichever way a request came: gRPC, the web
//! pages, or `--server internal`. An entry that cannot be written is logged and changes nothing of the operation's
//! outcome. Dry runs and reads leave none; SQL that may hold a password is not kept.
//!
//! Who asked is what the way knows: a name from a certificate, a signed-in user, or what vtctldclient says of itself, which
//! is marked as unproven. vtorc adds its repairs by itself (`vtorc/src/history.rs`).

use std::{
    collections::BTreeSet,
    time::{Duration, Instant, SystemTime},
};

use prost::Message;
use serde_json::{Map, Value};
use topo::HistoryEntry;
use vterrors::Error;
use vtmodel::TabletAlias;

use crate::{Ops, json};

/// The operations that are kept.
const KEPT: &[&str] = &[
    "add_cell_info",
    "add_cells_alias",
    "apply_keyspace_routing_rules",
    "apply_routing_rules",
    "apply_schema",
    "apply_shard_routing_rules",
    "apply_v_schema",
    "change_tablet_type",
    "create_keyspace",
    "create_shard",
    "delete_cell_info",
    "delete_cells_alias",
    "delete_keyspace",
    "delete_shards",
    "delete_srv_v_schema",
    "delete_tablets",
    "emergency_reparent_shard",
    "execute_fetch_as_dba",
    "execute_multi_fetch_as_dba",
    "init_shard_primary",
    "planned_reparent_shard",
    "rebuild_keyspace_graph",
    "rebuild_v_schema_graph",
    "reparent_tablet",
    "set_keyspace_durability_policy",
    "set_shard_is_primary_serving",
    "set_vtorc_emergency_reparent",
    "set_writable",
    "start_replication",
    "stop_replication",
    "tablet_externally_reparented",
    "update_cell_info",
    "update_cells_alias",
];

/// The longest that an operation's answer waits for its entry.
const WRITE_LIMIT: Duration = Duration::from_secs(2);

/// What is kept of one value of a request, of a request, and of an error, in bytes.
const MAX_VALUE_BYTES: usize = 160;
const MAX_REQUEST_BYTES: usize = 400;
const MAX_ERROR_BYTES: usize = 400;

/// An operation that has begun.
pub(crate) struct Begun {
    entry: HistoryEntry,
    /// None: it concerns the cluster as a whole.
    keyspaces: BTreeSet<String>,
    started: Instant,
}

/// Notes that an operation begins; none for one that leaves no entry. A request that deletes a tablet is asked for the
/// tablet's keyspace here, while there is a record.
pub(crate) async fn begin<M: Message>(
    ops: &Ops,
    method: &str,
    request_type: &str,
    request: &M,
) -> Option<Begun> {
    if !KEPT.contains(&method) {
        return None;
    }
    let value = json::to_value(&format!("vtctldata.{request_type}"), request, json::Style { compact: true });
    let Value::Object(fields) = value.ok()? else { return None };
    if fields.get("dry_run").is_some_and(|v| v == true) || only_reads(&fields) {
        return None;
    }
    let aliases = aliases(&fields);
    let keyspaces = keyspaces(ops, method, &fields, &aliases).await;
    let entry = HistoryEntry {
        at: rfc3339(SystemTime::now()),
        who: ops.actor.to_string(),
        operation: request_type.trim_end_matches("Request").to_owned(),
        target: target(&fields, &aliases),
        request: shortened(fields),
        took_ms: 0,
        error: None,
    };
    Some(Begun { entry, keyspaces, started: Instant::now() })
}

/// Whether it is SQL for one tablet that changes nothing: scripts send much of that.
fn only_reads(fields: &Map<String, Value>) -> bool {
    use sqlast::StatementKind::{Explain, Select, Show};
    let query = fields.get("query").and_then(Value::as_str);
    query.is_some_and(|sql| matches!(sqlast::preview(sql.as_bytes()), Select | Show | Explain))
}

/// Writes the entry of an operation that has ended.
pub(crate) async fn end(ops: &Ops, begun: Option<Begun>, error: Option<&Error>) {
    let Some(Begun { mut entry, mut keyspaces, started }) = begun else { return };
    entry.took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    entry.error = error.map(|e| cut(e.to_string(), MAX_ERROR_BYTES));
    let write = async {
        if entry.operation == "DeleteKeyspace" && error.is_none() {
            // The history goes with its keyspace; that it went is the cluster's.
            for keyspace in std::mem::take(&mut keyspaces) {
                entry.target.clone_from(&keyspace);
                ops.topo.delete_history(&keyspace).await?;
            }
        }
        if keyspaces.is_empty() {
            return ops.topo.add_to_history(None, &entry).await;
        }
        for keyspace in &keyspaces {
            ops.topo.add_to_history(Some(keyspace), &entry).await?;
        }
        Ok(())
    };
    let fault = match tokio::time::timeout(WRITE_LIMIT, write).await {
        Ok(Ok(())) => return,
        Ok(Err(e)) => e.to_string(),
        Err(_) => format!("not done within {WRITE_LIMIT:?}"),
    };
    tracing::warn!(operation = entry.operation, "its entry in the history is not written: {fault}");
}

/// The tablets that a request is about.
fn aliases(fields: &Map<String, Value>) -> Vec<TabletAlias> {
    let one = |v: &Value| {
        let uid = v.get("uid")?.as_u64().and_then(|uid| u32::try_from(uid).ok())?;
        Some(TabletAlias::new(v.get("cell")?.as_str()?, uid))
    };
    let named = ["tablet_alias", "tablet"].iter().filter_map(|field| fields.get(*field));
    let listed = fields.get("tablet_aliases").and_then(Value::as_array).into_iter().flatten();
    named.chain(listed).filter_map(one).collect()
}

async fn keyspaces(
    ops: &Ops,
    method: &str,
    fields: &Map<String, Value>,
    aliases: &[TabletAlias],
) -> BTreeSet<String> {
    let text = |v: Option<&Value>| v.and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_owned);
    let mut found: BTreeSet<String> = text(fields.get("keyspace")).into_iter().collect();
    if method == "create_keyspace" {
        found.extend(text(fields.get("name")));
    }
    let shards = fields.get("shards").and_then(Value::as_array).into_iter().flatten();
    found.extend(shards.filter_map(|shard| text(shard.get("keyspace"))));
    let records = aliases.iter().map(|alias| ops.topo.get_tablet(alias));
    let records = futures::future::join_all(records).await;
    found.extend(records.into_iter().filter_map(|r| Some(r.ok()?.value.keyspace)));
    found
}

/// The shard, tablet or cell in a request.
fn target(fields: &Map<String, Value>, aliases: &[TabletAlias]) -> String {
    if !aliases.is_empty() {
        let aliases: Vec<String> = aliases.iter().map(ToString::to_string).collect();
        return cut(aliases.join(", "), MAX_VALUE_BYTES);
    }
    let shards = fields.get("shards").and_then(Value::as_array).into_iter().flatten();
    let shards: Vec<&str> = shards.filter_map(|s| s.get("name")?.as_str()).collect();
    if !shards.is_empty() {
        return cut(shards.join(", "), MAX_VALUE_BYTES);
    }
    let named = ["shard", "shard_name", "cell", "name"].iter().find_map(|field| fields.get(*field)?.as_str());
    named.unwrap_or_default().to_owned()
}

/// A request as short JSON.
fn shortened(fields: Map<String, Value>) -> String {
    let short: Map<String, Value> = fields.into_iter().map(|(name, v)| (name, short_value(v))).collect();
    cut(Value::Object(short).to_string(), MAX_REQUEST_BYTES)
}

fn short_value(value: Value) -> Value {
    let text = match &value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let lower = text.to_ascii_lowercase();
    if lower.contains("identified") || lower.contains("password") {
        return Value::from("(not kept: it may hold a password)");
    }
    if text.len() <= MAX_VALUE_BYTES { value } else { Value::from(cut(text, MAX_VALUE_BYTES)) }
}

/// At most so many bytes of a text, and a sign where some are missing.
fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        let end = (0..=bytes).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

fn rfc3339(at: SystemTime) -> String {
    let at = time::OffsetDateTime::from(at);
    let whole = at.replace_nanosecond(0).unwrap_or(at);
    whole.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests;
