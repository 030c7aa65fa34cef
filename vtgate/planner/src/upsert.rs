//! `INSERT ... ON DUPLICATE KEY UPDATE` where one statement for each shard is not enough: the row that is in the
//! way may be on another shard than the new one, or what is set on it changes its entries in lookups or its
//! shard, or needs rows of other tables.
//!
//! Row by row, because one row of the statement may be in the way of the next: the rows that are in its way are
//! read and locked, one query for each key; the one that is found is changed as by an UPDATE, else the new row is
//! inserted. MySQL changes the row of the first key that has one, and its manual says not to rely on which: rows
//! of several keys are an error here.

use sqlast::{
    Rewriter, Walk as _,
    ast::{
        self, AliasedExpr, AliasedTable, Assignment, ColName, Expr, InsertSource, LockStrength, Locking,
        Query, QueryBody, Select, SelectItem, Span, TableExpr,
    },
};
use vschema::Table;
use vterrors::{Error, Result};

use crate::{
    Conflict, PlanContext, Primitive, Upsert, UpsertRow, dml,
    in_the_way::{NewRow, Way, rows_of, whole_name},
    insert, keyed,
    rewrite::Rewritten,
    select::{self, Planned},
    semantics::value_of,
};

/// Whether an INSERT can be one.
pub(crate) fn is_possible(insert: &ast::Insert, table: &Table, ctx: &PlanContext<'_>) -> bool {
    !insert.on_duplicate.is_empty()
        && ctx.shard.is_none()
        && !table.is_reference()
        && matches!(insert.source, InsertSource::Values(_))
}

/// The plan row by row.
pub(crate) fn plan(insert: &ast::Insert, table: &Table, ctx: &PlanContext<'_>) -> Result<Planned> {
    let refuse = |what: &str| {
        Err(Error::unsupported(format!("ON DUPLICATE KEY UPDATE of rows of {}: {what}", table.full_name())))
    };
    if table.unique_keys.is_empty() || !table.column_list_authoritative {
        return refuse("its keys are not known");
    }
    let key = keyed::key(table)?;
    let Some((columns, rows)) = rows_of(insert, table) else {
        return refuse("the rows are not values");
    };
    let mut out: Option<Planned> = None;
    let mut rewritten = Rewritten::default();
    let mut plans = Vec::with_capacity(rows.len());
    for values in rows {
        insert::check_count(values, &columns)?;
        let row = NewRow { table, columns: &columns, values };
        let mut conflicts = Vec::new();
        for way in row.ways() {
            if way.key.iter().any(|c| row.value(c.as_bytes()).is_some_and(|v| value_of(v).is_none())) {
                return refuse("a value of a key is an expression");
            }
            let set = assignments(insert, &row, &way)?;
            let find = select::plan(&find(table, key, &way), ctx)?;
            rewritten.add(find.rewritten);
            let update = match set.is_empty() {
                true => None,
                false => {
                    let planned = dml::plan_update(&update(insert, table, set, way.condition), ctx)?;
                    rewritten.add(planned.rewritten);
                    Some(planned.root)
                }
            };
            conflicts.push(Conflict { find: find.root, update });
        }
        let one = ast::Insert {
            source: InsertSource::Values(vec![values.clone()]),
            columns: columns.clone(),
            on_duplicate: Vec::new(),
            row_alias: None,
            ..insert.clone()
        };
        let planned = insert::plan_rows(one, table, ctx, false)?;
        plans.push(UpsertRow { conflicts, insert: planned.root.clone() });
        match &mut out {
            None => out = Some(planned),
            Some(out) => out.rewritten.add(planned.rewritten),
        }
    }
    let Some(mut out) = out else { return refuse("no rows") };
    out.rewritten.add(rewritten);
    let upsert = Upsert { keyspace: table.keyspace.clone(), table: table.name.clone(), rows: plans };
    out.root = Primitive::Upsert(Box::new(upsert));
    Ok(out)
}

/// The keys of the rows in the way, locked.
fn find(table: &Table, key: &[String], way: &Way<'_>) -> Query {
    let item = |name: &String| {
        let expr = Expr::Column(ColName::unqualified(name.as_str()));
        SelectItem::Expr(AliasedExpr { expr, alias: None, span: Span::default() })
    };
    Query {
        locks: vec![Locking { strength: LockStrength::Update, of: Vec::new(), wait: None }],
        ..Query::new(QueryBody::Select(Box::new(Select {
            items: key.iter().map(item).collect(),
            from: vec![TableExpr::Table(Box::new(AliasedTable::new(whole_name(table))))],
            where_: Some(way.condition.clone()),
            ..Select::default()
        })))
    }
}

fn update(insert: &ast::Insert, table: &Table, set: Vec<Assignment>, condition: Expr) -> ast::Update {
    ast::Update {
        comments: ast::Comments::default(),
        with: None,
        low_priority: false,
        ignore: insert.ignore,
        tables: vec![TableExpr::Table(Box::new(AliasedTable::new(whole_name(table))))],
        set,
        where_: Some(condition),
        order_by: Vec::new(),
        limit: None,
    }
}

/// What an UPDATE of the row in the way sets: with the new row's values in place of `VALUES(column)`.
fn assignments(insert: &ast::Insert, row: &NewRow<'_>, way: &Way<'_>) -> Result<Vec<Assignment>> {
    let mut values = NewValues { insert, row, fault: None };
    let mut out = Vec::with_capacity(insert.on_duplicate.len());
    for assignment in &insert.on_duplicate {
        let name = assignment.column.name.to_string_lossy();
        let once = insert.on_duplicate.iter().filter(|a| a.column.name.is(name.as_bytes())).count() == 1;
        if once && values.is_same(&assignment.value, &name, way) {
            continue;
        }
        let mut assignment = assignment.clone();
        assignment.value.rewrite(&mut values);
        assignment.column.qualifier = None;
        out.push(assignment);
    }
    match values.fault {
        None => Ok(out),
        Some(what) => Err(Error::unsupported(format!(
            "ON DUPLICATE KEY UPDATE of rows of {}: {what}",
            row.table.full_name()
        ))),
    }
}

/// Puts the new row's values where the assignments name them.
struct NewValues<'a> {
    insert: &'a ast::Insert,
    row: &'a NewRow<'a>,
    fault: Option<String>,
}

impl NewValues<'_> {
    /// The new row's column that an expression is: `VALUES(a)`, or `new.a` after `AS new`.
    fn column(&self, expr: &Expr) -> Option<String> {
        match expr {
            Expr::Values(column) => Some(column.name.to_string_lossy().into_owned()),
            Expr::Column(column) => {
                let alias = self.insert.row_alias.as_ref()?;
                let qualifier = column.qualifier.as_ref()?;
                if qualifier.name != alias.name {
                    return None;
                }
                let name = column.name.to_string_lossy();
                let at = alias.columns.iter().position(|c| c.is(name.as_bytes()));
                let renamed = at.and_then(|at| self.row.columns.get(at)).map(|c| c.name.to_string_lossy());
                Some(renamed.unwrap_or(name).into_owned())
            }
            _ => None,
        }
    }

    /// Whether it is what the column has already: itself, or the new row's number in the key by which the row is
    /// in the way. (Texts that are equal may be spelled otherwise.)
    fn is_same(&self, expr: &Expr, column: &str, way: &Way<'_>) -> bool {
        let own = matches!(expr, Expr::Column(c) if c.qualifier.is_none() && c.name.is(column.as_bytes()));
        let is_number = self.row.table.column_type(column).is_some_and(sqltypes::is_integral);
        let in_key = is_number && way.key.iter().any(|c| c.eq_ignore_ascii_case(column));
        own || (in_key && self.column(expr).is_some_and(|c| c.eq_ignore_ascii_case(column)))
    }
}

impl Rewriter for NewValues<'_> {
    fn enter_expr(&mut self, expr: &mut Expr) -> bool {
        let Some(column) = self.column(expr) else { return true };
        if self.row.is_generated(&column) {
            self.fault = Some(format!("the value of {column} comes from a sequence"));
            return false;
        }
        *expr = match self.row.value(column.as_bytes()) {
            Some(Expr::Default(None)) | None => {
                Expr::Default(Some(Box::new(ColName::unqualified(column.as_str()))))
            }
            Some(value) => value.clone(),
        };
        false
    }
}
