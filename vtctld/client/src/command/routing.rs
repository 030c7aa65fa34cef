//! Routing rules.

use std::path::PathBuf;

use clap::Args;
use proto::{vschema, vtctldata::*};
use vterrors::{Error, Result};

use super::vschema::text_or_file;
use crate::{
    Client,
    lists::{self, Listing},
};

/// What the three commands that replace rules take.
#[derive(Debug, Clone, Args)]
pub(crate) struct Rules {
    /// The rules as JSON
    #[arg(long, short)]
    rules: Option<String>,
    /// File that holds the rules as JSON
    #[arg(long, short = 'f')]
    rules_file: Option<PathBuf>,
    /// Write SrvVSchema only to these cells
    #[arg(long, short, value_delimiter = ',')]
    cells: Vec<String>,
    /// Do not write SrvVSchema
    #[arg(long)]
    skip_rebuild: bool,
    /// Only show what would be written
    #[arg(long, short)]
    dry_run: bool,
}

impl Rules {
    fn read<M: prost::Message + Default>(&self, name: &str) -> Result<M> {
        let text = text_or_file("--rules", self.rules.clone(), "--rules-file", self.rules_file.clone())?;
        ops::json::from_json(name, &text.ok_or_else(|| Error::invalid("give --rules or --rules-file"))?)
    }

    fn shown<M: prost::Message>(&self, c: &Client, name: &str, rules: &M) -> Result<String> {
        let json = c.json(name, rules)?;
        let kind = name.rsplit('.').next().unwrap_or(name);
        let head = if self.dry_run { "[DRY RUN] Would have saved new" } else { "New" };
        Ok(format!("{head} {kind} object:\n{json}"))
    }
}

macro_rules! apply {
    ($($name:ident: $message:ident -> $method:ident($request:ident { $field:ident });)*) => {
        $(#[derive(Debug, Clone, Args)]
        pub(crate) struct $name {
            #[command(flatten)]
            rules: Rules,
        }

        impl $name {
            pub(crate) async fn run(self, c: &Client) -> Result<String> {
                const NAME: &str = concat!("vschema.", stringify!($message));
                let rules: vschema::$message = self.rules.read(NAME)?;
                let text = self.rules.shown(c, NAME, &rules)?;
                if !self.rules.dry_run {
                    let request = $request {
                        $field: Some(rules),
                        skip_rebuild: self.rules.skip_rebuild,
                        rebuild_cells: self.rules.cells,
                    };
                    c.vtctld.$method(request).await?;
                }
                Ok(text)
            }
        })*
    };
}

apply! {
    ApplyRoutingRules: RoutingRules -> apply_routing_rules(ApplyRoutingRulesRequest { routing_rules });
    ApplyShardRoutingRules: ShardRoutingRules
        -> apply_shard_routing_rules(ApplyShardRoutingRulesRequest { shard_routing_rules });
    ApplyKeyspaceRoutingRules: KeyspaceRoutingRules
        -> apply_keyspace_routing_rules(ApplyKeyspaceRoutingRulesRequest { keyspace_routing_rules });
}

macro_rules! get {
    ($($name:ident: $message:ident -> $method:ident($request:ident).$field:ident, $table:path;)*) => {
        $(#[derive(Debug, Clone, Args)]
        pub(crate) struct $name {
            #[command(flatten)]
            listing: Listing,
        }

        impl $name {
            pub(crate) async fn run(self, c: &Client) -> Result<String> {
                let answer = c.vtctld.$method($request {}).await?;
                let rules = answer.$field.unwrap_or_default();
                if self.listing.is_table() {
                    return Ok($table(&rules));
                }
                c.json(concat!("vschema.", stringify!($message)), &rules)
            }
        })*
    };
}

get! {
    GetRoutingRules: RoutingRules -> get_routing_rules(GetRoutingRulesRequest).routing_rules,
        lists::routing_rules;
    GetShardRoutingRules: ShardRoutingRules
        -> get_shard_routing_rules(GetShardRoutingRulesRequest).shard_routing_rules,
        lists::shard_routing_rules;
    GetKeyspaceRoutingRules: KeyspaceRoutingRules
        -> get_keyspace_routing_rules(GetKeyspaceRoutingRulesRequest).keyspace_routing_rules,
        lists::keyspace_routing_rules;
    GetMirrorRules: MirrorRules -> get_mirror_rules(GetMirrorRulesRequest).mirror_rules,
        lists::mirror_rules;
}
