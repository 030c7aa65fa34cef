//! Where processes run: on the loopback of this machine, or in places of their own, as network namespaces are, so that
//! the network between cells can be cut.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use vterrors::{Error, Result};

use super::ClusterSpec;
use crate::options::UpOptions;

/// An address, and how to start a process that has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The IP address on which its processes listen and under which all others find them.
    pub host: String,
    /// What runs its processes: a program and its arguments, which the command line of the process is added to.
    pub launcher: Vec<String>,
}

impl Default for Place {
    fn default() -> Self {
        Self { host: "127.0.0.1".to_owned(), launcher: Vec::new() }
    }
}

/// Puts what the flags say about places into the spec.
///
/// Errors: an address that is none; a cell that the cluster does not have; a launcher without an address, which others
/// would look for on their own loopback.
pub(super) fn take_options(spec: &mut ClusterSpec, options: &UpOptions) -> Result<()> {
    if let Some(host) = &options.host {
        spec.place.host = address("--host", host)?;
    }
    for (cell, host) in &options.cell_host {
        let place = Place { host: address(&format!("--cell-host {cell}"), host)?, launcher: Vec::new() };
        spec.cell_places.insert(cell.clone(), place);
    }
    for (cell, launcher) in &options.cell_launcher {
        let place = spec.cell_places.get_mut(cell).ok_or_else(|| {
            Error::invalid(format!(
                "--cell-launcher {cell}: the cell needs an address too: --cell-host {cell}=ADDRESS"
            ))
        })?;
        place.launcher = launcher.split_whitespace().map(str::to_owned).collect();
    }
    match spec.cell_places.keys().find(|name| !spec.cells.contains(name)) {
        Some(name) => Err(Error::invalid(format!(
            "--cell-host {name}: the cluster has no such cell, but {}",
            spec.cells.join(", ")
        ))),
        None => Ok(()),
    }
}

fn address(flag: &str, text: &str) -> Result<String> {
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) if !address.is_unspecified() => Ok(text.to_owned()),
        _ => Err(Error::invalid(format!("{flag}: {text:?} is no IPv4 address of one host"))),
    }
}
