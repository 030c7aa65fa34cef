//! Processes that outlive the one that started them: a session of their own, found again by their pid file.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{errno::Errno, sys::signal, unistd::Pid};

/// A command that starts in a session of its own, so that no terminal's signal reaches it. The pid of the
/// child is the program's: `setsid` replaces itself. Where that tool is missing, a process group must do.
pub fn detached(program: impl AsRef<OsStr>) -> tokio::process::Command {
    match ["/usr/bin/setsid", "/bin/setsid"].iter().map(PathBuf::from).find(|p| p.is_file()) {
        Some(setsid) => {
            let mut command = tokio::process::Command::new(setsid);
            command.arg(program);
            command
        }
        None => {
            let mut command = tokio::process::Command::new(program);
            command.process_group(0);
            command
        }
    }
}

/// The same by way of a launcher and its arguments, which takes the program's command line as its last ones and becomes
/// it (as `nsenter` and `taskset` do). An empty one is none.
pub fn detached_by(launcher: &[String], program: impl AsRef<OsStr>) -> tokio::process::Command {
    match launcher.split_first() {
        Some((launcher, args)) => {
            let mut command = detached(launcher);
            command.args(args).arg(program);
            command
        }
        None => detached(program),
    }
}

/// Whether a process, in any namespace of this machine, holds a lock on a file, as InnoDB does until its server has ended.
pub fn is_locked(path: &Path) -> bool {
    let Ok(file) = fs::File::open(path) else { return false };
    let mut lock = nix::libc::flock {
        l_type: nix::libc::F_WRLCK as nix::libc::c_short,
        l_whence: nix::libc::SEEK_SET as nix::libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    let asked = nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_GETLK(&mut lock));
    asked.is_ok() && lock.l_type != nix::libc::F_UNLCK as nix::libc::c_short
}

/// Whether a process with this pid exists and has not ended (a zombie counts as ended).
pub fn is_alive(pid: i32) -> bool {
    let exists = match signal::kill(Pid::from_raw(pid), None) {
        Ok(()) | Err(Errno::EPERM) => pid > 0,
        Err(_) => false,
    };
    exists && !stat_fields(pid).is_some_and(|f| matches!(f.first().map(String::as_str), Some("Z" | "X")))
}

/// When the process was started, in clock ticks since boot; with the pid it names a process for good.
/// `None` where there is no such process, or no `/proc`.
pub fn start_time(pid: i32) -> Option<u64> {
    stat_fields(pid)?.get(19)?.parse().ok()
}

/// The fields of `/proc/PID/stat` from the third (state) on: the second, the name, may hold anything.
fn stat_fields(pid: i32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// Whether the command line of the process holds `text`; true where `/proc` cannot tell.
pub fn command_line_has(pid: i32, text: &str) -> bool {
    match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).contains(text),
        Err(_) => !Path::new("/proc/self").exists(),
    }
}

/// The number in a pid file.
pub fn read_pid(path: &Path) -> Option<i32> {
    fs::read_to_string(path).ok()?.trim().parse().ok().filter(|pid| *pid > 1)
}

/// The last `lines` lines of a file, at most 16 KiB of it; empty when it cannot be read.
pub fn tail(path: &Path, lines: usize) -> String {
    let Ok(bytes) = fs::read(path) else { return String::new() };
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(16 * 1024)..]).into_owned();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Time to look again and again for something that shall come true.
///
/// ```text
/// let deadline = Deadline::after(limit);
/// while !is_there() {
///     if !deadline.pause().await {
///         return Err(..);
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Deadline(tokio::time::Instant);

impl Deadline {
    pub fn after(limit: Duration) -> Self {
        Self(tokio::time::Instant::now() + limit)
    }

    /// A short pause before the next look; false at once when the time is over.
    pub async fn pause(&self) -> bool {
        if tokio::time::Instant::now() >= self.0 {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
        true
    }
}

/// Waits for a process to end; false when `limit` is over.
pub async fn wait_gone(limit: Duration, alive: impl Fn() -> bool) -> bool {
    let deadline = Deadline::after(limit);
    while alive() {
        if !deadline.pause().await {
            return false;
        }
    }
    true
}
