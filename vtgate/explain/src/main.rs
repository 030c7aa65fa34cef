//! The `vtexplain` program.

use std::{
    io::{ErrorKind, Write},
    process::ExitCode,
};

#[allow(clippy::print_stderr)]
fn main() -> ExitCode {
    let options = match servenv::parse(vtexplain::Options::check) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let text = match vtexplain::run(&options) {
        Ok(text) => text,
        Err(faults) => {
            faults.iter().for_each(|fault| eprintln!("vtexplain: {fault}"));
            return ExitCode::FAILURE;
        }
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        // Who reads the output has seen enough.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("vtexplain: cannot write to stdout: {e}");
            ExitCode::FAILURE
        }
        Ok(()) => ExitCode::SUCCESS,
    }
}
