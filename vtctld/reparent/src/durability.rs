//! The durability policy of a keyspace: which replicas acknowledge a commit before the client hears of it.

use std::str::FromStr;

use proto::topodata::{Tablet, TabletType};
use vterrors::{Error, Result};

/// Vitess's policies that are known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nobody acknowledges.
    None,
    /// One replica of any cell.
    SemiSync,
    /// One replica of another cell than the primary's.
    CrossCell,
}

impl FromStr for Durability {
    type Err = Error;

    /// No text is "none".
    fn from_str(s: &str) -> Result<Self> {
        match s {
            "" | "none" => Ok(Self::None),
            "semi_sync" => Ok(Self::SemiSync),
            "cross_cell" => Ok(Self::CrossCell),
            _ => {
                Err(Error::invalid(format!("unknown durability policy {s:?} (none, semi_sync, cross_cell)")))
            }
        }
    }
}

impl Durability {
    /// Whether a primary waits for acknowledgements.
    pub fn primary_waits(self) -> bool {
        self != Self::None
    }

    /// Whether `replica` acknowledges to a primary in `primary_cell`. Only replicas that may be promoted do.
    pub fn replica_acknowledges(self, primary_cell: &str, replica: &Tablet) -> bool {
        let cell = replica.alias.as_ref().map_or("", |a| a.cell.as_str());
        match self {
            Self::None => false,
            Self::SemiSync => may_be_promoted(replica),
            Self::CrossCell => may_be_promoted(replica) && cell != primary_cell,
        }
    }
}

/// Whether a tablet's type lets it become primary.
pub(crate) fn may_be_promoted(tablet: &Tablet) -> bool {
    matches!(tablet.r#type(), TabletType::Primary | TabletType::Replica)
}
