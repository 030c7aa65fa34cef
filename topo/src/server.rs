//! The topology as the suite sees it: typed records over a global root and the cells' roots.
//!
//! One `Server` a process, cheap to clone, handed down. Cells are opened when first needed, from their
//! `CellInfo`; a cell stays usable from what is open when the global root is away. A cell that does not answer holds
//! nobody up for long ([`cell_conn`]).

mod cell_conn;
mod cells;
mod history;
mod keyspaces;
mod locks;
mod records;
mod replication;
mod rules;
mod serving;
mod shards;
mod srv_vschema;
mod tablets;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::sync::Mutex;
use vterrors::{Error, Result};

use self::cell_conn::{CellConn, CellLimits};
pub(crate) use self::records::decode;
pub use self::{
    history::HistoryEntry,
    records::Edit,
    shards::{ShardInfo, denied_tables, parse_shard_name},
    tablets::FoundTablets,
};
use crate::{
    Conn, Layout, TopoConfig,
    errors::{is_no_node, optional},
    etcd::EtcdFactory,
    memory::MemoryFactory,
    options::Implementation,
};

/// The name by which the global root is asked for where a cell is expected.
pub const GLOBAL_CELL: &str = "global";

/// How long an open cell is used before its `CellInfo` is read again.
const CELL_RECHECK: Duration = Duration::from_secs(30);

/// The limit of a call to the lock server where no option sets it.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(15);

/// Opens a connection to one root. One implementation a backend.
#[async_trait]
pub trait CellFactory: Send + Sync + std::fmt::Debug {
    /// `address` is `host:port`, several joined by commas. Opening does not wait for the server.
    async fn open(&self, cell: &str, address: &str, root: &str) -> Result<Arc<dyn Conn>>;
}

/// The topology.
#[derive(Clone, Debug)]
pub struct Server {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    global: Arc<dyn Conn>,
    factory: Box<dyn CellFactory>,
    cells: Mutex<BTreeMap<String, OpenCell>>,
    lock_timeout: Duration,
    layout: Layout,
    cell_limits: CellLimits,
}

#[derive(Debug, Clone)]
struct OpenCell {
    info: proto::topodata::CellInfo,
    conn: Arc<dyn Conn>,
    checked: Instant,
}

impl Server {
    /// Opens the topology that `config` names. Does not wait for the lock server: calls do.
    pub async fn open(config: &TopoConfig) -> Result<Self> {
        let factory: Box<dyn CellFactory> = match config.implementation {
            Implementation::Etcd => Box::new(EtcdFactory::new(config)),
            Implementation::Memory => Box::new(MemoryFactory::default()),
        };
        let (address, root) = (&config.global_server_address, &config.global_root);
        let global = factory.open(GLOBAL_CELL, address, root).await?;
        let (lock_timeout, layout) = (config.lock_timeout, config.layout);
        let cell_limits = CellLimits::of(config.operation_timeout);
        let inner = Inner { global, factory, cells: Mutex::default(), lock_timeout, layout, cell_limits };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The same topology with VSchemas in this layout. Only for a server that was just opened.
    #[must_use]
    pub fn with_layout(self, layout: Layout) -> Self {
        let Inner { global, factory, lock_timeout, cell_limits, .. } = match Arc::try_unwrap(self.inner) {
            Ok(inner) => inner,
            Err(inner) => return Self { inner },
        };
        let inner = Inner { global, factory, cells: Mutex::default(), lock_timeout, layout, cell_limits };
        Self { inner: Arc::new(inner) }
    }

    /// How the VSchemas lie in the topology.
    pub fn layout(&self) -> Layout {
        self.inner.layout
    }

    /// Opens the topology through a factory of one's own (tests).
    pub async fn with_factory(
        factory: Box<dyn CellFactory>,
        global_address: &str,
        global_root: &str,
        lock_timeout: Duration,
    ) -> Result<Self> {
        let global = factory.open(GLOBAL_CELL, global_address, global_root).await?;
        let (layout, cell_limits) = (Layout::default(), CellLimits::of(OPERATION_TIMEOUT));
        let inner = Inner { global, factory, cells: Mutex::default(), lock_timeout, layout, cell_limits };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A topology in this process's memory with the given cells: for tests.
    pub async fn memory(cells: &[&str]) -> Result<Self> {
        Self::in_memory_store(&crate::memory::MemoryStore::default(), cells).await
    }

    /// A topology in `store`, which several servers may share, with the given cells added if missing.
    pub async fn in_memory_store(store: &crate::memory::MemoryStore, cells: &[&str]) -> Result<Self> {
        let factory = Box::new(MemoryFactory::new(store.clone()));
        let server = Self::with_factory(factory, "memory", "/global", Duration::from_secs(45)).await?;
        for cell in cells {
            let info =
                proto::topodata::CellInfo { server_address: "memory".into(), root: format!("/{cell}") };
            match server.create_cell_info(cell, &info).await {
                Err(e) if crate::kind(&e) == crate::ErrorKind::NodeExists => {}
                other => other.map(drop)?,
            }
        }
        Ok(server)
    }

    /// The connection to the global root.
    pub fn global(&self) -> Arc<dyn Conn> {
        self.inner.global.clone()
    }

    /// The longest wait for a lock.
    pub fn lock_timeout(&self) -> Duration {
        self.inner.lock_timeout
    }

    /// The connection to a cell's root; "global" is the global root. `NoNode` if the cell is unknown.
    ///
    /// An open cell goes on being used when the global root cannot be asked.
    pub async fn cell(&self, cell: &str) -> Result<Arc<dyn Conn>> {
        if cell == GLOBAL_CELL {
            return Ok(self.global());
        }
        let known = self.inner.cells.lock().await.get(cell).cloned();
        if let Some(open) = &known
            && open.checked.elapsed() < CELL_RECHECK
        {
            return Ok(open.conn.clone());
        }
        let info = match (self.get_cell_info(cell).await, &known) {
            (Ok(info), _) => info.value,
            (Err(e), Some(open)) if !is_no_node(&e) => {
                tracing::warn!(cell, error = %e, "cannot read the CellInfo again; the open connection is used");
                open.info.clone()
            }
            (Err(e), _) => {
                self.forget_cell(cell).await;
                return Err(e);
            }
        };
        self.reopen_cell(cell, info).await
    }

    async fn reopen_cell(&self, cell: &str, info: proto::topodata::CellInfo) -> Result<Arc<dyn Conn>> {
        let mut cells = self.inner.cells.lock().await;
        if let Some(open) = cells.get_mut(cell)
            && open.info == info
        {
            open.checked = Instant::now();
            return Ok(open.conn.clone());
        }
        let conn = self.inner.factory.open(cell, &info.server_address, &info.root).await?;
        let conn: Arc<dyn Conn> = Arc::new(CellConn::new(cell, conn, self.inner.cell_limits));
        cells.insert(cell.to_owned(), OpenCell { info, conn: conn.clone(), checked: Instant::now() });
        Ok(conn)
    }

    async fn forget_cell(&self, cell: &str) {
        self.inner.cells.lock().await.remove(cell);
    }

    /// Values of SHOW/SET VITESS_METADATA whose key starts with `prefix`.
    pub async fn get_metadata(&self, prefix: &str) -> Result<BTreeMap<String, String>> {
        let entries = self.inner.global.list(&crate::paths::metadata(prefix)).await?;
        Ok(entries
            .into_iter()
            .map(|e| {
                let key = e.path[crate::paths::METADATA.len() + 1..].to_owned();
                (key, String::from_utf8_lossy(&e.value).into_owned())
            })
            .collect())
    }

    /// Writes a value of VITESS_METADATA; an empty one deletes it.
    pub async fn set_metadata(&self, key: &str, value: &str) -> Result<()> {
        let path = crate::paths::metadata(key);
        if value.is_empty() {
            return optional(self.inner.global.delete(&path, None).await).map(drop);
        }
        self.inner.global.update(&path, value.as_bytes().to_vec(), None).await.map(drop)
    }
}

/// Refuses a name that cannot be a path element: `what` is the noun ("keyspace", "cell").
pub fn check_name(what: &str, name: &str) -> Result<()> {
    let bad = |why: &str| Err(Error::invalid(format!("invalid {what} name {name:?}: {why}")));
    if name.is_empty() {
        return bad("it is empty");
    }
    if name.len() > 64 {
        return bad("it is longer than 64 bytes");
    }
    if name == "." || name == ".." || name.contains(|c: char| c == '/' || c.is_control()) {
        return bad("it may hold neither '/' nor control characters");
    }
    Ok(())
}
