//! The quick benchmark: a cluster of its own and a plain mysqld beside it, the same tables in each, short runs in
//! turns. Ports are offsets from a base, so that it does not meet a cluster that is up.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Parser;
use mysql_async::prelude::Queryable;
use mysqlctl::{Binaries, CnfOptions, Mycnf, Mysqld, binaries::SearchPath, mysql_error};
use vterrors::{Error, Result};
use vtlocal::{
    options::{DataDir, UpOptions},
    plan::Plan,
    spec::{ClusterSpec, KeyspaceSpec},
    state::State,
};

use crate::{
    machine,
    report::{self, Report, Round},
    sysbench::{self, Endpoint, TABLES, Workload},
};

const START_LIMIT: Duration = Duration::from_secs(120);
const PLAIN_UID: u32 = 999;

/// Measures a plain mysqld against vtgate, unsharded and sharded
#[derive(Debug, Parser)]
#[command(name = "bench-quick")]
pub struct Options {
    /// Seconds of one run; there are 14 of them a round
    #[arg(long, default_value_t = 4)]
    pub seconds: u64,
    /// Rounds
    #[arg(long, default_value_t = 2)]
    pub rounds: u32,
    /// First port of the cluster
    #[arg(long, default_value_t = 23_000)]
    pub base_port: u16,
    /// Where the report goes
    #[arg(long, default_value = "target/bench/latest.json")]
    pub output: PathBuf,
}

/// What is run where.
const CASES: [(Workload, &str); 7] = [
    (Workload::PointSelect, "mysqld"),
    (Workload::PointSelect, "unsharded"),
    (Workload::PointSelect, "sharded"),
    (Workload::ReadWrite, "mysqld"),
    (Workload::ReadWrite, "unsharded"),
    (Workload::ReadWriteByKey, "mysqld"),
    (Workload::ReadWriteByKey, "sharded"),
];
const CLIENTS: [u32; 2] = [1, 64];

struct Bench {
    plan: Plan,
    plain: Mysqld,
    data_dir: DataDir,
}

/// Sets up, measures, takes down; prints the table and writes the report.
pub async fn run(options: &Options) -> Result<()> {
    let dir = tempfile::Builder::new()
        .prefix("vtbench")
        .tempdir()
        .map_err(|e| Error::internal(format!("cannot make a temporary directory: {e}")))?;
    let began = Instant::now();
    let bench = set_up(dir.path(), options).await;
    let measured = match &bench {
        Ok(bench) => measure(bench, options).await,
        Err(e) => Err(e.clone()),
    };
    let down = take_down(dir.path(), bench.as_ref().ok()).await;
    let mut report = measured?;
    down?;
    report.seconds = began.elapsed().as_secs();
    let text = serde_json::to_string_pretty(&report).map_err(|e| Error::internal(e.to_string()))?;
    if let Some(parent) = options.output.parent() {
        fs::create_dir_all(parent)
            .map_err(|e| Error::internal(format!("cannot make {}: {e}", parent.display())))?;
    }
    fs::write(&options.output, text + "\n")
        .map_err(|e| Error::internal(format!("cannot write {}: {e}", options.output.display())))?;
    say(&format!("\n{}written to {}", report::table(&report), options.output.display()));
    Ok(())
}

#[allow(clippy::print_stdout)]
fn say(text: &str) {
    println!("{text}");
}

async fn set_up(dir: &Path, options: &Options) -> Result<Bench> {
    let data_dir = DataDir { data_dir: dir.join("cluster") };
    let keyspace = |name: &str, shards: &[&str]| KeyspaceSpec {
        name: name.to_owned(),
        shards: shards.iter().map(|s| (*s).to_owned()).collect(),
    };
    let up = UpOptions {
        keyspace: vec![keyspace("unsharded", &["0"]), keyspace("sharded", &["-80", "80-"])],
        // A replica's work would count against the side that has one.
        replicas: Some(0),
        base_port: Some(options.base_port),
        // As many as there are clients: what is measured is not the waiting for a connection.
        vttablet_arg: vec![
            "--queryserver-config-pool-size=64".to_owned(),
            "--queryserver-config-transaction-cap=80".to_owned(),
        ],
        no_vtorc: true,
        ..UpOptions::new(data_dir.clone())
    };
    let spec = ClusterSpec::from_options(&up, None)?;
    vtlocal::up::run(&up).await?;
    let plan = Plan::new(&spec, &data_dir.absolute()?);
    apply_vschema(&plan).await?;
    let plain = start_plain(dir, options.base_port.saturating_add(90)).await?;
    let bench = Bench { plan, plain, data_dir };
    for place in ["mysqld", "unsharded", "sharded"] {
        say(&format!("filling the tables of {place}"));
        sysbench::prepare(&bench.endpoint(place)).await.map_err(|e| e.context(place))?;
    }
    Ok(bench)
}

/// The sharded keyspace routes each table by its id.
async fn apply_vschema(plan: &Plan) -> Result<()> {
    let table = serde_json::json!({"column_vindexes": [{"column": "id", "name": "xxhash"}]});
    let tables: BTreeMap<String, _> = (1..=TABLES).map(|i| (format!("sbtest{i}"), table.clone())).collect();
    let vschema =
        serde_json::json!({"sharded": true, "vindexes": {"xxhash": {"type": "xxhash"}}, "tables": tables});
    let client =
        std::env::current_exe().map_err(|e| Error::internal(e.to_string()))?.with_file_name("vtctldclient");
    let out = tokio::process::Command::new(client)
        .arg(format!("--server={}", plan.vtctld_address()))
        .args(["ApplyVSchema", "--vschema", &vschema.to_string(), "sharded"])
        .output()
        .await
        .map_err(|e| Error::internal(format!("cannot run vtctldclient: {e}")))?;
    match out.status.success() {
        true => Ok(()),
        false => Err(Error::internal(format!("ApplyVSchema: {}", String::from_utf8_lossy(&out.stderr)))),
    }
}

/// A mysqld as those of the cluster, but for that it takes writes, and a user who comes over TCP.
async fn start_plain(dir: &Path, port: u16) -> Result<Mysqld> {
    let binaries = Binaries::find(&SearchPath::from_env(), None)?;
    let mut plain = Mysqld::new(Mycnf::new(&dir.join("plain"), PLAIN_UID, port, None), binaries)?;
    let options = CnfOptions {
        performance_schema: Some(false),
        bind_address: Some("127.0.0.1".into()),
        ..CnfOptions::default()
    };
    plain.init(&options, None, START_LIMIT).await?;
    let mut conn = plain.connect("vt_dba", "").await?;
    let mut statements = plain.flavor().set_super_read_only(false);
    statements.extend(
        ["CREATE DATABASE bench", "CREATE USER bench@'%'", "GRANT ALL ON bench.* TO bench@'%'"]
            .map(str::to_owned),
    );
    for statement in statements {
        conn.query_drop(statement).await.map_err(mysql_error)?;
    }
    Ok(plain)
}

async fn take_down(dir: &Path, bench: Option<&Bench>) -> Result<()> {
    let data_dir = bench.map_or(DataDir { data_dir: dir.join("cluster") }, |b| b.data_dir.clone());
    vtlocal::down::run(&data_dir).await?;
    let plain = Mycnf::new(&dir.join("plain"), PLAIN_UID, 0, None);
    let plain = Mysqld::new(plain, Binaries::find(&SearchPath::from_env(), None)?)?;
    plain.teardown(true, START_LIMIT).await
}

async fn measure(bench: &Bench, options: &Options) -> Result<Report> {
    let time = Duration::from_secs(options.seconds);
    let mut rounds: BTreeMap<(usize, u32), Vec<Round>> = BTreeMap::new();
    for round in 1..=options.rounds {
        for clients in CLIENTS {
            for (index, (workload, place)) in CASES.iter().enumerate() {
                let before = bench.cpu();
                let measured = sysbench::run(&bench.endpoint(place), *workload, clients, time).await?;
                let after = bench.cpu();
                let rate = measured.queries_per_second;
                say(&format!(
                    "round {round}: {} {place}, {clients} clients: {rate:.0} queries/s",
                    workload.name()
                ));
                let used = after.into_iter().map(|(name, us)| {
                    let earlier = before.get(&name).copied().unwrap_or_default();
                    (name, us.saturating_sub(earlier))
                });
                rounds.entry((index, clients)).or_default().push((measured, used.collect()));
            }
        }
    }
    let lines = CLIENTS
        .iter()
        .flat_map(|clients| CASES.iter().enumerate().map(move |(i, case)| (i, *clients, case)))
        .filter_map(|(i, clients, (workload, place))| {
            rounds.get(&(i, clients)).map(|rounds| report::merge(*workload, place, clients, rounds))
        })
        .collect();
    Ok(Report {
        seconds: 0,
        processors: std::thread::available_parallelism().map_or(1, |n| n.get()),
        lines,
        resident_kib: bench.of_each(machine::resident_kib),
    })
}

impl Bench {
    fn endpoint(&self, place: &str) -> Endpoint {
        match place {
            "mysqld" => Endpoint {
                port: self.plain.cnf().mysql_port,
                user: "bench".to_owned(),
                database: "bench".to_owned(),
            },
            keyspace => Endpoint {
                port: self.plan.ports.vtgate_mysql,
                user: "user".to_owned(),
                database: keyspace.to_owned(),
            },
        }
    }

    fn cpu(&self) -> BTreeMap<String, u64> {
        self.of_each(machine::cpu_micros)
    }

    /// A figure of every process: those of the cluster by their names, the plain mysqld as `mysqld`.
    fn of_each(&self, figure: impl Fn(i32) -> Option<u64>) -> BTreeMap<String, u64> {
        let state = self.data_dir.absolute().and_then(|dir| State::read(&dir)).ok().flatten();
        let cluster = state.into_iter().flat_map(|s| s.processes).map(|p| (p.name, p.pid));
        let plain = self.plain.running_pid().map(|pid| ("mysqld".to_owned(), pid));
        cluster.chain(plain).filter_map(|(name, pid)| Some((name, figure(pid)?))).collect()
    }
}
