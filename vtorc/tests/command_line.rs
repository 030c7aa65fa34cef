//! What `vtorc` says of itself, and of a command line that is wrong.

use std::path::Path;

use testkit::program::{check_faults, check_help, check_version};

const PROGRAM: &str = env!("CARGO_BIN_EXE_vtorc");

#[test]
fn the_command_line() {
    check_help(PROGRAM, &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/help.txt"));
    check_version(PROGRAM);
    check_faults(
        PROGRAM,
        &[
            "--no-such-flag",
            "--instance-poll-time=soon",
            "--clusters-to-watch=ks/80-40",
            "--discovery-workers=0",
        ],
        &["--no-such-flag", "soon", "--clusters-to-watch", "--discovery-workers"],
    );
}
