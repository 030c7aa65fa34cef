//! The two programs as scripts see them: exit codes, stdout and stderr.

use std::{
    path::Path,
    process::{Command, Output},
};

use testkit::program::{check_faults, check_help, check_version};

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vtctldclient")).args(args).output().expect("runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const MEMORY: [&str; 4] = ["--server", "internal", "--topo_implementation", "memory"];

#[test]
fn the_command_line() {
    let program = env!("CARGO_BIN_EXE_vtctldclient");
    check_help(program, &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/help.txt"));
    for program in [program, env!("CARGO_BIN_EXE_vtctlclient")] {
        check_version(program);
        check_faults(program, &[], &["Usage: vtctl", "GetKeyspaces"]);
        check_faults(
            program,
            &["PlannedReparentShard", "ks", "--new-primary=x", "--no-such-flag", "--action-timeout=soon"],
            &["expected <keyspace>/<shard>", "invalid tablet alias \"x\"", "--no-such-flag", "soon"],
        );
    }
}

#[test]
fn answers_are_alone_on_stdout() {
    let out = run(&[&MEMORY[..], &["GetKeyspaces"]].concat());
    assert!(out.status.success(), "{}", text(&out.stderr));
    assert_eq!((text(&out.stdout).as_str(), text(&out.stderr).as_str()), ("[]\n", ""));
}

#[test]
fn errors_are_on_stderr_with_exit_code_1() {
    for (args, words) in [
        (&["GetKeyspace", "none"][..], &["node doesn't exist", "none"][..]),
        (&["InitShardMaster", "ks/0", "zone1-1"], &["InitShardPrimary"]),
        (&["NoSuchCommand"], &["NoSuchCommand"]),
        (&["GetKeyspaces", "--one", "--two"], &["--one", "--two"]),
    ] {
        let out = run(&[&MEMORY[..], args].concat());
        assert_eq!((out.status.code(), text(&out.stdout).as_str()), (Some(1), ""), "{args:?}");
        for word in words {
            assert!(text(&out.stderr).contains(word), "{args:?}: {}", text(&out.stderr));
        }
    }
}
