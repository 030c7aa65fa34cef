//! Processes of a test: output goes to a log file, the process ends with the value.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

/// A running child with its log. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

/// Starts `command` with stdout and stderr in `log`.
///
/// # Panics
/// When the log cannot be made or the program cannot be started.
pub fn spawn(mut command: Command, log: &Path) -> Process {
    let file = File::create(log).unwrap_or_else(|e| panic!("cannot make {}: {e}", log.display()));
    let copy = file.try_clone().expect("a file handle can be doubled");
    command.stdin(Stdio::null()).stdout(file).stderr(copy);
    let child = command.spawn().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
    Process { child, log: log.to_owned() }
}

impl Process {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What was printed so far.
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Kills it and waits for its end.
    pub fn kill(&mut self) {
        let _ended_already = self.child.kill();
        let _status = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
