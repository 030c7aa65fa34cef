//! Literals and parameters.

use super::Result;
use super::cursor::{Parser, Token};
use crate::ast::{Expr, Ident, Introduced, Literal, Param, Temporal, TemporalKind};
use crate::lexer::keyword::Kw;
use crate::lexer::{Tok, decode_string};
use crate::{SqlMode, Text};

/// The character sets that can introduce a literal (MySQL's `SHOW CHARACTER SET`).
const CHARSETS: [&str; 43] = [
    "armscii8", "ascii", "big5", "binary", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866",
    "cp932", "dec8", "eucjpms", "euckr", "filename", "gb18030", "gb2312", "gbk", "geostd8", "greek",
    "hebrew", "hp8", "keybcs2", "koi8r", "koi8u", "latin1", "latin2", "latin5", "latin7", "macce",
    "macroman", "sjis", "swe7", "tis620", "ucs2", "ujis", "utf16", "utf16le", "utf32", "utf8", "utf8mb3",
    "utf8mb4",
];

/// Whether `_name` before a literal says its character set.
pub(crate) fn is_charset(name: &[u8]) -> bool {
    CHARSETS.iter().any(|charset| name.eq_ignore_ascii_case(charset.as_bytes()))
}

impl Parser<'_> {
    /// The value of a string token.
    pub fn decode(&self, token: &[u8]) -> Text {
        let inner = &token[1..token.len() - 1];
        if !inner.iter().any(|b| *b == b'\\' || *b == token[0]) {
            return inner.into();
        }
        let mut out = Vec::with_capacity(inner.len());
        decode_string(token, !self.has_mode(SqlMode::NO_BACKSLASH_ESCAPES), &mut out);
        out.into()
    }

    /// A string, adjacent pieces joined.
    pub fn string_text(&mut self) -> Result<Text> {
        let token = self.peek(0);
        let start = match token.tok {
            Tok::Str => 0,
            Tok::NationalStr => 1,
            _ => return self.fail(),
        };
        self.advance();
        let first = self.decode(&self.bytes(token)[start..]);
        if self.tok() != Tok::Str {
            return Ok(first);
        }
        let mut joined = first.as_bytes().to_vec();
        while self.tok() == Tok::Str {
            joined.extend_from_slice(self.decode(self.bytes(self.peek(0))).as_bytes());
            self.advance();
        }
        Ok(joined.into())
    }

    /// A literal if one stands here: number, string, hex, bit, NULL, TRUE, FALSE, typed or introduced.
    pub fn opt_literal(&mut self) -> Result<Option<Literal>> {
        let token = self.peek(0);
        let literal = match token.tok {
            Tok::Integer => Literal::Integer(self.bytes(token).into()),
            Tok::Decimal => Literal::Decimal(self.bytes(token).into()),
            Tok::Float => Literal::Float(self.bytes(token).into()),
            Tok::Str => return self.string_text().map(|text| Some(Literal::String(text))),
            Tok::NationalStr => return self.string_text().map(|text| Some(Literal::National(text))),
            Tok::HexStr | Tok::BitStr => self.digits(token, 2, 1),
            Tok::HexNum | Tok::BitNum => self.digits(token, 2, 0),
            Tok::BackslashN => Literal::Null,
            Tok::Word => return self.word_literal(token),
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(literal))
    }

    fn digits(&self, token: Token, front: usize, back: usize) -> Literal {
        let bytes = self.bytes(token);
        let digits = Text::new(&bytes[front..bytes.len() - back]);
        match token.tok {
            Tok::HexStr => Literal::HexString(digits),
            Tok::HexNum => Literal::HexNumber(digits),
            _ => Literal::Bit(digits),
        }
    }

    fn word_literal(&mut self, token: Token) -> Result<Option<Literal>> {
        let literal = match token.kw {
            Kw::Null => Literal::Null,
            Kw::True => Literal::Bool(true),
            Kw::False => Literal::Bool(false),
            Kw::Date | Kw::Time | Kw::Timestamp if self.peek(1).tok == Tok::Str => {
                self.advance();
                return self.temporal(token.kw, false).map(Some);
            }
            Kw::None if self.bytes(token).first() == Some(&b'_') => return self.introduced(token),
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(literal))
    }

    /// The string of a typed temporal literal, behind its word.
    pub fn temporal(&mut self, kw: Kw, odbc: bool) -> Result<Literal> {
        let kind = match kw {
            Kw::Date => TemporalKind::Date,
            Kw::Time => TemporalKind::Time,
            _ => TemporalKind::Timestamp,
        };
        let value = self.string_text()?;
        Ok(Literal::Temporal(Box::new(Temporal { kind, odbc, value })))
    }

    fn introduced(&mut self, token: Token) -> Result<Option<Literal>> {
        let charset = &self.bytes(token)[1..];
        let before_literal =
            matches!(self.peek(1).tok, Tok::Str | Tok::HexStr | Tok::HexNum | Tok::BitStr | Tok::BitNum);
        if !before_literal || !is_charset(charset) {
            return Ok(None);
        }
        self.advance();
        let charset = Ident::from(charset.to_ascii_lowercase().as_slice());
        let Some(literal) = self.opt_literal()? else { return self.fail() };
        Ok(Some(Literal::Introduced(Box::new(Introduced { charset, literal }))))
    }

    /// A literal that must be here.
    pub fn literal(&mut self) -> Result<Literal> {
        match self.opt_literal()? {
            Some(literal) => Ok(literal),
            None => self.fail(),
        }
    }

    /// `?`, `:name` or `::name`, if one stands here.
    pub fn opt_param(&mut self) -> Option<Param> {
        let token = self.peek(0);
        let bytes = self.bytes(token);
        let param = match token.tok {
            Tok::Question => {
                self.params += 1;
                Param::Positional(self.params - 1)
            }
            Tok::NamedParam => Param::Named(bytes[1..].into()),
            Tok::ListParam => Param::List(bytes[2..].into()),
            _ => return None,
        };
        self.advance();
        Some(param)
    }

    /// A number, a parameter or a user variable: what LIMIT and some options take.
    pub fn simple_value(&mut self) -> Result<Expr> {
        if let Some(param) = self.opt_param() {
            return Ok(Expr::Param(param));
        }
        if self.is_ident(0) {
            let name = self.ident()?;
            return Ok(Expr::Column(crate::ast::ColName::unqualified(name)));
        }
        self.literal().map(Expr::Literal)
    }
}
