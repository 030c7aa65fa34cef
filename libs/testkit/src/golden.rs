//! Golden files: cases of input and expected output in plain text, accepted with `UPDATE_GOLDEN=1`.
//!
//! A file of cases:
//! ```text
//! # free text, kept
//! === name of the case
//! input, any number of lines
//! ---
//! output, any number of lines
//! ```

use std::{fmt::Write as _, fs, path::Path};

/// One case of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    pub name: String,
    pub input: String,
    pub output: String,
}

fn updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some_and(|v| v == "1")
}

/// Compares `actual` with the whole file at `path`, or writes it there under `UPDATE_GOLDEN=1`.
///
/// # Panics
/// When they differ, with the first line that does.
pub fn check_golden(path: &Path, actual: &str) {
    if updating() {
        fs::write(path, actual).unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
        return;
    }
    let expected = fs::read_to_string(path)
        .unwrap_or_else(|e| panic!("cannot read {}: {e} (UPDATE_GOLDEN=1 writes it)", path.display()));
    if expected != actual {
        panic!("{} differs{}\n(UPDATE_GOLDEN=1 accepts)", path.display(), difference(&expected, actual));
    }
}

fn difference(expected: &str, actual: &str) -> String {
    let (mut want, mut have) = (expected.lines(), actual.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (want.next(), have.next()) {
            (None, None) => return " in its line ends".to_owned(),
            (w, h) if w == h => {}
            (w, h) => {
                let show = |l: Option<&str>| l.unwrap_or("(end)").to_owned();
                return format!(" at line {number}\n  expected: {}\n  actual:   {}", show(w), show(h));
            }
        }
    }
}

/// The head of a file of cases (before the first) and its cases.
///
/// # Panics
/// When a case has no `---` line.
pub fn parse_cases(text: &str) -> (String, Vec<Case>) {
    let mut parts = format!("\n{text}").split("\n=== ").map(str::to_owned).collect::<Vec<_>>().into_iter();
    let head = parts.next().unwrap_or_default().trim_start_matches('\n').to_owned();
    let cases = parts
        .map(|part| {
            let (name, body) = part.split_once('\n').unwrap_or((&part, ""));
            let body = format!("\n{body}\n");
            let (input, output) =
                body.split_once("\n---\n").unwrap_or_else(|| panic!("case {name:?} has no --- line"));
            Case {
                name: name.trim().to_owned(),
                input: input.trim_matches('\n').to_owned(),
                output: output.trim_matches('\n').to_owned(),
            }
        })
        .collect();
    (head, cases)
}

/// Runs every case of the file through `run`, which turns an input into an output.
///
/// # Panics
/// When outputs differ, naming every case that does.
pub fn run_cases(path: &Path, mut run: impl FnMut(&str) -> String) {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()));
    let (head, cases) = parse_cases(&text);
    assert!(!cases.is_empty(), "{} has no cases", path.display());
    let mut written = head.trim_end().to_owned();
    let mut failures = String::new();
    for case in &cases {
        let actual = run(&case.input).trim_matches('\n').to_owned();
        if actual != case.output {
            let differs = difference(&case.output, &actual);
            let _infallible = write!(failures, "\ncase {:?} differs{differs}\n", case.name);
        }
        let gap = if written.is_empty() { "" } else { "\n\n" };
        let _infallible = write!(written, "{gap}=== {}\n{}\n---\n{actual}", case.name, case.input);
    }
    if updating() {
        fs::write(path, written + "\n").unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
    } else if !failures.is_empty() {
        panic!("{}:{failures}(UPDATE_GOLDEN=1 accepts)", path.display());
    }
}
