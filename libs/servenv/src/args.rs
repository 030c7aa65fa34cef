//! Command lines as Vitess's programs take them.
//!
//! A flag whose name is made of letters, digits and underscores only is read with dashes instead
//! (`--tablet_path` is `--tablet-path`), but for the logging flags that keep their underscores. All the
//! faults of a command line are reported together.

use std::{collections::BTreeSet, ffi::OsString};

use clap::{
    Parser,
    error::{ContextKind, ContextValue, ErrorKind},
};

/// Flags whose canonical name has underscores.
const KEEP_UNDERSCORES: [&str; 3] = ["log_dir", "log_link", "log_backtrace_at"];
/// How many faults are looked for before they are reported.
const MAX_FAULTS: usize = 20;

/// Rewrites the names of long flags to their canonical form; everything after `--` stays.
pub fn normalise(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut verbatim = false;
    args.into_iter()
        .map(|arg| {
            verbatim |= arg == "--";
            match arg.to_str() {
                Some(text) if !verbatim => canonical(text).map(Into::into).unwrap_or(arg),
                _ => arg,
            }
        })
        .collect()
}

fn canonical(arg: &str) -> Option<String> {
    let flag = arg.strip_prefix("--")?;
    let (name, value) = match flag.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (flag, None),
    };
    let plain = name.contains('_') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !plain || KEEP_UNDERSCORES.contains(&name) {
        return None;
    }
    let name = name.replace('_', "-");
    Some(match value {
        Some(value) => format!("--{name}={value}"),
        None => format!("--{name}"),
    })
}

/// Parses a command line, or returns the text to print and the exit code: 0 for `--help` and `--version`.
pub fn parse_from<T: Parser>(args: impl IntoIterator<Item = OsString>) -> Result<T, (String, u8)> {
    let mut args = normalise(args);
    let mut faults: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    loop {
        let error = match T::try_parse_from(&args) {
            Ok(options) if faults.is_empty() => return Ok(options),
            Ok(_) => break,
            Err(e) => e,
        };
        if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
            if !faults.is_empty() {
                break;
            }
            return Err((error.to_string(), 0));
        }
        if !seen.insert(error.to_string()) {
            break;
        }
        faults.push(first_paragraph(&error.to_string()));
        // Take the faulty flag away and look for the next fault.
        if faults.len() >= MAX_FAULTS || !remove_fault(&mut args, &error) {
            break;
        }
    }
    Err((format!("{}\n\nFor more information, try '--help'.\n", faults.join("\n")), 1))
}

fn first_paragraph(text: &str) -> String {
    text.lines()
        .take_while(|l| !l.starts_with("Usage:") && !l.starts_with("For more"))
        .collect::<Vec<_>>()
        .join("\n")
        .trim()
        .to_owned()
}

fn remove_fault(args: &mut Vec<OsString>, error: &clap::Error) -> bool {
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else { return false };
    let Some(name) = flag.split([' ', '=']).next() else { return false };
    let at = args.iter().skip(1).position(|a| {
        a.to_str()
            .is_some_and(|a| a == name || a.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')))
    });
    let Some(at) = at.map(|at| at + 1) else { return false };
    let had_value = args[at].to_str().is_some_and(|a| a.contains('='));
    args.remove(at);
    let value_follows =
        !had_value && args.get(at).and_then(|a| a.to_str()).is_some_and(|a| !a.starts_with('-'));
    if value_follows {
        args.remove(at);
    }
    true
}

/// Parses the process's own command line; prints what is wrong and gives the exit code where it is not right.
#[allow(clippy::print_stdout, clippy::print_stderr)]
pub fn parse<T: Parser>() -> Result<T, std::process::ExitCode> {
    parse_from(std::env::args_os()).map_err(|(text, code)| {
        if code == 0 {
            print!("{text}")
        } else {
            eprint!("{text}")
        }
        code.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    struct Options {
        #[arg(long)]
        tablet_path: Option<String>,
        #[arg(long)]
        port: Option<u16>,
        #[arg(long = "log_dir")]
        log_dir: Option<String>,
    }

    fn args(list: &[&str]) -> Vec<OsString> {
        std::iter::once("x").chain(list.iter().copied()).map(Into::into).collect()
    }

    #[test]
    fn underscores_are_dashes_but_for_logging() {
        let o: Options =
            parse_from(args(&["--tablet_path=zone1-1", "--port", "5", "--log_dir", "/x"])).unwrap();
        assert_eq!(
            (o.tablet_path.as_deref(), o.port, o.log_dir.as_deref()),
            (Some("zone1-1"), Some(5), Some("/x"))
        );
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let e = parse_from::<Options>(args(&["--port", "many", "--nonsense", "--also-wrong=3"])).unwrap_err();
        assert_eq!(e.1, 1);
        for word in ["--port", "--nonsense", "--also-wrong"] {
            assert!(e.0.contains(word), "{word} is missing in {}", e.0);
        }
    }

    #[test]
    fn help_is_no_fault() {
        assert_eq!(parse_from::<Options>(args(&["--help"])).unwrap_err().1, 0);
    }
}
