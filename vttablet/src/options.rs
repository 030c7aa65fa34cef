//! The command line of `vttablet`, in Vitess's flag names, and what it comes to.

mod db;

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::{ArgAction, Args, Parser};
use mysqlctl::flavor::SourceTls;
use mysqlwire::client::{Address, Tls, collation_of_charset};
use proto::topodata::TabletType;
use querylog::QueryLogOptions;
use rpc::{ChannelOptions, GrpcServerTlsOptions, TabletManagerGrpcOptions};
use secrets::{Credentials, tls::ServerTls};
use servenv::{ServerOptions, parse_duration};
use topo::{TopoConfig, TopoOptions, parse_shard_name};
use tracer::TracerOptions;
use vterrors::{Error, Result};
use vtmodel::{KeyRange, TabletAlias, default_db_name, parse_tablet_type};

pub use db::{DbOptions, SslMode};

/// Serves the queries of one mysqld and looks after it
#[derive(Debug, Clone, Parser)]
#[command(name = "vttablet")]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    #[command(flatten)]
    pub tls: GrpcServerTlsOptions,
    #[command(flatten)]
    pub manager_grpc: TabletManagerGrpcOptions,
    #[command(flatten)]
    pub topo: TopoOptions,
    #[command(flatten)]
    pub tablet: TabletOptions,
    #[command(flatten)]
    pub db: DbOptions,
    #[command(flatten)]
    pub query: QueryOptions,
    #[command(flatten)]
    pub query_log: QueryLogOptions,
    #[command(flatten)]
    pub tracer: TracerOptions,
    #[command(flatten)]
    pub accepted: AcceptedOptions,
}

/// Who the tablet is and how it behaves.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The tablet")]
pub struct TabletOptions {
    /// Name of the tablet: <cell>-<uid>
    #[arg(long, value_name = "ALIAS")]
    pub tablet_path: String,
    /// Host name by which others reach this machine; found out when not given
    #[arg(long, default_value = "", hide_default_value = true, value_name = "HOST")]
    pub tablet_hostname: String,
    /// Keyspace of the tablet; made if it does not exist
    #[arg(long, value_name = "NAME")]
    pub init_keyspace: String,
    /// Shard of the tablet: a key range such as -80, or any other name; made if it does not exist
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub init_shard: String,
    /// Type of the tablet while it is not the primary: replica, rdonly, spare
    #[arg(long, default_value = "replica", value_name = "TYPE")]
    pub init_tablet_type: String,
    /// Name of the database; vt_<keyspace> when not given
    #[arg(long, default_value = "", hide_default_value = true, value_name = "NAME")]
    pub init_db_name_override: String,
    /// How long the start may wait for mysqld, for its mysqlctld and for the topology
    #[arg(long, default_value = "1m", value_parser = parse_duration, value_name = "DURATION")]
    pub init_timeout: Duration,
    /// How often the tablet tells how it is, also when nothing changed
    #[arg(long, default_value = "20s", value_parser = parse_duration, value_name = "DURATION")]
    pub health_check_interval: Duration,
    /// Report a replica that does not replicate, or lags too far, as not healthy
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = ArgAction::Set, value_name = "BOOL")]
    pub enable_replication_reporter: bool,
    /// Replication lag from which a replica is worse than others
    #[arg(long, default_value = "30s", value_parser = parse_duration, value_name = "DURATION")]
    pub degraded_threshold: Duration,
    /// Replication lag from which a replica does not serve
    #[arg(long, default_value = "2h", value_parser = parse_duration, value_name = "DURATION")]
    pub unhealthy_threshold: Duration,
    /// How long a tablet that stops serving goes on after it has said so
    #[arg(long, default_value = "0s", value_parser = parse_duration, value_name = "DURATION")]
    pub serving_state_grace_period: Duration,
    /// How long open transactions may take to end when the tablet stops serving
    #[arg(long, default_value = "3s", value_parser = parse_duration, value_name = "DURATION")]
    pub shutdown_grace_period: Duration,
    /// Directory where a file is written now and then, to see whether the disk takes writes; vtorc replaces a primary
    /// whose disk does not
    #[arg(long, value_name = "DIR")]
    pub disk_write_dir: Option<PathBuf>,
    /// How often that file is written
    #[arg(long, default_value = "5s", value_parser = parse_duration, value_name = "DURATION")]
    pub disk_write_interval: Duration,
    /// How long such a write may take before the disk counts as stalled
    #[arg(long, default_value = "30s", value_parser = parse_duration, value_name = "DURATION")]
    pub disk_write_timeout: Duration,
    /// How long LockTables holds its locks at most
    #[arg(long, default_value = "1m", value_parser = parse_duration, value_name = "DURATION")]
    pub lock_tables_timeout: Duration,
    /// How often a replica tries to connect to its source
    #[arg(long, default_value = "10s", value_parser = parse_duration, value_name = "DURATION")]
    pub replication_connect_retry: Duration,
    /// Fill an empty server from another tablet's by MySQL's clone plugin, and refill one with errant transactions;
    /// needs --mysqlctl-socket, for mysqld is started again by it
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", action = ArgAction::Set, value_name = "BOOL")]
    pub restore_with_clone: bool,
    /// Clone from the shard's primary; a replica is chosen when this is not given
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = ArgAction::Set, value_name = "BOOL")]
    pub clone_from_primary: bool,
    /// Clone from this tablet
    #[arg(long, value_name = "ALIAS")]
    pub clone_from_tablet: Option<TabletAlias>,
    /// How long a clone may take
    #[arg(long, default_value = "12h", value_parser = parse_duration, value_name = "DURATION")]
    pub clone_timeout: Duration,
    /// How long mysqld may take to be back after a clone
    #[arg(long, default_value = "5m", value_parser = parse_duration, value_name = "DURATION")]
    pub clone_restart_wait_timeout: Duration,
    /// How long the data of a server with errant transactions are kept before it is refilled
    #[arg(long, default_value = "4h", value_parser = parse_duration, value_name = "DURATION")]
    pub errant_data_retention: Duration,
    /// How often a write to the shard's or the tablet's record is tried again
    #[arg(long, default_value = "30s", value_parser = parse_duration, value_name = "DURATION")]
    pub shard_sync_retry_delay: Duration,
}

/// Pools and limits of the query service. Those that /debug/env shows can be changed while it runs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Queries (what /debug/env shows can be changed while the tablet runs)")]
pub struct QueryOptions {
    /// Connections for queries outside of transactions
    #[arg(long, default_value_t = 16, value_name = "N")]
    pub queryserver_config_pool_size: usize,
    /// Connections for streaming queries
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub queryserver_config_stream_pool_size: usize,
    /// Connections for transactions
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub queryserver_config_transaction_cap: usize,
    /// Rows that a result may have unless it is streamed
    #[arg(long, default_value_t = 10_000, value_name = "ROWS")]
    pub queryserver_config_max_result_size: usize,
    /// Longest time for a query; 0 for none
    #[arg(long, default_value = "30s", value_parser = parse_duration, value_name = "DURATION")]
    pub queryserver_config_query_timeout: Duration,
    /// Longest time for a transaction; 0 for none
    #[arg(long, default_value = "30s", value_parser = parse_duration, value_name = "DURATION")]
    pub queryserver_config_transaction_timeout: Duration,
    /// Longest wait for a connection of the transaction pool
    #[arg(long, default_value = "1s", value_parser = parse_duration, value_name = "DURATION")]
    pub queryserver_config_txpool_timeout: Duration,
    /// Longest wait for a connection of the other pools; 0 waits as long as the query may take
    #[arg(long, default_value = "0s", value_parser = parse_duration, value_name = "DURATION")]
    pub queryserver_config_query_pool_timeout: Duration,
    /// Callers that may wait for a connection of a pool
    #[arg(long, default_value_t = 5000, value_name = "N")]
    pub queryserver_config_query_pool_waiter_cap: usize,
    /// How long an idle connection is kept
    #[arg(long, default_value = "30m", value_parser = parse_duration, value_name = "DURATION")]
    pub queryserver_config_idle_timeout: Duration,
    /// Bytes for cached query plans
    #[arg(long, default_value_t = 32 << 20, value_name = "BYTES")]
    pub queryserver_config_query_cache_memory: usize,
    /// How often the schema is read again
    #[arg(long, default_value = "30m", value_parser = parse_duration, value_name = "DURATION")]
    pub queryserver_config_schema_reload_time: Duration,
    /// Longest time for reading the schema
    #[arg(long, default_value = "30s", value_parser = parse_duration, value_name = "DURATION")]
    pub schema_change_reload_timeout: Duration,
    /// Connections of the administration user
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub dba_pool_size: usize,
    /// Connections for ExecuteFetchAsApp
    #[arg(long, default_value_t = 40, value_name = "N")]
    pub app_pool_size: usize,
    /// Connections that sessions may have reserved
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub reserved_connection_cap: usize,
}

/// Flags of Vitess's that scripts pass and that change nothing here (yet).
#[derive(Debug, Clone, Args)]
pub struct AcceptedOptions {
    #[arg(long, hide = true)]
    pub backup_storage_implementation: Option<String>,
    #[arg(long, hide = true)]
    pub file_backup_storage_root: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub restore_from_backup: Option<bool>,
    #[arg(long, hide = true)]
    pub db_flavor: Option<String>,
    #[arg(long, hide = true)]
    pub heartbeat_on_demand_duration: Option<String>,
    #[arg(long, hide = true)]
    pub heartbeat_interval: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub heartbeat_enable: Option<bool>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub watch_replication_stream: Option<bool>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub track_schema_versions: Option<bool>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub queryserver_config_schema_change_signal: Option<bool>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub queryserver_enable_views: Option<bool>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub queryserver_enable_online_ddl: Option<bool>,
    #[arg(long, hide = true)]
    pub migration_check_interval: Option<String>,
    #[arg(long, hide = true)]
    pub gc_check_interval: Option<String>,
    #[arg(long, hide = true)]
    pub gc_purge_check_interval: Option<String>,
    #[arg(long, hide = true)]
    pub backup_engine_implementation: Option<String>,
    #[arg(long, hide = true)]
    pub vreplication_retry_delay: Option<String>,
    #[arg(long, hide = true)]
    pub twopc_abandon_age: Option<String>,
}

/// Options that passed validation.
#[derive(Debug, Clone)]
pub struct Config {
    pub alias: TabletAlias,
    pub hostname: String,
    pub keyspace: String,
    /// Lower case when it is a key range.
    pub shard: String,
    pub key_range: Option<KeyRange>,
    pub init_type: TabletType,
    pub db_name: String,
    pub db_name_override: String,
    pub http_port: Option<u16>,
    /// Whether that port speaks TLS alone.
    pub http_by_tls: bool,
    pub grpc_port: u16,
    pub address: Address,
    /// TLS to mysqld; for TCP only.
    pub mysqld_tls: Option<Tls>,
    /// TLS between a replica and its source.
    pub source_tls: Option<SourceTls>,
    /// Passwords by user, where they come from a file.
    pub credentials: Option<Credentials>,
    pub collation: Option<u8>,
    pub tablet: TabletOptions,
    pub db: DbOptions,
    pub query: QueryOptions,
    pub query_log: QueryLogOptions,
    pub tracer: TracerOptions,
    pub topo: TopoConfig,
    /// None when gRPC is served without TLS.
    pub server_tls: Option<Arc<ServerTls>>,
    /// How other tablets' managers are called.
    pub managers: ChannelOptions,
}

impl Options {
    /// Checks all options together; the error lists every fault.
    pub fn validate(&self) -> Result<Config> {
        let mut faults = Vec::new();
        let alias: Option<TabletAlias> = take(&mut faults, "--tablet-path", self.tablet.tablet_path.parse());
        let shard = take(&mut faults, "--init-shard", parse_shard_name(&self.tablet.init_shard));
        take(&mut faults, "--init-keyspace", topo::check_name("keyspace", &self.tablet.init_keyspace));
        let init_type = take(&mut faults, "--init-tablet-type", self.init_type());
        let collation = take(&mut faults, "--db-charset", collation_of_charset(&self.db.db_charset));
        let topo = take(&mut faults, "", self.topo.validate());
        let server_tls = take(&mut faults, "", self.tls.server_tls()).flatten();
        let mysqld_tls = take(&mut faults, "", self.db.tls()).flatten();
        let credentials = take(&mut faults, "", self.db.credentials()).flatten();
        take(&mut faults, "", self.query_log.validate());
        take(&mut faults, "", self.tracer.validate());
        let managers = take(&mut faults, "", self.manager_grpc.channels()).unwrap_or_default();
        let grpc_port = self.server.grpc_port;
        if grpc_port.is_none() {
            faults.push("--grpc-port: needed, a tablet is reached through it".to_owned());
        }
        for (flag, size) in [
            ("--queryserver-config-pool-size", self.query.queryserver_config_pool_size),
            ("--queryserver-config-stream-pool-size", self.query.queryserver_config_stream_pool_size),
            ("--queryserver-config-transaction-cap", self.query.queryserver_config_transaction_cap),
            ("--queryserver-config-max-result-size", self.query.queryserver_config_max_result_size),
            ("--dba-pool-size", self.query.dba_pool_size),
        ] {
            if size == 0 {
                faults.push(format!("{flag}: must be at least 1"));
            }
        }
        if self.tablet.health_check_interval.is_zero() {
            faults.push("--health-check-interval: must be more than 0".to_owned());
        }
        let (
            Some(alias),
            Some((shard, key_range)),
            Some(init_type),
            Some(collation),
            Some(topo),
            Some(grpc_port),
            true,
        ) = (alias, shard, init_type, collation, topo, grpc_port, faults.is_empty())
        else {
            return Err(Error::invalid(faults.join("\n")));
        };
        let keyspace = self.tablet.init_keyspace.clone();
        let db_name_override = self.tablet.init_db_name_override.clone();
        let db_name = match db_name_override.is_empty() {
            true => default_db_name(&keyspace),
            false => db_name_override.clone(),
        };
        Ok(Config {
            address: self.db.address(&alias),
            mysqld_tls,
            source_tls: self.db.source_tls(),
            credentials,
            hostname: self.hostname(),
            alias,
            keyspace,
            shard,
            key_range,
            init_type,
            db_name,
            db_name_override,
            http_port: self.server.port,
            http_by_tls: self.server.http_cert.is_some(),
            grpc_port,
            collation,
            tablet: self.tablet.clone(),
            db: self.db.clone(),
            query: self.query.clone(),
            query_log: self.query_log.clone(),
            tracer: self.tracer.clone(),
            topo,
            server_tls,
            managers,
        })
    }

    fn init_type(&self) -> Result<TabletType> {
        match parse_tablet_type(&self.tablet.init_tablet_type)? {
            t @ (TabletType::Replica | TabletType::Rdonly | TabletType::Spare | TabletType::Experimental) => {
                Ok(t)
            }
            t => Err(Error::invalid(format!(
                "{} is not a type to start as (replica, rdonly, spare, experimental)",
                vtmodel::tablet_type_lower(t)
            ))),
        }
    }

    fn hostname(&self) -> String {
        if !self.tablet.tablet_hostname.is_empty() {
            return self.tablet.tablet_hostname.clone();
        }
        let read = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        match read.trim() {
            "" => "localhost".to_owned(),
            name => name.to_owned(),
        }
    }
}

/// The value, or its error noted under the flag's name.
fn take<T>(faults: &mut Vec<String>, flag: &str, result: Result<T>) -> Option<T> {
    result
        .map_err(|e| {
            faults.push(match flag {
                "" => e.message().to_owned(),
                flag => format!("{flag}: {}", e.message()),
            });
        })
        .ok()
}

#[cfg(test)]
mod tests;
