//! Tables of WITH that hide others of an outer WITH: `WITH u AS (...) SELECT ... FROM (WITH u AS (...) SELECT ... FROM u)`.
//!
//! They get names of their own here, so that nothing after this stage has to know which of several is meant.

use sqlast::{
    Rewriter, Visit, Visitor, Walk,
    ast::{Ident, Query, QueryBody, Statement, TableExpr, TableName},
};

/// How the names begin that are given here.
const GIVEN: &str = "__vt_with_";

/// Renames them in a whole statement.
pub(crate) fn tell_apart(statement: &mut Statement) {
    struct Withs(usize);
    impl Visitor for Withs {
        fn enter_query(&mut self, query: &Query) -> Visit {
            self.0 += usize::from(query.with.is_some());
            Visit::Into
        }
    }
    let mut withs = Withs(0);
    statement.walk(&mut withs);
    if withs.0 > 1 {
        statement.rewrite(&mut Shadowed { visible: Vec::new(), given: 0 });
    }
}

struct Shadowed {
    /// The names that the queries around the place we are at give.
    visible: Vec<Vec<Ident>>,
    given: usize,
}

impl Rewriter for Shadowed {
    fn enter_query(&mut self, query: &mut Query) -> bool {
        let mut names = Vec::new();
        if let Some(mut with) = query.with.take() {
            for at in 0..with.tables.len() {
                let name = with.tables[at].name.clone();
                if self.visible.iter().flatten().any(|outer| outer.eq_ignore_case(&name)) {
                    let new = Ident::from(format!("{GIVEN}{}", self.given).as_str());
                    self.given += 1;
                    let mut rename = Rename { name: &name, new: &new };
                    // Its own body reads it only where it is recursive.
                    let first = at + usize::from(!with.recursive);
                    with.tables[first..].iter_mut().for_each(|table| table.query.rewrite(&mut rename));
                    query.rewrite(&mut rename);
                    with.tables[at].name = new;
                }
                names.push(with.tables[at].name.clone());
            }
            query.with = Some(with);
        }
        self.visible.push(names);
        true
    }

    fn leave_query(&mut self, _query: &mut Query) {
        self.visible.pop();
    }
}

/// Gives a table another name where it is read; by its old name its columns are still qualified.
struct Rename<'a> {
    name: &'a Ident,
    new: &'a Ident,
}

impl Rename<'_> {
    fn means(&self, table: &TableName) -> bool {
        table.qualifier.is_none() && table.name.eq_ignore_case(self.name)
    }
}

impl Rewriter for Rename<'_> {
    fn enter_query(&mut self, query: &mut Query) -> bool {
        // One of the same name further inside hides this one, but in the tables before it.
        if let Some(with) = &mut query.with
            && let Some(at) = with.tables.iter().position(|table| table.name.eq_ignore_case(self.name))
        {
            let until = at + usize::from(!with.recursive);
            with.tables[..until].iter_mut().for_each(|table| table.query.rewrite(self));
            return false;
        }
        if let QueryBody::Table(table) = &mut query.body
            && self.means(table)
        {
            table.name = self.new.clone();
        }
        true
    }

    fn enter_table_expr(&mut self, table: &mut TableExpr) -> bool {
        if let TableExpr::Table(table) = table
            && self.means(&table.name)
        {
            table.alias.get_or_insert_with(|| table.name.name.clone());
            table.name.name = self.new.clone();
        }
        true
    }
}
