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
    CellFactory, Conn, Server,
    around::{Around, Surrounded},
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
        Ok(Arc::new(Surrounded { inner, around: Freezing(frozen) }))
    }
}

/// Leaves calls without an answer while it is frozen.
#[derive(Debug)]
struct Freezing(watch::Sender<bool>);

impl Around for Freezing {
    async fn call<T: Send>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        // Its sender is here.
        let _thawed = self.0.subscribe().wait_for(|frozen| !frozen).await.is_ok();
        call.await
    }
}
