//! Command lines as Vitess's programs take them.
//!
//! A flag whose name is made of letters, digits and underscores only is read with dashes instead
//! (`--tablet_path` is `--tablet-path`), but for the logging flags that keep their underscores. All the
//! faults of a command line are reported together.

use std::{collections::BTreeSet, ffi::OsString};

use clap::{
    Arg, ArgAction, Command, Parser,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{config_file, nearest::nearest, version_text};

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

pub(crate) fn canonical(arg: &str) -> Option<String> {
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

/// What an option's value has to be beyond its own form: the text of every fault, one a line.
pub type Check<T> = fn(&T) -> vterrors::Result<()>;

/// Parses a command line, or returns the text to print and the exit code: 0 for `--help` and `--version`.
pub fn parse_from<T: Parser>(args: impl IntoIterator<Item = OsString>) -> Result<T, (String, u8)> {
    parse_checked(args, |_| Ok(()))
}

/// As [`parse_from`]; what `check` finds in the options is told together with the faults of their form.
pub fn parse_checked<T: Parser>(
    args: impl IntoIterator<Item = OsString>,
    check: Check<T>,
) -> Result<T, (String, u8)> {
    let mut args = normalise(args);
    if asks_for_version(&args) {
        return Err((format!("{}\n", version_text()), 0));
    }
    let mut faults: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut removed = BTreeSet::new();
    loop {
        let error = match try_parse(&args) {
            Ok(options) => {
                if let Err(e) = check(&options) {
                    faults.extend(e.message().lines().map(|line| format!("error: {line}")));
                }
                match faults.is_empty() {
                    true => return Ok(options),
                    false => break,
                }
            }
            Err(e) => e,
        };
        if matches!(
            error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        ) {
            // Asked for, or shown instead of a fault: a program that needs a command was given none.
            let code = u8::from(error.kind() != ErrorKind::DisplayHelp);
            match faults.is_empty() {
                true => return Err((error.to_string(), code)),
                false => break,
            }
        }
        if !seen.insert(error.to_string()) {
            break;
        }
        match unknown_command::<T>(&error) {
            Some(text) => faults.push(text),
            None => faults.extend(fault_of(&error, &removed)),
        }
        // Take the faulty flag away and look for the next fault.
        if faults.len() >= MAX_FAULTS || !remove_fault(&mut args, &error, &mut removed) {
            break;
        }
    }
    Err((format!("{}\n\nFor more information, try '--help'.\n", faults.join("\n")), 1))
}

/// `--version` anywhere, or `-v` alone.
fn asks_for_version(args: &[OsString]) -> bool {
    args.get(1).is_some_and(|first| first == "-v")
        || args.iter().skip(1).take_while(|arg| *arg != "--").any(|arg| arg == "--version")
}

fn try_parse<T: Parser>(args: &[OsString]) -> Result<T, clap::Error> {
    // The last of a flag counts, as in Vitess: scripts put their own flags behind those of others.
    let mut command = hide_empty_defaults(with_version(T::command())).args_override_self(true);
    let mut matches = command.try_get_matches_from_mut(args)?;
    T::from_arg_matches_mut(&mut matches).map_err(|e| e.format(&mut command))
}

/// The flag that [`asks_for_version`] answers, for `--help` to show.
fn with_version(command: Command) -> Command {
    let command = command.disable_version_flag(true);
    let has_one = command.get_arguments().any(|arg| arg.get_id() == "version");
    match has_one {
        true => command,
        false => command.arg(
            Arg::new("version")
                .short('v')
                .long("version")
                .action(ArgAction::SetTrue)
                .help("Print the version and exit")
                .help_heading(None::<&str>),
        ),
    }
}

/// `[default: ""]` tells a reader nothing.
fn hide_empty_defaults(command: Command) -> Command {
    let hide = |arg: Arg| match arg.get_default_values() {
        [only] if only.is_empty() => arg.hide_default_value(true),
        _ => arg,
    };
    command.mut_args(hide).mut_subcommands(hide_empty_defaults)
}

/// How many commands are named that an unknown one may have been meant to be.
const MAX_NEAREST: usize = 3;

/// The fault of a command that there is not, with those that it is nearly: names, not what else they are called.
fn unknown_command<T: Parser>(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let command = T::command();
    let near = nearest(name, command.get_subcommands().map(Command::get_name), MAX_NEAREST);
    let tip = match near.as_slice() {
        [] => String::new(),
        near => format!("; did you mean {}?", near.join(", or ")),
    };
    Some(format!("error: there is no command {name:?}{tip}"))
}

/// The fault in words. `None` when it only says that what was taken away as faulty is missing.
fn fault_of(error: &clap::Error, removed: &BTreeSet<String>) -> Option<String> {
    if error.kind() == ErrorKind::MissingRequiredArgument
        && let Some(ContextValue::Strings(missing)) = error.get(ContextKind::InvalidArg)
        && missing.iter().all(|arg| removed.contains(arg))
    {
        return None;
    }
    let text = error.to_string();
    let lines = text.lines().take_while(|l| !l.starts_with("Usage:") && !l.starts_with("For more"));
    Some(lines.collect::<Vec<_>>().join("\n").trim().to_owned())
}

/// Takes away what `error` is about; `removed` learns what that was. False when it cannot be told.
fn remove_fault(args: &mut Vec<OsString>, error: &clap::Error, removed: &mut BTreeSet<String>) -> bool {
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else { return false };
    removed.insert(flag.clone());
    if let (false, Some(ContextValue::String(value))) =
        (flag.starts_with('-'), error.get(ContextKind::InvalidValue))
    {
        // An argument that is known by its place.
        let Some(at) = args.iter().skip(1).position(|a| a.to_str() == Some(value)) else { return false };
        args.remove(at + 1);
        return true;
    }
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

/// Parses the process's own command line and the configuration file that it names; prints what is wrong and gives the
/// exit code where it is not right.
#[allow(clippy::print_stdout, clippy::print_stderr)]
pub fn parse<T: Parser>(check: Check<T>) -> Result<T, std::process::ExitCode> {
    let expanded = config_file::expand(normalise(std::env::args_os()), &T::command()).map_err(|text| {
        eprintln!("error: {text}");
        std::process::ExitCode::from(1)
    })?;
    expanded.notes.iter().for_each(|note| eprintln!("{note}"));
    parse_checked(expanded.args, check).map_err(|(text, code)| {
        if code == 0 {
            print!("{text}")
        } else {
            eprint!("{text}");
            expanded
                .file
                .iter()
                .for_each(|file| eprintln!("Options were also read from {}.", file.display()));
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
    fn the_last_of_a_flag_counts_but_lists_are_kept() {
        #[derive(Debug, Parser)]
        struct Listing {
            #[arg(long)]
            port: u16,
            #[arg(long)]
            cell: Vec<String>,
        }
        let o: Listing = parse_from(args(&["--port=1", "--cell=a", "--port=2", "--cell=b"])).unwrap();
        assert_eq!((o.port, o.cell.join(",").as_str()), (2, "a,b"));
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
    fn what_a_check_finds_is_told_with_the_rest() {
        let check: Check<Options> = |o| match o.port {
            Some(0) => Err(vterrors::Error::invalid("--port: 0 is no port\n--port: nor is it a number")),
            _ => Ok(()),
        };
        let e = parse_checked::<Options>(args(&["--nonsense", "--port=0"]), check).unwrap_err();
        for word in ["'--nonsense'", "error: --port: 0 is no port\nerror: --port: nor"] {
            assert!(e.0.contains(word), "{word} is missing in {}", e.0);
        }
        assert!(parse_checked::<Options>(args(&["--port=1"]), check).is_ok());
    }

    #[derive(Debug, Parser)]
    #[allow(dead_code, reason = "only parsed")]
    struct Placed {
        #[arg(long)]
        count: Option<u16>,
        place: u16,
    }

    #[test]
    fn a_wrong_value_in_its_place_hides_no_other_fault_and_makes_none() {
        let e = parse_from::<Placed>(args(&["here", "--count=many"])).unwrap_err();
        assert!(e.0.contains("'here'") && e.0.contains("'many'"), "{}", e.0);
        assert!(!e.0.contains("not provided"), "{}", e.0);
    }

    #[test]
    fn the_version_is_asked_for_anywhere_but_behind_dashes() {
        for line in [&["--version"][..], &["-v"], &["--port=x", "--version"]] {
            let (text, code) = parse_from::<Options>(args(line)).unwrap_err();
            assert!(text.starts_with("Version: ") && code == 0, "{text}");
        }
        assert_eq!(parse_from::<Options>(args(&["--", "--version"])).unwrap_err().1, 1);
    }

    #[test]
    fn help_is_no_fault() {
        assert_eq!(parse_from::<Options>(args(&["--help"])).unwrap_err().1, 0);
    }
}
