//! What every program owes whoever types its name: `--help` that was read before it was accepted, `--version`, and
//! the faults of a command line told together.

use std::{
    fmt::Write as _,
    path::Path,
    process::{Command, Output},
};

use crate::check_golden;

/// Runs a program to its end, with nothing of this process's environment but PATH, as on a terminal of 100
/// columns.
///
/// # Panics
/// When it cannot be started.
pub fn run(program: &str, args: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.env_clear().env("COLUMNS", "100").args(args);
    command.envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
    command.output().unwrap_or_else(|e| panic!("cannot start {program}: {e}"))
}

/// Everything that a program printed.
pub fn printed(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

/// Compares with `golden` what the program prints for `--help`, alone and behind each of its commands; of the
/// commands without the sections that are there already, as that of the options of every command.
///
/// # Panics
/// When it differs, or is not printed on stdout with exit code 0.
pub fn check_help(program: &str, golden: &Path) {
    let whole = help(program, &[]);
    let sections: Vec<&str> = whole.split("\n\n").collect();
    let mut text = format!("$ {} --help\n{whole}", name(program));
    for command in commands(&whole) {
        let own = help(program, &[&command]);
        let own: Vec<&str> = own.split("\n\n").filter(|part| !sections.contains(part)).collect();
        let _infallible = write!(text, "\n\n$ {} {command} --help\n{}", name(program), own.join("\n\n"));
    }
    check_golden(golden, &format!("{}\n", text.trim_end()));
}

fn name(program: &str) -> String {
    Path::new(program).file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

fn help(program: &str, command: &[&str]) -> String {
    let out = run(program, &[command, &["--help"]].concat());
    assert!(out.status.success() && out.stderr.is_empty(), "{program} {command:?} --help: {}", printed(&out));
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

/// The names below `Commands:`.
fn commands(help: &str) -> Vec<String> {
    let below =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    below
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .map(str::to_owned)
        .collect()
}

/// The program says its version, on stdout and in the form that Vitess's own scripts read.
///
/// # Panics
/// When it does not.
pub fn check_version(program: &str) {
    for flag in ["--version", "-v"] {
        let out = run(program, &[flag]);
        let line = String::from_utf8_lossy(&out.stdout).into_owned();
        let well = out.status.success() && out.stderr.is_empty();
        assert!(well && line.starts_with("Version: ") && line.lines().count() == 1, "{}", printed(&out));
    }
}

/// A wrong command line ends with exit code 1, nothing on stdout, and all of `words` on stderr.
///
/// # Panics
/// When it does not.
pub fn check_faults(program: &str, args: &[&str], words: &[&str]) {
    let out = run(program, args);
    let text = printed(&out);
    assert!(out.status.code() == Some(1) && out.stdout.is_empty(), "{args:?}: {}: {text}", out.status);
    for word in words {
        assert!(text.contains(word), "{args:?}: {word} is missing in:\n{text}");
    }
}
