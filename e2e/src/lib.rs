//! What the end-to-end tests share: a real cluster of their own, started by `vtlocal`, and ways to look into it
//! from outside: as a MySQL client of vtgate, directly at each mysqld, with `vtctldclient`.
//!
//! A cluster lies in a temporary directory and listens on ports that were free; it is stopped and removed when
//! the value is dropped. What fails panics: everything here belongs to tests.

// The helpers of a test fail the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

pub mod cells;
pub mod failover;
pub mod faults;
pub mod locks;
pub mod scenario;
pub mod secrecy;
pub mod shards;
pub mod statements;

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use mysql_async::{Conn, OptsBuilder, Row, Value, prelude::Queryable};
use mysqlctl::{Binaries, FlavorKind, binaries::SearchPath};
use vtlocal::{
    plan::{CellPlan, Plan},
    state::State,
};

/// Ports that a cluster may need: ten and three a tablet.
const PORTS: u16 = 60;

/// A running cluster.
pub struct Cluster {
    dir: tempfile::TempDir,
    flags: Vec<String>,
    plan: Plan,
}

/// Where `cargo build --workspace --bins` put the programs: beside this one, or beside the folder of this test.
pub fn bin_dir() -> PathBuf {
    let exe = env::current_exe().unwrap();
    let found = exe.ancestors().skip(1).take(2).find(|dir| dir.join("vtlocal").is_file());
    assert!(
        found.is_some(),
        "no vtlocal beside {}: run `cargo build --workspace --bins` first, as `make test` does",
        exe.display()
    );
    found.unwrap().to_owned()
}

impl Cluster {
    /// Starts a cluster with these flags of `vtlocal up`.
    pub fn start(flags: &[&str]) -> Self {
        let dir = testkit::temp_dir();
        let base = testkit::free_ports(PORTS).to_string();
        let mut all = vec!["--base-port".to_owned(), base];
        all.extend(flags.iter().map(|f| (*f).to_owned()));
        let out = vtlocal(dir.path(), "up", &all);
        assert!(out.status.success(), "vtlocal up failed:\n{}\n{}", text(&out), logs(dir.path()));
        let state = State::read(dir.path()).unwrap().expect("a cluster that was started is recorded");
        let plan = Plan::new(&state.spec, dir.path());
        Self { dir, flags: all, plan }
    }

    /// On MariaDB; says so and gives nothing where there is none.
    #[allow(clippy::print_stdout)]
    pub fn start_on_mariadb(flags: &[&str]) -> Option<Self> {
        let found = Binaries::find(&SearchPath::from_env(), Some(FlavorKind::MariaDb));
        match found {
            Ok(_) => Some(Self::start(&[&["--mysql-flavor", "mariadb"], flags].concat())),
            Err(e) => {
                println!("not run: {e}");
                None
            }
        }
    }

    pub fn data_dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// `vtlocal up` with the same flags again.
    pub fn up(&self) -> Output {
        vtlocal(self.data_dir(), "up", &self.flags)
    }

    pub fn status(&self) -> Output {
        vtlocal(self.data_dir(), "status", &[])
    }

    pub fn down(&self) -> Output {
        vtlocal(self.data_dir(), "down", &[])
    }

    pub fn state(&self) -> State {
        let mut state = State::read(self.data_dir()).unwrap().unwrap();
        state.find_mysqlds(&self.plan);
        state
    }

    /// The pid of a process by its name in the plan.
    pub fn pid(&self, name: &str) -> i32 {
        self.state().running(name).unwrap_or_else(|| panic!("{name} does not run\n{}", self.logs())).pid
    }

    /// Sends a signal to a process by its name in the plan.
    pub fn signal(&self, name: &str, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid(name)), signal).unwrap();
    }

    /// The end of each log, for a message.
    pub fn logs(&self) -> String {
        logs(self.data_dir())
    }

    /// A client of vtgate.
    pub async fn connect(&self, database: &str) -> Conn {
        self.try_connect(database)
            .await
            .unwrap_or_else(|e| panic!("connecting to {database:?}: {e}\n{}", self.logs()))
    }

    pub async fn try_connect(&self, database: &str) -> mysql_async::Result<Conn> {
        self.try_connect_at(self.plan.cells[0].mysql(), database).await
    }

    /// A client of the vtgate of a cell.
    pub async fn connect_in(&self, cell: &str, database: &str) -> Conn {
        self.try_connect_at(self.cell(cell).mysql(), database)
            .await
            .unwrap_or_else(|e| panic!("connecting to {database:?} in cell {cell}: {e}\n{}", self.logs()))
    }

    pub fn cell(&self, name: &str) -> &CellPlan {
        self.plan.cell(name).unwrap_or_else(|| panic!("no cell {name} in {:?}", self.plan.spec.cells))
    }

    /// The processes of a cell, its etcd among them.
    pub fn processes_of(&self, cell: &str) -> Vec<String> {
        let CellPlan { etcd, vtgate, vtorc, .. } = self.cell(cell);
        let servers = [Some(vtgate), etcd.as_ref(), vtorc.as_ref()].into_iter().flatten();
        let tablets = self.plan.tablets.iter().filter(|t| t.cell == cell);
        let of_tablets = tablets.flat_map(|t| {
            let mysqlctld = t.mysqlctld.iter().map(|p| p.name.clone());
            mysqlctld.chain([t.process.name.clone(), vtlocal::up::mysqld_name(t.uid)])
        });
        servers.map(|p| p.name.clone()).chain(of_tablets).collect()
    }

    async fn try_connect_at(&self, (host, port): (&str, u16), database: &str) -> mysql_async::Result<Conn> {
        let tls = self.plan.tls.as_ref();
        let cell = tls.and_then(|_| self.plan.cells.iter().find(|cell| cell.ports.vtgate_mysql == port));
        let socket = cell.map(|cell| &cell.socket);
        let options = OptsBuilder::default()
            .ip_or_hostname(host)
            .tcp_port(port)
            // This client speaks no TLS: where that is wanted, it comes by the socket.
            .socket(socket.map(|socket| socket.display().to_string()))
            .user(Some("user"))
            .db_name(Some(database).filter(|d| !d.is_empty()))
            .prefer_socket(false);
        let limit = Duration::from_secs(10);
        match tokio::time::timeout(limit, Conn::new(options)).await {
            Ok(conn) => conn,
            Err(_) => Err(std::io::Error::other(format!("no connection within {limit:?}")).into()),
        }
    }

    /// The administrator of one tablet's own mysqld, past all of our programs.
    pub async fn mysqld(&self, uid: u32) -> Conn {
        let socket = self.data_dir().join(format!("vt_{uid:010}/mysql.sock"));
        let options = OptsBuilder::default()
            .socket(Some(socket.to_string_lossy()))
            .user(Some("vt_dba"))
            .prefer_socket(false);
        Conn::new(options).await.unwrap_or_else(|e| panic!("{}: {e}", socket.display()))
    }

    /// What each tablet says it is: uid -> type in lower case.
    pub async fn tablet_types(&self) -> BTreeMap<u32, String> {
        let mut types = BTreeMap::new();
        for tablet in &self.plan.tablets {
            let vars = vtlocal::supervise::http_get(tablet.process.http(), "/debug/vars").await;
            let vars: serde_json::Value = serde_json::from_str(&vars.unwrap_or_default()).unwrap_or_default();
            types.insert(tablet.uid, vars["TabletType"].as_str().unwrap_or("-").to_ascii_lowercase());
        }
        types
    }

    /// The uid of a shard's primary.
    pub async fn primary(&self, keyspace: &str, shard: &str) -> u32 {
        let types = self.tablet_types().await;
        let of_shard = self.plan.tablets.iter().filter(|t| t.keyspace == keyspace && t.shard == shard);
        let primaries: Vec<u32> = of_shard.map(|t| t.uid).filter(|uid| types[uid] == "primary").collect();
        assert_eq!(primaries.len(), 1, "primaries of {keyspace}/{shard}: {primaries:?} of {types:?}");
        primaries[0]
    }

    /// The uid of a replica of a shard.
    pub async fn replica(&self, keyspace: &str, shard: &str) -> u32 {
        let types = self.tablet_types().await;
        let mut of_shard = self.plan.tablets.iter().filter(|t| t.keyspace == keyspace && t.shard == shard);
        of_shard.find(|t| types[&t.uid] == "replica").expect("the shard has a replica").uid
    }

    /// Runs a command of vtctldclient against the cluster's vtctld.
    pub fn vtctl(&self, args: &[&str]) -> Output {
        self.vtctl_with(&self.plan.client_flags(), args)
    }

    /// The same with other flags of TLS than the cluster's.
    pub fn vtctl_with(&self, tls: &[String], args: &[&str]) -> Output {
        let server = format!("--server={}", self.plan.vtctld_address());
        Command::new(bin_dir().join("vtctldclient")).arg(server).args(tls).args(args).output().unwrap()
    }

    /// The same for a command that has to succeed: what it printed.
    pub fn vtctl_ok(&self, args: &[&str]) -> String {
        let out = self.vtctl(args);
        assert!(out.status.success(), "vtctldclient {args:?}: {}\n{}", text(&out), self.logs());
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let out = self.down();
        if !out.status.success() && !std::thread::panicking() {
            panic!("vtlocal down failed: {}", text(&out));
        }
    }
}

fn vtlocal(dir: &Path, command: &str, flags: &[String]) -> Output {
    Command::new(bin_dir().join("vtlocal")).arg(command).args(flags).env("VTDATAROOT", dir).output().unwrap()
}

/// Everything that a program printed.
pub fn text(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

fn logs(dir: &Path) -> String {
    let Ok(entries) = std::fs::read_dir(dir.join("logs")) else { return "no logs".to_owned() };
    let mut logs: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    logs.sort();
    let shown = logs.iter().map(|log| {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        format!("--- {}\n{}", log.display(), lines[lines.len().saturating_sub(8)..].join("\n"))
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// The rows of a query, each value as text; NULL is `NULL`.
pub async fn rows(conn: &mut Conn, sql: &str) -> Vec<Vec<String>> {
    try_rows(conn, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"))
}

pub async fn try_rows(conn: &mut Conn, sql: &str) -> mysql_async::Result<Vec<Vec<String>>> {
    let rows: Vec<Row> = conn.query(sql).await?;
    Ok(rows.into_iter().map(|row| row.unwrap().iter().map(value).collect()).collect())
}

fn value(value: &Value) -> String {
    match value {
        Value::NULL => "NULL".to_owned(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => other.as_sql(true),
    }
}

/// Runs a statement that has to succeed.
pub async fn exec(conn: &mut Conn, sql: &str) {
    conn.query_drop(sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
}

/// MySQL's number and state of a statement that has to fail, with its message.
pub async fn fault(conn: &mut Conn, sql: &str) -> (u16, String, String) {
    match conn.query_drop(sql).await {
        Err(mysql_async::Error::Server(e)) => (e.code, e.state, e.message),
        other => panic!("{sql}: expected an error of the server, got {other:?}"),
    }
}
