//! What `vtlocal` says of itself, and of a command line that is wrong.

use std::path::Path;

use testkit::program::{check_faults, check_help, check_version};

const PROGRAM: &str = env!("CARGO_BIN_EXE_vtlocal");

#[test]
fn the_command_line() {
    check_help(PROGRAM, &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/help.txt"));
    check_version(PROGRAM);
    check_faults(
        PROGRAM,
        &["up", "--replicas=many", "--keyspace=customer", "--no-such-flag", "--base-port=70000"],
        &["many", "expected NAME=SHARDS", "--no-such-flag", "70000"],
    );
    check_faults(PROGRAM, &["start"], &["start"]);
    check_faults(PROGRAM, &[], &["Usage: vtlocal <COMMAND>", "up"]);
}
