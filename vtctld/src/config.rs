//! vtctld's options.

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::Parser;
use rpc::{
    ChannelOptions, GrpcServerTlsOptions, TabletGrpcOptions, TabletManagerGrpcOptions, VtgateGrpcOptions,
};
use secrets::tls::{CertificateEnds, ServerTls};
use servenv::{ServerOptions, parse_duration};
use topo::{TopoConfig, TopoOptions};
use vterrors::{Error, Result};

/// The control plane of a cluster: carries out operators' commands on the topology and the tablets
#[derive(Debug, Clone, Parser)]
#[command(name = "vtctld")]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    #[command(flatten)]
    pub tls: GrpcServerTlsOptions,
    #[command(flatten)]
    pub manager_grpc: TabletManagerGrpcOptions,
    #[command(flatten)]
    pub tablet_grpc: TabletGrpcOptions,
    #[command(flatten)]
    pub vtgate_grpc: VtgateGrpcOptions,
    #[command(flatten)]
    pub topo: TopoOptions,

    /// Cell that this process is in; only shown
    #[arg(long, default_value = "", value_name = "NAME")]
    pub cell: String,

    /// Longest time for one command that comes without a deadline of its own
    #[arg(long, default_value = "1m", value_parser = parse_duration, value_name = "DURATION")]
    pub action_timeout: Duration,

    /// gRPC address of a vtgate, for the SQL console of the web pages; there is none without it
    #[arg(long, value_name = "HOST:PORT")]
    pub vtgate_address: Option<String>,

    /// Who may sign in to the web pages: lines of name:role:hash, the role viewer or operator, as `vtctld
    /// hash-password NAME ROLE` prints them; read again when it changes. Without it nobody signs in: whoever reaches
    /// a loopback address may do everything, whoever reaches another one may only look
    #[arg(long, value_name = "FILE")]
    pub web_users_file: Option<PathBuf>,

    /// Where backups go (file, s3, ...); backups are not supported yet
    #[arg(long, value_name = "NAME")]
    pub backup_storage_implementation: Option<String>,

    /// Directory of file backups; backups are not supported yet
    #[arg(long, value_name = "DIR")]
    pub file_backup_storage_root: Option<PathBuf>,

    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true)]
    pub backup_engine_implementation: Option<String>,

    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true)]
    pub mysql_server_version: Option<String>,

    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true)]
    pub tablet_manager_grpc_concurrency: Option<u32>,

    /// Accepted for Vitess's sake; without effect
    #[arg(long, hide = true)]
    pub tablet_refresh_interval: Option<String>,
}

/// Options that passed validation.
#[derive(Debug, Clone)]
pub struct Config {
    pub topo: TopoConfig,
    pub action_timeout: Duration,
    pub onterm_timeout: Duration,
    /// None when gRPC is served without TLS.
    pub server_tls: Option<Arc<ServerTls>>,
    pub channels: Channels,
}

/// How the others are reached, each with TLS of its own or without.
#[derive(Debug, Clone, Default)]
pub struct Channels {
    /// Tablets' managers.
    pub managers: ChannelOptions,
    /// Tablets' health streams.
    pub tablets: ChannelOptions,
    /// The vtgate of the SQL console.
    pub vtgate: ChannelOptions,
}

impl Config {
    /// When the certificates end that gRPC has, here and to others.
    pub fn certificate_ends(&self) -> CertificateEnds {
        let channels = [&self.channels.managers, &self.channels.tablets, &self.channels.vtgate];
        let ends = CertificateEnds::default().server(self.server_tls.as_ref());
        let ends = channels.into_iter().fold(ends, |ends, to| ends.client(to.connector.tls()));
        ends.fixed(self.topo.certificate_ends())
    }
}

impl Options {
    /// Checks all options together; the error lists every fault.
    pub fn validate(&self) -> Result<Config> {
        let mut faults = Vec::new();
        let topo = take(&mut faults, self.topo.validate());
        let server_tls = take(&mut faults, self.tls.server_tls()).flatten();
        let channels = Channels {
            managers: take(&mut faults, self.manager_grpc.channels()).unwrap_or_default(),
            tablets: take(&mut faults, self.tablet_grpc.channels()).unwrap_or_default(),
            vtgate: take(&mut faults, self.vtgate_grpc.channels()).unwrap_or_default(),
        };
        let Some(topo) = topo.filter(|_| faults.is_empty()) else {
            return Err(Error::invalid(faults.join("\n")));
        };
        Ok(Config {
            topo,
            action_timeout: self.action_timeout,
            onterm_timeout: self.server.onterm_timeout,
            server_tls,
            channels,
        })
    }
}

/// The value, or its error noted.
fn take<T>(faults: &mut Vec<String>, result: Result<T>) -> Option<T> {
    result.map_err(|e| faults.push(e.message().to_owned())).ok()
}
