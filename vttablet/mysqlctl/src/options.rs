//! The flags that `mysqlctl` and `mysqlctld` have in common, and what they come to.

use std::{
    ffi::OsString,
    fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use secrets::{Credentials, Named, Password};
use servenv::parse_duration;
use vterrors::{Error, Result};

use crate::{
    binaries::{Binaries, SearchPath},
    mycnf::{CnfOptions, Mycnf},
    mysqld::Mysqld,
};

/// What `--help` says below the flags of both programs.
pub const ENVIRONMENT: &str = "\
Environment:
  VTDATAROOT     Directory of all tablets' data [default: /vt]
  VT_MYSQL_ROOT  Where mysqld is looked for first, in sbin, bin and libexec; then on PATH
  EXTRA_MY_CNF   Files that a generated my.cnf ends with, separated by colons";

/// Which mysqld, and where.
#[derive(Clone, Args)]
#[command(next_help_heading = "The mysqld")]
pub struct MysqldOptions {
    /// Number of its tablet, whose files are in vt_<ten digits> below $VTDATAROOT
    #[arg(long, global = true, default_value_t = 41_983, value_name = "UID")]
    pub tablet_uid: u32,
    /// TCP port of mysqld
    #[arg(long, global = true, default_value_t = 3306, value_name = "PORT")]
    pub mysql_port: u16,
    /// Unix socket of mysqld; in the tablet's directory when not given
    #[arg(long, global = true, value_name = "FILE")]
    pub mysql_socket: Option<PathBuf>,
    /// Character set of the server
    #[arg(long, global = true, default_value = "utf8mb4", value_name = "NAME")]
    pub db_charset: String,
    /// Unix socket of mysqlctld: it serves gRPC there, and mysqlctl has it start and stop mysqld
    #[arg(long, global = true, value_name = "FILE")]
    pub socket_file: Option<PathBuf>,
    /// User for administration
    #[arg(long, global = true, default_value = "vt_dba", value_name = "USER")]
    pub db_dba_user: String,
    /// Password of the user for administration, when the file has none; everybody on the machine can read it
    #[arg(long, global = true, default_value = "", value_name = "PASSWORD")]
    pub db_dba_password: String,
    /// JSON file of the users' passwords, {"user": ["password"]}; read again when it changes
    #[arg(long, global = true, value_name = "FILE")]
    pub db_credentials_file: Option<PathBuf>,
    /// Where passwords come from
    #[arg(long, global = true, default_value = "file", value_parser = ["file"], hide = true)]
    pub db_credentials_server: String,
    /// Host that a replica tells its source it is at
    #[arg(long, global = true, value_name = "HOST")]
    pub tablet_hostname: Option<String>,
    /// Size of InnoDB's buffer pool in a generated my.cnf
    #[arg(long, global = true, default_value = "64M", value_name = "SIZE")]
    pub innodb_buffer_pool_size: String,
    /// Directory of all tablets
    #[arg(long = "vtdataroot", global = true, env = "VTDATAROOT", default_value = "/vt", hide = true)]
    pub data_root: PathBuf,
    /// Files appended to my.cnf, separated by colons
    #[arg(long = "extra-my-cnf", global = true, env = "EXTRA_MY_CNF", hide = true)]
    pub extra_my_cnf: Option<OsString>,
}

impl fmt::Debug for MysqldOptions {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqldOptions")
            .field("tablet_uid", &self.tablet_uid)
            .field("mysql_port", &self.mysql_port)
            .field("db_dba_user", &self.db_dba_user)
            .field("db_credentials_file", &self.db_credentials_file)
            .finish_non_exhaustive()
    }
}

/// How long a step may take.
#[derive(Debug, Clone, Args)]
pub struct WaitTime {
    /// Longest time for initialising, starting or stopping mysqld
    #[arg(long, default_value = "5m", value_parser = parse_duration, value_name = "DURATION")]
    pub wait_time: Duration,
}

impl MysqldOptions {
    /// The mysqld that is found on this machine, with this tablet's files. Errors: there is none; the file of passwords
    /// cannot be read.
    pub fn mysqld(&self) -> Result<Mysqld> {
        let root = std::path::absolute(&self.data_root)
            .map_err(|e| Error::invalid(format!("$VTDATAROOT {}: {e}", self.data_root.display())))?;
        let cnf = Mycnf::new(&root, self.tablet_uid, self.mysql_port, self.mysql_socket.clone());
        let mysqld = Mysqld::new(cnf, Binaries::find(&SearchPath::from_env(), None)?)?;
        let file = self.db_credentials_file.as_ref();
        let file =
            file.map(|path| Credentials::open(Named::new("--db-credentials-file", path))).transpose()?;
        let password = Password::of(&self.db_dba_user, &self.db_dba_password, file.as_ref());
        Ok(mysqld.with_dba(&self.db_dba_user, password))
    }

    /// What goes into a new my.cnf, the files of `EXTRA_MY_CNF` included.
    pub fn cnf_options(&self) -> Result<CnfOptions> {
        let files = self.extra_my_cnf.iter().flat_map(std::env::split_paths);
        let extra: Result<Vec<String>> =
            files.filter(|p| !p.as_os_str().is_empty()).map(|p| read_extra(&p)).collect();
        Ok(CnfOptions {
            buffer_pool_size: self.innodb_buffer_pool_size.clone(),
            report_host: self.tablet_hostname.clone(),
            charset: self.db_charset.clone(),
            extra: extra?,
            ..CnfOptions::default()
        })
    }
}

fn read_extra(path: &Path) -> Result<String> {
    fs::read_to_string(path)
        .map_err(|e| Error::invalid(format!("EXTRA_MY_CNF: cannot read {}: {e}", path.display())))
}
