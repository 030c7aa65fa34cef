//! ALTER VSCHEMA: what a statement makes of a keyspace's VSchema. Rules and words are Vitess's.

use std::collections::HashMap;

use proto::vschema as pb;
use sqlast::ast::{AlterVschema, TableName, VindexSpec};
use vterrors::{Condition, Error, Result};

/// The keyspace that the statement names, if it names one.
pub fn named_keyspace(alter: &AlterVschema) -> Option<String> {
    let name = match alter {
        AlterVschema::CreateVindex { vindex: name, .. }
        | AlterVschema::DropVindex { vindex: name }
        | AlterVschema::AddTable(name)
        | AlterVschema::DropTable(name)
        | AlterVschema::AddSequence(name)
        | AlterVschema::DropSequence(name)
        | AlterVschema::AddColVindex { table: name, .. }
        | AlterVschema::DropColVindex { table: name, .. }
        | AlterVschema::AddAutoIncrement { table: name, .. }
        | AlterVschema::DropAutoIncrement { table: name } => name,
    };
    name.qualifier.as_ref().map(|q| q.to_string_lossy().into_owned())
}

/// Carries the statement out on the VSchema of `keyspace`.
///
/// # Errors
/// What is there already, or is not there; nothing was changed then.
pub fn alter(keyspace: &str, vschema: &mut pb::Keyspace, alter: &AlterVschema) -> Result<()> {
    let mut altered = Altered { keyspace, vschema };
    match alter {
        AlterVschema::CreateVindex { vindex, spec } => altered.create_vindex(&text(vindex), spec),
        AlterVschema::DropVindex { vindex } => altered.drop_vindex(&text(vindex)),
        AlterVschema::AddTable(table) => altered.add_table(&text(table), "table", pb::Table::default()),
        AlterVschema::DropTable(table) => altered.drop_table(&text(table), "table"),
        AlterVschema::AddSequence(table) => {
            let sequence = pb::Table { r#type: "sequence".to_owned(), ..pb::Table::default() };
            altered.add_table(&text(table), "sequence", sequence)
        }
        AlterVschema::DropSequence(table) => altered.drop_table(&text(table), "sequence"),
        AlterVschema::AddColVindex { table, vindex, columns, spec } => {
            let columns = columns.iter().map(|c| c.to_string_lossy().into_owned()).collect();
            altered.add_column_vindex(&text(table), &vindex.to_string_lossy(), columns, spec.as_ref())
        }
        AlterVschema::DropColVindex { table, vindex } => {
            altered.drop_column_vindex(&text(table), &vindex.to_string_lossy())
        }
        AlterVschema::AddAutoIncrement { table, column, sequence } => {
            let sequence = match &sequence.qualifier {
                Some(qualifier) => format!("{}.{}", qualifier.to_string_lossy(), text(sequence)),
                None => text(sequence),
            };
            altered.add_auto_increment(&text(table), &column.to_string_lossy(), sequence)
        }
        AlterVschema::DropAutoIncrement { table } => altered.drop_auto_increment(&text(table)),
    }
}

fn text(name: &TableName) -> String {
    name.name.to_string_lossy().into_owned()
}

fn exists(text: String) -> Result<()> {
    Err(Error::new(Condition::AlreadyExists, text))
}

fn missing(text: String) -> Error {
    Error::new(Condition::NotFound, text)
}

struct Altered<'a> {
    keyspace: &'a str,
    vschema: &'a mut pb::Keyspace,
}

impl Altered<'_> {
    fn create_vindex(&mut self, name: &str, spec: &VindexSpec) -> Result<()> {
        if self.vschema.vindexes.contains_key(name) {
            return exists(format!("vindex {name} already exists in keyspace {}", self.keyspace));
        }
        // The first vindex makes the keyspace a sharded one.
        self.vschema.sharded |= self.vschema.vindexes.is_empty();
        self.vschema.vindexes.insert(name.to_owned(), described(spec));
        Ok(())
    }

    fn drop_vindex(&mut self, name: &str) -> Result<()> {
        if !self.vschema.vindexes.contains_key(name) {
            return Err(missing(format!("vindex {name} does not exists in keyspace {}", self.keyspace)));
        }
        let uses = |table: &pb::Table| table.column_vindexes.iter().any(|v| v.name == name);
        let mut users: Vec<_> = self.vschema.tables.iter().filter(|(_, t)| uses(t)).map(|(n, _)| n).collect();
        users.sort();
        if let Some(table) = users.first() {
            return Err(Error::new(
                Condition::FailedPrecondition,
                format!("can not drop vindex cause {name} still defined on table {table}"),
            ));
        }
        self.vschema.vindexes.remove(name);
        Ok(())
    }

    fn add_table(&mut self, name: &str, what: &str, table: pb::Table) -> Result<()> {
        let keyspace = self.keyspace;
        if self.vschema.sharded {
            let what = if what == "table" { "vschema" } else { what };
            let text = format!("add {what} table: unsupported on sharded keyspace {keyspace}");
            return Err(Error::unsupported(text));
        }
        if self.vschema.tables.contains_key(name) {
            return exists(format!("vschema already contains {what} {name} in keyspace {keyspace}"));
        }
        self.vschema.tables.insert(name.to_owned(), table);
        Ok(())
    }

    fn drop_table(&mut self, name: &str, what: &str) -> Result<()> {
        let is_meant = |t: &pb::Table| what == "table" || t.r#type == "sequence";
        if !self.vschema.tables.get(name).is_some_and(is_meant) {
            let keyspace = self.keyspace;
            return Err(missing(format!("vschema does not contain {what} {name} in keyspace {keyspace}")));
        }
        self.vschema.tables.remove(name);
        Ok(())
    }

    /// Where the statement says what the vindex is, it is made, or must be just so already.
    fn add_column_vindex(
        &mut self,
        table: &str,
        name: &str,
        columns: Vec<String>,
        spec: Option<&VindexSpec>,
    ) -> Result<()> {
        match (spec.filter(|s| s.kind.is_some()).map(described), self.vschema.vindexes.get(name)) {
            (Some(wanted), Some(known)) => same(name, known, &wanted)?,
            (None, Some(_)) => {}
            (Some(_), None) => {}
            (None, None) => {
                return Err(missing(format!("vindex {name} does not exist in keyspace {}", self.keyspace)));
            }
        }
        let defined = |t: &pb::Table| t.column_vindexes.iter().any(|v| v.name == name);
        if self.vschema.tables.get(table).is_some_and(defined) {
            return exists(format!("vindex {name} already defined on table {table}"));
        }
        if let (Some(spec), false) = (spec, self.vschema.vindexes.contains_key(name)) {
            self.create_vindex(name, spec)?;
        }
        let vindex = pb::ColumnVindex { column: String::new(), name: name.to_owned(), columns };
        self.vschema.tables.entry(table.to_owned()).or_default().column_vindexes.push(vindex);
        Ok(())
    }

    /// A table without any vindex left is left out.
    fn drop_column_vindex(&mut self, name: &str, vindex: &str) -> Result<()> {
        let keyspace = self.keyspace;
        let Some(table) = self.vschema.tables.get_mut(name) else {
            return Err(missing(format!("table {keyspace}.{name} not defined in vschema")));
        };
        let before = table.column_vindexes.len();
        table.column_vindexes.retain(|v| v.name != vindex);
        if table.column_vindexes.len() == before {
            return Err(missing(format!("vindex {vindex} not defined in table {keyspace}.{name}")));
        }
        if table.column_vindexes.is_empty() {
            self.vschema.tables.remove(name);
        }
        Ok(())
    }

    fn table(&mut self, name: &str) -> Result<&mut pb::Table> {
        let keyspace = self.keyspace;
        let unknown = || missing(format!("vschema does not contain table {name} in keyspace {keyspace}"));
        self.vschema.tables.get_mut(name).ok_or_else(unknown)
    }

    fn add_auto_increment(&mut self, name: &str, column: &str, sequence: String) -> Result<()> {
        let keyspace = self.keyspace;
        let table = self.table(name)?;
        if let Some(auto) = &table.auto_increment {
            return exists(format!(
                "vschema already contains auto inc {} on table {name} in keyspace {keyspace}",
                auto.column
            ));
        }
        table.auto_increment = Some(pb::AutoIncrement { column: column.to_owned(), sequence });
        Ok(())
    }

    fn drop_auto_increment(&mut self, name: &str) -> Result<()> {
        let keyspace = self.keyspace;
        let gone = self.table(name)?.auto_increment.take();
        gone.map(drop).ok_or_else(|| {
            missing(format!("vschema does not contain auto increment on table {name} in keyspace {keyspace}"))
        })
    }
}

/// The parameter `owner` is a field of its own.
fn described(spec: &VindexSpec) -> pb::Vindex {
    let mut owner = String::new();
    let mut params = HashMap::new();
    for (name, value) in &spec.params {
        let value = value.to_string_lossy().into_owned();
        match name.is(b"owner") {
            true => owner = value,
            false => drop(params.insert(name.to_string_lossy().into_owned(), value)),
        }
    }
    let kind = spec.kind.as_ref().map(|k| k.to_string_lossy().into_owned()).unwrap_or_default();
    pb::Vindex { r#type: kind, params, owner }
}

fn same(name: &str, known: &pb::Vindex, wanted: &pb::Vindex) -> Result<()> {
    let differs = if known.r#type != wanted.r#type {
        format!("vindex {name} defined with type {} not {}", known.r#type, wanted.r#type)
    } else if known.owner != wanted.owner {
        format!("vindex {name} defined with owner {} not {}", known.owner, wanted.owner)
    } else if known.params != wanted.params {
        format!("vindex {name} defined with different parameters")
    } else {
        return Ok(());
    };
    exists(differs)
}

#[cfg(test)]
mod tests;
