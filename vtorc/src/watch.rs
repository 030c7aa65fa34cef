//! Watching: the topology is read at an interval, and every shard has a task of its own that looks at the shard's
//! tablets and keeps what was seen ([`shard`]).
//!
//! Calls to different tablets never wait for each other, each has a limit, and so has their number. A cell or a
//! keyspace whose records cannot be read keeps what was known of it.

mod clusters;
pub mod look;
pub(crate) mod shard;
pub mod topology;
pub(crate) mod turns;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use servenv::Context;
use tabletclient::TabletManagerClient;
use tokio::{sync::watch, time::Instant};

pub use clusters::Clusters;
pub(crate) use turns::Turns;

use crate::{
    board::Board,
    config::WatchConfig,
    policy::Policy,
    recover::Recoverer,
    view::{Moment, ShardRecords},
};

/// With more shards than this, their first looks are spread over the interval.
const SPREAD_ABOVE: usize = 50;

/// What every shard's task needs.
pub(crate) struct Shared {
    pub topo: topo::Server,
    pub tablets: Arc<dyn TabletManagerClient>,
    pub config: WatchConfig,
    pub policy: Policy,
    pub board: Arc<Board>,
    pub recoverer: Recoverer,
    pub turns: Turns,
    started: Instant,
}

impl Shared {
    pub(crate) fn new(
        topo: topo::Server,
        tablets: Arc<dyn TabletManagerClient>,
        config: WatchConfig,
        policy: Policy,
        board: Arc<Board>,
        recoverer: Recoverer,
    ) -> Self {
        let turns = Turns::new(config.workers);
        Self { topo, tablets, config, policy, board, recoverer, turns, started: Instant::now() }
    }

    pub(crate) fn now(&self) -> Moment {
        self.started.elapsed()
    }

    pub(crate) fn instant(&self, at: Moment) -> Instant {
        self.started + at
    }
}

type Name = (String, String);

/// Reads the topology again and again, and starts and ends the tasks of shards.
pub(crate) struct Watcher {
    shared: Arc<Shared>,
    context: Context,
    shards: BTreeMap<Name, watch::Sender<Arc<ShardRecords>>>,
}

impl Watcher {
    pub(crate) fn new(shared: Arc<Shared>, context: Context) -> Self {
        Self { shared, context, shards: BTreeMap::new() }
    }

    /// For as long as the process runs.
    pub(crate) async fn run(mut self) {
        loop {
            let begun = Instant::now();
            self.refresh().await;
            // A new cluster's shards and tablets appear one after the other.
            let pause = match self.shards.is_empty() {
                true => self.shared.config.topo_refresh.min(Duration::from_secs(1)),
                false => self.shared.config.topo_refresh,
            };
            tokio::time::sleep_until(begun + pause).await;
        }
    }

    async fn refresh(&mut self) {
        let read = topology::read_all(&self.shared.topo, &self.shared.config.clusters).await;
        let read = match read {
            Ok(read) => read,
            Err(e) => {
                tracing::warn!(error = %e, "the topology could not be read; what was read before counts");
                self.shared.board.topology_failed(e.to_string());
                return;
            }
        };
        self.shared.board.topology_read(read.fault());
        if let Some(disabled) = read.recoveries_disabled {
            self.shared.board.set_disabled(disabled);
        }
        let gone: Vec<Name> = self
            .shards
            .keys()
            .filter(|(keyspace, shard)| {
                !read.shards.contains_key(&(keyspace.clone(), shard.clone()))
                    && !read.failed_keyspaces.contains_key(keyspace)
            })
            .cloned()
            .collect();
        for name in gone {
            // Its task ends when its records have no sender any more.
            self.shards.remove(&name);
            self.shared.board.forget(&name);
        }
        let spread = read.shards.len() > SPREAD_ABOVE;
        let count = u32::try_from(read.shards.len()).unwrap_or(u32::MAX);
        for (place, (name, records)) in (0u32..).zip(read.shards) {
            let records = Arc::new(records);
            match self.shards.entry(name) {
                Entry::Occupied(known) => {
                    known.get().send_if_modified(|old| {
                        let changed = **old != *records;
                        *old = records;
                        changed
                    });
                }
                Entry::Vacant(new) => {
                    let (sender, receiver) = watch::channel(records);
                    new.insert(sender);
                    let first = match spread {
                        true => self.shared.config.poll * place / count.max(1),
                        false => Duration::ZERO,
                    };
                    let task = shard::Task::new(self.shared.clone(), receiver, first);
                    self.context.spawn_on_cores("shard", task.run());
                }
            }
        }
    }
}
