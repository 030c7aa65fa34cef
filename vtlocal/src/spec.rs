//! What a cluster shall be: cells, keyspaces, tablets a shard. Recorded with the data, so that `up` without
//! flags brings back the same cluster.

mod place;

use std::collections::BTreeMap;

use clap::ValueEnum;
pub use place::Place;
use serde::{Deserialize, Serialize};
use vterrors::{Error, Result};

use crate::options::UpOptions;

/// Tablets have the ports 15100 to 15299; vtgate's come after.
const MAX_TABLETS: usize = 200;
/// vtgates have the gRPC ports 15991 to 15998; vtctld's is the next.
const MAX_CELLS: usize = 8;

/// Which family of database servers is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lowercase")]
pub enum FlavorWish {
    Auto,
    Mysql,
    Mariadb,
}

/// A keyspace and the names of its shards, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyspaceSpec {
    pub name: String,
    pub shards: Vec<String>,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSpec {
    pub cells: Vec<String>,
    pub keyspaces: Vec<KeyspaceSpec>,
    pub replicas: u32,
    pub rdonly: u32,
    pub flavor: FlavorWish,
    pub base_port: Option<u16>,
    /// Whether the sample schema and rows are loaded.
    pub sample: bool,
    /// Of the keyspaces, where it is not the one that keyspaces have by default.
    #[serde(default)]
    pub durability_policy: Option<String>,
    /// Whether everything goes by TLS.
    #[serde(default)]
    pub tls: bool,
    /// Whether a vtorc watches the cluster.
    #[serde(default)]
    pub vtorc: bool,
    /// Further flags of vtorc.
    #[serde(default)]
    pub vtorc_args: Vec<String>,
    /// Further flags of every vttablet.
    #[serde(default)]
    pub vttablet_args: Vec<String>,
    /// Further flags of vtgate.
    #[serde(default)]
    pub vtgate_args: Vec<String>,
    /// Of what belongs to no cell, and of the cells that have no place of their own.
    #[serde(default)]
    pub place: Place,
    /// By the name of their cell.
    #[serde(default)]
    pub cell_places: BTreeMap<String, Place>,
}

impl KeyspaceSpec {
    /// `NAME=N` with N shards of equal width, or `NAME=-40,40-80,80-`.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |why: &str| Error::invalid(format!("keyspace {text:?}: {why}"));
        let (name, shards) =
            text.split_once('=').ok_or_else(|| bad("expected NAME=SHARDS, as in customer=2"))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(bad("a name is made of letters, digits and underscores"));
        }
        let shards = match shards.parse::<u16>() {
            // A lone 0 is the name of the only shard, as Vitess has it.
            Ok(0 | 1) => vec!["0".to_owned()],
            Ok(n @ 2..=256) => equal_shards(n),
            Ok(_) => return Err(bad("at most 256 shards")),
            Err(_) => shards.split(',').map(str::to_ascii_lowercase).collect(),
        };
        match shards.iter().find(|s| !is_shard_name(s)) {
            Some(shard) => {
                Err(bad(&format!("{shard:?} is no shard: expected 0 or a key range as -80 or 40-80")))
            }
            None => Ok(Self { name: name.to_owned(), shards }),
        }
    }
}

/// `n` key ranges over the first byte of the keyspace id, or its first two when `n` does not divide 256.
fn equal_shards(n: u16) -> Vec<String> {
    let bound = |i: u16| match (i, 256 % n) {
        (0, _) => String::new(),
        (i, _) if i == n => String::new(),
        (i, 0) => format!("{:02x}", i * (256 / n)),
        (i, _) => format!("{:04x}", u32::from(i) * 65_536 / u32::from(n)),
    };
    (0..n).map(|i| format!("{}-{}", bound(i), bound(i + 1))).collect()
}

fn is_shard_name(name: &str) -> bool {
    let hex = |s: &str| s.len().is_multiple_of(2) && s.bytes().all(|b| b.is_ascii_hexdigit());
    name == "0" || name.split_once('-').is_some_and(|(a, b)| hex(a) && hex(b))
}

impl Default for ClusterSpec {
    /// Cell `zone1`, `commerce` unsharded, `customer` in two shards, one replica each, with sample rows.
    fn default() -> Self {
        let keyspace = |name: &str, shards: &[&str]| KeyspaceSpec {
            name: name.into(),
            shards: shards.iter().map(|s| (*s).into()).collect(),
        };
        Self {
            cells: vec!["zone1".into()],
            keyspaces: vec![keyspace("commerce", &["0"]), keyspace("customer", &["-80", "80-"])],
            replicas: 1,
            rdonly: 0,
            flavor: FlavorWish::Auto,
            base_port: None,
            sample: true,
            durability_policy: None,
            tls: false,
            vtorc: true,
            vtorc_args: Vec::new(),
            vttablet_args: Vec::new(),
            vtgate_args: Vec::new(),
            place: Place::default(),
            cell_places: BTreeMap::new(),
        }
    }
}

impl ClusterSpec {
    /// What the flags ask for, filled up from `recorded` or the default cluster.
    ///
    /// Errors: flags that contradict the recorded cluster; more tablets than ports.
    pub fn from_options(options: &UpOptions, recorded: Option<&Self>) -> Result<Self> {
        let mut spec = recorded.cloned().unwrap_or_default();
        if !options.cell.is_empty() {
            spec.cells.clone_from(&options.cell);
        }
        if !options.keyspace.is_empty() {
            spec.sample = recorded.is_some_and(|r| r.sample && r.keyspaces == options.keyspace);
            spec.keyspaces.clone_from(&options.keyspace);
        }
        let in_each_cell = u32::try_from(spec.cells.len()).unwrap_or(u32::MAX).saturating_sub(1).max(1);
        let replicas = recorded.map_or(in_each_cell, |r| r.replicas);
        spec.replicas = options.replicas.unwrap_or(replicas);
        spec.rdonly = options.rdonly.unwrap_or(spec.rdonly);
        spec.flavor = options.mysql_flavor.unwrap_or(spec.flavor);
        spec.base_port = options.base_port.or(spec.base_port);
        spec.vtorc &= !options.no_vtorc;
        spec.tls |= options.tls;
        if options.durability_policy.is_some() {
            spec.durability_policy.clone_from(&options.durability_policy);
        }
        for (given, spec) in [
            (&options.vttablet_arg, &mut spec.vttablet_args),
            (&options.vtgate_arg, &mut spec.vtgate_args),
            (&options.vtorc_arg, &mut spec.vtorc_args),
        ] {
            if !given.is_empty() {
                spec.clone_from(given);
            }
        }
        place::take_options(&mut spec, options)?;
        if let Some(recorded) = recorded.filter(|r| **r != spec) {
            return Err(Error::invalid(format!(
                "the data directory holds another cluster ({}) than the flags ask for ({}): leave the flags \
                 out, use another --data-dir, or remove the data with `vtlocal clean`",
                recorded.summary(),
                spec.summary()
            )));
        }
        spec.check()?;
        Ok(spec)
    }

    fn check(&self) -> Result<()> {
        let mut names: Vec<&str> = self.keyspaces.iter().map(|k| k.name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|w| w[0] == w[1]) {
            return Err(Error::invalid(format!("keyspace {} is given twice", twice[0])));
        }
        let mut cells = self.cells.clone();
        cells.sort_unstable();
        if let Some(twice) = cells.windows(2).find(|w| w[0] == w[1]) {
            return Err(Error::invalid(format!("cell {} is given twice", twice[0])));
        }
        let plain = |name: &String| {
            !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && name != "global"
        };
        if let Some(bad) = cells.iter().find(|c| !plain(c)) {
            let text = format!(
                "cell {bad:?}: a name is made of letters, digits and underscores, and not \"global\""
            );
            return Err(Error::invalid(text));
        }
        if cells.len() > MAX_CELLS {
            let text = format!("{} cells: at most {MAX_CELLS} run on one machine", cells.len());
            return Err(Error::invalid(text));
        }
        if let Some(policy) = &self.durability_policy {
            policy.parse::<vtmodel::Durability>().map_err(|e| e.context("--durability-policy"))?;
        }
        let count = self.tablets();
        if count > MAX_TABLETS {
            return Err(Error::invalid(format!("{count} tablets: at most {MAX_TABLETS} run on one machine")));
        }
        Ok(())
    }

    pub fn tablets(&self) -> usize {
        let shards: usize = self.keyspaces.iter().map(|k| k.shards.len()).sum();
        shards * (1 + self.replicas as usize + self.rdonly as usize)
    }

    /// Where the processes of a cell are.
    pub fn place_of(&self, cell: &str) -> &Place {
        self.cell_places.get(cell).unwrap_or(&self.place)
    }

    /// In words for a message.
    pub fn summary(&self) -> String {
        let keyspaces: Vec<String> =
            self.keyspaces.iter().map(|k| format!("{}={}", k.name, k.shards.join(","))).collect();
        let ports = self.base_port.map_or(String::new(), |p| format!(", ports from {p}"));
        format!(
            "cells {}, {}, {} replicas, {} rdonly{ports}{}{}{}{}",
            self.cells.join(","),
            keyspaces.join(" "),
            self.replicas,
            self.rdonly,
            self.durability_policy.as_ref().map_or(String::new(), |p| format!(", {p}")),
            if self.tls { ", TLS" } else { "" },
            if self.vtorc { "" } else { ", no vtorc" },
            [&self.vttablet_args[..], &self.vtgate_args, &self.vtorc_args]
                .concat()
                .iter()
                .map(|a| format!(" {a}"))
                .collect::<String>()
        )
    }
}

#[cfg(test)]
mod tests;
