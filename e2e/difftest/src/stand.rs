//! The test stand: a cluster with keyspaces `two`, `four` (that many shards) and `one` (not sharded), and a plain
//! mysqld of the same flavour with databases of the same names.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use mysql_async::{Conn, OptsBuilder, prelude::Queryable};
use mysqlctl::{
    Binaries, FlavorKind,
    binaries::SearchPath,
    mycnf::{CnfOptions, Mycnf},
    mysqld::Mysqld,
};
use serde_json::Value;
use tokio::process::Child;
use vtlocal::{
    plan::{Plan, Ready},
    state::State,
    supervise,
};

use crate::{Result, pair::Pair};

/// The keyspaces and the numbers of their shards.
pub const KEYSPACES: [(&str, u32); 3] = [("two", 2), ("four", 4), ("one", 1)];
/// The plain mysqld's port after the cluster's first one; the cluster has ten ports and three a tablet.
/// What both sides are told at first: the client library asks for another collation of literals than MySQL's default,
/// and vtgate does not look at that.
const INIT: [&str; 1] = ["SET NAMES utf8mb4"];

const PLAIN_PORT: u16 = 90;
/// The first of three ports of a vtgate that is not the cluster's.
const OTHER_VTGATE_PORT: u16 = 91;
const PORTS: u16 = 100;
const PLAIN_UID: u32 = 9000;
const START_LIMIT: Duration = Duration::from_secs(120);
const VSCHEMA_LIMIT: Duration = Duration::from_secs(20);

/// What the stand is made of.
#[derive(Debug, Clone, Default)]
pub struct StandOptions {
    /// Where the cluster lies, and stays when this ends. None: in a temporary directory that is removed.
    pub data_dir: Option<PathBuf>,
    /// None: ports that are free.
    pub base_port: Option<u16>,
    /// `mysql`, `mariadb`, or none for what there is.
    pub flavor: Option<String>,
    /// The program of a vtgate that is asked instead of the cluster's.
    pub vtgate: Option<PathBuf>,
}

/// See the module.
pub struct Stand {
    dir: PathBuf,
    /// Removed in the end.
    temporary: Option<tempfile::TempDir>,
    plan: Plan,
    plain: Mysqld,
    bin_dir: PathBuf,
    other_vtgate: Option<Child>,
}

impl Stand {
    /// Starts what does not run.
    pub async fn up(options: &StandOptions) -> Result<Self> {
        let temporary = options.data_dir.is_none().then(testkit::temp_dir);
        let dir = match (&options.data_dir, &temporary) {
            (Some(dir), _) => std::path::absolute(dir).map_err(|e| format!("{}: {e}", dir.display()))?,
            (None, Some(temporary)) => temporary.path().to_owned(),
            (None, None) => return Err("no directory".to_owned()),
        };
        std::fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        let bin_dir = bin_dir()?;
        let base = options.base_port.unwrap_or_else(|| testkit::free_ports(PORTS));
        let cluster = dir.join("cluster");
        start_cluster(&bin_dir, &cluster, base, options.flavor.as_deref())?;
        let state = State::read(&cluster).map_err(|e| e.to_string())?.ok_or("the cluster is not recorded")?;
        let mut plan = Plan::new(&state.spec, &cluster);
        // A cluster that is there keeps its ports.
        let base = state.spec.base_port.unwrap_or(base);
        let plain = start_plain(&dir, base.saturating_add(PLAIN_PORT), options.flavor.as_deref());
        let plain = plain.await.map_err(|e| e.to_string())?;
        let other_vtgate = match &options.vtgate {
            Some(program) => Some(start_vtgate(&mut plan, program).await?),
            None => None,
        };
        let stand = Self { dir, temporary, plan, plain, bin_dir, other_vtgate };
        match stand.check_equal().await {
            Ok(()) => Ok(stand),
            Err(e) => {
                stand.down(false).await?;
                Err(e)
            }
        }
    }

    /// Stops everything that is not meant to stay.
    ///
    /// `always`: what is meant to stay, too, and its files with it.
    pub async fn down(mut self, always: bool) -> Result<()> {
        if let Some(child) = &mut self.other_vtgate {
            child.kill().await.map_err(|e| format!("stopping vtgate: {e}"))?;
        }
        if self.temporary.is_none() && !always {
            return Ok(());
        }
        self.plain.teardown(true, START_LIMIT).await.map_err(|e| e.to_string())?;
        vtlocal(&self.bin_dir, &self.dir.join("cluster"), &["down"])?;
        match always {
            true => std::fs::remove_dir_all(&self.dir).map_err(|e| format!("{}: {e}", self.dir.display())),
            false => Ok(()),
        }
    }

    /// A client of each side, both in this keyspace.
    pub async fn connect(&self, keyspace: &str) -> Result<Pair> {
        Ok(Pair { vivace: self.vtgate(keyspace).await?, mysql: self.mysqld(keyspace).await? })
    }

    pub async fn vtgate(&self, keyspace: &str) -> Result<Conn> {
        let options = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(self.plan.ports.vtgate_mysql)
            .user(Some("user"))
            .db_name(Some(keyspace))
            .init(INIT.to_vec())
            .prefer_socket(false);
        Conn::new(options).await.map_err(|e| format!("vtgate: {e}"))
    }

    pub async fn mysqld(&self, database: &str) -> Result<Conn> {
        let options = OptsBuilder::default()
            .socket(Some(self.plain.cnf().socket.to_string_lossy()))
            .user(Some("vt_dba"))
            .db_name(Some(database).filter(|d| !d.is_empty()))
            .init(INIT.to_vec())
            .prefer_socket(false);
        Conn::new(options).await.map_err(|e| format!("the plain mysqld: {e}"))
    }

    pub fn is_mariadb(&self) -> bool {
        self.plain.flavor().kind() == FlavorKind::MariaDb
    }

    /// Gives a keyspace a VSchema and waits until vtgate has its tables.
    pub async fn apply_vschema(&self, keyspace: &str, vschema: &Value) -> Result<()> {
        let tables = vschema["tables"].as_object().ok_or("a VSchema without tables")?;
        let out = Command::new(self.bin_dir.join("vtctldclient"))
            .arg(format!("--server={}", self.plan.vtctld_address()))
            .args(["ApplyVSchema", "--vschema", &vschema.to_string(), keyspace])
            .output()
            .map_err(|e| format!("vtctldclient: {e}"))?;
        if !out.status.success() {
            return Err(format!("ApplyVSchema {keyspace}: {}", String::from_utf8_lossy(&out.stderr)));
        }
        let begun = Instant::now();
        loop {
            let seen = self.page("/debug/vschema").await;
            let seen = seen["keyspaces"][keyspace]["tables"].as_object();
            if seen.is_some_and(|seen| tables.keys().all(|t| seen.contains_key(t))) {
                return Ok(());
            }
            if begun.elapsed() > VSCHEMA_LIMIT {
                let problems = self.page("/debug/vschema").await["problems"].take();
                return Err(format!("vtgate does not get the VSchema of {keyspace}; problems: {problems}"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The plans in vtgate's cache: normalised statement -> plan as text.
    pub async fn plans(&self) -> Vec<(String, String)> {
        let page = self.page("/debug/query_plans").await;
        let plans = page.as_object().cloned().unwrap_or_default();
        plans.into_iter().map(|(sql, plan)| (sql, plan["Plan"].to_string())).collect()
    }

    async fn page(&self, path: &str) -> Value {
        let text = supervise::http_get(("127.0.0.1", self.plan.ports.vtgate_http), path).await;
        serde_json::from_str(&text.unwrap_or_default()).unwrap_or_default()
    }

    /// Settings that answers depend on have to be the same on both sides.
    async fn check_equal(&self) -> Result<()> {
        let mut pair = self.connect("one").await?;
        for name in ["sql_mode", "time_zone", "character_set_results", "collation_connection"] {
            let sql = format!("SELECT @@session.{name}");
            let ask = |e: mysql_async::Error| format!("{sql}: {e}");
            let vivace: Option<String> = pair.vivace.query_first(&sql).await.map_err(ask)?;
            let mysql: Option<String> = pair.mysql.query_first(&sql).await.map_err(ask)?;
            if vivace != mysql {
                return Err(format!("{name} is {vivace:?} on vtgate and {mysql:?} on the plain mysqld"));
            }
        }
        Ok(())
    }
}

/// Where the programs are: beside this one, or beside the folder of this test.
fn bin_dir() -> Result<PathBuf> {
    let exe = env::current_exe().map_err(|e| e.to_string())?;
    let dirs = exe.ancestors().skip(1).take(2);
    let found = dirs.map(Path::to_owned).find(|dir| dir.join("vtlocal").is_file());
    found.ok_or_else(|| {
        format!("no vtlocal beside {}: run `cargo build --workspace --bins` first", exe.display())
    })
}

fn start_cluster(bin_dir: &Path, cluster: &Path, base: u16, flavor: Option<&str>) -> Result<()> {
    if matches!(State::read(cluster), Ok(Some(_))) {
        return vtlocal(bin_dir, cluster, &["up"]);
    }
    let base = base.to_string();
    let keyspaces: Vec<String> = KEYSPACES.iter().map(|(name, shards)| format!("{name}={shards}")).collect();
    let mut args = vec!["up", "--base-port", &base, "--replicas", "0"];
    args.extend(keyspaces.iter().flat_map(|k| ["--keyspace", k]));
    args.extend(flavor.iter().flat_map(|f| ["--mysql-flavor", f]));
    vtlocal(bin_dir, cluster, &args)
}

fn vtlocal(bin_dir: &Path, cluster: &Path, args: &[&str]) -> Result<()> {
    let out = Command::new(bin_dir.join("vtlocal"))
        .args(args)
        .env("VTDATAROOT", cluster)
        .output()
        .map_err(|e| format!("vtlocal: {e}"))?;
    match out.status.success() {
        true => Ok(()),
        false => Err(format!(
            "vtlocal {}: {}{}",
            args.join(" "),
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        )),
    }
}

/// Starts one more vtgate, on ports of its own, which the plan has from now on.
async fn start_vtgate(plan: &mut Plan, program: &Path) -> Result<Child> {
    let first = plan.ports.etcd.saturating_add(OTHER_VTGATE_PORT);
    let old = [plan.ports.vtgate_http, plan.ports.vtgate_grpc, plan.ports.vtgate_mysql];
    let flags = ["port", "grpc-port", "mysql-server-port"];
    let mut vtgate = plan.cells[0].vtgate.clone();
    for ((flag, old), new) in flags.iter().zip(old).zip(first..) {
        let args = vtgate.args.iter_mut().filter(|arg| **arg == format!("--{flag}={old}"));
        args.for_each(|arg| *arg = format!("--{flag}={new}"));
    }
    (plan.ports.vtgate_http, plan.ports.vtgate_grpc, plan.ports.vtgate_mysql) = (first, first + 1, first + 2);
    vtgate.name = "vtgate-tested".to_owned();
    vtgate.log = vtgate.log.with_file_name("vtgate-tested.log");
    vtgate.ready = Ready::Http(first, "/debug/health");
    let mut child = supervise::start(&vtgate, program, &plan.data_dir).map_err(|e| e.to_string())?;
    supervise::wait_ready(&vtgate, &mut child, START_LIMIT).await.map_err(|e| e.to_string())?;
    Ok(child)
}

/// A mysqld as those of the cluster, but for that it takes writes.
async fn start_plain(dir: &Path, port: u16, flavor: Option<&str>) -> vterrors::Result<Mysqld> {
    let want = match flavor {
        Some("mariadb") => Some(FlavorKind::MariaDb),
        Some(_) => Some(FlavorKind::MySql),
        None => None,
    };
    let binaries = Binaries::find(&SearchPath::from_env(), want)?;
    let mut plain = Mysqld::new(Mycnf::new(&dir.join("plain"), PLAIN_UID, port, None), binaries)?;
    let options = CnfOptions {
        performance_schema: Some(false),
        bind_address: Some("127.0.0.1".into()),
        ..CnfOptions::default()
    };
    match plain.is_initialized() {
        true if plain.answers().await => {}
        true => plain.start(&[], START_LIMIT).await?,
        false => plain.init(&options, None, START_LIMIT).await?,
    }
    let mut conn = plain.connect("vt_dba", "").await?;
    let mut statements = plain.flavor().set_super_read_only(false);
    statements.extend(KEYSPACES.iter().map(|(name, _)| format!("CREATE DATABASE IF NOT EXISTS {name}")));
    for statement in statements {
        conn.query_drop(statement).await.map_err(mysqlctl::mysqld::mysql_error)?;
    }
    Ok(plain)
}
