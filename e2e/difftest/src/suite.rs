//! The hand-kept cases: every `suite/*.test`, over the tables of `suite/schema.test`, filled by `suite/rows.test`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use mysql_async::prelude::Queryable;
use sqlast::{ParseOptions, ast::Statement, parse};

use crate::{
    Result,
    compare::Class,
    order::Shape,
    pair::Pair,
    run::{Run, report},
    script::{self, Case, Script, Table},
    stand::{KEYSPACES, Stand},
    tables,
};

/// What is in the folder.
#[derive(Debug, Clone)]
pub struct Suite {
    pub schema: Script,
    pub rows: Script,
    pub files: Vec<Script>,
}

/// The folder of the cases in the source tree.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("suite")
}

impl Suite {
    /// Reads the folder, and of its cases the files whose names have `filter` in them.
    pub fn read(dir: &Path, filter: &str) -> Result<Self> {
        let file = |path: &Path| -> Result<Script> {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
            script::parse(&name, &text)
        };
        let mut paths: Vec<PathBuf> = Vec::new();
        for dir in [dir.to_owned(), dir.join("found")] {
            let entries = fs::read_dir(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
            paths.extend(entries.filter_map(|e| e.ok()).map(|e| e.path()));
        }
        paths.retain(|p| p.extension().is_some_and(|e| e == "test"));
        paths.sort();
        let (base, mut cases): (Vec<Script>, Vec<Script>) = paths
            .iter()
            .map(|p| file(p))
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .partition(|s| ["schema.test", "rows.test"].contains(&s.name.as_str()));
        cases.retain(|s| s.name.contains(filter));
        let find = |name: &str| base.iter().find(|s| s.name == name).cloned().ok_or(format!("no {name}"));
        Ok(Self { schema: find("schema.test")?, rows: find("rows.test")?, files: cases })
    }

    /// Makes the tables and fills them, unless they are there from an earlier run with the same files.
    pub async fn load(&self, stand: &Stand) -> Result<()> {
        let mut conn = stand.mysqld("").await?;
        let key = format!("{:?}{:?}", self.schema.tables, self.rows.cases);
        let set_up = [
            "CREATE DATABASE IF NOT EXISTS difftest",
            "CREATE TABLE IF NOT EXISTS difftest.loaded (t LONGTEXT)",
        ];
        for sql in set_up {
            conn.query_drop(sql).await.map_err(|e| format!("{sql}: {e}"))?;
        }
        let loaded: Option<String> =
            conn.query_first("SELECT t FROM difftest.loaded").await.map_err(|e| e.to_string())?;
        if loaded.as_deref() == Some(&key) {
            for keyspace in ["one", "two", "four"] {
                stand.apply_vschema(keyspace, &script::vschema(&self.schema.tables, keyspace)).await?;
            }
            // An earlier run drew from the sequences and from MySQL's counters.
            let drew = |t: &&Table| t.sequence("two").is_some();
            let again: Vec<Table> = self.schema.tables.iter().filter(drew).cloned().collect();
            return tables::make(stand, &again, &self.schema.tables).await;
        }
        conn.query_drop("DELETE FROM difftest.loaded").await.map_err(|e| e.to_string())?;
        tables::make(stand, &self.schema.tables, &self.schema.tables).await?;
        for (keyspace, _) in KEYSPACES {
            self.fill(stand, keyspace).await?;
        }
        let key = key.replace('\\', "\\\\").replace('\'', "''");
        conn.query_drop(format!("INSERT INTO difftest.loaded VALUES ('{key}')"))
            .await
            .map_err(|e| e.to_string())
    }

    /// Puts the rows of a keyspace back.
    async fn fill(&self, stand: &Stand, keyspace: &str) -> Result<()> {
        let mut pair = stand.connect(keyspace).await?;
        for table in self.schema.tables.iter().filter(|t| t.is_in(keyspace)) {
            pair.must(&format!("DELETE FROM {}", table.name)).await?;
        }
        for case in &self.rows.cases {
            pair.must(&case.sql).await.map_err(|e| format!("rows.test:{}: {e}", case.line))?;
        }
        Ok(())
    }

    /// Runs every file in each of its keyspaces; gives back reports of what differs.
    pub async fn run(&self, run: &mut Run<'_>) -> Result<Vec<String>> {
        let mut reports = Vec::new();
        for file in &self.files {
            if !file.tables.is_empty() {
                let all: Vec<Table> = self.schema.tables.iter().chain(&file.tables).cloned().collect();
                tables::make(run.stand, &file.tables, &all).await?;
            }
            for keyspace in &file.keyspaces {
                if run.first && !reports.is_empty() {
                    break;
                }
                let dirty = run_file(run, file, keyspace, &mut reports).await?;
                if dirty {
                    self.fill(run.stand, keyspace).await?;
                }
            }
            tables::drop(run.stand, &file.tables).await?;
        }
        Ok(reports)
    }
}

/// Runs one file in one keyspace; says whether rows were written.
async fn run_file(
    run: &mut Run<'_>,
    file: &Script,
    keyspace: &str,
    reports: &mut Vec<String>,
) -> Result<bool> {
    let mut pair = run.stand.connect(keyspace).await?;
    let mut touched = BTreeSet::new();
    let mut dirty = false;
    for case in file.cases.iter().filter(|c| !(c.only_mysql && run.stand.is_mariadb())) {
        let place = format!("{}:{} in {keyspace}", file.name, case.line);
        let (checked, unexpected) = run.check(&mut pair, keyspace, &case.sql, case.wanted).await?;
        if let Some(difference) = &unexpected {
            reports.push(report(&place, &case.sql, &checked, difference));
        }
        if let Some(mysql) = &checked.both.mysql
            && mysql.errno() != case.errno
        {
            // The case does not test what it says: that is a fault of the case.
            reports.push(format!(
                "{place}: the case expects errno {:?} of MySQL: {mysql}\n  {}\n",
                case.errno, case.sql
            ));
        }
        if Shape::of(&case.sql).is_write {
            dirty = true;
            touched.extend(tables::named(&case.sql));
        }
        let broken = checked.difference.is_some_and(|d| d.class == Class::State);
        let after = match ends_transaction(&case.sql) && !broken {
            true => state(run, &mut pair, &touched, &place, case).await,
            false => None,
        };
        reports.extend(after.clone());
        if after.is_some() || broken {
            // From here on everything would differ.
            if unexpected.is_some() || after.is_some() {
                reports.push(format!("{place}: the rest of the file was not run\n"));
            }
            break;
        }
    }
    Ok(dirty)
}

fn ends_transaction(sql: &str) -> bool {
    let statement = parse(sql.as_bytes(), &ParseOptions::default());
    matches!(statement, Ok(Statement::Commit(_) | Statement::Rollback(_) | Statement::RollbackTo(_)))
}

async fn state(
    run: &mut Run<'_>,
    pair: &mut Pair,
    touched: &BTreeSet<String>,
    place: &str,
    case: &Case,
) -> Option<String> {
    let found = tables::compare_all(pair, touched).await.difference?;
    if run.expected.knows(&case.sql, &found) {
        return None;
    }
    *run.tally.differences.entry(found.class).or_default() += 1;
    Some(format!("{place}: {found}\n  {}\n", case.sql))
}
