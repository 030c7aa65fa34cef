//! Faults of whole cells: everything in the cell of a shard's primary goes at once, its etcd, vtgate and vtorc too.
//!
//! Clients of a lost cell's vtgate are lost with it: what they saw is not counted, what was acknowledged to them is. A
//! frozen cell neither refuses nor answers, and what it holds in its sockets goes out when it is back. One that is cut off
//! ([`crate::network`]) goes on by itself: its clients are with their vtgate and go on to write, and what they are told is
//! done has to be kept.
//!
//! Former primaries come back DRAINED when they have what nobody acknowledged; their mysqlctlds help them to another's
//! data soon after (`--errant-data-retention`).

use clap::ValueEnum;
use e2e::Cluster;

use crate::{Options, Result, faults::Fault};

impl Fault {
    /// Whether it is a fault of a whole cell.
    pub fn is_of_cell(self) -> bool {
        matches!(self, Self::KillCell | Self::FreezeCell | Self::CutCell | Self::CutLink)
    }

    /// Whether it is one of the network between cells.
    pub fn is_of_network(self) -> bool {
        matches!(self, Self::CutCell | Self::CutLink)
    }
}

/// Refuses faults that the cells do not allow.
pub fn check(options: &Options) -> Result<()> {
    let Options { cells, faults, networks, .. } = options;
    // With two, nobody is left to acknowledge.
    if !cells.is_empty() && cells.len() < 3 {
        return Err(format!("--cells {}: one cell can be lost of three or more", cells.join(",")));
    }
    match faults.iter().find(|f| f.is_of_cell()) {
        Some(fault) if fault.is_of_network() && !networks => {
            Err(format!("--faults {} needs --networks", fault.name()))
        }
        Some(fault) if cells.is_empty() => Err(format!("--faults {} needs --cells a,b,c", fault.name())),
        _ => Ok(()),
    }
}

/// Those that are asked for, or all that the cells allow.
pub fn wanted(options: &Options) -> Vec<Fault> {
    let Options { cells, faults, networks, .. } = options;
    match faults.is_empty() {
        true => {
            let all = Fault::value_variants().iter().copied();
            let of_cells = all.filter(|f| !f.is_of_cell() || !cells.is_empty());
            of_cells.filter(|f| !f.is_of_network() || *networks).collect()
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
