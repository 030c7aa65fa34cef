//! What the detector and the repairer go by: times and permissions, as data.

use std::time::Duration;

/// Set by options, the same for every shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Looks in a row without an answer that make a primary doubtful enough to ask its replicas.
    pub confirm_looks: u32,
    /// A mysqld whose tablet answers, but that itself does not, is dead only when no replica could connect to it
    /// for so long: before that it may be slow.
    pub frozen_grace: Duration,
    /// A mysqld that takes connections and greets nobody is dead when that lasts so long after it was first seen, and
    /// nothing arrived at any replica.
    pub mute_grace: Duration,
    /// How long a replica's first attempt to connect to a primary that lives may take.
    pub connect_time: Duration,
    /// A primary whose tablet's process is gone while its mysqld lives is replaced after so long.
    pub tablet_gone_grace: Duration,
    /// The same for a tablet that is silent; only where commits wait for replicas. Zero: never.
    pub tablet_silent_grace: Duration,
    /// How long what proves that a replica receives counts.
    pub proof_valid: Duration,
    /// How long a primary may be read-only, a tablet an old primary, a replica without connection before it is
    /// repaired: reparents and restarted servers pass through these states.
    pub settle: Duration,
    /// How long commits may be blocked while replicas that could acknowledge do not.
    pub blocked_grace: Duration,
    /// After an emergency reparent, the time in which the shard gets no other, unless it was whole in between.
    pub emergency_block: Duration,
    pub allow_emergency_reparent: bool,
    pub drain_errant: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            confirm_looks: 2,
            frozen_grace: Duration::from_secs(3),
            mute_grace: Duration::from_secs(1),
            connect_time: Duration::from_millis(500),
            tablet_gone_grace: Duration::from_secs(1),
            tablet_silent_grace: Duration::from_secs(10),
            proof_valid: Duration::from_secs(10),
            settle: Duration::from_secs(3),
            blocked_grace: Duration::from_secs(10),
            emergency_block: Duration::from_secs(10),
            allow_emergency_reparent: true,
            drain_errant: false,
        }
    }
}
