//! INSERT, REPLACE, UPDATE, DELETE, LOAD DATA.

use super::Result;
use super::cursor::Parser;
use crate::ast::*;
use crate::lexer::Tok;
use crate::lexer::keyword::Kw;

impl Parser<'_> {
    /// INSERT or REPLACE.
    pub fn insert(&mut self) -> Result<Insert> {
        let replace = self.at(Kw::Replace);
        self.advance();
        let comments = self.comments();
        let priority = self.insert_priority();
        let ignore = self.accept(Kw::Ignore);
        self.accept(Kw::Into);
        let table = self.table_name()?;
        let partitions = self.opt_partitions()?;
        let columns = if self.tok() == Tok::LeftParen && !self.query_follows(0) {
            self.insert_columns()?
        } else {
            Vec::new()
        };
        let source = self.insert_source(columns.is_empty())?;
        let row_alias = self.opt_row_alias()?;
        let on_duplicate = if self.accept_seq(&[Kw::On, Kw::Duplicate, Kw::Key, Kw::Update]) {
            self.assignments()?
        } else {
            Vec::new()
        };
        Ok(Insert {
            comments,
            replace,
            priority,
            ignore,
            table,
            partitions,
            columns,
            source,
            row_alias,
            on_duplicate,
        })
    }

    fn insert_priority(&mut self) -> Option<InsertPriority> {
        let priority = match self.kw() {
            Kw::LowPriority => InsertPriority::Low,
            Kw::Delayed => InsertPriority::Delayed,
            Kw::HighPriority => InsertPriority::High,
            _ => return None,
        };
        self.advance();
        Some(priority)
    }

    fn insert_columns(&mut self) -> Result<Vec<ColName>> {
        self.expect_tok(Tok::LeftParen)?;
        let mut columns = Vec::new();
        while self.tok() != Tok::RightParen {
            columns.push(self.col_name()?);
            if !self.accept_tok(Tok::Comma) {
                break;
            }
        }
        self.expect_tok(Tok::RightParen)?;
        Ok(columns)
    }

    fn insert_source(&mut self, set_allowed: bool) -> Result<InsertSource> {
        match self.kw() {
            Kw::Set if set_allowed => {
                self.advance();
                self.assignments().map(InsertSource::Set)
            }
            Kw::Values | Kw::Value if self.peek(1).kw != Kw::Row => {
                self.advance();
                let mut rows = vec![self.value_row()?];
                while self.accept_tok(Tok::Comma) {
                    rows.push(self.value_row()?);
                }
                Ok(InsertSource::Values(rows))
            }
            _ => self.query().map(|query| InsertSource::Query(Box::new(query))),
        }
    }

    /// `(1, DEFAULT, 'a')`, maybe empty.
    pub fn value_row(&mut self) -> Result<Vec<Expr>> {
        self.expect_tok(Tok::LeftParen)?;
        let mut row = Vec::new();
        if self.accept_tok(Tok::RightParen) {
            return Ok(row);
        }
        loop {
            row.push(self.expr_or_default()?);
            if !self.accept_tok(Tok::Comma) {
                break;
            }
        }
        self.expect_tok(Tok::RightParen)?;
        Ok(row)
    }

    /// An expression, or DEFAULT alone.
    pub fn expr_or_default(&mut self) -> Result<Expr> {
        if self.at(Kw::Default) && self.peek(1).tok != Tok::LeftParen {
            self.advance();
            return Ok(Expr::Default(None));
        }
        self.expr()
    }

    fn opt_row_alias(&mut self) -> Result<Option<RowAlias>> {
        if !self.accept(Kw::As) {
            return Ok(None);
        }
        let name = self.ident()?;
        let columns = if self.tok() == Tok::LeftParen { self.paren_idents()? } else { Vec::new() };
        Ok(Some(RowAlias { name, columns }))
    }

    /// `a = 1, b = DEFAULT`.
    pub fn assignments(&mut self) -> Result<Vec<Assignment>> {
        let mut assignments = Vec::with_capacity(1);
        loop {
            let column = self.col_name()?;
            if !self.accept_tok(Tok::Assign) {
                self.expect_tok(Tok::Equal)?;
            }
            assignments.push(Assignment { column, value: self.expr_or_default()? });
            if !self.accept_tok(Tok::Comma) {
                return Ok(assignments);
            }
        }
    }

    /// UPDATE, behind its WITH.
    pub fn update(&mut self, with: Option<Box<With>>) -> Result<Update> {
        self.expect(Kw::Update)?;
        let comments = self.comments();
        let low_priority = self.accept(Kw::LowPriority);
        let ignore = self.accept(Kw::Ignore);
        let tables = self.table_exprs()?;
        self.expect(Kw::Set)?;
        let set = self.assignments()?;
        let where_ = self.opt_where()?;
        let order_by = self.opt_order_by()?;
        let limit = self.opt_limit()?;
        Ok(Update { comments, with, low_priority, ignore, tables, set, where_, order_by, limit })
    }

    /// DELETE, behind its WITH.
    pub fn delete(&mut self, with: Option<Box<With>>) -> Result<Delete> {
        self.expect(Kw::Delete)?;
        let mut delete = Delete {
            comments: self.comments(),
            with,
            low_priority: false,
            quick: false,
            ignore: false,
            targets: Vec::new(),
            tables: Vec::new(),
            where_: None,
            order_by: Vec::new(),
            limit: None,
        };
        self.delete_options(&mut delete);
        if self.accept(Kw::From) {
            self.delete_from(&mut delete)?;
        } else {
            delete.targets = self.delete_targets()?;
            self.expect(Kw::From)?;
            delete.tables = self.table_exprs()?;
        }
        delete.where_ = self.opt_where()?;
        delete.order_by = self.opt_order_by()?;
        delete.limit = self.opt_limit()?;
        Ok(delete)
    }

    fn delete_options(&mut self, delete: &mut Delete) {
        loop {
            match self.kw() {
                Kw::LowPriority => delete.low_priority = true,
                // A table may have this name: `DELETE quick.* FROM ...`.
                Kw::Quick if matches!(self.peek(1).tok, Tok::Word | Tok::Quoted) => delete.quick = true,
                Kw::Ignore => delete.ignore = true,
                _ => return,
            }
            self.advance();
        }
    }

    /// `FROM t ...` or `FROM t1, t2 USING ...`.
    fn delete_from(&mut self, delete: &mut Delete) -> Result<()> {
        let start = self.position();
        let several = self.delete_targets().is_ok() && self.at(Kw::Using);
        if several {
            self.rewind(start);
            delete.targets = self.delete_targets()?;
            self.expect(Kw::Using)?;
            delete.tables = self.table_exprs()?;
            return Ok(());
        }
        self.rewind(start);
        // `DELETE FROM t AS x PARTITION (p)` has them in this order.
        let mut table = self.aliased_table()?;
        if table.partitions.is_empty() {
            table.partitions = self.opt_partitions()?;
        }
        delete.tables = vec![TableExpr::Table(Box::new(table))];
        Ok(())
    }

    /// `t1, db.t2.*`.
    fn delete_targets(&mut self) -> Result<Vec<TableName>> {
        let mut targets = Vec::new();
        loop {
            targets.push(self.table_name()?);
            if self.tok() == Tok::Dot && self.peek(1).tok == Tok::Star {
                self.advance();
                self.advance();
            }
            if !self.accept_tok(Tok::Comma) {
                return Ok(targets);
            }
        }
    }

    /// LOAD DATA and LOAD XML.
    pub fn load_data(&mut self) -> Result<LoadData> {
        self.expect(Kw::Load)?;
        let xml = self.accept_word("xml");
        if !xml {
            self.expect(Kw::Data)?;
        }
        let priority = match self.kw() {
            Kw::LowPriority => Some(self.any_ident()?.to_lower().into()),
            _ if self.accept_word("concurrent") => Some("concurrent".into()),
            _ => None,
        };
        let mut source = Raw::new();
        self.accept(Kw::From);
        let local = self.accept(Kw::Local);
        while self.tok() != Tok::Str {
            if self.at_end() {
                return self.fail();
            }
            source.push(self.raw_token()?);
        }
        let path = self.literal()?;
        let duplicates = self.opt_duplicates();
        self.expect(Kw::Into)?;
        self.expect(Kw::Table)?;
        let table = self.table_name()?;
        let partitions = self.opt_partitions()?;
        let mut options = Raw::new();
        while !self.at_end() && self.tok() != Tok::LeftParen && !self.at(Kw::Set) || self.charset_ahead() {
            options.push(self.raw_token()?);
        }
        let columns = self.load_columns()?;
        let set = if self.accept(Kw::Set) { self.assignments()? } else { Vec::new() };
        let tail = self.raw_rest()?;
        Ok(LoadData {
            xml,
            priority,
            local,
            source,
            path,
            duplicates,
            table,
            partitions,
            options,
            columns,
            set,
            tail,
        })
    }

    /// Whether the SET here is that of CHARACTER SET.
    fn charset_ahead(&self) -> bool {
        self.at(Kw::Set) && self.position() > 0 && self.previous_kw() == Kw::Character
    }

    /// REPLACE or IGNORE.
    pub fn opt_duplicates(&mut self) -> Option<LoadDuplicates> {
        let duplicates = match self.kw() {
            Kw::Replace => LoadDuplicates::Replace,
            Kw::Ignore => LoadDuplicates::Ignore,
            _ => return None,
        };
        self.advance();
        Some(duplicates)
    }

    fn load_columns(&mut self) -> Result<Vec<Expr>> {
        let mut columns = Vec::new();
        if !self.accept_tok(Tok::LeftParen) {
            return Ok(columns);
        }
        while self.tok() != Tok::RightParen {
            columns.push(match self.tok() {
                Tok::UserVar => Expr::UserVar(self.user_var()?),
                _ => Expr::Column(self.col_name()?),
            });
            if !self.accept_tok(Tok::Comma) {
                break;
            }
        }
        self.expect_tok(Tok::RightParen)?;
        Ok(columns)
    }
}
