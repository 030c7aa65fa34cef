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
//! | `#! table t multicol(a,b)` | ... both columns place it |
//! | `#! table t xxhash(a) lookup consistent_lookup_unique(u)` | ... it owns a lookup of whole numbers |
//! | `#! errno 1062` | the next statement fails with this on MySQL |
//! | `#! any rows` | of the next statement's rows only their number counts |
//! | `#! any insert id` | the next statement's insert id does not count |
//! | `#! only mysql` | the next statement is not for MariaDB |

use std::fmt;

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
    Vindex {
        name: String,
        /// Several for `multicol`, with commas between.
        column: String,
        sequence: Option<String>,
        lookups: Vec<Lookup>,
    },
}

impl fmt::Display for Sharding {
    /// As in `#! table`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Vindex { name, column, sequence, lookups } = self else { return f.write_str("reference") };
        write!(f, "{name}({column})")?;
        sequence.iter().try_for_each(|column| write!(f, " sequence {column}"))?;
        lookups.iter().try_for_each(|l| write!(f, " lookup {}({})", l.name, l.columns.join(",")))
    }
}

/// A lookup vindex that a table owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Its type.
    pub name: String,
    /// Its columns; each holds whole numbers.
    pub columns: Vec<String>,
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

    /// Its lookups, where it has any.
    pub fn lookups(&self, keyspace: &str) -> &[Lookup] {
        match &self.sharding {
            Sharding::Vindex { lookups, .. } if keyspace != "one" => lookups,
            _ => &[],
        }
    }

    /// The name of the table of a lookup's entries, in keyspace `one`.
    pub fn entries(&self, keyspace: &str, lookup: &Lookup) -> String {
        format!("{}_{keyspace}_{}", self.name, lookup.columns.join("_"))
    }

    /// Its entry in a keyspace's VSchema.
    pub fn vschema(&self, keyspace: &str) -> Value {
        if keyspace == "one" {
            return json!({});
        }
        let Sharding::Vindex { name, column, sequence, .. } = &self.sharding else {
            return json!({"type": "reference"});
        };
        let columns: Vec<&str> = column.split(',').collect();
        let mut vindexes = vec![json!({"columns": columns, "name": name})];
        for lookup in self.lookups(keyspace) {
            vindexes.push(json!({"columns": lookup.columns, "name": self.entries(keyspace, lookup)}));
        }
        let mut table = json!({"column_vindexes": vindexes});
        if let (Some(column), Some(name)) = (sequence, self.sequence(keyspace)) {
            table["auto_increment"] = json!({"column": column, "sequence": format!("one.{name}")});
        }
        table
    }

    /// The vindexes that the entry names, by their names.
    fn vindexes(&self, keyspace: &str) -> Vec<(String, Value)> {
        let Sharding::Vindex { name, column, .. } = &self.sharding else { return Vec::new() };
        let count = column.split(',').count().to_string();
        let primary = match name.as_str() {
            "multicol" => json!({"type": name, "params": {"column_count": count}}),
            _ => json!({"type": name}),
        };
        let lookup = |lookup: &Lookup| {
            let entries = self.entries(keyspace, lookup);
            let params = json!({
                "table": format!("one.{entries}"), "from": lookup.columns.join(","), "to": "keyspace_id",
            });
            (entries, json!({"type": lookup.name, "params": params, "owner": self.name}))
        };
        [(name.clone(), primary)].into_iter().chain(self.lookups(keyspace).iter().map(lookup)).collect()
    }
}

/// The VSchema of a keyspace with these of the tables.
pub fn vschema<'a>(tables: impl IntoIterator<Item = &'a Table> + Clone, keyspace: &str) -> Value {
    let own = || tables.clone().into_iter().filter(|t| t.is_in(keyspace));
    let mut all: Map<String, Value> = own().map(|t| (t.name.clone(), t.vschema(keyspace))).collect();
    if keyspace != "one" {
        let vindexes: Map<String, Value> = own().flat_map(|t| t.vindexes(keyspace)).collect();
        return json!({"sharded": true, "vindexes": vindexes, "tables": all});
    }
    for table in tables {
        for (keyspace, _) in KEYSPACES.iter().filter(|(k, _)| table.is_in(k)) {
            all.extend(table.sequence(keyspace).map(|name| (name, json!({"type": "sequence"}))));
            let lookups = table.lookups(keyspace).iter();
            all.extend(lookups.map(|lookup| (table.entries(keyspace, lookup), json!({}))));
        }
    }
    json!({"tables": all})
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
            let (name, column) = call(vindex).ok_or_else(unknown)?;
            let (mut sequence, mut lookups, mut rest) = (None, Vec::new(), rest);
            while let [what, value, more @ ..] = rest {
                match *what {
                    "sequence" => sequence = Some((*value).to_owned()),
                    "lookup" => {
                        let (name, columns) = call(value).ok_or_else(unknown)?;
                        let columns = columns.split(',').map(str::to_owned).collect();
                        lookups.push(Lookup { name: name.to_owned(), columns });
                    }
                    _ => return Err(unknown()),
                }
                rest = more;
            }
            if !rest.is_empty() {
                return Err(unknown());
            }
            let (name, column) = (name.to_owned(), column.to_owned());
            pending.table = Some(named(table, Sharding::Vindex { name, column, sequence, lookups }));
        }
        _ => return Err(unknown()),
    }
    Ok(())
}

/// `name(arguments)`
fn call(text: &str) -> Option<(&str, &str)> {
    text.strip_suffix(')')?.split_once('(')
}

fn named(table: &str, sharding: Sharding) -> (Option<String>, String, Sharding) {
    match table.split_once('.') {
        Some((keyspace, name)) => (Some(keyspace.to_owned()), name.to_owned(), sharding),
        None => (None, table.to_owned(), sharding),
    }
}

#[cfg(test)]
mod tests;
