//! What is selected, grouped and ordered above the rows put together, and the plan that comes of it.

use sqlast::ast::{
    AliasedExpr, ColName, Direction, Expr, FuncCall, Ident, Is, IsTest, Literal, Query, Select, SelectItem,
    Span, TableName, WeightString,
};
use vschema::Column;
use vterrors::Result;

use super::{Joiner, refuse, tree::Tree};
use crate::{
    Aggregate, AggregateColumn, AggregateFunction, ColumnAt, Directives, Having, Limit, OrderBy, Primitive,
    Sort,
    gather::groups,
    select::{
        self, Planned, having,
        merge::{self, Compare},
        same_expr,
    },
    semantics::{Aggregation, Analysis, SelectBlock, has_aggregate, has_subquery, is_aggregate},
};

/// A column of a step's part, by positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub step: usize,
    pub at: usize,
}

/// What rows are compared by, before its columns have their places in the rows.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub column: Slot,
    weight_string: Option<Slot>,
    collation_column: Option<Slot>,
    collation: Option<String>,
    desc: bool,
}

impl Key {
    pub fn order_by(&self, mut at: impl FnMut(Slot) -> usize) -> OrderBy {
        let mut place = |slot: Slot| ColumnAt::Start(at(slot));
        OrderBy {
            column: place(self.column),
            weight_string: self.weight_string.map(&mut place),
            collation_column: self.collation_column.map(&mut place),
            collation: self.collation.clone(),
            desc: self.desc,
        }
    }

    fn descending(self, desc: bool) -> Self {
        Self { desc, ..self }
    }
}

/// How a selected column comes about from the rows of a group.
enum Folded {
    Count,
    CountRows,
    Min(Key),
    Max(Key),
    Sum,
    Avg { sum: Slot, count: Slot },
}

pub(super) fn plan(
    joiner: Joiner<'_>,
    query: &Query,
    select: &Select,
    analysis: &Analysis,
    block: &SelectBlock,
    directives: Directives,
) -> Result<Planned> {
    let mut select = select.clone();
    expand_stars(&mut select, joiner.tree)?;
    let grouped = block.aggregation != Aggregation::None;
    if grouped && select.distinct {
        return refuse("DISTINCT of groups");
    }
    let mut top = Top { joiner, shown: Vec::new(), folds: Vec::new(), beside: Vec::new() };
    let group_by = top.grouping(&select, block)?;
    for item in &select.items {
        let SelectItem::Expr(item) = item else { return refuse("NEXT VALUES") };
        top.item(item, block, &group_by)?;
    }
    let mut keys: Vec<Key> = group_by.iter().map(|expr| top.key(expr, None)).collect::<Result<_>>()?;
    if select.distinct {
        keys = (0..select.items.len()).map(|at| top.key_of_item(&select, at)).collect::<Result<_>>()?;
    }
    let order = match block.aggregation {
        // One row has no order.
        Aggregation::Scalar => Vec::new(),
        _ => top.order(query, &select, &group_by)?,
    };
    let limit = query.limit.as_ref().map(select::limit_values).transpose()?;
    let folds = grouped || select.distinct;
    let having = top.having(&select, &group_by, analysis)?;
    if having.is_some() && !grouped {
        return refuse("HAVING without groups");
    }
    top.finish(Above { folds, keys, having, order, limit }, analysis, directives)
}

/// What is done with the rows put together.
struct Above {
    folds: bool,
    keys: Vec<Key>,
    having: Option<Condition>,
    order: Vec<Key>,
    limit: Option<select::LimitValues>,
}

/// HAVING, whose columns are by position in `slots`.
struct Condition {
    having: Having,
    slots: Vec<Slot>,
}

/// `*` becomes the columns that it means.
pub(super) fn expand_stars(select: &mut Select, tree: &Tree) -> Result<()> {
    let mut items = Vec::with_capacity(select.items.len());
    for item in std::mem::take(&mut select.items) {
        let SelectItem::Wildcard(of) = &item else {
            items.push(item);
            continue;
        };
        let before = items.len();
        for leaf in &tree.leaves {
            if of.as_ref().is_some_and(|name| !leaf.is_called(name)) {
                continue;
            }
            items.extend(leaf.visible().into_iter().map(|name| {
                let qualifier = Some(Box::new(TableName { qualifier: None, name: leaf.alias.clone() }));
                let expr = Expr::Column(ColName { qualifier, name });
                SelectItem::Expr(AliasedExpr { expr, alias: None, span: Span::default() })
            }));
        }
        if items.len() == before {
            return refuse("a * of no table");
        }
    }
    select.items = items;
    Ok(())
}

struct Top<'a> {
    joiner: Joiner<'a>,
    /// The client's columns.
    shown: Vec<Slot>,
    /// Those columns that are folded.
    folds: Vec<(Slot, Folded)>,
    /// The columns that keep the values of such a one.
    beside: Vec<(Slot, Slot)>,
}

impl Top<'_> {
    /// The column of the part whose tables an expression is about. `made` is one of our own, which is NULL where
    /// its column is.
    fn slot(&mut self, expr: &Expr, alias: Option<Ident>, made: bool) -> Result<Slot> {
        let step = self.joiner.step_of(expr, made)?;
        let is_own = alias.is_some();
        let slot = self.joiner.slot_in(step, expr, alias)?;
        if is_own || !self.folds.iter().any(|(folded, _)| *folded == slot) {
            return Ok(slot);
        }
        // A column that is folded has another value afterwards, for HAVING and ORDER BY.
        if let Some((_, beside)) = self.beside.iter().find(|(folded, _)| *folded == slot) {
            return Ok(*beside);
        }
        let beside = self.joiner.slot_in(step, expr, Some(Ident::from("__vt_key")))?;
        self.beside.push((slot, beside));
        Ok(beside)
    }

    /// What rows are compared by for an expression; its own column is `own`, where it has one already.
    fn key(&mut self, expr: &Expr, own: Option<Slot>) -> Result<Key> {
        let known = self.joiner.tree.known_column(expr).cloned();
        let mut at = |expr: &Expr, made: bool| self.slot(expr, None, made);
        key_of(expr, known.as_ref(), own, &mut at)
    }

    fn key_of_item(&mut self, select: &Select, at: usize) -> Result<Key> {
        match &select.items[at] {
            SelectItem::Expr(item) => self.key(&item.expr.clone(), Some(self.shown[at])),
            _ => refuse("a column that is no expression"),
        }
    }

    /// The grouping expressions, positions and aliases resolved.
    fn grouping(&self, select: &Select, block: &SelectBlock) -> Result<Vec<Expr>> {
        if let Aggregation::Grouped { rollup: true, .. } = block.aggregation {
            return refuse("WITH ROLLUP");
        }
        let item_at = |at: usize| match select.items.get(at) {
            Some(SelectItem::Expr(item)) if !has_aggregate(&item.expr) => Ok(item.expr.clone()),
            _ => refuse("GROUP BY a column that is not there"),
        };
        let exprs = select.group_by.iter().flat_map(|g| &g.exprs);
        exprs
            .map(|group| match &group.expr {
                Expr::Literal(Literal::Integer(position)) => item_at(
                    position.to_string_lossy().parse().map_or(usize::MAX, |p: usize| p.wrapping_sub(1)),
                ),
                Expr::Column(name) if self.joiner.tree.owner(name).is_none() => {
                    let named = |item: &SelectItem| match item {
                        SelectItem::Expr(item) => {
                            item.alias.as_ref().is_some_and(|a| a.eq_ignore_case(&name.name))
                        }
                        _ => false,
                    };
                    match select.items.iter().position(named) {
                        Some(at) if name.qualifier.is_none() => item_at(at),
                        _ => refuse("GROUP BY a column that is not known"),
                    }
                }
                expr => Ok(expr.clone()),
            })
            .collect()
    }

    fn is_same(&self, a: &Expr, b: &Expr) -> bool {
        match (a, b) {
            (Expr::Column(x), Expr::Column(y)) => {
                x.name.eq_ignore_case(&y.name) && self.joiner.tree.owner(x) == self.joiner.tree.owner(y)
            }
            (a, b) => same_expr(a, b),
        }
    }

    /// One of the client's columns.
    fn item(&mut self, item: &AliasedExpr, block: &SelectBlock, group_by: &[Expr]) -> Result<()> {
        let expr = &item.expr;
        if has_subquery(expr) || !crate::gather::is_stable_but_aggregates(expr) {
            return refuse("an expression that changes from row to row");
        }
        let label = || match expr {
            // Named by its value, which the shard does, too.
            Expr::Literal(_) => item.alias.clone(),
            _ => Some(item.alias.clone().unwrap_or_else(|| Ident::new(sqlast::to_sql(expr).as_slice()))),
        };
        let shown = match expr {
            Expr::Func(call) if is_aggregate(call) => self.aggregate(call, label())?,
            expr if has_aggregate(expr) => return refuse("an expression of aggregate functions"),
            expr if block.aggregation != Aggregation::None
                && !group_by.iter().any(|g| self.is_same(g, expr)) =>
            {
                return refuse("a column that is no key of the groups");
            }
            Expr::Column(name) => {
                self.slot(expr, Some(item.alias.clone().unwrap_or_else(|| name.name.clone())), false)?
            }
            expr => self.slot(expr, label(), false)?,
        };
        self.shown.push(shown);
        Ok(())
    }

    /// The column that an aggregate is folded from.
    fn aggregate(&mut self, call: &FuncCall, label: Option<Ident>) -> Result<Slot> {
        if call.distinct || call.args.len() != 1 {
            return refuse("DISTINCT in an aggregate");
        }
        let arg = &call.args[0];
        let (slot, fold) = if call.name.is(b"count") && *arg == Expr::Star && self.joiner.begins_with_plan() {
            let column = self.joiner.first_column()?;
            (self.slot(&column, label, true)?, Folded::CountRows)
        } else if call.name.is(b"count") {
            let counted = match arg {
                Expr::Star => Expr::Literal(Literal::Integer("1".into())),
                arg => {
                    self.joiner.step_of(arg, false)?;
                    Expr::Is(Box::new(Is { expr: arg.clone(), not: true, test: IsTest::Null }))
                }
            };
            (self.slot(&counted, label, true)?, Folded::Count)
        } else if call.name.is(b"min") || call.name.is(b"max") {
            let slot = self.slot(arg, label, false)?;
            let known = self.joiner.tree.known_column(arg).cloned();
            if matches!(merge::compare(arg, known.as_ref())?, Compare::Number(_)) {
                return refuse("MIN or MAX of such a type");
            }
            let key = self.key(arg, Some(slot))?;
            (slot, if call.name.is(b"min") { Folded::Min(key) } else { Folded::Max(key) })
        } else if call.name.is(b"any_value") {
            // That of the group's first row.
            return self.slot(arg, label, false);
        } else if call.name.is(b"sum") {
            self.check_added(arg)?;
            (self.slot(arg, label, false)?, Folded::Sum)
        } else if call.name.is(b"avg") {
            self.check_added(arg)?;
            let slot = self.slot(arg, label, false)?;
            let sum = self.slot(arg, Some(Ident::from("__vt_sum")), false)?;
            let is_value = Expr::Is(Box::new(Is { expr: arg.clone(), not: true, test: IsTest::Null }));
            let count = self.slot(&is_value, Some(Ident::from("__vt_count")), true)?;
            self.folds.extend([(sum, Folded::Sum), (count, Folded::Count)]);
            (slot, Folded::Avg { sum, count })
        } else {
            return refuse("this aggregate function");
        };
        self.folds.push((slot, fold));
        Ok(slot)
    }

    /// Refuses to add what is known to be no exact number and no double. Of an expression that is known when it runs.
    fn check_added(&self, arg: &Expr) -> Result<()> {
        let known = self.joiner.tree.known_column(arg).and_then(|column| column.ty);
        match known {
            Some(ty) if !eval::can_be_added(ty) => refuse("SUM or AVG of such a type"),
            _ => Ok(()),
        }
    }

    fn order(&mut self, query: &Query, select: &Select, group_by: &[Expr]) -> Result<Vec<Key>> {
        let grouped = !group_by.is_empty();
        let mut out = Vec::new();
        for item in &query.order_by {
            if item.expr == Expr::Literal(Literal::Null) {
                continue;
            }
            let target = merge::target(&item.expr, select)?;
            if has_subquery(&target.expr) || !crate::gather::is_stable_but_aggregates(&target.expr) {
                return refuse("an order that changes from row to row");
            }
            let fold = target.item.and_then(|at| self.folds.iter().find(|(fold, _)| *fold == self.shown[at]));
            let key = match (fold, target.item) {
                (Some((slot, Folded::Count | Folded::CountRows | Folded::Sum | Folded::Avg { .. })), _) => {
                    plain_key(*slot)
                }
                (Some((_, Folded::Min(key) | Folded::Max(key))), _) => key.clone(),
                (None, Some(at)) => self.key(&target.expr, Some(self.shown[at]))?,
                (None, None) if select.distinct => return refuse("DISTINCT ordered by what is not selected"),
                (None, None) if grouped && !group_by.iter().any(|g| self.is_same(g, &target.expr)) => {
                    return refuse("groups ordered by what is no key");
                }
                (None, None) => self.key(&target.expr, None)?,
            };
            out.push(key.descending(item.direction == Direction::Desc));
        }
        Ok(out)
    }

    fn having(
        &mut self,
        select: &Select,
        group_by: &[Expr],
        analysis: &Analysis,
    ) -> Result<Option<Condition>> {
        let Some(having) = &select.having else { return Ok(None) };
        let Some(plain) = groups::without_aliases(having, select, analysis) else {
            return refuse("such a HAVING");
        };
        having::check_types(&plain, &|expr| self.joiner.tree.known_column(expr)?.ty)?;
        let mut slots: Vec<Slot> = Vec::new();
        let having = having::plan(&plain, &mut |operand| {
            let slot = self.operand(operand, select, group_by)?;
            slots.push(slot);
            // By its place among the operands, until the columns have theirs.
            Ok(ColumnAt::Start(slots.len() - 1))
        })?;
        Ok(Some(Condition { having, slots }))
    }

    /// An operand of HAVING: an aggregate or a key of the groups.
    fn operand(&mut self, expr: &Expr, select: &Select, group_by: &[Expr]) -> Result<Slot> {
        let is_it = |item: &SelectItem| matches!(item, SelectItem::Expr(item) if same_expr(&item.expr, expr));
        match expr {
            Expr::Func(call) if is_aggregate(call) => match select.items.iter().position(is_it) {
                Some(at) => Ok(self.shown[at]),
                None => self.aggregate(call, Some(Ident::from("__vt_having"))),
            },
            key if group_by.iter().any(|g| self.is_same(g, key)) => self.slot(key, None, false),
            _ => refuse("HAVING with such an operand"),
        }
    }

    fn finish(self, above: Above, analysis: &Analysis, directives: Directives) -> Result<Planned> {
        let Self { joiner, shown, folds, beside: _ } = self;
        let mut places = Places { shown: shown.clone(), hidden: Vec::new() };
        let mut by = |key: &Key| key.order_by(|slot| places.place(slot));
        let keys: Vec<OrderBy> = above.keys.iter().map(&mut by).collect();
        let order_by: Vec<OrderBy> = above.order.iter().map(&mut by).collect();
        let columns: Vec<AggregateColumn> = folds
            .iter()
            .map(|(slot, fold)| {
                let mut by = |key: &Key| key.order_by(|slot| places.place(slot));
                let function = match fold {
                    Folded::Count => AggregateFunction::Count,
                    Folded::CountRows => AggregateFunction::CountRows,
                    Folded::Min(key) => AggregateFunction::Min(by(key)),
                    Folded::Max(key) => AggregateFunction::Max(by(key)),
                    Folded::Sum => AggregateFunction::SumRows,
                    Folded::Avg { sum, count } => AggregateFunction::AvgRows {
                        sum: ColumnAt::Start(places.place(*sum)),
                        count: ColumnAt::Start(places.place(*count)),
                    },
                };
                AggregateColumn { column: ColumnAt::Start(places.place(*slot)), function }
            })
            .collect();
        let having = above.having.map(|condition| {
            let at: Vec<usize> = condition.slots.iter().map(|slot| places.place(*slot)).collect();
            condition.having.with_columns(&|place| ColumnAt::Start(at[place.index(0, 0)]))
        });
        let hidden_columns = places.hidden.len();
        let all: Vec<Slot> = shown.into_iter().chain(places.hidden).collect();
        let mut planned = joiner.plan(&all, analysis, directives)?;
        if above.folds {
            let aggregate = Aggregate {
                input: planned.root,
                keys,
                columns,
                having,
                order_by,
                hidden_columns,
                keeps_hidden: false,
            };
            planned.root = Primitive::Aggregate(Box::new(aggregate));
        } else if !order_by.is_empty() {
            planned.root = Primitive::Sort(Box::new(Sort { input: planned.root, order_by, hidden_columns }));
        }
        if let Some((count, offset)) = above.limit {
            planned.root =
                Primitive::Limit(Box::new(Limit { input: planned.root, count, offset, count_all: false }));
        }
        Ok(planned)
    }
}

/// Where columns are in the rows that are put together last.
struct Places {
    shown: Vec<Slot>,
    hidden: Vec<Slot>,
}

impl Places {
    fn place(&mut self, slot: Slot) -> usize {
        if let Some(at) = self.shown.iter().position(|s| *s == slot) {
            return at;
        }
        let hidden = self.hidden.iter().position(|s| *s == slot).unwrap_or_else(|| {
            self.hidden.push(slot);
            self.hidden.len() - 1
        });
        self.shown.len() + hidden
    }
}

fn plain_key(column: Slot) -> Key {
    Key { column, weight_string: None, collation_column: None, collation: None, desc: false }
}

/// What an expression's values are compared by. `at` gives columns their slots.
pub(super) fn key_of(
    expr: &Expr,
    known: Option<&Column>,
    own: Option<Slot>,
    at: &mut dyn FnMut(&Expr, bool) -> Result<Slot>,
) -> Result<Key> {
    let compare = merge::compare(expr, known)?;
    if let Compare::Number(number) = &compare {
        return Ok(plain_key(at(number, matches!(expr, Expr::Column(_)))?));
    }
    let column = match own {
        Some(slot) => slot,
        None => at(expr, false)?,
    };
    let mut key = plain_key(column);
    if let Compare::Weight(collation) = compare {
        let weight = WeightString { expr: expr.clone(), cast: None };
        key.weight_string = Some(at(&Expr::WeightString(Box::new(weight)), true)?);
        if collation.is_none() {
            key.collation_column = Some(at(&merge::call("collation", expr.clone()), true)?);
        }
        key.collation = collation;
    }
    Ok(key)
}
