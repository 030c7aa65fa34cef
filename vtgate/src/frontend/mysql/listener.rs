//! Accepts clients, counts them, and bounds their number.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use secrets::tls::ServerTls;
use servenv::Cores;
use tokio::{
    net::{TcpListener, UnixListener},
    runtime::Handle,
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};
use vterrors::{Condition, Error, Result};
use vtmodel::TargetString;

use super::{Users, connection::Client, socket::Socket};
use crate::{executor::Executor, metrics::GateMetrics};

/// After a failed accept (no file descriptors left) the next one waits a little.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What all connections share.
pub struct MysqlServer {
    pub executor: Arc<Executor>,
    pub users: Users,
    pub version: String,
    pub default_target: TargetString,
    pub handshake_limit: Duration,
    pub metrics: GateMetrics,
    /// What TLS is offered with.
    pub tls: Option<Arc<ServerTls>>,
    /// Clients over TCP must use it.
    pub requires_tls: bool,
    /// Where clients are placed.
    cores: Cores,
    started: Instant,
    places: Arc<Semaphore>,
    max_connections: usize,
    next_id: AtomicU32,
    pub clients: TaskTracker,
    pub stop: CancellationToken,
}

impl MysqlServer {
    pub fn new(
        executor: Arc<Executor>,
        users: Users,
        version: String,
        default_target: TargetString,
        max_connections: usize,
        metrics: GateMetrics,
    ) -> Self {
        Self {
            executor,
            users,
            version,
            default_target,
            handshake_limit: Duration::from_secs(10),
            metrics,
            tls: None,
            requires_tls: false,
            cores: Cores::default(),
            started: Instant::now(),
            places: Arc::new(Semaphore::new(max_connections)),
            max_connections,
            next_id: AtomicU32::new(1),
            clients: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Offers TLS; with `required` clients over TCP must use it.
    pub fn with_tls(mut self, tls: Option<Arc<ServerTls>>, required: bool) -> Self {
        self.tls = tls;
        self.requires_tls = required;
        self
    }

    /// Places clients on `cores` instead of the listener's own.
    pub fn on_cores(mut self, cores: Cores) -> Self {
        self.cores = cores;
        self
    }

    /// The line of COM_STATISTICS.
    pub fn statistics(&self) -> String {
        let uptime = self.started.elapsed().as_secs();
        let (threads, questions) = (self.metrics.mysql_connections.get(), self.metrics.mysql_commands.get());
        let average = questions as f64 / uptime.max(1) as f64;
        format!(
            "Uptime: {uptime}  Threads: {threads}  Questions: {questions}  Slow queries: 0  Opens: 0  \
             Flush tables: 0  Open tables: 0  Queries per second avg: {average:.3}"
        )
    }

    /// Serves a client on the next core.
    fn accept(self: &Arc<Self>, socket: Socket, address: String) {
        let server = self.clone();
        let core = self.cores.next();
        if core.id() == Handle::current().id() {
            return server.take(socket, address);
        }
        let detached = socket.detach();
        core.spawn(async move {
            match detached.and_then(Socket::try_from) {
                Ok(socket) => server.take(socket, address),
                Err(e) => warn!("cannot serve a MySQL client: {e}"),
            }
        });
    }

    fn take(self: &Arc<Self>, socket: Socket, address: String) {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut client = Client::new(socket, id, address);
        let server = self.clone();
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            let limit = self.max_connections;
            self.clients.spawn(async move {
                let e = Error::new(
                    Condition::TooManyConnections,
                    format!("Too many connections: --mysql-max-connections is {limit}"),
                );
                client.connection.write_error(&e);
                let _ = tokio::time::timeout(Duration::from_secs(1), client.connection.flush()).await;
            });
            return;
        };
        self.metrics.mysql_connections_total.inc();
        self.metrics.mysql_connections.add(1);
        self.clients.spawn(async move {
            client.serve(server.clone()).await;
            server.metrics.mysql_connections.add(-1);
            drop(place);
        });
    }

    /// Takes no more clients, ends idle ones, and waits for the others.
    pub async fn drain(&self) {
        self.stop.cancel();
        self.executor.processes.stop();
        self.clients.close();
        self.clients.wait().await;
    }
}

/// Serves clients over TCP until the server stops.
pub async fn serve_tcp(server: Arc<MysqlServer>, listener: TcpListener) {
    info!(address = ?listener.local_addr().ok(), "MySQL protocol is served");
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = server.stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, address)) => {
                let _ = stream.set_nodelay(true);
                server.accept(stream.into(), address.to_string());
            }
            Err(e) => {
                warn!("cannot accept a MySQL client: {e}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves clients over a Unix socket until the server stops.
pub async fn serve_unix(server: Arc<MysqlServer>, listener: UnixListener) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = server.stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => server.accept(stream.into(), "localhost".to_owned()),
            Err(e) => {
                warn!("cannot accept a MySQL client: {e}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Binds the socket's path, taking the place of one that a dead process left.
pub fn bind_unix(path: &Path) -> Result<UnixListener> {
    let _ = std::fs::remove_file(path);
    UnixListener::bind(path).map_err(|e| {
        Error::new(Condition::FailedPrecondition, format!("cannot listen on {}: {e}", path.display()))
    })
}
