//! Groups over several shards: each shard groups its own rows, and vtgate folds groups of equal keys.
//!
//! Counts and sums are added, smallest and largest values compared, averages made of a sum and a count.
//! DISTINCT is grouping by every column. For `COUNT(DISTINCT a)` and its like the shards group by `a`, too, and
//! vtgate folds twice: equal values of a group into one, then these into the group. What cannot be folded from
//! partial values (GROUP_CONCAT with an order, expressions of aggregates) is refused by name. The order and the
//! limit are left to vtgate: a shard does not know which groups are the first.

use sqlast::ast::{
    Binary, BinaryOp, Direction, Expr, FuncCall, GroupBy, GroupItem, Ident, Literal, Query, QueryBody,
    Select, SelectItem,
};
use vterrors::{Error, Result};

use super::having;
use super::merge::{Hidden, Target, output_key, same_expr, target};
use crate::gather::groups;
use crate::{
    Aggregate, AggregateColumn, AggregateFunction, ColumnAt, Having, OrderBy, Primitive, ValueRef,
    semantics::{Aggregation, Analysis, SelectBlock, has_aggregate, has_subquery, is_aggregate, value_of},
};

/// What is left to do with the shards' groups.
#[derive(Debug)]
pub(super) struct Fold {
    /// Where an aggregate is of different values: what is done first.
    pub values: Option<FoldValues>,
    pub keys: Vec<OrderBy>,
    pub columns: Vec<AggregateColumn>,
    pub having: Option<Having>,
    pub order_by: Vec<OrderBy>,
    pub hidden: usize,
}

impl Fold {
    /// The folding of the rows of `input`.
    pub fn over(self, mut input: Primitive) -> Primitive {
        let Self { values, keys, columns, having, order_by, hidden } = self;
        if let Some(FoldValues { keys, columns }) = values {
            input = Primitive::Aggregate(Box::new(Aggregate {
                input,
                keys,
                columns,
                having: None,
                order_by: Vec::new(),
                hidden_columns: hidden,
                keeps_hidden: true,
            }));
        }
        Primitive::Aggregate(Box::new(Aggregate {
            input,
            keys,
            columns,
            having,
            order_by,
            hidden_columns: hidden,
            keeps_hidden: false,
        }))
    }
}

/// Equal values of a group become one row.
#[derive(Debug)]
pub(super) struct FoldValues {
    pub keys: Vec<OrderBy>,
    pub columns: Vec<AggregateColumn>,
}

/// Makes `query` the shards' part: no order, and the hidden columns that folding needs.
pub(super) fn plan(query: &mut Query, analysis: &Analysis, block: &SelectBlock) -> Result<Fold> {
    let order_by = std::mem::take(&mut query.order_by);
    let QueryBody::Select(select) = &query.body else { return Err(refused("a query in parentheses")) };
    let select = select.clone();
    let hidden = match select.group_by.is_some() || select.items.iter().any(is_of_values) {
        true => Hidden::of_groups(analysis),
        false => Hidden::new(analysis),
    };
    let (columns, of_values) = (Vec::new(), OfValues::default());
    let mut folder = Folder { select: &select, block, hidden, columns, of_values };
    for (at, item) in select.items.iter().enumerate() {
        folder.item(at, item)?;
    }
    let keys = folder.keys()?;
    let mut order = Vec::with_capacity(order_by.len());
    for (at, item) in order_by.iter().enumerate() {
        // One row has no order, and its ORDER BY may name columns that the shards could not select beside it.
        let is_one_row = block.aggregation == Aggregation::Scalar;
        if !is_one_row && item.expr != Expr::Literal(Literal::Null) {
            order.push(folder.order(at, &item.expr, item.direction == Direction::Desc)?);
        }
    }
    let having = match &select.having {
        Some(having) => Some(folder.having(having, analysis)?),
        None => None,
    };
    let values = folder.values(&keys)?;
    let columns = folder.columns;
    let hidden = folder.hidden.append_to(query);
    if let Some(select) = crate::rewrite::only_select(query) {
        select.having = None;
        group_by_too(select, folder.of_values.args);
    }
    Ok(Fold { values, keys, columns, having, order_by: order, hidden })
}

/// `COUNT(DISTINCT a)` and its like; the smallest of different values is that of all.
fn is_distinct(call: &FuncCall) -> bool {
    call.distinct && !call.name.is(b"min") && !call.name.is(b"max")
}

fn is_of_values(item: &SelectItem) -> bool {
    match item {
        SelectItem::Expr(item) => {
            matches!(&item.expr, Expr::Func(call) if is_aggregate(call) && is_distinct(call))
        }
        _ => false,
    }
}

fn group_by_too(select: &mut Select, exprs: Vec<Expr>) {
    if exprs.is_empty() {
        return;
    }
    let nothing = || GroupBy { exprs: Vec::new(), with_rollup: false, cube: false };
    let items = exprs.into_iter().map(|expr| GroupItem { expr, direction: None });
    select.group_by.get_or_insert_with(nothing).exprs.extend(items);
}

/// The aggregates of different values: all of the same expressions.
#[derive(Debug, Default)]
struct OfValues {
    args: Vec<Expr>,
    columns: Vec<ColumnAt>,
}

/// What GROUP_CONCAT puts between values. With an order of its own the shards' parts are no parts of the whole.
fn separator(call: &FuncCall) -> Result<Option<ValueRef>> {
    let Some(concat) = &call.group_concat else { return Ok(None) };
    if !concat.order_by.is_empty() || concat.limit.is_some() {
        return Err(refused("GROUP_CONCAT with an order"));
    }
    match &concat.separator {
        None => Ok(None),
        Some(text) => match value_of(text) {
            Some(value) => Ok(Some(value)),
            None => Err(refused("GROUP_CONCAT with such a separator")),
        },
    }
}

/// Whether a function is of a sample, and whether it is a root, where it is a variance or a deviation.
fn spread(name: &str) -> Option<(bool, bool)> {
    Some(match name {
        "var_pop" | "variance" => (false, false),
        "var_samp" => (true, false),
        "std" | "stddev" | "stddev_pop" => (false, true),
        "stddev_samp" => (true, true),
        _ => return None,
    })
}

fn refused(what: impl std::fmt::Display) -> Error {
    Error::unsupported(format!("{what} in groups over several shards"))
}

struct Folder<'a> {
    select: &'a Select,
    block: &'a SelectBlock,
    hidden: Hidden<'a>,
    columns: Vec<AggregateColumn>,
    of_values: OfValues,
}

impl Folder<'_> {
    /// How the values of a group are folded before the group is.
    fn values(&mut self, keys: &[OrderBy]) -> Result<Option<FoldValues>> {
        if self.of_values.args.is_empty() {
            return Ok(None);
        }
        let is_constant = |item: &SelectItem| matches!(item, SelectItem::Expr(i) if !has_aggregate(&i.expr));
        if self.block.aggregation == Aggregation::Scalar && self.select.items.iter().any(is_constant) {
            return Err(refused("a constant beside aggregates of different values"));
        }
        if self.columns.iter().any(|c| matches!(c.function, AggregateFunction::Variance { .. })) {
            return Err(refused("a deviation beside aggregates of different values"));
        }
        let mut all = keys.to_vec();
        for arg in self.of_values.args.clone() {
            all.push(self.hidden.order_by(Target { expr: arg, item: None, at: None, key: None }, false)?);
        }
        let is_first = |column: &&AggregateColumn| {
            let average = matches!(column.function, AggregateFunction::Avg { .. });
            !average && !self.of_values.columns.contains(&column.column)
        };
        let columns = self.columns.iter().filter(is_first).cloned().collect();
        Ok(Some(FoldValues { keys: all, columns }))
    }

    /// Notes an aggregate of different values.
    fn of_values(&mut self, column: ColumnAt, call: &FuncCall) -> Result<()> {
        if call.args.iter().any(has_subquery) || call.args.contains(&Expr::Star) {
            return Err(refused("a subquery"));
        }
        if !self.of_values.args.is_empty() && self.of_values.args != call.args {
            return Err(refused("aggregates of different values of several expressions"));
        }
        self.of_values.args.clone_from(&call.args);
        self.of_values.columns.push(column);
        Ok(())
    }

    /// A column of the client's: folded, or that of the group's first row.
    fn item(&mut self, at: usize, item: &SelectItem) -> Result<()> {
        let SelectItem::Expr(item) = item else { return Err(refused("* in the select list")) };
        if has_subquery(&item.expr) {
            return Err(refused("a subquery"));
        }
        match &item.expr {
            Expr::Func(call) if is_aggregate(call) => self.fold(ColumnAt::Start(at), call),
            expr if has_aggregate(expr) => Err(refused("an expression of aggregate functions")),
            // One row stands for all: which one's value would it be?
            expr if self.block.aggregation == Aggregation::Scalar && value_of(expr).is_none() => {
                Err(refused("a column beside aggregate functions without GROUP BY"))
            }
            _ => Ok(()),
        }
    }

    fn fold(&mut self, column: ColumnAt, call: &FuncCall) -> Result<()> {
        let lower = call.name.to_lower();
        if is_distinct(call) {
            self.of_values(column, call)?;
        }
        let function = match lower.as_str() {
            "any_value" => return Ok(()),
            "count" => AggregateFunction::Count,
            "sum" => AggregateFunction::Sum,
            "min" | "max" => {
                let at = match column {
                    ColumnAt::Start(at) => Some(at),
                    ColumnAt::Hidden(_) => None,
                };
                let expr = Expr::Func(Box::new(call.clone()));
                let by = self.hidden.order_by(Target { expr, item: at, at, key: None }, false)?;
                if lower == "min" { AggregateFunction::Min(by) } else { AggregateFunction::Max(by) }
            }
            "bit_and" => AggregateFunction::BitAnd,
            "bit_or" => AggregateFunction::BitOr,
            "bit_xor" => AggregateFunction::BitXor,
            "group_concat" => AggregateFunction::Concat { separator: separator(call)? },
            "avg" => {
                let sum = self.hidden_call("sum", call);
                let count = self.hidden_call("count", call);
                if is_distinct(call) {
                    self.of_values.columns.extend([sum, count]);
                }
                self.add(sum, AggregateFunction::Sum);
                self.add(count, AggregateFunction::Count);
                AggregateFunction::Avg { sum, count }
            }
            name => match spread(name) {
                Some((sample, root)) => self.variance(call, sample, root),
                None => return Err(refused(format_args!("the function {}", call.name))),
            },
        };
        self.add(column, function);
        Ok(())
    }

    /// Asks the shards for counts, means (as doubles: a decimal's would be rounded) and variances.
    fn variance(&mut self, call: &FuncCall, sample: bool, root: bool) -> AggregateFunction {
        let count = self.hidden_call("count", call);
        let of = call.args.first().cloned().unwrap_or(Expr::Star);
        let zero = Expr::Literal(Literal::Float("0e0".into()));
        let double = Expr::Binary(Box::new(Binary { op: BinaryOp::Plus, left: of, right: zero }));
        let mean = self.hidden_call("avg", &FuncCall { args: vec![double], ..call.clone() });
        let variance = self.hidden_call("var_pop", call);
        AggregateFunction::Variance { count, mean, variance, sample, root }
    }

    fn hidden_call(&mut self, name: &str, of: &FuncCall) -> ColumnAt {
        let call = FuncCall { name: Ident::from(name), ..of.clone() };
        self.hidden.hide(Expr::Func(Box::new(call)))
    }

    fn add(&mut self, column: ColumnAt, function: AggregateFunction) {
        if self.columns.iter().all(|known| known.column != column) {
            self.columns.push(AggregateColumn { column, function });
        }
    }

    /// What makes a group.
    fn keys(&mut self) -> Result<Vec<OrderBy>> {
        let targets: Vec<Target> = match (&self.select.group_by, self.select.distinct) {
            (Some(group_by), _) => group_by
                .exprs
                .iter()
                .enumerate()
                .map(|(at, item)| self.grouping(at, &item.expr))
                .collect::<Result<_>>()?,
            (None, true) if self.block.aggregation == Aggregation::None => {
                (0..self.select.items.len()).map(|at| self.selected(at)).collect::<Result<_>>()?
            }
            (None, _) => Vec::new(),
        };
        targets.into_iter().map(|target| self.hidden.order_by(target, false)).collect()
    }

    fn selected(&self, at: usize) -> Result<Target> {
        match self.select.items.get(at) {
            Some(SelectItem::Expr(item)) => {
                let key = output_key(self.block, at);
                Ok(Target { expr: item.expr.clone(), item: Some(at), at: Some(at), key })
            }
            _ => Err(refused("* in the select list")),
        }
    }

    /// GROUP BY takes a position, a column, or an alias where there is no such column.
    fn grouping(&self, at: usize, expr: &Expr) -> Result<Target> {
        let items = || {
            self.select.items.iter().enumerate().filter_map(|(at, item)| match item {
                SelectItem::Expr(item) => Some((at, item)),
                _ => None,
            })
        };
        if let Expr::Literal(Literal::Integer(text)) = expr {
            let position: usize = text.to_string_lossy().parse().unwrap_or(0);
            return match position.checked_sub(1) {
                Some(item) if item < self.select.items.len() => self.selected(item),
                _ => Err(Error::new(
                    vterrors::Condition::UnknownColumn,
                    format!("Unknown column '{position}' in 'group statement'"),
                )),
            };
        }
        if has_subquery(expr) {
            return Err(refused("a subquery"));
        }
        if let Expr::Column(name) = expr
            && name.qualifier.is_none()
            && let Some((item, found)) =
                items().find(|(_, i)| i.alias.as_ref().is_some_and(|a| a.eq_ignore_case(&name.name)))
            && !same_expr(&found.expr, expr)
        {
            return match self.block.group_is_alias.get(at) {
                Some(true) => self.selected(item),
                _ => Err(refused(format_args!(
                    "GROUP BY {}, which may be an alias or a column (the VSchema does not list all columns),",
                    name.name
                ))),
            };
        }
        if let Some((item, _)) = items().find(|(_, i)| same_expr(&i.expr, expr)) {
            return self.selected(item);
        }
        let key = match &self.block.aggregation {
            Aggregation::Grouped { keys, .. } => keys.get(at).cloned().flatten(),
            _ => None,
        };
        Ok(Target { expr: expr.clone(), item: None, at: None, key })
    }

    fn having(&mut self, condition: &Expr, analysis: &Analysis) -> Result<Having> {
        let plain = groups::without_aliases(condition, self.select, analysis);
        let keys = groups::keys(self.select, self.block);
        let (Some(plain), Some(keys)) = (plain, keys) else { return Err(refused("such a HAVING")) };
        having::check_types(&plain, &|expr| having::type_in(analysis, expr))?;
        having::plan(&plain, &mut |operand| self.operand(operand, &keys))
    }

    /// The column of an operand of HAVING: an aggregate, or a key of the groups, selected or not.
    fn operand(&mut self, expr: &Expr, keys: &[Expr]) -> Result<ColumnAt> {
        let is_it = |item: &SelectItem| matches!(item, SelectItem::Expr(item) if same_expr(&item.expr, expr));
        let only_aggregates = self.block.aggregation == Aggregation::Scalar;
        match expr {
            Expr::Func(call) if is_aggregate(call) => {
                if let Some(at) = self.select.items.iter().position(is_it) {
                    return Ok(ColumnAt::Start(at));
                }
                let column = self.hidden.hide(expr.clone());
                self.fold(column, call)?;
                Ok(column)
            }
            key if !only_aggregates && keys.iter().any(|known| same_expr(known, key)) => {
                match self.select.items.iter().position(is_it) {
                    Some(at) => Ok(ColumnAt::Start(at)),
                    None => Ok(self.hidden.hide(key.clone())),
                }
            }
            _ => Err(refused("HAVING with such an operand")),
        }
    }

    /// An item of the order of groups: selected, or computed beside.
    fn order(&mut self, at: usize, expr: &Expr, desc: bool) -> Result<OrderBy> {
        let mut target = target(expr, self.select)?;
        if has_subquery(&target.expr) {
            return Err(refused("a subquery"));
        }
        if let Some(item) = target.item {
            target.key = output_key(self.block, item);
            return self.hidden.order_of_rows(target, desc);
        }
        if self.select.distinct {
            return Err(refused("ORDER BY an expression that is not selected, with DISTINCT,"));
        }
        match &target.expr {
            Expr::Func(call) if is_aggregate(call) => {
                let call = call.clone();
                let column = self.hidden.hide(target.expr.clone());
                self.fold(column, &call)?;
            }
            expr if has_aggregate(expr) => return Err(refused("an expression of aggregate functions")),
            _ => target.key = self.block.order_keys.get(at).cloned().flatten(),
        }
        self.hidden.order_of_rows(target, desc)
    }
}
