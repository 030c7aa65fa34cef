//! What tests share: temporary directories, waiting with a deadline, golden files, processes with a log, a
//! real etcd, the corpus of SQL.
//!
//! Imports none of our crates, so that every crate may use it. Nothing here sleeps for a fixed time.

pub mod corpus;
pub mod etcd;
pub mod golden;
pub mod monitoring;
pub mod program;
pub mod spawn;
pub mod wait;

pub use etcd::Etcd;
pub use golden::{Case, check_golden, parse_cases, run_cases};
pub use monitoring::{check_metrics, monitoring_file};
pub use spawn::{Process, spawn};
pub use wait::{free_ports, wait_until, wait_until_async};

/// A new directory that is removed when the value is dropped. Short, because Unix sockets in it have a limit
/// of 107 bytes. Set `KEEP_TEST_DIRS=1` to keep it.
///
/// # Panics
/// When the directory cannot be made.
pub fn temp_dir() -> tempfile::TempDir {
    let mut dir =
        tempfile::Builder::new().prefix("vt").tempdir().expect("the temporary directory is writable");
    if std::env::var_os("KEEP_TEST_DIRS").is_some() {
        dir.disable_cleanup(true);
    }
    dir
}

#[cfg(test)]
mod tests;
