//! TLS of gRPC as the command line has it, in Vitess's flag names: one set for a server, and one for each kind of
//! peer that a program calls. This is the only place that makes TLS of flags for gRPC.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use secrets::{
    Named,
    tls::{ClientFiles, ClientTls, HTTP2, ServerFiles, ServerTls},
};
use vterrors::{Error, Result};

use crate::{ChannelOptions, Connector};

/// Said at each flag: a heading for the whole group would go on over the flags that a program has after it.
const SERVER_HEADING: &str = "TLS of the gRPC server (files are read again when they change)";

/// The server's side.
#[derive(Debug, Clone, Default, Args)]
pub struct GrpcServerTlsOptions {
    /// PEM file of the certificate that the gRPC server shows; it speaks TLS alone when this is given
    #[arg(long, help_heading = SERVER_HEADING, value_name = "FILE")]
    pub grpc_cert: Option<PathBuf>,
    /// PEM file of that certificate's private key
    #[arg(long, help_heading = SERVER_HEADING, value_name = "FILE")]
    pub grpc_key: Option<PathBuf>,
    /// PEM file of the authority that clients' certificates must be signed by; none are asked for without it
    #[arg(long, help_heading = SERVER_HEADING, value_name = "FILE")]
    pub grpc_ca: Option<PathBuf>,
    /// PEM file of clients' certificates that are revoked
    #[arg(long, help_heading = SERVER_HEADING, value_name = "FILE")]
    pub grpc_crl: Option<PathBuf>,
    /// PEM file of certificates that are sent behind the server's own: those between it and an authority
    #[arg(long, help_heading = SERVER_HEADING, value_name = "FILE")]
    pub grpc_server_ca: Option<PathBuf>,
    /// How clients are told apart beside that: mtls goes by --grpc-auth-mtls-allowed-substrings
    #[arg(long, help_heading = SERVER_HEADING, value_name = "MODE", value_parser = ["mtls"])]
    pub grpc_auth_mode: Option<String>,
    /// Texts of which the subject of a client's certificate must contain one, with colons between them
    #[arg(long, help_heading = SERVER_HEADING, value_name = "TEXTS", value_delimiter = ':')]
    pub grpc_auth_mtls_allowed_substrings: Vec<String>,
}

impl GrpcServerTlsOptions {
    /// Reads the files; None when no TLS is wanted. The error tells every fault, a line each.
    pub fn server_tls(&self) -> Result<Option<Arc<ServerTls>>> {
        let named = |flag: &str, path: &Option<PathBuf>| path.as_ref().map(|path| Named::new(flag, path));
        let allowed_subjects: Vec<String> =
            self.grpc_auth_mtls_allowed_substrings.iter().filter(|s| !s.is_empty()).cloned().collect();
        let mut faults = Vec::new();
        if self.grpc_ca.is_none() {
            if self.grpc_crl.is_some() {
                faults.push("--grpc-crl needs --grpc-ca");
            }
            if self.grpc_auth_mode.is_some() || !allowed_subjects.is_empty() {
                faults.push("--grpc-auth-mode mtls and --grpc-auth-mtls-allowed-substrings need --grpc-ca");
            }
        }
        let pair = named("--grpc-cert", &self.grpc_cert).zip(named("--grpc-key", &self.grpc_key));
        let one_missing = self.grpc_cert.is_some() != self.grpc_key.is_some();
        if one_missing {
            faults.push("--grpc-cert and --grpc-key: one needs the other");
        } else if pair.is_none() && (self.grpc_ca.is_some() || self.grpc_server_ca.is_some()) {
            faults.push("--grpc-ca and --grpc-server-ca need --grpc-cert and --grpc-key");
        }
        if !faults.is_empty() {
            return Err(Error::invalid(faults.join("\n")));
        }
        let Some((cert, key)) = pair else { return Ok(None) };
        let files = ServerFiles {
            cert,
            key,
            chain: named("--grpc-server-ca", &self.grpc_server_ca),
            client_ca: named("--grpc-ca", &self.grpc_ca),
            crl: named("--grpc-crl", &self.grpc_crl),
            allowed_subjects,
        };
        Ok(Some(Arc::new(ServerTls::open(files, &[HTTP2])?)))
    }
}

/// The values of one set of a client's flags.
struct ClientFlags<'a> {
    prefix: &'a str,
    ca: &'a Option<PathBuf>,
    cert: &'a Option<PathBuf>,
    key: &'a Option<PathBuf>,
    crl: &'a Option<PathBuf>,
    server_name: &'a Option<String>,
}

impl ClientFlags<'_> {
    fn tls(self) -> Result<Option<Arc<ClientTls>>> {
        let prefix = self.prefix;
        let named = |what: &str, path: &Option<PathBuf>| {
            path.as_ref().map(|path| Named::new(format!("--{prefix}-{what}"), path))
        };
        if self.cert.is_some() != self.key.is_some() {
            return Err(Error::invalid(format!("--{prefix}-cert and --{prefix}-key: one needs the other")));
        }
        let Some(ca) = named("ca", self.ca) else {
            let more = self.cert.is_some() || self.crl.is_some() || self.server_name.is_some();
            return match more {
                true => Err(Error::invalid(format!(
                    "--{prefix}-ca: needed by the other flags of --{prefix}-...: it is the authority that \
                     servers' certificates are checked by"
                ))),
                false => Ok(None),
            };
        };
        let files = ClientFiles {
            ca: Some(ca),
            identity: named("cert", self.cert).zip(named("key", self.key)),
            crl: named("crl", self.crl),
            name: self.server_name.clone().filter(|name| !name.is_empty()),
            name_flag: format!("--{prefix}-server-name"),
            cert_flag: format!("--{prefix}-cert"),
            ..ClientFiles::default()
        };
        Ok(Some(Arc::new(ClientTls::open(files, &[HTTP2])?)))
    }
}

macro_rules! client_options {
    ($name:ident, $prefix:literal, $peers:literal) => {
        #[doc = concat!("The side of a client of ", $peers, ".")]
        #[derive(Debug, Clone, Default, Args)]
        #[group(skip)]
        pub struct $name {
            #[arg(id = concat!($prefix, "-ca"),
                help_heading = concat!("TLS to ", $peers, " (files are read again when they change)"), long = concat!($prefix, "-ca"), value_name = "FILE",
                        help = concat!("PEM file of the authority that certificates of ", $peers,
                            " must be signed by; TLS is spoken when this is given"))]
            pub ca: Option<PathBuf>,
            #[arg(id = concat!($prefix, "-cert"),
                help_heading = concat!("TLS to ", $peers, " (files are read again when they change)"), long = concat!($prefix, "-cert"), value_name = "FILE",
                        help = concat!("PEM file of the certificate that is shown to ", $peers))]
            pub cert: Option<PathBuf>,
            #[arg(id = concat!($prefix, "-key"),
                help_heading = concat!("TLS to ", $peers, " (files are read again when they change)"), long = concat!($prefix, "-key"), value_name = "FILE",
                        help = concat!("PEM file of the private key of --", $prefix, "-cert"))]
            pub key: Option<PathBuf>,
            #[arg(id = concat!($prefix, "-crl"),
                help_heading = concat!("TLS to ", $peers, " (files are read again when they change)"), long = concat!($prefix, "-crl"), value_name = "FILE",
                        help = concat!("PEM file of certificates of ", $peers, " that are revoked"))]
            pub crl: Option<PathBuf>,
            #[arg(id = concat!($prefix, "-server-name"),
                help_heading = concat!("TLS to ", $peers, " (files are read again when they change)"), long = concat!($prefix, "-server-name"),
                        value_name = "NAME", help = concat!("Name that certificates of ", $peers,
                            " must be for, instead of the host that is called"))]
            pub server_name: Option<String>,
        }

        impl $name {
            /// Reads the files; None when no TLS is wanted.
            pub fn client_tls(&self) -> Result<Option<Arc<ClientTls>>> {
                let Self { ca, cert, key, crl, server_name } = self;
                ClientFlags { prefix: $prefix, ca, cert, key, crl, server_name }.tls()
            }

            /// How to reach them, by TLS or plain. The error names the flag and the file.
            pub fn channels(&self) -> Result<ChannelOptions> {
                let connector = Connector::default().with_tls(self.client_tls()?);
                Ok(ChannelOptions { connector, ..ChannelOptions::default() })
            }
        }
    };
}

client_options!(TabletGrpcOptions, "tablet-grpc", "tablets' query service");
client_options!(TabletManagerGrpcOptions, "tablet-manager-grpc", "tablets' manager service");
client_options!(VtgateGrpcOptions, "vtgate-grpc", "vtgate");
client_options!(VtctldGrpcOptions, "vtctld-grpc", "vtctld");
client_options!(OtelOptions, "otel", "the collector of traces");
