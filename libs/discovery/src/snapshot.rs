//! The immutable picture: by target, the tablets that said they are of it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tabletclient::QueryService;
use vtmodel::{TabletAlias, TabletType, Target};

/// What one tablet last said.
#[derive(Clone)]
pub struct TabletHealth {
    pub alias: TabletAlias,
    pub target: Target,
    pub serving: bool,
    /// Seconds since the epoch when the tablet became primary; 0 if it is not.
    pub primary_term_start: i64,
    pub replication_lag_seconds: u32,
    /// Grows whenever the tablet says that tables or views of its database changed.
    pub schema_version: u64,
    /// Why it does not serve, or an empty text.
    pub error: String,
    pub hostname: String,
    pub service: Arc<dyn QueryService>,
    /// The same in all that is heard of a tablet.
    pub load: Load,
}

impl TabletHealth {
    /// Whether both were told the same.
    pub(crate) fn says_as(&self, other: &Self) -> bool {
        let told = |t: &Self| (t.serving, t.primary_term_start, t.replication_lag_seconds, t.schema_version);
        told(self) == told(other) && self.target == other.target && self.error == other.error
    }
}

/// How many of this process's calls to a tablet are under way. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct Load(Arc<AtomicUsize>);

impl Load {
    pub fn under_way(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts a call until what is returned is dropped.
    pub fn begin(&self) -> UnderWay<'_> {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        UnderWay { load: self, count: before + 1 }
    }
}

/// A call that is under way.
#[derive(Debug)]
pub struct UnderWay<'a> {
    load: &'a Load,
    count: usize,
}

impl UnderWay<'_> {
    /// How many were under way when it began, itself among them.
    pub fn count(&self) -> usize {
        self.count
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.load.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How far away a tablet's cell is; near before far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distance {
    /// The own cell.
    Here,
    /// Another cell of the own cell's alias.
    Near,
    Far,
}

/// Who serves what, at one moment. Cheap to clone: snapshots share what is the same in them.
#[derive(Clone, Default)]
pub struct Snapshot {
    cell: String,
    /// The other cells of the own cell's alias.
    neighbours: Arc<BTreeSet<String>>,
    by_target: Shelf<Target, Arc<[Arc<TabletHealth>]>>,
    by_alias: Shelf<TabletAlias, Arc<TabletHealth>>,
}

impl Snapshot {
    /// The picture of these tablets. Of several primaries of a shard only the one with the newest term counts.
    pub fn of(tablets: impl IntoIterator<Item = Arc<TabletHealth>>) -> Self {
        let mut album = Album::default();
        tablets.into_iter().for_each(|tablet| album.put(tablet));
        album.snapshot()
    }

    /// The same picture, as seen from a cell whose alias has these cells.
    #[must_use]
    pub fn seen_from(self, cell: &str, neighbours: Arc<BTreeSet<String>>) -> Self {
        Self { cell: cell.to_owned(), neighbours, ..self }
    }

    /// How far away a cell is from the one that the picture is seen from.
    pub fn distance(&self, cell: &str) -> Distance {
        match cell == self.cell {
            true => Distance::Here,
            false if self.neighbours.contains(cell) => Distance::Near,
            false => Distance::Far,
        }
    }

    /// Every tablet of the target, serving or not.
    pub fn of_target(&self, target: &Target) -> &[Arc<TabletHealth>] {
        self.by_target.get(target).map_or(&[], |list| list)
    }

    /// The tablets that serve the target.
    pub fn serving(&self, target: &Target) -> Vec<Arc<TabletHealth>> {
        self.of_target(target).iter().filter(|t| t.serving).cloned().collect()
    }

    /// Whether a tablet says to be a primary, and another one does so since a later time and serves.
    pub fn is_replaced(&self, tablet: &TabletHealth) -> bool {
        let primary = self.of_target(&tablet.target).first();
        tablet.target.tablet_type == TabletType::Primary
            && primary.is_some_and(|p| p.serving && p.primary_term_start > tablet.primary_term_start)
    }

    pub fn by_alias(&self, alias: &TabletAlias) -> Option<&Arc<TabletHealth>> {
        self.by_alias.get(alias)
    }

    /// All tablets in the order of their aliases.
    pub fn tablets(&self) -> impl Iterator<Item = &Arc<TabletHealth>> {
        let mut all: Vec<_> = self.by_alias.values().collect();
        all.sort_by(|a, b| a.alias.cmp(&b.alias));
        all.into_iter()
    }
}

/// Makes snapshots, each from the one before. A message of one tablet costs the same whether there are ten tablets or
/// ten thousand.
#[derive(Default)]
pub(crate) struct Album {
    /// Who says to be of a target, in the order of aliases.
    claims: HashMap<Target, BTreeMap<TabletAlias, Arc<TabletHealth>>>,
    current: Snapshot,
}

impl Album {
    /// Takes over what a tablet said last.
    pub(crate) fn put(&mut self, tablet: Arc<TabletHealth>) {
        let old = self.current.by_alias.insert(tablet.alias.clone(), tablet.clone());
        if let Some(old) = old.filter(|old| old.target != tablet.target) {
            self.unclaim(&old);
        }
        let claims = self.claims.entry(tablet.target.clone()).or_default();
        claims.insert(tablet.alias.clone(), tablet.clone());
        self.list(&tablet.target);
    }

    pub(crate) fn remove(&mut self, alias: &TabletAlias) {
        if let Some(old) = self.current.by_alias.remove(alias) {
            self.unclaim(&old);
        }
    }

    /// As it is now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.current.clone()
    }

    /// The tablets that still say to be the primary that `new` is.
    pub(crate) fn replaced_by(&self, new: &TabletHealth) -> impl Iterator<Item = TabletAlias> {
        let claims = self.claims.get(&new.target).into_iter().flat_map(|claims| claims.values());
        claims.filter(|t| t.primary_term_start < new.primary_term_start).map(|t| t.alias.clone())
    }

    /// See [`Snapshot::is_replaced`].
    pub(crate) fn is_replaced(&self, tablet: &TabletHealth) -> bool {
        self.current.is_replaced(tablet)
    }

    fn unclaim(&mut self, tablet: &TabletHealth) {
        if let Some(claims) = self.claims.get_mut(&tablet.target) {
            claims.remove(&tablet.alias);
        }
        self.list(&tablet.target);
    }

    fn list(&mut self, target: &Target) {
        let claims = self.claims.get(target).filter(|claims| !claims.is_empty());
        let Some(claims) = claims else {
            self.claims.remove(target);
            self.current.by_target.remove(target);
            return;
        };
        let list: Arc<[Arc<TabletHealth>]> = match target.tablet_type {
            // Of two of the same term the first.
            TabletType::Primary => {
                claims.values().rev().max_by_key(|t| t.primary_term_start).cloned().into_iter().collect()
            }
            _ => claims.values().cloned().collect(),
        };
        self.current.by_target.insert(target.clone(), list);
    }
}

/// How many parts a map has: a change copies one of them.
const PARTS: usize = 256;

/// A map whose clones share their parts until these change.
#[derive(Clone)]
struct Shelf<K, V>(Box<[Arc<HashMap<K, V>>]>);

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        let part = Arc::new(HashMap::new());
        Self((0..PARTS).map(|_| part.clone()).collect())
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Shelf<K, V> {
    fn place(key: &K) -> usize {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(key);
        usize::try_from(hash % PARTS as u64).unwrap_or(0)
    }

    fn get(&self, key: &K) -> Option<&V> {
        self.0[Self::place(key)].get(key)
    }

    /// What was there before.
    fn insert(&mut self, key: K, value: V) -> Option<V> {
        Arc::make_mut(&mut self.0[Self::place(&key)]).insert(key, value)
    }

    fn remove(&mut self, key: &K) -> Option<V> {
        let part = &mut self.0[Self::place(key)];
        if part.contains_key(key) { Arc::make_mut(part).remove(key) } else { None }
    }

    fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().flat_map(|part| part.values())
    }
}
