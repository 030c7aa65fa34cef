//! The names of schemas in queries of information_schema: a tablet's database has another name (`vt_commerce`) than its
//! keyspace (`commerce`), and clients know the keyspace's.
//!
//! - `table_schema = <value>` becomes `table_schema = :__vtschemaname`, and the tablet puts its database's name in;
//! - a schema's column that the result shows as it is stays, and the executor gives the keyspace's name for the
//!   database's ([`crate::SystemSchema`]): so it keeps MySQL's own name, and types;
//! - anywhere else a column stands for the keyspace's name:
//!   `if(table_schema = :__vtschemaname, :__vtkeyspacename, table_schema)`.

use sqlast::ast::{
    AliasedExpr, ColName, Comparison, ComparisonOp, Expr, FuncCall, Ident, OrderBy, Param, Query, QueryBody,
    Select, SelectItem,
};

use crate::{KEYSPACE_NAME, SCHEMA_NAME};

/// Whether a column of information_schema or performance_schema holds a schema's name.
pub(crate) fn is_schema_column(name: &ColName) -> bool {
    is_schema_column_name(name.name.as_bytes())
}

/// As [`is_schema_column`], by the column's name.
pub fn is_schema_column_name(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 11] = [
        b"table_schema",
        b"schema_name",
        b"constraint_schema",
        b"unique_constraint_schema",
        b"referenced_table_schema",
        b"routine_schema",
        b"trigger_schema",
        b"event_schema",
        b"event_object_schema",
        b"index_schema",
        b"object_schema",
    ];
    NAMES.iter().any(|n| name.eq_ignore_ascii_case(n))
}

fn is_schema(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(name) if is_schema_column(name))
}

fn param(name: &str) -> Expr {
    Expr::Param(Param::Named(name.into()))
}

/// What became of a comparison.
pub(crate) enum Compared {
    /// It is none of schemas, or not by `=` and a value that is known when the plan runs.
    Other,
    /// It is of two columns and stays.
    Columns,
    /// The database's name stands in the place of this value.
    With(Expr),
}

/// Puts the database's name in the place of what a schema is compared with.
pub(crate) fn compare(expr: &mut Expr) -> Compared {
    let Expr::Comparison(comparison) = expr else { return Compared::Other };
    if comparison.op != ComparisonOp::Equal || comparison.quantifier.is_some() {
        return Compared::Other;
    }
    let is_value = |e: &Expr| crate::semantics::value_of(e).is_some();
    let (left, right) = (&mut comparison.left, &mut comparison.right);
    let value = match (is_schema(left), is_schema(right)) {
        (true, true) => return Compared::Columns,
        (true, false) if is_value(right) => right,
        (false, true) if is_value(left) => left,
        _ => return Compared::Other,
    };
    Compared::With(std::mem::replace(value, param(SCHEMA_NAME)))
}

/// Puts the keyspace's name in the place of the database's.
pub(crate) fn stand_for_keyspace(column: &mut Expr) {
    if !is_schema(column) {
        return;
    }
    let is_own = Comparison {
        op: ComparisonOp::Equal,
        left: column.clone(),
        right: param(SCHEMA_NAME),
        quantifier: None,
    };
    let args = vec![Expr::Comparison(Box::new(is_own)), param(KEYSPACE_NAME), column.clone()];
    *column = Expr::Func(Box::new(FuncCall::new("if", args)));
}

/// Takes back what [`stand_for_keyspace`] did.
fn stand_for_itself(expr: &mut Expr) {
    if let Expr::Func(call) = expr
        && let [Expr::Comparison(is_own), Expr::Param(Param::Named(name)), column] = &call.args[..]
        && name.as_bytes() == KEYSPACE_NAME.as_bytes()
        && is_schema(column)
        && is_own.left == *column
    {
        *expr = column.clone();
    }
}

fn in_order(order_by: &mut [OrderBy]) {
    order_by.iter_mut().for_each(|item| stand_for_itself(&mut item.expr));
}

/// Names the columns of a select list that is not the result's own: they are about to be expressions.
pub(crate) fn name_columns(select: &mut Select) {
    for item in &mut select.items {
        if let SelectItem::Expr(AliasedExpr { expr: Expr::Column(name), alias: alias @ None, .. }) = item
            && is_schema_column(name)
        {
            // MySQL's own name of the column, where it is seen.
            *alias = Some(Ident::new(name.name.to_string_lossy().to_ascii_uppercase().as_str()));
        }
    }
}

/// After a SELECT's parts: rows are grouped by the columns themselves, and the result of the whole statement shows them.
pub(crate) fn leave_select(select: &mut Select, is_result: bool) {
    if let Some(group_by) = &mut select.group_by {
        group_by.exprs.iter_mut().for_each(|item| stand_for_itself(&mut item.expr));
    }
    if is_result {
        for item in &mut select.items {
            if let SelectItem::Expr(item) = item {
                stand_for_itself(&mut item.expr);
            }
        }
    }
}

/// After a query's parts: the order of a set operation or of different rows is by what they show.
pub(crate) fn leave_query(query: &mut Query) {
    match &query.body {
        QueryBody::Select(select) if !select.distinct => {}
        _ => in_order(&mut query.order_by),
    }
}

/// The names, in lower case, under which the result shows schemas' columns: those that have none of their own.
pub(crate) fn shown(query: &Query) -> Vec<String> {
    let QueryBody::Select(select) = &query.body else { return Vec::new() };
    let alias = |item: &SelectItem| match item {
        SelectItem::Expr(AliasedExpr { expr, alias: Some(alias), .. }) if is_schema(expr) => {
            Some(alias.to_lower())
        }
        _ => None,
    };
    select.items.iter().filter_map(alias).collect()
}
