//! The columns that tables, tables of WITH and whole queries give, as far as they are known, and which are FLOATs.

use sqlast::ast::{
    Expr, Ident, JoinCondition, Query, QueryBody, Select, SelectItem, TableExpr, TableName, With,
};
use vschema::ColumnType;

use crate::PlanContext;

/// Functions that give a FLOAT when all that they are given are FLOATs.
const KEEPING: [&str; 5] = ["min", "max", "any_value", "coalesce", "ifnull"];

/// The columns of a table: their names in lower case, and whether they are FLOATs.
pub(crate) type Columns = Vec<(String, bool)>;
/// A table's name in lower case; `None` where its columns are not known.
pub(crate) type Known = (String, Option<Columns>);

/// What names mean.
pub(crate) struct Seen<'a> {
    pub ctx: &'a PlanContext<'a>,
    /// The tables of WITH, the innermost last.
    pub with: Vec<Known>,
}

/// The tables of WITH that a query sees: its own after those around it.
pub(crate) fn with_tables(with: Option<&With>, ctx: &PlanContext<'_>, outer: &[Known]) -> Vec<Known> {
    let mut seen = Seen { ctx, with: outer.to_vec() };
    for table in with.iter().flat_map(|with| &with.tables) {
        let columns = seen.outputs(&table.query);
        seen.with.push((table.name.to_lower(), renamed(columns, &table.columns)));
    }
    seen.with
}

fn renamed(columns: Option<Columns>, names: &[Ident]) -> Option<Columns> {
    let columns = columns?;
    match names.len() {
        0 => Some(columns),
        named if named == columns.len() => {
            Some(names.iter().zip(columns).map(|(name, (_, float))| (name.to_lower(), float)).collect())
        }
        _ => None,
    }
}

/// Whether columns of its tables become one in a `*`.
pub(crate) fn merges(table: &TableExpr) -> bool {
    match table {
        TableExpr::Join(join) => {
            let using = matches!(join.condition, Some(JoinCondition::Using(_)));
            join.natural || using || merges(&join.left) || merges(&join.right)
        }
        TableExpr::List(tables) => tables.iter().any(merges),
        TableExpr::Table(_) | TableExpr::Derived(_) | TableExpr::JsonTable(_) => false,
    }
}

/// Whether an expression is a FLOAT.
pub(crate) fn is_float(expr: &Expr, tables: &[Known]) -> bool {
    match expr {
        Expr::Column(column) => {
            let name = column.name.to_lower();
            let of = column.qualifier.as_ref().map(|q| q.name.to_lower());
            let mut meant = tables.iter().filter(|(alias, _)| of.as_ref().is_none_or(|of| of == alias));
            meant.any(|(_, columns)| columns.iter().flatten().any(|(n, float)| *float && *n == name))
        }
        Expr::Func(call) if KEEPING.iter().any(|keeping| call.name.is(keeping.as_bytes())) => {
            !call.args.is_empty() && call.args.iter().all(|arg| is_float(arg, tables))
        }
        _ => false,
    }
}

impl Seen<'_> {
    /// The columns that a query gives; `None` where they are not all known.
    fn outputs(&self, query: &Query) -> Option<Columns> {
        let inner = Seen { ctx: self.ctx, with: with_tables(query.with.as_deref(), self.ctx, &self.with) };
        inner.body(&query.body)
    }

    fn body(&self, body: &QueryBody) -> Option<Columns> {
        match body {
            QueryBody::Select(select) => self.select(select),
            QueryBody::SetOperation(set) => {
                let mut columns = self.body(&set.first)?;
                for operand in &set.rest {
                    let right = self.body(&operand.right)?;
                    columns.iter_mut().zip(right).for_each(|((_, float), (_, also))| *float &= also);
                }
                Some(columns)
            }
            QueryBody::Nested(query) => self.outputs(query),
            QueryBody::Table(name) => self.named(name),
            QueryBody::Values(_) => None,
        }
    }

    fn select(&self, select: &Select) -> Option<Columns> {
        let tables = self.tables(&select.from);
        let mut out = Vec::new();
        for item in &select.items {
            match item {
                SelectItem::Next(_) => return None,
                SelectItem::Wildcard(None) if select.from.iter().any(merges) => return None,
                SelectItem::Wildcard(of) => {
                    for (alias, columns) in &tables {
                        if of.as_ref().is_none_or(|of| of.name.to_lower() == *alias) {
                            out.extend(columns.clone()?);
                        }
                    }
                }
                SelectItem::Expr(item) => {
                    let name = match (&item.alias, &item.expr) {
                        (Some(alias), _) => alias.to_lower(),
                        (None, Expr::Column(column)) => column.name.to_lower(),
                        // It has a name that nothing here asks for.
                        (None, _) => String::new(),
                    };
                    out.push((name, is_float(&item.expr, &tables)));
                }
            }
        }
        Some(out)
    }

    /// What the tables of a FROM are called, and their columns.
    pub fn tables(&self, from: &[TableExpr]) -> Vec<Known> {
        let mut out = Vec::new();
        from.iter().for_each(|table| self.collect(table, &mut out));
        out
    }

    fn collect(&self, table: &TableExpr, out: &mut Vec<Known>) {
        match table {
            TableExpr::Table(table) => {
                let alias = table.alias.as_ref().unwrap_or(&table.name.name);
                out.push((alias.to_lower(), self.named(&table.name)));
            }
            TableExpr::Derived(derived) => {
                let alias = derived.alias.as_ref().map(Ident::to_lower).unwrap_or_default();
                out.push((alias, renamed(self.outputs(&derived.query), &derived.columns)));
            }
            TableExpr::JsonTable(table) => out.push((table.alias.to_lower(), None)),
            TableExpr::Join(join) => {
                self.collect(&join.left, out);
                self.collect(&join.right, out);
            }
            TableExpr::List(tables) => tables.iter().for_each(|table| self.collect(table, out)),
        }
    }

    fn named(&self, name: &TableName) -> Option<Columns> {
        if name.qualifier.is_none() {
            let wanted = name.name.to_lower();
            if let Some((_, columns)) = self.with.iter().rev().find(|(with, _)| *with == wanted) {
                return columns.clone();
            }
        }
        let table = self.ctx.table(name).ok()?;
        let visible = table.columns.iter().filter(|c| !c.invisible);
        let columns = visible.map(|c| (c.name.to_lowercase(), c.ty == Some(ColumnType::Float32)));
        table.column_list_authoritative.then(|| columns.collect())
    }
}
