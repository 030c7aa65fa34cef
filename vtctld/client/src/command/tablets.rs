//! Tablets.

use std::time::Duration;

use clap::{Args, ValueEnum};
use ops::dry_run::Change;
use proto::{
    topodata::{TabletAlias, TabletType},
    vtctldata::*,
};
use servenv::parse_duration;
use vterrors::Result;
use vtmodel::parse_tablet_type;

use crate::{
    Client, lists,
    print::{self, KeyspaceShard, parse_alias, tablet_line},
};

/// Commands whose only argument is a tablet and that print nothing.
macro_rules! silent {
    ($($name:ident -> $method:ident($request:ident);)*) => {
        $(#[derive(Debug, Clone, Args)]
        pub(crate) struct $name {
            #[arg(value_name = "ALIAS", value_parser = parse_alias)]
            tablet: TabletAlias,
        }

        impl $name {
            pub(crate) async fn run(self, c: &Client) -> Result<String> {
                c.vtctld.$method($request { tablet_alias: Some(self.tablet) }).await?;
                Ok(String::new())
            }
        })*
    };
}

silent! {
    PingTablet -> ping_tablet(PingTabletRequest);
    RunHealthCheck -> run_health_check(RunHealthCheckRequest);
    StartReplication -> start_replication(StartReplicationRequest);
    StopReplication -> stop_replication(StopReplicationRequest);
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RefreshState {
    #[arg(value_name = "ALIAS", value_parser = parse_alias)]
    tablet: TabletAlias,
}

impl RefreshState {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let alias = vtmodel::TabletAlias::from(&self.tablet);
        c.vtctld.refresh_state(RefreshStateRequest { tablet_alias: Some(self.tablet) }).await?;
        Ok(format!("Refreshed state on {alias}\n"))
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RefreshStateByShard {
    /// Only tablets of these cells
    #[arg(long, short, value_delimiter = ',')]
    cells: Vec<String>,
    #[arg(value_name = "KEYSPACE/SHARD")]
    shard: KeyspaceShard,
}

impl RefreshStateByShard {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let name = format!("{}/{}", self.shard.keyspace, self.shard.shard);
        let request = RefreshStateByShardRequest {
            keyspace: self.shard.keyspace,
            shard: self.shard.shard,
            cells: self.cells,
        };
        let answer = c.vtctld.refresh_state_by_shard(request).await?;
        let partly = if answer.is_partial_refresh { " partially" } else { "" };
        let details = match answer.partial_refresh_details.as_str() {
            "" => String::new(),
            text => format!(": {text}"),
        };
        Ok(format!("State is{partly} refreshed on {name}{details}\n"))
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GetTablet {
    #[arg(value_name = "ALIAS", value_parser = parse_alias)]
    tablet: TabletAlias,
}

impl GetTablet {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let answer = c.vtctld.get_tablet(GetTabletRequest { tablet_alias: Some(self.tablet) }).await?;
        c.json("topodata.Tablet", &answer.tablet.unwrap_or_default())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Awk,
    Table,
    Json,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GetTablets {
    /// Only these tablets
    #[arg(long, short = 't', value_delimiter = ',', value_parser = parse_alias)]
    tablet_alias: Vec<TabletAlias>,
    /// Only tablets of these cells
    #[arg(long, short, value_delimiter = ',')]
    cell: Vec<String>,
    /// Only tablets of this type
    #[arg(long, value_parser = parse_tablet_type)]
    tablet_type: Option<TabletType>,
    /// Only tablets of this keyspace
    #[arg(long, short, default_value = "")]
    keyspace: String,
    /// Only tablets of this shard; needs --keyspace
    #[arg(long, short, default_value = "", allow_hyphen_values = true)]
    shard: String,
    /// One line a tablet for awk, a table for people, or a JSON list
    #[arg(long, value_enum, ignore_case = true, default_value = "awk")]
    format: Format,
    /// Fail if a cell cannot be asked, instead of leaving it out
    #[arg(long)]
    strict: bool,
}

impl GetTablets {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = GetTabletsRequest {
            keyspace: self.keyspace,
            shard: self.shard,
            cells: self.cell,
            strict: self.strict,
            tablet_aliases: self.tablet_alias,
            tablet_type: self.tablet_type.unwrap_or(TabletType::Unknown) as i32,
        };
        let tablets = c.vtctld.get_tablets(request).await?.tablets;
        match self.format {
            Format::Awk => Ok(tablets.iter().map(|t| tablet_line(t) + "\n").collect()),
            Format::Table => Ok(lists::tablets(&tablets)),
            Format::Json => Ok(ops::json::list_to_json("topodata.Tablet", &tablets, c.style)? + "\n"),
        }
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DeleteTablets {
    /// Also the primary of a shard
    #[arg(long, short = 'p')]
    allow_primary: bool,
    /// Show what would change, without changing it
    #[arg(long)]
    dry_run: bool,
    #[arg(value_name = "ALIAS", required = true, value_parser = parse_alias)]
    tablets: Vec<TabletAlias>,
}

impl DeleteTablets {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let count = self.tablets.len();
        let request =
            DeleteTabletsRequest { tablet_aliases: self.tablets, allow_primary: self.allow_primary };
        if self.dry_run {
            return c.preview(Change::DeleteTablets(request)).await;
        }
        c.vtctld.delete_tablets(request).await?;
        Ok(format!("Successfully deleted {count} tablets\n"))
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ChangeTabletType {
    /// Show what would change
    #[arg(long, short)]
    dry_run: bool,
    #[arg(value_name = "ALIAS", value_parser = parse_alias)]
    tablet: TabletAlias,
    #[arg(value_parser = parse_tablet_type)]
    tablet_type: TabletType,
}

impl ChangeTabletType {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = ChangeTabletTypeRequest {
            tablet_alias: Some(self.tablet),
            db_type: self.tablet_type as i32,
            dry_run: self.dry_run,
        };
        let answer = c.vtctld.change_tablet_type(request).await?;
        let head = if answer.was_dry_run { "--- DRY RUN ---\n" } else { "" };
        let before = tablet_line(&answer.before_tablet.unwrap_or_default());
        let after = tablet_line(&answer.after_tablet.unwrap_or_default());
        Ok(format!("{head}- {before}\n+ {after}\n"))
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct SetWritable {
    /// Show what would change, without changing it
    #[arg(long)]
    dry_run: bool,
    #[arg(value_name = "ALIAS", value_parser = parse_alias)]
    tablet: TabletAlias,
    #[arg(action = clap::ArgAction::Set)]
    writable: bool,
}

impl SetWritable {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = SetWritableRequest { tablet_alias: Some(self.tablet), writable: self.writable };
        if self.dry_run {
            return c.preview(Change::SetWritable(request)).await;
        }
        c.vtctld.set_writable(request).await?;
        Ok(String::new())
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct SleepTablet {
    #[arg(value_name = "ALIAS", value_parser = parse_alias)]
    tablet: TabletAlias,
    #[arg(value_parser = parse_duration)]
    duration: Duration,
}

impl SleepTablet {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request =
            SleepTabletRequest { tablet_alias: Some(self.tablet), duration: print::duration(self.duration) };
        c.vtctld.sleep_tablet(request).await?;
        Ok(String::new())
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GetFullStatus {
    #[arg(value_name = "ALIAS", value_parser = parse_alias)]
    tablet: TabletAlias,
}

impl GetFullStatus {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let answer =
            c.vtctld.get_full_status(GetFullStatusRequest { tablet_alias: Some(self.tablet) }).await?;
        c.json("replicationdata.FullStatus", &answer.status.unwrap_or_default())
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GetPermissions {
    #[arg(value_name = "ALIAS", value_parser = parse_alias)]
    tablet: TabletAlias,
}

impl GetPermissions {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let answer =
            c.vtctld.get_permissions(GetPermissionsRequest { tablet_alias: Some(self.tablet) }).await?;
        c.json("tabletmanagerdata.Permissions", &answer.permissions.unwrap_or_default())
    }
}
