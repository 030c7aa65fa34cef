//! What is left of an initialisation that was broken off.
//!
//! While a server is initialised, a file beside its `my.cnf` says so and names the process that does it. Nobody was
//! ever told of such a server and nothing is in it: the next start takes what is there away and begins anew. Without
//! the file whatever stands in the data directory is data, and is never touched.

use std::{
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use vterrors::{Error, Result};

use crate::{
    mycnf::{Mycnf, io_error},
    process,
};

/// The file of one server.
#[derive(Debug)]
pub(crate) struct Unfinished {
    file: PathBuf,
}

impl Unfinished {
    pub fn of(cnf: &Mycnf) -> Self {
        Self { file: cnf.tablet_dir.join("initialising") }
    }

    /// Whether an initialisation began and did not end.
    pub fn is_there(&self) -> bool {
        self.file.exists()
    }

    /// Says that the initialisation begins, by `child` when that is known. On disk when this returns.
    pub fn begin(&self, child: Option<u32>) -> Result<()> {
        let pid = child.map_or_else(String::new, |pid| pid.to_string());
        let written = fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o640)
            .open(&self.file)
            .and_then(|mut file| file.write_all(pid.as_bytes()).and_then(|()| file.sync_all()));
        written.and_then(|()| self.sync_directory()).map_err(|e| io_error("write", &self.file, &e))
    }

    /// Says that the server is whole. A server whose file cannot be removed must not be used: the next start would
    /// take its data away.
    pub fn end(&self) -> Result<()> {
        let removed = fs::remove_file(&self.file).and_then(|()| self.sync_directory());
        removed.map_err(|e| io_error("remove", &self.file, &e))
    }

    fn sync_directory(&self) -> std::io::Result<()> {
        self.file.parent().map_or(Ok(()), |dir| fs::File::open(dir)?.sync_all())
    }

    /// Ends the process that still initialises, when there is one.
    pub async fn kill(&self, cnf: &Mycnf, limit: Duration) -> Result<()> {
        let Some(pid) = process::read_pid(&self.file).filter(|pid| process::is_alive(*pid)) else {
            return Ok(());
        };
        // The pid may be another process's by now.
        if !process::command_line_has(pid, &cnf.path().to_string_lossy()) {
            return Ok(());
        }
        // It leads its own group, in which its helpers are.
        killpg(Pid::from_raw(pid), Signal::SIGKILL)
            .map_err(|e| Error::internal(format!("cannot kill {pid}, which initialises a server: {e}")))?;
        match process::wait_gone(limit, || process::is_alive(pid)).await {
            true => Ok(()),
            false => Err(Error::internal(format!("{pid}, which initialises a server, was killed and stays"))),
        }
    }
}

/// Removes what is in a server's directories and leaves the directories, which may be mounted.
pub(crate) fn remove_data(cnf: &Mycnf) -> Result<()> {
    let directories = cnf.directories();
    directories.iter().filter(|dir| **dir != cnf.tablet_dir).try_for_each(|dir| empty(dir))
}

fn empty(dir: &Path) -> Result<()> {
    let failed = |e: std::io::Error| io_error("empty the directory", dir, &e);
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(failed(e)),
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let is_dir = entry.file_type().map_err(failed)?.is_dir();
        let removed = if is_dir { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
        removed.map_err(failed)?;
    }
    Ok(())
}
