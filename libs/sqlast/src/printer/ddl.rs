//! Definitions.

use super::Printer;
use crate::ast::*;
use crate::lexer::keyword::is_reserved;
use crate::parser::expr::level;

impl Printer {
    pub(crate) fn create_table(&mut self, table: &CreateTable) {
        self.text("create");
        self.comments(&table.comments);
        self.text_if(table.temporary, " temporary");
        self.text(" table ");
        self.text_if(table.if_not_exists, "if not exists ");
        self.table_name(&table.name);
        if let Some(like) = &table.like {
            self.text(" like ");
            self.table_name(like);
            return;
        }
        if !table.elements.is_empty() {
            self.text(" ");
            self.paren_list(&table.elements, |p, element| p.table_element(element));
        }
        for (index, option) in table.options.iter().enumerate() {
            self.text(if index == 0 { " " } else { ", " });
            self.table_option(option);
        }
        self.raw_clause(&table.partition);
        self.duplicates(table.duplicates);
        if let Some(query) = &table.query {
            self.text(" as ");
            self.query(query);
        }
    }

    fn table_option(&mut self, option: &TableOption) {
        self.bytes(option.name.as_bytes());
        self.text_if(!option.value.is_empty(), " = ");
        self.raw(&option.value);
    }

    fn table_element(&mut self, element: &TableElement) {
        match element {
            TableElement::Column(column) => self.column_def(column),
            TableElement::Index(index) => self.index_def(index),
            TableElement::ForeignKey(key) => {
                self.constraint(key.constraint.as_ref());
                self.text("foreign key ");
                if let Some(index) = &key.index {
                    self.ident(index);
                    self.text(" ");
                }
                self.key_parts(&key.columns);
                self.references(&key.references);
            }
            TableElement::Check(check) => self.check(check),
        }
    }

    fn constraint(&mut self, constraint: Option<&Option<Ident>>) {
        let Some(name) = constraint else { return };
        self.text("constraint ");
        if let Some(name) = name {
            self.ident(name);
            self.text(" ");
        }
    }

    fn index_kind(&mut self, kind: IndexKind) {
        self.text(match kind {
            IndexKind::Primary => "primary key",
            IndexKind::Unique => "unique index",
            IndexKind::Plain => "index",
            IndexKind::Fulltext => "fulltext index",
            IndexKind::Spatial => "spatial index",
        });
    }

    fn index_def(&mut self, index: &IndexDef) {
        self.constraint(index.constraint.as_ref());
        self.index_kind(index.kind);
        if let Some(name) = &index.name {
            self.text(" ");
            self.ident(name);
        }
        self.index_type(index.using.as_ref());
        self.text(" ");
        self.key_parts(&index.columns);
        self.raw_clause(&index.options);
    }

    fn index_type(&mut self, using: Option<&Ident>) {
        if let Some(using) = using {
            self.text(" using ");
            self.ident(using);
        }
    }

    fn key_parts(&mut self, parts: &[KeyPart]) {
        self.paren_list(parts, |p, part| {
            match &part.key {
                Key::Column(name, length) => {
                    p.ident(name);
                    if let Some(length) = length {
                        p.text("(");
                        p.bytes(length.as_bytes());
                        p.text(")");
                    }
                }
                Key::Expr(expr) => {
                    p.text("(");
                    p.expr(expr);
                    p.text(")");
                }
            }
            p.direction(part.direction);
        });
    }

    fn references(&mut self, references: &References) {
        self.text(" references ");
        self.table_name(&references.table);
        if !references.columns.is_empty() {
            self.text(" ");
            self.key_parts(&references.columns);
        }
        self.raw_clause(&references.actions);
    }

    fn check(&mut self, check: &CheckDef) {
        self.constraint(check.constraint.as_ref());
        self.text("check (");
        self.expr(&check.expr);
        self.text(")");
        match check.enforced {
            Some(true) => self.text(" enforced"),
            Some(false) => self.text(" not enforced"),
            None => {}
        }
    }

    pub(crate) fn column_def(&mut self, column: &ColumnDef) {
        self.ident(&column.name);
        self.text(" ");
        self.data_type(&column.data_type);
        for attribute in &column.attributes {
            self.column_attribute(attribute);
        }
    }

    pub(crate) fn data_type(&mut self, data_type: &DataType) {
        self.bytes(data_type.name.as_bytes());
        if !data_type.values.is_empty() {
            self.paren_list(&data_type.values, |p, value| p.literal(value));
        }
        if let Some(length) = &data_type.length {
            self.text("(");
            self.bytes(length.as_bytes());
            if let Some(scale) = &data_type.scale {
                self.text(",");
                self.bytes(scale.as_bytes());
            }
            self.text(")");
        }
        self.text_if(data_type.unsigned, " unsigned");
        self.text_if(data_type.zerofill, " zerofill");
        if let Some(charset) = &data_type.charset {
            self.text(" character set ");
            self.charset(charset);
        }
        self.text_if(data_type.binary, " binary");
    }

    fn column_attribute(&mut self, attribute: &ColumnAttribute) {
        if let ColumnAttribute::References(references) = attribute {
            return self.references(references);
        }
        self.text(" ");
        match attribute {
            ColumnAttribute::Null => self.text("null"),
            ColumnAttribute::NotNull => self.text("not null"),
            ColumnAttribute::Default(value) => {
                self.text("default ");
                self.value_without_parens(value);
            }
            ColumnAttribute::DefaultExpr(value) => {
                self.text("default (");
                self.expr(value);
                self.text(")");
            }
            ColumnAttribute::OnUpdate(value) => {
                self.text("on update ");
                self.expr_at(value, level::UNARY);
            }
            ColumnAttribute::AutoIncrement => self.text("auto_increment"),
            ColumnAttribute::PrimaryKey => self.text("primary key"),
            ColumnAttribute::Unique => self.text("unique"),
            ColumnAttribute::Comment(comment) => {
                self.text("comment ");
                self.literal(comment);
            }
            ColumnAttribute::Collate(collation) => {
                self.text("collate ");
                self.charset(collation);
            }
            ColumnAttribute::Generated(generated) => {
                self.text("as (");
                self.expr(&generated.expr);
                self.text(match generated.stored {
                    Some(true) => ") stored",
                    Some(false) => ") virtual",
                    None => ")",
                });
            }
            ColumnAttribute::References(_) => {}
            ColumnAttribute::Check(check) => self.check(check),
            ColumnAttribute::Visible(true) => self.text("visible"),
            ColumnAttribute::Visible(false) => self.text("invisible"),
            ColumnAttribute::Srid(srid) => {
                self.text("srid ");
                self.bytes(srid.as_bytes());
            }
            ColumnAttribute::Other(raw) => self.raw(raw),
        }
    }

    /// The sign of a number has no parentheses around it: they would make another kind of default of it.
    pub(crate) fn value_without_parens(&mut self, value: &Expr) {
        match value {
            Expr::Unary(unary) if matches!(unary.op, UnaryOp::Minus | UnaryOp::Plus) => {
                self.text(if unary.op == UnaryOp::Minus { "-" } else { "+" });
                self.expr_at(&unary.expr, level::UNARY);
            }
            value => self.expr_at(value, level::UNARY),
        }
    }

    pub(crate) fn alter_table(&mut self, alter: &AlterTable) {
        self.text("alter");
        self.comments(&alter.comments);
        self.text(if alter.ignore { " ignore table " } else { " table " });
        self.table_name(&alter.table);
        for (index, action) in alter.actions.iter().enumerate() {
            self.text(if index == 0 { " " } else { ", " });
            self.alter_action(action);
        }
        self.raw_clause(&alter.partition);
    }

    fn alter_action(&mut self, action: &AlterAction) {
        match action {
            AlterAction::Add(elements, place) => {
                self.text("add ");
                match elements.as_slice() {
                    [one @ TableElement::Column(_)] => {
                        self.text("column ");
                        self.table_element(one);
                    }
                    [one] => self.table_element(one),
                    several => self.paren_list(several, |p, element| p.table_element(element)),
                }
                self.column_place(place.as_ref());
            }
            AlterAction::Modify(column, place) => {
                self.text("modify column ");
                self.column_def(column);
                self.column_place(place.as_ref());
            }
            AlterAction::Change(old, column, place) => {
                self.named("change column ", old);
                self.text(" ");
                self.column_def(column);
                self.column_place(place.as_ref());
            }
            AlterAction::AlterColumn(column, raw) => {
                self.named("alter column ", column);
                self.raw_clause(raw);
            }
            AlterAction::DropColumn(name) => self.named("drop column ", name),
            AlterAction::DropIndex(name) => self.named("drop index ", name),
            AlterAction::DropPrimaryKey => self.text("drop primary key"),
            AlterAction::DropForeignKey(name) => self.named("drop foreign key ", name),
            AlterAction::DropConstraint(name) => self.named("drop constraint ", name),
            AlterAction::DropCheck(name) => self.named("drop check ", name),
            AlterAction::RenameTo(table) => {
                self.text("rename to ");
                self.table_name(table);
            }
            AlterAction::RenameColumn(old, new) => self.renamed("rename column ", old, new),
            AlterAction::RenameIndex(old, new) => self.renamed("rename index ", old, new),
            AlterAction::ExchangePartition(partition, table, raw) => {
                self.named("exchange partition ", partition);
                self.text(" with table ");
                self.table_name(table);
                self.raw_clause(raw);
            }
            AlterAction::Option(option) => self.table_option(option),
            AlterAction::Other(raw) => self.raw(raw),
        }
    }

    fn named(&mut self, words: &str, name: &Ident) {
        self.text(words);
        self.ident(name);
    }

    fn renamed(&mut self, words: &str, old: &Ident, new: &Ident) {
        self.named(words, old);
        self.named(" to ", new);
    }

    fn column_place(&mut self, place: Option<&ColumnPlace>) {
        match place {
            Some(ColumnPlace::First) => self.text(" first"),
            Some(ColumnPlace::After(name)) => self.named(" after ", name),
            None => {}
        }
    }

    pub(crate) fn create_view(&mut self, view: &CreateView) {
        self.text(if view.alter { "alter" } else { "create" });
        self.comments(&view.comments);
        self.text_if(view.or_replace, " or replace");
        if let Some(algorithm) = &view.algorithm {
            self.text(" algorithm = ");
            self.bytes(algorithm.as_bytes());
        }
        if !view.definer.is_empty() {
            self.text(" definer = ");
            self.raw(&view.definer);
        }
        if let Some(security) = &view.security {
            self.text(" sql security ");
            self.bytes(security.as_bytes());
        }
        self.text(" view ");
        self.text_if(view.if_not_exists, "if not exists ");
        self.table_name(&view.name);
        if !view.columns.is_empty() {
            self.paren_list(&view.columns, |p, name| p.ident(name));
        }
        self.text(" as ");
        self.query(&view.query);
        self.text(match view.check {
            Some(ViewCheck::Plain) => " with check option",
            Some(ViewCheck::Cascaded) => " with cascaded check option",
            Some(ViewCheck::Local) => " with local check option",
            None => "",
        });
    }

    pub(crate) fn create_index(&mut self, index: &CreateIndex) {
        self.text("create");
        self.comments(&index.comments);
        self.text(" ");
        self.index_kind(index.kind);
        self.named(" ", &index.name);
        self.index_type(index.using.as_ref());
        self.text(" on ");
        self.table_name(&index.table);
        self.text(" ");
        self.key_parts(&index.columns);
        self.raw_clause(&index.options);
    }

    /// `drop verb` with its tables.
    pub(crate) fn drop_tables(&mut self, drop: &DropTable) {
        self.text("drop");
        self.comments(&drop.comments);
        self.text_if(drop.temporary, " temporary");
        self.text(" table ");
        self.text_if(drop.if_exists, "if exists ");
        self.list(&drop.tables, |p, table| p.table_name(table));
        self.drop_behaviour(drop.behaviour);
    }

    pub(crate) fn drop_view(&mut self, drop: &DropView) {
        self.text("drop");
        self.comments(&drop.comments);
        self.text(" view ");
        self.text_if(drop.if_exists, "if exists ");
        self.list(&drop.views, |p, view| p.table_name(view));
        self.drop_behaviour(drop.behaviour);
    }

    fn drop_behaviour(&mut self, behaviour: Option<DropBehaviour>) {
        match behaviour {
            Some(DropBehaviour::Restrict) => self.text(" restrict"),
            Some(DropBehaviour::Cascade) => self.text(" cascade"),
            None => {}
        }
    }

    pub(crate) fn drop_index(&mut self, drop: &DropIndex) {
        self.text("drop");
        self.comments(&drop.comments);
        self.named(" index ", &drop.name);
        self.text(" on ");
        self.table_name(&drop.table);
        self.raw_clause(&drop.options);
    }

    pub(crate) fn database(&mut self, verb: &str, database: &DatabaseDdl) {
        self.text(verb);
        self.comments(&database.comments);
        self.text(" database");
        self.text_if(database.if_not_exists, " if not exists");
        if let Some(name) = &database.name {
            self.text(" ");
            // A name that is an option's word would be read as that option.
            let word = name.is(b"charset") || name.is(b"encryption") || is_reserved(name.as_bytes());
            if word { self.quoted_ident(name) } else { self.ident(name) }
        }
        self.raw_clause(&database.options);
    }

    pub(crate) fn maintenance(&mut self, maintenance: &TableMaintenance) {
        self.text(match maintenance.verb {
            MaintenanceVerb::Analyze => "analyze ",
            MaintenanceVerb::Optimize => "optimize ",
            MaintenanceVerb::Repair => "repair ",
            MaintenanceVerb::Check => "check ",
            MaintenanceVerb::Checksum => "checksum ",
        });
        self.text_if(maintenance.no_binlog, "no_write_to_binlog ");
        self.text("table ");
        self.list(&maintenance.tables, |p, table| p.table_name(table));
        self.raw_clause(&maintenance.options);
    }
}
