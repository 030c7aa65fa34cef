//! GetSchema, ReloadSchema, ApplySchema: the schema as the control plane sees and changes it.

use std::collections::HashMap;

use mysqlwire::client::{Conn, QueryOptions};
use proto::{
    query::Field,
    tabletmanagerdata::{self as tm, SchemaDefinition, TableDefinition},
};
use tracing::info;
use vterrors::{Context as _, Result};

use crate::{
    dba::named_rows,
    query::{
        bind::{backticked, quoted},
        schema::{normalise, show_create},
    },
    tablet::Tablet,
};

/// The most tables whose definition is given in one answer, which has to fit into a message.
const MAX_TABLES: usize = 20_000;

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

    pub async fn schema_definition(&self, request: &tm::GetSchemaRequest) -> Result<SchemaDefinition> {
        let db = &self.config.db_name;
        let mut conn = self.dba.pool.get().await?;
        let create = conn.execute(&format!("show create database {}", backticked(db))).await?;
        let create = named_rows(&create).first().and_then(|r| r.text("Create Database").map(str::to_owned));
        let database_schema = create.unwrap_or_default().replace(&backticked(db), "{{.DatabaseName}}");

        let wanted = NamePatterns::new(&request.tables, &request.exclude_tables);
        let mut tables = list_tables(&mut conn, db, request.include_views).await?;
        tables.retain(|t| wanted.includes(&t.name));
        tables.truncate(MAX_TABLES);
        let mut keys = primary_keys(&mut conn, db).await?;
        for table in &mut tables {
            let is_view = table.r#type == "VIEW";
            if let Some(create) = show_create(&mut conn, db, &table.name).await? {
                table.schema = match is_view {
                    true => create.replace(&backticked(db), "{{.DatabaseName}}"),
                    false => normalise(&create, false, db),
                };
            }
            if request.table_schema_only {
                continue;
            }
            table.fields = fields(&mut conn, db, &table.name).await.unwrap_or_default();
            table.columns = table.fields.iter().map(|f| f.name.clone()).collect();
            table.primary_key_columns = keys.remove(&table.name).unwrap_or_default();
        }
        Ok(SchemaDefinition { database_schema, table_definitions: tables })
    }

    /// Runs the statements of a change on this tablet; the schema before and after it.
    pub async fn apply_schema(&self, r: &tm::ApplySchemaRequest) -> Result<tm::ApplySchemaResponse> {
        let everything = tm::GetSchemaRequest { include_views: true, ..Default::default() };
        let before = self.schema_definition(&everything).await?;
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
        let after = self.schema_definition(&everything).await?;
        Ok(tm::ApplySchemaResponse { before_schema: Some(before), after_schema: Some(after) })
    }
}

/// The change's text, behind its sql_mode if it names one.
fn session_mode(r: &tm::ApplySchemaRequest) -> String {
    match r.sql_mode.is_empty() {
        true => r.sql.clone(),
        false => format!("set session sql_mode = {}; {}", quoted(&r.sql_mode), r.sql),
    }
}

async fn list_tables(conn: &mut Conn, db: &str, views: bool) -> Result<Vec<TableDefinition>> {
    let sql = format!(
        "select table_name as name, table_type as type, data_length as data_length, table_rows as row_count \
         from information_schema.tables where table_schema = {} order by table_name",
        quoted(db)
    );
    let rows = named_rows(&conn.execute(&sql).await?);
    let mut tables = Vec::with_capacity(rows.len());
    for row in &rows {
        let is_view = row.text("type") == Some("VIEW");
        if is_view && !views {
            continue;
        }
        tables.push(TableDefinition {
            name: row.text("name").unwrap_or_default().to_owned(),
            r#type: if is_view { "VIEW" } else { "BASE TABLE" }.to_owned(),
            data_length: row.number("data_length")?.unwrap_or_default(),
            row_count: row.number("row_count")?.unwrap_or_default(),
            ..TableDefinition::default()
        });
    }
    // Views after the tables they are made of.
    tables.sort_by_key(|t| t.r#type == "VIEW");
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

/// Names of tables: as they are, or `/regular expression/`, of which only the form `/prefix.*/` and plain
/// text between slashes (a part of the name) are understood.
struct NamePatterns<'a> {
    tables: &'a [String],
    exclude: &'a [String],
}

impl<'a> NamePatterns<'a> {
    fn new(tables: &'a [String], exclude: &'a [String]) -> Self {
        Self { tables, exclude }
    }

    fn includes(&self, name: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|p| matches(p, name));
        (self.tables.is_empty() || any(self.tables)) && !any(self.exclude)
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    let Some(inner) = pattern.strip_prefix('/') else { return pattern == name };
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let (start, inner) = inner.strip_prefix('^').map_or((false, inner), |rest| (true, rest));
    let (end, inner) = inner.strip_suffix('$').map_or((false, inner), |rest| (true, rest));
    let part = inner.trim_start_matches(".*").trim_end_matches(".*");
    match (start, end) {
        (true, true) => name == part,
        (true, false) => name.starts_with(part),
        (false, true) => name.ends_with(part),
        (false, false) => name.contains(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_patterns() {
        for (pattern, name, expected) in [
            ("t", "t", true),
            ("t", "t1", false),
            ("/t.*/", "xt1", true),
            ("/^t.*/", "xt1", false),
            ("/^t.*/", "t1", true),
            ("/^t$/", "t", true),
            ("/1$/", "t1", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
