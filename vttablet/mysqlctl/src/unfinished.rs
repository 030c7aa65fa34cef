//! What is left of an initialisation that was broken off.
//!
//! While a server is initialised, a file beside its `my.cnf` says so and names the process that does it. Nobody was
//! ever told of such a server and nothing is in it: the next start takes what is there away and begins anew. Without
//! the file whatever stands in the data directory is data, and is never touched.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use vterrors::{Condition, Error, Result};

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
        fs::metadata(&self.file).is_ok_and(|file| file.len() > 0)
    }

    /// Says that the initialisation begins, and keeps others from it while what is returned lives: one that has ended,
    /// however it did, keeps nobody.
    ///
    /// Errors: another process initialises the server now (named by its directory).
    pub fn begin(&self) -> Result<Beginning> {
        // Empty until it is known, under the lock, that there is no data yet: an empty file says nothing.
        let opened =
            fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o640).open(&self.file);
        let file = opened.map_err(|e| io_error("write", &self.file, &e))?;
        match file.try_lock() {
            // One that ended in between has removed its file, and this one is not the file of that name.
            Ok(()) if self.is_named(&file) => {
                Ok(Beginning { file, path: self.file.clone(), is_left: self.is_there() })
            }
            Ok(()) | Err(fs::TryLockError::WouldBlock) => {
                let dir = self.file.parent().unwrap_or(&self.file).display();
                let text = format!("{dir} is being initialised by another process: nothing was done");
                Err(Error::new(Condition::AlreadyExists, text))
            }
            Err(fs::TryLockError::Error(e)) => Err(io_error("lock", &self.file, &e)),
        }
    }

    fn is_named(&self, file: &fs::File) -> bool {
        let ours = file.metadata().map(|m| (m.dev(), m.ino()));
        let named = fs::metadata(&self.file).map(|m| (m.dev(), m.ino()));
        matches!((ours, named), (Ok(ours), Ok(named)) if ours == named)
    }
}

/// An initialisation that is under way.
#[derive(Debug)]
pub(crate) struct Beginning {
    file: fs::File,
    path: PathBuf,
    /// Whether an earlier one was broken off.
    pub is_left: bool,
}

impl Beginning {
    /// Notes the process that initialises. On disk when this returns.
    pub fn by(&mut self, child: Option<u32>) -> Result<()> {
        let pid = child.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        let written = self
            .file
            .write_all_at(pid.as_bytes(), 0)
            .and_then(|()| self.file.set_len(pid.len() as u64))
            .and_then(|()| self.file.sync_all())
            .and_then(|()| self.sync_directory());
        written.map_err(|e| io_error("write", &self.path, &e))
    }

    /// Says that the server is whole. A server whose file cannot be removed must not be used: the next start would
    /// take its data away.
    pub fn end(self) -> Result<()> {
        let removed = fs::remove_file(&self.path).and_then(|()| self.sync_directory());
        removed.map_err(|e| io_error("remove", &self.path, &e))
    }

    fn sync_directory(&self) -> std::io::Result<()> {
        self.path.parent().map_or(Ok(()), |dir| fs::File::open(dir)?.sync_all())
    }

    /// Ends the process that an earlier one left behind and that initialises still, when there is one.
    pub async fn kill_former(&self, cnf: &Mycnf, limit: Duration) -> Result<()> {
        let Some(pid) = process::read_pid(&self.path).filter(|pid| process::is_alive(*pid)) else {
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
