//! Tables of one name from several keyspaces: `FROM a.t JOIN b.t ON a.t.id = b.t.id`.
//!
//! MySQL tells the tables of a FROM apart by their database and their name or alias, everything after this stage by
//! the name alone. So tables of one name get aliases of their own here, and the columns that name them follow. What
//! `t.id` means is MySQL's, too: the only one of them that has such a column.

use sqlast::{
    Rewriter, Visitor, Walk,
    ast::{
        AliasedTable, ColName, Ident, Query, QueryBody, Select, SelectItem, Statement, TableExpr, TableName,
    },
};
use vterrors::{Condition, Error, Result};

use crate::{PlanContext, context::is_system_schema};

/// How the aliases begin that are given here.
const GIVEN: &str = "__vt_of_";

/// The statement with every table of a FROM under its own name; none where that is so already.
///
/// Errors: a column that is in several of the tables that it may mean (1052), or in none of them (1054).
pub(crate) fn told_apart(statement: &Statement, ctx: &PlanContext<'_>) -> Result<Option<Statement>> {
    let mut search = Search { ctx, found: false };
    statement.walk(&mut search);
    if !search.found {
        return Ok(None);
    }
    let mut statement = statement.clone();
    let mut renamer = Renamer { ctx, scopes: Vec::new(), given: 0, error: None };
    statement.rewrite(&mut renamer);
    match renamer.error {
        None => Ok(Some(statement)),
        Some(error) => Err(error),
    }
}

struct Search<'a> {
    ctx: &'a PlanContext<'a>,
    found: bool,
}

impl Visitor for Search<'_> {
    fn enter_select(&mut self, select: &Select) -> sqlast::Visit {
        self.found |= !homonyms(&tables(select), self.ctx).is_empty();
        sqlast::Visit::Into
    }
}

/// The tables of a FROM, without those of its derived tables.
fn tables(select: &Select) -> Vec<&AliasedTable> {
    fn collect<'a>(table: &'a TableExpr, found: &mut Vec<&'a AliasedTable>) {
        match table {
            TableExpr::Table(table) => found.push(table),
            TableExpr::Join(join) => {
                collect(&join.left, found);
                collect(&join.right, found);
            }
            TableExpr::List(tables) => tables.iter().for_each(|t| collect(t, found)),
            TableExpr::Derived(_) | TableExpr::JsonTable(_) => {}
        }
    }
    let mut found = Vec::new();
    select.from.iter().for_each(|t| collect(t, &mut found));
    found
}

fn alias(table: &AliasedTable) -> &Ident {
    table.alias.as_ref().unwrap_or(&table.name.name)
}

/// The keyspace that a table is taken from; none where neither the statement nor the session says it.
fn keyspace(name: &TableName, ctx: &PlanContext<'_>) -> Option<Ident> {
    name.qualifier.clone().or_else(|| ctx.keyspace.map(Ident::from))
}

/// The positions of tables whose name another one has, from another keyspace. Two of one keyspace are left to MySQL,
/// which refuses them (1066).
fn homonyms(tables: &[&AliasedTable], ctx: &PlanContext<'_>) -> Vec<usize> {
    let same_name = |a: &AliasedTable, b: &AliasedTable| alias(a) == alias(b);
    let is_one = |at: usize| {
        let others =
            || tables.iter().enumerate().filter(|(other, t)| *other != at && same_name(t, tables[at]));
        let mine = keyspace(&tables[at].name, ctx);
        others().next().is_some() && others().all(|(_, t)| keyspace(&t.name, ctx) != mine)
    };
    // A table of WITH has no keyspace; it and a table of its name are as hard to tell apart as two of one keyspace.
    match tables.len() {
        0 | 1 => Vec::new(),
        n => (0..n).filter(|at| is_one(*at)).collect(),
    }
}

/// A table that got an alias.
#[derive(Debug, Clone)]
struct Renamed {
    keyspace: Option<Ident>,
    /// By which the statement names it.
    was: Ident,
    is: Ident,
    table: TableName,
}

struct Renamer<'a> {
    ctx: &'a PlanContext<'a>,
    /// Of the blocks around the place we are at, the innermost last: the names of their tables, and those that got
    /// others.
    scopes: Vec<(Vec<Ident>, Vec<Renamed>)>,
    given: usize,
    error: Option<Error>,
}

impl Renamer<'_> {
    /// Gives the block's homonyms their aliases, and makes its names known.
    fn enter(&mut self, select: &mut Select) {
        let at = homonyms(&tables(select), self.ctx);
        let mut renamed = Vec::new();
        let mut number = 0;
        for table in &mut select.from {
            self.rename(table, &at, &mut number, &mut renamed);
        }
        let names = tables(select).into_iter().map(|t| alias(t).clone()).collect();
        self.scopes.push((names, renamed));
        for item in std::mem::take(&mut select.items) {
            match item {
                SelectItem::Wildcard(Some(name)) => select.items.extend(self.wildcards(name)),
                item => select.items.push(item),
            }
        }
    }

    fn rename(
        &mut self,
        table: &mut TableExpr,
        at: &[usize],
        number: &mut usize,
        renamed: &mut Vec<Renamed>,
    ) {
        match table {
            TableExpr::Table(table) => {
                if at.contains(number) {
                    let was = alias(table).clone();
                    let is = Ident::from(format!("{GIVEN}{}_{}", was.to_string_lossy(), self.given).as_str());
                    self.given += 1;
                    table.alias = Some(is.clone());
                    let (keyspace, table) = (keyspace(&table.name, self.ctx), table.name.clone());
                    renamed.push(Renamed { keyspace, was, is, table });
                }
                *number += 1;
            }
            TableExpr::Join(join) => {
                self.rename(&mut join.left, at, number, renamed);
                self.rename(&mut join.right, at, number, renamed);
            }
            TableExpr::List(tables) => tables.iter_mut().for_each(|t| self.rename(t, at, number, renamed)),
            TableExpr::Derived(_) | TableExpr::JsonTable(_) => {}
        }
    }

    /// `t.*` is those of all that are named so.
    fn wildcards(&self, name: TableName) -> Vec<SelectItem> {
        let (_, renamed) = &self.scopes[self.scopes.len() - 1];
        let meant: Vec<_> = renamed.iter().filter(|r| r.may_be(&name)).collect();
        match meant.is_empty() {
            true => vec![SelectItem::Wildcard(Some(name))],
            false => meant
                .iter()
                .map(|r| SelectItem::Wildcard(Some(TableName::unqualified(r.is.clone()))))
                .collect(),
        }
    }

    /// The new name of the table that a column is of; none where it keeps its own.
    fn resolve(&self, qualifier: &TableName, column: &Ident) -> Result<Option<Ident>> {
        for (names, renamed) in self.scopes.iter().rev() {
            let meant: Vec<_> = renamed.iter().filter(|r| r.may_be(qualifier)).collect();
            let having: Vec<_> = meant.iter().copied().filter(|r| self.may_have(r, column)).collect();
            return match (&meant[..], &having[..]) {
                ([], _) if names.contains(&qualifier.name) => Ok(None),
                ([], _) => continue,
                ([one], _) | (_, [one]) => Ok(Some(one.is.clone())),
                (_, []) => Err(Error::new(
                    Condition::UnknownColumn,
                    format!("Unknown column '{}.{column}' in 'field list'", qualifier.name),
                )),
                _ => Err(Error::new(
                    Condition::AmbiguousColumn,
                    format!("Column '{}.{column}' in field list is ambiguous", qualifier.name),
                )),
            };
        }
        Ok(None)
    }

    fn may_have(&self, renamed: &Renamed, column: &Ident) -> bool {
        if renamed.table.qualifier.as_ref().is_some_and(|q| is_system_schema(q.as_bytes())) {
            return true;
        }
        let table = self.ctx.table(&renamed.table);
        table.map_or(true, |t| !t.column_list_authoritative || t.column(&column.to_string_lossy()).is_some())
    }
}

impl Renamed {
    fn may_be(&self, name: &TableName) -> bool {
        self.was == name.name && name.qualifier.as_ref().is_none_or(|q| Some(q) == self.keyspace.as_ref())
    }
}

impl Rewriter for Renamer<'_> {
    fn enter_query(&mut self, query: &mut Query) -> bool {
        // ORDER BY stands outside of the block whose tables it names.
        match &mut query.body {
            QueryBody::Select(select) => self.enter(select),
            _ => self.scopes.push(Default::default()),
        }
        true
    }

    fn leave_query(&mut self, _query: &mut Query) {
        self.scopes.pop();
    }

    fn enter_select(&mut self, select: &mut Select) -> bool {
        // A query's own block was entered with it; now all its names are its own, and the old ones are found one
        // scope further out.
        self.enter(select);
        true
    }

    fn leave_select(&mut self, _select: &mut Select) {
        self.scopes.pop();
    }

    fn column_name(&mut self, name: &mut ColName) {
        let Some(qualifier) = &name.qualifier else { return };
        match self.resolve(qualifier, &name.name) {
            Ok(Some(is)) => name.qualifier = Some(Box::new(TableName::unqualified(is))),
            Ok(None) => {}
            Err(error) => self.error = self.error.take().or(Some(error)),
        }
    }
}
