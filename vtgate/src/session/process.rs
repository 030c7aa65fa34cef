//! A client's connection as others see it: what SHOW PROCESSLIST shows and KILL ends.
//!
//! The connection's task writes what it does; any other task may ask it to end its statement or itself.
//! Asking never waits: the task that runs the statement hears of it at its next await and gives the
//! statement up, and the calls to tablets that it drops end the queries there. A commit is shielded: once
//! it has begun on one shard it goes on to the others.
//!
//! Only the connection's own task waits ([`Process::interrupted`] and the like): it is woken by one waker, which
//! costs next to nothing to leave there for each statement.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use futures::task::AtomicWaker;
use tokio::time::Instant;
use vtmodel::TargetString;

/// How much of a statement's text is kept to be shown.
const MAX_SHOWN_BYTES: usize = 16 << 10;

/// What a KILL asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kill {
    Query = 1,
    Connection = 2,
}

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Killed,
    /// The server goes down.
    Stopped,
}

/// One connection.
#[derive(Debug)]
pub struct Process {
    pub id: u32,
    pub user: String,
    /// Host and port of the client.
    pub address: String,
    doing: Mutex<Doing>,
    /// 0, or a [`Kill`].
    wanted: AtomicU8,
    shields: AtomicUsize,
    /// The server takes no more commands.
    stops: AtomicBool,
    /// The connection's task.
    task: AtomicWaker,
}

/// What a connection does now.
#[derive(Debug, Clone)]
pub struct Doing {
    /// MySQL's name of the command: `Query`, `Execute`, `Sleep`.
    pub command: &'static str,
    pub text: Bytes,
    pub target: TargetString,
    pub since: Instant,
}

impl Doing {
    pub fn lasted(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Process {
    pub fn new(id: u32, user: &str, address: &str) -> Self {
        let target = TargetString::default();
        let doing = Doing { command: "Sleep", text: Bytes::new(), target, since: Instant::now() };
        Self {
            id,
            user: user.to_owned(),
            address: address.to_owned(),
            doing: Mutex::new(doing),
            wanted: AtomicU8::new(0),
            shields: AtomicUsize::new(0),
            stops: AtomicBool::new(false),
            task: AtomicWaker::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Doing> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A command begins. A KILL QUERY that came before it was for the one before.
    pub fn begin(&self, command: &'static str, text: &Bytes, target: &TargetString) {
        let _ = self.wanted.compare_exchange(Kill::Query as u8, 0, Ordering::AcqRel, Ordering::Acquire);
        let mut doing = self.lock();
        doing.command = command;
        doing.text = text.slice(..text.len().min(MAX_SHOWN_BYTES));
        doing.since = Instant::now();
        if doing.target != *target {
            doing.target = target.clone();
        }
    }

    /// The command has ended.
    pub fn sleep(&self, target: &TargetString) {
        self.begin("Sleep", &Bytes::new(), target);
    }

    pub fn doing(&self) -> Doing {
        self.lock().clone()
    }

    /// Asks the connection to end its statement, or itself.
    pub fn kill(&self, what: Kill) {
        self.wanted.fetch_max(what as u8, Ordering::AcqRel);
        self.task.wake();
    }

    /// Asks the connection to end once it is between transactions.
    pub fn stop(&self) {
        self.stops.store(true, Ordering::Release);
        self.task.wake();
    }

    fn wanted(&self) -> Option<Kill> {
        match self.wanted.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Kill::Query),
            _ => Some(Kill::Connection),
        }
    }

    /// Whether the connection itself was asked to end.
    pub fn is_killed(&self) -> bool {
        self.wanted() == Some(Kill::Connection)
    }

    /// Waits until the running statement is to be given up, and may be.
    pub async fn interrupted(&self) -> Kill {
        self.until(|p| p.wanted().filter(|_| p.shields.load(Ordering::Acquire) == 0)).await
    }

    /// Waits until the connection is to end, as [`Process::kill`] or [`Process::stop`] asked for.
    pub async fn ended(&self, in_transaction: bool) -> End {
        self.until(|p| match p.stops.load(Ordering::Acquire) && !in_transaction {
            _ if p.is_killed() => Some(End::Killed),
            true => Some(End::Stopped),
            false => None,
        })
        .await
    }

    /// Waits while a shield is up.
    pub async fn unshielded(&self) {
        self.until(|p| (p.shields.load(Ordering::Acquire) == 0).then_some(())).await;
    }

    async fn until<T>(&self, condition: impl Fn(&Self) -> Option<T>) -> T {
        std::future::poll_fn(|cx| {
            if let Some(done) = condition(self) {
                return Poll::Ready(done);
            }
            self.task.register(cx.waker());
            // Whoever asked in between has found no waker, or an old one.
            condition(self).map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// As long as the shield is held the statement is not given up.
    pub fn shield(self: &Arc<Self>) -> Shield {
        self.shields.fetch_add(1, Ordering::AcqRel);
        Shield(self.clone())
    }
}

/// See [`Process::shield`].
#[derive(Debug)]
pub struct Shield(Arc<Process>);

impl Drop for Shield {
    fn drop(&mut self) {
        self.0.shields.fetch_sub(1, Ordering::AcqRel);
        self.0.task.wake();
    }
}

/// The connections of this vtgate.
#[derive(Debug, Default)]
pub struct Processes(Mutex<BTreeMap<u32, Arc<Process>>>);

impl Processes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<Process>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn add(&self, process: Arc<Process>) {
        self.lock().insert(process.id, process);
    }

    pub fn remove(&self, id: u32) {
        self.lock().remove(&id);
    }

    pub fn get(&self, id: u32) -> Option<Arc<Process>> {
        self.lock().get(&id).cloned()
    }

    /// Asks all of them to end between transactions.
    pub fn stop(&self) {
        self.lock().values().for_each(|p| p.stop());
    }

    /// Those of a user, by their numbers.
    pub fn of_user(&self, user: &str) -> Vec<Arc<Process>> {
        self.lock().values().filter(|p| p.user == user).cloned().collect()
    }
}

#[cfg(test)]
mod tests;
