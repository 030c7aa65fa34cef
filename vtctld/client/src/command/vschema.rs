//! The VSchema of a keyspace.

use std::path::PathBuf;

use clap::Args;
use proto::{vschema, vtctldata::*};
use vterrors::{Error, Result};

use crate::Client;

/// The text of a flag or of the file of another; at most one may be given.
pub(super) fn text_or_file(
    flag: &str,
    text: Option<String>,
    file_flag: &str,
    file: Option<PathBuf>,
) -> Result<Option<String>> {
    match (text, file) {
        (Some(_), Some(_)) => Err(Error::invalid(format!("give {flag} or {file_flag}, not both"))),
        (Some(text), None) => Ok(Some(text)),
        (None, Some(path)) => std::fs::read_to_string(&path)
            .map(Some)
            .map_err(|e| Error::invalid(format!("{file_flag} {}: {e}", path.display()))),
        (None, None) => Ok(None),
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ApplyVSchema {
    /// The VSchema as JSON
    #[arg(long)]
    vschema: Option<String>,
    /// File that holds the VSchema as JSON
    #[arg(long)]
    vschema_file: Option<PathBuf>,
    /// An ALTER VSCHEMA statement
    #[arg(long)]
    sql: Option<String>,
    /// File that holds an ALTER VSCHEMA statement
    #[arg(long)]
    sql_file: Option<PathBuf>,
    /// Only show what would be written
    #[arg(long)]
    dry_run: bool,
    /// Do not write SrvVSchema
    #[arg(long)]
    skip_rebuild: bool,
    /// Write SrvVSchema only to these cells
    #[arg(long, value_delimiter = ',')]
    cells: Vec<String>,
    /// Refuse unknown parameters of vindexes
    #[arg(long)]
    strict: bool,
    keyspace: String,
}

impl ApplyVSchema {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let json = text_or_file("--vschema", self.vschema, "--vschema-file", self.vschema_file)?;
        let sql = text_or_file("--sql", self.sql, "--sql-file", self.sql_file)?;
        let v_schema = match (&json, &sql) {
            (Some(json), None) => Some(ops::json::from_json::<vschema::Keyspace>("vschema.Keyspace", json)?),
            (None, Some(_)) => None,
            (None, None) => {
                return Err(Error::invalid("give --vschema, --vschema-file, --sql or --sql-file"));
            }
            (Some(_), Some(_)) => return Err(Error::invalid("give a VSchema or SQL, not both")),
        };
        let request = ApplyVSchemaRequest {
            keyspace: self.keyspace,
            skip_rebuild: self.skip_rebuild,
            dry_run: self.dry_run,
            cells: self.cells,
            v_schema,
            sql: sql.unwrap_or_default(),
            strict: self.strict,
        };
        let answer = c.vtctld.apply_v_schema(request).await?;
        let json = c.json("vschema.Keyspace", &answer.v_schema.unwrap_or_default())?;
        let mut text = format!("New VSchema object:\n{json}");
        let mut unknown: Vec<_> = answer.unknown_vindex_params.into_iter().collect();
        unknown.sort_by(|a, b| a.0.cmp(&b.0));
        for (vindex, list) in unknown {
            text += &format!("Vindex {vindex} does not know its parameters: {}\n", list.params.join(", "));
        }
        if self.dry_run {
            text += "Dry run: nothing was written.\n";
        }
        Ok(text)
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GetVSchema {
    keyspace: String,
}

impl GetVSchema {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let answer = c.vtctld.get_v_schema(GetVSchemaRequest { keyspace: self.keyspace }).await?;
        c.json("vschema.Keyspace", &answer.v_schema.unwrap_or_default())
    }
}
