//! Options of vtgate, in Vitess's flag names, and the config they are validated into.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::{ArgAction, Parser};
use querylog::{AuditOptions, QueryLogOptions};
use rpc::{GrpcServerTlsOptions, TabletGrpcOptions};
use secrets::{
    Named,
    tls::{ClientTls, ServerFiles, ServerTls},
};
use servenv::{ServerOptions, parse_duration};
use topo::{TopoConfig, TopoOptions};
use tracer::TracerOptions;
use vterrors::{Error, Result};
use vtmodel::{TabletType, TargetString, parse_tablet_type};

use crate::executor::VschemaUsers;

fn parse_users(text: &str) -> std::result::Result<VschemaUsers, std::convert::Infallible> {
    text.parse()
}

/// Routes queries of MySQL clients to the shards of a cluster
#[derive(Debug, Clone, Parser)]
#[command(name = "vtgate", disable_version_flag = true)]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    #[command(flatten)]
    pub topo: TopoOptions,
    #[command(flatten)]
    pub grpc_tls: GrpcServerTlsOptions,
    #[command(flatten)]
    pub tablet_grpc: TabletGrpcOptions,
    #[command(flatten)]
    pub query_log: QueryLogOptions,
    #[command(flatten)]
    pub audit: AuditOptions,
    #[command(flatten)]
    pub tracer: TracerOptions,
    /// Print the version and exit
    #[arg(short = 'v', long = "version", action = ArgAction::SetTrue)]
    pub version: bool,

    /// Cell that this vtgate runs in
    #[arg(long)]
    pub cell: Option<String>,
    /// Cells whose tablets are used; that of --cell when not given
    #[arg(long, value_delimiter = ',')]
    pub cells_to_watch: Vec<String>,
    /// Keyspaces that are served; all when not given
    #[arg(long, value_delimiter = ',')]
    pub keyspaces_to_watch: Vec<String>,
    /// Tablet types that must serve in every shard before queries are taken
    #[arg(long, value_delimiter = ',')]
    pub tablet_types_to_wait: Vec<String>,
    /// How long to wait for them at start
    #[arg(long, default_value = "30s", value_parser = parse_duration)]
    pub gateway_initial_tablet_timeout: Duration,
    /// How often the topology is asked for new tablets
    #[arg(long, default_value = "1m", value_parser = parse_duration)]
    pub tablet_refresh_interval: Duration,
    /// A tablet that has been silent for so long does not serve
    #[arg(long, default_value = "1m", value_parser = parse_duration)]
    pub healthcheck_timeout: Duration,
    /// First pause before a broken health stream is opened again
    #[arg(long, default_value = "2ms", value_parser = parse_duration)]
    pub healthcheck_retry_delay: Duration,
    /// HTTP/2 connections to each tablet, for each thread that serves
    #[arg(long, default_value_t = 1)]
    pub tablet_grpc_connections: usize,
    /// How tablets are reached; only for a process that simulates them
    #[arg(skip)]
    pub connector: rpc::Connector,
    /// How often a query that no tablet has begun to execute is tried again
    #[arg(long, default_value_t = 2)]
    pub retry_count: u32,
    /// How long a query waits for a shard whose primary is going away or not there yet
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub buffer_window: Duration,
    /// How many queries may wait so at a time
    #[arg(long, default_value_t = 1000)]
    pub buffer_size: usize,
    /// How many bytes the queries that wait may have, text and values
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    pub buffer_max_bytes: usize,
    /// A shard that has had no primary for so long is given up: its queries are told at once
    #[arg(long, default_value = "20s", value_parser = parse_duration)]
    pub buffer_max_failover_duration: Duration,
    /// How long after that queries do not wait for the shard
    #[arg(long, default_value = "1m", value_parser = parse_duration)]
    pub buffer_min_time_between_failovers: Duration,
    /// How many queries of a shard go to its new primary at a time
    #[arg(long, default_value_t = 32)]
    pub buffer_drain_concurrency: usize,
    /// How many calls to one tablet may be under way at a time, so that a slow shard leaves room for the others
    #[arg(long, default_value_t = 10_000)]
    pub max_calls_per_tablet: usize,

    /// Port of the MySQL protocol; none when not given
    #[arg(long)]
    pub mysql_server_port: Option<u16>,
    /// Address that the MySQL protocol listens on
    #[arg(long, default_value = "127.0.0.1")]
    pub mysql_server_bind_address: String,
    /// Unix socket of the MySQL protocol; none when not given
    #[arg(long)]
    pub mysql_server_socket_path: Option<PathBuf>,
    /// Version that MySQL clients are told
    #[arg(long, default_value = "8.4.6-Vitess")]
    pub mysql_server_version: String,
    /// How users are known: static (a file) or none (everybody is let in)
    #[arg(long, default_value = "static", value_parser = ["static", "none"])]
    pub mysql_auth_server_impl: String,
    /// JSON file of users and passwords
    #[arg(long)]
    pub mysql_auth_server_static_file: Option<PathBuf>,
    /// The same as a text
    #[arg(long)]
    pub mysql_auth_server_static_string: Option<String>,
    /// PEM file of the certificate that the MySQL protocol offers TLS with; read again when it changes
    #[arg(long)]
    pub mysql_server_ssl_cert: Option<PathBuf>,
    /// PEM file of that certificate's private key
    #[arg(long)]
    pub mysql_server_ssl_key: Option<PathBuf>,
    /// PEM file of the authority that clients' certificates must be signed by; none are asked for when not
    /// given
    #[arg(long)]
    pub mysql_server_ssl_ca: Option<PathBuf>,
    /// PEM file of clients' certificates that are revoked
    #[arg(long)]
    pub mysql_server_ssl_crl: Option<PathBuf>,
    /// PEM file of certificates that are sent behind the server's own: those between it and an authority
    #[arg(long)]
    pub mysql_server_ssl_server_ca: Option<PathBuf>,
    /// Turn clients over TCP away that do not use TLS
    #[arg(long)]
    pub mysql_server_require_secure_transport: bool,
    /// Most MySQL connections at a time
    #[arg(long, default_value_t = 10_000)]
    pub mysql_max_connections: usize,

    /// Across how many shards a transaction may write: single, multi
    #[arg(long, default_value = "MULTI", ignore_case = true, value_parser = ["SINGLE", "MULTI", "TWOPC"])]
    pub transaction_mode: String,
    /// How often the connection of a session that holds locks (GET_LOCK) is kept alive
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    pub lock_heartbeat_time: Duration,
    /// Longest time of a query; 0 is no limit
    #[arg(long, default_value = "0", value_parser = parse_duration)]
    pub query_timeout: Duration,
    /// Most rows that are held in memory for one statement
    #[arg(long, default_value_t = 300_000)]
    pub max_memory_rows: usize,
    /// Most rows that one statement may put together on a tablet, when its shards cannot answer it each
    /// for itself
    #[arg(long, default_value_t = 1_000_000)]
    pub gather_max_rows: u64,
    /// Most bytes that one statement may put together on a tablet
    #[arg(long, default_value_t = 256 << 20)]
    pub gather_max_bytes: u64,
    /// Bytes of the plan cache
    #[arg(long, default_value_t = 32 << 20)]
    pub gate_query_cache_memory: u64,
    /// Refuse statements that go to all shards
    #[arg(long)]
    pub no_scatter: bool,
    /// Carry out LOAD DATA LOCAL INFILE, for clients that allow it, too
    #[arg(long, default_value_t = true, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub local_infile: bool,
    /// Users that may change the VSchema by ALTER VSCHEMA, with commas between them; % is everybody
    #[arg(long, default_value = "", value_parser = parse_users)]
    pub vschema_ddl_authorized_users: VschemaUsers,
    /// Target of a session that names none, such as @primary
    #[arg(long, default_value = "")]
    pub default_target: String,

    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true)]
    pub planner_version: Option<String>,
    /// Accepted for Vitess's sake; always on
    #[arg(long, hide = true)]
    pub enable_system_settings: bool,
    /// Accepted for Vitess's sake; waiting for a primary is always on
    #[arg(long, hide = true)]
    pub enable_buffer: bool,
}

/// What the options say, checked.
#[derive(Debug, Clone)]
pub struct Config {
    pub topo: TopoConfig,
    pub cell: String,
    pub cells_to_watch: Vec<String>,
    pub keyspaces_to_watch: Vec<String>,
    pub tablet_types_to_wait: Vec<TabletType>,
    pub mysql_address: Option<SocketAddr>,
    pub grpc_address: Option<SocketAddr>,
    pub default_target: TargetString,
    /// None when MySQL's protocol is served without TLS.
    pub mysql_tls: Option<Arc<ServerTls>>,
    /// None when gRPC is served without TLS.
    pub grpc_tls: Option<Arc<ServerTls>>,
    /// None when tablets are called without TLS.
    pub tablet_tls: Option<Arc<ClientTls>>,
    pub options: Options,
}

impl Options {
    /// Checks everything and reports all the faults together.
    pub fn validate(self) -> Result<Config> {
        let mut faults = Vec::new();
        let mut keep = |fault: Error| faults.push(fault.message().to_owned());
        let cell = self.cell.clone().unwrap_or_default();
        if cell.is_empty() {
            keep(Error::invalid("--cell is required"));
        }
        for checked in [self.query_log.validate(), self.tracer.validate()] {
            let _ = checked.map_err(&mut keep);
        }
        let topo = self.topo.validate().map_err(&mut keep).ok();
        let types: Vec<_> = self
            .tablet_types_to_wait
            .iter()
            .filter_map(|t| parse_tablet_type(t).map_err(|e| keep(e.context("--tablet-types-to-wait"))).ok())
            .collect();
        let mysql_address = self.mysql_server_port.and_then(|port| {
            servenv::bind_address(&self.mysql_server_bind_address, port)
                .map_err(|e| keep(e.context("--mysql-server-bind-address")))
                .ok()
        });
        let grpc_address = self.server.grpc_address().map_err(&mut keep).ok().flatten();
        let default_target = TargetString::parse(&self.default_target)
            .map_err(|e| keep(e.context("--default-target")))
            .unwrap_or_default();
        if self.transaction_mode.eq_ignore_ascii_case("twopc") {
            keep(Error::unsupported("--transaction-mode TWOPC is not supported yet: use MULTI or SINGLE"));
        }
        for (name, limit) in [
            ("buffer-size", self.buffer_size),
            ("buffer-max-bytes", self.buffer_max_bytes),
            ("buffer-drain-concurrency", self.buffer_drain_concurrency),
            ("max-calls-per-tablet", self.max_calls_per_tablet),
        ] {
            if limit == 0 {
                keep(Error::invalid(format!("--{name} must be at least 1")));
            }
        }
        let serves_mysql = self.mysql_server_port.is_some() || self.mysql_server_socket_path.is_some();
        let has_users =
            self.mysql_auth_server_static_file.is_some() || self.mysql_auth_server_static_string.is_some();
        if serves_mysql && self.mysql_auth_server_impl == "static" && !has_users {
            keep(Error::invalid(
                "--mysql-auth-server-impl static needs --mysql-auth-server-static-file (or -string)",
            ));
        }
        let mysql_tls = self.mysql_tls().map_err(&mut keep).ok().flatten();
        let grpc_tls = self.grpc_tls.server_tls().map_err(&mut keep).ok().flatten();
        let tablet_tls = self.tablet_grpc.client_tls().map_err(&mut keep).ok().flatten();
        let Some(topo) = topo.filter(|_| faults.is_empty()) else {
            return Err(Error::invalid(format!("wrong options:\n  {}", faults.join("\n  "))));
        };
        let cells_to_watch =
            if self.cells_to_watch.is_empty() { vec![cell.clone()] } else { self.cells_to_watch.clone() };
        Ok(Config {
            topo,
            cell,
            cells_to_watch,
            keyspaces_to_watch: self.keyspaces_to_watch.clone(),
            tablet_types_to_wait: types,
            mysql_address,
            grpc_address,
            default_target,
            mysql_tls,
            grpc_tls,
            tablet_tls,
            options: self,
        })
    }

    /// TLS of the MySQL port, where its files are given, and together.
    fn mysql_tls(&self) -> Result<Option<Arc<ServerTls>>> {
        let named = |flag: &str, path: &Option<PathBuf>| path.as_ref().map(|path| Named::new(flag, path));
        let client_ca = named("--mysql-server-ssl-ca", &self.mysql_server_ssl_ca);
        let crl = named("--mysql-server-ssl-crl", &self.mysql_server_ssl_crl);
        let chain = named("--mysql-server-ssl-server-ca", &self.mysql_server_ssl_server_ca);
        if crl.is_some() && client_ca.is_none() {
            return Err(Error::invalid("--mysql-server-ssl-crl needs --mysql-server-ssl-ca"));
        }
        let cert = named("--mysql-server-ssl-cert", &self.mysql_server_ssl_cert);
        match (cert, named("--mysql-server-ssl-key", &self.mysql_server_ssl_key)) {
            (Some(cert), Some(key)) => {
                let files = ServerFiles { cert, key, chain, client_ca, crl, allowed_subjects: Vec::new() };
                Ok(Some(Arc::new(ServerTls::open(files, &[])?)))
            }
            (None, None) if client_ca.is_some() || self.mysql_server_require_secure_transport => {
                Err(Error::invalid(
                    "--mysql-server-ssl-ca and --mysql-server-require-secure-transport need \
                     --mysql-server-ssl-cert and --mysql-server-ssl-key",
                ))
            }
            (None, None) => Ok(None),
            _ => Err(Error::invalid("--mysql-server-ssl-cert and --mysql-server-ssl-key go together")),
        }
    }
}
