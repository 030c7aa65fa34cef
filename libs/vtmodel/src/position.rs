//! A replication position in text: `MySQL56/<set>`, `MariaDB/<set>`, `FilePos/<file>:<pos>`.

use std::{fmt, str::FromStr};

use vterrors::{Error, Result};

use crate::gtid::{MariadbGtidSet, Mysql56GtidSet};

/// What a server has executed, with its flavour.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Position {
    Mysql56(Mysql56GtidSet),
    Mariadb(MariadbGtidSet),
    /// A binary log's file and offset, for servers without GTIDs.
    FilePos(String),
}

impl Position {
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Mysql56(set) => set.is_empty(),
            Self::Mariadb(set) => set.is_empty(),
            Self::FilePos(at) => at.is_empty(),
        }
    }

    /// Whether a server here has executed all of `other`; positions of two flavours contain nothing of each other.
    pub fn at_least(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Mysql56(a), Self::Mysql56(b)) => a.contains(b),
            (Self::Mariadb(a), Self::Mariadb(b)) => a.contains(b),
            (a, b) => a == b || b.is_empty(),
        }
    }

    /// What is here and not in `other`, without the transactions of the servers `except`; none where that
    /// cannot be told (MariaDB's sets say how far a domain is, not what is in it).
    pub fn beyond(&self, other: &Self, except: &[&str]) -> Option<Mysql56GtidSet> {
        let (Self::Mysql56(a), Self::Mysql56(b)) = (self, other) else { return None };
        let left = a.difference(b).without(except);
        (!left.is_empty()).then_some(left)
    }

    /// The set alone, as its server writes it.
    pub fn gtid_text(&self) -> String {
        match self {
            Self::Mysql56(set) => set.to_string(),
            Self::Mariadb(set) => set.to_string(),
            Self::FilePos(at) => at.clone(),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flavor = match self {
            Self::Mysql56(_) => "MySQL56",
            Self::Mariadb(_) => "MariaDB",
            Self::FilePos(_) => "FilePos",
        };
        write!(f, "{flavor}/{}", self.gtid_text())
    }
}

impl FromStr for Position {
    type Err = Error;

    /// Text without a flavour is read as MySQL's.
    fn from_str(s: &str) -> Result<Self> {
        match s.split_once('/') {
            Some(("MySQL56", set)) => Ok(Self::Mysql56(set.parse()?)),
            Some(("MariaDB", set)) => Ok(Self::Mariadb(set.parse()?)),
            Some(("FilePos", at)) => Ok(Self::FilePos(at.to_owned())),
            Some((flavor, _)) => Err(Error::invalid(format!("unknown flavour {flavor:?} in position {s:?}"))),
            None => Ok(Self::Mysql56(s.parse()?)),
        }
    }
}
