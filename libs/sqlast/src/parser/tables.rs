//! What stands in FROM: tables, joins, derived tables, JSON_TABLE.

use super::Result;
use super::cursor::Parser;
use crate::ast::*;
use crate::lexer::Tok;
use crate::lexer::keyword::Kw;

/// What parentheses in FROM turn out to hold.
enum InParens {
    Query(Query),
    Tables(TableExpr),
}

impl Parser<'_> {
    /// Table expressions with commas.
    pub fn table_exprs(&mut self) -> Result<Vec<TableExpr>> {
        let mut tables = vec![self.joined()?];
        while self.accept_tok(Tok::Comma) {
            tables.push(self.joined()?);
        }
        Ok(tables)
    }

    /// A table and all that is joined to it.
    pub fn joined(&mut self) -> Result<TableExpr> {
        let first = self.table_factor()?;
        self.joined_to(first)
    }

    fn joined_to(&mut self, first: TableExpr) -> Result<TableExpr> {
        let outer = self.begin_operands();
        let mut left = first;
        while let Some((kind, natural)) = self.join_operator()? {
            left = self.join(left, kind, natural)?.0;
            self.combine()?;
        }
        self.end_operands(outer);
        Ok(left)
    }

    /// `left JOIN ...`, behind the word JOIN; also says how far down on the left side `left` is.
    ///
    /// As in MySQL, what follows an operand joins that operand first, until a condition ends a join:
    /// `a JOIN b JOIN c ON x ON y` is `a JOIN (b JOIN c ON x) ON y`. An inner join that gets no condition
    /// then moves to the left: `a JOIN b JOIN c ON x` is `(a JOIN b) JOIN c ON x`.
    fn join(&mut self, left: TableExpr, kind: JoinKind, natural: bool) -> Result<(TableExpr, usize)> {
        let mut right = self.table_factor()?;
        let make = |left, right, condition| {
            (TableExpr::Join(Box::new(Join { left, kind, natural, right, condition })), 1)
        };
        if natural {
            return Ok(make(left, right, None));
        }
        let mut depth = 0;
        loop {
            if let Some(condition) = self.join_condition()? {
                return Ok(make(left, right, Some(condition)));
            }
            let Some((next, next_natural)) = self.join_operator()? else { break };
            let frame = self.open()?;
            let (joined, below) = self.join(right, next, next_natural)?;
            self.close(frame);
            right = joined;
            depth += below;
        }
        if matches!(kind, JoinKind::Left | JoinKind::Right) {
            return self.fail();
        }
        let mut leaf = &mut right;
        for _ in 0..depth {
            // `depth` counts joins that were made here, so there is always one more.
            let TableExpr::Join(join) = leaf else { return self.fail() };
            leaf = &mut join.left;
        }
        let first = std::mem::replace(leaf, TableExpr::List(Vec::new()));
        *leaf = make(left, first, None).0;
        Ok((right, depth + 1))
    }

    /// The words that join, up to and including JOIN.
    fn join_operator(&mut self) -> Result<Option<(JoinKind, bool)>> {
        let natural = self.at(Kw::Natural);
        let mark = self.position();
        if natural {
            self.advance();
        }
        let kind = match self.kw() {
            Kw::StraightJoin if !natural => {
                self.advance();
                return Ok(Some((JoinKind::Straight, false)));
            }
            Kw::Join => JoinKind::Inner,
            Kw::Inner | Kw::Cross => {
                self.advance();
                JoinKind::Inner
            }
            kw @ (Kw::Left | Kw::Right) => {
                self.advance();
                self.accept(Kw::Outer);
                if kw == Kw::Left { JoinKind::Left } else { JoinKind::Right }
            }
            _ => {
                self.rewind(mark);
                return Ok(None);
            }
        };
        self.expect(Kw::Join)?;
        Ok(Some((kind, natural)))
    }

    /// Whether `ON` begins ON DUPLICATE KEY UPDATE.
    fn on_duplicate(&self) -> bool {
        self.peek(1).kw == Kw::Duplicate && self.peek(2).kw == Kw::Key
    }

    fn join_condition(&mut self) -> Result<Option<JoinCondition>> {
        if self.at(Kw::On) && !self.on_duplicate() {
            self.advance();
            return self.expr().map(|on| Some(JoinCondition::On(on)));
        }
        if self.accept(Kw::Using) {
            return self.paren_idents().map(|columns| Some(JoinCondition::Using(columns)));
        }
        Ok(None)
    }

    /// One table, derived table, JSON_TABLE, or what stands in parentheses.
    fn table_factor(&mut self) -> Result<TableExpr> {
        if self.tok() == Tok::LeftParen {
            return match self.in_parens()? {
                InParens::Query(query) => self.derived(false, query),
                InParens::Tables(tables) => Ok(tables),
            };
        }
        if self.tok() == Tok::LeftBrace {
            return self.odbc_join();
        }
        match self.kw() {
            Kw::Lateral => {
                self.advance();
                let query = self.subquery()?;
                self.derived(true, query)
            }
            Kw::JsonTable => self.json_table(),
            // `dual` is reserved but names MySQL's table without columns.
            Kw::Dual => {
                self.advance();
                Ok(TableExpr::Table(Box::new(AliasedTable::new(TableName::unqualified("dual")))))
            }
            _ => self.aliased_table().map(|table| TableExpr::Table(Box::new(table))),
        }
    }

    /// `{OJ tables}`.
    fn odbc_join(&mut self) -> Result<TableExpr> {
        let frame = self.open()?;
        self.expect_tok(Tok::LeftBrace)?;
        self.any_ident()?;
        let tables = self.joined()?;
        self.expect_tok(Tok::RightBrace)?;
        self.close(frame);
        Ok(tables)
    }

    fn in_parens(&mut self) -> Result<InParens> {
        if self.query_starts(1) {
            return self.subquery().map(InParens::Query);
        }
        let frame = self.open()?;
        self.expect_tok(Tok::LeftParen)?;
        let content = if self.tok() == Tok::LeftParen {
            match self.in_parens()? {
                InParens::Query(query) if self.tok() == Tok::RightParen => InParens::Query(query),
                InParens::Query(query) if self.query_goes_on() => InParens::Query(self.query_after(query)?),
                InParens::Query(query) => {
                    let derived = self.derived(false, query)?;
                    InParens::Tables(self.tables_in_parens(derived)?)
                }
                InParens::Tables(tables) => InParens::Tables(self.tables_in_parens(tables)?),
            }
        } else {
            let first = self.table_factor()?;
            InParens::Tables(self.tables_in_parens(first)?)
        };
        self.expect_tok(Tok::RightParen)?;
        self.close(frame);
        Ok(content)
    }

    /// The joins and commas that follow `first` inside of parentheses.
    fn tables_in_parens(&mut self, first: TableExpr) -> Result<TableExpr> {
        let first = self.joined_to(first)?;
        if self.tok() != Tok::Comma {
            return Ok(first);
        }
        let mut tables = vec![first];
        while self.accept_tok(Tok::Comma) {
            tables.push(self.joined()?);
        }
        Ok(TableExpr::List(tables))
    }

    fn derived(&mut self, lateral: bool, query: Query) -> Result<TableExpr> {
        let alias = self.opt_table_alias()?;
        let columns =
            if alias.is_some() && self.tok() == Tok::LeftParen { self.paren_idents()? } else { Vec::new() };
        Ok(TableExpr::Derived(Box::new(DerivedTable { lateral, query, alias, columns })))
    }

    /// `[AS] alias`.
    pub fn opt_table_alias(&mut self) -> Result<Option<Ident>> {
        if self.accept(Kw::As) || self.tok() == Tok::Equal && self.accept_tok(Tok::Equal) {
            return self.ident().map(Some);
        }
        self.opt_ident()
    }

    /// A table with partitions, alias and hints.
    pub fn aliased_table(&mut self) -> Result<AliasedTable> {
        let mut table = AliasedTable::new(self.table_name()?);
        table.partitions = self.opt_partitions()?;
        table.alias = self.opt_table_alias()?;
        loop {
            let action = match self.kw() {
                Kw::Use => IndexHintAction::Use,
                Kw::Ignore => IndexHintAction::Ignore,
                Kw::Force => IndexHintAction::Force,
                _ => return Ok(table),
            };
            if !matches!(self.peek(1).kw, Kw::Index | Kw::Key | Kw::Vindex) {
                return Ok(table);
            }
            self.advance();
            table.hints.push(self.index_hint(action)?);
            // Hints may also stand with commas.
            if self.tok() == Tok::Comma && matches!(self.peek(1).kw, Kw::Use | Kw::Ignore | Kw::Force) {
                self.advance();
            }
        }
    }

    /// `PARTITION (p0, p1)`.
    pub fn opt_partitions(&mut self) -> Result<Vec<Ident>> {
        if self.at(Kw::Partition) && self.peek(1).tok == Tok::LeftParen {
            self.advance();
            return self.paren_idents();
        }
        Ok(Vec::new())
    }

    fn index_hint(&mut self, action: IndexHintAction) -> Result<IndexHint> {
        let vindex = self.at(Kw::Vindex);
        self.advance();
        let scope = if self.accept_seq(&[Kw::For, Kw::Join]) {
            Some(IndexHintScope::Join)
        } else if self.accept_seq(&[Kw::For, Kw::Order, Kw::By]) {
            Some(IndexHintScope::OrderBy)
        } else if self.accept_seq(&[Kw::For, Kw::Group, Kw::By]) {
            Some(IndexHintScope::GroupBy)
        } else {
            None
        };
        self.expect_tok(Tok::LeftParen)?;
        let mut indexes = Vec::new();
        while self.tok() != Tok::RightParen {
            indexes.push(if self.at(Kw::Primary) { self.any_ident()? } else { self.ident()? });
            if !self.accept_tok(Tok::Comma) {
                break;
            }
        }
        self.expect_tok(Tok::RightParen)?;
        Ok(IndexHint { action, vindex, scope, indexes })
    }

    /// `JSON_TABLE(document, path COLUMNS (...)) AS alias`.
    fn json_table(&mut self) -> Result<TableExpr> {
        let frame = self.open()?;
        self.advance();
        self.expect_tok(Tok::LeftParen)?;
        let document = self.expr()?;
        self.expect_tok(Tok::Comma)?;
        let path = self.expr()?;
        let columns = self.json_columns()?;
        self.expect_tok(Tok::RightParen)?;
        self.close(frame);
        let Some(alias) = self.opt_table_alias()? else { return self.fail() };
        Ok(TableExpr::JsonTable(Box::new(JsonTable { document, path, columns, alias })))
    }

    fn json_columns(&mut self) -> Result<Vec<JsonTableColumn>> {
        let frame = self.open()?;
        self.expect(Kw::Columns)?;
        self.expect_tok(Tok::LeftParen)?;
        let mut columns = vec![self.json_column()?];
        while self.accept_tok(Tok::Comma) {
            columns.push(self.json_column()?);
        }
        self.expect_tok(Tok::RightParen)?;
        self.close(frame);
        Ok(columns)
    }

    fn json_column(&mut self) -> Result<JsonTableColumn> {
        if self.at(Kw::Nested) && (self.peek(1).kw == Kw::Path || self.peek(1).tok == Tok::Str) {
            self.advance();
            self.accept(Kw::Path);
            let path = Expr::Literal(self.literal()?);
            return Ok(JsonTableColumn::Nested { path, columns: self.json_columns()? });
        }
        let name = self.ident()?;
        if self.accept_seq(&[Kw::For, Kw::Ordinality]) {
            return Ok(JsonTableColumn::Ordinality(name));
        }
        let data_type = self.data_type()?;
        let collate = if self.accept(Kw::Collate) { Some(self.charset_name()?) } else { None };
        let exists = self.accept(Kw::Exists);
        self.expect(Kw::Path)?;
        let path = Expr::Literal(self.literal()?);
        let (on_empty, on_error) = self.json_on()?;
        Ok(JsonTableColumn::Path(Box::new(JsonTablePath {
            name,
            data_type,
            collate,
            exists,
            path,
            on_empty,
            on_error,
        })))
    }
}
