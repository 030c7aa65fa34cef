//! What an operation would do now. Reparents are planned by the code that would carry them out, ChangeTabletType and
//! ApplyVSchema have a dry run of their own, what changes records or mysqld's state is told by [`ops::dry_run`]; for the
//! others it is told what will be called, and where.

use ops::{Ops, Vtctld, dry_run::Change, json};
use proto::{
    topodata::{Tablet, TabletType},
    vtctldata::{
        ApplySchemaRequest, ApplyVSchemaRequest, ChangeTabletTypeRequest, EmergencyReparentShardRequest,
        GetVSchemaRequest, PlannedReparentShardRequest,
    },
};
use serde::Serialize;
use serde_json::{Value, json};
use vterrors::{Error, Result};
use vtmodel::TabletAlias;

/// Tablets that are named one by one; of more it is told how many.
const MAX_NAMED: usize = 100;

#[derive(Debug, Default, Serialize)]
pub(super) struct DryRun {
    /// For people, in order.
    pub lines: Vec<String>,
    /// More, for the page that asked: `before` and `after` of a VSchema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
}

fn typed<M: prost::Message + Default>(name: &str, request: &Value) -> Result<M> {
    json::from_json(&format!("vtctldata.{name}Request"), &request.to_string())
}

pub(super) async fn tell(ops: &Ops, name: &str, request: &Value) -> Result<DryRun> {
    match name {
        "PlannedReparentShard" => {
            let request: PlannedReparentShardRequest = typed(name, request)?;
            Ok(lines(&ops.plan_planned_reparent(&request).await?.to_string()))
        }
        "EmergencyReparentShard" => {
            let request: EmergencyReparentShardRequest = typed(name, request)?;
            Ok(lines(&ops.plan_emergency_reparent(&request).await?.to_string()))
        }
        "ApplySchema" => {
            let request: ApplySchemaRequest = typed(name, request)?;
            Ok(DryRun { lines: ops::plan_apply_schema(ops, &request).await?, detail: None })
        }
        "ChangeTabletType" => change_type(ops, typed(name, request)?).await,
        "ApplyVSchema" => vschema(ops, typed(name, request)?).await,
        _ => calls(ops, name, request).await,
    }
}

fn lines(text: &str) -> DryRun {
    DryRun { lines: text.lines().map(str::to_owned).collect(), detail: None }
}

async fn change_type(ops: &Ops, mut request: ChangeTabletTypeRequest) -> Result<DryRun> {
    request.dry_run = true;
    let done = ops.change_tablet_type(request).await?;
    let (before, after) = (done.before_tablet.unwrap_or_default(), done.after_tablet.unwrap_or_default());
    let text = format!("{}: {} becomes {}", described(&before), role(&before), role(&after));
    Ok(DryRun { lines: vec![text], detail: None })
}

async fn vschema(ops: &Ops, mut request: ApplyVSchemaRequest) -> Result<DryRun> {
    request.dry_run = true;
    let keyspace = request.keyspace.clone();
    let before = match ops.get_v_schema(GetVSchemaRequest { keyspace: keyspace.clone() }).await {
        Err(e) if topo::is_no_node(&e) => Default::default(),
        other => other?.v_schema.unwrap_or_default(),
    };
    let skips = request.skip_rebuild;
    let done = ops.apply_v_schema(request).await?;
    let after = done.v_schema.unwrap_or_default();
    let as_json = |v| json::to_value("vschema.Keyspace", v, json::Style { compact: true });
    let mut lines = vec![match before == after {
        true => format!("the VSchema of {keyspace} stays as it is"),
        false => format!("the VSchema of {keyspace} is replaced"),
    }];
    for (vindex, params) in &done.unknown_vindex_params {
        lines.push(format!("warning: vindex {vindex} does not know {}", params.params.join(", ")));
    }
    if !skips {
        lines.push("SrvVSchema is written in each cell, so that every vtgate follows".to_owned());
    }
    Ok(DryRun { lines, detail: Some(json!({ "before": as_json(&before)?, "after": as_json(&after)? })) })
}

/// What will be called, for an operation without a dry run.
async fn calls(ops: &Ops, name: &str, request: &Value) -> Result<DryRun> {
    let mut lines = vec![format!("vtctld calls {name} with {request}")];
    if let Some(change) = Change::from_json(name, &request.to_string())? {
        lines.extend(ops::dry_run::tell(ops, &change).await?);
        return Ok(DryRun { lines, detail: None });
    }
    let concerned = concerned(ops, name, request).await?;
    let more = concerned.len().saturating_sub(MAX_NAMED);
    lines.extend(concerned.iter().take(MAX_NAMED).map(|tablet| format!("  on {}", described(tablet))));
    if more > 0 {
        lines.push(format!("  and on {more} more"));
    }
    Ok(DryRun { lines, detail: None })
}

/// The tablets that are called: the one named, or those of the shard or keyspace.
async fn concerned(ops: &Ops, name: &str, request: &Value) -> Result<Vec<Tablet>> {
    let text = |field: &str| request.get(field).and_then(Value::as_str).unwrap_or_default();
    if let Some(alias) = request.get("tablet_alias").or_else(|| request.get("tablet")) {
        return Ok(vec![ops.topo.get_tablet(&alias_of(alias)?).await?.value]);
    }
    if !matches!(name, "RefreshStateByShard" | "ReloadSchemaShard" | "ReloadSchemaKeyspace") {
        return Ok(Vec::new());
    }
    let (keyspace, shard) = (text("keyspace"), text("shard"));
    let primaries = request.get("include_primary").is_none_or(|v| v == true) || name == "RefreshStateByShard";
    let wanted = |t: &Tablet| {
        t.keyspace == keyspace
            && (shard.is_empty() || t.shard == shard)
            && (primaries || t.r#type() != TabletType::Primary)
    };
    ops.topo.find_tablets(&[], wanted).await?.all()
}

fn alias_of(value: &Value) -> Result<TabletAlias> {
    let uid = value.get("uid").and_then(Value::as_u64).and_then(|uid| u32::try_from(uid).ok());
    match (value.get("cell").and_then(Value::as_str), uid) {
        (Some(cell), Some(uid)) => Ok(TabletAlias::new(cell, uid)),
        _ => Err(Error::invalid("a tablet alias is required, as {\"cell\": \"zone1\", \"uid\": 100}")),
    }
}

fn role(tablet: &Tablet) -> &'static str {
    tablet.r#type().as_str_name()
}

fn described(tablet: &Tablet) -> String {
    let alias = TabletAlias::from_proto(tablet.alias.as_ref()).map(|a| a.to_string()).unwrap_or_default();
    format!("{alias} ({}/{}, {}, {})", tablet.keyspace, tablet.shard, role(tablet), tablet.hostname)
}
