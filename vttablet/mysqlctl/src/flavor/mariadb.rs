//! MariaDB 10.11 and newer: its own GTIDs (`domain-server-sequence`), one level of read-only, semi-sync
//! built in. What it lacks beside MySQL is refused where it is asked for.

use std::time::Duration;

use proto::replicationdata::Status;
use vterrors::{Error, Result};

use super::{
    Flavor, FlavorKind, NamedRow, PrimaryPosition, SemiSync, SemiSyncStatus, ServerVersion, Source, Threads,
    bare, common_status, parse_semi_sync, quoted,
};

/// See the module.
#[derive(Debug, Clone)]
pub struct MariaDb {
    version: ServerVersion,
}

impl MariaDb {
    /// Refuses servers older than 10.11.
    pub fn new(version: ServerVersion) -> Result<Self> {
        match version.at_least(10, 11, 0) {
            true => Ok(Self { version }),
            false => {
                Err(Error::unsupported(format!("{version} is too old: MariaDB 10.11 or newer is needed")))
            }
        }
    }
}

fn threads(threads: Threads) -> &'static str {
    match threads {
        Threads::Both => "",
        Threads::Io => " IO_THREAD",
        Threads::Sql => " SQL_THREAD",
    }
}

impl Flavor for MariaDb {
    fn kind(&self) -> FlavorKind {
        FlavorKind::MariaDb
    }

    fn version(&self) -> &ServerVersion {
        &self.version
    }

    fn set_read_only(&self, on: bool) -> Vec<String> {
        vec![format!("SET GLOBAL read_only = {}", u8::from(on))]
    }

    fn set_super_read_only(&self, on: bool) -> Vec<String> {
        self.set_read_only(on)
    }

    fn read_only_query(&self) -> &'static str {
        // No service user but the dba may write under read_only, so it counts as both levels.
        "SELECT @@GLOBAL.read_only AS read_only, @@GLOBAL.read_only AS super_read_only"
    }

    fn start_replication(&self, t: Threads) -> Vec<String> {
        vec![format!("START SLAVE{}", threads(t))]
    }

    fn stop_replication(&self, t: Threads) -> Vec<String> {
        vec![format!("STOP SLAVE{}", threads(t))]
    }

    fn start_replication_until_after(&self, position: &str) -> Vec<String> {
        vec![format!("START SLAVE UNTIL master_gtid_pos = {}", quoted(bare(position)))]
    }

    fn forget_source(&self) -> Vec<String> {
        vec!["STOP SLAVE".into(), "RESET SLAVE ALL".into()]
    }

    fn reset_replication(&self) -> Vec<String> {
        vec![
            "STOP SLAVE".into(),
            "RESET SLAVE ALL".into(),
            "RESET MASTER".into(),
            "SET GLOBAL gtid_slave_pos = ''".into(),
        ]
    }

    fn set_source(&self, source: &Source) -> Vec<String> {
        let mut options = vec![
            format!("MASTER_HOST = {}", quoted(&source.host)),
            format!("MASTER_PORT = {}", source.port),
            format!("MASTER_USER = {}", quoted(&source.user)),
            format!("MASTER_PASSWORD = {}", quoted(&source.password)),
            format!("MASTER_CONNECT_RETRY = {}", source.connect_retry),
            "MASTER_USE_GTID = slave_pos".to_owned(),
        ];
        options.extend(super::tls_options("MASTER", source.tls.as_ref()));
        if source.heartbeat_interval > 0.0 {
            options.push(format!("MASTER_HEARTBEAT_PERIOD = {:.3}", source.heartbeat_interval));
        }
        // A former primary's own writes are in gtid_binlog_pos only: they have to count as applied here.
        vec![
            "SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_current_pos".to_owned(),
            format!("CHANGE MASTER TO {}", options.join(", ")),
        ]
    }

    fn set_source_while_applying(&self, _: &Source) -> Option<Vec<String>> {
        // CHANGE MASTER wants both threads stopped.
        None
    }

    fn idle_applier_query(&self) -> Option<&'static str> {
        // The rest of a transaction is not waited for: its beginning is rolled back.
        None
    }

    fn set_position(&self, position: &str) -> Vec<String> {
        vec![format!("SET GLOBAL gtid_slave_pos = {}", quoted(bare(position)))]
    }

    fn replica_status_query(&self) -> &'static str {
        "SHOW ALL SLAVES STATUS"
    }

    fn parse_replica_status(&self, row: &NamedRow) -> Result<Status> {
        let mut status = common_status(row, "Master", "Slave")?;
        let set = |name: &str| super::canonical(FlavorKind::MariaDb, row.text(name).unwrap_or_default());
        // One row a connection; ours is the only one. The columns name what the io thread has and
        // what is applied.
        status.relay_log_position = set("Gtid_IO_Pos");
        status.position = set("Gtid_Slave_Pos");
        status.auto_position = row.text("Using_Gtid").is_some_and(|v| !v.eq_ignore_ascii_case("no"));
        status.using_gtid = status.auto_position;
        Ok(status)
    }

    fn heartbeat_interval_query(&self) -> Option<&'static str> {
        None
    }

    fn primary_position_query(&self) -> &'static str {
        "SELECT @@GLOBAL.gtid_current_pos AS position, '' AS server_uuid"
    }

    fn parse_primary_position(&self, row: &NamedRow) -> Result<PrimaryPosition> {
        Ok(PrimaryPosition {
            position: super::canonical(FlavorKind::MariaDb, row.need("position")?),
            ..PrimaryPosition::default()
        })
    }

    fn binlog_status_query(&self) -> &'static str {
        "SHOW MASTER STATUS"
    }

    fn purged_query(&self) -> &'static str {
        // MariaDB keeps no such set; what a replica may ask for is found by asking.
        "SELECT ''"
    }

    fn wait_for_position(&self, position: &str, timeout: Duration) -> String {
        format!(
            "SELECT MASTER_GTID_WAIT({}, {:.3})",
            quoted(bare(position)),
            timeout.as_secs_f64().max(0.001)
        )
    }

    fn parse_wait(&self, row: &NamedRow) -> Result<bool> {
        match row.first() {
            Some("0") => Ok(true),
            Some("-1") => Ok(false),
            other => Err(Error::internal(format!("MASTER_GTID_WAIT answered {other:?}"))),
        }
    }

    fn set_semi_sync(&self, want: SemiSync) -> Vec<String> {
        vec![
            format!("SET GLOBAL rpl_semi_sync_master_enabled = {}", u8::from(want.source)),
            format!("SET GLOBAL rpl_semi_sync_slave_enabled = {}", u8::from(want.replica)),
        ]
    }

    fn semi_sync_query(&self) -> &'static str {
        "SELECT VARIABLE_NAME AS Variable_name, VARIABLE_VALUE AS Value FROM information_schema.GLOBAL_VARIABLES \
         WHERE VARIABLE_NAME LIKE 'rpl_semi_sync%' UNION ALL \
         SELECT VARIABLE_NAME, VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS \
         WHERE VARIABLE_NAME LIKE 'rpl_semi_sync%'"
    }

    fn parse_semi_sync(&self, rows: &[NamedRow]) -> SemiSyncStatus {
        // MariaDB waits for one acknowledgement, no other number can be set.
        SemiSyncStatus { wait_for_replica_count: 1, ..parse_semi_sync(rows) }
    }

    fn my_cnf(&self) -> String {
        [
            "gtid_strict_mode = ON",
            "gtid_domain_id = 0",
            "log_slave_updates = ON",
            "skip_slave_start = ON",
            "read_only = ON",
            "binlog_format = ROW",
            "slave_net_timeout = 60",
            // A commit that no replica has acknowledged never counts as done.
            "rpl_semi_sync_master_timeout = 18446744073709551615",
            "rpl_semi_sync_master_wait_point = AFTER_SYNC",
            "rpl_semi_sync_master_wait_no_slave = ON",
            "session_track_system_variables = autocommit,character_set_client,last_gtid,time_zone",
            "innodb_log_file_size = 64M",
        ]
        .join("\n")
    }

    fn init_sql(&self) -> Vec<String> {
        crate::initsql::mariadb_users()
    }
}
