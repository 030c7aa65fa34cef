//! Bind variables in the text of a query: finding them, and writing values in their place.
//!
//! A text is cut once into [`Piece`]s, which the plan cache keeps; a query then costs one pass over the
//! pieces. What must hold: a value can never end the literal it is written into. Strings are escaped as the
//! session reads them, numbers are checked to be numbers, everything else is refused.
//!
//! `:name` is a value, `::name` a list; both are looked for outside of strings, quoted names and comments.

use std::collections::HashMap;

use bytes::Bytes;
use proto::query::{BindVariable, Type};
use serde::Serialize;
use vterrors::{Error, Result};

/// Bind variables by name, as they arrive.
pub type BindVars = HashMap<String, BindVariable>;

/// The name under which a query asks for the tablet's own database.
const SCHEMA_NAME: &str = "__vtschemaname";
/// Its presence says that [`SCHEMA_NAME`] is to be filled in by the tablet.
const REPLACE_SCHEMA_NAME: &str = "__replacevtschemaname";

/// A part of a query's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Piece {
    /// From and up to these byte offsets, as it is.
    Text(u32, u32),
    Value {
        name: Box<str>,
        after_introducer: bool,
    },
    List(Box<str>),
}

/// How string literals are read by the session that gets the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Escapes {
    #[default]
    Backslash,
    /// sql_mode NO_BACKSLASH_ESCAPES: a quote is doubled, nothing else is special.
    QuotesOnly,
}

/// Cuts `sql` into pieces. A text without bind variables is one piece.
pub fn cut(sql: &str, escapes: Escapes) -> Vec<Piece> {
    let bytes = sql.as_bytes();
    let (mut pieces, mut start, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let next = skip_token(bytes, at, escapes);
        if next > at {
            at = next;
            continue;
        }
        if bytes[at] == b':'
            && let Some((name, list, end)) = bind_name(sql, at)
        {
            if at > start {
                pieces.push(Piece::Text(offset(start), offset(at)));
            }
            pieces.push(match list {
                true => Piece::List(name.into()),
                false => {
                    Piece::Value { name: name.into(), after_introducer: ends_in_introducer(&bytes[..at]) }
                }
            });
            (at, start) = (end, end);
            continue;
        }
        at += 1;
    }
    if start < bytes.len() {
        pieces.push(Piece::Text(offset(start), offset(bytes.len())));
    }
    pieces
}

/// A message of gRPC is at most 16 MiB, far below this.
fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("a query's text is shorter than 4 GiB")
}

/// The end of the string, quoted name or comment that starts at `at`; `at` itself when none does.
pub fn skip_token(bytes: &[u8], at: usize, escapes: Escapes) -> usize {
    let rest = &bytes[at..];
    let line = |from: usize| {
        rest[from..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + from + n + 1)
    };
    match rest {
        [b'\'' | b'"', ..] => quoted_end(bytes, at, escapes == Escapes::Backslash),
        [b'`', ..] => quoted_end(bytes, at, false),
        [b'/', b'*', ..] => {
            rest[2..].windows(2).position(|w| w == b"*/").map_or(bytes.len(), |n| at + 2 + n + 2)
        }
        [b'#', ..] => line(1),
        [b'-', b'-'] => bytes.len(),
        [b'-', b'-', c, ..] if *c <= b' ' => line(2),
        _ => at,
    }
}

/// A doubled quote reads as two strings side by side, which ends at the same place.
fn quoted_end(bytes: &[u8], at: usize, backslash: bool) -> usize {
    let quote = bytes[at];
    let mut i = at + 1;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' if backslash => i += 2,
            b if b == quote => return i + 1,
            _ => i += 1,
        }
    }
    bytes.len()
}

/// The bind variable at the colon at `at`: name, whether it is a list, and where it ends.
fn bind_name(sql: &str, at: usize) -> Option<(&str, bool, usize)> {
    let bytes = sql.as_bytes();
    let list = bytes.get(at + 1) == Some(&b':');
    let from = at + 1 + usize::from(list);
    let first = *bytes.get(from)?;
    if !(first.is_ascii_alphabetic() || matches!(first, b'_' | b'@' | b'#')) {
        return None;
    }
    let more = bytes[from..]
        .iter()
        .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'@' | b'#' | b'.')))
        .unwrap_or(bytes.len() - from);
    Some((&sql[from..from + more], list, from + more))
}

/// Whether the text ends in a character set introducer (`_binary `, `_utf8mb4`).
fn ends_in_introducer(text: &[u8]) -> bool {
    let text = text.trim_ascii_end();
    let word = text.iter().rposition(|b| !(b.is_ascii_alphanumeric() || *b == b'_')).map_or(0, |n| n + 1);
    text.get(word) == Some(&b'_')
}

/// What the values are written for.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The tablet's database.
    pub db_name: &'a str,
    pub escapes: Escapes,
}

/// Writes the text with its values.
///
/// Errors: a variable that is not there, a list where a value belongs or the other way round, an empty
/// list, a number that is none; all of them name the variable.
pub fn render(sql: &str, pieces: &[Piece], vars: &BindVars, target: Target<'_>) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(sql.len() + 32 * pieces.len());
    for piece in pieces {
        match piece {
            Piece::Text(from, to) => out.extend_from_slice(&sql.as_bytes()[*from as usize..*to as usize]),
            Piece::Value { name, after_introducer } => {
                if &**name == SCHEMA_NAME
                    && (vars.contains_key(REPLACE_SCHEMA_NAME) || !vars.contains_key(SCHEMA_NAME))
                {
                    write_string(&mut out, target.db_name.as_bytes(), target.escapes);
                    continue;
                }
                let var = lookup(vars, name)?;
                if var.r#type() == Type::Tuple {
                    return Err(Error::invalid(format!(
                        "bind variable {name}: a list where one value belongs"
                    )));
                }
                write_value(&mut out, name, var.r#type(), &var.value, target.escapes, *after_introducer)?;
            }
            Piece::List(name) => write_list(&mut out, name, lookup(vars, name)?, target.escapes)?,
        }
    }
    Ok(out)
}

fn lookup<'a>(vars: &'a BindVars, name: &str) -> Result<&'a BindVariable> {
    vars.get(name).ok_or_else(|| Error::invalid(format!("missing bind var {name}")))
}

fn write_list(out: &mut Vec<u8>, name: &str, var: &BindVariable, escapes: Escapes) -> Result<()> {
    if var.r#type() != Type::Tuple {
        return Err(Error::invalid(format!("bind variable {name}: one value where a list belongs")));
    }
    if var.values.is_empty() {
        return Err(Error::invalid(format!("empty list supplied for {name}")));
    }
    for (i, value) in var.values.iter().enumerate() {
        out.extend_from_slice(if i == 0 { b"(" } else { b", " });
        write_value(out, name, value.r#type(), &value.value, escapes, false)?;
    }
    out.push(b')');
    Ok(())
}

/// Writes one value as a literal.
fn write_value(
    out: &mut Vec<u8>,
    name: &str,
    ty: Type,
    value: &Bytes,
    escapes: Escapes,
    after_introducer: bool,
) -> Result<()> {
    let refuse = |what: &str| Err(Error::invalid(format!("bind variable {name}: {what}")));
    match ty {
        Type::NullType => out.extend_from_slice(b"null"),
        Type::Hexnum | Type::Hexval | Type::Bitnum => match is_hex_or_bits(value) {
            true => out.extend_from_slice(value),
            false => return refuse("not a hexadecimal or bit literal"),
        },
        Type::Bit => {
            out.extend_from_slice(b"b'");
            value.iter().for_each(|b| out.extend_from_slice(format!("{b:08b}").as_bytes()));
            out.push(b'\'');
        }
        Type::Expression | Type::Tuple | Type::RowTuple | Type::Raw => {
            return refuse(&format!("type {} cannot be a value", ty.as_str_name()));
        }
        t if sqltypes::is_integral(t) => match is_integer(value) {
            true => out.extend_from_slice(value),
            false => return refuse("not an integer"),
        },
        t if sqltypes::is_number(t) => match is_decimal(value) {
            true => out.extend_from_slice(value),
            false => return refuse("not a number"),
        },
        t => {
            // Bytes that are no text of the connection's character set, unless the query already says how
            // to read them.
            if !after_introducer && sqltypes::is_binary(t) && std::str::from_utf8(value).is_err() {
                out.extend_from_slice(b"_binary ");
            }
            write_string(out, value, escapes);
        }
    }
    Ok(())
}

/// Writes a string literal. The connection's character set is one in which an ASCII byte is never a part
/// of another character (`mysqlwire::client::collation_of_charset`), so escaping goes byte by byte.
fn write_string(out: &mut Vec<u8>, text: &[u8], escapes: Escapes) {
    out.push(b'\'');
    let mut from = 0;
    for (i, byte) in text.iter().enumerate() {
        let escaped: &[u8] = match (byte, escapes) {
            (b'\'', Escapes::QuotesOnly) => b"''",
            (_, Escapes::QuotesOnly) => continue,
            (b'\'', _) => b"\\'",
            (b'"', _) => b"\\\"",
            (b'\\', _) => b"\\\\",
            (0, _) => b"\\0",
            (b'\n', _) => b"\\n",
            (b'\r', _) => b"\\r",
            (0x1a, _) => b"\\Z",
            _ => continue,
        };
        out.extend_from_slice(&text[from..i]);
        out.extend_from_slice(escaped);
        from = i + 1;
    }
    out.extend_from_slice(&text[from..]);
    out.push(b'\'');
}

/// A string literal of a name or a text of our own, for statements that the tablet makes.
pub fn quoted(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    write_string(&mut out, text.as_bytes(), Escapes::Backslash);
    String::from_utf8(out).expect("escaping keeps UTF-8")
}

/// A name between backticks.
pub fn backticked(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn is_integer(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// `-1`, `1.5`, `.5`, `1e-7`.
fn is_decimal(text: &[u8]) -> bool {
    let unsigned = |t: &[u8]| !t.is_empty() && t.iter().all(u8::is_ascii_digit);
    let text = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    let (mantissa, exponent) = match text.iter().position(|b| matches!(b, b'e' | b'E')) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let exponent_fits =
        exponent.is_none_or(|e| unsigned(e.strip_prefix(b"-").or(e.strip_prefix(b"+")).unwrap_or(e)));
    let mut digits = 0;
    let mut points = 0;
    let mantissa_fits = mantissa.iter().all(|b| match b {
        b'.' => {
            points += 1;
            points == 1
        }
        b => {
            digits += 1;
            b.is_ascii_digit()
        }
    });
    mantissa_fits && digits > 0 && exponent_fits
}

/// `0x1f`, `x'1f'`, `0b01`, `b'01'`.
fn is_hex_or_bits(text: &[u8]) -> bool {
    let within = |digits: &[u8], hex: bool| {
        digits.iter().all(|b| if hex { b.is_ascii_hexdigit() } else { matches!(b, b'0' | b'1') })
    };
    match text {
        [b'0', b'x' | b'X', digits @ ..] => !digits.is_empty() && within(digits, true),
        [b'0', b'b' | b'B', digits @ ..] => !digits.is_empty() && within(digits, false),
        [b'x' | b'X', b'\'', digits @ .., b'\''] => within(digits, true),
        [b'b' | b'B', b'\'', digits @ .., b'\''] => within(digits, false),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
