//! Functions whose arguments are not a plain list.

use super::Result;
use super::cursor::Parser;
use super::expr::level;
use crate::Text;
use crate::ast::*;
use crate::lexer::Tok;
use crate::lexer::keyword::Kw;

impl CastType {
    /// A type without length.
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), length: None, scale: None, charset: None, binary: false }
    }
}

impl Parser<'_> {
    /// A call that begins with `kw`, if it has a form of its own.
    pub fn special_call(&mut self, kw: Kw) -> Result<Option<Expr>> {
        let expr = match kw {
            Kw::Cast => self.cast()?,
            Kw::Convert => self.convert()?,
            Kw::Char => self.char_func()?,
            Kw::Extract => self.extract()?,
            Kw::Trim => self.trim()?,
            Kw::Substring | Kw::Substr | Kw::Mid => self.substring()?,
            Kw::Position => self.position_in()?,
            Kw::DateAdd => return self.date_func(DateArithForm::DateAdd),
            Kw::DateSub => return self.date_func(DateArithForm::DateSub),
            Kw::Adddate => return self.date_func(DateArithForm::AddDate),
            Kw::Subdate => return self.date_func(DateArithForm::SubDate),
            Kw::Timestampadd => self.timestamp_func(TimestampOp::Add)?,
            Kw::Timestampdiff => self.timestamp_func(TimestampOp::Diff)?,
            Kw::GetFormat => self.get_format()?,
            Kw::WeightString => self.weight_string()?,
            Kw::JsonValue => self.json_value()?,
            _ => return Ok(None),
        };
        Ok(Some(expr))
    }

    fn open_call(&mut self) -> Result<()> {
        self.advance();
        self.expect_tok(Tok::LeftParen)
    }

    fn cast(&mut self) -> Result<Expr> {
        self.open_call()?;
        let expr = self.expr()?;
        let at_time_zone = if self.accept_word("at") {
            self.expect_word("time")?;
            self.expect_word("zone")?;
            self.accept(Kw::Interval);
            Some(self.literal()?)
        } else {
            None
        };
        self.expect(Kw::As)?;
        let to = self.cast_type()?;
        let array = self.accept(Kw::Array);
        self.expect_tok(Tok::RightParen)?;
        Ok(Expr::Cast(Box::new(Cast { expr, to, array, at_time_zone })))
    }

    fn convert(&mut self) -> Result<Expr> {
        self.open_call()?;
        let expr = self.expr()?;
        if self.accept(Kw::Using) {
            let charset = self.charset_name()?;
            self.expect_tok(Tok::RightParen)?;
            return Ok(Expr::ConvertUsing(Box::new(ConvertUsing { expr, charset })));
        }
        self.expect_tok(Tok::Comma)?;
        let to = self.cast_type()?;
        self.expect_tok(Tok::RightParen)?;
        Ok(Expr::Cast(Box::new(Cast { expr, to, array: false, at_time_zone: None })))
    }

    /// A character set: a name, a string, BINARY, or DEFAULT.
    pub fn charset_name(&mut self) -> Result<Ident> {
        match self.kw() {
            // Printed as keywords are, so in small letters.
            Kw::Binary | Kw::Default => Ok(Ident::new(self.any_ident()?.to_lower())),
            _ => self.ident_or_string(),
        }
    }

    /// The type after AS in CAST.
    pub fn cast_type(&mut self) -> Result<CastType> {
        let word = String::from_utf8_lossy(self.bytes(self.peek(0))).to_ascii_lowercase();
        if self.tok() != Tok::Word {
            return self.fail();
        }
        self.advance();
        let mut to = CastType::named(&word);
        match word.as_str() {
            "signed" | "unsigned" => {
                self.accept(Kw::Int);
                self.accept(Kw::Integer);
            }
            "character" => to.name = "char".into(),
            "national" => {
                self.accept(Kw::Char);
                self.accept(Kw::Character);
                to.name = "nchar".into();
            }
            "dec" | "numeric" | "fixed" => to.name = "decimal".into(),
            "double" => {
                self.accept(Kw::Precision);
            }
            "real" => to.name = if self.real_is_float() { "float" } else { "double" }.into(),
            "int" | "integer" => to.name = "signed".into(),
            "geomcollection" => to.name = "geometrycollection".into(),
            "binary" | "char" | "nchar" | "date" | "datetime" | "time" | "timestamp" | "decimal"
            | "float" | "json" | "year" | "vector" | "point" | "linestring" | "polygon" | "multipoint"
            | "uuid" | "multilinestring" | "multipolygon" | "geometrycollection" | "varchar" | "inet6"
            | "interval" => {}
            _ => {
                self.rewind(self.position() - 1);
                return self.fail();
            }
        }
        (to.length, to.scale) = self.opt_type_length()?;
        if to.name.as_bytes() == b"char" {
            (to.charset, to.binary) = self.opt_char_attributes()?;
        }
        Ok(to)
    }

    /// `(10)` or `(10, 2)` behind a type.
    pub fn opt_type_length(&mut self) -> Result<(Option<Text>, Option<Text>)> {
        if self.tok() != Tok::LeftParen {
            return Ok((None, None));
        }
        self.advance();
        let length = self.digits_text()?;
        let scale = if self.accept_tok(Tok::Comma) { Some(self.digits_text()?) } else { None };
        self.expect_tok(Tok::RightParen)?;
        Ok((Some(length), scale))
    }

    /// An unsigned number as its text.
    pub fn digits_text(&mut self) -> Result<Text> {
        let token = self.peek(0);
        if !matches!(token.tok, Tok::Integer | Tok::Decimal | Tok::Float | Tok::HexNum) {
            return self.fail();
        }
        self.advance();
        Ok(self.bytes(token).into())
    }

    /// `CHARACTER SET x`, `ASCII`, `UNICODE`, `BYTE`, with BINARY before or behind.
    pub fn opt_char_attributes(&mut self) -> Result<(Option<Ident>, bool)> {
        let mut binary = self.accept(Kw::Binary);
        let charset = if self.accept_seq(&[Kw::Character, Kw::Set])
            || self.accept_seq(&[Kw::Char, Kw::Set])
            || self.accept_word("charset")
        {
            Some(self.charset_name()?)
        } else if self.accept_word("ascii") {
            Some("latin1".into())
        } else if self.accept_word("unicode") {
            Some("ucs2".into())
        } else if self.accept_word("byte") {
            Some("binary".into())
        } else {
            None
        };
        binary |= self.accept(Kw::Binary);
        Ok((charset, binary))
    }

    fn char_func(&mut self) -> Result<Expr> {
        self.open_call()?;
        let args = self.exprs()?;
        let using = if self.accept(Kw::Using) { Some(self.charset_name()?) } else { None };
        self.expect_tok(Tok::RightParen)?;
        Ok(Expr::Char(Box::new(CharFunc { args, using })))
    }

    fn extract(&mut self) -> Result<Expr> {
        self.open_call()?;
        let unit = self.interval_unit()?;
        self.expect(Kw::From)?;
        let expr = self.expr()?;
        self.expect_tok(Tok::RightParen)?;
        Ok(Expr::Extract(Box::new(Extract { unit, expr })))
    }

    fn trim(&mut self) -> Result<Expr> {
        self.open_call()?;
        let side = match self.kw() {
            Kw::Both => Some(TrimSide::Both),
            Kw::Leading => Some(TrimSide::Leading),
            Kw::Trailing => Some(TrimSide::Trailing),
            _ => None,
        };
        if side.is_some() {
            self.advance();
        }
        let mut trim = Trim { side, remove: None, expr: Expr::Star };
        if side.is_some() && self.accept(Kw::From) {
            trim.expr = self.expr()?;
        } else {
            trim.expr = self.expr()?;
            if self.accept(Kw::From) {
                trim.remove = Some(std::mem::replace(&mut trim.expr, self.expr()?));
            }
        }
        self.expect_tok(Tok::RightParen)?;
        Ok(Expr::Trim(Box::new(trim)))
    }

    /// `SUBSTRING(a FROM b FOR c)` is `SUBSTRING(a, b, c)`.
    fn substring(&mut self) -> Result<Expr> {
        let name = self.bytes(self.peek(0)).to_ascii_lowercase();
        self.open_call()?;
        let mut args = vec![self.expr()?];
        if self.accept(Kw::From) {
            args.push(self.expr()?);
            if self.accept(Kw::For) {
                args.push(self.expr()?);
            }
        } else {
            while self.accept_tok(Tok::Comma) {
                args.push(self.expr()?);
            }
        }
        self.expect_tok(Tok::RightParen)?;
        Ok(Expr::Func(Box::new(FuncCall::new(name.as_slice(), args))))
    }

    fn position_in(&mut self) -> Result<Expr> {
        self.open_call()?;
        let needle = self.expr_at(level::BIT_OR)?;
        self.expect(Kw::In)?;
        let haystack = self.expr()?;
        self.expect_tok(Tok::RightParen)?;
        Ok(Expr::Position(Box::new(Position { needle, haystack })))
    }

    /// `DATE_ADD(date, INTERVAL amount unit)`; ADDDATE and SUBDATE with a number of days are plain calls.
    fn date_func(&mut self, form: DateArithForm) -> Result<Option<Expr>> {
        let name = self.bytes(self.peek(0)).to_ascii_lowercase();
        self.open_call()?;
        let date = self.expr()?;
        self.expect_tok(Tok::Comma)?;
        // Only ADDDATE and SUBDATE may have the function INTERVAL here.
        let must_be = matches!(form, DateArithForm::DateAdd | DateArithForm::DateSub);
        if !(self.at_interval() || must_be && self.at(Kw::Interval)) {
            let args = vec![date, self.expr()?];
            self.expect_tok(Tok::RightParen)?;
            return Ok(Some(Expr::Func(Box::new(FuncCall::new(name.as_slice(), args)))));
        }
        let (amount, unit) = self.interval()?;
        self.expect_tok(Tok::RightParen)?;
        Ok(Some(Expr::DateArith(Box::new(DateArith { form, date, amount, unit }))))
    }

    fn timestamp_func(&mut self, op: TimestampOp) -> Result<Expr> {
        self.open_call()?;
        let unit = self.interval_unit()?;
        self.expect_tok(Tok::Comma)?;
        let first = self.expr()?;
        self.expect_tok(Tok::Comma)?;
        let second = self.expr()?;
        self.expect_tok(Tok::RightParen)?;
        Ok(Expr::TimestampFunc(Box::new(TimestampFunc { op, unit, first, second })))
    }

    fn get_format(&mut self) -> Result<Expr> {
        self.open_call()?;
        let kind = match self.kw() {
            Kw::Date => "date",
            Kw::Time => "time",
            Kw::Datetime | Kw::Timestamp => "datetime",
            _ => return self.fail(),
        };
        self.advance();
        self.expect_tok(Tok::Comma)?;
        let expr = self.expr()?;
        self.expect_tok(Tok::RightParen)?;
        Ok(Expr::GetFormat(Box::new(GetFormat { kind: kind.into(), expr })))
    }

    fn weight_string(&mut self) -> Result<Expr> {
        self.open_call()?;
        let expr = self.expr()?;
        if self.accept_tok(Tok::Comma) {
            // MySQL's own form with a length, a number of characters and flags.
            let mut args = vec![expr];
            args.extend(self.exprs()?);
            self.expect_tok(Tok::RightParen)?;
            return Ok(Expr::Func(Box::new(FuncCall::new("weight_string", args))));
        }
        let cast = if self.accept(Kw::As) { Some(self.cast_type()?) } else { None };
        self.expect_tok(Tok::RightParen)?;
        Ok(Expr::WeightString(Box::new(WeightString { expr, cast })))
    }

    /// `MATCH (a, b) AGAINST (expr mode)`, the first parentheses optional.
    pub fn match_against(&mut self) -> Result<Expr> {
        self.advance();
        let parens = self.accept_tok(Tok::LeftParen);
        let mut columns = vec![self.col_name()?];
        while self.accept_tok(Tok::Comma) {
            columns.push(self.col_name()?);
        }
        if parens {
            self.expect_tok(Tok::RightParen)?;
        }
        self.expect(Kw::Against)?;
        self.expect_tok(Tok::LeftParen)?;
        let against = self.expr_at(level::BIT_OR)?;
        let mode = self.match_mode()?;
        self.expect_tok(Tok::RightParen)?;
        Ok(Expr::Match(Box::new(Match { columns, against, mode })))
    }

    fn match_mode(&mut self) -> Result<Option<MatchMode>> {
        let expansion = [Kw::With, Kw::Query, Kw::Expansion];
        if self.accept_seq(&expansion) {
            return Ok(Some(MatchMode::QueryExpansion));
        }
        if self.accept_seq(&[Kw::In, Kw::Boolean, Kw::Mode]) {
            return Ok(Some(MatchMode::Boolean));
        }
        if self.accept_seq(&[Kw::In, Kw::Natural, Kw::Language, Kw::Mode]) {
            let expand = self.accept_seq(&expansion);
            let mode = if expand { MatchMode::NaturalLanguageExpansion } else { MatchMode::NaturalLanguage };
            return Ok(Some(mode));
        }
        Ok(None)
    }

    fn json_value(&mut self) -> Result<Expr> {
        self.open_call()?;
        let document = self.expr()?;
        self.expect_tok(Tok::Comma)?;
        let path = self.expr()?;
        let returning = if self.accept(Kw::Returning) { Some(self.cast_type()?) } else { None };
        let (on_empty, on_error) = self.json_on()?;
        self.expect_tok(Tok::RightParen)?;
        Ok(Expr::JsonValue(Box::new(JsonValue { document, path, returning, on_empty, on_error })))
    }

    /// `[... ON EMPTY] [... ON ERROR]`.
    pub fn json_on(&mut self) -> Result<(Option<JsonOn>, Option<JsonOn>)> {
        let (mut on_empty, mut on_error) = (None, None);
        loop {
            let on = match self.kw() {
                Kw::Null => {
                    self.advance();
                    JsonOn::Null
                }
                Kw::Default => {
                    self.advance();
                    JsonOn::Default(self.value_without_parens()?)
                }
                _ if self.accept_word("error") => JsonOn::Error,
                _ => return Ok((on_empty, on_error)),
            };
            self.expect(Kw::On)?;
            if self.accept(Kw::Empty) {
                on_empty = Some(on);
            } else {
                self.expect_word("error")?;
                on_error = Some(on);
            }
        }
    }
}
