//! The command line, with Vitess's names.

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use vterrors::{Error, Result};
use vtmodel::TargetString;

/// How the output is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputMode {
    Text,
    Json,
}

/// How replication is set up; plans do not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum ReplicationMode {
    Row,
    Statement,
}

/// Shows how vtgate would answer statements: plans and what each shard is sent, from files, without a cluster
#[derive(Debug, Clone, Parser)]
#[command(name = "vtexplain", after_help = EXAMPLE)]
pub struct Options {
    /// The statements to explain, with semicolons between
    #[arg(long, value_name = "SQL")]
    pub sql: Option<String>,
    /// A file of statements to explain
    #[arg(long, value_name = "FILE")]
    pub sql_file: Option<PathBuf>,
    /// The keyspaces' VSchema in JSON: {"customer": {"sharded": true, ...}}
    #[arg(long, value_name = "JSON")]
    pub vschema: Option<String>,
    /// A file with the VSchema
    #[arg(long, value_name = "FILE")]
    pub vschema_file: Option<PathBuf>,
    /// CREATE TABLE statements: columns, their types, and keys. A table belongs to the keyspaces that list
    /// it, unless it is named keyspace.table or stands behind USE keyspace
    #[arg(long, value_name = "SQL")]
    pub schema: Option<String>,
    /// A file of CREATE TABLE statements
    #[arg(long, value_name = "FILE")]
    pub schema_file: Option<PathBuf>,
    /// How many shards a sharded keyspace has, of equal size
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub shards: u32,
    /// The shards of keyspaces in JSON: {"customer": {"-40": {}, "40-": {}}}; for others --shards counts
    #[arg(long, value_name = "JSON")]
    pub ks_shard_map: Option<String>,
    /// A file with the shards of keyspaces
    #[arg(long, value_name = "FILE")]
    pub ks_shard_map_file: Option<PathBuf>,
    /// What the session has selected before the first statement: keyspace, keyspace:shard, keyspace@replica
    #[arg(long, value_name = "TARGET")]
    pub dbname: Option<String>,
    /// Which form the output has
    #[arg(long, value_name = "MODE", value_enum, default_value = "text")]
    pub output_mode: OutputMode,
    /// Accepted for Vitess's scripts; plans do not depend on it
    #[arg(long, value_name = "MODE", value_enum, ignore_case = true, default_value = "ROW")]
    pub replication_mode: ReplicationMode,
    /// Accepted for Vitess's scripts; there is one planner
    #[arg(long, value_name = "VERSION")]
    pub planner_version: Option<String>,
    /// Accepted for Vitess's scripts; what is sent is shown without the statements around it
    #[arg(long, value_name = "MODE", default_value = "multi")]
    pub execution_mode: String,
    /// Accepted for Vitess's scripts; literals are always made bind variables
    #[arg(long)]
    pub normalize: bool,
    /// Accepted for Vitess's scripts; nothing waits here
    #[arg(long, value_name = "DURATION")]
    pub batch_interval: Option<String>,
}

const EXAMPLE: &str = "\
Example:
  vtexplain --vschema-file vschema.json --schema-file schema.sql --shards 4 \\
    --sql 'select name from customer where customer_id = 7'";

impl Options {
    /// What is wrong beyond the form of each option, a fault a line.
    pub fn check(&self) -> Result<()> {
        let mut faults = Vec::new();
        let pairs = [
            ("sql", self.sql.is_some(), self.sql_file.is_some(), true),
            ("vschema", self.vschema.is_some(), self.vschema_file.is_some(), true),
            ("schema", self.schema.is_some(), self.schema_file.is_some(), false),
            ("ks-shard-map", self.ks_shard_map.is_some(), self.ks_shard_map_file.is_some(), false),
        ];
        for (name, text, file, required) in pairs {
            match (text, file) {
                (true, true) => faults.push(format!("give one of --{name} and --{name}-file")),
                (false, false) if required => faults.push(format!("--{name} or --{name}-file is missing")),
                _ => {}
            }
        }
        if let Err(e) = TargetString::parse(self.dbname.as_deref().unwrap_or_default()) {
            faults.push(format!("--dbname: {}", e.message()));
        }
        match faults.is_empty() {
            true => Ok(()),
            false => Err(Error::invalid(faults.join("\n"))),
        }
    }
}

/// What `--name` or `--name-file` gives; an error names the file.
pub fn source(
    name: &str,
    text: Option<&str>,
    file: Option<&Path>,
) -> std::result::Result<Option<Vec<u8>>, String> {
    match (text, file) {
        (Some(text), _) => Ok(Some(text.as_bytes().to_vec())),
        (None, Some(file)) => std::fs::read(file)
            .map(Some)
            .map_err(|e| format!("--{name}-file: cannot read {}: {e}", file.display())),
        (None, None) => Ok(None),
    }
}

/// The same where it must be UTF-8.
pub fn utf8_source(
    name: &str,
    text: Option<&str>,
    file: Option<&Path>,
) -> std::result::Result<Option<String>, String> {
    let bytes = source(name, text, file)?;
    bytes.map(String::from_utf8).transpose().map_err(|e| format!("--{name}: {e}"))
}
