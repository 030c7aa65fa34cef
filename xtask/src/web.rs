//! vtctld's web pages: built with the distribution's Node where there is one, and left out where there is none.
//!
//! Pages that are newer than their sources are not built again. `--or-without` never fails for want of Node or of
//! packages: vtctld is built all the same, and says on its page what is missing.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use crate::{
    Result,
    setup::{apt, find, quietly},
};

/// The oldest Node that the pages' tools run on: Debian 12's.
const OLDEST_NODE: u32 = 18;

/// What the pages are made of, below `web/`.
const SOURCES: &[&str] =
    &["src", "public", "index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"];

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The pages.
    Pages,
    /// The pages if they can be had.
    PagesOrNone,
    /// The pages, and a browser to test them with.
    PagesAndBrowser,
    /// Only the types checked, if Node can be had.
    Checked,
}

impl Wanted {
    pub fn parse(flags: &[&str]) -> Result<Self> {
        match flags {
            [] => Ok(Self::Pages),
            ["--or-without"] => Ok(Self::PagesOrNone),
            ["--with-browser"] => Ok(Self::PagesAndBrowser),
            ["--check"] => Ok(Self::Checked),
            other => Err(format!("web: unknown flags {}", other.join(" "))),
        }
    }
}

/// Sees to what is wanted, in the checkout at `root`.
pub fn run(root: &Path, wanted: Wanted) -> Result<()> {
    let web = root.join("web");
    let done = match wanted {
        Wanted::Pages | Wanted::PagesOrNone => build(&web),
        Wanted::PagesAndBrowser => build(&web).and_then(|()| packages(&web)).and_then(|()| browser()),
        Wanted::Checked => packages(&web),
    };
    match (wanted, done) {
        (Wanted::Checked, Ok(())) => npm(&web, "checking the types of the web pages", &["run", "check"]),
        (Wanted::PagesOrNone | Wanted::Checked, Err(e)) => {
            say(&format!("going on without the web pages: {e}"));
            Ok(())
        }
        (_, done) => done,
    }
}

fn build(web: &Path) -> Result<()> {
    let built = modified(&web.join("dist/index.html"));
    if built.is_some() && newest(web) <= built {
        say("the web pages are up to date");
        return Ok(());
    }
    packages(web)?;
    say("building the web pages");
    npm(web, "building the web pages", &["run", "build"])
}

/// The packages of package-lock.json, if they are not there yet.
fn packages(web: &Path) -> Result<()> {
    node()?;
    let installed = modified(&web.join("node_modules/.package-lock.json"));
    if installed.is_some() && modified(&web.join("package-lock.json")) <= installed {
        return Ok(());
    }
    say("installing the web pages' packages");
    npm(web, "npm ci", &["ci", "--no-audit", "--no-fund"])
}

/// Finds Node and npm, or installs the distribution's.
fn node() -> Result<()> {
    if find("node").is_none() || find("npm").is_none() {
        if !apt::is_there() {
            return Err(format!("Node {OLDEST_NODE} or newer and npm are not on PATH"));
        }
        apt::install(&["nodejs", "npm"])?;
    }
    let out = Command::new("node").arg("--version").output().map_err(|e| format!("node --version: {e}"))?;
    let text = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    match major(&text) {
        Some(major) if major >= OLDEST_NODE => Ok(()),
        _ => Err(format!("node is {text}: the web pages need {OLDEST_NODE} or newer")),
    }
}

/// `v18.20.4` -> 18.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Debian's Chromium; another one where CHROMIUM names it.
fn browser() -> Result<()> {
    if env::var_os("CHROMIUM").is_some() || find("chromium").is_some() {
        return Ok(());
    }
    if !apt::is_there() {
        return Err("there is no chromium on PATH: CHROMIUM=... names one elsewhere".to_owned());
    }
    apt::install(&["chromium", "fonts-dejavu-core"])
}

fn npm(web: &Path, what: &str, args: &[&str]) -> Result<()> {
    quietly(what, Command::new("npm").args(args).current_dir(web))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

/// When the sources were changed last.
fn newest(web: &Path) -> Option<SystemTime> {
    let mut paths: Vec<PathBuf> = SOURCES.iter().map(|source| web.join(source)).collect();
    let mut newest = None;
    while let Some(path) = paths.pop() {
        newest = newest.max(modified(&path));
        // Not a folder: nothing below it.
        let below = fs::read_dir(&path).into_iter().flatten();
        paths.extend(below.filter_map(|entry| Some(entry.ok()?.path())));
    }
    newest
}

#[allow(clippy::print_stdout)]
fn say(text: &str) {
    println!("web: {text}");
}

#[cfg(test)]
mod tests {
    use super::{Wanted, major};

    #[test]
    fn versions_and_flags_are_read() {
        assert_eq!(
            (major("v18.20.4"), major("v20.0.0"), major("18"), major("")),
            (Some(18), Some(20), None, None)
        );
        assert_eq!(Wanted::parse(&[]), Ok(Wanted::Pages));
        assert_eq!(Wanted::parse(&["--with-browser"]), Ok(Wanted::PagesAndBrowser));
        assert!(Wanted::parse(&["--now"]).is_err());
    }
}
