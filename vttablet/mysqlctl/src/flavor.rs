//! The words of the two families of servers: which statement does what, and how its answer reads.
//!
//! Pure: a [`Flavor`] gives statements and reads rows, it never talks to a server. The statements of a
//! method are run in order on one connection of the dba user; the first error ends the list.
//! Positions go in and out as text with the flavour before it (`MySQL56/<set>`, `MariaDB/<set>`); on the
//! way in the prefix may be missing.
//!
//! Facts: MySQL's reference manual, chapters "Replication" and "SQL statements for controlling replication"
//! (new names since 8.0.22, 8.0.26 and 8.2), MariaDB's knowledge base "Global transaction ID".

mod mariadb;
mod mysql;
mod row;
mod version;

use std::{fmt::Debug, sync::Arc, time::Duration};

use proto::replicationdata::Status;
use vterrors::{Error, Result};

pub use mariadb::MariaDb;
pub use mysql::MySql;
pub use row::NamedRow;
pub use version::{FlavorKind, ServerVersion};

/// TLS between a replica and its source. The files are read by the replica's mysqld, where that runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceTls {
    /// Authority of the source's certificate; without it none is verified.
    pub ca: Option<String>,
    pub cert: Option<String>,
    pub key: Option<String>,
    /// The certificate has to be for the source's host.
    pub verify_host: bool,
}

/// Where a replica replicates from.
#[derive(Clone, PartialEq)]
pub struct Source {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: String,
    /// Seconds between attempts to connect.
    pub connect_retry: u32,
    /// Seconds between heartbeats of the source on an idle connection; zero: the server's default.
    pub heartbeat_interval: f64,
    /// None is without TLS.
    pub tls: Option<SourceTls>,
}

impl Debug for Source {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.user)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl Source {
    /// An error of a statement that holds the password: a server quotes what it cannot read.
    pub fn hide_password(&self, e: Error) -> Error {
        hide(e, &self.password)
    }
}

/// The error without `secret`, number and state unchanged.
pub fn hide(e: Error, secret: &str) -> Error {
    if secret.is_empty() || !(e.message().contains(secret) || e.message().contains(&quoted(secret))) {
        return e;
    }
    let text = e.message().replace(quoted(secret).trim_matches('\''), "****").replace(secret, "****");
    e.with_message(text)
}

/// The options of a statement that sets the source, in a family's words: `SOURCE` or `MASTER`.
fn tls_options(prefix: &str, tls: Option<&SourceTls>) -> Vec<String> {
    let Some(tls) = tls else { return vec![format!("{prefix}_SSL = 0")] };
    let mut options = vec![format!("{prefix}_SSL = 1")];
    // What is not said stays as an older statement said it.
    for (name, path) in [("CA", &tls.ca), ("CERT", &tls.cert), ("KEY", &tls.key)] {
        options.push(format!("{prefix}_SSL_{name} = {}", quoted(path.as_deref().unwrap_or_default())));
    }
    options.push(format!("{prefix}_SSL_VERIFY_SERVER_CERT = {}", u8::from(tls.verify_host)));
    options
}

// `f64` has no `Eq`; a heartbeat interval is never NaN here (it comes from an option in seconds).
impl Eq for Source {}

/// Which threads of replication a statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    Both,
    /// The one that fetches from the source.
    Io,
    /// The one that applies what was fetched.
    Sql,
}

/// What the semi-synchronous half of a server shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SemiSync {
    /// Commits wait for a replica's acknowledgement.
    pub source: bool,
    /// This server acknowledges.
    pub replica: bool,
}

/// Semi-sync as a server reports it, see [`Flavor::semi_sync_query`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SemiSyncStatus {
    pub source_enabled: bool,
    pub replica_enabled: bool,
    /// Whether commits wait right now.
    pub source_active: bool,
    pub replica_active: bool,
    /// Replicas connected that acknowledge.
    pub clients: u32,
    /// Milliseconds a commit waits before it goes on without.
    pub timeout_ms: u64,
    pub wait_for_replica_count: u32,
    /// Sessions whose commit waits now.
    pub waiting_sessions: u32,
}

/// A server's position as the source of others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PrimaryPosition {
    /// With the flavour's prefix.
    pub position: String,
    /// `FilePos/<file>:<offset>`; empty when the server keeps no binary log.
    pub file_position: String,
    pub server_uuid: String,
}

/// The statements of one family of servers, and how their answers read.
pub trait Flavor: Debug + Send + Sync {
    fn kind(&self) -> FlavorKind;

    /// The server's version, as it said at connecting.
    fn version(&self) -> &ServerVersion;

    /// Stops (or allows) writes of ordinary users. Blocks on the server while a commit waits for a
    /// semi-sync acknowledgement: switch semi-sync off on a source first.
    fn set_read_only(&self, on: bool) -> Vec<String>;

    /// Stops (or allows) writes of everyone, where the server knows that level; else as `set_read_only`.
    /// Off also leaves read-only mode.
    fn set_super_read_only(&self, on: bool) -> Vec<String>;

    /// One row with the columns `read_only` and `super_read_only` (0 or 1).
    fn read_only_query(&self) -> &'static str;

    fn start_replication(&self, threads: Threads) -> Vec<String>;

    fn stop_replication(&self, threads: Threads) -> Vec<String>;

    /// Applies up to `position`, then the applier stops by itself.
    fn start_replication_until_after(&self, position: &str) -> Vec<String>;

    /// Stops, forgets the source and its settings; the data and the GTIDs stay.
    fn forget_source(&self) -> Vec<String>;

    /// As a new server: no source, no binary logs, no GTIDs.
    fn reset_replication(&self) -> Vec<String>;

    /// Points a stopped replica at `source`, positioned by GTID.
    fn set_source(&self, source: &Source) -> Vec<String>;

    /// The same while the thread that applies runs and only the one that fetches is stopped: what was fetched
    /// stays, and the beginning of a transaction whose end never came is given up when the new source's first
    /// events arrive. None where the server cannot.
    fn set_source_while_applying(&self, source: &Source) -> Option<Vec<String>>;

    /// One row with the column `id`, the connection of the applying thread, while that has read all that was
    /// fetched. None where a stop of that thread never waits for the rest of a transaction.
    ///
    /// MySQL's coordinator of parallel appliers waits up to 60 s for the rest of a transaction whose beginning is
    /// in the relay log before it obeys STOP REPLICA (its error log: "deferring to exit until the group
    /// completion"), though none will come when nothing is fetched any more. A KILL that comes first ends it at
    /// once; one that comes later does not.
    fn idle_applier_query(&self) -> Option<&'static str>;

    /// Declares `position` as already applied; the server must have been reset before.
    fn set_position(&self, position: &str) -> Vec<String>;

    /// No row on a server without a source, else one.
    fn replica_status_query(&self) -> &'static str;

    fn parse_replica_status(&self, row: &NamedRow) -> Result<Status>;

    /// One column, no row on a server without a source: seconds between two heartbeats of an idle source. None where
    /// the server does not tell.
    fn heartbeat_interval_query(&self) -> Option<&'static str>;

    /// One row for [`Flavor::parse_primary_position`].
    fn primary_position_query(&self) -> &'static str;

    fn parse_primary_position(&self, row: &NamedRow) -> Result<PrimaryPosition>;

    /// One row: the file name and offset of the binary log being written; see [`parse_binlog_status`].
    fn binlog_status_query(&self) -> &'static str;

    /// The GTIDs whose events are no longer in the binary logs: one row, one column, prefix missing.
    fn purged_query(&self) -> &'static str;

    /// One row, one column, for [`Flavor::parse_wait`]: waits until `position` is applied here. The wait
    /// is the server's; `timeout` is rounded up to the resolution it knows.
    fn wait_for_position(&self, position: &str, timeout: Duration) -> String;

    /// Whether the wait ended because the position is there; false when the time was up.
    fn parse_wait(&self, row: &NamedRow) -> Result<bool>;

    /// Switches the halves of semi-sync. A replica's half takes effect when its io thread is restarted.
    fn set_semi_sync(&self, want: SemiSync) -> Vec<String>;

    /// Rows of two columns, `Variable_name` and `Value`, for [`Flavor::parse_semi_sync`].
    fn semi_sync_query(&self) -> &'static str;

    fn parse_semi_sync(&self, rows: &[NamedRow]) -> SemiSyncStatus;

    /// The lines of my.cnf that only this family knows (plugins, GTID mode, read-only at start).
    fn my_cnf(&self) -> String;

    /// Statements for an initialised server that make the service users, in order.
    fn init_sql(&self) -> Vec<String>;
}

/// The flavour of a server that calls itself `version` (`@@version`, or the text of the handshake).
///
/// Errors: a version that cannot be read, or older than what we have command tables for; both named.
pub fn detect(version: &str) -> Result<Arc<dyn Flavor>> {
    let version: ServerVersion = version.parse()?;
    Ok(match version.kind {
        FlavorKind::MySql => Arc::new(MySql::new(version)?),
        FlavorKind::MariaDb => Arc::new(MariaDb::new(version)?),
    })
}

/// `FilePos/<file>:<offset>` of a row of [`Flavor::binlog_status_query`].
pub fn parse_binlog_status(row: &NamedRow) -> Result<String> {
    Ok(format!("FilePos/{}:{}", row.need("File")?, row.need("Position")?))
}

/// `set` with its flavour before it, merged and ordered. A set that we cannot read (tagged GTIDs) stays as
/// the server wrote it.
fn canonical(kind: FlavorKind, set: &str) -> String {
    let text = format!("{}/{}", kind.position_prefix(), set.replace(['\n', ' '], ""));
    text.parse::<vtmodel::Position>().map_or(text, |p| p.to_string())
}

/// A position without the flavour's prefix.
fn bare(position: &str) -> &str {
    position.split_once('/').map_or(position, |(_, set)| set)
}

/// `text` between single quotes, safe in any sql_mode that treats a backslash either way.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// `io_state` and `sql_state` of `replicationdata.Status`: a thread of replication that does not run.
pub const STOPPED: i32 = 1;
/// Of a fetching thread that tries to connect.
pub const CONNECTING: i32 = 2;
/// Of a thread that runs and, if it fetches, is connected.
pub const RUNNING: i32 = 3;

fn thread_state(text: Option<&str>) -> i32 {
    match text {
        Some("Yes" | "Preparing") => RUNNING,
        Some("Connecting") => CONNECTING,
        Some("No") => STOPPED,
        _ => 0,
    }
}

/// The columns of a replica's status that both families name alike, `prefix` being `Source` or `Master`.
fn common_status(row: &NamedRow, prefix: &str, family: &str) -> Result<Status> {
    let named = |suffix: &str| row.text(&format!("{prefix}_{suffix}")).unwrap_or_default().to_owned();
    let lag = row.number::<u32>(&format!("Seconds_Behind_{prefix}"))?;
    let file_pos = |file: String, at: Option<u64>| match at {
        Some(at) if !file.is_empty() => format!("FilePos/{file}:{at}"),
        _ => String::new(),
    };
    Ok(Status {
        replication_lag_seconds: lag.unwrap_or_default(),
        replication_lag_unknown: lag.is_none(),
        source_host: named("Host"),
        source_port: row.number(&format!("{prefix}_Port"))?.unwrap_or_default(),
        source_user: named("User"),
        source_server_id: row.number(&format!("{prefix}_Server_Id"))?.unwrap_or_default(),
        connect_retry: row.number("Connect_Retry")?.unwrap_or_default(),
        io_state: thread_state(row.text(&format!("{family}_IO_Running"))),
        sql_state: thread_state(row.text(&format!("{family}_SQL_Running"))),
        last_io_error: row.text("Last_IO_Error").unwrap_or_default().to_owned(),
        last_sql_error: row.text("Last_SQL_Error").unwrap_or_default().to_owned(),
        sql_delay: row.number("SQL_Delay")?.unwrap_or_default(),
        ssl_allowed: row.text(&format!("{prefix}_SSL_Allowed")) == Some("Yes"),
        file_position: file_pos(
            row.text(&format!("Relay_{prefix}_Log_File")).unwrap_or_default().to_owned(),
            row.number(&format!("Exec_{prefix}_Log_Pos"))?,
        ),
        relay_log_source_binlog_equivalent_position: file_pos(
            named("Log_File"),
            row.number(&format!("Read_{prefix}_Log_Pos"))?,
        ),
        relay_log_file_position: file_pos(
            row.text("Relay_Log_File").unwrap_or_default().to_owned(),
            row.number("Relay_Log_Pos")?,
        ),
        has_replication_filters: [
            "Replicate_Do_DB",
            "Replicate_Ignore_DB",
            "Replicate_Do_Table",
            "Replicate_Ignore_Table",
            "Replicate_Wild_Do_Table",
            "Replicate_Wild_Ignore_Table",
        ]
        .iter()
        .any(|name| row.text(name).is_some_and(|v| !v.is_empty())),
        ..Status::default()
    })
}

/// Reads the rows of a semi-sync query, whose names contain `source`/`master` and `replica`/`slave`.
fn parse_semi_sync(rows: &[NamedRow]) -> SemiSyncStatus {
    let mut out = SemiSyncStatus::default();
    for row in rows {
        let (Some(name), Some(value)) = (row.text("Variable_name"), row.text("Value")) else { continue };
        let name = name.to_ascii_lowercase().replace("master", "source").replace("slave", "replica");
        let on = matches!(value.to_ascii_uppercase().as_str(), "ON" | "1");
        match name.as_str() {
            "rpl_semi_sync_source_enabled" => out.source_enabled = on,
            "rpl_semi_sync_replica_enabled" => out.replica_enabled = on,
            "rpl_semi_sync_source_status" => out.source_active = on,
            "rpl_semi_sync_replica_status" => out.replica_active = on,
            "rpl_semi_sync_source_clients" => out.clients = value.parse().unwrap_or_default(),
            "rpl_semi_sync_source_timeout" => out.timeout_ms = value.parse().unwrap_or_default(),
            "rpl_semi_sync_source_wait_for_replica_count" => {
                out.wait_for_replica_count = value.parse().unwrap_or_default();
            }
            "rpl_semi_sync_source_wait_sessions" => {
                out.waiting_sessions = value.parse().unwrap_or_default();
            }
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests;
