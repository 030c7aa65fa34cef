//! Literals, judged by MySQL: the value of each, and the same value after printing.

use sqlast::ast::{Expr, Literal};
use sqlast::{ParseOptions, PrintOptions, SqlMode, parse_expr, to_sql_with};

fn value(text: &[u8], options: &ParseOptions) -> Option<Vec<u8>> {
    match parse_expr(text, options) {
        Ok(Expr::Literal(literal)) => literal.value_bytes(),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// HEX() of an integer is its digits in base 16; of a decimal or float MySQL rounds first.
#[cfg(test)]
fn hex_of(text: &[u8]) -> Option<String> {
    let options = ParseOptions::default();
    match parse_expr(text, &options) {
        Ok(Expr::Literal(Literal::Integer(digits))) => {
            Some(format!("{:X}", digits.to_string_lossy().parse::<u64>().unwrap()))
        }
        Ok(Expr::Literal(Literal::Decimal(digits) | Literal::Float(digits))) => {
            let number: f64 = digits.to_string_lossy().parse().unwrap();
            Some(format!("{:X}", number.round() as u64))
        }
        Ok(Expr::Literal(literal)) => literal.value_bytes().map(|bytes| hex(&bytes)),
        _ => None,
    }
}

#[test]
fn values_are_mysqls() {
    let mut faults = Vec::new();
    for line in include_str!("data/literals.tsv").lines() {
        let (text, expected) = line.rsplit_once('\t').unwrap();
        let found = hex_of(text.as_bytes()).unwrap_or_else(|| "ERROR".to_owned());
        if found != expected {
            faults.push(format!("{text}: {found}, not {expected}"));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn printed_in_any_mode_it_is_the_same_value() {
    let modes = [SqlMode::default(), SqlMode::NO_BACKSLASH_ESCAPES, SqlMode::ANSI_QUOTES];
    for line in include_str!("data/literals.tsv").lines() {
        let (text, _) = line.rsplit_once('\t').unwrap();
        let Ok(expr) = parse_expr(text.as_bytes(), &ParseOptions::default()) else { continue };
        for sql_mode in modes {
            let printed = to_sql_with(&expr, PrintOptions { sql_mode, parenthesised: false });
            let options = ParseOptions { sql_mode, ..ParseOptions::default() };
            assert_eq!(parse_expr(&printed, &options).as_ref(), Ok(&expr), "{text}");
        }
    }
}

#[test]
fn modes_change_what_quotes_and_backslashes_are() {
    let no_escapes = ParseOptions { sql_mode: SqlMode::NO_BACKSLASH_ESCAPES, ..ParseOptions::default() };
    assert_eq!(value(br"'a\'", &no_escapes).as_deref(), Some(&br"a\"[..]));
    assert_eq!(value(br"'a\n''b'", &no_escapes).as_deref(), Some(&br"a\n'b"[..]));
    let ansi = ParseOptions { sql_mode: SqlMode::ANSI_QUOTES, ..ParseOptions::default() };
    assert!(
        matches!(parse_expr(br#""a""b""#, &ansi), Ok(Expr::Column(column)) if column.name.as_bytes() == b"a\"b")
    );
    let default = ParseOptions::default();
    assert_eq!(value(br#""a""b\"""#, &default).as_deref(), Some(&b"a\"b\""[..]));
    assert_eq!(value(b"'a' 'b'\n\"c\"", &default).as_deref(), Some(&b"abc"[..]));
    assert_eq!(value(b"N'a' 'b'", &default).as_deref(), Some(&b"ab"[..]));
    assert_eq!(value(b"_utf8mb4 'a'", &default).as_deref(), Some(&b"a"[..]));
    assert_eq!(value(b"_latin1 x'FF'", &default).as_deref(), Some(&b"\xff"[..]));
    assert_eq!(value(b"0xABC", &default).as_deref(), Some(&b"\x0a\xbc"[..]));
    assert_eq!(value(b"b'100000001'", &default).as_deref(), Some(&b"\x01\x01"[..]));
    // Statements are bytes and need not be UTF-8.
    assert_eq!(value(b"'\xff\xfe'", &default).as_deref(), Some(&b"\xff\xfe"[..]));
}
