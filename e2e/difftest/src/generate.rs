//! Random schemas, rows and statements from a seed.
//!
//! A seed's tables are made, filled, and then read and written, some of it in transactions. What differs is made
//! small, and reported as a text that can be put into `suite/found/`; after it the tables are made equal again, so
//! that one fault is not reported many times.

pub mod condition;
pub mod read;
pub mod schema;
pub mod values;
pub mod write;

use mysql_async::prelude::Queryable;

use crate::{
    Result,
    answer::{Answer, Cell, Rows, ask},
    compare::{Difference, Wanted},
    dice::Dice,
    order::Shape,
    pair::{LIMIT, Pair},
    run::{Checked, Run, report},
    script::Table,
    shrink::{Case, shrink},
    tables,
};
use read::Reader;
use schema::Generated;

/// The keyspace of the sessions.
pub const KEYSPACE: &str = "two";

/// Every table's rows as literals, in the order of the tables.
pub type Contents = Vec<Vec<Vec<String>>>;

/// Runs a seed's statements; gives back reports of what differs.
pub async fn run_seed(run: &mut Run<'_>, seed: u64, statements: usize, small: bool) -> Result<Vec<String>> {
    let mut dice = Dice::new(seed);
    let mut generated = schema::schema(seed, &mut dice);
    let made: Vec<Table> = generated.iter().map(Generated::table).collect();
    let stays = &run.base;
    let all: Vec<Table> = stays.iter().chain(&made).cloned().collect();
    tables::make(run.stand, &made, &all).await.map_err(|e| format!("seed {seed}: {e}"))?;
    let mut pair = run.stand.connect(KEYSPACE).await?;
    let contents: Contents = generated.iter().map(|t| t.rows.clone()).collect();
    restore(&mut pair, &generated, &contents).await.map_err(|e| format!("seed {seed}: {e}"))?;
    let mut session = Session { seed, pair, contents, small, in_transaction: 0, reports: Vec::new() };
    for number in 0..statements {
        let sql = session.next(&mut dice, &mut generated);
        session.step(run, &generated, number, &sql).await?;
        if run.first && !session.reports.is_empty() {
            break;
        }
    }
    // An open transaction would hold the tables.
    session.pair.must("ROLLBACK").await?;
    tables::drop(run.stand, &made).await?;
    Ok(session.reports)
}

/// A seed's run.
struct Session {
    seed: u64,
    pair: Pair,
    /// What is in the tables now.
    contents: Contents,
    small: bool,
    /// Statements until the transaction ends; 0 outside of one.
    in_transaction: usize,
    reports: Vec<String>,
}

impl Session {
    fn next(&mut self, dice: &mut Dice, tables: &mut [Generated]) -> String {
        match self.in_transaction {
            1 => {
                self.in_transaction = 0;
                return if dice.chance(60) { "COMMIT" } else { "ROLLBACK" }.to_owned();
            }
            0 if dice.chance(3) => {
                self.in_transaction = 3 + dice.below(6);
                return "BEGIN".to_owned();
            }
            0 if dice.below(1000) < 8 => {
                let (table, number) = (dice.pick(tables).full_name(), dice.below(100));
                return format!("ALTER TABLE {table} COMMENT = 'number {number}'");
            }
            0 => {}
            _ => self.in_transaction -= 1,
        }
        let writes = if self.in_transaction > 0 { 60 } else { 22 };
        match dice.chance(writes) {
            true => write::statement(dice, tables),
            false => Reader::new(dice, tables).statement(),
        }
    }

    async fn step(
        &mut self,
        run: &mut Run<'_>,
        tables: &[Generated],
        number: usize,
        sql: &str,
    ) -> Result<()> {
        let is_write = Shape::of(sql).is_write;
        let ends = sql == "COMMIT" || sql == "ROLLBACK";
        let (checked, mut unexpected) = run.check(&mut self.pair, KEYSPACE, sql, Wanted::default()).await?;
        let mut rows = checked.rows.clone();
        if unexpected.is_none() && (is_write || ends) {
            unexpected = self.compare_more(tables, ends, &mut rows).await;
            if let Some(found) = &unexpected {
                *run.tally.differences.entry(found.class).or_default() += 1;
            }
        }
        let Some(difference) = unexpected else {
            self.note(tables, &rows);
            return Ok(());
        };
        let before = std::mem::take(&mut self.contents);
        let after = dump(&mut self.pair, tables).await?;
        let contents = if is_write { before } else { after.clone() };
        let was_in = std::mem::take(&mut self.in_transaction) > 0;
        self.pair = run.stand.connect(KEYSPACE).await?;
        if run.is_new(&difference) {
            let case =
                Case { sql: sql.to_owned(), contents, in_transaction: was_in, class: difference.class };
            self.report(run, tables, number, case, &checked, &difference).await?;
        }
        restore(&mut self.pair, tables, &after).await?;
        self.contents = after;
        Ok(())
    }

    /// After a transaction everything, after a write outside of one the lookups.
    async fn compare_more(
        &mut self,
        tables: &[Generated],
        ends: bool,
        rows: &mut Vec<(String, Rows)>,
    ) -> Option<Difference> {
        if self.in_transaction > 0 {
            return None;
        }
        if ends {
            let names = tables.iter().map(Generated::full_name).collect();
            let state = tables::compare_all(&mut self.pair, &names).await;
            *rows = state.rows;
            if state.difference.is_some() {
                return state.difference;
            }
        }
        let touched = tables.iter().filter(|t| rows.iter().any(|(name, _)| t.is_called(name)));
        let touched: Vec<Table> = touched.map(Generated::table).collect();
        tables::compare_entries(&mut self.pair, &touched).await
    }

    /// Keeps in mind what is in the tables now.
    fn note(&mut self, tables: &[Generated], rows: &[(String, Rows)]) {
        for (name, rows) in rows {
            if let Some(at) = tables.iter().position(|t| t.is_called(name)) {
                self.contents[at] = literals(rows);
            }
        }
    }

    async fn report(
        &mut self,
        run: &Run<'_>,
        tables: &[Generated],
        number: usize,
        case: Case,
        checked: &Checked,
        difference: &Difference,
    ) -> Result<()> {
        let place = format!("seed {}, statement {number}", self.seed);
        let mut text = report(&place, &case.sql, checked, difference);
        if self.small && !["COMMIT", "ROLLBACK", "BEGIN"].contains(&case.sql.as_str()) {
            match shrink(run.stand, &mut self.pair, tables, case).await? {
                Some(small) => {
                    text.push_str(&format!("  as a test, {}:\n{}", small.difference, small.text(tables)));
                }
                None => text.push_str("  it does not come again from the same rows\n"),
            }
        }
        self.reports.push(text);
        Ok(())
    }
}

/// The rows that the plain mysqld has.
pub async fn dump(pair: &mut Pair, tables: &[Generated]) -> Result<Contents> {
    let mut contents = Contents::new();
    for table in tables {
        let sql = format!("SELECT * FROM {}", table.full_name());
        let Answer::Rows(rows) = ask(&mut pair.mysql, &sql, LIMIT).await else {
            return Err(format!("{sql}: no rows"));
        };
        contents.push(literals(&rows));
    }
    Ok(contents)
}

fn literals(rows: &Rows) -> Vec<Vec<String>> {
    let row = |row: &Vec<Cell>| row.iter().map(literal).collect();
    rows.rows.iter().map(row).collect()
}

fn literal(cell: &Cell) -> String {
    match cell {
        None => "NULL".to_owned(),
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if !text.chars().any(char::is_control) => {
                format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
            }
            _ => format!("x'{}'", bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()),
        },
    }
}

/// Makes both sides hold these rows.
pub async fn restore(pair: &mut Pair, tables: &[Generated], contents: &Contents) -> Result<()> {
    for (table, rows) in tables.iter().zip(contents) {
        pair.must(&format!("DELETE FROM {}", table.full_name())).await?;
        // A fault may have left some.
        let made = table.table();
        for lookup in made.lookups(table.keyspace) {
            let sql = format!("DELETE FROM one.{}", made.entries(table.keyspace, lookup));
            pair.vivace.query_drop(&sql).await.map_err(|e| format!("{sql}: {e}"))?;
        }
        if let Some(sql) = fill(table, rows) {
            pair.must(&sql).await?;
        }
    }
    Ok(())
}

/// The INSERT of a table's rows.
pub fn fill(table: &Generated, rows: &[Vec<String>]) -> Option<String> {
    if rows.is_empty() {
        return None;
    }
    let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    let rows: Vec<String> = rows.iter().map(|r| format!("({})", r.join(", "))).collect();
    Some(format!("INSERT INTO {} ({}) VALUES\n  {}", table.full_name(), names.join(", "), rows.join(",\n  ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_statements() {
        let run = || {
            let mut dice = Dice::new(11);
            let mut tables = schema::schema(11, &mut dice);
            (0..200)
                .map(|i| match i % 3 {
                    0 => write::statement(&mut dice, &mut tables),
                    _ => Reader::new(&mut dice, &tables).statement(),
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
    }

    #[test]
    fn every_generated_statement_is_parsed() {
        for seed in 1..30 {
            let mut dice = Dice::new(seed);
            let mut tables = schema::schema(seed, &mut dice);
            for i in 0..100 {
                let sql = match i % 4 {
                    0 => write::statement(&mut dice, &mut tables),
                    _ => Reader::new(&mut dice, &tables).statement(),
                };
                let parsed = sqlast::parse(sql.as_bytes(), &sqlast::ParseOptions::default());
                assert!(parsed.is_ok(), "seed {seed}: {sql}");
            }
        }
    }
}
