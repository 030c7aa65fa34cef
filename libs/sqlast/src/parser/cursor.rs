//! The tokens of a statement and where the parser stands in them.

use super::{MAX_HEIGHT, MAX_NESTING, ParseOptions, Result, too_long};
use crate::ast::{Comments, Ident, Into, Span, TableName};
use crate::error::{ParseError, ParseErrorKind};
use crate::lexer::keyword::{Kw, lookup};
use crate::lexer::{Lexer, Tok, decode_name};
use crate::{SqlMode, Text};

/// A token with its keyword; positions are bytes of the statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub tok: Tok,
    /// For words; else [`Kw::None`].
    pub kw: Kw,
    pub start: u32,
    pub end: u32,
}

/// A comment and the index of the token that follows it.
#[derive(Debug, Clone, Copy)]
struct Comment {
    before: usize,
    start: usize,
    end: usize,
}

/// The state of parsing one statement.
pub(super) struct Parser<'a> {
    pub sql: &'a [u8],
    pub options: ParseOptions,
    /// Ends in one [`Tok::End`].
    tokens: Vec<Token>,
    comments: Vec<Comment>,
    at: usize,
    /// How many `?` were read.
    pub params: u32,
    /// How deep the parser is nested now.
    nesting: usize,
    /// The height of the highest expression read so far in the present frame ([`Parser::open`]).
    height: usize,
    /// An INTO that was read inside of a SELECT and belongs to the query around it.
    pub into: Option<Box<Into>>,
}

/// Most statements have fewer bytes per token than this, so that the tokens need one allocation.
const BYTES_PER_TOKEN: usize = 4;

/// The tokens of longer statements may need more than one allocation.
const FIRST_TOKENS: usize = 16 * 1024;

/// Whether what follows a word makes it the first part of a dotted name: a dot and, without space, a letter of a name.
/// MySQL's lexer does not look such a word up (tried on 9.7: `order.id` is a column of a table named `order`).
fn begins_a_path(rest: &[u8]) -> bool {
    match rest {
        [b'.', next, ..] => next.is_ascii_alphanumeric() || matches!(next, b'_' | b'$') || !next.is_ascii(),
        _ => false,
    }
}

impl<'a> Parser<'a> {
    pub fn new(sql: &'a [u8], options: &ParseOptions) -> Result<Self> {
        if u32::try_from(sql.len()).is_err() {
            return Err(too_long(sql));
        }
        let mut tokens = Vec::with_capacity((sql.len() / BYTES_PER_TOKEN + 8).min(FIRST_TOKENS));
        let mut comments = Vec::new();
        let mut lexer = Lexer::new(sql, options);
        let mut after = Tok::End;
        loop {
            let lexeme = lexer.next();
            if lexeme.tok == Tok::Comment {
                comments.push(Comment { before: tokens.len(), start: lexeme.start, end: lexeme.end });
                continue;
            }
            let kw = match lexeme.tok {
                // `order.id` begins with a name, whatever the word; in `@@global.x` it is a keyword.
                Tok::Word if begins_a_path(&sql[lexeme.end..]) && after != Tok::AtAt => Kw::None,
                Tok::Word => lookup(&sql[lexeme.start..lexeme.end]),
                _ => Kw::None,
            };
            after = lexeme.tok;
            tokens.push(Token { tok: lexeme.tok, kw, start: lexeme.start as u32, end: lexeme.end as u32 });
            if lexeme.tok == Tok::End {
                break;
            }
        }
        Ok(Self {
            sql,
            options: *options,
            tokens,
            comments,
            at: 0,
            params: 0,
            nesting: 0,
            height: 0,
            into: None,
        })
    }

    pub fn has_mode(&self, mode: SqlMode) -> bool {
        self.options.sql_mode.has(mode)
    }

    /// The token `ahead` places on; the end beyond the end.
    #[inline]
    pub fn peek(&self, ahead: usize) -> Token {
        let last = self.tokens.len() - 1;
        self.tokens[(self.at + ahead).min(last)]
    }

    #[inline]
    pub fn tok(&self) -> Tok {
        self.peek(0).tok
    }

    #[inline]
    pub fn kw(&self) -> Kw {
        self.peek(0).kw
    }

    #[inline]
    pub fn advance(&mut self) {
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
    }

    pub fn position(&self) -> usize {
        self.at
    }

    /// Goes back to a [`Parser::position`]. What was read since is read again, its `?` too.
    pub fn rewind(&mut self, position: usize) {
        let read_again = self.tokens.get(position..self.at).unwrap_or_default();
        let params = read_again.iter().filter(|token| token.tok == Tok::Question).count();
        self.params = self.params.saturating_sub(params as u32);
        self.at = position;
    }

    pub fn bytes(&self, token: Token) -> &'a [u8] {
        &self.sql[token.start as usize..token.end as usize]
    }

    #[inline]
    pub fn at(&self, kw: Kw) -> bool {
        self.kw() == kw
    }

    pub fn at_seq(&self, kws: &[Kw]) -> bool {
        kws.iter().enumerate().all(|(ahead, kw)| self.peek(ahead).kw == *kw)
    }

    /// Whether the token `ahead` is this word (lower case) without quotes.
    pub fn word_is(&self, ahead: usize, word: &str) -> bool {
        let token = self.peek(ahead);
        token.tok == Tok::Word && self.bytes(token).eq_ignore_ascii_case(word.as_bytes())
    }

    pub fn at_words(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(ahead, word)| self.word_is(ahead, word))
    }

    /// Passes a keyword if it is there.
    #[inline]
    pub fn accept(&mut self, kw: Kw) -> bool {
        let found = self.at(kw);
        if found {
            self.advance();
        }
        found
    }

    /// Passes a sequence of keywords if all are there.
    pub fn accept_seq(&mut self, kws: &[Kw]) -> bool {
        let found = self.at_seq(kws);
        if found {
            self.at += kws.len();
        }
        found
    }

    /// Passes a word (lower case) if it is there.
    pub fn accept_word(&mut self, word: &str) -> bool {
        self.accept_words(&[word])
    }

    pub fn accept_words(&mut self, words: &[&str]) -> bool {
        let found = self.at_words(words);
        if found {
            self.at += words.len();
        }
        found
    }

    #[inline]
    pub fn accept_tok(&mut self, tok: Tok) -> bool {
        let found = self.tok() == tok;
        if found {
            self.advance();
        }
        found
    }

    pub fn expect(&mut self, kw: Kw) -> Result<()> {
        if self.accept(kw) { Ok(()) } else { self.fail() }
    }

    pub fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.accept_word(word) { Ok(()) } else { self.fail() }
    }

    pub fn expect_tok(&mut self, tok: Tok) -> Result<()> {
        if self.accept_tok(tok) { Ok(()) } else { self.fail() }
    }

    /// The end of the statement, a semicolon before it allowed.
    pub fn expect_end(&mut self) -> Result<()> {
        while self.accept_tok(Tok::Semicolon) {}
        if self.tok() == Tok::End { Ok(()) } else { self.fail() }
    }

    pub fn at_end(&self) -> bool {
        matches!(self.tok(), Tok::End | Tok::Semicolon)
    }

    /// MySQL's syntax error at the present token.
    #[cold]
    pub fn fail<T>(&self) -> Result<T> {
        self.error(ParseErrorKind::Syntax)
    }

    fn error<T>(&self, kind: ParseErrorKind) -> Result<T> {
        Err(Box::new(ParseError::new(kind, self.sql, self.peek(0).start as usize)))
    }

    #[cold]
    fn too_deep<T>(&self, limit: usize) -> Result<T> {
        self.error(ParseErrorKind::TooDeep { limit })
    }

    /// Begins a frame: something nested whose height is counted on its own. Give the answer to
    /// [`Parser::close`].
    pub fn open(&mut self) -> Result<usize> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return self.too_deep(MAX_NESTING);
        }
        Ok(std::mem::take(&mut self.height))
    }

    /// Ends a frame: it is one higher than what it holds.
    pub fn close(&mut self, outer: usize) {
        self.nesting -= 1;
        self.height = outer.max(self.height + 1);
    }

    /// Begins to count the height of operands that are to be combined.
    #[inline]
    pub fn begin_operands(&mut self) -> usize {
        std::mem::take(&mut self.height)
    }

    /// The operands read since [`Parser::begin_operands`] became one node.
    #[inline]
    pub fn combine(&mut self) -> Result<()> {
        self.height += 1;
        if self.height > MAX_HEIGHT { self.too_deep(MAX_HEIGHT) } else { Ok(()) }
    }

    #[inline]
    pub fn end_operands(&mut self, outer: usize) {
        self.height = self.height.max(outer);
    }

    /// The source from the start of token number `from` to the end of the last token read.
    pub fn span_from(&self, from: usize) -> Span {
        let end = if self.at == 0 { 0 } else { self.tokens[self.at - 1].end };
        Span { start: self.tokens[from].start, end }
    }

    /// The comments right before the present token (after the verb that was just read).
    pub fn comments(&self) -> Comments {
        Comments(
            self.comments
                .iter()
                .filter(|comment| comment.before == self.at)
                .map(|comment| &self.sql[comment.start..comment.end])
                // Not comments up to the end of the line, and not gates for a newer version.
                .filter(|text| text.starts_with(b"/*") && !text.starts_with(b"/*!"))
                .map(Text::new)
                .collect(),
        )
    }

    /// The text from byte `start` to the end, space and semicolons at the end left out.
    pub fn rest_of_text(&self, start: usize) -> &'a [u8] {
        let mut text = self.sql[start..].trim_ascii();
        while let Some(shorter) = text.strip_suffix(b";") {
            text = shorter.trim_ascii_end();
        }
        text
    }

    /// The last token that was read; the first one at the start.
    pub fn token_before(&self) -> Token {
        self.tokens[self.at.saturating_sub(1)]
    }

    fn name_of(&self, token: Token) -> Ident {
        let bytes = self.bytes(token);
        if token.tok == Tok::Word {
            return bytes.into();
        }
        let inner = &bytes[1..bytes.len() - 1];
        if inner.contains(&bytes[0]) { Ident(decode_name(bytes).into()) } else { inner.into() }
    }

    /// Whether the token `ahead` can be a name: quoted, or a word that is not reserved.
    #[inline]
    pub fn is_ident(&self, ahead: usize) -> bool {
        let token = self.peek(ahead);
        match token.tok {
            Tok::Word => token.kw == Kw::None || !token.kw.reserved(),
            Tok::Quoted => true,
            _ => false,
        }
    }

    /// A name.
    pub fn ident(&mut self) -> Result<Ident> {
        if !self.is_ident(0) {
            return self.fail();
        }
        self.any_ident()
    }

    /// A name where also reserved words may stand, as after a dot.
    pub fn any_ident(&mut self) -> Result<Ident> {
        let token = self.peek(0);
        if !matches!(token.tok, Tok::Word | Tok::Quoted) {
            return self.fail();
        }
        self.advance();
        Ok(self.name_of(token))
    }

    /// A name if one stands here.
    pub fn opt_ident(&mut self) -> Result<Option<Ident>> {
        if self.is_ident(0) { self.any_ident().map(Some) } else { Ok(None) }
    }

    /// A name or a string, as character sets and aliases may be.
    pub fn ident_or_string(&mut self) -> Result<Ident> {
        match self.tok() {
            Tok::Str => Ok(Ident(self.string_text()?)),
            _ => self.ident(),
        }
    }

    /// The name in a [`Tok::UserVar`], without `@` and quotes.
    pub fn user_var(&mut self) -> Result<Ident> {
        let token = self.peek(0);
        if token.tok != Tok::UserVar {
            return self.fail();
        }
        self.advance();
        let bytes = &self.bytes(token)[1..];
        match bytes.first() {
            Some(b'`') => Ok(Ident(decode_name(bytes).into())),
            Some(b'\'' | b'"') => Ok(Ident(self.decode(bytes))),
            _ => Ok(bytes.into()),
        }
    }

    /// `name` or `qualifier.name`. MySQL 9.7 no longer takes `.name`.
    pub fn table_name(&mut self) -> Result<TableName> {
        let name = self.ident()?;
        if self.tok() == Tok::Dot && matches!(self.peek(1).tok, Tok::Word | Tok::Quoted) {
            self.advance();
            let table = self.any_ident()?;
            return Ok(TableName { qualifier: Some(name), name: table });
        }
        Ok(TableName { qualifier: None, name })
    }

    /// One or more names with commas.
    pub fn ident_list(&mut self) -> Result<Vec<Ident>> {
        let mut names = vec![self.ident()?];
        while self.accept_tok(Tok::Comma) {
            names.push(self.ident()?);
        }
        Ok(names)
    }

    /// Names in parentheses.
    pub fn paren_idents(&mut self) -> Result<Vec<Ident>> {
        self.expect_tok(Tok::LeftParen)?;
        let names = self.ident_list()?;
        self.expect_tok(Tok::RightParen)?;
        Ok(names)
    }

    /// One or more tables with commas.
    pub fn table_names(&mut self) -> Result<Vec<TableName>> {
        let mut names = vec![self.table_name()?];
        while self.accept_tok(Tok::Comma) {
            names.push(self.table_name()?);
        }
        Ok(names)
    }
}
