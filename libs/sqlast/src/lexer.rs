//! Bytes to tokens, as MySQL's lexer does it.
//!
//! One lexer serves the parser and the fingerprint, so that both see the same tokens. It does not allocate,
//! does not decode and never fails: what is not a token is a [`Tok::Bad`] at which the parser stops.
//! Comments are tokens too ([`Tok::Comment`]); a gate (`/*!80013 ... */`) that is open for the version is
//! not: its contents are ordinary tokens. Every character set is taken to be ASCII below 0x80 and to have no
//! such byte inside of a longer character (not so in GBK, Big5 and SJIS, which clients must not use here).

mod decode;
pub(crate) mod keyword;
#[cfg(test)]
mod tests;

pub(crate) use decode::{decode_name, decode_string};

use crate::SqlMode;
use crate::parser::ParseOptions;

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tok {
    /// A word without quotes: keyword or name.
    Word,
    /// A name in backquotes (or double quotes under ANSI_QUOTES).
    Quoted,
    /// At most 64 unsigned bits.
    Integer,
    Decimal,
    Float,
    /// One quoted piece; adjacent ones are one literal to the parser.
    Str,
    /// `N'...'`.
    NationalStr,
    /// `X'..'`.
    HexStr,
    /// `0x..`.
    HexNum,
    /// `b'..'`.
    BitStr,
    /// `0b..`.
    BitNum,
    /// `@name` with any quotes.
    UserVar,
    /// `@@`.
    AtAt,
    /// `:name`.
    NamedParam,
    /// `::name`.
    ListParam,
    Question,
    Comment,
    /// `\N`.
    BackslashN,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    Comma,
    Semicolon,
    Dot,
    Equal,
    NullSafeEqual,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    ShiftLeft,
    ShiftRight,
    AndAnd,
    OrOr,
    Bang,
    Bar,
    Amp,
    Caret,
    Tilde,
    Assign,
    Arrow,
    ArrowText,
    /// A byte that begins no token, or a string or comment without an end.
    Bad,
    End,
}

/// A token's kind and its bytes `start..end`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lexeme {
    pub tok: Tok,
    pub start: usize,
    pub end: usize,
}

/// Reads tokens one by one.
#[derive(Debug, Clone)]
pub(crate) struct Lexer<'a> {
    sql: &'a [u8],
    at: usize,
    version: u32,
    ansi_quotes: bool,
    backslash: bool,
    /// Inside of an open `/*!`.
    gate: bool,
    /// Where the last token ends if it is a word or a name: a dot right there is a point between names.
    name_end: usize,
    /// Where such a dot ends: digits right there begin a name.
    dot_end: usize,
}

/// What a byte can begin or continue.
static CLASS: [u8; 256] = classes();
const NAME: u8 = 1;
const DIGIT: u8 = 2;
const SPACE: u8 = 4;

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        if b.is_ascii_alphabetic() || b == b'_' || b == b'$' || b >= 0x80 {
            table[byte] = NAME;
        } else if b.is_ascii_digit() {
            table[byte] = NAME | DIGIT;
        } else if b == b' ' || (b >= 9 && b <= 13) {
            table[byte] = SPACE;
        }
        byte += 1;
    }
    table
}

/// Whether a byte can stand in a name without quotes.
pub(crate) fn is_name_byte(byte: u8) -> bool {
    CLASS[usize::from(byte)] & NAME != 0
}

fn is_digit(byte: u8) -> bool {
    CLASS[usize::from(byte)] & DIGIT != 0
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(sql: &'a [u8], options: &ParseOptions) -> Self {
        Self {
            sql,
            at: 0,
            version: options.mysql_version,
            ansi_quotes: options.sql_mode.has(SqlMode::ANSI_QUOTES),
            backslash: !options.sql_mode.has(SqlMode::NO_BACKSLASH_ESCAPES),
            gate: false,
            name_end: usize::MAX,
            dot_end: usize::MAX,
        }
    }

    #[inline]
    fn peek(&self, ahead: usize) -> u8 {
        self.sql.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// The next token; [`Tok::End`] again and again at the end.
    #[inline]
    pub(crate) fn next(&mut self) -> Lexeme {
        loop {
            while self.at < self.sql.len() && CLASS[usize::from(self.sql[self.at])] & SPACE != 0 {
                self.at += 1;
            }
            let start = self.at;
            if start == self.sql.len() {
                let tok = if self.gate { Tok::Bad } else { Tok::End };
                self.gate = false;
                return Lexeme { tok, start, end: start };
            }
            let Some(tok) = self.token() else { continue };
            match tok {
                Tok::Word | Tok::Quoted => self.name_end = self.at,
                Tok::Dot => self.dot_end = self.at,
                _ => {}
            }
            return Lexeme { tok, start, end: self.at };
        }
    }

    /// Reads the token at `self.at`; none if it was only the frame of a gate or a skipped comment.
    #[inline]
    fn token(&mut self) -> Option<Tok> {
        let byte = self.sql[self.at];
        let class = CLASS[usize::from(byte)];
        if class & NAME != 0 {
            return Some(if class & DIGIT != 0 && self.dot_end != self.at {
                self.number()
            } else {
                self.word()
            });
        }
        self.symbol(byte)
    }

    fn word(&mut self) -> Tok {
        let first = self.sql[self.at];
        if self.dot_end != self.at && self.peek(1) == b'\'' {
            match first {
                b'x' | b'X' => return self.prefixed(Tok::HexStr),
                b'b' | b'B' => return self.prefixed(Tok::BitStr),
                b'n' | b'N' => {
                    self.at += 1;
                    return if self.string(b'\'', self.backslash) { Tok::NationalStr } else { Tok::Bad };
                }
                _ => {}
            }
        }
        self.name_bytes();
        Tok::Word
    }

    #[inline]
    fn name_bytes(&mut self) {
        while self.at < self.sql.len() && is_name_byte(self.sql[self.at]) {
            self.at += 1;
        }
    }

    /// `x'..'` and `b'..'`: digits of the right kind, an even number of them for hex.
    fn prefixed(&mut self, tok: Tok) -> Tok {
        let start = self.at + 2;
        self.at = start;
        let good = |b: u8| if tok == Tok::HexStr { b.is_ascii_hexdigit() } else { matches!(b, b'0' | b'1') };
        while good(self.peek(0)) {
            self.at += 1;
        }
        let odd = tok == Tok::HexStr && (self.at - start) % 2 == 1;
        if self.peek(0) != b'\'' || odd {
            return self.bad(start - 2);
        }
        self.at += 1;
        tok
    }

    fn bad(&mut self, start: usize) -> Tok {
        self.at = start;
        // One byte, so that whoever goes on makes progress.
        self.at += 1;
        Tok::Bad
    }

    fn number(&mut self) -> Tok {
        let start = self.at;
        if self.sql[start] == b'0'
            && let Some(tok) = self.zero_prefixed()
        {
            return tok;
        }
        while is_digit(self.peek(0)) {
            self.at += 1;
        }
        let next = self.peek(0);
        if next == b'.' {
            return self.fraction();
        }
        if next | 0x20 == b'e'
            && let Some(end) = self.exponent(self.at)
        {
            self.at = end;
            return Tok::Float;
        }
        if is_name_byte(next) {
            self.name_bytes();
            return Tok::Word;
        }
        if fits_u64(&self.sql[start..self.at]) { Tok::Integer } else { Tok::Decimal }
    }

    /// `0x..` and `0b..`; a name if other characters of names follow.
    fn zero_prefixed(&mut self) -> Option<Tok> {
        let (tok, good): (Tok, fn(u8) -> bool) = match self.peek(1) {
            b'x' => (Tok::HexNum, |b| b.is_ascii_hexdigit()),
            b'b' => (Tok::BitNum, |b| matches!(b, b'0' | b'1')),
            _ => return None,
        };
        let mut end = self.at + 2;
        while end < self.sql.len() && good(self.sql[end]) {
            end += 1;
        }
        if end == self.at + 2 || self.sql.get(end).is_some_and(|b| is_name_byte(*b)) {
            return None;
        }
        self.at = end;
        Some(tok)
    }

    /// From the point of a number on.
    fn fraction(&mut self) -> Tok {
        self.at += 1;
        while is_digit(self.peek(0)) {
            self.at += 1;
        }
        if self.peek(0) | 0x20 == b'e'
            && let Some(end) = self.exponent(self.at)
        {
            self.at = end;
            return Tok::Float;
        }
        Tok::Decimal
    }

    /// The end of the exponent that begins at `at`, if it is one.
    fn exponent(&self, at: usize) -> Option<usize> {
        let mut end = at + 1;
        if matches!(self.sql.get(end), Some(b'+' | b'-')) {
            end += 1;
        }
        let digits = end;
        while self.sql.get(end).is_some_and(|b| is_digit(*b)) {
            end += 1;
        }
        (end > digits).then_some(end)
    }

    /// Moves past the string whose quote is at `self.at`; false if it has no end.
    #[inline]
    fn string(&mut self, quote: u8, backslash: bool) -> bool {
        self.at += 1;
        while self.at < self.sql.len() {
            let byte = self.sql[self.at];
            self.at += 1;
            if byte == quote {
                if self.peek(0) != quote {
                    return true;
                }
                self.at += 1;
            } else if byte == b'\\' && backslash {
                self.at += 1;
            }
        }
        self.at = self.sql.len();
        false
    }

    fn quoted(&mut self, quote: u8, backslash: bool, tok: Tok) -> Tok {
        let start = self.at;
        if self.string(quote, backslash) { tok } else { self.bad(start) }
    }

    #[inline]
    fn symbol(&mut self, byte: u8) -> Option<Tok> {
        let next = self.peek(1);
        let (length, tok) = match byte {
            b'(' => (1, Tok::LeftParen),
            b')' => (1, Tok::RightParen),
            b',' => (1, Tok::Comma),
            b'=' => (1, Tok::Equal),
            b'\'' => return Some(self.quoted(b'\'', self.backslash, Tok::Str)),
            b'"' if self.ansi_quotes => return Some(self.quoted(b'"', false, Tok::Quoted)),
            b'"' => return Some(self.quoted(b'"', self.backslash, Tok::Str)),
            b'`' => return Some(self.quoted(b'`', false, Tok::Quoted)),
            b'.' if is_digit(next) && self.name_end != self.at => return Some(self.fraction()),
            b'.' => (1, Tok::Dot),
            b'@' => return Some(self.at_sign(next)),
            b':' => return Some(self.colon(next)),
            b'/' if next == b'*' => return self.comment(),
            b'-' if next == b'-' && self.dashes_are_comment() => return Some(self.line_comment()),
            b'#' => return Some(self.line_comment()),
            b'*' if next == b'/' && self.gate => {
                self.at += 2;
                self.gate = false;
                return None;
            }
            b'\\' if next == b'N' => (2, Tok::BackslashN),
            _ => operator(byte, next, self.peek(2))?,
        };
        self.at += length;
        Some(tok)
    }

    fn at_sign(&mut self, next: u8) -> Tok {
        let start = self.at;
        self.at += 1;
        match next {
            b'@' => {
                self.at += 1;
                Tok::AtAt
            }
            b'\'' | b'"' => {
                if self.string(next, self.backslash && !(self.ansi_quotes && next == b'"')) {
                    Tok::UserVar
                } else {
                    self.bad(start)
                }
            }
            b'`' if self.string(b'`', false) => Tok::UserVar,
            b'`' => self.bad(start),
            _ => {
                while is_name_byte(self.peek(0)) || self.peek(0) == b'.' {
                    self.at += 1;
                }
                Tok::UserVar
            }
        }
    }

    fn colon(&mut self, next: u8) -> Tok {
        let starts_name = |b: u8| is_name_byte(b) && !is_digit(b);
        if is_digit(next) {
            return self.numbered_param();
        }
        if next == b'=' {
            self.at += 2;
            return Tok::Assign;
        }
        let (length, tok) = if next == b':' { (2, Tok::ListParam) } else { (1, Tok::NamedParam) };
        if !starts_name(self.peek(length)) {
            return self.bad(self.at);
        }
        self.at += length;
        self.name_bytes();
        tok
    }

    /// `:1`, as Oracle's drivers write.
    fn numbered_param(&mut self) -> Tok {
        let start = self.at;
        self.at += 1;
        while is_digit(self.peek(0)) {
            self.at += 1;
        }
        if is_name_byte(self.peek(0)) { self.bad(start) } else { Tok::NamedParam }
    }

    /// `--` begins a comment only before space, a control character or the end.
    fn dashes_are_comment(&self) -> bool {
        self.sql.get(self.at + 2).is_none_or(|b| *b <= b' ' || *b == 0x7f)
    }

    fn line_comment(&mut self) -> Tok {
        while self.at < self.sql.len() && self.sql[self.at] != b'\n' {
            self.at += 1;
        }
        Tok::Comment
    }

    /// `/* ... */`: a comment, or the beginning of a gate, which is no token when it is open.
    fn comment(&mut self) -> Option<Tok> {
        let start = self.at;
        if self.peek(2) == b'!' && !self.gate {
            let mut digits = 0;
            while digits < 6 && is_digit(self.peek(3 + digits)) {
                digits += 1;
            }
            let used = if digits >= 5 { digits } else { 0 };
            let wanted = self.sql[start + 3..start + 3 + used]
                .iter()
                .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
            if wanted <= self.version {
                self.at += 3 + used;
                self.gate = true;
                return None;
            }
            return Some(self.closed_gate(start));
        }
        match find(&self.sql[start + 2..], b"*/") {
            Some(length) => {
                self.at = start + 2 + length + 2;
                Some(Tok::Comment)
            }
            None => Some(self.bad(start)),
        }
    }

    /// Passes over a gate for a newer version, comments in it included.
    fn closed_gate(&mut self, start: usize) -> Tok {
        let mut at = start + 3;
        let mut depth = 1;
        while at + 1 < self.sql.len() {
            match (self.sql[at], self.sql[at + 1]) {
                (b'*', b'/') => {
                    depth -= 1;
                    at += 2;
                    if depth == 0 {
                        self.at = at;
                        return Tok::Comment;
                    }
                }
                (b'/', b'*') => {
                    depth += 1;
                    at += 2;
                }
                _ => at += 1,
            }
        }
        self.bad(start)
    }
}

/// Operators that begin with `byte`: their length and token.
#[inline]
fn operator(byte: u8, next: u8, third: u8) -> Option<(usize, Tok)> {
    Some(match (byte, next, third) {
        (b'<', b'=', b'>') => (3, Tok::NullSafeEqual),
        (b'-', b'>', b'>') => (3, Tok::ArrowText),
        (b'<', b'=', _) => (2, Tok::LessEqual),
        (b'<', b'>', _) | (b'!', b'=', _) => (2, Tok::NotEqual),
        (b'<', b'<', _) => (2, Tok::ShiftLeft),
        (b'>', b'=', _) => (2, Tok::GreaterEqual),
        (b'>', b'>', _) => (2, Tok::ShiftRight),
        (b'&', b'&', _) => (2, Tok::AndAnd),
        (b'|', b'|', _) => (2, Tok::OrOr),
        (b'-', b'>', _) => (2, Tok::Arrow),
        // MySQL takes two of them for one (`!!1` is 0), three for two.
        (b'!', b'!', _) => (2, Tok::Bang),
        (b'<', ..) => (1, Tok::Less),
        (b'>', ..) => (1, Tok::Greater),
        (b'!', ..) => (1, Tok::Bang),
        (b'|', ..) => (1, Tok::Bar),
        (b'&', ..) => (1, Tok::Amp),
        (b'+', ..) => (1, Tok::Plus),
        (b'-', ..) => (1, Tok::Minus),
        (b'*', ..) => (1, Tok::Star),
        (b'/', ..) => (1, Tok::Slash),
        (b'%', ..) => (1, Tok::Percent),
        (b'^', ..) => (1, Tok::Caret),
        (b'~', ..) => (1, Tok::Tilde),
        (b'{', ..) => (1, Tok::LeftBrace),
        (b'}', ..) => (1, Tok::RightBrace),
        (b';', ..) => (1, Tok::Semicolon),
        (b'?', ..) => (1, Tok::Question),
        _ => (1, Tok::Bad),
    })
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Whether digits are at most 18446744073709551615.
fn fits_u64(digits: &[u8]) -> bool {
    if digits.len() < 20 {
        return true;
    }
    let zeros = digits.iter().take_while(|d| **d == b'0').count();
    let digits = &digits[zeros..];
    digits.len() < 20 || (digits.len() == 20 && digits <= b"18446744073709551615".as_slice())
}
