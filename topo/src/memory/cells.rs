//! Several lock servers in memory, one for each address, any of which can be lost: for tests of lost cells.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::watch;
use vterrors::Result;

use super::{MemoryFactory, MemoryStore};
use crate::{
    CellFactory, Conn, DirEntry, Entry, HeldLock, LockRequest, Server, Version, Versioned, WatchTarget,
    Watching,
};

/// The lock servers of a cluster: `global`, and one for each cell.
#[derive(Debug, Clone, Default)]
pub struct MemoryCells {
    stores: Arc<Mutex<BTreeMap<String, Store>>>,
}

#[derive(Debug, Clone)]
struct Store {
    nodes: MemoryStore,
    /// While it is true, calls are taken and not answered.
    frozen: watch::Sender<bool>,
}

/// What a lock server does when it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It answers.
    None,
    /// Its process is gone: calls fail at once.
    Gone,
    /// It is stopped or cut off: calls are never answered.
    Frozen,
}

impl MemoryCells {
    /// A topology with these cells, each on a lock server of its own.
    pub async fn server(&self, cells: &[&str]) -> Result<Server> {
        let factory = Box::new(self.clone());
        let server = Server::with_factory(factory, "global", "/global", Duration::from_secs(45)).await?;
        for cell in cells {
            let info = proto::topodata::CellInfo { server_address: (*cell).into(), root: format!("/{cell}") };
            server.create_cell_info(cell, &info).await?;
        }
        Ok(server)
    }

    /// Loses the lock server of a cell (or of `global`), or brings it back with all that it had.
    pub fn lose(&self, cell: &str, loss: Loss) {
        let store = self.store(cell);
        store.nodes.set_reachable(loss != Loss::Gone);
        store.frozen.send_replace(loss == Loss::Frozen);
    }

    fn store(&self, address: &str) -> Store {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Store { nodes: MemoryStore::default(), frozen: watch::Sender::new(false) };
        stores.entry(address.to_owned()).or_insert_with(new).clone()
    }
}

#[async_trait]
impl CellFactory for MemoryCells {
    async fn open(&self, cell: &str, address: &str, root: &str) -> Result<Arc<dyn Conn>> {
        let Store { nodes, frozen } = self.store(address);
        let inner = MemoryFactory::new(nodes).open(cell, address, root).await?;
        Ok(Arc::new(Freezing { inner, frozen }))
    }
}

#[derive(Debug)]
struct Freezing {
    inner: Arc<dyn Conn>,
    frozen: watch::Sender<bool>,
}

impl Freezing {
    async fn call<T>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        // Its sender is here.
        let _thawed = self.frozen.subscribe().wait_for(|frozen| !frozen).await.is_ok();
        call.await
    }
}

#[async_trait]
impl Conn for Freezing {
    async fn get(&self, path: &str) -> Result<Versioned<Vec<u8>>> {
        self.call(self.inner.get(path)).await
    }

    async fn get_version(&self, path: &str, version: Version) -> Result<Vec<u8>> {
        self.call(self.inner.get_version(path, version)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Entry>> {
        self.call(self.inner.list(prefix)).await
    }

    async fn list_dir(&self, dir: &str) -> Result<Vec<DirEntry>> {
        self.call(self.inner.list_dir(dir)).await
    }

    async fn create(&self, path: &str, value: Vec<u8>) -> Result<Version> {
        self.call(self.inner.create(path, value)).await
    }

    async fn update(&self, path: &str, value: Vec<u8>, version: Option<Version>) -> Result<Version> {
        self.call(self.inner.update(path, value, version)).await
    }

    async fn delete(&self, path: &str, version: Option<Version>) -> Result<()> {
        self.call(self.inner.delete(path, version)).await
    }

    async fn watch(&self, target: WatchTarget) -> Result<Watching> {
        self.call(self.inner.watch(target)).await
    }

    async fn lock(&self, request: LockRequest) -> Result<Box<dyn HeldLock>> {
        self.call(self.inner.lock(request)).await
    }
}
