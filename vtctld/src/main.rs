//! The control plane's server.

use std::{io::Read, process::ExitCode};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [command, rest @ ..] = args.as_slice()
        && command == "hash-password"
    {
        return hash_password(rest);
    }
    servenv::run_checked(
        "vtctld",
        |options: &vtctld::Options| &options.server,
        |options| options.validate().map(drop),
        vtctld::start,
    )
}

/// `vtctld hash-password NAME ROLE`: prints the line of `--web-users-file` for the password on standard input.
#[allow(clippy::print_stdout, clippy::print_stderr)]
fn hash_password(args: &[String]) -> ExitCode {
    let [name, role] = args else {
        eprintln!("usage: vtctld hash-password NAME viewer|operator < password");
        return ExitCode::FAILURE;
    };
    let mut password = String::new();
    let read = std::io::stdin().take(4096).read_to_string(&mut password);
    let read = read.map_err(|e| vterrors::Error::invalid(format!("standard input: {e}")));
    let line =
        read.and_then(|_| vtctld::user_line(name, role.parse()?, password.trim_end_matches(['\r', '\n'])));
    match line {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("vtctld hash-password: {e}");
            ExitCode::FAILURE
        }
    }
}
