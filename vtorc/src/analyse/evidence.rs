//! Is a primary that does not answer dead? What its replicas say of it decides.
//!
//! A replica's word counts if it was asked after the primary's trouble began. Its fetching thread says more than
//! it seems to: one that *tries to connect* has lost its source, for a server that dies closes its connections,
//! unless it was started a moment ago and has not failed yet; one that *runs* may hang on a source that is frozen,
//! or behind a cut cable, until `replica_net_timeout`. So
//! running is proof of life only if something arrived, or the connection was made, after the trouble began; else
//! it is no proof of anything, and the thread has to be restarted to learn more (a *probe*).
//!
//! A mysqld that is *mute* takes connections, by its machine's kernel, and greets nobody. That is what a probe would
//! find, and nobody's thread has to be restarted for it: MySQL takes two seconds to stop one that waits for a greeting.

use std::fmt::Write;

use vtmodel::TabletAlias;

use crate::{
    policy::Policy,
    view::{CONNECTING, Failing, FaultKind, Moment, RUNNING, ShardView, TabletView},
};

/// What a replica says of its primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vote {
    /// Something arrived from it since.
    Receiving,
    /// The primary's mysqld refused the connection: it is alive.
    Refused,
    /// The thread runs, and nothing arrived.
    Unproven,
    /// It has begun to connect, a moment ago, and no attempt has failed.
    Connecting,
    /// It has tried to connect since this moment.
    CannotConnect { since: Moment },
    /// The thread does not run.
    Stopped,
    /// It follows somebody else, or nobody: it knows nothing, and would know nothing if it were restarted.
    Nothing,
    /// The replica itself does not answer.
    Absent,
}

/// What becomes of a primary that does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It answers, or it has not been silent for long.
    Well,
    Dead,
    /// Dead, and not all replicas can be asked.
    DeadAndSomeReplicas,
    /// Nobody answers.
    DeadAndReplicas,
    /// There are no replicas to ask.
    DeadWithoutReplicas,
    Saturated,
    /// Its mysqld lives, or that is not known yet.
    Unreachable,
}

/// The verdict and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    pub verdict: Verdict,
    pub votes: Vec<(TabletAlias, Vote)>,
    /// Replicas whose fetching thread has to be restarted to learn whether the primary's mysqld lives.
    pub probe: Vec<TabletAlias>,
    /// A replica proved that the primary's mysqld lives.
    pub alive: bool,
}

/// The messages of a server that is there and does not let a replica in. They are mysqld's own (1040, 1045,
/// 1129, 1130), as `Last_IO_Error` quotes them.
const REFUSALS: [&str; 4] = ["Too many connections", "Access denied", "is blocked because", "is not allowed"];

/// Weighs what is known of a primary.
pub fn weigh(view: &ShardView, primary: &TabletView, now: Moment, policy: &Policy) -> Evidence {
    let well = Evidence { verdict: Verdict::Well, votes: Vec::new(), probe: Vec::new(), alive: false };
    let Some(failing) = doubtful(primary, policy) else { return well };
    let replicas = view.tablets.iter().filter(|t| t.alias != primary.alias && witnesses(t));
    let votes: Vec<_> =
        replicas.map(|t| (t.alias.clone(), vote(t, primary, failing.since, now, policy))).collect();
    let alive = votes.iter().any(|(_, v)| matches!(v, Vote::Receiving | Vote::Refused));
    let verdict = verdict(failing, &votes, now, policy);
    let probe = if alive { Vec::new() } else { probes(failing, &votes, verdict) };
    Evidence { verdict, votes, probe, alive }
}

/// The trouble of a primary that has lasted for the looks that the policy wants.
fn doubtful<'a>(primary: &'a TabletView, policy: &Policy) -> Option<&'a Failing> {
    primary.failing.as_ref().filter(|f| f.count >= policy.confirm_looks)
}

/// Whether a tablet may know something of the primary: all that run and are no primary themselves.
fn witnesses(tablet: &TabletView) -> bool {
    use proto::topodata::TabletType::{Primary, Restore, Unknown};
    !tablet.is_shut_down() && !matches!(tablet.tablet_type(), Primary | Restore | Unknown)
}

fn vote(replica: &TabletView, primary: &TabletView, since: Moment, now: Moment, policy: &Policy) -> Vote {
    let fresh = replica.failing.is_none() && replica.good.as_ref().is_some_and(|g| g.asked >= since);
    if !fresh {
        return Vote::Absent;
    }
    let Some(status) = replica.replication().filter(|_| replica.follows(primary)) else {
        return Vote::Nothing;
    };
    match status.io_state {
        CONNECTING if REFUSALS.iter().any(|text| status.last_io_error.contains(text)) => Vote::Refused,
        CONNECTING => {
            let since = replica.receiving.connecting_since.unwrap_or(now);
            // A server that is away refuses at once; a machine that is away does not answer at all.
            let is_young = now.saturating_sub(since) < policy.connect_time;
            if status.last_io_error.is_empty() && is_young {
                Vote::Connecting
            } else {
                Vote::CannotConnect { since }
            }
        }
        RUNNING => match replica.receiving.proven_after {
            Some(at) if at >= since && now.saturating_sub(at) <= policy.proof_valid => Vote::Receiving,
            _ => Vote::Unproven,
        },
        _ if gave_up(&status.last_io_error) && judges_itself(primary) => Vote::CannotConnect { since: now },
        _ => Vote::Stopped,
    }
}

/// Whether a fetching thread has ended because it could not connect for as often as it was to try.
fn gave_up(last_io_error: &str) -> bool {
    let text = last_io_error.to_ascii_lowercase();
    ["connecting to source", "connecting to master"].iter().any(|words| text.contains(words))
}

/// Whether what vtorc itself sees of a primary says that it is gone. A thread may have given up long ago: that alone
/// tells nothing of a primary that is slow now.
fn judges_itself(primary: &TabletView) -> bool {
    use FaultKind::{HostMute, MysqldGone, MysqldMute, TabletGone};
    let kind = primary.failing.as_ref().map(|f| f.fault.kind);
    matches!(kind, Some(TabletGone | MysqldGone | MysqldMute | HostMute))
}

fn verdict(failing: &Failing, votes: &[(TabletAlias, Vote)], now: Moment, policy: &Policy) -> Verdict {
    use FaultKind::{
        HostMute, MysqldBusy, MysqldGone, MysqldMute, MysqldSlow, TabletGone, TabletSilent, Unclear,
    };
    let kind = failing.fault.kind;
    let any = |wanted: fn(&Vote) -> bool| votes.iter().any(|(_, v)| wanted(v));
    let slow = matches!(kind, MysqldSlow | MysqldMute | Unclear);
    if kind == MysqldBusy {
        return Verdict::Saturated;
    }
    if votes.is_empty() {
        return if slow { Verdict::Saturated } else { Verdict::DeadWithoutReplicas };
    }
    if any(|v| matches!(v, Vote::Receiving | Vote::Refused)) {
        return if slow { Verdict::Saturated } else { Verdict::Unreachable };
    }
    let dead = if any(|v| *v == Vote::Absent) { Verdict::DeadAndSomeReplicas } else { Verdict::Dead };
    let waits = |v: &Vote| matches!(v, Vote::Unproven | Vote::Connecting | Vote::CannotConnect { .. });
    if any(waits) && mute_for_long(failing, policy) {
        return dead;
    }
    if any(|v| matches!(v, Vote::Unproven | Vote::Connecting)) {
        return if slow { Verdict::Saturated } else { Verdict::Unreachable };
    }
    let lost: Vec<Moment> = votes.iter().filter_map(|(_, v)| lost_since(v)).collect();
    // All of them lost it; the last one to do so counts.
    let Some(last) = lost.iter().max() else {
        return if any(|v| *v != Vote::Absent) { Verdict::Unreachable } else { Verdict::DeadAndReplicas };
    };
    if slow && now.saturating_sub(*last) < policy.frozen_grace {
        return Verdict::Saturated;
    }
    match kind {
        MysqldBusy => Verdict::Saturated,
        TabletGone | TabletSilent | HostMute | MysqldGone | MysqldMute | MysqldSlow | Unclear => dead,
    }
}

/// Whether mysqld has greeted nobody for the policy's grace, up to the last look.
fn mute_for_long(failing: &Failing, policy: &Policy) -> bool {
    failing.mute_since.is_some_and(|since| failing.last.saturating_sub(since) >= policy.mute_grace)
}

fn lost_since(vote: &Vote) -> Option<Moment> {
    match vote {
        Vote::CannotConnect { since } => Some(*since),
        _ => None,
    }
}

/// One replica first: a primary that lives loses at most one of those that acknowledge, and for a moment only. If
/// that one cannot connect again, the others are asked. Replicas whose thread was stopped before are asked only
/// when nobody else knows anything.
fn probes(failing: &Failing, votes: &[(TabletAlias, Vote)], verdict: Verdict) -> Vec<TabletAlias> {
    use FaultKind::{HostMute, MysqldBusy, MysqldMute, TabletGone};
    // A process that is gone is judged by itself; one that is full, or greets nobody, would keep the replica out.
    let judged = matches!(failing.fault.kind, TabletGone | MysqldBusy | MysqldMute | HostMute);
    // One that connects will soon tell.
    let connects = votes.iter().any(|(_, v)| *v == Vote::Connecting);
    if judged || connects || !matches!(verdict, Verdict::Unreachable | Verdict::Saturated) {
        return Vec::new();
    }
    let that = |wanted: Vote| votes.iter().filter(move |(_, v)| *v == wanted).map(|(alias, _)| alias.clone());
    let unproven: Vec<TabletAlias> = that(Vote::Unproven).collect();
    let lost = votes.iter().any(|(_, v)| lost_since(v).is_some());
    match (unproven.is_empty(), lost) {
        (false, true) => unproven,
        (false, false) => unproven.into_iter().take(1).collect(),
        (true, false) => that(Vote::Stopped).take(1).collect(),
        (true, true) => Vec::new(),
    }
}

impl Evidence {
    /// For a reader.
    pub fn describe(&self, failing: &Failing) -> String {
        let mut text = format!("{} looks in a row: {}", failing.count, failing.fault.text);
        for (alias, vote) in &self.votes {
            let says = match vote {
                Vote::Receiving => "receives from it",
                Vote::Refused => "is refused by its mysqld",
                Vote::Unproven => "is connected, but nothing arrived since",
                Vote::Connecting => "has begun to connect to it",
                Vote::CannotConnect { .. } => "cannot connect to it",
                Vote::Stopped => "is stopped",
                Vote::Nothing => "does not replicate from it",
                Vote::Absent => "does not answer",
            };
            let _ = write!(text, "; {alias} {says}");
        }
        text
    }
}
