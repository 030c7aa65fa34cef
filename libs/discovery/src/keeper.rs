//! The task that owns what is known of the tablets.
//!
//! It takes messages in batches and publishes one snapshot a batch. A message without news publishes nothing: of ten
//! thousand tablets each says every few seconds that all is well.

use std::{collections::HashMap, sync::Arc, time::Duration};

use proto::topodata::Tablet;
use rpc::ChannelOptions;
use tabletclient::{QueryClient, grpc_address};
use tokio::{
    sync::mpsc,
    task::AbortHandle,
    time::{Instant, interval, sleep_until},
};
use tracing::{info, warn};
use vtmodel::{TabletAlias, Target};

use crate::{
    DiscoveryConfig, Shared, TabletHealth,
    snapshot::Album,
    stream::{News, follow},
};

/// How many messages of health streams may wait.
const QUEUE: usize = 4096;
const BATCH: usize = 1024;
/// The shortest time between two looks at the topology that were asked for.
const MIN_NUDGE: Duration = Duration::from_secs(1);

struct Watched {
    health: Arc<TabletHealth>,
    address: String,
    generation: u64,
    task: AbortHandle,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Keeper {
    topo: Arc<topo::Server>,
    config: DiscoveryConfig,
    shared: Arc<Shared>,
    tablets: HashMap<TabletAlias, Watched>,
    album: Album,
    news: mpsc::Sender<News>,
    generations: u64,
}

/// Runs until its task is dropped.
pub(crate) async fn run(topo: Arc<topo::Server>, config: DiscoveryConfig, shared: Arc<Shared>) {
    let (news, mut inbox) = mpsc::channel(QUEUE);
    let mut refresh = interval(config.tablet_refresh_interval.max(Duration::from_millis(100)));
    refresh.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut keeper = Keeper {
        topo,
        config,
        shared,
        tablets: HashMap::new(),
        album: Album::default(),
        news,
        generations: 0,
    };
    let mut batch = Vec::with_capacity(BATCH);
    let mut last_look = Instant::now() - MIN_NUDGE;
    loop {
        let shared = keeper.shared.clone();
        let nudged = async {
            shared.nudge.notified().await;
            sleep_until(last_look + MIN_NUDGE).await;
        };
        let look = tokio::select! {
            n = inbox.recv_many(&mut batch, BATCH) => n == 0,
            _ = refresh.tick() => true,
            () = nudged => true,
        };
        if look {
            keeper.look_at_topology().await;
            last_look = Instant::now();
        } else if batch.drain(..).filter(|n| keeper.hear(n)).count() == 0 {
            continue;
        }
        keeper.publish();
    }
}

impl Keeper {
    /// Asks every cell for its tablets: new ones are followed, removed ones forgotten. A cell that does
    /// not answer keeps what is known of it.
    async fn look_at_topology(&mut self) {
        let cells = self.config.cells.clone();
        let answers = cells.iter().map(|cell| {
            let topo = self.topo.clone();
            async move { (cell, topo.get_tablets_by_cell(cell).await) }
        });
        for (cell, answer) in futures::future::join_all(answers).await {
            match answer {
                Ok(records) => self.update_cell(cell, records.into_iter().map(|r| r.value)),
                Err(e) => warn!(cell, "cannot list tablets, keeping those known: {e}"),
            }
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
            service,
            load: crate::Load::default(),
        });
        let task = tokio::spawn(work).abort_handle();
        self.album.put(health.clone());
        self.tablets.insert(alias, Watched { health, address, generation, task });
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
        self.album.put(watched.health.clone());
        true
    }

    fn publish(&self) {
        self.shared.snapshot.store(Arc::new(self.album.snapshot()));
        self.shared.version.send_modify(|v| *v += 1);
    }
}
