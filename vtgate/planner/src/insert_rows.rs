//! INSERT and REPLACE of rows that a query gives, and that have to be dealt out to shards or moved to
//! another keyspace: the rows are read first.
//!
//! Where they cannot be written together, they are one after the other ([`crate::insert_each`]).

use sqlast::ast::{self, ColName, Expr, InsertSource, Param, Statement, TableName};
use vschema::Table;
use vterrors::{Condition, Error, Result};

use crate::{
    GenerateRows, GivenRows, InsertRowsOf, LookupChange, PlanContext, Primitive, insert, insert_each,
    insert_source::{self, Source},
    keyed, lookup,
    normalized::directives,
    rewrite,
    select::{self, Planned},
    semantics::has_subquery,
};

/// Plans it, if its rows are those of a query, or values that only MySQL can compute. `reason` says why it was not
/// planned otherwise.
pub(crate) fn plan(
    insert: &ast::Insert,
    table: &Table,
    ctx: &PlanContext<'_>,
    reason: &Error,
) -> Result<Planned> {
    let also = |fault: Error| fault.after(reason);
    let columns = insert_source::columns(insert, table).map_err(also)?;
    let Some(sources) = insert_source::sources(insert, table, &columns, ctx)? else {
        return Err(reason.clone());
    };
    let parts = sources.iter().map(|source| match together(insert, table, ctx, (source, columns.clone())) {
        Err(fault) if fault.condition() == Condition::Unsupported => {
            insert_each::plan(insert, table, ctx, source).map_err(also)
        }
        planned => planned,
    });
    Planned::all(parts.collect::<Result<_>>()?).ok_or_else(|| reason.clone())
}

/// The rows in one statement for each shard.
fn together(
    insert: &ast::Insert,
    table: &Table,
    ctx: &PlanContext<'_>,
    (source, mut columns): (&Source, Vec<ColName>),
) -> Result<Planned> {
    let refuse = |what: &str| Err(Error::unsupported(what));
    if ctx.by_rows && !insert.on_duplicate.is_empty() {
        return refuse("a row in the way of one may be on another shard");
    }
    if insert.row_alias.is_some() || !on_duplicate_is_own(insert, table) {
        return refuse("ON DUPLICATE KEY UPDATE with values of other tables");
    }
    if insert.on_duplicate.iter().any(|a| table.sharded && insert::decides_the_shard(&a.column, table)) {
        return refuse("ON DUPLICATE KEY UPDATE of a column that decides the row's shard");
    }
    let width = columns.len();
    let place = |columns: &[ColName], name: &str| columns.iter().position(|c| c.name.is(name.as_bytes()));
    let generate = match &table.auto_increment {
        None => None,
        Some(auto) => {
            let at = place(&columns, &auto.column);
            if at.is_none() {
                columns.push(ColName::unqualified(auto.column.as_str()));
            }
            let sequence = rewrite::print_table(ctx, &TableName::unqualified(auto.sequence_table.as_str()))?;
            let query = format!("select next :n values from {sequence}");
            let (keyspace, column) = (auto.sequence_keyspace.clone(), auto.column.clone());
            Some(GenerateRows { keyspace, query, column, at })
        }
    };
    let places = |v: &vschema::ColumnVindex| v.columns.iter().map(|c| place(&columns, c)).collect();
    let Some(at) = keyed::rows_at(table, places) else {
        return refuse("a column that decides the row's shard has no value");
    };
    let lookups = match entries(insert, table, &columns) {
        Ok(lookups) => lookups,
        Err(what) => return refuse(&what),
    };
    let input = select::plan(&source.query, ctx)?;
    let mut rewritten = input.rewritten;
    let (prefix, suffix) = print(insert, columns, ctx, &mut rewritten)?;
    let mut tables_used = input.tables_used;
    tables_used.push(table.full_name());
    tables_used.sort();
    tables_used.dedup();
    let mut warnings = input.warnings;
    warnings.extend(crate::insert::lookup_warning(table, |_| true));
    let root = InsertRowsOf {
        keyspace: table.keyspace.clone(),
        table: table.name.clone(),
        rows: GivenRows { input: input.root, width, side_by_side: source.side_by_side },
        prefix,
        suffix,
        ignore: insert.ignore,
        at,
        generate,
        lookups,
        may_exist: insert.ignore || !insert.on_duplicate.is_empty(),
    };
    Ok(Planned {
        root: Primitive::InsertRowsOf(Box::new(root)),
        tables_used,
        rewritten,
        warnings,
        directives: directives(&insert.comments),
    })
}

/// The entries that the rows get in the table's own lookups; what stands against them.
fn entries(insert: &ast::Insert, table: &Table, columns: &[ColName]) -> Result<Vec<LookupChange>, String> {
    if !table.sharded {
        return Ok(Vec::new());
    }
    let owned: Vec<_> = table.owned_vindexes().filter_map(|v| Some((v, lookup::table(v)?))).collect();
    if insert.replace && !owned.is_empty() {
        return Err("REPLACE into a table with a lookup vindex of its own".to_owned());
    }
    let change = |(vindex, found): (&vschema::ColumnVindex, crate::LookupTable)| {
        let place = |name: &String| {
            let set = insert.on_duplicate.iter().any(|a| a.column.name.is(name.as_bytes()));
            let at = columns.iter().position(|c| c.name.is(name.as_bytes()));
            at.filter(|_| !set).ok_or_else(|| format!("the column {name}, which a lookup vindex has"))
        };
        let new = vindex.columns.iter().map(place).collect::<Result<Vec<_>, _>>()?;
        Ok(lookup::change(table, vindex, found, (None, Some(new))))
    };
    owned.into_iter().map(change).collect()
}

/// Whether what is set on a duplicate key is known from the row itself.
fn on_duplicate_is_own(insert: &ast::Insert, table: &Table) -> bool {
    struct Finder<'a>(&'a Table, bool);
    impl sqlast::Visitor for Finder<'_> {
        fn column_name(&mut self, name: &ColName) {
            self.1 |= insert::is_other(name, self.0);
        }
    }
    let mut finder = Finder(table, false);
    for assignment in &insert.on_duplicate {
        finder.1 |= has_subquery(&assignment.value);
        sqlast::Walk::walk(&assignment.value, &mut finder);
    }
    !finder.1
}

/// The text before and after the rows.
fn print(
    insert: &ast::Insert,
    columns: Vec<ColName>,
    ctx: &PlanContext<'_>,
    rewritten: &mut rewrite::Rewritten,
) -> Result<(String, String)> {
    // Printed with a single row that no statement can contain, the text falls apart where rows go.
    let marker = Expr::Param(Param::Named("__vtrows".into()));
    let source = InsertSource::Values(vec![vec![marker]]);
    let mut statement = Statement::Insert(Box::new(ast::Insert { columns, source, ..insert.clone() }));
    rewritten.add(rewrite::rewrite(&mut statement, ctx, false)?);
    let text = rewrite::print(ctx, &statement)?;
    match text.split_once("(:__vtrows)") {
        Some((prefix, suffix)) => Ok((prefix.to_owned(), suffix.to_owned())),
        None => Err(Error::internal("the printed INSERT has no place for its rows")),
    }
}
