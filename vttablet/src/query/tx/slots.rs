//! The connections by id, each at home or held by one request; and what became of those that ended.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use mysqlwire::client::Conn;
use tokio::time::Instant;
use vterrors::{Condition, Error, Result};

use super::{Holder, Stateful};
use crate::query::kill::{Deadline, Killer};

/// How many ended ids are remembered.
const ENDED_LIMIT: usize = 10_000;

/// See the module. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    next_id: AtomicI64,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    slots: HashMap<i64, Slot>,
    ended: Ended,
}

#[derive(Debug)]
struct Slot {
    state: SlotState,
    facts: Facts,
}

#[derive(Debug)]
enum SlotState {
    Home(Box<Stateful>),
    Held { purpose: &'static str, connection: u32, killer: Killer },
}

/// What is counted without holding a slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub transaction: bool,
    pub reserved: bool,
}

/// The reasons of the ids that ended last.
#[derive(Debug, Default)]
struct Ended {
    reasons: HashMap<i64, String>,
    order: VecDeque<i64>,
}

/// `transaction <id>: <what>`, as vtgate reads it.
pub(super) fn gone(id: i64, what: &str) -> Error {
    Error::new(Condition::TransactionGone, format!("transaction {id}: {what}"))
}

impl Slots {
    /// Ids go up from the time of the start, so that those of an earlier process are not met again.
    pub fn new() -> Self {
        let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let next_id = AtomicI64::new(i64::try_from(start.as_nanos()).unwrap_or(1));
        Self { shared: Arc::new(Shared { next_id, table: Mutex::default() }) }
    }

    pub fn add(&self, stateful: Stateful) -> i64 {
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        let facts = facts(&stateful);
        let state = SlotState::Home(Box::new(stateful));
        self.shared.lock().slots.insert(id, Slot { state, facts });
        id
    }

    pub fn hold(&self, id: i64, purpose: &'static str) -> Result<Held> {
        let mut table = self.shared.lock();
        let Some(slot) = table.slots.get_mut(&id) else {
            return Err(match table.ended.reasons.get(&id) {
                Some(reason) => gone(id, reason),
                None => gone(id, "not found"),
            });
        };
        match slot.take(purpose) {
            Ok(stateful) => Ok(Held { slots: self.clone(), id, stateful: Some(stateful) }),
            Err(other) => Err(gone(id, &format!("in use: {other}"))),
        }
    }

    /// Holds every connection that is at home and `wanted`.
    pub fn hold_idle(&self, purpose: &'static str, wanted: impl Fn(&Stateful) -> bool) -> Vec<Held> {
        let mut table = self.shared.lock();
        let held = table.slots.iter_mut().filter_map(|(id, slot)| match &slot.state {
            SlotState::Home(s) if wanted(s) => {
                let stateful = slot.take(purpose).ok()?;
                Some(Held { slots: self.clone(), id: *id, stateful: Some(stateful) })
            }
            _ => None,
        });
        held.collect()
    }

    /// Those that requests hold now: id, mysqld's connection number, and who can kill it.
    pub fn in_use(&self) -> Vec<(i64, u32, Killer)> {
        let table = self.shared.lock();
        let held = table.slots.iter().filter_map(|(id, slot)| match &slot.state {
            SlotState::Held { connection, killer, .. } => Some((*id, *connection, killer.clone())),
            SlotState::Home(_) => None,
        });
        held.collect()
    }

    pub fn count(&self, wanted: impl Fn(&Facts) -> bool) -> usize {
        self.shared.lock().slots.values().filter(|s| wanted(&s.facts)).count()
    }

    pub fn is_gone(&self, id: i64) -> bool {
        !self.shared.lock().slots.contains_key(&id)
    }
}

fn facts(s: &Stateful) -> Facts {
    Facts { transaction: s.transaction.is_some(), reserved: s.reserved }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Takes what is at home; `Err` is the purpose of who holds it.
    fn take(&mut self, purpose: &'static str) -> Result<Box<Stateful>, &'static str> {
        match &mut self.state {
            SlotState::Held { purpose, .. } => Err(purpose),
            SlotState::Home(stateful) => {
                let (connection, killer) =
                    (stateful.holder.conn().connection_id(), stateful.holder.killer().clone());
                let held = SlotState::Held { purpose, connection, killer };
                match std::mem::replace(&mut self.state, held) {
                    SlotState::Home(stateful) => Ok(stateful),
                    SlotState::Held { purpose, .. } => Err(purpose),
                }
            }
        }
    }
}

impl Table {
    fn end(&mut self, id: i64, reason: &str) {
        self.slots.remove(&id);
        self.ended.remember(id, reason);
    }
}

impl Ended {
    fn remember(&mut self, id: i64, reason: &str) {
        if self.order.len() >= ENDED_LIMIT
            && let Some(oldest) = self.order.pop_front()
        {
            self.reasons.remove(&oldest);
        }
        self.order.push_back(id);
        self.reasons.insert(id, format!("ended at {} ({reason})", clock_text()));
    }
}

/// `2026-11-21 23:37:00.123 UTC`.
fn clock_text() -> String {
    let now = time::OffsetDateTime::now_utc();
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03} UTC",
        now.year(),
        u8::from(now.month()),
        now.day(),
        now.hour(),
        now.minute(),
        now.second(),
        now.millisecond()
    )
}

/// A connection that a request holds. Dropped, it goes home, or ends if its answer was not read to the end.
#[derive(Debug)]
pub struct Held {
    slots: Slots,
    id: i64,
    /// Taken out when the slot ends.
    stateful: Option<Box<Stateful>>,
}

impl Held {
    pub fn id(&self) -> i64 {
        self.id
    }

    pub fn conn(&mut self) -> &mut Conn {
        self.stateful().holder.conn()
    }

    pub fn killer(&mut self) -> Killer {
        self.stateful().holder.killer().clone()
    }

    /// When the transaction has to be over; `None` for no limit and for a connection without one.
    pub fn deadline(&mut self) -> Option<Deadline> {
        self.stateful().transaction.and_then(|t| t.deadline)
    }

    pub fn in_transaction(&mut self) -> bool {
        self.stateful().transaction.is_some()
    }

    pub fn is_reserved(&mut self) -> bool {
        self.stateful().reserved
    }

    pub(super) fn stateful(&mut self) -> &mut Stateful {
        self.stateful.as_mut().expect("it is taken out only by methods that take the whole")
    }

    /// From now on the connection is reserved: it leaves its pool.
    pub(super) fn take_out_of_pool(&mut self) {
        let stateful = self.stateful.take().expect("it is taken out only by methods that take the whole");
        let Stateful { holder, transaction, idle_since, .. } = *stateful;
        let holder = match holder {
            Holder::Lent(lent) => {
                let killer = lent.killer().clone();
                Holder::Own(lent.detach(), killer)
            }
            own => own,
        };
        self.stateful = Some(Box::new(Stateful { holder, transaction, reserved: true, idle_since }));
    }

    /// The slot ends; a connection from a pool goes back to it.
    pub fn finish(mut self, reason: &str) {
        let stateful = self.stateful.take();
        self.slots.shared.lock().end(self.id, reason);
        drop(stateful);
    }

    /// The slot ends and the connection is killed: nobody knows what its session holds.
    pub fn close(mut self, reason: &str) {
        if let Some(mut stateful) = self.stateful.take() {
            let connection = stateful.holder.conn().connection_id();
            stateful.holder.killer().kill_later(connection);
            if let Holder::Lent(lent) = &mut stateful.holder {
                lent.spoil();
            }
        }
        self.slots.shared.lock().end(self.id, reason);
    }

    /// The connection goes on under a new id, which is returned; the old one has ended.
    pub fn rename(mut self, reason: &str) -> i64 {
        let Some(mut stateful) = self.stateful.take() else { return 0 };
        stateful.idle_since = Instant::now();
        self.slots.shared.lock().end(self.id, reason);
        self.slots.add(*stateful)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(mut stateful) = self.stateful.take() else { return };
        let usable = stateful.holder.conn().is_usable();
        let mut table = self.slots.shared.lock();
        if usable {
            stateful.idle_since = Instant::now();
            if let Some(slot) = table.slots.get_mut(&self.id) {
                slot.facts = facts(&stateful);
                slot.state = SlotState::Home(stateful);
                return;
            }
        }
        table.end(self.id, "its connection was lost or its query was given up");
        drop(table);
        if let Holder::Own(conn, killer) = &stateful.holder {
            killer.kill_later(conn.connection_id());
        }
    }
}
