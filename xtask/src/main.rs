//! Developer commands that need more than a line of shell: `cargo xtask setup|web|layers|tidy|sql|planted-bugs|images`.
//!
//! This crate must build on a machine that has nothing but the Rust toolchain and gcc, because `setup` is
//! what installs the rest (protoc among it): it imports none of our crates, and of others next to nothing.

mod images;
mod layers;
mod planted;
mod setup;
mod sql;
mod tidy;
mod web;

use std::{env, path::PathBuf, process::ExitCode};

const USAGE: &str = "\
usage: cargo xtask <command>

  setup [--for up|test|bench] [--mysql-flavor mysql|mariadb]
          find or install what is needed (default: for tests)
  web [--or-without|--with-browser|--check]
          build vtctld's web pages, with the distribution's Node if there is none; --or-without goes on when they
          cannot be had, --with-browser also sees to what tests them, --check only checks their types
  layers  check who imports whom, and that the pure crates are pure
  tidy    check lengths, module docs and forbidden words
  planted-bugs [--only TEXT,...] [--seeds N] [--dir DIR]
          plant each bug of e2e/difftest/planted in a copy of what is committed, and let difftest find it
  images [--from-packages] [--mariadb] [--programs DIR]
          build the container images; what cannot be pulled is made of packages
  sql     what our parser makes of statements: JSON strings on standard input, one a line;
          one JSON object a line out (libs/sqlast/examples/sql/describe.rs lists its keys)
";

/// What went wrong, in words for the terminal.
type Result<T> = std::result::Result<T, String>;

#[allow(clippy::print_stdout, clippy::print_stderr)]
fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["setup", flags @ ..] => set_up(flags),
        ["web", flags @ ..] => web::Wanted::parse(flags).and_then(|wanted| web::run(&root(), wanted)),
        ["layers"] => layers::run(&root()),
        ["tidy"] => tidy::run(&root()),
        ["planted-bugs", flags @ ..] => {
            planted::Options::parse(flags).and_then(|options| planted::run(&root(), &options))
        }
        ["images", flags @ ..] => {
            images::Options::parse(flags).and_then(|options| images::run(&root(), &options))
        }
        ["sql"] => sql::run(&root()),
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        other => Err(format!("unknown command: {}\n{USAGE}", other.join(" "))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("xtask: {e}");
            ExitCode::FAILURE
        }
    }
}

fn set_up(flags: &[&str]) -> Result<()> {
    let (mut purpose, mut family) = (setup::Purpose::Test, None);
    let mut rest = flags;
    while let [flag, value, after @ ..] = rest {
        match *flag {
            "--for" => purpose = value.parse()?,
            "--mysql-flavor" if *value == "auto" => {}
            "--mysql-flavor" => family = Some(value.parse()?),
            other => return Err(format!("setup: unknown flag {other}\n{USAGE}")),
        }
        rest = after;
    }
    match rest {
        [] => setup::run(purpose, family),
        [flag, ..] => Err(format!("setup: {flag} wants a value\n{USAGE}")),
    }
}

/// The top of the checkout. Cargo says it anew at each run: checkouts that share a target directory share this program.
fn root() -> PathBuf {
    let told = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let mut dir = told.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    dir.pop();
    dir
}
