//! Faults of whole cells: everything in the cell of a shard's primary goes at once, its etcd, vtgate and vtorc too.
//!
//! Clients of a lost cell's vtgate are lost with it: what they saw is not counted, what was acknowledged to them is. A
//! frozen cell stands for one that is cut off: nothing in it refuses, nothing answers, and what it holds in its sockets
//! goes out when it is back.
//!
//! Former primaries come back DRAINED when they have what nobody acknowledged. Their servers are made anew here
//! ([`refill`]): all binary logs since the beginning are there to fill them.

use std::{collections::BTreeMap, fs, time::Duration};

use clap::ValueEnum;
use e2e::Cluster;
use mysqlctl::process::{is_alive, wait_gone};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{Result, faults::Fault};

impl Fault {
    /// Whether it is a fault of a whole cell.
    pub fn is_of_cell(self) -> bool {
        matches!(self, Self::KillCell | Self::FreezeCell)
    }
}

/// Refuses faults that the cells do not allow.
pub fn check(cells: &[String], faults: &[Fault]) -> Result<()> {
    // With two, nobody is left to acknowledge.
    if !cells.is_empty() && cells.len() < 3 {
        return Err(format!("--cells {}: one cell can be lost of three or more", cells.join(",")));
    }
    match faults.iter().find(|f| f.is_of_cell()) {
        Some(fault) if cells.is_empty() => Err(format!("--faults {} needs --cells a,b,c", fault.name())),
        _ => Ok(()),
    }
}

/// Those that are asked for, or all that the cells allow.
pub fn wanted(cells: &[String], faults: &[Fault]) -> Vec<Fault> {
    match faults.is_empty() {
        true => {
            let all = Fault::value_variants().iter().copied();
            all.filter(|f| !f.is_of_cell() || !cells.is_empty()).collect()
        }
        false => faults.to_vec(),
    }
}

/// The durability policy of a cluster of so many cells.
pub fn durability(cells: usize) -> &'static str {
    if cells > 1 { "cross_cell" } else { "semi_sync" }
}

/// The cell of a tablet.
pub fn cell_of(cluster: &Cluster, uid: u32) -> Result<&str> {
    let tablet = cluster.plan().tablets.iter().find(|t| t.uid == uid);
    tablet.map(|t| t.cell.as_str()).ok_or_else(|| format!("no tablet {uid}"))
}

/// The processes of a cell that run.
pub fn pids(cluster: &Cluster, cell: &str) -> Vec<i32> {
    let state = cluster.state();
    cluster.processes_of(cell).iter().filter_map(|name| state.running(name).map(|p| p.pid)).collect()
}

/// How long a killed process may take to be gone.
const GONE_LIMIT: Duration = Duration::from_secs(10);

/// Makes the servers of DRAINED tablets anew; true if there was one.
pub async fn refill(cluster: &Cluster, types: &BTreeMap<u32, String>) -> Result<bool> {
    let drained: Vec<u32> = types.iter().filter(|(_, t)| *t == "drained").map(|(uid, _)| *uid).collect();
    let state = cluster.state();
    for uid in &drained {
        for name in [format!("vttablet-{uid}"), vtlocal::up::mysqld_name(*uid)] {
            let Some(pid) = state.running(&name).map(|p| p.pid) else { continue };
            let _gone_already = kill(Pid::from_raw(pid), Signal::SIGKILL);
            if !wait_gone(GONE_LIMIT, || is_alive(pid)).await {
                return Err(format!("{name} was killed and is there after {GONE_LIMIT:?}"));
            }
        }
        let dir = cluster.data_dir().join(format!("vt_{uid:010}"));
        fs::remove_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    }
    Ok(!drained.is_empty())
}
