//! EXPLAIN, USE, CALL, DO, prepared statements, locks, KILL, table maintenance.

use super::Result;
use super::cursor::Parser;
use crate::ast::*;
use crate::lexer::Tok;
use crate::lexer::keyword::Kw;

impl Parser<'_> {
    /// EXPLAIN, DESCRIBE, DESC.
    pub fn explain(&mut self) -> Result<Statement> {
        self.advance();
        let comments = self.comments();
        let analyze = self.accept(Kw::Analyze);
        let mut format = None;
        if self.at(Kw::Format) && self.peek(1).tok == Tok::Equal {
            self.advance();
            self.advance();
            format = Some(self.ident_or_string()?.to_lower().into());
        } else if matches!(self.kw(), Kw::Extended) || self.word_is(0, "partitions") {
            // Old spellings that MySQL 8 took out and MariaDB has.
            if !matches!(self.peek(1).tok, Tok::End | Tok::Semicolon) {
                format = Some(self.any_ident()?.to_lower().into());
            }
        }
        let into = if self.accept(Kw::Into) { Some(self.user_var()?) } else { None };
        let schema = if self.accept_seq(&[Kw::For, Kw::Schema]) || self.accept_seq(&[Kw::For, Kw::Database]) {
            Some(self.ident()?)
        } else {
            None
        };
        let target = self.explain_target()?;
        Ok(Statement::Explain(Box::new(Explain { comments, analyze, format, into, schema, target })))
    }

    fn explain_target(&mut self) -> Result<ExplainTarget> {
        if self.at(Kw::For) && self.word_is(1, "connection") {
            self.advance();
            self.advance();
            return self.simple_value().map(ExplainTarget::Connection);
        }
        let explainable = matches!(
            self.kw(),
            Kw::Select
                | Kw::With
                | Kw::Table
                | Kw::Values
                | Kw::Insert
                | Kw::Replace
                | Kw::Update
                | Kw::Delete
                | Kw::Call
        );
        if explainable || self.tok() == Tok::LeftParen {
            let frame = self.open()?;
            let statement = self.statement()?;
            self.close(frame);
            return Ok(ExplainTarget::Statement(Box::new(statement)));
        }
        let name = self.table_name()?;
        let column = match self.tok() {
            Tok::Str => Some(DescribeColumn::Pattern(self.string_text()?)),
            _ => self.opt_ident()?.map(DescribeColumn::Name),
        };
        Ok(ExplainTarget::Table { name, column })
    }

    /// USE, with Vitess's targets (`ks:-80@replica`), which are no names to the lexer.
    pub fn use_(&mut self) -> Result<Statement> {
        self.advance();
        if self.at_end() {
            return Ok(Statement::Use(None));
        }
        if matches!(self.peek(1).tok, Tok::End | Tok::Semicolon) && self.tok() != Tok::UserVar {
            return self.ident().map(|name| Statement::Use(Some(name)));
        }
        let target = self.rest_of_text(self.peek(0).start as usize);
        if target.iter().any(u8::is_ascii_whitespace) {
            return self.fail();
        }
        while !self.at_end() {
            self.advance();
        }
        let plain = crate::lexer::decode_name(target);
        Ok(Statement::Use(Some(Ident(plain.into()))))
    }

    pub fn call_procedure(&mut self) -> Result<Statement> {
        self.advance();
        let comments = self.comments();
        let procedure = self.table_name()?;
        let mut args = Vec::new();
        if self.accept_tok(Tok::LeftParen) && !self.accept_tok(Tok::RightParen) {
            args = self.exprs()?;
            self.expect_tok(Tok::RightParen)?;
        }
        Ok(Statement::Call(Box::new(Call { comments, procedure, args })))
    }

    /// DO: expressions, which may have an alias that nobody sees.
    pub fn do_(&mut self) -> Result<Statement> {
        self.advance();
        let mut exprs = Vec::with_capacity(1);
        loop {
            exprs.push(self.expr()?);
            self.opt_alias()?;
            if !self.accept_tok(Tok::Comma) {
                return Ok(Statement::Do(exprs));
            }
        }
    }

    pub fn prepare(&mut self) -> Result<Statement> {
        self.advance();
        let comments = self.comments();
        let name = self.ident()?;
        self.expect(Kw::From)?;
        let source = match self.tok() {
            Tok::UserVar => PrepareSource::UserVar(self.user_var()?),
            _ => PrepareSource::Text(self.string_text()?),
        };
        Ok(Statement::Prepare(Box::new(Prepare { comments, name, source })))
    }

    pub fn execute(&mut self) -> Result<Statement> {
        self.advance();
        let comments = self.comments();
        let name = self.ident()?;
        let mut using = Vec::new();
        if self.accept(Kw::Using) {
            using.push(self.user_var()?);
            while self.accept_tok(Tok::Comma) {
                using.push(self.user_var()?);
            }
        }
        Ok(Statement::Execute(Box::new(Execute { comments, name, using })))
    }

    /// DEALLOCATE PREPARE and DROP PREPARE.
    pub fn deallocate(&mut self) -> Result<Statement> {
        self.advance();
        self.expect(Kw::Prepare)?;
        self.ident().map(Statement::Deallocate)
    }

    pub fn lock_tables(&mut self) -> Result<Statement> {
        self.advance();
        self.advance();
        let mut locks = Vec::new();
        loop {
            let table = self.table_name()?;
            let alias = if self.at(Kw::LowPriority) { None } else { self.opt_table_alias()? };
            let lock = if self.accept(Kw::Read) {
                if self.accept(Kw::Local) { TableLock::ReadLocal } else { TableLock::Read }
            } else if self.accept(Kw::LowPriority) {
                self.expect(Kw::Write)?;
                TableLock::LowPriorityWrite
            } else {
                self.expect(Kw::Write)?;
                TableLock::Write
            };
            locks.push(LockTable { table, alias, lock });
            if !self.accept_tok(Tok::Comma) {
                return Ok(Statement::LockTables(locks));
            }
        }
    }

    pub fn kill(&mut self) -> Result<Statement> {
        self.advance();
        let query = self.accept(Kw::Query);
        if !query {
            self.accept_word("connection");
        }
        let id = self.expr()?;
        Ok(Statement::Kill(Box::new(Kill { query, id })))
    }

    /// ANALYZE, OPTIMIZE, REPAIR, CHECK, CHECKSUM TABLE; none if TABLE does not follow.
    pub fn maintenance(&mut self, verb: MaintenanceVerb) -> Result<Option<Statement>> {
        self.advance();
        let no_binlog = self.accept(Kw::NoWriteToBinlog) || self.accept(Kw::Local);
        if !self.accept(Kw::Table) && !self.accept_word("tables") {
            return Ok(None);
        }
        let tables = self.table_names()?;
        let options = self.raw_rest()?;
        let maintenance = TableMaintenance { verb, no_binlog, tables, options };
        Ok(Some(Statement::TableMaintenance(Box::new(maintenance))))
    }

    /// One token of a clause that is not taken apart.
    pub fn raw_token(&mut self) -> Result<RawToken> {
        let token = self.peek(0);
        let bytes = self.bytes(token);
        let behind_a_dot = self.sql[..token.start as usize].ends_with(b".");
        match token.tok {
            Tok::End | Tok::Bad | Tok::Semicolon => return self.fail(),
            // A name only because of the dot: anywhere else it might be a number.
            Tok::Word if behind_a_dot && bytes.first().is_some_and(u8::is_ascii_digit) => {
                self.advance();
                return Ok(RawToken::Ident(Ident::new(bytes)));
            }
            Tok::Word if self.is_ident(0) => {
                // Not known to be a keyword: the letter case may matter.
                if let Some(literal) = self.opt_literal()? {
                    return Ok(RawToken::Literal(literal));
                }
                self.advance();
                return Ok(RawToken::Word(bytes.into()));
            }
            Tok::Quoted => return self.any_ident().map(RawToken::Ident),
            // Printed as NULL, which is a word here.
            Tok::BackslashN => {
                self.advance();
                return Ok(RawToken::Word("null".into()));
            }
            Tok::UserVar => return self.user_var().map(RawToken::UserVar),
            Tok::AtAt if matches!(self.peek(1).tok, Tok::Word | Tok::Quoted) => {
                self.advance();
                return self.any_ident().map(RawToken::SysVar);
            }
            _ => {}
        }
        if let Some(param) = self.opt_param() {
            return Ok(RawToken::Param(param));
        }
        if token.tok != Tok::Word
            && let Some(literal) = self.opt_literal()?
        {
            return Ok(RawToken::Literal(literal));
        }
        self.advance();
        Ok(RawToken::Word(bytes.to_ascii_lowercase().into()))
    }

    /// The tokens up to the end.
    pub fn raw_rest(&mut self) -> Result<Raw> {
        let mut raw = Raw::new();
        while !self.at_end() {
            raw.push(self.raw_token()?);
        }
        Ok(raw)
    }

    /// The tokens up to a comma or a closing parenthesis outside of parentheses, or the end.
    pub fn raw_until_comma(&mut self) -> Result<Raw> {
        let mut raw = Raw::new();
        let mut depth = 0usize;
        loop {
            match self.tok() {
                Tok::End | Tok::Semicolon | Tok::Comma | Tok::RightParen if depth == 0 => return Ok(raw),
                Tok::LeftParen => depth += 1,
                Tok::RightParen => depth -= 1,
                _ => {}
            }
            raw.push(self.raw_token()?);
        }
    }

    /// The tokens of a group in parentheses, those included.
    pub fn raw_parens(&mut self) -> Result<Raw> {
        let mut raw = Raw::new();
        let mut depth = 0usize;
        loop {
            match self.tok() {
                Tok::LeftParen => depth += 1,
                Tok::RightParen => depth -= 1,
                _ => {}
            }
            raw.push(self.raw_token()?);
            if depth == 0 {
                return Ok(raw);
            }
        }
    }
}
