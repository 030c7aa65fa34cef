//! Where mysqld is, as whom to log in, and how what is said there is kept secret.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use clap::{Args, ValueEnum};
use mysqlctl::flavor::SourceTls;
use mysqlwire::client::{Address, Tls};
use secrets::{
    Credentials, Named,
    tls::{ClientFiles, ClientTls, Verify},
};
use servenv::parse_duration;
use vterrors::{Error, Result};
use vtmodel::TabletAlias;

/// See the module.
#[derive(Clone, Args)]
#[command(next_help_heading = "Its mysqld")]
pub struct DbOptions {
    /// Unix socket of mysqld; the tablet's own below $VTDATAROOT when neither this nor --db-host is given
    #[arg(long, value_name = "FILE")]
    pub db_socket: Option<PathBuf>,
    /// Host of a mysqld that is reached over TCP
    #[arg(long, value_name = "HOST")]
    pub db_host: Option<String>,
    /// Port of a mysqld that is reached over TCP
    #[arg(long, default_value_t = 3306, value_name = "PORT")]
    pub db_port: u16,
    /// Character set of the connections
    #[arg(long, default_value = "utf8mb4", value_name = "NAME")]
    pub db_charset: String,
    /// JSON file of the users' passwords, {"user": ["password"]}; read again when it changes. A user that it does not have
    /// logs in without one
    #[arg(long, value_name = "FILE")]
    pub db_credentials_file: Option<PathBuf>,
    /// Where passwords come from
    #[arg(long, default_value = "file", value_parser = ["file"], hide = true)]
    pub db_credentials_server: String,
    /// User that runs queries
    #[arg(long, default_value = "vt_app", value_name = "USER")]
    pub db_app_user: String,
    #[arg(long, default_value = "", hide = true)]
    pub db_app_password: String,
    /// User for administration
    #[arg(long, default_value = "vt_dba", value_name = "USER")]
    pub db_dba_user: String,
    #[arg(long, default_value = "", hide = true)]
    pub db_dba_password: String,
    /// User with all rights of an application
    #[arg(long, default_value = "vt_allprivs", value_name = "USER")]
    pub db_allprivs_user: String,
    #[arg(long, default_value = "", hide = true)]
    pub db_allprivs_password: String,
    /// User by which replicas connect to their source
    #[arg(long, default_value = "vt_repl", value_name = "USER")]
    pub db_repl_user: String,
    #[arg(long, default_value = "", hide = true)]
    pub db_repl_password: String,
    /// Accepted for Vitess's sake: nothing logs in as these users yet
    #[arg(long, default_value = "vt_filtered", hide = true)]
    pub db_filtered_user: String,
    #[arg(long, default_value = "", hide = true)]
    pub db_filtered_password: String,
    #[arg(long, default_value = "vt_appdebug", hide = true)]
    pub db_appdebug_user: String,
    #[arg(long, default_value = "", hide = true)]
    pub db_appdebug_password: String,
    /// TLS to a mysqld over TCP, and of replicas to their source: disabled, preferred (where mysqld offers it),
    /// required (with whomever), verify_ca (with a certificate of --db-ssl-ca), verify_identity (for the right host, too;
    /// the default with --db-ssl-ca)
    #[arg(long, value_name = "MODE")]
    pub db_ssl_mode: Option<SslMode>,
    /// PEM file of the authority that mysqlds' certificates must be signed by; for replication mysqld reads it
    #[arg(long, value_name = "FILE")]
    pub db_ssl_ca: Option<PathBuf>,
    /// PEM file of the certificate that is shown to mysqld; for replication mysqld reads it
    #[arg(long, value_name = "FILE")]
    pub db_ssl_cert: Option<PathBuf>,
    /// PEM file of that certificate's private key; for replication mysqld reads it
    #[arg(long, value_name = "FILE")]
    pub db_ssl_key: Option<PathBuf>,
    /// Name that mysqld's certificate must be for, instead of --db-host
    #[arg(long, value_name = "NAME")]
    pub db_server_name: Option<String>,
    /// Longest time to connect to mysqld
    #[arg(long, default_value = "10s", value_parser = parse_duration, value_name = "DURATION")]
    pub db_connect_timeout: Duration,
    /// Unix socket of the mysqlctld that looks after mysqld, for when that is in another container;
    /// without it mysqld is expected to run
    #[arg(long, value_name = "FILE")]
    pub mysqlctl_socket: Option<PathBuf>,
    /// Directory of all tablets
    #[arg(long = "vtdataroot", env = "VTDATAROOT", default_value = "/vt", hide = true)]
    pub data_root: PathBuf,
}

impl fmt::Debug for DbOptions {
    /// Without the passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DbOptions")
            .field("db_socket", &self.db_socket)
            .field("db_host", &self.db_host)
            .field("db_port", &self.db_port)
            .field("db_credentials_file", &self.db_credentials_file)
            .field("db_ssl_mode", &self.db_ssl_mode)
            .finish_non_exhaustive()
    }
}

/// How much TLS a connection to mysqld has to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum SslMode {
    Disabled,
    Preferred,
    Required,
    VerifyCa,
    VerifyIdentity,
}

impl SslMode {
    fn verify(self) -> Verify {
        match self {
            Self::Disabled | Self::Preferred | Self::Required => Verify::Nothing,
            Self::VerifyCa => Verify::Chain,
            Self::VerifyIdentity => Verify::Name,
        }
    }
}

impl DbOptions {
    pub(super) fn address(&self, alias: &TabletAlias) -> Address {
        match (&self.db_socket, &self.db_host) {
            (Some(socket), _) => Address::Unix(socket.clone()),
            (None, Some(host)) => Address::Tcp { host: host.clone(), port: self.db_port },
            (None, None) => {
                let cnf = mysqlctl::Mycnf::new(&self.data_root, alias.uid, 0, None);
                Address::Unix(cnf.socket)
            }
        }
    }

    /// Reads the file of passwords. The error names flag and file.
    pub(super) fn credentials(&self) -> Result<Option<Credentials>> {
        let file = self.db_credentials_file.as_ref();
        file.map(|path| Credentials::open(Named::new("--db-credentials-file", path))).transpose()
    }

    fn ssl_mode(&self) -> SslMode {
        let default = if self.db_ssl_ca.is_some() { SslMode::VerifyIdentity } else { SslMode::Disabled };
        self.db_ssl_mode.unwrap_or(default)
    }

    /// Checks the flags of TLS, and reads their files. None when TLS is not wanted.
    pub(super) fn tls(&self) -> Result<Option<Tls>> {
        let mode = self.ssl_mode();
        let named = |flag: &str, path: &Option<PathBuf>| path.as_ref().map(|path| Named::new(flag, path));
        let ca = named("--db-ssl-ca", &self.db_ssl_ca);
        let identity = named("--db-ssl-cert", &self.db_ssl_cert).zip(named("--db-ssl-key", &self.db_ssl_key));
        if self.db_ssl_cert.is_some() != self.db_ssl_key.is_some() {
            return Err(Error::invalid("--db-ssl-cert and --db-ssl-key: one needs the other"));
        }
        if mode.verify() != Verify::Nothing && ca.is_none() {
            return Err(Error::invalid("--db-ssl-mode: verify_ca and verify_identity need --db-ssl-ca"));
        }
        if mode == SslMode::Disabled {
            return match identity {
                Some((cert, _)) => Err(Error::invalid(format!("{cert}: --db-ssl-mode says disabled"))),
                None => Ok(None),
            };
        }
        let files = ClientFiles {
            ca,
            identity,
            name: self.db_server_name.clone(),
            name_flag: "--db-server-name".into(),
            cert_flag: "--db-ssl-cert".into(),
            verify: mode.verify(),
            ..ClientFiles::default()
        };
        let client = Arc::new(ClientTls::open(files, &[])?);
        Ok(Some(Tls { client, required: mode != SslMode::Preferred }))
    }

    /// What a replica is told of TLS to its source. `preferred` is not to be said there: no TLS.
    pub(super) fn source_tls(&self) -> Option<SourceTls> {
        let mode = self.ssl_mode();
        if matches!(mode, SslMode::Disabled | SslMode::Preferred) {
            return None;
        }
        let text = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let verifies = mode.verify() != Verify::Nothing;
        Some(SourceTls {
            ca: text(&self.db_ssl_ca).filter(|_| verifies),
            cert: text(&self.db_ssl_cert),
            key: text(&self.db_ssl_key),
            verify_host: mode == SslMode::VerifyIdentity,
        })
    }
}
