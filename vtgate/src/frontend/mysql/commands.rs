//! The commands of the protocol, each answered as mysqld answers it.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use mysqlwire::{
    constants::{capability, command, status::MORE_RESULTS_EXISTS},
    packet::Reader,
    server::OkPacket,
};
use sqltypes::BindValue;
use tracing::debug;
use vterrors::{Condition, Error, Result};

use super::{
    MysqlServer,
    connection::{After, Client},
    writer::{Format, RowWriter},
};
use crate::{
    executor::{Outcome, parse_target},
    session::{Kill, Labels, Prepared, Process, Session},
};

/// What a command executes.
enum Work<'a> {
    Query(&'a [u8], Labels),
    Prepared(&'a Prepared, Vec<BindValue>),
}

fn unknown_command() -> Error {
    Error::new(Condition::UnknownCommand, "Unknown command")
}

impl Client {
    pub(super) async fn command(
        &mut self,
        server: &MysqlServer,
        session: &mut Session,
        packet: Bytes,
    ) -> Result<After> {
        let Some((&command, _)) = packet.split_first() else { return Err(unknown_command()) };
        let body = packet.slice(1..);
        server.metrics.mysql_commands.inc();
        let answered = match command {
            command::QUERY => {
                self.query(server, session, &body).await;
                Ok(())
            }
            command::STMT_EXECUTE => self.stmt_execute(server, session, &body).await,
            command::STMT_PREPARE => self.stmt_prepare(server, session, &body).await,
            command::STMT_RESET => self.statements.reset(&body).map(|()| self.ok(session)),
            command::STMT_FETCH => {
                Err(Error::unsupported("not supported: COM_STMT_FETCH, cursors of prepared statements"))
            }
            // These two have no answer in the protocol.
            command::STMT_CLOSE => {
                self.statements.close(&body);
                Ok(())
            }
            command::STMT_SEND_LONG_DATA => {
                self.statements.long_data(&body);
                Ok(())
            }
            command::QUIT => return Ok(After::Close),
            command::PING => {
                self.ok(session);
                Ok(())
            }
            command::INIT_DB => self.init_db(server, session, &body),
            command::RESET_CONNECTION => {
                server.executor.close(session).await;
                self.statements.clear();
                *session = session.anew();
                self.ok(session);
                Ok(())
            }
            command::CHANGE_USER => return self.change_user(server, session, &body).await,
            command::SET_OPTION => self.set_option(session, &body),
            command::STATISTICS => {
                let text = server.statistics();
                self.connection.packet(|out| out.extend_from_slice(text.as_bytes()));
                Ok(())
            }
            command::FIELD_LIST => self.field_list(server, session, &body).await,
            command::PROCESS_KILL => Reader::new(&body)
                .u32()
                .and_then(|id| server.executor.kill_process(session, id, Kill::Connection))
                .map(|()| self.ok(session)),
            _ => Err(unknown_command()),
        };
        if let Err(e) = answered {
            // A client whose connection is lost cannot be told so.
            if e.condition() == Condition::ConnectionLost && self.connection.is_broken() {
                return Err(e);
            }
            self.connection.write_error(&e);
        }
        Ok(After::Next)
    }

    fn ok(&mut self, session: &Session) {
        self.connection.write_ok(&OkPacket::plain(session.status()));
    }

    fn init_db(&mut self, server: &MysqlServer, session: &mut Session, body: &[u8]) -> Result<()> {
        let name = String::from_utf8_lossy(&session.client_charset.decode(body)).into_owned();
        session.target = parse_target(&server.executor.schema.layout(), &name)?;
        self.ok(session);
        Ok(())
    }

    /// Several statements in a command: on, off.
    fn set_option(&mut self, session: &Session, body: &[u8]) -> Result<()> {
        match body {
            [0, 0] => self.connection.capabilities |= capability::MULTI_STATEMENTS,
            [1, 0] => self.connection.capabilities &= !capability::MULTI_STATEMENTS,
            _ => return Err(unknown_command()),
        }
        self.connection.write_end_of_rows(&OkPacket::plain(session.status()));
        Ok(())
    }

    /// The columns of a table, with which clients complete names. A pattern for them is passed over: a
    /// client gets more than it asked for, as the protocol allows.
    async fn field_list(&mut self, server: &MysqlServer, session: &Session, body: &[u8]) -> Result<()> {
        let mut reader = Reader::new(body);
        let table = session.client_charset.decode(reader.nul_bytes_or_rest());
        let table = String::from_utf8_lossy(&table).replace('`', "``");
        let sql = format!("select * from `{table}`");
        let prepared = server.executor.prepare(session, sql.as_bytes()).await?;
        let mut fields = prepared.fields.to_vec();
        session.results_charset.label(&mut fields);
        self.connection.write_field_list(&fields, &OkPacket::plain(session.status()));
        Ok(())
    }

    /// COM_STMT_PREPARE.
    async fn stmt_prepare(&mut self, server: &MysqlServer, session: &mut Session, text: &[u8]) -> Result<()> {
        session.warnings.clear();
        let options = server.executor.parse_options(session);
        let converted = session.client_charset.statement(text, &options);
        let sql = converted.as_ref().map_or(text, |c| &c.sql);
        let prepared = server.executor.prepare(session, sql).await?;
        let mut fields = prepared.fields.to_vec();
        if let Some(converted) = &converted {
            converted.labels.restore(&mut fields);
        }
        session.results_charset.label(&mut fields);
        let params = prepared.params();
        let id = self.statements.add(prepared)?;
        self.connection.write_prepared(id, params, &fields, 0);
        Ok(())
    }

    /// COM_STMT_EXECUTE.
    async fn stmt_execute(&mut self, server: &MysqlServer, session: &mut Session, body: &[u8]) -> Result<()> {
        let (prepared, values) = self.statements.execution(body)?;
        if let Some(process) = &session.process {
            process.begin("Execute", &prepared.sql, &session.target);
        }
        self.statement(server, session, Work::Prepared(&prepared, values), false).await;
        Ok(())
    }

    /// COM_QUERY: its statements in turn; the first that fails ends the command.
    async fn query(&mut self, server: &MysqlServer, session: &mut Session, text: &Bytes) {
        if let Some(process) = &session.process {
            process.begin("Query", text, &session.target);
        }
        let multi = self.connection.capabilities & capability::MULTI_STATEMENTS != 0;
        if !multi || !text.contains(&b';') {
            self.query_part(server, session, text, false).await;
            return;
        }
        let mut options = server.executor.parse_options(session);
        let mut parts = VecDeque::from(sqlast::split(text, &options));
        // A text without a statement is MySQL's "Query was empty".
        let Some(mut part) = parts.pop_front() else {
            self.query_part(server, session, text, false).await;
            return;
        };
        loop {
            let good = self.query_part(server, session, part, !parts.is_empty()).await;
            let Some(next) = parts.pop_front().filter(|_| good && !session.broken) else { return };
            part = next;
            if server.executor.parse_options(session) != options {
                // SET sql_mode changes how the rest is read.
                options = server.executor.parse_options(session);
                let from = next.as_ptr() as usize - text.as_ptr() as usize;
                parts = VecDeque::from(sqlast::split(&text[from..], &options));
                part = parts.pop_front().unwrap_or(next);
            }
        }
    }

    /// One statement in the client's character set.
    async fn query_part(
        &mut self,
        server: &MysqlServer,
        session: &mut Session,
        sql: &[u8],
        more: bool,
    ) -> bool {
        let options = server.executor.parse_options(session);
        let converted = session.client_charset.statement(sql, &options);
        match converted {
            None => self.statement(server, session, Work::Query(sql, Labels::default()), more).await,
            Some(c) => self.statement(server, session, Work::Query(&c.sql, c.labels), more).await,
        }
    }

    /// Executes one statement and writes its answer; `false` when it failed.
    async fn statement(
        &mut self,
        server: &MysqlServer,
        session: &mut Session,
        work: Work<'_>,
        more: bool,
    ) -> bool {
        let (work, format, labels) = match work {
            Work::Query(sql, labels) => (Work::Query(sql, Labels::default()), Format::Text, labels),
            prepared => (prepared, Format::Binary, Labels::default()),
        };
        let executor = &server.executor;
        let process = session.process.clone();
        let mut writer = RowWriter::new(&mut self.connection, format, session.results_charset, labels);
        let result = {
            let execution = async {
                match work {
                    Work::Query(sql, _) => {
                        executor.execute(session, sql, Default::default(), &mut writer).await
                    }
                    Work::Prepared(prepared, values) => {
                        let charset = session.client_charset;
                        executor.execute_prepared(session, prepared, values, charset, &mut writer).await
                    }
                }
            };
            tokio::pin!(execution);
            tokio::select! {
                biased;
                result = &mut execution => result,
                () = gone(&self.socket, process.as_ref()) => execution.await,
            }
        };
        let passed = tokio::select! {
            biased;
            passed = writer.pass_over_file() => passed,
            () = killed(process.as_deref()) => Ok(()),
        };
        let began = writer.began;
        self.connection.encode = session.results_charset.encoder();
        match passed.and(result) {
            Ok(outcome) => self.end(session, &outcome, began, more),
            Err(e) => {
                if e.log_level() != vterrors::LogLevel::Debug {
                    debug!(connection = self.id, "statement failed: {e}");
                }
                self.connection.write_error(&e);
                return false;
            }
        }
        true
    }

    fn end(&mut self, session: &Session, outcome: &Outcome, began: bool, more: bool) {
        let ok = OkPacket {
            affected_rows: if began { 0 } else { outcome.affected_rows },
            last_insert_id: outcome.insert_id,
            status: session.status() | if more { MORE_RESULTS_EXISTS } else { 0 },
            warnings: u16::try_from(session.warnings.len()).unwrap_or(u16::MAX),
            info: outcome.info.clone(),
        };
        if began { self.connection.write_end_of_rows(&ok) } else { self.connection.write_ok(&ok) }
    }
}

/// Resolves when the connection was killed.
async fn killed(process: Option<&Process>) {
    match process {
        Some(process) => drop(process.ended(true).await),
        None => std::future::pending().await,
    }
}

/// Resolves when the client has gone, and the statement was told to end.
async fn gone(socket: &super::socket::Socket, process: Option<&Arc<Process>>) {
    socket.closed().await;
    if let Some(process) = process {
        process.kill(Kill::Connection);
    }
}
