//! The sidecar database (`_vt` unless the keyspace names another) and the keyspace's own database.
//!
//! Only the primary makes them; replicas get them by replication. What is there is looked up first, so
//! that a primary that starts again writes nothing.

use vterrors::Result;

use crate::{
    query::bind::{backticked, quoted},
    tablet::Tablet,
};

/// A table of the sidecar: its name and its CREATE TABLE IF NOT EXISTS.
struct SidecarTable(&'static str, &'static str);

macro_rules! sidecar_tables {
    ($($name:literal),* $(,)?) => {
        &[$(SidecarTable($name, include_str!(concat!("sidecar/", $name, ".sql")))),*]
    };
}

/// In the order they are made.
const TABLES: &[SidecarTable] = sidecar_tables![
    "heartbeat",
    "reparent_journal",
    "semisync_heartbeat",
    "schema_migrations",
    "tables",
    "views",
    "udfs",
    "dt_state",
    "dt_participant",
    "redo_state",
    "redo_statement",
    "vdiff",
    "vdiff_table",
    "vdiff_log",
    "copy_state",
    "post_copy_action",
    "resharding_journal",
    "schema_version",
    "vreplication",
    "vreplication_log",
];

impl Tablet {
    /// The name of the sidecar database, from the keyspace's record.
    pub async fn sidecar_db(&self) -> String {
        match self.topo.get_keyspace(&self.config.keyspace).await {
            Ok(k) if !k.value.sidecar_db_name.is_empty() => k.value.sidecar_db_name,
            _ => vtmodel::DEFAULT_SIDECAR_DB.to_owned(),
        }
    }

    /// Makes what is missing of the keyspace's database and of the sidecar.
    pub async fn make_databases(&self) -> Result<()> {
        let sidecar = self.sidecar_db().await;
        let have = self.dba.rows("select schema_name as name from information_schema.schemata").await?;
        for db in [&self.config.db_name, &sidecar] {
            if !have.iter().any(|row| row.first() == Some(db)) {
                let sql = format!("create database if not exists {}", backticked(db));
                self.dba.run(&[sql]).await?;
            }
        }
        self.make_sidecar_tables(&sidecar).await
    }

    async fn make_sidecar_tables(&self, sidecar: &str) -> Result<()> {
        let sql = format!(
            "select table_name as name from information_schema.tables where table_schema = {}",
            quoted(sidecar)
        );
        let have = self.dba.rows(&sql).await?;
        let missing = TABLES.iter().filter(|t| !have.iter().any(|row| row.first() == Some(t.0)));
        for SidecarTable(name, create) in missing {
            let create = create.replacen(
                &format!("`{name}`"),
                &format!("{}.{}", backticked(sidecar), backticked(name)),
                1,
            );
            self.dba.run(&[create]).await.map_err(|e| e.context(format!("sidecar table {name}")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_makes_the_table_it_is_named_for() {
        assert_eq!(TABLES.len(), 20);
        for SidecarTable(name, create) in TABLES {
            assert!(create.starts_with(&format!("CREATE TABLE IF NOT EXISTS `{name}` (")), "{name}");
        }
    }
}
