//! The corpus of statements that MySQL was asked about. It is no part of the repository's own data: where it is
//! not, its tests say so and pass.

use std::path::{Path, PathBuf};

/// A statement and MySQL's verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub sql: Vec<u8>,
    /// Where it comes from: `planbuilder` and others.
    pub source: String,
    pub mysql_accepts: bool,
}

impl Statement {
    /// The statement for messages.
    pub fn text(&self) -> String {
        text(&self.sql)
    }
}

/// Bytes for messages.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The corpus beside the workspace (or in `$VIVACE_SHARED/sql`); empty, with a word on stderr, without it.
///
/// # Panics
/// When a line of it is not what it should be.
#[allow(clippy::print_stderr)]
pub fn corpus() -> Vec<Statement> {
    let shared = std::env::var_os("VIVACE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join("sql/corpus.jsonl");
    match std::fs::read_to_string(&path) {
        Ok(lines) => parse(&lines),
        Err(_) => {
            eprintln!("skipped: no corpus at {}", path.display());
            Vec::new()
        }
    }
}

pub(crate) fn parse(lines: &str) -> Vec<Statement> {
    let statement = |(number, line): (usize, &str)| {
        let broken = |what: &str| -> ! { panic!("line {} of the corpus: {what}: {line}", number + 1) };
        let value: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|e| broken(&format!("not JSON: {e}")));
        let (Some(sql), Some(source), Some(mysql_accepts)) =
            (value["sql"].as_str(), value["source"].as_str(), value["mysql_accepts"].as_bool())
        else {
            broken("needs sql, source and mysql_accepts")
        };
        Statement { sql: sql.as_bytes().to_vec(), source: source.to_owned(), mysql_accepts }
    };
    lines.lines().enumerate().map(statement).collect()
}
