//! Parts: the tables that can be asked together, each part with one query.

use sqlast::ast::{
    AliasedExpr, Comments, Expr, Ident, In, InList, Literal, Locking, Query, QueryBody, Select, SelectItem,
    Span, TableExpr,
};
use sqlast::ast::{Join as SqlJoin, JoinCondition, JoinKind as SqlJoinKind};
use sqltypes::Type;
use vterrors::Result;

use super::{
    refuse,
    tree::{Leaf, Leaves, Outer, Tree},
};
use crate::{
    ColumnAt, PlanContext, Primitive, Project, ProjectColumn, Routing,
    select::{self, Planned},
    semantics::value_of,
};

/// What all parts of a query have in common.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// The directives.
    pub comments: Comments,
    pub locks: Vec<Locking>,
}

/// Tables that one query reads, and what is asked of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    pub leaves: Leaves,
    from: Vec<TableExpr>,
    conditions: Vec<Expr>,
    items: Vec<SelectItem>,
    /// Equal rows count once.
    pub distinct: bool,
    /// A derived table that no shard can answer for itself: it is a plan of its own.
    own_plan: Option<OwnPlan>,
}

/// A derived table as a part.
#[derive(Debug, Clone)]
struct OwnPlan {
    query: Query,
    /// Its columns' names.
    columns: Vec<Ident>,
    /// Their types, where they are known.
    types: Vec<Option<Type>>,
}

impl Part {
    pub fn new(leaves: Leaves, from: Vec<TableExpr>) -> Self {
        Self { leaves, from, ..Self::default() }
    }

    /// The part of a derived table that has a plan of its own.
    pub fn of_plan(leaf: usize, query: Query, table: &Leaf) -> Self {
        let columns = table.visible();
        let types = columns.iter().map(|name| table.column(name)?.ty).collect();
        let own_plan = Some(OwnPlan { query, columns, types });
        Self { leaves: Leaves::from([leaf]), own_plan, ..Self::default() }
    }

    pub fn has_own_plan(&self) -> bool {
        self.own_plan.is_some()
    }

    pub fn with_condition(&self, condition: &Expr) -> Self {
        let mut part = self.clone();
        part.add_condition(condition.clone());
        part
    }

    pub fn add_condition(&mut self, condition: Expr) {
        if !self.conditions.contains(&condition) {
            self.conditions.push(condition);
        }
    }

    /// The tables of both, with the conditions of both.
    pub fn joined(&self, other: &Self) -> Self {
        let mut part = self.clone();
        part.leaves.extend(&other.leaves);
        part.from.extend(other.from.iter().cloned());
        other.conditions.iter().for_each(|c| part.add_condition(c.clone()));
        part
    }

    /// The same with an outer join after its tables.
    pub fn outer_joined(&self, outer: &Outer) -> Self {
        let left = match &self.from[..] {
            [one] => one.clone(),
            several => TableExpr::List(several.to_vec()),
        };
        let on = match &outer.on[..] {
            [one] => one.clone(),
            several => Expr::And(several.to_vec()),
        };
        let join = SqlJoin {
            left,
            kind: SqlJoinKind::Left,
            natural: false,
            right: outer.table.clone(),
            condition: Some(JoinCondition::On(on)),
        };
        let mut part = self.clone();
        part.leaves.extend(&outer.leaves);
        part.from = vec![TableExpr::Join(Box::new(join))];
        part
    }

    /// The position of an expression among the columns that the part gives. With an alias it is a column of the
    /// client's, and gets a place of its own.
    pub fn column(&mut self, expr: &Expr, alias: Option<Ident>, shared: bool) -> Result<usize> {
        if let Some(plan) = &self.own_plan {
            plan.place(expr)?;
        }
        let same = |item: &SelectItem| matches!(item, SelectItem::Expr(item) if item.expr == *expr);
        if let (true, Some(at)) = (shared, self.items.iter().position(same)) {
            return Ok(at);
        }
        self.items.push(SelectItem::Expr(AliasedExpr { expr: expr.clone(), alias, span: Span::default() }));
        Ok(self.items.len() - 1)
    }

    pub fn width(&self) -> usize {
        self.items.len()
    }

    fn query(&self, frame: &Frame) -> Query {
        let mut items = self.items.clone();
        if items.is_empty() {
            // Rows are counted by something.
            let one = Expr::Literal(Literal::Integer("1".into()));
            items.push(SelectItem::Expr(AliasedExpr { expr: one, alias: None, span: Span::default() }));
        }
        let where_ = match &self.conditions[..] {
            [] => None,
            [one] => Some(one.clone()),
            several => Some(Expr::And(several.to_vec())),
        };
        Query {
            locks: frame.locks.clone(),
            ..Query::new(QueryBody::Select(Box::new(Select {
                comments: frame.comments.clone(),
                distinct: self.distinct,
                items,
                from: self.from.clone(),
                where_,
                ..Select::default()
            })))
        }
    }

    /// The part's plan, where each shard can answer for itself.
    pub fn plan(&self, ctx: &PlanContext<'_>, frame: &Frame) -> Result<Planned> {
        match &self.own_plan {
            Some(own) => self.project(own, ctx, frame),
            None => select::plan_by_shard(&self.query(frame), ctx),
        }
    }

    /// The columns that are wanted of a derived table's rows, its conditions looked at here.
    fn project(&self, own: &OwnPlan, ctx: &PlanContext<'_>, frame: &Frame) -> Result<Planned> {
        if !frame.locks.is_empty() {
            return refuse("FOR UPDATE of a derived table");
        }
        let planned = select::plan_in_vtgate(&own.query, ctx)?;
        let filter = match &self.conditions[..] {
            [] => None,
            conditions => {
                let all = Expr::And(conditions.to_vec());
                select::having::check_types(&all, &|expr| own.types[own.place(expr).ok()?])?;
                Some(select::having::plan(&all, &mut |operand| Ok(ColumnAt::Start(own.place(operand)?)))?)
            }
        };
        let column = |item: &SelectItem| match item {
            SelectItem::Expr(item) => {
                let column = own.place(&item.expr)?;
                let name = item.alias.as_ref().unwrap_or(&own.columns[column]);
                Ok(ProjectColumn { column, name: name.to_string_lossy().into_owned() })
            }
            _ => refuse("a column that is no expression"),
        };
        let columns = self.items.iter().map(column).collect::<Result<_>>()?;
        let project = Project { input: planned.root, filter, columns };
        Ok(Planned { root: Primitive::Project(Box::new(project)), ..planned })
    }

    /// The plan of those rows whose `column` is in the list `::bind`.
    pub fn plan_by(
        &self,
        column: &Expr,
        bind: &str,
        ctx: &PlanContext<'_>,
        frame: &Frame,
    ) -> Result<Planned> {
        let list = InList::Param(Ident::from(bind));
        let keys = Expr::In(Box::new(In { not: false, expr: column.clone(), list }));
        self.with_condition(&keys).plan(ctx, frame)
    }

    /// How many rows the part is thought to bring: the lower, the sooner it is read.
    pub fn rank(&self, tree: &Tree, ctx: &PlanContext<'_>, frame: &Frame) -> Result<u8> {
        if let Some(own) = &self.own_plan {
            return Ok(if own.query.limit.is_some() { 1 } else { 3 });
        }
        let planned = self.plan(ctx, frame)?;
        let is_one_row = self.leaves.iter().any(|leaf| self.finds_one_row(*leaf, tree));
        let filtered = self.conditions.iter().any(|c| !super::conditions::is_column_equality(c));
        Ok(match rank_of(&planned.root) {
            _ if is_one_row && self.leaves.len() == 1 => 0,
            0 => 0,
            1 => 1,
            _ if filtered => 2,
            _ => 3,
        })
    }

    /// Whether conditions name all columns of a unique key of a leaf.
    fn finds_one_row(&self, leaf: usize, tree: &Tree) -> bool {
        let named = |column: &str| {
            self.conditions.iter().any(|condition| match condition {
                Expr::Comparison(c) if c.op == sqlast::ast::ComparisonOp::Equal && c.quantifier.is_none() => {
                    let is = |column_side: &Expr, value: &Expr| match column_side {
                        Expr::Column(name) => {
                            name.name.eq_ignore_case(&Ident::from(column))
                                && tree.owner(name) == Some(leaf)
                                && value_of(value).is_some()
                        }
                        _ => false,
                    };
                    is(&c.left, &c.right) || is(&c.right, &c.left)
                }
                _ => false,
            })
        };
        let keys = tree.leaves[leaf].unique_keys();
        keys.iter().any(|key| !key.is_empty() && key.iter().all(|column| named(column)))
    }
}

impl OwnPlan {
    /// The position of the column that an expression is.
    fn place(&self, expr: &Expr) -> Result<usize> {
        let Expr::Column(name) = expr else { return refuse("an expression over a derived table's rows") };
        match self.columns.iter().position(|own| own.eq_ignore_case(&name.name)) {
            Some(at) => Ok(at),
            None => refuse("a column that a derived table does not have"),
        }
    }
}

/// How narrow a plan's routing is: 0 for one shard by its key, 1 for a few, 2 for all.
pub(super) fn rank_of(root: &Primitive) -> u8 {
    match root {
        Primitive::Route(route) => match &route.routing {
            Routing::EqualUnique { .. } | Routing::SameShard { .. } => 0,
            routing @ Routing::Lookup(_) => 1 - u8::from(routing.is_single_shard()),
            Routing::In { .. } | Routing::MultiEqual { .. } | Routing::SubShard { .. } => 1,
            _ => 2,
        },
        _ => 2,
    }
}
