//! `down` and `clean`: stopping in the opposite order of starting, so that nobody loses what it still needs.

use std::{fs, time::Duration};

use vterrors::{Condition, Error, Result};

use crate::{
    options::DataDir,
    plan::Plan,
    state::{Recorded, State},
    supervise,
    up::say,
};

pub const MYSQLD_LIMIT: Duration = Duration::from_secs(60);

/// How long a process may take to end after SIGTERM; the graces that Vitess's own tests give.
pub fn limit_of(name: &str) -> Duration {
    match name.split('-').next() {
        Some("mysqld" | "mysqlctld" | "vttablet") => MYSQLD_LIMIT,
        Some("vtgate") => Duration::from_secs(30),
        _ => Duration::from_secs(10),
    }
}

/// vtorc (which would take tablets that end for dead), vtgate, tablets, vtctld, mysqlctlds (which
/// stop their mysqlds), mysqlds, etcd; those of one kind at
/// the same time.
const ORDER: [&str; 7] = ["vtorc", "vtgate", "vttablet", "vtctld", "mysqlctld", "mysqld", "etcd"];

/// Stops everything that is recorded and keeps the data.
pub async fn run(dir: &DataDir) -> Result<()> {
    let data_dir = dir.absolute()?;
    let Some(mut state) = State::read(&data_dir)? else {
        say(None, &format!("no cluster in {}", data_dir.display()));
        return Ok(());
    };
    state.find_mysqlds(&Plan::new(&state.spec, &data_dir));
    stop_all(&state.processes).await;
    if let Some(left) = state.processes.iter().find(|p| p.is_running()) {
        return Err(Error::internal(format!("{} (pid {}) does not end", left.name, left.pid)));
    }
    state.processes.clear();
    state.write(&data_dir)?;
    say(None, &format!("the data is kept in {}", data_dir.display()));
    Ok(())
}

/// Stops those of the processes that run, in the order of [`ORDER`].
pub(crate) async fn stop_all(processes: &[Recorded]) {
    for kind in ORDER {
        let of_kind = |name: &str| name.split('-').next() == Some(kind);
        let running: Vec<&Recorded> =
            processes.iter().filter(|p| of_kind(&p.name) && p.is_running()).collect();
        let stopping = running.iter().map(|p| supervise::stop(p, limit_of(&p.name)));
        let ended = futures::future::join_all(stopping).await;
        for (process, ended) in running.iter().zip(ended) {
            match ended {
                true => say(None, &format!("{} stopped", process.name)),
                false => say(
                    None,
                    &format!("{} had to be killed; its log: {}", process.name, process.log.display()),
                ),
            }
        }
    }
}

/// Stops everything and removes the data directory, which has to be one of ours.
pub async fn clean(dir: &DataDir) -> Result<()> {
    let data_dir = dir.absolute()?;
    if !data_dir.exists() {
        say(None, &format!("nothing at {}", data_dir.display()));
        return Ok(());
    }
    if State::read(&data_dir)?.is_none() {
        return Err(Error::new(
            Condition::FailedPrecondition,
            format!("{} has no vtlocal.json: it is not removed", data_dir.display()),
        ));
    }
    run(dir).await?;
    fs::remove_dir_all(&data_dir)
        .map_err(|e| Error::internal(format!("cannot remove {}: {e}", data_dir.display())))?;
    say(None, &format!("{} removed", data_dir.display()));
    Ok(())
}
