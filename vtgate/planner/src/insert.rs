//! Plans of INSERT and REPLACE.
//!
//! Rows of a sharded table go to the shard of their primary vindex, many rows in one statement for each
//! shard. A column with a sequence gets its values from there, whatever the table's own auto-increment
//! would say: no two shards may give the same number.

use sqlast::ast::{self, ColName, Expr, InsertSource, Literal, Param, QueryBody, Statement, TableName};
use vschema::{AutoIncrement, ColumnDefault, Table, TableKind};
use vterrors::{Condition, Error, Result};

use crate::{
    Generate, Insert, InsertRow, InsertRows, PlanContext, PlanWarning, Primitive, Routing, ValueRef,
    insert_bind, insert_rows, lookup,
    normalized::directives,
    replace, rewrite,
    routing::{self, Place},
    select::{Planned, tables_used},
    semantics::{Analysis, Analyzer, value_of},
    sequence_bind, upsert, views, vindex_func,
};

/// Plans an INSERT or REPLACE.
pub(crate) fn plan(insert: &ast::Insert, ctx: &PlanContext<'_>) -> Result<Planned> {
    let table = ctx.table(&insert.table)?;
    vindex_func::refuse_write(&table)?;
    views::refuse_write(&table)?;
    let table = match &table.kind {
        // A reference table that has a source is written there, and copied from there.
        TableKind::Reference { source: Some((keyspace, name)) } => {
            ctx.table(&TableName::qualified(keyspace.as_str(), name.as_str()))?
        }
        _ => table,
    };
    let mut insert = insert.clone();
    if insert.table.name.as_bytes() != table.name.as_bytes() || insert.table.qualifier.is_some() {
        insert.table = TableName::qualified(table.keyspace.as_str(), table.name.as_str());
    }
    check_columns(&insert, &table)?;
    plain_rows(&mut insert);
    plan_values(insert, &table, ctx)
}

/// Plans an INSERT or REPLACE whose table is known.
pub(crate) fn plan_values(insert: ast::Insert, table: &Table, ctx: &PlanContext<'_>) -> Result<Planned> {
    match replace::is_needed(&insert, table, ctx) {
        true => replace::plan(&insert, table, ctx),
        false => plan_rows(insert, table, ctx, false),
    }
}

/// Plans a REPLACE of a row that no row is in the way of.
pub(crate) fn plan_alone(insert: ast::Insert, table: &Table, ctx: &PlanContext<'_>) -> Result<Planned> {
    plan_rows(insert, table, ctx, true)
}

/// Plans it where the rows can be in one statement for each shard, and row by row or as what a query gives
/// where they cannot.
pub(crate) fn plan_rows(
    mut insert: ast::Insert,
    table: &Table,
    ctx: &PlanContext<'_>,
    alone: bool,
) -> Result<Planned> {
    if ctx.by_rows && upsert::is_possible(&insert, table, ctx) {
        return row_by_row(&insert, table, ctx);
    }
    let analysis = analyze(&insert, ctx)?;
    let planner = Planner { ctx, table, analysis: &analysis, alone };
    let given = insert.clone();
    let printed = planner.rows(&mut insert).and_then(|(split, generate)| {
        let (rows, rewritten) = planner.print(insert.clone(), split)?;
        Ok((rows, generate, rewritten))
    });
    let (rows, generate, rewritten) = match printed {
        Err(reason) if reason.condition() == Condition::Unsupported && ctx.shard.is_none() => {
            return plan_otherwise(&given, table, ctx, &reason);
        }
        printed => printed?,
    };
    let mut tables = tables_used(&analysis);
    tables.push(table.full_name());
    tables.sort();
    tables.dedup();
    let maintains = matches!(rows, InsertRows::Sharded { .. });
    let root = Insert {
        keyspace: table.keyspace.clone(),
        table: table.name.clone(),
        rows,
        generate,
        ignore: insert.ignore,
        replace: insert.replace,
        is_reference: table.is_reference() && table.sharded,
        lookups: if maintains { new_entries(table) } else { Vec::new() },
        may_exist: insert.ignore || !insert.on_duplicate.is_empty(),
    };
    Ok(Planned {
        root: Primitive::Insert(Box::new(root)),
        tables_used: tables,
        rewritten,
        warnings: lookup_warning(table, |_| true).into_iter().collect(),
        directives: directives(&insert.comments),
    })
}

/// What `reason` says against one statement for each shard does not stand against other ways.
fn plan_otherwise(
    insert: &ast::Insert,
    table: &Table,
    ctx: &PlanContext<'_>,
    reason: &Error,
) -> Result<Planned> {
    if !upsert::is_possible(insert, table, ctx) {
        return insert_rows::plan(insert, table, ctx, reason);
    }
    row_by_row(insert, table, ctx).map_err(|fault| fault.after(reason))
}

/// `ON DUPLICATE KEY UPDATE` row by row; the rows are read first where they are not known.
fn row_by_row(insert: &ast::Insert, table: &Table, ctx: &PlanContext<'_>) -> Result<Planned> {
    match upsert::plan(insert, table, ctx) {
        Err(fault) if fault.condition() == Condition::Unsupported => {
            insert_rows::plan(insert, table, ctx, &fault)
        }
        planned => planned,
    }
}

/// As far as the table's columns are known: each that is named is there (1054), and a query gives as many (1136). The
/// rest comes after this in MySQL, too.
fn check_columns(insert: &ast::Insert, table: &Table) -> Result<()> {
    if !table.column_list_authoritative {
        return Ok(());
    }
    let is_missing = |name: &&ColName| table.column(&name.name.to_string_lossy()).is_none();
    if let Some(missing) = insert.columns.iter().find(is_missing) {
        let text = format!("Unknown column '{}' in 'field list'", missing.name);
        return Err(Error::new(Condition::UnknownColumn, text));
    }
    let wanted = match insert.columns.len() {
        0 => table.columns.iter().filter(|c| !c.invisible).count(),
        named => named,
    };
    let InsertSource::Query(query) = &insert.source else { return Ok(()) };
    let QueryBody::Select(select) = &query.body else { return Ok(()) };
    let plain = select.items.iter().all(|item| matches!(item, ast::SelectItem::Expr(_)));
    match plain && select.items.len() != wanted {
        false => Ok(()),
        true => {
            Err(Error::new(Condition::WrongValueCount, "Column count doesn't match value count at row 1"))
        }
    }
}

/// Each row has as many values as columns are named.
pub(crate) fn check_count(row: &[Expr], columns: &[ColName]) -> Result<()> {
    match row.len() == columns.len() {
        true => Ok(()),
        false => {
            Err(Error::new(Condition::WrongValueCount, "Column count doesn't match value count at row 1"))
        }
    }
}

/// The owned lookups of a table, as those of new rows whose values come in the lookup's own order.
fn new_entries(table: &Table) -> Vec<crate::LookupChange> {
    let owned = table.owned_vindexes().filter_map(|v| Some((v, lookup::table(v)?)));
    owned.map(|(vindex, found)| lookup::change(table, vindex, found, (None, Some(Vec::new())))).collect()
}

/// The warning that entries of lookup vindexes on columns that `touched` names are not written: the kinds
/// that plans do not use. No plan reads them.
pub(crate) fn lookup_warning(table: &Table, touched: impl Fn(&str) -> bool) -> Option<PlanWarning> {
    let vindexes: Vec<String> = table
        .owned_vindexes()
        .filter(|v| lookup::table(v).is_none())
        .filter(|v| v.columns.iter().any(|c| touched(c)))
        .map(|v| v.name.clone())
        .collect();
    (!vindexes.is_empty()).then(|| PlanWarning::LookupNotMaintained { table: table.full_name(), vindexes })
}

/// `INSERT ... SET` and `INSERT ... VALUES ROW(...)` are `INSERT (...) VALUES (...)`.
fn plain_rows(insert: &mut ast::Insert) {
    match &mut insert.source {
        InsertSource::Set(assignments) => {
            let assignments = std::mem::take(assignments);
            let (columns, row) = assignments.into_iter().map(|a| (a.column, a.value)).unzip();
            insert.columns = columns;
            insert.source = InsertSource::Values(vec![row]);
        }
        InsertSource::Query(query) if query.is_bare() => {
            if let QueryBody::Values(values) = &mut query.body {
                let rows = std::mem::take(&mut values.rows);
                insert.source = InsertSource::Values(rows);
            }
        }
        InsertSource::Query(_) | InsertSource::Values(_) => {}
    }
}

/// The tables that the rows are read from.
fn analyze(insert: &ast::Insert, ctx: &PlanContext<'_>) -> Result<Analysis> {
    let mut analyzer = Analyzer::new(ctx);
    let root = analyzer.out.facts.open(None);
    match &insert.source {
        InsertSource::Values(rows) => {
            for expr in rows.iter().flatten() {
                analyzer.subqueries(expr, root)?;
            }
        }
        InsertSource::Query(query) => drop(analyzer.query(query, root)?),
        InsertSource::Set(_) => {}
    }
    for assignment in &insert.on_duplicate {
        analyzer.subqueries(&assignment.value, root)?;
    }
    Ok(analyzer.out)
}

/// The rows, before they are text.
enum Split {
    Whole(Routing),
    Rows(Vec<Vec<ValueRef>>),
}

struct Planner<'a> {
    ctx: &'a PlanContext<'a>,
    table: &'a Table,
    analysis: &'a Analysis,
    /// What a REPLACE replaces is gone already, and so are its entries.
    alone: bool,
}

impl Planner<'_> {
    fn refuse<T>(&self, what: impl std::fmt::Display) -> Result<T> {
        Err(Error::unsupported(format!("INSERT into {}: {what}", self.table.full_name())))
    }

    /// Decides where the rows go; puts bind variables where the executor sets values.
    fn rows(&self, insert: &mut ast::Insert) -> Result<(Split, Option<Generate>)> {
        if let Some(shard) = self.ctx.shard {
            return Ok((Split::Whole(Routing::ByTarget { shard: shard.to_owned() }), None));
        }
        self.refuse_vindex_update(insert)?;
        if let InsertSource::Query(_) = &insert.source {
            return self.query_routing().map(|routing| (Split::Whole(routing), None));
        }
        self.check_sources()?;
        self.name_columns(insert)?;
        self.name_lookup_columns(insert)?;
        let generate = match &self.table.auto_increment {
            Some(auto) => Some(self.generate(insert, auto)?),
            None => None,
        };
        if !self.table.sharded {
            return Ok((Split::Whole(Routing::Unsharded), generate));
        }
        if let Some(keyspace_id) = &self.table.pinned {
            return Ok((Split::Whole(Routing::KeyspaceId(keyspace_id.clone())), generate));
        }
        if self.table.is_reference() {
            return Ok((Split::Whole(Routing::Scatter), generate));
        }
        for column in self.table.primary_vindex().iter().flat_map(|v| &v.columns) {
            self.give_default(insert, column, None)?;
        }
        Ok((Split::Rows(self.split(insert)?), generate))
    }

    /// `INSERT ... SELECT`: whole, where all tables are in one place.
    fn query_routing(&self) -> Result<Routing> {
        if self.table.auto_increment.is_some() {
            return self.refuse("INSERT ... SELECT into a table with a sequence");
        }
        let place = routing::place(self.ctx, self.analysis)?;
        match place {
            Place::Anywhere if !self.table.sharded => Ok(Routing::Unsharded),
            Place::Unsharded(keyspace) if keyspace.name == self.table.keyspace => Ok(Routing::Unsharded),
            _ => self.refuse("INSERT ... SELECT with rows of several shards or keyspaces"),
        }
    }

    /// Subqueries among the values can be answered where the rows go only if all is in one place.
    fn check_sources(&self) -> Result<()> {
        let elsewhere = self.analysis.base_tables().any(|(_, t)| t.keyspace != self.table.keyspace);
        let any = self.analysis.base_tables().next().is_some() || self.analysis.has_system_tables();
        if elsewhere || (any && self.table.sharded) {
            return self.refuse("a subquery among the values");
        }
        Ok(())
    }

    /// A row keeps the shard it has: its primary vindex does not change on a duplicate key.
    fn refuse_vindex_update(&self, insert: &ast::Insert) -> Result<()> {
        if !self.table.sharded {
            return Ok(());
        }
        match insert.on_duplicate.iter().find(|a| decides_the_shard(&a.column, self.table)) {
            None => Ok(()),
            Some(ast::Assignment { column, .. }) => self.refuse(format_args!(
                "ON DUPLICATE KEY UPDATE of the column {}, which decides the row's shard",
                column.name
            )),
        }
    }

    /// Makes sure that columns are named where they must be known, and each row has as many values.
    fn name_columns(&self, insert: &mut ast::Insert) -> Result<()> {
        let needed =
            self.table.auto_increment.is_some() || (self.table.sharded && !self.table.is_reference());
        if insert.columns.is_empty() && needed {
            if !self.table.column_list_authoritative {
                return self.refuse("a column list is needed (the VSchema does not list all columns)");
            }
            let visible = self.table.columns.iter().filter(|c| !c.invisible);
            insert.columns = visible.map(|c| ColName::unqualified(c.name.as_str())).collect();
        }
        let InsertSource::Values(rows) = &insert.source else { return Ok(()) };
        let uneven = rows.iter().position(|row| row.len() != insert.columns.len());
        match uneven {
            Some(at) if needed => Err(Error::new(
                Condition::WrongValueCount,
                format!("Column count doesn't match value count at row {}", at + 1),
            )),
            _ => Ok(()),
        }
    }

    /// A row has an entry in a lookup by the values that the INSERT gives: those it does not give are NULL.
    fn name_lookup_columns(&self, insert: &mut ast::Insert) -> Result<()> {
        if !self.table.sharded {
            return Ok(());
        }
        let owned: Vec<_> = self.table.owned_vindexes().filter(|v| lookup::table(v).is_some()).collect();
        if insert.replace && !self.alone && !owned.is_empty() {
            return self.refuse("REPLACE into a table with a lookup vindex of its own");
        }
        for column in owned.iter().flat_map(|v| &v.columns) {
            if insert.on_duplicate.iter().any(|a| a.column.name.is(column.as_bytes())) {
                return self.refuse(format_args!(
                    "ON DUPLICATE KEY UPDATE of the column {column}, which a lookup vindex has"
                ));
            }
            let generated = self.table.auto_increment.as_ref().is_some_and(|a| a.column == *column);
            if !generated {
                self.give_default(insert, column, Some(Expr::Literal(Literal::Null)))?;
            }
        }
        Ok(())
    }

    /// Gives rows the value that MySQL would give them by itself in a column that must be known; `unknown` stands
    /// for it where nothing is known of it.
    fn give_default(&self, insert: &mut ast::Insert, column: &str, unknown: Option<Expr>) -> Result<()> {
        let at = self.column_at(insert, column);
        let InsertSource::Values(rows) = &mut insert.source else { return Ok(()) };
        let lacks = |row: &[Expr]| at.is_none_or(|at| matches!(row.get(at), Some(Expr::Default(None))));
        if !rows.iter().any(|row| lacks(row)) {
            return Ok(());
        }
        let Some(default) = default_of(self.table, column, insert.ignore)?.or(unknown) else { return Ok(()) };
        for row in rows.iter_mut().filter(|row| lacks(row)) {
            match at {
                Some(at) => row[at] = default.clone(),
                None => row.push(default.clone()),
            }
        }
        if at.is_none() {
            insert.columns.push(ColName::unqualified(column));
        }
        Ok(())
    }

    /// The values by which a row is found in each owned lookup.
    fn lookup_values(&self, columns: &[ColName], row: &[Expr]) -> Result<Vec<Vec<ValueRef>>> {
        let value = |column: &String| {
            let at = columns.iter().position(|c| c.name.is(column.as_bytes()));
            match at.and_then(|at| row.get(at)).and_then(value_of) {
                Some(value) => Ok(value),
                None => self.refuse(format_args!(
                    "the value of the column {column}, which a lookup vindex has, is an expression"
                )),
            }
        };
        let owned = self.table.owned_vindexes().filter(|v| lookup::table(v).is_some());
        owned.map(|v| v.columns.iter().map(value).collect()).collect()
    }

    /// Takes the values of the sequence's column out of the rows.
    fn generate(&self, insert: &mut ast::Insert, auto: &AutoIncrement) -> Result<Generate> {
        let at = self.column_at(insert, &auto.column).unwrap_or_else(|| {
            insert.columns.push(ColName::unqualified(auto.column.as_str()));
            insert.columns.len() - 1
        });
        let InsertSource::Values(rows) = &mut insert.source else {
            return self.refuse("rows that are not values, into a table with a sequence");
        };
        let mut values = Vec::with_capacity(rows.len());
        for (row_at, row) in rows.iter_mut().enumerate() {
            let bind = Expr::Param(Param::Named(sequence_bind(row_at).into()));
            let given = match row.get_mut(at) {
                Some(slot) => std::mem::replace(slot, bind),
                None => {
                    row.push(bind);
                    Expr::Literal(Literal::Null)
                }
            };
            let value = match &given {
                Expr::Default(None) => Some(ValueRef::Null),
                other => value_of(other),
            };
            match value {
                Some(value) => values.push(value),
                None => {
                    return self.refuse(format_args!(
                        "the value of the auto-increment column {} is an expression",
                        auto.column
                    ));
                }
            }
        }
        let sequence = TableName::unqualified(auto.sequence_table.as_str());
        let query = format!("select next :n values from {}", rewrite::print_table(self.ctx, &sequence)?);
        Ok(Generate { keyspace: auto.sequence_keyspace.clone(), query, column: auto.column.clone(), values })
    }

    fn column_at(&self, insert: &ast::Insert, column: &str) -> Option<usize> {
        insert.columns.iter().position(|c| c.name.is(column.as_bytes()))
    }

    /// Takes the values of the primary vindex's columns out of the rows.
    fn split(&self, insert: &mut ast::Insert) -> Result<Vec<Vec<ValueRef>>> {
        let Some(vindex) = self.table.primary_vindex() else { return self.refuse("the table has no vindex") };
        let mut places = Vec::with_capacity(vindex.columns.len());
        for column in &vindex.columns {
            match self.column_at(insert, column) {
                Some(at) => places.push((column, at)),
                None => {
                    return self.refuse(format_args!(
                        "the column {column}, which decides the row's shard, has no value"
                    ));
                }
            }
        }
        let InsertSource::Values(rows) = &mut insert.source else {
            return self.refuse("rows that are not values");
        };
        let mut out = Vec::with_capacity(rows.len());
        for (row_at, row) in rows.iter_mut().enumerate() {
            let mut values = Vec::with_capacity(places.len());
            for (column, at) in &places {
                let bind = Expr::Param(Param::Named(insert_bind(column, row_at).into()));
                let given = row.get_mut(*at).map(|slot| std::mem::replace(slot, bind));
                match given.as_ref().and_then(value_of) {
                    Some(value) => values.push(value),
                    None => {
                        return self.refuse(format_args!(
                            "the value of the column {column}, which decides the row's shard, is an expression"
                        ));
                    }
                }
            }
            out.push(values);
        }
        Ok(out)
    }

    /// The text, split where the rows of a shard go.
    fn print(&self, insert: ast::Insert, split: Split) -> Result<(InsertRows, rewrite::Rewritten)> {
        let mut statement = Statement::Insert(Box::new(insert));
        let rewritten = rewrite::rewrite(&mut statement, self.ctx, false)?;
        let Split::Rows(values) = split else {
            let Split::Whole(routing) = split else { return self.refuse("no rows") };
            return Ok((
                InsertRows::Whole { routing, query: rewrite::print(self.ctx, &statement)? },
                rewritten,
            ));
        };
        let Some(vindex) = self.table.primary_vindex() else { return self.refuse("the table has no vindex") };
        let Statement::Insert(insert) = &mut statement else { return self.refuse("not an INSERT any more") };
        let columns = insert.columns.clone();
        let InsertSource::Values(rows) = &mut insert.source else {
            return self.refuse("rows that are not values");
        };
        // Printed with a single row that no statement can contain, the text falls apart where rows go.
        let marker = Expr::Param(Param::Named("__vtrows".into()));
        let rows = std::mem::replace(rows, vec![vec![marker]]);
        let text = rewrite::print(self.ctx, &statement)?;
        let Some((prefix, suffix)) = text.split_once("(:__vtrows)") else {
            return Err(Error::internal("the printed INSERT has no place for its rows"));
        };
        let rows = rows
            .into_iter()
            .zip(values)
            .enumerate()
            .map(|(at, (row, vindex_values))| {
                let parts = row.iter().map(|e| rewrite::print(self.ctx, e)).collect::<Result<Vec<_>>>()?;
                Ok(InsertRow {
                    vindex_values,
                    lookup_values: self.lookup_values(&columns, &row)?,
                    vindex_binds: vindex.columns.iter().map(|c| insert_bind(c, at)).collect(),
                    text: format!("({})", parts.join(", ")),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let vindex = routing::vindex_ref(self.table, vindex);
        let (prefix, suffix) = (prefix.to_owned(), suffix.to_owned());
        Ok((InsertRows::Sharded { vindex, prefix, rows, suffix }, rewritten))
    }
}

/// What a row has in a column that the INSERT gives no value; none where nothing is known of it. With `ignore`
/// one without a default has its type's.
pub(crate) fn default_of(table: &Table, name: &str, ignore: bool) -> Result<Option<Expr>> {
    let Some(column) = table.column(name) else { return Ok(None) };
    match &column.default {
        ColumnDefault::Null => Ok(Some(Expr::Literal(Literal::Null))),
        ColumnDefault::Value(text) => Ok(Some(Expr::Literal(Literal::String(text.as_str().into())))),
        ColumnDefault::Missing if ignore && column.ty.is_some_and(sqltypes::is_integral) => {
            Ok(Some(Expr::Literal(Literal::Integer("0".into()))))
        }
        ColumnDefault::Missing
            if ignore && column.ty.is_some_and(|ty| sqltypes::is_text(ty) || sqltypes::is_binary(ty)) =>
        {
            Ok(Some(Expr::Literal(Literal::String("".into()))))
        }
        ColumnDefault::Missing => Err(Error::mysql(
            1364,
            *b"HY000",
            format!("Field '{}' doesn't have a default value", column.name),
        )),
        // A definition comes only with what is known of the default.
        ColumnDefault::Unknown if column.definition.is_some() => Err(Error::unsupported(format!(
            "INSERT into {}: the default of the column {name}, which a vindex has, is an expression",
            table.full_name()
        ))),
        ColumnDefault::Unknown => Ok(None),
    }
}

/// Whether the column is one of the table's primary vindex.
pub(crate) fn decides_the_shard(column: &ColName, table: &Table) -> bool {
    table.primary_vindex().is_some_and(|v| v.columns.iter().any(|c| column.name.is(c.as_bytes())))
}

/// Whether a column that `ON DUPLICATE KEY UPDATE` names is one of another table, as far as that is known.
pub(crate) fn is_other(column: &ColName, table: &Table) -> bool {
    let other = column.qualifier.as_ref().is_some_and(|q| !q.name.is(table.name.as_bytes()));
    let known = table.column(&column.name.to_string_lossy()).is_some();
    other || (table.column_list_authoritative && !known)
}
