//! Plans by text, bounded in bytes.
//!
//! Sixteen shards, each with its own lock held for a lookup only. When a shard is full it drops what was
//! not asked for since the last sweep (a clock with one bit); a text that alone is larger than a shard is
//! planned each time.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::Plan;
use crate::query::bind::Escapes;

const SHARDS: usize = 16;

/// See the module.
#[derive(Debug)]
pub struct PlanCache {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    /// Bytes each shard may hold.
    shard_limit: usize,
}

#[derive(Debug, Default)]
struct Shard {
    plans: HashMap<Box<str>, Entry>,
    bytes: usize,
    hits: u64,
    misses: u64,
}

#[derive(Debug)]
struct Entry {
    plan: Arc<Plan>,
    used: AtomicBool,
}

/// What the cache holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheStats {
    pub plans: usize,
    pub bytes: usize,
    pub hits: u64,
    pub misses: u64,
}

impl PlanCache {
    /// A cache of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, hasher: RandomState::new(), shard_limit: limit / SHARDS }
    }

    /// The plan of `sql`, made when it is not there.
    pub fn get(&self, sql: &str) -> Arc<Plan> {
        let shard = &self.shards[self.hasher.hash_one(sql) as usize % SHARDS];
        {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(entry) = shard.plans.get(sql) {
                entry.used.store(true, Ordering::Relaxed);
                let plan = Arc::clone(&entry.plan);
                shard.hits += 1;
                return plan;
            }
            shard.misses += 1;
        }
        let plan = Arc::new(Plan::new(sql, Escapes::Backslash));
        shard.lock().unwrap_or_else(PoisonError::into_inner).insert(&plan, self.shard_limit);
        plan
    }

    /// Every cached plan, for `/debug/query_plans`.
    pub fn all(&self) -> Vec<Arc<Plan>> {
        let lock = |s: &Mutex<Shard>| -> Vec<Arc<Plan>> {
            let shard = s.lock().unwrap_or_else(PoisonError::into_inner);
            shard.plans.values().map(|e| Arc::clone(&e.plan)).collect()
        };
        let mut all: Vec<_> = self.shards.iter().flat_map(lock).collect();
        all.sort_by(|a, b| a.sql.cmp(&b.sql));
        all
    }

    pub fn stats(&self) -> CacheStats {
        let mut stats = CacheStats::default();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            stats.plans += shard.plans.len();
            stats.bytes += shard.bytes;
            stats.hits += shard.hits;
            stats.misses += shard.misses;
        }
        stats
    }
}

impl Shard {
    fn insert(&mut self, plan: &Arc<Plan>, limit: usize) {
        let size = plan.size();
        if size > limit || self.plans.contains_key(&plan.sql) {
            return;
        }
        while self.bytes + size > limit {
            self.sweep();
        }
        self.bytes += size;
        self.plans.insert(plan.sql.clone(), Entry { plan: Arc::clone(plan), used: AtomicBool::new(false) });
    }

    /// Drops what was not used since the last sweep; if all was, the next sweep finds them unused.
    fn sweep(&mut self) {
        let mut freed = 0;
        self.plans.retain(|_, entry| {
            let keep = entry.used.swap(false, Ordering::Relaxed);
            if !keep {
                freed += entry.plan.size();
            }
            keep
        });
        self.bytes -= freed;
    }
}
