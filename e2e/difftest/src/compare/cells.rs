//! When two values count as the same although their bytes differ. Each case has its reason here.

use crate::answer::{Cell, Column};

/// What the statement leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looseness {
    /// Groups are made.
    pub groups: bool,
}

const FLOAT: u8 = 4;
const DOUBLE: u8 = 5;
const JSON: u8 = 245;
/// BINARY as a result's character set.
const BINARY: u16 = 63;

/// The values of a row in a form in which those that count as the same are equal.
pub fn canonical(row: &[Cell], columns: &[Column], loose: Looseness) -> Vec<Cell> {
    row.iter()
        .zip(columns)
        .map(|(cell, column)| cell.as_ref().map(|bytes| value(bytes, column, loose)))
        .collect()
}

fn value(bytes: &[u8], column: &Column, loose: Looseness) -> Vec<u8> {
    let text = std::str::from_utf8(bytes);
    match (column.kind, text) {
        // A sum of floating point numbers depends on the order of the additions, which is open.
        (FLOAT | DOUBLE, Ok(text)) if loose.groups => match text.parse::<f64>() {
            Ok(number) => format!("{:.10e}", if number == 0.0 { 0.0 } else { number }).into_bytes(),
            Err(_) => bytes.to_vec(),
        },
        // The group's first row gives the value that is shown, and which row is the first is open: texts that
        // a collation takes for equal are made equal.
        (kind, Ok(text)) if loose.groups && kind != JSON && column.charset != BINARY => {
            fold(text).into_bytes()
        }
        _ => bytes.to_vec(),
    }
}

/// Without letter case, accents and trailing spaces, as far as the texts used here have them.
fn fold(text: &str) -> String {
    text.trim_end_matches(' ')
        .to_lowercase()
        .chars()
        .map(|c| match c {
            'á' | 'à' | 'â' | 'ä' | 'å' => 'a',
            'é' | 'è' | 'ê' | 'ë' => 'e',
            'í' | 'ì' | 'ï' => 'i',
            'ó' | 'ò' | 'ô' | 'ö' => 'o',
            'ú' | 'ù' | 'û' | 'ü' => 'u',
            'ñ' => 'n',
            'ç' => 'c',
            'ø' => 'o',
            c => c,
        })
        .collect::<String>()
        .replace('ß', "ss")
        .replace('æ', "ae")
}
