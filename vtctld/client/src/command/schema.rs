//! Tables.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use proto::{topodata::TabletAlias, vtctldata::*, vtrpc};
use servenv::parse_duration;
use vterrors::{Error, Result};

use crate::{
    Client,
    lists::{self, Listing},
    print::{self, KeyspaceShard, parse_alias},
};

#[derive(Debug, Clone, Args)]
pub(crate) struct ApplySchema {
    /// A statement, or several with semicolons; may be given more than once
    #[arg(long)]
    sql: Vec<String>,
    /// File that holds the statements
    #[arg(long)]
    sql_file: Option<PathBuf>,
    /// How changes are made: direct
    #[arg(long, default_value = "direct")]
    ddl_strategy: String,
    /// Names for the changes, one for each
    #[arg(long, value_delimiter = ',')]
    uuid: Vec<String>,
    /// A text that goes with the changes
    #[arg(long, default_value = "")]
    migration_context: String,
    /// Longest wait for the replicas to have the changes
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    wait_replicas_timeout: Duration,
    /// Who asks, for the tables' access rules
    #[arg(long, default_value = "")]
    caller_id: String,
    /// How many statements to send at once; only 0 is supported
    #[arg(long, default_value_t = 0)]
    batch_size: i64,
    /// Show which statements would run on which tablets, without running them
    #[arg(long)]
    dry_run: bool,
    keyspace: String,
}

impl ApplySchema {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let sql = match (self.sql.is_empty(), self.sql_file) {
            (false, None) => self.sql,
            (true, Some(path)) => {
                let text = std::fs::read_to_string(&path);
                vec![text.map_err(|e| Error::invalid(format!("--sql-file {}: {e}", path.display())))?]
            }
            (true, None) => return Err(Error::invalid("give --sql or --sql-file")),
            (false, Some(_)) => return Err(Error::invalid("give --sql or --sql-file, not both")),
        };
        let caller = vtrpc::CallerId { principal: self.caller_id.clone(), ..vtrpc::CallerId::default() };
        let request = ApplySchemaRequest {
            keyspace: self.keyspace,
            sql,
            ddl_strategy: self.ddl_strategy,
            uuid_list: self.uuid,
            migration_context: self.migration_context,
            wait_replicas_timeout: print::duration(self.wait_replicas_timeout),
            caller_id: (!self.caller_id.is_empty()).then_some(caller),
            batch_size: self.batch_size,
        };
        if self.dry_run {
            let lines = ops::plan_apply_schema(&*c.vtctld, &request).await?;
            return Ok(crate::dry_run_text(&lines));
        }
        let answer = c.vtctld.apply_schema(request).await?;
        Ok(answer.uuid_list.join("\n") + "\n")
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GetSchema {
    #[command(flatten)]
    listing: Listing,
    /// Only these tables, or those that match /regular expressions/
    #[arg(long, value_delimiter = ',')]
    tables: Vec<String>,
    /// Not these tables
    #[arg(long, value_delimiter = ',')]
    exclude_tables: Vec<String>,
    /// Views too
    #[arg(long)]
    include_views: bool,
    /// Only the names, one a line
    #[arg(long, short = 'n')]
    table_names_only: bool,
    /// Only the sizes
    #[arg(long, short = 's')]
    table_sizes_only: bool,
    /// Only the CREATE statements: no columns, no sizes
    #[arg(long)]
    table_schema_only: bool,
    #[arg(value_name = "ALIAS", value_parser = parse_alias)]
    tablet: TabletAlias,
}

impl GetSchema {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        if self.table_names_only && self.table_sizes_only {
            return Err(Error::invalid("give --table-names-only or --table-sizes-only, not both"));
        }
        let request = GetSchemaRequest {
            tablet_alias: Some(self.tablet),
            tables: self.tables,
            exclude_tables: self.exclude_tables,
            include_views: self.include_views,
            table_names_only: self.table_names_only,
            table_sizes_only: self.table_sizes_only,
            table_schema_only: self.table_schema_only,
        };
        let schema = c.vtctld.get_schema(request).await?.schema.unwrap_or_default();
        if self.listing.is_table() {
            return Ok(lists::schema(&schema));
        }
        if self.table_names_only && !self.listing.is_json() {
            return Ok(schema.table_definitions.into_iter().map(|t| t.name + "\n").collect());
        }
        c.json("tabletmanagerdata.SchemaDefinition", &schema)
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ReloadSchema {
    #[arg(value_name = "ALIAS", value_parser = parse_alias)]
    tablet: TabletAlias,
}

impl ReloadSchema {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        c.vtctld.reload_schema(ReloadSchemaRequest { tablet_alias: Some(self.tablet) }).await?;
        Ok(String::new())
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ReloadSchemaShard {
    /// How many tablets at once
    #[arg(long, default_value_t = 10)]
    concurrency: i32,
    /// The primary too
    #[arg(long)]
    include_primary: bool,
    #[arg(value_name = "KEYSPACE/SHARD")]
    shard: KeyspaceShard,
}

impl ReloadSchemaShard {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = ReloadSchemaShardRequest {
            keyspace: self.shard.keyspace,
            shard: self.shard.shard,
            include_primary: self.include_primary,
            concurrency: self.concurrency,
            ..Default::default()
        };
        Ok(print::events(&c.vtctld.reload_schema_shard(request).await?.events))
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ReloadSchemaKeyspace {
    /// How many tablets at once
    #[arg(long, default_value_t = 10)]
    concurrency: i32,
    /// The primaries too
    #[arg(long)]
    include_primary: bool,
    keyspace: String,
}

impl ReloadSchemaKeyspace {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = ReloadSchemaKeyspaceRequest {
            keyspace: self.keyspace,
            include_primary: self.include_primary,
            concurrency: self.concurrency,
            ..Default::default()
        };
        Ok(print::events(&c.vtctld.reload_schema_keyspace(request).await?.events))
    }
}
