//! Names, literals, and clauses kept as tokens.

use super::Printer;
use crate::SqlMode;
use crate::Text;
use crate::ast::*;
use crate::lexer::is_name_byte;
use crate::lexer::keyword::is_reserved;
use crate::parser::literal::is_charset;

/// Names of functions that MySQL's lexer takes as such before a parenthesis: as names of tables they would
/// be misread in `insert into count(a)`.
pub const FUNCTION_WORDS: [&str; 36] = [
    "adddate",
    "bit_and",
    "bit_or",
    "bit_xor",
    "cast",
    "count",
    "curdate",
    "curtime",
    "date_add",
    "date_sub",
    "extract",
    "group_concat",
    "json_arrayagg",
    "json_objectagg",
    "json_value",
    "max",
    "mid",
    "min",
    "now",
    "position",
    "session_user",
    "st_collect",
    "std",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "subdate",
    "substr",
    "substring",
    "sum",
    "sysdate",
    "system_user",
    "trim",
    "var_pop",
    "var_samp",
    "variance",
];

/// Words that are reserved in some versions of MySQL.
const SOMETIMES_RESERVED: [&str; 4] = ["external", "library", "manual", "parallel"];

/// Words that are not reserved and are no name right behind some keyword, as in DELETE QUICK and SELECT SQL_CACHE.
const MODIFIERS: [&str; 4] = ["quick", "sql_buffer_result", "sql_cache", "sql_no_cache"];

/// Whether a name needs quotes.
fn needs_quotes(name: &[u8]) -> bool {
    let Some(first) = name.first() else { return true };
    let plain = name.iter().all(|b| is_name_byte(*b) && b.is_ascii());
    if !plain || first.is_ascii_digit() || *first == b'$' || is_reserved(name) {
        return true;
    }
    if name.first() == Some(&b'_') && is_charset(&name[1..]) {
        return true;
    }
    let is = |word: &&str| name.eq_ignore_ascii_case(word.as_bytes());
    FUNCTION_WORDS.iter().chain(&SOMETIMES_RESERVED).chain(&MODIFIERS).any(is)
}

impl Printer {
    /// A name, in quotes where it needs them.
    pub(crate) fn ident(&mut self, name: &Ident) {
        let bytes = name.as_bytes();
        if needs_quotes(bytes) { self.quoted(bytes) } else { self.bytes(bytes) }
    }

    /// A name in quotes.
    pub(crate) fn quoted_ident(&mut self, name: &Ident) {
        self.quoted(name.as_bytes());
    }

    fn quoted(&mut self, name: &[u8]) {
        self.out.push(b'`');
        for byte in name {
            self.out.push(*byte);
            if *byte == b'`' {
                self.out.push(b'`');
            }
        }
        self.out.push(b'`');
    }

    pub(crate) fn table_name(&mut self, table: &TableName) {
        if let Some(qualifier) = &table.qualifier {
            self.ident(qualifier);
            self.text(".");
        }
        self.ident(&table.name);
    }

    pub(crate) fn col_name(&mut self, column: &ColName) {
        if let Some(table) = &column.qualifier {
            self.table_name(table);
            self.text(".");
        }
        self.ident(&column.name);
    }

    /// `@name`, in quotes where it needs them.
    pub(crate) fn user_var(&mut self, name: &Ident) {
        self.text("@");
        let plain = name.as_bytes().iter().all(|b| b.is_ascii() && (is_name_byte(*b) || *b == b'.'));
        if plain { self.bytes(name.as_bytes()) } else { self.quoted(name.as_bytes()) }
    }

    pub(crate) fn param(&mut self, param: &Param) {
        match param {
            Param::Positional(_) => self.text("?"),
            Param::Named(name) => {
                self.text(":");
                self.bytes(name.as_bytes());
            }
            Param::List(name) => {
                self.text("::");
                self.bytes(name.as_bytes());
            }
        }
    }

    pub(crate) fn literal(&mut self, literal: &Literal) {
        match literal {
            Literal::Null => self.text("null"),
            Literal::Bool(value) => self.text(if *value { "true" } else { "false" }),
            Literal::Integer(text) | Literal::Decimal(text) | Literal::Float(text) => {
                self.bytes(text.as_bytes())
            }
            Literal::String(value) => self.string(value),
            Literal::National(value) => {
                self.text("N");
                self.string(value);
            }
            Literal::HexString(digits) => self.digits("X'", digits, "'"),
            Literal::HexNumber(digits) => self.digits("0x", digits, ""),
            Literal::Bit(digits) => self.digits("B'", digits, "'"),
            Literal::Temporal(temporal) => {
                self.text(match (temporal.kind, temporal.odbc) {
                    (TemporalKind::Date, false) => "date",
                    (TemporalKind::Time, false) => "time",
                    (TemporalKind::Timestamp, false) => "timestamp",
                    (TemporalKind::Date, true) => "{d ",
                    (TemporalKind::Time, true) => "{t ",
                    (TemporalKind::Timestamp, true) => "{ts ",
                });
                self.string(&temporal.value);
                self.text_if(temporal.odbc, "}");
            }
            Literal::Introduced(introduced) => {
                self.text("_");
                self.bytes(introduced.charset.as_bytes());
                self.text(" ");
                self.literal(&introduced.literal);
            }
        }
    }

    fn digits(&mut self, front: &str, digits: &Text, back: &str) {
        self.text(front);
        self.bytes(digits.as_bytes());
        self.text(back);
    }

    /// A string in single quotes, escaped for the sql_mode of the reader.
    pub(crate) fn string(&mut self, value: &Text) {
        self.out.push(b'\'');
        let doubled = self.options.sql_mode.has(SqlMode::NO_BACKSLASH_ESCAPES);
        for byte in value.as_bytes() {
            if doubled {
                self.out.push(*byte);
                if *byte == b'\'' {
                    self.out.push(b'\'');
                }
                continue;
            }
            let escaped = match byte {
                0 => b'0',
                b'\n' => b'n',
                b'\r' => b'r',
                26 => b'Z',
                b'\\' | b'\'' => *byte,
                _ => {
                    self.out.push(*byte);
                    continue;
                }
            };
            self.out.extend([b'\\', escaped]);
        }
        self.out.push(b'\'');
    }

    /// A clause kept as tokens: single spaces where words meet, none around dots and inside of parentheses.
    pub(crate) fn raw(&mut self, raw: &Raw) {
        let mut previous: Option<&RawToken> = None;
        for token in raw {
            if previous.is_some_and(|previous| space_between(previous, token)) {
                self.text(" ");
            }
            self.raw_token(token);
            previous = Some(token);
        }
    }

    fn raw_token(&mut self, token: &RawToken) {
        match token {
            RawToken::Word(word) => self.bytes(word.as_bytes()),
            RawToken::Ident(name) => self.quoted(name.as_bytes()),
            RawToken::Literal(literal) => self.literal(literal),
            RawToken::UserVar(name) => self.user_var(name),
            RawToken::SysVar(name) => {
                self.text("@@");
                self.ident(name);
            }
            RawToken::Param(param) => self.param(param),
            RawToken::Table(table) => self.table_name(table),
        }
    }
}

fn is_word(token: &RawToken, text: &str) -> bool {
    matches!(token, RawToken::Word(word) if word.as_bytes() == text.as_bytes())
}

fn space_between(left: &RawToken, right: &RawToken) -> bool {
    if is_word(left, ".") || is_word(right, ".") {
        // A dot that touches a number would be its point. A name right behind its dot is kept as a quoted one.
        let digit = |w: &[u8]| w.first().is_some_and(u8::is_ascii_digit);
        let like_a_number = matches!(right, RawToken::Word(w) if digit(w.as_bytes()));
        // The names of user variables and parameters may have dots.
        return matches!(left, RawToken::Literal(_) | RawToken::UserVar(_) | RawToken::Param(_))
            || matches!(right, RawToken::Literal(_))
            || like_a_number;
    }
    if is_word(left, "(") || is_word(left, "@") {
        return false;
    }
    if is_word(right, ")") || is_word(right, ",") {
        return false;
    }
    // `user@host`, and calls: a name that no keyword takes is right before its parenthesis.
    if matches!(right, RawToken::UserVar(_)) && matches!(left, RawToken::Ident(_) | RawToken::Literal(_)) {
        return false;
    }
    let call = is_word(right, "(")
        && matches!(left, RawToken::Word(word) if word.as_bytes().iter().all(|b| is_name_byte(*b)) && !is_reserved(word.as_bytes()));
    !call
}
