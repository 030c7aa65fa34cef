//! Columns, types, indexes and constraints of tables.

use super::Result;
use super::cursor::Parser;
use crate::ast::*;
use crate::lexer::Tok;
use crate::lexer::keyword::Kw;

impl Parser<'_> {
    /// One element of a table: column, index, foreign key or check.
    pub fn table_element(&mut self) -> Result<TableElement> {
        let constraint = self.opt_constraint()?;
        if self.at(Kw::Check) {
            return self.check(constraint).map(|check| TableElement::Check(Box::new(check)));
        }
        if self.at(Kw::Foreign) {
            return self.foreign_key(constraint).map(|key| TableElement::ForeignKey(Box::new(key)));
        }
        if let Some(kind) = self.opt_index_kind()? {
            return self.index_def(constraint, kind).map(|index| TableElement::Index(Box::new(index)));
        }
        if constraint.is_some() {
            return self.fail();
        }
        self.column_def().map(|column| TableElement::Column(Box::new(column)))
    }

    /// `CONSTRAINT [name]`.
    fn opt_constraint(&mut self) -> Result<Option<Option<Ident>>> {
        if !self.accept(Kw::Constraint) {
            return Ok(None);
        }
        self.opt_ident().map(Some)
    }

    /// The words that begin an index, passed.
    fn opt_index_kind(&mut self) -> Result<Option<IndexKind>> {
        let kind = match self.kw() {
            Kw::Primary => {
                self.advance();
                self.expect(Kw::Key)?;
                return Ok(Some(IndexKind::Primary));
            }
            Kw::Unique => IndexKind::Unique,
            Kw::Fulltext => IndexKind::Fulltext,
            Kw::Spatial => IndexKind::Spatial,
            Kw::Index | Kw::Key => IndexKind::Plain,
            _ => return Ok(None),
        };
        self.advance();
        if kind != IndexKind::Plain && !self.accept(Kw::Index) {
            self.accept(Kw::Key);
        }
        Ok(Some(kind))
    }

    fn index_def(&mut self, constraint: Option<Option<Ident>>, kind: IndexKind) -> Result<IndexDef> {
        let name = if self.tok() == Tok::LeftParen || self.at(Kw::Using) { None } else { self.opt_ident()? };
        let using = self.opt_index_type()?;
        let columns = self.key_parts()?;
        let options = self.raw_until_comma()?;
        Ok(IndexDef { constraint, kind, name, using, columns, options })
    }

    /// `USING BTREE` or `TYPE BTREE`.
    pub fn opt_index_type(&mut self) -> Result<Option<Ident>> {
        if self.accept(Kw::Using) || self.accept_word("type") {
            return Ok(Some(self.ident()?.to_lower().into()));
        }
        Ok(None)
    }

    /// `(a(10) DESC, (expr))`.
    pub fn key_parts(&mut self) -> Result<Vec<KeyPart>> {
        self.expect_tok(Tok::LeftParen)?;
        let mut parts = Vec::new();
        loop {
            let key = if self.tok() == Tok::LeftParen {
                self.advance();
                let expr = self.expr()?;
                self.expect_tok(Tok::RightParen)?;
                Key::Expr(expr)
            } else {
                let name = self.ident()?;
                Key::Column(name, self.opt_type_length()?.0)
            };
            parts.push(KeyPart { key, direction: self.opt_direction() });
            if !self.accept_tok(Tok::Comma) {
                break;
            }
        }
        self.expect_tok(Tok::RightParen)?;
        Ok(parts)
    }

    fn foreign_key(&mut self, constraint: Option<Option<Ident>>) -> Result<ForeignKeyDef> {
        self.expect(Kw::Foreign)?;
        self.expect(Kw::Key)?;
        let index = self.opt_ident()?;
        let columns = self.key_parts()?;
        let references = self.references()?;
        Ok(ForeignKeyDef { constraint, index, columns, references })
    }

    fn references(&mut self) -> Result<References> {
        self.expect(Kw::References)?;
        let table = self.table_name()?;
        let columns = if self.tok() == Tok::LeftParen { self.key_parts()? } else { Vec::new() };
        let mut actions = Raw::new();
        while self.at(Kw::Match) || self.at(Kw::On) && matches!(self.peek(1).kw, Kw::Delete | Kw::Update) {
            let words = if self.at(Kw::Match) { 2 } else { 3 };
            // SET NULL, SET DEFAULT and NO ACTION are two words.
            let two = words == 3 && matches!(self.peek(2).kw, Kw::Set | Kw::No);
            for _ in 0..words + usize::from(two) {
                actions.push(self.raw_token()?);
            }
        }
        Ok(References { table, columns, actions })
    }

    fn check(&mut self, constraint: Option<Option<Ident>>) -> Result<CheckDef> {
        self.expect(Kw::Check)?;
        self.expect_tok(Tok::LeftParen)?;
        let expr = self.expr()?;
        self.expect_tok(Tok::RightParen)?;
        let not = self.at(Kw::Not) && self.word_is(1, "enforced");
        if not {
            self.advance();
        }
        let enforced = if self.accept_word("enforced") { Some(!not) } else { None };
        Ok(CheckDef { constraint, expr, enforced })
    }

    /// `name type attributes`.
    pub fn column_def(&mut self) -> Result<ColumnDef> {
        let name = self.ident()?;
        let serial = self.word_is(0, "serial") && self.peek(1).kw != Kw::Default;
        let data_type = if serial {
            self.advance();
            DataType::named("serial")
        } else {
            self.data_type()?
        };
        let mut attributes = Vec::new();
        while let Some(attribute) = self.opt_column_attribute()? {
            attributes.push(attribute);
        }
        Ok(ColumnDef { name, data_type, attributes })
    }

    /// A column's type.
    pub fn data_type(&mut self) -> Result<DataType> {
        if self.tok() != Tok::Word {
            return self.fail();
        }
        let mut data_type = DataType::named(&self.type_name()?);
        if matches!(data_type.name.as_bytes(), b"enum" | b"set") {
            self.expect_tok(Tok::LeftParen)?;
            data_type.values.push(self.literal()?);
            while self.accept_tok(Tok::Comma) {
                data_type.values.push(self.literal()?);
            }
            self.expect_tok(Tok::RightParen)?;
        } else {
            (data_type.length, data_type.scale) = self.opt_type_length()?;
        }
        loop {
            match self.kw() {
                Kw::Unsigned => data_type.unsigned = true,
                Kw::Zerofill => data_type.zerofill = true,
                Kw::Signed => {}
                _ => break,
            }
            self.advance();
        }
        (data_type.charset, data_type.binary) = self.opt_char_attributes()?;
        Ok(data_type)
    }

    /// The words of a type, as MySQL's own name.
    fn type_name(&mut self) -> Result<String> {
        let word = String::from_utf8_lossy(self.bytes(self.peek(0))).to_ascii_lowercase();
        self.advance();
        let name = match word.as_str() {
            "integer" | "int4" => "int",
            "int1" => "tinyint",
            "int2" => "smallint",
            "int3" | "middleint" => "mediumint",
            "int8" => "bigint",
            "boolean" => "bool",
            "dec" | "numeric" | "fixed" => "decimal",
            "float4" => "float",
            "float8" => "double",
            "real" if self.real_is_float() => "float",
            "real" => "double",
            "double" => {
                self.accept(Kw::Precision);
                "double"
            }
            "varcharacter" => "varchar",
            "nvarchar" => "nvarchar",
            "character" | "char" => {
                if self.accept(Kw::Varying) {
                    "varchar"
                } else {
                    "char"
                }
            }
            "nchar" => {
                let varying = self.accept(Kw::Varying) || self.accept(Kw::Varchar);
                if varying { "nvarchar" } else { "nchar" }
            }
            "national" => return self.national_type(),
            "long" => {
                if self.accept(Kw::Varbinary) {
                    "mediumblob"
                } else {
                    self.accept(Kw::Varchar);
                    if self.accept(Kw::Char) || self.accept(Kw::Character) {
                        self.accept(Kw::Varying);
                    }
                    "mediumtext"
                }
            }
            "geomcollection" => "geometrycollection",
            _ if TYPES.contains(&word.as_str()) => return Ok(word),
            _ => {
                self.rewind(self.position() - 1);
                return self.fail();
            }
        };
        Ok(name.to_owned())
    }

    fn national_type(&mut self) -> Result<String> {
        if self.accept(Kw::Varchar) || self.accept(Kw::Varcharacter) {
            return Ok("nvarchar".to_owned());
        }
        if !self.accept(Kw::Char) {
            self.expect(Kw::Character)?;
        }
        let varying = self.accept(Kw::Varying);
        Ok(if varying { "nvarchar" } else { "nchar" }.to_owned())
    }

    fn opt_column_attribute(&mut self) -> Result<Option<ColumnAttribute>> {
        let attribute = match self.kw() {
            Kw::Null => self.passed(ColumnAttribute::Null),
            Kw::Not if self.peek(1).kw == Kw::Null => {
                self.advance();
                self.passed(ColumnAttribute::NotNull)
            }
            Kw::Default => {
                self.advance();
                self.default_value()?
            }
            Kw::On if self.peek(1).kw == Kw::Update => {
                self.advance();
                self.advance();
                ColumnAttribute::OnUpdate(self.primary()?)
            }
            Kw::Unique => {
                self.advance();
                self.accept(Kw::Key);
                ColumnAttribute::Unique
            }
            Kw::Primary => {
                self.advance();
                self.expect(Kw::Key)?;
                ColumnAttribute::PrimaryKey
            }
            Kw::Key => self.passed(ColumnAttribute::PrimaryKey),
            Kw::Comment => {
                self.advance();
                ColumnAttribute::Comment(self.literal()?)
            }
            Kw::Collate => {
                self.advance();
                ColumnAttribute::Collate(self.charset_name()?)
            }
            Kw::Generated | Kw::As => self.generated()?,
            Kw::References => ColumnAttribute::References(Box::new(self.references()?)),
            Kw::Constraint | Kw::Check => {
                let constraint = self.opt_constraint()?;
                ColumnAttribute::Check(Box::new(self.check(constraint)?))
            }
            _ => return self.rare_attribute(),
        };
        Ok(Some(attribute))
    }

    fn passed(&mut self, attribute: ColumnAttribute) -> ColumnAttribute {
        self.advance();
        attribute
    }

    fn default_value(&mut self) -> Result<ColumnAttribute> {
        if self.tok() == Tok::LeftParen {
            self.advance();
            let expr = self.expr()?;
            self.expect_tok(Tok::RightParen)?;
            return Ok(ColumnAttribute::DefaultExpr(expr));
        }
        self.value_without_parens().map(ColumnAttribute::Default)
    }

    /// What may stand behind DEFAULT as it is: operators need parentheses, but for the sign of a number, and a
    /// COLLATE that follows is the column's.
    pub fn value_without_parens(&mut self) -> Result<Expr> {
        let op = match self.tok() {
            Tok::Minus => UnaryOp::Minus,
            Tok::Plus => UnaryOp::Plus,
            _ => return self.primary(),
        };
        self.advance();
        if !matches!(self.tok(), Tok::Integer | Tok::Decimal | Tok::Float) {
            return self.fail();
        }
        let expr = self.primary()?;
        Ok(Expr::Unary(Box::new(Unary { op, expr })))
    }

    fn generated(&mut self) -> Result<ColumnAttribute> {
        if self.accept(Kw::Generated) {
            self.expect(Kw::Always)?;
        }
        self.expect(Kw::As)?;
        self.expect_tok(Tok::LeftParen)?;
        let expr = self.expr()?;
        self.expect_tok(Tok::RightParen)?;
        let stored = if self.accept(Kw::Stored) || self.accept_word("persistent") {
            Some(true)
        } else if self.accept(Kw::Virtual) {
            Some(false)
        } else {
            None
        };
        Ok(ColumnAttribute::Generated(Box::new(Generated { expr, stored })))
    }

    fn rare_attribute(&mut self) -> Result<Option<ColumnAttribute>> {
        if self.accept_word("auto_increment") {
            return Ok(Some(ColumnAttribute::AutoIncrement));
        }
        if self.accept_word("visible") {
            return Ok(Some(ColumnAttribute::Visible(true)));
        }
        if self.accept_word("invisible") {
            return Ok(Some(ColumnAttribute::Visible(false)));
        }
        if self.accept_word("srid") {
            return Ok(Some(ColumnAttribute::Srid(self.digits_text()?)));
        }
        let words = if self.word_is(0, "serial") && self.peek(1).kw == Kw::Default {
            3
        } else if self.word_is(0, "column_format") || self.word_is(0, "storage") {
            2
        } else if self.word_is(0, "engine_attribute") || self.word_is(0, "secondary_engine_attribute") {
            2 + usize::from(self.peek(1).tok == Tok::Equal)
        } else {
            0
        };
        if words == 0 {
            return Ok(None);
        }
        let mut raw = Raw::new();
        for _ in 0..words {
            raw.push(self.raw_token()?);
        }
        Ok(Some(ColumnAttribute::Other(raw)))
    }
}

impl DataType {
    /// A type without anything else.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            length: None,
            scale: None,
            values: Vec::new(),
            unsigned: false,
            zerofill: false,
            binary: false,
            charset: None,
        }
    }
}

/// The names of types that are one word and stay as they are.
const TYPES: [&str; 48] = [
    "bit",
    "bool",
    "tinyint",
    "smallint",
    "mediumint",
    "int",
    "bigint",
    "decimal",
    "float",
    "date",
    "time",
    "datetime",
    "timestamp",
    "year",
    "varchar",
    "binary",
    "varbinary",
    "tinyblob",
    "blob",
    "mediumblob",
    "longblob",
    "tinytext",
    "text",
    "mediumtext",
    "longtext",
    "enum",
    "set",
    "json",
    "geometry",
    "point",
    "linestring",
    "polygon",
    "multipoint",
    "multilinestring",
    "multipolygon",
    "geometrycollection",
    "vector",
    "serial",
    "uuid",
    "inet4",
    "inet6",
    "xmltype",
    "clob",
    "number",
    "raw",
    "varchar2",
    "char",
    "nchar",
];
