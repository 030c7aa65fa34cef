//! Where the files of a tablet's mysqld are, and the text of its my.cnf.
//!
//! The layout is Vitess's, because scripts, backups and people know it:
//! `$VTDATAROOT/vt_<uid %010d>/{my.cnf, mysql.sock, mysql.pid, error.log, slow-query.log, data, innodb/data,
//! innodb/logs, bin-logs/vt-<uid %010d>-bin, relay-logs/vt-<uid %010d>-relay-bin, tmp}`.
//! The server id is random, chosen when the file is first written, and kept from then on: a uid that is
//! used again must not meet its old events.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use vterrors::{Error, Result};

use crate::{flavor::Flavor, process};

/// The longest path the kernel takes for a Unix socket (`sun_path` less its final zero byte).
const SOCKET_PATH_LIMIT: usize = 107;

/// What may be chosen about a my.cnf. Sizes are in the server's own notation (`64M`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CnfOptions {
    pub buffer_pool_size: String,
    /// `None`: the server's default.
    pub performance_schema: Option<bool>,
    /// The host that a replica says it is at (`report_host`).
    pub report_host: Option<String>,
    pub bind_address: Option<String>,
    pub charset: String,
    /// Texts put at the end, so that they win; what files named in `EXTRA_MY_CNF` hold.
    pub extra: Vec<String>,
}

impl Default for CnfOptions {
    /// Small, so that several servers fit on one machine; a real one sets its sizes in `EXTRA_MY_CNF`.
    fn default() -> Self {
        Self {
            buffer_pool_size: "64M".into(),
            performance_schema: None,
            report_host: None,
            bind_address: None,
            charset: "utf8mb4".into(),
            extra: Vec::new(),
        }
    }
}

/// Paths and numbers of one tablet's mysqld. All paths are absolute when `root` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mycnf {
    pub uid: u32,
    /// TCP port of the server.
    pub mysql_port: u16,
    /// Zero until it is chosen or read from the file.
    pub server_id: u32,
    pub tablet_dir: PathBuf,
    pub socket: PathBuf,
}

impl Mycnf {
    /// The layout of tablet `uid` below `root` (`$VTDATAROOT`), socket in its place unless given.
    pub fn new(root: &Path, uid: u32, mysql_port: u16, socket: Option<PathBuf>) -> Self {
        let tablet_dir = root.join(format!("vt_{uid:010}"));
        let socket = socket.unwrap_or_else(|| tablet_dir.join("mysql.sock"));
        Self { uid, mysql_port, server_id: 0, tablet_dir, socket }
    }

    pub fn path(&self) -> PathBuf {
        self.tablet_dir.join("my.cnf")
    }

    pub fn data_dir(&self) -> PathBuf {
        self.tablet_dir.join("data")
    }

    /// The pid of the server that runs with these files, if there is one.
    pub fn running_pid(&self) -> Option<i32> {
        let pid = process::read_pid(&self.pid_file())?;
        let ours = process::is_alive(pid) && process::command_line_has(pid, &self.path().to_string_lossy());
        ours.then_some(pid)
    }

    pub fn pid_file(&self) -> PathBuf {
        self.tablet_dir.join("mysql.pid")
    }

    pub fn error_log(&self) -> PathBuf {
        self.tablet_dir.join("error.log")
    }

    pub fn slow_log(&self) -> PathBuf {
        self.tablet_dir.join("slow-query.log")
    }

    pub fn tmp_dir(&self) -> PathBuf {
        self.tablet_dir.join("tmp")
    }

    pub fn innodb_data_dir(&self) -> PathBuf {
        self.tablet_dir.join("innodb/data")
    }

    pub fn innodb_log_dir(&self) -> PathBuf {
        self.tablet_dir.join("innodb/logs")
    }

    /// Path prefix of the binary logs; the server adds `.000001`.
    pub fn binlog_prefix(&self) -> PathBuf {
        self.tablet_dir.join(format!("bin-logs/vt-{:010}-bin", self.uid))
    }

    pub fn relay_log_prefix(&self) -> PathBuf {
        self.tablet_dir.join(format!("relay-logs/vt-{:010}-relay-bin", self.uid))
    }

    /// Every directory that has to exist before the server is initialised.
    pub fn directories(&self) -> Vec<PathBuf> {
        vec![
            self.tablet_dir.clone(),
            self.data_dir(),
            self.innodb_data_dir(),
            self.innodb_log_dir(),
            self.tablet_dir.join("bin-logs"),
            self.tablet_dir.join("relay-logs"),
            self.tmp_dir(),
        ]
    }

    /// Refuses paths that mysqld would refuse later with a puzzling text.
    pub fn check(&self) -> Result<()> {
        let len = self.socket.as_os_str().len();
        if len > SOCKET_PATH_LIMIT {
            return Err(Error::invalid(format!(
                "socket path {} has {len} bytes, the system takes {SOCKET_PATH_LIMIT}: use a shorter data \
                 directory or --mysql-socket",
                self.socket.display()
            )));
        }
        if let Some(bad) = self.directories().iter().find(|p| p.to_string_lossy().contains(['\n', '"'])) {
            return Err(Error::invalid(format!("path {bad:?} cannot be written into a my.cnf")));
        }
        Ok(())
    }

    /// The text of my.cnf.
    pub fn generate(&self, flavor: &dyn Flavor, options: &CnfOptions) -> String {
        let path = |p: PathBuf| p.display().to_string();
        let mut lines = vec![
            format!("# Tablet {}. Written at init; add your own settings through EXTRA_MY_CNF.", self.uid),
            "[mysqld]".into(),
            format!("server_id = {}", self.server_id),
            format!("port = {}", self.mysql_port),
            format!("socket = {}", self.socket.display()),
            format!("datadir = {}", path(self.data_dir())),
            format!("pid_file = {}", path(self.pid_file())),
            format!("log_error = {}", path(self.error_log())),
            format!("slow_query_log_file = {}", path(self.slow_log())),
            format!("tmpdir = {}", path(self.tmp_dir())),
            format!("innodb_data_home_dir = {}", path(self.innodb_data_dir())),
            format!("innodb_log_group_home_dir = {}", path(self.innodb_log_dir())),
            format!("log_bin = {}", path(self.binlog_prefix())),
            format!("relay_log = {}", path(self.relay_log_prefix())),
            format!("relay_log_index = {}.index", path(self.relay_log_prefix())),
            format!("character_set_server = {}", options.charset),
            format!("innodb_buffer_pool_size = {}", options.buffer_pool_size),
        ];
        lines.extend(FIXED.iter().map(|l| (*l).to_owned()));
        if let Some(host) = &options.report_host {
            lines.push(format!("report_host = {host}"));
        }
        lines.push(format!("report_port = {}", self.mysql_port));
        if let Some(address) = &options.bind_address {
            lines.push(format!("bind_address = {address}"));
        }
        if let Some(on) = options.performance_schema {
            lines.push(format!("performance_schema = {}", if on { "ON" } else { "OFF" }));
        }
        lines.push(flavor.my_cnf());
        lines.extend(options.extra.iter().cloned());
        lines.join("\n") + "\n"
    }

    /// Takes over what an existing my.cnf says about server id, port and socket.
    pub fn read_back(&mut self) -> Result<()> {
        let path = self.path();
        let text = fs::read_to_string(&path).map_err(|e| io_error("read", &path, &e))?;
        let number = |name: &str| value(&text, name).and_then(|v| v.parse::<u32>().ok());
        self.server_id = number("server_id")
            .ok_or_else(|| Error::invalid(format!("{} has no server_id", path.display())))?;
        if let Some(port) = number("port").and_then(|p| u16::try_from(p).ok()) {
            self.mysql_port = port;
        }
        if let Some(socket) = value(&text, "socket") {
            self.socket = PathBuf::from(socket);
        }
        Ok(())
    }
}

/// Settings that are the same for every tablet of both families.
const FIXED: &[&str] = &[
    "skip_name_resolve = ON",
    "max_connections = 500",
    "max_allowed_packet = 64M",
    "innodb_lock_wait_timeout = 20",
    "innodb_flush_log_at_trx_commit = 1",
    "innodb_autoextend_increment = 8",
    "innodb_file_per_table = ON",
    "innodb_log_buffer_size = 16M",
    "binlog_expire_logs_seconds = 259200",
    "sync_binlog = 1",
    "binlog_row_image = FULL",
    "loose_binlog_format = ROW",
    "local_infile = OFF",
    "table_open_cache = 512",
    "open_files_limit = 4096",
];

/// The last value of `name = value`, which is the one the server takes; dashes count as underscores.
fn value(text: &str, name: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(key, _)| key.trim().replace('-', "_") == name)
        .map(|(_, value)| value.trim().to_owned())
        .next_back()
}

/// An error of the file system that names the path.
pub(crate) fn io_error(what: &str, path: &Path, e: &io::Error) -> Error {
    Error::internal(format!("cannot {what} {}: {e}", path.display()))
}

#[cfg(test)]
mod tests;
