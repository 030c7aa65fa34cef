//! Which statement it is, and the statements that are kept whole.

use super::Result;
use super::cursor::Parser;
use crate::ast::*;
use crate::lexer::Tok;
use crate::lexer::keyword::Kw;
use crate::preview::{kind_of_words, may_be_kept_whole};

impl Parser<'_> {
    /// The whole text as one statement.
    pub fn whole_statement(&mut self) -> Result<Statement> {
        let parsed = self.statement().and_then(|statement| {
            self.expect_end()?;
            Ok(statement)
        });
        match parsed {
            Ok(statement) => Ok(statement),
            Err(error) => {
                self.rewind(0);
                match self.kept_whole() {
                    Some(other) => Ok(other),
                    None => Err(error),
                }
            }
        }
    }

    /// A statement, up to where it ends.
    pub fn statement(&mut self) -> Result<Statement> {
        match self.kw() {
            Kw::Select | Kw::Values | Kw::Table => self.query_statement(),
            Kw::Insert | Kw::Replace => self.insert().map(|insert| Statement::Insert(Box::new(insert))),
            Kw::Update => self.update(None).map(|update| Statement::Update(Box::new(update))),
            Kw::Delete => self.delete(None).map(|delete| Statement::Delete(Box::new(delete))),
            Kw::With => self.with_statement(),
            Kw::Set => self.set(),
            Kw::Show => self.show().map(|show| Statement::Show(Box::new(show))),
            Kw::Explain | Kw::Describe | Kw::Desc => self.explain(),
            Kw::Begin => self.begin(),
            Kw::Start if self.peek(1).kw == Kw::Transaction => self.begin(),
            Kw::Commit | Kw::Rollback => self.commit_or_rollback(),
            Kw::Savepoint => {
                self.advance();
                self.ident().map(Statement::Savepoint)
            }
            Kw::Release => {
                self.advance();
                self.expect(Kw::Savepoint)?;
                self.ident().map(Statement::ReleaseSavepoint)
            }
            Kw::Use => self.use_(),
            Kw::Call => self.call_procedure(),
            Kw::Do => self.do_(),
            Kw::Prepare => self.prepare(),
            Kw::Execute => self.execute(),
            Kw::Deallocate => self.deallocate(),
            Kw::Kill => self.kill(),
            Kw::Load if self.peek(1).kw == Kw::Data || self.word_is(1, "xml") => {
                self.load_data().map(|load| Statement::LoadData(Box::new(load)))
            }
            Kw::Vexplain => self.vexplain(),
            Kw::None if self.tok() == Tok::LeftParen => self.query_statement(),
            Kw::None if matches!(self.tok(), Tok::End | Tok::Semicolon) => Ok(Statement::Empty),
            kw => self.ddl_or_other(kw),
        }
    }

    fn query_statement(&mut self) -> Result<Statement> {
        self.query().map(|query| Statement::Query(Box::new(query)))
    }

    /// `WITH ...` before SELECT, UPDATE or DELETE.
    fn with_statement(&mut self) -> Result<Statement> {
        let start = self.position();
        let with = self.opt_with()?;
        match self.kw() {
            Kw::Update => self.update(with).map(|update| Statement::Update(Box::new(update))),
            Kw::Delete => self.delete(with).map(|delete| Statement::Delete(Box::new(delete))),
            _ => {
                self.rewind(start);
                self.query_statement()
            }
        }
    }

    fn ddl_or_other(&mut self, kw: Kw) -> Result<Statement> {
        let tables_follow = self.peek(1).kw == Kw::Table || self.word_is(1, "tables");
        let taken_apart = match kw {
            Kw::Create => self.create()?,
            Kw::Alter => self.alter()?,
            Kw::Drop => self.drop()?,
            Kw::Truncate => Some(self.truncate()?),
            Kw::Rename => self.rename()?,
            Kw::Analyze => self.maintenance(MaintenanceVerb::Analyze)?,
            Kw::Optimize => self.maintenance(MaintenanceVerb::Optimize)?,
            Kw::Check => self.maintenance(MaintenanceVerb::Check)?,
            Kw::Lock if tables_follow => Some(self.lock_tables()?),
            Kw::Unlock if tables_follow => {
                self.advance();
                self.advance();
                Some(Statement::UnlockTables)
            }
            _ if self.word_is(0, "repair") => self.maintenance(MaintenanceVerb::Repair)?,
            _ if self.word_is(0, "checksum") => self.maintenance(MaintenanceVerb::Checksum)?,
            _ if self.accept_words(&["revert", "vitess_migration"]) => Some(self.migration(true)?),
            _ => None,
        };
        match taken_apart {
            Some(statement) => Ok(statement),
            None => self.fail(),
        }
    }

    /// The text as [`Statement::Other`], if its first words are those of a statement that need not be taken
    /// apart.
    fn kept_whole(&mut self) -> Option<Statement> {
        let words = self.first_words();
        let first = words.first()?;
        let second = words.get(1).map_or("", String::as_str);
        let kind = kind_of_words(first.as_bytes(), second.as_bytes());
        if !may_be_kept_whole(kind, first) {
            return None;
        }
        let text = self.rest_of_text(0).into();
        let other = Other { kind, words: words.join(" ").as_str().into(), text };
        Some(Statement::Other(Box::new(other)))
    }

    /// Up to three words from the start, lower case.
    fn first_words(&self) -> Vec<String> {
        (0..3)
            .map(|ahead| self.peek(ahead))
            .take_while(|token| token.tok == Tok::Word)
            .map(|token| String::from_utf8_lossy(self.bytes(token)).to_ascii_lowercase())
            .collect()
    }

    /// The keyword before the present token.
    pub fn previous_kw(&self) -> Kw {
        self.token_before().kw
    }
}
