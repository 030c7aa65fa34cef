//! The failure detector and repairer.

use std::process::ExitCode;

fn main() -> ExitCode {
    servenv::run_checked(
        "vtorc",
        |options: &vtorc::Options| &options.server,
        |options| options.validate().map(drop),
        vtorc::start,
    )
}
