//! Changes of a shard's primary.

use std::time::Duration;

use clap::Args;
use proto::{topodata::TabletAlias, vtctldata::*};
use servenv::parse_duration;
use vterrors::Result;

use crate::{
    Client,
    print::{self, KeyspaceShard, parse_alias},
};

#[derive(Debug, Clone, Args)]
pub(crate) struct InitShardPrimary {
    /// Longest wait for the replicas
    #[arg(long, default_value = "30s", value_parser = parse_duration)]
    wait_replicas_timeout: Duration,
    /// Also if the shard has a primary or its tablets replicate
    #[arg(long)]
    force: bool,
    #[arg(value_name = "KEYSPACE/SHARD")]
    shard: KeyspaceShard,
    #[arg(value_name = "ALIAS", value_parser = parse_alias)]
    primary: TabletAlias,
}

impl InitShardPrimary {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = InitShardPrimaryRequest {
            keyspace: self.shard.keyspace,
            shard: self.shard.shard,
            primary_elect_tablet_alias: Some(self.primary),
            force: self.force,
            wait_replicas_timeout: print::duration(self.wait_replicas_timeout),
        };
        Ok(print::events(&c.vtctld.init_shard_primary(request).await?.events))
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PlannedReparentShard {
    /// Longest wait for the candidate to catch up and for the replicas to follow it
    #[arg(long, default_value = "15s", value_parser = parse_duration)]
    wait_replicas_timeout: Duration,
    /// A candidate that lags more is not chosen; 0 is no limit
    #[arg(long, default_value = "0", value_parser = parse_duration)]
    tolerable_replication_lag: Duration,
    /// The tablet to promote; the best one if not given
    #[arg(long, value_parser = parse_alias)]
    new_primary: Option<TabletAlias>,
    /// Reparent only if this tablet is the primary
    #[arg(long, value_parser = parse_alias)]
    avoid_primary: Option<TabletAlias>,
    /// Refuse if another tablet than this is the primary
    #[arg(long, value_parser = parse_alias)]
    expected_primary: Option<TabletAlias>,
    /// Let a tablet of another cell be chosen
    #[arg(long)]
    allow_cross_cell_promotion: bool,
    /// Show the steps without taking them
    #[arg(long)]
    dry_run: bool,
    #[arg(value_name = "KEYSPACE/SHARD")]
    shard: KeyspaceShard,
}

impl PlannedReparentShard {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = PlannedReparentShardRequest {
            keyspace: self.shard.keyspace,
            shard: self.shard.shard,
            new_primary: self.new_primary,
            avoid_primary: self.avoid_primary,
            wait_replicas_timeout: print::duration(self.wait_replicas_timeout),
            tolerable_replication_lag: print::duration(self.tolerable_replication_lag),
            allow_cross_cell_promotion: self.allow_cross_cell_promotion,
            expected_primary: self.expected_primary,
        };
        if self.dry_run {
            return c.plans.planned(&request).await;
        }
        Ok(print::events(&c.vtctld.planned_reparent_shard(request).await?.events))
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct EmergencyReparentShard {
    /// Longest wait for the tablets to stop, for relay logs and for the replicas to follow
    #[arg(long, default_value = "15s", value_parser = parse_duration)]
    wait_replicas_timeout: Duration,
    /// The tablet to promote; the best one if not given
    #[arg(long, value_parser = parse_alias)]
    new_primary: Option<TabletAlias>,
    /// Refuse if another tablet than this is the primary
    #[arg(long, value_parser = parse_alias)]
    expected_primary: Option<TabletAlias>,
    /// Promote only a tablet of the old primary's cell
    #[arg(long)]
    prevent_cross_cell_promotion: bool,
    /// Wait for the answer of every tablet
    #[arg(long)]
    wait_for_all_tablets: bool,
    /// Tablets that are left out; what only they have is given up
    #[arg(short = 'i', long, value_delimiter = ',', value_parser = parse_alias)]
    ignore_replicas: Vec<TabletAlias>,
    /// Show the steps without taking them
    #[arg(long)]
    dry_run: bool,
    #[arg(value_name = "KEYSPACE/SHARD")]
    shard: KeyspaceShard,
}

impl EmergencyReparentShard {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = EmergencyReparentShardRequest {
            keyspace: self.shard.keyspace,
            shard: self.shard.shard,
            new_primary: self.new_primary,
            ignore_replicas: self.ignore_replicas,
            wait_replicas_timeout: print::duration(self.wait_replicas_timeout),
            prevent_cross_cell_promotion: self.prevent_cross_cell_promotion,
            wait_for_all_tablets: self.wait_for_all_tablets,
            expected_primary: self.expected_primary,
        };
        if self.dry_run {
            return c.plans.emergency(&request).await;
        }
        Ok(print::events(&c.vtctld.emergency_reparent_shard(request).await?.events))
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct TabletExternallyReparented {
    #[arg(value_name = "ALIAS", value_parser = parse_alias)]
    tablet: TabletAlias,
}

impl TabletExternallyReparented {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = TabletExternallyReparentedRequest { tablet: Some(self.tablet) };
        let answer = c.vtctld.tablet_externally_reparented(request).await?;
        c.json("vtctldata.TabletExternallyReparentedResponse", &answer)
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ReparentTablet {
    #[arg(value_name = "ALIAS", value_parser = parse_alias)]
    tablet: TabletAlias,
}

impl ReparentTablet {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        c.vtctld.reparent_tablet(ReparentTabletRequest { tablet: Some(self.tablet) }).await?;
        Ok(String::new())
    }
}
