//! A lock server in this process's memory: for tests, and for trying things out.
//!
//! It behaves as etcd does in everything the conformance suite asks, and can be made unreachable
//! ([`MemoryStore::set_reachable`]) to show what a process does without its lock server. [`MemoryCells`] has one for each
//! cell.

mod cells;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
pub use cells::{Loss, MemoryCells};
use tokio::sync::{
    broadcast::{self, error::RecvError},
    mpsc,
};
use vterrors::{Condition, Error, Result};

use crate::{
    CellFactory, Change, Conn, DirEntry, Entry, HeldLock, LockRequest, Version, Versioned, WatchTarget,
    Watching,
    errors::{bad_version, no_node, node_exists, unavailable},
    lock::Holder,
    paths::LOCKS,
};

/// Old values that are kept for reading by version.
const HISTORY: usize = 1000;
/// Changes that a slow watcher may be behind before its watch is broken off.
const WATCH_BUFFER: usize = 1024;

/// The nodes of one lock server; every connection opened from clones of it sees the same.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    events: broadcast::Sender<Event>,
}

#[derive(Debug)]
struct State {
    /// By full key, root included.
    nodes: BTreeMap<String, Node>,
    history: VecDeque<(String, Version, Vec<u8>)>,
    revision: i64,
    unreachable: bool,
    calls: u64,
}

#[derive(Debug, Clone)]
struct Node {
    value: Vec<u8>,
    version: Version,
    leased: bool,
}

#[derive(Debug, Clone)]
enum Event {
    Changed { key: Arc<str>, value: Option<Vec<u8>>, version: Version },
    Disconnected,
}

impl Default for MemoryStore {
    fn default() -> Self {
        let state = State {
            nodes: BTreeMap::new(),
            history: VecDeque::new(),
            revision: 0,
            unreachable: false,
            calls: 0,
        };
        Self { state: Arc::new(Mutex::new(state)), events: broadcast::channel(WATCH_BUFFER).0 }
    }
}

impl MemoryStore {
    /// Lets every call fail from now on (and every watch end), or heals it again.
    pub fn set_reachable(&self, reachable: bool) {
        self.state().unreachable = !reachable;
        if !reachable {
            self.break_watches();
        }
    }

    /// Ends every watch, as a lock server does that restarts.
    pub fn break_watches(&self) {
        // Nobody listens if there are no watches.
        drop(self.events.send(Event::Disconnected));
    }

    /// How many calls were made so far: a test counts what a loop costs.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was held leaves whole nodes: each change is one insert or remove.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reached(&self) -> Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        state.calls += 1;
        if state.unreachable { Err(unavailable("the memory topology is switched off")) } else { Ok(state) }
    }

    fn put(&self, state: &mut State, key: &str, value: Vec<u8>, leased: bool) -> Version {
        state.revision += 1;
        let version = Version(state.revision);
        state.nodes.insert(key.to_owned(), Node { value: value.clone(), version, leased });
        if state.history.len() == HISTORY {
            state.history.pop_front();
        }
        state.history.push_back((key.to_owned(), version, value.clone()));
        drop(self.events.send(Event::Changed { key: key.into(), value: Some(value), version }));
        version
    }

    fn remove(&self, state: &mut State, key: &str) -> bool {
        if state.nodes.remove(key).is_none() {
            return false;
        }
        state.revision += 1;
        let version = Version(state.revision);
        drop(self.events.send(Event::Changed { key: key.into(), value: None, version }));
        true
    }
}

/// Opens roots of one store.
#[derive(Debug, Clone, Default)]
pub struct MemoryFactory {
    store: MemoryStore,
}

impl MemoryFactory {
    pub fn new(store: MemoryStore) -> Self {
        Self { store }
    }
}

#[async_trait]
impl CellFactory for MemoryFactory {
    async fn open(&self, _cell: &str, _address: &str, root: &str) -> Result<Arc<dyn Conn>> {
        Ok(Arc::new(MemoryConn { store: self.store.clone(), root: root.trim_end_matches('/').to_owned() }))
    }
}

#[derive(Debug, Clone)]
struct MemoryConn {
    store: MemoryStore,
    root: String,
}

impl MemoryConn {
    fn key(&self, path: &str) -> String {
        format!("{}/{path}", self.root)
    }

    fn path(&self, key: &str) -> String {
        key.strip_prefix(&self.root).unwrap_or(key).trim_start_matches('/').to_owned()
    }

    fn below<'a>(&self, state: &'a State, prefix: &str) -> impl Iterator<Item = (&'a String, &'a Node)> {
        let prefix = self.key(prefix);
        state.nodes.range(prefix.clone()..).take_while(move |(key, _)| key.starts_with(&prefix))
    }

    fn entries(&self, state: &State, prefix: &str) -> Vec<Entry> {
        self.below(state, prefix)
            .map(|(key, node)| Entry {
                path: self.path(key),
                value: node.value.clone(),
                version: node.version,
            })
            .collect()
    }
}

#[async_trait]
impl Conn for MemoryConn {
    async fn get(&self, path: &str) -> Result<Versioned<Vec<u8>>> {
        let state = self.store.reached()?;
        let node = state.nodes.get(&self.key(path)).ok_or_else(|| no_node(path))?;
        Ok(Versioned { value: node.value.clone(), version: node.version })
    }

    async fn get_version(&self, path: &str, version: Version) -> Result<Vec<u8>> {
        let state = self.store.reached()?;
        let key = self.key(path);
        let found = state.history.iter().find(|(k, v, _)| *k == key && *v == version);
        found
            .map(|(_, _, value)| value.clone())
            .ok_or_else(|| no_node(format!("{path} at version {version}")))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Entry>> {
        let state = self.store.reached()?;
        Ok(self.entries(&state, prefix))
    }

    async fn list_dir(&self, dir: &str) -> Result<Vec<DirEntry>> {
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let state = self.store.reached()?;
        let below = self.below(&state, &prefix).map(|(key, node)| (self.path(key), node.leased));
        let entries = crate::etcd::children(&prefix, below);
        if entries.is_empty() { Err(no_node(dir)) } else { Ok(entries) }
    }

    async fn create(&self, path: &str, value: Vec<u8>) -> Result<Version> {
        let mut state = self.store.reached()?;
        let key = self.key(path);
        if state.nodes.contains_key(&key) {
            return Err(node_exists(path));
        }
        Ok(self.store.put(&mut state, &key, value, false))
    }

    async fn update(&self, path: &str, value: Vec<u8>, version: Option<Version>) -> Result<Version> {
        let mut state = self.store.reached()?;
        let key = self.key(path);
        let current = state.nodes.get(&key).map(|n| n.version);
        if version.is_some() && version != current {
            return Err(bad_version(path));
        }
        Ok(self.store.put(&mut state, &key, value, false))
    }

    async fn delete(&self, path: &str, version: Option<Version>) -> Result<()> {
        let mut state = self.store.reached()?;
        let key = self.key(path);
        let current = state.nodes.get(&key).map(|n| n.version).ok_or_else(|| no_node(path))?;
        if version.is_some_and(|v| v != current) {
            return Err(bad_version(path));
        }
        self.store.remove(&mut state, &key);
        Ok(())
    }

    async fn watch(&self, target: WatchTarget) -> Result<Watching> {
        let (tx, changes) = mpsc::channel(WATCH_BUFFER);
        let (current, events) = {
            let state = self.store.reached()?;
            let mut current = self.entries(&state, target.path());
            if let WatchTarget::Path(path) = &target {
                current.retain(|e| e.path == *path);
            }
            (current, self.store.events.subscribe())
        };
        tokio::spawn(pump(self.clone(), target, events, tx));
        Ok(Watching { current, changes })
    }

    async fn lock(&self, request: LockRequest) -> Result<Box<dyn HeldLock>> {
        let deadline = Instant::now() + request.timeout;
        let queue = format!("{}/{LOCKS}/", request.dir);
        let (held, mut events) = {
            let mut state = self.store.reached()?;
            if request.must_exist && self.below(&state, &format!("{}/", request.dir)).next().is_none() {
                return Err(no_node(&request.dir));
            }
            if request.no_wait && self.below(&state, &queue).next().is_some() {
                return Err(node_exists(format!("{}/{LOCKS}", request.dir)));
            }
            let key = self.key(&format!("{queue}{}", state.revision + 1));
            let version = self.store.put(&mut state, &key, request.contents.clone().into_bytes(), true);
            (MemoryLock { store: self.store.clone(), key, version }, self.store.events.subscribe())
        };
        // From here on a failure drops `held`, which leaves the queue.
        loop {
            let mine = held.version;
            let first = self.below(&*self.store.reached()?, &queue).all(|(_, node)| node.version >= mine);
            if first {
                return Ok(Box::new(held));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if tokio::time::timeout(left, changed_below(&mut events, &self.key(&queue))).await.is_err() {
                let state = self.store.reached()?;
                let first = self.below(&state, &queue).min_by_key(|(_, node)| node.version);
                let holder = first.map(|(_, node)| Holder::told(&node.value)).unwrap_or_default();
                return Err(not_unlocked(&request.dir, request.timeout, &holder));
            }
        }
    }
}

fn not_unlocked(dir: &str, after: Duration, holder: &str) -> Error {
    let text = format!("deadline exceeded: {dir} was not unlocked within {after:?}; it is held for {holder}");
    Error::new(Condition::Timeout, text)
}

/// Waits until something below `prefix` may have changed.
async fn changed_below(events: &mut broadcast::Receiver<Event>, prefix: &str) {
    loop {
        match events.recv().await {
            Ok(Event::Changed { key, .. }) if !key.starts_with(prefix) => {}
            _ => return,
        }
    }
}

async fn pump(
    conn: MemoryConn,
    target: WatchTarget,
    mut events: broadcast::Receiver<Event>,
    tx: mpsc::Sender<Result<Change>>,
) {
    let lost =
        |why: &str| Error::new(Condition::ConnectionLost, format!("watch of {}: {why}", target.path()));
    loop {
        let event = tokio::select! {
            () = tx.closed() => return,
            event = events.recv() => event,
        };
        let message = match event {
            Ok(Event::Changed { key, value, version }) => {
                let path = conn.path(&key);
                let ours = key.starts_with(&format!("{}/", conn.root))
                    && match &target {
                        WatchTarget::Path(p) => path == *p,
                        WatchTarget::Prefix(p) => path.starts_with(p.as_str()),
                    };
                if !ours {
                    continue;
                }
                Ok(Change { path, value, version })
            }
            Ok(Event::Disconnected) => Err(lost("the server went away")),
            Err(RecvError::Lagged(n)) => {
                Err(lost(&format!("{n} changes were missed (limit {WATCH_BUFFER})")))
            }
            Err(RecvError::Closed) => Err(lost("the store was dropped")),
        };
        let last = message.is_err();
        if tx.send(message).await.is_err() || last {
            return;
        }
    }
}

#[derive(Debug)]
struct MemoryLock {
    store: MemoryStore,
    key: String,
    version: Version,
}

#[async_trait]
impl HeldLock for MemoryLock {
    async fn check(&self) -> Result<()> {
        let state = self.store.reached()?;
        let held = state.nodes.get(&self.key).is_some_and(|n| n.version == self.version);
        if held { Ok(()) } else { Err(no_node(&self.key)) }
    }

    async fn unlock(&self) -> Result<()> {
        let mut state = self.store.reached()?;
        self.store.remove(&mut state, &self.key);
        Ok(())
    }
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        let mut state = self.store.state();
        self.store.remove(&mut state, &self.key);
    }
}
