//! The topology as a whole: its paths, and whether its records fit together.

use std::collections::{BTreeMap, HashMap};

use clap::Args;
use proto::vtctldata::*;
use vterrors::{Condition, Error, Result};

use crate::{Client, print::KeyspaceShard};

#[derive(Debug, Clone, Args)]
pub(crate) struct GetTopologyPath {
    /// Show the node as it was at this version
    #[arg(long, default_value_t = 0)]
    version: i64,
    /// Print only the node's data, as JSON
    #[arg(long)]
    data_as_json: bool,
    path: String,
}

impl GetTopologyPath {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request = GetTopologyPathRequest {
            path: self.path.clone(),
            version: self.version,
            as_json: self.data_as_json,
        };
        let cell = c.vtctld.get_topology_path(request).await?.cell.unwrap_or_default();
        if !self.data_as_json {
            return c.json("vtctldata.TopologyCell", &cell);
        }
        if cell.data.is_empty() {
            return Err(Error::new(Condition::NotFound, format!("no data found for path {:?}", self.path)));
        }
        Ok(cell.data + "\n")
    }
}

/// Nothing wrong: says so. Something wrong: an error with every line.
fn verdict(lines: Vec<String>) -> Result<String> {
    if lines.is_empty() {
        return Ok("Validation results:\n\nNo issues found.\n".into());
    }
    let text = format!("Validation results:\n\n{}\nsome issues were found during validation", lines.concat());
    Err(Error::new(Condition::FailedPrecondition, text))
}

fn shard_lines(name: &str, answer: &ValidateShardResponse) -> Vec<String> {
    answer.results.iter().map(|line| format!("{name}: {line}\n")).collect()
}

fn keyspace_lines(name: &str, answer: &ValidateKeyspaceResponse) -> Vec<String> {
    let mut lines: Vec<String> = answer.results.iter().map(|line| format!("{name}: {line}\n")).collect();
    for (shard, answer) in sorted(&answer.results_by_shard) {
        lines.extend(shard_lines(&format!("{name}/{shard}"), answer));
    }
    lines
}

fn sorted<T>(map: &HashMap<String, T>) -> BTreeMap<&String, &T> {
    map.iter().collect()
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Validate {
    /// Ask every tablet whether it lives
    #[arg(long, short)]
    ping_tablets: bool,
}

impl Validate {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let answer = c.vtctld.validate(ValidateRequest { ping_tablets: self.ping_tablets }).await?;
        let mut lines: Vec<String> = answer.results.iter().map(|line| format!("{line}\n")).collect();
        for (keyspace, answer) in sorted(&answer.results_by_keyspace) {
            lines.extend(keyspace_lines(keyspace, answer));
        }
        verdict(lines)
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ValidateKeyspace {
    /// Ask every tablet whether it lives
    #[arg(long, short)]
    ping_tablets: bool,
    keyspace: String,
}

impl ValidateKeyspace {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let request =
            ValidateKeyspaceRequest { keyspace: self.keyspace.clone(), ping_tablets: self.ping_tablets };
        verdict(keyspace_lines(&self.keyspace, &c.vtctld.validate_keyspace(request).await?))
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ValidateShard {
    /// Ask every tablet whether it lives
    #[arg(long, short)]
    ping_tablets: bool,
    #[arg(value_name = "KEYSPACE/SHARD")]
    shard: KeyspaceShard,
}

impl ValidateShard {
    pub(crate) async fn run(self, c: &Client) -> Result<String> {
        let name = format!("{}/{}", self.shard.keyspace, self.shard.shard);
        let request = ValidateShardRequest {
            keyspace: self.shard.keyspace,
            shard: self.shard.shard,
            ping_tablets: self.ping_tablets,
        };
        verdict(shard_lines(&name, &c.vtctld.validate_shard(request).await?))
    }
}
