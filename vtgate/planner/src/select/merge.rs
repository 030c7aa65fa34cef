//! The order of merged rows: each ORDER BY item becomes a column that vtgate can compare.
//!
//! Numbers, times and byte strings compare by their own text. Character strings compare by a hidden
//! `weight_string(column)`, padded as the collation says; ENUM and SET by their number; FLOAT by its exact
//! value, since its text is rounded. Where the type is not known, the weight and the collation come along,
//! and the executor decides by the type in the result (it refuses the types that need another column).
//! Hidden columns come last, so that `*` may stand before them.

use sqlast::ast::{
    AliasedExpr, Binary, BinaryOp, Direction, Expr, FuncCall, Ident, Literal, Query, QueryBody, Select,
    SelectItem, Span, WeightString,
};
use vschema::{Column, ColumnType};
use vterrors::{Error, Result};

use crate::{
    ColumnAt, OrderBy,
    rewrite::only_select,
    semantics::{Analysis, ColumnKey, OutputColumn, SelectBlock},
};

/// How the shards' rows are merged.
#[derive(Debug, Default)]
pub(super) struct Merge {
    pub order_by: Vec<OrderBy>,
    /// Columns that were added to the select list.
    pub hidden: usize,
}

/// Adds the hidden columns that the ORDER BY of `query` needs to its select list.
pub(super) fn plan(query: &mut Query, analysis: &Analysis, block: &SelectBlock) -> Result<Merge> {
    let order_by = std::mem::take(&mut query.order_by);
    let mut items = Vec::with_capacity(order_by.len());
    let QueryBody::Select(select) = &query.body else { return Ok(Merge::default()) };
    for (at, item) in order_by.iter().enumerate() {
        // `ORDER BY NULL` orders nothing.
        if item.expr == Expr::Literal(Literal::Null) {
            continue;
        }
        let mut target = target(&item.expr, select)?;
        target.key = match target.item {
            Some(item) => output_key(block, item),
            None => block.order_keys.get(at).cloned().flatten(),
        };
        items.push((target, item.direction == Direction::Desc));
    }
    query.order_by = order_by;
    let distinct = select.distinct;
    let mut hidden = Hidden::new(analysis);
    let order_by = items
        .into_iter()
        .map(|(target, desc)| {
            if target.item.is_none() && distinct {
                return Err(Error::unsupported(
                    "DISTINCT with ORDER BY an expression that is not selected, over several shards",
                ));
            }
            hidden.order_of_rows(target, desc)
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Merge { order_by, hidden: hidden.append_to(query) })
}

/// What an ORDER BY item orders by.
pub(crate) struct Target {
    pub expr: Expr,
    /// Its item in the select list.
    pub item: Option<usize>,
    /// Its column in the rows, where no star before it hides that.
    pub at: Option<usize>,
    /// The column that it is, where it is one.
    pub key: Option<ColumnKey>,
}

pub(super) fn output_key(block: &SelectBlock, item: usize) -> Option<ColumnKey> {
    match block.outputs.get(item)? {
        OutputColumn::Column { key, .. } => key.clone(),
        OutputColumn::Star(_) => None,
    }
}

pub(crate) fn target(expr: &Expr, select: &Select) -> Result<Target> {
    let no_star_before = |at: usize| select.items[..at].iter().all(|i| matches!(i, SelectItem::Expr(_)));
    let item = |at: usize, item: &AliasedExpr| Target {
        expr: item.expr.clone(),
        item: Some(at),
        at: no_star_before(at).then_some(at),
        key: None,
    };
    if let Expr::Literal(Literal::Integer(text)) = expr {
        let position: usize = text.to_string_lossy().parse().unwrap_or(0);
        let at = position.wrapping_sub(1);
        return match select.items.get(at) {
            Some(SelectItem::Expr(found)) if no_star_before(at) => Ok(item(at, found)),
            _ if !select.items.iter().all(|i| matches!(i, SelectItem::Expr(_))) => Err(Error::unsupported(
                format!("ORDER BY {position} with * in the select list, over several shards"),
            )),
            _ => Err(Error::new(
                vterrors::Condition::UnknownColumn,
                format!("Unknown column '{position}' in 'order clause'"),
            )),
        };
    }
    let items = || {
        select.items.iter().enumerate().filter_map(|(at, item)| match item {
            SelectItem::Expr(item) => Some((at, item)),
            _ => None,
        })
    };
    // MySQL looks for an alias first, then for a column of the tables.
    if let Expr::Column(name) = expr
        && name.qualifier.is_none()
        && let Some((at, found)) =
            items().find(|(_, i)| i.alias.as_ref().is_some_and(|a| a.eq_ignore_case(&name.name)))
    {
        return Ok(item(at, found));
    }
    if let Some((at, found)) = items().find(|(_, i)| same_expr(&i.expr, expr)) {
        return Ok(item(at, found));
    }
    if uses_alias(expr, select) {
        return Err(Error::unsupported(
            "ORDER BY with an alias inside of an expression, over several shards",
        ));
    }
    Ok(Target { expr: expr.clone(), item: None, at: None, key: None })
}

/// `t.a` in the list is what `a` in the ORDER BY means.
pub(crate) fn same_expr(item: &Expr, wanted: &Expr) -> bool {
    match (item, wanted) {
        (Expr::Column(a), Expr::Column(b)) => {
            a.name.eq_ignore_case(&b.name) && (a.qualifier == b.qualifier || b.qualifier.is_none())
        }
        (a, b) => a == b,
    }
}

/// An alias cannot be used in the select list, where the hidden column would have to stand.
fn uses_alias(expr: &Expr, select: &Select) -> bool {
    use sqlast::{Visit, Visitor, Walk};
    struct Finder<'a> {
        select: &'a Select,
        found: bool,
    }
    impl Visitor for Finder<'_> {
        fn enter_expr(&mut self, expr: &Expr) -> Visit {
            if let Expr::Column(name) = expr
                && name.qualifier.is_none()
            {
                self.found |= self.select.items.iter().any(|item| match item {
                    SelectItem::Expr(item) => {
                        item.alias.as_ref().is_some_and(|a| a.eq_ignore_case(&name.name))
                            && !matches!(&item.expr, Expr::Column(c) if c.name.eq_ignore_case(&name.name))
                    }
                    _ => false,
                });
            }
            Visit::Into
        }
    }
    let mut finder = Finder { select, found: false };
    expr.walk(&mut finder);
    finder.found
}

/// Columns that are added to a select list.
pub(super) struct Hidden<'a> {
    analysis: &'a Analysis,
    items: Vec<SelectItem>,
    /// The shards group: what stands beside their keys has to be an aggregate.
    grouped: bool,
}

/// How values of a type are compared.
pub(crate) enum Compare {
    /// By their own text.
    Itself,
    /// By the number in this expression.
    Number(Expr),
    /// By weight; the collation where it is known.
    Weight(Option<String>),
}

impl<'a> Hidden<'a> {
    pub fn new(analysis: &'a Analysis) -> Self {
        Self { analysis, items: Vec::new(), grouped: false }
    }

    /// For a query with GROUP BY.
    pub fn of_groups(analysis: &'a Analysis) -> Self {
        Self { grouped: true, ..Self::new(analysis) }
    }

    /// What is made of a key. MySQL does not see that it has one value in a group, unless the key is a column.
    fn of_key(&self, key: &Expr, made: Expr) -> Expr {
        let plain = matches!(key, Expr::Column(_)) || crate::semantics::has_aggregate(key);
        if self.grouped && !plain { call("max", made) } else { made }
    }

    /// Adds the columns to the select list of `query`; returns how many there are.
    pub fn append_to(self, query: &mut Query) -> usize {
        let count = self.items.len();
        if let Some(select) = only_select(query) {
            select.items.extend(self.items);
        }
        count
    }

    /// The order of rows by a target; adds the columns that it needs.
    pub fn order_of_rows(&mut self, target: Target, desc: bool) -> Result<OrderBy> {
        if let Expr::Func(call) = &target.expr
            && (call.name.is(b"min") || call.name.is(b"max"))
            && let Some(ColumnType::Enum | ColumnType::Set) =
                call.args.first().and_then(|arg| super::having::type_in(self.analysis, arg))
        {
            // By its number, of which nothing is known here.
            return Err(Error::unsupported("ORDER BY MIN or MAX of an ENUM or SET over several shards"));
        }
        self.order_by(target, desc)
    }

    /// How rows are compared by a target; adds the columns that this needs.
    pub fn order_by(&mut self, target: Target, desc: bool) -> Result<OrderBy> {
        let compare = compare(&target.expr, self.known_column(&target))?;
        let mut out = OrderBy {
            column: ColumnAt::Start(0),
            weight_string: None,
            collation_column: None,
            collation: None,
            desc,
        };
        if let Compare::Number(number) = compare {
            out.column = self.hide(number);
            return Ok(out);
        }
        out.column = match target.at {
            Some(at) => ColumnAt::Start(at),
            None => self.hide(target.expr.clone()),
        };
        if let Compare::Weight(collation) = compare {
            let weight = WeightString { expr: target.expr.clone(), cast: None };
            let weight = self.of_key(&target.expr, Expr::WeightString(Box::new(weight)));
            out.weight_string = Some(self.hide(weight));
            if collation.is_none() {
                let collation = self.of_key(&target.expr, call("collation", target.expr.clone()));
                out.collation_column = Some(self.hide(collation));
            }
            out.collation = collation;
        }
        Ok(out)
    }

    /// Adds a hidden column, or finds it among those that are there.
    pub fn hide(&mut self, expr: Expr) -> ColumnAt {
        let same = |item: &SelectItem| matches!(item, SelectItem::Expr(item) if item.expr == expr);
        let at = self.items.iter().position(same).unwrap_or_else(|| {
            self.items.push(SelectItem::Expr(AliasedExpr {
                expr: expr.clone(),
                alias: None,
                span: Span::default(),
            }));
            self.items.len() - 1
        });
        ColumnAt::Hidden(at)
    }

    /// The VSchema's column that an item is, where it is one that the VSchema lists.
    fn known_column(&self, target: &Target) -> Option<&Column> {
        let key = target.key.as_ref()?;
        self.analysis.base(key.table)?.column(&key.column)
    }
}

pub(crate) fn compare(expr: &Expr, known: Option<&Column>) -> Result<Compare> {
    use ColumnType as T;
    let Some(column) = known else {
        return Ok(if is_number(expr) { Compare::Itself } else { Compare::Weight(None) });
    };
    let Some(ty) = column.ty else { return Ok(Compare::Weight(column.collation.clone())) };
    let plus = |zero: Literal| {
        let right = Expr::Literal(zero);
        Compare::Number(Expr::Binary(Box::new(Binary { op: BinaryOp::Plus, left: expr.clone(), right })))
    };
    Ok(match ty {
        T::Char | T::Varchar | T::Text => Compare::Weight(column.collation.clone()),
        T::Float32 => plus(Literal::Float("0e0".into())),
        T::Enum | T::Set => plus(Literal::Integer("0".into())),
        T::Json | T::Geometry | T::Vector => {
            let text = format!("ORDER BY {} of type {} over several shards", column.name, ty.as_str_name());
            return Err(Error::unsupported(text));
        }
        _ => Compare::Itself,
    })
}

/// Expressions that are numbers whatever their columns are.
fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::Func(call) => {
            call.qualifier.is_none() && [&b"count"[..], b"sum", b"avg"].iter().any(|name| call.name.is(name))
        }
        Expr::Literal(Literal::Integer(_) | Literal::Decimal(_)) => true,
        _ => false,
    }
}

pub(crate) fn call(name: &str, arg: Expr) -> Expr {
    Expr::Func(Box::new(FuncCall::new(Ident::from(name), vec![arg])))
}
