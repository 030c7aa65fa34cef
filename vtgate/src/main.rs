//! The `vtgate` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    servenv::run("vtgate", |options: &vtgate::Options| &options.server, vtgate::start)
}
