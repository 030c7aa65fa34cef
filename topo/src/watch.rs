//! Watches that outlive the lock server.
//!
//! A backend's watch ends when its server goes away. Here a task supervises it: the last value stays, the
//! loss is noted in [`Seen::fault`], and after a pause everything is read again and watched from there.
//! The pause grows and is random, and is only forgotten by a watch that lived for a while: a server that
//! accepts watches and closes them at once costs a few calls a second, never a busy loop (Vitess #3745).
//! Its upper bound is short so that a change is seen within a second of the server's return.

pub(crate) mod split;

use std::{pin::Pin, sync::Arc, time::Duration};

use prost::Message;
use tokio::{
    sync::watch::{self, Receiver, Sender},
    time::Instant,
};
use vterrors::{Condition, Error, Result};

use crate::{Conn, Version, WatchTarget};

/// The shortest and the longest pause before a watch is started again.
pub const MIN_PAUSE: Duration = Duration::from_millis(50);
pub const MAX_PAUSE: Duration = Duration::from_millis(750);
/// A watch that lived so long was a good one: the next pause is short again.
const GOOD_LIFE: Duration = Duration::from_secs(10);

/// What is known of a watched record.
#[derive(Debug)]
pub struct Seen<T> {
    pub record: Record<T>,
    /// Of the record; 0 if it is not there.
    pub version: Version,
    /// Why `record` may be out of date; `None` while the watch is alive.
    pub fault: Option<Error>,
}

/// A watched record, as far as it is known.
#[derive(Debug)]
pub enum Record<T> {
    /// Nothing was heard yet.
    Unknown,
    /// There is none.
    Absent,
    Present(Arc<T>),
}

impl<T> Clone for Record<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Unknown => Self::Unknown,
            Self::Absent => Self::Absent,
            Self::Present(record) => Self::Present(record.clone()),
        }
    }
}

impl<T> Clone for Seen<T> {
    fn clone(&self) -> Self {
        Self { record: self.record.clone(), version: self.version, fault: self.fault.clone() }
    }
}

impl<T> Seen<T> {
    fn unknown() -> Self {
        Self { record: Record::Unknown, version: Version(0), fault: None }
    }

    /// The record, if it is there.
    pub fn value(&self) -> Option<&Arc<T>> {
        match &self.record {
            Record::Present(record) => Some(record),
            _ => None,
        }
    }

    /// Whether the lock server was heard at least once.
    pub fn is_known(&self) -> bool {
        !matches!(self.record, Record::Unknown)
    }
}

/// Waits up to `timeout` until the lock server was heard once, and gives what it said.
pub async fn first<T>(receiver: &mut Receiver<Seen<T>>, timeout: Duration) -> Result<Seen<T>> {
    match tokio::time::timeout(timeout, receiver.wait_for(Seen::is_known)).await {
        Ok(Ok(seen)) => return Ok(seen.clone()),
        Ok(Err(_)) => return Err(Error::internal("the watch's task is gone")),
        Err(_) => {}
    };
    let fault = receiver.borrow().fault.clone();
    Err(fault
        .unwrap_or_else(|| Error::new(Condition::Timeout, format!("no answer to a watch in {timeout:?}"))))
}

/// Watches one record. The task ends when every receiver is dropped.
pub(crate) fn record<T>(conn: Arc<dyn Conn>, path: String) -> Receiver<Seen<T>>
where
    T: Message + Default + Send + Sync + 'static,
{
    let (tx, rx) = watch::channel(Seen::unknown());
    tokio::spawn(supervise(conn, path, tx, |conn, path, tx| Box::pin(follow(conn, path, tx))));
    rx
}

/// Reads and watches a path until the watch fails; gives the failure.
type Follow<T> = for<'a> fn(
    &'a dyn Conn,
    &'a str,
    &'a Sender<Seen<T>>,
) -> Pin<Box<dyn Future<Output = Error> + Send + 'a>>;

async fn supervise<T>(conn: Arc<dyn Conn>, path: String, tx: Sender<Seen<T>>, follow: Follow<T>) {
    let mut pause = MIN_PAUSE;
    loop {
        let started = Instant::now();
        let fault = tokio::select! {
            () = tx.closed() => return,
            fault = follow(&*conn, &path, &tx) => fault,
        };
        if started.elapsed() >= GOOD_LIFE {
            pause = MIN_PAUSE;
        }
        note_fault(&tx, &path, fault);
        let random = rand::random_range(0.5..=1.0);
        tokio::select! {
            () = tx.closed() => return,
            () = tokio::time::sleep(pause.mul_f64(random)) => {}
        }
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

async fn follow<T: Message + Default + Send + Sync>(
    conn: &dyn Conn,
    path: &str,
    tx: &Sender<Seen<T>>,
) -> Error {
    let mut watching = match conn.watch(WatchTarget::Path(path.to_owned())).await {
        Ok(watching) => watching,
        Err(e) => return e,
    };
    match watching.current.pop() {
        Some(entry) => apply(tx, path, Some(entry.value), entry.version),
        None => apply(tx, path, None, Version(0)),
    }
    loop {
        match watching.changes.recv().await {
            Some(Ok(change)) => apply(tx, path, change.value, change.version),
            Some(Err(e)) => return e,
            None => return Error::new(Condition::ConnectionLost, format!("the watch of {path} was closed")),
        }
    }
}

/// Takes over what the server says; receivers are only woken if it is news.
fn apply<T: Message + Default>(tx: &Sender<Seen<T>>, path: &str, value: Option<Vec<u8>>, version: Version) {
    let version = if value.is_some() { version } else { Version(0) };
    let decoded = value.map(|bytes| T::decode(&*bytes)).transpose();
    tx.send_if_modified(|seen| {
        let healed = seen.fault.take().is_some();
        match decoded {
            Ok(_) if seen.is_known() && seen.version == version => return healed,
            Ok(Some(record)) => seen.record = Record::Present(Arc::new(record)),
            Ok(None) => seen.record = Record::Absent,
            Err(e) => {
                tracing::error!(path, error = %e, "a watched record cannot be decoded; the last one is kept");
                seen.fault = Some(Error::internal(format!("the record at {path} cannot be decoded: {e}")));
                return true;
            }
        }
        seen.version = version;
        true
    });
}

/// Says once, not at every attempt, that the watch is lost.
fn note_fault<T>(tx: &Sender<Seen<T>>, path: &str, fault: Error) {
    tx.send_if_modified(|seen| {
        let news = seen.fault.is_none();
        if news {
            tracing::warn!(path, error = %fault, "a watch is lost; the last value is kept until it is back");
        }
        seen.fault = Some(fault);
        news
    });
}

#[cfg(test)]
mod tests;
