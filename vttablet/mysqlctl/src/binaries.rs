//! Which mysqld is run, and what it is.
//!
//! Looked for in this order: `$VT_MYSQL_ROOT/{sbin,bin,libexec}`, PATH, `/usr/sbin`, then the servers that
//! `cargo xtask setup` unpacked into the user's cache folder. Within one place MySQL comes before MariaDB.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use vterrors::{Condition, Error, Result};

use crate::flavor::{FlavorKind, ServerVersion};

/// A server program that was found and asked for its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    pub mysqld: PathBuf,
    pub version: ServerVersion,
}

/// Where to look; read from the environment once, in a main.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchPath(pub Vec<PathBuf>);

impl SearchPath {
    /// See the module.
    pub fn from_env() -> Self {
        Self::from_values(
            env::var_os("VT_MYSQL_ROOT").as_deref(),
            env::var_os("PATH").as_deref(),
            env::var_os("XDG_CACHE_HOME").as_deref(),
            env::var_os("HOME").as_deref(),
        )
    }

    fn from_values(
        root: Option<&OsStr>,
        path: Option<&OsStr>,
        cache: Option<&OsStr>,
        home: Option<&OsStr>,
    ) -> Self {
        let mut dirs = Vec::new();
        if let Some(root) = root.map(Path::new) {
            dirs.extend(["sbin", "bin", "libexec"].map(|d| root.join(d)));
        }
        dirs.extend(path.into_iter().flat_map(env::split_paths));
        dirs.push("/usr/sbin".into());
        let cache = cache
            .filter(|c| !c.is_empty())
            .map(PathBuf::from)
            .or_else(|| home.map(|h| Path::new(h).join(".cache")));
        if let Some(cache) = cache {
            dirs.push(cache.join("vivace/mysql-unstable/bin"));
        }
        Self(dirs)
    }

    /// The first file with one of these names.
    pub fn find(&self, names: &[&str]) -> Option<PathBuf> {
        self.0.iter().flat_map(|dir| names.iter().map(move |n| dir.join(n))).find(|p| p.is_file())
    }

    /// All files with one of these names, each once, in order.
    fn all(&self, names: &[&str]) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = Vec::new();
        for path in self.0.iter().flat_map(|dir| names.iter().map(move |n| dir.join(n))) {
            if path.is_file() && !found.contains(&path) {
                found.push(path);
            }
        }
        found
    }
}

impl Binaries {
    /// The first mysqld of the wanted family, of any when `None`.
    ///
    /// Errors: none found, with the places looked at and what was found instead.
    pub fn find(search: &SearchPath, want: Option<FlavorKind>) -> Result<Self> {
        let mut seen = Vec::new();
        let mut mariadb = None;
        for mysqld in search.all(&["mysqld", "mariadbd"]) {
            match version_of(&mysqld) {
                Ok(version) if want == Some(version.kind) => return Ok(Self { mysqld, version }),
                Ok(version) if want.is_none() && version.kind == FlavorKind::MySql => {
                    return Ok(Self { mysqld, version });
                }
                Ok(version) => {
                    seen.push(format!("{} is {version}", mysqld.display()));
                    if want.is_none() {
                        mariadb.get_or_insert(Self { mysqld, version });
                    }
                }
                Err(e) => seen.push(e.to_string()),
            }
        }
        mariadb.ok_or_else(|| {
            let wanted = want.map_or("mysqld".to_owned(), |k| format!("mysqld of {k}"));
            let places: Vec<String> = search.0.iter().map(|p| p.display().to_string()).collect();
            Error::new(
                Condition::NotFound,
                format!(
                    "no {wanted} found in {}{}{}; `cargo xtask setup` installs one",
                    places.join(":"),
                    if seen.is_empty() { "" } else { "; " },
                    seen.join("; ")
                ),
            )
        })
    }
}

/// Asks a program for its version.
pub fn version_of(mysqld: &Path) -> Result<ServerVersion> {
    let out = Command::new(mysqld)
        .arg("--no-defaults")
        .arg("--version")
        .output()
        .map_err(|e| Error::internal(format!("cannot run {} --version: {e}", mysqld.display())))?;
    let text = String::from_utf8_lossy(&out.stdout);
    if !out.status.success() {
        return Err(Error::internal(format!(
            "{} --version failed ({}): {}",
            mysqld.display(),
            out.status,
            String::from_utf8_lossy(&out.stderr).trim()
        )));
    }
    text.trim().parse()
}

#[cfg(test)]
mod tests;
