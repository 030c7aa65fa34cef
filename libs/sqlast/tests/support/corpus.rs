//! Where the test data is and how it is read.

use std::path::PathBuf;

/// A statement and MySQL's verdict.
#[derive(Debug)]
pub struct Case {
    pub sql: Vec<u8>,
    pub mysql_accepts: bool,
}

/// Bytes for messages.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The corpus beside the workspace (or in `$VIVACE_SHARED/sql`); empty, with a word on stderr, without it.
pub fn corpus() -> Vec<Case> {
    let shared = std::env::var_os("VIVACE_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join("sql/corpus.jsonl");
    let Ok(lines) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: no corpus at {}", path.display());
        return Vec::new();
    };
    lines
        .lines()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            Case {
                sql: value["sql"].as_str().unwrap().as_bytes().to_vec(),
                mysql_accepts: value["mysql_accepts"].as_bool().unwrap(),
            }
        })
        .collect()
}
