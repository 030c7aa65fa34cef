//! FLOAT columns of rows that are read to be written elsewhere.
//!
//! MySQL gives a FLOAT with six digits where its value has more (measured on 9.7: 1.2345678 comes as 1.23457). As a
//! DOUBLE it comes whole, and the column that it is written to takes it whole.

use sqlast::ast::{
    AliasedExpr, AliasedTable, Binary, BinaryOp, ColName, Expr, Ident, Literal, Query, QueryBody, Select,
    SelectItem, Span, TableExpr, TableName,
};

use crate::{
    PlanContext,
    outputs::{Known, Seen, is_float, merges, with_tables},
};

/// Makes the columns of a query that are FLOATs DOUBLEs. A `*` stays what it is where its columns are not known.
pub(crate) fn as_doubles(query: &mut Query, ctx: &PlanContext<'_>) {
    let seen = Seen { ctx, with: with_tables(query.with.as_deref(), ctx, &[]) };
    doubles(&mut query.body, &seen);
}

/// `expr + 0e0`
pub(crate) fn doubled(expr: Expr) -> Expr {
    let right = Expr::Literal(Literal::Float("0e0".into()));
    Expr::Binary(Box::new(Binary { op: BinaryOp::Plus, left: expr, right }))
}

fn doubles(body: &mut QueryBody, seen: &Seen<'_>) {
    match body {
        QueryBody::Select(select) => doubles_of(select, seen),
        QueryBody::SetOperation(set) => {
            doubles(&mut set.first, seen);
            set.rest.iter_mut().for_each(|operand| doubles(&mut operand.right, seen));
        }
        QueryBody::Nested(query) => {
            let with = with_tables(query.with.as_deref(), seen.ctx, &seen.with);
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
