//! Views: a reference to one is read as its definition in its place, so that its rows come from wherever they
//! are. Each shard has the view, too, but only over its own rows.
//!
//! The definition is the text that MySQL keeps: every table and column in it is named in full, `*` is written
//! out. What must hold: names in it mean tables of the view's own keyspace, whatever the session's is.

use sqlast::{
    ParseOptions, Rewriter, Visitor, Walk,
    ast::{
        AliasedTable, DerivedTable, Expr, Ident, Query, QueryBody, Select, SelectItem, Statement, TableExpr,
        TableName,
    },
    visit::TableRole,
};
use vschema::{Table, TableKind};
use vterrors::{Error, Result};

use crate::{PlanContext, context::is_system_schema};

/// Views of views nest so deep at most.
const MAX_DEPTH: usize = 20;

/// The statement with views in the place of their names; `None` where it reads none. A session on one shard
/// reads that shard's own view.
pub(crate) fn expanded(statement: &Statement, ctx: &PlanContext<'_>) -> Result<Option<Statement>> {
    if ctx.shard.is_some() || !may_read_views(statement, ctx) {
        return Ok(None);
    }
    let changed = match statement {
        Statement::Update(update) => &update.tables[..],
        Statement::Delete(delete) => &delete.tables[..],
        _ => &[],
    };
    if let [TableExpr::Table(only)] = changed
        && let Ok(table) = ctx.table(&only.name)
    {
        refuse_write(&table)?;
    }
    let mut out = statement.clone();
    let mut expander = Expander { ctx, home: None, depth: 0, ctes: Vec::new(), found: false, error: None };
    out.rewrite(&mut expander);
    match (expander.error, expander.found) {
        (Some(error), _) => Err(error),
        (None, found) => Ok(found.then_some(out)),
    }
}

/// Whether some name in the statement is a view's, unless it is that of a common table expression.
fn may_read_views(statement: &Statement, ctx: &PlanContext<'_>) -> bool {
    struct Finder<'a>(&'a PlanContext<'a>, bool);
    impl Visitor for Finder<'_> {
        fn table_name(&mut self, name: &TableName, role: TableRole) {
            let table = || self.0.table(name).is_ok_and(|table| table.view().is_some());
            self.1 = self.1 || (role == TableRole::Table && !name.is_dual() && table());
        }
    }
    let mut finder = Finder(ctx, false);
    statement.walk(&mut finder);
    finder.1
}

struct Expander<'a> {
    ctx: &'a PlanContext<'a>,
    /// Inside of a view: the keyspace that its names are in.
    home: Option<String>,
    depth: usize,
    /// Names of common table expressions around the place we are at.
    ctes: Vec<Vec<String>>,
    found: bool,
    error: Option<Error>,
}

impl Expander<'_> {
    fn is_cte(&self, name: &TableName) -> bool {
        name.qualifier.is_none() && {
            let name = name.name.to_lower();
            self.ctes.iter().flatten().any(|cte| *cte == name)
        }
    }

    fn reference(&mut self, reference: &mut AliasedTable) -> Result<Option<TableExpr>> {
        let name = &mut reference.name;
        let system = name.qualifier.as_ref().is_some_and(|q| is_system_schema(q.as_bytes()));
        if system || name.is_dual() || self.is_cte(name) {
            return Ok(None);
        }
        if let (Some(home), None) = (&self.home, &name.qualifier) {
            let alias = reference.alias.take().or_else(|| Some(name.name.clone()));
            name.qualifier = Some(Ident::from(home.as_str()));
            reference.alias = alias;
        }
        let Ok(table) = self.ctx.table(&reference.name) else { return Ok(None) };
        let Some(definition) = table.view() else { return Ok(None) };
        self.found = true;
        if self.depth >= MAX_DEPTH {
            return Err(Error::unsupported(format!("views nested deeper than {MAX_DEPTH} levels")));
        }
        let alias = reference.alias.clone().unwrap_or_else(|| reference.name.name.clone());
        let (mut query, columns) = defined(&table, definition)?;
        let mut inner = Expander {
            ctx: self.ctx,
            home: Some(table.keyspace.clone()),
            depth: self.depth + 1,
            ctes: Vec::new(),
            found: false,
            error: None,
        };
        query.rewrite(&mut inner);
        match inner.error {
            Some(error) => Err(error),
            None => Ok(Some(TableExpr::Derived(Box::new(DerivedTable {
                lateral: false,
                query,
                alias: Some(alias),
                columns,
            })))),
        }
    }
}

impl Rewriter for Expander<'_> {
    fn enter_query(&mut self, query: &mut Query) -> bool {
        let names = query.with.iter().flat_map(|w| &w.tables).map(|t| t.name.to_lower());
        self.ctes.push(names.collect());
        if let QueryBody::Table(name) = &query.body
            && !self.is_cte(name)
        {
            query.body = QueryBody::Select(Box::new(Select {
                items: vec![SelectItem::Wildcard(None)],
                from: vec![TableExpr::Table(Box::new(AliasedTable::new(name.clone())))],
                ..Select::default()
            }));
        }
        true
    }

    fn leave_query(&mut self, _query: &mut Query) {
        self.ctes.pop();
    }

    fn enter_table_expr(&mut self, table: &mut TableExpr) -> bool {
        let TableExpr::Table(reference) = table else { return self.error.is_none() };
        match self.reference(reference) {
            Ok(None) => true,
            Ok(Some(view)) => {
                *table = view;
                false
            }
            Err(e) => {
                self.error = self.error.take().or(Some(e));
                false
            }
        }
    }
}

/// The definition as a query, and the view's names of its columns where they are others.
fn defined(table: &Table, definition: &str) -> Result<(Query, Vec<Ident>)> {
    let unreadable = |why: &str| {
        Error::unsupported(format!("the view {}, whose definition cannot be read: {why}", table.full_name()))
    };
    let parsed = sqlast::parse(definition.as_bytes(), &ParseOptions::default())
        .map_err(|e| unreadable(&e.to_string()))?;
    let Statement::Query(query) = parsed else { return Err(unreadable("it is no query")) };
    let columns: Vec<Ident> = table.columns.iter().map(|c| Ident::from(c.name.as_str())).collect();
    let same = first_names(&query.body).is_some_and(|names| {
        names.len() == columns.len() && names.iter().zip(&columns).all(|(a, b)| a.eq_ignore_case(b))
    });
    Ok((*query, if same { Vec::new() } else { columns }))
}

/// The names of a query's columns, where all are written.
fn first_names(body: &QueryBody) -> Option<Vec<Ident>> {
    match body {
        QueryBody::Select(select) => select
            .items
            .iter()
            .map(|item| match item {
                SelectItem::Expr(item) => item.alias.clone().or_else(|| match &item.expr {
                    Expr::Column(name) => Some(name.name.clone()),
                    _ => None,
                }),
                SelectItem::Wildcard(_) | SelectItem::Next(_) => None,
            })
            .collect(),
        QueryBody::SetOperation(operation) => first_names(&operation.first),
        QueryBody::Nested(query) => first_names(&query.body),
        QueryBody::Values(_) | QueryBody::Table(_) => None,
    }
}

/// A write to a view: MySQL's number, and why.
pub(crate) fn refuse_write(table: &Table) -> Result<()> {
    match &table.kind {
        TableKind::View { .. } => Err(Error::mysql(
            1288,
            *b"HY000",
            format!("The target table {} is not updatable: it is a view over shards", table.name),
        )),
        _ => Ok(()),
    }
}
