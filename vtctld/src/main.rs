//! The control plane's server.

use std::process::ExitCode;

fn main() -> ExitCode {
    servenv::run("vtctld", |options: &vtctld::Options| &options.server, vtctld::start)
}
