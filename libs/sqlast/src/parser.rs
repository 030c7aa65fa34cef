//! The parser: recursive descent over the tokens of one statement, binary operators by precedence.
//!
//! What must hold: it never recurses deeper than [`MAX_NESTING`] levels and never builds an expression or a
//! join higher than [`MAX_HEIGHT`], so that neither it nor anything that walks the tree can overflow a
//! stack; chains of AND, OR and set operations are flat and count once. Statements that the grammar here
//! does not take apart become [`Statement::Other`] by their first words; SELECT, set operations, INSERT,
//! REPLACE, UPDATE, DELETE, SET and transactions do not fall back: what cannot be read is MySQL's 1064.

mod admin;
mod alter;
mod column;
mod create;
mod cursor;
mod dml;
pub(crate) mod expr;
mod function;
pub(crate) mod literal;
mod query;
mod select;
mod set;
mod show;
mod special;
mod statement;
mod table;
mod tables;
#[cfg(test)]
mod tests;
mod vitess;

use crate::SqlMode;
use crate::ast::{Expr, Statement};
use crate::error::{ParseError, ParseErrorKind};
use cursor::Parser;

/// How deep parentheses, calls and the like may be nested; a subquery counts twice. Measured: a level takes up
/// to 10 KiB of stack in a debug build, so that a thread of 2 MiB has room for this.
pub const MAX_NESTING: usize = 150;

/// How high a tree of operators may be, such as `a + a + ...`, which leans to the left.
pub const MAX_HEIGHT: usize = 1_000;

/// What changes how a statement is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ParseOptions {
    pub sql_mode: SqlMode,
    /// As in `/*!80013 ... */`: major * 10000 + minor * 100 + patch. Gates up to it are read.
    pub mysql_version: u32,
}

impl Default for ParseOptions {
    /// MySQL's default mode, version 9.7.
    fn default() -> Self {
        Self { sql_mode: SqlMode::default(), mysql_version: 90_700 }
    }
}

/// Boxed inside of the parser, so that the frames of its recursion stay small.
type Result<T> = std::result::Result<T, Box<ParseError>>;

/// Reads one statement; a final semicolon is allowed.
///
/// # Errors
/// [`ParseError`] with MySQL's text for error 1064 where the statement does not follow the grammar, or
/// naming the limit where it is nested too deep.
pub fn parse(sql: &[u8], options: &ParseOptions) -> std::result::Result<Statement, ParseError> {
    let statement = Parser::new(sql, options).and_then(|mut parser| parser.whole_statement());
    statement.map_err(|error| *error)
}

/// Reads one expression.
///
/// # Errors
/// As [`parse`].
pub fn parse_expr(sql: &[u8], options: &ParseOptions) -> std::result::Result<Expr, ParseError> {
    let expr = Parser::new(sql, options).and_then(|mut parser| {
        let expr = parser.expr()?;
        parser.expect_end()?;
        Ok(expr)
    });
    expr.map_err(|error| *error)
}

/// `sql` is too long for the spans of a tree.
fn too_long(sql: &[u8]) -> Box<ParseError> {
    Box::new(ParseError::new(ParseErrorKind::TooLong, sql, 0))
}
