//! UPDATE and DELETE of rows that no shard can find for itself: LIMIT over shards, conditions that need rows
//! of other shards or keyspaces. The rows' keys are read by a query, and the rows changed by them.

use sqlast::ast::{
    self, AliasedExpr, AliasedTable, Assignment, ColName, Expr, Ident, LockStrength, Locking, Query,
    QueryBody, Select, SelectItem, Span, Statement, TableExpr, TableName,
};
use vschema::Table;
use vterrors::{Error, Result};

use crate::{
    KeyedDml, LookupChange, MoveRows, PlanContext, Primitive, RowsAt, floats, lookup, rewrite, routing,
    select::{self, Planned},
    semantics::{conjuncts, has_subquery},
    set_aggregates, set_order,
};

/// The parts of a statement that changes one table.
pub(crate) struct Change<'a> {
    pub with: Option<&'a ast::With>,
    pub tables: &'a [TableExpr],
    pub where_: Option<&'a Expr>,
    pub set: &'a [Assignment],
    pub order_by: &'a [ast::OrderBy],
    pub limit: Option<&'a ast::Limit>,
    /// The table that is changed, and the name by which the statement calls it.
    pub table: &'a Table,
    pub alias: &'a str,
    /// The statement without its conditions, of the one table.
    pub bare: Statement,
}

impl Change<'_> {
    /// What the columns that are set have afterwards.
    fn values(&self, ctx: &PlanContext<'_>) -> Result<Vec<Assignment>> {
        // With IGNORE a value that the column cannot store becomes another one.
        let ignore = matches!(&self.bare, Statement::Update(update) if update.ignore);
        let mut set = set_order::at_once(self.set, self.table, self.alias, ignore)?;
        for Assignment { column, value } in &mut set {
            if has_subquery(value) && !set_aggregates::keep_inside(value, self.tables, self.with, ctx) {
                let why = "a nested subquery of it aggregates columns of the row";
                return Err(refused(self.table, &format!("{}: {why}", column.name)));
            }
        }
        Ok(set)
    }
}

pub(crate) fn plan(change: &Change<'_>, ctx: &PlanContext<'_>) -> Result<Planned> {
    let table = change.table;
    let key = key(table)?;
    let at = rows_at(table, |vindex| Some((0..vindex.columns.len()).collect()))
        .ok_or_else(|| refused(table, "it has no vindex"))?;
    let vindex = table.primary_vindex().filter(|_| matches!(at, RowsAt::Vindex(..)));
    let set = if needs_values(change) { Some(change.values(ctx)?) } else { None };
    let columns = vindex.iter().flat_map(|v| &v.columns).chain(key);
    let mut exprs: Vec<Expr> = columns.map(|c| column(change.alias, c)).collect();
    exprs.extend(set.iter().flatten().map(|a| a.value.clone()));
    let lookups = entries(change, &mut exprs, ctx)?;
    let read = read(change, exprs);
    let input = select::plan(&read, ctx)?;
    let mut rewritten = input.rewritten;
    let query = if set.is_some() {
        // The executor writes the assignments.
        format!("update {}", rewrite::print_table(ctx, &TableName::unqualified(table.name.as_str()))?)
    } else {
        let mut statement = change.bare.clone();
        rewritten.add(rewrite::rewrite(&mut statement, ctx, false)?);
        rewrite::print(ctx, &statement)?
    };
    let print = |a: &Assignment| rewrite::print(ctx, &bare_column(&a.column));
    let new_values = set.iter().flatten().map(print).collect::<Result<_>>()?;
    let key = key
        .iter()
        .map(|c| rewrite::print(ctx, &Expr::Column(ColName::unqualified(c.as_str()))))
        .collect::<Result<_>>()?;
    let dml = KeyedDml {
        keyspace: table.keyspace.clone(),
        table: table.name.clone(),
        input: input.root,
        at,
        key,
        query,
        new_values,
        lookups,
    };
    Ok(Planned {
        root: Primitive::KeyedDml(Box::new(dml)),
        tables_used: input.tables_used,
        rewritten,
        warnings: input.warnings,
        directives: input.directives,
    })
}

/// Where rows of a table are written; `places` says where the columns of its vindex are in them. None where
/// that is not known.
pub(crate) fn rows_at(
    table: &Table,
    places: impl FnOnce(&vschema::ColumnVindex) -> Option<Vec<usize>>,
) -> Option<RowsAt> {
    if !table.sharded {
        return Some(RowsAt::OnlyShard);
    }
    if let Some(keyspace_id) = &table.pinned {
        return Some(RowsAt::KeyspaceId(keyspace_id.clone()));
    }
    if table.is_reference() {
        return Some(RowsAt::EveryShard);
    }
    let vindex = table.primary_vindex()?;
    Some(RowsAt::Vindex(routing::vindex_ref(table, vindex), places(vindex)?))
}

/// An UPDATE that may change a row's shard.
pub(crate) fn plan_move(change: &Change<'_>, ctx: &PlanContext<'_>) -> Result<Planned> {
    let table = change.table;
    let key = key(table)?;
    let Some(vindex) = table.primary_vindex().filter(|_| table.sharded) else {
        return Err(refused(table, "it has no vindex"));
    };
    if !table.column_list_authoritative {
        return Err(refused(table, "its columns are not known"));
    }
    let set = change.values(ctx)?;
    let given: Vec<&str> = table.columns.iter().filter(|c| !c.generated).map(|c| c.name.as_str()).collect();
    let mut exprs: Vec<Expr> = vindex.columns.iter().chain(key).map(|c| column(change.alias, c)).collect();
    let first = exprs.len();
    exprs.extend(given.iter().map(|name| new_value(change, &set, name)));
    let place = |name: &String| {
        let at = given.iter().position(|c| c.eq_ignore_ascii_case(name));
        at.map(|at| first + at).ok_or_else(|| refused(table, &format!("the column {name} is computed")))
    };
    let new_vindex = vindex.columns.iter().map(place).collect::<Result<Vec<_>>>()?;
    let mut lookups = Vec::new();
    for (owned, found) in table.owned_vindexes().filter_map(|v| Some((v, lookup::table(v)?))) {
        let new = owned.columns.iter().map(place).collect::<Result<Vec<_>>>()?;
        let old = owned.columns.iter().map(|c| {
            exprs.push(column(change.alias, c));
            exprs.len() - 1
        });
        let old = old.collect();
        lookups.push(lookup::change(table, owned, found, (Some(old), Some(new))));
    }
    let input = select::plan(&read(change, exprs), ctx)?;
    let name = rewrite::print_table(ctx, &TableName::unqualified(table.name.as_str()))?;
    let printed = |c: &str| rewrite::print(ctx, &Expr::Column(ColName::unqualified(c)));
    let columns = given.iter().map(|c| printed(c)).collect::<Result<Vec<_>>>()?;
    let moved = MoveRows {
        keyspace: table.keyspace.clone(),
        table: table.name.clone(),
        input: input.root,
        vindex: routing::vindex_ref(table, vindex),
        key: key.iter().map(|c| printed(c)).collect::<Result<_>>()?,
        delete: format!("delete from {name}"),
        insert: format!("insert into {name}({}) values ", columns.join(", ")),
        update: format!("update {name}"),
        columns,
        new_vindex,
        lookups,
    };
    Ok(Planned {
        root: Primitive::MoveRows(Box::new(moved)),
        tables_used: input.tables_used,
        rewritten: input.rewritten,
        warnings: input.warnings,
        directives: input.directives,
    })
}

/// A column's value after the statement. (A FLOAT would lose digits as text.)
fn new_value(change: &Change<'_>, set: &[Assignment], name: &str) -> Expr {
    if let Some(assignment) = set.iter().find(|a| a.column.name.is(name.as_bytes())) {
        return assignment.value.clone();
    }
    let plain = column(change.alias, name);
    match change.table.column_type(name) {
        Some(sqltypes::Type::Float32) => floats::doubled(plain),
        _ => plain,
    }
}

/// Whether a change of a table changes entries of its own lookups; no assignments are a DELETE.
pub(crate) fn touches_lookups(table: &Table, set: &[Assignment]) -> bool {
    table.owned_vindexes().filter(|v| lookup::table(v).is_some()).any(|v| {
        set.is_empty() || v.columns.iter().any(|c| set.iter().any(|a| a.column.name.is(c.as_bytes())))
    })
}

fn refused(table: &Table, why: &str) -> Error {
    Error::unsupported(format!("changing rows of {} by their keys: {why}", table.full_name()))
}

/// A unique key without NULLs.
pub(crate) fn key(table: &Table) -> Result<&[String]> {
    let exact = |column: &String| {
        table.column(column).is_some_and(|c| {
            let float = c.ty.is_none_or(sqltypes::is_float);
            !float && c.definition.as_ref().is_some_and(|d| d.contains(" not null"))
        })
    };
    let found = table.unique_keys.iter().find(|key| key.iter().all(exact));
    found.map(Vec::as_slice).ok_or_else(|| refused(table, "no key of it without NULLs is known"))
}

fn column(alias: &str, name: &str) -> Expr {
    let qualifier = Some(Box::new(TableName::unqualified(alias)));
    Expr::Column(ColName { qualifier, name: Ident::from(name) })
}

fn bare_column(name: &ColName) -> Expr {
    Expr::Column(ColName { qualifier: None, name: name.name.clone() })
}

/// Whether the new values of a row depend on other rows, be it by a user variable that goes from row to row, so that
/// they have to be read, too.
fn needs_values(change: &Change<'_>) -> bool {
    let several = !matches!(change.tables, [TableExpr::Table(_)]);
    let reads = |a: &Assignment| has_subquery(&a.value) || select::outcome::assigns(&a.value);
    change.set.iter().any(reads) || (several && !change.set.is_empty())
}

/// What happens to the entries of the table's own lookups; adds the columns and new values that it needs to
/// what is read.
fn entries(change: &Change<'_>, exprs: &mut Vec<Expr>, ctx: &PlanContext<'_>) -> Result<Vec<LookupChange>> {
    let table = change.table;
    let mut out = Vec::new();
    for (vindex, found) in table.owned_vindexes().filter_map(|v| Some((v, lookup::table(v)?))) {
        let is_update = !change.set.is_empty();
        let is_set = |c: &String| change.set.iter().any(|a| a.column.name.is(c.as_bytes()));
        if !table.sharded || (is_update && !vindex.columns.iter().any(is_set)) {
            continue;
        }
        let values = change.values(ctx)?;
        let set = |name: &str| values.iter().find(|a| a.column.name.is(name.as_bytes()));
        let mut add = |expr: Expr| {
            exprs.push(expr);
            exprs.len() - 1
        };
        let old = vindex.columns.iter().map(|c| add(column(change.alias, c))).collect();
        let new = is_update.then(|| {
            let value = |c: &String| set(c).map_or_else(|| column(change.alias, c), |a| a.value.clone());
            vindex.columns.iter().map(|c| add(value(c))).collect()
        });
        out.push(lookup::change(table, vindex, found, (Some(old), new)));
    }
    Ok(out)
}

/// The query for the rows.
fn read(change: &Change<'_>, exprs: Vec<Expr>) -> Query {
    let item = |(at, expr): (usize, Expr)| {
        let alias = Some(Ident::from(format!("__vt_c{at}")));
        SelectItem::Expr(AliasedExpr { expr, alias, span: Span::default() })
    };
    let conditions: Vec<Expr> = change.where_.iter().flat_map(|w| conjuncts(w)).cloned().collect();
    let where_ = match conditions.len() {
        0 => None,
        1 => conditions.into_iter().next(),
        _ => Some(Expr::And(conditions)),
    };
    Query {
        with: change.with.map(|w| Box::new(w.clone())),
        order_by: change.order_by.to_vec(),
        limit: change.limit.cloned(),
        locks: vec![Locking { strength: LockStrength::Update, of: Vec::new(), wait: None }],
        ..Query::new(QueryBody::Select(Box::new(Select {
            items: exprs.into_iter().enumerate().map(item).collect(),
            from: change.tables.to_vec(),
            where_,
            ..Select::default()
        })))
    }
}

/// The statement of the one table without conditions.
pub(crate) fn bare_update(update: &ast::Update, table: &Table) -> Statement {
    let mut set = update.set.clone();
    set.iter_mut().for_each(|a| a.column.qualifier = None);
    Statement::Update(Box::new(ast::Update {
        with: None,
        tables: vec![one_table(&update.tables, table)],
        where_: None,
        order_by: Vec::new(),
        limit: None,
        set,
        ..update.clone()
    }))
}

pub(crate) fn bare_delete(delete: &ast::Delete, table: &Table) -> Statement {
    Statement::Delete(Box::new(ast::Delete {
        with: None,
        targets: Vec::new(),
        tables: vec![one_table(&delete.tables, table)],
        where_: None,
        order_by: Vec::new(),
        limit: None,
        ..delete.clone()
    }))
}

/// The table as the statement has it, where it is the only one: its SET may use the alias.
fn one_table(tables: &[TableExpr], table: &Table) -> TableExpr {
    match tables {
        [only @ TableExpr::Table(_)] => only.clone(),
        _ => TableExpr::Table(Box::new(AliasedTable::new(TableName::qualified(
            table.keyspace.as_str(),
            table.name.as_str(),
        )))),
    }
}
