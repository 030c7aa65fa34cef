//! Character sets of clients' connections.
//!
//! Tablets speak utf8mb4, always. What a client in another character set writes and reads is converted
//! here, so that its session needs no connection of its own:
//! - a text with nothing but ASCII is the same in all of them and is not touched;
//! - a string literal with other bytes gets an introducer (`_latin1 x'E9'`): mysqld then has the very bytes
//!   and knows what they are, so that a BLOB takes them as they are and a text column converts them;
//! - names, and statements that do not take such literals, are converted to UTF-8;
//! - rows and column names are converted on their way out, with `?` for what the client's set lacks.
//!
//! Character sets in which a byte below 0x80 can be a part of another character (gbk, sjis, big5, gb18030,
//! cp932, utf16...) are refused by name: no lexer that goes by bytes may read them.

use mysqlwire::server::Encode;
use sqlast::{FingerprintKey, ParseOptions, Scratch, StatementKind};
use sqltypes::Field;
use vterrors::{Error, Result};

use super::prepared::put_hex;

/// A character set that a connection can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charset {
    #[default]
    Utf8mb4,
    Utf8mb3,
    /// MySQL's latin1 is Windows' code page 1252.
    Latin1,
    Ascii,
    Binary,
}

/// The characters of code page 1252 from 0x80 to 0x9f; where it has none MySQL's latin1 keeps the control.
const CP1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

impl Charset {
    /// By its name; MySQL's error 1115, or which one is not supported here.
    pub fn parse(name: &str) -> Result<Self> {
        const REFUSED: [&str; 36] = [
            "armscii8", "big5", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866", "cp932",
            "dec8", "eucjpms", "euckr", "gb18030", "gb2312", "gbk", "geostd8", "greek", "hebrew", "hp8",
            "keybcs2", "koi8r", "koi8u", "latin2", "latin5", "latin7", "macce", "macroman", "sjis", "swe7",
            "tis620", "ucs2", "ujis", "utf16", "utf16le", "utf32",
        ];
        Ok(match name.to_ascii_lowercase().as_str() {
            "utf8mb4" | "default" => Self::Utf8mb4,
            "utf8" | "utf8mb3" => Self::Utf8mb3,
            "latin1" => Self::Latin1,
            "ascii" => Self::Ascii,
            "binary" => Self::Binary,
            known if REFUSED.contains(&known) => {
                return Err(Error::unsupported(format!(
                    "not supported: connections in the character set {known} (utf8mb4, utf8mb3, latin1, ascii \
                     and binary are)"
                )));
            }
            unknown => {
                return Err(Error::mysql(1115, *b"42000", format!("Unknown character set: '{unknown}'")));
            }
        })
    }

    /// By the number of a collation in a client's handshake (`information_schema.collations`), and the
    /// collation's number. One that is none of these sets' is refused with its number.
    pub fn of_collation(id: u16) -> Result<Self> {
        Ok(match id {
            // 0: a client that does not say.
            0 | 45 | 46 | 224..=247 | 255 | 256..=323 => Self::Utf8mb4,
            33 | 76 | 83 | 192..=215 | 223 => Self::Utf8mb3,
            5 | 8 | 15 | 31 | 47 | 48 | 49 | 94 => Self::Latin1,
            11 | 65 => Self::Ascii,
            63 => Self::Binary,
            other => {
                let name = refused_collation(other);
                return Err(Error::unsupported(format!(
                    "not supported: connections in {name} (utf8mb4, utf8mb3, latin1, ascii and binary are)"
                )));
            }
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8mb4 => "utf8mb4",
            Self::Utf8mb3 => "utf8mb3",
            Self::Latin1 => "latin1",
            Self::Ascii => "ascii",
            Self::Binary => "binary",
        }
    }

    /// Its default collation in MySQL 8.
    pub fn default_collation(self) -> &'static str {
        match self {
            Self::Utf8mb4 => "utf8mb4_0900_ai_ci",
            Self::Utf8mb3 => "utf8mb3_general_ci",
            Self::Latin1 => "latin1_swedish_ci",
            Self::Ascii => "ascii_general_ci",
            Self::Binary => "binary",
        }
    }

    /// The number that text columns are labelled with; none for `binary`, which labels them with their own.
    pub fn collation_id(self) -> Option<u32> {
        match self {
            Self::Utf8mb4 => Some(255),
            Self::Utf8mb3 => Some(33),
            Self::Latin1 => Some(8),
            Self::Ascii => Some(11),
            Self::Binary => None,
        }
    }

    /// Whether the client's text is UTF-8 as it is.
    pub fn is_utf8(self) -> bool {
        matches!(self, Self::Utf8mb4 | Self::Utf8mb3)
    }

    /// Whether values from tablets go to the client as they are.
    pub fn takes_utf8(self) -> bool {
        matches!(self, Self::Utf8mb4 | Self::Binary)
    }

    /// What stands before a literal in this character set.
    pub fn introducer(self) -> &'static str {
        match self {
            Self::Utf8mb4 | Self::Utf8mb3 => "_utf8mb4",
            Self::Latin1 => "_latin1",
            Self::Ascii => "_ascii",
            Self::Binary => "_binary",
        }
    }

    /// A client's bytes as UTF-8.
    pub fn decode(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Utf8mb4 | Self::Utf8mb3 | Self::Binary => bytes.to_vec(),
            Self::Latin1 => bytes.iter().map(|b| latin1_char(*b)).collect::<String>().into_bytes(),
            Self::Ascii => bytes.iter().map(|b| if b.is_ascii() { *b } else { b'?' }).collect(),
        }
    }

    /// UTF-8 as the client reads it.
    pub fn encode(self, text: &[u8]) -> Vec<u8> {
        if self.takes_utf8() {
            return text.to_vec();
        }
        let text = String::from_utf8_lossy(text);
        match self {
            Self::Latin1 => text.chars().map(|c| latin1_byte(c).unwrap_or(b'?')).collect(),
            Self::Ascii => text.chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' }).collect(),
            _ => {
                text.chars().map(|c| if c as u32 > 0xffff { '?' } else { c }).collect::<String>().into_bytes()
            }
        }
    }

    /// Turns UTF-8 into what the client reads; none where that is the same.
    pub fn encoder(self) -> Option<Encode> {
        match self {
            Self::Utf8mb4 | Self::Binary => None,
            Self::Utf8mb3 => Some(|text| Self::Utf8mb3.encode(text)),
            Self::Latin1 => Some(|text| Self::Latin1.encode(text)),
            Self::Ascii => Some(|text| Self::Ascii.encode(text)),
        }
    }

    /// A client's statement as UTF-8 with the same meaning; none when it is fine as it is.
    pub fn statement(self, sql: &[u8], options: &ParseOptions) -> Option<Converted> {
        // In UTF-8 only what is none needs help: bytes behind an introducer, as many drivers write them.
        if sql.is_ascii() || (self.is_utf8() && std::str::from_utf8(sql).is_ok()) {
            return None;
        }
        // Literals are only taken where an expression is: elsewhere (DDL) the text is all names and texts.
        let rewritten = self.with_introducers(sql, options);
        Some(rewritten.unwrap_or_else(|| Converted { sql: self.decode(sql), labels: Labels::default() }))
    }

    /// The statement with its literals' own bytes; none when that is not a statement.
    fn with_introducers(self, sql: &[u8], options: &ParseOptions) -> Option<Converted> {
        let mut scratch = Scratch::default();
        let found = sqlast::fingerprint(sql, options, &FingerprintKey([0, 0]), &mut scratch)?;
        use StatementKind as K;
        if !matches!(
            found.kind,
            K::Select | K::Insert | K::Replace | K::Update | K::Delete | K::Set | K::Do | K::Call
        ) {
            return None;
        }
        let mut out = Vec::with_capacity(sql.len() + 64);
        let mut labels = Labels::default();
        let mut from = 0;
        for literal in &scratch.literals {
            let token = literal.span.of(sql);
            let introduced = ends_in_introducer(&sql[..literal.span.start as usize]);
            // Without an introducer bytes that are no UTF-8 become a bind variable as they are.
            let fine = self.is_utf8() && (!introduced || std::str::from_utf8(token).is_ok());
            if token.is_ascii() || fine {
                continue;
            }
            let alone = sqlast::fingerprint::LiteralSpan { list: 0, ..*literal };
            let value = sqlast::bind_values(sql, options, &[alone]);
            let Some(sqlast::BindValue::Value(value)) = value.into_iter().next() else { return None };
            let before = &sql[from..literal.span.start as usize];
            out.extend_from_slice(&self.decode(before));
            let start = out.len();
            if !introduced {
                out.extend_from_slice(self.introducer().as_bytes());
            }
            put_hex(&mut out, value.bytes.as_bytes());
            labels.add(&out[start..], &self.decode(token), &self.decode(value.bytes.as_bytes()));
            from = literal.span.end as usize;
        }
        out.extend_from_slice(&self.decode(&sql[from..]));
        // A quoted alias looks like a literal: then the text is converted whole.
        sqlast::parse(&out, options).is_ok().then_some(Converted { sql: out, labels })
    }

    /// The columns as the client is told of them, but for their names.
    pub fn label(self, fields: &mut [Field]) {
        const BINARY: u32 = sqltypes::charset::BINARY;
        let Some(id) = self.collation_id() else { return };
        fields.iter_mut().filter(|f| f.charset != BINARY && f.charset != 0).for_each(|f| f.charset = id);
    }
}

/// A statement in UTF-8, and how its columns would be named if it had come so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    pub sql: Vec<u8>,
    pub labels: Labels,
}

/// What was put in the place of literals, and the literals, for the names of unnamed columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(Vec<Label>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Label {
    written: String,
    token: String,
    value: String,
}

impl Labels {
    fn add(&mut self, written: &[u8], token: &[u8], value: &[u8]) {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        self.0.push(Label { written: text(written), token: text(token), value: text(value) });
    }

    /// The columns' names as MySQL gives them for the client's own text: the value of a lone literal, else
    /// the text of the expression.
    pub fn restore(&self, fields: &mut [Field]) {
        for field in fields {
            for label in &self.0 {
                if field.name == label.written {
                    field.name.clone_from(&label.value);
                } else if field.name.contains(&label.written) {
                    field.name = field.name.replace(&label.written, &label.token);
                }
            }
        }
    }
}

fn latin1_char(byte: u8) -> char {
    match byte {
        0x80..=0x9f => CP1252[usize::from(byte - 0x80)],
        other => char::from(other),
    }
}

fn latin1_byte(c: char) -> Option<u8> {
    match c as u32 {
        code @ (0..=0x7f | 0xa0..=0xff) => Some(code as u8),
        _ => CP1252.iter().position(|known| *known == c).map(|at| 0x80 + at as u8),
    }
}

/// Whether a text ends in a character set introducer (`_utf8mb4`, with space behind it or not).
fn ends_in_introducer(text: &[u8]) -> bool {
    let text = text.trim_ascii_end();
    let start = text.iter().rposition(|b| !(b.is_ascii_alphanumeric() || *b == b'_')).map_or(0, |n| n + 1);
    text.get(start) == Some(&b'_')
}

/// Names of the sets that clients do ask for.
fn refused_collation(id: u16) -> String {
    let name = match id {
        1 | 84 => "big5",
        9 | 2 | 21 | 27 | 77 => "latin2",
        12 | 91 => "ujis",
        13 | 88 => "sjis",
        7 | 74 => "koi8r",
        14 | 23 | 50 | 51 | 52 => "cp1251",
        24 | 86 => "gb2312",
        28 | 87 => "gbk",
        30 | 78 => "latin5",
        54 | 55 | 101..=124 => "utf16",
        35 | 90 | 128..=151 => "ucs2",
        60 | 61 | 160..=183 => "utf32",
        95 | 96 => "cp932",
        248..=250 => "gb18030",
        _ => return format!("the character set of collation {id}"),
    };
    format!("the character set {name}")
}

#[cfg(test)]
mod tests;
