//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use vterrors::{Error, Result};

use crate::spec::{FlavorWish, KeyspaceSpec};

/// Runs a whole cluster on this machine: etcd, vtctld, vttablets beside their mysqld, vtorc, vtgate
#[derive(Debug, Parser)]
#[command(name = "vtlocal")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the cluster; what runs already is left alone
    Up(UpOptions),
    /// Show the processes and their ports
    Status(DataDir),
    /// Stop the cluster and keep its data
    Down(DataDir),
    /// Stop the cluster and remove its data
    Clean(DataDir),
    /// Run SQL through vtgate, or open a client
    Sql(SqlOptions),
}

/// Where the cluster is.
#[derive(Debug, Clone, Args)]
pub struct DataDir {
    /// Directory of all data and logs
    #[arg(long, env = "VTDATAROOT", default_value = "vtdataroot", value_name = "DIR")]
    pub data_dir: PathBuf,
}

impl DataDir {
    /// As an absolute path: processes and records do not depend on where a command is typed.
    pub fn absolute(&self) -> Result<PathBuf> {
        std::path::absolute(&self.data_dir)
            .map_err(|e| Error::invalid(format!("--data-dir {}: {e}", self.data_dir.display())))
    }
}

/// What shall run. Nothing given: what the data directory holds, else the default cluster.
#[derive(Debug, Clone, Args)]
pub struct UpOptions {
    #[command(flatten)]
    pub data_dir: DataDir,
    /// A cell; may be given several times (default: zone1). Several have an etcd, a vtgate and a vtorc each, beside a
    /// global etcd; the tablets of a shard take turns, its primary is in the first
    #[arg(long, value_name = "NAME")]
    pub cell: Vec<String>,
    /// A keyspace and its shards, by number (customer=2) or by name (customer=-80,80-); may be given several
    /// times (default: commerce=1 and customer=2 with sample rows)
    #[arg(long, value_name = "NAME=SHARDS", value_parser = parse_keyspace)]
    pub keyspace: Vec<KeyspaceSpec>,
    /// Replicas of each shard, beside its primary (default: 1, or one in each further cell)
    #[arg(long, value_name = "N")]
    pub replicas: Option<u32>,
    /// Read-only tablets of each shard, for batch work (default: 0)
    #[arg(long, value_name = "N")]
    pub rdonly: Option<u32>,
    /// Durability policy of the keyspaces that are made: none, semi_sync, cross_cell and the like (default: none)
    #[arg(long, value_name = "POLICY")]
    pub durability_policy: Option<String>,
    /// Family of the database servers (default: auto, the one found, MySQL before MariaDB)
    #[arg(long, value_enum, value_name = "FLAVOR")]
    pub mysql_flavor: Option<FlavorWish>,
    /// First of a row of ports that the cluster uses instead of Vitess's usual ones (15306 for MySQL and so on), for
    /// several clusters on one machine
    #[arg(long, value_name = "PORT")]
    pub base_port: Option<u16>,
    /// A further flag for every vttablet, as in --vttablet-arg=--queryserver-config-pool-size=32
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    pub vttablet_arg: Vec<String>,
    /// A further flag for every vtgate, as in --vtgate-arg=--log-level=debug
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    pub vtgate_arg: Vec<String>,
    /// A further flag for every vtorc, as in --vtorc-arg=--instance-poll-time=5s
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    pub vtorc_arg: Vec<String>,
    /// Encrypt everything: an authority of the cluster's own and a certificate for each process are made in
    /// DATA_DIR/tls; gRPC and etcd want certificates on both sides, vtctld's pages and MySQL connections over TCP go by TLS alone
    #[arg(long)]
    pub tls: bool,
    /// Do without vtorc: nobody replaces a dead primary or repairs replicas
    #[arg(long)]
    pub no_vtorc: bool,
    /// IPv4 address on which the processes listen, and under which they find each other
    #[arg(long, value_name = "ADDRESS", help_heading = "Several networks")]
    pub host: Option<String>,
    /// The same for the processes of one cell; may be given several times
    #[arg(long, value_name = "NAME=ADDRESS", value_parser = parse_pair, help_heading = "Several networks")]
    pub cell_host: Vec<(String, String)>,
    /// Program with arguments that runs each process of a cell that has an address of its own, as in 'b=ip netns exec b';
    /// may be given several times
    #[arg(long, value_name = "NAME=COMMAND", value_parser = parse_pair, help_heading = "Several networks")]
    pub cell_launcher: Vec<(String, String)>,
    /// Folder of the programs (default: where vtlocal itself is)
    #[arg(long, value_name = "DIR")]
    pub bin_dir: Option<PathBuf>,
}

impl UpOptions {
    /// No flag but the directory.
    pub fn new(data_dir: DataDir) -> Self {
        Self {
            data_dir,
            cell: Vec::new(),
            keyspace: Vec::new(),
            replicas: None,
            rdonly: None,
            durability_policy: None,
            mysql_flavor: None,
            base_port: None,
            vttablet_arg: Vec::new(),
            vtgate_arg: Vec::new(),
            vtorc_arg: Vec::new(),
            tls: false,
            no_vtorc: false,
            host: None,
            cell_host: Vec::new(),
            cell_launcher: Vec::new(),
            bin_dir: None,
        }
    }
}

/// A statement, or a client to type it into.
#[derive(Debug, Clone, Args)]
pub struct SqlOptions {
    #[command(flatten)]
    pub data_dir: DataDir,
    /// Run these statements and print their rows; may be given several times
    #[arg(short = 'e', long = "execute", value_name = "SQL")]
    pub execute: Vec<String>,
    /// Through the vtgate of this cell (default: the first)
    #[arg(long, value_name = "NAME")]
    pub cell: Option<String>,
    /// Keyspace to start in, also as keyspace:shard, keyspace@replica or keyspace:shard@replica
    pub database: Option<String>,
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty());
    let (name, value) = pair.ok_or_else(|| format!("{text:?}: expected NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn parse_keyspace(text: &str) -> Result<KeyspaceSpec, String> {
    KeyspaceSpec::parse(text).map_err(|e| e.message().to_owned())
}
