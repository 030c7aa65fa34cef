//! Cases as text.
//!
//! A statement ends with a semicolon at the end of a line. `#` begins a line of comment, `#!` one of these:
//!
//! | line | means |
//! |---|---|
//! | `#! in two four` | the file's statements run in each of these keyspaces (all three unless said) |
//! | `#! table t xxhash(a)` | the next statement is a CREATE TABLE, sharded so; `t` is in every keyspace, `two.t` only there |
//! | `#! table t reference` | ... a reference table |
//! | `#! table t xxhash(a) sequence a` | ... its column `a` is filled by a sequence |
//! | `#! errno 1062` | the next statement fails with this on MySQL |
//! | `#! any rows` | of the next statement's rows only their number counts |
//! | `#! any insert id` | the next statement's insert id does not count |
//! | `#! only mysql` | the next statement is not for MariaDB |

use serde_json::{Map, Value, json};

use crate::{Result, compare::Wanted, stand::KEYSPACES};

/// A file of cases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    pub name: String,
    pub keyspaces: Vec<String>,
    pub tables: Vec<Table>,
    pub cases: Vec<Case>,
}

/// A table and how it is sharded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// None: in every keyspace.
    pub keyspace: Option<String>,
    pub name: String,
    pub sharding: Sharding,
    pub create: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sharding {
    Reference,
    Vindex { name: String, column: String, sequence: Option<String> },
}

/// A statement and what is asked of its answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    pub line: usize,
    pub sql: String,
    pub errno: Option<u16>,
    pub wanted: Wanted,
    pub only_mysql: bool,
}

impl Table {
    pub fn is_in(&self, keyspace: &str) -> bool {
        self.keyspace.as_deref().is_none_or(|k| k == keyspace)
    }

    /// The name of its sequence in keyspace `one`.
    pub fn sequence(&self, keyspace: &str) -> Option<String> {
        match &self.sharding {
            Sharding::Vindex { sequence: Some(_), .. } if keyspace != "one" => {
                Some(format!("{}_{keyspace}_seq", self.name))
            }
            _ => None,
        }
    }

    /// Its entry in a keyspace's VSchema.
    pub fn vschema(&self, keyspace: &str) -> Value {
        if keyspace == "one" {
            return json!({});
        }
        match &self.sharding {
            Sharding::Reference => json!({"type": "reference"}),
            Sharding::Vindex { name, column, sequence } => {
                let mut table = json!({"column_vindexes": [{"column": column, "name": name}]});
                if let (Some(column), Some(name)) = (sequence, self.sequence(keyspace)) {
                    table["auto_increment"] = json!({"column": column, "sequence": format!("one.{name}")});
                }
                table
            }
        }
    }
}

/// The VSchema's `tables` of a keyspace.
pub fn vschema<'a>(
    tables: impl IntoIterator<Item = &'a Table> + Clone,
    keyspace: &str,
) -> Map<String, Value> {
    let own = tables.clone().into_iter().filter(|t| t.is_in(keyspace));
    let mut all: Map<String, Value> = own.map(|t| (t.name.clone(), t.vschema(keyspace))).collect();
    if keyspace == "one" {
        for table in tables {
            let names =
                KEYSPACES.iter().filter(|(k, _)| table.is_in(k)).filter_map(|(k, _)| table.sequence(k));
            all.extend(names.map(|name| (name, json!({"type": "sequence"}))));
        }
    }
    all
}

/// What the lines before a statement ask for.
#[derive(Default)]
struct Pending {
    table: Option<(Option<String>, String, Sharding)>,
    errno: Option<u16>,
    wanted: Wanted,
    only_mysql: bool,
}

/// Reads a file's text.
///
/// # Errors
/// The line that is not understood.
pub fn parse(name: &str, text: &str) -> Result<Script> {
    let mut script = Script { name: name.to_owned(), ..Script::default() };
    script.keyspaces = KEYSPACES.iter().map(|(k, _)| (*k).to_owned()).collect();
    let mut pending = Pending::default();
    let mut sql = String::new();
    let mut begun = 0;
    for (number, line) in text.lines().enumerate().map(|(i, l)| (i + 1, l)) {
        if sql.is_empty() {
            if let Some(order) = line.strip_prefix("#!") {
                let ordered = directive(order.trim(), &mut pending, &mut script.keyspaces);
                ordered.map_err(|e| format!("{name}:{number}: {e}"))?;
                continue;
            }
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            begun = number;
        } else {
            sql.push('\n');
        }
        sql.push_str(line.trim_end());
        if sql.ends_with(';') {
            sql.pop();
            let sql = std::mem::take(&mut sql);
            script.add(begun, sql, std::mem::take(&mut pending));
        }
    }
    match sql.is_empty() {
        true => Ok(script),
        false => Err(format!("{name}:{begun}: the statement has no end")),
    }
}

impl Script {
    fn add(&mut self, line: usize, sql: String, pending: Pending) {
        let Pending { table, errno, wanted, only_mysql } = pending;
        match table {
            Some((keyspace, name, sharding)) => {
                self.tables.push(Table { keyspace, name, sharding, create: sql });
            }
            None => self.cases.push(Case { line, sql, errno, wanted, only_mysql }),
        }
    }
}

fn directive(order: &str, pending: &mut Pending, keyspaces: &mut Vec<String>) -> Result<()> {
    let words: Vec<&str> = order.split_whitespace().collect();
    let unknown = || format!("unknown: #! {order}");
    match words.as_slice() {
        ["in", names @ ..] => *keyspaces = names.iter().map(|n| (*n).to_owned()).collect(),
        ["errno", number] => pending.errno = Some(number.parse().map_err(|_| unknown())?),
        ["any", "rows"] => pending.wanted.any_rows = true,
        ["any", "insert", "id"] => pending.wanted.any_insert_id = true,
        ["only", "mysql"] => pending.only_mysql = true,
        ["table", table, "reference"] => pending.table = Some(named(table, Sharding::Reference)),
        ["table", table, vindex, rest @ ..] => {
            let (name, column) =
                vindex.strip_suffix(')').and_then(|v| v.split_once('(')).ok_or_else(unknown)?;
            let sequence = match rest {
                [] => None,
                ["sequence", column] => Some((*column).to_owned()),
                _ => return Err(unknown()),
            };
            let sharding = Sharding::Vindex { name: name.to_owned(), column: column.to_owned(), sequence };
            pending.table = Some(named(table, sharding));
        }
        _ => return Err(unknown()),
    }
    Ok(())
}

fn named(table: &str, sharding: Sharding) -> (Option<String>, String, Sharding) {
    match table.split_once('.') {
        Some((keyspace, name)) => (Some(keyspace.to_owned()), name.to_owned(), sharding),
        None => (None, table.to_owned(), sharding),
    }
}

#[cfg(test)]
mod tests;
