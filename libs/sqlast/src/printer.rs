//! Trees to text: lower-case keywords, single spaces, only the parentheses that are needed.
//!
//! The text is what Vitess calls normalised, as far as its form is known, and always means to MySQL what the
//! tree means: names that need quotes have them, strings are escaped for the session's sql_mode, operands
//! that would bind otherwise stand in parentheses. Reading the text again gives an equal tree.

mod admin;
mod ddl;
mod dml;
mod expr;
mod function;
mod query;
mod show;
mod table;
#[cfg(test)]
mod tests;
mod token;

pub use token::FUNCTION_WORDS;
mod vitess;

use crate::SqlMode;
use crate::ast::*;
use crate::parser::expr::level;

/// What changes how a tree is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PrintOptions {
    /// Of the session that will read the text: decides escapes in strings.
    pub sql_mode: SqlMode,
    /// Every operation in parentheses, for checks of precedence.
    pub parenthesised: bool,
}

/// A tree that can be printed.
pub trait Node {
    /// Appends the text.
    fn print(&self, printer: &mut Printer);
}

/// Where text is written to.
#[derive(Debug, Clone, Default)]
pub struct Printer {
    out: Vec<u8>,
    options: PrintOptions,
}

/// The text of a tree in canonical form.
pub fn to_sql(node: &impl Node) -> Vec<u8> {
    to_sql_with(node, PrintOptions::default())
}

/// The text with every operation in parentheses.
pub fn to_sql_parenthesised(node: &impl Node) -> Vec<u8> {
    to_sql_with(node, PrintOptions { parenthesised: true, ..PrintOptions::default() })
}

/// The text as `options` want it.
pub fn to_sql_with(node: &impl Node, options: PrintOptions) -> Vec<u8> {
    let mut printer = Printer { out: Vec::with_capacity(128), options };
    node.print(&mut printer);
    printer.out
}

impl Printer {
    /// Keywords, punctuation: as it is.
    pub(crate) fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// `text` if `wanted`.
    pub(crate) fn text_if(&mut self, wanted: bool, text: &str) {
        if wanted {
            self.text(text);
        }
    }

    /// Items with commas between them.
    pub(crate) fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        for (index, item) in items.iter().enumerate() {
            self.text_if(index > 0, ", ");
            each(self, item);
        }
    }

    /// Items in parentheses.
    pub(crate) fn paren_list<T>(&mut self, items: &[T], each: impl FnMut(&mut Self, &T)) {
        self.text("(");
        self.list(items, each);
        self.text(")");
    }

    pub(crate) fn exprs(&mut self, exprs: &[Expr]) {
        self.list(exprs, |p, expr| p.expr(expr));
    }

    /// An expression where any may stand.
    pub(crate) fn expr(&mut self, expr: &Expr) {
        self.expr_at(expr, 0);
    }

    pub(crate) fn comments(&mut self, comments: &Comments) {
        for comment in &comments.0 {
            self.text(" ");
            self.bytes(comment.as_bytes());
        }
    }
}

impl Node for Expr {
    fn print(&self, printer: &mut Printer) {
        printer.expr_at(self, level::OR.saturating_sub(1));
    }
}

impl Node for Query {
    fn print(&self, printer: &mut Printer) {
        printer.query(self);
    }
}

impl Node for Select {
    fn print(&self, printer: &mut Printer) {
        printer.select(self);
    }
}

impl Node for TableExpr {
    fn print(&self, printer: &mut Printer) {
        printer.table_expr(self);
    }
}

impl Node for TableName {
    fn print(&self, printer: &mut Printer) {
        printer.table_name(self);
    }
}

impl Node for ColName {
    fn print(&self, printer: &mut Printer) {
        printer.col_name(self);
    }
}

impl Node for Ident {
    fn print(&self, printer: &mut Printer) {
        printer.ident(self);
    }
}

impl Node for Literal {
    fn print(&self, printer: &mut Printer) {
        printer.literal(self);
    }
}

impl Node for Statement {
    fn print(&self, printer: &mut Printer) {
        printer.statement(self);
    }
}
