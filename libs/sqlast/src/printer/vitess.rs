//! Statements that only Vitess has.

use super::Printer;
use crate::ast::*;

impl Printer {
    pub(super) fn vexplain(&mut self, vexplain: &Vexplain) {
        self.text("vexplain");
        self.comments(&vexplain.comments);
        self.text(match vexplain.kind {
            VexplainKind::Plan => " plan ",
            VexplainKind::Queries => " queries ",
            VexplainKind::All => " all ",
            VexplainKind::Trace => " trace ",
            VexplainKind::Keys => " keys ",
        });
        self.statement(&vexplain.statement);
    }

    pub(super) fn alter_vschema(&mut self, alter: &AlterVschema) {
        self.text("alter vschema ");
        match alter {
            AlterVschema::CreateVindex { vindex, spec } => {
                self.vschema("create vindex ", vindex);
                self.vindex_spec(spec);
            }
            AlterVschema::DropVindex { vindex } => self.vschema("drop vindex ", vindex),
            AlterVschema::AddTable(table) => self.vschema("add table ", table),
            AlterVschema::DropTable(table) => self.vschema("drop table ", table),
            AlterVschema::AddSequence(table) => self.vschema("add sequence ", table),
            AlterVschema::DropSequence(table) => self.vschema("drop sequence ", table),
            AlterVschema::AddColVindex { table, vindex, columns, spec } => {
                self.vschema("on ", table);
                self.text(" add vindex ");
                self.ident(vindex);
                self.text(" ");
                self.paren_list(columns, |p, name| p.ident(name));
                if let Some(spec) = spec {
                    self.vindex_spec(spec);
                }
            }
            AlterVschema::DropColVindex { table, vindex } => {
                self.vschema("on ", table);
                self.text(" drop vindex ");
                self.ident(vindex);
            }
            AlterVschema::AddAutoIncrement { table, column, sequence } => {
                self.vschema("on ", table);
                self.text(" add auto_increment ");
                self.ident(column);
                self.vschema(" using ", sequence);
            }
            AlterVschema::DropAutoIncrement { table } => {
                self.vschema("on ", table);
                self.text(" drop auto_increment");
            }
        }
    }

    fn vschema(&mut self, words: &str, name: &TableName) {
        self.text(words);
        self.table_name(name);
    }

    fn vindex_spec(&mut self, spec: &VindexSpec) {
        if let Some(kind) = &spec.kind {
            self.text(" using ");
            self.ident(kind);
        }
        self.text_if(!spec.params.is_empty(), " with ");
        self.list(&spec.params, |p, (name, value)| {
            p.ident(name);
            p.text(" = ");
            p.string(value);
        });
    }

    pub(super) fn migration(&mut self, migration: &Migration) {
        self.text(if migration.revert { "revert vitess_migration" } else { "alter vitess_migration" });
        if let Some(uuid) = &migration.uuid {
            self.text(" ");
            self.string(uuid);
        }
        self.raw_clause(&migration.command);
    }
}
