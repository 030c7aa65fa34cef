//! From the messages to the resolved VSchema.
//!
//! A mistake in one table does not take the others down: what cannot be resolved is left out and named in
//! the problems. A table that is left out of a sharded keyspace is then unknown, not guessed.

use std::{collections::BTreeMap, sync::Arc};

use proto::vschema as pb;

use crate::{
    AutoIncrement, Column, ColumnVindex, Keyspace, Problem, Table, TableKind, VSchema, Vindex, VindexParams,
};

/// Reads a file that a vindex names, for instance `&|path| std::fs::read_to_string(path)...`.
pub type Files<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// For callers that have no files: a vindex that names one is a problem.
pub fn no_files(_: &str) -> Result<String, String> {
    Err("files are not read here".to_owned())
}

impl VSchema {
    /// Builds from what vtgate watches. Never fails: see [`VSchema::problems`].
    pub fn new(srv: &pb::SrvVSchema, files: Files<'_>) -> Self {
        let mut out = Self::default();
        for (name, keyspace) in sorted(&srv.keyspaces) {
            let (keyspace, problems) = Keyspace::resolve(name, keyspace, files);
            out.keyspaces.insert(name.clone(), Arc::new(keyspace));
            out.problems.extend(problems);
        }
        out.resolve_sequences();
        for rule in srv.routing_rules.iter().flat_map(|r| &r.rules) {
            out.routing_rules.insert(rule.from_table.clone(), rule.to_tables.clone());
        }
        for rule in srv.keyspace_routing_rules.iter().flat_map(|r| &r.rules) {
            out.keyspace_routing_rules.insert(rule.from_keyspace.clone(), rule.to_keyspace.clone());
        }
        for rule in srv.shard_routing_rules.iter().flat_map(|r| &r.rules) {
            let from = (rule.from_keyspace.clone(), rule.shard.clone());
            out.shard_routing_rules.insert(from, rule.to_keyspace.clone());
        }
        out.index_tables();
        out
    }

    /// Finds the keyspace of each sequence: named, or the only keyspace that lists it.
    fn resolve_sequences(&mut self) {
        let mut owners: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for keyspace in self.keyspaces.values() {
            for table in keyspace.tables.values().filter(|t| t.is_sequence()) {
                owners.entry(table.name.clone()).or_default().push(keyspace.name.clone());
            }
        }
        let mut problems = Vec::new();
        for keyspace in self.keyspaces.values_mut() {
            let open: Vec<String> = keyspace
                .tables
                .values()
                .filter(|t| t.auto_increment.as_ref().is_some_and(|a| a.sequence_keyspace.is_empty()))
                .map(|t| t.name.clone())
                .collect();
            for name in open {
                let keyspace = Arc::make_mut(keyspace);
                let Some(table) = keyspace.tables.get_mut(&name) else { continue };
                let table = Arc::make_mut(table);
                let Some(auto) = &mut table.auto_increment else { continue };
                match owners.get(&auto.sequence_table).map(Vec::as_slice) {
                    Some([owner]) => auto.sequence_keyspace = owner.clone(),
                    other => {
                        let why = if other.is_none() { "no keyspace has" } else { "several keyspaces have" };
                        let text = format!("auto_increment: {why} the sequence {}", auto.sequence_table);
                        problems.push(Problem::of_table(&keyspace.name, &name, text));
                        // Without the sequence the column would be left to each shard's own counter.
                        keyspace.tables.remove(&name);
                    }
                }
            }
        }
        self.problems.extend(problems);
    }
}

impl Keyspace {
    /// Resolves one keyspace by itself; sequences in other keyspaces are looked for by [`VSchema::new`].
    pub(crate) fn resolve(name: &str, message: &pb::Keyspace, files: Files<'_>) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut vindexes = BTreeMap::new();
        for (vindex_name, description) in sorted(&message.vindexes) {
            let params = description.params.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
            let params = VindexParams { vindex_type: &description.r#type, params: &params, files };
            match Vindex::new(params) {
                Ok(vindex) => drop(vindexes.insert(vindex_name.clone(), Arc::new(vindex))),
                Err(e) => problems.push(Problem::of_vindex(name, vindex_name, e.message())),
            }
        }
        let mut tables = BTreeMap::new();
        for (table_name, table) in sorted(&message.tables) {
            match resolve_table(name, message, table_name, table, &vindexes) {
                Ok(table) => drop(tables.insert(table_name.clone(), Arc::new(table))),
                Err(text) => problems.push(Problem::of_table(name, table_name, text)),
            }
        }
        let keyspace = Self {
            name: name.to_owned(),
            sharded: message.sharded,
            tables,
            vindexes,
            require_explicit_routing: message.require_explicit_routing,
            foreign_key_mode: message.foreign_key_mode(),
        };
        (keyspace, problems)
    }
}

fn resolve_table(
    keyspace: &str,
    message: &pb::Keyspace,
    name: &str,
    table: &pb::Table,
    vindexes: &BTreeMap<String, Arc<Vindex>>,
) -> Result<Table, String> {
    let kind = table_kind(keyspace, message.sharded, table)?;
    let pinned = match table.pinned.as_str() {
        "" => None,
        hex => Some(keyspace_id(hex).ok_or_else(|| format!("pinned: {hex:?} is not a keyspace id in hex"))?),
    };
    let column_vindexes = table
        .column_vindexes
        .iter()
        .map(|v| resolve_column_vindex(message, name, v, vindexes))
        .collect::<Result<Vec<_>, _>>()?;
    let needs_vindex = message.sharded && kind == TableKind::Normal && pinned.is_none();
    if needs_vindex {
        let primary = column_vindexes.first().ok_or("it has no vindex, and its keyspace is sharded")?;
        if !primary.vindex.is_unique() {
            return Err(format!("its first vindex {} is not unique", primary.name));
        }
        if primary.owned {
            return Err(format!("its first vindex {} is owned by it", primary.name));
        }
        if primary.vindex.needs_vcursor() {
            return Err(format!("its first vindex {} is a lookup", primary.name));
        }
    }
    Ok(Table {
        keyspace: keyspace.to_owned(),
        name: name.to_owned(),
        sharded: message.sharded,
        kind,
        column_vindexes,
        auto_increment: resolve_auto_increment(keyspace, message, table)?,
        columns: columns(table)?,
        column_list_authoritative: table.column_list_authoritative,
        unique_keys: Vec::new(),
        pinned,
    })
}

fn table_kind(keyspace: &str, sharded: bool, table: &pb::Table) -> Result<TableKind, String> {
    match table.r#type.as_str() {
        "" => Ok(TableKind::Normal),
        "sequence" if sharded && table.pinned.is_empty() => {
            Err("a sequence in a sharded keyspace must be pinned".to_owned())
        }
        "sequence" => Ok(TableKind::Sequence),
        "reference" => {
            let source = match table.source.as_str() {
                "" => None,
                full => match full.split_once('.') {
                    Some((ks, _)) if ks == keyspace => {
                        return Err(format!("source: {full:?} is in the same keyspace"));
                    }
                    Some((ks, t)) if !ks.is_empty() && !t.is_empty() => Some((ks.to_owned(), t.to_owned())),
                    _ => return Err(format!("source: {full:?} is not keyspace.table")),
                },
            };
            Ok(TableKind::Reference { source })
        }
        other => Err(format!("unknown table type {other:?}")),
    }
}

fn resolve_column_vindex(
    message: &pb::Keyspace,
    table: &str,
    column_vindex: &pb::ColumnVindex,
    vindexes: &BTreeMap<String, Arc<Vindex>>,
) -> Result<ColumnVindex, String> {
    let name = &column_vindex.name;
    let Some(vindex) = vindexes.get(name) else {
        return Err(match message.vindexes.contains_key(name) {
            true => format!("its vindex {name} could not be built"),
            false => format!("its vindex {name} is not in the keyspace"),
        });
    };
    let columns = match (&column_vindex.column, &column_vindex.columns) {
        (column, list) if !column.is_empty() && list.is_empty() => vec![column.clone()],
        (column, list) if column.is_empty() && !list.is_empty() => list.clone(),
        (column, _) if column.is_empty() => return Err(format!("its vindex {name} has no column")),
        _ => return Err(format!("its vindex {name} has both column and columns")),
    };
    if vindex.column_count().is_some_and(|n| n != columns.len()) {
        return Err(format!(
            "its vindex {name} of type {} has {} columns",
            vindex.type_name(),
            columns.len()
        ));
    }
    let owned = message.vindexes.get(name).is_some_and(|d| d.owner == table);
    if owned && !vindex.needs_vcursor() {
        return Err(format!("its vindex {name} has an owner, but is no lookup"));
    }
    Ok(ColumnVindex { name: name.clone(), columns, vindex: vindex.clone(), owned })
}

fn resolve_auto_increment(
    keyspace: &str,
    message: &pb::Keyspace,
    table: &pb::Table,
) -> Result<Option<AutoIncrement>, String> {
    let Some(auto) = &table.auto_increment else { return Ok(None) };
    if auto.column.is_empty() || auto.sequence.is_empty() {
        return Err("auto_increment needs a column and a sequence".to_owned());
    }
    let (sequence_keyspace, sequence_table) = match auto.sequence.split_once('.') {
        Some((ks, table)) => (ks, table),
        // Listed in its own keyspace; otherwise looked for in all.
        None if message.tables.get(&auto.sequence).is_some_and(|t| t.r#type == "sequence") => {
            (keyspace, auto.sequence.as_str())
        }
        None => ("", auto.sequence.as_str()),
    };
    let unquoted = |s: &str| s.trim_matches('`').to_owned();
    Ok(Some(AutoIncrement {
        column: auto.column.clone(),
        sequence_keyspace: unquoted(sequence_keyspace),
        sequence_table: unquoted(sequence_table),
    }))
}

fn columns(table: &pb::Table) -> Result<Vec<Column>, String> {
    let mut columns: Vec<Column> = Vec::with_capacity(table.columns.len());
    for column in &table.columns {
        if columns.iter().any(|c| c.name.eq_ignore_ascii_case(&column.name)) {
            return Err(format!("the column {} is listed twice", column.name));
        }
        columns.push(Column {
            name: column.name.clone(),
            ty: Some(column.r#type()).filter(|ty| *ty != crate::ColumnType::NullType),
            collation: Some(column.collation_name.clone()).filter(|c| !c.is_empty()),
            invisible: column.invisible,
            definition: None,
            generated: false,
            default: crate::ColumnDefault::Unknown,
        });
    }
    Ok(columns)
}

fn keyspace_id(hex: &str) -> Option<Vec<u8>> {
    // A key range's start is parsed the same way.
    format!("{hex}-").parse::<vtmodel::KeyRange>().ok().map(|range| range.start)
}

/// Maps of messages have no order; problems should.
fn sorted<V>(map: &std::collections::HashMap<String, V>) -> BTreeMap<&String, &V> {
    map.iter().collect()
}

#[cfg(test)]
mod tests;
