//! SHOW: what vtgate knows itself; the rest is asked of a tablet.

pub(super) mod filter;
mod named;
mod replication;
mod tables;
mod variables;

use std::sync::Arc;

use proto::{
    query::{QueryResult, Type},
    vschema::keyspace::ForeignKeyMode,
};
use sqlast::ast::{Show, ShowFilter, ShowKind, ShowVitess, TableName};
use sqltypes::{Field, Row, int_field, row_of, text_field};
use vterrors::{Error, Result};
use vtmodel::{TabletType, Target, tablet_type_name};

use super::{Executor, Outcome, Sink, set, sink::give};
use crate::{
    schema::Layout,
    session::Session,
    tx::{ShardCall, ShardQuery},
};

/// Whether the statement asks for the warnings of the one before, so that they must not be cleared.
pub(super) fn reads_warnings(show: &Show) -> bool {
    matches!(show.kind, ShowKind::Warnings { .. } | ShowKind::Errors { .. })
}

/// A result that vtgate makes itself.
pub(super) struct Table {
    pub fields: Vec<Field>,
    pub rows: Vec<Row>,
}

pub(super) fn texts(names: &[&str]) -> Vec<Field> {
    names.iter().map(|n| text_field(*n)).collect()
}

impl Executor {
    /// Answers a SHOW, or leaves it (`None`) to the planner, which passes it to a tablet.
    pub(super) async fn show(
        &self,
        session: &mut Session,
        layout: &Layout,
        show: &Show,
        sink: &mut dyn Sink,
    ) -> Result<Option<Outcome>> {
        if let Some(table) = self.tables(session, layout, show).await? {
            return give(sink, table.fields, table.rows).await.map(Some);
        }
        if let Some(table) = self.named(session, layout, show).await? {
            let rows = match &show.filter {
                Some(ShowFilter::Where(condition)) => {
                    self.matching(session, layout, &table, condition).await?
                }
                _ => table.rows,
            };
            return give(sink, table.fields, rows).await.map(Some);
        }
        let table = match &show.kind {
            ShowKind::Databases => databases(layout),
            ShowKind::Variables { scope } => {
                self.variables(session, layout, *scope, show.filter.as_ref()).await
            }
            ShowKind::Warnings { count, limit } => limited(warnings(session, *count), limit.as_ref())?,
            ShowKind::Errors { count, .. } => warnings_of(Vec::new(), *count, "@@session.error_count"),
            ShowKind::Vitess(ShowVitess::ReplicationStatus) => self.replication(session, show).await?,
            ShowKind::Vitess(ShowVitess::MetadataVariables) => {
                let rows = self.schema.metadata().await?.into_iter();
                let rows = rows.map(|(key, value)| row_of([Some(key), Some(value)])).collect();
                Table { fields: texts(&["Key", "Value"]), rows }
            }
            ShowKind::Vitess(vitess) => self.vitess(session, layout, vitess)?,
            ShowKind::Processlist { full } => self.processlist(session, *full),
            _ => return Ok(None),
        };
        let rows = match &show.filter {
            None => table.rows,
            // What LIKE is about has been looked at.
            Some(ShowFilter::Like(_))
                if matches!(show.kind, ShowKind::Vitess(ShowVitess::ReplicationStatus)) =>
            {
                table.rows
            }
            Some(ShowFilter::Like(pattern)) => {
                // A tablet goes by its host.
                let column = match show.kind {
                    ShowKind::Vitess(ShowVitess::Tablets) => 6,
                    _ => 0,
                };
                filter::like_column(table.rows, column, &pattern.to_string_lossy())
            }
            Some(ShowFilter::Where(condition)) => self.matching(session, layout, &table, condition).await?,
        };
        give(sink, table.fields, rows).await.map(Some)
    }

    /// The rows that meet a condition, which a mysqld evaluates.
    async fn matching(
        &self,
        session: &Session,
        layout: &Layout,
        table: &Table,
        condition: &sqlast::ast::Expr,
    ) -> Result<Vec<Row>> {
        let Some(sql) = filter::condition_query(&table.fields, &table.rows, condition)? else {
            return Ok(Vec::new());
        };
        let own = Some(session.target.keyspace.as_str()).filter(|k| !k.is_empty());
        let keyspace = own
            .or(layout.keyspaces().next())
            .ok_or_else(|| Error::unsupported("WHERE in a SHOW needs a tablet, and no keyspace is served"))?;
        Ok(self.ask_one_shard(session, layout, keyspace, sql).await?.rows)
    }

    /// A statement of our own on one shard of a keyspace, beside the session's transaction.
    async fn ask_one_shard(
        &self,
        session: &Session,
        layout: &Layout,
        keyspace: &str,
        sql: String,
    ) -> Result<QueryResult> {
        let apart = session.apart();
        let shards = layout.shards(keyspace, session.tablet_type())?;
        let own = session.target.shard.as_deref().filter(|_| session.target.keyspace == keyspace);
        let shard = own.or(shards.all().first().map(|s| &*s.name)).unwrap_or("0");
        let target = Target::new(keyspace, shard, session.tablet_type());
        let query = ShardQuery { target, sql: sql.into(), binds: Arc::default() };
        let call = ShardCall::reading(&self.gateway, &apart);
        call.execute(&query).await.result
    }

    fn vitess(&self, session: &Session, layout: &Layout, what: &ShowVitess) -> Result<Table> {
        Ok(match what {
            ShowVitess::Keyspaces => databases(layout),
            ShowVitess::Shards => shards(layout),
            ShowVitess::Tablets => self.tablets(),
            ShowVitess::Target => {
                Table { fields: texts(&["Target"]), rows: vec![row_of([Some(session.target.to_string())])] }
            }
            ShowVitess::VschemaTables => vschema_tables(session, layout)?,
            ShowVitess::VschemaKeyspaces => vschema_keyspaces(layout),
            ShowVitess::VschemaVindexes { table } => vindexes(session, layout, table.as_ref())?,
            ShowVitess::ReplicationStatus | ShowVitess::MetadataVariables => {
                return Err(Error::internal("a SHOW that is answered elsewhere"));
            }
            ShowVitess::ThrottledApps => return refused("VITESS_THROTTLED_APPS"),
            ShowVitess::ThrottlerStatus => return refused("VITESS_THROTTLER STATUS"),
            ShowVitess::Migrations { .. } => return refused("VITESS_MIGRATIONS"),
            ShowVitess::MigrationLogs(_) => return refused("VITESS_MIGRATION ... LOGS"),
            ShowVitess::GtidExecuted { .. } => return refused("GLOBAL GTID_EXECUTED"),
            ShowVitess::VgtidExecuted { .. } => return refused("GLOBAL VGTID_EXECUTED"),
            ShowVitess::UnresolvedTransactions { .. } => return refused("UNRESOLVED TRANSACTIONS"),
            ShowVitess::TransactionStatus(_) => return refused("TRANSACTION STATUS"),
        })
    }

    fn tablets(&self) -> Table {
        let names =
            ["Cell", "Keyspace", "Shard", "TabletType", "State", "Alias", "Hostname", "PrimaryTermStartTime"];
        let snapshot = self.gateway.discovery().snapshot();
        let row = |t: &Arc<discovery::TabletHealth>| {
            let state = if t.serving { "SERVING" } else { "NOT_SERVING" };
            let term =
                if t.primary_term_start > 0 { t.primary_term_start.to_string() } else { String::new() };
            row_of([
                Some(t.alias.cell.clone()),
                Some(t.target.keyspace.clone()),
                Some(t.target.shard.clone()),
                Some(tablet_type_name(t.target.tablet_type).to_owned()),
                Some(state.to_owned()),
                Some(t.alias.to_string()),
                Some(t.hostname.clone()),
                Some(term),
            ])
        };
        let mut tablets: Vec<_> = snapshot.tablets().collect();
        tablets.sort_by(|a, b| {
            let key = |t: &discovery::TabletHealth| (t.target.keyspace.clone(), t.target.shard.clone());
            (key(a), a.target.tablet_type as i32, &a.alias).cmp(&(
                key(b),
                b.target.tablet_type as i32,
                &b.alias,
            ))
        });
        Table { fields: texts(&names), rows: tablets.into_iter().map(row).collect() }
    }
}

/// Databases that every tablet has.
const SYSTEM_SCHEMAS: [&str; 4] = ["information_schema", "mysql", "performance_schema", "sys"];

fn refused(what: &str) -> Result<Table> {
    Err(Error::unsupported(format!("not supported yet: SHOW {what}")))
}

/// The rows that `LIMIT offset, count` leaves.
fn limited(table: Table, limit: Option<&sqlast::ast::Limit>) -> Result<Table> {
    let number = |expr: &sqlast::ast::Expr| match expr {
        sqlast::ast::Expr::Literal(sqlast::ast::Literal::Integer(digits)) => {
            digits.to_string_lossy().parse::<usize>().ok()
        }
        _ => None,
    };
    let Some(limit) = limit else { return Ok(table) };
    let wrong = || Error::unsupported("a LIMIT of SHOW WARNINGS that is no number");
    let count = number(&limit.count).ok_or_else(wrong)?;
    let offset = limit.offset.as_ref().map_or(Some(0), number).ok_or_else(wrong)?;
    Ok(Table { rows: table.rows.into_iter().skip(offset).take(count).collect(), ..table })
}

fn databases(layout: &Layout) -> Table {
    let mut names: Vec<&str> = layout.keyspaces().collect();
    names.extend(SYSTEM_SCHEMAS);
    Table { fields: texts(&["Database"]), rows: names.into_iter().map(|n| row_of([Some(n)])).collect() }
}

fn shards(layout: &Layout) -> Table {
    let mut rows = Vec::new();
    for keyspace in layout.keyspaces() {
        let Ok(shards) = layout.shards(keyspace, TabletType::Primary) else { continue };
        rows.extend(shards.all().iter().map(|s| row_of([Some(format!("{keyspace}/{}", s.name))])));
    }
    Table { fields: texts(&["Shards"]), rows }
}

fn vschema_tables(session: &Session, layout: &Layout) -> Result<Table> {
    let keyspace = layout.vschema.keyspace(session.keyspace()?)?;
    let tables = keyspace.tables.iter().filter(|(_, table)| table.view().is_none());
    let rows = tables.map(|(name, _)| row_of([Some(name)])).collect();
    Ok(Table { fields: texts(&["Tables"]), rows })
}

fn vschema_keyspaces(layout: &Layout) -> Table {
    let row = |k: &Arc<vschema::Keyspace>| {
        let error = layout.vschema.problems().iter().find(|p| p.keyspace == k.name);
        let foreign_keys = match k.foreign_key_mode {
            // What Vitess takes where nothing is said.
            ForeignKeyMode::Unspecified => ForeignKeyMode::Unmanaged,
            said => said,
        };
        row_of([
            Some(k.name.clone()),
            Some(k.sharded.to_string()),
            Some(foreign_keys.as_str_name().to_lowercase()),
            Some(error.map(ToString::to_string).unwrap_or_default()),
        ])
    };
    let rows = layout.vschema.keyspaces().map(row).collect();
    Table { fields: texts(&["Keyspace", "Sharded", "Foreign Key", "Comment"]), rows }
}

/// The vindexes of the session's keyspace, or of a table.
fn vindexes(session: &Session, layout: &Layout, table: Option<&TableName>) -> Result<Table> {
    let named = table.and_then(|t| t.qualifier.as_ref()).map(|q| q.to_string_lossy().into_owned());
    let keyspace = match &named {
        Some(name) => layout.vschema.keyspace(name)?,
        None => layout.vschema.keyspace(session.keyspace()?)?,
    };
    // Parameters and owner as the VSchema has them: the first as `name=value; name=value`.
    let written = |name: &str| -> [Option<String>; 2] {
        let described = layout.described_vindex(&keyspace.name, name);
        let params = described.map(|d| {
            let mut params: Vec<_> = d.params.iter().map(|(k, v)| format!("{k}={v}")).collect();
            params.sort();
            params.join("; ")
        });
        let owner = described.map(|d| d.owner.clone());
        [Some(params.unwrap_or_default()), Some(owner.unwrap_or_default())]
    };
    if let Some(name) = table {
        let name = name.name.to_string_lossy();
        let unknown =
            || Error::mysql(1146, *b"42S02", format!("Table '{}.{name}' doesn't exist", keyspace.name));
        let table = keyspace.tables.get(&*name).ok_or_else(unknown)?;
        let row = |v: &vschema::ColumnVindex| {
            let [params, owner] = written(&v.name);
            let ty = v.vindex.type_name().to_owned();
            row_of([Some(v.columns.join(", ")), Some(v.name.clone()), Some(ty), params, owner])
        };
        let rows = table.column_vindexes.iter().map(row).collect();
        return Ok(Table { fields: texts(&["Columns", "Name", "Type", "Params", "Owner"]), rows });
    }
    let row = |(name, v): (&String, &Arc<vschema::Vindex>)| {
        let [params, owner] = written(name);
        let ty = v.type_name().to_owned();
        row_of([Some(keyspace.name.clone()), Some(name.clone()), Some(ty), params, owner])
    };
    Ok(Table {
        fields: texts(&["Keyspace", "Name", "Type", "Params", "Owner"]),
        rows: keyspace.vindexes.iter().map(row).collect(),
    })
}

fn warnings(session: &Session, count: bool) -> Table {
    let rows = session
        .warnings
        .iter()
        .map(|w| row_of([Some("Warning".to_owned()), Some(w.code.to_string()), Some(w.message.clone())]));
    warnings_of(rows.collect(), count, "@@session.warning_count")
}

fn warnings_of(rows: Vec<Row>, count: bool, name: &str) -> Table {
    if count {
        let number = rows.len().to_string();
        let fields = vec![int_field(name, Type::Int64)];
        return Table { fields, rows: vec![row_of([Some(number)])] };
    }
    let fields = vec![text_field("Level"), int_field("Code", Type::Uint32), text_field("Message")];
    Table { fields, rows }
}
