//! Tables on both sides: made, filled, compared.

use std::collections::BTreeSet;

use mysql_async::prelude::Queryable;
use sqlast::{ParseOptions, Visitor, Walk, ast::TableName, parse, visit::TableRole};

use crate::{
    Result,
    answer::{Answer, Rows, ask},
    compare::{Class, Difference, Wanted, compare},
    order::Shape,
    pair::{LIMIT, Pair},
    script::{Table, vschema},
    stand::{KEYSPACES, Stand},
};

/// The tables that a statement names.
pub fn named(sql: &str) -> BTreeSet<String> {
    struct Names(BTreeSet<String>);
    impl Visitor for Names {
        fn table_name(&mut self, name: &TableName, role: TableRole) {
            if role == TableRole::Table && !name.is_dual() {
                let qualifier = name.qualifier.as_ref().map(|q| format!("{q}.")).unwrap_or_default();
                self.0.insert(format!("{qualifier}{}", name.name));
            }
        }
    }
    let mut names = Names(BTreeSet::new());
    if let Ok(statement) = parse(sql.as_bytes(), &ParseOptions::default()) {
        statement.walk(&mut names);
    }
    names.0
}

/// Tables' rows on both sides.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Of the first table whose rows differ; those after it are not looked at.
    pub difference: Option<Difference>,
    /// What the plain mysqld has, by the names asked for.
    pub rows: Vec<(String, Rows)>,
}

/// Compares the rows of these tables. Names that are no tables (a CTE's) are passed over.
pub async fn compare_all(pair: &mut Pair, names: &BTreeSet<String>) -> State {
    let mut state = State::default();
    for name in names {
        let sql = format!("SELECT * FROM {name}");
        let mysql = ask(&mut pair.mysql, &sql, LIMIT).await;
        let Answer::Rows(rows) = &mysql else { continue };
        state.rows.push((name.clone(), rows.clone()));
        let vivace = ask(&mut pair.vivace, &sql, LIMIT).await;
        let found = compare(&Shape::of(&sql), Wanted::default(), &vivace, &mysql, &mut pair.mysql).await;
        if let Some(found) = found.filter(|f| f.class != Class::Types) {
            let text = format!("{name}: {}", found.text);
            state.difference = Some(Difference { class: Class::State, text });
            break;
        }
    }
    state
}

/// Whether the lookups of these tables have an entry for each row, and no other.
pub async fn compare_entries(pair: &mut Pair, tables: &[Table]) -> Option<Difference> {
    for table in tables {
        let keyspace = table.keyspace.as_deref().unwrap_or_default();
        for lookup in table.lookups(keyspace) {
            let entries = table.entries(keyspace, lookup);
            let columns = lookup.columns.join(", ");
            let vivace = format!("SELECT {columns} FROM one.{entries}");
            let mysql = format!("SELECT {columns} FROM {keyspace}.{}", table.name);
            let (vivace, mysql) =
                (ask(&mut pair.vivace, &vivace, LIMIT).await, ask(&mut pair.mysql, &mysql, LIMIT).await);
            let found = compare(&Shape::default(), Wanted::default(), &vivace, &mysql, &mut pair.mysql).await;
            if let Some(found) = found.filter(|f| f.class != Class::Types) {
                let text = format!("entries of {entries}: {}", found.text);
                return Some(Difference { class: Class::State, text });
            }
        }
    }
    None
}

/// Makes tables anew in every keyspace where they are, and tells vtgate how they are sharded. `all` are the
/// tables that the VSchemas shall name: these and those that stay.
pub async fn make(stand: &Stand, tables: &[Table], all: &[Table]) -> Result<()> {
    for (keyspace, _) in KEYSPACES {
        let mut pair = stand.connect(keyspace).await?;
        let own: Vec<&Table> = tables.iter().filter(|t| t.is_in(keyspace)).collect();
        if !own.is_empty() {
            let names: Vec<&str> = own.iter().map(|t| t.name.as_str()).collect();
            pair.must(&format!("DROP TABLE IF EXISTS {}", names.join(", "))).await?;
        }
        for table in own {
            pair.must(&table.create).await?;
        }
    }
    make_sequences(stand, tables).await?;
    make_entries(stand, tables).await?;
    // Sequences and lookups' tables have to be known before the tables that use them.
    for keyspace in ["one", "two", "four"] {
        stand.apply_vschema(keyspace, &vschema(all, keyspace)).await?;
    }
    start_counters(stand, tables).await
}

/// A tablet never gives out a sequence's value twice, also when its table is made anew: the plain mysqld's counter
/// is set to where the sequence is.
async fn start_counters(stand: &Stand, tables: &[Table]) -> Result<()> {
    for (keyspace, _) in KEYSPACES {
        for table in tables.iter().filter(|t| t.is_in(keyspace)) {
            let Some(sequence) = table.sequence(keyspace) else { continue };
            let mut pair = stand.connect("one").await?;
            let sql = format!("SELECT NEXT VALUE FROM {sequence}");
            let next: Option<u64> = pair.vivace.query_first(&sql).await.map_err(|e| format!("{sql}: {e}"))?;
            let next = next.ok_or_else(|| format!("{sql}: no value"))? + 1;
            let sql = format!("ALTER TABLE {keyspace}.{} AUTO_INCREMENT = {next}", table.name);
            pair.mysql.query_drop(&sql).await.map_err(|e| format!("{sql}: {e}"))?;
        }
    }
    Ok(())
}

async fn make_sequences(stand: &Stand, tables: &[Table]) -> Result<()> {
    let mut conn = stand.vtgate("one").await?;
    for (keyspace, _) in KEYSPACES {
        for name in tables.iter().filter(|t| t.is_in(keyspace)).filter_map(|t| t.sequence(keyspace)) {
            let statements = [
                format!("DROP TABLE IF EXISTS {name}"),
                format!(
                    "CREATE TABLE {name} (id INT NOT NULL DEFAULT 0 PRIMARY KEY, next_id BIGINT, cache BIGINT) \
                     COMMENT 'vitess_sequence'"
                ),
                format!("INSERT INTO {name} (id, next_id, cache) VALUES (0, 1, 1)"),
            ];
            for sql in statements {
                conn.query_drop(&sql).await.map_err(|e| format!("{sql}: {e}"))?;
            }
        }
    }
    Ok(())
}

/// The tables of lookups' entries.
async fn make_entries(stand: &Stand, tables: &[Table]) -> Result<()> {
    let mut conn = stand.vtgate("one").await?;
    for table in tables {
        for (keyspace, _) in KEYSPACES.iter().filter(|(k, _)| table.is_in(k)) {
            for lookup in table.lookups(keyspace) {
                let name = table.entries(keyspace, lookup);
                // Those that hash keep 64 bits of the value and of the keyspace id.
                let (from, to) = match lookup.name.contains("hash") {
                    true => ("BIGINT UNSIGNED", "BIGINT UNSIGNED"),
                    false => ("BIGINT", "VARBINARY(64)"),
                };
                let columns: Vec<String> =
                    lookup.columns.iter().map(|c| format!("{c} {from} NOT NULL")).collect();
                let statements = [
                    format!("DROP TABLE IF EXISTS {name}"),
                    format!(
                        "CREATE TABLE {name} ({}, keyspace_id {to} NOT NULL, PRIMARY KEY ({}))",
                        columns.join(", "),
                        lookup.columns.join(", ")
                    ),
                ];
                for sql in statements {
                    conn.query_drop(&sql).await.map_err(|e| format!("{sql}: {e}"))?;
                }
            }
        }
    }
    Ok(())
}

/// Removes tables on both sides, and their lookups' entries; the VSchemas are left to whoever makes the next ones.
pub async fn drop(stand: &Stand, tables: &[Table]) -> Result<()> {
    for (keyspace, _) in KEYSPACES {
        let own = tables.iter().filter(|t| t.is_in(keyspace)).map(|t| t.name.as_str());
        let names: Vec<&str> = own.collect();
        if !names.is_empty() {
            let mut pair = stand.connect(keyspace).await?;
            pair.must(&format!("DROP TABLE IF EXISTS {}", names.join(", "))).await?;
        }
    }
    let of = |table: &Table| {
        let keyspace = table.keyspace.clone().unwrap_or_default();
        let lookups = table.lookups(&keyspace).iter();
        lookups.map(|lookup| table.entries(&keyspace, lookup)).collect::<Vec<_>>()
    };
    let entries: Vec<String> = tables.iter().flat_map(of).collect();
    if !entries.is_empty() {
        let sql = format!("DROP TABLE IF EXISTS {}", entries.join(", "));
        stand.vtgate("one").await?.query_drop(&sql).await.map_err(|e| format!("{sql}: {e}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_named() {
        let sql = "INSERT INTO a SELECT * FROM two.b AS x WHERE EXISTS (SELECT 1 FROM c WHERE c.i = x.i)";
        assert_eq!(named(sql).into_iter().collect::<Vec<_>>(), ["a", "c", "two.b"]);
    }
}
