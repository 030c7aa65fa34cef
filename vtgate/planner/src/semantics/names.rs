//! Which table a column's name means.

use sqlast::ast::ColName;

use super::{Analyzer, Block, ColumnKey, NameScope, Source, TableId, TableRef};

/// Whether a table has a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Has {
    Yes,
    No,
    /// The VSchema does not list its columns.
    Maybe,
}

impl Analyzer<'_> {
    /// The column that a name means, when that is certain.
    ///
    /// MySQL looks in the innermost block first. Where a table's columns are not known, a name that no
    /// other table of the block surely has is taken for that table's only if no outer block could be meant.
    pub(crate) fn resolve(&self, name: &ColName) -> Option<ColumnKey> {
        let column = name.name.to_lower();
        for (depth, scope) in self.scopes.iter().enumerate().rev() {
            let found = match &name.qualifier {
                Some(qualifier) => self.by_qualifier(scope, qualifier).map(Some),
                None => self.by_column(scope, &column, depth == 0 || self.outer_is_empty(depth)),
            };
            match found {
                Some(Some(table)) => return Some(self.canonical(table, &column)),
                Some(None) => return None,
                None => {}
            }
        }
        None
    }

    fn outer_is_empty(&self, depth: usize) -> bool {
        self.scopes[..depth].iter().all(|s| s.tables.is_empty())
    }

    fn by_qualifier(&self, scope: &NameScope, qualifier: &sqlast::ast::TableName) -> Option<TableId> {
        // `ks.t.column`: aliases are unique within a block (`crate::aliases`), so the last part says it.
        let wanted = qualifier.name.to_string_lossy();
        scope.tables.iter().copied().find(|id| self.out.table(*id).alias == *wanted)
    }

    /// `None`: not in this block; `Some(None)`: cannot be told.
    fn by_column(&self, scope: &NameScope, column: &str, outermost: bool) -> Option<Option<TableId>> {
        if let Some((_, table)) = scope.merged.iter().find(|(name, _)| name == column) {
            return Some(Some(*table));
        }
        let having =
            |wanted: Has| scope.tables.iter().copied().filter(move |id| self.has(*id, column) == wanted);
        let mut yes = having(Has::Yes);
        match (yes.next(), yes.next()) {
            // Another table that has it too would be an error of the statement (1052).
            (Some(table), None) => return Some(Some(table)),
            (Some(_), Some(_)) => return Some(None),
            (None, _) => {}
        }
        let mut maybe = having(Has::Maybe);
        match (maybe.next(), maybe.next()) {
            (None, _) => None,
            (Some(table), None) if outermost => Some(Some(table)),
            _ => Some(None),
        }
    }

    /// Whether surely no table of the innermost FROM has a column of this name.
    pub(crate) fn is_no_column(&self, column: &str) -> bool {
        let tables = self.scopes.last().map(|s| &s.tables[..]).unwrap_or_default();
        tables.iter().all(|id| self.has(*id, column) == Has::No)
    }

    fn has(&self, id: TableId, column: &str) -> Has {
        let TableRef { source, .. } = self.out.table(id);
        match source {
            Source::Base(table) => {
                let is = |name: &str| name.eq_ignore_ascii_case(column);
                let listed = table.column(column).is_some()
                    || table.column_vindexes.iter().any(|v| v.columns.iter().any(|c| is(c)))
                    || table.auto_increment.as_ref().is_some_and(|a| is(&a.column));
                match (listed, table.column_list_authoritative) {
                    (true, _) => Has::Yes,
                    (false, true) => Has::No,
                    (false, false) => Has::Maybe,
                }
            }
            Source::Derived(block) => match (block.has_output(column), block.has_unknown_outputs()) {
                (true, _) => Has::Yes,
                (false, false) => Has::No,
                (false, true) => Has::Maybe,
            },
            Source::System | Source::Rows => Has::Maybe,
        }
    }

    /// A column of a derived table that is a plain column inside is that column.
    pub(crate) fn canonical(&self, table: TableId, column: &str) -> ColumnKey {
        let itself = || ColumnKey { table, column: column.to_owned() };
        let inner = match &self.out.table(table).source {
            Source::Derived(block) => match &**block {
                Block::Select(select) => {
                    select.output_key(column, &|table, column| Some(self.canonical(table, column)))
                }
                Block::Other(_) => None,
            },
            _ => None,
        };
        inner.unwrap_or_else(itself)
    }
}
