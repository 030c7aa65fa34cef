//! Writes inputs to begin fuzzing with into a folder, a file a statement: the cases of `tests/data/fuzzed.txt`, and
//! the corpus where it is.

use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    let dir = PathBuf::from(std::env::args_os().nth(1).ok_or(std::io::ErrorKind::InvalidInput)?);
    std::fs::create_dir_all(&dir)?;
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fuzzed.txt");
    let cases = std::fs::read_to_string(cases)?;
    let kept = cases.lines().filter(|line| !line.starts_with('#')).map(|line| line.as_bytes().to_vec());
    let corpus = testkit::corpus::corpus().into_iter().map(|statement| statement.sql);
    for (number, sql) in kept.chain(corpus).enumerate() {
        std::fs::write(dir.join(number.to_string()), sql)?;
    }
    Ok(())
}
