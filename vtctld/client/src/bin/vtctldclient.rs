//! The operators' command line, under one of its two names.

fn main() -> std::process::ExitCode {
    vtctlclient::main()
}
