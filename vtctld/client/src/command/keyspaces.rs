//! Keyspaces.

use clap::Args;
use proto::{topodata::KeyspaceType, vtctldata::*, vttime};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use vterrors::{Error, Result};

use ops::dry_run::Change;

use crate::{
    Client,
    lists::{self, Listing},
};

#[derive(Debug, Clone, Args)]
pub(crate) struct CreateKeyspace {
    /// Succeed if the keyspace exists already
    #[arg(long, short)]
    force: bool,
    /// Do not write an empty VSchema
    #[arg(long, short = 'e')]
    allow_empty_vschema: bool,
    /// NORMAL, or SNAPSHOT of another keyspace
    #[arg(long = "type", default_value = "NORMAL", value_parser = parse_type)]
    keyspace_type: KeyspaceType,
    /// The keyspace that a SNAPSHOT is of
    #[arg(long, default_value = "")]
    base_keyspace: String,
    /// The time that a SNAPSHOT shows, as in 2006-01-02T15:04:05+00:00
    #[arg(long, default_value = "")]
    snapshot_timestamp: String,
    /// Which replicas acknowledge a commit: none, semi_sync, cross_cell
    #[arg(long, default_value = "none")]
    durability_policy: String,
    /// Database on each mysqld for the suite's own tables
    #[arg(long, default_value = vtmodel::DEFAULT_SIDECAR_DB)]
    sidecar_db_name: String,
    /// Show what would change, without changing it
    #[arg(long)]
    dry_run: bool,
    keyspace: String,
}

fn parse_type(text: &str) -> Result<KeyspaceType> {
    KeyspaceType::from_str_name(&text.to_ascii_uppercase())
        .ok_or_else(|| Error::invalid(format!("invalid keyspace type {text:?} (NORMAL, SNAPSHOT)")))
}

fn parse_time(text: &str) -> Result<Option<vttime::Time>> {
    if text.is_empty() {
        return Ok(None);
    }
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|e| Error::invalid(format!("--snapshot-timestamp {text:?}: {e}")))?;
    let nanoseconds = i32::try_from(time.nanosecond()).unwrap_or(0);
    Ok(Some(vttime::Time { seconds: time.unix_timestamp(), nanoseconds }))
}

impl CreateKeyspace {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = CreateKeyspaceRequest {
            name: self.keyspace.clone(),
            force: self.force,
            allow_empty_v_schema: self.allow_empty_vschema,
            r#type: self.keyspace_type as i32,
            base_keyspace: self.base_keyspace,
            snapshot_time: parse_time(&self.snapshot_timestamp)?,
            durability_policy: self.durability_policy,
            sidecar_db_name: self.sidecar_db_name,
        };
        if self.dry_run {
            return c.preview(Change::CreateKeyspace(request)).await;
        }
        let keyspace = c.vtctld.create_keyspace(request).await?.keyspace.unwrap_or_default();
        let json = c.json("vtctldata.Keyspace", &keyspace)?;
        Ok(format!("Successfully created keyspace {}. Result:\n{json}", self.keyspace))
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DeleteKeyspace {
    /// Delete its shards and their tablets' records too
    #[arg(long, short)]
    recursive: bool,
    /// Delete it although it cannot be locked
    #[arg(long, short)]
    force: bool,
    /// Show what would change, without changing it
    #[arg(long)]
    dry_run: bool,
    keyspace: String,
}

impl DeleteKeyspace {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = DeleteKeyspaceRequest {
            keyspace: self.keyspace.clone(),
            recursive: self.recursive,
            force: self.force,
        };
        if self.dry_run {
            return c.preview(Change::DeleteKeyspace(request)).await;
        }
        c.vtctld.delete_keyspace(request).await?;
        Ok(format!("Successfully deleted keyspace {}.\n", self.keyspace))
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GetKeyspace {
    keyspace: String,
}

impl GetKeyspace {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let answer = c.vtctld.get_keyspace(GetKeyspaceRequest { keyspace: self.keyspace }).await?;
        c.json("vtctldata.Keyspace", &answer.keyspace.unwrap_or_default())
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GetKeyspaces {
    #[command(flatten)]
    listing: Listing,
}

impl GetKeyspaces {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let answer = c.vtctld.get_keyspaces(GetKeyspacesRequest {}).await?;
        if self.listing.is_table() {
            return Ok(lists::keyspaces(&answer.keyspaces));
        }
        Ok(ops::json::list_to_json("vtctldata.Keyspace", &answer.keyspaces, c.style)? + "\n")
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct FindAllShardsInKeyspace {
    #[command(flatten)]
    listing: Listing,
    keyspace: String,
}

impl FindAllShardsInKeyspace {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = FindAllShardsInKeyspaceRequest { keyspace: self.keyspace };
        let answer = c.vtctld.find_all_shards_in_keyspace(request).await?;
        if self.listing.is_table() {
            return Ok(lists::shards(&answer.shards));
        }
        c.json("vtctldata.FindAllShardsInKeyspaceResponse", &answer)
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct SetKeyspaceDurabilityPolicy {
    /// Which replicas acknowledge a commit: none, semi_sync, cross_cell
    #[arg(long, default_value = "none")]
    durability_policy: String,
    /// Show what would change, without changing it
    #[arg(long)]
    dry_run: bool,
    keyspace: String,
}

impl SetKeyspaceDurabilityPolicy {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = SetKeyspaceDurabilityPolicyRequest {
            keyspace: self.keyspace,
            durability_policy: self.durability_policy,
        };
        if self.dry_run {
            return c.preview(Change::SetKeyspaceDurabilityPolicy(request)).await;
        }
        let answer = c.vtctld.set_keyspace_durability_policy(request).await?;
        c.json("vtctldata.SetKeyspaceDurabilityPolicyResponse", &answer)
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct SetVtorcEmergencyReparent {
    /// Let vtorc replace dead primaries
    #[arg(long, required_unless_present = "disable", conflicts_with = "disable")]
    enable: bool,
    /// Keep vtorc from replacing dead primaries
    #[arg(long)]
    disable: bool,
    /// Show what would change, without changing it
    #[arg(long)]
    dry_run: bool,
    keyspace: String,
    /// One shard; the whole keyspace when not given
    shard: Option<String>,
}

impl SetVtorcEmergencyReparent {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = SetVtorcEmergencyReparentRequest {
            keyspace: self.keyspace,
            shard: self.shard.unwrap_or_default(),
            disable: self.disable && !self.enable,
        };
        if self.dry_run {
            return c.preview(Change::SetVtorcEmergencyReparent(request)).await;
        }
        c.vtctld.set_vtorc_emergency_reparent(request).await?;
        Ok(String::new())
    }
}
