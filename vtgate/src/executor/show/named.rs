//! SHOWs whose rows name a database: asked of one shard under its database's name, shown under the keyspace's.

use sqlast::ast::{Ident, Show, ShowFilter, ShowKind, Statement};
use sqltypes::{Row, RowBuilder};
use vterrors::{Error, Result};

use super::{Executor, Table};
use crate::{schema::Layout, session::Session};

impl Executor {
    /// SHOW CREATE DATABASE, EVENTS, OPEN TABLES, FUNCTION STATUS, PROCEDURE STATUS; `None` for others, and for
    /// what is no keyspace. A WHERE is left to the caller, who compares the names that are shown.
    pub(super) async fn named(
        &self,
        session: &Session,
        layout: &Layout,
        show: &Show,
    ) -> Result<Option<Table>> {
        let own = session.target.keyspace.as_str();
        let from = match &show.kind {
            ShowKind::CreateDatabase { name, .. } => Some(name),
            ShowKind::Events { from } | ShowKind::OpenTables { from } => from.as_ref(),
            ShowKind::RoutineStatus { .. } => None,
            _ => return Ok(None),
        };
        let asked = from.map_or(own.to_owned(), |name| name.to_string_lossy().into_owned());
        let is_system = from.is_some_and(|n| super::SYSTEM_SCHEMAS.iter().any(|s| n.is(s.as_bytes())));
        let (keyspace, database) = match layout.has_keyspace(&asked) {
            true => (asked.clone(), vtmodel::default_db_name(&asked)),
            // Every tablet has those.
            false if is_system => match Some(own).filter(|k| !k.is_empty()).or(layout.keyspaces().next()) {
                Some(any) => (any.to_owned(), asked.clone()),
                None => return Ok(None),
            },
            false => return Ok(None),
        };
        let named = from.map(|_| Ident::from(database.as_str()));
        let mut sent = show.clone();
        match (&mut sent.kind, named) {
            (ShowKind::CreateDatabase { name, .. }, Some(named)) => *name = named,
            (ShowKind::Events { from } | ShowKind::OpenTables { from }, named) => *from = named,
            _ => {}
        }
        if let Some(ShowFilter::Where(_)) = sent.filter {
            sent.filter = None;
        }
        let sql = String::from_utf8(sqlast::to_sql(&Statement::Show(Box::new(sent))))
            .map_err(|_| Error::unsupported("a SHOW whose text is not UTF-8"))?;
        let result = self.ask_one_shard(session, layout, &keyspace, sql).await?;
        let rows = result.rows.iter().map(|row| renamed(row, &database, &asked)).collect();
        Ok(Some(Table { fields: result.fields, rows }))
    }
}

/// The row with the keyspace in its first column, and in a CREATE DATABASE.
fn renamed(row: &Row, database: &str, keyspace: &str) -> Row {
    let mut out = RowBuilder::default();
    for (at, value) in sqltypes::values(row).enumerate() {
        match value {
            Some(name) if at == 0 && name == database.as_bytes() => out.push(Some(keyspace.as_bytes())),
            Some(text) if at == 1 && text.starts_with(b"CREATE DATABASE ") => {
                let text = String::from_utf8_lossy(text);
                out.push(Some(
                    text.replacen(&format!("`{database}`"), &format!("`{keyspace}`"), 1).as_bytes(),
                ));
            }
            other => out.push(other),
        }
    }
    out.finish()
}
