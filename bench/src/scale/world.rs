//! All tablets of a made-up cluster: which of them live, what they are asked, and when a shard that failed was
//! decided on and had a primary again.
//!
//! What the programs under test do is seen from the tablets' side alone: a decision is the first call that stops a
//! tablet of the shard, a recovery is a promoted primary with its journal and its name in the shard's record. So a
//! program in this process and one beside it are measured alike.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use proto::topodata::{self, TabletType};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{sync::watch, time::Instant};
use topo::{Edit, Server};
use vterrors::Result;

use super::{
    shape::Cluster,
    shard::{Mysqld, Shard},
    topology,
};

/// What breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub enum Fault {
    /// mysqld's process dies; the tablet says so.
    Mysqld,
    /// mysqld and vttablet die; the machine refuses connections.
    Processes,
    /// The machine is gone: nothing answers, and connections stay open.
    Machine,
    /// vttablet answers nothing, from the beginning; its mysqld lives.
    Hang,
}

/// How a tablet's process takes calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    Up,
    /// It takes bytes and answers nothing.
    Silent,
    /// Nobody listens.
    Gone,
}

/// A shard whose primary failed.
#[derive(Debug, Clone)]
pub struct Incident {
    pub shard: usize,
    pub fault: Fault,
    pub at: Instant,
    /// Another tablet of the shard does not answer either: then there may be no way to be sure that nothing is lost.
    pub others_silent: bool,
    pub decided: Option<Instant>,
    promoted: bool,
    journaled: bool,
    pub recovered: Option<Instant>,
}

/// Everything.
pub struct World {
    pub cluster: Arc<Cluster>,
    topo: Server,
    began: Instant,
    shards: Vec<Mutex<Shard>>,
    lives: Vec<watch::Sender<Life>>,
    /// Changes when a tablet has something to tell in its health stream.
    news: Vec<watch::Sender<()>>,
    /// Whether each tablet was ever asked how it is.
    asked: Vec<AtomicBool>,
    pub looks: AtomicU64,
    /// Health streams that are open.
    pub streams: AtomicU64,
    incidents: Mutex<BTreeMap<usize, Incident>>,
    /// Those that are not told of any more; what is done about them is no false alarm.
    earlier: Mutex<BTreeMap<usize, Incident>>,
    /// Calls of a reparent at shards that have no trouble.
    false_alarms: Mutex<Vec<String>>,
    random: Mutex<StdRng>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub fn new(cluster: Arc<Cluster>, topo: Server, seed: u64) -> Arc<Self> {
        let term = topology::first_term().seconds;
        let shards = (0..cluster.shards.len()).map(|n| {
            let hosts = cluster.shards[n].tablets.iter().map(|t| Cluster::address(*t).to_string()).collect();
            Mutex::new(Shard::new(n, hosts, cluster.keyspace(n).durability, term))
        });
        let tablets = cluster.tablets.len();
        Arc::new(Self {
            topo,
            began: Instant::now(),
            shards: shards.collect(),
            lives: (0..tablets).map(|_| watch::Sender::new(Life::Up)).collect(),
            news: (0..tablets).map(|_| watch::Sender::new(())).collect(),
            asked: (0..tablets).map(|_| AtomicBool::new(false)).collect(),
            looks: AtomicU64::new(0),
            streams: AtomicU64::new(0),
            incidents: Mutex::default(),
            earlier: Mutex::default(),
            false_alarms: Mutex::default(),
            random: Mutex::new(StdRng::seed_from_u64(seed)),
            cluster,
        })
    }

    /// Something between the two, by the seed's dice.
    pub fn millis(&self, range: std::ops::RangeInclusive<u64>) -> Duration {
        Duration::from_millis(locked(&self.random).random_range(range))
    }

    /// Has some tablets hang from now on: one in `one_in`, anywhere; how many.
    pub fn hang(&self, one_in: u32) -> usize {
        let chosen: Vec<usize> = {
            let mut random = locked(&self.random);
            (0..self.lives.len()).filter(|_| one_in > 0 && random.random_ratio(1, one_in)).collect()
        };
        for tablet in &chosen {
            self.fail(*tablet, Fault::Hang);
        }
        chosen.len()
    }

    fn place(&self, tablet: usize) -> (usize, usize) {
        let shard = self.cluster.tablets[tablet].shard;
        let first = self.cluster.shards[shard].tablets.first().copied().unwrap_or(tablet);
        (shard, tablet - first)
    }

    /// Looks at, or changes, the shard of a tablet, as it is now.
    pub fn with<T>(&self, tablet: usize, work: impl FnOnce(&mut Shard, usize) -> T) -> T {
        let (shard, member) = self.place(tablet);
        let mut shard = locked(&self.shards[shard]);
        shard.advance(self.began.elapsed());
        work(&mut shard, member)
    }

    pub fn life(&self, tablet: usize) -> watch::Receiver<Life> {
        self.lives[tablet].subscribe()
    }

    pub fn news(&self, tablet: usize) -> watch::Receiver<()> {
        self.news[tablet].subscribe()
    }

    /// Breaks a tablet. If it led, its shard needs a recovery from now on.
    pub fn fail(&self, tablet: usize, fault: Fault) {
        let (shard, member) = self.place(tablet);
        let led = self.with(tablet, |s, n| {
            s.members[n].mysqld = match fault {
                Fault::Mysqld | Fault::Processes => Mysqld::Dead,
                Fault::Machine => Mysqld::Lost,
                Fault::Hang => s.members[n].mysqld,
            };
            s.members[n].reached &= fault == Fault::Mysqld;
            let newest = s.members.iter().map(|m| m.term).max();
            Some(s.members[n].term) == newest
        });
        debug_assert!(member < self.cluster.shards[shard].tablets.len());
        self.lives[tablet].send_replace(match fault {
            Fault::Mysqld => Life::Up,
            Fault::Processes => Life::Gone,
            Fault::Machine | Fault::Hang => Life::Silent,
        });
        self.news[tablet].send_replace(());
        let mut incidents = locked(&self.incidents);
        if led {
            incidents.entry(shard).or_insert(Incident {
                shard,
                fault,
                at: Instant::now(),
                others_silent: false,
                decided: None,
                promoted: false,
                journaled: false,
                recovered: None,
            });
        }
        if let Some(incident) = incidents.get_mut(&shard) {
            let others = self.cluster.shards[shard].tablets.iter().filter(|t| **t != tablet || !led);
            incident.others_silent |= others.clone().any(|t| {
                let leads = self.with(*t, |s, n| s.members[n].tablet_type == TabletType::Primary);
                !leads && *self.lives[*t].borrow() != Life::Up
            });
        }
    }

    fn has_failed(&self, shard: usize) -> bool {
        locked(&self.incidents).contains_key(&shard) || locked(&self.earlier).contains_key(&shard)
    }

    /// Primaries of shards that are well, all of whose tablets answer, in the order of the dice.
    pub fn sound_primaries(&self, count: usize) -> Vec<usize> {
        let mut sound: Vec<usize> = (0..self.cluster.shards.len())
            .filter(|shard| !self.has_failed(*shard))
            .filter_map(|shard| {
                let tablets = &self.cluster.shards[shard].tablets;
                let up = tablets.iter().all(|t| *self.lives[*t].borrow() == Life::Up);
                let leads =
                    |t: &&usize| self.with(**t, |s, n| s.members[n].tablet_type == TabletType::Primary);
                tablets.iter().find(leads).filter(|_| up).copied()
            })
            .collect();
        let mut random = locked(&self.random);
        for n in 0..count.min(sound.len()) {
            let other = random.random_range(n..sound.len());
            sound.swap(n, other);
        }
        sound.truncate(count);
        sound
    }

    /// Primaries of shards in which nothing failed, whoever else of the shard answers.
    pub fn any_primaries(&self, count: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.cluster.shards.len())
            .filter(|shard| !self.has_failed(*shard))
            .filter_map(|shard| self.cluster.shards[shard].tablets.first().copied())
            .collect();
        let mut random = locked(&self.random);
        for n in 0..count.min(all.len()) {
            let other = random.random_range(n..all.len());
            all.swap(n, other);
        }
        all.truncate(count);
        all
    }

    /// A tablet was asked how it is.
    pub fn was_looked_at(&self, tablet: usize) {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.asked[tablet].store(true, Ordering::Relaxed);
    }

    /// Tablets that answer and were never asked.
    pub fn never_asked(&self) -> usize {
        let up = |n: &usize| *self.lives[*n].borrow() == Life::Up;
        (0..self.asked.len()).filter(up).filter(|n| !self.asked[*n].load(Ordering::Relaxed)).count()
    }

    /// Tablets that answer.
    pub fn answering(&self) -> usize {
        self.lives.iter().filter(|life| *life.borrow() == Life::Up).count()
    }

    /// A call of a reparent came: what is done about an incident, or to a shard that has none.
    pub fn reparents(&self, tablet: usize, method: &str) {
        let (shard, _) = self.place(tablet);
        let mut incidents = locked(&self.incidents);
        match incidents.get_mut(&shard) {
            Some(incident) => {
                incident.decided.get_or_insert_with(Instant::now);
            }
            None if locked(&self.earlier).contains_key(&shard) => {}
            None => {
                let text = format!(
                    "{method} of {} in {}",
                    self.cluster.alias(tablet),
                    self.cluster.shard_name(shard)
                );
                locked(&self.false_alarms).push(text);
            }
        }
    }

    pub fn false_alarms(&self) -> Vec<String> {
        locked(&self.false_alarms).clone()
    }

    pub fn incidents(&self) -> Vec<Incident> {
        locked(&self.incidents).values().cloned().collect()
    }

    /// Begins to count anew: deaths so far are no news any more.
    pub fn forget_dead(&self) {
        let mut incidents = locked(&self.incidents);
        let (old, kept) =
            std::mem::take(&mut *incidents).into_iter().partition(|(_, i)| i.fault != Fault::Hang);
        *incidents = kept;
        locked(&self.earlier).extend::<BTreeMap<_, _>>(old);
    }

    fn progress(&self, shard: usize, what: impl FnOnce(&mut Incident)) {
        if let Some(incident) = locked(&self.incidents).get_mut(&shard) {
            what(incident);
            if incident.promoted && incident.journaled {
                incident.recovered.get_or_insert_with(Instant::now);
            }
        }
    }

    pub fn journaled(&self, tablet: usize) {
        self.progress(self.place(tablet).0, |i| i.journaled = true);
    }

    /// Writes the tablet's type into its record, and a new primary into the shard's, as a vttablet does.
    pub async fn publish(&self, tablet: usize) -> Result<()> {
        let (shard, _) = self.place(tablet);
        self.news[tablet].send_replace(());
        let (tablet_type, term) = self.with(tablet, |s, n| (s.members[n].tablet_type, s.members[n].term));
        let alias = self.cluster.alias(tablet);
        let time = (term > 0).then_some(proto::vttime::Time { seconds: term, nanoseconds: 0 });
        let edit = |t: &mut topodata::Tablet| {
            (t.r#type, t.primary_term_start_time) = (tablet_type as i32, time);
            Ok(Edit::Write)
        };
        self.topo.update_tablet_fields(&alias, edit).await?;
        if tablet_type != TabletType::Primary {
            return Ok(());
        }
        let edit = |s: &mut topodata::Shard| {
            if s.primary_term_start_time.is_some_and(|t| t.seconds >= term) {
                return Ok(Edit::Keep);
            }
            (s.primary_alias, s.primary_term_start_time) = (Some((&alias).into()), time);
            Ok(Edit::Write)
        };
        let keyspace = &self.cluster.keyspace(shard).name;
        self.topo.update_shard_fields(keyspace, &self.cluster.shards[shard].name, edit).await?;
        self.progress(shard, |i| i.promoted = true);
        Ok(())
    }

    /// Incidents that nothing is in the way of, and that have not ended.
    pub fn open(&self) -> usize {
        let open = |i: &&Incident| i.recovered.is_none() && !i.others_silent && i.fault != Fault::Hang;
        locked(&self.incidents).values().filter(open).count()
    }
}
