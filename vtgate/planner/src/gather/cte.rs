//! Common table expressions that are used several times: MySQL would open their temporary tables again for
//! each use, which it cannot. They become tables themselves, one for each use.

use sqlast::{
    Rewriter, Visit, Visitor, Walk,
    ast::{
        AliasedTable, CommonTable, Query, QueryBody, Select, SelectItem, Statement, TableExpr, TableName,
        With,
    },
};
use vterrors::Result;

use super::Gatherer;
use crate::{GatherStep, rewrite};

impl Gatherer<'_> {
    /// Takes the shared ones out of the outermost WITH.
    pub(super) fn shared_tables(&mut self, query: &mut Query) -> Result<()> {
        let Some(with) = query.with.take() else { return Ok(()) };
        let With { recursive, tables } = *with;
        let mut waiting: std::collections::VecDeque<CommonTable> = tables.into();
        let mut kept: Vec<CommonTable> = Vec::new();
        while let Some(table) = waiting.pop_front() {
            let name = table.name.to_lower();
            let uses =
                uses_in(query, &name) + waiting.iter().map(|t| uses_in(&t.query, &name)).sum::<usize>();
            if uses < 2 {
                kept.push(table);
                continue;
            }
            let first = self.materialize(table, &mut kept, recursive)?;
            let mut places = Places { name: &name, first: Some(first), gatherer: self, shadowed: 0 };
            waiting.iter_mut().for_each(|t| t.query.rewrite(&mut places));
            query.rewrite(&mut places);
        }
        if !kept.is_empty() {
            query.with = Some(Box::new(With { recursive, tables: kept }));
        }
        Ok(())
    }

    /// Makes a table of it; takes along the ones before it that only it uses. Returns the table's name.
    fn materialize(
        &mut self,
        table: CommonTable,
        kept: &mut Vec<CommonTable>,
        recursive: bool,
    ) -> Result<String> {
        let from = TableName::unqualified(table.name.clone());
        let mut tables = vec![table];
        while let Some(at) = kept.iter().rposition(|k| {
            let name = k.name.to_lower();
            tables.iter().any(|t| uses_in(&t.query, &name) > 0)
        }) {
            tables.insert(0, kept.remove(at));
        }
        let mut body = Query {
            with: Some(Box::new(With { recursive, tables })),
            ..Query::new(QueryBody::Select(Box::new(Select {
                items: vec![SelectItem::Wildcard(None)],
                from: vec![TableExpr::Table(Box::new(AliasedTable::new(from)))],
                ..Select::default()
            })))
        };
        body.rewrite(self);
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let mut statement = Statement::Query(Box::new(body));
        let rewritten = rewrite::rewrite_gathered(&mut statement, self.ctx)?;
        self.rewritten.add(rewritten);
        let name = self.next_name();
        let query = rewrite::print(self.ctx, &statement)?;
        self.steps.push(GatherStep::Materialize { name: name.clone(), query });
        Ok(name)
    }
}

/// How often a query names a common table expression, other than one of its own of that name.
fn uses_in(query: &Query, name: &str) -> usize {
    struct Counter<'a> {
        name: &'a str,
        count: usize,
    }
    impl Visitor for Counter<'_> {
        fn enter_query(&mut self, query: &Query) -> Visit {
            if defines(query, self.name) { Visit::Over } else { Visit::Into }
        }
        fn enter_table_expr(&mut self, table: &TableExpr) -> Visit {
            self.count += usize::from(is_use(table, self.name));
            Visit::Into
        }
    }
    let mut counter = Counter { name, count: 0 };
    query.walk(&mut counter);
    counter.count
}

fn defines(query: &Query, name: &str) -> bool {
    query.with.iter().flat_map(|w| &w.tables).any(|t| t.name.to_lower() == name)
}

fn is_use(table: &TableExpr, name: &str) -> bool {
    matches!(table, TableExpr::Table(t) if t.name.qualifier.is_none() && t.name.name.to_lower() == name)
}

/// Puts tables in the places of a name.
struct Places<'g, 'a> {
    name: &'g str,
    /// The materialised table, until it is in its place; the other places get copies.
    first: Option<String>,
    gatherer: &'g mut Gatherer<'a>,
    /// Queries around the place we are at that give the name another meaning.
    shadowed: usize,
}

impl Rewriter for Places<'_, '_> {
    fn enter_query(&mut self, query: &mut Query) -> bool {
        self.shadowed += usize::from(defines(query, self.name));
        true
    }

    fn leave_query(&mut self, query: &mut Query) {
        self.shadowed -= usize::from(defines(query, self.name));
    }

    fn leave_table_expr(&mut self, table: &mut TableExpr) {
        if self.shadowed > 0 || !is_use(table, self.name) {
            return;
        }
        let TableExpr::Table(table) = table else { return };
        let name = self.first.take().unwrap_or_else(|| {
            let name = self.gatherer.next_name();
            // The steps from the first table on are this one and its copies.
            let from = self.gatherer.steps.iter().rev().find_map(|step| match step {
                GatherStep::Materialize { name, .. } => Some(name.clone()),
                _ => None,
            });
            let from = from.unwrap_or_default();
            self.gatherer.steps.push(GatherStep::Copy { name: name.clone(), from });
            name
        });
        let alias = table.alias.clone().unwrap_or_else(|| table.name.name.clone());
        **table = AliasedTable { alias: Some(alias), ..AliasedTable::new(TableName::unqualified(name)) };
    }
}
