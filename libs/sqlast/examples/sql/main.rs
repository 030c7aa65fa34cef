//! Shows what the crate makes of statements: JSON strings on standard input, one a line; one JSON object a
//! line out. `cargo xtask sql` runs this; `describe.rs` says what the lines are.

mod describe;
mod json;
mod tables;

use std::io::{BufRead, BufWriter, Write};

fn main() -> std::io::Result<()> {
    let mut input = std::io::stdin().lock();
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        writeln!(out, "{}", describe::line(&line))?;
        line.clear();
        // Who talks to this program line by line waits for the answer.
        out.flush()?;
    }
    Ok(())
}
