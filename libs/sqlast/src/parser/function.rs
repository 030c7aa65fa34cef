//! What an operand begins with: names, calls, parentheses, CASE and the like.

use super::Result;
use super::cursor::Parser;
use super::expr::level;
use crate::SqlMode;
use crate::ast::*;
use crate::lexer::Tok;
use crate::lexer::keyword::Kw;

impl Parser<'_> {
    /// An operand: literal, name, call, parentheses, ...
    pub fn primary(&mut self) -> Result<Expr> {
        let token = self.peek(0);
        match token.tok {
            Tok::Word | Tok::Quoted if self.peek(1).tok != Tok::LeftParen => {
                if let Some(expr) = self.plain_name()? {
                    return Ok(expr);
                }
            }
            Tok::Word | Tok::Quoted => {}
            Tok::LeftParen | Tok::LeftBrace | Tok::UserVar | Tok::AtAt => {}
            Tok::Question | Tok::NamedParam | Tok::ListParam => {
                let param = self.opt_param().map(Expr::Param);
                return param.map_or_else(|| self.fail(), Ok);
            }
            _ => return self.literal().map(Expr::Literal),
        }
        let outer = self.open()?;
        let expr = match token.tok {
            Tok::LeftParen => self.parenthesised(),
            Tok::LeftBrace => self.odbc(),
            Tok::UserVar => self.user_variable(),
            Tok::AtAt => self.system_variable(),
            _ => self.word_operand(),
        }?;
        self.close(outer);
        Ok(expr)
    }

    /// A column or literal that begins with a word, where no call follows; none if the word says more.
    fn plain_name(&mut self) -> Result<Option<Expr>> {
        if let Some(literal) = self.opt_literal()? {
            return Ok(Some(Expr::Literal(literal)));
        }
        let call_with_dot = self.peek(1).tok == Tok::Dot && self.peek(3).tok == Tok::LeftParen;
        if self.is_ident(0) && !call_with_dot { self.column().map(Some) } else { Ok(None) }
    }

    /// A column, with what `->` takes out of it.
    fn column(&mut self) -> Result<Expr> {
        let column = Expr::Column(self.col_name()?);
        let op = match self.tok() {
            Tok::Arrow => BinaryOp::JsonExtract,
            Tok::ArrowText => BinaryOp::JsonUnquoteExtract,
            _ => return Ok(column),
        };
        self.advance();
        let right = match self.opt_param() {
            Some(param) => Expr::Param(param),
            None => Expr::Literal(self.path()?),
        };
        Ok(Expr::Binary(Box::new(Binary { op, left: column, right })))
    }

    /// What stands after `->`: one string. Another one beside it is the select item's name.
    fn path(&mut self) -> Result<Literal> {
        let token = self.peek(0);
        if token.tok != Tok::Str {
            return self.literal();
        }
        self.advance();
        Ok(Literal::String(self.decode(self.bytes(token))))
    }

    /// `c`, `t.c`, `db.t.c`.
    pub fn col_name(&mut self) -> Result<ColName> {
        let first = self.ident()?;
        if self.tok() != Tok::Dot {
            return Ok(ColName::unqualified(first));
        }
        self.advance();
        let second = self.any_ident()?;
        if self.tok() != Tok::Dot {
            return Ok(ColName::of_table(TableName::unqualified(first), second));
        }
        self.advance();
        let third = self.any_ident()?;
        Ok(ColName::of_table(TableName::qualified(first, second), third))
    }

    /// What stands in parentheses: a subquery, a row, or an expression.
    pub fn parenthesised(&mut self) -> Result<Expr> {
        if self.query_starts(1) {
            return Ok(Expr::Subquery(Box::new(self.subquery()?)));
        }
        self.expect_tok(Tok::LeftParen)?;
        let was_paren = self.tok() == Tok::LeftParen;
        let first = self.expr()?;
        let expr = match first {
            // `((SELECT 1) UNION SELECT 2)`: what looked like an operand was the first of a set operation.
            Expr::Subquery(query) if was_paren && self.query_goes_on() => {
                Expr::Subquery(Box::new(self.query_after(*query)?))
            }
            first if self.tok() == Tok::Comma => {
                let mut exprs = vec![first];
                while self.accept_tok(Tok::Comma) {
                    exprs.push(self.expr()?);
                }
                Expr::Row(exprs)
            }
            first => first,
        };
        self.expect_tok(Tok::RightParen)?;
        Ok(expr)
    }

    /// ODBC's `{d '2024-01-01'}` and `{fn name(...)}`.
    fn odbc(&mut self) -> Result<Expr> {
        self.expect_tok(Tok::LeftBrace)?;
        let kw = match () {
            () if self.word_is(0, "d") => Some(Kw::Date),
            () if self.word_is(0, "t") => Some(Kw::Time),
            () if self.word_is(0, "ts") => Some(Kw::Timestamp),
            () => None,
        };
        self.any_ident()?;
        let expr = match kw {
            Some(kw) if self.tok() == Tok::Str => Expr::Literal(self.temporal(kw, true)?),
            _ => self.expr()?,
        };
        self.expect_tok(Tok::RightBrace)?;
        Ok(expr)
    }

    fn user_variable(&mut self) -> Result<Expr> {
        let variable = self.user_var()?;
        if !self.accept_tok(Tok::Assign) {
            return Ok(Expr::UserVar(variable));
        }
        let value = self.expr()?;
        Ok(Expr::Assign(Box::new(Assign { variable, value })))
    }

    fn system_variable(&mut self) -> Result<Expr> {
        self.expect_tok(Tok::AtAt)?;
        self.sys_var().map(|var| Expr::SysVar(Box::new(var)))
    }

    /// What follows `@@`.
    pub fn sys_var(&mut self) -> Result<SysVar> {
        let scope = if self.peek(1).tok == Tok::Dot { self.opt_var_scope() } else { None };
        if scope.is_some() {
            self.expect_tok(Tok::Dot)?;
        }
        let first = self.any_ident()?;
        if !self.accept_tok(Tok::Dot) {
            return Ok(SysVar { scope, component: None, name: first });
        }
        Ok(SysVar { scope, component: Some(first), name: self.any_ident()? })
    }

    /// GLOBAL, SESSION, LOCAL, PERSIST, PERSIST_ONLY, VITESS_METADATA.
    pub fn opt_var_scope(&mut self) -> Option<VarScope> {
        let scope = match self.kw() {
            Kw::Global => VarScope::Global,
            Kw::Session | Kw::Local => VarScope::Session,
            Kw::Persist => VarScope::Persist,
            Kw::PersistOnly => VarScope::PersistOnly,
            _ if self.word_is(0, "vitess_metadata") => VarScope::VitessMetadata,
            _ => return None,
        };
        self.advance();
        Some(scope)
    }

    /// An operand that begins with a word: a keyword with a form of its own, or a call.
    fn word_operand(&mut self) -> Result<Expr> {
        match self.kw() {
            Kw::None => self.call(),
            Kw::Case => self.case(),
            Kw::Exists => {
                self.advance();
                Ok(Expr::Exists(Box::new(self.subquery()?)))
            }
            Kw::Row => {
                self.advance();
                self.paren_exprs().map(Expr::Row)
            }
            Kw::Match => self.match_against(),
            Kw::Interval => self.interval_operand(),
            Kw::Default => {
                self.advance();
                self.paren_column().map(|column| Expr::Default(Some(Box::new(column))))
            }
            Kw::Values => {
                self.advance();
                self.paren_column().map(|column| Expr::Values(Box::new(column)))
            }
            Kw::CurrentDate | Kw::CurrentTime | Kw::CurrentTimestamp | Kw::CurrentUser => self.niladic(),
            Kw::Localtime | Kw::Localtimestamp => self.niladic(),
            Kw::UtcDate | Kw::UtcTime | Kw::UtcTimestamp => self.niladic(),
            kw if kw.reserved() && !callable(kw) => self.special_operand(kw),
            kw => match self.special_call(kw)? {
                Some(expr) => Ok(expr),
                None => self.call(),
            },
        }
    }

    /// Reserved words that are operands of their own form, or an error.
    fn special_operand(&mut self, kw: Kw) -> Result<Expr> {
        match self.special_call(kw)? {
            Some(expr) => Ok(expr),
            None => self.fail(),
        }
    }

    fn paren_column(&mut self) -> Result<ColName> {
        self.expect_tok(Tok::LeftParen)?;
        let column = self.col_name()?;
        self.expect_tok(Tok::RightParen)?;
        Ok(column)
    }

    /// `INTERVAL amount unit + date`, or the function INTERVAL.
    fn interval_operand(&mut self) -> Result<Expr> {
        if !self.at_interval() {
            return self.call();
        }
        let (amount, unit) = self.interval()?;
        self.expect_tok(Tok::Plus)?;
        let date = self.expr_at(level::NOT)?;
        let form = DateArithForm::IntervalFirst;
        Ok(Expr::DateArith(Box::new(DateArith { form, date, amount, unit })))
    }

    /// CURRENT_TIMESTAMP and its like, with or without parentheses and precision.
    fn niladic(&mut self) -> Result<Expr> {
        let mut call = FuncCall::new(self.func_name()?, Vec::new());
        call.parens = self.accept_tok(Tok::LeftParen);
        if call.parens && !self.accept_tok(Tok::RightParen) {
            call.args = self.exprs()?;
            self.expect_tok(Tok::RightParen)?;
        }
        Ok(Expr::Func(Box::new(call)))
    }

    fn func_name(&mut self) -> Result<Ident> {
        let name = self.any_ident()?;
        let lower_already = !name.as_bytes().iter().any(u8::is_ascii_uppercase);
        Ok(if lower_already { name } else { name.as_bytes().to_ascii_lowercase().as_slice().into() })
    }

    fn case(&mut self) -> Result<Expr> {
        self.expect(Kw::Case)?;
        let operand = if self.at(Kw::When) { None } else { Some(self.expr()?) };
        let mut whens = Vec::new();
        while self.accept(Kw::When) {
            let condition = self.expr()?;
            self.expect(Kw::Then)?;
            whens.push(When { condition, result: self.expr()? });
        }
        if whens.is_empty() {
            return self.fail();
        }
        let else_ = if self.accept(Kw::Else) { Some(self.expr()?) } else { None };
        self.expect(Kw::End)?;
        Ok(Expr::Case(Box::new(Case { operand, whens, else_ })))
    }

    /// An ordinary call, maybe an aggregate or a window function.
    fn call(&mut self) -> Result<Expr> {
        let mut name = self.func_name()?;
        let mut qualifier = None;
        if self.accept_tok(Tok::Dot) {
            qualifier = Some(std::mem::replace(&mut name, self.any_ident()?));
        }
        let mut call = FuncCall::new(name, Vec::new());
        call.qualifier = qualifier;
        self.expect_tok(Tok::LeftParen)?;
        if !self.accept_tok(Tok::RightParen) {
            call.distinct = self.distinct_or_all();
            call.args = if self.accept_tok(Tok::Star) { vec![Expr::Star] } else { self.call_args()? };
            if call.name.as_bytes() == b"group_concat" {
                call.group_concat = self.group_concat_tail()?;
            }
            self.expect_tok(Tok::RightParen)?;
        }
        call.over = self.opt_over()?;
        Ok(Expr::Func(Box::new(call)))
    }

    fn distinct_or_all(&mut self) -> bool {
        let distinct = self.accept(Kw::Distinct);
        // MySQL takes `DISTINCT ALL`, too.
        self.accept(Kw::All);
        distinct
    }

    /// Arguments; those of loadable functions may have an alias, which nothing but they can see.
    fn call_args(&mut self) -> Result<Vec<Expr>> {
        let mut args = Vec::with_capacity(1);
        loop {
            args.push(self.expr()?);
            if !self.accept_tok(Tok::Comma) {
                return Ok(args);
            }
        }
    }

    fn group_concat_tail(&mut self) -> Result<Option<Box<GroupConcat>>> {
        let order_by = self.opt_order_by()?;
        let limit = self.opt_limit()?;
        let separator = if self.accept(Kw::Separator) { Some(self.separator()?) } else { None };
        if order_by.is_empty() && separator.is_none() && limit.is_none() {
            return Ok(None);
        }
        let limit = if limit.is_none() { self.opt_limit()? } else { limit };
        Ok(Some(Box::new(GroupConcat { order_by, separator, limit })))
    }

    fn separator(&mut self) -> Result<Expr> {
        match self.opt_param() {
            Some(param) => Ok(Expr::Param(param)),
            None => self.literal().map(Expr::Literal),
        }
    }

    fn opt_over(&mut self) -> Result<Option<Box<Over>>> {
        let mark = self.position();
        let mut over =
            Over { from_last: false, ignore_nulls: false, window: OverWindow::Spec(WindowSpec::default()) };
        if self.at(Kw::From) && matches!(self.peek(1).kw, Kw::First | Kw::Last) {
            over.from_last = self.peek(1).kw == Kw::Last;
            self.advance();
            self.advance();
        }
        if matches!(self.kw(), Kw::Respect | Kw::Ignore) && self.peek(1).kw == Kw::Nulls {
            over.ignore_nulls = self.at(Kw::Ignore);
            self.advance();
            self.advance();
        }
        if !self.accept(Kw::Over) {
            self.rewind(mark);
            return Ok(None);
        }
        over.window = if self.tok() == Tok::LeftParen {
            OverWindow::Spec(self.window_spec()?)
        } else {
            OverWindow::Named(self.ident()?)
        };
        Ok(Some(Box::new(over)))
    }

    /// `(name PARTITION BY ... ORDER BY ... frame)`.
    pub fn window_spec(&mut self) -> Result<WindowSpec> {
        self.expect_tok(Tok::LeftParen)?;
        let mut spec = WindowSpec { base: self.opt_ident()?, ..WindowSpec::default() };
        if self.accept_seq(&[Kw::Partition, Kw::By]) {
            spec.partition_by = self.exprs()?;
        }
        spec.order_by = self.opt_order_by()?;
        let unit = match self.kw() {
            Kw::Rows => Some(FrameUnit::Rows),
            Kw::Range => Some(FrameUnit::Range),
            Kw::Groups => Some(FrameUnit::Groups),
            _ => None,
        };
        if let Some(unit) = unit {
            self.advance();
            spec.frame = Some(self.frame(unit)?);
        }
        self.expect_tok(Tok::RightParen)?;
        Ok(spec)
    }

    fn frame(&mut self, unit: FrameUnit) -> Result<Frame> {
        let between = self.accept(Kw::Between);
        let start = self.frame_bound()?;
        let mut end = None;
        if between {
            self.expect(Kw::And)?;
            end = Some(self.frame_bound()?);
        }
        Ok(Frame { unit, start, end, exclude: self.frame_exclusion()? })
    }

    fn frame_exclusion(&mut self) -> Result<Option<FrameExclusion>> {
        if !self.accept_word("exclude") {
            return Ok(None);
        }
        Ok(Some(if self.accept_words(&["current", "row"]) {
            FrameExclusion::CurrentRow
        } else if self.accept(Kw::Group) {
            FrameExclusion::Group
        } else if self.accept_word("ties") {
            FrameExclusion::Ties
        } else {
            self.expect(Kw::No)?;
            self.expect_word("others")?;
            FrameExclusion::NoOthers
        }))
    }

    fn frame_bound(&mut self) -> Result<FrameBound> {
        if self.at(Kw::Current) && self.peek(1).kw == Kw::Row {
            self.accept_seq(&[Kw::Current, Kw::Row]);
            return Ok(FrameBound::CurrentRow);
        }
        if self.accept(Kw::Unbounded) {
            let preceding = self.preceding()?;
            return Ok(if preceding {
                FrameBound::UnboundedPreceding
            } else {
                FrameBound::UnboundedFollowing
            });
        }
        let offset = if self.at_interval() {
            let (amount, unit) = self.interval()?;
            FrameOffset { amount, unit: Some(unit) }
        } else {
            // Numbers without a sign and parameters only.
            let amount = match self.tok() {
                Tok::Integer | Tok::Decimal | Tok::Float | Tok::Question | Tok::NamedParam => {
                    self.primary()?
                }
                _ => return self.fail(),
            };
            FrameOffset { amount, unit: None }
        };
        Ok(if self.preceding()? { FrameBound::Preceding(offset) } else { FrameBound::Following(offset) })
    }

    /// PRECEDING (true) or FOLLOWING.
    fn preceding(&mut self) -> Result<bool> {
        if self.accept(Kw::Preceding) {
            return Ok(true);
        }
        self.expect(Kw::Following)?;
        Ok(false)
    }

    /// Whether `REAL` means FLOAT.
    pub fn real_is_float(&self) -> bool {
        self.has_mode(SqlMode::REAL_AS_FLOAT)
    }
}

/// Reserved words that are names of functions with an ordinary list of arguments.
fn callable(kw: Kw) -> bool {
    matches!(
        kw,
        Kw::If
            | Kw::Left
            | Kw::Right
            | Kw::Repeat
            | Kw::Replace
            | Kw::Insert
            | Kw::Mod
            | Kw::Database
            | Kw::Schema
            | Kw::Grouping
            | Kw::CumeDist
            | Kw::DenseRank
            | Kw::FirstValue
            | Kw::Lag
            | Kw::LastValue
            | Kw::Lead
            | Kw::NthValue
            | Kw::Ntile
            | Kw::PercentRank
            | Kw::Rank
            | Kw::RowNumber
    )
}
