//! What the compiler does not check: lengths of files and functions, docs at the head of each module, and
//! words that do not belong into the tree.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::Result;

const FILE_LINES: usize = 1_000;
const FUNCTION_LINES: usize = 100;

/// Folders that hold no text of ours.
const SKIPPED: &[&str] = &["target", ".git", "vtdataroot", "node_modules", "dist", "test-results"];

/// Looks at every Rust file, and for words at every text file, below `root`.
pub fn run(root: &Path) -> Result<()> {
    let mut files = Vec::new();
    collect(root, &mut files)?;
    let mut faults = Vec::new();
    for path in files {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        if name.ends_with(".rs") {
            faults.extend(check_rust(&name, &text));
        }
        faults.extend(check_words(&name, &text));
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(format!("tidy:\n  {}", faults.join("\n  "))),
    }
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(dir).map_err(|e| format!("cannot read {}: {e}", dir.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| e.ok()).map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                collect(&path, files)?;
            }
        } else if path.metadata().is_ok_and(|m| m.len() < 2_000_000) {
            files.push(path);
        }
    }
    Ok(())
}

fn check_rust(name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = text.lines().count();
    if lines > FILE_LINES {
        faults.push(format!("{name}: {lines} lines, at most {FILE_LINES}: split it"));
    }
    // Tests are named by their file and tell their story in their names.
    let is_tests = name.ends_with("tests.rs") || name.contains("/tests/");
    if !is_tests && !text.starts_with("//!") {
        faults.push(format!("{name}: a module opens with `//!`: what it owns, what must hold, why this way"));
    }
    if name.ends_with("/mod.rs") {
        faults.push(format!("{name}: name it after the folder, foo.rs beside foo/"));
    }
    for (line, function, length) in long_functions(text) {
        faults.push(format!("{name}:{line}: {function} has {length} lines, at most {FUNCTION_LINES}"));
    }
    faults
}

/// Functions over the limit: line, name, length. Reads rustfmt's layout: a body ends at the first line that
/// closes a brace at the column where the function began.
fn long_functions(text: &str) -> Vec<(usize, String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut long = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let closing = format!("{}}}", " ".repeat(indent));
        let end = lines[start..].iter().position(|l| l.trim_end() == closing);
        // A declaration in a trait ends with a semicolon before any body.
        let declared = lines[start..].iter().position(|l| l.trim_end().ends_with(';'));
        let opened = lines[start..].iter().position(|l| l.trim_end().ends_with('{'));
        let has_body = opened.is_some_and(|o| declared.is_none_or(|d| o <= d));
        if let Some(end) = end.filter(|end| has_body && end + 1 > FUNCTION_LINES) {
            long.push((start + 1, name.to_owned(), end + 1));
        }
    }
    long
}

fn function_name(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    for word in ["pub(crate) ", "pub(super) ", "pub ", "const ", "async ", "extern \"C\" "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let name = rest.strip_prefix("fn ")?;
    name.split(['(', '<']).next()
}

/// Texts that name a machine instead of the project. Put together from parts, as this file is looked at too.
fn forbidden() -> Vec<(String, &'static str)> {
    let join = |parts: &[&str]| parts.concat();
    vec![
        (join(&["/work", "/main"]), "a path of one machine"),
        (join(&["/work", "/shared"]), "a path of one machine"),
        (join(&["/ro", "ot/"]), "a path of one machine"),
        (join(&["/home", "/runner"]), "a path of one machine"),
        (join(&["un", "safe {"]), "unsafe code"),
    ]
}

fn check_words(name: &str, text: &str) -> Vec<String> {
    let words = forbidden();
    text.lines()
        .enumerate()
        .flat_map(|(i, line)| {
            words
                .iter()
                .filter(move |(word, _)| line.contains(word.as_str()))
                .map(move |(word, why)| format!("{name}:{}: {word:?} is {why}", i + 1))
        })
        .collect()
}

#[cfg(test)]
mod tests;
