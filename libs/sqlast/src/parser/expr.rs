//! Expressions: operators by precedence.
//!
//! MySQL's grammar has the layers `expr > bool_pri > predicate > bit_expr > simple_expr`; here they are
//! levels of one loop ([`level`]), lowest first. Operands say the lowest level that may stand there: the
//! right side of a comparison is a predicate, of LIKE a simple expression, and so on.

use super::Result;
use super::cursor::Parser;
use crate::SqlMode;
use crate::ast::*;
use crate::lexer::Tok;
use crate::lexer::keyword::Kw;

/// The levels of precedence, lowest first.
pub(crate) mod level {
    pub(crate) const OR: u8 = 1;
    pub(crate) const XOR: u8 = 2;
    pub(crate) const AND: u8 = 3;
    pub(crate) const NOT: u8 = 4;
    /// Comparisons and IS: MySQL's `bool_pri`.
    pub(crate) const COMPARISON: u8 = 5;
    /// BETWEEN, LIKE, IN and the like.
    pub(crate) const PREDICATE: u8 = 6;
    /// `|`, the lowest of MySQL's `bit_expr`.
    pub(crate) const BIT_OR: u8 = 7;
    pub(crate) const BIT_AND: u8 = 8;
    pub(crate) const SHIFT: u8 = 9;
    pub(crate) const ADD: u8 = 10;
    pub(crate) const MULTIPLY: u8 = 11;
    pub(crate) const BIT_XOR: u8 = 12;
    /// `||` under PIPES_AS_CONCAT, the lowest of MySQL's `simple_expr`.
    pub(crate) const CONCAT: u8 = 13;
    pub(crate) const UNARY: u8 = 14;
    pub(crate) const COLLATE: u8 = 15;
    /// What needs no parentheses anywhere.
    pub(crate) const PRIMARY: u8 = 16;
}

/// What stands between two operands.
enum Infix {
    Or,
    And,
    Binary(BinaryOp),
    Concat,
    Compare(ComparisonOp),
    Is,
    /// LIKE, IN, BETWEEN, ..., with or without NOT before.
    Predicate,
}

/// The lowest level that may stand on the left of an operator of level `at`.
fn left_operand(at: u8) -> u8 {
    match at {
        level::OR | level::XOR | level::AND => level::OR,
        level::PREDICATE => level::BIT_OR,
        tighter => tighter,
    }
}

impl Parser<'_> {
    /// An expression.
    pub fn expr(&mut self) -> Result<Expr> {
        self.expr_at(level::OR)
    }

    /// An expression whose operators bind at least as tightly as `min`.
    pub fn expr_at(&mut self, min: u8) -> Result<Expr> {
        let outer = self.begin_operands();
        let not = self.at(Kw::Not) && !self.not_is_bang();
        let mut left = if not { self.not(min)? } else { self.unary()? };
        // How tightly the outermost operator of `left` binds: it must not stand on the left of a tighter one.
        let mut left_level = if not { level::NOT } else { level::PRIMARY };
        while let Some((infix, at)) = self.infix() {
            if at < min || left_level < left_operand(at) {
                break;
            }
            left_level = at;
            left = match infix {
                Infix::Or => self.chain(left, true)?,
                Infix::And => self.chain(left, false)?,
                Infix::Binary(op) => {
                    let binary = self.binary(left, op, at)?;
                    if matches!(binary, Expr::DateArith(_)) {
                        // The unit ends it: `a + INTERVAL 1 DAY * 2` multiplies the date.
                        left_level = level::PRIMARY;
                    }
                    binary
                }
                Infix::Concat => self.concat(left)?,
                Infix::Compare(op) => self.comparison(left, op)?,
                Infix::Is => {
                    let tested = self.is_test(left)?;
                    if matches!(&tested, Expr::Is(is) if is.test != IsTest::Null) {
                        // Nothing can be compared with it.
                        left_level = level::NOT;
                    }
                    tested
                }
                Infix::Predicate => self.predicate(left)?,
            };
        }
        self.end_operands(outer);
        Ok(left)
    }

    fn not_is_bang(&self) -> bool {
        self.has_mode(SqlMode::HIGH_NOT_PRECEDENCE)
    }

    fn not(&mut self, min: u8) -> Result<Expr> {
        if min > level::NOT {
            return self.fail();
        }
        let outer = self.open()?;
        self.advance();
        let expr = self.expr_at(level::NOT)?;
        self.close(outer);
        Ok(Expr::Unary(Box::new(Unary { op: UnaryOp::Not, expr })))
    }

    /// The operator at the present token and its level.
    fn infix(&self) -> Option<(Infix, u8)> {
        use BinaryOp::*;
        use ComparisonOp::*;
        let token = self.peek(0);
        let comparison = |op| Some((Infix::Compare(op), level::COMPARISON));
        let binary = |op, at| Some((Infix::Binary(op), at));
        match token.tok {
            Tok::Word => self.infix_word(token.kw),
            Tok::Equal => comparison(Equal),
            Tok::NullSafeEqual => comparison(NullSafeEqual),
            Tok::NotEqual => comparison(NotEqual),
            Tok::Less => comparison(Less),
            Tok::LessEqual => comparison(LessEqual),
            Tok::Greater => comparison(Greater),
            Tok::GreaterEqual => comparison(GreaterEqual),
            Tok::Plus => binary(Plus, level::ADD),
            Tok::Minus => binary(Minus, level::ADD),
            Tok::Star => binary(Multiply, level::MULTIPLY),
            Tok::Slash => binary(Divide, level::MULTIPLY),
            Tok::Percent => binary(Modulo, level::MULTIPLY),
            Tok::Bar => binary(BitOr, level::BIT_OR),
            Tok::Amp => binary(BitAnd, level::BIT_AND),
            Tok::Caret => binary(BitXor, level::BIT_XOR),
            Tok::ShiftLeft => binary(ShiftLeft, level::SHIFT),
            Tok::ShiftRight => binary(ShiftRight, level::SHIFT),
            Tok::AndAnd => Some((Infix::And, level::AND)),
            Tok::OrOr if self.has_mode(SqlMode::PIPES_AS_CONCAT) => Some((Infix::Concat, level::CONCAT)),
            Tok::OrOr => Some((Infix::Or, level::OR)),
            _ => None,
        }
    }

    fn infix_word(&self, kw: Kw) -> Option<(Infix, u8)> {
        let predicate = Some((Infix::Predicate, level::PREDICATE));
        match kw {
            Kw::Or => Some((Infix::Or, level::OR)),
            Kw::And => Some((Infix::And, level::AND)),
            Kw::Xor => Some((Infix::Binary(BinaryOp::Xor), level::XOR)),
            Kw::Is => Some((Infix::Is, level::COMPARISON)),
            Kw::Div => Some((Infix::Binary(BinaryOp::IntDivide), level::MULTIPLY)),
            Kw::Mod => Some((Infix::Binary(BinaryOp::Modulo), level::MULTIPLY)),
            Kw::In | Kw::Between | Kw::Like | Kw::Regexp | Kw::Rlike => predicate,
            Kw::Not => match self.peek(1).kw {
                Kw::In | Kw::Between | Kw::Like | Kw::Regexp | Kw::Rlike => predicate,
                _ => None,
            },
            Kw::Member if self.peek(1).kw == Kw::Of || self.peek(1).tok == Tok::LeftParen => predicate,
            Kw::Sounds if self.peek(1).kw == Kw::Like => predicate,
            _ => None,
        }
    }

    /// The rest of `left OR b OR c ...` or of an AND chain, flat.
    fn chain(&mut self, left: Expr, or: bool) -> Result<Expr> {
        let (at, next) = if or { (level::OR, level::XOR) } else { (level::AND, level::NOT) };
        self.combine()?;
        let mut terms = Vec::with_capacity(2);
        let mut add = |expr: Expr| match expr {
            Expr::Or(inner) if or => terms.extend(inner),
            Expr::And(inner) if !or => terms.extend(inner),
            other => terms.push(other),
        };
        add(left);
        while matches!(self.infix(), Some((Infix::Or | Infix::And, found)) if found == at) {
            self.advance();
            let outer = self.begin_operands();
            add(self.expr_at(next)?);
            // The new term stands beside the others, one below the chain.
            self.combine()?;
            self.end_operands(outer);
        }
        Ok(if or { Expr::Or(terms) } else { Expr::And(terms) })
    }

    fn binary(&mut self, left: Expr, op: BinaryOp, at: u8) -> Result<Expr> {
        self.advance();
        if matches!(op, BinaryOp::Plus | BinaryOp::Minus) && self.at_interval() {
            return self.date_plus_interval(left, op);
        }
        let right = self.expr_at(at + 1)?;
        self.combine()?;
        Ok(Expr::Binary(Box::new(Binary { op, left, right })))
    }

    /// `a || b` under PIPES_AS_CONCAT: to MySQL a call of CONCAT, and printed so it is safe in every mode.
    fn concat(&mut self, left: Expr) -> Result<Expr> {
        self.advance();
        let right = self.expr_at(level::UNARY)?;
        self.combine()?;
        Ok(Expr::Func(Box::new(FuncCall::new("concat", vec![left, right]))))
    }

    fn date_plus_interval(&mut self, date: Expr, op: BinaryOp) -> Result<Expr> {
        let (amount, unit) = self.interval()?;
        self.combine()?;
        let form = if op == BinaryOp::Plus { DateArithForm::Plus } else { DateArithForm::Minus };
        Ok(Expr::DateArith(Box::new(DateArith { form, date, amount, unit })))
    }

    fn comparison(&mut self, left: Expr, op: ComparisonOp) -> Result<Expr> {
        self.advance();
        let quantifier = match self.kw() {
            Kw::All => Some(Quantifier::All),
            Kw::Some if self.peek(1).tok == Tok::LeftParen => Some(Quantifier::Any),
            _ if self.word_is(0, "any") && self.peek(1).tok == Tok::LeftParen && self.query_follows(1) => {
                Some(Quantifier::Any)
            }
            _ => None,
        };
        let right = match quantifier {
            None => self.expr_at(level::PREDICATE)?,
            Some(_) => {
                self.advance();
                Expr::Subquery(Box::new(self.subquery()?))
            }
        };
        self.combine()?;
        Ok(Expr::Comparison(Box::new(Comparison { op, left, right, quantifier })))
    }

    fn is_test(&mut self, expr: Expr) -> Result<Expr> {
        self.advance();
        let not = self.accept(Kw::Not);
        let test = match self.peek(0) {
            token if token.tok == Tok::BackslashN || token.kw == Kw::Null => IsTest::Null,
            token => match token.kw {
                Kw::True => IsTest::True,
                Kw::False => IsTest::False,
                Kw::Unknown => IsTest::Unknown,
                _ => return self.fail(),
            },
        };
        self.advance();
        self.combine()?;
        Ok(Expr::Is(Box::new(Is { not, expr, test })))
    }

    fn predicate(&mut self, expr: Expr) -> Result<Expr> {
        let not = self.accept(Kw::Not);
        let kw = self.kw();
        self.advance();
        let predicate = match kw {
            Kw::In => self.in_list(expr, not)?,
            Kw::Between => {
                let low = self.expr_at(level::BIT_OR)?;
                self.expect(Kw::And)?;
                let high = self.expr_at(level::PREDICATE)?;
                Expr::Between(Box::new(Between { not, expr, low, high }))
            }
            Kw::Like => {
                let pattern = self.expr_at(level::CONCAT)?;
                let escape = if self.accept(Kw::Escape) { Some(self.expr_at(level::CONCAT)?) } else { None };
                Expr::Like(Box::new(Like { not, op: LikeOp::Like, expr, pattern, escape }))
            }
            Kw::Regexp | Kw::Rlike => {
                let pattern = self.expr_at(level::BIT_OR)?;
                Expr::Like(Box::new(Like { not, op: LikeOp::Regexp, expr, pattern, escape: None }))
            }
            Kw::Sounds => {
                self.expect(Kw::Like)?;
                let right = self.expr_at(level::BIT_OR)?;
                Expr::Binary(Box::new(Binary { op: BinaryOp::SoundsLike, left: expr, right }))
            }
            _ => {
                // MEMBER [OF] (array)
                self.accept(Kw::Of);
                self.expect_tok(Tok::LeftParen)?;
                let right = self.expr_at(level::CONCAT)?;
                self.expect_tok(Tok::RightParen)?;
                Expr::Binary(Box::new(Binary { op: BinaryOp::MemberOf, left: expr, right }))
            }
        };
        self.combine()?;
        Ok(predicate)
    }

    fn in_list(&mut self, expr: Expr, not: bool) -> Result<Expr> {
        let list = if let Some(Param::List(name)) = self.opt_list_param() {
            InList::Param(name)
        } else if self.query_follows(0) {
            match self.parenthesised()? {
                Expr::Subquery(query) => InList::Subquery(query),
                Expr::Row(exprs) => InList::List(exprs),
                expr => InList::List(vec![expr]),
            }
        } else {
            InList::List(self.paren_exprs()?)
        };
        Ok(Expr::In(Box::new(In { not, expr, list })))
    }

    fn opt_list_param(&mut self) -> Option<Param> {
        if self.tok() == Tok::ListParam { self.opt_param() } else { None }
    }

    /// One or more expressions with commas.
    pub fn exprs(&mut self) -> Result<Vec<Expr>> {
        let mut exprs = vec![self.expr()?];
        while self.accept_tok(Tok::Comma) {
            exprs.push(self.expr()?);
        }
        Ok(exprs)
    }

    /// One or more expressions in parentheses.
    pub fn paren_exprs(&mut self) -> Result<Vec<Expr>> {
        self.expect_tok(Tok::LeftParen)?;
        let exprs = self.exprs()?;
        self.expect_tok(Tok::RightParen)?;
        Ok(exprs)
    }

    /// `- + ~ ! BINARY` before an operand, and NOT where it binds as `!`.
    fn unary(&mut self) -> Result<Expr> {
        let token = self.peek(0);
        let op = match (token.tok, token.kw) {
            (Tok::Minus, _) => Some(UnaryOp::Minus),
            (Tok::Plus, _) => Some(UnaryOp::Plus),
            (Tok::Tilde, _) => Some(UnaryOp::BitNot),
            (Tok::Bang, _) => Some(UnaryOp::Not),
            (_, Kw::Not) if self.not_is_bang() => Some(UnaryOp::Not),
            (_, Kw::Binary) => None,
            _ => return self.primary_collated(),
        };
        let outer = self.open()?;
        self.advance();
        let expr = self.unary()?;
        self.close(outer);
        Ok(match op {
            Some(op) => Expr::Unary(Box::new(Unary { op, expr })),
            None => {
                let to = CastType::named("binary");
                Expr::Cast(Box::new(Cast { expr, to, array: false, at_time_zone: None }))
            }
        })
    }

    fn primary_collated(&mut self) -> Result<Expr> {
        let outer = self.begin_operands();
        let mut expr = self.primary()?;
        while self.accept(Kw::Collate) {
            let collation = if self.at(Kw::Binary) { self.any_ident()? } else { self.ident_or_string()? };
            expr = Expr::Collate(Box::new(Collate { expr, collation }));
            self.combine()?;
        }
        self.end_operands(outer);
        Ok(expr)
    }

    /// Whether `INTERVAL amount unit` (and not the function INTERVAL) stands here.
    pub fn at_interval(&self) -> bool {
        self.at(Kw::Interval) && (self.peek(1).tok != Tok::LeftParen || !self.has_comma_inside(1))
    }

    /// Whether the parentheses that open `ahead` have a comma directly inside.
    fn has_comma_inside(&self, ahead: usize) -> bool {
        if self.query_follows(ahead) {
            return false;
        }
        let mut depth = 0usize;
        for place in ahead.. {
            match self.peek(place).tok {
                Tok::LeftParen => depth += 1,
                Tok::RightParen if depth == 1 => return false,
                Tok::RightParen => depth -= 1,
                Tok::Comma if depth == 1 => return true,
                Tok::End => return false,
                _ => {}
            }
        }
        false
    }

    /// `INTERVAL amount unit`.
    pub fn interval(&mut self) -> Result<(Expr, IntervalUnit)> {
        self.expect(Kw::Interval)?;
        let amount = self.expr()?;
        Ok((amount, self.interval_unit()?))
    }

    /// `MINUTE_SECOND` and its like, with or without ODBC's `SQL_TSI_`.
    pub fn interval_unit(&mut self) -> Result<IntervalUnit> {
        use IntervalUnit::*;
        let token = self.peek(0);
        let word = self.bytes(token).to_ascii_lowercase();
        let unit = match word.strip_prefix(b"sql_tsi_").unwrap_or(&word) {
            b"microsecond" | b"frac_second" => Microsecond,
            b"second" => Second,
            b"minute" => Minute,
            b"hour" => Hour,
            b"day" => Day,
            b"week" => Week,
            b"month" => Month,
            b"quarter" => Quarter,
            b"year" => Year,
            b"second_microsecond" => SecondMicrosecond,
            b"minute_microsecond" => MinuteMicrosecond,
            b"minute_second" => MinuteSecond,
            b"hour_microsecond" => HourMicrosecond,
            b"hour_second" => HourSecond,
            b"hour_minute" => HourMinute,
            b"day_microsecond" => DayMicrosecond,
            b"day_second" => DaySecond,
            b"day_minute" => DayMinute,
            b"day_hour" => DayHour,
            b"year_month" => YearMonth,
            _ => return self.fail(),
        };
        self.advance();
        Ok(unit)
    }
}
