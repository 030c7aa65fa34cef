//! Options from a configuration file: `--config-file`, or a file that is looked for by name.
//!
//! The file (JSON or YAML) is one mapping of option names to values. Every option of the program may stand there, with
//! dashes or underscores. The command line goes before the file, the file before the defaults. What the file holds is
//! turned into arguments in front of the command line's own, so that both are read and checked by the same code.

use std::{
    ffi::OsString,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgAction, Command};
use serde_json::{Map, Value};

use crate::args::canonical;

/// Endings that a file which is looked for by name may have, in the order in which they are tried.
const ENDINGS: [&str; 3] = ["json", "yaml", "yml"];
/// A file of options is small; what is larger is some other file.
const MAX_BYTES: u64 = 1 << 20;

/// A command line with what a file adds to it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Expanded {
    pub args: Vec<OsString>,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// What the user should know, a line each.
    pub notes: Vec<String>,
}

/// What to do when the file is not there (`--config-file-not-found-handling`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotFound {
    Ignore,
    /// Say it, and go on.
    Warn,
    Exit,
}

/// Reads the file that `args` (in canonical form) name and puts its options before them. A program without
/// `--config-file` has no such file. The error says what is wrong with the file.
pub(crate) fn expand(args: Vec<OsString>, command: &Command) -> Result<Expanded, String> {
    let plain = |args| Expanded { args, file: None, notes: Vec::new() };
    if !command.get_arguments().any(|arg| arg.get_long() == Some("config-file")) {
        return Ok(plain(args));
    }
    let not_found = not_found(&args)?;
    let Some(file) = locate(&args) else { return Ok(plain(args)) };
    let text = match read(&file) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound && not_found != NotFound::Exit => {
            let said = not_found == NotFound::Warn;
            let note = format!("--config-file: {} is not there; nothing is read from it", file.display());
            return Ok(Expanded { notes: said.then_some(note).into_iter().collect(), ..plain(args) });
        }
        Err(e) => return Err(format!("--config-file: {}: {e}", file.display())),
    };
    let in_file = |e: String| format!("--config-file: {}: {e}", file.display());
    let settings = settings(&text, format_of(&args, &file)).map_err(in_file)?;
    let (from_file, unknown) = arguments(&settings, command, &args).map_err(in_file)?;
    let mut notes = Vec::new();
    if !unknown.is_empty() {
        let path = file.display();
        notes.push(format!("{path}: no options of this program, without effect: {}", unknown.join(", ")));
    }
    let mut args = args.into_iter();
    let program = args.next();
    Ok(Expanded { args: program.into_iter().chain(from_file).chain(args).collect(), file: Some(file), notes })
}

fn read(file: &Path) -> std::io::Result<String> {
    if std::fs::metadata(file)?.len() > MAX_BYTES {
        return Err(std::io::Error::other(format!("longer than {MAX_BYTES} bytes: no file of options")));
    }
    std::fs::read_to_string(file)
}

fn not_found(args: &[OsString]) -> Result<NotFound, String> {
    match values(args, "config-file-not-found-handling").last().map(String::as_str) {
        None | Some("warn" | "error") => Ok(NotFound::Warn),
        Some("ignore") => Ok(NotFound::Ignore),
        Some("exit") => Ok(NotFound::Exit),
        Some(other) => {
            Err(format!("--config-file-not-found-handling: '{other}' is none of ignore, warn, error, exit"))
        }
    }
}

/// The file that is named, or the first that is there in the directories of `--config-path`.
fn locate(args: &[OsString]) -> Option<PathBuf> {
    if let Some(file) = values(args, "config-file").pop() {
        return (!file.is_empty()).then(|| file.into());
    }
    let name = values(args, "config-name").pop().unwrap_or_else(|| "vtconfig".into());
    let directories = values(args, "config-path");
    let mut candidates = directories
        .iter()
        .flat_map(|list| list.split(','))
        .flat_map(|directory| ENDINGS.map(|ending| Path::new(directory).join(format!("{name}.{ending}"))));
    candidates.find(|file| file.exists())
}

/// The values of a flag on a command line, in order.
fn values(args: &[OsString], flag: &str) -> Vec<String> {
    let mut values = Vec::new();
    let mut args = own(args).peekable();
    while let Some(arg) = args.next() {
        let Some(rest) = arg.strip_prefix("--").and_then(|arg| arg.strip_prefix(flag)) else { continue };
        match rest.strip_prefix('=') {
            Some(value) => values.push(value.to_owned()),
            None if rest.is_empty() => values.extend(args.next().map(str::to_owned)),
            None => {}
        }
    }
    values
}

/// What stands on a command line behind the program and before `--`.
fn own(args: &[OsString]) -> impl Iterator<Item = &str> {
    args.iter().skip(1).take_while(|arg| *arg != "--").filter_map(|arg| arg.to_str())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Yaml,
}

/// `--config-type`, or what the file's name says. JSON is YAML, too.
fn format_of(args: &[OsString], file: &Path) -> Format {
    let said = values(args, "config-type").pop();
    match said.as_deref().or_else(|| file.extension()?.to_str()) {
        Some("json") => Format::Json,
        _ => Format::Yaml,
    }
}

fn settings(text: &str, format: Format) -> Result<Map<String, Value>, String> {
    let read = match format {
        Format::Json => serde_json::from_str(text).map_err(|e| e.to_string()),
        Format::Yaml => serde_saphyr::from_str(text).map_err(|e| e.to_string()),
    };
    match read? {
        Value::Object(settings) => Ok(settings),
        // A file of comments.
        Value::Null => Ok(Map::new()),
        _ => Err("not one mapping of option names to values".into()),
    }
}

/// The settings as arguments, without those that the command line gives itself, and the names of those that the
/// program does not know.
fn arguments(
    settings: &Map<String, Value>,
    command: &Command,
    given: &[OsString],
) -> Result<(Vec<OsString>, Vec<String>), String> {
    let (mut args, mut unknown) = (Vec::new(), Vec::new());
    for (key, value) in settings {
        let flag = format!("--{}", key.to_ascii_lowercase());
        let flag = canonical(&flag).unwrap_or(flag);
        let Some(arg) = command.get_arguments().find(|arg| arg.get_long() == flag.strip_prefix("--")) else {
            unknown.push(key.clone());
            continue;
        };
        let is_given = own(given)
            .any(|g| g.strip_prefix(&flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')));
        if !is_given {
            let own = argument(&flag, arg, value).map_err(|e| format!("{key}: {e}"))?;
            args.extend(own.into_iter().map(OsString::from));
        }
    }
    Ok((args, unknown))
}

/// One setting as arguments: none for a switch that is off and for null.
fn argument(flag: &str, arg: &Arg, value: &Value) -> Result<Vec<String>, String> {
    let items = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items.iter().map(scalar).collect::<Result<Vec<_>, _>>()?,
        other => vec![scalar(other)?],
    };
    let is_list = matches!(arg.get_action(), ArgAction::Append);
    if is_list && arg.get_value_delimiter().is_none() {
        return Ok(items.iter().map(|item| format!("{flag}={item}")).collect());
    }
    let value = items.join(",");
    if !matches!(arg.get_action(), ArgAction::SetTrue) {
        return Ok(vec![format!("{flag}={value}")]);
    }
    match value.as_str() {
        "true" => Ok(vec![flag.to_owned()]),
        "false" => Ok(Vec::new()),
        other => Err(format!("'{other}' is neither true nor false")),
    }
}

fn scalar(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err("neither a text, a number nor a list of them".into())
        }
    }
}

#[cfg(test)]
mod tests;
