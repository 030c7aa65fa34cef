//! From the client's statement to the text for tablets: names without keyspaces, the session's values as
//! bind variables, the columns' names kept.

use std::collections::BTreeSet;

use sqlast::{
    ParseOptions, Rewriter, Visit, Visitor, Walk,
    ast::{
        AliasedTable, Cast, CastType, Expr, FuncCall, Ident, InList, Literal, Param, Query, QueryBody,
        Select, SelectItem, Statement, TableExpr, TableName, VarScope, With,
    },
    printer::Node,
    visit::TableRole,
};
use vterrors::{Error, Result};

use crate::{
    AssignVariables, PlanContext, Primitive, SessionBind, SessionValue,
    context::is_system_schema,
    schema_names::{self, Compared},
};

/// System variables that vtgate's sessions hold themselves (names as in Vitess). All others are the
/// tablet's to answer.
const SESSION_VARIABLES: [&str; 24] = [
    "autocommit",
    "client_found_rows",
    "ddl_strategy",
    "enable_system_settings",
    "migration_context",
    "query_timeout",
    "read_after_write_gtid",
    "read_after_write_timeout",
    "session_enable_system_settings",
    "session_track_gtids",
    "session_uuid",
    "skip_query_plan_cache",
    "socket",
    "sql_select_limit",
    "sql_mode",
    "transaction_isolation",
    "transaction_mode",
    "transaction_read_only",
    "transaction_timeout",
    "tx_isolation",
    "tx_read_only",
    "version",
    "version_comment",
    "workload",
];

/// The name of a call without arguments, of a function of MySQL's own.
fn plain_call(call: &FuncCall) -> Option<&[u8]> {
    (call.args.is_empty() && call.qualifier.is_none() && call.over.is_none()).then(|| call.name.as_bytes())
}

/// The bind variable, and what it stands for, of an expression that only the session can answer.
pub(crate) fn session_value(expr: &Expr) -> Option<(String, SessionValue)> {
    match expr {
        Expr::Func(call) => {
            let (bind, value) = match plain_call(call)? {
                b"database" | b"schema" => ("__vtdbname", SessionValue::Database),
                b"last_insert_id" => ("__lastInsertId", SessionValue::LastInsertId),
                b"found_rows" => ("__vtfrows", SessionValue::FoundRows),
                b"row_count" => ("__vtrcount", SessionValue::RowCount),
                b"connection_id" => ("__vtconnid", SessionValue::ConnectionId),
                b"user" | b"current_user" | b"session_user" | b"system_user" => {
                    ("__vtuser", SessionValue::User)
                }
                b"version" => ("__vtversion", SessionValue::Version),
                _ => return None,
            };
            Some((bind.to_owned(), value))
        }
        Expr::UserVar(name) => {
            let name = name.to_lower();
            Some((format!("__vtudv{name}"), SessionValue::UserVariable(name)))
        }
        Expr::SysVar(var) if var.component.is_none() => {
            let name = var.name.to_lower();
            let global = match var.scope {
                None | Some(VarScope::Session) => false,
                Some(VarScope::Global) => true,
                Some(_) => return None,
            };
            let prefix = if global { "__vtglobal" } else { "__vt" };
            SESSION_VARIABLES
                .contains(&name.as_str())
                .then(|| (format!("{prefix}{name}"), SessionValue::SystemVariable { name, global }))
        }
        _ => None,
    }
}

/// What a rewritten statement needs from the session, and what was seen.
#[derive(Debug, Default)]
pub(crate) struct Rewritten {
    pub session_values: Vec<SessionBind>,
}

impl Rewritten {
    /// Takes in what another part of the statement needs.
    pub fn add(&mut self, other: Rewritten) {
        for bind in other.session_values {
            if !self.session_values.contains(&bind) {
                self.session_values.push(bind);
            }
        }
    }
}

/// Rewrites a query whose tables are temporary ones (see [`crate::gather`]).
pub(crate) fn rewrite_gathered(statement: &mut Statement, ctx: &PlanContext<'_>) -> Result<Rewritten> {
    rewrite(statement, ctx, false)
}

/// Rewrites a statement. With `system`, schemas have their keyspaces' names: see [`schema_names`].
pub(crate) fn rewrite(statement: &mut Statement, ctx: &PlanContext<'_>, system: bool) -> Result<Rewritten> {
    rewrite_assigning(statement, ctx, system, &BTreeSet::new())
}

/// As [`rewrite`]; the statement may assign these user variables, and reads them where it runs.
pub(crate) fn rewrite_assigning(
    statement: &mut Statement,
    ctx: &PlanContext<'_>,
    system: bool,
    assigned: &BTreeSet<String>,
) -> Result<Rewritten> {
    let with = match statement {
        Statement::Update(update) => update.with.as_deref(),
        Statement::Delete(delete) => delete.with.as_deref(),
        _ => None,
    };
    let ctes = vec![with.map(cte_names).unwrap_or_default()];
    let is_result =
        matches!(statement, Statement::Query(query) if matches!(query.body, QueryBody::Select(_)));
    let mut rewriter =
        Names { ctx, system, is_result, assigned, ctes, out: Rewritten::default(), error: None };
    statement.rewrite(&mut rewriter);
    match rewriter.error {
        Some(error) => Err(error),
        None => Ok(rewriter.out),
    }
}

/// Adds what a statement needs from the session and no shard's text has: a shard's part of an IN list stands in its text
/// as a list that is made when the plan runs.
pub(crate) fn add_what_values_need(statement: &Statement, rewritten: &mut Rewritten) {
    struct Finder<'a>(&'a mut Rewritten);

    impl Visitor for Finder<'_> {
        fn enter_expr(&mut self, expr: &Expr) -> Visit {
            let Expr::In(in_) = expr else { return Visit::Into };
            let InList::List(list) = &in_.list else { return Visit::Into };
            for (bind, value) in list.iter().filter_map(session_value) {
                self.0.add(Rewritten { session_values: vec![SessionBind { bind, value }] });
            }
            Visit::Into
        }
    }

    let _ = statement.walk(&mut Finder(rewritten));
}

/// Whether a name is that of a temporary table.
fn is_gathered(name: &TableName) -> bool {
    name.qualifier.is_none() && name.name.as_bytes().starts_with(crate::gather::NAME.as_bytes())
}

/// The plan of a query that assigns user variables: see [`AssignVariables`].
pub(crate) fn assign_variables(
    input: Primitive,
    ctx: &PlanContext<'_>,
    assigned: &BTreeSet<String>,
    rewritten: &mut Rewritten,
) -> Result<Primitive> {
    let mut set = Vec::with_capacity(assigned.len());
    let mut get = Vec::with_capacity(assigned.len());
    for name in assigned {
        let variable = Expr::UserVar(Ident::from(name.as_str()));
        let printed = print(ctx, &variable)?;
        let Some((bind, value)) = session_value(&variable) else { continue };
        // A NULL leaves the variable the type of what was last in it, on a connection that others had before. A
        // variable that never was anything else is a string of bytes (tried on MySQL 9.7).
        set.push(format!("{printed} := x'', {printed} := :{bind}"));
        get.push(printed);
        rewritten.add(Rewritten { session_values: vec![SessionBind { bind, value }] });
    }
    Ok(Primitive::AssignVariables(Box::new(AssignVariables {
        input,
        variables: assigned.iter().cloned().collect(),
        set: format!("select {} from dual", set.join(", ")),
        get: format!("select {} from dual", get.join(", ")),
    })))
}

fn cte_names(with: &With) -> Vec<String> {
    with.tables.iter().map(|t| t.name.to_lower()).collect()
}

struct Names<'a> {
    ctx: &'a PlanContext<'a>,
    system: bool,
    /// Whether the outermost query is a SELECT, whose columns are the result's.
    is_result: bool,
    assigned: &'a BTreeSet<String>,
    /// Names of CTEs around the place we are at.
    ctes: Vec<Vec<String>>,
    out: Rewritten,
    error: Option<Error>,
}

impl Names<'_> {
    fn bind(&mut self, expr: &mut Expr, bind: String, value: SessionValue) {
        *expr = Expr::Param(Param::Named(bind.as_str().into()));
        if value == SessionValue::LastInsertId {
            // As a number in the text it would be signed.
            let to =
                CastType { name: "unsigned".into(), length: None, scale: None, charset: None, binary: false };
            let expr_of = std::mem::replace(expr, Expr::Star);
            *expr = Expr::Cast(Box::new(Cast { expr: expr_of, to, array: false, at_time_zone: None }));
        }
        if !self.out.session_values.iter().any(|b| b.bind == bind) {
            self.out.session_values.push(SessionBind { bind, value });
        }
    }

    /// Whether the SELECT that we are at is the outermost one.
    fn is_of_result(&self) -> bool {
        self.is_result && self.ctes.len() == 2
    }

    fn is_cte(&self, name: &TableName) -> bool {
        name.qualifier.is_none() && {
            let name = name.name.to_lower();
            self.ctes.iter().flatten().any(|cte| *cte == name)
        }
    }
}

impl Rewriter for Names<'_> {
    fn enter_query(&mut self, query: &mut Query) -> bool {
        self.ctes.push(query.with.as_deref().map(cte_names).unwrap_or_default());
        true
    }

    fn leave_query(&mut self, query: &mut Query) {
        self.ctes.pop();
        if self.system {
            schema_names::leave_query(query);
        }
    }

    fn enter_select(&mut self, select: &mut Select) -> bool {
        if self.system && !self.is_of_result() {
            schema_names::name_columns(select);
        }
        true
    }

    fn leave_select(&mut self, select: &mut Select) {
        if self.system {
            schema_names::leave_select(select, self.is_of_result());
        }
    }

    fn enter_expr(&mut self, expr: &mut Expr) -> bool {
        if !self.system {
            return true;
        }
        match schema_names::compare(expr) {
            Compared::Other => true,
            Compared::Columns => false,
            Compared::With(value) => {
                if let Some((bind, value)) = session_value(&value) {
                    self.out.add(Rewritten { session_values: vec![SessionBind { bind, value }] });
                }
                false
            }
        }
    }

    fn enter_table_expr(&mut self, table: &mut TableExpr) -> bool {
        if let TableExpr::Table(table) = table {
            table.hints.retain(|hint| !hint.vindex);
            if table.alias.is_none() && !self.is_cte(&table.name) && !table.name.is_dual() {
                self.keep_name(table);
            }
        }
        true
    }

    fn table_name(&mut self, name: &mut TableName, role: TableRole) {
        let system = name.qualifier.as_ref().is_some_and(|q| is_system_schema(q.as_bytes()));
        if system || is_gathered(name) {
            return;
        }
        if role == TableRole::Reference {
            name.qualifier = None;
        } else if !self.is_cte(name) && !name.is_dual() {
            match self.ctx.table(name) {
                Ok(table) => *name = TableName::unqualified(table.name.as_str()),
                Err(e) => self.error = self.error.take().or(Some(e)),
            }
        }
    }

    fn leave_expr(&mut self, expr: &mut Expr) {
        match expr {
            Expr::UserVar(name) if self.assigned.contains(&name.to_lower()) => {}
            Expr::Func(_) | Expr::UserVar(_) | Expr::SysVar(_) => {
                if let Some((bind, value)) = session_value(expr) {
                    self.bind(expr, bind, value);
                }
            }
            Expr::Column(_) if self.system => schema_names::stand_for_keyspace(expr),
            Expr::Assign(assign) if !self.assigned.contains(&assign.variable.to_lower()) => {
                let text = format!(
                    "assigning the user variable @{} in an expression of a statement that is not on one \
                     shard as a whole (its value depends on the order of the rows)",
                    assign.variable
                );
                self.error = self.error.take().or(Some(Error::unsupported(text)));
            }
            _ => {}
        }
    }
}

impl Names<'_> {
    /// A routing rule may give a table another name: its columns go by the old one.
    fn keep_name(&self, table: &mut AliasedTable) {
        if let Ok(found) = self.ctx.table(&table.name)
            && found.name.as_bytes() != table.name.name.as_bytes()
        {
            table.alias = Some(table.name.name.clone());
        }
    }
}

/// Names each column of the outermost select list, and of derived tables, as MySQL would name it from the
/// client's text, where the text for tablets would give another name. `sql` is the client's text.
pub(crate) fn keep_column_names(statement: &mut Statement, sql: &[u8], options: &ParseOptions) {
    struct Keeper<'a> {
        sql: &'a [u8],
        options: &'a ParseOptions,
    }
    impl Rewriter for Keeper<'_> {
        fn enter_select(&mut self, select: &mut Select) -> bool {
            name_items(select, self.sql, self.options);
            true
        }
        // Columns of subqueries in expressions have no names that anyone sees.
        fn enter_expr(&mut self, _expr: &mut Expr) -> bool {
            false
        }
    }
    if let Statement::Query(query) = statement {
        query.rewrite(&mut Keeper { sql, options });
    }
}

/// MySQL cuts longer names off (its limit for column labels).
const MAX_LABEL_CHARS: usize = 256;

fn name_items(select: &mut Select, sql: &[u8], options: &ParseOptions) {
    for item in &mut select.items {
        let SelectItem::Expr(item) = item else { continue };
        if item.alias.is_some() || names_itself(&item.expr) {
            continue;
        }
        let label = sqlast::column_label(item, sql, options);
        if matches!(&item.expr, Expr::Literal(Literal::String(text)) if text.as_bytes().ends_with(&label)
            && text.as_bytes()[..text.as_bytes().len() - label.len()].iter().all(is_left_out))
        {
            continue;
        }
        let Ok(label) = std::str::from_utf8(&label) else { continue };
        // An alias cannot be empty or end in a space.
        if label.is_empty() || label.ends_with(' ') {
            continue;
        }
        if sqlast::to_sql(&item.expr) != label.as_bytes() || changes_when_rewritten(&item.expr) {
            let label: String = label.chars().take(MAX_LABEL_CHARS).collect();
            item.alias = Some(Ident::new(label.as_str()));
        }
    }
}

/// Whether MySQL leaves a byte at the start of a string out of the name of its column.
fn is_left_out(byte: &u8) -> bool {
    *byte <= b' ' || *byte == 0x7f
}

/// Whether MySQL gives the printed expression the same name, because that is its value or its own name.
fn names_itself(expr: &Expr) -> bool {
    use Literal::{Decimal, Float, Integer, Null};
    match expr {
        Expr::Column(_) | Expr::Param(Param::Named(_) | Param::List(_)) => true,
        Expr::Literal(literal) => matches!(literal, Null | Integer(_) | Decimal(_) | Float(_)),
        _ => false,
    }
}

/// Whether a part of an expression becomes a bind variable or loses a qualifier.
fn changes_when_rewritten(expr: &Expr) -> bool {
    struct Finder {
        found: bool,
    }
    impl Visitor for Finder {
        fn enter_expr(&mut self, expr: &Expr) -> Visit {
            self.found |= match expr {
                Expr::Func(call) => plain_call(call).is_some(),
                Expr::UserVar(_) | Expr::SysVar(_) | Expr::Param(Param::Positional(_)) => true,
                Expr::Column(name) => {
                    name.qualifier.as_ref().is_some_and(|q| q.qualifier.is_some())
                        || schema_names::is_schema_column(name)
                }
                Expr::Subquery(_) | Expr::Exists(_) => true,
                _ => false,
            };
            if self.found { Visit::Stop } else { Visit::Into }
        }
    }
    let mut finder = Finder { found: false };
    expr.walk(&mut finder);
    finder.found
}

/// The text of a tree for a tablet. Tablets take text, not bytes: a name that is not UTF-8 is refused.
pub(crate) fn print(ctx: &PlanContext<'_>, node: &impl Node) -> Result<String> {
    let options = sqlast::PrintOptions { sql_mode: ctx.sql_mode, ..Default::default() };
    String::from_utf8(sqlast::to_sql_with(node, options))
        .map_err(|_| Error::unsupported("a statement whose text is not UTF-8"))
}

/// A table's name, quoted where it has to be.
pub(crate) fn print_table(ctx: &PlanContext<'_>, name: &TableName) -> Result<String> {
    let query = Query::new(QueryBody::Table(name.clone()));
    let text = print(ctx, &query)?;
    let name =
        text.strip_prefix("table ").ok_or_else(|| Error::internal("a printed TABLE without its word"))?;
    Ok(name.to_owned())
}

/// The SELECT of a query that is nothing but one, parentheses aside.
pub(crate) fn only_select(query: &mut Query) -> Option<&mut Select> {
    match &mut query.body {
        QueryBody::Select(select) => Some(select),
        _ => None,
    }
}
