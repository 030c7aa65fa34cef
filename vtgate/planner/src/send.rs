//! Statements that are passed on whole: DDL to every shard, SHOW and EXPLAIN to one.

use std::sync::Arc;

use sqlast::{
    Rewriter, StatementKind, Visitor, Walk,
    ast::{
        Call, Explain, ExplainTarget, Ident, MaintenanceVerb, Raw, RawToken, Show, ShowKind, Statement,
        TableName,
    },
    visit::TableRole,
};
use vschema::Keyspace;
use vterrors::{Condition, Error, Result};

use crate::{
    PlanContext, Primitive, Send, SendTo,
    context::is_system_schema,
    locks,
    rewrite::{self, Rewritten},
    select::Planned,
};

fn planned(send: Send, tables_used: Vec<String>) -> Planned {
    Planned {
        root: Primitive::Send(Box::new(send)),
        tables_used,
        rewritten: Rewritten::default(),
        warnings: Vec::new(),
        directives: crate::Directives::default(),
    }
}

/// Where a statement about a keyspace goes: the session's shard, where it has one.
fn shards(ctx: &PlanContext<'_>, otherwise: SendTo) -> SendTo {
    ctx.shard.map_or(otherwise, |shard| SendTo::Shard(shard.to_owned()))
}

/// Plans a statement that defines, empties or maintains tables: each shard does the same.
pub(crate) fn plan_ddl(statement: &Statement, sql: &[u8], ctx: &PlanContext<'_>) -> Result<Planned> {
    refuse_ddl(statement)?;
    let names = table_names(statement);
    let keyspace = ddl_keyspace(&names, ctx)?;
    if let Statement::CreateTable(create) = statement
        && create.query.is_some()
        && keyspace.sharded
    {
        return Err(Error::unsupported("CREATE TABLE ... SELECT in a sharded keyspace"));
    }
    if let Statement::TableMaintenance(maintenance) = statement
        && maintenance.verb == MaintenanceVerb::Checksum
        && keyspace.sharded
    {
        return Err(Error::unsupported("CHECKSUM TABLE in a sharded keyspace"));
    }
    let query = text(statement, &names, sql, ctx)?;
    let tables_used = match ctx.vschema.keyspaces().any(|k| k.name == keyspace.name) {
        true => names.iter().map(|n| format!("{}.{}", keyspace.name, n.name)).collect(),
        false => Vec::new(),
    };
    let send = Send {
        keyspace: keyspace.name.clone(),
        destination: shards(ctx, SendTo::AllShards),
        query,
        is_ddl: !matches!(statement, Statement::TableMaintenance(_)),
        is_dml: false,
    };
    Ok(planned(send, tables_used))
}

fn refuse_ddl(statement: &Statement) -> Result<()> {
    let refuse = |what: &str| Err(Error::unsupported(what.to_owned()));
    match statement {
        Statement::CreateTable(create) if create.temporary => refuse("CREATE TEMPORARY TABLE"),
        Statement::DropTable(drop) if drop.temporary => refuse("DROP TEMPORARY TABLE"),
        Statement::CreateDatabase(_) => {
            refuse("CREATE DATABASE (keyspaces are made by vtctldclient CreateKeyspace)")
        }
        Statement::AlterDatabase(_) => refuse("ALTER DATABASE"),
        Statement::DropDatabase(_) => {
            refuse("DROP DATABASE (keyspaces are removed by vtctldclient DeleteKeyspace)")
        }
        _ => Ok(()),
    }
}

/// The keyspace that all names are in: named, or that of the table, or the session's.
fn ddl_keyspace<'a>(names: &[TableName], ctx: &PlanContext<'a>) -> Result<Arc<Keyspace>> {
    let mut found: Option<Arc<Keyspace>> = None;
    for name in names {
        let keyspace = match (&name.qualifier, ctx.table(name)) {
            (_, Ok(table)) => ctx.vschema.keyspace(&table.keyspace)?,
            (Some(qualifier), Err(_)) => ctx.vschema.keyspace(&qualifier.to_string_lossy())?,
            (None, Err(_)) => ctx.session_keyspace()?,
        };
        match &found {
            None => found = Some(keyspace.clone()),
            Some(first) if first.name == keyspace.name => {}
            Some(first) => {
                let (a, b) = (&first.name, &keyspace.name);
                return Err(Error::unsupported(format!(
                    "a statement with tables of several keyspaces ({a}, {b})"
                )));
            }
        }
    }
    match found {
        Some(keyspace) => Ok(keyspace),
        None => ctx.session_keyspace().cloned(),
    }
}

/// The client's text, unless a name in it has a keyspace that the tablet does not know.
fn text(statement: &Statement, names: &[TableName], sql: &[u8], ctx: &PlanContext<'_>) -> Result<String> {
    let qualified = names.iter().any(|n| n.qualifier.is_some());
    if !qualified {
        let text = sql.trim_ascii();
        let text = text.strip_suffix(b";").unwrap_or(text).trim_ascii_end();
        return String::from_utf8(text.to_vec())
            .map_err(|_| Error::unsupported("a statement whose text is not UTF-8"));
    }
    if let Statement::Other(_) = statement {
        return Err(Error::unsupported("a statement of this kind with a keyspace in a name"));
    }
    let mut statement = statement.clone();
    statement.rewrite(&mut Unqualify);
    rewrite::print(ctx, &statement)
}

/// Takes keyspaces off the names of tables.
struct Unqualify;

impl Rewriter for Unqualify {
    fn table_name(&mut self, name: &mut TableName, _role: TableRole) {
        if name.qualifier.as_ref().is_some_and(|q| !is_system_schema(q.as_bytes())) {
            name.qualifier = None;
        }
    }
}

fn table_names(statement: &Statement) -> Vec<TableName> {
    struct Names(Vec<TableName>);
    impl Visitor for Names {
        fn table_name(&mut self, name: &TableName, role: TableRole) {
            if role == TableRole::Table && !name.is_dual() {
                self.0.push(name.clone());
            }
        }
    }
    let mut names = Names(Vec::new());
    statement.walk(&mut names);
    names.0
}

/// Whether a mysqld answers a SHOW, and not vtgate itself.
pub(crate) fn is_answered_by_mysqld(kind: &ShowKind) -> bool {
    !matches!(
        kind,
        ShowKind::Databases | ShowKind::Vitess(_) | ShowKind::Warnings { .. } | ShowKind::Errors { .. }
    )
}

/// Plans a SHOW that a mysqld answers. `SHOW DATABASES`, `SHOW VITESS_...`, `SHOW VSCHEMA ...`,
/// `SHOW WARNINGS` are vtgate's own and are refused here.
pub(crate) fn plan_show(show: &Show, ctx: &PlanContext<'_>) -> Result<Planned> {
    let mut show = show.clone();
    let schema = |from: &mut Option<Ident>| -> Result<Option<Arc<Keyspace>>> {
        match from.take() {
            Some(name) if is_system_schema(name.as_bytes()) => {
                *from = Some(name);
                ctx.any_keyspace().cloned().map(Some)
            }
            Some(name) => ctx.vschema.keyspace(&name.to_string_lossy()).cloned().map(Some),
            None => ctx.session_keyspace().cloned().map(Some),
        }
    };
    let table = |name: &mut TableName| -> Result<Option<Arc<Keyspace>>> {
        if name.qualifier.as_ref().is_some_and(|q| is_system_schema(q.as_bytes())) {
            return ctx.any_keyspace().cloned().map(Some);
        }
        let found = ctx.table(name)?;
        *name = TableName::unqualified(found.name.as_str());
        ctx.vschema.keyspace(&found.keyspace).cloned().map(Some)
    };
    let keyspace = match &mut show.kind {
        ShowKind::Tables { from, .. }
        | ShowKind::TableStatus { from }
        | ShowKind::OpenTables { from }
        | ShowKind::Triggers { from, .. }
        | ShowKind::Events { from } => schema(from)?,
        ShowKind::Columns { table: name, .. } | ShowKind::Indexes { table: name, .. } => table(name)?,
        ShowKind::CreateTable(name) | ShowKind::CreateView(name) => table(name)?,
        ShowKind::CreateOther(_, name) if name.qualifier.is_some() => {
            let mut qualifier = name.qualifier.take();
            schema(&mut qualifier)?
        }
        ShowKind::CreateOther(..) => None,
        // Those of keyspaces are vtgate's own: this one is not there.
        ShowKind::CreateDatabase { name, .. } => {
            return Err(Error::new(
                Condition::UnknownKeyspace,
                format!("Unknown database '{}'", name.to_string_lossy()),
            ));
        }
        ShowKind::Other(words) => of_a_server(words, ctx)?,
        ShowKind::Databases | ShowKind::Vitess(_) | ShowKind::Warnings { .. } | ShowKind::Errors { .. } => {
            return Err(Error::internal("a SHOW that vtgate answers came to the planner"));
        }
        ShowKind::Variables { .. }
        | ShowKind::Status { .. }
        | ShowKind::Charset
        | ShowKind::Collation
        | ShowKind::Engines
        | ShowKind::Plugins
        | ShowKind::Privileges
        | ShowKind::Processlist { .. }
        | ShowKind::RoutineStatus { .. } => None,
    };
    let keyspace = match keyspace {
        Some(keyspace) => keyspace,
        None => ctx.any_keyspace()?.clone(),
    };
    let query = rewrite::print(ctx, &Statement::Show(Box::new(show)))?;
    let destination = shards(ctx, SendTo::AnyShard);
    let send = Send { keyspace: keyspace.name.clone(), destination, query, is_ddl: false, is_dml: false };
    Ok(planned(send, Vec::new()))
}

/// A SHOW about one mysqld: a keyspace of several shards has several, and the session must say which. What is about
/// the connection or the user is refused: on the tablet both are others than the client's.
fn of_a_server(words: &Raw, ctx: &PlanContext<'_>) -> Result<Option<Arc<Keyspace>>> {
    let word = |at: usize| match words.get(at) {
        Some(RawToken::Word(word)) => word.to_string_lossy().to_uppercase(),
        _ => String::new(),
    };
    let (first, second) = (word(0), word(1));
    match first.as_str() {
        "GRANTS" => Err(Error::unsupported("SHOW GRANTS: users of vtgate are no users of a mysqld")),
        "PROFILE" | "PROFILES" => Err(Error::unsupported(format!(
            "SHOW {first}: statements of a session run on connections that others use as well"
        ))),
        "BINARY" | "BINLOG" | "ENGINE" | "MASTER" | "RELAYLOG" | "REPLICA" | "REPLICAS" | "SLAVE"
            if ctx.shard.is_none() && ctx.any_keyspace()?.sharded =>
        {
            Err(Error::unsupported(format!(
                "SHOW {} of a keyspace of several shards, without a shard (USE keyspace:shard)",
                format!("{first} {second}").trim_end()
            )))
        }
        _ => Ok(None),
    }
}

/// Plans EXPLAIN and DESCRIBE: a mysqld of the tables' keyspace explains what it would do.
pub(crate) fn plan_explain(explain: &Explain, ctx: &PlanContext<'_>) -> Result<Planned> {
    if explain.into.is_some() {
        return Err(Error::unsupported("EXPLAIN ... INTO a variable"));
    }
    if explain.schema.is_some() {
        return Err(Error::unsupported("EXPLAIN FOR SCHEMA"));
    }
    if explain.analyze
        && let ExplainTarget::Statement(statement) = &explain.target
        && !matches!(**statement, Statement::Query(_))
    {
        return Err(Error::unsupported("EXPLAIN ANALYZE of a statement that changes rows"));
    }
    let mut statement = Statement::Explain(Box::new(explain.clone()));
    let mut keyspaces: Vec<String> = Vec::new();
    for name in table_names(&statement) {
        let system = name.qualifier.as_ref().is_some_and(|q| is_system_schema(q.as_bytes()));
        // A name that is no table may be a CTE: the mysqld knows.
        if let (false, Ok(table)) = (system, ctx.table(&name)) {
            keyspaces.push(table.keyspace.clone());
        }
    }
    keyspaces.sort();
    keyspaces.dedup();
    let keyspace = match &keyspaces[..] {
        [] => ctx.any_keyspace()?.name.clone(),
        [only] => only.clone(),
        _ => return Err(Error::unsupported("EXPLAIN of a statement with tables of several keyspaces")),
    };
    let rewritten = rewrite::rewrite(&mut statement, ctx, false)?;
    let query = rewrite::print(ctx, &statement)?;
    let send =
        Send { keyspace, destination: shards(ctx, SendTo::AnyShard), query, is_ddl: false, is_dml: false };
    Ok(Planned { rewritten, ..planned(send, Vec::new()) })
}

/// Plans what the parser does not take apart.
pub(crate) fn plan_other(statement: &Statement, sql: &[u8], ctx: &PlanContext<'_>) -> Result<Planned> {
    let Statement::Other(other) = statement else {
        return Err(Error::internal("a statement that was taken apart"));
    };
    let what = other.words.to_string_lossy().to_uppercase();
    match other.kind {
        StatementKind::Ddl => plan_ddl(statement, sql, ctx),
        _ => Err(Error::unsupported(format!("the statement {what}"))),
    }
}

/// Plans CALL: a procedure may write, and only one mysqld can run it.
pub(crate) fn plan_call(call: &Call, ctx: &PlanContext<'_>) -> Result<Planned> {
    let keyspace = ctx.session_keyspace()?;
    if keyspace.sharded && ctx.shard.is_none() {
        return Err(Error::unsupported("CALL in a sharded keyspace, without a shard (USE keyspace:shard)"));
    }
    let mut call = call.clone();
    call.procedure.qualifier = None;
    one_mysqld(Statement::Call(Box::new(call)), keyspace, true, ctx)
}

/// Plans DO: it gives nothing, and any mysqld can do it.
pub(crate) fn plan_do(statement: &Statement, ctx: &PlanContext<'_>) -> Result<Planned> {
    if let Some(planned) = locks::plan_do(statement, ctx)? {
        return Ok(planned);
    }
    one_mysqld(statement.clone(), ctx.any_keyspace()?, false, ctx)
}

fn one_mysqld(
    mut statement: Statement,
    keyspace: &Keyspace,
    is_dml: bool,
    ctx: &PlanContext<'_>,
) -> Result<Planned> {
    let rewritten = rewrite::rewrite(&mut statement, ctx, false)?;
    let query = rewrite::print(ctx, &statement)?;
    let destination = shards(ctx, SendTo::AnyShard);
    let send = Send { keyspace: keyspace.name.clone(), destination, query, is_ddl: false, is_dml };
    Ok(Planned { rewritten, ..planned(send, Vec::new()) })
}
