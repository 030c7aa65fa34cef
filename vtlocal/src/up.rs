//! `up`: from a plan to a running cluster. Each step first looks whether its effect is there already.
//!
//! Order: the etcds, then the cells, then mysqlds and vtctld together, then the vttablets, the vtorcs, a primary for
//! each shard, the schema, the vtgates, the sample rows, a first answered query. When a step fails, what this run started is
//! stopped again, last first.

mod client;
pub(crate) mod steps;

use std::{fs, io::Write, path::Path, time::Instant};

use mysqlctl::{Binaries, FlavorKind, binaries::SearchPath};
pub(crate) use steps::tablet_type;
use vterrors::{Condition, Error, Result};

use crate::{
    down,
    options::UpOptions,
    plan::Plan,
    spec::{ClusterSpec, FlavorWish},
    state::State,
    status,
    supervise::{self, Programs},
};

/// A run of `up`.
struct Up {
    plan: Plan,
    programs: Programs,
    binaries: Binaries,
    state: State,
    /// Names of processes that this run started, in order.
    started: Vec<String>,
    /// Tablets whose data this run made; removed when it fails.
    made: Vec<u32>,
    begun: Instant,
}

/// Starts what does not run, then prints the table of processes and how to connect.
pub async fn run(options: &UpOptions) -> Result<()> {
    let data_dir = options.data_dir.absolute()?;
    let recorded = State::read(&data_dir)?;
    let spec = ClusterSpec::from_options(options, recorded.as_ref().map(|s| &s.spec))?;
    let plan = Plan::new(&spec, &data_dir);
    let mut state = recorded.unwrap_or(State { spec: spec.clone(), loaded: false, processes: Vec::new() });
    state.find_mysqlds(&plan);
    if state.loaded && names(&plan).iter().all(|name| state.running(name).is_some()) {
        say(None, "everything is running already; nothing was changed");
        status::print(&plan, &state).await;
        return Ok(());
    }
    let programs = Programs::find(options.bin_dir.as_deref(), spec.vtorc)?;
    let binaries = find_mysqld(spec.flavor)?;
    check_ports(&plan, &state)?;
    fs::create_dir_all(&data_dir)
        .map_err(|e| Error::invalid(format!("cannot make {}: {e}", data_dir.display())))?;
    let _lock = lock(&data_dir)?;
    let mut up =
        Up { plan, programs, binaries, state, started: Vec::new(), made: Vec::new(), begun: Instant::now() };
    if let Err(error) = up.all().await {
        say(None, "starting failed; stopping what was started");
        up.undo().await;
        return Err(error);
    }
    status::print(&up.plan, &up.state).await;
    Ok(())
}

impl Up {
    async fn all(&mut self) -> Result<()> {
        self.state.write(&self.plan.data_dir)?;
        if let Some(tls) = &self.plan.tls {
            tls.make(&self.plan)?;
        }
        self.start_etcd().await?;
        self.add_cells().await?;
        self.create_keyspaces().await?;
        self.start_servers().await?;
        self.start_tablets().await?;
        self.start_vtorc().await?;
        self.elect_primaries().await?;
        self.apply_schemas().await?;
        self.start_vtgate().await?;
        self.load().await?;
        self.state.write(&self.plan.data_dir)
    }

    /// Stops what this run started and removes data that it made.
    async fn undo(&mut self) {
        let mine = |name: &String| self.started.contains(name);
        let processes: Vec<_> = self.state.processes.iter().filter(|p| mine(&p.name)).cloned().collect();
        down::stop_all(&processes).await;
        for uid in &self.made {
            if let Ok(mysqld) = self.mysqld(*uid)
                && let Err(e) = mysqld.teardown(true, down::MYSQLD_LIMIT).await
            {
                say(None, &format!("mysqld-{uid}: {e}"));
            }
        }
        let started = std::mem::take(&mut self.started);
        self.state.processes.retain(|p| !started.contains(&p.name));
        if let Err(e) = self.state.write(&self.plan.data_dir) {
            say(None, &e.to_string());
        }
    }

    fn say(&self, text: &str) {
        say(Some(self.begun), text);
    }
}

/// The names of all processes of a plan in the order of their starting.
pub fn names(plan: &Plan) -> Vec<String> {
    let mut names: Vec<String> = plan.etcds().map(|p| p.name.clone()).collect();
    names.extend(plan.tablets.iter().map(|t| mysqld_name(t.uid)));
    names.extend(plan.mysqlctlds().map(|p| p.name.clone()));
    names.push(plan.vtctld.name.clone());
    names.extend(plan.tablets.iter().map(|t| t.process.name.clone()));
    names.extend(plan.vtorcs().chain(plan.vtgates()).map(|p| p.name.clone()));
    names
}

pub fn mysqld_name(uid: u32) -> String {
    format!("mysqld-{uid}")
}

fn find_mysqld(wish: FlavorWish) -> Result<Binaries> {
    let want = match wish {
        FlavorWish::Auto => None,
        FlavorWish::Mysql => Some(FlavorKind::MySql),
        FlavorWish::Mariadb => Some(FlavorKind::MariaDb),
    };
    Binaries::find(&SearchPath::from_env(), want)
}

/// Of everything that does not run yet.
fn check_ports(plan: &Plan, state: &State) -> Result<()> {
    let mut wanted = Vec::new();
    for process in plan.servers().chain(plan.tablets.iter().map(|t| &t.process)) {
        // What another place listens on cannot be asked from here.
        if process.place.launcher.is_empty() && state.running(&process.name).is_none() {
            let host = process.place.host.as_str();
            wanted
                .extend(process.ports.iter().map(|p| (format!("{} {}", process.name, p.what), host, p.port)));
        }
    }
    for tablet in &plan.tablets {
        let name = mysqld_name(tablet.uid);
        if tablet.process.place.launcher.is_empty() && state.running(&name).is_none() {
            wanted.push((name, &tablet.process.place.host, tablet.mysql_port));
        }
    }
    supervise::check_ports_free(&wanted)
}

/// Held while a run changes the cluster: two at once would start everything twice.
fn lock(data_dir: &Path) -> Result<fs::File> {
    let path = data_dir.join("vtlocal.lock");
    let file = fs::File::create(&path)
        .map_err(|e| Error::internal(format!("cannot make {}: {e}", path.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err(Error::new(
            Condition::FailedPrecondition,
            format!("another vtlocal is at work in {}", data_dir.display()),
        )),
    }
}

/// A line of progress, with the seconds since the beginning. Whoever reads may have gone: the work goes on.
pub(crate) fn say(begun: Option<Instant>, text: &str) {
    let line = match begun {
        Some(begun) => format!("[{:5.1} s] {text}\n", begun.elapsed().as_secs_f64()),
        None => format!("{text}\n"),
    };
    let _reader_gone = std::io::stdout().write_all(line.as_bytes());
}
