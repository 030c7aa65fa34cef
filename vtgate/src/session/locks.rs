//! The connection on which a session holds locks by name (`GET_LOCK`).
//!
//! The locks live as long as the tablet's reserved connection. A tablet closes connections that lie idle, so a keeper
//! says something on it from time to time; when the connection is gone, the locks are, and the client must not go
//! on as if it had them: its own connection ends, as it would with the mysqld.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use planner::LockColumn;
use proto::query::QueryResult;
use tokio::{sync::Mutex, task::JoinHandle};

use super::ShardSession;

/// The connection of a session's locks.
#[derive(Debug, Clone)]
pub struct LockSession {
    pub part: ShardSession,
    /// How many locks are held; `None` where statements did not tell.
    pub number: Option<u64>,
    /// `None` in sessions of gRPC clients, which travel: the tablet's own idle timeout ends them.
    pub keeper: Option<Arc<Keeper>>,
    /// A statement is under way on the connection.
    pub busy: bool,
}

impl LockSession {
    pub fn new(part: ShardSession, number: Option<u64>, keeper: Option<Arc<Keeper>>) -> Self {
        Self { part, number, keeper, busy: false }
    }

    /// Whether the connection was found to be gone.
    pub fn is_lost(&self) -> bool {
        self.keeper.as_ref().is_some_and(|k| k.lost.load(Ordering::Relaxed))
    }

    /// Counts what a statement's answer tells of the locks.
    pub fn count(&mut self, columns: Option<&[LockColumn]>, takes: bool, result: &QueryResult) {
        let Some(columns) = columns else {
            if takes {
                self.number = None;
            }
            return;
        };
        let Some(row) = result.rows.first() else { return };
        for (at, column) in columns.iter().enumerate() {
            let is_one = sqltypes::value_at(row, at).flatten() == Some(&b"1"[..]);
            self.number = match (column, self.number) {
                (LockColumn::ReleaseAll, _) => Some(0),
                (LockColumn::Get, Some(n)) if is_one => Some(n.saturating_add(1)),
                (LockColumn::Release, Some(n)) if is_one => Some(n.saturating_sub(1)),
                (_, number) => number,
            };
        }
    }
}

/// Keeps a connection from being idle, until it is dropped.
#[derive(Debug)]
pub struct Keeper {
    /// Held while something is said on the connection.
    pub turn: Arc<Mutex<()>>,
    lost: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// `beat` says something on the connection, and tells whether it is still there.
    pub fn start<F>(every: Duration, beat: impl Fn() -> F + Send + 'static) -> Self
    where
        F: Future<Output = bool> + Send,
    {
        let (turn, lost) = (Arc::new(Mutex::new(())), Arc::new(AtomicBool::new(false)));
        let (my_turn, found) = (turn.clone(), lost.clone());
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let _turn = my_turn.lock().await;
                if !beat().await {
                    found.store(true, Ordering::Relaxed);
                    return;
                }
            }
        });
        Self { turn, lost, task }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqltypes::RowBuilder;

    fn answer(values: &[Option<&str>]) -> QueryResult {
        let mut row = RowBuilder::default();
        values.iter().for_each(|v| row.push(v.map(str::as_bytes)));
        QueryResult { rows: vec![row.finish()], ..QueryResult::default() }
    }

    #[test]
    fn locks_are_counted_by_what_the_functions_answer() {
        use LockColumn::{Get, Other, Release, ReleaseAll};
        let part = ShardSession {
            target: vtmodel::Target::new("ks", "0", vtmodel::TabletType::Primary),
            alias: vtmodel::TabletAlias::new("zone1", 1),
            transaction_id: 0,
            reserved_id: 7,
            wrote: false,
        };
        let mut locks = LockSession::new(part, Some(0), None);
        locks.count(Some(&[Get, Other, Get]), true, &answer(&[Some("1"), Some("1"), Some("0")]));
        assert_eq!(locks.number, Some(1), "one was got, one not");
        locks.count(Some(&[Release]), false, &answer(&[None]));
        assert_eq!(locks.number, Some(1), "nobody had it");
        locks.count(Some(&[Release]), false, &answer(&[Some("1")]));
        assert_eq!(locks.number, Some(0));
        locks.count(None, true, &answer(&[Some("2")]));
        locks.count(Some(&[Release]), false, &answer(&[Some("1")]));
        assert_eq!(locks.number, None, "how many were got was not told");
        locks.count(Some(&[ReleaseAll]), false, &answer(&[Some("3")]));
        assert_eq!(locks.number, Some(0));
    }
}
