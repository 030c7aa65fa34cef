//! What stands in FROM.

use super::Printer;
use crate::ast::*;

impl Printer {
    pub(crate) fn table_expr(&mut self, table: &TableExpr) {
        match table {
            TableExpr::Table(table) => self.aliased_table(table),
            TableExpr::Derived(derived) => {
                self.text_if(derived.lateral, "lateral ");
                self.paren_query(&derived.query);
                self.table_alias(derived.alias.as_ref());
                if !derived.columns.is_empty() {
                    self.paren_list(&derived.columns, |p, name| p.ident(name));
                }
            }
            TableExpr::JsonTable(table) => self.json_table(table),
            TableExpr::Join(join) => self.join(join),
            TableExpr::List(tables) => self.paren_list(tables, |p, table| p.table_expr(table)),
        }
    }

    fn table_alias(&mut self, alias: Option<&Ident>) {
        if let Some(alias) = alias {
            self.text(" as ");
            self.ident(alias);
        }
    }

    pub(crate) fn partitions(&mut self, partitions: &[Ident]) {
        if !partitions.is_empty() {
            self.text(" partition ");
            self.paren_list(partitions, |p, name| p.ident(name));
        }
    }

    fn aliased_table(&mut self, table: &AliasedTable) {
        // MySQL's own table without columns is a reserved word, which quotes would make a name.
        if table.name.is_dual() {
            self.text("dual")
        } else {
            self.table_name(&table.name)
        }
        self.partitions(&table.partitions);
        self.table_alias(table.alias.as_ref());
        for hint in &table.hints {
            self.index_hint(hint);
        }
    }

    fn index_hint(&mut self, hint: &IndexHint) {
        self.text(match hint.action {
            IndexHintAction::Use => " use ",
            IndexHintAction::Ignore => " ignore ",
            IndexHintAction::Force => " force ",
        });
        self.text(if hint.vindex { "vindex " } else { "index " });
        match hint.scope {
            Some(IndexHintScope::Join) => self.text("for join "),
            Some(IndexHintScope::OrderBy) => self.text("for order by "),
            Some(IndexHintScope::GroupBy) => self.text("for group by "),
            None => {}
        }
        self.paren_list(&hint.indexes, |p, name| {
            if name.is(b"primary") { p.bytes(name.as_bytes()) } else { p.ident(name) }
        });
    }

    fn join(&mut self, join: &Join) {
        self.table_expr(&join.left);
        self.text(if join.natural { " natural " } else { " " });
        self.text(match join.kind {
            JoinKind::Inner => "join ",
            JoinKind::Straight => "straight_join ",
            JoinKind::Left => "left join ",
            JoinKind::Right => "right join ",
        });
        let nested = matches!(join.right, TableExpr::Join(_));
        self.text_if(nested, "(");
        self.table_expr(&join.right);
        self.text_if(nested, ")");
        match &join.condition {
            Some(JoinCondition::On(condition)) => self.condition(" on ", Some(condition)),
            Some(JoinCondition::Using(columns)) => {
                self.text(" using ");
                self.paren_list(columns, |p, name| p.ident(name));
            }
            None => {}
        }
    }

    fn json_table(&mut self, table: &JsonTable) {
        self.text("json_table(");
        self.expr(&table.document);
        self.text(", ");
        self.expr(&table.path);
        self.json_columns(&table.columns);
        self.text(") as ");
        self.ident(&table.alias);
    }

    fn json_columns(&mut self, columns: &[JsonTableColumn]) {
        self.text(" columns ");
        self.paren_list(columns, |p, column| match column {
            JsonTableColumn::Ordinality(name) => {
                p.ident(name);
                p.text(" for ordinality");
            }
            JsonTableColumn::Nested { path, columns } => {
                p.text("nested path ");
                p.expr(path);
                p.json_columns(columns);
            }
            JsonTableColumn::Path(column) => {
                p.ident(&column.name);
                p.text(" ");
                p.data_type(&column.data_type);
                if let Some(collate) = &column.collate {
                    p.text(" collate ");
                    p.charset(collate);
                }
                p.text(if column.exists { " exists path " } else { " path " });
                p.expr(&column.path);
                p.json_on(column.on_empty.as_ref(), " on empty");
                p.json_on(column.on_error.as_ref(), " on error");
            }
        });
    }
}
