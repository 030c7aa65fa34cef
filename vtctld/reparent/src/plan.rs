//! A reparent as data: named steps, which a dry run prints and `execute` carries out.

use std::fmt;

use serde::{Serialize, Serializer};
use vtmodel::TabletAlias;

fn text<S: Serializer>(alias: &TabletAlias, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(alias)
}

fn optional_text<S: Serializer>(alias: &Option<TabletAlias>, s: S) -> Result<S::Ok, S::Error> {
    match alias {
        Some(alias) => s.collect_str(alias),
        None => s.serialize_none(),
    }
}

/// What kind of change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// The shard never had a primary.
    Initialise,
    /// From a primary in health to a replica that has all it has.
    Graceful,
    /// From a primary that is gone, or may be.
    Emergency,
    /// The wanted tablet is the primary already; the others are pointed at it.
    Repair,
    /// There is nothing to do.
    Nothing,
}

/// One step. A step that waits is bounded by the request's wait for replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Step {
    /// Forgets replication and all binary logs of a tablet (only in a shard's first initialisation).
    ResetReplication {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
    },
    /// Has a replica fetch no more from its source, or a primary accept no more writes; hears what each has.
    StopReplication {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
    },
    /// Makes sure that the candidate replicates from the primary (in an emergency: from the tablet that
    /// received the most), and waits until it is where that was when it was asked: a candidate that cannot
    /// follow is found out before anything stops.
    CatchUp {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
        #[serde(serialize_with = "text")]
        source: TabletAlias,
        semi_sync: bool,
    },
    /// Stops writes on the primary; remembers the position it stopped at. Undone by making it writable.
    DemotePrimary {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
        semi_sync: bool,
    },
    /// Waits until a tablet has executed all that the old primary had.
    WaitForPosition {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
    },
    /// Makes a replica the primary, and remembers its position. Not undone: see `execute`.
    PromoteReplica {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
        semi_sync: bool,
    },
    /// Waits until the new primary was promoted in a branch beside: the old primary stays what it is
    /// until then, so that its demotion can be undone.
    AwaitPromotion {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
    },
    /// Makes a tablet the first primary of its shard, and remembers its position.
    InitPrimary {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
        semi_sync: bool,
    },
    /// Points a tablet at the new primary; it becomes a replica if it was primary. Undone by pointing it
    /// at the old one.
    SetReplicationSource {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
        #[serde(serialize_with = "text")]
        source: TabletAlias,
        semi_sync: bool,
        #[serde(serialize_with = "optional_text")]
        undo_source: Option<TabletAlias>,
    },
    /// Writes the reparent into the new primary's journal, from where it replicates.
    PopulateReparentJournal {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
    },
    /// Names the primary in the shard's record.
    WriteShardRecord {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
    },
    /// Waits until the shard's record names the new primary, which writes it by itself.
    AwaitShardRecord {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
    },
    /// Makes the keyspace's database on the new primary.
    CreateDatabase {
        #[serde(serialize_with = "text")]
        tablet: TabletAlias,
        database: String,
    },
    /// Runs the branches at the same time. The first leads: if it fails the others are broken off. A
    /// failure in the others is reported when all are done.
    Together { branches: Vec<Vec<Step>> },
}

/// What to do, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    pub kind: Kind,
    #[serde(serialize_with = "text")]
    pub primary: TabletAlias,
    #[serde(serialize_with = "optional_text")]
    pub old_primary: Option<TabletAlias>,
    pub steps: Vec<Step>,
    /// What the operator is to hear of it, a sentence each.
    pub warnings: Vec<String>,
}

impl Step {
    /// The tablet that the step is about; none for a group.
    pub fn tablet(&self) -> Option<&TabletAlias> {
        match self {
            Self::ResetReplication { tablet }
            | Self::StopReplication { tablet }
            | Self::CatchUp { tablet, .. }
            | Self::AwaitShardRecord { tablet }
            | Self::DemotePrimary { tablet, .. }
            | Self::WaitForPosition { tablet }
            | Self::PromoteReplica { tablet, .. }
            | Self::AwaitPromotion { tablet }
            | Self::InitPrimary { tablet, .. }
            | Self::SetReplicationSource { tablet, .. }
            | Self::PopulateReparentJournal { tablet }
            | Self::WriteShardRecord { tablet }
            | Self::CreateDatabase { tablet, .. } => Some(tablet),
            Self::Together { .. } => None,
        }
    }

    /// Whether it is the stopping that an emergency begins with.
    pub(crate) fn is_stopping(&self) -> bool {
        match self {
            Self::Together { branches } => branches.iter().flatten().all(Self::is_stopping),
            step => matches!(step, Self::StopReplication { .. }),
        }
    }

    /// The step's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ResetReplication { .. } => "ResetReplication",
            Self::StopReplication { .. } => "StopReplication",
            Self::AwaitShardRecord { .. } => "AwaitShardRecord",
            Self::CatchUp { .. } => "CatchUp",
            Self::DemotePrimary { .. } => "DemotePrimary",
            Self::WaitForPosition { .. } => "WaitForPosition",
            Self::PromoteReplica { .. } => "PromoteReplica",
            Self::AwaitPromotion { .. } => "AwaitPromotion",
            Self::InitPrimary { .. } => "InitPrimary",
            Self::SetReplicationSource { .. } => "SetReplicationSource",
            Self::PopulateReparentJournal { .. } => "PopulateReparentJournal",
            Self::WriteShardRecord { .. } => "WriteShardRecord",
            Self::CreateDatabase { .. } => "CreateDatabase",
            Self::Together { .. } => "Together",
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, indent: usize) -> fmt::Result {
        match self {
            Self::Together { branches } => {
                writeln!(f, "{:indent$}at the same time:", "")?;
                for (n, branch) in branches.iter().enumerate() {
                    writeln!(f, "{:indent$}  {}:", "", n + 1)?;
                    branch.iter().try_for_each(|step| step.write(f, indent + 4))?;
                }
                Ok(())
            }
            step => {
                write!(f, "{:indent$}{}", "", step.name())?;
                if let Some(tablet) = step.tablet() {
                    write!(f, " {tablet}")?;
                }
                if let Self::CatchUp { source, .. } | Self::SetReplicationSource { source, .. } = step {
                    write!(f, " from {source}")?;
                }
                writeln!(f)
            }
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let old = self.old_primary.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        writeln!(f, "{:?}: primary {old} -> {}", self.kind, self.primary)?;
        self.steps.iter().try_for_each(|step| step.write(f, 2))?;
        self.warnings.iter().try_for_each(|warning| writeln!(f, "  warning: {warning}"))
    }
}
