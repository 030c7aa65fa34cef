//! Shards.

use clap::Args;
use ops::dry_run::Change;
use proto::vtctldata::*;
use vterrors::Result;

use crate::{
    Client,
    lists::{self, Listing},
    print::{KeyspaceShard, tablet_line},
};

#[derive(Debug, Clone, Args)]
pub(crate) struct CreateShard {
    /// Succeed if the shard exists already
    #[arg(long, short)]
    force: bool,
    /// Make the keyspace too if it is missing
    #[arg(long, short = 'p')]
    include_parent: bool,
    /// Show what would change, without changing it
    #[arg(long)]
    dry_run: bool,
    #[arg(value_name = "KEYSPACE/SHARD")]
    shard: KeyspaceShard,
}

impl CreateShard {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = CreateShardRequest {
            keyspace: self.shard.keyspace,
            shard_name: self.shard.shard,
            force: self.force,
            include_parent: self.include_parent,
        };
        if self.dry_run {
            return c.preview(Change::CreateShard(request)).await;
        }
        let answer = c.vtctld.create_shard(request).await?;
        c.json("vtctldata.CreateShardResponse", &answer)
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GetShard {
    #[arg(value_name = "KEYSPACE/SHARD")]
    shard: KeyspaceShard,
}

impl GetShard {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = GetShardRequest { keyspace: self.shard.keyspace, shard_name: self.shard.shard };
        let answer = c.vtctld.get_shard(request).await?;
        c.json("vtctldata.Shard", &answer.shard.unwrap_or_default())
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DeleteShards {
    /// Delete their tablets' records too
    #[arg(long, short)]
    recursive: bool,
    /// Also shards that cells serve
    #[arg(long)]
    even_if_serving: bool,
    /// Go on if a shard is not there
    #[arg(long, short)]
    force: bool,
    /// Show what would change, without changing it
    #[arg(long)]
    dry_run: bool,
    #[arg(value_name = "KEYSPACE/SHARD", required = true)]
    shards: Vec<KeyspaceShard>,
}

impl DeleteShards {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let count = self.shards.len();
        let shards =
            self.shards.into_iter().map(|s| Shard { keyspace: s.keyspace, name: s.shard, shard: None });
        let request = DeleteShardsRequest {
            shards: shards.collect(),
            recursive: self.recursive,
            even_if_serving: self.even_if_serving,
            force: self.force,
        };
        if self.dry_run {
            return c.preview(Change::DeleteShards(request)).await;
        }
        c.vtctld.delete_shards(request).await?;
        Ok(format!("Successfully deleted {count} shards.\n"))
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GetShardReplication {
    #[command(flatten)]
    listing: Listing,
    #[arg(value_name = "KEYSPACE/SHARD")]
    shard: KeyspaceShard,
    cells: Vec<String>,
}

impl GetShardReplication {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = GetShardReplicationRequest {
            keyspace: self.shard.keyspace,
            shard: self.shard.shard,
            cells: self.cells,
        };
        let answer = c.vtctld.get_shard_replication(request).await?;
        if self.listing.is_table() {
            return Ok(lists::shard_replication(&answer.shard_replication_by_cell));
        }
        c.json("vtctldata.GetShardReplicationResponse", &answer)
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct SetShardIsPrimaryServing {
    /// Show what would change, without changing it
    #[arg(long)]
    dry_run: bool,
    #[arg(value_name = "KEYSPACE/SHARD")]
    shard: KeyspaceShard,
    #[arg(action = clap::ArgAction::Set)]
    is_serving: bool,
}

impl SetShardIsPrimaryServing {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = SetShardIsPrimaryServingRequest {
            keyspace: self.shard.keyspace,
            shard: self.shard.shard,
            is_serving: self.is_serving,
        };
        if self.dry_run {
            return c.preview(Change::SetShardIsPrimaryServing(request)).await;
        }
        let answer = c.vtctld.set_shard_is_primary_serving(request).await?;
        c.json("vtctldata.SetShardIsPrimaryServingResponse", &answer)
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ShardReplicationPositions {
    #[command(flatten)]
    listing: Listing,
    #[arg(value_name = "KEYSPACE/SHARD")]
    shard: KeyspaceShard,
}

impl ShardReplicationPositions {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request =
            ShardReplicationPositionsRequest { keyspace: self.shard.keyspace, shard: self.shard.shard };
        let answer = c.vtctld.shard_replication_positions(request).await?;
        if self.listing.is_table() {
            return Ok(lists::positions(&answer));
        }
        if self.listing.is_json() {
            return c.json("vtctldata.ShardReplicationPositionsResponse", &answer);
        }
        let mut lines: Vec<String> = answer
            .tablet_map
            .iter()
            .map(|(alias, tablet)| {
                let status = answer.replication_statuses.get(alias).filter(|s| !s.position.is_empty());
                let state = match status {
                    Some(s) if s.replication_lag_unknown => format!("{} unknown", s.position),
                    Some(s) => format!("{} {}", s.position, s.replication_lag_seconds),
                    None => "<err> <err>".to_owned(),
                };
                format!("{} {state}\n", tablet_line(tablet))
            })
            .collect();
        lines.sort();
        Ok(lines.concat())
    }
}
