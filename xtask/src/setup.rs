//! Finds or installs what building, running and testing need, each thing once, with a line about each.
//!
//! Installed with apt-get, directly when root, else through sudo. On a system without apt-get nothing is
//! touched: the list of what to install is the error. Running it again finds everything and does nothing.
//!
//! A mysqld on PATH comes first; else the distribution's package; else MySQL from Debian's unstable packages,
//! unpacked into the user's cache folder and run in place by its own loader (`unpacked`), which leaves the
//! system's libraries alone. Any family does to run a cluster; the tests want MySQL, and run their core on
//! MariaDB where it is or can be installed beside it.

pub(crate) mod apt;
mod unpacked;

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    str::FromStr,
};

use crate::Result;

/// What the machine shall be able to do afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Build and run a cluster.
    Up,
    /// Also run all tests.
    Test,
    /// Also run the benchmarks.
    Bench,
}

impl FromStr for Purpose {
    type Err = String;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "up" => Ok(Self::Up),
            "test" => Ok(Self::Test),
            "bench" => Ok(Self::Bench),
            other => Err(format!("--for takes up, test or bench, not {other:?}")),
        }
    }
}

/// What is needed, how it is found, and the Debian package that has it.
struct Need {
    name: &'static str,
    find: fn(&str) -> Option<PathBuf>,
    package: &'static str,
    why: &'static str,
}

const ETCD: Need = Need { name: "etcd", find, package: "etcd-server", why: "the topology" };
const PROTOC: Need =
    Need { name: "protoc", find, package: "protobuf-compiler", why: "building the etcd client" };
/// Not in the compiler's package, which only recommends this one.
const PROTOS: Need = Need {
    name: "google/protobuf/descriptor.proto",
    find: find_include,
    package: "libprotobuf-dev",
    why: "building the etcd client",
};
const PYTHON: Need = Need { name: "python3", find, package: "python3", why: "checking the manifests" };
/// Debian's python3 comes without what makes a venv.
const VENV: Need =
    Need { name: "ensurepip", find: find_module, package: "python3-venv", why: "checking the manifests" };
const SYSBENCH: Need = Need { name: "sysbench", find, package: "sysbench", why: "the benchmarks" };

fn needs(purpose: Purpose) -> Vec<Need> {
    match purpose {
        Purpose::Up => vec![ETCD, PROTOC, PROTOS],
        Purpose::Test => vec![ETCD, PROTOC, PROTOS, PYTHON, VENV],
        Purpose::Bench => vec![ETCD, PROTOC, PROTOS, SYSBENCH],
    }
}

/// A family of database servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    MySql,
    MariaDb,
}

impl FromStr for Family {
    type Err = String;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "mysql" => Ok(Self::MySql),
            "mariadb" => Ok(Self::MariaDb),
            other => Err(format!("--mysql-flavor takes mysql or mariadb, not {other:?}")),
        }
    }
}

/// Sees to everything `purpose` needs. `family` asks for a server of that family where any would do.
pub fn run(purpose: Purpose, family: Option<Family>) -> Result<()> {
    let mut missing: Vec<&str> = Vec::new();
    for need in needs(purpose) {
        match (need.find)(need.name) {
            Some(path) => say(&format!("{:<9} {} ({})", need.name, path.display(), need.why)),
            None => missing.push(need.package),
        }
    }
    let wanted = family.or((purpose != Purpose::Up).then_some(Family::MySql));
    let mysqld = find_mysqld(wanted);
    if mysqld.is_none() && !apt::is_there() {
        missing.push(match wanted {
            Some(Family::MySql) => "mysql-server (8.0.26 or newer)",
            Some(Family::MariaDb) => "mariadb-server (10.11 or newer)",
            None => "mysql-server (8.0.26 or newer) or mariadb-server (10.11 or newer)",
        });
    }
    if !missing.is_empty() {
        if !apt::is_there() {
            return Err(format!(
                "this system has no apt-get; install these by its own means, so that they are on PATH, then \
                 run this again:\n  {}",
                missing.join("\n  ")
            ));
        }
        apt::install(&missing)?;
    }
    let mysqld = match (mysqld, wanted) {
        (Some(path), _) => path,
        (None, Some(Family::MariaDb)) => install_mariadb()?,
        (None, _) => install_mysql()?,
    };
    say(&format!("{:<9} {}", "mysqld", mysqld.display()));
    if purpose == Purpose::Test {
        offer_mariadb();
    }
    Ok(())
}

/// For the tests that run on both families: without it they say that they did not run.
fn offer_mariadb() {
    let found = find_mysqld(Some(Family::MariaDb));
    match found.map_or_else(install_mariadb, Ok) {
        Ok(path) => say(&format!("{:<9} {}", "mariadbd", path.display())),
        Err(e) => {
            say(&format!("no MariaDB, its tests will not run: {}", e.lines().next().unwrap_or_default()))
        }
    }
}

/// The package that holds the programs alone: no service is made, so none is started.
fn install_mariadb() -> Result<PathBuf> {
    if !apt::is_there() {
        return Err("there is no apt-get to install it with".to_owned());
    }
    apt::install(&["mariadb-server-core", "mariadb-client-core"])?;
    find_mysqld(Some(Family::MariaDb)).ok_or_else(|| "mariadb-server-core has no mariadbd on PATH".to_owned())
}

/// The distribution's own MySQL where it has one, else the unpacked one.
fn install_mysql() -> Result<PathBuf> {
    // The core packages hold the programs alone: no service is made, so none is started.
    if apt::has_candidate("mysql-server-core-8.0") || apt::has_candidate("mysql-server-core") {
        let name = if apt::has_candidate("mysql-server-core") {
            "mysql-server-core"
        } else {
            "mysql-server-core-8.0"
        };
        let client = name.replace("server", "client");
        apt::install(&[name, &client])?;
        return find_mysqld(Some(Family::MySql))
            .ok_or_else(|| format!("{name} is installed, but has no mysqld on PATH"));
    }
    unpacked::install(&cache_dir()?)
}

/// The tree of an unpacked MySQL, fetched if it is not there yet.
pub(crate) fn unpacked_mysql() -> Result<PathBuf> {
    let cache = cache_dir()?;
    if unpacked::find(&cache).is_none() {
        unpacked::install(&cache)?;
    }
    Ok(unpacked::tree(&cache))
}

/// A server that can be used: on PATH, in /usr/sbin (which is not on every user's PATH), or unpacked earlier.
fn find_mysqld(wanted: Option<Family>) -> Option<PathBuf> {
    let unpacked = cache_dir().ok().and_then(|cache| unpacked::find(&cache));
    let all = [find("mysqld"), find("mariadbd"), unpacked];
    // Asked for its version only when it matters: it may be slow to start on a busy machine.
    all.into_iter().flatten().find(|path| wanted.is_none() || family_of(path) == wanted)
}

fn family_of(mysqld: &Path) -> Option<Family> {
    let out = Command::new(mysqld).args(["--no-defaults", "--version"]).output().ok()?;
    // MariaDB's installer wants this program, which is in another package.
    let complete = |family: &Family| *family == Family::MySql || find("my_print_defaults").is_some();
    family_in(&String::from_utf8_lossy(&out.stdout)).filter(complete)
}

/// Reads what `mysqld --version` prints.
fn family_in(text: &str) -> Option<Family> {
    text.contains("Ver ").then(|| if text.contains("MariaDB") { Family::MariaDb } else { Family::MySql })
}

/// A program on PATH or in the directories of the system's own servers.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<PathBuf> = env::split_paths(&path).collect();
    dirs.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    dirs.iter().map(|dir| dir.join(program)).find(|p| p.is_file())
}

/// A module of Python's.
fn find_module(name: &str) -> Option<PathBuf> {
    let print = format!("import {name}; print({name}.__file__)");
    let out = std::process::Command::new("python3").args(["-c", &print]).output().ok()?;
    out.status.success().then(|| PathBuf::from(String::from_utf8_lossy(&out.stdout).trim()))
}

/// A file that compilers include: in the system's folders, or beside a protoc that was unpacked somewhere.
fn find_include(file: &str) -> Option<PathBuf> {
    let beside_protoc = find("protoc").and_then(|p| Some(p.parent()?.parent()?.join("include")));
    let system = ["/usr/include", "/usr/local/include"].map(PathBuf::from);
    system.into_iter().chain(beside_protoc).map(|dir| dir.join(file)).find(|p| p.is_file())
}

/// `$XDG_CACHE_HOME/vivace`, by default `~/.cache/vivace`.
pub(crate) fn cache_dir() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .map(|dir| dir.join("vivace"))
        .ok_or_else(|| "neither XDG_CACHE_HOME nor HOME is set: where is the cache folder?".to_owned())
}

/// Runs a command; its output is shown only when it fails.
pub(crate) fn quietly(what: &str, command: &mut Command) -> Result<()> {
    let out = command.output().map_err(|e| format!("{what}: cannot run {command:?}: {e}"))?;
    if out.status.success() {
        return Ok(());
    }
    let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    let lines: Vec<&str> = stdout.lines().chain(stderr.lines()).collect();
    let last = lines[lines.len().saturating_sub(15)..].join("\n  ");
    Err(format!("{what} failed ({}): {command:?}\n  {last}", out.status))
}

/// A command that runs as root.
pub(crate) fn as_root(program: &str) -> Command {
    match am_root() {
        true => Command::new(program),
        false => {
            let mut command = Command::new("sudo");
            command.arg(program);
            command
        }
    }
}

fn am_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.trim_ascii() == b"0")
}

#[allow(clippy::print_stdout)]
fn say(text: &str) {
    println!("setup: {text}");
}

#[cfg(test)]
mod tests;
