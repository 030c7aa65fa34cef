//! A mysqld shared by the tests that run at the same time; it ends with the last of them.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use testkit::{Process, free_ports, spawn, temp_dir, wait_until};

/// A running server with an empty data directory and `root` without a password.
pub struct Server {
    // Fields are dropped in order: the process before its directory.
    _process: Process,
    port: u16,
    dir: tempfile::TempDir,
}

static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());

impl Server {
    /// The server, started when no test has it.
    pub fn get() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(|e| e.into_inner());
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start());
            *shared = Arc::downgrade(&server);
            server
        })
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("mysql.sock")
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    fn start() -> Self {
        let dir = temp_dir();
        let port = free_ports(1);
        let log = dir.path().join("init.log");
        let mut init = spawn(mysqld(dir.path(), &["--initialize-insecure"]), &log);
        wait_until("mysqld initialises", Duration::from_secs(120), || match init.ended() {
            Some(status) if status.success() => Ok(()),
            Some(status) => panic!("mysqld --initialize-insecure: {status}\n{}", init.output()),
            None => Err(init.output()),
        });
        let socket = format!("--socket={}", dir.path().join("mysql.sock").display());
        let command = mysqld(
            dir.path(),
            &[
                &socket,
                &format!("--port={port}"),
                "--bind-address=127.0.0.1",
                "--mysqlx=OFF",
                "--log-bin",
                "--server-id=1",
                "--gtid-mode=ON",
                "--enforce-gtid-consistency=ON",
                "--innodb-buffer-pool-size=32M",
                "--performance-schema=OFF",
                "--max-allowed-packet=64M",
            ],
        );
        let mut process = spawn(command, &dir.path().join("run.log"));
        wait_until("mysqld answers", Duration::from_secs(60), || {
            if let Some(status) = process.ended() {
                panic!("mysqld: {status}\n{}", process.output());
            }
            std::os::unix::net::UnixStream::connect(dir.path().join("mysql.sock")).map_err(|e| e.to_string())
        });
        Self { _process: process, port, dir }
    }
}

fn mysqld(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.arg("--no-defaults").arg(format!("--datadir={}", dir.join("data").display())).args(arguments);
    command.arg("--user=root").current_dir(dir);
    command
}

/// `mysqld` of PATH, of /usr/sbin, or unpacked in the cache folder.
fn binary() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache"));
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), cache.join("vivace/mysql-unstable/bin")])
        .map(|dir| dir.join("mysqld"))
        .find(|file| file.is_file())
        .expect("a mysqld on PATH or in the cache (make up installs one)")
}
