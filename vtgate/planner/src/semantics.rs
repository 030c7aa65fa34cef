//! The second stage: which tables a statement reads, and what is known to be equal in the rows that count.
//!
//! Two questions are answered here, for any nesting of joins, derived tables, CTEs and subqueries:
//! which constants a table's vindex columns are equal to, and whether two tables' vindex columns are equal
//! in every row that reaches the result. Both are answered from *facts*: equalities that hold for every
//! row of a table that can have an influence. Facts live in scopes that form a tree: a table sees the
//! facts of its own scope and of all scopes above.
//!
//! What must hold: a fact is in a scope only if rows that break it cannot change the result. So
//! - WHERE and the ON of inner joins hold for everything in their block and below;
//! - the ON of an outer join holds for the side that may be missing, never for the side that is kept;
//! - facts of an outer block hold in a subquery, since the rows that break them are filtered out there;
//! - they hold inside a derived table only if a condition on its rows can be moved into it (no LIMIT, no
//!   window, no grouping by other columns).
//!
//! A name that cannot be resolved for certain gives no fact. That makes a plan slower, never wrong.

mod block;
mod extract;
mod facts;
mod names;
mod shape;

use std::sync::Arc;

use sqlast::ast::{Query, With};
use vschema::Table;
use vterrors::{Error, Result};

pub(crate) use block::{Block, From, OutputColumn, SelectBlock};
pub(crate) use extract::{conjuncts, value_of};
pub(crate) use facts::{Closure, ColumnKey, Fact, FactScopes, ScopeId};
pub(crate) use shape::{
    Aggregation, draws_together, has_aggregate, has_subquery, has_window, is_aggregate, select_has_windows,
};

use crate::PlanContext;

/// More references than this are refused: a CTE that is used twice in another one doubles each time.
const MAX_TABLES: usize = 1_000;

/// Queries nested deeper are refused; CTEs that refer to each other nest, too. Measured: a debug build has
/// room for three times as many in 2 MiB of stack.
const MAX_DEPTH: usize = 100;

/// A reference to a table, by position in [`Analysis::tables`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TableId(pub usize);

/// One table in a FROM.
#[derive(Debug)]
pub(crate) struct TableRef {
    /// The alias or the name, by which columns are qualified.
    pub alias: String,
    pub source: Source,
    /// The facts that hold for its rows.
    pub scope: ScopeId,
}

/// What a table reference stands for.
#[derive(Debug)]
pub(crate) enum Source {
    Base(Arc<Table>),
    /// A table of information_schema and its like.
    System,
    /// A derived table or a reference to a CTE.
    Derived(Box<Block>),
    /// JSON_TABLE, a recursive reference: rows that come from no table by themselves.
    Rows,
}

/// What is known about a statement's tables.
#[derive(Debug, Default)]
pub(crate) struct Analysis {
    pub tables: Vec<TableRef>,
    pub facts: FactScopes,
    /// The values that information_schema's schema columns are compared with.
    pub schema_values: Vec<crate::ValueRef>,
}

impl Analysis {
    pub fn table(&self, id: TableId) -> &TableRef {
        &self.tables[id.0]
    }

    /// The base tables, reference by reference.
    pub fn base_tables(&self) -> impl Iterator<Item = (TableId, &Arc<Table>)> {
        self.tables.iter().enumerate().filter_map(|(at, t)| match &t.source {
            Source::Base(table) => Some((TableId(at), table)),
            _ => None,
        })
    }

    pub fn has_system_tables(&self) -> bool {
        self.tables.iter().any(|t| matches!(t.source, Source::System))
    }

    /// The table of a reference, where it is one of ours.
    pub fn base(&self, id: TableId) -> Option<&Arc<Table>> {
        match &self.table(id).source {
            Source::Base(table) => Some(table),
            _ => None,
        }
    }

    /// What equals the columns seen from a table's place.
    pub fn closure(&self, id: TableId) -> Closure {
        self.facts.closure(self.table(id).scope)
    }
}

/// Builds an [`Analysis`] going down a statement.
pub(crate) struct Analyzer<'a> {
    pub(crate) ctx: &'a PlanContext<'a>,
    pub(crate) out: Analysis,
    /// FROM clauses around the place we are at, the innermost last.
    scopes: Vec<NameScope>,
    /// CTEs around the place we are at, the innermost last.
    ctes: Vec<Cte>,
    /// How many queries are around the place we are at.
    depth: usize,
}

/// The tables of one block, as far as registered.
#[derive(Debug, Default, Clone)]
pub(crate) struct NameScope {
    tables: Vec<TableId>,
    /// Columns of USING: the bare name means the column of this table.
    merged: Vec<(String, TableId)>,
}

/// A name that WITH gave.
#[derive(Clone)]
struct Cte {
    name: String,
    /// None while its own body is read: a recursive reference.
    query: Option<Arc<(Vec<sqlast::ast::Ident>, Query)>>,
    /// How many CTEs its body may see: those before it.
    visible: usize,
    /// How many FROM clauses its body may see.
    scopes: usize,
    used: bool,
}

impl<'a> Analyzer<'a> {
    pub fn new(ctx: &'a PlanContext<'a>) -> Self {
        Self { ctx, out: Analysis::default(), scopes: Vec::new(), ctes: Vec::new(), depth: 0 }
    }

    /// Registers a table in the innermost FROM.
    pub(crate) fn add_table(&mut self, alias: String, source: Source, scope: ScopeId) -> Result<TableId> {
        if self.out.tables.len() >= MAX_TABLES {
            return Err(Error::unsupported(format!(
                "a statement with more than {MAX_TABLES} table references"
            )));
        }
        let id = TableId(self.out.tables.len());
        self.out.tables.push(TableRef { alias, source, scope });
        match self.scopes.last_mut() {
            Some(names) => names.tables.push(id),
            None => return Err(Error::internal("a table outside of a FROM")),
        }
        Ok(id)
    }

    /// Makes the CTEs of a WITH known; returns how many were known before.
    fn enter_with(&mut self, with: Option<&With>) -> usize {
        let before = self.ctes.len();
        for table in with.map_or(&[][..], |w| &w.tables) {
            self.ctes.push(Cte {
                name: table.name.to_lower(),
                query: Some(Arc::new((table.columns.clone(), table.query.clone()))),
                visible: self.ctes.len() + usize::from(with.is_some_and(|w| w.recursive)),
                scopes: self.scopes.len(),
                used: false,
            });
        }
        before
    }

    /// Forgets the CTEs that came after `before`. Those that nobody used are read all the same: their
    /// tables must be where the statement goes.
    fn leave_with(&mut self, before: usize, inherited: ScopeId) -> Result<()> {
        for at in (before..self.ctes.len()).rev() {
            if !self.ctes[at].used {
                self.scopes.push(NameScope::default());
                let name = self.ctes[at].name.clone();
                self.reference_cte(at, name, inherited, inherited)?;
                self.scopes.pop();
            }
        }
        self.ctes.truncate(before);
        Ok(())
    }

    /// The innermost CTE of a name.
    fn find_cte(&self, name: &str) -> Option<usize> {
        self.ctes.iter().rposition(|c| c.name == name)
    }

    /// A reference to a CTE: its body, read as if it stood here.
    fn reference_cte(&mut self, at: usize, alias: String, pos: ScopeId, outer: ScopeId) -> Result<TableId> {
        self.ctes[at].used = true;
        let cte = self.ctes[at].clone();
        let Some(body) = cte.query else { return self.add_table(alias, Source::Rows, pos) };
        let hidden_ctes = self.ctes.split_off(cte.visible.min(self.ctes.len()));
        let hidden_scopes = self.scopes.split_off(cte.scopes.min(self.scopes.len()));
        let recursive = cte.visible > at;
        if recursive {
            // Its own name inside it is the rows so far.
            self.ctes[at].query = None;
        }
        let inherited = if !recursive && shape::accepts_conditions(&body.1) { pos } else { outer };
        let block = self.query(&body.1, inherited);
        if recursive {
            self.ctes[at].query = Some(body.clone());
        }
        self.ctes.truncate(cte.visible);
        self.ctes.extend(hidden_ctes);
        self.scopes.extend(hidden_scopes);
        let mut block = block?.renamed(&body.0);
        if recursive {
            block = block.opaque();
        }
        self.add_table(alias, Source::Derived(Box::new(block)), pos)
    }
}
