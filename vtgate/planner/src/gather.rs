//! The last choice: the rows of every table reference are put into temporary tables of one tablet, and
//! the query, its tables replaced by these, runs there. So no SELECT is refused because of where its rows
//! are, and its meaning is MySQL's own.
//!
//! What must hold: the temporary table of a reference has all rows that can count. So a condition is sent
//! along with the read only where rows that break it cannot change the result ([`filters`]); it stays in
//! the query as well. Columns that no name in the statement could mean are left out.
//!
//! One temporary table for each reference, because MySQL opens one only once in a statement. For the same
//! reason a common table expression that is used several times is made a table of its own first, and
//! copied for each use.

mod cte;
pub(crate) mod filters;
pub(crate) mod groups;
mod order;
mod scan;
mod system;

use std::collections::{BTreeSet, HashMap};

use sqlast::{
    Rewriter, Visit, Visitor, Walk,
    ast::{
        AliasedTable, ColName, Comments, Expr, JoinCondition, Locking, Query, QueryBody, Select, SelectItem,
        Statement, TableExpr, TableName,
    },
    visit::TableRole,
};
use vterrors::{Error, Result};

use crate::{
    Directives, Gather, GatherStep, PlanContext, PlanWarning, Primitive, ValueRef,
    context::is_system_schema,
    rewrite::{self, Rewritten},
    select::{Planned, outcome},
    semantics::Analysis,
};

/// Plans a query that could not be planned by shard; `reason` says why it could not.
pub(crate) fn plan(
    query: &Query,
    ctx: &PlanContext<'_>,
    analysis: &Analysis,
    reason: String,
    directives: Directives,
) -> Result<Planned> {
    let mut query = query.clone();
    let mut gatherer = Gatherer::new(ctx, &query, analysis);
    gatherer.shared_tables(&mut query)?;
    query.rewrite(&mut gatherer);
    if let Some(error) = gatherer.error {
        return Err(error);
    }
    gatherer.order_reads();
    let (steps, mut rewritten) = (gatherer.steps, gatherer.rewritten);
    let mut statement = Statement::Query(Box::new(query));
    let assigned = gatherer.assigned;
    rewritten.add(rewrite::rewrite_assigning(&mut statement, ctx, false, &assigned)?);
    let mut warnings = gatherer.warnings;
    warnings.push(PlanWarning::Gather);
    let gather = Gather {
        keyspace: ctx.any_keyspace()?.name.clone(),
        steps,
        query: rewrite::print(ctx, &statement)?,
        reason,
    };
    let mut root = Primitive::Gather(Box::new(gather));
    if !assigned.is_empty() {
        root = rewrite::assign_variables(root, ctx, &assigned, &mut rewritten)?;
    }
    Ok(Planned { root, tables_used: crate::select::tables_used(analysis), rewritten, warnings, directives })
}

struct Gatherer<'a> {
    ctx: &'a PlanContext<'a>,
    /// The directives, for the reads.
    comments: Comments,
    /// Every name of a column in the statement, in lower case.
    names: BTreeSet<String>,
    /// A NATURAL JOIN compares columns that nobody names.
    natural: bool,
    /// The user variables that the statement assigns, in lower case: their values change from row to row.
    assigned: BTreeSet<String>,
    /// Names of common table expressions around the place we are at.
    ctes: Vec<Vec<String>>,
    /// What is known about the references of each FROM around the place we are at, by alias.
    blocks: Vec<(usize, HashMap<String, filters::Filters>)>,
    /// How many blocks were met.
    block_count: usize,
    /// What columns of schemas' names are compared with, anywhere in the statement.
    schemas: &'a [ValueRef],
    reads: Vec<order::Read>,
    /// The lock clauses of the queries around the place we are at.
    locks: Vec<Vec<Locking>>,
    steps: Vec<GatherStep>,
    rewritten: Rewritten,
    warnings: Vec<PlanWarning>,
    error: Option<Error>,
}

impl<'a> Gatherer<'a> {
    fn new(ctx: &'a PlanContext<'a>, query: &Query, analysis: &'a Analysis) -> Self {
        let mut seen = Names::default();
        query.walk(&mut seen);
        Self {
            ctx,
            comments: seen.directives.unwrap_or_default(),
            names: seen.names,
            natural: seen.natural,
            assigned: outcome::assigned(query),
            ctes: Vec::new(),
            blocks: Vec::new(),
            block_count: 0,
            schemas: &analysis.schema_values,
            reads: Vec::new(),
            locks: Vec::new(),
            steps: Vec::new(),
            rewritten: Rewritten::default(),
            warnings: Vec::new(),
            error: None,
        }
    }

    fn is_cte(&self, name: &TableName) -> bool {
        name.qualifier.is_none() && {
            let name = name.name.to_lower();
            self.ctes.iter().flatten().any(|cte| *cte == name)
        }
    }

    /// Whether a reference's rows come from a shard.
    fn is_base(&self, name: &TableName) -> bool {
        !is_system(name)
            && !name.is_dual()
            && !self.is_cte(name)
            && !name.name.as_bytes().starts_with(NAME.as_bytes())
    }

    fn next_name(&self) -> String {
        format!("{NAME}{}", self.steps.len())
    }

    /// The temporary table that stands for a reference from here on.
    fn replace(&mut self, table: &mut AliasedTable) -> Result<()> {
        let alias = table.alias.clone().unwrap_or_else(|| table.name.name.clone());
        let (block, known) = match self.blocks.last() {
            Some((block, known)) => (*block, known.get(&alias.to_lower()).cloned().unwrap_or_default()),
            None => (0, filters::Filters::default()),
        };
        let name = self.next_name();
        let scanned = match is_system(&table.name) {
            true => system::scan(self, table, &alias, &known, &name)?,
            false => scan::scan(self, table, &alias, &known, &name)?,
        };
        self.rewritten.add(scanned.rewritten);
        for warning in scanned.warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
        self.steps.push(GatherStep::Load(Box::new(scanned.load)));
        self.reads.push(order::Read {
            name: name.clone(),
            block,
            alias: alias.to_lower(),
            has_conditions: !known.conditions.is_empty(),
            links: known.links,
            query: scanned.query,
        });
        *table = AliasedTable { alias: Some(alias), ..AliasedTable::new(TableName::unqualified(name)) };
        Ok(())
    }

    /// The lock that a reference in the innermost block is read with.
    fn lock_of(&self, alias: &sqlast::ast::Ident) -> Option<Locking> {
        let names = |lock: &&Locking| lock.of.is_empty() || lock.of.iter().any(|t| t.name == *alias);
        let lock = self.locks.last()?.iter().find(names)?;
        Some(Locking { of: Vec::new(), ..lock.clone() })
    }
}

/// How temporary tables are named, and their number.
pub(crate) const NAME: &str = "__vt_gather";

impl Rewriter for Gatherer<'_> {
    fn enter_query(&mut self, query: &mut Query) -> bool {
        self.ctes.push(Vec::new());
        // A name that WITH gives is known in the bodies after it, and in its own only where it is recursive.
        if let Some(mut with) = query.with.take() {
            for at in 0..with.tables.len() {
                let name = with.tables[at].name.to_lower();
                if with.recursive {
                    self.know(name.clone());
                }
                with.tables[at].query.rewrite(self);
                if !with.recursive {
                    self.know(name);
                }
            }
            query.rewrite(self);
            query.with = Some(with);
            return false;
        }
        plain_tables(&mut query.body);
        // The rows of temporary tables need no locks: those that they were read from have them.
        self.locks.push(std::mem::take(&mut query.locks));
        true
    }

    fn leave_query(&mut self, query: &mut Query) {
        self.ctes.pop();
        if query.with.is_none() {
            self.locks.pop();
        }
    }

    fn enter_select(&mut self, select: &mut Select) -> bool {
        let known = filters::of_block(self, select);
        self.block_count += 1;
        self.blocks.push((self.block_count, known));
        true
    }

    fn leave_select(&mut self, _select: &mut Select) {
        self.blocks.pop();
    }

    /// `information_schema.tables.table_name`: what stands in the table's place is in no schema.
    fn table_name(&mut self, name: &mut TableName, role: TableRole) {
        if role == TableRole::Reference && is_system(name) {
            name.qualifier = None;
        }
    }

    fn leave_table_expr(&mut self, table: &mut TableExpr) {
        if let TableExpr::Table(table) = table
            && self.error.is_none()
            && (self.is_base(&table.name) || is_system(&table.name))
            && let Err(e) = self.replace(table)
        {
            self.error = Some(e);
        }
    }
}

/// Whether a name is that of a table of MySQL's own schemas.
fn is_system(name: &TableName) -> bool {
    name.qualifier.as_ref().is_some_and(|q| is_system_schema(q.as_bytes()))
}

impl Gatherer<'_> {
    fn know(&mut self, cte: String) {
        if let Some(innermost) = self.ctes.last_mut() {
            innermost.push(cte);
        }
    }
}

/// `TABLE t` is `SELECT * FROM t`.
fn plain_tables(body: &mut QueryBody) {
    match body {
        QueryBody::Table(name) => {
            *body = QueryBody::Select(Box::new(Select {
                items: vec![SelectItem::Wildcard(None)],
                from: vec![TableExpr::Table(Box::new(AliasedTable::new(name.clone())))],
                ..Select::default()
            }));
        }
        QueryBody::SetOperation(operation) => {
            plain_tables(&mut operation.first);
            operation.rest.iter_mut().for_each(|operand| plain_tables(&mut operand.right));
        }
        QueryBody::Select(_) | QueryBody::Values(_) | QueryBody::Nested(_) => {}
    }
}

/// Collects what columns a statement could mean.
#[derive(Default)]
struct Names {
    names: BTreeSet<String>,
    natural: bool,
    /// The directives of the first SELECT.
    directives: Option<Comments>,
}

impl Visitor for Names {
    fn enter_select(&mut self, select: &Select) -> Visit {
        let is_directive = |c: &&sqlast::Text| c.as_bytes().starts_with(b"/*vt+");
        let own = || Comments(select.comments.0.iter().filter(is_directive).cloned().collect());
        self.directives.get_or_insert_with(own);
        Visit::Into
    }

    fn column_name(&mut self, name: &ColName) {
        self.names.insert(name.name.to_lower());
    }

    fn enter_table_expr(&mut self, table: &TableExpr) -> Visit {
        if let TableExpr::Join(join) = table {
            self.natural |= join.natural;
            if let Some(JoinCondition::Using(columns)) = &join.condition {
                self.names.extend(columns.iter().map(sqlast::ast::Ident::to_lower));
            }
        }
        Visit::Into
    }
}

/// Which references of a block `*` and `t.*` take all columns of.
#[derive(Debug, Clone, Default)]
struct Stars {
    all: bool,
    of: Vec<String>,
}

impl Stars {
    fn of(select: &Select) -> Self {
        let mut out = Self::default();
        for item in &select.items {
            match item {
                SelectItem::Wildcard(None) => out.all = true,
                SelectItem::Wildcard(Some(table)) => out.of.push(table.name.to_lower()),
                SelectItem::Expr(_) | SelectItem::Next(_) => {}
            }
        }
        out
    }

    fn covers(&self, alias: &str) -> bool {
        self.all || self.of.iter().any(|t| t == alias)
    }
}

/// Whether an expression may be evaluated elsewhere and at another moment: no subquery, no user variable
/// that is set, no function whose value changes from call to call.
pub(crate) fn is_stable(expr: &Expr) -> bool {
    stable(expr, false)
}

/// As [`is_stable`], where aggregate functions are dealt with elsewhere.
pub(crate) fn is_stable_but_aggregates(expr: &Expr) -> bool {
    stable(expr, true)
}

fn stable(expr: &Expr, aggregates: bool) -> bool {
    struct Finder {
        found: bool,
        aggregates: bool,
    }
    impl Visitor for Finder {
        fn enter_query(&mut self, _query: &Query) -> Visit {
            self.found = true;
            Visit::Stop
        }
        fn enter_expr(&mut self, expr: &Expr) -> Visit {
            const CHANGING: [&[u8]; 12] = [
                b"rand",
                b"uuid",
                b"uuid_short",
                b"sleep",
                b"benchmark",
                b"get_lock",
                b"release_lock",
                b"release_all_locks",
                b"random_bytes",
                b"last_insert_id",
                b"row_count",
                b"found_rows",
            ];
            self.found |= match expr {
                Expr::Assign(_) | Expr::Match(_) | Expr::Subquery(_) | Expr::Exists(_) => true,
                Expr::Func(call) => {
                    call.qualifier.is_some()
                        || call.over.is_some()
                        || CHANGING.contains(&call.name.as_bytes())
                        || (crate::semantics::is_aggregate(call) && !self.aggregates)
                }
                _ => false,
            };
            if self.found { Visit::Stop } else { Visit::Into }
        }
    }
    let mut finder = Finder { found: false, aggregates };
    expr.walk(&mut finder);
    !finder.found
}
