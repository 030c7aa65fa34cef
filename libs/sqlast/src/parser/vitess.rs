//! Statements that only Vitess has.

use super::Result;
use super::cursor::Parser;
use crate::Text;
use crate::ast::*;
use crate::lexer::Tok;
use crate::lexer::keyword::Kw;

impl Parser<'_> {
    pub fn vexplain(&mut self) -> Result<Statement> {
        self.advance();
        let comments = self.comments();
        let kind = if self.accept(Kw::All) {
            VexplainKind::All
        } else if self.accept(Kw::Keys) {
            VexplainKind::Keys
        } else if self.accept_word("queries") {
            VexplainKind::Queries
        } else if self.accept_word("trace") {
            VexplainKind::Trace
        } else {
            self.accept_word("plan");
            VexplainKind::Plan
        };
        let frame = self.open()?;
        let statement = self.statement()?;
        self.close(frame);
        Ok(Statement::Vexplain(Box::new(Vexplain { comments, kind, statement })))
    }

    /// Behind ALTER VSCHEMA.
    pub fn alter_vschema(&mut self) -> Result<AlterVschema> {
        if self.accept(Kw::On) {
            let table = self.table_name()?;
            return self.alter_vschema_on(table);
        }
        if self.accept(Kw::Create) {
            self.expect(Kw::Vindex)?;
            let vindex = self.table_name()?;
            let spec = self.vindex_spec()?;
            return Ok(AlterVschema::CreateVindex { vindex, spec });
        }
        let add = self.accept(Kw::Add);
        if !add {
            self.expect(Kw::Drop)?;
        }
        if self.accept(Kw::Table) {
            let table = self.table_name()?;
            return Ok(if add { AlterVschema::AddTable(table) } else { AlterVschema::DropTable(table) });
        }
        if self.accept_word("sequence") {
            let table = self.table_name()?;
            return Ok(if add {
                AlterVschema::AddSequence(table)
            } else {
                AlterVschema::DropSequence(table)
            });
        }
        if !add && self.accept(Kw::Vindex) {
            return self.table_name().map(|vindex| AlterVschema::DropVindex { vindex });
        }
        self.fail()
    }

    fn alter_vschema_on(&mut self, table: TableName) -> Result<AlterVschema> {
        let add = self.accept(Kw::Add);
        if !add {
            self.expect(Kw::Drop)?;
        }
        if self.accept_word("auto_increment") {
            if !add {
                return Ok(AlterVschema::DropAutoIncrement { table });
            }
            let column = self.ident()?;
            self.expect(Kw::Using)?;
            let sequence = self.table_name()?;
            return Ok(AlterVschema::AddAutoIncrement { table, column, sequence });
        }
        self.expect(Kw::Vindex)?;
        let vindex = self.ident()?;
        if !add {
            return Ok(AlterVschema::DropColVindex { table, vindex });
        }
        let columns = self.paren_idents()?;
        let spec = if self.at(Kw::Using) || self.at(Kw::With) { Some(self.vindex_spec()?) } else { None };
        Ok(AlterVschema::AddColVindex { table, vindex, columns, spec })
    }

    /// `USING type WITH name = value, ...`.
    fn vindex_spec(&mut self) -> Result<VindexSpec> {
        let kind = if self.accept(Kw::Using) { Some(self.ident()?) } else { None };
        let mut params = Vec::new();
        if self.accept(Kw::With) {
            loop {
                let name = self.any_ident()?;
                self.expect_tok(Tok::Equal)?;
                params.push((name, self.param_value()?));
                if !self.accept_tok(Tok::Comma) {
                    break;
                }
            }
        }
        Ok(VindexSpec { kind, params })
    }

    /// A name, a string or a number.
    fn param_value(&mut self) -> Result<Text> {
        let token = self.peek(0);
        match token.tok {
            Tok::Integer | Tok::Decimal => self.digits_text(),
            Tok::Word => self.any_ident().map(|name| name.0),
            _ => self.text_value(),
        }
    }

    /// Behind ALTER VITESS_MIGRATION or REVERT VITESS_MIGRATION.
    pub fn migration(&mut self, revert: bool) -> Result<Statement> {
        let uuid = if self.tok() == Tok::Str { Some(self.string_text()?) } else { None };
        let command = self.raw_rest()?;
        Ok(Statement::Migration(Box::new(Migration { revert, uuid, command })))
    }
}
