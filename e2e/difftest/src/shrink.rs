//! Makes a failing case small: first the statement, by taking parts of its tree away, then the rows. A smaller
//! case is kept when it still differs in the same way.

mod reduce;

use std::time::{Duration, Instant};

use sqlast::{ParseOptions, ast::Statement, parse, to_sql};

use crate::{
    Result,
    compare::{Class, Difference, Wanted},
    generate::{Contents, KEYSPACE, fill, restore, schema::Generated},
    order::Shape,
    pair::Pair,
    run::check,
    stand::Stand,
    tables,
};

/// How long one case may take.
const TIME: Duration = Duration::from_secs(25);

/// What failed, and the rows before it.
#[derive(Debug, Clone)]
pub struct Case {
    pub sql: String,
    pub contents: Contents,
    pub in_transaction: bool,
    pub class: Class,
}

/// A case that is as small as it could be made.
#[derive(Debug, Clone)]
pub struct Small {
    pub case: Case,
    pub difference: Difference,
}

impl Small {
    /// The case as a file of the suite.
    pub fn text(&self, generated: &[Generated]) -> String {
        let named = tables::named(&self.case.sql);
        let mut text = format!("#! in {KEYSPACE}\n");
        for (table, rows) in generated.iter().zip(&self.case.contents) {
            if !named.contains(&table.full_name()) && !named.contains(&table.name) {
                continue;
            }
            let made = table.table();
            let sharding = made.sharding.to_string();
            text.push_str(&format!("#! table {} {sharding}\n{};\n", table.full_name(), made.create));
            if let Some(sql) = fill(table, rows) {
                text.push_str(&format!("{sql};\n"));
            }
        }
        let (begin, end) = if self.case.in_transaction { ("BEGIN;\n", "ROLLBACK;\n") } else { ("", "") };
        text.push_str(&format!("{begin}{};\n{end}", self.case.sql));
        text
    }
}

/// None: the case does not fail again from the same rows.
pub async fn shrink(
    stand: &Stand,
    pair: &mut Pair,
    tables: &[Generated],
    case: Case,
) -> Result<Option<Small>> {
    let is_write = Shape::of(&case.sql).is_write;
    let mut trial = Trial { stand, pair, tables, is_write, until: Instant::now() + TIME };
    restore(trial.pair, tables, &case.contents).await?;
    let outside = Case { in_transaction: false, ..case.clone() };
    let found = match trial.fails(&outside, true).await? {
        Some(difference) => Some(Small { case: outside, difference }),
        None => trial.fails(&case, true).await?.map(|difference| Small { case, difference }),
    };
    let Some(mut small) = found else { return Ok(None) };
    trial.statement(&mut small).await?;
    trial.rows(&mut small).await?;
    trial.statement(&mut small).await?;
    Ok(Some(small))
}

struct Trial<'a> {
    stand: &'a Stand,
    pair: &'a mut Pair,
    tables: &'a [Generated],
    is_write: bool,
    until: Instant,
}

impl Trial<'_> {
    /// Whether it still differs in the same class. `fill`: the rows are not those that are in the tables.
    async fn fails(&mut self, case: &Case, fill: bool) -> Result<Option<Difference>> {
        if fill || self.is_write {
            restore(self.pair, self.tables, &case.contents).await?;
        }
        if case.in_transaction {
            self.pair.must("BEGIN").await?;
        }
        let checked = check(self.pair, &case.sql, Wanted::default()).await;
        if case.in_transaction {
            self.pair.must("ROLLBACK").await?;
        }
        if checked.difference.as_ref().is_some_and(|d| d.class == Class::Lost) {
            *self.pair = self.stand.connect(KEYSPACE).await?;
        }
        Ok(checked.difference.filter(|d| d.class == case.class))
    }

    fn in_time(&self) -> bool {
        Instant::now() < self.until
    }

    async fn statement(&mut self, small: &mut Small) -> Result<()> {
        if !small.case.contents.is_empty() && !self.is_write {
            restore(self.pair, self.tables, &small.case.contents).await?;
        }
        let begun = small.case.clone();
        reduced(&begun.sql, self.until, async |sql| {
            let case = Case { sql: sql.to_owned(), ..begun.clone() };
            let found = self.fails(&case, false).await?;
            let still = found.is_some();
            if let Some(difference) = found {
                *small = Small { case, difference };
            }
            Ok(still)
        })
        .await?;
        Ok(())
    }

    /// Takes rows away, first halves of a table, then single ones.
    async fn rows(&mut self, small: &mut Small) -> Result<()> {
        for table in 0..self.tables.len() {
            let mut size = small.case.contents[table].len();
            while size > 0 && self.in_time() {
                let mut at = 0;
                while at < small.case.contents[table].len() && self.in_time() {
                    let mut case = small.case.clone();
                    let end = (at + size).min(case.contents[table].len());
                    case.contents[table].drain(at..end);
                    match self.fails(&case, true).await? {
                        Some(difference) => *small = Small { case, difference },
                        None => at += size,
                    }
                }
                size /= 2;
            }
        }
        Ok(())
    }
}

/// Takes parts of a statement away as long as `fails` says that it still does; gives the smallest that did.
pub async fn reduced(
    sql: &str,
    until: Instant,
    mut fails: impl AsyncFnMut(&str) -> Result<bool>,
) -> Result<String> {
    let mut kept = sql.to_owned();
    let Ok(mut tree) = parse(sql.as_bytes(), &ParseOptions::default()) else { return Ok(kept) };
    let mut at = 0;
    while let Some(smaller) = reduce::nth(&tree, at)
        && Instant::now() < until
    {
        let sql = text(&smaller);
        match sql.len() < kept.len() && fails(&sql).await? {
            true => (kept, tree) = (sql, smaller),
            false => at += 1,
        }
    }
    Ok(kept)
}

fn text(statement: &Statement) -> String {
    String::from_utf8_lossy(&to_sql(statement)).into_owned()
}
