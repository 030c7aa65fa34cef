//! How to connect.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use secrets::{Password, tls::ClientTls};
use vterrors::{Error, Result};

/// Where a mysqld listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Unix(PathBuf),
    Tcp { host: String, port: u16 },
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// Whether the server tells the GTID of each commit, and in which family's words it is asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GtidTracking {
    #[default]
    Off,
    /// `session_track_gtids = OWN_GTID` on MySQL; `last_gtid` among the tracked variables on MariaDB.
    OwnGtid,
}

/// TLS to a mysqld.
#[derive(Debug, Clone)]
pub struct Tls {
    pub client: Arc<ClientTls>,
    /// A server that does not offer TLS is refused; else it is spoken to in the clear.
    pub required: bool,
}

/// Everything one connection needs.
#[derive(Clone)]
pub struct ConnectOptions {
    pub address: Address,
    pub user: String,
    /// Asked for at each login.
    pub password: Password,
    /// For TCP; nobody listens between the ends of a Unix socket.
    pub tls: Option<Tls>,
    /// The database to be in; empty for none.
    pub database: String,
    /// Of literals, by MySQL's number; none for the server's own default of utf8mb4, as `SET NAMES utf8mb4` has it.
    pub collation: Option<u8>,
    /// `affected rows` counts the rows found, not the rows changed (CLIENT_FOUND_ROWS).
    pub found_rows: bool,
    /// More than one statement in a query. Off for everything that carries users' text.
    pub multi_statements: bool,
    pub track_gtids: GtidTracking,
    /// For the socket, the handshake and `init` together.
    pub connect_timeout: Duration,
    /// Statements run once after the handshake.
    pub init: Vec<String>,
}

impl fmt::Debug for ConnectOptions {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("address", &self.address)
            .field("user", &self.user)
            .field("database", &self.database)
            .field("collation", &self.collation)
            .field("found_rows", &self.found_rows)
            .finish_non_exhaustive()
    }
}

impl ConnectOptions {
    /// A user without password, utf8mb4, 10 seconds to connect.
    pub fn new(address: Address, user: impl Into<String>) -> Self {
        Self {
            address,
            user: user.into(),
            password: Password::default(),
            tls: None,
            database: String::new(),
            collation: None,
            found_rows: false,
            multi_statements: false,
            track_gtids: GtidTracking::Off,
            connect_timeout: Duration::from_secs(10),
            init: Vec::new(),
        }
    }
}

const UTF8MB4_GENERAL_CI: u8 = 45;
const UTF8MB4_0900_AI_CI: u8 = 255;

/// The number of utf8mb4's default collation, by the server's version (MySQL's manual, "Unicode Character Sets").
pub fn default_utf8mb4_collation(server_version: &str) -> u8 {
    let major = server_version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(8..) if !server_version.contains("MariaDB") => UTF8MB4_0900_AI_CI,
        _ => UTF8MB4_GENERAL_CI,
    }
}

/// The default collation's number of a character set, or of a collation named itself, as far as a
/// connection may use it; none for utf8mb4, whose default the server knows. Character sets in which a
/// backslash or a quote can be the second byte of a character are refused, because text is escaped bytewise.
///
/// Numbers: MySQL's `information_schema.collations`.
pub fn collation_of_charset(name: &str) -> Result<Option<u8>> {
    Ok(Some(match name.to_ascii_lowercase().as_str() {
        "" | "utf8mb4" => return Ok(None),
        "utf8mb4_general_ci" => UTF8MB4_GENERAL_CI,
        "utf8mb4_0900_ai_ci" => UTF8MB4_0900_AI_CI,
        "utf8mb4_unicode_ci" => 224,
        "utf8mb4_bin" => 46,
        "utf8" | "utf8mb3" | "utf8_general_ci" | "utf8mb3_general_ci" => 33,
        "latin1" | "latin1_swedish_ci" => 8,
        "ascii" | "ascii_general_ci" => 11,
        "binary" => 63,
        other => {
            return Err(Error::invalid(format!(
                "character set {other:?} cannot be used for connections (utf8mb4, utf8mb3, latin1, ascii, binary)"
            )));
        }
    }))
}
