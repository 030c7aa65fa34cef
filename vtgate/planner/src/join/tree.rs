//! A FROM taken apart: tables that are in every row (the core), outer joins that follow, and conditions.
//!
//! What must hold: the core joined by all conditions, then the outer joins one after the other, gives the rows of
//! the FROM and WHERE. An outer join whose missing side a condition needs is no outer join: it goes to the core.

use std::{collections::BTreeSet, sync::Arc};

use sqlast::{
    Visit, Visitor, Walk,
    ast::{
        ColName, DerivedTable, Expr, Ident, JoinCondition, JoinKind, Query, QueryBody, Select, SelectItem,
        TableExpr,
    },
};
use vschema::{Column, Table};
use vterrors::{Error, Result};

use crate::{PlanContext, context::is_system_schema, gather::filters::rejects_nulls, semantics::conjuncts};

/// A set of leaves, by position in [`Tree::leaves`].
pub(super) type Leaves = BTreeSet<usize>;

/// A table or derived table of the FROM, by its alias.
#[derive(Debug)]
pub(super) struct Leaf {
    pub alias: Ident,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Base(Arc<Table>),
    /// The names of its columns, and the table's column where one is nothing else.
    Derived(Vec<(Ident, Option<Column>)>),
}

impl Leaf {
    pub fn has(&self, name: &Ident) -> bool {
        match &self.source {
            Source::Base(table) => table.column(&name.to_string_lossy()).is_some(),
            Source::Derived(columns) => columns.iter().any(|(own, _)| own.eq_ignore_case(name)),
        }
    }

    /// What is known about a column.
    pub fn column(&self, name: &Ident) -> Option<&Column> {
        match &self.source {
            Source::Base(table) => table.column(&name.to_string_lossy()),
            Source::Derived(columns) => {
                columns.iter().find(|(own, _)| own.eq_ignore_case(name)).and_then(|(_, c)| c.as_ref())
            }
        }
    }

    /// The columns that `*` means.
    pub fn visible(&self) -> Vec<Ident> {
        match &self.source {
            Source::Base(table) => {
                let shown = table.columns.iter().filter(|c| !c.invisible);
                shown.map(|c| Ident::from(c.name.as_str())).collect()
            }
            Source::Derived(columns) => columns.iter().map(|(name, _)| name.clone()).collect(),
        }
    }

    /// The columns of its unique keys, where they are known.
    pub fn unique_keys(&self) -> &[Vec<String>] {
        match &self.source {
            Source::Base(table) => &table.unique_keys,
            Source::Derived(_) => &[],
        }
    }

    pub fn is_called(&self, name: &sqlast::ast::TableName) -> bool {
        let schema_fits = match (&name.qualifier, &self.source) {
            (None, _) => true,
            (Some(schema), Source::Base(table)) => schema.to_string_lossy() == table.keyspace,
            (Some(_), Source::Derived(_)) => false,
        };
        schema_fits && self.alias.eq_ignore_case(&name.name)
    }
}

/// An outer join: for each row so far the rows of `table` that fit, or one of NULLs.
#[derive(Debug)]
pub(super) struct Outer {
    pub leaves: Leaves,
    pub table: TableExpr,
    pub on: Vec<Expr>,
}

#[derive(Debug, Default)]
pub(super) struct Tree {
    /// In the order of the text.
    pub leaves: Vec<Leaf>,
    pub core: Vec<(usize, TableExpr)>,
    pub outer: Vec<Outer>,
    pub conditions: Vec<Expr>,
}

fn refuse<T>(what: &str) -> Result<T> {
    Err(Error::unsupported(format!("{what} in a join that vtgate does")))
}

impl Tree {
    pub fn of(ctx: &PlanContext<'_>, select: &Select) -> Result<Self> {
        let mut tree = Self::default();
        select.from.iter().try_for_each(|table| tree.register(ctx, table))?;
        tree.conditions.extend(select.where_.iter().flat_map(conjuncts).cloned());
        select.from.iter().try_for_each(|table| tree.inner(table))?;
        while let Some(at) = tree.outer.iter().position(|outer| tree.is_needed(outer)) {
            let outer = tree.outer.remove(at);
            tree.conditions.extend(outer.on);
            tree.inner(&outer.table)?;
        }
        Ok(tree)
    }

    fn register(&mut self, ctx: &PlanContext<'_>, table: &TableExpr) -> Result<()> {
        let leaf = match table {
            TableExpr::Table(table) => {
                let system = |q: &Ident| is_system_schema(q.as_bytes());
                if table.name.qualifier.as_ref().is_some_and(system) || table.name.is_dual() {
                    return refuse("a table that every tablet has");
                }
                let found = ctx.table(&table.name)?;
                if !found.column_list_authoritative {
                    return refuse("a table whose columns are not known");
                }
                let alias = table.alias.clone().unwrap_or_else(|| table.name.name.clone());
                Leaf { alias, source: Source::Base(found) }
            }
            TableExpr::Derived(derived) => {
                let Some(alias) = derived.alias.clone() else { return refuse("a derived table") };
                Leaf { alias, source: Source::Derived(outputs(ctx, derived)?) }
            }
            TableExpr::JsonTable(_) => return refuse("JSON_TABLE"),
            TableExpr::Join(join) => {
                self.register(ctx, &join.left)?;
                return self.register(ctx, &join.right);
            }
            TableExpr::List(tables) => return tables.iter().try_for_each(|t| self.register(ctx, t)),
        };
        if self.leaves.iter().any(|l| l.alias.eq_ignore_case(&leaf.alias)) {
            return refuse("two tables of one name");
        }
        self.leaves.push(leaf);
        Ok(())
    }

    /// Takes what is in every row.
    fn inner(&mut self, table: &TableExpr) -> Result<()> {
        match table {
            TableExpr::Table(_) | TableExpr::Derived(_) | TableExpr::JsonTable(_) => {
                self.core.push((self.leaf_of(table)?, table.clone()));
                Ok(())
            }
            TableExpr::List(tables) => tables.iter().try_for_each(|t| self.inner(t)),
            TableExpr::Join(join) => {
                let on = match &join.condition {
                    Some(JoinCondition::On(on)) => conjuncts(on).to_vec(),
                    None if !join.natural => Vec::new(),
                    _ => return refuse("NATURAL JOIN or USING"),
                };
                let (kept, missing) = match join.kind {
                    JoinKind::Inner | JoinKind::Straight => {
                        self.conditions.extend(on);
                        self.inner(&join.left)?;
                        return self.inner(&join.right);
                    }
                    JoinKind::Left => (&join.left, &join.right),
                    JoinKind::Right => (&join.right, &join.left),
                };
                self.inner(kept)?;
                let mut leaves = Leaves::new();
                self.leaves_below(missing, &mut leaves)?;
                self.outer.push(Outer { leaves, table: missing.clone(), on });
                Ok(())
            }
        }
    }

    fn leaf_of(&self, table: &TableExpr) -> Result<usize> {
        let alias = match table {
            TableExpr::Table(table) => Some(table.alias.as_ref().unwrap_or(&table.name.name)),
            TableExpr::Derived(derived) => derived.alias.as_ref(),
            _ => None,
        };
        let found =
            alias.and_then(|alias| self.leaves.iter().position(|leaf| leaf.alias.eq_ignore_case(alias)));
        found.ok_or_else(|| Error::internal("a table of a join that was not registered"))
    }

    fn leaves_below(&self, table: &TableExpr, out: &mut Leaves) -> Result<()> {
        match table {
            TableExpr::Join(join) => {
                self.leaves_below(&join.left, out)?;
                self.leaves_below(&join.right, out)
            }
            TableExpr::List(tables) => tables.iter().try_for_each(|t| self.leaves_below(t, out)),
            one => {
                out.insert(self.leaf_of(one)?);
                Ok(())
            }
        }
    }

    /// Whether a condition on the whole cuts off the rows of NULLs that an outer join would add.
    fn is_needed(&self, outer: &Outer) -> bool {
        self.conditions.iter().any(|condition| {
            rejects_nulls(condition)
                && strict_columns(condition)
                    .any(|name| self.owner(name).is_some_and(|leaf| outer.leaves.contains(&leaf)))
        })
    }

    /// The leaf that a column's name surely means.
    pub fn owner(&self, name: &ColName) -> Option<usize> {
        match name.qualifier.as_deref() {
            Some(table) => self.leaves.iter().position(|leaf| leaf.is_called(table) && leaf.has(&name.name)),
            None => {
                let mut found = (0..self.leaves.len()).filter(|at| self.leaves[*at].has(&name.name));
                match (found.next(), found.next()) {
                    (Some(only), None) => Some(only),
                    _ => None,
                }
            }
        }
    }

    /// Whether a name may be that of a column of these tables.
    pub fn could_mean(&self, name: &ColName) -> bool {
        self.leaves.iter().any(|leaf| {
            name.qualifier.as_deref().is_none_or(|table| leaf.is_called(table)) && leaf.has(&name.name)
        })
    }

    /// The leaves of an expression's columns; an error where a name or a subquery leaves that open.
    pub fn leaves_of(&self, expr: &Expr) -> Result<Leaves> {
        struct Finder<'a> {
            tree: &'a Tree,
            leaves: Leaves,
            open: bool,
        }
        impl Visitor for Finder<'_> {
            fn enter_expr(&mut self, expr: &Expr) -> Visit {
                if let Expr::Column(name) = expr {
                    match self.tree.owner(name) {
                        Some(leaf) => {
                            self.leaves.insert(leaf);
                        }
                        None => self.open = true,
                    }
                }
                Visit::Into
            }
            fn enter_query(&mut self, _query: &Query) -> Visit {
                self.open = true;
                Visit::Over
            }
        }
        let mut finder = Finder { tree: self, leaves: Leaves::new(), open: false };
        expr.walk(&mut finder);
        match finder.open {
            true => refuse("a name or a subquery whose tables are open"),
            false => Ok(finder.leaves),
        }
    }

    /// What is known about the column that an expression is.
    pub fn known_column(&self, expr: &Expr) -> Option<&Column> {
        match expr {
            Expr::Column(name) => self.leaves[self.owner(name)?].column(&name.name),
            _ => None,
        }
    }
}

/// Columns that cannot be NULL where a condition that [`rejects_nulls`] is true.
fn strict_columns(condition: &Expr) -> impl Iterator<Item = &ColName> {
    let exprs: Vec<&Expr> = match condition {
        Expr::Comparison(c) => vec![&c.left, &c.right],
        Expr::In(i) => vec![&i.expr],
        Expr::Between(b) => vec![&b.expr],
        Expr::Like(l) => vec![&l.expr],
        Expr::Is(i) => vec![&i.expr],
        _ => Vec::new(),
    };
    exprs.into_iter().filter_map(|e| match e {
        Expr::Column(name) => Some(name),
        _ => None,
    })
}

/// The columns of a derived table: their names, and what they are where they are plain columns.
fn outputs(ctx: &PlanContext<'_>, derived: &DerivedTable) -> Result<Vec<(Ident, Option<Column>)>> {
    if derived.lateral {
        return refuse("LATERAL");
    }
    let QueryBody::Select(select) = &derived.query.body else { return refuse("a derived table of a UNION") };
    if derived.query.with.is_some() {
        return refuse("WITH in a derived table");
    }
    let tree = Tree::of(ctx, select).ok();
    let mut out = Vec::new();
    for item in &select.items {
        let SelectItem::Expr(item) = item else { return refuse("* in a derived table") };
        let known = tree.as_ref().and_then(|tree| tree.known_column(&item.expr)).cloned();
        let name = match (&item.alias, &item.expr) {
            (Some(alias), _) => alias.clone(),
            (None, Expr::Column(name)) => name.name.clone(),
            (None, _) => return refuse("a derived table with a column that has no name"),
        };
        out.push((name, known));
    }
    if !derived.columns.is_empty() {
        if derived.columns.len() != out.len() {
            return refuse("a derived table whose names do not fit its columns");
        }
        out.iter_mut().zip(&derived.columns).for_each(|((name, _), new)| *name = new.clone());
    }
    Ok(out)
}
