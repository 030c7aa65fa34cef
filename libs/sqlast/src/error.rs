//! What is wrong with a statement, and where.

use std::fmt;

/// A statement that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    pub kind: ParseErrorKind,
    /// Where in the statement, in bytes from 0.
    pub offset: usize,
    /// The line of `offset`, from 1.
    pub line: usize,
    /// The statement from `offset` on, at most [`NEAR_BYTES`] bytes.
    pub near: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// MySQL's 1064.
    Syntax,
    /// Deeper nested than the parser's budget; says which limit was hit.
    TooDeep { limit: usize },
    /// Longer than the 4 GiB that spans can tell.
    TooLong,
}

/// How much of the statement MySQL shows in its message.
pub const NEAR_BYTES: usize = 80;

impl ParseError {
    /// MySQL's 1064 at a place of a statement, for who reads it further than the grammar does.
    pub fn syntax(sql: &[u8], offset: usize) -> Self {
        Self::new(ParseErrorKind::Syntax, sql, offset)
    }

    pub(crate) fn new(kind: ParseErrorKind, sql: &[u8], offset: usize) -> Self {
        let offset = offset.min(sql.len());
        let line = 1 + sql[..offset].iter().filter(|b| **b == b'\n').count();
        let near = sql[offset..sql.len().min(offset + NEAR_BYTES)].to_vec();
        Self { kind, offset, line, near }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ParseErrorKind::Syntax => f.write_str(
                "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server \
                 version for the right syntax to use",
            )?,
            ParseErrorKind::TooDeep { limit } => {
                write!(f, "the statement is nested deeper than the parser's limit of {limit}")?;
            }
            ParseErrorKind::TooLong => f.write_str("the statement is longer than 4 GiB")?,
        }
        write!(f, " near '{}' at line {}", String::from_utf8_lossy(&self.near), self.line)
    }
}

impl std::error::Error for ParseError {}

impl From<ParseError> for vterrors::Error {
    /// A syntax error is MySQL's 1064; a limit that was hit says which one, for the grammar is kept.
    fn from(error: ParseError) -> Self {
        let condition = match error.kind {
            ParseErrorKind::Syntax => vterrors::Condition::SyntaxError,
            ParseErrorKind::TooDeep { .. } | ParseErrorKind::TooLong => vterrors::Condition::InvalidArgument,
        };
        vterrors::Error::new(condition, error.to_string())
    }
}
