//! The faults: how each is made, and when the cluster is whole again.

use std::{fs, time::Duration};

use clap::ValueEnum;
use e2e::Cluster;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rand::{
    Rng,
    rngs::StdRng,
    seq::{IndexedRandom, SliceRandom},
};
use tokio::time::Instant;

use crate::{
    KEYSPACE, Result, SHARDS, Stage, cells,
    load::{Load, Outcome},
    report::Made,
    saturate,
};

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Fault {
    /// PlannedReparentShard
    Planned,
    /// EmergencyReparentShard of a shard in health
    Emergency,
    /// kill -9 of the primary's mysqld
    KillMysqld,
    /// kill -9 of the primary's vttablet
    KillVttablet,
    /// kill -9 of both
    KillBoth,
    /// Both, of both shards at once
    KillBothShards,
    /// SIGSTOP of the primary's mysqld
    PauseMysqld,
    /// SIGSTOP of etcd for five seconds
    PauseEtcd,
    /// kill -9 of both, and of vtorc half a second later
    KillVtorc,
    /// kill -9 of everything in the primary's cell
    KillCell,
    /// SIGSTOP of everything in the primary's cell, until the others have a primary
    FreezeCell,
    /// The primary's cell is cut off the network, until the others have a primary
    CutCell,
    /// The primary's cell and another do not reach each other for ten seconds; both reach the third
    CutLink,
    /// For ten seconds every connection of the primary's mysqld is taken, and all processors are busy
    Saturate,
}

impl Fault {
    pub fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Emergency => "emergency",
            Self::KillMysqld => "kill-mysqld",
            Self::KillVttablet => "kill-vttablet",
            Self::KillBoth => "kill-both",
            Self::KillBothShards => "kill-both-shards",
            Self::PauseMysqld => "pause-mysqld",
            Self::PauseEtcd => "pause-etcd",
            Self::KillVtorc => "kill-vtorc",
            Self::KillCell => "kill-cell",
            Self::FreezeCell => "freeze-cell",
            Self::CutCell => "cut-cell",
            Self::CutLink => "cut-link",
            Self::Saturate => "saturate",
        }
    }

    /// Whether the primary is well all the time, so that to replace it is a false failover.
    pub fn keeps_primary(self) -> bool {
        matches!(self, Self::PauseEtcd | Self::CutLink | Self::Saturate)
    }

    /// Whether no client may notice more than a pause.
    pub fn is_planned(self) -> bool {
        matches!(self, Self::Planned | Self::PauseEtcd)
    }
}

/// All of them, or those that are wanted, in a random order.
pub fn shuffled(wanted: &[Fault], random: &mut StdRng) -> Vec<Fault> {
    let mut faults = if wanted.is_empty() { Fault::value_variants().to_vec() } else { wanted.to_vec() };
    faults.shuffle(random);
    faults
}

/// How long a shard may take until it takes writes again; longer is a failed run.
const RECOVERY_LIMIT: Duration = Duration::from_secs(60);
/// How long the rest may take until all tablets are what they were.
const WHOLE_LIMIT: Duration = Duration::from_secs(120);
/// How long all tablets have to have been what they were: a former primary says that it is a replica for a moment before
/// it knows that it has to be DRAINED.
const WHOLE_FOR: Duration = Duration::from_millis(500);
/// The same after faults that vtorc repairs: time for two looks of its own, so that the next one is a fault of a shard
/// that it has seen whole, and not the second one of a shard that it leaves alone for a while.
const SEEN_WHOLE_FOR: Duration = Duration::from_millis(2500);
/// How long the faults take that nobody has to repair.
const BAD_TIME: Duration = Duration::from_secs(10);
/// A look at the clients.
const LOOK: Duration = Duration::from_millis(20);

/// Makes a fault, waits until each shard that it concerns takes writes again, and until the cluster is whole.
pub async fn make(stage: Stage<'_>, fault: Fault, random: &mut StdRng) -> Result<Made> {
    let Stage { cluster, load, .. } = stage;
    let chosen = random.random_range(0..SHARDS.len());
    let shards = match fault {
        Fault::KillBothShards | Fault::PauseEtcd => vec![0, 1],
        _ => vec![chosen],
    };
    let mut primaries = Vec::new();
    for shard in &shards {
        primaries.push(cluster.primary(KEYSPACE, SHARDS[*shard]).await);
    }
    // Through whose vtgate the primary is not to be reached.
    let own = cells::cell_of(cluster, primaries[0])?;
    let lost = match fault {
        Fault::CutLink => {
            let others: Vec<&str> =
                cluster.plan().cells.iter().map(|c| &*c.name).filter(|c| *c != own).collect();
            others.choose(random).copied()
        }
        _ => fault.is_of_cell().then_some(own),
    };
    let begun = Instant::now();
    let undo = act(stage, fault, &shards, &primaries, lost).await?;
    // A planned operation has its pause while it is carried out; after a kill only what begins then counts.
    let since = if fault.is_planned() { begun } else { Instant::now() };
    let mut made =
        Made { fault, shard: chosen, begun, seconds_to_recover: 0.0, ops: Vec::new(), failovers: 0 };
    for shard in &shards {
        let recovered = until_it_writes(load, *shard, since, lost).await?;
        made.seconds_to_recover = made.seconds_to_recover.max((recovered - begun).as_secs_f64());
    }
    undo.carry_out(stage)?;
    make_whole(cluster, fault).await?;
    if fault.keeps_primary() {
        for (shard, before) in shards.iter().zip(&primaries) {
            made.failovers += usize::from(cluster.primary(KEYSPACE, SHARDS[*shard]).await != *before);
        }
    }
    made.ops = shards.iter().map(|shard| load.since(*shard, begun, lost)).collect();
    Ok(made)
}

/// What is to be done when the shards write again.
#[derive(Debug, Default)]
struct Undo {
    paused: Vec<i32>,
    cut_off: Option<String>,
}

impl Undo {
    fn carry_out(self, stage: Stage<'_>) -> Result<()> {
        for pid in self.paused {
            signal(pid, Signal::SIGCONT);
        }
        match (self.cut_off, stage.network) {
            (Some(cell), Some(network)) => network.cut_off(&cell, false),
            _ => Ok(()),
        }
    }
}

/// Does it. `lost` is the cell that is lost, or the other end of a link that is.
async fn act(
    stage: Stage<'_>,
    fault: Fault,
    shards: &[usize],
    primaries: &[u32],
    lost: Option<&str>,
) -> Result<Undo> {
    let Stage { cluster, network, .. } = stage;
    let name = |shard: &usize| format!("{KEYSPACE}/{}", SHARDS[*shard]);
    let mut undo = Undo::default();
    match fault {
        Fault::Planned | Fault::Emergency => {
            let command = match fault {
                // Each cell has one tablet of a shard: there is no other in the primary's.
                Fault::Planned => &["PlannedReparentShard", "--allow-cross-cell-promotion"][..],
                _ => &["EmergencyReparentShard"],
            };
            for shard in shards {
                let out = cluster.vtctl(&[command, &[&name(shard)]].concat());
                if !out.status.success() {
                    return Err(format!("{}: {}", command[0], e2e::text(&out)));
                }
            }
        }
        Fault::PauseEtcd => {
            let pid = cluster.pid("etcd");
            signal(pid, Signal::SIGSTOP);
            tokio::time::sleep(Duration::from_secs(5)).await;
            signal(pid, Signal::SIGCONT);
        }
        Fault::KillCell | Fault::FreezeCell => {
            let cell = cells::cell_of(cluster, primaries[0])?;
            let pids = cells::pids(cluster, cell);
            let frozen = fault == Fault::FreezeCell;
            pids.iter().for_each(|pid| signal(*pid, if frozen { Signal::SIGSTOP } else { Signal::SIGKILL }));
            if frozen {
                undo.paused.extend(pids);
            }
        }
        Fault::CutCell => {
            let (cell, network) = lost.zip(network).ok_or("no network to cut")?;
            network.cut_off(cell, true)?;
            undo.cut_off = Some(cell.to_owned());
        }
        Fault::CutLink => {
            let (other, network) = lost.zip(network).ok_or("no network to cut")?;
            let own = cells::cell_of(cluster, primaries[0])?;
            network.part(own, other, true)?;
            tokio::time::sleep(BAD_TIME).await;
            network.part(own, other, false)?;
        }
        Fault::Saturate => saturate::saturate(cluster, primaries[0], BAD_TIME).await?,
        Fault::PauseMysqld => {
            for uid in primaries {
                let pid = mysqld(cluster, *uid)?;
                signal(pid, Signal::SIGSTOP);
                undo.paused.push(pid);
            }
        }
        Fault::KillMysqld
        | Fault::KillVttablet
        | Fault::KillBoth
        | Fault::KillBothShards
        | Fault::KillVtorc => {
            for uid in primaries {
                if fault != Fault::KillVttablet {
                    signal(mysqld(cluster, *uid)?, Signal::SIGKILL);
                }
                if fault != Fault::KillMysqld {
                    signal(cluster.pid(&format!("vttablet-{uid}")), Signal::SIGKILL);
                }
            }
            if fault == Fault::KillVtorc {
                tokio::time::sleep(Duration::from_millis(500)).await;
                for vtorc in cluster.plan().vtorcs() {
                    signal(cluster.pid(&vtorc.name), Signal::SIGKILL);
                }
                // Another one takes over.
                up(cluster)?;
            }
        }
    }
    Ok(undo)
}

/// A process that is gone already needs no signal.
fn signal(pid: i32, signal: Signal) {
    let _gone = kill(Pid::from_raw(pid), signal);
}

fn mysqld(cluster: &Cluster, uid: u32) -> Result<i32> {
    let path = cluster.data_dir().join(format!("vt_{uid:010}/mysql.pid"));
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    text.trim().parse().map_err(|_| format!("{}: {text:?} is no pid", path.display()))
}

/// When a write that was begun after the fault was acknowledged.
async fn until_it_writes(load: &Load, shard: usize, since: Instant, lost: Option<&str>) -> Result<Instant> {
    loop {
        let ops = load.since(shard, since, lost);
        let written = ops.iter().find(|op| op.begun >= since && op.outcome == Outcome::Acknowledged);
        if let Some(op) = written {
            return Ok(op.ended);
        }
        if since.elapsed() > RECOVERY_LIMIT {
            let last = ops.last().map(|op| format!("{:?}", op.outcome)).unwrap_or_default();
            return Err(format!("{} takes no writes after {RECOVERY_LIMIT:?}: {last}", SHARDS[shard]));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn up(cluster: &Cluster) -> Result<()> {
    let out = cluster.up();
    if out.status.success() { Ok(()) } else { Err(format!("vtlocal up: {}", e2e::text(&out))) }
}

/// Starts what was killed, and waits until each shard has one primary and two replicas that follow it, in the opinion
/// of every vtorc, too, where it has to repair the fault.
async fn make_whole(cluster: &Cluster, fault: Fault) -> Result<()> {
    up(cluster)?;
    let (settled, ask_vtorcs) = if fault.is_planned() { (WHOLE_FOR, false) } else { (SEEN_WHOLE_FOR, true) };
    let begun = Instant::now();
    let mut whole_since = None;
    loop {
        let types = cluster.tablet_types().await;
        let of = |shard: &str, wanted: &str| {
            let tablets = cluster.plan().tablets.iter().filter(|t| t.shard == shard);
            tablets.filter(|t| types[&t.uid] == wanted).count()
        };
        let whole = SHARDS.iter().all(|s| of(s, "primary") == 1 && of(s, "replica") == 2);
        if whole
            && SHARDS.iter().all(|shard| is_healthy(cluster, shard))
            && (!ask_vtorcs || vtorcs_are_content(cluster).await)
        {
            if whole_since.get_or_insert_with(Instant::now).elapsed() >= settled {
                return Ok(());
            }
            tokio::time::sleep(LOOK * 5).await;
            continue;
        }
        whole_since = None;
        if begun.elapsed() > WHOLE_LIMIT {
            return Err(format!("the cluster is not whole after {WHOLE_LIMIT:?}: {types:?}"));
        }
        tokio::time::sleep(LOOK * 5).await;
    }
}

/// Whether no vtorc finds anything wrong.
async fn vtorcs_are_content(cluster: &Cluster) -> bool {
    for vtorc in cluster.plan().vtorcs() {
        let found = vtlocal::supervise::http_get(vtorc.http(), "/api/replication-analysis").await;
        if found.as_deref().map(str::trim) != Some("[]") {
            return false;
        }
    }
    true
}

/// Whether both replicas replicate.
fn is_healthy(cluster: &Cluster, shard: &str) -> bool {
    let out = cluster.vtctl(&["ShardReplicationPositions", &format!("{KEYSPACE}/{shard}")]);
    let text = e2e::text(&out);
    out.status.success() && text.lines().count() >= 3 && !text.contains("err") && !text.contains("unknown")
}
