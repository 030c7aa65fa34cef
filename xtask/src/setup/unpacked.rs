//! MySQL from Debian's unstable packages, unpacked beside the system instead of installed into it.
//!
//! `debootstrap` fetches the server with all the libraries it needs into `CACHE/mysql-unstable/root`; small
//! scripts in `CACHE/mysql-unstable/bin` run its programs with its own loader and libraries, so that
//! everything else can treat them as an ordinary `mysqld` and `mysql`.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::{am_root, apt, as_root, find as find_program, quietly, say};
use crate::Result;

const FOLDER: &str = "mysql-unstable";

/// Flags that tell the server where it lies now. They come last: an option given twice counts the last time,
/// and `--defaults-file` has to come first.
const MYSQLD_FLAGS: &str = "--basedir=\"$root/usr\" --lc-messages-dir=\"$root/usr/share/mysql\" \
                            --plugin-dir=\"$root/usr/lib/mysql/plugin\" --secure-file-priv=";

/// The folder in `root/usr`, the program's name and the flags it gets.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("sbin", "mysqld", MYSQLD_FLAGS),
    ("bin", "mysql", ""),
    ("bin", "mysqladmin", ""),
    ("bin", "mysqlbinlog", ""),
    ("bin", "mysqldump", ""),
];

/// The wrapper of an unpacked server, if it is complete.
fn find_wrapper(folder: &Path) -> Option<PathBuf> {
    let wrapper = folder.join("bin/mysqld");
    (wrapper.is_file() && folder.join("root/usr/sbin/mysqld").is_file()).then_some(wrapper)
}

/// The server that `install` unpacked below `cache` earlier.
pub fn find(cache: &Path) -> Option<PathBuf> {
    find_wrapper(&cache.join(FOLDER))
}

/// Where the server's files lie below `cache`: the root of a small Debian.
pub fn tree(cache: &Path) -> PathBuf {
    cache.join(FOLDER).join("root")
}

/// Fetches and unpacks the server; the path of its wrapper.
pub fn install(cache: &Path) -> Result<PathBuf> {
    let folder = cache.join(FOLDER);
    if find_program("debootstrap").is_none() {
        apt::install(&["debootstrap"])?;
    }
    let loader = loader()?;
    let partial = folder.join("root.partial");
    // What an interrupted run left behind.
    quietly("removing an unfinished download", as_root("rm").arg("-rf").arg(&partial))?;
    fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    say(&format!("fetching MySQL from Debian's unstable packages into {} (about 30 s)", folder.display()));
    quietly(
        "unpacking MySQL",
        as_root("debootstrap")
            .args(["--variant=minbase", "--include=mysql-server-core,mysql-client-core", "sid"])
            .arg(&partial),
    )?;
    quietly(
        "removing the downloaded archives",
        as_root("rm").arg("-rf").arg(partial.join("var/cache/apt")).arg(partial.join("var/lib/apt/lists")),
    )?;
    if !am_root() {
        let owner = env::var("USER").map_err(|_| "USER is not set: whose shall the files be?".to_owned())?;
        quietly("giving you the files", as_root("chown").arg("-R").arg(owner).arg(&partial))?;
    }
    let root = folder.join("root");
    quietly("removing the old server", as_root("rm").arg("-rf").arg(&root))?;
    fs::rename(&partial, &root).map_err(|e| format!("cannot rename to {}: {e}", root.display()))?;
    write_wrappers(&folder, &loader)?;
    find_wrapper(&folder).ok_or_else(|| format!("the unpacked packages in {} have no mysqld", root.display()))
}

/// The loader's path inside the tree and the folder of its libraries, by machine.
fn loader() -> Result<(&'static str, &'static str)> {
    match env::consts::ARCH {
        "x86_64" => Ok(("usr/lib64/ld-linux-x86-64.so.2", "usr/lib/x86_64-linux-gnu")),
        "aarch64" => Ok(("usr/lib/ld-linux-aarch64.so.1", "usr/lib/aarch64-linux-gnu")),
        other => Err(format!("no MySQL is unpacked for {other}: install a mysqld so that it is on PATH")),
    }
}

fn write_wrappers(folder: &Path, loader: &(&str, &str)) -> Result<()> {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).map_err(|e| format!("cannot make {}: {e}", bin.display()))?;
    for (dir, program, flags) in PROGRAMS {
        let path = bin.join(program);
        let write = || -> std::io::Result<()> {
            fs::write(&path, wrapper(loader, dir, program, flags))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
        };
        write().map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    }
    Ok(())
}

fn wrapper((loader, libraries): &(&str, &str), dir: &str, program: &str, flags: &str) -> String {
    format!(
        "#!/bin/sh\n\
         # Runs the unpacked {program} in place, with its own loader and libraries.\n\
         # Written by `cargo xtask setup`.\n\
         root=$(dirname \"$(dirname \"$(readlink -f \"$0\")\")\")/root\n\
         exec \"$root/{loader}\" --library-path \"$root/{libraries}\" \"$root/usr/{dir}/{program}\" \"$@\" {flags}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapper_puts_the_caller_s_flags_first() {
        let text = wrapper(&("usr/lib64/ld.so", "usr/lib/x"), "sbin", "mysqld", MYSQLD_FLAGS);
        let exec = text.lines().last().unwrap();
        assert!(exec.find("\"$@\"").unwrap() < exec.find("--basedir").unwrap(), "{exec}");
        assert!(
            exec.starts_with("exec \"$root/usr/lib64/ld.so\" --library-path \"$root/usr/lib/x\""),
            "{exec}"
        );
    }
}
