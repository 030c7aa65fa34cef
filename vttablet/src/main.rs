//! `vttablet`: see the library.

fn main() -> std::process::ExitCode {
    servenv::run_checked(
        "vttablet",
        |options: &vttablet::Options| &options.server,
        |options| options.validate().map(drop),
        vttablet::start,
    )
}
