//! CREATE, DROP, TRUNCATE, RENAME.

use super::Result;
use super::cursor::Parser;
use crate::ast::*;
use crate::lexer::Tok;
use crate::lexer::keyword::Kw;

impl Parser<'_> {
    /// CREATE of what is taken apart; none for routines, triggers, users and the like.
    pub fn create(&mut self) -> Result<Option<Statement>> {
        self.expect(Kw::Create)?;
        let comments = self.comments();
        let or_replace = self.accept_seq(&[Kw::Or, Kw::Replace]);
        if self.at(Kw::Table) || self.at_seq(&[Kw::Temporary, Kw::Table]) {
            return self.create_table(comments).map(|table| Some(Statement::CreateTable(Box::new(table))));
        }
        if self.at(Kw::Database) || self.at(Kw::Schema) {
            self.advance();
            let if_not_exists = self.if_not_exists()?;
            let name = Some(self.ident()?);
            let options = self.raw_rest()?;
            let database = DatabaseDdl { comments, if_not_exists, name, options };
            return Ok(Some(Statement::CreateDatabase(Box::new(database))));
        }
        let index = match self.kw() {
            Kw::Index => Some(IndexKind::Plain),
            Kw::Unique => Some(IndexKind::Unique),
            Kw::Fulltext => Some(IndexKind::Fulltext),
            Kw::Spatial if self.peek(1).kw == Kw::Index => Some(IndexKind::Spatial),
            _ => None,
        };
        if let Some(kind) = index {
            if kind != IndexKind::Plain {
                self.advance();
            }
            return self.create_index(comments, kind).map(Some);
        }
        self.create_view(comments, false, or_replace)
    }

    pub fn if_not_exists(&mut self) -> Result<bool> {
        if !self.accept(Kw::If) {
            return Ok(false);
        }
        self.expect(Kw::Not)?;
        self.expect(Kw::Exists)?;
        Ok(true)
    }

    fn if_exists(&mut self) -> Result<bool> {
        if !self.accept(Kw::If) {
            return Ok(false);
        }
        self.expect(Kw::Exists)?;
        Ok(true)
    }

    fn create_index(&mut self, comments: Comments, kind: IndexKind) -> Result<Statement> {
        self.expect(Kw::Index)?;
        let name = self.ident()?;
        let using = self.opt_index_type()?;
        self.expect(Kw::On)?;
        let table = self.table_name()?;
        let columns = self.key_parts()?;
        let options = self.raw_rest()?;
        let index = CreateIndex { comments, kind, name, using, table, columns, options };
        Ok(Statement::CreateIndex(Box::new(index)))
    }

    /// CREATE VIEW or ALTER VIEW, behind the verb; none if no view follows.
    pub fn create_view(
        &mut self,
        comments: Comments,
        alter: bool,
        or_replace: bool,
    ) -> Result<Option<Statement>> {
        let mut view = CreateView {
            comments,
            alter,
            or_replace,
            if_not_exists: false,
            algorithm: None,
            definer: Raw::new(),
            security: None,
            name: TableName::default(),
            columns: Vec::new(),
            query: Box::new(Query::new(QueryBody::Table(TableName::default()))),
            check: None,
        };
        if self.word_is(0, "algorithm") && self.peek(1).tok == Tok::Equal {
            self.advance();
            self.advance();
            view.algorithm = Some(self.any_ident()?.to_lower().into());
        }
        if self.word_is(0, "definer") && self.peek(1).tok == Tok::Equal {
            self.advance();
            self.advance();
            view.definer = self.definer()?;
        }
        if self.accept_words(&["sql", "security"]) {
            view.security = Some(self.any_ident()?.to_lower().into());
        }
        if !self.accept(Kw::View) {
            return Ok(None);
        }
        view.if_not_exists = self.if_not_exists()?;
        view.name = self.table_name()?;
        if self.tok() == Tok::LeftParen && !self.query_follows(0) {
            view.columns = self.paren_idents()?;
        }
        self.expect(Kw::As)?;
        *view.query = self.query()?;
        view.check = self.view_check()?;
        Ok(Some(Statement::CreateView(Box::new(view))))
    }

    /// A user, which may be a name or a string with a host, or CURRENT_USER[()].
    fn definer(&mut self) -> Result<Raw> {
        let mut definer = vec![self.raw_token()?];
        match self.tok() {
            Tok::UserVar => definer.push(self.raw_token()?),
            Tok::LeftParen => definer.extend(self.raw_parens()?),
            _ => {}
        }
        Ok(definer)
    }

    fn view_check(&mut self) -> Result<Option<ViewCheck>> {
        if !self.accept(Kw::With) {
            return Ok(None);
        }
        let check = if self.accept_word("cascaded") {
            ViewCheck::Cascaded
        } else if self.accept(Kw::Local) {
            ViewCheck::Local
        } else {
            ViewCheck::Plain
        };
        self.expect(Kw::Check)?;
        self.expect(Kw::Option)?;
        Ok(Some(check))
    }

    /// DROP of what is taken apart.
    pub fn drop(&mut self) -> Result<Option<Statement>> {
        if self.peek(1).kw == Kw::Prepare {
            return self.deallocate().map(Some);
        }
        self.expect(Kw::Drop)?;
        let comments = self.comments();
        let temporary = self.accept(Kw::Temporary);
        if self.accept(Kw::Table) || self.accept_word("tables") {
            let if_exists = self.if_exists()?;
            let tables = self.table_names()?;
            let behaviour = self.drop_behaviour();
            let drop = DropTable { comments, temporary, if_exists, tables, behaviour };
            return Ok(Some(Statement::DropTable(Box::new(drop))));
        }
        if self.accept(Kw::View) {
            let if_exists = self.if_exists()?;
            let views = self.table_names()?;
            let behaviour = self.drop_behaviour();
            return Ok(Some(Statement::DropView(Box::new(DropView {
                comments,
                if_exists,
                views,
                behaviour,
            }))));
        }
        if self.accept(Kw::Database) || self.accept(Kw::Schema) {
            let if_exists = self.if_exists()?;
            let name = self.ident()?;
            return Ok(Some(Statement::DropDatabase(Box::new(DropDatabase { comments, if_exists, name }))));
        }
        if self.accept(Kw::Index) {
            let name = if self.at(Kw::Primary) { self.any_ident()? } else { self.ident()? };
            self.expect(Kw::On)?;
            let table = self.table_name()?;
            let options = self.raw_rest()?;
            return Ok(Some(Statement::DropIndex(Box::new(DropIndex { comments, name, table, options }))));
        }
        Ok(None)
    }

    fn drop_behaviour(&mut self) -> Option<DropBehaviour> {
        if self.accept(Kw::Restrict) {
            Some(DropBehaviour::Restrict)
        } else if self.accept(Kw::Cascade) {
            Some(DropBehaviour::Cascade)
        } else {
            None
        }
    }

    pub fn truncate(&mut self) -> Result<Statement> {
        self.advance();
        self.accept(Kw::Table);
        self.table_name().map(Statement::TruncateTable)
    }

    /// RENAME TABLE; none for RENAME USER.
    pub fn rename(&mut self) -> Result<Option<Statement>> {
        self.advance();
        if !self.accept(Kw::Table) && !self.accept_word("tables") {
            return Ok(None);
        }
        let mut pairs = Vec::with_capacity(1);
        loop {
            let from = self.table_name()?;
            self.expect(Kw::To)?;
            pairs.push(RenamePair { from, to: self.table_name()? });
            if !self.accept_tok(Tok::Comma) {
                return Ok(Some(Statement::RenameTable(pairs)));
            }
        }
    }
}
