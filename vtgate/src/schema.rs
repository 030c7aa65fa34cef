//! What vtgate knows of the data's layout: the VSchema and the shards of each keyspace, as watched in the
//! topology of its own cell. An immutable picture behind an atomic pointer; with the topology gone, the
//! last picture goes on being used.

mod alter;
mod columns;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use proto::{topodata::SrvKeyspace, vschema::SrvVSchema};
use servenv::Context;
use tokio::sync::{mpsc, oneshot, watch};
use topo::Seen;
use tracing::{info, warn};
use vschema::{ShardTable, VSchema, no_files};
use vterrors::{Condition, Error, Result};
use vtmodel::TabletType;

use crate::gateway::Gateway;

/// One moment's layout. `version` grows with each change and is part of the plan cache's key.
pub struct Layout {
    pub version: u64,
    pub vschema: VSchema,
    /// What `vschema` was made of.
    source: Arc<SrvVSchema>,
    shards: HashMap<(String, TabletType), Arc<ShardTable>>,
    srv_keyspaces: BTreeMap<String, Arc<SrvKeyspace>>,
}

impl Layout {
    fn empty() -> Self {
        Self {
            version: 0,
            vschema: VSchema::new(&SrvVSchema::default(), &no_files),
            source: Arc::default(),
            shards: HashMap::new(),
            srv_keyspaces: BTreeMap::new(),
        }
    }

    /// The shards of a keyspace for a tablet type.
    pub fn shards(&self, keyspace: &str, tablet_type: TabletType) -> Result<Arc<ShardTable>> {
        if let Some(table) = self.shards.get(&(keyspace.to_owned(), tablet_type)) {
            return Ok(table.clone());
        }
        match self.srv_keyspaces.get(keyspace) {
            // Says what is wrong with it: nothing served, a gap, an overlap.
            Some(srv) => ShardTable::from_srv_keyspace(keyspace, srv, tablet_type).map(Arc::new),
            None => Err(Error::new(Condition::UnknownKeyspace, format!("Unknown database '{keyspace}'"))),
        }
    }

    /// Keyspaces that are served in this cell, in order.
    pub fn keyspaces(&self) -> impl Iterator<Item = &str> {
        self.srv_keyspaces.keys().map(String::as_str)
    }

    /// A vindex as the VSchema describes it.
    pub fn described_vindex(&self, keyspace: &str, name: &str) -> Option<&proto::vschema::Vindex> {
        self.source.keyspaces.get(keyspace)?.vindexes.get(name)
    }

    pub fn has_keyspace(&self, keyspace: &str) -> bool {
        self.srv_keyspaces.contains_key(keyspace)
    }
}

/// The watched layout; clones share it.
#[derive(Clone)]
pub struct Schema {
    current: Arc<ArcSwap<Layout>>,
    topo: Arc<topo::Server>,
    cell: String,
    /// The version of the layout, whenever it changes.
    changes: watch::Receiver<u64>,
    /// Wishes for a look at a keyspace's columns.
    wishes: mpsc::Sender<Wish>,
    /// Columns that were looked at, for the task that owns the layout.
    found: mpsc::Sender<Found>,
    /// The other end of `wishes`, until tracking starts.
    wished: Arc<Mutex<Option<mpsc::Receiver<Wish>>>>,
}

/// Somebody wants the columns of a keyspace to be looked at, and may wait until they are in the layout.
struct Wish {
    keyspace: String,
    at: tokio::time::Instant,
    done: oneshot::Sender<()>,
}

/// The columns and keys of all tables of a keyspace.
struct Found {
    keyspace: String,
    tables: TrackedTables,
    done: oneshot::Sender<()>,
}

type TrackedTables = BTreeMap<String, vschema::TrackedTable>;

/// How many wishes may wait; more are as good as none.
const WISHES: usize = 64;
/// Looks at columns that become one new layout, where many are done at the same time: a layout of many tables takes long.
const FOUND_AT_ONCE: usize = 64;
/// How long a statement waits for a look at the columns.
const WISH_LIMIT: Duration = Duration::from_secs(5);

impl Schema {
    /// Begins to watch and waits, at most `limit`, until the VSchema and the keyspaces were seen once.
    pub async fn start(
        topo: Arc<topo::Server>,
        cell: &str,
        context: &Context,
        limit: Duration,
    ) -> Result<Self> {
        let current = Arc::new(ArcSwap::from_pointee(Layout::empty()));
        let mut vschema = topo.watch_srv_vschema(cell).await?;
        let first = topo::watch::first(&mut vschema, limit).await;
        let first = first.map_err(|e| e.context(format!("reading the VSchema of cell {cell}")))?;
        if first.value().is_none() {
            rebuild_missing(&topo, cell, &mut vschema, limit).await?;
        }
        let (changed, changes) = watch::channel(0);
        let mut keeper = Keeper {
            topo: topo.clone(),
            cell: cell.to_owned(),
            current: current.clone(),
            changed,
            watches: BTreeMap::new(),
            tracked: BTreeMap::new(),
            warned: BTreeMap::new(),
        };
        let (wake, woken) = mpsc::channel(1);
        let (found, to_take) = mpsc::channel(FOUND_AT_ONCE);
        let (wishes, wished) = mpsc::channel(WISHES);
        keeper.rebuild(&vschema.borrow_and_update().clone(), limit, &wake).await;
        context.spawn("schema", keeper.run(vschema, wake, woken, to_take));
        let (wished, cell) = (Arc::new(Mutex::new(Some(wished))), cell.to_owned());
        Ok(Self { current, topo, cell, changes, wishes, found, wished })
    }

    pub fn layout(&self) -> arc_swap::Guard<Arc<Layout>> {
        self.current.load()
    }

    /// The cluster's metadata (`SHOW VITESS_METADATA VARIABLES`), read from the topology.
    pub async fn metadata(&self) -> Result<BTreeMap<String, String>> {
        self.topo.get_metadata("").await
    }

    /// Begins to track the columns of the keyspaces' tables, and waits, at most `limit`, for the first look.
    pub async fn track(&self, gateway: Arc<Gateway>, context: &Context, limit: Duration) {
        let wished = self.wished.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(wished) = wished else { return };
        context.spawn("columns", columns::track(self.clone(), gateway, wished));
        let keyspaces: Vec<String> = self.layout().keyspaces().map(str::to_owned).collect();
        let looks = keyspaces.iter().map(|k| self.look_at_columns(k));
        let _ = tokio::time::timeout(limit, futures::future::join_all(looks)).await;
    }

    /// Looks at the columns of a keyspace again, because a schema change went by or a statement names
    /// something that is not known. Returns when the layout has them, or after a while without.
    pub async fn look_at_columns(&self, keyspace: &str) {
        let (done, wait) = oneshot::channel();
        if self
            .wishes
            .try_send(Wish { keyspace: keyspace.to_owned(), at: tokio::time::Instant::now(), done })
            .is_ok()
        {
            let _ = tokio::time::timeout(WISH_LIMIT, wait).await;
        }
    }
}

/// A cell whose VSchema was never written gets it from the keyspaces' records. The one time that vtgate
/// writes to the topology by itself.
async fn rebuild_missing(
    topo: &topo::Server,
    cell: &str,
    vschema: &mut watch::Receiver<Seen<SrvVSchema>>,
    limit: Duration,
) -> Result<()> {
    info!(cell, "the cell has no VSchema yet: building it");
    topo.rebuild_srv_vschema(&[cell.to_owned()])
        .await
        .map_err(|e| e.context(format!("building the VSchema of cell {cell}")))?;
    // The watch tells of it soon; without it, vtgate starts with nothing to serve and learns later.
    let _ = tokio::time::timeout(limit, vschema.wait_for(|seen| seen.value().is_some())).await;
    Ok(())
}

struct Keeper {
    topo: Arc<topo::Server>,
    cell: String,
    current: Arc<ArcSwap<Layout>>,
    changed: watch::Sender<u64>,
    /// A watch of each keyspace that the VSchema names.
    watches: BTreeMap<String, watch::Receiver<Seen<SrvKeyspace>>>,
    /// What schema tracking found, by keyspace.
    tracked: BTreeMap<String, TrackedTables>,
    /// How many tables were told of by [`Self::warn_of_loose_keys`], by keyspace.
    warned: BTreeMap<String, usize>,
}

impl Keeper {
    async fn run(
        mut self,
        mut vschema: watch::Receiver<Seen<SrvVSchema>>,
        wake: mpsc::Sender<()>,
        mut woken: mpsc::Receiver<()>,
        mut found: mpsc::Receiver<Found>,
    ) {
        let mut batch = Vec::with_capacity(FOUND_AT_ONCE);
        loop {
            tokio::select! {
                changed = vschema.changed() => if changed.is_err() { return },
                _ = woken.recv() => {}
                count = found.recv_many(&mut batch, FOUND_AT_ONCE) => if count == 0 { return },
            }
            let found: Vec<Found> = std::mem::take(&mut batch);
            let told = !found.is_empty();
            let (mut news, mut done) = (false, Vec::new());
            for Found { keyspace, tables, done: wait } in found {
                news |= self.take_found(keyspace, tables);
                done.push(wait);
            }
            if news || !told {
                let seen = vschema.borrow_and_update().clone();
                self.rebuild(&seen, Duration::from_secs(5), &wake).await;
            }
            // Whoever waited may have gone.
            for wait in done {
                let _ = wait.send(());
            }
        }
    }

    /// Whether anything of it is new.
    fn take_found(&mut self, keyspace: String, tables: TrackedTables) -> bool {
        let known = self.tracked.get(&keyspace);
        if known.map_or(tables.is_empty(), |known| *known == tables) {
            return false;
        }
        self.tracked.insert(keyspace, tables);
        true
    }

    /// Makes the layout of what is known now. New keyspaces are watched first, and waited for, within `limit`.
    async fn rebuild(&mut self, seen: &Seen<SrvVSchema>, limit: Duration, wake: &mpsc::Sender<()>) {
        let source = seen.value().cloned().unwrap_or_default();
        self.watches.retain(|keyspace, _| source.keyspaces.contains_key(keyspace));
        let new: Vec<String> =
            source.keyspaces.keys().filter(|k| !self.watches.contains_key(*k)).cloned().collect();
        for keyspace in new {
            match self.watch_keyspace(&keyspace, limit, wake).await {
                Ok(watch) => drop(self.watches.insert(keyspace, watch)),
                Err(e) => warn!(keyspace, "cannot watch the shards of a keyspace: {e}"),
            }
        }
        let mut srv_keyspaces = BTreeMap::new();
        let mut shards = HashMap::new();
        for (keyspace, watch) in &mut self.watches {
            let seen = watch.borrow_and_update().clone();
            let Some(srv) = seen.value() else { continue };
            for tablet_type in [TabletType::Primary, TabletType::Replica, TabletType::Rdonly] {
                if let Ok(table) = ShardTable::from_srv_keyspace(keyspace, srv, tablet_type) {
                    shards.insert((keyspace.clone(), tablet_type), Arc::new(table));
                }
            }
            srv_keyspaces.insert(keyspace.clone(), srv.clone());
        }
        let tracked = self.tracked.iter().map(|(keyspace, tables)| (keyspace.as_str(), tables));
        let vschema = VSchema::new(&source, &no_files).with_all_tracked(tracked);
        for problem in vschema.problems() {
            warn!(?problem, "the VSchema has a fault");
        }
        self.warn_of_loose_keys(&vschema);
        let version = self.current.load().version + 1;
        info!(version, keyspaces = srv_keyspaces.len(), "layout changed");
        self.current.store(Arc::new(Layout { version, vschema, source, shards, srv_keyspaces }));
        self.changed.send_replace(version);
    }

    /// Says of each keyspace, once, that tables are sharded by text whose case MySQL does not look at, but the vindex does.
    fn warn_of_loose_keys(&mut self, vschema: &VSchema) {
        for keyspace in vschema.keyspaces().filter(|k| k.sharded) {
            let mut keys =
                keyspace.tables.values().filter_map(|table| Some((table, table.loosely_compared_key()?)));
            let Some((table, column)) = keys.next() else { continue };
            let tables = 1 + keys.count();
            if self.warned.insert(keyspace.name.clone(), tables) != Some(tables) {
                warn!(
                    keyspace = keyspace.name,
                    tables,
                    table = table.name,
                    column = column.name,
                    collation = column.collation,
                    "the vindex places texts apart that the column's collation holds for equal: look for them as they were \
                     written, or use unicode_loose_xxhash or a collation that ends in _bin"
                );
            }
        }
    }

    async fn watch_keyspace(
        &self,
        keyspace: &str,
        limit: Duration,
        wake: &mpsc::Sender<()>,
    ) -> Result<watch::Receiver<Seen<SrvKeyspace>>> {
        let mut watch = self.topo.watch_srv_keyspace(&self.cell, keyspace).await?;
        // A keyspace that was only just created has no SrvKeyspace yet: the watch will tell.
        let _ = topo::watch::first(&mut watch, limit).await;
        let (mut changes, wake) = (watch.clone(), wake.clone());
        tokio::spawn(async move {
            changes.borrow_and_update();
            while changes.changed().await.is_ok() {
                // One pending wake-up is enough for any number of changes.
                if let Err(mpsc::error::TrySendError::Closed(())) = wake.try_send(()) {
                    return;
                }
            }
        });
        Ok(watch)
    }
}
