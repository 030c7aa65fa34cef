//! GetSchema, ReloadSchema, ApplySchema: the schema as the control plane sees and changes it.

use std::{collections::HashMap, sync::Arc};

use mysqlwire::client::{Conn, QueryOptions};
use prost::Message;
use proto::{
    query::Field,
    tabletmanagerdata::{self as tm, SchemaDefinition, TableDefinition},
};
use tracing::{info, warn};
use vterrors::{Condition, Context as _, Error, Result};

use crate::{
    dba::named_rows,
    query::{
        bind::{backticked, quoted},
        schema::{
            Definition,
            read::{normalise, show_create},
        },
    },
    tablet::Tablet,
};

/// The largest schema in one answer: a message, with room for what is around it.
const MAX_ANSWER_BYTES: usize = rpc::MAX_MESSAGE_BYTES - 1024;
/// How a view is named among the types of tables.
const VIEW: &str = "VIEW";

impl Tablet {
    /// Reads the schema again and tells the streams what changed.
    pub async fn reload_schema(&self) -> Result<()> {
        let changes = self.query.schema.reload().await?;
        if !changes.is_empty() {
            info!(tables = changes.tables.len(), views = changes.views.len(), "the schema changed");
            self.health.broadcast(changes);
        }
        Ok(())
    }

    /// The tables asked for, all of them.
    ///
    /// Errors: what is asked for does not fit into a message.
    pub async fn schema_definition(&self, request: &tm::GetSchemaRequest) -> Result<SchemaDefinition> {
        // Cheap where nothing changed, and then the texts of all tables are known.
        self.reload_schema().await?;
        let known = self.query.schema.definitions();
        let db = &self.config.db_name;
        let mut conn = self.dba.pool.get().await?;
        let create = conn.execute(&format!("show create database {}", backticked(db))).await?;
        let create = named_rows(&create).first().and_then(|r| r.text("Create Database").map(str::to_owned));
        let database_schema = create.unwrap_or_default().replace(&backticked(db), "{{.DatabaseName}}");

        let wanted = names_condition(&request.tables, &request.exclude_tables);
        let mut tables = list_tables(&mut conn, db, &wanted, request.include_views).await?;
        let mut keys = match request.table_schema_only {
            true => HashMap::new(),
            false => primary_keys(&mut conn, db).await?,
        };
        for table in &mut tables {
            let known = known.get(&table.name);
            table.schema = create_statement(&mut conn, db, table, known).await?;
            if request.table_schema_only {
                continue;
            }
            table.fields = known_fields(&mut conn, db, &table.name, known).await;
            table.columns = table.fields.iter().map(|f| f.name.clone()).collect();
            table.primary_key_columns = keys.remove(&table.name).unwrap_or_default();
        }
        let schema = SchemaDefinition { database_schema, table_definitions: tables };
        match schema.encoded_len() {
            bytes if bytes > MAX_ANSWER_BYTES => Err(Error::new(
                Condition::PacketTooLarge,
                format!(
                    "the schema of {} tables has {bytes} bytes, more than the {MAX_ANSWER_BYTES} of a message: ask \
                     for fewer tables at a time, or for their CREATE statements only",
                    schema.table_definitions.len()
                ),
            )),
            _ => Ok(schema),
        }
    }

    /// Runs the statements of a change on this tablet; the schema before and after it.
    pub async fn apply_schema(&self, r: &tm::ApplySchemaRequest) -> Result<tm::ApplySchemaResponse> {
        let everything = tm::GetSchemaRequest { include_views: true, ..Default::default() };
        let before = self.schema_that_fits(&everything).await?;
        let _action = self.action("ApplySchema").await?;
        let multi = tm::ExecuteMultiFetchAsDbaRequest {
            sql: session_mode(r).into_bytes(),
            db_name: self.config.db_name.clone(),
            disable_binlogs: !r.allow_replication,
            reload_schema: true,
            disable_foreign_key_checks: r.disable_foreign_key_checks,
            ..Default::default()
        };
        self.execute_multi_fetch_as_dba(&multi).await.context_with(|| "ApplySchema")?;
        let after = self.schema_that_fits(&everything).await?;
        Ok(tm::ApplySchemaResponse { before_schema: before, after_schema: after })
    }

    /// For a change, which must not fail because it is told of too large a schema: `None` for that, and each of
    /// two has to leave room for the other.
    async fn schema_that_fits(&self, request: &tm::GetSchemaRequest) -> Result<Option<SchemaDefinition>> {
        match self.schema_definition(request).await {
            Ok(schema) if schema.encoded_len() <= MAX_ANSWER_BYTES / 2 => Ok(Some(schema)),
            Err(e) if e.condition() != Condition::PacketTooLarge => Err(e),
            _ => {
                warn!("ApplySchema is answered without the schema, which is too large for a message");
                Ok(None)
            }
        }
    }
}

/// The change's text, behind its sql_mode if it names one.
fn session_mode(r: &tm::ApplySchemaRequest) -> String {
    match r.sql_mode.is_empty() {
        true => r.sql.clone(),
        false => format!("set session sql_mode = {}; {}", quoted(&r.sql_mode), r.sql),
    }
}

/// The table's CREATE statement with a placeholder for the database's name; empty for one that was dropped since it
/// was listed.
async fn create_statement(
    conn: &mut Conn,
    db: &str,
    table: &TableDefinition,
    known: Option<&Arc<Definition>>,
) -> Result<String> {
    if let Some(known) = known.filter(|d| !d.is_view && table.r#type != VIEW) {
        return Ok(known.create.clone());
    }
    let create = show_create(conn, db, &table.name).await?.unwrap_or_default();
    Ok(match table.r#type == VIEW {
        true => create.replace(&backticked(db), "{{.DatabaseName}}"),
        false => normalise(&create, false, db),
    })
}

/// The columns of a table; none for one that cannot be read, as a view whose tables are gone.
async fn known_fields(conn: &mut Conn, db: &str, table: &str, known: Option<&Arc<Definition>>) -> Vec<Field> {
    if let Some(fields) = known.and_then(|d| d.fields()) {
        return fields.to_vec();
    }
    let Ok(fields) = fields(conn, db, table).await else { return Vec::new() };
    if let Some(known) = known {
        known.learn_fields(&fields);
    }
    fields
}

async fn list_tables(conn: &mut Conn, db: &str, wanted: &str, views: bool) -> Result<Vec<TableDefinition>> {
    let sql = format!(
        "select table_name as name, table_type as type, data_length as data_length, table_rows as row_count \
         from information_schema.tables where table_schema = {}{wanted} order by table_name",
        quoted(db)
    );
    let rows = named_rows(&conn.execute(&sql).await?);
    let mut tables = Vec::with_capacity(rows.len());
    for row in &rows {
        let is_view = row.text("type") == Some(VIEW);
        if is_view && !views {
            continue;
        }
        tables.push(TableDefinition {
            name: row.text("name").unwrap_or_default().to_owned(),
            r#type: if is_view { VIEW } else { "BASE TABLE" }.to_owned(),
            data_length: row.number("data_length")?.unwrap_or_default(),
            row_count: row.number("row_count")?.unwrap_or_default(),
            ..TableDefinition::default()
        });
    }
    // Views after the tables they are made of.
    tables.sort_by_key(|t| t.r#type == VIEW);
    Ok(tables)
}

async fn primary_keys(conn: &mut Conn, db: &str) -> Result<HashMap<String, Vec<String>>> {
    let sql = format!(
        "select table_name as t, column_name as c from information_schema.key_column_usage \
         where table_schema = {} and constraint_name = 'PRIMARY' order by table_name, ordinal_position",
        quoted(db)
    );
    let mut keys: HashMap<String, Vec<String>> = HashMap::new();
    for row in named_rows(&conn.execute(&sql).await?) {
        let (table, column) = (row.text("t").unwrap_or_default(), row.text("c").unwrap_or_default());
        keys.entry(table.to_owned()).or_default().push(column.to_owned());
    }
    Ok(keys)
}

async fn fields(conn: &mut Conn, db: &str, table: &str) -> Result<Vec<Field>> {
    let sql = format!("select * from {}.{} where 1 != 1", backticked(db), backticked(table));
    Ok(conn.query(sql.as_bytes(), &QueryOptions::all_fields(1)).await?.fields)
}

/// The condition on `table_name` that holds for the names asked for. A name stands for itself; one
/// between slashes is a regular expression, which mysqld matches: a wrong one is its error.
fn names_condition(tables: &[String], exclude: &[String]) -> String {
    let matches = |name: &String| match name.strip_prefix('/') {
        Some(rest) => format!(
            "convert(table_name using utf8mb4) collate utf8mb4_bin regexp {}",
            quoted(rest.strip_suffix('/').unwrap_or(rest))
        ),
        None => format!("table_name = {}", quoted(name)),
    };
    let any = |names: &[String]| names.iter().map(matches).collect::<Vec<_>>().join(" or ");
    let wanted = if tables.is_empty() { String::new() } else { format!(" and ({})", any(tables)) };
    let unwanted = if exclude.is_empty() { String::new() } else { format!(" and not ({})", any(exclude)) };
    wanted + &unwanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_patterns() {
        let names = |list: &[&str]| list.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(names_condition(&[], &[]), "");
        assert_eq!(
            names_condition(&names(&["it's", "/^t[0-9]+$/"]), &names(&["t1"])),
            format!(
                " and (table_name = {} or convert(table_name using utf8mb4) collate utf8mb4_bin regexp \
                 '^t[0-9]+$') and not (table_name = 't1')",
                quoted("it's")
            )
        );
    }
}
