//! Reparents in a world of faults, from seeds: messages that are lost, late or repeated, tablets and mysqlds
//! that die at any moment, executors that die between two messages and new ones that take over after the lease
//! of the lock. The code under test is the real one; the tablets are [`crate::fake`]'s.
//!
//! What must hold: never two tablets that can get a write acknowledged; no acknowledged write is lost: whoever is
//! promoted has them all at that moment; no tablet is made writable again after another was promoted; every
//! reparent ends, and one succeeds when all is well again, or, rarely, is refused because it cannot be told what
//! is errant.
//!
//! `SEEDS=17..18` replays one; `SIMULATION_SEEDS=100000` runs as many.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use proto::{
    tabletmanagerdata::*,
    topodata::{
        Tablet,
        TabletType::{self, Primary, Rdonly, Replica},
    },
};
use tabletclient::TabletManagerClient;
use tokio::sync::Notify;
use topo::Server;
use vterrors::{Condition, Error, Result};
use vtmodel::{Durability, TabletAlias};

use crate::{
    EmergencyRequest, PlannedRequest, Reparenter,
    fake::{FakeShard, FakeTablet},
};

/// The longest life of a message, and so the longest wait for an answer.
const MESSAGE_LIFE: Duration = Duration::from_secs(2);
/// How long a dead executor keeps the shard locked.
const LEASE: Duration = Duration::from_secs(5);
/// No reparent may take longer.
const ENDS: Duration = Duration::from_secs(120);

/// SplitMix64.
#[derive(Debug)]
struct Dice(AtomicU64);

impl Dice {
    fn roll(&self, sides: u64) -> u64 {
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides.max(1)
    }

    fn percent(&self, chance: u64) -> bool {
        self.roll(100) < chance
    }

    fn pick<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.roll(of.len() as u64)).expect("a small number")]
    }

    fn millis(&self, most: u64) -> Duration {
        Duration::from_millis(self.roll(most) + 1)
    }
}

/// The death of an executor.
struct Crash {
    /// It is counted from the first message of this kind on; none: at once.
    after: Option<&'static str>,
    /// It comes when so many messages more were sent.
    messages: u64,
}

/// Between two of these a shard has the most to lose by an executor that dies.
const TURNS: [&str; 5] = [
    "stop_replication_and_get_status",
    "demote_primary",
    "promote_replica",
    "set_replication_source",
    "populate_reparent_journal",
];

/// The wire between the executor and the tablets.
struct Network {
    shard: Arc<FakeShard>,
    dice: Arc<Dice>,
    aliases: Vec<String>,
    /// Percent of messages that something happens to.
    bad: AtomicU64,
    /// When the executor dies, if it does.
    crash: Mutex<Option<Crash>>,
    crashed: Notify,
    dead: AtomicBool,
}

/// A message on its way. A sender that gives it up takes it back; one that dies does not.
struct Sent<T> {
    network: Arc<Network>,
    arrives: tokio::task::JoinHandle<T>,
}

impl<T> Drop for Sent<T> {
    fn drop(&mut self) {
        if !self.network.dead.load(Ordering::Relaxed) {
            self.arrives.abort();
        }
    }
}

impl Network {
    /// Just now a replica receives nothing for a moment, or executes nothing of it.
    fn fall_behind(&self) {
        let alias = self.dice.pick(&self.aliases).clone();
        let t = self.shard.tablet(&alias);
        if t.stalled || t.applies_nothing {
            return;
        }
        let slow = self.dice.percent(30);
        let behind = move |t: &mut FakeTablet, is: bool| match slow {
            true => t.applies_nothing = is,
            false => t.stalled = is,
        };
        self.shard.with(&alias, |t| behind(t, true));
        let (shard, moment) = (Arc::clone(&self.shard), self.dice.millis(1_000));
        tokio::spawn(async move {
            tokio::time::sleep(moment).await;
            shard.with(&alias, |t| behind(t, false));
        });
    }

    /// Clients write on every server that lets them.
    fn write(&self) {
        self.shard.servers(|s| {
            for alias in &self.aliases {
                s.client_write(alias);
            }
            s.replicate();
        });
    }

    fn count_down(&self, method: &str) {
        let mut crash = self.crash.lock().unwrap_or_else(PoisonError::into_inner);
        match crash.as_mut() {
            Some(Crash { after: Some(turn), .. }) if *turn != method => {}
            Some(Crash { messages: 0, .. }) => {
                self.dead.store(true, Ordering::Relaxed);
                self.crashed.notify_one();
            }
            Some(crash) => (crash.after, crash.messages) = (None, crash.messages - 1),
            None => {}
        }
    }

    async fn carry<T, W>(
        self: &Arc<Self>,
        method: &str,
        work: impl Fn() -> W + Send + Sync + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
        W: Future<Output = Result<T>> + Send + 'static,
    {
        let lost = || Error::new(Condition::Timeout, "no answer");
        self.count_down(method);
        let bad = self.bad.load(Ordering::Relaxed);
        if self.dice.percent(bad.max(5)) {
            self.fall_behind();
        }
        // Between any two messages clients may have written.
        if self.dice.percent(20) {
            self.write();
        }
        let bad = self.dice.percent(bad);
        let fate = if bad { self.dice.roll(5) } else { 9 };
        let late = if fate == 2 { self.dice.millis(1_900) } else { self.dice.millis(5) };
        match fate {
            0 => {
                tokio::time::sleep(MESSAGE_LIFE).await;
                Err(lost())
            }
            1 => {
                tokio::time::sleep(late).await;
                let _ = tokio::time::timeout(MESSAGE_LIFE, work()).await;
                tokio::time::sleep(MESSAGE_LIFE).await;
                Err(lost())
            }
            2 => {
                let arrives = tokio::spawn(async move {
                    tokio::time::sleep(late).await;
                    tokio::time::timeout(MESSAGE_LIFE - late, work()).await
                });
                let mut sent = Sent { network: Arc::clone(self), arrives };
                match (&mut sent.arrives).await {
                    Ok(Ok(done)) => done,
                    _ => Err(lost()),
                }
            }
            // Repeated, before its sender hears of the first.
            3 => {
                tokio::time::sleep(late).await;
                let first = work().await;
                let _ = tokio::time::timeout(MESSAGE_LIFE - late, work()).await;
                first
            }
            4 => Err(Error::new(Condition::Unreachable, "no route")),
            _ => {
                tokio::time::sleep(late).await;
                work().await
            }
        }
    }
}

/// The network as the executor holds it.
struct Wire(Arc<Network>);

macro_rules! wire {
    ($($method:ident($request:ident) -> $response:ident;)*) => {
        #[async_trait]
        impl TabletManagerClient for Wire {
            $(async fn $method(&self, tablet: &Tablet, request: $request) -> Result<$response> {
                let (shard, tablet) = (Arc::clone(&self.0.shard), tablet.clone());
                self.0
                    .carry(stringify!($method), move || {
                        let (shard, tablet, request) = (Arc::clone(&shard), tablet.clone(), request.clone());
                        async move { shard.$method(&tablet, request).await }
                    })
                    .await
            })*
        }
    };
}

wire! {
    replication_status(ReplicationStatusRequest) -> ReplicationStatusResponse;
    primary_position(PrimaryPositionRequest) -> PrimaryPositionResponse;
    full_status(FullStatusRequest) -> FullStatusResponse;
    wait_for_position(WaitForPositionRequest) -> WaitForPositionResponse;
    start_replication(StartReplicationRequest) -> StartReplicationResponse;
    stop_replication_and_get_status(StopReplicationAndGetStatusRequest) -> StopReplicationAndGetStatusResponse;
    read_reparent_journal_info(ReadReparentJournalInfoRequest) -> ReadReparentJournalInfoResponse;
    populate_reparent_journal(PopulateReparentJournalRequest) -> PopulateReparentJournalResponse;
    demote_primary(DemotePrimaryRequest) -> DemotePrimaryResponse;
    undo_demote_primary(UndoDemotePrimaryRequest) -> UndoDemotePrimaryResponse;
    promote_replica(PromoteReplicaRequest) -> PromoteReplicaResponse;
    set_replication_source(SetReplicationSourceRequest) -> SetReplicationSourceResponse;
}

struct World {
    seed: u64,
    policy: Durability,
    dice: Arc<Dice>,
    shard: Arc<FakeShard>,
    network: Arc<Network>,
    reparenter: Reparenter,
    aliases: Vec<String>,
    story: Mutex<Vec<String>>,
    /// Calls that are in the story.
    told: Mutex<usize>,
    ended: Mutex<Ended>,
}

/// How reparents ended: a world in which nothing succeeds, or nothing fails, shows nothing.
#[derive(Debug, Default, Clone, Copy)]
struct Ended {
    done: u64,
    failed: u64,
    died: u64,
    /// Refused in the end, with all tablets there: it could not be told what is errant.
    left_to_operator: u64,
    writes: u64,
}

impl World {
    async fn new(seed: u64) -> Self {
        let dice = Arc::new(Dice(AtomicU64::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x5eed)));
        let policy = *dice.pick(&Durability::ALL[1..]);
        let third = *dice.pick(&[Replica, Rdonly]);
        let tablets: [(&str, u32, TabletType); 5] = [
            ("zone1", 100, Primary),
            ("zone1", 101, Replica),
            ("zone1", 102, third),
            ("zone2", 103, Replica),
            ("zone2", 104, *dice.pick(&[Replica, Rdonly])),
        ];
        let topo = Server::memory(&["zone1", "zone2"]).await.expect("a topology");
        let shard = FakeShard::with_policy(topo.clone(), "ks", "0", &tablets, policy.name()).await;
        let shard = Arc::new(shard.expect("a shard").lazy());
        let aliases: Vec<String> =
            tablets.iter().map(|(cell, uid, _)| TabletAlias::new(*cell, *uid).to_string()).collect();
        let network = Arc::new(Network {
            aliases: aliases.clone(),
            shard: Arc::clone(&shard),
            dice: Arc::clone(&dice),
            bad: AtomicU64::new(0),
            crash: Mutex::new(None),
            crashed: Notify::new(),
            dead: AtomicBool::new(false),
        });
        let reparenter = Reparenter::new(topo, Arc::new(Wire(Arc::clone(&network))));
        Self {
            seed,
            policy,
            dice,
            shard,
            network,
            reparenter,
            aliases,
            story: Mutex::default(),
            told: Mutex::default(),
            ended: Mutex::default(),
        }
    }

    fn tell(&self, text: String) {
        let calls = self.shard.calls();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<String> =
            calls.get(*told..).unwrap_or_default().iter().map(|c| format!("    {c}")).collect();
        *told = calls.len();
        self.story.lock().unwrap_or_else(PoisonError::into_inner).extend(new);
        self.story.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    #[track_caller]
    fn fail(&self, why: &str) -> ! {
        self.tell(why.to_owned());
        let story = self.story.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
        let now = self.shard.servers(|s| format!("{s:#?}"));
        panic!("SEEDS={0}..{1} ({2}): {why}\n{story}\n{now}", self.seed, self.seed + 1, self.policy);
    }

    fn count(&self, what: impl FnOnce(&mut Ended)) {
        what(&mut self.ended.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn check(&self) {
        let two = self.shard.servers(|s| s.can_write().len() > 1);
        if let Some(violation) = self.shard.violation().or_else(|| two.then(|| "two writable".to_owned())) {
            self.fail(&violation);
        }
    }

    /// Clients write wherever they are let.
    async fn write(&self) {
        loop {
            tokio::time::sleep(self.dice.millis(600)).await;
            self.network.write();
            self.check();
            // Tablets look at the topology now and then.
            if self.dice.percent(20) {
                let alias = self.dice.pick(&self.aliases);
                self.shard.sync(alias).await.expect("the topology is there");
            }
        }
    }

    fn disturb(&self) {
        let leads = |alias: &&String| self.shard.tablet(alias).is(Primary);
        let primaries: Vec<String> = self.aliases.iter().filter(leads).cloned().collect();
        let alias = match self.dice.percent(40) && !primaries.is_empty() {
            true => self.dice.pick(&primaries),
            false => self.dice.pick(&self.aliases),
        };
        let what = self.dice.roll(8);
        self.tell(format!("fault {what} on {alias}"));
        match what {
            0 | 1 => self.shard.with(alias, |t| t.silent = true),
            2 => self.shard.with(alias, |t| (t.silent, t.down) = (true, true)),
            3 => {
                self.shard.with(alias, |t| (t.silent, t.down) = (true, true));
                self.shard.servers(|s| s.end_waiting(alias));
                self.shard.restart(alias);
                self.shard.with(alias, |t| t.silent = false);
            }
            4 => self.shard.with(alias, |t| t.stalled = !t.stalled),
            5 => self.shard.with(alias, |t| t.applies_nothing = !t.applies_nothing),
            _ => self.heal(alias),
        }
    }

    fn heal(&self, alias: &str) {
        if self.shard.tablet(alias).down {
            self.shard.restart(alias);
        }
        self.shard.with(alias, |t| (t.silent, t.stalled, t.applies_nothing) = (false, false, false));
    }

    fn some_alias(&self) -> vtmodel::TabletAlias {
        self.dice.pick(&self.aliases).parse().expect("an alias")
    }

    async fn reparent(&self) -> Result<crate::Done> {
        let named = self.dice.percent(30).then(|| self.some_alias());
        if self.dice.percent(60) {
            let request = EmergencyRequest {
                new_primary: named,
                wait_for_all_tablets: self.dice.percent(10),
                // Whoever says that one is silent may be wrong.
                silent: self.dice.percent(30).then(|| self.some_alias()).into_iter().collect(),
                wait_replicas_timeout: MESSAGE_LIFE,
                ..EmergencyRequest::new("ks", "0")
            };
            self.tell(format!("emergency to {:?}", request.new_primary.as_ref().map(ToString::to_string)));
            self.reparenter.emergency(&request).await
        } else {
            let request = PlannedRequest {
                new_primary: named,
                allow_cross_cell_promotion: self.dice.percent(50),
                wait_replicas_timeout: MESSAGE_LIFE,
                ..PlannedRequest::new("ks", "0")
            };
            self.tell(format!("planned to {:?}", request.new_primary.as_ref().map(ToString::to_string)));
            self.reparenter.planned(&request).await
        }
    }

    /// One reparent among faults; its executor may die.
    async fn round(&self) {
        for _ in 0..self.dice.roll(3) {
            self.disturb();
        }
        tokio::time::sleep(self.dice.millis(1_000)).await;
        let crash = self.dice.percent(30).then(|| match self.dice.percent(50) {
            true => Crash { after: Some(*self.dice.pick(&TURNS)), messages: self.dice.roll(4) },
            false => Crash { after: None, messages: self.dice.roll(40) },
        });
        *self.network.crash.lock().unwrap_or_else(PoisonError::into_inner) = crash;
        self.network.dead.store(false, Ordering::Relaxed);
        let ended = tokio::select! {
            biased;
            done = tokio::time::timeout(ENDS, self.reparent()) => Some(done),
            () = self.network.crashed.notified() => None,
        };
        *self.network.crash.lock().unwrap_or_else(PoisonError::into_inner) = None;
        match ended {
            None => {
                self.tell("the executor died".into());
                self.count(|e| e.died += 1);
                tokio::time::sleep(LEASE).await;
            }
            Some(Err(_)) => self.fail("a reparent does not end"),
            Some(Ok(Err(e))) => {
                self.tell(format!("failed: {e}"));
                self.count(|e| e.failed += 1);
            }
            Some(Ok(Ok(done))) => {
                self.tell(format!("done: {}", done.primary));
                self.count(|e| e.done += 1);
                self.no_write_is_lost(&done.primary.to_string());
            }
        }
        self.check();
    }

    fn no_write_is_lost(&self, primary: &str) {
        let lost = self.shard.servers(|s| s.lacks(primary));
        if !lost.is_empty() {
            self.fail(&format!("{primary} lacks acknowledged writes {lost:?}"));
        }
    }

    /// All is well again: a reparent succeeds, and everything is there.
    async fn settle(&self) {
        self.network.bad.store(0, Ordering::Relaxed);
        tokio::time::sleep(LEASE).await;
        self.aliases.iter().for_each(|alias| self.heal(alias));
        for _ in 0..2 {
            for alias in &self.aliases {
                self.shard.sync(alias).await.expect("the topology is there");
            }
        }
        let request =
            EmergencyRequest { wait_replicas_timeout: MESSAGE_LIFE, ..EmergencyRequest::new("ks", "0") };
        let done = match tokio::time::timeout(ENDS, self.reparenter.emergency(&request)).await {
            Ok(Ok(done)) => done.primary.to_string(),
            // Nothing is lost, but who is right is for the operator to say.
            Ok(Err(e)) if e.message().contains("it is not known what is errant") => {
                self.count(|e| e.left_to_operator += 1);
                return;
            }
            Ok(Err(e)) => self.fail(&format!("all is well, but: {e}")),
            Err(_) => self.fail("a reparent does not end"),
        };
        for alias in &self.aliases {
            self.shard.sync(alias).await.expect("the topology is there");
        }
        self.no_write_is_lost(&done);
        self.check();
        let writable = self.shard.servers(|s| s.can_write().join(" "));
        if writable != done {
            self.fail(&format!("{done} is the primary, and {writable:?} can be written to"));
        }
    }
}

async fn run(seed: u64) -> Ended {
    let world = World::new(seed).await;
    let bad = *world.dice.pick(&[0, 3, 10, 25]);
    world.network.bad.store(bad, Ordering::Relaxed);
    let story = async {
        for _ in 0..world.dice.roll(6) + 2 {
            world.round().await;
        }
        world.settle().await;
    };
    tokio::select! {
            biased;
        () = story => {}
        () = world.write() => {}
    }
    world.count(|e| e.writes = world.shard.servers(|s| s.acknowledged.len() as u64));
    *world.ended.lock().unwrap_or_else(PoisonError::into_inner)
}

fn seeds() -> std::ops::Range<u64> {
    if let Ok(range) = std::env::var("SEEDS") {
        let (first, last) = range.split_once("..").expect("SEEDS=a..b");
        return first.parse().expect("a number")..last.parse().expect("a number");
    }
    let count = std::env::var("SIMULATION_SEEDS").map_or(2_000, |n| n.parse().expect("a number"));
    0..count
}

/// Every seed of `seeds` whose number leaves `part` when divided by `parts`.
fn run_part(seeds: std::ops::Range<u64>, part: u64, parts: u64) -> Ended {
    let mut all = Ended::default();
    for seed in seeds.filter(|seed| seed % parts == part) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let ended = runtime.block_on(run(seed));
        all.done += ended.done;
        all.failed += ended.failed;
        all.died += ended.died;
        all.left_to_operator += ended.left_to_operator;
        all.writes += ended.writes;
    }
    all
}

#[test]
fn no_two_primaries_no_write_lost_and_it_ends() {
    let seeds = seeds();
    eprintln!("seeds {seeds:?}");
    let parts = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let all: Vec<Ended> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..parts)
            .map(|part| {
                scope.spawn({
                    let seeds = seeds.clone();
                    move || run_part(seeds, part, parts)
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().expect("the seed that failed is above")).collect()
    });
    eprintln!("{all:?}");
    // A simulation in which one of these does not happen tests nothing.
    let sum = |of: fn(&Ended) -> u64| all.iter().map(of).sum::<u64>();
    if seeds.end - seeds.start >= 500 {
        assert!(sum(|e| e.done) > 100 && sum(|e| e.failed) > 50 && sum(|e| e.died) > 20);
        assert!(sum(|e| e.writes) > 1_000);
        assert!(sum(|e| e.left_to_operator) * 100 < seeds.end - seeds.start, "more than one in a hundred");
    }
}
