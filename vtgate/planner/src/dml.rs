//! Plans of UPDATE and DELETE.
//!
//! Rows are changed where they are. A row whose primary vindex would change has to move to another shard;
//! that is refused by name.

use sqlast::ast::{self, Assignment, Expr, Limit, OrderBy, Statement, TableExpr};
use vschema::{Table, TableKind};
use vterrors::{Condition, Error, Result};

use crate::{
    Dml, PlanContext, PlanWarning, Primitive, Routing,
    insert::lookup_warning,
    keyed,
    normalized::directives,
    rewrite,
    routing::{self, Place},
    select::{Planned, outcome, tables_used},
    semantics::{Analysis, Analyzer, From, Source, TableId},
    set_order, vindex_func,
};

/// The parts of both statements.
struct Parts<'a> {
    verb: &'static str,
    tables: &'a [TableExpr],
    with: Option<&'a ast::With>,
    where_: Option<&'a Expr>,
    set: &'a [Assignment],
    order_by: &'a [OrderBy],
    limit: Option<&'a Limit>,
    /// Names of the tables that DELETE deletes from; empty: the only one.
    targets: &'a [ast::TableName],
    multi_table: bool,
}

/// Plans an UPDATE.
pub(crate) fn plan_update(update: &ast::Update, ctx: &PlanContext<'_>) -> Result<Planned> {
    let parts = Parts {
        verb: "UPDATE",
        tables: &update.tables,
        with: update.with.as_deref(),
        where_: update.where_.as_ref(),
        set: &update.set,
        order_by: &update.order_by,
        limit: update.limit.as_ref(),
        targets: &[],
        multi_table: !is_single(&update.tables),
    };
    let statement = |conjunct| {
        let mut update = update.clone();
        routing::split_list(&mut update.where_, conjunct);
        Statement::Update(Box::new(update))
    };
    let bare = |table: &Table| keyed::bare_update(update, table);
    let mut planned = plan(&parts, ctx, statement, bare)?;
    planned.directives = directives(&update.comments);
    check_scatter(ctx, &planned)?;
    Ok(planned)
}

/// Plans a DELETE.
pub(crate) fn plan_delete(delete: &ast::Delete, ctx: &PlanContext<'_>) -> Result<Planned> {
    let parts = Parts {
        verb: "DELETE",
        tables: &delete.tables,
        with: delete.with.as_deref(),
        where_: delete.where_.as_ref(),
        set: &[],
        order_by: &delete.order_by,
        limit: delete.limit.as_ref(),
        targets: &delete.targets,
        multi_table: !delete.targets.is_empty() || !is_single(&delete.tables),
    };
    let statement = |conjunct| {
        let mut delete = delete.clone();
        routing::split_list(&mut delete.where_, conjunct);
        Statement::Delete(Box::new(delete))
    };
    let bare = |table: &Table| keyed::bare_delete(delete, table);
    let mut planned = plan(&parts, ctx, statement, bare)?;
    planned.directives = directives(&delete.comments);
    check_scatter(ctx, &planned)?;
    Ok(planned)
}

fn is_single(tables: &[TableExpr]) -> bool {
    matches!(tables, [TableExpr::Table(_)])
}

fn check_scatter(ctx: &PlanContext<'_>, planned: &Planned) -> Result<()> {
    match &planned.root {
        Primitive::Update(dml) | Primitive::Delete(dml) if !dml.is_reference => {
            routing::check_scatter(ctx, &dml.routing, planned.directives.allow_scatter)
        }
        _ => Ok(()),
    }
}

fn plan(
    parts: &Parts<'_>,
    ctx: &PlanContext<'_>,
    statement: impl FnOnce(Option<usize>) -> Statement,
    bare: impl Fn(&Table) -> Statement,
) -> Result<Planned> {
    let mut analyzer = Analyzer::new(ctx);
    let root = analyzer.out.facts.open(None);
    let read = analyzer.statement(parts.with, parts.tables, parts.where_, root)?;
    for assignment in parts.set {
        analyzer.subqueries(&assignment.value, read.scope)?;
    }
    for item in parts.order_by {
        analyzer.subqueries(&item.expr, read.scope)?;
    }
    analyzer.end_statement(root)?;
    let analysis = analyzer.out;
    let written = written_tables(parts, &analysis, &read.tables)?;
    written.iter().try_for_each(|(_, table)| vindex_func::refuse_write(table))?;
    let Some((_, first)) = written.first() else {
        return Err(Error::unsupported(format!("{} of rows that are in no table", parts.verb)));
    };
    let (keyspace, name) = (first.keyspace.clone(), first.name.clone());
    let (routing, conjunct, is_reference) = match route(parts, ctx, &analysis, &read.from, &written) {
        Err(reason) if reason.condition() == Condition::Unsupported => {
            return by_keys(parts, ctx, &analysis, (&written, bare), reason);
        }
        routed => routed?,
    };
    if assigns_variables(parts) && !matches!(routing, Routing::ByTarget { .. }) {
        let text = format!("{} that assigns user variables, which are the session's", parts.verb);
        return by_keys(parts, ctx, &analysis, (&written, bare), Error::unsupported(text));
    }
    if !is_reference && !matches!(routing, Routing::Unsharded | Routing::ByTarget { .. }) {
        let touched = |table: &Table| keyed::touches_lookups(table, parts.set);
        if written.iter().any(|(_, table)| touched(table)) {
            let what = if written.len() > 1 { "several tables, one of them" } else { "a table" };
            let text = format!("{} of {what} with a lookup vindex of its own", parts.verb);
            let reason = Error::unsupported(text);
            return by_keys(parts, ctx, &analysis, (&written, bare), reason);
        }
    }
    let mut warnings: Vec<PlanWarning> = written
        .iter()
        .filter_map(|(_, table)| {
            lookup_warning(table, |c| {
                parts.set.is_empty() || parts.set.iter().any(|a| a.column.name.is(c.as_bytes()))
            })
        })
        .collect();
    if routing == Routing::Scatter && !is_reference {
        warnings.push(PlanWarning::Scatter);
    }
    let mut statement = statement(conjunct);
    let rewritten = rewrite::rewrite(&mut statement, ctx, false)?;
    let is_update = matches!(statement, Statement::Update(_));
    let dml = Box::new(Dml {
        keyspace,
        table: name,
        routing,
        query: rewrite::print(ctx, &statement)?,
        is_reference,
    });
    Ok(Planned {
        root: if is_update { Primitive::Update(dml) } else { Primitive::Delete(dml) },
        tables_used: tables_used(&analysis),
        rewritten,
        warnings,
        directives: crate::Directives::default(),
    })
}

/// Whether it has `@n := @n + 1`, wherever.
fn assigns_variables(parts: &Parts<'_>) -> bool {
    let set = parts.set.iter().map(|a| &a.value);
    let order_by = parts.order_by.iter().map(|item| &item.expr);
    set.chain(order_by).chain(parts.where_).any(outcome::assigns)
}

/// The rows of each table read first, then changed by their keys. `reason` says why this way is taken.
fn by_keys(
    parts: &Parts<'_>,
    ctx: &PlanContext<'_>,
    analysis: &Analysis,
    (written, bare): (&[(TableId, &Table)], impl Fn(&Table) -> Statement),
    reason: Error,
) -> Result<Planned> {
    if written.iter().any(|(_, table)| has_source(table)) {
        return Err(reason);
    }
    let moves = refuse_vindex_change(parts, analysis, written);
    let [(id, table)] = written else {
        return moves
            .and_then(|()| several_by_keys(parts, ctx, analysis, (written, bare)))
            .map_err(|fault| fault.after(&reason));
    };
    let change = change(parts, (table, &analysis.table(*id).alias), parts.set, bare(table));
    let planned = if moves.is_err() { keyed::plan_move(&change, ctx) } else { keyed::plan(&change, ctx) };
    planned.map_err(|fault| fault.after(&reason))
}

fn change<'a>(
    parts: &'a Parts<'_>,
    (table, alias): (&'a Table, &'a str),
    set: &'a [Assignment],
    bare: Statement,
) -> keyed::Change<'a> {
    keyed::Change {
        with: parts.with,
        tables: parts.tables,
        where_: parts.where_,
        set,
        order_by: parts.order_by,
        limit: parts.limit,
        table,
        alias,
        bare,
    }
}

/// Several tables: each is changed by what the statement's query says of it.
fn several_by_keys(
    parts: &Parts<'_>,
    ctx: &PlanContext<'_>,
    analysis: &Analysis,
    (written, bare): (&[(TableId, &Table)], impl Fn(&Table) -> Statement),
) -> Result<Planned> {
    let ids: Vec<TableId> = written.iter().map(|(id, _)| *id).collect();
    let alias = |a: &Assignment| Some(analysis.table(assigned_table(a, analysis, &ids)?).alias.clone());
    set_order::check_tables(parts.set, written[0].1, &alias)?;
    if parts.set.iter().any(|a| assigned_table(a, analysis, &ids).is_none()) {
        return Err(Error::unsupported("which table a column of SET is of is not known"));
    }
    let mut changes = Vec::with_capacity(written.len());
    let mut out: Option<Planned> = None;
    for (id, table) in written {
        let own = |a: &&Assignment| assigned_table(a, analysis, &ids) == Some(*id);
        let set: Vec<Assignment> = parts.set.iter().filter(own).cloned().collect();
        let mut statement = bare(table);
        if let Statement::Update(update) = &mut statement {
            update.set.clone_from(&set);
            update.set.iter_mut().for_each(|a| a.column.qualifier = None);
        }
        let change = change(parts, (table, &analysis.table(*id).alias), &set, statement);
        let planned = keyed::plan(&change, ctx)?;
        let Primitive::KeyedDml(dml) = planned.root else {
            return Err(Error::internal("a change by keys that is none"));
        };
        changes.push(*dml);
        match &mut out {
            None => out = Some(Planned { root: Primitive::ChangeTables(Vec::new()), ..planned }),
            Some(out) => {
                out.rewritten.add(planned.rewritten);
                out.add_warnings(planned.warnings);
            }
        }
    }
    let Some(mut out) = out else { return Err(Error::internal("a change of no tables")) };
    out.tables_used = tables_used(analysis);
    out.root = Primitive::ChangeTables(changes);
    Ok(out)
}

/// The table whose column is set, where that is certain.
fn assigned_table(assignment: &Assignment, analysis: &Analysis, tables: &[TableId]) -> Option<TableId> {
    let name = &assignment.column;
    if let Some(qualifier) = &name.qualifier {
        let wanted = qualifier.name.to_string_lossy();
        return tables.iter().copied().find(|id| analysis.table(*id).alias == *wanted);
    }
    let column = name.name.to_string_lossy();
    let has = |id: &TableId| match analysis.base(*id) {
        Some(table) => !table.column_list_authoritative || table.column(&column).is_some(),
        None => false,
    };
    let mut found = tables.iter().copied().filter(has);
    match (found.next(), found.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// Where the statement goes, the condition whose list is split, and whether it writes a reference table.
fn route(
    parts: &Parts<'_>,
    ctx: &PlanContext<'_>,
    analysis: &Analysis,
    from: &From,
    written: &[(TableId, &Table)],
) -> Result<(Routing, Option<usize>, bool)> {
    if let Some(shard) = ctx.shard {
        return Ok((Routing::ByTarget { shard: shard.to_owned() }, None, false));
    }
    let refuse = |what: String| Err(Error::unsupported(format!("{}: {what}", parts.verb)));
    if matches!(routing::place(ctx, analysis)?, Place::Unsharded(_) | Place::Anywhere) {
        return Ok((Routing::Unsharded, None, false));
    }
    refuse_vindex_change(parts, analysis, written)?;
    let references = written.iter().filter(|(_, t)| t.is_reference()).count();
    if references > 0 {
        if let Some((_, table)) = written.iter().find(|(_, t)| has_source(t)) {
            return refuse(format!("the reference table {} is written at its source", table.full_name()));
        }
        if references < written.len() || routing::sharded_tables(analysis).next().is_some() {
            return refuse("a reference table together with sharded tables".to_owned());
        }
        return Ok((Routing::Scatter, None, true));
    }
    if let Some(routing) = routing::one_shard(ctx, analysis) {
        return Ok((routing, None, false));
    }
    let driver = routing::many_shards(ctx, analysis, from);
    let single = driver.as_ref().is_ok_and(|d| d.routing.is_single_shard());
    if parts.limit.is_some() && !single {
        return refuse("LIMIT over several shards".to_owned());
    }
    let driver = driver?;
    Ok((driver.routing, driver.split_conjunct, false))
}

fn has_source(table: &Table) -> bool {
    matches!(table.kind, TableKind::Reference { source: Some(_) })
}

/// The base tables that are changed.
fn written_tables<'a>(
    parts: &Parts<'_>,
    analysis: &'a Analysis,
    tables: &[TableId],
) -> Result<Vec<(TableId, &'a Table)>> {
    let base = |id: TableId| match &analysis.table(id).source {
        Source::Base(table) => Some((id, table.as_ref())),
        _ => None,
    };
    let all = || tables.iter().filter_map(|id| base(*id));
    if !parts.targets.is_empty() {
        let find = |target: &ast::TableName| {
            let wanted = target.name.to_string_lossy();
            all().find(|(id, _)| analysis.table(*id).alias == *wanted).ok_or_else(|| {
                let text = format!("Unknown table '{wanted}' in MULTI DELETE");
                Error::mysql(1109, *b"42S02", text)
            })
        };
        return parts.targets.iter().map(find).collect();
    }
    refuse_set_elsewhere(parts, analysis, tables)?;
    if !parts.multi_table {
        return Ok(all().collect());
    }
    // A multi-table UPDATE changes those whose columns it sets; where one cannot be told it may be any.
    let set: Option<Vec<TableId>> = parts.set.iter().map(|a| assigned_table(a, analysis, tables)).collect();
    Ok(match set {
        Some(set) => all().filter(|(id, _)| set.contains(id)).collect(),
        None => all().collect(),
    })
}

/// A column of SET that names a table says which: it is there and has rows of its own. One that names none is in one table.
fn refuse_set_elsewhere(parts: &Parts<'_>, analysis: &Analysis, tables: &[TableId]) -> Result<()> {
    for column in parts.set.iter().map(|a| &a.column) {
        let name = column.name.to_string_lossy();
        let Some(qualifier) = &column.qualifier else {
            let known = |id: &&TableId| analysis.base(**id).is_some_and(|t| t.column(&name).is_some());
            if tables.iter().filter(known).count() > 1 {
                let text = format!("Column '{name}' in field list is ambiguous");
                return Err(Error::mysql(1052, *b"23000", text));
            }
            continue;
        };
        let wanted = qualifier.name.to_string_lossy();
        let Some(id) = tables.iter().find(|id| analysis.table(**id).alias == *wanted) else {
            let text = format!("Unknown column '{wanted}.{name}' in 'field list'");
            return Err(Error::mysql(1054, *b"42S22", text));
        };
        if analysis.base(*id).is_none() {
            let text = format!("The target table {wanted} of the UPDATE is not updatable");
            return Err(Error::mysql(1288, *b"HY000", text));
        }
    }
    Ok(())
}

/// A row stays where its primary vindex says.
fn refuse_vindex_change(parts: &Parts<'_>, analysis: &Analysis, written: &[(TableId, &Table)]) -> Result<()> {
    for assignment in parts.set {
        let name = &assignment.column;
        let qualifier = name.qualifier.as_ref().map(|q| q.name.to_string_lossy());
        for (id, table) in written {
            if qualifier.as_ref().is_some_and(|q| **q != *analysis.table(*id).alias) {
                continue;
            }
            let columns = table.primary_vindex().filter(|_| table.sharded).map(|v| &v.columns);
            if let Some(column) = columns.into_iter().flatten().find(|c| name.name.is(c.as_bytes())) {
                return Err(Error::unsupported(format!(
                    "UPDATE of the column {column}, which decides the shard of the rows of {}",
                    table.full_name()
                )));
            }
        }
    }
    Ok(())
}
