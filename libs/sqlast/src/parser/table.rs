//! CREATE TABLE and the options of tables.

use super::Result;
use super::cursor::Parser;
use crate::Text;
use crate::ast::*;
use crate::lexer::Tok;
use crate::lexer::keyword::Kw;

impl Parser<'_> {
    /// CREATE TABLE, behind CREATE.
    pub fn create_table(&mut self, comments: Comments) -> Result<CreateTable> {
        let temporary = self.accept(Kw::Temporary);
        self.expect(Kw::Table)?;
        let if_not_exists = self.if_not_exists()?;
        let mut table = CreateTable {
            comments,
            temporary,
            if_not_exists,
            name: self.table_name()?,
            like: None,
            elements: Vec::new(),
            options: Vec::new(),
            partition: Raw::new(),
            duplicates: None,
            query: None,
        };
        if self.accept(Kw::Like) {
            table.like = Some(self.table_name()?);
            return Ok(table);
        }
        if self.tok() == Tok::LeftParen && !self.query_follows(0) {
            self.advance();
            if self.accept(Kw::Like) {
                table.like = Some(self.table_name()?);
                self.expect_tok(Tok::RightParen)?;
                return Ok(table);
            }
            table.elements = self.table_elements()?;
        }
        table.options = self.table_options()?;
        table.partition = self.partition_by()?;
        table.duplicates = self.opt_duplicates();
        self.accept(Kw::As);
        if self.query_starts(0) || self.query_follows(0) {
            table.query = Some(Box::new(self.query()?));
        }
        Ok(table)
    }

    /// The elements up to and including the closing parenthesis.
    fn table_elements(&mut self) -> Result<Vec<TableElement>> {
        let mut elements = vec![self.table_element()?];
        while self.accept_tok(Tok::Comma) {
            elements.push(self.table_element()?);
        }
        self.expect_tok(Tok::RightParen)?;
        Ok(elements)
    }

    /// `ENGINE = InnoDB CHARSET utf8mb4, ...`.
    pub fn table_options(&mut self) -> Result<Vec<TableOption>> {
        let mut options = Vec::new();
        while let Some(option) = self.opt_table_option()? {
            options.push(option);
            // Commas between options say nothing.
            if self.tok() == Tok::Comma && self.option_name_at(1).is_some() {
                self.advance();
            }
        }
        Ok(options)
    }

    /// How many words the option that begins `ahead` has in its name.
    fn option_name_at(&self, ahead: usize) -> Option<usize> {
        let word = |place: usize, word: &str| self.word_is(ahead + place, word);
        let default = usize::from(word(0, "default"));
        if word(default, "character") && word(default + 1, "set") {
            return Some(default + 2);
        }
        if word(default, "charset") || word(default, "collate") {
            return Some(default + 1);
        }
        if default == 1 {
            return None;
        }
        if (word(0, "data") || word(0, "index")) && word(1, "directory") {
            return Some(2);
        }
        OPTIONS.iter().any(|name| word(0, name)).then_some(1)
    }

    /// One option of a table.
    pub fn opt_table_option(&mut self) -> Result<Option<TableOption>> {
        let Some(words) = self.option_name_at(0) else { return Ok(None) };
        let mut name = Vec::new();
        for _ in 0..words {
            let word = self.bytes(self.peek(0)).to_ascii_lowercase();
            self.advance();
            // DEFAULT says nothing, and CHARACTER SET is CHARSET.
            if word != b"default" && word != b"set" {
                name = if word == b"character" { b"charset".to_vec() } else { [name, word].join(&b' ') };
            }
        }
        let name = Text::from(name.trim_ascii().to_vec());
        if name.as_bytes() == b"start" {
            self.expect(Kw::Transaction)?;
            return Ok(Some(TableOption { name: "start transaction".into(), value: Raw::new() }));
        }
        self.accept_tok(Tok::Equal);
        let value = if self.tok() == Tok::LeftParen {
            if name.as_bytes() == b"union" { self.union_tables()? } else { self.raw_parens()? }
        } else {
            let mut value = vec![self.option_value()?];
            if name.as_bytes() == b"tablespace" && self.word_is(0, "storage") {
                value.push(self.raw_token()?);
                value.push(self.raw_token()?);
            }
            value
        };
        Ok(Some(TableOption { name, value }))
    }

    /// Adjacent strings and numbers with a sign are one value.
    fn option_value(&mut self) -> Result<RawToken> {
        self.raw_token()
    }

    /// The tables of a MERGE table.
    fn union_tables(&mut self) -> Result<Raw> {
        let mut raw = vec![self.raw_token()?];
        while self.tok() != Tok::RightParen {
            raw.push(RawToken::Table(self.table_name()?));
            if self.tok() != Tok::Comma {
                break;
            }
            raw.push(self.raw_token()?);
        }
        raw.push(self.raw_token()?);
        Ok(raw)
    }

    /// From PARTITION BY to the end of its definitions.
    pub fn partition_by(&mut self) -> Result<Raw> {
        let mut raw = Raw::new();
        if !(self.at(Kw::Partition) && self.peek(1).kw == Kw::By) {
            return Ok(raw);
        }
        while !self.at_end()
            && !matches!(self.kw(), Kw::Select | Kw::As | Kw::Ignore | Kw::Replace)
            && !self.query_follows(0)
        {
            if self.tok() == Tok::LeftParen {
                raw.extend(self.raw_parens()?);
            } else {
                raw.push(self.raw_token()?);
            }
        }
        Ok(raw)
    }
}

/// The options whose name is one word (MySQL's and, for those it shares or adds, MariaDB's).
const OPTIONS: [&str; 42] = [
    "engine",
    "type",
    "auto_increment",
    "avg_row_length",
    "checksum",
    "table_checksum",
    "comment",
    "compression",
    "connection",
    "delay_key_write",
    "encryption",
    "engine_attribute",
    "insert_method",
    "key_block_size",
    "max_rows",
    "min_rows",
    "pack_keys",
    "password",
    "row_format",
    "secondary_engine",
    "secondary_engine_attribute",
    "stats_auto_recalc",
    "stats_persistent",
    "stats_sample_pages",
    "tablespace",
    "union",
    "autoextend_size",
    "page_checksum",
    "transactional",
    "encrypted",
    "encryption_key_id",
    "page_compressed",
    "page_compression_level",
    "sequence",
    "with_system_versioning",
    "ietf_quotes",
    "nodegroup",
    "raid_type",
    "start",
    "storage",
    "secondary_load",
    "secondary_unload",
];
