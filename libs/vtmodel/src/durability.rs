//! The durability policy of a keyspace: which replicas acknowledge a commit before the client hears of it, and
//! who may become primary.
//!
//! Everything that follows from a policy is said here once: the tablets switch semi-sync by it, reparents
//! decide by it whether an acknowledged write could be lost. Names and meanings are Vitess's.

use std::{fmt, str::FromStr};

use proto::topodata::{Tablet, TabletType};
use vterrors::{Error, Result};

/// A policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Durability {
    /// Nobody acknowledges.
    None,
    /// One replica of any cell.
    SemiSync,
    /// One replica of another cell than the primary's.
    CrossCell,
    /// One replica or rdonly of any cell.
    SemiSyncWithRdonlyAck,
    /// One replica or rdonly of another cell than the primary's.
    CrossCellWithRdonlyAck,
}

/// How willingly a tablet is made primary; the first goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PromotionRule {
    Prefer,
    Neutral,
    MustNot,
}

impl Durability {
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::SemiSync,
        Self::CrossCell,
        Self::SemiSyncWithRdonlyAck,
        Self::CrossCellWithRdonlyAck,
    ];

    /// The policy's name in a keyspace's record.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SemiSync => "semi_sync",
            Self::CrossCell => "cross_cell",
            Self::SemiSyncWithRdonlyAck => "semi_sync_with_rdonly_ack",
            Self::CrossCellWithRdonlyAck => "cross_cell_with_rdonly_ack",
        }
    }

    /// How many replicas have to acknowledge a commit.
    pub fn acknowledgements(self) -> usize {
        usize::from(self != Self::None)
    }

    /// Whether a primary waits for acknowledgements.
    pub fn primary_waits(self) -> bool {
        self.acknowledgements() > 0
    }

    /// Whether `replica` acknowledges to a primary in `primary_cell`.
    pub fn replica_acknowledges(self, primary_cell: &str, replica: &Tablet) -> bool {
        let rdonly = replica.r#type() == TabletType::Rdonly;
        let replica_type = matches!(replica.r#type(), TabletType::Primary | TabletType::Replica);
        let elsewhere = replica.alias.as_ref().map_or("", |a| a.cell.as_str()) != primary_cell;
        match self {
            Self::None => false,
            Self::SemiSync => replica_type,
            Self::CrossCell => replica_type && elsewhere,
            Self::SemiSyncWithRdonlyAck => replica_type || rdonly,
            Self::CrossCellWithRdonlyAck => (replica_type || rdonly) && elsewhere,
        }
    }

    /// Whether a tablet may become primary. No policy of today prefers one type to another.
    pub fn promotion_rule(self, tablet: &Tablet) -> PromotionRule {
        match tablet.r#type() {
            TabletType::Primary | TabletType::Replica => PromotionRule::Neutral,
            _ => PromotionRule::MustNot,
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Durability {
    type Err = Error;

    /// No text is "none".
    fn from_str(s: &str) -> Result<Self> {
        let wanted = if s.is_empty() { "none" } else { s };
        Self::ALL.into_iter().find(|d| d.name() == wanted).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::invalid(format!("unknown durability policy {s:?} ({names})"))
        })
    }
}

#[cfg(test)]
mod tests {
    use proto::topodata::TabletAlias;

    use super::*;

    fn tablet(cell: &str, tablet_type: TabletType) -> Tablet {
        let alias = TabletAlias { cell: cell.into(), uid: 1 };
        Tablet { alias: Some(alias), r#type: tablet_type as i32, ..Tablet::default() }
    }

    /// Who acknowledges to a primary in cell `a`: rows are policies, columns a's and b's replica, a's and
    /// b's rdonly, b's spare and drained.
    #[test]
    fn who_acknowledges_for_whom() {
        use TabletType::{Drained, Rdonly, Replica, Spare};
        let of = [
            tablet("a", Replica),
            tablet("b", Replica),
            tablet("a", Rdonly),
            tablet("b", Rdonly),
            tablet("b", Spare),
            tablet("b", Drained),
        ];
        for (policy, acks, expected) in [
            ("", 0, [false; 6]),
            ("none", 0, [false; 6]),
            ("semi_sync", 1, [true, true, false, false, false, false]),
            ("cross_cell", 1, [false, true, false, false, false, false]),
            ("semi_sync_with_rdonly_ack", 1, [true, true, true, true, false, false]),
            ("cross_cell_with_rdonly_ack", 1, [false, true, false, true, false, false]),
        ] {
            let durability: Durability = policy.parse().unwrap();
            assert_eq!(durability.acknowledgements(), acks, "{policy}");
            assert_eq!(of.each_ref().map(|t| durability.replica_acknowledges("a", t)), expected, "{policy}");
            assert_eq!(durability.name(), if policy.is_empty() { "none" } else { policy });
            assert_eq!(durability.promotion_rule(&of[1]), PromotionRule::Neutral);
            assert_eq!(durability.promotion_rule(&of[3]), PromotionRule::MustNot);
        }
        let e = "maybe".parse::<Durability>().unwrap_err();
        assert!(e.message().contains("semi_sync_with_rdonly_ack"), "{e}");
    }
}
