//! One vtorc: it looks, its answers are late or lost, it names, decides and acts, as `watch/shard.rs` and
//! `recover.rs` do with real time and real tablets.

use std::{sync::Arc, time::Duration};

use rand::Rng;

use super::world::{SERVERS, World, alias, fault};
use crate::{
    analyse::{Leader, analyse, leader},
    decide::{Memory, Planned, decide_recovery},
    policy::Policy,
    view::{FaultKind, Look, Moment, ShardView},
};

const POLL: Duration = Duration::from_secs(1);
const DOUBT_POLL: Duration = Duration::from_millis(250);
const LOOK_LIMIT: Duration = Duration::from_secs(1);
const RECORDS: Duration = Duration::from_secs(3);
const BUSY_PAUSE: Duration = Duration::from_millis(500);

enum Stage {
    /// Waits for the fresh looks, with the lock in hand.
    Fresh { view: Box<ShardView>, until: Moment },
    /// The action is on its way.
    Acting { until: Moment },
}

pub(super) struct Vtorc {
    id: usize,
    view: ShardView,
    memory: Memory,
    policy: Policy,
    due: [Moment; SERVERS],
    looks: Vec<(Moment, usize, Look)>,
    records_due: Moment,
    working: Option<(Planned, Stage)>,
    next_recovery: Moment,
    finds: Option<String>,
}

impl Vtorc {
    pub(super) fn new(id: usize, world: &World) -> Self {
        // A tablet that is cut off from one vtorc may serve others: without this grace it is never replaced, and
        // whatever replaces a primary that lives is a mistake.
        // Without draining, a replica with transactions of its own stays as it is, for somebody to look at.
        let policy = Policy { tablet_silent_grace: Duration::ZERO, drain_errant: true, ..Policy::default() };
        Self {
            id,
            view: ShardView::new(&world.records()),
            memory: Memory::default(),
            policy,
            due: [Duration::ZERO; SERVERS],
            looks: Vec::new(),
            records_due: Duration::ZERO,
            working: None,
            next_recovery: Duration::ZERO,
            finds: None,
        }
    }

    /// What it finds wrong, but for what is only told.
    pub(super) fn finds(&self) -> Option<String> {
        self.finds.clone()
    }

    /// A look whose answer comes later; some answers are lost.
    fn look(&self, n: usize, now: Moment, world: &mut World) -> (Moment, Look) {
        let brought = world.look(self.id, n);
        let late = Duration::from_millis(world.random.random_range(1..150));
        let lost = world.random.random_bool(0.02) && now < super::WHOLE_BY;
        let (answered, result) = match brought {
            _ if lost => (now + LOOK_LIMIT, Err(fault(FaultKind::TabletSilent))),
            Ok(status) => (now + late, Ok(Arc::new(status))),
            Err(kind) if !matches!(kind, FaultKind::TabletGone | FaultKind::MysqldGone) => {
                (now + LOOK_LIMIT, Err(fault(kind)))
            }
            Err(kind) => (now + late, Err(fault(kind))),
        };
        (answered, Look { asked: now, answered, result })
    }

    /// Whether something was done to the shard.
    pub(super) fn tick(&mut self, now: Moment, world: &mut World) -> bool {
        if now >= self.records_due {
            self.view.take_records(&world.records());
            self.records_due = now + RECORDS;
        }
        let doubt = matches!(leader(&self.view), Leader::Tablet(t) if t.failing.is_some());
        let pause = if doubt { DOUBT_POLL } else { POLL };
        for n in 0..SERVERS {
            self.due[n] = self.due[n].min(now + pause);
            if now >= self.due[n] && !self.looks.iter().any(|(_, of, _)| *of == n) {
                self.due[n] = now + pause;
                let (at, look) = self.look(n, now, world);
                self.looks.push((at, n, look));
            }
        }
        let (arrived, waiting) = std::mem::take(&mut self.looks).into_iter().partition(|(at, ..)| now >= *at);
        self.looks = waiting;
        let arrived: Vec<_> = arrived;
        for (_, n, look) in &arrived {
            self.view.take_look(&alias(*n), look.clone());
        }
        let acted = self.work(now, world);
        if !arrived.is_empty() {
            self.judge(now, world);
        }
        acted
    }

    fn judge(&mut self, now: Moment, world: &mut World) {
        let findings = analyse(&self.view, now, &self.policy);
        self.memory.saw(&self.view, &findings, now);
        self.finds = findings.first().map(ToString::to_string);
        if leader(&self.view) == Leader::Stale {
            self.records_due = now;
        }
        let planned = decide_recovery(&self.view, &findings, &self.memory, now, &self.policy);
        let Some(first) = planned.into_iter().next() else { return };
        if self.working.is_some() || now < self.next_recovery {
            return;
        }
        if world.lock.is_some() {
            self.next_recovery = now + BUSY_PAUSE;
            return;
        }
        world.lock = Some(self.id);
        self.memory.began(&first.action, now);
        let mut view = self.view.clone();
        view.take_records(&world.records());
        let mut until = now;
        for n in 0..SERVERS {
            let (at, look) = self.look(n, now, world);
            view.take_look(&alias(n), look);
            until = until.max(at);
        }
        self.working = Some((first, Stage::Fresh { view: Box::new(view), until }));
    }

    /// Goes on with what is under way.
    fn work(&mut self, now: Moment, world: &mut World) -> bool {
        let Some((planned, stage)) = self.working.take() else { return false };
        match stage {
            Stage::Fresh { until, .. } | Stage::Acting { until } if now < until => {
                self.working = Some((planned, stage));
                false
            }
            Stage::Fresh { view, .. } => {
                let findings = analyse(&view, now, &self.policy);
                let again = decide_recovery(&view, &findings, &self.memory, now, &self.policy);
                if again.iter().any(|p| p.action == planned.action) {
                    let takes = Duration::from_millis(world.random.random_range(10..400));
                    self.working = Some((planned, Stage::Acting { until: now + takes }));
                } else {
                    world.lock = None;
                    self.next_recovery = now + BUSY_PAUSE;
                }
                false
            }
            Stage::Acting { .. } => {
                let done = world.act(self.id, &planned.action);
                let what = format!(
                    "{now:?} vtorc {}: {:?} for {}: {done}",
                    self.id, planned.action, planned.finding
                );
                world.story.push(what);
                world.lock = None;
                self.memory.tried(&planned.action, done, now);
                (self.due, self.records_due) = ([now; SERVERS], now);
                true
            }
        }
    }
}
