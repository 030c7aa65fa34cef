//! One connection and its commands.

use std::sync::Arc;

use proto::query::QueryResult;
use vterrors::{Condition, Error, Result};

use super::{
    ConnectOptions, GtidTracking, QueryOptions, ResultStream, capability as cap,
    cursor::malformed,
    framing::Framed,
    handshake::{self, Session},
    response::{Ok_, parse_err, parse_ok},
    results,
    stream::Stream,
};

impl Drop for Conn {
    /// Says goodbye without waiting, so that mysqld does not count the end as an accident.
    fn drop(&mut self) {
        if self.usable {
            self.framed.try_send_now(&[1, 0, 0, 0, cap::COM_QUIT]);
        }
    }
}

/// A logged-in connection to a mysqld. One command at a time; see the module for what a dropped future does.
#[derive(Debug)]
pub struct Conn {
    pub(super) framed: Framed,
    options: Arc<ConnectOptions>,
    session: Session,
    status: u16,
    warnings: u16,
    usable: bool,
}

impl Conn {
    /// Connects, logs in and runs the options' `init` statements, all within their `connect_timeout`.
    ///
    /// Errors: `Unreachable` when there is nobody or the time is up, mysqld's own (1045, 1040, ...) as they
    /// are, `ConnectionLost` for one that went away in between.
    pub async fn connect(options: Arc<ConnectOptions>) -> Result<Self> {
        let limit = options.connect_timeout;
        let address = options.address.clone();
        match tokio::time::timeout(limit, Self::log_in(options)).await {
            Ok(conn) => conn,
            Err(_) => Err(Error::new(
                Condition::Unreachable,
                format!("cannot connect to mysqld at {address}: no answer within {limit:?}"),
            )),
        }
    }

    async fn log_in(options: Arc<ConnectOptions>) -> Result<Self> {
        let mut framed = Framed::new(Stream::connect(&options.address).await?);
        let session = handshake::run(&mut framed, &options).await?;
        let (status, warnings) = (session.ok.status, session.ok.warnings);
        let mut conn = Self { framed, options, session, status, warnings, usable: true };
        conn.set_up().await?;
        Ok(conn)
    }

    /// What a fresh session starts with: GTID tracking and the options' statements.
    async fn set_up(&mut self) -> Result<()> {
        let options = Arc::clone(&self.options);
        if options.track_gtids == GtidTracking::OwnGtid {
            let sql = if self.is_mariadb() {
                "set session_track_system_variables = \
                 concat(@@session_track_system_variables, ',last_gtid')"
            } else {
                "set session session_track_gtids = 'OWN_GTID'"
            };
            self.execute(sql).await?;
        }
        for sql in &options.init {
            self.execute(sql).await?;
        }
        Ok(())
    }

    /// The number that `KILL` and `KILL QUERY` take.
    pub fn connection_id(&self) -> u32 {
        self.session.connection_id
    }

    /// As the server calls itself: `9.7.4`, `5.5.5-10.11.19-MariaDB-...`.
    pub fn server_version(&self) -> &str {
        &self.session.server_version
    }

    pub fn is_mariadb(&self) -> bool {
        self.session.server_version.contains("MariaDB")
    }

    pub fn options(&self) -> &Arc<ConnectOptions> {
        &self.options
    }

    /// Whether the last answer was read to its end, so that a next command can be sent.
    pub fn is_usable(&self) -> bool {
        self.usable
    }

    /// A transaction is open, says the server.
    pub fn in_transaction(&self) -> bool {
        self.status & cap::STATUS_IN_TRANS != 0
    }

    pub fn autocommit(&self) -> bool {
        self.status & cap::STATUS_AUTOCOMMIT != 0
    }

    /// A backslash in a string literal is a backslash in this session.
    pub fn no_backslash_escapes(&self) -> bool {
        self.status & cap::STATUS_NO_BACKSLASH_ESCAPES != 0
    }

    /// How many warnings the last statement left.
    pub fn warnings(&self) -> u16 {
        self.warnings
    }

    /// Whether an idle connection is still open: false once the server has closed it (or sent something
    /// unasked, as before a shutdown). Does not wait.
    pub fn looks_alive(&mut self) -> bool {
        self.usable && self.framed.is_quiet()
    }

    /// Runs `sql` and keeps its first result in memory; results after it are read and dropped.
    ///
    /// Errors: mysqld's own; `TooManyRows` when the result has more than `max_rows` rows (all are read, so
    /// the connection stays usable); `ConnectionLost`.
    pub async fn query(&mut self, sql: &[u8], options: &QueryOptions) -> Result<QueryResult> {
        self.start(cap::COM_QUERY, sql).await?;
        let result = results::read_result(self, options).await?;
        while !self.usable {
            results::read_result(self, &QueryOptions { max_rows: 0, ..options.clone() }).await.or_else(
                |e| if e.condition() == Condition::TooManyRows { Ok(QueryResult::default()) } else { Err(e) },
            )?;
        }
        Ok(result)
    }

    /// As [`Conn::query`] with all of the results, in order: of several statements, or of a procedure.
    /// After an error the statements that follow the failed one were not run.
    pub async fn query_multi(&mut self, sql: &[u8], options: &QueryOptions) -> Result<Vec<QueryResult>> {
        self.start(cap::COM_QUERY, sql).await?;
        let mut all = vec![results::read_result(self, options).await?];
        while !self.usable {
            all.push(results::read_result(self, options).await?);
        }
        Ok(all)
    }

    /// Runs `sql` for its effect; all its results are read and dropped.
    pub async fn execute(&mut self, sql: &str) -> Result<QueryResult> {
        self.query(sql.as_bytes(), &QueryOptions::default()).await
    }

    /// Runs `sql`; the rows are read as the caller asks for them.
    pub async fn stream(&mut self, sql: &[u8], options: &QueryOptions) -> Result<ResultStream<'_>> {
        self.start(cap::COM_QUERY, sql).await?;
        ResultStream::begin(self, options).await
    }

    /// Asks whether the server is there.
    pub async fn ping(&mut self) -> Result<()> {
        self.simple(cap::COM_PING, &[]).await
    }

    /// Makes `database` the current one.
    pub async fn init_db(&mut self, database: &str) -> Result<()> {
        self.simple(cap::COM_INIT_DB, database.as_bytes()).await
    }

    /// Back to a fresh session: the open transaction is rolled back, temporary tables, locks and variables
    /// are gone. The options' `init` statements run again.
    pub async fn reset(&mut self) -> Result<()> {
        self.simple(cap::COM_RESET_CONNECTION, &[]).await?;
        self.set_up().await
    }

    async fn simple(&mut self, command: u8, body: &[u8]) -> Result<()> {
        self.start(command, body).await?;
        let packet = self.framed.packet().await?;
        match packet.first() {
            Some(0x00) => {
                let ok = parse_ok(&packet, self.session.capabilities)?;
                self.ended(&ok);
                Ok(())
            }
            Some(0xff) => Err(self.failed(&packet)),
            _ => Err(malformed("answer to a command")),
        }
    }

    /// Sends a command. From here to the clean end of its answer the connection is not usable.
    async fn start(&mut self, command: u8, body: &[u8]) -> Result<()> {
        if !self.usable {
            return Err(Error::new(
                Condition::ConnectionLost,
                "this connection to mysqld was left in the middle of an answer and cannot be used again",
            ));
        }
        self.usable = false;
        self.framed.begin_command()?;
        self.framed.send(&[command], body).await
    }

    pub(super) fn capabilities(&self) -> u32 {
        self.session.capabilities
    }

    /// A result has ended; when it was the last one, the connection is free.
    pub(super) fn ended(&mut self, ok: &Ok_) {
        self.status = ok.status;
        self.warnings = ok.warnings;
        self.usable = ok.status & cap::STATUS_MORE_RESULTS == 0;
    }

    /// An error packet ends the whole answer.
    pub(super) fn failed(&mut self, packet: &[u8]) -> Error {
        self.usable = true;
        parse_err(packet)
    }
}
