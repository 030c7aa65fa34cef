//! `cell-uid`: the name of a tablet.

use std::{fmt, str::FromStr};

use vterrors::{Error, Result};

/// A tablet's name: its cell and a number that is unique in the whole cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TabletAlias {
    pub cell: String,
    pub uid: u32,
}

impl TabletAlias {
    pub fn new(cell: impl Into<String>, uid: u32) -> Self {
        Self { cell: cell.into(), uid }
    }

    /// From a record's field, where zero values mean "none".
    pub fn from_proto(p: Option<&proto::topodata::TabletAlias>) -> Option<Self> {
        p.filter(|p| !p.cell.is_empty() || p.uid != 0).map(|p| Self { cell: p.cell.clone(), uid: p.uid })
    }
}

impl fmt::Display for TabletAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:010}", self.cell, self.uid)
    }
}

impl FromStr for TabletAlias {
    type Err = Error;

    /// `zone1-100` and `zone1-0000000100` are the same; the cell may itself hold dashes.
    fn from_str(s: &str) -> Result<Self> {
        let bad = || Error::invalid(format!("invalid tablet alias {s:?}: expected <cell>-<uid>"));
        let (cell, uid) = s.rsplit_once('-').ok_or_else(bad)?;
        if cell.is_empty() || uid.is_empty() || !uid.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        Ok(Self { cell: cell.to_owned(), uid: uid.parse().map_err(|_| bad())? })
    }
}

impl From<&TabletAlias> for proto::topodata::TabletAlias {
    fn from(a: &TabletAlias) -> Self {
        Self { cell: a.cell.clone(), uid: a.uid }
    }
}

impl From<TabletAlias> for proto::topodata::TabletAlias {
    fn from(a: TabletAlias) -> Self {
        Self { cell: a.cell, uid: a.uid }
    }
}

impl From<&proto::topodata::TabletAlias> for TabletAlias {
    fn from(a: &proto::topodata::TabletAlias) -> Self {
        Self { cell: a.cell.clone(), uid: a.uid }
    }
}
