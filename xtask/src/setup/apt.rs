//! The distribution's packages.

use std::{path::Path, process::Command};

use super::{as_root, find, quietly, say};
use crate::Result;

pub fn is_there() -> bool {
    find("apt-get").is_some()
}

/// Installs packages without questions, without recommended ones, without starting their services, and never
/// at the price of removing others (the families of servers exclude each other in some distributions).
pub fn install(packages: &[&str]) -> Result<()> {
    say(&format!("installing {} with apt-get", packages.join(", ")));
    refresh_once()?;
    let masked = mask_services(packages);
    let installed = install_now(packages);
    unmask_services(masked);
    installed
}

fn install_now(packages: &[&str]) -> Result<()> {
    let mut command = as_root("env");
    // RUNLEVEL=1 tells Debian's maintainer scripts that this is no time to start services.
    command.args(["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"]);
    command.args(["apt-get", "install", "-y", "-q", "--no-install-recommends", "--no-remove"]).args(packages);
    quietly("installing packages", &mut command)
}

/// Where systemd runs, a package's service would be started by installing it, on the ports that a cluster
/// wants. A unit that is masked until the next boot is left alone by the package's scripts.
fn mask_services(packages: &[&str]) -> bool {
    let systemd = Path::new("/run/systemd/system").is_dir() && find("systemctl").is_some();
    let has_service = packages.contains(&"etcd-server");
    systemd && has_service && systemctl(&["mask", "--runtime", "etcd.service"])
}

fn unmask_services(masked: bool) {
    if masked
        && !(systemctl(&["unmask", "--runtime", "etcd.service"]) && systemctl(&["disable", "etcd.service"]))
    {
        say("etcd.service could not be put back in order: see `systemctl status etcd`");
    }
}

fn systemctl(args: &[&str]) -> bool {
    quietly("systemctl", as_root("systemctl").args(args)).is_ok()
}

/// Whether the distribution offers this package.
pub fn has_candidate(package: &str) -> bool {
    // A fresh machine has no lists: without them nothing has a candidate.
    if refresh_once().is_err() {
        return false;
    }
    let out = Command::new("apt-cache").args(["policy", package]).env("LC_ALL", "C").output();
    out.is_ok_and(|out| candidate(&String::from_utf8_lossy(&out.stdout)))
}

/// Reads the answer of `apt-cache policy`.
fn candidate(policy: &str) -> bool {
    policy
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Candidate:"))
        .any(|version| version.trim() != "(none)")
}

/// Fetches the package lists, once a process.
fn refresh_once() -> Result<()> {
    static DONE: std::sync::OnceLock<Result<()>> = std::sync::OnceLock::new();
    DONE.get_or_init(|| {
        say("fetching the package lists");
        quietly("apt-get update", as_root("apt-get").args(["update", "-q"]))
    })
    .clone()
}

#[cfg(test)]
mod tests {
    use super::candidate;

    #[test]
    fn a_package_without_a_version_is_not_offered() {
        assert!(candidate("mysql-server:\n  Installed: (none)\n  Candidate: 8.0.42-0ubuntu0.24.04.1\n"));
        assert!(!candidate("mysql-server:\n  Installed: (none)\n  Candidate: (none)\n"));
        assert!(!candidate(""));
    }
}
