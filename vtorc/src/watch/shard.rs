//! The task of one shard: it owns the shard's view, keeps one look at each tablet under way at most, and after
//! everything that it learns names the troubles, and begins what is to be done about them.
//!
//! While the primary does not answer, the shard is looked at more often: whether it is dead is decided by a second
//! look at everybody.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, stream::FuturesUnordered};
use tokio::sync::watch;
use vtmodel::TabletAlias;

use super::{
    Shared,
    look::{Suspicion, look},
    topology, turns,
};
use crate::{
    analyse::{Leader, analyse, leader},
    decide::{Memory, decide_recovery},
    finding::Finding,
    recover::{Ended, Outcome},
    view::{FaultKind, Look, Moment, ShardRecords, ShardView},
};

/// Between two looks while the primary is in doubt.
const DOUBT_POLL: Duration = Duration::from_millis(250);
/// A doubt that lasts longer is looked at as often as anything else.
const DOUBT_LIMIT: Duration = Duration::from_secs(30);
/// Between two reads of the records, when the tablets say otherwise.
const REREAD_PAUSE: Duration = Duration::from_millis(500);
/// Before the next attempt, when another process holds the shard's lock or the trouble was gone.
const BUSY_PAUSE: Duration = Duration::from_millis(500);

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pub(crate) struct Task {
    shared: Arc<Shared>,
    records: watch::Receiver<Arc<ShardRecords>>,
    view: ShardView,
    memory: Memory,
    /// When each tablet is looked at next.
    due: BTreeMap<TabletAlias, Moment>,
    under_way: BTreeSet<TabletAlias>,
    looks: FuturesUnordered<Work<(TabletAlias, Look)>>,
    rereading: Option<Work<vterrors::Result<ShardRecords>>>,
    next_reread: Moment,
    recovering: Option<Work<Ended>>,
    /// No recovery is begun before.
    next_recovery: Moment,
    /// Whether the primary is in doubt, for the looks that wait for their turn.
    urgent: watch::Sender<bool>,
}

/// What a task wakes up for.
enum Event {
    Records,
    Gone,
    Looked(TabletAlias, Look),
    Reread(vterrors::Result<ShardRecords>),
    Recovered(Ended),
    Due,
}

/// Pends where there is nothing.
async fn maybe<T>(work: Option<&mut Work<T>>) -> T {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

impl Task {
    pub(crate) fn new(
        shared: Arc<Shared>,
        mut records: watch::Receiver<Arc<ShardRecords>>,
        first: Duration,
    ) -> Self {
        let view = ShardView::new(&records.borrow_and_update());
        let start = shared.now() + first;
        let due = view.tablets.iter().map(|t| (t.alias.clone(), start)).collect();
        Self {
            shared,
            records,
            view,
            memory: Memory::default(),
            due,
            under_way: BTreeSet::new(),
            looks: FuturesUnordered::new(),
            rereading: None,
            next_reread: Duration::ZERO,
            recovering: None,
            next_recovery: Duration::ZERO,
            urgent: watch::Sender::new(false),
        }
    }

    /// Until the shard is no longer among those to watch.
    pub(crate) async fn run(mut self) {
        loop {
            self.start_looks();
            match self.next().await {
                Event::Gone => return,
                Event::Records => {
                    let records = self.records.borrow_and_update().clone();
                    self.take_records(&records);
                }
                Event::Looked(alias, look) => {
                    self.under_way.remove(&alias);
                    self.shared.board.looked(&look, self.shared.config.poll);
                    self.view.take_look(&alias, look);
                }
                Event::Reread(records) => {
                    self.rereading = None;
                    self.next_reread = self.shared.now() + REREAD_PAUSE;
                    match records {
                        Ok(records) => self.take_records(&records),
                        Err(e) => {
                            tracing::debug!(shard = self.view.name(), error = %e, "records not read");
                        }
                    }
                }
                Event::Recovered(ended) => self.recovered(ended),
                Event::Due => continue,
            }
            self.judge();
        }
    }

    async fn next(&mut self) -> Event {
        let wake =
            self.due.iter().filter(|(alias, _)| !self.under_way.contains(*alias)).map(|(_, at)| *at).min();
        let shared = self.shared.clone();
        let wake = async move {
            match wake {
                Some(at) => tokio::time::sleep_until(shared.instant(at)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = self.records.changed() => match changed {
                Ok(()) => Event::Records,
                Err(_) => Event::Gone,
            },
            Some((alias, look)) = self.looks.next(), if !self.looks.is_empty() => Event::Looked(alias, look),
            records = maybe(self.rereading.as_mut()) => Event::Reread(records),
            ended = maybe(self.recovering.as_mut()) => Event::Recovered(ended),
            () = wake => Event::Due,
        }
    }

    fn take_records(&mut self, records: &ShardRecords) {
        self.view.take_records(records);
        let now = self.shared.now();
        self.due.retain(|alias, _| self.view.tablet(alias).is_some());
        for tablet in &self.view.tablets {
            self.due.entry(tablet.alias.clone()).or_insert(now);
        }
    }

    /// Whether the primary has not answered for a little while.
    fn in_doubt(&self, now: Moment) -> bool {
        let Leader::Tablet(primary) = leader(&self.view) else { return false };
        primary.failing.as_ref().is_some_and(|f| now.saturating_sub(f.since) < DOUBT_LIMIT)
    }

    fn start_looks(&mut self) {
        let now = self.shared.now();
        let doubt = self.in_doubt(now);
        self.urgent.send_if_modified(|urgent| std::mem::replace(urgent, doubt) != doubt);
        let pause = match doubt {
            true => DOUBT_POLL.min(self.shared.config.poll),
            false => self.shared.config.poll,
        };
        for tablet in &self.view.tablets {
            let Some(due) = self.due.get_mut(&tablet.alias) else { continue };
            // A doubt that came up does not wait for the pace of before.
            *due = (*due).min(now + pause);
            if *due > now || self.under_way.contains(&tablet.alias) {
                continue;
            }
            *due = (*due + pause).max(now);
            self.under_way.insert(tablet.alias.clone());
            let (shared, alias, record) = (self.shared.clone(), tablet.alias.clone(), tablet.record.clone());
            let urgency = self.urgent.subscribe();
            let is_silent = |kind| matches!(kind, FaultKind::TabletSilent | FaultKind::HostMute);
            let silent = tablet.failing.as_ref().is_some_and(|f| is_silent(f.fault.kind));
            let suspicion = Suspicion::of(tablet);
            self.looks.push(Box::pin(async move {
                let turn = shared.turns.wait(urgency).await;
                let limit = shared.config.poll_limit;
                let look = turns::hold(turn, silent, one_look(&shared, &record, suspicion, limit)).await;
                (alias, look)
            }));
        }
    }

    /// Names the troubles, tells the board, begins a recovery where one is due.
    fn judge(&mut self) {
        let now = self.shared.now();
        let findings = analyse(&self.view, now, &self.shared.policy);
        self.memory.saw(&self.view, &findings, now);
        if leader(&self.view) == Leader::Stale {
            self.reread(now);
        }
        let planned = decide_recovery(&self.view, &findings, &self.memory, now, &self.shared.policy);
        self.tell(findings, now);
        let Some(first) = planned.into_iter().next() else { return };
        if self.recovering.is_some() || now < self.next_recovery {
            return;
        }
        if self.shared.board.is_disabled() {
            self.shared.board.skipped(&self.view, &first, "recoveries are switched off");
            self.next_recovery = now + BUSY_PAUSE;
            return;
        }
        self.memory.began(&first.action, now);
        let (shared, view, memory) = (self.shared.clone(), self.view.clone(), self.memory.clone());
        self.recovering =
            Some(Box::pin(async move { shared.recoverer.recover(&shared, view, memory, first).await }));
    }

    fn reread(&mut self, now: Moment) {
        if self.rereading.is_some() || now < self.next_reread {
            return;
        }
        let (shared, view) = (self.shared.clone(), self.view.clone());
        self.rereading = Some(Box::pin(async move {
            topology::read_again(&shared.topo, &view, shared.config.poll_limit).await
        }));
    }

    fn tell(&self, findings: Vec<Finding>, now: Moment) {
        let ages = findings.iter().map(|f| self.memory.age(f, now)).collect();
        self.shared.board.tell(&self.view, findings, ages);
    }

    fn recovered(&mut self, ended: Ended) {
        self.recovering = None;
        let now = self.shared.now();
        match ended.outcome {
            Outcome::Busy | Outcome::NotNeeded => self.next_recovery = now + BUSY_PAUSE,
            Outcome::Done | Outcome::Failed => {
                let done = ended.outcome == Outcome::Done;
                self.memory.tried(&ended.action, done, now);
            }
        }
        // The shard is another one now: everything is looked at again.
        if ended.outcome != Outcome::Busy {
            self.due.values_mut().for_each(|due| *due = now);
        }
        self.next_reread = now;
        self.reread(now);
    }
}

/// A look with its times; whoever looks has a turn.
pub(crate) async fn one_look(
    shared: &Shared,
    record: &proto::topodata::Tablet,
    suspicion: Suspicion,
    limit: Duration,
) -> Look {
    let asked = shared.now();
    let result = look(&*shared.tablets, record, suspicion, limit).await;
    Look { asked, answered: shared.now(), result }
}
