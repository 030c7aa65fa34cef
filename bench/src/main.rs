//! `bench-quick`: about two minutes; prints a table and writes `target/bench/latest.json`.

use std::process::ExitCode;

fn main() -> ExitCode {
    servenv::run_tool("bench-quick", |options: bench::quick::Options| async move {
        bench::quick::run(&options).await
    })
}
