//! `vttablet`: see the library.

/// A query allocates some fifty times, and its task in larger pieces, at which glibc's allocator is slow.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    servenv::run_checked(
        "vttablet",
        |options: &vttablet::Options| &options.server,
        |options| options.validate().map(drop),
        vttablet::start,
    )
}
