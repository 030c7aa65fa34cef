//! INSERT, REPLACE, UPDATE, DELETE, LOAD DATA.

use super::Printer;
use crate::ast::*;

impl Printer {
    pub(crate) fn insert(&mut self, insert: &Insert) {
        self.text(if insert.replace { "replace" } else { "insert" });
        self.comments(&insert.comments);
        self.text(match insert.priority {
            Some(InsertPriority::Low) => " low_priority",
            Some(InsertPriority::Delayed) => " delayed",
            Some(InsertPriority::High) => " high_priority",
            None => "",
        });
        self.text_if(insert.ignore, " ignore");
        self.text(" into ");
        self.table_name(&insert.table);
        self.partitions(&insert.partitions);
        if !insert.columns.is_empty() {
            self.paren_list(&insert.columns, |p, column| p.col_name(column));
        }
        match &insert.source {
            InsertSource::Values(rows) => {
                self.text(" values ");
                self.list(rows, |p, row| p.paren_list(row, |p, expr| p.expr(expr)));
            }
            InsertSource::Set(assignments) => self.assignments(" set ", assignments),
            InsertSource::Query(query) => {
                self.text(" ");
                self.query(query);
            }
        }
        if let Some(alias) = &insert.row_alias {
            self.text(" as ");
            self.ident(&alias.name);
            if !alias.columns.is_empty() {
                self.paren_list(&alias.columns, |p, name| p.ident(name));
            }
        }
        if !insert.on_duplicate.is_empty() {
            self.assignments(" on duplicate key update ", &insert.on_duplicate);
        }
    }

    pub(crate) fn assignments(&mut self, keyword: &str, assignments: &[Assignment]) {
        self.text(keyword);
        self.list(assignments, |p, assignment| {
            p.col_name(&assignment.column);
            p.text(" = ");
            p.expr(&assignment.value);
        });
    }

    pub(crate) fn update(&mut self, update: &Update) {
        if let Some(with) = &update.with {
            self.with(with);
        }
        self.text("update");
        self.comments(&update.comments);
        self.text_if(update.low_priority, " low_priority");
        self.text_if(update.ignore, " ignore");
        self.text(" ");
        self.list(&update.tables, |p, table| p.table_expr(table));
        self.assignments(" set ", &update.set);
        self.condition(" where ", update.where_.as_ref());
        self.order_by(&update.order_by);
        self.limit(update.limit.as_ref());
    }

    pub(crate) fn delete(&mut self, delete: &Delete) {
        if let Some(with) = &delete.with {
            self.with(with);
        }
        self.text("delete");
        self.comments(&delete.comments);
        self.text_if(delete.low_priority, " low_priority");
        self.text_if(delete.quick, " quick");
        self.text_if(delete.ignore, " ignore");
        if !delete.targets.is_empty() {
            self.text(" ");
            self.list(&delete.targets, |p, table| p.table_name(table));
        }
        self.text(" from ");
        match delete.tables.as_slice() {
            [TableExpr::Table(table)] if delete.targets.is_empty() => self.delete_table(table),
            tables => self.list(tables, |p, table| p.table_expr(table)),
        }
        self.condition(" where ", delete.where_.as_ref());
        self.order_by(&delete.order_by);
        self.limit(delete.limit.as_ref());
    }

    /// The single-table form has the partitions behind the alias.
    fn delete_table(&mut self, table: &AliasedTable) {
        self.table_name(&table.name);
        if let Some(alias) = &table.alias {
            self.text(" as ");
            self.ident(alias);
        }
        self.partitions(&table.partitions);
    }

    pub(crate) fn load_data(&mut self, load: &LoadData) {
        self.text(if load.xml { "load xml" } else { "load data" });
        if let Some(priority) = &load.priority {
            self.text(" ");
            self.bytes(priority.as_bytes());
        }
        self.text_if(load.local, " local");
        self.raw_clause(&load.source);
        self.text(" ");
        self.literal(&load.path);
        self.duplicates(load.duplicates);
        self.text(" into table ");
        self.table_name(&load.table);
        self.partitions(&load.partitions);
        self.raw_clause(&load.options);
        // An empty list says where the options end.
        let ends_options = load.set.is_empty() && !load.tail.is_empty();
        if !load.columns.is_empty() || ends_options {
            self.text(" ");
            self.paren_list(&load.columns, |p, column| p.expr(column));
        }
        if !load.set.is_empty() {
            self.assignments(" set ", &load.set);
        }
        self.raw_clause(&load.tail);
    }

    pub(crate) fn duplicates(&mut self, duplicates: Option<LoadDuplicates>) {
        match duplicates {
            Some(LoadDuplicates::Replace) => self.text(" replace"),
            Some(LoadDuplicates::Ignore) => self.text(" ignore"),
            None => {}
        }
    }

    /// Tokens behind a space, if there are any.
    pub(crate) fn raw_clause(&mut self, raw: &Raw) {
        if !raw.is_empty() {
            self.text(" ");
            self.raw(raw);
        }
    }
}
