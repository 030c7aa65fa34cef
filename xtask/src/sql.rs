//! `cargo xtask sql`: the example `sql` of `libs/sqlast`, under a name that is easy to type.
//!
//! A process of its own, because this crate imports none of ours. Standard input and output are its own; what
//! the compiler has to say goes to standard error.

use std::{path::Path, process::Command};

use crate::Result;

/// Runs it to its end, in the workspace at `root`.
pub fn run(root: &Path) -> Result<()> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(program)
        .args(["run", "--quiet", "--package", "sqlast", "--example", "sql"])
        .current_dir(root)
        .status()
        .map_err(|e| format!("cannot run cargo: {e}"))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("sql: {status}")),
    }
}
