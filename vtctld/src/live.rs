//! The live picture: every tablet's record, and what the tablet itself said last, as long as somebody looks.
//!
//! One task keeps it for all viewers: it lists the tablets in the topology, holds a health stream to each, and puts
//! both together once a second. When nobody has asked for [`IDLE`] it drops the streams and sleeps. With the topology
//! away the last list stays, and the fault is part of the picture.

mod health;
mod view;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use proto::topodata::Tablet;
use rpc::ChannelOptions;
use servenv::Context;
use tokio::sync::{Notify, Semaphore, watch};
use vterrors::{Condition, Error, Result};
use vtmodel::TabletAlias;

use health::Stream;
pub(crate) use view::{KeyspaceQuery, KeyspacesPage, TabletQuery, TabletRow};

/// Nobody has looked for so long: the streams are dropped.
const IDLE: Duration = Duration::from_secs(30);
/// How often the picture is put together.
const TICK: Duration = Duration::from_secs(1);
/// How often the topology is asked, and how much longer than its answer took the next question waits.
const TOPOLOGY_INTERVAL: Duration = Duration::from_secs(5);
const TOPOLOGY_SHARE: u32 = 10;
/// Streams that are being opened at a time.
const OPENING: usize = 64;
/// How long a first viewer waits for the picture, and tablets have to speak before it is shown.
const FIRST_LIMIT: Duration = Duration::from_secs(8);
const FIRST_WORDS: Duration = Duration::from_millis(400);

/// All that is known at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Picture {
    /// Grows with each picture; 0 for none yet.
    pub version: u64,
    pub taken: Option<SystemTime>,
    /// Sorted by keyspace, shard, role and alias.
    pub tablets: Vec<TabletRow>,
    /// Those without tablets, too.
    pub keyspaces: Vec<String>,
    /// Each cell, and why its tablets could not be listed.
    pub cells: BTreeMap<String, Option<String>>,
    /// Why the topology could not be read, if it could not.
    pub fault: Option<String>,
}

/// The handle that viewers hold.
#[derive(Clone)]
pub(crate) struct Live {
    shared: Arc<Shared>,
}

struct Shared {
    topo: topo::Server,
    context: Context,
    /// How tablets are reached.
    tablets: ChannelOptions,
    asked: Mutex<Instant>,
    wake: Notify,
    picture: watch::Sender<Arc<Picture>>,
}

impl Live {
    /// Starts the task, which sleeps until somebody looks.
    pub fn start(context: &Context, topo: topo::Server, tablets: ChannelOptions) -> Self {
        let shared = Arc::new(Shared {
            topo,
            context: context.clone(),
            tablets,
            asked: Mutex::new(Instant::now()),
            wake: Notify::new(),
            picture: watch::Sender::default(),
        });
        context.spawn("live-picture", keep(shared.clone()));
        Self { shared }
    }

    /// The picture, at most some seconds old. The first one may take a while.
    pub async fn picture(&self) -> Result<Arc<Picture>> {
        *self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.shared.wake.notify_one();
        let mut pictures = self.shared.picture.subscribe();
        let first = pictures.wait_for(|picture| picture.version > 0);
        match tokio::time::timeout(FIRST_LIMIT, first).await {
            Ok(Ok(picture)) => Ok(picture.clone()),
            Ok(Err(_)) => Err(Error::new(Condition::ServerShutdown, "vtctld is going down")),
            Err(_) => {
                let text = format!(
                    "there is no picture of the cluster after {FIRST_LIMIT:?}; is the topology there?"
                );
                Err(Error::new(Condition::Timeout, text))
            }
        }
    }
}

async fn keep(shared: Arc<Shared>) {
    loop {
        shared.wake.notified().await;
        let mut watched = Watched::default();
        while shared.asked_within(IDLE) {
            if watched.due <= Instant::now() {
                watched.ask_topology(&shared).await;
            }
            if watched.version == 0 {
                tokio::time::sleep(FIRST_WORDS).await;
            }
            shared.picture.send_replace(Arc::new(watched.picture()));
            tokio::time::sleep(TICK).await;
        }
        // A viewer who comes back is not shown an old picture.
        shared.picture.send_replace(Arc::default());
    }
}

impl Shared {
    fn asked_within(&self, time: Duration) -> bool {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < time
    }
}

/// What the task holds while somebody looks.
struct Watched {
    version: u64,
    due: Instant,
    tablets: BTreeMap<TabletAlias, Tablet>,
    streams: HashMap<TabletAlias, Stream>,
    keyspaces: Vec<String>,
    cells: BTreeMap<String, Option<String>>,
    fault: Option<String>,
    opening: Arc<Semaphore>,
}

impl Default for Watched {
    fn default() -> Self {
        Self {
            version: 0,
            due: Instant::now(),
            tablets: BTreeMap::new(),
            streams: HashMap::new(),
            keyspaces: Vec::new(),
            cells: BTreeMap::new(),
            fault: None,
            opening: Arc::new(Semaphore::new(OPENING)),
        }
    }
}

impl Watched {
    async fn ask_topology(&mut self, shared: &Shared) {
        let begun = Instant::now();
        self.fault = self.list(&shared.topo).await.err().map(|e| e.to_string());
        self.follow(shared);
        self.due = Instant::now() + TOPOLOGY_INTERVAL.max(begun.elapsed() * TOPOLOGY_SHARE);
    }

    /// A cell that does not answer keeps the tablets that were known of it.
    async fn list(&mut self, topo: &topo::Server) -> Result<()> {
        self.keyspaces = topo.get_keyspaces().await?;
        let names = topo.get_cell_info_names().await?;
        let mut found = topo.find_tablets(&[], |_| true).await?;
        self.cells = names
            .into_iter()
            .map(|cell| {
                let fault = found.failed_cells.remove(&cell).map(|e| e.to_string());
                (cell, fault)
            })
            .collect();
        let silent = |alias: &TabletAlias| self.cells.get(&alias.cell).is_some_and(Option::is_some);
        self.tablets.retain(|alias, _| silent(alias));
        let named =
            found.tablets.into_iter().filter_map(|t| Some((TabletAlias::from_proto(t.alias.as_ref())?, t)));
        self.tablets.extend(named);
        Ok(())
    }

    /// A stream for each tablet, and none for those that are gone or listen elsewhere now.
    fn follow(&mut self, shared: &Shared) {
        let address = |t: &Tablet| tabletclient::grpc_address(t).unwrap_or_default();
        self.streams.retain(|alias, stream| {
            self.tablets.get(alias).is_some_and(|tablet| address(tablet) == stream.address)
        });
        for (alias, tablet) in &self.tablets {
            if !self.streams.contains_key(alias) {
                let handle = shared.context.cores.next();
                let stream =
                    Stream::open(address(tablet), &handle, shared.tablets.clone(), self.opening.clone());
                self.streams.insert(alias.clone(), stream);
            }
        }
    }

    fn picture(&mut self) -> Picture {
        self.version += 1;
        let row = |(alias, tablet): (&TabletAlias, &Tablet)| {
            TabletRow::of(alias, tablet, self.streams.get(alias).map(Stream::heard))
        };
        let mut tablets: Vec<TabletRow> = self.tablets.iter().map(row).collect();
        tablets.sort_by(TabletRow::order);
        Picture {
            version: self.version,
            taken: Some(SystemTime::now()),
            tablets,
            keyspaces: self.keyspaces.clone(),
            cells: self.cells.clone(),
            fault: self.fault.clone(),
        }
    }
}
