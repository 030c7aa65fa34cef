//! Ending what a connection does at mysqld, through another connection; and queries with a deadline.
//!
//! A connection whose query was given up is of no use here, but mysqld goes on working for it until it is
//! killed. Kills go through connections of the dba user, a few at a time, each within a limit.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use mysqlwire::client::{Conn, ConnectOptions};
use tokio::{
    sync::Semaphore,
    time::{Instant, Sleep, sleep_until},
};
use tracing::{debug, warn};
use vterrors::{Condition, Error, Result};

/// How long one kill may take, connecting included.
const KILL_LIMIT: Duration = Duration::from_secs(5);
/// How long a query may take to end once it was killed, before its whole connection is.
const END_LIMIT: Duration = Duration::from_secs(2);
/// Kills at one time; more wait.
const KILLS_AT_ONCE: usize = 8;
/// Kills that may wait; past that a connection that was given up is left to mysqld.
const KILLS_WAITING: usize = 1000;
/// Timers that are kept for the next query.
const ALARMS_KEPT: usize = 1000;

/// Kills queries and connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Killer {
    options: Arc<ConnectOptions>,
    slots: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    alarms: Arc<Mutex<Vec<Alarm>>>,
}

/// A timer that is set once for many queries. Nearly all end long before their deadlines, which lie further and
/// further away: setting a timer anew for each costs more than looking again, once in a while, at one that rings
/// too early.
#[derive(Debug)]
struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    fn poll_until(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.deadline() > at {
            self.0.as_mut().reset(at);
        }
        loop {
            ready!(self.0.as_mut().poll(cx));
            if self.0.deadline() >= at {
                return Poll::Ready(());
            }
            self.0.as_mut().reset(at);
        }
    }
}

impl Killer {
    /// `options` are those of a user that may kill others' connections.
    pub fn new(options: Arc<ConnectOptions>) -> Self {
        Self {
            options,
            slots: Arc::new(Semaphore::new(KILLS_AT_ONCE)),
            waiting: Arc::new(Semaphore::new(KILLS_WAITING)),
            alarms: Arc::default(),
        }
    }

    /// A timer; `at` is when it is to ring if there is none yet.
    fn alarm(&self, at: Instant) -> Alarm {
        let kept = self.alarms.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| Alarm(Box::pin(sleep_until(at))))
    }

    fn keep(&self, alarm: Alarm) {
        let mut alarms = self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        if alarms.len() < ALARMS_KEPT {
            alarms.push(alarm);
        }
    }

    /// Ends the statement that connection `id` runs; the connection stays.
    pub async fn kill_query(&self, id: u32) -> Result<()> {
        self.run(format!("kill query {id}")).await
    }

    /// Ends connection `id`, its statement and its transaction.
    pub async fn kill_connection(&self, id: u32) -> Result<()> {
        self.run(format!("kill {id}")).await
    }

    /// Ends connection `id` in the background: for a connection that is dropped in the middle of an answer.
    pub fn kill_later(&self, id: u32) {
        let (Ok(place), Ok(runtime)) =
            (Arc::clone(&self.waiting).try_acquire_owned(), tokio::runtime::Handle::try_current())
        else {
            debug!(connection = id, "not killed: too many kills wait");
            return;
        };
        let killer = self.clone();
        runtime.spawn(async move {
            let _place = place;
            if let Err(e) = killer.kill_connection(id).await {
                warn!(connection = id, error = %e, "cannot kill a connection that was given up");
            }
        });
    }

    async fn run(&self, sql: String) -> Result<()> {
        let work = async {
            let _slot = self.slots.acquire().await;
            let mut conn = Conn::connect(Arc::clone(&self.options)).await?;
            match conn.execute(&sql).await {
                // It is gone already.
                Err(e) if e.errno() == 1094 => Ok(()),
                other => other.map(drop),
            }
        };
        match tokio::time::timeout(KILL_LIMIT, work).await {
            Ok(done) => done,
            Err(_) => Err(Error::new(Condition::Timeout, format!("{sql}: not within {KILL_LIMIT:?}"))),
        }
    }
}

/// When a query must be over, and how long it was given.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    pub at: Instant,
    pub limit: Duration,
}

impl Deadline {
    /// From now; zero is none.
    pub fn after(limit: Duration) -> Option<Self> {
        (!limit.is_zero()).then(|| Self { at: Instant::now() + limit, limit })
    }

    /// The earlier of two.
    pub fn earlier(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        match (a, b) {
            (Some(a), Some(b)) => Some(if a.at <= b.at { a } else { b }),
            (a, b) => a.or(b),
        }
    }
}

/// Awaits `work`, which waits for the answer to a query on connection `id`. At the deadline the query is
/// killed and the error says so; the connection stays usable when mysqld answers the kill in time.
pub async fn within<T>(
    deadline: Option<Deadline>,
    killer: &Killer,
    id: u32,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let Some(deadline) = deadline else { return work.await };
    tokio::pin!(work);
    let mut alarm = killer.alarm(deadline.at);
    let ended = poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => alarm.poll_until(deadline.at, cx).map(|()| None),
    });
    let ended = ended.await;
    killer.keep(alarm);
    if let Some(result) = ended {
        return result;
    }
    let over = || {
        Error::new(
            Condition::Timeout,
            format!(
                "query interrupted: it took longer than its limit of {}",
                servenv::format_duration(deadline.limit)
            ),
        )
    };
    if let Err(e) = killer.kill_query(id).await {
        warn!(connection = id, error = %e, "cannot kill a query past its deadline");
        return Err(over());
    }
    match tokio::time::timeout(END_LIMIT, work).await {
        // It ended by itself just then.
        Ok(Ok(result)) => Ok(result),
        // Its own error, were it not for the kill (1317, or what KILL makes of some statements).
        Ok(Err(e)) if e.errno() != 1317 => Err(e),
        Ok(Err(_)) | Err(_) => Err(over()),
    }
}

#[cfg(test)]
mod tests {
    use mysqlwire::client::Address;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_kept_timer_rings_at_each_querys_own_deadline() {
        let nobody = Address::Unix("/nowhere/mysql.sock".into());
        let killer = Killer::new(Arc::new(ConnectOptions::new(nobody, "dba")));
        for seconds in [10, 3, 20, 20] {
            let limit = Duration::from_secs(seconds);
            for takes in [Duration::from_secs(2), Duration::from_secs(60)] {
                let started = Instant::now();
                let work = async {
                    tokio::time::sleep(takes).await;
                    Ok(())
                };
                let result = within(Deadline::after(limit), &killer, 7, work).await;
                if takes < limit {
                    result.unwrap();
                    continue;
                }
                assert_eq!(result.unwrap_err().condition(), Condition::Timeout);
                let took = started.elapsed();
                assert!(took >= limit && took < limit + Duration::from_secs(1), "{limit:?}: {took:?}");
            }
        }
        assert_eq!(killer.alarms.lock().unwrap().len(), 1);
    }
}
