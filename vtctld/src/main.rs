//! The control plane's server.

use std::process::ExitCode;

fn main() -> ExitCode {
    servenv::run_checked(
        "vtctld",
        |options: &vtctld::Options| &options.server,
        |options| options.validate().map(drop),
        vtctld::start,
    )
}
