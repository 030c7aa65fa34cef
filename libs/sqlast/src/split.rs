//! Several statements in one text.

use crate::lexer::{Lexeme, Lexer, Tok};
use crate::parser::ParseOptions;

/// The statements of `sql`, split at semicolons outside of strings, names, comments and bodies of stored
/// programs; without the semicolons and the space around, those without a token left out.
pub fn split<'a>(sql: &'a [u8], options: &ParseOptions) -> Vec<&'a [u8]> {
    let mut statements = Vec::new();
    let mut pieces = Splitter { sql, lexer: Lexer::new(sql, options), body: Body::default() };
    let mut start = 0;
    loop {
        let (end, tokens, last) = pieces.piece();
        // An open gate ends in no token at the end of the text, behind the last statement.
        let statement = sql[start..end].trim_ascii();
        if tokens > 0 && !statement.is_empty() {
            statements.push(statement);
        }
        if last {
            return statements;
        }
        start = end + 1;
    }
}

struct Splitter<'a> {
    sql: &'a [u8],
    lexer: Lexer<'a>,
    body: Body,
}

impl Splitter<'_> {
    /// Reads up to the semicolon that ends a statement: its place, how many tokens came before it, and
    /// whether the text ends here.
    fn piece(&mut self) -> (usize, usize, bool) {
        let mut tokens = 0;
        self.body = Body::default();
        loop {
            let token = self.lexer.next();
            match token.tok {
                Tok::Comment => {}
                Tok::End => return (self.sql.len(), tokens, true),
                Tok::Semicolon if self.body.depth == 0 => return (token.start, tokens, false),
                // Who reads the statement says what is wrong with it.
                Tok::Bad => return (self.sql.len(), tokens + 1, true),
                _ => {
                    let call = token.tok == Tok::Word && self.is_call();
                    self.body.token(self.sql, token, call);
                    tokens += 1;
                }
            }
        }
    }

    /// Whether the word just read is a function with several arguments: `IF(a, b, c)` and not `IF (a) THEN`.
    fn is_call(&self) -> bool {
        let mut ahead = self.lexer.clone();
        if ahead.next().tok != Tok::LeftParen {
            return false;
        }
        let mut depth = 1usize;
        loop {
            match ahead.next().tok {
                Tok::LeftParen => depth += 1,
                Tok::RightParen if depth == 1 => return false,
                Tok::RightParen => depth -= 1,
                Tok::Comma if depth == 1 => return true,
                Tok::End | Tok::Bad => return false,
                _ => {}
            }
        }
    }
}

/// How deep in the compound statements of a stored program the text is; 0 outside of one.
#[derive(Debug, Default)]
struct Body {
    depth: usize,
    words: usize,
    create: bool,
    program: bool,
    after_end: bool,
    /// A statement of the program may begin with the next word.
    at_start: bool,
}

/// How far into CREATE the word PROCEDURE, FUNCTION, TRIGGER or EVENT may stand: a definer and other
/// clauses come before it.
const WORDS_BEFORE_KIND: usize = 24;

impl Body {
    fn token(&mut self, sql: &[u8], token: Lexeme, call: bool) {
        let after_end = std::mem::take(&mut self.after_end);
        let at_start =
            std::mem::replace(&mut self.at_start, token.tok == Tok::Semicolon || token.tok == Tok::Bad);
        self.words += 1;
        if token.tok != Tok::Word {
            return;
        }
        let is = |word: &str| sql[token.start..token.end].eq_ignore_ascii_case(word.as_bytes());
        if self.words == 1 {
            self.create = is("create") || is("alter");
        }
        if self.create && self.words < WORDS_BEFORE_KIND {
            self.program |= is("procedure") || is("function") || is("trigger") || is("event");
        }
        if !self.program {
            return;
        }
        if is("end") {
            self.depth = self.depth.saturating_sub(1);
            self.after_end = true;
            return;
        }
        let compound = ["if", "loop", "while", "repeat"].iter().any(|word| is(word));
        let begins = is("begin") || is("case") || (compound && at_start && !call);
        // Behind END these words only say what it ends.
        self.depth += usize::from(begins && (!after_end || is("begin")));
        self.at_start = ["begin", "then", "else", "do", "loop", "repeat"].iter().any(|word| is(word));
    }
}
