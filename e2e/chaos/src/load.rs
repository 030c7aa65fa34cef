//! Clients that write and remember what was acknowledged.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use e2e::Cluster;
use mysql_async::{Conn, OptsBuilder, prelude::Queryable};
use tokio::{task::JoinHandle, time::Instant};
use vtlocal::plan::CellPlan;

use crate::{KEYSPACE, Result, SHARDS};

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Acknowledged,
    /// It was refused, or it is not known whether it was done.
    Failed {
        errno: u16,
        text: String,
    },
}

/// Whether it is one statement or a transaction of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Autocommit,
    Transaction,
}

/// One write: a row, and one more in the client's count.
#[derive(Debug, Clone)]
pub struct Op {
    pub kind: Kind,
    pub id: u64,
    pub begun: Instant,
    pub ended: Instant,
    pub outcome: Outcome,
}

/// One client and all its writes. It writes to one shard, through the vtgate of one cell.
#[derive(Debug)]
pub struct Client {
    pub number: usize,
    pub shard: usize,
    pub cell: String,
    pub ops: Mutex<Vec<Op>>,
}

impl Client {
    pub fn new(number: usize, cell: String) -> Self {
        Self { number, shard: number % SHARDS.len(), cell, ops: Mutex::default() }
    }

    /// The id of its `n`th row. The vindex is `numeric`: ids with the highest bit are in the upper shard.
    fn id(&self, n: u64) -> u64 {
        ((self.shard as u64) << 63) | ((self.number as u64 + 1) << 40) | n
    }

    /// The id of the row that counts.
    pub fn count_id(&self) -> u64 {
        self.id(0)
    }

    pub fn ops(&self) -> Vec<Op> {
        self.ops.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The running clients.
pub struct Load {
    clients: Vec<Arc<Client>>,
    tasks: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

/// No write takes longer: one that does counts as failed.
const LIMIT: Duration = Duration::from_secs(60);
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);

impl Load {
    /// With `socket` clients are on their vtgate's machine, and no cut between cells comes between.
    pub async fn start(cluster: &Cluster, count: usize, think: Duration, socket: bool) -> Result<Self> {
        let mut load = Self { clients: Vec::new(), tasks: Vec::new(), stop: Arc::default() };
        let cells = &cluster.plan().cells;
        for number in 0..count {
            // Both shards have clients in every cell.
            let cell = &cells[number / SHARDS.len() % cells.len()];
            let client = Arc::new(Client::new(number, cell.name.clone()));
            let work = Work {
                client: client.clone(),
                vtgate: Vtgate::of(cell, socket),
                stop: load.stop.clone(),
                think,
            };
            load.tasks.push(tokio::spawn(work.run()));
            load.clients.push(client);
        }
        Ok(load)
    }

    /// Waits until every client has written.
    pub async fn warm_up(&self) -> Result<()> {
        let begun = Instant::now();
        while !self.clients.iter().all(|c| c.ops().iter().any(|op| op.outcome == Outcome::Acknowledged)) {
            if begun.elapsed() > LIMIT {
                let first = self.clients.iter().find_map(|c| c.ops().last().cloned());
                return Err(format!("the clients cannot write: {first:?}"));
            }
            tokio::time::sleep(RECONNECT_PAUSE).await;
        }
        Ok(())
    }

    /// The writes of a shard that were under way or begun since then, but for those through a lost cell.
    pub fn since(&self, shard: usize, then: Instant, lost: Option<&str>) -> Vec<Op> {
        let of_shard = self.clients.iter().filter(|c| c.shard == shard && lost != Some(c.cell.as_str()));
        let mut ops: Vec<Op> = of_shard.flat_map(|c| c.ops()).filter(|op| op.ended >= then).collect();
        ops.sort_by_key(|op| op.ended);
        ops
    }

    pub async fn stop(self) -> Vec<Arc<Client>> {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            // A client that panicked has written less.
            let _ = task.await;
        }
        self.clients
    }
}

struct Work {
    client: Arc<Client>,
    vtgate: Vtgate,
    stop: Arc<AtomicBool>,
    think: Duration,
}

impl Work {
    async fn run(self) {
        let mut conn: Option<Conn> = None;
        let mut n = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let Some(open) = &mut conn else {
                conn = connect(&self.vtgate).await.ok();
                if conn.is_none() {
                    tokio::time::sleep(RECONNECT_PAUSE).await;
                }
                continue;
            };
            n += 1;
            let kind = if n % 2 == 0 { Kind::Autocommit } else { Kind::Transaction };
            let id = self.client.id(n);
            let begun = Instant::now();
            let done = tokio::time::timeout(LIMIT, write(open, kind, id, self.client.count_id())).await;
            let outcome = match done {
                Ok(Ok(())) => Outcome::Acknowledged,
                Ok(Err(mysql_async::Error::Server(e))) => {
                    // In a transaction that failed nothing more is wanted.
                    if kind == Kind::Transaction && open.query_drop("ROLLBACK").await.is_err() {
                        conn = None;
                    }
                    Outcome::Failed { errno: e.code, text: e.message }
                }
                Ok(Err(e)) => {
                    conn = None;
                    Outcome::Failed { errno: 0, text: e.to_string() }
                }
                Err(_) => {
                    conn = None;
                    Outcome::Failed { errno: 0, text: format!("no answer in {LIMIT:?}") }
                }
            };
            let op = Op { kind, id, begun, ended: Instant::now(), outcome };
            self.client.ops.lock().unwrap_or_else(PoisonError::into_inner).push(op);
            tokio::time::sleep(self.think).await;
        }
    }
}

/// An autocommit write counts by its row alone; a transaction counts in the counting row, too.
async fn write(conn: &mut Conn, kind: Kind, id: u64, count_id: u64) -> mysql_async::Result<()> {
    match kind {
        Kind::Autocommit => conn.query_drop(format!("INSERT INTO written (id, n) VALUES ({id}, 1)")).await,
        Kind::Transaction => {
            conn.query_drop("BEGIN").await?;
            conn.query_drop(format!("INSERT INTO written (id, n) VALUES ({id}, 2)")).await?;
            conn.query_drop(format!("UPDATE written SET n = n + 1 WHERE id = {count_id}")).await?;
            conn.query_drop("COMMIT").await
        }
    }
}

/// How clients come to a vtgate.
#[derive(Debug, Clone)]
pub enum Vtgate {
    Tcp(String, u16),
    Socket(PathBuf),
}

impl Vtgate {
    pub fn of(cell: &CellPlan, socket: bool) -> Self {
        let (host, port) = cell.mysql();
        if socket { Self::Socket(cell.socket.clone()) } else { Self::Tcp(host.to_owned(), port) }
    }

    /// The first cell's.
    pub fn first(cluster: &Cluster) -> Self {
        Self::of(&cluster.plan().cells[0], false)
    }
}

pub async fn connect(vtgate: &Vtgate) -> mysql_async::Result<Conn> {
    let options = match vtgate {
        Vtgate::Tcp(host, port) => OptsBuilder::default().ip_or_hostname(host).tcp_port(*port),
        Vtgate::Socket(path) => OptsBuilder::default().socket(Some(path.to_string_lossy())),
    };
    let options = options.user(Some("user")).db_name(Some(KEYSPACE)).prefer_socket(false);
    match tokio::time::timeout(Duration::from_secs(10), Conn::new(options)).await {
        Ok(conn) => conn,
        Err(_) => Err(std::io::Error::other("no connection within 10 s").into()),
    }
}
