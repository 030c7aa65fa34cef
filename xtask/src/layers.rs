//! Who may import whom. Kept from `ARCHITECTURE.md`: imports go downwards only, no service imports a service,
//! and the pure crates have nothing of runtimes, networks, clocks or files below them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use serde_json::Value;

use crate::Result;

/// Every crate of the workspace with its layer and its place in it. A crate may import crates of lower layers,
/// and of its own layer those of a lower place.
const LAYERS: &[(u8, &[&[&str]])] = &[
    (7, &[&["vtlocal", "xtask"], &["e2e", "bench", "difftest"], &["chaos"]]),
    (6, &[&["vtgate", "vttablet", "vtctld", "vtorc", "vtctlclient", "vtexplain"]]),
    (5, &[&["planner", "mysqlctl", "reparent"], &["ops"]]),
    (4, &[&["eval", "vschema", "discovery"]]),
    (3, &[&["sqlast", "mysqlwire", "topo", "tabletclient", "querylog", "tracer"], &["collector"]]),
    (2, &[&["secrets", "authority"], &["vtmodel", "sqltypes", "servenv", "rpc"]]),
    (1, &[&["vterrors"]]),
    (0, &[&["proto", "testkit"]]),
];

/// Whose own dependencies must stay free of I/O.
const PURE: &[&str] = &["vterrors", "vtmodel", "sqltypes", "sqlast", "eval", "vschema", "planner"];

/// What must not be below a pure crate: runtimes, network, TLS, file watchers, clocks with a thread.
const IMPURE: &[&str] = &[
    "tokio",
    "tonic",
    "hyper",
    "hyper-util",
    "h2",
    "mio",
    "socket2",
    "axum",
    "tower",
    "rustls",
    "ring",
    "etcd-client",
    "mysql_async",
    "async-std",
    "smol",
    "reqwest",
    "tempfile",
    "notify",
    "nix",
];

/// A crate of ours and the crates of ours that it imports, tests aside.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// Runs both checks on the workspace at `root`.
pub fn run(root: &Path) -> Result<()> {
    let metadata = cargo(root, &["metadata", "--format-version", "1", "--no-deps"])?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|e| format!("cargo metadata: {e}"))?;
    let imports = imports(&metadata)?;
    let mut faults = check_layers(&imports);
    for pure in PURE.iter().filter(|p| imports.contains_key(**p)) {
        let tree = cargo(root, &["tree", "-p", pure, "-e", "normal", "--prefix", "none", "-f", "{p}"])?;
        faults.extend(check_pure(pure, &tree));
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(format!("layers:\n  {}", faults.join("\n  "))),
    }
}

fn cargo(root: &Path, args: &[&str]) -> Result<String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(program)
        .args(args)
        .current_dir(root)
        .output()
        .map_err(|e| format!("cannot run cargo: {e}"))?;
    match out.status.success() {
        true => Ok(String::from_utf8_lossy(&out.stdout).into_owned()),
        false => Err(format!("cargo {}: {}", args.join(" "), String::from_utf8_lossy(&out.stderr).trim())),
    }
}

fn imports(metadata: &Value) -> Result<Imports> {
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let name = |v: &Value| v["name"].as_str().unwrap_or_default().to_owned();
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    Ok(packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().cloned().unwrap_or_default();
            let imported = dependencies
                .iter()
                .filter(|d| d["kind"].as_str() != Some("dev"))
                .map(name)
                .filter(|d| ours.contains(d))
                .collect();
            (name(package), imported)
        })
        .collect())
}

/// Layer and place within it; higher may import lower.
fn rank(name: &str) -> Option<(u8, usize)> {
    LAYERS.iter().find_map(|(layer, places)| {
        places.iter().position(|crates| crates.contains(&name)).map(|place| (*layer, place))
    })
}

fn check_layers(imports: &Imports) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, imported) in imports {
        let Some(own) = rank(name) else {
            faults.push(format!("{name} has no layer: give it one in xtask/src/layers.rs"));
            continue;
        };
        for other in imported {
            match rank(other) {
                Some(rank) if rank >= own && rank.0 == own.0 => {
                    faults.push(format!("{name} imports {other}, its peer in layer {}", own.0));
                }
                Some(rank) if rank >= own => {
                    faults.push(format!(
                        "{name} (layer {}) imports {other} (layer {}): upwards",
                        own.0, rank.0
                    ));
                }
                _ => {}
            }
        }
    }
    faults
}

/// `tree` is what `cargo tree --prefix none -f {p}` prints: a package a line.
fn check_pure(name: &str, tree: &str) -> Vec<String> {
    let packages: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    IMPURE
        .iter()
        .filter(|bad| packages.contains(**bad))
        .map(|bad| {
            format!("{name} is pure, but {bad} is among its dependencies (cargo tree -p {name} -i {bad})")
        })
        .collect()
}

#[cfg(test)]
mod tests;
