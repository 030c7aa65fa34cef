//! `cargo xtask planted-bugs`: shows that the differential tests find faults, by planting some.
//!
//! Each patch of `e2e/difftest/planted/` breaks vtgate in one way that its first line tells. One after another
//! they are applied to a git worktree outside of the checkout, vtgate is built there, and `difftest` of the checkout
//! runs against it until a difference shows or its statements end. Before them runs vtgate without a patch: what
//! differs there would be found in every row.
//!
//! What must hold: the checkout is not touched; the cluster is started once and used for all; the worktree is put
//! back after each patch, so that one bug is in at a time.

mod table;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::Result;
use table::Row;

/// Generated statements of a bug, before the suite comes: seeds and statements of each.
const SEEDS: u32 = 16;
const STATEMENTS: u32 = 250;

/// What the flags say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Only patches whose names have one of these in them; all of them where there is none.
    pub only: Vec<String>,
    /// Where the worktree, its build and the cluster are; they stay there for the next time.
    pub dir: Option<PathBuf>,
    /// Number of seeds, instead of [`SEEDS`].
    pub seeds: Option<u32>,
}

impl Options {
    pub fn parse(flags: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        let mut rest = flags;
        while let [flag, value, after @ ..] = rest {
            match *flag {
                "--only" => options.only.extend(value.split(',').map(str::to_owned)),
                "--dir" => options.dir = Some(PathBuf::from(value)),
                "--seeds" => {
                    let number =
                        value.parse().map_err(|_| format!("--seeds takes a number, not {value:?}"))?;
                    options.seeds = Some(number);
                }
                other => return Err(format!("planted-bugs: unknown flag {other}")),
            }
            rest = after;
        }
        match rest {
            [] => Ok(options),
            [flag, ..] => Err(format!("planted-bugs: {flag} wants a value")),
        }
    }
}

/// A patch and what it breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bug {
    name: String,
    breaks: String,
    patch: PathBuf,
}

/// Where things are.
struct Place {
    /// The patched sources.
    tree: PathBuf,
    /// What is built of them.
    target: PathBuf,
    /// The cluster's data.
    cluster: PathBuf,
    difftest: PathBuf,
    seeds: u32,
}

/// Plants and finds; an error when a bug is not found.
#[allow(clippy::print_stdout)]
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let bugs: Vec<Bug> = bugs(&root.join("e2e/difftest/planted"))?
        .into_iter()
        .filter(|bug| options.only.is_empty() || options.only.iter().any(|part| bug.name.contains(part)))
        .collect();
    if bugs.is_empty() {
        return Err(format!("no patch has one of {:?} in its name", options.only));
    }
    let place = place(root, options)?;
    prepare(root, &place)?;
    println!("{}", table::HEAD);
    let control = look(&place, "(none)", "nothing: vtgate as it is");
    let clean = matches!(&control, Ok(row) if !row.is_found());
    print_row(&control)?;
    let mut missed = Vec::new();
    if clean {
        for bug in &bugs {
            let row = plant(&place, bug);
            print_row(&row)?;
            if !matches!(&row, Ok(row) if row.is_found()) {
                missed.push(bug.name.clone());
            }
        }
    }
    run_difftest(&place, &["--down"])?;
    match (clean, missed.as_slice()) {
        (false, _) => Err("vtgate differs without a bug, too: see above".to_owned()),
        (true, []) => Ok(()),
        (true, missed) => Err(format!("not found: {}", missed.join(", "))),
    }
}

#[allow(clippy::print_stdout)]
fn print_row(row: &Result<Row>) -> Result<()> {
    match row {
        Ok(row) => println!("{row}"),
        Err(e) => println!("{e}"),
    }
    // The next row may take minutes: this one is to be seen now.
    std::io::Write::flush(&mut std::io::stdout()).map_err(|e| e.to_string())
}

fn bugs(dir: &Path) -> Result<Vec<Bug>> {
    let read = |e: std::io::Error| format!("{}: {e}", dir.display());
    let mut bugs = Vec::new();
    for entry in fs::read_dir(dir).map_err(read)? {
        let patch = entry.map_err(read)?.path();
        if patch.extension().is_none_or(|e| e != "patch") {
            continue;
        }
        let text = fs::read_to_string(&patch).map_err(|e| format!("{}: {e}", patch.display()))?;
        let breaks = text.lines().next().and_then(|line| line.strip_prefix("Breaks: "));
        let breaks = breaks.ok_or_else(|| format!("{}: no line `Breaks: ...`", patch.display()))?;
        let name = patch.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        bugs.push(Bug { name, breaks: breaks.to_owned(), patch });
    }
    bugs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(bugs)
}

fn place(root: &Path, options: &Options) -> Result<Place> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    let dir = options.dir.clone().or_else(|| Some(cache?.join("vivace/planted")));
    let dir = dir.ok_or("no place to work in: set HOME or give --dir")?;
    fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let dir = dir.canonicalize().map_err(|e| format!("{}: {e}", dir.display()))?;
    let built = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let difftest = built.join("debug/difftest");
    if !difftest.is_file() {
        return Err(format!("no {}: run `cargo build --workspace --bins` first", difftest.display()));
    }
    let seeds = options.seeds.unwrap_or(SEEDS);
    let cluster = dir.join("cluster");
    Ok(Place { tree: dir.join("tree"), target: dir.join("target"), cluster, difftest, seeds })
}

/// A worktree of what is committed.
fn prepare(root: &Path, place: &Place) -> Result<()> {
    let head = done(Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root))?;
    let head = String::from_utf8_lossy(&head.stdout).trim().to_owned();
    if place.tree.join(".git").exists() {
        put_back(place)?;
        done(Command::new("git").args(["checkout", "--quiet", "--detach", &head]).current_dir(&place.tree))?;
        return Ok(());
    }
    // One that was removed by hand is forgotten first.
    done(Command::new("git").args(["worktree", "prune"]).current_dir(root))?;
    let tree = place.tree.as_os_str();
    let add = ["worktree", "add", "--quiet", "--detach"];
    done(Command::new("git").args(add).arg(tree).arg(&head).current_dir(root)).map(|_| ())
}

fn put_back(place: &Place) -> Result<()> {
    done(Command::new("git").args(["reset", "--quiet", "--hard"]).current_dir(&place.tree)).map(|_| ())
}

fn plant(place: &Place, bug: &Bug) -> Result<Row> {
    let apply = ["apply", "-C1", "--recount"];
    let row = done(Command::new("git").args(apply).arg(&bug.patch).current_dir(&place.tree))
        .and_then(|_| look(place, &bug.name, &bug.breaks));
    put_back(place)?;
    row.map_err(|e| format!("{}: {e}", bug.name))
}

/// Builds vtgate as it lies in the worktree, and lets difftest look for a difference.
fn look(place: &Place, name: &str, breaks: &str) -> Result<Row> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    done(
        Command::new(cargo)
            .args(["build", "--quiet", "--package", "vtgate", "--bin", "vtgate", "--target-dir"])
            .arg(&place.target)
            // Half of the time of a build that is done for each bug.
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .current_dir(&place.tree),
    )?;
    let vtgate = place.target.join("debug/vtgate").display().to_string();
    let (seeds, statements) = (format!("1..{}", place.seeds), STATEMENTS.to_string());
    let args =
        ["--vtgate", &vtgate, "--first", "--seeds", &seeds, "--statements", &statements, "--show", "1"];
    let output = run_difftest(place, &args)?;
    let log = place.cluster.with_file_name(format!("{name}.log"));
    fs::write(&log, &output.stdout).map_err(|e| format!("{}: {e}", log.display()))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    match (output.status.success(), table::found(&stdout)) {
        (true, _) => Ok(Row { name: name.to_owned(), breaks: breaks.to_owned(), found: None }),
        (false, Some(found)) => {
            Ok(Row { name: name.to_owned(), breaks: breaks.to_owned(), found: Some(found) })
        }
        (false, None) => Err(format!("difftest: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

fn run_difftest(place: &Place, args: &[&str]) -> Result<Output> {
    Command::new(&place.difftest)
        .arg("--data-dir")
        .arg(&place.cluster)
        .args(args)
        .output()
        .map_err(|e| format!("{}: {e}", place.difftest.display()))
}

/// Runs a command that has to succeed.
fn done(command: &mut Command) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| format!("{name}: {e}"))?;
    match output.status.success() {
        true => Ok(output),
        false => Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_planted_bug_says_what_it_breaks() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../e2e/difftest/planted");
        let bugs = bugs(&dir).unwrap();
        assert!(bugs.len() >= 20, "{}", bugs.len());
        assert!(bugs.iter().all(|bug| bug.breaks.len() > 10), "{bugs:#?}");
    }

    /// A patch that the code has left behind would be found only by the next long run.
    #[test]
    fn every_planted_bug_can_be_planted() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for bug in bugs(&root.join("e2e/difftest/planted")).unwrap() {
            let check = ["apply", "--check", "-C1", "--recount"];
            let checked = done(Command::new("git").args(check).arg(&bug.patch).current_dir(&root));
            assert!(checked.is_ok(), "{}: {}", bug.name, checked.unwrap_err());
        }
    }

    #[test]
    fn flags_come_in_pairs() {
        let options = Options::parse(&["--only", "merge,lost", "--seeds", "3"]).unwrap();
        assert_eq!((options.only.concat().as_str(), options.seeds), ("mergelost", Some(3)));
        assert!(Options::parse(&["--only"]).is_err());
        assert!(Options::parse(&["--all", "1"]).is_err());
    }
}
