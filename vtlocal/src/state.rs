//! What was started, in `DATA_DIR/vtlocal.json`: pid and start time of each process, and the cluster's spec.
//!
//! A pid alone means nothing once its process has ended: another may have it. Pid and start time together
//! name a process until the machine starts anew, and then no start time matches.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use mysqlctl::{Mycnf, process};
use serde::{Deserialize, Serialize};
use vterrors::{Error, Result};

use crate::{
    plan::{Plan, Port},
    spec::ClusterSpec,
    up::mysqld_name,
};

/// One process that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    pub name: String,
    pub pid: i32,
    /// Clock ticks since the machine started.
    pub start_time: u64,
    /// What speaks where.
    pub ports: Vec<(String, u16)>,
    pub log: PathBuf,
}

impl Recorded {
    /// Of a process that was started just now; `None` when it has ended already.
    pub fn of(name: &str, pid: i32, ports: &[Port], log: &Path) -> Option<Self> {
        let start_time = process::start_time(pid)?;
        let ports = ports.iter().map(|p| (p.what.to_owned(), p.port)).collect();
        Some(Self { name: name.to_owned(), pid, start_time, ports, log: log.to_owned() })
    }

    /// Whether exactly this process still runs.
    pub fn is_running(&self) -> bool {
        process::is_alive(self.pid) && process::start_time(self.pid) == Some(self.start_time)
    }
}

/// The file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub spec: ClusterSpec,
    /// Whether the schema and the sample rows are in.
    pub loaded: bool,
    /// In the order of their starting.
    pub processes: Vec<Recorded>,
}

impl State {
    fn path(data_dir: &Path) -> PathBuf {
        data_dir.join("vtlocal.json")
    }

    /// `None` where no cluster was ever started.
    pub fn read(data_dir: &Path) -> Result<Option<Self>> {
        let path = Self::path(data_dir);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::invalid(format!("cannot read {}: {e}", path.display()))),
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|e| Error::invalid(format!("{} is not a record of vtlocal: {e}", path.display())))
    }

    /// Replaces the file as a whole: a reader never sees half of it.
    pub fn write(&self, data_dir: &Path) -> Result<()> {
        let path = Self::path(data_dir);
        let new = path.with_extension("json.new");
        let text = serde_json::to_string_pretty(self).map_err(|e| Error::internal(e.to_string()))?;
        fs::write(&new, text + "\n")
            .and_then(|()| fs::rename(&new, &path))
            .map_err(|e| Error::internal(format!("cannot write {}: {e}", path.display())))
    }

    /// Takes over the mysqlds that run: one that its mysqlctld started again has another pid.
    pub fn find_mysqlds(&mut self, plan: &Plan) {
        for tablet in &plan.tablets {
            let cnf = Mycnf::new(&plan.data_dir, tablet.uid, tablet.mysql_port, None);
            let name = mysqld_name(tablet.uid);
            if self.running(&name).is_some() {
                continue;
            }
            let ports = [Port { what: "mysql", port: tablet.mysql_port }];
            let found = cnf.running_pid();
            if let Some(found) = found.and_then(|pid| Recorded::of(&name, pid, &ports, &cnf.error_log())) {
                self.add(found);
            }
        }
    }

    pub fn running(&self, name: &str) -> Option<&Recorded> {
        self.processes.iter().find(|p| p.name == name && p.is_running())
    }

    /// Forgets an earlier process of the name and adds this one.
    pub fn add(&mut self, process: Recorded) {
        self.processes.retain(|p| p.name != process.name);
        self.processes.push(process);
    }
}

#[cfg(test)]
mod tests;
