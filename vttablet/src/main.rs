//! `vttablet`: see the library.

fn main() -> std::process::ExitCode {
    servenv::run("vttablet", |o: &vttablet::Options| &o.server, vttablet::start)
}
