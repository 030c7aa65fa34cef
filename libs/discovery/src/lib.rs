//! Health streams of tablets -> an immutable snapshot of who serves what.
//!
//! [`Discovery`] lists the tablets of its cells in the topology, holds a health stream to each, and
//! publishes a [`Snapshot`]; a reader takes it without a lock and keeps it as long as it likes. The
//! topology is only needed to find *new* tablets: with it gone, what is known goes on being served.
//!
//! One task owns the state ([`keeper`]); each tablet has a task that only sends it messages ([`stream`]).
//! Every wait has a limit: a tablet that has been silent for the health-check timeout does not serve. A cell whose
//! topology does not answer holds up neither the other cells nor what tablets say.

mod cells;
mod keeper;
mod snapshot;
mod stream;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::sync::{Notify, watch};

use rpc::Connector;
pub use snapshot::{Distance, Load, Snapshot, TabletHealth, UnderWay};

use vterrors::{Condition, Error, Result};
use vtmodel::Target;

/// What a process watches, and how patiently.
#[derive(Debug, Clone)]
pub struct DiscoveryConfig {
    /// The cell of this process; empty if it is in none.
    pub cell: String,
    /// Cells whose tablets are watched, by their names or by cells aliases.
    pub cells: Vec<String>,
    /// Keyspaces to watch; empty means all.
    pub keyspaces: Vec<String>,
    /// How often the topology is asked for new tablets.
    pub tablet_refresh_interval: Duration,
    /// A tablet that has said nothing for so long does not serve.
    pub healthcheck_timeout: Duration,
    /// The first pause before a broken health stream is opened again; it grows from there.
    pub healthcheck_retry_delay: Duration,
    /// HTTP/2 connections to each tablet.
    pub connections_per_tablet: usize,
    /// How tablets are reached.
    pub connector: Connector,
}

impl Default for DiscoveryConfig {
    fn default() -> Self {
        Self {
            cell: String::new(),
            cells: Vec::new(),
            keyspaces: Vec::new(),
            tablet_refresh_interval: Duration::from_secs(60),
            healthcheck_timeout: Duration::from_secs(60),
            healthcheck_retry_delay: Duration::from_millis(2),
            connections_per_tablet: 2,
            connector: Connector::default(),
        }
    }
}

/// A handle on what is known; cheap to clone.
#[derive(Clone)]
pub struct Discovery {
    shared: Arc<Shared>,
}

struct Shared {
    snapshot: ArcSwap<Snapshot>,
    /// Grows with each published snapshot.
    version: watch::Sender<u64>,
    /// Asks for a look at the topology before the next interval.
    nudge: Notify,
}

impl Discovery {
    /// Begins to watch; `spawn` runs the tasks.
    pub fn start(
        topo: Arc<topo::Server>,
        config: DiscoveryConfig,
        spawn: impl Fn(&'static str, std::pin::Pin<Box<dyn Future<Output = ()> + Send>>),
    ) -> Self {
        let shared = Arc::new(Shared {
            snapshot: ArcSwap::from_pointee(Snapshot::default()),
            version: watch::Sender::new(0),
            nudge: Notify::new(),
        });
        spawn("discovery", Box::pin(keeper::run(topo, config, shared.clone())));
        Self { shared }
    }

    /// Nobody to watch: a fixed snapshot, for tests and tools.
    pub fn fixed(snapshot: Snapshot) -> Self {
        let shared = Shared {
            snapshot: ArcSwap::from_pointee(snapshot),
            version: watch::Sender::new(1),
            nudge: Notify::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Another picture, for tests and tools.
    pub fn replace(&self, snapshot: Snapshot) {
        self.shared.snapshot.store(Arc::new(snapshot));
        self.shared.version.send_modify(|version| *version += 1);
    }

    /// Who serves what, as known now.
    pub fn snapshot(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.shared.snapshot.load()
    }

    /// Resolves whenever a newer snapshot than the last seen one is there.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.version.subscribe()
    }

    /// Looks at the topology soon: somebody misses a tablet. At most one look a second.
    pub fn nudge(&self) {
        self.shared.nudge.notify_one();
    }

    /// Waits until a tablet serves `target`, at most `limit`.
    pub async fn wait_for(&self, target: &Target, limit: Duration) -> Result<()> {
        let mut changes = self.subscribe();
        let wait = async {
            loop {
                changes.borrow_and_update();
                if !self.snapshot().serving(target).is_empty() {
                    return;
                }
                self.nudge();
                if changes.changed().await.is_err() {
                    return std::future::pending().await;
                }
            }
        };
        tokio::time::timeout(limit, wait).await.map_err(|_| {
            Error::new(Condition::NoHealthyTablet, format!("no tablet serves {target} after {limit:?}"))
        })
    }
}

#[cfg(test)]
mod tests;
