//! The pass over the tokens.

use super::{LiteralKind, LiteralSpan, Scratch};
use crate::StatementKind;
use crate::ast::Span;
use crate::lexer::keyword::{Kw, lookup};
use crate::lexer::{Lexeme, Lexer, Tok};
use crate::parser::ParseOptions;
use crate::preview::kind_of_words;

/// Stands before the kind of a literal. No token outside of quotes and comments has this byte.
const LITERAL: u8 = 1;
/// Stands for the list of an IN.
const LIST: u8 = 2;

/// Where in an IN list the scan is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    /// In none.
    Out,
    /// Behind the word IN.
    In,
    /// Behind the parenthesis or a comma: a literal must come.
    Literal,
    /// Behind a literal: a comma or the end must come.
    Comma,
}

pub(super) struct Scan<'a> {
    sql: &'a [u8],
    lexer: Lexer<'a>,
    scratch: &'a mut Scratch,
    /// Up to here the text is in the skeleton.
    copied: usize,
    /// The token before the present one.
    previous: Lexeme,
    /// The token before a word is a dot: the word is a name, whatever it says.
    after_dot: bool,
    /// A minus that belongs to a literal if one follows.
    minus: Option<usize>,
    list: List,
    /// The length of the skeleton and the number of literals before the present list.
    list_start: (usize, usize),
    lists: u32,
    words: [&'a [u8]; 2],
}

impl<'a> Scan<'a> {
    pub(super) fn new(sql: &'a [u8], options: &ParseOptions, scratch: &'a mut Scratch) -> Self {
        scratch.skeleton.clear();
        scratch.literals.clear();
        Self {
            sql,
            lexer: Lexer::new(sql, options),
            scratch,
            copied: 0,
            previous: Lexeme { tok: Tok::End, start: 0, end: 0 },
            after_dot: false,
            minus: None,
            list: List::Out,
            list_start: (0, 0),
            lists: 0,
            words: [b"", b""],
        }
    }

    /// The whole statement; none if it is not one.
    pub(super) fn run(mut self) -> Option<StatementKind> {
        let mut tokens = 0usize;
        loop {
            let token = self.lexer.next();
            match token.tok {
                Tok::Comment => continue,
                Tok::Bad => return None,
                Tok::End => break,
                Tok::Semicolon => {
                    self.only_end_follows()?;
                    break;
                }
                _ => {}
            }
            if tokens == 0 {
                self.copied = token.start;
            }
            if tokens < 2 {
                self.first_words(token, tokens);
            }
            tokens += 1;
            self.token(token);
        }
        if tokens == 0 {
            return Some(StatementKind::Empty);
        }
        self.copy_to(self.previous.end);
        Some(if self.words[0].is_empty() {
            StatementKind::Select
        } else {
            kind_of_words(self.words[0], self.words[1])
        })
    }

    /// A statement that begins with a parenthesis is a query.
    fn first_words(&mut self, token: Lexeme, index: usize) {
        if token.tok == Tok::Word && (index == 0 || !self.words[0].is_empty()) {
            self.words[index] = &self.sql[token.start..token.end];
        }
    }

    fn only_end_follows(&mut self) -> Option<()> {
        loop {
            match self.lexer.next().tok {
                Tok::Comment | Tok::Semicolon => {}
                Tok::End => return Some(()),
                _ => return None,
            }
        }
    }

    fn copy_to(&mut self, end: usize) {
        self.scratch.skeleton.extend_from_slice(&self.sql[self.copied..end]);
        self.copied = end;
    }

    #[inline]
    fn token(&mut self, token: Lexeme) {
        match token.tok {
            Tok::Word => {
                let in_ = token.end - token.start == 2
                    && self.sql[token.start] | 0x20 == b'i'
                    && self.sql[token.start + 1] | 0x20 == b'n';
                self.list = if in_ { List::In } else { List::Out };
                self.after_dot = self.previous.tok == Tok::Dot;
            }
            Tok::Integer => self.literal(token, LiteralKind::Integer),
            Tok::Decimal => self.literal(token, LiteralKind::Decimal),
            Tok::Float => self.literal(token, LiteralKind::Float),
            Tok::Str if matches!(self.previous.tok, Tok::Str | Tok::NationalStr) => self.join_string(token),
            Tok::Str => self.literal(token, LiteralKind::String),
            Tok::NationalStr => self.literal(token, LiteralKind::National),
            Tok::HexStr => self.literal(token, LiteralKind::HexString),
            Tok::HexNum => self.literal(token, LiteralKind::HexNumber),
            Tok::BitStr | Tok::BitNum => self.literal(token, LiteralKind::Bit),
            Tok::Minus => {
                self.minus = if self.is_sign() { Some(token.start) } else { None };
                if self.list != List::Literal {
                    self.list = List::Out;
                }
                self.previous = token;
                return;
            }
            Tok::LeftParen if self.list == List::In => {
                self.copy_to(token.start);
                self.list_start = (self.scratch.skeleton.len(), self.scratch.literals.len());
                self.list = List::Literal;
            }
            Tok::Comma if self.list == List::Comma => self.list = List::Literal,
            Tok::RightParen if self.list == List::Comma => self.end_list(token),
            _ => self.list = List::Out,
        }
        self.minus = None;
        self.previous = token;
    }

    fn literal(&mut self, token: Lexeme, kind: LiteralKind) {
        let number = matches!(kind, LiteralKind::Integer | LiteralKind::Decimal | LiteralKind::Float);
        let sign = if number { self.minus } else { None };
        if self.minus.is_some() && sign.is_none() {
            self.list = List::Out;
        }
        self.copy_to(sign.unwrap_or(token.start));
        self.scratch.skeleton.extend_from_slice(&[LITERAL, kind as u8 + b'a']);
        self.copied = token.end;
        let span = Span { start: token.start as u32, end: token.end as u32 };
        self.scratch.literals.push(LiteralSpan { span, kind, list: 0, negative: sign.is_some() });
        self.list = if self.list == List::Literal { List::Comma } else { List::Out };
    }

    /// Adjacent strings are one literal.
    fn join_string(&mut self, token: Lexeme) {
        if let Some(last) = self.scratch.literals.last_mut() {
            last.span.end = token.end as u32;
        }
        self.copied = token.end;
    }

    fn end_list(&mut self, token: Lexeme) {
        self.lists += 1;
        let (skeleton, literals) = self.list_start;
        self.scratch.skeleton.truncate(skeleton);
        self.scratch.skeleton.push(LIST);
        for literal in &mut self.scratch.literals[literals..] {
            literal.list = self.lists;
        }
        self.copied = token.end;
        self.list = List::Out;
    }

    /// Whether a minus here is a sign and not a subtraction: nothing before it that can end an operand.
    fn is_sign(&self) -> bool {
        match self.previous.tok {
            Tok::Word if self.after_dot => false,
            Tok::Word => {
                let kw = lookup(&self.sql[self.previous.start..self.previous.end]);
                kw.reserved() && !ends_operand(kw)
            }
            Tok::LeftParen
            | Tok::Comma
            | Tok::Equal
            | Tok::NullSafeEqual
            | Tok::NotEqual
            | Tok::Less
            | Tok::LessEqual
            | Tok::Greater
            | Tok::GreaterEqual
            | Tok::Plus
            | Tok::Minus
            | Tok::Star
            | Tok::Slash
            | Tok::Percent
            | Tok::ShiftLeft
            | Tok::ShiftRight
            | Tok::AndAnd
            | Tok::OrOr
            | Tok::Bang
            | Tok::Bar
            | Tok::Amp
            | Tok::Caret
            | Tok::Tilde
            | Tok::Assign => true,
            _ => false,
        }
    }
}

/// Reserved words that are operands.
fn ends_operand(kw: Kw) -> bool {
    matches!(
        kw,
        Kw::Null
            | Kw::True
            | Kw::False
            | Kw::Default
            | Kw::CurrentDate
            | Kw::CurrentTime
            | Kw::CurrentTimestamp
            | Kw::CurrentUser
            | Kw::Localtime
            | Kw::Localtimestamp
            | Kw::UtcDate
            | Kw::UtcTime
            | Kw::UtcTimestamp
            | Kw::Maxvalue
    )
}
