//! Plans of queries.

mod aggregate;
pub(crate) mod having;
pub(crate) mod merge;
pub(crate) mod outcome;
mod union;

pub(crate) use merge::same_expr;

use sqlast::{
    Visit, Visitor, Walk,
    ast::{
        AliasedTable, Expr, Into, Limit as SqlLimit, Param, Query, QueryBody, Select, SelectItem, Statement,
        TableExpr, TableName,
    },
};
use vterrors::{Condition, Error, Result};

use crate::{
    Directives, FirstSubquery, Limit, PlanContext, PlanWarning, Primitive, Route, Routing, SystemSchema,
    UPPER_LIMIT, ValueRef, ValuesFirst, gather, join, locks,
    normalized::directives,
    rewrite::{self, Rewritten},
    routing::{self, Driver, Place},
    semantics::{Aggregation, Analysis, Analyzer, Block, SelectBlock, has_window, value_of},
    vindex_func,
};

/// What a statement's own part of the plan is.
pub(crate) struct Planned {
    pub root: Primitive,
    pub tables_used: Vec<String>,
    pub rewritten: Rewritten,
    pub warnings: Vec<PlanWarning>,
    pub directives: Directives,
}

impl Planned {
    /// Writes, all or nothing; `None` of none. Directives are those of the first.
    pub fn all(plans: Vec<Self>) -> Option<Self> {
        let mut roots = Vec::with_capacity(plans.len());
        let mut out: Option<Self> = None;
        for planned in plans {
            roots.push(planned.root);
            match &mut out {
                None => out = Some(Self { root: Primitive::All(Vec::new()), ..planned }),
                Some(out) => {
                    out.rewritten.add(planned.rewritten);
                    out.add_warnings(planned.warnings);
                    out.tables_used.extend(planned.tables_used);
                }
            }
        }
        let mut out = out?;
        out.tables_used.sort();
        out.tables_used.dedup();
        out.root = if roots.len() == 1 { roots.pop()? } else { Primitive::All(roots) };
        Some(out)
    }

    /// Adds warnings that are not there yet.
    pub fn add_warnings(&mut self, warnings: Vec<PlanWarning>) {
        for warning in warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }
}

/// Plans a query.
pub(crate) fn plan(query: &Query, ctx: &PlanContext<'_>) -> Result<Planned> {
    outcome::plan(query, ctx)
}

/// Plans a query that each of its shards can answer for itself; refuses others.
pub(crate) fn plan_by_shard(query: &Query, ctx: &PlanContext<'_>) -> Result<Planned> {
    plan_with(query, ctx, Last::Refuse)
}

/// Plans a query without putting rows into temporary tables; refuses others.
pub(crate) fn plan_in_vtgate(query: &Query, ctx: &PlanContext<'_>) -> Result<Planned> {
    plan_with(query, ctx, Last::Join)
}

/// What becomes of a query that shards cannot answer each for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Gather,
    /// It may be put together in vtgate, but not gathered.
    Join,
    Refuse,
}

fn plan_with(query: &Query, ctx: &PlanContext<'_>, last: Last) -> Result<Planned> {
    let query = &plain(query);
    refuse_into(query)?;
    refuse_found_rows(query)?;
    let mut analyzer = Analyzer::new(ctx);
    let root = analyzer.out.facts.open(None);
    let block = analyzer.outermost(query, root)?;
    let analysis = analyzer.out;
    if let Some(planned) = locks::plan(query, ctx, &analysis)? {
        return Ok(planned);
    }
    if is_sequence(query) && analysis.base_tables().any(|(_, t)| t.sharded) {
        return Err(Error::unsupported("NEXT VALUES of a table that is no sequence"));
    }
    let directives = query_directives(query);

    if let Some(shard) = ctx.shard {
        let keyspace = ctx.session_keyspace()?.name.clone();
        let routing = Routing::ByTarget { shard: shard.to_owned() };
        return whole(query, ctx, &analysis, keyspace, routing, directives);
    }
    let planned = match ctx.gather && last != Last::Refuse {
        true => Err(Error::unsupported("rows whose types cannot be merged")),
        false => by_shard(query, ctx, &analysis, &block, directives.clone()),
    };
    match planned {
        Err(reason) if last != Last::Refuse && reason.condition() == Condition::Unsupported => {
            let seen = Seen { query, analysis: &analysis, block: &block };
            not_by_shard(&seen, ctx, &reason, directives, last)
        }
        planned => planned,
    }
}

/// A query that was looked at.
struct Seen<'a> {
    query: &'a Query,
    analysis: &'a Analysis,
    block: &'a Block,
}

/// A plan of a query that shards cannot answer each for itself: `reason` says why.
fn not_by_shard(
    seen: &Seen<'_>,
    ctx: &PlanContext<'_>,
    reason: &Error,
    directives: Directives,
    last: Last,
) -> Result<Planned> {
    let Seen { query, analysis, block } = *seen;
    // A variable that changes from row to row wants all rows in one place.
    if !outcome::assigned(query).is_empty() {
        if last == Last::Join {
            return Err(reason.clone());
        }
        return gathered(seen, ctx, reason, reason.message().to_owned(), directives);
    }
    if let Some(pushed) = join::push_conditions(query, ctx)
        && let Ok(planned) = plan_with(&pushed, ctx, last)
    {
        return Ok(Planned { tables_used: tables_used(analysis), ..planned });
    }
    let mut why_not = String::new();
    if !ctx.gather {
        match in_vtgate(seen, ctx, &directives) {
            Ok(planned) => return Ok(planned),
            Err(refusal) if last == Last::Join => return Err(refusal),
            Err(refusal) if refusal.message() == reason.message() => {}
            Err(refusal) => why_not = format!("; {}", refusal.message()),
        }
        if let Block::Select(block) = block
            && let why = (&*format!("{}{why_not}", reason.message()), directives.clone())
            && let Some(planned) = gather::groups::plan(query, ctx, analysis, block, why)
        {
            return Ok(planned);
        }
    }
    let why = format!("{}{why_not}", reason.message());
    gathered(seen, ctx, reason, why, directives)
}

/// The last choice; `reason` comes first in its refusal.
fn gathered(
    seen: &Seen<'_>,
    ctx: &PlanContext<'_>,
    reason: &Error,
    why: String,
    directives: Directives,
) -> Result<Planned> {
    gather::plan(seen.query, ctx, seen.analysis, why, directives).map_err(|fault| fault.after(reason))
}

/// A plan that puts the rows of several queries together in vtgate; an error says what stands against it.
fn in_vtgate(seen: &Seen<'_>, ctx: &PlanContext<'_>, directives: &Directives) -> Result<Planned> {
    let Seen { query, analysis, block } = *seen;
    let Block::Select(block) = block else { return union::plan(query, ctx, analysis, directives) };
    let refusal = match join::plan(query, ctx, analysis, block, directives.clone()) {
        Err(refusal) => refusal,
        planned => return planned,
    };
    if let Some((rest, first)) = join::values_first(query, ctx) {
        return values_first(&rest, first, ctx, analysis).map_err(|_| refusal);
    }
    match join::flatten(query, ctx) {
        Some(flat) => plan_with(&flat, ctx, Last::Join)
            .map(|planned| Planned { tables_used: tables_used(analysis), ..planned })
            .map_err(|_| refusal),
        None => Err(refusal),
    }
}

/// Subqueries whose values are put into the query before it is planned.
fn values_first(
    rest: &Query,
    first: Vec<join::First>,
    ctx: &PlanContext<'_>,
    analysis: &Analysis,
) -> Result<Planned> {
    let mut planned = plan_with(rest, ctx, Last::Gather)?;
    let mut subqueries = Vec::with_capacity(first.len());
    for join::First { kind, bind, query } in first {
        let input = plan_with(&query, ctx, Last::Gather)?;
        planned.rewritten.add(input.rewritten);
        planned.add_warnings(input.warnings);
        subqueries.push(FirstSubquery { kind, bind, input: input.root });
    }
    planned.root = Primitive::ValuesFirst(Box::new(ValuesFirst { subqueries, input: planned.root }));
    planned.tables_used = tables_used(analysis);
    Ok(planned)
}

/// A plan of queries that shards answer each for itself.
fn by_shard(
    query: &Query,
    ctx: &PlanContext<'_>,
    analysis: &Analysis,
    block: &Block,
    directives: Directives,
) -> Result<Planned> {
    if let Some(planned) = vindex_func::plan(query, ctx, analysis, &directives)? {
        return Ok(planned);
    }
    match routing::place(ctx, analysis)? {
        Place::Anywhere => {
            let keyspace = ctx.any_keyspace()?;
            let routing = if keyspace.sharded { Routing::AnyShard } else { Routing::Unsharded };
            whole(query, ctx, analysis, keyspace.name.clone(), routing, directives)
        }
        Place::Unsharded(keyspace) => {
            whole(query, ctx, analysis, keyspace.name.clone(), Routing::Unsharded, directives)
        }
        Place::Sharded(keyspace) => match routing::one_shard(ctx, analysis) {
            Some(routing) => whole(query, ctx, analysis, keyspace.name.clone(), routing, directives),
            None => match one_row(ctx, analysis, block) {
                Some(routing) => whole(query, ctx, analysis, keyspace.name.clone(), routing, directives),
                None => several(query, ctx, analysis, block, keyspace.name.clone(), directives),
            },
        },
    }
}

/// The one shard of a query all of whose rows hang on one row, which a unique lookup finds.
fn one_row(ctx: &PlanContext<'_>, analysis: &Analysis, block: &Block) -> Option<Routing> {
    let Block::Select(block) = block else { return None };
    let driver = routing::many_shards(ctx, analysis, &block.from).ok()?;
    (matches!(driver.routing, Routing::Lookup(_)) && driver.routing.is_single_shard())
        .then_some(driver.routing)
}

/// The whole query to one place.
fn whole(
    query: &Query,
    ctx: &PlanContext<'_>,
    analysis: &Analysis,
    keyspace: String,
    routing: Routing,
    directives: Directives,
) -> Result<Planned> {
    let mut statement = Statement::Query(Box::new(query.clone()));
    let assigned = outcome::assigned(query);
    if !assigned.is_empty() && routing::sharded_tables(analysis).next().is_some() {
        outcome::refuse_compared(query, &assigned)?;
    }
    let mut rewritten =
        rewrite::rewrite_assigning(&mut statement, ctx, analysis.has_system_tables(), &assigned)?;
    let route = Route {
        keyspace,
        routing,
        query: rewrite::print(ctx, &statement)?,
        order_by: Vec::new(),
        hidden_columns: 0,
        is_locking: !query.locks.is_empty(),
        system_schema: system_schema(query, analysis),
        is_sequence: is_sequence(query),
    };
    let mut root = Primitive::Route(Box::new(route));
    if !assigned.is_empty() {
        root = rewrite::assign_variables(root, ctx, &assigned, &mut rewritten)?;
    }
    Ok(Planned { root, tables_used: tables_used(analysis), rewritten, warnings: Vec::new(), directives })
}

/// The query to several shards, each for itself; what is left to do is done with their rows.
fn several(
    query: &Query,
    ctx: &PlanContext<'_>,
    analysis: &Analysis,
    block: &Block,
    keyspace: String,
    directives: Directives,
) -> Result<Planned> {
    let (QueryBody::Select(_), Block::Select(block)) = (&query.body, block) else {
        return Err(Error::unsupported(match &query.body {
            QueryBody::SetOperation(_) => "UNION, EXCEPT or INTERSECT of rows of several shards",
            _ => "a query in parentheses over rows of several shards",
        }));
    };
    let driver = routing::many_shards(ctx, analysis, &block.from)?;
    routing::check_scatter(ctx, &driver.routing, directives.allow_scatter)?;
    let folds = needs_folding(query, analysis, block, &driver)?;

    let mut shard_query = query.clone();
    if let Some(select) = rewrite::only_select(&mut shard_query) {
        routing::split_list(&mut select.where_, driver.split_conjunct);
    }
    let mut merged = None;
    if !folds {
        let mut ordered = shard_query.clone();
        let merge = merge::plan(&mut ordered, analysis, block)?;
        // Beside its weight a shard takes 'a' and 'a ' for different rows, also where PAD SPACE makes them equal.
        if merge.hidden == 0 || !select_is_distinct(&ordered) {
            shard_query = ordered;
            merged = Some(merge);
        }
    }
    let (fold, merge, limit) = match merged {
        Some(merge) => {
            let limit = push_limit(&mut shard_query)?;
            (None, merge, limit)
        }
        None => {
            // Which groups are the first is known when all are folded.
            let fold = aggregate::plan(&mut shard_query, analysis, block)?;
            let limit = shard_query.limit.take();
            (Some(fold), merge::Merge::default(), limit.as_ref().map(limit_values).transpose()?)
        }
    };
    let mut statement = Statement::Query(Box::new(shard_query));
    let rewritten = rewrite::rewrite(&mut statement, ctx, false)?;
    let warnings = match driver.routing {
        Routing::Scatter => vec![PlanWarning::Scatter],
        _ => Vec::new(),
    };
    let route = Route {
        keyspace,
        routing: driver.routing,
        query: rewrite::print(ctx, &statement)?,
        order_by: merge.order_by,
        hidden_columns: merge.hidden,
        is_locking: !query.locks.is_empty(),
        system_schema: None,
        is_sequence: false,
    };
    let mut root = Primitive::Route(Box::new(route));
    if let Some(fold) = fold {
        root = fold.over(root);
    }
    if let Some((count, offset)) = limit {
        root = Primitive::Limit(Box::new(Limit { input: root, count, offset, count_all: false }));
    }
    Ok(Planned { root, tables_used: tables_used(analysis), rewritten, warnings, directives })
}

/// Whether the shards' rows are groups, or duplicates, that have to be folded. Refuses what the shards' rows,
/// put together in any way, would not answer.
fn needs_folding(query: &Query, analysis: &Analysis, block: &SelectBlock, driver: &Driver) -> Result<bool> {
    let refuse = |what: &str| Err(Error::unsupported(format!("{what} over several shards")));
    // Each part of a window is on one shard.
    if !block.windows.iter().all(|keys| driver.divides(keys))
        || query.order_by.iter().any(|o| has_window(&o.expr))
    {
        return refuse("window functions");
    }
    let QueryBody::Select(select) = &query.body else { return refuse("a query in parentheses") };
    let groups = match &block.aggregation {
        Aggregation::None => false,
        Aggregation::Scalar => true,
        Aggregation::Grouped { rollup: true, .. } => return refuse("GROUP BY WITH ROLLUP"),
        // Each group is on one shard.
        Aggregation::Grouped { keys, .. } => !driver.divides(keys),
    };
    if groups && !block.windows.is_empty() {
        return refuse("window functions over groups");
    }
    if !select.distinct || block.aggregation == Aggregation::Scalar {
        return Ok(groups);
    }
    if block.aggregation != Aggregation::None {
        return refuse("DISTINCT of groups");
    }
    Ok(!driver.is_among(analysis, &block.outputs))
}

fn select_is_distinct(query: &Query) -> bool {
    matches!(&query.body, QueryBody::Select(select) if select.distinct)
}

/// Lets each shard send no more rows than are wanted in all; returns what is cut off the merged rows.
fn push_limit(query: &mut Query) -> Result<Option<LimitValues>> {
    let Some(limit) = query.limit.take() else { return Ok(None) };
    query.limit =
        Some(SqlLimit { count: Expr::Param(Param::Named(UPPER_LIMIT.into())), offset: None, comma: false });
    limit_values(&limit).map(Some)
}

/// Count and offset.
pub(crate) type LimitValues = (ValueRef, Option<ValueRef>);

pub(crate) fn limit_values(limit: &SqlLimit) -> Result<LimitValues> {
    let value = |expr: &Expr| value_of(expr).ok_or_else(|| Error::unsupported("a LIMIT that is no number"));
    Ok((value(&limit.count)?, limit.offset.as_ref().map(value).transpose()?))
}

/// `TABLE t` is `SELECT * FROM t`; parentheses around all of it say nothing.
fn plain(query: &Query) -> Query {
    let mut query = query.clone();
    while query.is_bare()
        && let QueryBody::Nested(nested) = &mut query.body
    {
        query = std::mem::replace(&mut **nested, Query::new(QueryBody::Table(TableName::default())));
    }
    if let QueryBody::Table(name) = &query.body {
        query.body = QueryBody::Select(Box::new(Select {
            items: vec![SelectItem::Wildcard(None)],
            from: vec![TableExpr::Table(Box::new(AliasedTable::new(name.clone())))],
            ..Select::default()
        }));
    }
    query
}

/// Refuses SQL_CALC_FOUND_ROWS where MySQL does, inside of a query; and in parts of a UNION with a LIMIT of their own,
/// whose number nobody counts.
fn refuse_found_rows(query: &Query) -> Result<()> {
    struct Finder<'q> {
        outermost: &'q Query,
        found: Option<Error>,
    }
    impl Visitor for Finder<'_> {
        fn enter_query(&mut self, query: &Query) -> Visit {
            let counts = matches!(&query.body, QueryBody::Select(select) if select.options.calc_found_rows);
            let inside = !std::ptr::eq(query, self.outermost)
                && !matches!(self.outermost.body, QueryBody::SetOperation(_));
            if counts && inside {
                let text = "Incorrect usage/placement of 'SQL_CALC_FOUND_ROWS'";
                self.found = Some(Error::mysql(1234, *b"42000", text));
            } else if counts && query.limit.is_some() {
                self.found = Some(Error::unsupported("SQL_CALC_FOUND_ROWS with LIMIT in this place"));
            }
            if self.found.is_some() { Visit::Stop } else { Visit::Into }
        }
    }
    let mut finder = Finder { outermost: query, found: None };
    query.walk(&mut finder);
    finder.found.map_or(Ok(()), Err)
}

fn refuse_into(query: &Query) -> Result<()> {
    match query.into.as_deref() {
        None => Ok(()),
        Some(Into::Variables(_)) => Err(Error::unsupported("SELECT ... INTO a variable in this place")),
        Some(Into::DumpFile(_) | Into::OutFile(_)) => Err(Error::unsupported("SELECT ... INTO a file")),
    }
}

/// `keyspace.table` of each base table, sorted.
pub(crate) fn tables_used(analysis: &Analysis) -> Vec<String> {
    let mut names: Vec<String> = analysis.base_tables().map(|(_, t)| t.full_name()).collect();
    names.sort();
    names.dedup();
    names
}

fn system_schema(query: &Query, analysis: &Analysis) -> Option<SystemSchema> {
    analysis.has_system_tables().then(|| SystemSchema {
        schemas: analysis.schema_values.clone(),
        beside_tables: analysis.base_tables().next().is_some(),
        shown: crate::schema_names::shown(query),
    })
}

fn is_sequence(query: &Query) -> bool {
    match &query.body {
        QueryBody::Select(select) => select.items.iter().any(|item| matches!(item, SelectItem::Next(_))),
        _ => false,
    }
}

pub(crate) fn query_directives(query: &Query) -> Directives {
    fn first(body: &QueryBody) -> Option<&Select> {
        match body {
            QueryBody::Select(select) => Some(select),
            QueryBody::SetOperation(operation) => first(&operation.first),
            QueryBody::Nested(nested) => first(&nested.body),
            QueryBody::Values(_) | QueryBody::Table(_) => None,
        }
    }
    first(&query.body).map(|select| directives(&select.comments)).unwrap_or_default()
}
