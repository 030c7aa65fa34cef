//! The `vtgate` program.

use std::process::ExitCode;

/// A query allocates some fifty times, and its task in larger pieces, at which glibc's allocator is slow.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    servenv::run("vtgate", |options: &vtgate::Options| &options.server, vtgate::start)
}
