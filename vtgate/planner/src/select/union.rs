//! UNION of rows of several shards or keyspaces: each query is planned for itself, and their rows are put
//! together in vtgate; UNION DISTINCT folds equal rows.
//!
//! MySQL gives the columns of a UNION types of which all its queries' types are. vtgate does not change values, so
//! this is for queries whose columns have the same types, and the same collations where rows are compared; that is known
//! when they run, and otherwise the query is gathered. Columns are named by the first query.

use sqlast::ast::{
    AliasedExpr, ColName, Direction, Expr, Literal, Query, QueryBody, Select, SelectItem, SetOperation,
    SetOperatorKind, Span, WeightString,
};
use vterrors::{Error, Result};

use super::{Last, LimitValues, Planned, limit_values, merge, plan_with, tables_used};
use crate::{
    Aggregate, ColumnAt, Concat, Directives, Limit, OrderBy, PlanContext, Primitive, Sort,
    rewrite::Rewritten, semantics::Analysis,
};

fn refuse<T>(what: &str) -> Result<T> {
    Err(Error::unsupported(format!("{what} in a UNION that vtgate does")))
}

/// Plans a UNION. Refuses what is not for this way.
pub(super) fn plan(
    query: &Query,
    ctx: &PlanContext<'_>,
    analysis: &Analysis,
    directives: &Directives,
) -> Result<Planned> {
    let QueryBody::SetOperation(operation) = &query.body else { return refuse("no set operation") };
    if query.with.is_some() || !query.locks.is_empty() || query.into.is_some() {
        return refuse("WITH, FOR UPDATE or INTO");
    }
    let all = is_all(operation)?;
    let mut queries: Vec<Query> = std::iter::once(&operation.first)
        .chain(operation.rest.iter().map(|operand| &operand.right))
        .map(operand)
        .collect::<Result<_>>()?;
    let columns = columns(&queries)?;
    let order = order(query, &queries[0])?;
    let mut keyed: Vec<usize> = order.iter().map(|(at, _)| *at).collect();
    if !all {
        keyed.extend(0..columns);
    }
    keyed.sort_unstable();
    keyed.dedup();
    // Beside its weight a shard takes 'a' and 'a ' for different rows, also where PAD SPACE makes them equal.
    if all && !keyed.is_empty() && queries.iter().any(|q| select_of(q).is_some_and(|s| s.distinct)) {
        return refuse("an order of different values");
    }
    queries.iter_mut().try_for_each(|query| add_weights(query, &keyed))?;

    let mut rewritten = Rewritten::default();
    let mut warnings = Vec::new();
    let mut inputs = Vec::with_capacity(queries.len());
    for query in &queries {
        let planned = plan_with(query, ctx, Last::Gather)?;
        rewritten.add(planned.rewritten);
        warnings.extend(planned.warnings);
        inputs.push(planned.root);
    }
    warnings.dedup();
    let key = |at: usize, desc: bool| order_by(at, &keyed, columns, desc);
    let collations = (0..keyed.len()).map(|k| columns + k * WEIGHTS + 1).collect();
    let mut out = Planned {
        root: Primitive::Concat(Box::new(Concat { inputs, collations })),
        tables_used: tables_used(analysis),
        rewritten,
        warnings,
        directives: directives.clone(),
    };
    let order_by = order.iter().map(|(at, desc)| key(*at, *desc)).collect();
    let hidden_columns = keyed.len() * WEIGHTS;
    out.root =
        above(out.root, all, (0..columns).map(|at| key(at, false)).collect(), order_by, hidden_columns);
    let limit: Option<LimitValues> = query.limit.as_ref().map(limit_values).transpose()?;
    if let Some((count, offset)) = limit {
        out.root = Primitive::Limit(Box::new(Limit { input: out.root, count, offset, count_all: false }));
    }
    Ok(out)
}

fn above(
    input: Primitive,
    all: bool,
    keys: Vec<OrderBy>,
    order_by: Vec<OrderBy>,
    hidden_columns: usize,
) -> Primitive {
    match (all, order_by.is_empty()) {
        (false, _) => {
            let columns = Vec::new();
            Primitive::Aggregate(Box::new(Aggregate {
                input,
                keys,
                columns,
                having: None,
                order_by,
                hidden_columns,
                keeps_hidden: false,
            }))
        }
        (true, true) => input,
        (true, false) => Primitive::Sort(Box::new(Sort { input, order_by, hidden_columns })),
    }
}

/// Whether equal rows are kept. With both kinds of UNION, the last DISTINCT is for all before it.
fn is_all(operation: &SetOperation) -> Result<bool> {
    if operation.rest.iter().any(|operand| operand.op.kind != SetOperatorKind::Union) {
        return refuse("EXCEPT or INTERSECT");
    }
    let all = operation.rest.iter().filter(|operand| operand.op.all).count();
    match all {
        0 => Ok(false),
        all if all == operation.rest.len() => Ok(true),
        // After a DISTINCT nothing is equal, unless ALL adds it again.
        _ if operation.rest.last().is_some_and(|last| !last.op.all) => Ok(false),
        _ => refuse("UNION ALL after UNION"),
    }
}

/// An operand as a query of its own.
fn operand(body: &QueryBody) -> Result<Query> {
    match body {
        QueryBody::Select(_) => Ok(Query::new(body.clone())),
        QueryBody::Nested(nested) if matches!(nested.body, QueryBody::Select(_)) && nested.with.is_none() => {
            Ok((**nested).clone())
        }
        _ => refuse("such an operand"),
    }
}

fn select_of(query: &Query) -> Option<&Select> {
    match &query.body {
        QueryBody::Select(select) => Some(select),
        _ => None,
    }
}

/// How many columns all of the queries have.
fn columns(queries: &[Query]) -> Result<usize> {
    let mut counts = queries.iter().map(|query| match select_of(query) {
        Some(select) if select.items.iter().all(|i| matches!(i, SelectItem::Expr(_))) => {
            Ok(select.items.len())
        }
        _ => refuse("*"),
    });
    let first = counts.next().unwrap_or(Ok(0))?;
    for count in counts {
        if count? != first {
            return Err(Error::mysql(
                1222,
                *b"21000",
                "The used SELECT statements have a different number of columns",
            ));
        }
    }
    Ok(first)
}

/// The columns of the order, and whether they go down.
fn order(query: &Query, first: &Query) -> Result<Vec<(usize, bool)>> {
    let items = select_of(first).map(|select| &select.items[..]).unwrap_or_default();
    let named = |wanted: &ColName| {
        items.iter().position(|item| match item {
            SelectItem::Expr(AliasedExpr { alias: Some(alias), .. }) => alias.eq_ignore_case(&wanted.name),
            SelectItem::Expr(AliasedExpr { expr: Expr::Column(name), .. }) => {
                name.name.eq_ignore_case(&wanted.name)
            }
            _ => false,
        })
    };
    let mut out = Vec::new();
    for item in &query.order_by {
        let at = match &item.expr {
            Expr::Literal(Literal::Null) => continue,
            Expr::Literal(Literal::Integer(text)) => {
                let position: usize = text.to_string_lossy().parse().unwrap_or(0);
                position.checked_sub(1).filter(|at| *at < items.len())
            }
            Expr::Column(name) if name.qualifier.is_none() => named(name),
            _ => None,
        };
        match at {
            Some(at) => out.push((at, item.direction == Direction::Desc)),
            None => return refuse("ORDER BY other than a column"),
        }
    }
    Ok(out)
}

/// Columns that are added for each column that rows are compared by: its weight and its collation.
const WEIGHTS: usize = 2;

fn add_weights(query: &mut Query, keyed: &[usize]) -> Result<()> {
    let QueryBody::Select(select) = &mut query.body else { return Ok(()) };
    if keyed.is_empty() {
        return Ok(());
    }
    if select.group_by.is_some() || select.items.iter().any(is_aggregated) {
        return refuse("groups to be compared");
    }
    for at in keyed {
        let Some(SelectItem::Expr(item)) = select.items.get(*at) else { return refuse("*") };
        if !crate::gather::is_stable(&item.expr) {
            return refuse("an expression that changes from row to row");
        }
        let expr = item.expr.clone();
        let weight = Expr::WeightString(Box::new(WeightString { expr: expr.clone(), cast: None }));
        for made in [weight, merge::call("collation", expr)] {
            select.items.push(SelectItem::Expr(AliasedExpr {
                expr: made,
                alias: None,
                span: Span::default(),
            }));
        }
    }
    Ok(())
}

fn is_aggregated(item: &SelectItem) -> bool {
    matches!(item, SelectItem::Expr(item) if crate::semantics::has_aggregate(&item.expr))
}

fn order_by(at: usize, keyed: &[usize], columns: usize, desc: bool) -> OrderBy {
    let hidden = keyed.iter().position(|k| *k == at).map(|k| columns + k * WEIGHTS);
    OrderBy {
        column: ColumnAt::Start(at),
        weight_string: hidden.map(ColumnAt::Start),
        collation_column: hidden.map(|h| ColumnAt::Start(h + 1)),
        collation: None,
        desc,
    }
}
