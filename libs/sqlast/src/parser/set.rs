//! SET, and the transaction statements.

use super::Result;
use super::cursor::Parser;
use crate::Text;
use crate::ast::*;
use crate::lexer::Tok;
use crate::lexer::keyword::Kw;

impl Parser<'_> {
    pub fn set(&mut self) -> Result<Statement> {
        self.expect(Kw::Set)?;
        let comments = self.comments();
        if self.set_is_other() {
            let items = vec![SetItem::Other(self.raw_rest()?)];
            return Ok(Statement::Set(Box::new(Set { comments, items })));
        }
        let mut items = Vec::with_capacity(1);
        loop {
            items.push(self.set_item()?);
            if !self.accept_tok(Tok::Comma) {
                return Ok(Statement::Set(Box::new(Set { comments, items })));
            }
        }
    }

    /// SET PASSWORD, SET ROLE, SET DEFAULT ROLE, SET RESOURCE GROUP: not lists of assignments.
    fn set_is_other(&self) -> bool {
        let password = self.word_is(0, "password")
            && (matches!(self.peek(1).tok, Tok::Equal | Tok::Assign)
                || matches!(self.peek(1).kw, Kw::For | Kw::To));
        let is_assignment = matches!(self.peek(1).tok, Tok::Equal | Tok::Assign | Tok::Dot);
        password
            || (self.word_is(0, "role") && !is_assignment)
            || self.at(Kw::Default)
            || self.at_words(&["resource", "group"])
    }

    fn set_item(&mut self) -> Result<SetItem> {
        match self.tok() {
            Tok::UserVar => {
                let name = self.user_var()?;
                self.assign_sign()?;
                return self.expr().map(|value| SetItem::UserVar(name, value));
            }
            Tok::AtAt => {
                self.advance();
                let var = self.sys_var()?;
                self.assign_sign()?;
                return self.set_value().map(|value| SetItem::SysVar(var, value));
            }
            _ => {}
        }
        if self.at(Kw::Names) && !self.sign_at(1) {
            return self.set_names();
        }
        let char_set = self.at_seq(&[Kw::Character, Kw::Set])
            || self.at_seq(&[Kw::Char, Kw::Set])
            || self.word_is(0, "charset");
        if char_set && !self.sign_at(1) {
            return self.set_charset();
        }
        let scope = if self.sign_at(1) || self.peek(1).tok == Tok::Dot { None } else { self.opt_var_scope() };
        if self.at(Kw::Transaction) && !self.sign_at(1) {
            return self.set_transaction(scope);
        }
        if scope.is_none() && self.sign_at(3) && (self.word_is(0, "new") || self.word_is(0, "old")) {
            return self.raw_until_comma().map(SetItem::Other);
        }
        let mut var = self.sys_var()?;
        var.scope = var.scope.or(scope);
        self.assign_sign()?;
        self.set_value().map(|value| SetItem::SysVar(var, value))
    }

    fn sign_at(&self, ahead: usize) -> bool {
        matches!(self.peek(ahead).tok, Tok::Equal | Tok::Assign)
    }

    fn assign_sign(&mut self) -> Result<()> {
        if self.accept_tok(Tok::Assign) { Ok(()) } else { self.expect_tok(Tok::Equal) }
    }

    /// The value of a system variable: an expression, DEFAULT, or one of the reserved words that MySQL
    /// takes as names here (ON, ALL, BINARY, ROW, SYSTEM).
    fn set_value(&mut self) -> Result<Expr> {
        let alone = matches!(self.peek(1).tok, Tok::Comma | Tok::Semicolon | Tok::End);
        match self.kw() {
            Kw::On | Kw::All | Kw::Binary | Kw::Row | Kw::System if alone => {
                self.any_ident().map(|name| Expr::Column(ColName::unqualified(name)))
            }
            _ => self.expr_or_default(),
        }
    }

    fn set_names(&mut self) -> Result<SetItem> {
        self.advance();
        if self.accept(Kw::Default) {
            return Ok(SetItem::Names { charset: None, collation: None });
        }
        let charset = Some(self.charset_name()?.0);
        let collation = if self.accept(Kw::Collate) { Some(self.charset_name()?.0) } else { None };
        Ok(SetItem::Names { charset, collation })
    }

    fn set_charset(&mut self) -> Result<SetItem> {
        if !self.accept_word("charset") {
            self.advance();
            self.advance();
        }
        if self.accept(Kw::Default) {
            return Ok(SetItem::CharacterSet(None));
        }
        self.charset_name().map(|name| SetItem::CharacterSet(Some(name.0)))
    }

    fn set_transaction(&mut self, scope: Option<VarScope>) -> Result<SetItem> {
        self.advance();
        let mut characteristics = Vec::with_capacity(1);
        loop {
            characteristics.push(self.transaction_characteristic()?);
            if !self.accept_tok(Tok::Comma) {
                return Ok(SetItem::Transaction { scope, characteristics });
            }
        }
    }

    fn transaction_characteristic(&mut self) -> Result<TransactionCharacteristic> {
        if self.accept(Kw::Read) {
            if self.accept(Kw::Only) {
                return Ok(TransactionCharacteristic::ReadOnly);
            }
            self.expect(Kw::Write)?;
            return Ok(TransactionCharacteristic::ReadWrite);
        }
        self.expect_word("isolation")?;
        self.expect_word("level")?;
        let level = if self.accept_words(&["read", "uncommitted"]) {
            Isolation::ReadUncommitted
        } else if self.accept_words(&["read", "committed"]) {
            Isolation::ReadCommitted
        } else if self.accept_words(&["repeatable", "read"]) {
            Isolation::RepeatableRead
        } else {
            self.expect_word("serializable")?;
            Isolation::Serializable
        };
        Ok(TransactionCharacteristic::Isolation(level))
    }

    /// BEGIN or START TRANSACTION.
    pub fn begin(&mut self) -> Result<Statement> {
        if self.accept(Kw::Begin) {
            self.accept(Kw::Work);
            return Ok(Statement::Begin(Begin { start_transaction: false, modes: Vec::new() }));
        }
        self.expect(Kw::Start)?;
        self.expect(Kw::Transaction)?;
        let mut modes = Vec::new();
        while !self.at_end() {
            if self.accept_words(&["with", "consistent", "snapshot"]) {
                modes.push(BeginMode::ConsistentSnapshot);
            } else if self.accept_seq(&[Kw::Read, Kw::Only]) {
                modes.push(BeginMode::ReadOnly);
            } else if self.accept_seq(&[Kw::Read, Kw::Write]) {
                modes.push(BeginMode::ReadWrite);
            } else {
                return self.fail();
            }
            if !self.accept_tok(Tok::Comma) {
                break;
            }
        }
        Ok(Statement::Begin(Begin { start_transaction: true, modes }))
    }

    /// COMMIT, ROLLBACK and ROLLBACK TO.
    pub fn commit_or_rollback(&mut self) -> Result<Statement> {
        let commit = self.accept(Kw::Commit);
        if !commit {
            self.expect(Kw::Rollback)?;
        }
        self.accept(Kw::Work);
        if !commit && self.accept(Kw::To) {
            self.accept(Kw::Savepoint);
            return self.ident().map(Statement::RollbackTo);
        }
        let mut end = TransactionEnd::default();
        if self.accept(Kw::And) {
            end.chain = Some(!self.accept(Kw::No));
            self.expect_word("chain")?;
        }
        if self.at(Kw::Release) || self.at_seq(&[Kw::No, Kw::Release]) {
            end.release = Some(!self.accept(Kw::No));
            self.expect(Kw::Release)?;
        }
        Ok(if commit { Statement::Commit(end) } else { Statement::Rollback(end) })
    }

    /// The text of a name or string, for options.
    pub fn text_value(&mut self) -> Result<Text> {
        self.ident_or_string().map(|name| name.0)
    }
}
