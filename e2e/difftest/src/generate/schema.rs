//! Generated tables: where they are, how they are sharded, their columns and first rows.
//!
//! What makes an answer depend on the sharding by design is left out: a primary key that no shard can check alone
//! gets values that are unique anyway, and a text that places rows has a collation that takes for equal only what
//! its vindex takes for equal.

use super::values::{Collation, Kind};
use crate::{
    dice::Dice,
    script::{Lookup, Sharding, Table},
};

/// A column whose values are found by a unique lookup.
pub const UNIQUE: &str = "u";
/// A row's value in it, above its id, so that no two rows have the same.
pub const UNIQUE_ABOVE_ID: u64 = 50;
/// A column whose values are found by a lookup.
const LOOKED_UP: &str = "n";

/// A generated column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    pub nullable: bool,
}

/// How far the primary key goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// `id` places the row.
    Id,
    /// `id` alone, while `k` places the row: no shard sees a duplicate of another.
    IdOnly,
    /// `(k, id)`.
    Both,
}

/// A generated table. Its first columns are `id` and `k`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    pub keyspace: &'static str,
    pub name: String,
    pub columns: Vec<Column>,
    pub key: Key,
    pub sharding: Sharding,
    /// Literals.
    pub rows: Vec<Vec<String>>,
    /// The next `id` that no row has.
    pub next_id: u64,
}

impl Generated {
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.keyspace, self.name)
    }

    /// Whether a statement means this table by the name.
    pub fn is_called(&self, name: &str) -> bool {
        name == self.name || name == self.full_name()
    }

    /// Whether a duplicate of the primary key is always found.
    pub fn checks_duplicates(&self) -> bool {
        self.key != Key::IdOnly || self.keyspace == "one" || self.sharding == Sharding::Reference
    }

    pub fn table(&self) -> Table {
        let column = |c: &Column| {
            format!("  {} {}{}", c.name, c.kind.sql(), if c.nullable { "" } else { " NOT NULL" })
        };
        let mut lines: Vec<String> = self.columns.iter().map(column).collect();
        let key = if self.key == Key::Both { "k, id" } else { "id" };
        lines.push(format!("  PRIMARY KEY ({key})"));
        if self.column(UNIQUE).is_some() {
            lines.push(format!("  UNIQUE KEY ({UNIQUE})"));
        }
        Table {
            keyspace: Some(self.keyspace.to_owned()),
            name: self.name.clone(),
            sharding: self.sharding.clone(),
            create: format!("CREATE TABLE {} (\n{}\n)", self.name, lines.join(",\n")),
        }
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// The columns that statements may give any value of their type.
    pub fn free_columns(&self) -> Vec<&Column> {
        self.columns[2..].iter().filter(|c| c.name != UNIQUE).collect()
    }

    /// A row with a new id.
    pub fn new_row(&mut self, dice: &mut Dice) -> Vec<String> {
        self.next_id += 1;
        let id = self.next_id.to_string();
        let value = |c: &Column, dice: &mut Dice| match c.name.as_str() {
            "id" => id.clone(),
            UNIQUE => (self.next_id + UNIQUE_ABOVE_ID).to_string(),
            _ if c.nullable && dice.chance(20) => "NULL".to_owned(),
            _ => c.kind.literal(dice).to_owned(),
        };
        self.columns.iter().map(|c| value(c, dice)).collect()
    }
}

/// The tables of a seed: two in `two`, one in each other keyspace, a reference table.
pub fn schema(seed: u64, dice: &mut Dice) -> Vec<Generated> {
    let places = [("two", false), ("two", false), ("four", false), ("one", false), ("two", true)];
    let tables = places.iter().zip('a'..);
    tables
        .map(|((keyspace, reference), letter)| table(keyspace, *reference, format!("{letter}{seed}"), dice))
        .collect()
}

fn table(keyspace: &'static str, reference: bool, name: String, dice: &mut Dice) -> Generated {
    let key = *dice.pick(&[Key::Id, Key::IdOnly, Key::Both]);
    let (kind, vindex) = match key {
        Key::Id => (Kind::Int, *dice.pick(&["hash", "xxhash", "binary_md5"])),
        Key::Both if dice.chance(50) => (Kind::Int, "multicol"),
        _ => placed(dice),
    };
    let column = match (key, vindex) {
        (_, "multicol") => "k,id",
        (Key::Id, _) => "id",
        _ => "k",
    };
    let lookups = if reference { Vec::new() } else { lookups(dice) };
    let named = |name: &str, kind, nullable| Column { name: name.to_owned(), kind, nullable };
    let mut columns = vec![named("id", Kind::Int, false), named("k", kind, false)];
    columns.extend(lookups.iter().map(|l: &Lookup| named(&l.columns[0], Kind::Int, false)));
    for i in 0..2 + dice.below(4) {
        let kind = if dice.chance(4) { Kind::Json } else { *dice.pick(&Kind::ALL) };
        columns.push(named(&format!("c{i}"), kind, dice.chance(80)));
    }
    let sharding = match reference {
        true => Sharding::Reference,
        false => {
            let (name, column) = (vindex.to_owned(), column.to_owned());
            Sharding::Vindex { name, column, sequence: None, lookups }
        }
    };
    let mut table = Generated { keyspace, name, columns, key, sharding, rows: Vec::new(), next_id: 0 };
    let count = if dice.chance(5) { 0 } else { 4 + dice.below(18) };
    table.rows = (0..count).map(|_| table.new_row(dice)).collect();
    table
}

fn lookups(dice: &mut Dice) -> Vec<Lookup> {
    let lookup = |name: &str, columns: &[&str]| Lookup {
        name: name.to_owned(),
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
    };
    match dice.below(8) {
        0 | 1 => vec![lookup("consistent_lookup_unique", &[UNIQUE])],
        2 => vec![lookup("consistent_lookup", &[LOOKED_UP, "id"])],
        3 => vec![lookup("lookup_unique", &[UNIQUE]), lookup("lookup", &[LOOKED_UP, "id"])],
        _ => Vec::new(),
    }
}

/// A type of a column that places rows, and its vindex.
fn placed(dice: &mut Dice) -> (Kind, &'static str) {
    *dice.pick(&[
        (Kind::Int, "hash"),
        (Kind::Int, "xxhash"),
        (Kind::Unsigned, "xxhash"),
        (Kind::Unsigned, "reverse_bits"),
        (Kind::Text(Collation::NoPadBin), "xxhash"),
        (Kind::Text(Collation::Ai), "unicode_loose_xxhash"),
        (Kind::Text(Collation::Ai), "unicode_loose_md5"),
        (Kind::Bytes, "binary_md5"),
        (Kind::Bytes, "binary"),
    ])
}
