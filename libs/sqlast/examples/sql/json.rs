//! JSON strings that hold bytes. A statement need not be UTF-8: a byte that is no part of a UTF-8 character is
//! the escape `\udc80` to `\udcff`, a surrogate that stands alone, in both directions. That is how Python's
//! `json.dumps(sql.decode("utf-8", "surrogateescape"))` writes it.

use std::fmt::Write as _;

/// Where the surrogates for bytes begin: U+DC00 plus the byte.
const BYTE_0: u32 = 0xdc00;

/// The bytes of a JSON string; an error says what is wrong with the text.
pub fn read(text: &[u8]) -> Result<Vec<u8>, String> {
    // serde_json writes a lone surrogate as if it were a character, in three bytes, when it is asked for bytes.
    let mut reader = serde_json::Deserializer::from_slice(text);
    let bytes = serde::Deserializer::deserialize_bytes(&mut reader, Bytes).map_err(|e| e.to_string())?;
    reader.end().map_err(|e| e.to_string())?;
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = &bytes[..];
    while let Some((&first, behind)) = rest.split_first() {
        match (first, behind) {
            (0xed, [second @ 0xa0..=0xbf, third @ 0x80..=0xbf, after @ ..]) => {
                let unit = 0xd000 | u32::from(second & 0x3f) << 6 | u32::from(third & 0x3f);
                let byte = unit.checked_sub(BYTE_0).and_then(|b| u8::try_from(b).ok()).filter(|b| *b >= 0x80);
                out.push(byte.ok_or_else(|| format!("\\u{unit:04x} stands alone and is no byte"))?);
                rest = after;
            }
            _ => {
                out.push(first);
                rest = behind;
            }
        }
    }
    Ok(out)
}

/// Takes a string, and nothing else that has bytes.
struct Bytes;

impl serde::de::Visitor<'_> for Bytes {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_str<E>(self, text: &str) -> Result<Vec<u8>, E> {
        Ok(text.as_bytes().to_vec())
    }
}

/// A JSON string of these bytes.
pub fn string(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                    let _infallible = write!(out, "\\u{:04x}", u32::from(c));
                }
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _infallible = write!(out, "\\u{:04x}", BYTE_0 + u32::from(*byte));
        }
    }
    out.push('"');
    out
}

/// A JSON list of strings.
pub fn strings<T: AsRef<[u8]>>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| string(item.as_ref())).collect();
    format!("[{}]", items.join(","))
}
