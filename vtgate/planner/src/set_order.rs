//! The order of SET: MySQL assigns from left to right, and a value that names a column assigned before it gets the
//! new value (its manual, "UPDATE Statement"), which a query of the row as it was does not know.

use sqlast::{
    Rewriter, Visitor, Walk as _,
    ast::{Assignment, Cast, CastType, ColName, Expr, Ident, Query},
};
use vschema::Table;
use vterrors::{Error, Result};

use crate::gather::is_stable;

/// What a row has after all of `set`, as a query of the row before tells it; one assignment for each column.
///
/// A column that is named after its assignment stands for what was assigned, where its type says what that becomes:
/// it has to be an integer, without `ignore`.
pub(crate) fn at_once(
    set: &[Assignment],
    table: &Table,
    alias: &str,
    ignore: bool,
) -> Result<Vec<Assignment>> {
    let mut out: Vec<Assignment> = Vec::with_capacity(set.len());
    for assignment in set {
        let mut value = assignment.value.clone();
        let mut names = Names { before: &out, table, alias, ignore, is_open: false };
        value.rewrite(&mut names);
        if names.is_open {
            return Err(refused(&assignment.column, table));
        }
        out.retain(|a| !a.column.name.eq_ignore_case(&assignment.column.name));
        out.push(Assignment { column: assignment.column.clone(), value });
    }
    Ok(out)
}

/// Refuses a value that names a column of another table which is assigned before it: MySQL leaves open which value it
/// gets. `alias` says what an assignment's table is called.
pub(crate) fn check_tables(
    set: &[Assignment],
    table: &Table,
    alias: &dyn Fn(&Assignment) -> Option<String>,
) -> Result<()> {
    struct Finder<'a>(&'a [(String, &'a Assignment)], bool);
    impl Visitor for Finder<'_> {
        fn column_name(&mut self, name: &ColName) {
            self.1 |= self.0.iter().any(|(alias, a)| is_of(name, &a.column, alias));
        }
    }
    for (at, assignment) in set.iter().enumerate() {
        let own = alias(assignment);
        let others: Vec<_> = set[..at]
            .iter()
            .filter_map(|a| Some((alias(a)?, a)))
            .filter(|(of, _)| Some(of) != own.as_ref())
            .collect();
        let mut finder = Finder(&others, false);
        assignment.value.walk(&mut finder);
        if finder.1 {
            return Err(refused(&assignment.column, table));
        }
    }
    Ok(())
}

fn refused(column: &ColName, table: &Table) -> Error {
    let (table, column) = (table.full_name(), &column.name);
    Error::unsupported(format!(
        "changing rows of {table} by their keys: {column} is set from a column that is set before it"
    ))
}

/// Whether a name is that of a column that was assigned, in the table that is called `alias`.
fn is_of(name: &ColName, assigned: &ColName, alias: &str) -> bool {
    let here = name.qualifier.as_ref().is_none_or(|q| q.name.is(alias.as_bytes()));
    here && name.name.eq_ignore_case(&assigned.name)
}

/// Puts what was assigned in the place of columns.
struct Names<'a> {
    before: &'a [Assignment],
    table: &'a Table,
    alias: &'a str,
    ignore: bool,
    /// What a column has become cannot be said.
    is_open: bool,
}

impl Names<'_> {
    fn assigned(&self, name: &ColName) -> Option<&Assignment> {
        self.before.iter().find(|a| is_of(name, &a.column, self.alias))
    }
}

impl Rewriter for Names<'_> {
    fn enter_expr(&mut self, expr: &mut Expr) -> bool {
        let Expr::Column(name) = expr else { return true };
        let Some(assigned) = self.assigned(name) else { return false };
        let ty = self.table.column_type(&name.name.to_string_lossy());
        // What changes from time to time cannot be written twice.
        if self.ignore || !ty.is_some_and(sqltypes::is_integral) || !is_stable(&assigned.value) {
            self.is_open = true;
            return false;
        }
        // Rounded as the column rounds it; a value that it cannot store ends the statement anyway.
        let to = CastType {
            name: Ident::from("decimal"),
            length: Some("65".into()),
            scale: Some("0".into()),
            charset: None,
            binary: false,
        };
        let cast = Cast { expr: assigned.value.clone(), to, array: false, at_time_zone: None };
        *expr = Expr::Cast(Box::new(cast));
        false
    }

    fn enter_query(&mut self, query: &mut Query) -> bool {
        struct Finder<'a, 'b>(&'a Names<'b>, bool);
        impl Visitor for Finder<'_, '_> {
            fn column_name(&mut self, name: &ColName) {
                self.1 |= self.0.assigned(name).is_some();
            }
        }
        let mut finder = Finder(self, false);
        query.walk(&mut finder);
        self.is_open |= finder.1;
        false
    }
}
