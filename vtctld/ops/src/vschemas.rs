//! The VSchema of a keyspace.

use std::collections::HashMap;

use proto::vtctldata::{apply_v_schema_response::ParamList, *};
use sqlast::ast::Statement;
use topo::is_no_node;
use vterrors::{Condition, Context, Error, Result};

use crate::{Ops, required};

pub(crate) async fn get(ops: &Ops, r: GetVSchemaRequest) -> Result<GetVSchemaResponse> {
    let keyspace = required("the keyspace's name", &r.keyspace)?;
    let found =
        ops.topo.get_vschema(keyspace).await.context_with(|| format!("VSchema of keyspace {keyspace}"))?;
    Ok(GetVSchemaResponse { v_schema: Some(found.value) })
}

/// Replaces a keyspace's VSchema, and SrvVSchema in the cells unless that is skipped.
pub(crate) async fn apply(ops: &Ops, r: ApplyVSchemaRequest) -> Result<ApplyVSchemaResponse> {
    let keyspace = required("the keyspace's name", &r.keyspace)?;
    ops.topo.get_keyspace(keyspace).await.context_with(|| format!("keyspace {keyspace}"))?;
    let (record, current) = match ops.topo.get_vschema(keyspace).await {
        Err(e) if is_no_node(&e) => Default::default(),
        other => other.map(|found| (found.value, Some(found.version)))?,
    };
    let wanted = match (&r.v_schema, r.sql.is_empty()) {
        (Some(_), false) => return Err(Error::invalid("give a VSchema or SQL, not both")),
        (Some(wanted), true) => wanted.clone(),
        (None, false) => altered(keyspace, record, &r.sql)?,
        (None, true) => return Err(Error::invalid("a VSchema is required")),
    };
    let unknown_vindex_params = check(keyspace, &wanted, r.strict)?;
    if !r.dry_run {
        ops.topo.save_vschema(keyspace, &wanted, current).await.context_with(|| {
            format!("VSchema of keyspace {keyspace}: somebody else may have changed it; nothing was written")
        })?;
        if !r.skip_rebuild {
            ops.topo.rebuild_srv_vschema_of(keyspace, &r.cells).await.context_with(
                || "the VSchema is saved, but the cells do not have it yet (RebuildVSchemaGraph tries again)",
            )?;
        }
    }
    Ok(ApplyVSchemaResponse { v_schema: Some(wanted), unknown_vindex_params })
}

/// What an ALTER VSCHEMA statement makes of a VSchema.
fn altered(
    keyspace: &str,
    mut record: proto::vschema::Keyspace,
    sql: &str,
) -> Result<proto::vschema::Keyspace> {
    let sql = sql.trim().trim_end_matches(';');
    let statement = sqlast::parse(sql.as_bytes(), &sqlast::ParseOptions::default())
        .map_err(|e| Error::new(Condition::SyntaxError, e.to_string()))?;
    let Statement::AlterVschema(alter) = statement else {
        return Err(Error::invalid(format!("--sql takes an ALTER VSCHEMA statement, not: {sql}")));
    };
    match vschema::named_keyspace(&alter) {
        Some(named) if named != keyspace => {
            Err(Error::invalid(format!("the statement names the keyspace {named}, not {keyspace}")))
        }
        _ => vschema::alter(keyspace, &mut record, &alter).map(|()| record),
    }
}

/// Refuses a VSchema that vtgate could not use; gives the parameters that vindexes do not know, by vindex.
///
/// Files that vindexes name are on vtgate's machine and are not read here.
fn check(
    keyspace: &str,
    wanted: &proto::vschema::Keyspace,
    strict: bool,
) -> Result<HashMap<String, ParamList>> {
    let problems = vschema::validate(keyspace, wanted, &|_| Ok("{}".to_owned()));
    if !problems.is_empty() {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        return Err(Error::invalid(format!("this VSchema cannot be used: {}", texts.join("; "))));
    }
    let unknown = vschema::unknown_params(wanted);
    if strict && !unknown.is_empty() {
        return Err(Error::invalid(format!(
            "unknown parameters of vindexes (--strict): {}",
            unknown.join(", ")
        )));
    }
    let mut by_vindex: HashMap<String, ParamList> = HashMap::new();
    for name in unknown {
        let (vindex, param) = name.rsplit_once('.').unwrap_or((name.as_str(), ""));
        by_vindex.entry(vindex.to_owned()).or_default().params.push(param.to_owned());
    }
    Ok(by_vindex)
}
