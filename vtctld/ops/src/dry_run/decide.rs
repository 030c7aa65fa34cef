//! The lines of a dry run, of facts that were read.

use std::fmt::Display;

use proto::{
    topodata::{self, CellInfo, CellsAlias, Tablet, TabletType},
    vtctldata::*,
};
use vterrors::{Condition, Error, Result};
use vtmodel::{KeyRange, TabletAlias};

use super::{Change, Facts};
use crate::{alias_text, keyspaces};

type Lines = Result<Vec<String>>;

/// Tablets and shards that are named one by one; of more it is told how many.
const MAX_NAMED: usize = 100;

pub(super) fn lines(change: &Change, facts: &Facts) -> Lines {
    match change {
        Change::AddCellInfo(r) => add_cell(r, facts),
        Change::UpdateCellInfo(r) => update_cell(r, facts),
        Change::DeleteCellInfo(r) => delete_cell(r, facts),
        Change::AddCellsAlias(r) => set_alias(&r.name, &r.cells, false, facts),
        Change::UpdateCellsAlias(r) => {
            set_alias(&r.name, &r.cells_alias.clone().unwrap_or_default().cells, true, facts)
        }
        Change::DeleteCellsAlias(r) => {
            let old = facts.cells_aliases.get(&r.name).ok_or_else(|| gone("cells alias", &r.name))?;
            Ok(vec![alias_line('-', &r.name, old)])
        }
        Change::CreateKeyspace(r) => create_keyspace(r, facts),
        Change::DeleteKeyspace(r) => delete_keyspace(r, facts),
        Change::SetKeyspaceDurabilityPolicy(r) => {
            r.durability_policy.parse::<reparent::Durability>()?;
            let before = &keyspace(facts, &r.keyspace)?.durability_policy;
            let what = format!("keyspace {}: durability_policy", r.keyspace);
            Ok(replaced(&what, before, &r.durability_policy))
        }
        Change::SetVtorcEmergencyReparent(r) => vtorc(r, facts),
        Change::CreateShard(r) => create_shard(r, facts),
        Change::DeleteShards(r) => delete_shards(r, facts),
        Change::SetShardIsPrimaryServing(r) => {
            let before = shard(facts, &r.keyspace, &r.shard)?.is_primary_serving;
            let what = format!("shard {}/{}: is_primary_serving", r.keyspace, r.shard);
            let mut lines = replaced(&what, before, r.is_serving);
            if before != r.is_serving {
                lines.push(format!("  vtgates follow after RebuildKeyspaceGraph {}", r.keyspace));
            }
            Ok(lines)
        }
        Change::DeleteTablets(r) => delete_tablets(r, facts),
        Change::SetWritable(r) => set_writable(r, facts),
    }
}

fn gone(what: &str, name: impl Display) -> Error {
    Error::new(Condition::NotFound, format!("node doesn't exist: {what} {name}"))
}

fn exists(what: &str, name: impl Display) -> Error {
    Error::new(Condition::AlreadyExists, format!("node already exists: {what} {name}"))
}

fn refused(text: impl Into<String>) -> Error {
    Error::new(Condition::FailedPrecondition, text)
}

fn keyspace<'a>(facts: &'a Facts, name: &str) -> Result<&'a topodata::Keyspace> {
    facts.keyspaces.get(name).ok_or_else(|| gone("keyspace", name))
}

fn shard<'a>(facts: &'a Facts, keyspace: &str, name: &str) -> Result<&'a topodata::Shard> {
    let found = facts.shards.get(&(keyspace.to_owned(), name.to_owned()));
    found.ok_or_else(|| gone("shard", format!("{keyspace}/{name}")))
}

/// A field before and after; one line where it stays.
fn replaced<T: PartialEq + Display>(what: &str, before: T, after: T) -> Vec<String> {
    match before == after {
        true => vec![format!("  {what} stays {after}")],
        false => vec![format!("- {what} {before}"), format!("+ {what} {after}")],
    }
}

fn cell_line(sign: char, name: &str, info: &CellInfo) -> String {
    format!("{sign} cell {name}: server_address {:?}, root {:?}", info.server_address, info.root)
}

fn add_cell(r: &AddCellInfoRequest, facts: &Facts) -> Lines {
    let info = r.cell_info.clone().unwrap_or_default();
    crate::required("--root", &info.root)?;
    match facts.cells.contains_key(&r.name) {
        true => Err(exists("cell", &r.name)),
        false => Ok(vec![cell_line('+', &r.name, &info)]),
    }
}

fn update_cell(r: &UpdateCellInfoRequest, facts: &Facts) -> Lines {
    let wanted = r.cell_info.clone().unwrap_or_default();
    let before = facts.cells.get(&r.name).cloned().flatten();
    let mut after = before.clone().unwrap_or_default();
    if !wanted.server_address.is_empty() {
        after.server_address = wanted.server_address;
    }
    if !wanted.root.is_empty() {
        after.root = wanted.root;
    }
    if before.as_ref() == Some(&after) {
        return Ok(vec![format!("  cell {} stays as it is", r.name)]);
    }
    let old = before.map(|b| cell_line('-', &r.name, &b));
    Ok(old.into_iter().chain([cell_line('+', &r.name, &after)]).collect())
}

fn delete_cell(r: &DeleteCellInfoRequest, facts: &Facts) -> Lines {
    let info = facts.cells.get(&r.name).ok_or_else(|| gone("cell", &r.name))?;
    let served = facts.served.get(&r.name).filter(|names| !names.is_empty());
    if let (Some(names), false) = (served, r.force) {
        let text =
            format!("cell {} has serving keyspaces {names:?}; use --force to delete it anyway", r.name);
        return Err(refused(text));
    }
    Ok(vec![cell_line('-', &r.name, &info.clone().unwrap_or_default())])
}

fn alias_line(sign: char, name: &str, alias: &CellsAlias) -> String {
    format!("{sign} cells alias {name}: {}", alias.cells.join(", "))
}

fn set_alias(name: &str, cells: &[String], may_exist: bool, facts: &Facts) -> Lines {
    if let Some(unknown) = cells.iter().find(|c| !facts.cells.contains_key(*c)) {
        return Err(Error::invalid(format!("cells alias {name}: there is no cell {unknown}")));
    }
    for (other, record) in facts.cells_aliases.iter().filter(|(other, _)| *other != name) {
        if let Some(cell) = record.cells.iter().find(|c| cells.contains(c)) {
            return Err(refused(format!("cells alias {name}: cell {cell} is in the alias {other} already")));
        }
    }
    let before = facts.cells_aliases.get(name);
    if before.is_some() && !may_exist {
        return Err(exists("cells alias", name));
    }
    let old = before.map(|b| alias_line('-', name, b));
    let new = alias_line('+', name, &CellsAlias { cells: cells.to_vec() });
    Ok(old.into_iter().chain([new]).collect())
}

fn keyspace_line(sign: char, name: &str, k: &topodata::Keyspace) -> String {
    let base = match k.base_keyspace.as_str() {
        "" => String::new(),
        base => format!(" of {base}"),
    };
    let kind = k.keyspace_type().as_str_name();
    format!(
        "{sign} keyspace {name}: {kind}{base}, durability_policy {}, sidecar_db_name {}",
        k.durability_policy, k.sidecar_db_name
    )
}

fn create_keyspace(r: &CreateKeyspaceRequest, facts: &Facts) -> Lines {
    crate::required("the keyspace's name", &r.name)?;
    let record = keyspaces::record_of(r)?;
    match facts.keyspaces.get(&r.name) {
        Some(_) if !r.force => Err(exists("keyspace", &r.name)),
        Some(_) => Ok(vec![format!("  keyspace {} is there already and stays as it is", r.name)]),
        None => {
            let mut lines = vec![keyspace_line('+', &r.name, &record)];
            if !r.allow_empty_v_schema {
                lines.push(format!("+ VSchema of {}: empty", r.name));
            }
            Ok(lines)
        }
    }
}

fn tablet_line(t: &Tablet) -> String {
    format!("-   tablet {}: {}, {}", alias_text(t), vtmodel::tablet_type_lower(t.r#type()), t.hostname)
}

/// A shard that is deleted, with its tablets.
fn deleted_shard(keyspace: &str, name: &str, facts: &Facts) -> Vec<String> {
    let tablets: Vec<&Tablet> =
        facts.tablets.iter().filter(|t| t.keyspace == keyspace && t.shard == name).collect();
    let mut lines = vec![format!("- shard {keyspace}/{name}")];
    lines.extend(tablets.iter().take(MAX_NAMED).map(|t| tablet_line(t)));
    if tablets.len() > MAX_NAMED {
        lines.push(format!("-   and {} more tablets", tablets.len() - MAX_NAMED));
    }
    let full = format!("{keyspace}/{name}");
    for (cell, _) in facts.served.iter().filter(|(_, names)| names.contains(&full)) {
        lines.push(format!("  {full} is served in cell {cell}"));
    }
    lines
}

fn delete_keyspace(r: &DeleteKeyspaceRequest, facts: &Facts) -> Lines {
    let record = keyspace(facts, &r.keyspace)?;
    let shards: Vec<&String> =
        facts.shards.keys().filter(|(k, _)| *k == r.keyspace).map(|(_, name)| name).collect();
    if !shards.is_empty() && !r.recursive {
        return Err(refused(format!(
            "keyspace {} still has {} shards; use --recursive to delete them too",
            r.keyspace,
            shards.len()
        )));
    }
    let mut lines = vec![keyspace_line('-', &r.keyspace, record), format!("- VSchema of {}", r.keyspace)];
    lines.extend(shards.iter().take(MAX_NAMED).flat_map(|name| deleted_shard(&r.keyspace, name, facts)));
    if shards.len() > MAX_NAMED {
        lines.push(format!("- and {} more shards", shards.len() - MAX_NAMED));
    }
    lines.extend(facts.served.keys().map(|cell| format!("- SrvKeyspace of {} in cell {cell}", r.keyspace)));
    Ok(lines)
}

fn vtorc(r: &SetVtorcEmergencyReparentRequest, facts: &Facts) -> Lines {
    let (what, state) = match r.shard.as_str() {
        "" => {
            let state = keyspace(facts, &r.keyspace)?.vtorc_state.as_ref();
            (format!("keyspace {}", r.keyspace), state.is_some_and(|s| s.disable_emergency_reparent))
        }
        name => {
            let state = shard(facts, &r.keyspace, name)?.vtorc_state.as_ref();
            let full = format!("shard {}/{name}", r.keyspace);
            (full, state.is_some_and(|s| s.disable_emergency_reparent))
        }
    };
    Ok(replaced(&format!("{what}: disable_emergency_reparent"), state, r.disable))
}

fn create_shard(r: &CreateShardRequest, facts: &Facts) -> Lines {
    let (name, range) = topo::parse_shard_name(crate::required("the shard's name", &r.shard_name)?)?;
    let full = format!("{}/{name}", r.keyspace);
    let mut lines = Vec::new();
    if !facts.keyspaces.contains_key(&r.keyspace) {
        if !r.include_parent {
            return Err(gone("keyspace", &r.keyspace));
        }
        let parent = CreateKeyspaceRequest { name: r.keyspace.clone(), ..Default::default() };
        lines.extend(create_keyspace(&parent, facts)?);
    }
    if facts.shards.contains_key(&(r.keyspace.clone(), name)) {
        if !r.force {
            return Err(exists("shard", full));
        }
        lines.push(format!("  shard {full} is there already and stays as it is"));
        return Ok(lines);
    }
    let range = range.unwrap_or_default();
    let overlapping: Vec<&str> = facts
        .shards
        .iter()
        .filter(|((k, _), s)| *k == r.keyspace && s.is_primary_serving)
        .filter(|(_, s)| KeyRange::from_proto(s.key_range.as_ref()).intersects(&range))
        .map(|((_, other), _)| other.as_str())
        .collect();
    lines.push(format!("+ shard {full}: is_primary_serving {}", overlapping.is_empty()));
    if !overlapping.is_empty() {
        lines.push(format!("  its rows are served by {}", overlapping.join(", ")));
    }
    Ok(lines)
}

fn delete_shards(r: &DeleteShardsRequest, facts: &Facts) -> Lines {
    let mut lines = Vec::new();
    for s in &r.shards {
        let full = format!("{}/{}", s.keyspace, s.name);
        match shard(facts, &s.keyspace, &s.name) {
            Ok(_) => {}
            Err(_) if r.force => {
                lines.push(format!("  shard {full} is not there"));
                continue;
            }
            Err(e) => return Err(e),
        }
        let served = facts.served.iter().find(|(_, names)| names.contains(&full));
        if let (Some((cell, _)), false) = (served, r.even_if_serving) {
            return Err(refused(format!(
                "shard {full}: it is serving in cell {cell}; use --even-if-serving to delete it anyway"
            )));
        }
        let tablets = facts.tablets.iter().filter(|t| t.keyspace == s.keyspace && t.shard == s.name).count();
        if tablets > 0 && !r.recursive {
            return Err(refused(format!(
                "shard {full}: it still has {tablets} tablets; use --recursive to delete their records too"
            )));
        }
        lines.extend(deleted_shard(&s.keyspace, &s.name, facts));
    }
    Ok(lines)
}

/// The tablet of an alias, and whether it is the primary of its shard's record.
fn tablet<'a>(facts: &'a Facts, alias: &TabletAlias) -> Result<(&'a Tablet, bool)> {
    let found =
        facts.tablets.iter().find(|t| TabletAlias::from_proto(t.alias.as_ref()).as_ref() == Some(alias));
    let tablet = found.ok_or_else(|| gone("tablet", alias))?;
    let record = facts.shards.get(&(tablet.keyspace.clone(), tablet.shard.clone()));
    let primary = record.and_then(|s| TabletAlias::from_proto(s.primary_alias.as_ref()));
    Ok((tablet, primary.as_ref() == Some(alias)))
}

fn delete_tablets(r: &DeleteTabletsRequest, facts: &Facts) -> Lines {
    let mut lines = Vec::new();
    for alias in &r.tablet_aliases {
        let alias = TabletAlias::from(alias);
        let (tablet, is_primary) = tablet(facts, &alias)?;
        let full = format!("{}/{}", tablet.keyspace, tablet.shard);
        if is_primary && !r.allow_primary {
            return Err(refused(format!(
                "tablet {alias} is the primary of {full}; use --allow-primary to delete it anyway"
            )));
        }
        let kind = vtmodel::tablet_type_lower(tablet.r#type());
        lines.push(format!("- tablet {alias}: {full}, {kind}, {}", tablet.hostname));
        if is_primary {
            lines.push(format!("- shard {full}: primary_alias {alias}"));
        }
        if !tablet.hostname.is_empty() {
            lines.push("  a vttablet that still runs writes its record again at its next start".to_owned());
        }
    }
    Ok(lines)
}

fn set_writable(r: &SetWritableRequest, facts: &Facts) -> Lines {
    let alias = TabletAlias::from_proto(r.tablet_alias.as_ref());
    let alias = alias.ok_or_else(|| Error::invalid("a tablet alias is required"))?;
    let (tablet, _) = tablet(facts, &alias)?;
    let status = facts.status.as_ref().ok_or_else(|| refused(format!("tablet {alias} tells no status")))?;
    let mut lines = replaced(&format!("mysqld of {alias}: read_only"), status.read_only, !r.writable);
    if status.super_read_only && r.writable {
        lines.extend(replaced(&format!("mysqld of {alias}: super_read_only"), true, false));
    }
    match (tablet.r#type() == TabletType::Primary, r.writable) {
        (true, false) => lines.push(format!(
            "  it is the primary of {}/{}: writes fail until vtorc or SetWritable makes it writable",
            tablet.keyspace, tablet.shard
        )),
        (false, true) => {
            lines.push("  it is no primary: what is written to it only is an errant transaction".to_owned());
        }
        _ => {}
    }
    Ok(lines)
}
