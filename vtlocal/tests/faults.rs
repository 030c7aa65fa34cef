//! What `vtlocal up` does when a part cannot be started: says which, names its log, leaves nothing running.
//! etcd and the mysqlds are real; our own programs are scripts that do what the case needs.

// The helpers of a test fail the test.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

fn script(dir: &Path, name: &str, body: &str) {
    let path = dir.join(name);
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn programs(dir: &Path) {
    script(dir, "vtctldclient", "exit 0");
    for name in ["vtctld", "mysqlctld", "vttablet", "vtgate", "vtorc"] {
        script(dir, name, &format!("echo '{name} cannot find its feet' >&2; exit 3"));
    }
}

fn vtlocal(args: &[&str], dir: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vtlocal")).args(args).env("VTDATAROOT", dir).output().unwrap()
}

/// Whether any process of this machine has `text` in its command line.
fn somebody_runs_with(text: &str) -> bool {
    fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let own = entry.file_name().to_string_lossy() == std::process::id().to_string();
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        !own && String::from_utf8_lossy(&line).contains(text)
    })
}

#[test]
fn a_program_that_dies_is_named_with_its_log_and_nothing_is_left() {
    let dir = testkit::temp_dir();
    let (bin, data) = (dir.path().join("bin"), dir.path().join("data"));
    fs::create_dir(&bin).unwrap();
    programs(&bin);
    let port = testkit::free_ports(20).to_string();
    let flags =
        ["--keyspace", "ks=1", "--replicas", "0", "--base-port", &port, "--bin-dir", bin.to_str().unwrap()];
    let out = vtlocal(&[&["up"][..], &flags].concat(), &data);
    let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert_eq!(out.status.code(), Some(1), "{stdout}\n{stderr}");
    assert!(stdout.contains("etcd up") && stdout.contains("mysqlds are up"), "{stdout}\n{stderr}");
    assert!(stderr.contains("vtctld ended while starting (exit status: 3)"), "{stderr}");
    assert!(stderr.contains("data/logs/vtctld.log") && stderr.contains("cannot find its feet"), "{stderr}");
    assert!(!somebody_runs_with(&data.display().to_string()), "something still runs");
    assert!(!data.join("vt_0000000100").exists(), "half a tablet was left");
    // Nothing runs, so there is nothing to stop, and the rest can be removed.
    assert!(vtlocal(&["down"], &data).status.success());
    assert!(vtlocal(&["clean"], &data).status.success());
    assert!(!data.exists());
}

#[test]
fn ports_that_are_taken_are_all_named_before_anything_starts() {
    let dir = testkit::temp_dir();
    let (bin, data) = (dir.path().join("bin"), dir.path().join("data"));
    fs::create_dir(&bin).unwrap();
    programs(&bin);
    let base = testkit::free_ports(20);
    let _etcd = TcpListener::bind(("127.0.0.1", base)).unwrap();
    let _mysql = TcpListener::bind(("127.0.0.1", base + 6)).unwrap();
    let out = vtlocal(
        &["up", "--keyspace", "ks=1", "--base-port", &base.to_string(), "--bin-dir", bin.to_str().unwrap()],
        &data,
    );
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&format!("port {base} (etcd client)")), "{stderr}");
    assert!(stderr.contains(&format!("port {} (vtgate mysql)", base + 6)), "{stderr}");
    assert!(!data.exists(), "something was started");
}

#[test]
fn missing_programs_are_all_named() {
    let dir = testkit::temp_dir();
    let bin = dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let out = vtlocal(&["up", "--bin-dir", bin.to_str().unwrap()], &dir.path().join("data"));
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{stderr}");
    for program in ["vtctld", "mysqlctld", "vttablet", "vtgate", "vtorc", "vtctldclient"] {
        assert!(stderr.contains(&format!("bin/{program} ")), "{stderr}");
    }
}

#[test]
fn commands_without_a_cluster_say_so() {
    let dir = testkit::temp_dir();
    for command in ["status", "sql"] {
        let out = vtlocal(&[command], dir.path());
        assert_eq!(out.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&out.stderr).contains("no cluster"), "{command}");
    }
    // A directory that is not ours is not removed.
    assert_eq!(vtlocal(&["clean"], dir.path()).status.code(), Some(1));
    assert!(dir.path().exists());
}
