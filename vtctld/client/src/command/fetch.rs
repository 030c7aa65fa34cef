//! Queries on one tablet's mysqld.

use clap::Args;
use proto::{topodata::TabletAlias, vtctldata::*};
use vterrors::Result;

use crate::{Client, print::parse_alias, table};

#[derive(Debug, Clone, Args)]
pub(crate) struct ExecuteFetchAsApp {
    /// Most rows to fetch
    #[arg(long, default_value_t = 10_000)]
    max_rows: i64,
    /// Use the application's pool
    #[arg(long)]
    use_pool: bool,
    /// Print JSON instead of a table
    #[arg(long, short)]
    json: bool,
    #[arg(value_name = "ALIAS", value_parser = parse_alias)]
    tablet: TabletAlias,
    query: String,
}

impl ExecuteFetchAsApp {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = ExecuteFetchAsAppRequest {
            tablet_alias: Some(self.tablet),
            query: self.query,
            max_rows: self.max_rows,
            use_pool: self.use_pool,
        };
        let result = c.vtctld.execute_fetch_as_app(request).await?.result.unwrap_or_default();
        if self.json { table::json(&result) } else { table::table(&result) }
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ExecuteFetchAsDba {
    /// Most rows to fetch
    #[arg(long, default_value_t = 10_000)]
    max_rows: i64,
    /// Do not write to the binary log
    #[arg(long)]
    disable_binlogs: bool,
    /// Have the tablet read its tables again afterwards
    #[arg(long)]
    reload_schema: bool,
    /// Print JSON instead of a table
    #[arg(long, short)]
    json: bool,
    #[arg(value_name = "ALIAS", value_parser = parse_alias)]
    tablet: TabletAlias,
    query: String,
}

impl ExecuteFetchAsDba {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = ExecuteFetchAsDbaRequest {
            tablet_alias: Some(self.tablet),
            query: self.query,
            max_rows: self.max_rows,
            disable_binlogs: self.disable_binlogs,
            reload_schema: self.reload_schema,
        };
        let result = c.vtctld.execute_fetch_as_dba(request).await?.result.unwrap_or_default();
        if self.json { table::json(&result) } else { table::table(&result) }
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ExecuteMultiFetchAsDba {
    /// Most rows to fetch of each result
    #[arg(long, default_value_t = 10_000)]
    max_rows: i64,
    /// Do not write to the binary log
    #[arg(long)]
    disable_binlogs: bool,
    /// Have the tablet read its tables again afterwards
    #[arg(long)]
    reload_schema: bool,
    /// Print JSON instead of tables
    #[arg(long, short)]
    json: bool,
    #[arg(value_name = "ALIAS", value_parser = parse_alias)]
    tablet: TabletAlias,
    sql: String,
}

impl ExecuteMultiFetchAsDba {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = ExecuteMultiFetchAsDbaRequest {
            tablet_alias: Some(self.tablet),
            sql: self.sql,
            max_rows: self.max_rows,
            disable_binlogs: self.disable_binlogs,
            reload_schema: self.reload_schema,
        };
        let results = c.vtctld.execute_multi_fetch_as_dba(request).await?.results;
        results.iter().map(|r| if self.json { table::json(r) } else { table::table(r) }).collect()
    }
}
