//! How a file of LOAD DATA is written: the clauses CHARACTER SET, FIELDS, LINES, IGNORE n LINES.

use sqlast::{
    SqlMode,
    ast::{Literal, Raw, RawToken},
};
use vterrors::{Condition, Error, Result};

use crate::session::Charset;

/// What stands between and around the values of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    pub charset: Charset,
    pub fields_terminated_by: Vec<u8>,
    pub enclosed_by: Option<u8>,
    pub escaped_by: Option<u8>,
    /// What comes before it in a line is passed over, and with it lines that do not have it.
    pub lines_starting_by: Vec<u8>,
    /// Empty: lines end where their fields do.
    pub lines_terminated_by: Vec<u8>,
    /// So many lines at the beginning are passed over.
    pub ignore_lines: u64,
}

impl Default for Format {
    fn default() -> Self {
        Self::default_in(SqlMode::default())
    }
}

impl Format {
    /// MySQL's defaults: tabs between fields, a line feed after each line, backslash to escape.
    pub fn default_in(mode: SqlMode) -> Self {
        Self {
            charset: Charset::Utf8mb4,
            fields_terminated_by: b"\t".to_vec(),
            enclosed_by: None,
            escaped_by: (!mode.has(SqlMode::NO_BACKSLASH_ESCAPES)).then_some(b'\\'),
            lines_starting_by: Vec::new(),
            lines_terminated_by: b"\n".to_vec(),
            ignore_lines: 0,
        }
    }

    /// Reads the clauses as the parser kept them.
    ///
    /// Errors: 1064 where they are no such clauses, 1083 for a separator of a wrong length, 1115 for an unknown
    /// character set; character sets in which bytes of ASCII are parts of other characters, and fields of a fixed
    /// width, are refused.
    pub fn parse(options: &Raw, mode: SqlMode) -> Result<Self> {
        let mut clauses = Clauses { tokens: options };
        let mut out = Self::default_in(mode);
        if clauses.words(&["character", "set"]) || clauses.words(&["charset"]) {
            out.charset = charset(&clauses.name()?)?;
        }
        if clauses.words(&["fields"]) || clauses.words(&["columns"]) {
            out.fields(&mut clauses)?;
        }
        if clauses.words(&["lines"]) {
            out.lines(&mut clauses)?;
        }
        if clauses.words(&["ignore"]) {
            out.ignore_lines = clauses.number()?;
            if !clauses.words(&["lines"]) && !clauses.words(&["rows"]) {
                return Err(clauses.syntax());
            }
        }
        if !clauses.tokens.is_empty() {
            return Err(clauses.syntax());
        }
        if out.fields_terminated_by.is_empty() && out.enclosed_by.is_none() {
            return Err(Error::unsupported("not supported: LOAD DATA with fields of a fixed width"));
        }
        Ok(out)
    }

    fn fields(&mut self, clauses: &mut Clauses<'_>) -> Result<()> {
        let mut any = false;
        loop {
            if clauses.words(&["terminated", "by"]) {
                self.fields_terminated_by = clauses.text()?;
            } else if clauses.words(&["optionally", "enclosed", "by"]) || clauses.words(&["enclosed", "by"]) {
                self.enclosed_by = one(&clauses.text()?)?;
            } else if clauses.words(&["escaped", "by"]) {
                self.escaped_by = one(&clauses.text()?)?;
            } else {
                return if any { Ok(()) } else { Err(clauses.syntax()) };
            }
            any = true;
        }
    }

    fn lines(&mut self, clauses: &mut Clauses<'_>) -> Result<()> {
        let mut any = false;
        loop {
            if clauses.words(&["terminated", "by"]) {
                self.lines_terminated_by = clauses.text()?;
            } else if clauses.words(&["starting", "by"]) {
                self.lines_starting_by = clauses.text()?;
            } else {
                return if any { Ok(()) } else { Err(clauses.syntax()) };
            }
            any = true;
        }
    }
}

fn one(text: &[u8]) -> Result<Option<u8>> {
    match text {
        [] => Ok(None),
        [byte] => Ok(Some(*byte)),
        _ => {
            let text = "Field separator argument is not what is expected; check the manual";
            Err(Error::mysql(1083, *b"42000", text))
        }
    }
}

fn charset(name: &str) -> Result<Charset> {
    Charset::parse(name).map_err(|e| match e.condition() {
        Condition::Unsupported => Error::unsupported(format!(
            "not supported: LOAD DATA of a file in the character set {name} (utf8mb4, utf8mb3, latin1, ascii and \
             binary are)"
        )),
        _ => e,
    })
}

/// The tokens that are left.
struct Clauses<'a> {
    tokens: &'a [RawToken],
}

impl Clauses<'_> {
    /// Takes these words, if they come next.
    fn words(&mut self, words: &[&str]) -> bool {
        let is = |(token, word): (&RawToken, &&str)| match token {
            RawToken::Word(text) => text.as_bytes().eq_ignore_ascii_case(word.as_bytes()),
            _ => false,
        };
        let come = self.tokens.len() >= words.len() && self.tokens.iter().zip(words).all(is);
        if come {
            self.tokens = &self.tokens[words.len()..];
        }
        come
    }

    fn next(&mut self) -> Result<&RawToken> {
        let (first, rest) = self.tokens.split_first().ok_or_else(|| self.syntax())?;
        self.tokens = rest;
        Ok(first)
    }

    /// A string, or its bytes in hex or bits.
    fn text(&mut self) -> Result<Vec<u8>> {
        let fault = self.syntax();
        match self.next()? {
            RawToken::Literal(
                literal @ (Literal::String(_)
                | Literal::HexString(_)
                | Literal::HexNumber(_)
                | Literal::Bit(_)
                | Literal::Introduced(_)),
            ) => literal.value_bytes().ok_or(fault),
            _ => Err(fault),
        }
    }

    fn name(&mut self) -> Result<String> {
        let fault = self.syntax();
        match self.next()? {
            RawToken::Word(name) => Ok(name.to_string_lossy().into_owned()),
            RawToken::Ident(name) => Ok(name.to_string_lossy().into_owned()),
            RawToken::Literal(Literal::String(name)) => Ok(name.to_string_lossy().into_owned()),
            _ => Err(fault),
        }
    }

    fn number(&mut self) -> Result<u64> {
        let fault = self.syntax();
        match self.next()? {
            RawToken::Literal(Literal::Integer(digits)) => {
                digits.to_string_lossy().parse().map_err(|_| fault)
            }
            _ => Err(fault),
        }
    }

    fn syntax(&self) -> Error {
        let near = match self.tokens.first() {
            Some(RawToken::Word(word)) => format!("near '{}'", word.to_string_lossy()),
            Some(RawToken::Ident(name)) => format!("near '{name}'"),
            Some(_) => "near a value".to_owned(),
            None => "at their end".to_owned(),
        };
        Error::new(
            Condition::SyntaxError,
            format!("You have an error in your SQL syntax, in the clauses of LOAD DATA {near}"),
        )
    }
}

#[cfg(test)]
mod tests;
