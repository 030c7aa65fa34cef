//! `vtlocal`: a whole cluster on one machine.

use std::process::ExitCode;

use vtlocal::options::{Cli, Command};

fn main() -> ExitCode {
    servenv::run_tool("vtlocal", |cli: Cli| async move {
        match cli.command {
            Command::Up(options) => vtlocal::up::run(&options).await,
            Command::Status(dir) => vtlocal::status::run(&dir).await,
            Command::Down(dir) => vtlocal::down::run(&dir).await,
            Command::Clean(dir) => vtlocal::down::clean(&dir).await,
            Command::Sql(options) => vtlocal::sql::run(&options).await,
        }
    })
}
