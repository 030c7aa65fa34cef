//! Groups whose rows need more than folding: HAVING, expressions of aggregates, windows over groups,
//! DISTINCT in aggregates. The groups are folded as far as vtgate can, and only they, not the rows they
//! are made of, go to the one tablet that does the rest.
//!
//! Two ways:
//! - all aggregates can be folded: the parts of the select list that are an aggregate, a key or a column
//!   are computed by group, and the query runs over one row for each group;
//! - all aggregates are the same for equal values (`COUNT(DISTINCT a)`, `MAX(a)`): the different values are
//!   read, and the query groups them again.

use sqlast::{
    Rewriter, Walk,
    ast::{
        AliasedExpr, AliasedTable, ColName, Expr, FuncCall, GroupBy, GroupItem, Ident, Literal, OrderBy,
        Query, QueryBody, Select, SelectItem, Span, Statement, TableExpr, TableName,
    },
};
use vschema::ColumnType;
use vterrors::Result;

use super::NAME;
use crate::{
    Directives, Gather, GatherStep, Load, LoadShape, PlanContext, PlanWarning, Primitive, rewrite,
    select::{self, Planned, same_expr},
    semantics::{Aggregation, Analysis, SelectBlock, Source, has_subquery, is_aggregate},
};

/// Plans a query of groups in this way, if it is one.
pub(crate) fn plan(
    query: &Query,
    ctx: &PlanContext<'_>,
    analysis: &Analysis,
    block: &SelectBlock,
    (reason, directives): (&str, Directives),
) -> Option<Planned> {
    let QueryBody::Select(select) = &query.body else { return None };
    let rollup = matches!(block.aggregation, Aggregation::Grouped { rollup: true, .. });
    if query.with.is_some() || rollup || block.aggregation == Aggregation::None {
        return None;
    }
    let keys = keys(select, block)?;
    let having = match &select.having {
        Some(having) => Some(without_aliases(having, select, analysis)?),
        None => None,
    };
    let mut parts = Parts { analysis, keys: &keys, fold: true, exprs: Vec::new(), fits: true };
    parts.fold = way(select, query, having.as_ref())? == Way::Fold;
    let outer = outer(query, select, having, analysis, &mut parts)?;
    if !parts.fits || (block.aggregation == Aggregation::Scalar && parts.has_columns()) {
        return None;
    }
    let inner = parts.query(query, select);
    finish(&inner, outer, ctx, analysis, (reason, directives)).ok()
}

/// Plans the groups by shard, and the rest over their temporary table.
fn finish(
    inner: &Query,
    outer: Query,
    ctx: &PlanContext<'_>,
    analysis: &Analysis,
    (reason, directives): (&str, Directives),
) -> Result<Planned> {
    let planned = select::plan_by_shard(inner, ctx)?;
    let keyspace = analysis.base_tables().next().map(|(_, t)| t.keyspace.clone());
    let keyspace = match keyspace {
        Some(keyspace) => keyspace,
        None => ctx.any_keyspace()?.name.clone(),
    };
    let mut rewritten = planned.rewritten;
    let mut shape = Statement::Query(Box::new(Query { locks: Vec::new(), ..inner.clone() }));
    rewritten.add(rewrite::rewrite(&mut shape, ctx, false)?);
    let columns = match &inner.body {
        QueryBody::Select(select) => (0..select.items.len()).map(name_of).collect(),
        _ => Vec::new(),
    };
    let load = Load {
        name: format!("{NAME}0"),
        keyspace: keyspace.clone(),
        table: String::new(),
        shape: LoadShape::Query { columns, query: rewrite::print(ctx, &shape)? },
        input: planned.root,
        by_keys: None,
    };
    let mut statement = Statement::Query(Box::new(outer));
    rewritten.add(rewrite::rewrite_gathered(&mut statement, ctx)?);
    let gather = Gather {
        keyspace,
        steps: vec![GatherStep::Load(Box::new(load))],
        query: rewrite::print(ctx, &statement)?,
        reason: reason.to_owned(),
    };
    let mut warnings = planned.warnings;
    warnings.push(PlanWarning::Gather);
    Ok(Planned {
        root: Primitive::Gather(Box::new(gather)),
        tables_used: planned.tables_used,
        rewritten,
        warnings,
        directives,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// One row for each group is enough.
    Fold,
    /// The different values are enough.
    Distinct,
}

/// How the aggregates of a query can be had; `None` where rows are needed.
fn way(select: &Select, query: &Query, having: Option<&Expr>) -> Option<Way> {
    #[derive(Default)]
    struct Calls(Vec<FuncCall>);
    impl sqlast::Visitor for Calls {
        fn enter_expr(&mut self, expr: &Expr) -> sqlast::Visit {
            match expr {
                Expr::Func(call) if is_aggregate(call) => {
                    self.0.push((**call).clone());
                    sqlast::Visit::Over
                }
                _ => sqlast::Visit::Into,
            }
        }
    }
    let mut calls = Calls::default();
    let items = select.items.iter().filter_map(|item| match item {
        SelectItem::Expr(item) => Some(&item.expr),
        _ => None,
    });
    let order = query.order_by.iter().map(|o| &o.expr);
    items.chain(having).chain(order).for_each(|e| {
        e.walk(&mut calls);
    });
    let extreme = |c: &FuncCall| c.name.is(b"min") || c.name.is(b"max");
    let folds = |c: &FuncCall| {
        extreme(c)
            || (!c.distinct && [&b"count"[..], b"sum", b"avg", b"any_value"].iter().any(|n| c.name.is(n)))
    };
    if calls.0.iter().all(folds) {
        Some(Way::Fold)
    } else if calls.0.iter().all(|c| extreme(c) || c.distinct) {
        Some(Way::Distinct)
    } else {
        None
    }
}

/// The grouping expressions, positions and aliases resolved.
pub(crate) fn keys(select: &Select, block: &SelectBlock) -> Option<Vec<Expr>> {
    let items = select.group_by.iter().flat_map(|g| &g.exprs).enumerate();
    items
        .map(|(at, item)| match &item.expr {
            Expr::Literal(Literal::Integer(text)) => {
                let position: usize = text.to_string_lossy().parse().ok()?;
                match select.items.get(position.checked_sub(1)?)? {
                    SelectItem::Expr(item) => Some(item.expr.clone()),
                    _ => None,
                }
            }
            Expr::Column(name) if name.qualifier.is_none() => match alias_of(select, &name.name) {
                Some(expr) if same_expr(expr, &item.expr) => Some(item.expr.clone()),
                Some(expr) => block.group_is_alias.get(at)?.then(|| expr.clone()),
                None => Some(item.expr.clone()),
            },
            expr => (!has_subquery(expr)).then(|| expr.clone()),
        })
        .collect()
}

fn alias_of<'a>(select: &'a Select, name: &Ident) -> Option<&'a Expr> {
    select.items.iter().find_map(|item| match item {
        SelectItem::Expr(item) if item.alias.as_ref().is_some_and(|a| a.eq_ignore_case(name)) => {
            Some(&item.expr)
        }
        _ => None,
    })
}

/// An expression with the select list's expressions in place of their aliases; `None` where a name may be either
/// an alias or a column.
pub(crate) fn without_aliases(having: &Expr, select: &Select, analysis: &Analysis) -> Option<Expr> {
    struct Aliases<'a> {
        select: &'a Select,
        analysis: &'a Analysis,
        unsure: bool,
    }
    impl Rewriter for Aliases<'_> {
        fn enter_expr(&mut self, expr: &mut Expr) -> bool {
            let Expr::Column(name) = &*expr else { return true };
            if let Some(target) =
                name.qualifier.is_none().then(|| alias_of(self.select, &name.name)).flatten()
                && !same_expr(target, expr)
            {
                self.unsure |= may_be_column(self.analysis, &name.name);
                *expr = target.clone();
            }
            false
        }
    }
    let mut having = having.clone();
    let mut aliases = Aliases { select, analysis, unsure: has_subquery(&having) };
    having.rewrite(&mut aliases);
    (!aliases.unsure).then_some(having)
}

/// Whether some table of the statement may have a column of this name.
fn may_be_column(analysis: &Analysis, name: &Ident) -> bool {
    analysis.tables.iter().any(|t| match &t.source {
        Source::Base(table) => {
            !table.column_list_authoritative || table.column(&name.to_string_lossy()).is_some()
        }
        _ => true,
    })
}

/// The query over the groups' table; its parts are noted.
fn outer(
    query: &Query,
    select: &Select,
    having: Option<Expr>,
    analysis: &Analysis,
    parts: &mut Parts<'_>,
) -> Option<Query> {
    let mut items = Vec::with_capacity(select.items.len());
    for item in &select.items {
        let SelectItem::Expr(item) = item else { return None };
        let expr = parts.replaced(&item.expr);
        let alias = match (&item.alias, &item.expr) {
            (Some(alias), _) => Some(alias.clone()),
            (None, Expr::Column(name)) => Some(name.name.clone()),
            // Named by its value, which mysqld does, too.
            (None, Expr::Literal(_)) if matches!(expr, Expr::Literal(_)) => None,
            (None, expr) => Some(Ident::new(sqlast::to_sql(expr))),
        };
        items.push(SelectItem::Expr(AliasedExpr { expr, alias, span: Span::default() }));
    }
    let having = having.map(|h| parts.replaced(&h));
    let mut order_by = Vec::with_capacity(query.order_by.len());
    for item in &query.order_by {
        let expr = match &item.expr {
            position @ Expr::Literal(_) => position.clone(),
            alias @ Expr::Column(name)
                if name.qualifier.is_none() && alias_of(select, &name.name).is_some() =>
            {
                alias.clone()
            }
            expr => parts.replaced(&without_aliases(expr, select, analysis)?),
        };
        order_by.push(OrderBy { expr, direction: item.direction });
    }
    let mut windows = select.windows.clone();
    for window in &mut windows {
        let spec = &mut window.spec;
        let exprs = spec.partition_by.iter_mut().chain(spec.order_by.iter_mut().map(|o| &mut o.expr));
        exprs.for_each(|e| *e = parts.replaced(e));
    }
    if select.qualify.is_some() {
        return None;
    }
    let (where_, having, group_by) = match parts.fold {
        true => (having, None, None),
        false => (None, having, parts.group_by()),
    };
    let from = AliasedTable::new(TableName::unqualified(format!("{NAME}0")));
    Some(Query {
        order_by,
        limit: query.limit.clone(),
        ..Query::new(QueryBody::Select(Box::new(Select {
            distinct: select.distinct,
            items,
            from: vec![TableExpr::Table(Box::new(from))],
            where_,
            group_by,
            having,
            windows,
            ..Select::default()
        })))
    })
}

fn name_of(part: usize) -> String {
    format!("__vt_c{part}")
}

/// What is computed by group, each once.
struct Parts<'a> {
    analysis: &'a Analysis,
    keys: &'a [Expr],
    /// Aggregates are parts; else their arguments are.
    fold: bool,
    exprs: Vec<Expr>,
    /// False once something was met that is not known over the groups.
    fits: bool,
}

impl Parts<'_> {
    fn column(&mut self, expr: &Expr) -> Expr {
        let at = self.exprs.iter().position(|e| e == expr).unwrap_or_else(|| {
            self.exprs.push(expr.clone());
            self.exprs.len() - 1
        });
        Expr::Column(ColName { qualifier: None, name: Ident::from(name_of(at)) })
    }

    /// The expression over the groups' table.
    fn replaced(&mut self, expr: &Expr) -> Expr {
        let mut expr = expr.clone();
        self.fits &= !has_subquery(&expr);
        if self.fold && self.is_more_inside(&expr) {
            return self.column(&expr);
        }
        expr.rewrite(self);
        expr
    }

    /// Whether an aggregate is something else inside of an expression than alone. MySQL's average has more digits there
    /// than it shows, and the least or greatest of an ENUM is a text, where a column of that type is a number.
    fn is_more_inside(&self, expr: &Expr) -> bool {
        let Expr::Func(call) = expr else { return false };
        let is_listed = || {
            let ty = call.args.first().and_then(|arg| select::having::type_in(self.analysis, arg));
            matches!(ty, Some(ColumnType::Enum | ColumnType::Set))
        };
        is_aggregate(call)
            && (call.name.is(b"avg") || (call.name.is(b"min") || call.name.is(b"max")) && is_listed())
    }

    fn is_key(&self, expr: &Expr) -> bool {
        self.keys.iter().any(|key| same_expr(key, expr) || same_expr(expr, key))
    }

    fn has_columns(&self) -> bool {
        self.fold && self.exprs.iter().any(|e| matches!(e, Expr::Column(_)))
    }

    fn group_by(&mut self) -> Option<GroupBy> {
        let keys = self.keys;
        let exprs: Vec<GroupItem> =
            keys.iter().map(|key| GroupItem { expr: self.column(key), direction: None }).collect();
        (!exprs.is_empty()).then_some(GroupBy { exprs, with_rollup: false, cube: false })
    }

    /// The query that the parts come from.
    fn query(&self, query: &Query, select: &Select) -> Query {
        let item = |(at, expr): (usize, &Expr)| {
            let alias = Some(Ident::from(name_of(at)));
            SelectItem::Expr(AliasedExpr { expr: expr.clone(), alias, span: Span::default() })
        };
        let group = |key: &Expr| GroupItem { expr: key.clone(), direction: None };
        let group_by = (self.fold && !self.keys.is_empty()).then(|| GroupBy {
            exprs: self.keys.iter().map(group).collect(),
            with_rollup: false,
            cube: false,
        });
        Query {
            locks: query.locks.clone(),
            ..Query::new(QueryBody::Select(Box::new(Select {
                comments: select.comments.clone(),
                distinct: !self.fold,
                items: self.exprs.iter().enumerate().map(item).collect(),
                from: select.from.clone(),
                where_: select.where_.clone(),
                group_by,
                ..Select::default()
            })))
        }
    }
}

impl Rewriter for Parts<'_> {
    fn enter_expr(&mut self, expr: &mut Expr) -> bool {
        if let Expr::Func(call) = expr
            && is_aggregate(call)
            && !self.fold
        {
            call.args.iter_mut().for_each(|arg| *arg = self.column(arg));
            // Which of the rows of one value would give the order?
            self.fits &= call.group_concat.as_ref().is_none_or(|g| g.order_by.is_empty());
            return false;
        }
        self.fits &= !(self.fold && self.is_more_inside(expr));
        let part = match &*expr {
            Expr::Func(call) if is_aggregate(call) => true,
            Expr::Column(_) => {
                // It has one value in a group only if it is a key, or depends on one: shards know that.
                self.fits &= self.fold || self.is_key(expr);
                true
            }
            other => self.is_key(other),
        };
        if part {
            *expr = self.column(&expr.clone());
        }
        !part
    }
}
