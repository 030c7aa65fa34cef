//! One SELECT block.

use super::Result;
use super::cursor::Parser;
use crate::ast::*;
use crate::lexer::Tok;
use crate::lexer::keyword::Kw;

impl Parser<'_> {
    /// `SELECT ...` up to HAVING and WINDOW; what follows belongs to the query.
    pub fn select(&mut self) -> Result<Select> {
        self.expect(Kw::Select)?;
        let mut select = Select { comments: self.comments(), ..Select::default() };
        self.select_options(&mut select);
        select.items = self.select_items()?;
        self.opt_into()?;
        if self.accept(Kw::From) {
            select.from = self.table_exprs()?;
        }
        select.where_ = self.opt_where()?;
        select.group_by = self.opt_group_by()?;
        if self.accept(Kw::Having) {
            select.having = Some(self.expr()?);
        }
        select.windows = self.windows()?;
        if self.accept(Kw::Qualify) {
            select.qualify = Some(self.expr()?);
        }
        Ok(select)
    }

    fn select_options(&mut self, select: &mut Select) {
        let options = &mut select.options;
        loop {
            match self.kw() {
                Kw::All => {}
                Kw::Distinct | Kw::Distinctrow => select.distinct = true,
                Kw::HighPriority => options.high_priority = true,
                Kw::StraightJoin => options.straight_join = true,
                Kw::SqlSmallResult => options.small_result = true,
                Kw::SqlBigResult => options.big_result = true,
                Kw::SqlBufferResult if self.option_follows() => options.buffer_result = true,
                Kw::SqlCache if self.option_follows() => options.cache = Some(true),
                Kw::SqlNoCache if self.option_follows() => options.cache = Some(false),
                Kw::SqlCalcFoundRows => options.calc_found_rows = true,
                _ => return,
            }
            self.advance();
        }
    }

    /// Whether what follows shows that a word that is not reserved is an option and not a column.
    fn option_follows(&self) -> bool {
        let next = self.peek(1);
        !matches!(next.tok, Tok::Comma | Tok::Dot | Tok::End | Tok::RightParen)
            && !matches!(next.kw, Kw::From | Kw::As)
    }

    fn select_items(&mut self) -> Result<Vec<SelectItem>> {
        if self.at(Kw::Next)
            && let Some(next) = self.opt_next_value()?
        {
            return Ok(vec![next]);
        }
        let mut items = Vec::with_capacity(1);
        // MySQL takes `*` without a table only as the first item.
        if self.accept_tok(Tok::Star) {
            items.push(SelectItem::Wildcard(None));
        } else {
            items.push(self.select_item()?);
        }
        while self.accept_tok(Tok::Comma) {
            items.push(self.select_item()?);
        }
        Ok(items)
    }

    /// Vitess's `NEXT VALUE` and `NEXT n VALUES`.
    fn opt_next_value(&mut self) -> Result<Option<SelectItem>> {
        if self.peek(1).kw == Kw::Value && self.peek(2).kw == Kw::From {
            self.advance();
            self.advance();
            return Ok(Some(SelectItem::Next(None)));
        }
        if !matches!(self.peek(1).tok, Tok::Integer | Tok::NamedParam | Tok::Question)
            || self.peek(2).kw != Kw::Values
        {
            return Ok(None);
        }
        self.advance();
        let count = self.simple_value()?;
        self.expect(Kw::Values)?;
        Ok(Some(SelectItem::Next(Some(count))))
    }

    fn select_item(&mut self) -> Result<SelectItem> {
        if let Some(table) = self.opt_qualified_star()? {
            return Ok(SelectItem::Wildcard(Some(table)));
        }
        let start = self.position();
        let expr = self.expr()?;
        let span = self.span_from(start);
        let alias = self.opt_alias()?;
        Ok(SelectItem::Expr(AliasedExpr { expr, alias, span }))
    }

    /// `t.*` or `db.t.*`.
    fn opt_qualified_star(&mut self) -> Result<Option<TableName>> {
        let name_at = |ahead| matches!(self.peek(ahead).tok, Tok::Word | Tok::Quoted);
        let dots = if self.is_ident(0) && self.peek(1).tok == Tok::Dot {
            if self.peek(2).tok == Tok::Star {
                1
            } else if name_at(2) && self.peek(3).tok == Tok::Dot && self.peek(4).tok == Tok::Star {
                2
            } else {
                0
            }
        } else {
            0
        };
        if dots == 0 {
            return Ok(None);
        }
        let first = self.ident()?;
        self.advance();
        let table = if dots == 1 {
            TableName { qualifier: None, name: first }
        } else {
            let name = self.any_ident()?;
            self.advance();
            TableName { qualifier: Some(first), name }
        };
        self.expect_tok(Tok::Star)?;
        Ok(Some(table))
    }

    /// `[AS] alias`, a name or a string.
    pub fn opt_alias(&mut self) -> Result<Option<Ident>> {
        if self.accept(Kw::As) {
            return self.ident_or_string().map(Some);
        }
        if self.tok() == Tok::Str || self.is_ident(0) { self.ident_or_string().map(Some) } else { Ok(None) }
    }

    pub fn opt_where(&mut self) -> Result<Option<Expr>> {
        if self.accept(Kw::Where) { self.expr().map(Some) } else { Ok(None) }
    }

    fn opt_group_by(&mut self) -> Result<Option<GroupBy>> {
        if !self.accept_seq(&[Kw::Group, Kw::By]) {
            return Ok(None);
        }
        let cube = self.at(Kw::Cube);
        let rollup_call = (cube || self.word_is(0, "rollup")) && self.peek(1).tok == Tok::LeftParen;
        if rollup_call {
            self.advance();
            self.advance();
        }
        let mut group_by = GroupBy { exprs: Vec::with_capacity(1), with_rollup: rollup_call && !cube, cube };
        loop {
            let expr = self.expr()?;
            group_by.exprs.push(GroupItem { expr, direction: self.opt_direction() });
            if !self.accept_tok(Tok::Comma) {
                break;
            }
        }
        if rollup_call {
            self.expect_tok(Tok::RightParen)?;
        } else {
            group_by.with_rollup = self.accept_seq(&[Kw::With, Kw::Rollup]);
        }
        Ok(Some(group_by))
    }

    /// `WINDOW w AS (...), ...`.
    fn windows(&mut self) -> Result<Vec<NamedWindow>> {
        let mut windows = Vec::new();
        if !self.accept(Kw::Window) {
            return Ok(windows);
        }
        loop {
            let name = self.ident()?;
            self.expect(Kw::As)?;
            windows.push(NamedWindow { name, spec: self.window_spec()? });
            if !self.accept_tok(Tok::Comma) {
                return Ok(windows);
            }
        }
    }
}
