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
    observe::{Entered, Newcomer, Refusal, SUBCOMPONENT},
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
    /// Since the client was let in, where logins are told of.
    entered: Option<Entered>,
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
            entered: None,
        }
    }

    /// Serves the client until it goes or the server stops.
    pub(super) async fn serve(mut self, server: Arc<MysqlServer>) {
        let Some(mut session) = self.log_in(&server).await else { return };
        self.enter(&server, &mut session);
        if let Err(e) = self.commands(&server, &mut session).await {
            debug!(address = self.address, "connection ended: {e}");
            // Best effort: the client may be gone, or may read why it is turned away.
            self.connection.write_error(&e);
            let _ = self.connection.flush().await;
        }
        server.executor.processes.remove(self.id);
        self.left(&server, &session);
        server.executor.close(&mut session).await;
    }

    /// The session of a client that was let in; `None` when it is turned away, or gone.
    async fn log_in(&mut self, server: &MysqlServer) -> Option<Session> {
        let greeted = match server.executor.observer.check_login() {
            Err(e) => Err(e),
            Ok(()) => match tokio::time::timeout(server.handshake_limit, self.greet(server)).await {
                Ok(Ok(None)) => return None,
                Ok(Ok(Some(greeted))) => Ok(greeted),
                Ok(Err(e)) => {
                    let is_broken = self.connection.is_broken();
                    let refused = e.condition() == Condition::AccessDenied && is_broken;
                    if refused && server.tls.as_ref().is_some_and(|tls| tls.is_news(e.message())) {
                        warn!("MySQL: no connection for the client at {}: {e}", self.address);
                    }
                    if let Some(why) = Refusal::of(&e, is_broken) {
                        self.tell(server, &ClientHello::default(), why, &e).await;
                    }
                    Err(e)
                }
                Err(_) => {
                    let e = Error::new(Condition::Timeout, "handshake took too long");
                    self.tell(server, &ClientHello::default(), Refusal::Timeout, &e).await;
                    debug!(address = self.address, "{e}");
                    return None;
                }
            },
        };
        let answer = match greeted {
            Ok((hello, verdict)) => self.session_of(server, hello, verdict).await,
            // A client that speaks the protocol reads why it is turned away.
            Err(e) => self.refuse(server, &e).await.and(Err(e)),
        };
        answer.unwrap_or_else(|e| {
            debug!(address = self.address, "handshake failed: {e}");
            None
        })
    }

    /// Tells the audit log of a client that is turned away.
    async fn tell(&self, server: &MysqlServer, hello: &ClientHello, why: Refusal, e: &Error) {
        let observer = &server.executor.observer;
        if observer.audit.is_some() {
            observer.turned_away(&self.newcomer(hello), why, e.errno()).await;
        }
    }

    /// What is known of the client before it is let in.
    fn newcomer(&self, hello: &ClientHello) -> Newcomer {
        Newcomer {
            connection: self.id,
            address: self.address.clone(),
            tls: self.connection.is_tls(),
            user: hello.user.clone(),
            plugin: hello.plugin.clone(),
        }
    }

    /// The user of the session is gone.
    fn left(&mut self, server: &MysqlServer, session: &Session) {
        if let Some(entered) = self.entered.take() {
            server.executor.observer.left(entered, session);
        }
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

    /// The handshake; `None` for a client that went away.
    async fn greet(&mut self, server: &MysqlServer) -> Result<Option<(ClientHello, Authenticated)>> {
        let greeting = Greeting {
            server_version: server.version.clone(),
            connection_id: self.id,
            salt: new_salt(),
            charset: GREETING_CHARSET,
            is_private: self.is_private,
            tls: server.tls.clone(),
            requires_tls: server.requires_tls,
        };
        let greeted = handshake(&mut self.connection, &greeting, &server.users).await;
        self.greeting = Some(greeting);
        greeted
    }

    /// The session of a client that said who it is; `None`, and the client told, when it is turned away.
    async fn session_of(
        &mut self,
        server: &MysqlServer,
        hello: ClientHello,
        verdict: Authenticated,
    ) -> Result<Option<Session>> {
        let (why, e) = match self.judged(server, &hello, verdict) {
            Ok(session) => return self.let_in(server, &hello, session).await,
            Err(refused) => refused,
        };
        self.tell(server, &hello, why, &e).await;
        self.refuse(server, &e).await.map(|()| None)
    }

    /// The session as the client wants it, or why it has none.
    fn judged(
        &self,
        server: &MysqlServer,
        hello: &ClientHello,
        verdict: Authenticated,
    ) -> Result<Session, (Refusal, Error)> {
        let Authenticated::Yes { user_data, groups } = verdict else {
            let host = self.address.split(':').next().unwrap_or_default();
            let text = format!("Access denied for user '{}'@'{host}'", hello.user);
            return Err((Refusal::Credentials, Error::new(Condition::AccessDenied, text)));
        };
        let caller = Caller {
            user: hello.user.clone(),
            address: self.address.clone(),
            user_data,
            groups,
            subcomponent: SUBCOMPONENT,
        };
        let mut session = Session::new(self.id, caller, server.default_target.clone());
        session.client_found_rows = self.connection.capabilities & capability::FOUND_ROWS != 0;
        let refused = |e| (Refusal::Session, e);
        session.set_charset(Charset::of_collation(hello.charset).map_err(refused)?);
        if !hello.database.is_empty() {
            session.target =
                parse_target(&server.executor.schema.layout(), &hello.database).map_err(refused)?;
        }
        Ok(session)
    }

    /// Answers a client that may come in, when the audit log has its line.
    async fn let_in(
        &mut self,
        server: &MysqlServer,
        hello: &ClientHello,
        session: Session,
    ) -> Result<Option<Session>> {
        let observer = &server.executor.observer;
        if observer.audit.is_some() {
            self.entered = observer.let_in(&self.newcomer(hello), &session).await;
        }
        self.connection.write_ok(&OkPacket::plain(session.status()));
        if let Err(e) = self.flush_within(server).await {
            self.left(server, &session);
            return Err(e);
        }
        Ok(Some(session))
    }

    async fn refuse(&mut self, server: &MysqlServer, e: &Error) -> Result<()> {
        self.connection.write_error(e);
        self.flush_within(server).await
    }

    async fn flush_within(&mut self, server: &MysqlServer) -> Result<()> {
        let limit = server.handshake_limit;
        match tokio::time::timeout(limit, self.connection.flush()).await {
            Ok(flushed) => flushed,
            Err(_) => {
                Err(Error::new(Condition::Timeout, format!("the client read nothing within {limit:?}")))
            }
        }
    }

    /// COM_CHANGE_USER: as a new connection, but for the socket. A client that is turned away is gone.
    pub(super) async fn change_user(
        &mut self,
        server: &MysqlServer,
        session: &mut Session,
        body: &[u8],
    ) -> Result<After> {
        server.executor.observer.check_login()?;
        self.left(server, session);
        server.executor.close(session).await;
        self.statements.clear();
        let Some(greeting) = self.greeting.take() else {
            return Err(Error::internal("a command before the handshake"));
        };
        let told = change_user(&mut self.connection, &greeting, &server.users, body).await;
        self.greeting = Some(greeting);
        let (mut hello, verdict) = match told {
            Ok(told) => told,
            Err(e) => {
                if let Some(why) = Refusal::of(&e, false) {
                    self.tell(server, &ClientHello::default(), why, &e).await;
                }
                return Err(e);
            }
        };
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
