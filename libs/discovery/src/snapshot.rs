//! The immutable picture: by target, the tablets that said they are of it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
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

/// Who serves what, at one moment.
#[derive(Clone, Default)]
pub struct Snapshot {
    cell: String,
    /// The other cells of the own cell's alias.
    neighbours: Arc<BTreeSet<String>>,
    by_target: HashMap<Target, Arc<[Arc<TabletHealth>]>>,
    by_alias: BTreeMap<TabletAlias, Arc<TabletHealth>>,
}

impl Snapshot {
    /// The picture of these tablets. Of several primaries of a shard only the one with the newest term counts.
    pub fn of(tablets: impl IntoIterator<Item = Arc<TabletHealth>>) -> Self {
        let by_alias: BTreeMap<_, _> = tablets.into_iter().map(|t| (t.alias.clone(), t)).collect();
        let mut lists: HashMap<Target, Vec<Arc<TabletHealth>>> = HashMap::new();
        for tablet in by_alias.values() {
            let list = lists.entry(tablet.target.clone()).or_default();
            if tablet.target.tablet_type == TabletType::Primary
                && let Some(other) = list.first_mut()
            {
                if tablet.primary_term_start > other.primary_term_start {
                    *other = tablet.clone();
                }
                continue;
            }
            list.push(tablet.clone());
        }
        let by_target = lists.into_iter().map(|(target, list)| (target, list.into())).collect();
        Self { by_target, by_alias, ..Self::default() }
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

    pub fn by_alias(&self, alias: &TabletAlias) -> Option<&Arc<TabletHealth>> {
        self.by_alias.get(alias)
    }

    /// All tablets in the order of their aliases.
    pub fn tablets(&self) -> impl Iterator<Item = &Arc<TabletHealth>> {
        self.by_alias.values()
    }
}
