//! FLOAT columns of rows that are read to be written elsewhere.
//!
//! MySQL gives a FLOAT with six digits where its value has more (measured on 9.7: 1.2345678 comes as 1.23457). As a
//! DOUBLE it comes whole, and the column that it is written to takes it whole.

use sqlast::ast::{
    AliasedExpr, AliasedTable, Binary, BinaryOp, ColName, Expr, Ident, JoinCondition, Literal, Query,
    QueryBody, Select, SelectItem, Span, TableExpr, TableName,
};
use vschema::ColumnType;

use crate::PlanContext;

/// Functions that give a FLOAT when all that they are given are FLOATs.
const KEEPING: [&str; 5] = ["min", "max", "any_value", "coalesce", "ifnull"];

/// Makes the columns of a query that are FLOATs DOUBLEs. A `*` stays what it is where its columns are not known.
pub(crate) fn as_doubles(query: &mut Query, ctx: &PlanContext<'_>) {
    let seen = Seen { ctx, with: with_tables(query, ctx, &[]) };
    doubles(&mut query.body, &seen);
}

/// `expr + 0e0`
pub(crate) fn doubled(expr: Expr) -> Expr {
    let right = Expr::Literal(Literal::Float("0e0".into()));
    Expr::Binary(Box::new(Binary { op: BinaryOp::Plus, left: expr, right }))
}

/// The columns of a table: their names in lower case, and whether they are FLOATs.
type Columns = Vec<(String, bool)>;
/// A table's name in lower case; `None` where its columns are not known.
type Known = (String, Option<Columns>);

/// What names mean.
struct Seen<'a> {
    ctx: &'a PlanContext<'a>,
    /// The tables of WITH, the innermost last.
    with: Vec<Known>,
}

fn with_tables(query: &Query, ctx: &PlanContext<'_>, outer: &[Known]) -> Vec<Known> {
    let mut seen = Seen { ctx, with: outer.to_vec() };
    for table in query.with.iter().flat_map(|with| &with.tables) {
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

fn doubles(body: &mut QueryBody, seen: &Seen<'_>) {
    match body {
        QueryBody::Select(select) => doubles_of(select, seen),
        QueryBody::SetOperation(set) => {
            doubles(&mut set.first, seen);
            set.rest.iter_mut().for_each(|operand| doubles(&mut operand.right, seen));
        }
        QueryBody::Nested(query) => {
            let with = with_tables(query, seen.ctx, &seen.with);
            doubles(&mut query.body, &Seen { ctx: seen.ctx, with });
        }
        QueryBody::Table(name) => {
            let from = vec![TableExpr::Table(Box::new(AliasedTable::new(name.clone())))];
            let mut select = Select { items: vec![SelectItem::Wildcard(None)], from, ..Select::default() };
            doubles_of(&mut select, seen);
            if !matches!(select.items[..], [SelectItem::Wildcard(_)]) {
                *body = QueryBody::Select(Box::new(select));
            }
        }
        QueryBody::Values(_) => {}
    }
}

fn doubles_of(select: &mut Select, seen: &Seen<'_>) {
    let tables = seen.tables(&select.from);
    // ORDER BY may mean the column by its name; in a GROUP BY or HAVING a new alias might mean something else.
    let free = select.group_by.is_none() && select.having.is_none();
    let mut items = Vec::with_capacity(select.items.len());
    for item in std::mem::take(&mut select.items) {
        match item {
            SelectItem::Expr(item) if is_float(&item.expr, &tables) => {
                let alias = item.alias.or_else(|| match &item.expr {
                    Expr::Column(column) if free => Some(column.name.clone()),
                    _ => None,
                });
                let expr = doubled(item.expr);
                items.push(SelectItem::Expr(AliasedExpr { expr, alias, span: item.span }));
            }
            SelectItem::Wildcard(of) => match spelled_out(of.as_ref(), select, &tables) {
                Some(columns) => items.extend(columns),
                None => items.push(SelectItem::Wildcard(of)),
            },
            item => items.push(item),
        }
    }
    select.items = items;
}

/// The columns of a `*`; `None` where it has no FLOAT, or not all of its columns are known.
fn spelled_out(of: Option<&TableName>, select: &Select, tables: &[Known]) -> Option<Vec<SelectItem>> {
    if of.is_none() && select.from.iter().any(merges) {
        return None;
    }
    let mut out = Vec::new();
    let mut any = false;
    for (alias, columns) in
        tables.iter().filter(|(alias, _)| of.is_none_or(|of| of.name.to_lower() == *alias))
    {
        for (name, float) in columns.as_ref()? {
            any |= float;
            let qualifier = Some(Box::new(TableName { qualifier: None, name: Ident::from(alias.as_str()) }));
            let plain = Expr::Column(ColName { qualifier, name: Ident::from(name.as_str()) });
            let expr = if *float { doubled(plain) } else { plain };
            let alias = float.then(|| Ident::from(name.as_str()));
            out.push(SelectItem::Expr(AliasedExpr { expr, alias, span: Span::default() }));
        }
    }
    any.then_some(out)
}

/// Whether columns of its tables become one in a `*`.
fn merges(table: &TableExpr) -> bool {
    match table {
        TableExpr::Join(join) => {
            let using = matches!(join.condition, Some(JoinCondition::Using(_)));
            join.natural || using || merges(&join.left) || merges(&join.right)
        }
        TableExpr::List(tables) => tables.iter().any(merges),
        TableExpr::Table(_) | TableExpr::Derived(_) | TableExpr::JsonTable(_) => false,
    }
}

fn is_float(expr: &Expr, tables: &[Known]) -> bool {
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
        let inner = Seen { ctx: self.ctx, with: with_tables(query, self.ctx, &self.with) };
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

    fn tables(&self, from: &[TableExpr]) -> Vec<Known> {
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
