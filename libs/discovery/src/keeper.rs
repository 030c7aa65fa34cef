//! The task that owns what is known of the tablets.
//!
//! It takes messages in batches and publishes one snapshot a batch. A message without news publishes nothing: of ten
//! thousand tablets each says every few seconds that all is well. The topology is asked beside that, cell by cell: an
//! answer that does not come is missed by its own cell only, which keeps what is known of it.

use std::{
    collections::{BTreeSet, HashMap},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, stream::FuturesUnordered};
use proto::topodata::Tablet;
use rpc::ChannelOptions;
use tabletclient::{QueryClient, grpc_address};
use tokio::{
    sync::mpsc,
    task::AbortHandle,
    time::{Instant, interval, sleep_until},
};
use tracing::{info, warn};
use vterrors::Result;
use vtmodel::{TabletAlias, TabletType, Target};

use crate::{
    DiscoveryConfig, Shared, TabletHealth,
    cells::Cells,
    snapshot::Album,
    stream::{News, follow},
};

/// How many messages of health streams may wait.
const QUEUE: usize = 4096;
const BATCH: usize = 1024;
/// The shortest time between two looks at the topology that were asked for.
const MIN_NUDGE: Duration = Duration::from_secs(1);
/// How long a primary may go on answering, or say that it steps down, after another one said that it took over. It was
/// stopped before that, or could not be reached: what it answers is on its way, or does not come.
const REPLACED_GRACE: Duration = Duration::from_millis(250);

struct Watched {
    health: Arc<TabletHealth>,
    client: Arc<QueryClient>,
    address: String,
    generation: u64,
    task: AbortHandle,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the topology said.
enum Read {
    Cells(Result<Cells>),
    Tablets(String, Result<Vec<Tablet>>),
}

struct Keeper {
    topo: Arc<topo::Server>,
    config: DiscoveryConfig,
    shared: Arc<Shared>,
    cells: Cells,
    tablets: HashMap<TabletAlias, Watched>,
    album: Album,
    news: mpsc::Sender<News>,
    generations: u64,
    reads: FuturesUnordered<Pin<Box<dyn Future<Output = Read> + Send>>>,
    /// Whether the aliases are being read, and the cells whose tablets are: none is asked twice at a time.
    reading_cells: bool,
    reading: BTreeSet<String>,
    /// Primaries that were replaced, and when calls to them are ended if they do not notice.
    replaced: Vec<(Instant, TabletAlias)>,
}

/// What the keeper's task wakes up for.
enum Woken {
    /// It is time to look at the topology.
    Due,
    /// Tablets said something.
    Heard,
    /// A part of the topology was read.
    Read,
    /// A primary that was replaced has had its grace.
    Replaced,
}

/// Runs until its task is dropped.
pub(crate) async fn run(topo: Arc<topo::Server>, config: DiscoveryConfig, shared: Arc<Shared>) {
    let (news, mut inbox) = mpsc::channel(QUEUE);
    let mut refresh = interval(config.tablet_refresh_interval.max(Duration::from_millis(100)));
    refresh.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut keeper = Keeper {
        topo,
        cells: Cells::unread(&config.cells),
        config,
        shared,
        tablets: HashMap::new(),
        album: Album::default(),
        news,
        generations: 0,
        reads: FuturesUnordered::new(),
        reading_cells: false,
        reading: BTreeSet::new(),
        replaced: Vec::new(),
    };
    let mut batch = Vec::with_capacity(BATCH);
    let mut last_look = Instant::now() - MIN_NUDGE;
    loop {
        let shared = keeper.shared.clone();
        let nudged = async {
            shared.nudge.notified().await;
            sleep_until(last_look + MIN_NUDGE).await;
        };
        let due = keeper.replaced.first().map(|(due, _)| *due);
        let replaced = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        let woken = tokio::select! {
            n = inbox.recv_many(&mut batch, BATCH) => if n == 0 { Woken::Due } else { Woken::Heard },
            Some(read) = keeper.reads.next(), if !keeper.reads.is_empty() => {
                keeper.take(read);
                Woken::Read
            }
            _ = refresh.tick() => Woken::Due,
            () = nudged => Woken::Due,
            () = replaced => Woken::Replaced,
        };
        match woken {
            Woken::Due => {
                keeper.look_at_topology();
                last_look = Instant::now();
            }
            Woken::Heard => {
                let news = batch.drain(..).filter(|n| keeper.hear(n)).count();
                if news > 0 {
                    keeper.publish();
                }
            }
            Woken::Replaced => keeper.end_calls_to_replaced(),
            // Who misses a tablet is told of every read of the topology, and asks for the next one.
            Woken::Read => keeper.publish(),
        }
    }
}

impl Keeper {
    /// Begins to ask every cell for its tablets, and for the aliases.
    fn look_at_topology(&mut self) {
        if !std::mem::replace(&mut self.reading_cells, true) {
            let (topo, own, names) = (self.topo.clone(), self.config.cell.clone(), self.config.cells.clone());
            self.reads.push(Box::pin(async move { Read::Cells(Cells::read(&topo, &own, &names).await) }));
        }
        for cell in self.cells.watched.clone() {
            self.read_tablets(cell);
        }
    }

    fn read_tablets(&mut self, cell: String) {
        if !self.reading.insert(cell.clone()) {
            return;
        }
        let topo = self.topo.clone();
        self.reads.push(Box::pin(async move {
            let records = topo.get_tablets_by_cell(&cell).await;
            Read::Tablets(cell, records.map(|found| found.into_iter().map(|r| r.value).collect()))
        }));
    }

    /// New tablets are followed, removed ones forgotten. A cell that does not answer keeps what is known of it.
    fn take(&mut self, read: Read) {
        match read {
            Read::Cells(answer) => {
                self.reading_cells = false;
                match answer {
                    Ok(cells) => self.watch_cells(cells),
                    Err(e) => warn!("cannot read the cells aliases, keeping those known: {e}"),
                }
            }
            Read::Tablets(cell, answer) => {
                self.reading.remove(&cell);
                match answer {
                    Ok(_) if !self.cells.watched.contains(&cell) => {}
                    Ok(records) => self.update_cell(&cell, records.into_iter()),
                    // An alias that was not read yet.
                    Err(e) if topo::is_no_node(&e) && !self.cells.watched.contains(&cell) => {}
                    Err(e) => warn!(cell, "cannot list tablets, keeping those known: {e}"),
                }
            }
        }
    }

    fn watch_cells(&mut self, cells: Cells) {
        if self.cells == cells {
            return;
        }
        info!(watched = ?cells.watched, near = ?cells.near, "cells");
        let gone = |alias: &TabletAlias| !cells.watched.contains(&alias.cell);
        for alias in self.tablets.extract_if(|alias, _| gone(alias)).map(|(alias, _)| alias) {
            self.album.remove(&alias);
        }
        let known = std::mem::replace(&mut self.cells, cells).watched;
        let new: Vec<String> = self.cells.watched.iter().filter(|c| !known.contains(c)).cloned().collect();
        for cell in new {
            self.read_tablets(cell);
        }
    }

    fn update_cell(&mut self, cell: &str, records: impl Iterator<Item = Tablet>) {
        let mut gone: HashMap<_, ()> =
            self.tablets.keys().filter(|a| a.cell == cell).map(|a| (a.clone(), ())).collect();
        for record in records {
            let Some(alias) = TabletAlias::from_proto(record.alias.as_ref()) else { continue };
            let watched =
                self.config.keyspaces.is_empty() || self.config.keyspaces.contains(&record.keyspace);
            // A tablet that was shut down cleanly has no address until it starts again.
            let Ok(address) = grpc_address(&record) else { continue };
            if !watched {
                continue;
            }
            gone.remove(&alias);
            if self.tablets.get(&alias).is_none_or(|t| t.address != address) {
                self.follow(alias, record, address);
            }
        }
        for alias in gone.into_keys() {
            info!(%alias, "tablet is gone from the topology");
            self.tablets.remove(&alias);
            self.album.remove(&alias);
        }
    }

    fn follow(&mut self, alias: TabletAlias, record: Tablet, address: String) {
        let options = ChannelOptions {
            connections: self.config.connections_per_tablet,
            connector: self.config.connector.clone(),
            ..ChannelOptions::default()
        };
        let service = match QueryClient::new(&address, &options) {
            Ok(client) => Arc::new(client),
            Err(e) => return warn!(%alias, "cannot follow tablet: {e}"),
        };
        self.generations += 1;
        let generation = self.generations;
        let DiscoveryConfig { healthcheck_timeout, healthcheck_retry_delay, .. } = self.config;
        let work = follow(
            alias.clone(),
            generation,
            service.clone(),
            healthcheck_timeout,
            healthcheck_retry_delay,
            self.news.clone(),
        );
        let health = Arc::new(TabletHealth {
            alias: alias.clone(),
            target: Target::new(&*record.keyspace, &*record.shard, record.r#type()),
            serving: false,
            primary_term_start: 0,
            replication_lag_seconds: 0,
            schema_version: 0,
            error: "nothing heard yet".to_owned(),
            hostname: record.hostname,
            service: service.clone(),
            load: crate::Load::default(),
        });
        let task = tokio::spawn(work).abort_handle();
        self.album.put(health.clone());
        self.tablets.insert(alias, Watched { health, client: service, address, generation, task });
    }

    /// Takes over what a tablet says; whether it is anything new.
    fn hear(&mut self, news: &News) -> bool {
        let (alias, generation) = match news {
            News::Health(alias, generation, _) | News::Lost(alias, generation, _) => (alias, *generation),
        };
        let Some(watched) = self.tablets.get_mut(alias).filter(|t| t.generation == generation) else {
            return false;
        };
        let mut heard = TabletHealth::clone(&watched.health);
        let health = &mut heard;
        match news {
            News::Lost(alias, _, fault) => {
                if health.serving {
                    warn!(%alias, "lost the health stream: {fault}");
                }
                health.serving = false;
                health.error = fault.to_string();
            }
            News::Health(alias, _, message) => {
                let stats = message.realtime_stats.clone().unwrap_or_default();
                if let Some(target) = &message.target {
                    health.target = Target::from(target);
                }
                let serving = message.serving && stats.health_error.is_empty();
                if serving != health.serving {
                    info!(%alias, target = %health.target, serving, error = stats.health_error, "tablet changed");
                }
                health.serving = serving;
                health.primary_term_start = message.primary_term_start_timestamp;
                health.replication_lag_seconds = stats.replication_lag_seconds;
                if !stats.table_schema_changed.is_empty() || !stats.view_schema_changed.is_empty() {
                    health.schema_version += 1;
                }
                health.error = stats.health_error;
            }
        }
        if heard.says_as(&watched.health) {
            return false;
        }
        watched.health = Arc::new(heard);
        let health = watched.health.clone();
        self.album.put(health.clone());
        if health.serving && health.target.tablet_type == TabletType::Primary {
            let due = Instant::now() + REPLACED_GRACE;
            for alias in self.album.replaced_by(&health) {
                // The new one may say more than once that it serves.
                if !self.replaced.iter().any(|(_, waiting)| *waiting == alias) {
                    self.replaced.push((due, alias));
                }
            }
        }
        true
    }

    /// Calls to a primary that does not notice that it was replaced may hang as long as it does: its mysqld or its
    /// machine is frozen. What they did nobody will tell; they end with an error.
    fn end_calls_to_replaced(&mut self) {
        let now = Instant::now();
        for (_, alias) in self.replaced.extract_if(.., |(due, _)| *due <= now) {
            let Some(watched) = self.tablets.get(&alias) else { continue };
            let calls = watched.health.load.under_way();
            if calls > 0 && self.album.is_replaced(&watched.health) {
                warn!(%alias, calls, "another primary serves: calls that this one does not answer are ended");
                watched.client.close();
            }
        }
    }

    fn publish(&self) {
        let snapshot = self.album.snapshot().seen_from(&self.config.cell, self.cells.near.clone());
        self.shared.snapshot.store(Arc::new(snapshot));
        self.shared.version.send_modify(|v| *v += 1);
    }
}
