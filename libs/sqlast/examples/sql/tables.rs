//! The tables that a statement names.

use std::collections::BTreeSet;

use sqlast::{
    Visit, Visitor, Walk,
    ast::{Ident, Query, Statement, TableName, With},
    visit::TableRole,
};

/// `table` and `keyspace.table`, sorted by their bytes, each once; without `dual` and without the names that a
/// WITH gives, where these are meant. A statement that is kept whole names none.
pub fn tables(statement: &Statement) -> BTreeSet<Vec<u8>> {
    let mut found = Tables::default();
    let with = match statement {
        Statement::Update(update) => update.with.as_deref(),
        Statement::Delete(delete) => delete.with.as_deref(),
        _ => None,
    };
    found.scopes.extend(with.map(Scope::of));
    statement.walk(&mut found);
    found.names
}

#[derive(Default)]
struct Tables {
    names: BTreeSet<Vec<u8>>,
    /// The WITH clauses around the place of the walk, the innermost last.
    scopes: Vec<Scope>,
}

/// A WITH clause on the way through it: a name is known from its own definition on where the clause is
/// recursive, and behind it otherwise.
struct Scope {
    /// The query that it stands before; none for UPDATE and DELETE.
    of: Option<*const Query>,
    names: Vec<Ident>,
    /// The definitions, to know which one the walk is in.
    queries: Vec<*const Query>,
    recursive: bool,
    known: usize,
}

impl Scope {
    fn of(with: &With) -> Self {
        Self {
            of: None,
            names: with.tables.iter().map(|t| t.name.clone()).collect(),
            queries: with.tables.iter().map(|t| std::ptr::from_ref(&t.query)).collect(),
            recursive: with.recursive,
            known: 0,
        }
    }
}

impl Visitor for Tables {
    fn enter_query(&mut self, query: &Query) -> Visit {
        if let Some(scope) = self.scopes.last_mut()
            && let Some(at) = scope.queries.iter().position(|q| std::ptr::eq(*q, query))
        {
            scope.known = at + usize::from(scope.recursive);
        }
        if let Some(with) = &query.with {
            self.scopes.push(Scope { of: Some(query), ..Scope::of(with) });
        }
        Visit::Into
    }

    fn leave_query(&mut self, query: &Query) -> Visit {
        if self.scopes.last().is_some_and(|s| s.of.is_some_and(|of| std::ptr::eq(of, query))) {
            self.scopes.pop();
        }
        if let Some(scope) = self.scopes.last_mut()
            && let Some(at) = scope.queries.iter().position(|q| std::ptr::eq(*q, query))
        {
            scope.known = at + 1;
        }
        Visit::Into
    }

    fn table_name(&mut self, name: &TableName, role: TableRole) {
        let is_common = name.qualifier.is_none()
            && self.scopes.iter().any(|s| s.names[..s.known].iter().any(|n| n.eq_ignore_case(&name.name)));
        if role != TableRole::Table || name.is_dual() || is_common {
            return;
        }
        let mut full = Vec::new();
        if let Some(qualifier) = &name.qualifier {
            full.extend_from_slice(qualifier.as_bytes());
            full.push(b'.');
        }
        full.extend_from_slice(name.name.as_bytes());
        self.names.insert(full);
    }
}
