//! One client's connection: handshake, the loop over its commands, end.

use std::sync::Arc;

use mysqlwire::{
    constants::capability,
    server::{Authenticated, ClientHello, Connection, Greeting, OkPacket, change_user, handshake, new_salt},
};
use tracing::{debug, warn};
use vterrors::{Condition, Error, Result};

use super::{MysqlServer, socket::Socket, statements::Statements};
use crate::{
    executor::parse_target,
    session::{Caller, Charset, End, Process, Session},
};

/// `utf8mb4_0900_ai_ci`
const GREETING_CHARSET: u8 = 255;

/// What ends a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum After {
    Next,
    Close,
}

pub(super) struct Client {
    pub connection: Connection<Socket>,
    /// The same socket, to be watched while a statement runs.
    pub socket: Socket,
    pub id: u32,
    pub address: String,
    /// A Unix socket: a password may come as it is.
    pub is_private: bool,
    pub greeting: Option<Greeting>,
    pub statements: Statements,
}

impl Client {
    pub(super) fn new(socket: Socket, id: u32, address: String) -> Self {
        Self {
            connection: Connection::new(socket.clone()),
            is_private: matches!(socket, Socket::Unix(_)),
            socket,
            id,
            address,
            greeting: None,
            statements: Statements::default(),
        }
    }

    /// Serves the client until it goes or the server stops.
    pub(super) async fn serve(mut self, server: Arc<MysqlServer>) {
        let mut session = match tokio::time::timeout(server.handshake_limit, self.greet(&server)).await {
            Ok(Ok(Some(session))) => session,
            Ok(Ok(None)) => return,
            Ok(Err(e)) => {
                let refused = e.condition() == Condition::AccessDenied && self.connection.is_broken();
                if refused && server.tls.as_ref().is_some_and(|tls| tls.is_news(e.message())) {
                    warn!("MySQL: no connection for the client at {}: {e}", self.address);
                }
                // Best effort: a client that speaks the protocol reads why it is turned away.
                self.connection.write_error(&e);
                let told = tokio::time::timeout(server.handshake_limit, self.connection.flush()).await;
                return debug!(address = self.address, told = told.is_ok(), "handshake failed: {e}");
            }
            Err(_) => return debug!(address = self.address, "handshake took too long"),
        };
        self.enter(&server, &mut session);
        if let Err(e) = self.commands(&server, &mut session).await {
            debug!(address = self.address, "connection ended: {e}");
            // Best effort: the client may be gone, or may read why it is turned away.
            self.connection.write_error(&e);
            let _ = self.connection.flush().await;
        }
        server.executor.processes.remove(self.id);
        server.executor.close(&mut session).await;
    }

    /// From here on the connection is seen by SHOW PROCESSLIST and KILL, under the session's user.
    fn enter(&self, server: &MysqlServer, session: &mut Session) {
        let process = Arc::new(Process::new(self.id, &session.caller.user, &self.address));
        process.sleep(&session.target);
        server.executor.processes.add(process.clone());
        // The server may have told all others to stop just before.
        if server.stop.is_cancelled() {
            process.stop();
        }
        session.process = Some(process);
    }

    /// The handshake; `None` for a client that was turned away or went away.
    async fn greet(&mut self, server: &MysqlServer) -> Result<Option<Session>> {
        let greeting = Greeting {
            server_version: server.version.clone(),
            connection_id: self.id,
            salt: new_salt(),
            charset: GREETING_CHARSET,
            is_private: self.is_private,
            tls: server.tls.clone(),
            requires_tls: server.requires_tls,
        };
        let Some((hello, verdict)) = handshake(&mut self.connection, &greeting, &server.users).await? else {
            return Ok(None);
        };
        self.greeting = Some(greeting);
        self.session_of(server, hello, verdict).await
    }

    /// The session of a client that said who it is; `None`, and the client told, when it is turned away.
    async fn session_of(
        &mut self,
        server: &MysqlServer,
        hello: ClientHello,
        verdict: Authenticated,
    ) -> Result<Option<Session>> {
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
        session.set_charset(Charset::of_collation(hello.charset)?);
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

    /// COM_CHANGE_USER: as a new connection, but for the socket. A client that is turned away is gone.
    pub(super) async fn change_user(
        &mut self,
        server: &MysqlServer,
        session: &mut Session,
        body: &[u8],
    ) -> Result<After> {
        server.executor.close(session).await;
        self.statements.clear();
        let Some(greeting) = self.greeting.take() else {
            return Err(Error::internal("a command before the handshake"));
        };
        let told = change_user(&mut self.connection, &greeting, &server.users, body).await;
        self.greeting = Some(greeting);
        let (mut hello, verdict) = told?;
        if hello.charset == 0 {
            hello.charset = GREETING_CHARSET.into();
        }
        match self.session_of(server, hello, verdict).await? {
            Some(fresh) => {
                *session = fresh;
                self.enter(server, session);
                Ok(After::Next)
            }
            None => Ok(After::Close),
        }
    }

    async fn commands(&mut self, server: &MysqlServer, session: &mut Session) -> Result<()> {
        loop {
            self.connection.encode = session.results_charset.encoder();
            let Some(process) = session.process.clone() else {
                return Err(Error::internal("a command of a session that nobody sees"));
            };
            let packet = tokio::select! {
                biased;
                // Between transactions a connection can be ended when the server goes down.
                end = process.ended(session.in_transaction) => match end {
                    // As mysqld does: the connection is closed without a word.
                    End::Killed => return Ok(()),
                    End::Stopped => {
                        return Err(Error::new(Condition::ServerShutdown, "Server shutdown in progress"));
                    }
                },
                packet = self.connection.read_command() => packet?,
            };
            let Some(packet) = packet else { return Ok(()) };
            let after = self.command(server, session, packet).await?;
            if let Some(process) = &session.process {
                process.sleep(&session.target);
            }
            self.connection.flush().await?;
            if after == After::Close || session.broken {
                return Ok(());
            }
        }
    }
}
