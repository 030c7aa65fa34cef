//! What a statement leaves open, read from its tree: the order of its rows, which of several rows a LIMIT takes,
//! which of several equal texts stands for a group.
//!
//! Where the order of two answers differs, MySQL itself is asked what it would have allowed: the query without its
//! LIMIT, with the rank of each row by the ORDER BY as one more column ([`ranked`]). So no order of any collation
//! is worked out here.

use sqlast::{
    ParseOptions, Visit, Visitor, Walk,
    ast::{
        AliasedExpr, Direction, Expr, Limit, Literal, OrderBy, Query, QueryBody, Select, SelectItem,
        Statement,
    },
    parse, to_sql,
};

use crate::answer::Column;

/// What kind of statement it is, and what it leaves open.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    /// None: not parsed, or no query.
    pub query: Option<Query>,
    pub is_write: bool,
    /// Groups are made, so one of several equal values is shown, and sums may add in any order.
    pub groups: bool,
}

impl Shape {
    pub fn of(sql: &str) -> Self {
        let Ok(statement) = parse(sql.as_bytes(), &ParseOptions::default()) else { return Self::default() };
        let mut grouping = Grouping(false);
        statement.walk(&mut grouping);
        let groups = grouping.0;
        match statement {
            Statement::Query(query) => Self { query: Some(*query), is_write: false, groups },
            Statement::Insert(_)
            | Statement::Update(_)
            | Statement::Delete(_)
            | Statement::LoadData(_)
            | Statement::TruncateTable(_) => Self { query: None, is_write: true, groups },
            _ => Self { query: None, is_write: false, groups },
        }
    }

    pub fn is_ordered(&self) -> bool {
        self.query.as_ref().is_some_and(|q| !q.order_by.is_empty())
    }

    pub fn is_limited(&self) -> bool {
        self.query.as_ref().is_some_and(|q| q.limit.is_some())
    }
}

struct Grouping(bool);

impl Visitor for Grouping {
    fn enter_expr(&mut self, expr: &Expr) -> Visit {
        if let Expr::Func(call) = expr {
            let name = call.name.to_lower();
            self.0 |= ["min", "max", "any_value", "sum", "avg", "group_concat", "first_value", "last_value"]
                .contains(&name.as_str())
                || name.starts_with("std")
                || name.starts_with("var");
        }
        Visit::Into
    }

    fn enter_query(&mut self, query: &Query) -> Visit {
        self.0 |= matches!(query.body, QueryBody::SetOperation(_));
        Visit::Into
    }

    fn enter_select(&mut self, select: &Select) -> Visit {
        self.0 |= select.distinct || select.group_by.is_some();
        Visit::Into
    }
}

/// A query whose last column says which place a row has by the ORDER BY; rows that tie have the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked {
    pub sql: String,
    /// How many rows the LIMIT passes over.
    pub offset: usize,
}

/// None where the rank cannot be written: the answers must then be equal as they are.
pub fn ranked(query: &Query, columns: &[Column]) -> Option<Ranked> {
    let offset = match &query.limit {
        Some(Limit { offset: Some(offset), .. }) => number(offset)?,
        _ => 0,
    };
    let mut query = query.clone();
    query.limit = None;
    let mut order_by = std::mem::take(&mut query.order_by);
    // A constant that is no position orders nothing.
    order_by.retain(|item| !matches!(&item.expr, Expr::Literal(l) if !matches!(l, Literal::Integer(_))));
    if order_by.is_empty() {
        // Any rows will do.
        return Some(Ranked { sql: wrapped(&query, columns, "1")?, offset });
    }
    // From outside where the keys are columns of the result: there they may be window functions and constants.
    let outside: Option<Vec<OrderBy>> = order_by.iter().map(|o| key_of_result(o, columns)).collect();
    let sql = match (outside, &mut query.body) {
        (Some(keys), _) => wrapped(&query, columns, &rank(&keys))?,
        (None, QueryBody::Select(select)) => {
            let keys: Option<Vec<OrderBy>> = order_by.iter().map(|o| key_of_select(o, select)).collect();
            let rank = rank(&keys?);
            let Ok(rank) = sqlast::parse_expr(rank.as_bytes(), &ParseOptions::default()) else { return None };
            let item = AliasedExpr { expr: rank, alias: Some("rank_".into()), span: Default::default() };
            select.items.push(SelectItem::Expr(item));
            String::from_utf8(to_sql(&Statement::Query(Box::new(query)))).ok()?
        }
        (None, _) => return None,
    };
    Some(Ranked { sql, offset })
}

fn number(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Literal(Literal::Integer(text)) => text.to_string_lossy().parse().ok(),
        _ => None,
    }
}

/// `DENSE_RANK() OVER (ORDER BY keys)`
fn rank(keys: &[OrderBy]) -> String {
    let key = |key: &OrderBy| {
        let expr = String::from_utf8_lossy(&to_sql(&key.expr)).into_owned();
        format!("{expr}{}", if key.direction == Direction::Desc { " DESC" } else { "" })
    };
    let keys: Vec<String> = keys.iter().map(key).collect();
    format!("DENSE_RANK() OVER (ORDER BY {})", keys.join(", "))
}

/// The query as a derived table with columns `c0`, `c1`, ..., and one more column.
fn wrapped(query: &Query, columns: &[Column], more: &str) -> Option<String> {
    let names: Vec<String> = (0..columns.len()).map(|i| format!("c{i}")).collect();
    let inner = String::from_utf8(to_sql(&Statement::Query(Box::new(query.clone())))).ok()?;
    Some(format!("SELECT q.*, {more} AS rank_ FROM ({inner}) AS q({})", names.join(", ")))
}

/// A position or an alias stands for an item of the select list.
fn key_of_select(order: &OrderBy, select: &Select) -> Option<OrderBy> {
    let expr = match &order.expr {
        Expr::Literal(Literal::Integer(_)) => match select.items.get(number(&order.expr)?.checked_sub(1)?)? {
            SelectItem::Expr(item) => item.expr.clone(),
            _ => return None,
        },
        Expr::Column(name) if name.qualifier.is_none() => {
            let named = select.items.iter().find_map(|item| match item {
                SelectItem::Expr(item)
                    if item.alias.as_ref().is_some_and(|a| a.eq_ignore_case(&name.name)) =>
                {
                    Some(item.expr.clone())
                }
                _ => None,
            });
            named.unwrap_or_else(|| order.expr.clone())
        }
        other => other.clone(),
    };
    Some(OrderBy { expr, direction: order.direction })
}

/// A column of the result, by name or position.
fn key_of_result(order: &OrderBy, columns: &[Column]) -> Option<OrderBy> {
    let at = match &order.expr {
        Expr::Literal(_) => number(&order.expr)?.checked_sub(1)?,
        Expr::Column(name) if name.qualifier.is_none() => {
            columns.iter().position(|c| name.name.is(c.name.as_bytes()))?
        }
        _ => return None,
    };
    let name = sqlast::parse_expr(format!("c{at}").as_bytes(), &ParseOptions::default()).ok()?;
    Some(OrderBy { expr: name, direction: order.direction })
}

#[cfg(test)]
mod tests;
