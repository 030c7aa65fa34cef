//! What vtgate knows of the data's layout: the VSchema and the shards of each keyspace, as watched in the
//! topology of its own cell. An immutable picture behind an atomic pointer; with the topology gone, the
//! last picture goes on being used.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use proto::{topodata::SrvKeyspace, vschema::SrvVSchema};
use servenv::Context;
use tokio::sync::{mpsc, watch};
use topo::Seen;
use tracing::{info, warn};
use vschema::{ShardTable, VSchema, no_files};
use vterrors::{Condition, Error, Result};
use vtmodel::TabletType;

/// One moment's layout. `version` grows with each change and is part of the plan cache's key.
pub struct Layout {
    pub version: u64,
    pub vschema: VSchema,
    shards: HashMap<(String, TabletType), Arc<ShardTable>>,
    srv_keyspaces: BTreeMap<String, Arc<SrvKeyspace>>,
}

impl Layout {
    fn empty() -> Self {
        Self {
            version: 0,
            vschema: VSchema::new(&SrvVSchema::default(), &no_files),
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

    pub fn has_keyspace(&self, keyspace: &str) -> bool {
        self.srv_keyspaces.contains_key(keyspace)
    }
}

/// The watched layout; clones share it.
#[derive(Clone)]
pub struct Schema {
    current: Arc<ArcSwap<Layout>>,
}

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
        if let Err(e) = first {
            return Err(e.context(format!("reading the VSchema of cell {cell}")));
        }
        let mut keeper =
            Keeper { topo, cell: cell.to_owned(), current: current.clone(), watches: BTreeMap::new() };
        let (wake, woken) = mpsc::channel(1);
        keeper.rebuild(&vschema.borrow_and_update().clone(), limit, &wake).await;
        context.spawn("schema", keeper.run(vschema, wake, woken));
        Ok(Self { current })
    }

    pub fn layout(&self) -> arc_swap::Guard<Arc<Layout>> {
        self.current.load()
    }
}

struct Keeper {
    topo: Arc<topo::Server>,
    cell: String,
    current: Arc<ArcSwap<Layout>>,
    /// A watch of each keyspace that the VSchema names.
    watches: BTreeMap<String, watch::Receiver<Seen<SrvKeyspace>>>,
}

impl Keeper {
    async fn run(
        mut self,
        mut vschema: watch::Receiver<Seen<SrvVSchema>>,
        wake: mpsc::Sender<()>,
        mut woken: mpsc::Receiver<()>,
    ) {
        loop {
            tokio::select! {
                changed = vschema.changed() => if changed.is_err() { return },
                _ = woken.recv() => {}
            }
            let seen = vschema.borrow_and_update().clone();
            self.rebuild(&seen, Duration::from_secs(5), &wake).await;
        }
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
        let vschema = VSchema::new(&source, &no_files);
        for problem in vschema.problems() {
            warn!(?problem, "the VSchema has a fault");
        }
        let version = self.current.load().version + 1;
        info!(version, keyspaces = srv_keyspaces.len(), "layout changed");
        self.current.store(Arc::new(Layout { version, vschema, shards, srv_keyspaces }));
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
