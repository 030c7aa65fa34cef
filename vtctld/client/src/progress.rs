//! What a command that takes its time is doing: lines on stderr, on a terminal or with `--progress`.
//!
//! Vitess's RPCs answer at their end only. What can be seen in the meantime is in the topology: who holds the lock that
//! the operation needs, and which tablet the shard's record names as its primary. It is read every second; a line is
//! printed when it changed, and now and then as a sign of life. stdout stays alone with the answer.

use std::time::Duration;

use proto::vtctldata::*;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use topo::Holder;
use vtmodel::TabletAlias;

use crate::{Client, hints::Subject};

/// The time between two looks.
const PERIOD: Duration = Duration::from_secs(1);

/// The longest time for one look.
const LOOK_LIMIT: Duration = Duration::from_secs(2);

/// A line comes at least so often.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// Entries of a lock's queue that are read.
const MAX_QUEUE: usize = 8;

/// What can be seen of an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Who holds the lock of the shard or keyspace: the words in it.
    pub lock: Option<Holder>,
    /// The shard's primary.
    pub primary: Option<TabletAlias>,
}

/// The state of an operation in words.
fn words(picture: &Picture) -> String {
    let lock = picture.lock.as_ref().map(|holder| format!("the lock is held for {holder}"));
    let primary = picture.primary.as_ref().map(|alias| format!("the primary is {alias}"));
    let all: Vec<String> = lock.into_iter().chain(primary).collect();
    if all.is_empty() { "at work".to_owned() } else { all.join("; ") }
}

/// What is printed, and when: the decision without the clock and the network.
#[derive(Debug, Default)]
struct Lines {
    last: Option<(Picture, Duration)>,
}

impl Lines {
    /// The line of a look that was made `after` the command began; none where it would tell nothing new.
    fn of(&mut self, subject: &Subject, after: Duration, picture: Picture) -> Option<String> {
        if let Some((last, at)) = &self.last
            && *last == picture
            && after.saturating_sub(*at) < SIGN_OF_LIFE
        {
            return None;
        }
        let target = subject.target();
        let blank = if target.is_empty() { "" } else { " " };
        let line = format!("{}{blank}{target}: {} s: {}", subject.command, after.as_secs(), words(&picture));
        self.last = Some((picture, after));
        Some(line)
    }
}

/// Carries `work` out and tells of it through `print` until it is done.
pub(crate) async fn along<T>(
    work: impl Future<Output = T>,
    client: &Client,
    subject: &Subject,
    mut print: impl FnMut(String),
) -> T {
    let started = Instant::now();
    let telling = async {
        let mut lines = Lines::default();
        let mut ticks = interval_at(started + PERIOD, PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // One that cannot be had in time is none.
            let seen = tokio::time::timeout(LOOK_LIMIT, look(client, subject)).await.unwrap_or_default();
            if let Some(line) = lines.of(subject, started.elapsed(), seen) {
                print(line);
            }
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        never = telling => never,
    }
}

async fn look(client: &Client, subject: &Subject) -> Picture {
    let (dir, shard) = match (subject.shards.first(), subject.keyspaces.first()) {
        (Some(s), _) => (topo::paths::shard_dir(&s.keyspace, &s.shard), Some(s)),
        (None, Some(keyspace)) => (topo::paths::keyspace_dir(keyspace), None),
        (None, None) => return Picture::default(),
    };
    let primary = async {
        let s = shard?;
        let request = GetShardRequest { keyspace: s.keyspace.clone(), shard_name: s.shard.clone() };
        let record = client.vtctld.get_shard(request).await.ok()?.shard?.shard?;
        TabletAlias::from_proto(record.primary_alias.as_ref())
    };
    let (lock, primary) = tokio::join!(holder(client, &dir), primary);
    Picture { lock, primary }
}

/// The holder of the lock of a directory: the oldest of its queue.
async fn holder(client: &Client, dir: &str) -> Option<Holder> {
    let queue = format!("/{}/{dir}/{}", topo::GLOBAL_CELL, topo::paths::LOCKS);
    let read = |path: String| async {
        let request = GetTopologyPathRequest { path, ..GetTopologyPathRequest::default() };
        client.vtctld.get_topology_path(request).await.ok()?.cell
    };
    let mut oldest: Option<TopologyCell> = None;
    for name in read(queue.clone()).await?.children.into_iter().take(MAX_QUEUE) {
        let Some(entry) = read(format!("{queue}/{name}")).await else { continue };
        if oldest.as_ref().is_none_or(|o| entry.version < o.version) {
            oldest = Some(entry);
        }
    }
    Holder::read(oldest?.data.as_bytes())
}

#[cfg(test)]
mod tests;
