//! ALTER.

use super::Result;
use super::cursor::Parser;
use crate::ast::*;
use crate::lexer::Tok;
use crate::lexer::keyword::Kw;

impl Parser<'_> {
    /// ALTER of what is taken apart.
    pub fn alter(&mut self) -> Result<Option<Statement>> {
        self.expect(Kw::Alter)?;
        let comments = self.comments();
        if self.accept_word("vschema") {
            return self.alter_vschema().map(|alter| Some(Statement::AlterVschema(Box::new(alter))));
        }
        if self.accept_word("vitess_migration") {
            return self.migration(false).map(Some);
        }
        if self.accept(Kw::Database) || self.accept(Kw::Schema) {
            let name = if self.database_option_here() { None } else { self.opt_ident()? };
            let options = self.raw_rest()?;
            let database = DatabaseDdl { comments, if_not_exists: false, name, options };
            return Ok(Some(Statement::AlterDatabase(Box::new(database))));
        }
        let ignore = self.accept(Kw::Ignore);
        if self.accept(Kw::Table) {
            return self.alter_table(comments, ignore).map(Some);
        }
        self.create_view(comments, true, false)
    }

    fn database_option_here(&self) -> bool {
        matches!(self.kw(), Kw::Default | Kw::Character | Kw::Collate | Kw::Read)
            || (self.word_is(0, "charset") || self.word_is(0, "encryption"))
                && !matches!(self.peek(1).kw, Kw::Default | Kw::Character | Kw::Collate | Kw::Read)
    }

    fn alter_table(&mut self, comments: Comments, ignore: bool) -> Result<Statement> {
        let table = self.table_name()?;
        let mut alter = AlterTable { comments, ignore, table, actions: Vec::new(), partition: Raw::new() };
        while !self.at_end() {
            if self.at_seq(&[Kw::Partition, Kw::By]) || self.at_words(&["remove", "partitioning"]) {
                alter.partition = self.raw_rest()?;
                break;
            }
            alter.actions.push(self.alter_action()?);
            // Options may stand without commas between them.
            if !self.accept_tok(Tok::Comma) && !matches!(alter.actions.last(), Some(AlterAction::Option(_))) {
                let partition =
                    self.at_seq(&[Kw::Partition, Kw::By]) || self.at_words(&["remove", "partitioning"]);
                if !partition && !self.at_end() {
                    return self.fail();
                }
            }
        }
        Ok(Statement::AlterTable(Box::new(alter)))
    }

    fn alter_action(&mut self) -> Result<AlterAction> {
        match self.kw() {
            Kw::Add if self.peek(1).kw != Kw::Partition => {
                self.advance();
                self.alter_add()
            }
            Kw::Drop if self.peek(1).kw != Kw::Partition => {
                self.advance();
                self.alter_drop()
            }
            Kw::Change => {
                self.advance();
                self.accept(Kw::Column);
                let old = self.ident()?;
                let column = self.column_def()?;
                Ok(AlterAction::Change(old, Box::new(column), self.column_place()?))
            }
            Kw::Alter
                if !self.word_is(1, "index")
                    && !self.word_is(1, "check")
                    && self.peek(1).kw != Kw::Constraint =>
            {
                self.advance();
                self.accept(Kw::Column);
                let column = self.ident()?;
                Ok(AlterAction::AlterColumn(column, self.raw_until_comma()?))
            }
            Kw::Rename => {
                self.advance();
                self.alter_rename()
            }
            Kw::Order => self.alter_order(),
            _ if self.accept_word("modify") => {
                self.accept(Kw::Column);
                let column = self.column_def()?;
                Ok(AlterAction::Modify(Box::new(column), self.column_place()?))
            }
            _ if self.at_words(&["exchange", "partition"]) => {
                self.advance();
                self.advance();
                let partition = self.ident()?;
                self.expect(Kw::With)?;
                self.expect(Kw::Table)?;
                let table = self.table_name()?;
                Ok(AlterAction::ExchangePartition(partition, table, self.raw_until_comma()?))
            }
            _ => self.alter_other(),
        }
    }

    /// An option of the table, or what is kept as tokens: those run over commas where MySQL's lists do.
    fn alter_other(&mut self) -> Result<AlterAction> {
        if let Some(option) = self.opt_table_option()? {
            return Ok(AlterAction::Option(option));
        }
        let lists = self.at_words(&["reorganize", "partition"])
            || [Kw::Add, Kw::Drop, Kw::Truncate, Kw::Check, Kw::Optimize, Kw::Analyze].contains(&self.kw())
            || ["coalesce", "rebuild", "repair", "import", "discard"]
                .iter()
                .any(|word| self.word_is(0, word))
                && self.peek(1).kw == Kw::Partition;
        let raw = if lists { self.raw_rest()? } else { self.raw_until_comma()? };
        if raw.is_empty() || !known_alter(&raw) {
            return self.fail();
        }
        Ok(AlterAction::Other(raw))
    }

    /// ORDER BY runs over commas as long as columns follow.
    fn alter_order(&mut self) -> Result<AlterAction> {
        let mut raw = self.raw_until_comma()?;
        while self.tok() == Tok::Comma
            && self.is_ident(1)
            && (matches!(self.peek(2).tok, Tok::Comma | Tok::End | Tok::Semicolon)
                || matches!(self.peek(2).kw, Kw::Asc | Kw::Desc))
        {
            raw.push(self.raw_token()?);
            raw.extend(self.raw_until_comma()?);
        }
        Ok(AlterAction::Other(raw))
    }

    fn alter_add(&mut self) -> Result<AlterAction> {
        let column = self.accept(Kw::Column);
        if self.accept_tok(Tok::LeftParen) {
            let mut elements = vec![self.table_element()?];
            while self.accept_tok(Tok::Comma) {
                elements.push(self.table_element()?);
            }
            self.expect_tok(Tok::RightParen)?;
            return Ok(AlterAction::Add(elements, None));
        }
        let element =
            if column { TableElement::Column(Box::new(self.column_def()?)) } else { self.table_element()? };
        let place = if matches!(element, TableElement::Column(_)) { self.column_place()? } else { None };
        Ok(AlterAction::Add(vec![element], place))
    }

    fn column_place(&mut self) -> Result<Option<ColumnPlace>> {
        if self.accept(Kw::First) {
            return Ok(Some(ColumnPlace::First));
        }
        if self.accept_word("after") {
            return self.ident().map(|name| Some(ColumnPlace::After(name)));
        }
        Ok(None)
    }

    fn alter_drop(&mut self) -> Result<AlterAction> {
        match self.kw() {
            Kw::Primary => {
                self.advance();
                self.expect(Kw::Key)?;
                return Ok(AlterAction::DropPrimaryKey);
            }
            Kw::Index | Kw::Key => {
                self.advance();
                return self.ident().map(AlterAction::DropIndex);
            }
            Kw::Foreign => {
                self.advance();
                self.expect(Kw::Key)?;
                return self.ident().map(AlterAction::DropForeignKey);
            }
            Kw::Constraint => {
                self.advance();
                return self.ident().map(AlterAction::DropConstraint);
            }
            Kw::Check => {
                self.advance();
                return self.ident().map(AlterAction::DropCheck);
            }
            _ => {}
        }
        self.accept(Kw::Column);
        let column = self.ident()?;
        if !self.accept(Kw::Restrict) {
            self.accept(Kw::Cascade);
        }
        Ok(AlterAction::DropColumn(column))
    }

    fn alter_rename(&mut self) -> Result<AlterAction> {
        if self.accept(Kw::Column) {
            let old = self.ident()?;
            self.expect(Kw::To)?;
            return Ok(AlterAction::RenameColumn(old, self.ident()?));
        }
        if self.accept(Kw::Index) || self.accept(Kw::Key) {
            let old = self.ident()?;
            self.expect(Kw::To)?;
            return Ok(AlterAction::RenameIndex(old, self.ident()?));
        }
        if !self.accept(Kw::To) && !self.accept(Kw::As) {
            self.accept_tok(Tok::Equal);
        }
        self.table_name().map(AlterAction::RenameTo)
    }
}

/// Whether a clause of ALTER TABLE that is kept as tokens begins as one of MySQL's.
fn known_alter(raw: &Raw) -> bool {
    const FIRST: [&str; 28] = [
        "add",
        "drop",
        "alter",
        "algorithm",
        "lock",
        "enable",
        "disable",
        "force",
        "convert",
        "discard",
        "import",
        "truncate",
        "coalesce",
        "reorganize",
        "analyze",
        "check",
        "optimize",
        "rebuild",
        "repair",
        "remove",
        "upgrade",
        "with",
        "without",
        "secondary_load",
        "secondary_unload",
        "validate",
        "exchange",
        "default",
    ];
    match raw.first() {
        Some(RawToken::Word(word)) => {
            FIRST.iter().any(|first| word.as_bytes().eq_ignore_ascii_case(first.as_bytes()))
        }
        _ => false,
    }
}
