//! Tables of WITH that nobody reads.
//!
//! MySQL does not look at them: neither their tables nor their columns need exist (tried on 9.7). So they are not
//! planned either.

use sqlast::{
    Rewriter, Visitor, Walk,
    ast::{Ident, Query, Statement, TableName, With},
    visit::TableRole,
};

/// Takes them away from a query and all that is in it.
pub(crate) fn drop_unused(statement: &mut Statement) {
    struct Dropper;
    impl Rewriter for Dropper {
        fn enter_query(&mut self, query: &mut Query) -> bool {
            if let Some(mut with) = query.with.take() {
                while let Some(at) = unused(query, &with) {
                    with.tables.remove(at);
                }
                query.with = (!with.tables.is_empty()).then_some(with);
            }
            true
        }
    }
    if let Statement::Query(query) = statement {
        query.rewrite(&mut Dropper);
    }
}

/// A table of `with` that neither the query nor another of its tables reads.
fn unused(query: &Query, with: &With) -> Option<usize> {
    let tables = &with.tables;
    (0..tables.len()).find(|at| {
        let name = &tables[*at].name;
        let mut others = tables.iter().enumerate().filter(|(other, _)| other != at);
        !reads(query, name) && !others.any(|(_, table)| reads(&table.query, name))
    })
}

/// Whether a table of this name stands in the query, even if it means another of the same name.
fn reads(query: &Query, name: &Ident) -> bool {
    struct Reads<'a>(&'a Ident, bool);
    impl Visitor for Reads<'_> {
        fn table_name(&mut self, name: &TableName, role: TableRole) {
            self.1 |=
                role == TableRole::Table && name.qualifier.is_none() && name.name.eq_ignore_case(self.0);
        }
    }
    let mut reads = Reads(name, false);
    query.walk(&mut reads);
    reads.1
}
