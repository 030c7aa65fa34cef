//! `bench-scale`: the failure detector and a gate's view over thousands of made-up tablets; prints tables and writes
//! `target/bench/scale.json`.

use std::process::ExitCode;

fn main() -> ExitCode {
    servenv::run_tool("bench-scale", |options: bench::scale::Options| async move {
        bench::scale::run(&options).await
    })
}
