//! Tablets of a test: each with its own mysqld, in this process, on one topology in memory, reached over
//! gRPC like any other.

use std::{
    sync::{Arc, LazyLock, Mutex, Weak},
    time::Duration,
};

use bytes::Bytes;
use mysqlctl::{Binaries, CnfOptions, FlavorKind, Mycnf, Mysqld, binaries::SearchPath};
use proto::{
    query::{BindVariable, BoundQuery, ExecuteRequest, QueryResult, Type},
    tabletmanagerdata as tm,
    topodata::{self, TabletType},
};
use rpc::ChannelOptions;
use servenv::{Context, Step};
use tabletclient::{GrpcTabletManagerClient, QueryClient, QueryService, TabletManagerClient};
use testkit::{free_ports, wait_until_async};
use topo::memory::MemoryStore;
use vterrors::Result;
use vtmodel::Target;
use vttablet::{Options, Tablet};

/// Everything here that waits for a mysqld.
pub const LIMIT: Duration = Duration::from_secs(60);

/// One runtime for all tests: a shared tablet outlives the test that started it.
pub static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime"));

/// A mysqld of its own; ends with the value.
pub struct Server {
    pub mysqld: Mysqld,
    pub dir: tempfile::TempDir,
}

impl Server {
    /// A MySQL server.
    pub async fn start(uid: u32) -> Self {
        let search = SearchPath::from_env();
        let binaries = Binaries::find(&search, Some(FlavorKind::MySql)).expect("a mysqld of MySQL");
        Self::start_with(binaries, uid).await
    }

    /// A MariaDB server, where the machine has one.
    pub async fn start_mariadb(uid: u32) -> Option<Self> {
        let binaries = Binaries::find(&SearchPath::from_env(), Some(FlavorKind::MariaDb)).ok()?;
        Some(Self::start_with(binaries, uid).await)
    }

    async fn start_with(binaries: Binaries, uid: u32) -> Self {
        let dir = testkit::temp_dir();
        let cnf = Mycnf::new(dir.path(), uid, free_port(), None);
        let mut mysqld = Mysqld::new(cnf, binaries).expect("a mysqld");
        let options = CnfOptions {
            buffer_pool_size: "32M".into(),
            performance_schema: Some(false),
            bind_address: Some("127.0.0.1".into()),
            ..CnfOptions::default()
        };
        mysqld.init(&options, None, LIMIT).await.expect("mysqld initialises");
        Self { mysqld, dir }
    }

    pub fn kill(&self) {
        if let Some(pid) = self.mysqld.running_pid() {
            let _ =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that no other test of this process was given.
fn free_port() -> u16 {
    static GIVEN: Mutex<Vec<u16>> = Mutex::new(Vec::new());
    let mut given = GIVEN.lock().unwrap_or_else(|e| e.into_inner());
    let base = free_ports(64);
    let port = (base..base + 64).find(|p| !given.contains(p)).expect("a port");
    given.push(port);
    port
}

/// A tablet that runs.
pub struct Running {
    pub tablet: Arc<Tablet>,
    pub query: QueryClient,
    pub manager: GrpcTabletManagerClient,
    pub context: Context,
    /// Kept: the gRPC server ends with them.
    pub steps: Mutex<Vec<Step>>,
    pub server: Arc<Server>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.context.stop.cancel();
    }
}

pub async fn memory_topo() -> topo::Server {
    topo::Server::in_memory_store(&MemoryStore::default(), &["zone1"]).await.expect("a topology in memory")
}

/// Starts tablet `zone1-<uid>` of `ks/0` beside `server`, with more flags.
pub async fn start_tablet(topo: &topo::Server, server: &Arc<Server>, flags: &[&str]) -> Running {
    try_start_tablet(topo, server, flags).await.expect("the tablet starts")
}

/// The same, where it may refuse.
pub async fn try_start_tablet(topo: &topo::Server, server: &Arc<Server>, flags: &[&str]) -> Result<Running> {
    let uid = server.mysqld.cnf().uid;
    let mut args: Vec<String> = vec![
        "vttablet".into(),
        format!("--tablet-path=zone1-{uid}"),
        "--init-keyspace=ks".into(),
        "--init-shard=0".into(),
        "--tablet-hostname=127.0.0.1".into(),
        "--grpc-port=0".into(),
        "--topo-implementation=memory".into(),
        "--enable-replication-reporter".into(),
        format!("--db-socket={}", server.mysqld.cnf().socket.display()),
    ];
    args.extend(flags.iter().map(|f| (*f).to_owned()));
    let options: Options =
        servenv::parse_from(args.into_iter().map(Into::into)).map_err(|e| e.0).expect("flags");
    let config = options.validate().expect("valid options");
    let context = Context::new("vttablet");
    let address = "127.0.0.1:0".parse().expect("an address");
    let limits = (Duration::from_secs(10), Duration::from_secs(10));
    let (tablet, steps) =
        vttablet::start_with(config, topo.clone(), address, limits, context.clone()).await?;
    let grpc = tabletclient::grpc_address(&tablet.record()).expect("a gRPC port");
    let query = QueryClient::new(&grpc, &ChannelOptions::default()).expect("a client");
    let manager = GrpcTabletManagerClient::new(LIMIT);
    Ok(Running { tablet, query, manager, context, steps: Mutex::new(steps), server: Arc::clone(server) })
}

static SHARED: tokio::sync::Mutex<Weak<Running>> = tokio::sync::Mutex::const_new(Weak::new());

/// A serving primary, shared by the tests that run at the same time. Each test uses tables of its own.
pub async fn shared_primary() -> Arc<Running> {
    let mut shared = SHARED.lock().await;
    if let Some(running) = shared.upgrade() {
        return running;
    }
    let server = Arc::new(Server::start(100).await);
    let running = start_tablet(&memory_topo().await, &server, &[]).await;
    running.init_primary().await;
    let running = Arc::new(running);
    *shared = Arc::downgrade(&running);
    running
}

pub fn primary_target() -> Option<proto::query::Target> {
    Some((&Target::new("ks", "0", TabletType::Primary)).into())
}

pub fn replica_target() -> Option<proto::query::Target> {
    Some((&Target::new("ks", "0", TabletType::Replica)).into())
}

pub fn bound(sql: &str) -> Option<BoundQuery> {
    Some(BoundQuery { sql: sql.to_owned(), ..BoundQuery::default() })
}

pub fn with_vars(sql: &str, vars: &[(&str, Type, &str)]) -> Option<BoundQuery> {
    let bind_variables = vars
        .iter()
        .map(|(name, t, value)| {
            let value = Bytes::copy_from_slice(value.as_bytes());
            ((*name).to_owned(), BindVariable { r#type: *t as i32, value, values: vec![] })
        })
        .collect();
    Some(BoundQuery { sql: sql.to_owned(), bind_variables })
}

/// The values as text, NULL as `NULL`, columns joined by `|`.
pub fn rows(result: &QueryResult) -> Vec<String> {
    let text = |v: Option<&[u8]>| v.map_or("NULL".into(), |v| String::from_utf8_lossy(v).into_owned());
    result.rows.iter().map(|r| sqltypes::values(r).map(text).collect::<Vec<_>>().join("|")).collect()
}

impl Running {
    pub fn record(&self) -> topodata::Tablet {
        self.tablet.record()
    }

    pub async fn init_primary(&self) {
        self.manager
            .init_primary(&self.record(), tm::InitPrimaryRequest::default())
            .await
            .expect("InitPrimary");
    }

    /// Runs on the primary, in the session `id` if it is not 0.
    pub async fn run_in(&self, id: i64, sql: &str) -> Result<QueryResult> {
        let request = ExecuteRequest {
            target: primary_target(),
            query: bound(sql),
            transaction_id: id,
            ..ExecuteRequest::default()
        };
        Ok(self.query.execute(request).await?.result.unwrap_or_default())
    }

    pub async fn run(&self, sql: &str) -> Result<QueryResult> {
        self.run_in(0, sql).await
    }

    /// The rows of a query that has to work.
    pub async fn rows(&self, sql: &str) -> Vec<String> {
        rows(&self.run(sql).await.unwrap_or_else(|e| panic!("{sql}: {e}")))
    }

    /// Runs as dba at this tablet's mysqld.
    pub async fn dba(&self, sql: &str) -> Vec<String> {
        let result = self.tablet.dba.query(sql, LIMIT).await;
        rows(&result.unwrap_or_else(|e| panic!("{sql}: {e}")))
    }
}

/// Waits for a condition with the runtime's own clock.
pub async fn eventually<T>(what: &str, check: impl AsyncFnMut() -> Result<T, String>) -> T {
    wait_until_async(what, LIMIT, tokio::time::sleep, check).await
}
