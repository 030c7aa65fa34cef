//! The audit log's lines of logins at the MySQL port, and of the ends of connections. As with statements: while the file
//! takes no lines nobody is let in (unless the log goes on without them), and a client that is let in has its line
//! in the file.

use std::time::{Instant, SystemTime};

use querylog::{Line, seconds};
use vterrors::{Condition, Error, Result};

use super::Observer;
use crate::session::Session;

/// What a client says of itself may be as long as it likes: so many characters are told.
const MAX_TEXT: usize = 128;

/// Why a client was turned away, in the line's `Reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No such user, or another password; the two are not told apart, to the client neither.
    Credentials,
    /// It asked for a keyspace that is not there, or for a character set.
    Session,
    /// TLS could not be agreed on, or one of the certificates was refused.
    Tls,
    /// It came without TLS, which is required.
    InsecureTransport,
    /// What it sent is not MySQL's protocol, or asks for what is not offered.
    Protocol,
    /// It did not say who it is in time.
    Timeout,
}

impl Refusal {
    /// Of a handshake that failed before the server knew who it is. `broken`: TLS did. None for a client that went by
    /// itself, which nobody turned away.
    pub fn of(e: &Error, broken: bool) -> Option<Self> {
        match e.condition() {
            Condition::ConnectionLost => None,
            Condition::AccessDenied if broken => Some(Self::Tls),
            _ if e.errno() == INSECURE_TRANSPORT => Some(Self::InsecureTransport),
            _ => Some(Self::Protocol),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Session => "session",
            Self::Tls => "tls",
            Self::InsecureTransport => "insecure transport",
            Self::Protocol => "protocol",
            Self::Timeout => "timeout",
        }
    }
}

/// MySQL's error of a client without TLS where it is required.
const INSECURE_TRANSPORT: u16 = 3159;

/// A client that comes, as far as it is known.
#[derive(Debug, Clone, Default)]
pub struct Newcomer {
    pub connection: u32,
    pub address: String,
    /// Whether it speaks TLS.
    pub tls: bool,
    pub user: String,
    /// The name of the method by which it proves its password; empty before it said so.
    pub plugin: String,
}

/// A client that was let in, for the line of its end.
#[derive(Debug)]
pub struct Entered(Instant);

impl Observer {
    /// Before a client is greeted. The error is what it reads.
    pub fn check_login(&self) -> Result<()> {
        self.audit.as_ref().map_or(Ok(()), |audit| audit.check())
    }

    /// A client is about to be let in; waits for its line.
    pub async fn let_in(&self, new: &Newcomer, session: &Session) -> Option<Entered> {
        let audit = self.audit.as_ref()?;
        let mut line = login(new, Some(session));
        line.set("Reason", "").set("Outcome", "ok").set("Errno", 0);
        audit.write(&line).await;
        Some(Entered(Instant::now()))
    }

    /// A client is about to read that it is turned away; waits for its line, so that whoever knocks again and again fills
    /// no queue.
    pub async fn turned_away(&self, new: &Newcomer, why: Refusal, errno: u16) {
        let Some(audit) = &self.audit else { return };
        let mut line = login(new, None);
        line.set("Reason", why.name()).set("Outcome", "error").set("Errno", errno);
        audit.write(&line).await;
    }

    /// A client that was let in is gone, or is another user from now on.
    pub fn left(&self, entered: Entered, session: &Session) {
        let Some(audit) = &self.audit else { return };
        audit.write_later(&logout(&entered, session));
    }
}

fn login(new: &Newcomer, session: Option<&Session>) -> Line {
    let caller = session.map(|s| &s.caller);
    let mut line = Line::default();
    line.set_time("Time", SystemTime::now());
    line.set("User", cut(&new.user))
        .set("ImmediateCaller", caller.map(|c| c.immediate()).unwrap_or_default());
    line.set("RemoteAddr", new.address.as_str()).set("ConnectionId", new.connection);
    line.set("Component", SUBCOMPONENT);
    line.set("Keyspace", session.map(|s| s.target.to_string()).unwrap_or_default());
    line.set("StmtType", "LOGIN");
    line.set("Plugin", cut(&new.plugin)).set("Tls", new.tls);
    line
}

fn logout(entered: &Entered, session: &Session) -> Line {
    let caller = &session.caller;
    let mut line = Line::default();
    line.set_time("Time", SystemTime::now());
    line.set("User", cut(&caller.user)).set("ImmediateCaller", caller.immediate());
    line.set("RemoteAddr", caller.address.as_str()).set("ConnectionId", session.id);
    line.set("Component", SUBCOMPONENT);
    line.set("StmtType", "LOGOUT").set("TotalTime", seconds(entered.0.elapsed()));
    line
}

/// What sessions of the MySQL port say that they come by, in Vitess's words.
pub const SUBCOMPONENT: &str = "VTGate MySQL Connector";

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}
