//! The options that every server process has.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use secrets::{
    Named,
    tls::{HTTP1, ServerFiles, ServerTls},
};
use vterrors::{Error, Result};

use crate::{LogOptions, parse_duration};

/// Ports, addresses, and how long a process takes to go.
#[derive(Debug, Clone, Args)]
pub struct ServerOptions {
    /// Port of the HTTP server (status, metrics); none when not given
    #[arg(long)]
    pub port: Option<u16>,
    /// Address that the HTTP server listens on
    #[arg(long, default_value = "127.0.0.1")]
    pub bind_address: String,
    /// PEM file of the certificate that the HTTP server shows, read again when it changes; it speaks TLS alone when this
    /// is given
    #[arg(long, value_name = "FILE")]
    pub http_cert: Option<PathBuf>,
    /// PEM file of that certificate's private key
    #[arg(long, value_name = "FILE")]
    pub http_key: Option<PathBuf>,
    /// Port of the gRPC server; none when not given
    #[arg(long)]
    pub grpc_port: Option<u16>,
    /// Address that the gRPC server listens on
    #[arg(long, default_value = "127.0.0.1")]
    pub grpc_bind_address: String,
    /// Services to offer; accepted for Vitess's sake, all of ours are always on
    #[arg(long, value_delimiter = ',')]
    pub service_map: Vec<String>,
    /// File that holds the process id while the process runs
    #[arg(long)]
    pub pid_file: Option<PathBuf>,
    /// How long the process goes on serving after SIGTERM, so that callers see that it is going
    #[arg(long, default_value = "50ms", value_parser = parse_duration)]
    pub lameduck_period: Duration,
    /// How long work that is under way may take after SIGTERM
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub onterm_timeout: Duration,
    /// How long closing may take after that
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub onclose_timeout: Duration,
    /// Threads that serve; 0 is half of the CPUs, one at least: the others are mysqld's and the clients'
    #[arg(long, default_value_t = 0)]
    pub worker_threads: usize,
    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true)]
    pub pprof_http: bool,
    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true, value_delimiter = ',')]
    pub pprof: Vec<String>,
    /// File of options, JSON or YAML: one mapping of their names to values. The command line goes before it
    #[arg(long, value_name = "FILE", help_heading = "Configuration file")]
    pub config_file: Option<PathBuf>,
    /// Directories in which the configuration file is looked for when it is not named
    #[arg(long, value_name = "DIRECTORY", value_delimiter = ',', help_heading = "Configuration file")]
    pub config_path: Vec<PathBuf>,
    /// Its name there, without .json, .yaml or .yml
    #[arg(long, value_name = "NAME", default_value = "vtconfig", help_heading = "Configuration file")]
    pub config_name: String,
    /// json or yaml, where the name does not say it
    #[arg(long, value_name = "TYPE", help_heading = "Configuration file")]
    pub config_type: Option<String>,
    /// ignore, warn, error (which is to warn) or exit
    #[arg(long, value_name = "WHAT", default_value = "warn", help_heading = "Configuration file")]
    pub config_file_not_found_handling: String,
    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true)]
    pub security_policy: Option<String>,
    #[command(flatten)]
    pub log: LogOptions,
}

impl ServerOptions {
    /// `--worker-threads` as a number. A thread that has much to do sends what several queries say to one peer in
    /// one write: more threads than are busy cost more CPU for the same work.
    pub fn worker_threads(&self) -> usize {
        match self.worker_threads {
            0 => std::thread::available_parallelism().map_or(1, |cpus| cpus.get() / 2).max(1),
            threads => threads,
        }
    }

    pub fn http_address(&self) -> Result<Option<SocketAddr>> {
        self.port.map(|port| bind_address(&self.bind_address, port)).transpose()
    }

    /// Reads the files of the HTTP server's TLS; None when it is not wanted. The error names the flag and the file.
    pub fn http_tls(&self) -> Result<Option<Arc<ServerTls>>> {
        let (cert, key) = match (&self.http_cert, &self.http_key) {
            (None, None) => return Ok(None),
            (Some(cert), Some(key)) => (Named::new("--http-cert", cert), Named::new("--http-key", key)),
            _ => return Err(Error::invalid("--http-cert and --http-key: one needs the other")),
        };
        if self.port.is_none() {
            return Err(Error::invalid("--http-cert: without --port there is no HTTP server"));
        }
        let files = ServerFiles::new(cert, key);
        Ok(Some(Arc::new(ServerTls::open(files, &[HTTP1])?)))
    }

    pub fn grpc_address(&self) -> Result<Option<SocketAddr>> {
        self.grpc_port.map(|port| bind_address(&self.grpc_bind_address, port)).transpose()
    }
}

/// An address to listen on; an empty host is every address.
pub fn bind_address(host: &str, port: u16) -> Result<SocketAddr> {
    let host = match host {
        "" => "0.0.0.0",
        "localhost" => "127.0.0.1",
        other => other,
    };
    let ip = host.trim_matches(['[', ']']).parse();
    ip.map(|ip| SocketAddr::new(ip, port))
        .map_err(|_| Error::invalid(format!("invalid bind address {host:?}: expected an IP address")))
}
