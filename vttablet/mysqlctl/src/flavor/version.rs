//! A server's version and family, read from what it calls itself.

use std::{fmt, str::FromStr};

use vterrors::{Error, Result};

/// The families of servers we speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlavorKind {
    MySql,
    MariaDb,
}

impl FlavorKind {
    /// What stands before the slash of a position.
    pub fn position_prefix(self) -> &'static str {
        match self {
            Self::MySql => "MySQL56",
            Self::MariaDb => "MariaDB",
        }
    }
}

impl fmt::Display for FlavorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MySql => "MySQL",
            Self::MariaDb => "MariaDB",
        })
    }
}

/// `8.4.6`, `10.11.19`, with the family. Ordered within a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerVersion {
    pub kind: FlavorKind,
    pub major: u16,
    pub minor: u16,
    pub patch: u16,
    /// The whole text as the server gave it.
    pub text: String,
}

impl ServerVersion {
    pub fn at_least(&self, major: u16, minor: u16, patch: u16) -> bool {
        (self.major, self.minor, self.patch) >= (major, minor, patch)
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}.{}.{}", self.kind, self.major, self.minor, self.patch)
    }
}

impl FromStr for ServerVersion {
    type Err = Error;

    /// Takes `@@version` (`9.7.4-2`, `10.11.19-MariaDB-deb12`), the handshake's text (where MariaDB puts
    /// `5.5.5-` before) and the line of `mysqld --version` (`... Ver 9.7.4 for Linux on ...`).
    fn from_str(text: &str) -> Result<Self> {
        let bad = || Error::invalid(format!("cannot read the server version {text:?}"));
        let kind = match text.contains("MariaDB") {
            true => FlavorKind::MariaDb,
            false => FlavorKind::MySql,
        };
        let numbers = text.split_once("Ver ").map_or(text, |(_, rest)| rest.trim_start());
        let numbers = numbers.strip_prefix("5.5.5-").unwrap_or(numbers);
        let end = numbers.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(numbers.len());
        let mut parts = numbers[..end].split('.').map(|p| p.parse::<u16>());
        let mut next = || parts.next().and_then(|p| p.ok());
        let (major, minor) = (next().ok_or_else(bad)?, next().ok_or_else(bad)?);
        Ok(Self { kind, major, minor, patch: next().unwrap_or(0), text: text.to_owned() })
    }
}
