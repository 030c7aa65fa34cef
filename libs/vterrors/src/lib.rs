//! The one error type of the project.
//!
//! A [`Condition`] says what went wrong; one table ([`Condition::spec`]) gives each condition its gRPC
//! code, its MySQL errno and sqlstate, its retry class and its log level. The table is a `match` without
//! a wildcard: a new condition does not compile until it has all of them.
//!
//! An error of a mysqld passes through unchanged: [`Error::mysql`] keeps errno, sqlstate and text. Over
//! gRPC an error is its code and its text; the text ends in `(errno N) (sqlstate S)` where MySQL's
//! numbers are known, which is how Vitess carries them ([`Error::from_wire`] reads them back).

mod condition;
mod text;

pub use condition::{Condition, LogLevel, Retry, Spec, mysql_code};
pub use proto::vtrpc::Code;

/// MySQL's error number and five-character SQL state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MysqlCode {
    pub errno: u16,
    pub sqlstate: [u8; 5],
}

impl MysqlCode {
    /// The SQL state as text; always ASCII by construction.
    pub fn sqlstate_str(&self) -> &str {
        std::str::from_utf8(&self.sqlstate).unwrap_or("HY000")
    }
}

/// What went wrong, and the words for it. Cheap to move, made rarely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    condition: Condition,
    message: String,
    /// Set when a peer or a mysqld said which code or number it is; else the condition's table counts.
    code: Option<Code>,
    mysql: Option<MysqlCode>,
}

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of our own: `message` names the thing (keyspace, table, tablet) that is wrong.
    pub fn new(condition: Condition, message: impl Into<String>) -> Self {
        Self { inner: Box::new(Inner { condition, message: message.into(), code: None, mysql: None }) }
    }

    /// An error that a mysqld reported: number, state and text stay as they are.
    pub fn mysql(errno: u16, sqlstate: [u8; 5], message: impl Into<String>) -> Self {
        let mysql = MysqlCode { errno, sqlstate };
        Self {
            inner: Box::new(Inner {
                condition: Condition::Mysql,
                message: message.into(),
                code: Some(mysql_code(errno)),
                mysql: Some(mysql),
            }),
        }
    }

    /// An error that came over gRPC with `code` and `message`; numbers at the end of the text are read back.
    pub fn from_wire(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        let (message, mysql) = match text::split_mysql_suffix(&message) {
            Some((text, mysql)) => (text.to_owned(), Some(mysql)),
            None => (message, None),
        };
        let condition = if mysql.is_some() { Condition::Mysql } else { Condition::of_code(code) };
        Self { inner: Box::new(Inner { condition, message, code: Some(code), mysql }) }
    }

    /// `INTERNAL`: something that should not happen, with what was seen.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Condition::Internal, message)
    }

    /// A request that cannot be carried out as asked.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Condition::InvalidArgument, message)
    }

    /// A statement or an option that is understood but not supported: says what.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(Condition::Unsupported, message)
    }

    /// A second refusal after a first one, `reason`: what stands against another way, when one way was not possible.
    /// Errors of other kinds say enough on their own.
    #[must_use]
    pub fn after(self, reason: &Self) -> Self {
        if self.condition() != Condition::Unsupported || self.message() == reason.message() {
            return self;
        }
        Self::unsupported(format!("{}; {}", reason.message(), self.message()))
    }

    pub fn condition(&self) -> Condition {
        self.inner.condition
    }

    /// The gRPC code, 17 and 18 included.
    pub fn code(&self) -> Code {
        self.inner.code.unwrap_or(self.spec().code)
    }

    /// The text without MySQL's numbers.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// The same error in other words: to leave out what must not be told.
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.inner.message = message.into();
        self
    }

    /// What a MySQL client is told: the mysqld's own number, else the condition's.
    pub fn mysql_code(&self) -> MysqlCode {
        let spec = self.spec();
        self.inner.mysql.unwrap_or(MysqlCode { errno: spec.errno, sqlstate: *spec.sqlstate })
    }

    pub fn errno(&self) -> u16 {
        self.mysql_code().errno
    }

    /// Whether the same request may be sent again, and where.
    pub fn retry(&self) -> Retry {
        match self.code() {
            Code::ClusterEvent => Retry::Elsewhere,
            _ => self.spec().retry,
        }
    }

    pub fn log_level(&self) -> LogLevel {
        self.spec().log
    }

    fn spec(&self) -> Spec {
        self.inner.condition.spec()
    }

    /// The text for gRPC: with `(errno N) (sqlstate S)` where MySQL's numbers say more than the code.
    pub fn wire_message(&self) -> String {
        match self.inner.mysql.or_else(|| {
            let spec = self.spec();
            spec.on_wire.then_some(MysqlCode { errno: spec.errno, sqlstate: *spec.sqlstate })
        }) {
            Some(m) => format!("{} (errno {}) (sqlstate {})", self.message(), m.errno, m.sqlstate_str()),
            None => self.message().to_owned(),
        }
    }

    /// The same error with `context: ` before its text.
    pub fn context(mut self, context: impl AsRef<str>) -> Self {
        self.inner.message = format!("{}: {}", context.as_ref(), self.inner.message);
        self
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.wire_message())
    }
}

impl std::error::Error for Error {}

impl From<Error> for proto::vtrpc::RpcError {
    fn from(e: Error) -> Self {
        Self { message: e.wire_message(), code: e.code() as i32 }
    }
}

impl From<proto::vtrpc::RpcError> for Error {
    fn from(e: proto::vtrpc::RpcError) -> Self {
        Self::from_wire(e.code(), e.message)
    }
}

/// Adds words to the error of a result.
pub trait Context<T> {
    /// `context` is called only when there is an error.
    fn context_with<C: AsRef<str>>(self, context: impl FnOnce() -> C) -> Result<T>;
}

impl<T> Context<T> for Result<T> {
    fn context_with<C: AsRef<str>>(self, context: impl FnOnce() -> C) -> Result<T> {
        self.map_err(|e| e.context(context()))
    }
}

#[cfg(test)]
mod tests;
