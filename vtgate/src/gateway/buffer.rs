//! Where queries wait for a primary that is going away or not there yet.
//!
//! Shards are kept apart: each has its own failover, with its own begin and end. What waits is bounded in number and
//! bytes over all shards, each query's wait in time, and a failover that lasts too long is given up: then queries to
//! that shard are told at once. When the new primary serves, a shard's queries go to it a few at a time, in the
//! order in which they came.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};
use vterrors::{Condition, Error, Result};
use vtmodel::Target;

use crate::metrics::BufferMetrics;

/// The limits of waiting.
#[derive(Debug, Clone)]
pub struct BufferConfig {
    /// The longest wait of one query.
    pub window: Duration,
    /// Queries that wait at a time.
    pub size: usize,
    /// Bytes of those queries, text and values.
    pub bytes: usize,
    /// A shard without primary for so long is given up.
    pub max_failover_duration: Duration,
    /// So long after that, queries to the shard wait again.
    pub min_time_between_failovers: Duration,
    /// So many queries of a shard go at a time to its new primary.
    pub drain_concurrency: usize,
}

/// A permit stands for so many bytes: no more than 2^32 permits can be taken at a time.
const BYTES_OF_A_PERMIT: usize = 64;

pub(super) struct Buffer {
    config: BufferConfig,
    places: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    shards: Mutex<HashMap<Key, Arc<Shard>>>,
    metrics: BufferMetrics,
}

/// Keyspace and shard.
type Key = (String, String);

/// One shard's failovers.
struct Shard {
    /// `keyspace/shard`, as metrics name it.
    name: String,
    failover: Mutex<Option<Failover>>,
    drain: Arc<Semaphore>,
}

impl Shard {
    fn failover(&self) -> MutexGuard<'_, Option<Failover>> {
        self.failover.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A time without primary.
#[derive(Debug, Clone, Copy)]
struct Failover {
    since: Instant,
    given_up: Option<Instant>,
    waiting: usize,
    /// When the last query left without an answer.
    left: Instant,
}

impl Failover {
    fn new(now: Instant) -> Self {
        Self { since: now, given_up: None, waiting: 0, left: now }
    }

    /// Whether what comes now belongs to another failover.
    fn is_over(&self, now: Instant, config: &BufferConfig) -> bool {
        match self.given_up {
            Some(at) => now >= at + config.min_time_between_failovers,
            None => self.waiting == 0 && now > self.left + config.window,
        }
    }
}

/// A query's place. The wait is over when it is dropped.
pub(super) struct Waiting {
    shard: Arc<Shard>,
    metrics: BufferMetrics,
    pub deadline: Instant,
    _place: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

impl Buffer {
    pub fn new(config: BufferConfig, metrics: BufferMetrics) -> Self {
        let permits = config.bytes.div_ceil(BYTES_OF_A_PERMIT).min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(config.size.min(Semaphore::MAX_PERMITS))),
            bytes: Arc::new(Semaphore::new(permits)),
            shards: Mutex::default(),
            config,
            metrics,
        }
    }

    /// A place for a query of `bytes` to a shard whose primary answered with `fault`, which is the answer when there
    /// is no place.
    pub fn enter(&self, target: &Target, bytes: usize, fault: &Error) -> Result<Waiting> {
        let shard = self.shard(target);
        let name = &shard.name;
        let now = Instant::now();
        let evicted = |why: &str, text: String| {
            self.metrics.evicted.inc(&format!("{name}.{why}"));
            Err(fault.clone().context(text))
        };
        let failover = {
            let mut failover = shard.failover();
            if failover.as_ref().is_none_or(|f| f.is_over(now, &self.config)) {
                self.metrics.starts.inc(&format!("{name}.{}", reason(fault)));
                *failover = Some(Failover::new(now));
            }
            *failover.get_or_insert(Failover::new(now))
        };
        if failover.given_up.is_some() {
            let text = format!("{name} had no primary for --buffer-max-failover-duration");
            return evicted("MaxDurationExceeded", text);
        }
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            return evicted("BufferFull", format!("--buffer-size {} queries wait already", self.config.size));
        };
        let permits = u32::try_from(bytes.div_ceil(BYTES_OF_A_PERMIT)).unwrap_or(u32::MAX);
        let Ok(held) = self.bytes.clone().try_acquire_many_owned(permits) else {
            let text = format!("queries of --buffer-max-bytes {} wait already", self.config.bytes);
            return evicted("BufferFull", text);
        };
        self.metrics.buffered.inc(name);
        self.metrics.waiting.add(1);
        if let Some(failover) = shard.failover().as_mut() {
            failover.waiting += 1;
        }
        let deadline = (now + self.config.window).min(failover.since + self.config.max_failover_duration);
        Ok(Waiting { metrics: self.metrics.clone(), deadline, _place: place, _bytes: held, shard })
    }

    fn shard(&self, target: &Target) -> Arc<Shard> {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (target.keyspace.clone(), target.shard.clone());
        let new = || Shard {
            name: format!("{}/{}", target.keyspace, target.shard),
            failover: Mutex::default(),
            drain: Arc::new(Semaphore::new(self.config.drain_concurrency)),
        };
        shards.entry(key).or_insert_with(|| Arc::new(new())).clone()
    }

    /// Nothing came for a query until its deadline; the shard is given up when that was the failover's.
    pub fn gave_up(&self, waiting: &Waiting) {
        let name = &waiting.shard.name;
        self.metrics.evicted.inc(&format!("{name}.WindowExceeded"));
        let mut failover = waiting.shard.failover();
        if let Some(f) = failover.as_mut()
            && f.given_up.is_none()
            && f.since.elapsed() >= self.config.max_failover_duration
        {
            f.given_up = Some(Instant::now());
            self.metrics.stops.inc(&format!("{name}.MaxDurationExceeded"));
            self.metrics.failover_ms.add(name, millis(f.since.elapsed()));
        }
    }
}

impl Waiting {
    /// A primary serves: the query's turn to go to it, as long as the permit is held. At its deadline it goes anyway.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        timeout_at(self.deadline, self.shard.drain.clone().acquire_owned()).await.ok()?.ok()
    }

    /// The new primary answered: the failover is over.
    pub fn served(&self) {
        let name = &self.shard.name;
        self.metrics.drained.inc(name);
        let ended = self.shard.failover().take();
        if let Some(Failover { since, given_up: None, .. }) = ended {
            self.metrics.stops.inc(&format!("{name}.NewPrimarySeen"));
            self.metrics.failover_ms.add(name, millis(since.elapsed()));
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.metrics.waiting.add(-1);
        if let Some(failover) = self.shard.failover().as_mut() {
            failover.waiting = failover.waiting.saturating_sub(1);
            failover.left = Instant::now();
        }
    }
}

/// Why queries wait, for metrics.
fn reason(fault: &Error) -> &'static str {
    match fault.condition() {
        Condition::NotServing => "NotServing",
        Condition::WrongTabletType => "WrongTabletType",
        Condition::NoHealthyTablet => "NoPrimary",
        Condition::Unreachable => "Unreachable",
        _ => "Other",
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
