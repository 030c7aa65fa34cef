//! The rows that are in a new row's way: those with its values in a unique key, be it the table's own or that
//! of a unique lookup, which makes a value unique over all shards.

use sqlast::ast::{self, ColName, Comparison, ComparisonOp, Expr, Ident, Literal, TableName};
use vschema::Table;

use crate::lookup;

/// A new row of an INSERT or REPLACE.
pub(crate) struct NewRow<'a> {
    pub table: &'a Table,
    pub columns: &'a [ColName],
    pub values: &'a [Expr],
}

/// What is equal in a row that is in the way by one key.
pub(crate) struct Way<'a> {
    pub key: &'a [String],
    pub condition: Expr,
}

impl<'a> NewRow<'a> {
    /// One for each key in which the row has values; the table's own come first.
    pub(crate) fn ways(&self) -> Vec<Way<'a>> {
        let lookups =
            self.table.owned_vindexes().filter(|v| v.vindex.is_unique() && lookup::table(v).is_some());
        let keys = self.table.unique_keys.iter().chain(lookups.map(|v| &v.columns));
        let mut out: Vec<Way<'a>> = Vec::new();
        for key in keys {
            let parts: Option<Vec<Expr>> = key.iter().map(|name| self.equal(name)).collect();
            let Some(mut parts) = parts.filter(|parts| !parts.is_empty()) else { continue };
            let condition = if parts.len() == 1 { parts.remove(0) } else { Expr::And(parts) };
            if out.iter().all(|way| way.condition != condition) {
                out.push(Way { key, condition });
            }
        }
        out
    }

    /// What the row has in a column; none where the statement gives it nothing.
    pub(crate) fn value(&self, column: &[u8]) -> Option<&'a Expr> {
        let at = self.columns.iter().position(|c| c.name.is(column))?;
        self.values.get(at)
    }

    /// Whether a sequence gives the column's value.
    pub(crate) fn is_generated(&self, column: &str) -> bool {
        let auto = self.table.auto_increment.as_ref();
        let given = self.value(column.as_bytes());
        auto.is_some_and(|a| a.column.eq_ignore_ascii_case(column))
            && matches!(given, None | Some(Expr::Default(None) | Expr::Literal(Literal::Null)))
    }

    /// `column = value`; none where the value is NULL or comes from a sequence, which is in nobody's way.
    fn equal(&self, name: &str) -> Option<Expr> {
        let column = ColName::unqualified(name);
        let value = match self.value(name.as_bytes()) {
            Some(Expr::Literal(Literal::Null)) => return None,
            _ if self.is_generated(name) => return None,
            Some(Expr::Default(None)) | None => Expr::Default(Some(Box::new(column.clone()))),
            Some(value) => value.clone(),
        };
        Some(Expr::Comparison(Box::new(Comparison {
            op: ComparisonOp::Equal,
            left: Expr::Column(column),
            right: value,
            quantifier: None,
        })))
    }
}

/// The table as statements of its own name it.
pub(crate) fn whole_name(table: &Table) -> TableName {
    TableName {
        qualifier: Some(Ident::from(table.keyspace.as_str())),
        name: Ident::from(table.name.as_str()),
    }
}

/// The names of the columns that an INSERT without a list gives values to; none if they are not known.
pub(crate) fn visible_columns(table: &Table) -> Option<Vec<ColName>> {
    let visible = table.columns.iter().filter(|c| !c.invisible);
    table.column_list_authoritative.then(|| visible.map(|c| ColName::unqualified(c.name.as_str())).collect())
}

/// The rows of an INSERT as values, with the names of their columns.
pub(crate) fn rows_of<'i>(insert: &'i ast::Insert, table: &Table) -> Option<(Vec<ColName>, &'i [Vec<Expr>])> {
    let ast::InsertSource::Values(rows) = &insert.source else { return None };
    let columns = if insert.columns.is_empty() { visible_columns(table)? } else { insert.columns.clone() };
    Some((columns, rows))
}
