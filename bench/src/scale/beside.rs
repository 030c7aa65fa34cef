//! The programs as they are installed, each in a process of its own, with a real etcd: what one of them costs.

use std::{
    process::Stdio,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use clap::Parser;
use tokio::{
    process::{Child, Command},
    time::Instant,
};
use topo::{Server, TopoOptions};
use vterrors::{Error, Result};

use super::{
    FIRST_LIMIT, Options, RECOVERY_LIMIT, at_rest,
    etcd::Etcd,
    failures, false_alarms,
    report::{Report, add_incidents},
    shape::Cluster,
    tablets::Tablets,
    topology, wait_until,
    world::{Fault, World},
};
use crate::machine;

/// The topology's options, as a command line has them.
#[derive(Debug, Parser)]
struct Topology {
    #[command(flatten)]
    topo: TopoOptions,
}

/// A cluster with its etcd; both end with it.
pub(super) struct Place {
    dir: tempfile::TempDir,
    pub(super) etcd: Etcd,
    topo: Server,
    pub(super) world: Arc<World>,
    /// Of the programs.
    pub(super) port: u16,
}

impl Place {
    pub(super) async fn new(options: &Options, vschemas: bool, report: &mut Report) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("vtscale").tempdir();
        let dir = dir.map_err(|e| Error::internal(format!("cannot make a temporary directory: {e}")))?;
        let etcd = Etcd::start(&dir.path().join("etcd"), options.base_port).await?;
        let flags = ["topology".to_owned()].into_iter().chain(flags(&etcd));
        let parsed = Topology::try_parse_from(flags).map_err(|e| Error::internal(e.to_string()))?;
        let topo = Server::open(&parsed.topo.validate()?).await?;
        let cluster = Arc::new(Cluster::new(options.size()));
        let (tablets_port, began) = (options.base_port + 2, Instant::now());
        topology::write(&topo, &cluster, &etcd.address(), tablets_port, vschemas).await?;
        let written = topology::written(&topo, &cluster).await?;
        report.add("records written in", format!("{:.0} s", began.elapsed().as_secs_f64()));
        report.add("in etcd", format!("{} values, {} MB together", written.values, written.bytes >> 20));
        report.check(
            "largest value in etcd",
            format!("{} bytes", written.largest),
            "1 MiB",
            written.largest <= 1 << 20,
        );
        let world = World::new(cluster, topo.clone(), options.seed);
        let hung = world.hang(options.one_hangs_in);
        report.add("tablets", format!("{}, of which {hung} hang", world.cluster.tablets.len()));
        Tablets::new(Arc::clone(&world)).await?.listen(tablets_port).await?;
        Ok(Self { dir, etcd, topo, world, port: options.base_port + 3 })
    }

    /// Starts a program that is beside this one, with the topology's options and `more`.
    pub(super) fn start(&self, program: &str, more: &[String]) -> Result<Program> {
        let path =
            std::env::current_exe().map_err(|e| Error::internal(e.to_string()))?.with_file_name(program);
        let log = self.dir.path().join(format!("{program}.log"));
        let stderr = std::fs::File::create(&log).map_err(|e| Error::internal(e.to_string()))?;
        let process = Command::new(&path)
            .args(flags(&self.etcd))
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| Error::internal(format!("cannot run {}: {e}", path.display())))?;
        Ok(Program { process, log })
    }

    fn vtorc(&self) -> Result<Program> {
        self.start("vtorc", &[format!("--port={}", self.port), "--bind-address=127.0.0.1".to_owned()])
    }

    /// Waits for the first look at everything, and measures the cost of the looks that follow.
    async fn watched(&self, options: &Options, report: &mut Report) -> Result<Program> {
        let before = self.etcd.load().await?;
        let began = Instant::now();
        let vtorc = self.vtorc()?;
        let looked =
            wait_until(FIRST_LIMIT, || self.world.never_asked() == 0 || vtorc.check_alive().is_err()).await;
        vtorc.check_alive()?;
        let looked =
            looked.map_or("not all".to_owned(), |_| format!("{:.1} s", began.elapsed().as_secs_f64()));
        report.add("until every tablet was looked at once", looked);
        let first = self.etcd.load().await?.since(&before);
        report.add(
            "etcd while vtorc began",
            format!("{:.0} requests, {:.1} MB sent", first.requests, first.sent_bytes / 1e6),
        );
        let before = self.etcd.load().await?;
        let rest = at_rest(&self.world, options.seconds, || vtorc.cpu_micros()).await;
        rest.report(&self.world, report, "vtorc", Some(1.0));
        self.etcd_load(&before, report).await?;
        report.add("vtorc's memory", vtorc.memory());
        Ok(vtorc)
    }

    pub(super) async fn etcd_load(&self, before: &super::etcd::Load, report: &mut Report) -> Result<()> {
        let now = self.etcd.load().await?;
        let load = now.since(before);
        // Of the same time as the rest.
        let seconds = load.seconds();
        report.add(
            "etcd at rest",
            format!(
                "{:.0} requests/s, {:.0} kB/s sent, {:.1} kB/s received, {:.3} cores",
                load.requests / seconds,
                load.sent_bytes / seconds / 1e3,
                load.received_bytes / seconds / 1e3,
                load.cpu_seconds / seconds
            ),
        );
        Ok(())
    }
}

/// The topology's options for a program.
fn flags(etcd: &Etcd) -> Vec<String> {
    vec![
        format!("--topo-global-server-address={}", etcd.address()),
        "--topo-global-root=/vitess/global".to_owned(),
        "--srv-vschema-layout=split".to_owned(),
    ]
}

/// A program that runs; ends with this value.
pub(super) struct Program {
    process: Child,
    log: std::path::PathBuf,
}

impl Program {
    fn pid(&self) -> i32 {
        self.process.id().and_then(|pid| pid.try_into().ok()).unwrap_or(0)
    }

    pub(super) fn cpu_micros(&self) -> Option<u64> {
        machine::cpu_micros(self.pid())
    }

    /// Fails with the last line of its log when the program has ended: nothing of it can be measured any more.
    pub(super) fn check_alive(&self) -> Result<()> {
        if machine::resident_kib(self.pid()).is_some() {
            return Ok(());
        }
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last = log.lines().last().unwrap_or("it wrote nothing").to_owned();
        Err(Error::internal(format!("a program that was to be measured has ended: {last}")))
    }

    pub(super) fn memory(&self) -> String {
        machine::resident_kib(self.pid())
            .map_or("it has ended".to_owned(), |kib| format!("{} MB", kib / 1024))
    }
}

/// vtorc: at rest, single failures, many at once.
pub(super) async fn detector(options: &Options) -> Result<Report> {
    let mut report = Report::new("vtorc with etcd, in a process of its own");
    let place = Place::new(options, false, &mut report).await?;
    let vtorc = place.watched(options, &mut report).await?;
    failures(&place.world, options.single, options.dead, &mut report).await;
    report.add("vtorc's memory at the end", vtorc.memory());
    Ok(report)
}

/// vtorc: every machine of a cell is lost at once.
pub(super) async fn cell(options: &Options) -> Result<Report> {
    let mut report = Report::new("a cell is lost: vtorc with etcd, in a process of its own");
    let place = Place::new(options, false, &mut report).await?;
    let world = &place.world;
    let vtorc = place.vtorc()?;
    wait_until(FIRST_LIMIT, || world.never_asked() == 0 || vtorc.check_alive().is_err()).await;
    vtorc.check_alive()?;
    let lost: Vec<usize> =
        (0..world.cluster.tablets.len()).filter(|t| world.cluster.tablets[*t].cell == 0).collect();
    let (began, before) = (Instant::now(), vtorc.cpu_micros().unwrap_or(0));
    lost.iter().for_each(|tablet| world.fail(*tablet, Fault::Machine));
    report.add("tablets lost", lost.len().to_string());
    wait_until(RECOVERY_LIMIT, || world.open() == 0).await;
    let cpu = vtorc.cpu_micros().unwrap_or(0).saturating_sub(before) as f64 / 1e6;
    let cores = cpu / began.elapsed().as_secs_f64();
    report.add("vtorc until all was recovered", format!("{cores:.2} cores, {}", vtorc.memory()));
    let of_cell: Vec<_> = world.incidents().into_iter().filter(|i| i.fault != Fault::Hang).collect();
    add_incidents(&mut report, "a cell", &of_cell, None);
    false_alarms(world, &mut report);
    Ok(report)
}

/// vtgate: its view of all tablets of all cells, and of all VSchemas.
pub(super) async fn gate(options: &Options) -> Result<Report> {
    let mut report = Report::new("vtgate's view with etcd, in a process of its own");
    let place = Place::new(options, true, &mut report).await?;
    let (world, cluster) = (&place.world, &place.world.cluster);
    report.add(
        "VSchemas",
        format!(
            "{} tables of {} keyspaces; Vitess's single value would have {:.1} MB",
            cluster.size.tables,
            cluster.size.keyspaces,
            topology::compat_bytes(cluster) as f64 / 1e6
        ),
    );
    let before = place.etcd.load().await?;
    let began = Instant::now();
    let gate = place.start(
        "vtgate",
        &[
            format!("--cell={}", Cluster::cell_name(0)),
            format!("--cells-to-watch={}", cluster.cell_names().join(",")),
            format!("--port={}", place.port),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--mysql-server-port={}", place.port + 1),
            "--mysql-auth-server-impl=none".to_owned(),
            "--mysql-server-bind-address=127.0.0.1".to_owned(),
        ],
    )?;
    let streams = || usize::try_from(world.streams.load(Ordering::Relaxed)).unwrap_or(0);
    let all = world.answering();
    wait_until(FIRST_LIMIT, || streams() >= all || gate.check_alive().is_err()).await;
    gate.check_alive()?;
    report.add(
        "health streams",
        format!("{} of {all} after {:.1} s", streams(), began.elapsed().as_secs_f64()),
    );
    let load = place.etcd.load().await?.since(&before);
    report.add(
        "etcd while vtgate began",
        format!("{:.0} requests, {:.1} MB sent", load.requests, load.sent_bytes / 1e6),
    );
    settle(&gate).await;
    report.add("until it came to rest", format!("{:.0} s", began.elapsed().as_secs_f64()));
    report.add("its CPU time until then", format!("{:.1} s", gate.cpu_micros().unwrap_or(0) as f64 / 1e6));
    let before = place.etcd.load().await?;
    let rest = at_rest(world, options.seconds, || gate.cpu_micros()).await;
    rest.report(world, &mut report, "vtgate without clients", Some(0.1));
    place.etcd_load(&before, &mut report).await?;
    report.add("vtgate's memory", gate.memory());
    change_one(&place, &gate, &mut report).await?;
    Ok(report)
}

/// Until a program uses a tenth of a core at most.
async fn settle(program: &Program) {
    let second = Duration::from_secs(1);
    let began = Instant::now();
    let mut before = program.cpu_micros().unwrap_or(0);
    let mut calm = 0;
    while calm < 3 && began.elapsed() < FIRST_LIMIT {
        tokio::time::sleep(second).await;
        let now = program.cpu_micros().unwrap_or(0);
        calm = if now.saturating_sub(before) < 150_000 { calm + 1 } else { 0 };
        before = now;
    }
}

/// What a change of one keyspace's VSchema costs.
async fn change_one(place: &Place, gate: &Program, report: &mut Report) -> Result<()> {
    let keyspace = &place.world.cluster.keyspaces[0].name;
    let mut vschema = place.topo.get_vschema(keyspace).await?.value;
    vschema.tables.insert("one_more".to_owned(), proto::vschema::Table::default());
    let (load, cpu) = (place.etcd.load().await?, gate.cpu_micros().unwrap_or(0));
    place.topo.save_vschema(keyspace, &vschema, None).await?;
    place.topo.rebuild_srv_vschema_of(keyspace, &[Cluster::cell_name(0)]).await?;
    settle(gate).await;
    let load = place.etcd.load().await?.since(&load);
    let cpu = gate.cpu_micros().unwrap_or(0).saturating_sub(cpu) as f64 / 1e3;
    report.add(
        "a change of one keyspace's VSchema",
        format!("{:.0} kB from etcd, {cpu:.0} ms of vtgate's CPU time", load.sent_bytes / 1e3),
    );
    Ok(())
}
