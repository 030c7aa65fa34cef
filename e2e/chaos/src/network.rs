//! Cells in network namespaces of their own, so that the network between them can be cut.
//!
//! The whole run is in a namespace, too, which the machine's own network does not reach: what it leaves behind goes with
//! its processes. A bridge there joins the cells; what belongs to no cell (the global etcd, vtctld, the clients that look
//! at pages) has the bridge's address. A cut drops every packet without a word, as a lost cable does; connections learn
//! of it by their own time limits alone. It takes root, and `unshare`, `nsenter`, `ip` and `bridge`.

use std::{
    env, fs,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::Result;

/// Tells a run that it is in its own namespace already.
const INSIDE: &str = "VIVACE_CHAOS_INSIDE";
const BRIDGE: &str = "cells";
/// Of what belongs to no cell.
const HOST: &str = "10.77.0.1";
/// How long a namespace may take to be there.
const LIMIT: Duration = Duration::from_secs(5);

/// Becomes this program in a network namespace of its own, unless it is there already.
pub fn enter() -> Result<()> {
    if env::var_os(INSIDE).is_some() {
        return run("ip", &["link", "set", "lo", "up"]);
    }
    let exe = env::current_exe().map_err(|e| format!("the path of this program: {e}"))?;
    let error = Command::new("unshare")
        .args(["--net", "--"])
        .arg(exe)
        .args(env::args_os().skip(1))
        .env(INSIDE, "1")
        .exec();
    Err(format!("cannot run unshare: {error}"))
}

/// The cells' namespaces, in the order of the cells. They end with this value.
#[derive(Debug)]
pub struct Network {
    cells: Vec<Namespace>,
}

#[derive(Debug)]
struct Namespace {
    cell: String,
    address: String,
    /// The bridge's end of the cell's cable.
    port: String,
    /// Keeps the namespace.
    holder: Child,
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ended_already = self.holder.kill();
        let _ended_already = self.holder.wait();
    }
}

impl Namespace {
    fn new(cell: &str, number: usize) -> Result<Self> {
        let mut holder = Command::new("unshare");
        holder.args(["--net", "--", "sleep", "1d"]).stdin(Stdio::null());
        let holder = holder.spawn().map_err(|e| format!("cannot run unshare: {e}"))?;
        let namespace = Self {
            cell: cell.to_owned(),
            address: format!("10.77.{number}.1"),
            port: format!("cell-{number}"),
            holder,
        };
        namespace.wait()?;
        let pid = namespace.holder.id().to_string();
        let (port, end) = (&namespace.port, "cable");
        run("ip", &["link", "add", port, "type", "veth", "peer", "name", end, "netns", &pid])?;
        run("ip", &["link", "set", port, "master", BRIDGE, "up"])?;
        namespace.inside(&["ip", "link", "set", "lo", "up"])?;
        namespace.inside(&["ip", "addr", "add", &format!("{}/16", namespace.address), "dev", end])?;
        namespace.inside(&["ip", "link", "set", end, "up"])?;
        Ok(namespace)
    }

    fn path(&self) -> PathBuf {
        format!("/proc/{}/ns/net", self.holder.id()).into()
    }

    /// Until the holder has left this program's namespace.
    fn wait(&self) -> Result<()> {
        let of = |path: &PathBuf| fs::read_link(path).map_err(|e| format!("{}: {e}", path.display()));
        let own = of(&"/proc/self/ns/net".into())?;
        let begun = Instant::now();
        while of(&self.path())? == own {
            if begun.elapsed() > LIMIT {
                return Err(format!("cell {} has no namespace after {LIMIT:?}", self.cell));
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    fn inside(&self, command: &[&str]) -> Result<()> {
        run("nsenter", &[&[&*format!("--net={}", self.path().display()), "--"], command].concat())
    }
}

impl Network {
    pub fn new(cells: &[String]) -> Result<Self> {
        run("ip", &["link", "add", BRIDGE, "type", "bridge"])?;
        run("ip", &["addr", "add", &format!("{HOST}/16"), "dev", BRIDGE])?;
        run("ip", &["link", "set", BRIDGE, "up"])?;
        let cells =
            (1..).zip(cells).map(|(number, cell)| Namespace::new(cell, number)).collect::<Result<_>>()?;
        Ok(Self { cells })
    }

    /// The flags of `vtlocal up` that put the cells there.
    pub fn flags(&self) -> Vec<String> {
        let of_cell = |n: &Namespace| {
            let launcher = format!("nsenter --net={} --", n.path().display());
            [
                format!("--cell-host={}={}", n.cell, n.address),
                format!("--cell-launcher={}={launcher}", n.cell),
            ]
        };
        [format!("--host={HOST}")].into_iter().chain(self.cells.iter().flat_map(of_cell)).collect()
    }

    fn namespace(&self, cell: &str) -> Result<&Namespace> {
        self.cells.iter().find(|n| n.cell == cell).ok_or_else(|| format!("no network of cell {cell}"))
    }

    /// Takes a cell off the network, or puts it back.
    pub fn cut_off(&self, cell: &str, cut: bool) -> Result<()> {
        run("ip", &["link", "set", &self.namespace(cell)?.port, if cut { "down" } else { "up" }])
    }

    /// Cuts the way between two cells, which both still have to all others, or mends it.
    pub fn part(&self, one: &str, other: &str, cut: bool) -> Result<()> {
        for cell in [one, other] {
            let port = &self.namespace(cell)?.port;
            // Ports that are isolated reach those that are not.
            run("bridge", &["link", "set", "dev", port, "isolated", if cut { "on" } else { "off" }])?;
        }
        Ok(())
    }
}

fn run(program: &str, args: &[&str]) -> Result<()> {
    let command = || format!("{program} {}", args.join(" "));
    let out = Command::new(program).args(args).output().map_err(|e| format!("{}: {e}", command()))?;
    match out.status.success() {
        true => Ok(()),
        false => Err(format!("{}: {}", command(), String::from_utf8_lossy(&out.stderr).trim())),
    }
}
