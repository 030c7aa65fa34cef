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

/// The two families of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    MySql,
    MariaDb,
}

static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());

impl Server {
    /// The MySQL server, started when no test has it.
    pub fn get() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(|e| e.into_inner());
        shared.upgrade().unwrap_or_else(|| {
            let program = find(Family::MySql)
                .expect("a mysqld of MySQL on PATH or in the cache (make up installs one)");
            let server = Arc::new(Self::start(&program, Family::MySql));
            *shared = Arc::downgrade(&server);
            server
        })
    }

    /// A MariaDB server of its own, where there is one on this machine.
    pub fn mariadb() -> Option<Self> {
        find(Family::MariaDb).map(|program| Self::start(&program, Family::MariaDb))
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("mysql.sock")
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    fn start(program: &Path, family: Family) -> Self {
        let dir = temp_dir();
        let port = free_ports(1);
        let data = format!("--datadir={}", dir.path().join("data").display());
        let mut init = match family {
            Family::MySql => {
                let mut command = Command::new(program);
                command.args(["--no-defaults", "--initialize-insecure", "--user=root", &data]);
                command
            }
            Family::MariaDb => {
                let mut command = Command::new("mariadb-install-db");
                command.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"]);
                // Whether names resolve (the machine's own, localhost) does not matter here.
                command.args(["--user=root", "--force", &data]);
                command
            }
        };
        // A starting server removes every `#sql*` of its temporary folder, those of other servers too.
        init.current_dir(dir.path()).env("TMPDIR", dir.path());
        let mut init = spawn(init, &dir.path().join("init.log"));
        wait_until("mysqld initialises", Duration::from_secs(120), || match init.ended() {
            Some(status) if status.success() => Ok(()),
            Some(status) => panic!("initialising mysqld: {status}\n{}", init.output()),
            None => Err(init.output()),
        });
        let mut command = Command::new(program);
        command.args(["--no-defaults", "--user=root", &data]);
        command.current_dir(dir.path()).env("TMPDIR", dir.path());
        command.args([
            &format!("--socket={}", dir.path().join("mysql.sock").display()),
            &format!("--port={port}"),
            "--bind-address=127.0.0.1",
            "--log-bin",
            "--server-id=1",
            "--innodb-buffer-pool-size=32M",
            "--performance-schema=OFF",
            "--max-allowed-packet=64M",
        ]);
        if family == Family::MySql {
            command.args(["--mysqlx=OFF", "--gtid-mode=ON", "--enforce-gtid-consistency=ON"]);
        }
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

/// The first server of a family on PATH, in /usr/sbin, or unpacked in the cache folder.
fn find(family: Family) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache"));
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), cache.join("vivace/mysql-unstable/bin")])
        .flat_map(|dir| ["mysqld", "mariadbd"].map(|name| dir.join(name)))
        .filter(|file| file.is_file())
        .find(|file| {
            let out = Command::new(file).args(["--no-defaults", "--version"]).output();
            let text = out.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
            !text.is_empty() && text.contains("MariaDB") == (family == Family::MariaDb)
        })
}
