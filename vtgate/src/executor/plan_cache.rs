//! Plans by fingerprint. A hit takes one pass of the lexer and no parsing.
//!
//! The key is a 128-bit hash, keyed per process; a hit compares the stored skeleton, target, mode, limit and
//! layout version as well, so that a collision is a miss and never a wrong route. Only plans that do not
//! depend on the values of literals enter. Bounded in bytes.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use planner::Plan;
use proto::topodata::TabletType;
use quick_cache::{Weighter, sync::Cache};
use sqlast::{FingerprintKey, ParseOptions, Scratch, SqlMode, StatementKind, normalize::Normalized};
use sqltypes::BindVars;

use crate::{executor::binds, session::Session};

/// What a plan weighs beside its text: the tree, the keys.
const PLAN_OVERHEAD_BYTES: u64 = 1024;
/// Statements longer than this are not cached: bulk inserts would push everything else out.
const MAX_STATEMENT_BYTES: usize = 64 << 10;
/// How many buffers are kept for lexing.
const MAX_SCRATCH: usize = 64;

struct Entry {
    skeleton: Box<[u8]>,
    keyspace: Box<str>,
    shard: Option<Box<str>>,
    tablet_type: TabletType,
    sql_mode: SqlMode,
    select_limit: Option<u64>,
    layout_version: u64,
    /// Names of the bind variables in the order of the literals.
    names: Box<[String]>,
    plan: Arc<Plan>,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<u128, Arc<Entry>> for ByBytes {
    fn weight(&self, _: &u128, e: &Arc<Entry>) -> u64 {
        // The query text is in the plan about three times: query, field query, normalised text.
        (e.skeleton.len() * 4) as u64 + PLAN_OVERHEAD_BYTES
    }
}

pub struct PlanCache {
    entries: Cache<u128, Arc<Entry>, ByBytes>,
    key: FingerprintKey,
    hasher: RandomState,
    scratch: Mutex<Vec<Scratch>>,
}

impl PlanCache {
    pub fn new(bytes: u64) -> Self {
        let random = RandomState::new();
        let key = FingerprintKey([random.hash_one(1u8), random.hash_one(2u8)]);
        let items = (bytes / (2 * PLAN_OVERHEAD_BYTES)).max(16) as usize;
        Self {
            entries: Cache::with_weighter(items, bytes, ByBytes),
            key,
            hasher: RandomState::new(),
            scratch: Mutex::default(),
        }
    }

    /// The plan of a statement that was seen before, with this statement's values.
    pub fn find(
        &self,
        sql: &[u8],
        session: &Session,
        options: &ParseOptions,
        layout_version: u64,
    ) -> Option<(Arc<Plan>, BindVars)> {
        self.with_scratch(|scratch| {
            let hash = self.hash(sql, session, options, layout_version, scratch)?;
            let entry = self.entries.get(&hash)?;
            if !entry.is_of(&scratch.skeleton, session, layout_version) {
                return None;
            }
            let values = sqlast::bind_values(sql, options, &scratch.literals);
            if values.len() != entry.names.len() {
                return None;
            }
            let named = entry.names.iter().cloned().zip(values.iter().map(|v| binds::bind_of(v).into()));
            Some((entry.plan.clone(), named.collect()))
        })
    }

    pub fn insert(
        &self,
        sql: &[u8],
        session: &Session,
        options: &ParseOptions,
        layout_version: u64,
        normalized: &Normalized,
        plan: Arc<Plan>,
    ) {
        self.with_scratch(|scratch| {
            let hash = self.hash(sql, session, options, layout_version, scratch)?;
            let entry = Entry {
                skeleton: scratch.skeleton.as_slice().into(),
                keyspace: session.target.keyspace.as_str().into(),
                shard: session.target.shard.as_deref().map(Into::into),
                tablet_type: session.tablet_type(),
                sql_mode: session.sql_mode,
                select_limit: session.select_limit,
                layout_version,
                names: normalized.binds.iter().map(|(name, _)| name.to_string_lossy().into_owned()).collect(),
                plan,
            };
            self.entries.insert(hash, Arc::new(entry));
            Some(())
        });
    }

    pub fn all(&self) -> Vec<Arc<Plan>> {
        self.entries.iter().map(|(_, e)| e.plan.clone()).collect()
    }

    /// The key of a statement whose plan may be cached; fills the scratch.
    fn hash(
        &self,
        sql: &[u8],
        session: &Session,
        options: &ParseOptions,
        layout_version: u64,
        scratch: &mut Scratch,
    ) -> Option<u128> {
        if sql.len() > MAX_STATEMENT_BYTES {
            return None;
        }
        let fingerprint = sqlast::fingerprint(sql, options, &self.key, scratch)?;
        use StatementKind as K;
        if !matches!(fingerprint.kind, K::Select | K::Insert | K::Replace | K::Update | K::Delete) {
            return None;
        }
        let t = &session.target;
        let settings = (session.sql_mode, session.select_limit);
        let around = (&t.keyspace, &t.shard, session.tablet_type() as i32, settings, layout_version);
        let around = self.hasher.hash_one(around);
        Some(fingerprint.hash ^ (u128::from(around) << 64 | u128::from(around.rotate_left(32))))
    }

    fn with_scratch<T>(&self, work: impl FnOnce(&mut Scratch) -> Option<T>) -> Option<T> {
        let lock = || self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = lock().pop().unwrap_or_default();
        let result = work(&mut scratch);
        let mut kept = lock();
        if kept.len() < MAX_SCRATCH {
            kept.push(scratch);
        }
        result
    }
}

impl Entry {
    fn is_of(&self, skeleton: &[u8], session: &Session, layout_version: u64) -> bool {
        *self.skeleton == *skeleton
            && self.layout_version == layout_version
            && *self.keyspace == *session.target.keyspace
            && self.shard.as_deref() == session.target.shard.as_deref()
            && self.tablet_type == session.tablet_type()
            && self.sql_mode == session.sql_mode
            && self.select_limit == session.select_limit
    }
}
