//! Ending what a connection does at mysqld, through another connection; and queries with a deadline.
//!
//! A connection whose query was given up is of no use here, but mysqld goes on working for it until it is
//! killed. Kills go through connections of the dba user, a few at a time, each within a limit.

use std::{sync::Arc, time::Duration};

use mysqlwire::client::{Conn, ConnectOptions};
use tokio::{sync::Semaphore, time::Instant};
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

/// Kills queries and connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Killer {
    options: Arc<ConnectOptions>,
    slots: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Killer {
    /// `options` are those of a user that may kill others' connections.
    pub fn new(options: Arc<ConnectOptions>) -> Self {
        Self {
            options,
            slots: Arc::new(Semaphore::new(KILLS_AT_ONCE)),
            waiting: Arc::new(Semaphore::new(KILLS_WAITING)),
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
    tokio::select! {
        biased;
        result = &mut work => return result,
        () = tokio::time::sleep_until(deadline.at) => {}
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
