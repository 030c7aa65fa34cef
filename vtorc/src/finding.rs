//! The names of troubles, Vitess's where it has one.

use std::fmt;

use serde::{Serialize, Serializer};
use vtmodel::TabletAlias;

macro_rules! analyses {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What is wrong. Declared in the order in which troubles of one shard are seen to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum Analysis {
            $($(#[$doc])* $name,)*
        }

        impl Analysis {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

analyses! {
    /// Nobody was ever primary.
    ClusterHasNoPrimary,
    /// The primary cannot be reached, and every replica says so too.
    DeadPrimary,
    /// As DeadPrimary; some of the replicas cannot be reached either.
    DeadPrimaryAndSomeReplicas,
    /// Neither the primary nor any replica can be reached: it is we who are cut off, or there is nobody to promote.
    DeadPrimaryAndReplicas,
    /// The primary cannot be reached and the shard has no replica.
    DeadPrimaryWithoutReplicas,
    /// The shard's record names a primary whose own record was deleted.
    PrimaryTabletDeleted,
    /// The shard's record names a primary that says it is something else.
    PrimaryCurrentTypeMismatch,
    /// The primary's disk takes no writes.
    PrimaryDiskStalled,
    /// Commits wait for acknowledgements, and nobody is there to acknowledge.
    PrimarySemiSyncBlocked,
    /// The primary's tablet cannot be reached, but its mysqld feeds replicas, or it is not known yet whether it does.
    UnreachablePrimary,
    /// The primary's mysqld is alive and too slow, or refuses connections; never failed over.
    PrimarySaturated,
    /// The primary replicates from somebody.
    PrimaryHasPrimary,
    /// The primary takes no writes.
    PrimaryIsReadOnly,
    /// The durability policy wants acknowledgements, and the primary does not wait for them.
    PrimarySemiSyncMustBeSet,
    /// The durability policy wants none, and the primary waits for them.
    PrimarySemiSyncMustNotBeSet,
    /// A tablet says that it is primary, and a newer one is.
    StaleTopoPrimary,
    /// A replica has executed what its primary has not.
    ErrantGTIDDetected,
    /// A replica accepts writes.
    ReplicaIsWritable,
    /// A replica does not replicate from the shard's primary, but from somebody else.
    ConnectedToWrongPrimary,
    /// A replica has no source, or cannot connect to it though it is well.
    NotConnectedToPrimary,
    /// A replica's threads do not run.
    ReplicationStopped,
    /// A replica has to acknowledge and does not.
    ReplicaSemiSyncMustBeSet,
    /// A replica must not acknowledge and does.
    ReplicaSemiSyncMustNotBeSet,
    /// Nothing is heard of a replica.
    InvalidReplica,
    /// The keyspace's durability policy is none that is known here.
    UnknownDurabilityPolicy,
}

impl fmt::Display for Analysis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn text<S: Serializer>(alias: &Option<TabletAlias>, s: S) -> Result<S::Ok, S::Error> {
    match alias {
        Some(alias) => s.collect_str(alias),
        None => s.serialize_none(),
    }
}

/// A trouble of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub analysis: Analysis,
    /// The tablet that has it; none if it is the shard's.
    #[serde(serialize_with = "text")]
    pub tablet: Option<TabletAlias>,
    /// What was seen, for a reader.
    pub description: String,
}

impl Finding {
    pub fn of(analysis: Analysis, tablet: &TabletAlias, description: impl Into<String>) -> Self {
        Self { analysis, tablet: Some(tablet.clone()), description: description.into() }
    }

    /// What makes it the same trouble at the next look.
    pub fn key(&self) -> (Analysis, Option<TabletAlias>) {
        (self.analysis, self.tablet.clone())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.analysis)?;
        if let Some(tablet) = &self.tablet {
            write!(f, " {tablet}")?;
        }
        write!(f, ": {}", self.description)
    }
}
