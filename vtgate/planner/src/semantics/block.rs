//! Blocks: the shape of a query as far as it matters for where its rows come from.

use sqlast::{
    Visit, Visitor, Walk,
    ast::{
        AliasedTable, DerivedTable, Expr, Ident, In, InList, Join, JoinCondition, JoinKind, Query, QueryBody,
        Select, SelectItem, TableExpr,
    },
};
use vterrors::{Error, Result};

use super::{
    Aggregation, Analyzer, ColumnKey, Fact, MAX_DEPTH, NameScope, ScopeId, Source, TableId,
    extract::conjuncts, shape::accepts_conditions, shape::select_aggregation, shape::window_partitions,
};
use crate::context::is_system_schema;

/// A query that was read.
#[derive(Debug)]
pub(crate) enum Block {
    Select(Box<SelectBlock>),
    /// A set operation, VALUES, or rows that are not looked into: the columns' names where known.
    Other(Vec<OutputColumn>),
}

/// One SELECT.
#[derive(Debug)]
pub(crate) struct SelectBlock {
    pub from: From,
    pub outputs: Vec<OutputColumn>,
    /// What holds for the rows that it gives.
    pub own: Vec<Fact>,
    /// The columns that ORDER BY names, item by item (aliases not looked at).
    pub order_keys: Vec<Option<ColumnKey>>,
    pub aggregation: Aggregation,
    /// For each GROUP BY item, whether it is a name that no table of the FROM has: an alias.
    pub group_is_alias: Vec<bool>,
    pub distinct: bool,
    /// Of each window function the columns that its rows are parted by.
    pub windows: Vec<Vec<Option<ColumnKey>>>,
    /// It has a LIMIT of its own.
    pub limited: bool,
}

/// A column that a query gives.
#[derive(Debug, Clone)]
pub(crate) enum OutputColumn {
    /// The name in lower case where it has one, and the column that it is.
    Column { name: Option<String>, key: Option<ColumnKey> },
    /// `*` or `t.*`: all columns of these tables.
    Star(Vec<TableId>),
}

/// The tables of a FROM that are in every row of it: those that an outer join may leave out are not here.
#[derive(Debug)]
pub(crate) enum From {
    Table(TableId),
    Inner(Vec<From>),
}

/// The tables of an UPDATE or DELETE.
#[derive(Debug)]
pub(crate) struct Read {
    pub scope: ScopeId,
    pub from: From,
    /// The tables of its FROM, in order.
    pub tables: Vec<TableId>,
}

impl Block {
    pub fn has_output(&self, column: &str) -> bool {
        self.outputs()
            .iter()
            .any(|o| matches!(o, OutputColumn::Column { name: Some(name), .. } if name == column))
    }

    pub fn has_unknown_outputs(&self) -> bool {
        self.outputs().iter().any(|o| !matches!(o, OutputColumn::Column { name: Some(_), .. }))
            || self.outputs().is_empty()
    }

    fn outputs(&self) -> &[OutputColumn] {
        match self {
            Self::Select(select) => &select.outputs,
            Self::Other(outputs) => outputs,
        }
    }

    fn own(&self) -> Vec<Fact> {
        match self {
            Self::Select(select) => select.own.clone(),
            Self::Other(_) => Vec::new(),
        }
    }

    /// The same rows under the column names of `AS t(a, b)`.
    pub fn renamed(mut self, names: &[Ident]) -> Self {
        if names.is_empty() {
            return self;
        }
        let keys: Vec<Option<ColumnKey>> = match self.outputs() {
            // With a star only the shards know which column is which.
            outputs if outputs.len() == names.len() => outputs
                .iter()
                .map(|o| match o {
                    OutputColumn::Column { key, .. } => key.clone(),
                    OutputColumn::Star(_) => None,
                })
                .collect(),
            _ => vec![None; names.len()],
        };
        let renamed = names
            .iter()
            .zip(keys)
            .map(|(name, key)| OutputColumn::Column { name: Some(name.to_lower()), key })
            .collect();
        match &mut self {
            Self::Select(select) => select.outputs = renamed,
            Self::Other(outputs) => *outputs = renamed,
        }
        self
    }

    /// The same column names, with nothing known about the rows.
    pub fn opaque(self) -> Self {
        let hide = |o: &OutputColumn| match o {
            OutputColumn::Column { name, .. } => OutputColumn::Column { name: name.clone(), key: None },
            OutputColumn::Star(_) => OutputColumn::Column { name: None, key: None },
        };
        Self::Other(self.outputs().iter().map(hide).collect())
    }
}

impl SelectBlock {
    /// The inner column that an output column is. For groups only grouping columns are.
    pub fn output_key(
        &self,
        column: &str,
        canonical: &dyn Fn(TableId, &str) -> Option<ColumnKey>,
    ) -> Option<ColumnKey> {
        let mut stars = Vec::new();
        for output in &self.outputs {
            match output {
                OutputColumn::Column { name: Some(name), key } if name == column => {
                    return key.clone().filter(|key| self.aggregation.keeps(key));
                }
                OutputColumn::Column { .. } => {}
                OutputColumn::Star(tables) => stars.extend(tables),
            }
        }
        match stars[..] {
            [only] => canonical(only, column).filter(|key| self.aggregation.keeps(key)),
            _ => None,
        }
    }

    /// The key of the output column at a position, when it is a plain column.
    fn key_at(&self, at: usize) -> Option<ColumnKey> {
        match self.outputs.get(at)? {
            OutputColumn::Column { key, .. } => key.clone().filter(|key| self.aggregation.keeps(key)),
            OutputColumn::Star(_) => None,
        }
    }
}

impl Analyzer<'_> {
    /// Reads a query; `inherited` holds what is known around it.
    pub(crate) fn query(&mut self, query: &Query, inherited: ScopeId) -> Result<Block> {
        if self.depth >= MAX_DEPTH {
            return Err(Error::unsupported(format!("queries nested deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        let block = self.whole_query(query, inherited);
        self.depth -= 1;
        block
    }

    fn whole_query(&mut self, query: &Query, inherited: ScopeId) -> Result<Block> {
        if query.into.is_some() {
            return Err(Error::unsupported("SELECT ... INTO inside of a statement"));
        }
        let before = self.enter_with(query.with.as_deref());
        let block = self.body(&query.body, query, inherited);
        let done = self.leave_with(before, inherited);
        let mut block = block?;
        done?;
        if let (Block::Select(select), true) = (&mut block, query.limit.is_some()) {
            select.limited = true;
        }
        Ok(block)
    }

    fn body(&mut self, body: &QueryBody, query: &Query, inherited: ScopeId) -> Result<Block> {
        match body {
            QueryBody::Select(select) => self.select(select, Some(query), inherited, false),
            QueryBody::Nested(nested) => {
                let block = self.query(nested, inherited)?;
                self.order_subqueries(query, inherited)?;
                Ok(block)
            }
            QueryBody::Table(name) => {
                let select = Select {
                    items: vec![SelectItem::Wildcard(None)],
                    from: vec![TableExpr::Table(Box::new(AliasedTable::new(name.clone())))],
                    ..Select::default()
                };
                self.select(&select, Some(query), inherited, false)
            }
            QueryBody::Values(values) => {
                for expr in values.rows.iter().flatten() {
                    self.subqueries(expr, inherited)?;
                }
                let columns = values.rows.first().map_or(0, Vec::len);
                let name = |at: usize| OutputColumn::Column { name: Some(format!("column_{at}")), key: None };
                Ok(Block::Other((0..columns).map(name).collect()))
            }
            QueryBody::SetOperation(operation) => {
                let first = self.body(&operation.first, &Query::new(operation.first.clone()), inherited)?;
                for operand in &operation.rest {
                    self.body(&operand.right, &Query::new(operand.right.clone()), inherited)?;
                }
                self.order_subqueries(query, inherited)?;
                Ok(first.opaque())
            }
        }
    }

    /// Reads the outermost SELECT of a statement: conditions of its WHERE can be split by shard.
    pub(crate) fn outermost(&mut self, query: &Query, inherited: ScopeId) -> Result<Block> {
        match &query.body {
            QueryBody::Select(select) => {
                let before = self.enter_with(query.with.as_deref());
                let block = self.select(select, Some(query), inherited, true);
                let done = self.leave_with(before, inherited);
                let mut block = block?;
                done?;
                if let (Block::Select(select), true) = (&mut block, query.limit.is_some()) {
                    select.limited = true;
                }
                Ok(block)
            }
            _ => self.query(query, inherited),
        }
    }

    fn select(
        &mut self,
        select: &Select,
        query: Option<&Query>,
        inherited: ScopeId,
        outermost: bool,
    ) -> Result<Block> {
        self.scopes.push(NameScope::default());
        let scope = self.out.facts.open(Some(inherited));
        let (from, mut own) = self.read_tables(&select.from, scope, inherited)?;
        own.extend(self.conditions(select.where_.as_ref(), scope, outermost)?);
        self.out.facts.add(scope, own.iter().cloned());
        let outputs = self.outputs(select);
        for item in &select.items {
            if let SelectItem::Expr(item) = item {
                self.subqueries(&item.expr, scope)?;
            }
        }
        let group_by = select.group_by.iter().flat_map(|g| &g.exprs).map(|g| &g.expr);
        for expr in group_by.chain(&select.having).chain(&select.qualify) {
            self.subqueries(expr, scope)?;
        }
        if let Some(query) = query {
            self.order_subqueries(query, scope)?;
        }
        let aggregation = select_aggregation(select, query, &|name| self.resolve(name));
        let windows = window_partitions(select, query, &|name| self.resolve(name));
        let order_by = query.into_iter().flat_map(|q| &q.order_by);
        let order_keys = order_by
            .map(|item| match &item.expr {
                Expr::Column(name) => self.resolve(name),
                _ => None,
            })
            .collect();
        let group_by = select.group_by.iter().flat_map(|g| &g.exprs);
        let group_is_alias = group_by
            .map(|item| match &item.expr {
                Expr::Column(name) => name.qualifier.is_none() && self.is_no_column(&name.name.to_lower()),
                _ => false,
            })
            .collect();
        self.scopes.pop();
        Ok(Block::Select(Box::new(SelectBlock {
            from,
            outputs,
            own,
            order_keys,
            aggregation,
            group_is_alias,
            distinct: select.distinct,
            windows,
            limited: false,
        })))
    }

    /// The facts of a WHERE; subqueries in it are read.
    pub(crate) fn conditions(
        &mut self,
        condition: Option<&Expr>,
        scope: ScopeId,
        outermost: bool,
    ) -> Result<Vec<Fact>> {
        let mut facts = Vec::new();
        for (at, conjunct) in condition.into_iter().flat_map(conjuncts).enumerate() {
            match conjunct {
                Expr::In(in_) if !in_.not && matches!(in_.list, InList::Subquery(_)) => {
                    facts.extend(self.in_subquery(in_, scope)?);
                }
                other => {
                    facts.extend(self.facts_of(other, outermost.then_some(at)));
                    self.subqueries(other, scope)?;
                }
            }
        }
        Ok(facts)
    }

    /// `a IN (SELECT b ...)` as a condition: only rows with `b = a` count, on both sides.
    fn in_subquery(&mut self, in_: &In, scope: ScopeId) -> Result<Vec<Fact>> {
        let InList::Subquery(query) = &in_.list else { return Ok(Vec::new()) };
        self.subqueries(&in_.expr, scope)?;
        let columns: Vec<Option<ColumnKey>> = match &in_.expr {
            Expr::Column(name) => vec![self.resolve(name)],
            Expr::Row(parts) => parts
                .iter()
                .map(|part| match part {
                    Expr::Column(name) => self.resolve(name),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        let block = self.query(query, scope)?;
        let Block::Select(block) = block else { return Ok(Vec::new()) };
        if !accepts_conditions(query) {
            return Ok(Vec::new());
        }
        let mut facts = block.own.clone();
        for (at, column) in columns.into_iter().enumerate() {
            if let (Some(column), Some(key)) = (column, block.key_at(at)) {
                facts.extend(self.equal(column, key));
            }
        }
        Ok(facts)
    }

    fn outputs(&self, select: &Select) -> Vec<OutputColumn> {
        let tables = || self.scopes.last().map(|s| s.tables.clone()).unwrap_or_default();
        select
            .items
            .iter()
            .map(|item| match item {
                SelectItem::Wildcard(None) => OutputColumn::Star(tables()),
                SelectItem::Wildcard(Some(name)) => {
                    let wanted = name.name.to_string_lossy();
                    let named = |id: &TableId| self.out.table(*id).alias == *wanted;
                    OutputColumn::Star(tables().into_iter().filter(named).collect())
                }
                SelectItem::Expr(item) => {
                    let column = match &item.expr {
                        Expr::Column(name) => Some(name),
                        _ => None,
                    };
                    let name = item.alias.as_ref().or(column.map(|c| &c.name)).map(Ident::to_lower);
                    OutputColumn::Column { name, key: column.and_then(|c| self.resolve(c)) }
                }
                SelectItem::Next(_) => OutputColumn::Column { name: Some("nextval".to_owned()), key: None },
            })
            .collect()
    }

    /// Reads the tables and the WHERE of an UPDATE or DELETE. Its names stay known, for SET and ORDER BY,
    /// until [`Analyzer::end_statement`].
    pub(crate) fn statement(
        &mut self,
        with: Option<&sqlast::ast::With>,
        tables: &[TableExpr],
        condition: Option<&Expr>,
        inherited: ScopeId,
    ) -> Result<Read> {
        self.enter_with(with);
        self.scopes.push(NameScope::default());
        let scope = self.out.facts.open(Some(inherited));
        let (from, mut own) = self.read_tables(tables, scope, inherited)?;
        let names = self.scopes.last().map(|s| s.tables.clone()).unwrap_or_default();
        own.extend(self.conditions(condition, scope, true)?);
        self.out.facts.add(scope, own);
        Ok(Read { scope, from, tables: names })
    }

    /// Ends what [`Analyzer::statement`] began.
    pub(crate) fn end_statement(&mut self, inherited: ScopeId) -> Result<()> {
        self.scopes.pop();
        self.leave_with(0, inherited)
    }

    /// Reads FROM; returns how the tables are joined and what holds for every row of it.
    pub(crate) fn read_tables(
        &mut self,
        tables: &[TableExpr],
        pos: ScopeId,
        outer: ScopeId,
    ) -> Result<(From, Vec<Fact>)> {
        let mut parts = Vec::with_capacity(tables.len());
        let mut own = Vec::new();
        for table in tables {
            let (from, facts) = self.read_table(table, pos, outer)?;
            parts.push(from);
            own.extend(facts);
        }
        Ok((From::Inner(parts), own))
    }

    fn read_table(&mut self, table: &TableExpr, pos: ScopeId, outer: ScopeId) -> Result<(From, Vec<Fact>)> {
        match table {
            TableExpr::Table(table) => self.table_reference(table, pos, outer),
            TableExpr::Derived(derived) => self.derived(derived, pos, outer),
            TableExpr::JsonTable(json) => {
                self.subqueries(&json.document, pos)?;
                let id = self.add_table(json.alias.to_string_lossy().into_owned(), Source::Rows, pos)?;
                Ok((From::Table(id), Vec::new()))
            }
            TableExpr::List(tables) => self.read_tables(tables, pos, outer),
            TableExpr::Join(join) => self.join(join, pos, outer),
        }
    }

    fn table_reference(
        &mut self,
        table: &AliasedTable,
        pos: ScopeId,
        outer: ScopeId,
    ) -> Result<(From, Vec<Fact>)> {
        let name = &table.name;
        if name.is_dual() && table.alias.is_none() {
            return Ok((From::Inner(Vec::new()), Vec::new()));
        }
        let alias = table.alias.as_ref().unwrap_or(&name.name).to_string_lossy().into_owned();
        if name.qualifier.is_none()
            && let Some(cte) = self.find_cte(&name.name.to_lower())
        {
            let id = self.reference_cte(cte, alias, pos, outer)?;
            let own = match &self.out.table(id).source {
                Source::Derived(block) => block.own(),
                _ => Vec::new(),
            };
            return Ok((From::Table(id), own));
        }
        let source = match &name.qualifier {
            Some(qualifier) if is_system_schema(qualifier.as_bytes()) => Source::System,
            _ => Source::Base(self.ctx.table(name)?),
        };
        Ok((From::Table(self.add_table(alias, source, pos)?), Vec::new()))
    }

    fn derived(&mut self, derived: &DerivedTable, pos: ScopeId, outer: ScopeId) -> Result<(From, Vec<Fact>)> {
        let inherited = if accepts_conditions(&derived.query) { pos } else { outer };
        // Only a lateral one sees the tables beside it.
        let beside = if derived.lateral { None } else { self.scopes.pop() };
        let block = self.query(&derived.query, inherited);
        self.scopes.extend(beside);
        let block = block?.renamed(&derived.columns);
        let own = block.own();
        let alias = derived.alias.as_ref().map(|a| a.to_string_lossy().into_owned()).unwrap_or_default();
        let id = self.add_table(alias, Source::Derived(Box::new(block)), pos)?;
        Ok((From::Table(id), own))
    }

    fn join(&mut self, join: &Join, pos: ScopeId, outer: ScopeId) -> Result<(From, Vec<Fact>)> {
        let inner = matches!(join.kind, JoinKind::Inner | JoinKind::Straight);
        let missing = if inner { pos } else { self.out.facts.open(Some(pos)) };
        let (left_pos, right_pos) = match join.kind {
            JoinKind::Right => (missing, pos),
            _ => (pos, missing),
        };
        let (left, left_own) = self.read_table(&join.left, left_pos, outer)?;
        let (right, right_own) = self.read_table(&join.right, right_pos, outer)?;
        let on = match &join.condition {
            Some(JoinCondition::On(condition)) => self.conditions(Some(condition), missing, false)?,
            Some(JoinCondition::Using(columns)) => self.using(&left, &right, columns, join.kind),
            None => Vec::new(),
        };
        if inner {
            let own = left_own.into_iter().chain(right_own).chain(on).collect();
            return Ok((From::Inner(vec![left, right]), own));
        }
        let (kept, kept_own, missing_own) = match join.kind {
            JoinKind::Right => (right, right_own, left_own),
            _ => (left, left_own, right_own),
        };
        self.out.facts.add(missing, on.into_iter().chain(missing_own));
        Ok((kept, kept_own))
    }

    /// `USING (a)`: equal on both sides, where each side is a single table; the bare name is that of the
    /// side that is kept.
    fn using(&mut self, left: &From, right: &From, columns: &[Ident], kind: JoinKind) -> Vec<Fact> {
        let (From::Table(left), From::Table(right)) = (left, right) else { return Vec::new() };
        let mut facts = Vec::new();
        for column in columns {
            let column = column.to_lower();
            facts.extend(self.equal(self.canonical(*left, &column), self.canonical(*right, &column)));
            let kept = if kind == JoinKind::Right { *right } else { *left };
            if let Some(names) = self.scopes.last_mut() {
                names.merged.push((column, kept));
            }
        }
        facts
    }

    /// Reads the subqueries of an expression.
    pub(crate) fn subqueries(&mut self, expr: &Expr, scope: ScopeId) -> Result<()> {
        struct Subqueries<'v, 'a> {
            analyzer: &'v mut Analyzer<'a>,
            scope: ScopeId,
            result: Result<()>,
        }
        impl Visitor for Subqueries<'_, '_> {
            fn enter_query(&mut self, query: &Query) -> Visit {
                match self.analyzer.query(query, self.scope) {
                    Ok(_) => Visit::Over,
                    Err(e) => {
                        self.result = Err(e);
                        Visit::Stop
                    }
                }
            }
        }
        let mut visitor = Subqueries { analyzer: self, scope, result: Ok(()) };
        expr.walk(&mut visitor);
        visitor.result
    }

    fn order_subqueries(&mut self, query: &Query, scope: ScopeId) -> Result<()> {
        query.order_by.iter().try_for_each(|o| self.subqueries(&o.expr, scope))
    }
}
