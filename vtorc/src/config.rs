//! vtorc's options, under Vitess's names where it has them.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Parser};
use rpc::{ChannelOptions, TabletManagerGrpcOptions};
use servenv::{ServerOptions, parse_duration};
use topo::{TopoConfig, TopoOptions};
use vterrors::{Error, Result};

use crate::{policy::Policy, watch::Clusters};

/// Watches the shards of a cluster, names what is wrong with them and repairs it
#[derive(Debug, Clone, Parser)]
#[command(name = "vtorc")]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    #[command(flatten)]
    pub manager_grpc: TabletManagerGrpcOptions,
    #[command(flatten)]
    pub topo: TopoOptions,
    #[command(flatten)]
    pub watch: WatchOptions,
    #[command(flatten)]
    pub recovery: RecoveryOptions,
    #[command(flatten)]
    pub accepted: AcceptedOptions,
}

/// What is watched, and how often.
#[derive(Debug, Clone, clap::Args)]
pub struct WatchOptions {
    /// Cell that this process is in; only shown
    #[arg(long, default_value = "", value_name = "NAME")]
    pub cell: String,

    /// Keyspaces and shards to watch, as ks or ks/-80, separated by commas; all when not given
    #[arg(long, value_delimiter = ',', value_name = "KEYSPACE[/SHARD]")]
    pub clusters_to_watch: Vec<String>,

    /// Time between two looks at a tablet
    #[arg(long, default_value = "1s", value_parser = parse_duration, value_name = "DURATION")]
    pub instance_poll_time: Duration,

    /// Longest time for one look at a tablet
    #[arg(long, default_value = "1s", value_parser = parse_duration, value_name = "DURATION")]
    pub instance_poll_timeout: Duration,

    /// Looks that may be at work at the same time, and as many at shards whose primary is in doubt
    #[arg(long, default_value_t = 256, value_name = "N")]
    pub discovery_workers: usize,

    /// Time between two reads of the topology
    #[arg(long, default_value = "15s", value_parser = parse_duration, value_name = "DURATION")]
    pub topo_information_refresh_duration: Duration,
}

/// What is done, and after how long.
#[derive(Debug, Clone, clap::Args)]
pub struct RecoveryOptions {
    /// Replace primaries that are dead
    #[arg(long, default_value_t = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub allow_emergency_reparent: bool,

    /// Replace a primary only by a tablet of its own cell
    #[arg(long, default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub prevent_cross_cell_failover: bool,

    /// Make a replica DRAINED that has executed what its primary has not
    #[arg(long, default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub change_tablets_with_errant_gtid_to_drained: bool,

    /// Longest wait for replicas in a reparent
    #[arg(long, default_value = "30s", value_parser = parse_duration, value_name = "DURATION")]
    pub wait_replicas_timeout: Duration,

    /// A primary whose vttablet is gone while its mysqld lives is replaced after so long
    #[arg(long, default_value = "1s", value_parser = parse_duration, value_name = "DURATION")]
    pub tablet_gone_grace: Duration,

    /// A primary whose vttablet does not answer while its mysqld lives is replaced after so long, where commits wait for
    /// replicas; 0 is never
    #[arg(long, default_value = "10s", value_parser = parse_duration, value_name = "DURATION")]
    pub tablet_silent_grace: Duration,

    /// A primary whose vttablet answers and whose mysqld does not is dead when no replica could connect for so long
    #[arg(long, default_value = "3s", value_parser = parse_duration, value_name = "DURATION")]
    pub frozen_mysqld_grace: Duration,

    /// A primary whose vttablet answers and whose mysqld takes connections and greets nobody is dead when that lasts so
    /// long after it was first seen, and nothing arrived at any replica
    #[arg(long, default_value = "1s", value_parser = parse_duration, value_name = "DURATION")]
    pub mute_mysqld_grace: Duration,

    /// After an emergency reparent, the time in which its shard gets no other, unless all of its tablets were well in
    /// between
    #[arg(long, default_value = "10s", value_parser = parse_duration, value_name = "DURATION")]
    pub recovery_block_duration: Duration,

    /// File to which every recovery is appended, a line of JSON each; the log tells them in any case
    #[arg(long, value_name = "FILE")]
    pub audit_file_location: Option<PathBuf>,
}

/// Vitess's options that are taken and have no effect here.
#[derive(Debug, Clone, clap::Args)]
pub struct AcceptedOptions {
    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true)]
    pub recovery_poll_duration: Option<String>,
    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true)]
    pub snapshot_topology_interval: Option<String>,
    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true)]
    pub reasonable_replication_lag: Option<String>,
    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true)]
    pub tolerable_replication_lag: Option<String>,
    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub audit_to_backend: Option<String>,
    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub audit_to_syslog: Option<String>,
    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true)]
    pub audit_purge_duration: Option<String>,
    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true)]
    pub stats_backend: Option<String>,
    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true)]
    pub grpc_max_message_size: Option<u64>,
    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true)]
    pub tablet_manager_grpc_concurrency: Option<u32>,
}

/// Options that passed validation.
#[derive(Debug, Clone)]
pub struct Config {
    pub topo: TopoConfig,
    /// How tablets' managers are called.
    pub managers: ChannelOptions,
    pub watch: WatchConfig,
    pub recovery: RecoveryConfig,
    pub policy: Policy,
    pub onterm_timeout: Duration,
}

/// Of the watching.
#[derive(Debug, Clone)]
pub struct WatchConfig {
    pub clusters: Clusters,
    pub poll: Duration,
    pub poll_limit: Duration,
    pub workers: usize,
    pub topo_refresh: Duration,
}

/// Of the acting.
#[derive(Debug, Clone)]
pub struct RecoveryConfig {
    pub wait_replicas: Duration,
    /// For one call that repairs a tablet.
    pub call_limit: Duration,
    pub prevent_cross_cell: bool,
    pub audit_file: Option<PathBuf>,
}

impl Options {
    /// Checks all options together; the error lists every fault.
    pub fn validate(&self) -> Result<Config> {
        let mut faults = Vec::new();
        let topo = self.topo.validate().map_err(|e| faults.push(e.message().to_owned())).ok();
        let clusters = Clusters::parse(&self.watch.clusters_to_watch)
            .map_err(|e| faults.push(e.message().to_owned()))
            .ok();
        for (flag, value) in [
            ("--instance-poll-time", self.watch.instance_poll_time),
            ("--instance-poll-timeout", self.watch.instance_poll_timeout),
            ("--topo-information-refresh-duration", self.watch.topo_information_refresh_duration),
            ("--wait-replicas-timeout", self.recovery.wait_replicas_timeout),
        ] {
            if value.is_zero() {
                faults.push(format!("{flag}: must be more than 0"));
            }
        }
        let managers = self.manager_grpc.channels().map_err(|e| faults.push(e.message().to_owned()));
        if self.watch.discovery_workers == 0 {
            faults.push("--discovery-workers: must be at least 1".into());
        }
        let (Some(topo), Some(clusters), true) = (topo, clusters, faults.is_empty()) else {
            return Err(Error::invalid(faults.join("\n")));
        };
        let recovery = &self.recovery;
        Ok(Config {
            topo,
            managers: managers.unwrap_or_default(),
            watch: WatchConfig {
                clusters,
                poll: self.watch.instance_poll_time,
                poll_limit: self.watch.instance_poll_timeout,
                workers: self.watch.discovery_workers,
                topo_refresh: self.watch.topo_information_refresh_duration,
            },
            recovery: RecoveryConfig {
                wait_replicas: recovery.wait_replicas_timeout,
                call_limit: self.topo.remote_operation_timeout,
                prevent_cross_cell: recovery.prevent_cross_cell_failover,
                audit_file: recovery.audit_file_location.clone(),
            },
            policy: Policy {
                frozen_grace: recovery.frozen_mysqld_grace,
                mute_grace: recovery.mute_mysqld_grace,
                tablet_gone_grace: recovery.tablet_gone_grace,
                tablet_silent_grace: recovery.tablet_silent_grace,
                emergency_block: recovery.recovery_block_duration,
                allow_emergency_reparent: recovery.allow_emergency_reparent,
                drain_errant: recovery.change_tablets_with_errant_gtid_to_drained,
                ..Policy::default()
            },
            onterm_timeout: self.server.onterm_timeout,
        })
    }
}
