//! MySQL 8.0.26 and newer. 9.7 is what the tests run on; the older tables are from the manual, untested.

use std::time::Duration;

use proto::replicationdata::Status;
use vterrors::{Error, Result};

use super::{
    Flavor, FlavorKind, NamedRow, PrimaryPosition, SemiSync, SemiSyncStatus, ServerVersion, Source, Threads,
    bare, common_status, parse_semi_sync, quoted,
};

/// See the module.
#[derive(Debug, Clone)]
pub struct MySql {
    version: ServerVersion,
}

impl MySql {
    /// Refuses servers older than 8.0.26, whose semi-sync variables have other names.
    pub fn new(version: ServerVersion) -> Result<Self> {
        match version.at_least(8, 0, 26) {
            true => Ok(Self { version }),
            false => {
                Err(Error::unsupported(format!("{version} is too old: MySQL 8.0.26 or newer is needed")))
            }
        }
    }

    /// The names without MASTER for binary logs came with 8.2.
    fn binary_log_names(&self) -> bool {
        self.version.at_least(8, 2, 0)
    }
}

fn threads(threads: Threads) -> &'static str {
    match threads {
        Threads::Both => "",
        Threads::Io => " IO_THREAD",
        Threads::Sql => " SQL_THREAD",
    }
}

impl Flavor for MySql {
    fn kind(&self) -> FlavorKind {
        FlavorKind::MySql
    }

    fn version(&self) -> &ServerVersion {
        &self.version
    }

    fn set_read_only(&self, on: bool) -> Vec<String> {
        vec![format!("SET GLOBAL read_only = {}", if on { "ON" } else { "OFF" })]
    }

    fn set_super_read_only(&self, on: bool) -> Vec<String> {
        // Setting either to the value that implies the other is enough: super_read_only=ON switches
        // read_only on, read_only=OFF switches super_read_only off.
        vec![if on { "SET GLOBAL super_read_only = ON" } else { "SET GLOBAL read_only = OFF" }.to_owned()]
    }

    fn read_only_query(&self) -> &'static str {
        "SELECT @@GLOBAL.read_only AS read_only, @@GLOBAL.super_read_only AS super_read_only"
    }

    fn start_replication(&self, t: Threads) -> Vec<String> {
        vec![format!("START REPLICA{}", threads(t))]
    }

    fn stop_replication(&self, t: Threads) -> Vec<String> {
        vec![format!("STOP REPLICA{}", threads(t))]
    }

    fn start_replication_until_after(&self, position: &str) -> Vec<String> {
        vec![format!("START REPLICA UNTIL SQL_AFTER_GTIDS = {}", quoted(bare(position)))]
    }

    fn forget_source(&self) -> Vec<String> {
        vec!["STOP REPLICA".into(), "RESET REPLICA ALL".into()]
    }

    fn reset_replication(&self) -> Vec<String> {
        let reset = if self.binary_log_names() { "RESET BINARY LOGS AND GTIDS" } else { "RESET MASTER" };
        vec!["STOP REPLICA".into(), "RESET REPLICA ALL".into(), reset.into()]
    }

    fn set_source(&self, source: &Source) -> Vec<String> {
        let mut options = connection(source);
        options.push("SOURCE_AUTO_POSITION = 1".to_owned());
        vec![format!("CHANGE REPLICATION SOURCE TO {}", options.join(", "))]
    }

    fn set_source_while_applying(&self, source: &Source) -> Option<Vec<String>> {
        Some(vec![format!("CHANGE REPLICATION SOURCE TO {}", connection(source).join(", "))])
    }

    fn idle_applier_query(&self) -> Option<&'static str> {
        Some(
            "SELECT ID AS id FROM information_schema.PROCESSLIST \
             WHERE USER = 'system user' AND STATE REGEXP '^(Replica|Slave) has read all relay log'",
        )
    }

    fn set_position(&self, position: &str) -> Vec<String> {
        vec![format!("SET GLOBAL gtid_purged = {}", quoted(bare(position)))]
    }

    fn replica_status_query(&self) -> &'static str {
        "SHOW REPLICA STATUS"
    }

    fn parse_replica_status(&self, row: &NamedRow) -> Result<Status> {
        let mut status = common_status(row, "Source", "Replica")?;
        let set = |name: &str| row.text(name).unwrap_or_default().replace(['\n', ' '], "");
        let (executed, retrieved) = (set("Executed_Gtid_Set"), set("Retrieved_Gtid_Set"));
        // What was retrieved is counted since the relay log was last emptied only: the whole is the union.
        let relay = match (executed.is_empty(), retrieved.is_empty()) {
            (_, true) => executed.clone(),
            (true, false) => retrieved,
            (false, false) => format!("{executed},{retrieved}"),
        };
        status.relay_log_position = super::canonical(FlavorKind::MySql, &relay);
        status.position = super::canonical(FlavorKind::MySql, &executed);
        status.source_uuid = row.text("Source_UUID").unwrap_or_default().to_owned();
        status.auto_position = row.text("Auto_Position") == Some("1");
        status.using_gtid = status.auto_position;
        Ok(status)
    }

    fn heartbeat_interval_query(&self) -> Option<&'static str> {
        // The table answers with performance_schema switched off too.
        Some(
            "SELECT HEARTBEAT_INTERVAL FROM performance_schema.replication_connection_configuration \
             WHERE CHANNEL_NAME = ''",
        )
    }

    fn primary_position_query(&self) -> &'static str {
        "SELECT @@GLOBAL.gtid_executed AS position, @@GLOBAL.server_uuid AS server_uuid"
    }

    fn parse_primary_position(&self, row: &NamedRow) -> Result<PrimaryPosition> {
        Ok(PrimaryPosition {
            position: super::canonical(FlavorKind::MySql, row.need("position")?),
            file_position: String::new(),
            server_uuid: row.need("server_uuid")?.to_owned(),
        })
    }

    fn binlog_status_query(&self) -> &'static str {
        if self.binary_log_names() { "SHOW BINARY LOG STATUS" } else { "SHOW MASTER STATUS" }
    }

    fn purged_query(&self) -> &'static str {
        "SELECT @@GLOBAL.gtid_purged"
    }

    fn wait_for_position(&self, position: &str, timeout: Duration) -> String {
        // Zero would mean without limit.
        let seconds = timeout.as_secs_f64().max(0.001);
        format!("SELECT WAIT_FOR_EXECUTED_GTID_SET({}, {seconds:.3})", quoted(bare(position)))
    }

    fn parse_wait(&self, row: &NamedRow) -> Result<bool> {
        match row.first() {
            Some("0") => Ok(true),
            Some("1") => Ok(false),
            other => Err(Error::internal(format!("WAIT_FOR_EXECUTED_GTID_SET answered {other:?}"))),
        }
    }

    fn set_semi_sync(&self, want: SemiSync) -> Vec<String> {
        vec![format!(
            "SET GLOBAL rpl_semi_sync_source_enabled = {}, GLOBAL rpl_semi_sync_replica_enabled = {}",
            u8::from(want.source),
            u8::from(want.replica)
        )]
    }

    fn semi_sync_query(&self) -> &'static str {
        // Both tables answer with performance_schema switched off too.
        "SELECT VARIABLE_NAME AS Variable_name, VARIABLE_VALUE AS Value FROM performance_schema.global_variables \
         WHERE VARIABLE_NAME LIKE 'rpl_semi_sync%' UNION ALL \
         SELECT VARIABLE_NAME, VARIABLE_VALUE FROM performance_schema.global_status \
         WHERE VARIABLE_NAME LIKE 'rpl_semi_sync%'"
    }

    fn parse_semi_sync(&self, rows: &[NamedRow]) -> SemiSyncStatus {
        parse_semi_sync(rows)
    }

    fn my_cnf(&self) -> String {
        let mut lines = vec![
            "plugin-load-add = semisync_source.so",
            "plugin-load-add = semisync_replica.so",
            "plugin-load-add = mysql_clone.so",
            "gtid_mode = ON",
            "enforce_gtid_consistency = ON",
            "log_replica_updates = ON",
            "skip_replica_start = ON",
            "super_read_only = ON",
            "loose_mysqlx = 0",
            "replica_net_timeout = 60",
            "relay_log_recovery = ON",
            "session_track_gtids = OWN_GTID",
            // A commit that no replica has acknowledged never counts as done.
            "loose_rpl_semi_sync_source_timeout = 1000000000000000000",
            "loose_rpl_semi_sync_source_wait_point = AFTER_SYNC",
            "loose_rpl_semi_sync_source_wait_no_replica = ON",
        ];
        if self.version.at_least(8, 0, 30) {
            lines.push("innodb_redo_log_capacity = 64M");
        }
        lines.join("\n")
    }

    fn init_sql(&self) -> Vec<String> {
        crate::initsql::mysql_users()
    }
}

/// How often a replica tries to connect: MySQL's own number before 8.4, a day of seconds.
const RETRY_COUNT: u32 = 86_400;

/// What tells how to reach a source, without where to begin.
fn connection(source: &Source) -> Vec<String> {
    let mut options = vec![
        format!("SOURCE_HOST = {}", quoted(&source.host)),
        format!("SOURCE_PORT = {}", source.port),
        format!("SOURCE_USER = {}", quoted(&source.user)),
        format!("SOURCE_PASSWORD = {}", quoted(&source.password)),
        format!("SOURCE_CONNECT_RETRY = {}", source.connect_retry),
        // From 8.4 on MySQL gives up after ten attempts: then nobody would know any more that the source is dead.
        format!("SOURCE_RETRY_COUNT = {RETRY_COUNT}"),
        // Without TLS a caching_sha2 password is sent encrypted by the source's key.
        "GET_SOURCE_PUBLIC_KEY = 1".to_owned(),
    ];
    options.extend(super::tls_options("SOURCE", source.tls.as_ref()));
    if source.heartbeat_interval > 0.0 {
        options.push(format!("SOURCE_HEARTBEAT_PERIOD = {:.3}", source.heartbeat_interval));
    }
    options
}
