//! CREATE TABLE statements read into what schema tracking would find on a tablet.
//!
//! A table is given to the keyspaces that list its name; one that none lists, to all that are not sharded, as
//! these take any name. `keyspace.table`, or `USE keyspace` before it, says which one it is of. Other statements
//! of a dump are passed over, but those that would change a table's columns are refused: there is no mysqld
//! here to apply them.

mod column;

use std::collections::BTreeMap;

use sqlast::{
    ParseOptions,
    ast::{ColumnAttribute, CreateTable, IndexKind, Key, RawToken, Statement, TableElement, TableName},
};
use vschema::{TrackedTable, VSchema};

use crate::options::{Options, source};
use column::Charset;

/// A table of the schema file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Where the file says one.
    pub keyspace: Option<String>,
    pub name: String,
    pub table: TrackedTable,
}

/// The tables of `--schema` or `--schema-file`, in their order; all faults of it.
pub fn read(options: &Options) -> Result<Vec<Created>, Vec<String>> {
    let text = source("schema", options.schema.as_deref(), options.schema_file.as_deref());
    let text = text.map_err(|fault| vec![fault])?.unwrap_or_default();
    let parse_options = ParseOptions::default();
    let mut reader = Reader::default();
    for sql in sqlast::split(&text, &parse_options) {
        let result = sqlast::parse(sql, &parse_options).map_err(|e| e.to_string());
        if let Err(fault) = result.and_then(|statement| reader.statement(statement)) {
            let line = 1 + text[..offset(&text, sql)].iter().filter(|b| **b == b'\n').count();
            reader.faults.push(format!("--schema: the statement at line {line}: {fault}"));
        }
    }
    if reader.faults.is_empty() { Ok(reader.tables) } else { Err(reader.faults) }
}

/// Where `part`, a piece of `text`, begins.
fn offset(text: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len())
}

/// The VSchema with the tables' columns and keys; a fault for each keyspace that is not there.
pub fn apply(vschema: &VSchema, tables: &[Created]) -> Result<VSchema, Vec<String>> {
    let mut by_keyspace: BTreeMap<&str, BTreeMap<String, TrackedTable>> = BTreeMap::new();
    let mut faults = Vec::new();
    for created in tables {
        let homes = homes(vschema, created);
        if let (Some(keyspace), []) = (&created.keyspace, &homes[..]) {
            faults.push(format!("--schema: table {}: the VSchema has no keyspace {keyspace}", created.name));
        }
        for keyspace in homes {
            by_keyspace.entry(keyspace).or_default().insert(created.name.clone(), created.table.clone());
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let tracked = |vschema: VSchema, (keyspace, tables): (&str, _)| vschema.with_tracked(keyspace, &tables);
    Ok(by_keyspace.into_iter().fold(vschema.clone(), tracked))
}

fn homes<'v>(vschema: &'v VSchema, created: &Created) -> Vec<&'v str> {
    let all = || vschema.keyspaces().map(|k| &**k);
    let names = |keyspace: &'v vschema::Keyspace| keyspace.name.as_str();
    if let Some(wanted) = &created.keyspace {
        return all().filter(|k| k.name == *wanted).map(names).collect();
    }
    let listing: Vec<_> = all().filter(|k| k.tables.contains_key(&created.name)).map(names).collect();
    match listing.is_empty() {
        true => all().filter(|k| !k.sharded).map(names).collect(),
        false => listing,
    }
}

#[derive(Default)]
struct Reader {
    keyspace: Option<String>,
    tables: Vec<Created>,
    faults: Vec<String>,
}

impl Reader {
    fn statement(&mut self, statement: Statement) -> Result<(), String> {
        match statement {
            Statement::Use(target) => self.keyspace = target.map(|t| t.to_string_lossy().into_owned()),
            Statement::CreateTable(create) if !create.temporary => self.create(&create)?,
            Statement::AlterTable(_) | Statement::RenameTable(_) => {
                return Err(
                    "ALTER and RENAME are not applied here: give CREATE TABLE as it is after them".into()
                );
            }
            // What the grammar does not know of DDL is kept whole, for a mysqld to say what is wrong.
            Statement::Other(other) if other.words.to_string_lossy().starts_with("create table") => {
                return Err(format!("this CREATE TABLE is not understood: {}", other.text));
            }
            _ => {}
        }
        Ok(())
    }

    fn create(&mut self, create: &CreateTable) -> Result<(), String> {
        let (keyspace, name) = self.full_name(&create.name);
        let table = match &create.like {
            Some(like) => self.find(like)?,
            // Which columns a query gives only a mysqld knows.
            None if create.query.is_some() => return Ok(()),
            None => table(create),
        };
        let known = self.tables.iter().any(|t| t.keyspace == keyspace && t.name == name);
        match known {
            true if create.if_not_exists => Ok(()),
            true => Err(format!("Table '{name}' already exists")),
            false => {
                self.tables.push(Created { keyspace, name, table });
                Ok(())
            }
        }
    }

    fn full_name(&self, name: &TableName) -> (Option<String>, String) {
        let keyspace = name.qualifier.as_ref().map(|q| q.to_string_lossy().into_owned());
        (keyspace.or_else(|| self.keyspace.clone()), name.name.to_string_lossy().into_owned())
    }

    fn find(&self, name: &TableName) -> Result<TrackedTable, String> {
        let (keyspace, name) = self.full_name(name);
        let found = self.tables.iter().find(|t| t.keyspace == keyspace && t.name == name);
        found.map(|t| t.table.clone()).ok_or_else(|| format!("Table '{name}' doesn't exist"))
    }
}

fn table(create: &CreateTable) -> TrackedTable {
    let charset = table_charset(create);
    let keys = unique_keys(create);
    let primary =
        keys.iter().find(|key| key.name.is_none()).map(|key| key.columns.clone()).unwrap_or_default();
    let columns = create.elements.iter().filter_map(|element| match element {
        TableElement::Column(column) => {
            let name = column.name.to_string_lossy();
            let in_primary = primary.iter().flatten().any(|c| c.eq_ignore_ascii_case(&name));
            Some(column::column(column, &charset, in_primary))
        }
        _ => None,
    });
    let columns = columns.collect();
    TrackedTable {
        columns,
        unique_keys: keys.into_iter().filter_map(|key| key.columns).collect(),
        view: None,
    }
}

fn table_charset(create: &CreateTable) -> Charset {
    let option = |name: &[u8]| {
        let option = create.options.iter().rfind(|o| o.name.as_bytes() == name)?;
        match option.value.first()? {
            RawToken::Word(word) => Some(word.to_string_lossy().to_lowercase()),
            RawToken::Ident(name) => Some(name.to_lower()),
            RawToken::Literal(literal) => {
                Some(String::from_utf8_lossy(&literal.value_bytes()?).to_lowercase())
            }
            _ => None,
        }
    };
    Charset::new(option(b"charset").as_deref(), option(b"collate").as_deref()).unwrap_or_default()
}

/// A unique key: its columns, none where it is over parts of columns or over expressions and so makes no
/// column unique.
struct UniqueKey {
    /// None for the primary key.
    name: Option<String>,
    columns: Option<Vec<String>>,
}

/// The primary key, then the others by name, as information_schema lists them.
fn unique_keys(create: &CreateTable) -> Vec<UniqueKey> {
    let mut keys = Vec::new();
    for element in &create.elements {
        match element {
            TableElement::Index(index) if matches!(index.kind, IndexKind::Primary | IndexKind::Unique) => {
                let column = |key: &Key| match key {
                    Key::Column(name, None) => Some(name.to_string_lossy().into_owned()),
                    Key::Column(_, Some(_)) | Key::Expr(_) => None,
                };
                let columns: Option<Vec<_>> = index.columns.iter().map(|part| column(&part.key)).collect();
                let given = index.name.as_ref().or(index.constraint.as_ref().and_then(Option::as_ref));
                let name = given.map(|n| n.to_string_lossy().into_owned());
                let first = columns.as_ref().and_then(|c| c.first().cloned()).unwrap_or_default();
                let name = (index.kind == IndexKind::Unique).then(|| name.unwrap_or(first));
                keys.push(UniqueKey { name, columns });
            }
            TableElement::Column(column) => {
                let own = column.name.to_string_lossy().into_owned();
                let has = |wanted: &ColumnAttribute| column.attributes.contains(wanted);
                if has(&ColumnAttribute::PrimaryKey) {
                    keys.push(UniqueKey { name: None, columns: Some(vec![own.clone()]) });
                }
                if has(&ColumnAttribute::Unique) || column.data_type.name.is(b"serial") {
                    keys.push(UniqueKey { name: Some(own.clone()), columns: Some(vec![own]) });
                }
            }
            _ => {}
        }
    }
    keys.sort_by(|a, b| a.name.cmp(&b.name));
    keys
}
