//! Generated writes.

use super::{
    read::{Reader, Scope},
    schema::{Column, Generated, Key, UNIQUE, UNIQUE_ABOVE_ID},
    values::Kind,
};
use crate::dice::Dice;

/// A write of one of the tables.
pub fn statement(dice: &mut Dice, tables: &mut [Generated]) -> String {
    let at = dice.below(tables.len());
    match dice.weighted(&[26, 26, 13, 8, 12, 6, 9]) {
        0 => insert(dice, &mut tables[at], "INSERT"),
        1 => update(dice, tables, at),
        2 => delete(dice, tables, at),
        3 => insert(dice, &mut tables[at], "REPLACE"),
        4 => upsert(dice, &mut tables[at]),
        5 if tables.len() > 1 => of_two_tables(dice, tables, at),
        _ => insert_select(dice, tables, at),
    }
}

fn rows(dice: &mut Dice, table: &mut Generated) -> Vec<Vec<String>> {
    let count = 1 + dice.below(3);
    let again = table.checks_duplicates();
    let known = table.rows.clone();
    let mut rows = Vec::new();
    for _ in 0..count {
        let mut row = table.new_row(dice);
        if !known.is_empty() && dice.chance(25) {
            // A key of a row that is or was there.
            let old = dice.pick(&known);
            match table.columns.iter().position(|c| c.name == UNIQUE) {
                Some(at) if dice.chance(50) => row[at].clone_from(&old[at]),
                _ if again => row[..2].clone_from_slice(&old[..2]),
                _ => {}
            }
        }
        rows.push(row);
    }
    rows
}

fn values(rows: &[Vec<String>]) -> String {
    rows.iter().map(|r| format!("({})", r.join(", "))).collect::<Vec<_>>().join(", ")
}

fn insert(dice: &mut Dice, table: &mut Generated, word: &str) -> String {
    let rows = rows(dice, table);
    let ignore = if word == "INSERT" && dice.chance(15) { " IGNORE" } else { "" };
    let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    let rows = if dice.chance(20) { computed(dice, rows) } else { rows };
    format!("{word}{ignore} INTO {} ({}) VALUES {}", table.full_name(), names.join(", "), values(&rows))
}

/// Some of the values as what only MySQL computes.
fn computed(dice: &mut Dice, mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    for cell in rows.iter_mut().flatten() {
        if dice.chance(30) {
            *cell = format!("IFNULL({cell}, NULL)");
        }
    }
    rows
}

fn upsert(dice: &mut Dice, table: &mut Generated) -> String {
    let insert = insert(dice, table, "INSERT").replacen("INSERT IGNORE", "INSERT", 1);
    let mut set = Vec::new();
    for _ in 0..1 + dice.below(2) {
        let column = (*dice.pick(&table.free_columns())).clone();
        let value = match dice.below(3) {
            0 => format!("VALUES({})", column.name),
            _ => value(dice, &column),
        };
        if set.iter().all(|(name, _)| *name != column.name) {
            set.push((column.name, value));
        }
    }
    if dice.chance(40) {
        // A row that is found by another key than this one moves.
        let at = usize::from(table.key == Key::IdOnly);
        let name = &table.columns[at].name;
        let value = if dice.chance(30) { name.clone() } else { format!("VALUES({name})") };
        set.insert(0, (name.clone(), value));
    }
    let set: Vec<String> = set.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    format!("{insert} ON DUPLICATE KEY UPDATE {}", set.join(", "))
}

fn value(dice: &mut Dice, column: &Column) -> String {
    match column.kind {
        _ if column.nullable && dice.chance(15) => "NULL".to_owned(),
        Kind::Int if dice.chance(40) => format!("{} + {}", column.name, dice.below(4)),
        kind => kind.literal(dice).to_owned(),
    }
}

/// The columns of a table, qualified by its name: in a subquery another table's columns have the same names.
fn scope(dice: &mut Dice, table: &Generated) -> Scope {
    let mut reader = Reader::new(dice, std::slice::from_ref(table));
    let (_, mut scope) = reader.simple_from();
    for column in &mut scope.columns {
        let name = column.sql.split_once('.').map_or(column.sql.as_str(), |(_, name)| name);
        column.sql = format!("{}.{name}", table.name);
    }
    scope
}

fn where_(dice: &mut Dice, tables: &[Generated], at: usize) -> String {
    let scope = scope(dice, &tables[at]);
    let depth = usize::from(dice.chance(20));
    // MySQL does not read the table that it writes in a subquery.
    let others: Vec<Generated> =
        tables.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, t)| t.clone()).collect();
    let condition = Reader::strict(dice, &others).condition(&scope, depth);
    format!(" WHERE {condition}")
}

fn update(dice: &mut Dice, tables: &[Generated], at: usize) -> String {
    let table = &tables[at];
    // Changing the key moves rows to other shards.
    let column = match dice.chance(25) {
        true if table.key == Key::IdOnly => table.columns[1].clone(),
        _ => dice.pick(&table.columns[2..]).clone(),
    };
    let value = match column.name.as_str() {
        // Far enough that it meets no other.
        UNIQUE => format!("{UNIQUE} + {}", 1_000_000 * (1 + dice.below(9))),
        _ => value(dice, &column),
    };
    let set = format!("{} = {value}", column.name);
    let mut sql = format!("UPDATE {} SET {set}", table.full_name());
    if dice.chance(88) {
        sql.push_str(&where_(dice, tables, at));
    }
    sql.push_str(&limit(dice));
    sql
}

fn delete(dice: &mut Dice, tables: &[Generated], at: usize) -> String {
    let mut sql = format!("DELETE FROM {}{}", tables[at].full_name(), where_(dice, tables, at));
    sql.push_str(&limit(dice));
    sql
}

/// An UPDATE or DELETE of one table or of both, joined. Each row of a table gets the same values, whichever rows of
/// the other it is joined with.
fn of_two_tables(dice: &mut Dice, tables: &[Generated], at: usize) -> String {
    let other = (at + 1 + dice.below(tables.len() - 1)) % tables.len();
    let (one, two) = (scope(dice, &tables[at]), scope(dice, &tables[other]));
    let on = Reader::strict(dice, tables).join_condition(&one, &two);
    let both = dice.chance(50);
    let changed = if both { vec![at, other] } else { vec![at] };
    let (first, second) = (tables[at].full_name(), tables[other].full_name());
    let join = *dice.pick(&["JOIN", "JOIN", "LEFT JOIN"]);
    let others: Vec<Generated> =
        tables.iter().enumerate().filter(|(i, _)| *i != at && *i != other).map(|(_, t)| t.clone()).collect();
    let filter = match others.is_empty() || dice.chance(30) {
        true => String::new(),
        false => format!(" WHERE {}", Reader::strict(dice, &others).condition(&one, 0)),
    };
    if dice.chance(40) {
        let names: Vec<String> = changed.iter().map(|t| tables[*t].full_name()).collect();
        return format!("DELETE {} FROM {first} {join} {second} ON {on}{filter}", names.join(", "));
    }
    let set: Vec<String> = changed
        .iter()
        .map(|t| {
            let column = (*dice.pick(&tables[*t].free_columns())).clone();
            format!("{}.{} = {}", tables[*t].name, column.name, column.kind.literal(dice))
        })
        .collect();
    format!("UPDATE {first} {join} {second} ON {on} SET {}{filter}", set.join(", "))
}

/// With an order that says which rows.
fn limit(dice: &mut Dice) -> String {
    match dice.chance(15) {
        true => {
            format!(" ORDER BY id{} LIMIT {}", if dice.chance(50) { " DESC" } else { "" }, 1 + dice.below(4))
        }
        false => String::new(),
    }
}

/// Rows of one table into another, under new ids or those that they have.
fn insert_select(dice: &mut Dice, tables: &mut [Generated], at: usize) -> String {
    let source = dice.below(tables.len());
    let from = tables[source].clone();
    let table = &mut tables[at];
    let mut first = table.next_id + 1;
    table.next_id += 1000;
    let kind = dice.weighted(&[4, 3, 4]);
    if table.key == Key::Id && dice.chance(if kind == 0 { 10 } else { 60 }) {
        first = 0;
    }
    let mut names = vec!["id".to_owned(), "k".to_owned()];
    let mut items = vec![format!("id + {first}")];
    let same = |kind: Kind| {
        from.columns
            .iter()
            .skip(1)
            .find(|c| c.kind == kind && !c.nullable && c.name != UNIQUE)
            .map(|c| c.name.clone())
    };
    items.push(same(table.columns[1].kind).unwrap_or_else(|| table.columns[1].kind.literal(dice).to_owned()));
    for column in &table.columns[2..] {
        if column.name == UNIQUE {
            names.push(column.name.clone());
            items.push(format!("id + {}", first + UNIQUE_ABOVE_ID));
            continue;
        }
        if !column.nullable || dice.chance(60) {
            names.push(column.name.clone());
            items.push(same(column.kind).unwrap_or_else(|| column.kind.literal(dice).to_owned()));
        }
    }
    let on_duplicate = match kind {
        2 => {
            let column = (*dice.pick(&table.free_columns())).clone();
            // What names both tables would be ambiguous of one alone.
            let other = same(column.kind).filter(|_| source != at && dice.chance(50));
            let value = match other {
                Some(name) => format!("{}.{name}", from.name),
                None => format!("VALUES({})", column.name),
            };
            let key = &table.columns[usize::from(table.key == Key::IdOnly)].name;
            let moves = if dice.chance(30) { format!("{key} = VALUES({key}), ") } else { String::new() };
            format!(" ON DUPLICATE KEY UPDATE {moves}{} = {value}", column.name)
        }
        _ => String::new(),
    };
    format!(
        "{} INTO {} ({}) SELECT {} FROM {} WHERE id < 500 ORDER BY id LIMIT {}{on_duplicate}",
        if kind == 1 { "REPLACE" } else { "INSERT" },
        table.full_name(),
        names.join(", "),
        items.join(", "),
        from.full_name(),
        1 + dice.below(4)
    )
}
