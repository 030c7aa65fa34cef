//! One client's connection: handshake, commands, end.

use std::sync::Arc;

use bytes::Bytes;
use mysqlwire::{
    constants::{capability, command},
    server::{Authenticated, Connection, Greeting, OkPacket, handshake, new_salt},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tracing::debug;
use vterrors::{Condition, Error, Result};

use super::{MysqlServer, writer::RowWriter};
use crate::{
    executor::{Outcome, parse_target},
    session::{Caller, Session},
};

/// `utf8mb4_0900_ai_ci`
const GREETING_CHARSET: u8 = 255;

/// What ends a connection.
#[derive(Debug, PartialEq, Eq)]
enum After {
    Next,
    Close,
}

pub(super) struct Client<S> {
    pub connection: Connection<S>,
    pub id: u32,
    pub address: String,
    /// A Unix socket: a password may come as it is.
    pub is_private: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Client<S> {
    /// Serves the client until it goes or the server stops.
    pub(super) async fn serve(mut self, server: Arc<MysqlServer>, stop: CancellationToken) {
        let mut session = match tokio::time::timeout(server.handshake_limit, self.greet(&server)).await {
            Ok(Ok(Some(session))) => session,
            Ok(Ok(None)) => return,
            Ok(Err(e)) => return debug!(address = self.address, "handshake failed: {e}"),
            Err(_) => return debug!(address = self.address, "handshake took too long"),
        };
        if let Err(e) = self.commands(&server, &mut session, &stop).await {
            debug!(address = self.address, "connection ended: {e}");
            // Best effort: the client may be gone, or may read why it is turned away.
            self.connection.write_error(&e);
            let _ = self.connection.flush().await;
        }
        server.executor.close(&mut session).await;
    }

    /// The handshake; `None` for a client that was turned away or went away.
    async fn greet(&mut self, server: &MysqlServer) -> Result<Option<Session>> {
        let greeting = Greeting {
            server_version: server.version.clone(),
            connection_id: self.id,
            salt: new_salt(),
            charset: GREETING_CHARSET,
            is_private: self.is_private,
        };
        let Some((hello, verdict)) = handshake(&mut self.connection, &greeting, &server.users).await? else {
            return Ok(None);
        };
        let Authenticated::Yes { user_data, groups } = verdict else {
            let host = self.address.split(':').next().unwrap_or_default();
            let text = format!("Access denied for user '{}'@'{host}'", hello.user);
            self.refuse(&Error::new(Condition::AccessDenied, text)).await?;
            return Ok(None);
        };
        let caller = Caller {
            user: hello.user,
            address: self.address.clone(),
            user_data,
            groups,
            subcomponent: "VTGate MySQL Connector",
        };
        let mut session = Session::new(self.id, caller, server.default_target.clone());
        session.client_found_rows = self.connection.capabilities & capability::FOUND_ROWS != 0;
        if !hello.database.is_empty() {
            match parse_target(&server.executor.schema.layout(), &hello.database) {
                Ok(target) => session.target = target,
                Err(e) => {
                    self.refuse(&e).await?;
                    return Ok(None);
                }
            }
        }
        self.connection.write_ok(&OkPacket::plain(session.status()));
        self.connection.flush().await?;
        Ok(Some(session))
    }

    async fn refuse(&mut self, e: &Error) -> Result<()> {
        self.connection.write_error(e);
        self.connection.flush().await
    }

    async fn commands(
        &mut self,
        server: &MysqlServer,
        session: &mut Session,
        stop: &CancellationToken,
    ) -> Result<()> {
        loop {
            let packet = tokio::select! {
                packet = self.connection.read_command() => packet?,
                // Between transactions a connection can be ended when the server goes down.
                () = stop.cancelled(), if !session.in_transaction => {
                    return Err(Error::new(Condition::ServerShutdown, "Server shutdown in progress"));
                }
            };
            let Some(packet) = packet else { return Ok(()) };
            let after = self.command(server, session, packet).await?;
            self.connection.flush().await?;
            if after == After::Close || session.broken {
                return Ok(());
            }
        }
    }

    async fn command(&mut self, server: &MysqlServer, session: &mut Session, packet: Bytes) -> Result<After> {
        let Some((&command, _)) = packet.split_first() else {
            return Err(Error::new(Condition::UnknownCommand, "Unknown command"));
        };
        let body = packet.slice(1..);
        match command {
            command::QUERY => return self.query(server, session, &body).await,
            command::QUIT => return Ok(After::Close),
            command::PING => self.ok(session),
            command::INIT_DB => {
                let name = String::from_utf8_lossy(&body).into_owned();
                match parse_target(&server.executor.schema.layout(), &name) {
                    Ok(target) => {
                        session.target = target;
                        self.ok(session);
                    }
                    Err(e) => self.connection.write_error(&e),
                }
            }
            command::RESET_CONNECTION => {
                server.executor.close(session).await;
                let mut fresh = Session::new(session.id, session.caller.clone(), session.target.clone());
                fresh.client_found_rows = session.client_found_rows;
                *session = fresh;
                self.ok(session);
            }
            command::SET_OPTION => match body[..] {
                // Several statements a command: on, off.
                [0, 0] => {
                    self.connection.capabilities |= capability::MULTI_STATEMENTS;
                    self.connection.write_end_of_rows(&OkPacket::plain(session.status()));
                }
                [1, 0] => {
                    self.connection.capabilities &= !capability::MULTI_STATEMENTS;
                    self.connection.write_end_of_rows(&OkPacket::plain(session.status()));
                }
                _ => self.connection.write_error(&Error::new(Condition::UnknownCommand, "Unknown command")),
            },
            command::STATISTICS => {
                let text = format!("Vivace {}", env!("CARGO_PKG_VERSION"));
                self.connection.packet(|out| out.extend_from_slice(text.as_bytes()));
            }
            command::FIELD_LIST => {
                // Clients ask for it to complete names; an empty list is a right answer to none of them.
                self.connection.write_error(&Error::unsupported("COM_FIELD_LIST is not supported"));
            }
            command::STMT_PREPARE => {
                let e = Error::unsupported(
                    "This command is not supported in the prepared statement protocol yet: \
                     use client-side prepared statements",
                );
                self.connection.write_error(&e);
            }
            // These two have no answer in the protocol.
            command::STMT_CLOSE | command::STMT_SEND_LONG_DATA => {}
            _ => self.connection.write_error(&Error::new(Condition::UnknownCommand, "Unknown command")),
        }
        Ok(After::Next)
    }

    fn ok(&mut self, session: &Session) {
        self.connection.write_ok(&OkPacket::plain(session.status()));
    }

    /// One command's statements in turn; the first that fails ends the command.
    async fn query(&mut self, server: &MysqlServer, session: &mut Session, text: &[u8]) -> Result<After> {
        let multi = self.connection.capabilities & capability::MULTI_STATEMENTS != 0;
        let options = server.executor.parse_options(session);
        let statements =
            if multi && text.contains(&b';') { sqlast::split(text, &options) } else { vec![text] };
        let last = statements.len().saturating_sub(1);
        for (at, statement) in statements.into_iter().enumerate() {
            if !self.statement(server, session, statement, at < last).await? {
                break;
            }
        }
        Ok(After::Next)
    }

    /// `false` when the statement failed.
    async fn statement(
        &mut self,
        server: &MysqlServer,
        session: &mut Session,
        sql: &[u8],
        more: bool,
    ) -> Result<bool> {
        let mut writer = RowWriter::new(&mut self.connection);
        let result = server.executor.execute(session, sql, Default::default(), &mut writer).await;
        let began = writer.began;
        match result {
            Ok(outcome) => {
                self.end(session, &outcome, began, more);
                Ok(true)
            }
            Err(e) => {
                if e.log_level() != vterrors::LogLevel::Debug {
                    debug!(connection = self.id, "statement failed: {e}");
                }
                self.connection.write_error(&e);
                Ok(false)
            }
        }
    }

    fn end(&mut self, session: &Session, outcome: &Outcome, began: bool, more: bool) {
        use mysqlwire::constants::status::MORE_RESULTS_EXISTS;
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
