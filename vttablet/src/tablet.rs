//! The tablet: everything that is shared between its query service and its manager.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use mysqlctl::RemoteMysqld;
use mysqlwire::client::{Conn, ConnectOptions, GtidTracking};
use proto::topodata::{self, TabletType};
use secrets::Password;
use servenv::Context;
use tabletclient::GrpcTabletManagerClient;
use tokio::sync::Notify;
use vterrors::{Condition, Error, Result};
use vtmodel::Target;

use crate::{
    dba::Dba,
    manager::{disk::Disk, errant::Errant},
    options::Config,
    query::{
        health::HealthStreamer,
        kill::Killer,
        observe::Observer,
        plan::PlanCache,
        pool::{Pool, PoolConfig},
        schema::Schema,
        sequence::Sequences,
        service::{QueryCounts, QueryLimits, QueryPart, QueryService, select_limit},
        tx::{TxEngine, TxLimits},
    },
    state::{self, Serving, StateHandle},
};

/// Callers of administration that may wait for a connection.
const ADMIN_WAITERS: usize = 100;
/// How long administration waits for a connection of its pool.
const ADMIN_POOL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long administration connections are kept idle.
const ADMIN_IDLE: Duration = Duration::from_secs(60);
/// How long an action waits for the one before it.
const ACTION_WAIT: Duration = Duration::from_secs(30);

/// See the module.
pub struct Tablet {
    pub config: Config,
    pub topo: topo::Server,
    pub dba: Dba,
    pub app: Pool,
    pub query: Arc<QueryService>,
    pub health: Arc<HealthStreamer>,
    pub serving: Serving,
    pub state: StateHandle,
    /// What the topology shall say about this tablet.
    record: Mutex<topodata::Tablet>,
    /// One action that changes the tablet's type, its replication or its read-only mode at a time.
    actions: tokio::sync::Mutex<()>,
    /// The record changed and is to be written.
    pub publish: Notify,
    /// The type or the term changed: the shard's record may have to be written.
    pub shard_sync: Notify,
    /// Look at mysqld now, not at the next tick.
    pub look: Notify,
    /// The connection that holds LockTables' locks.
    pub locked: tokio::sync::Mutex<Option<Conn>>,
    pub users: Users,
    /// Who starts and stops mysqld, when that is not for this tablet to see.
    pub mysqlctld: Option<RemoteMysqld>,
    /// Transactions that the shard's primary lacks.
    pub errant: Errant,
    /// Whether the disk takes writes.
    pub disk: Disk,
    /// mysqld was restarted, or replication could not be set up: to be mended.
    pub mysqld_restarted: AtomicBool,
}

/// How to connect as each of mysqld's users.
#[derive(Debug, Clone)]
pub struct Users {
    pub dba: ConnectOptions,
    pub app: ConnectOptions,
    pub allprivs: ConnectOptions,
    /// By whom replicas connect to their source; mysqld does, not the tablet.
    pub repl: Login,
}

/// A user with its password.
#[derive(Debug, Clone)]
pub struct Login {
    pub user: String,
    pub password: Password,
}

impl Users {
    fn new(config: &Config) -> Self {
        let password = |user: &str, fixed: &str| Password::of(user, fixed, config.credentials.as_ref());
        let of = |user: &str, fixed: &str, database: &str| ConnectOptions {
            password: password(user, fixed),
            tls: config.mysqld_tls.clone(),
            database: database.to_owned(),
            collation: config.collation,
            connect_timeout: config.db.db_connect_timeout,
            ..ConnectOptions::new(config.address.clone(), user)
        };
        let db = &config.db;
        Self {
            // Administration has to work before there is a database.
            dba: of(&db.db_dba_user, &db.db_dba_password, ""),
            app: ConnectOptions {
                track_gtids: GtidTracking::OwnGtid,
                ..of(&db.db_app_user, &db.db_app_password, &config.db_name)
            },
            allprivs: of(&db.db_allprivs_user, &db.db_allprivs_password, ""),
            repl: Login {
                user: db.db_repl_user.clone(),
                password: password(&db.db_repl_user, &db.db_repl_password),
            },
        }
    }
}

/// Nanoseconds and seconds since 1970.
pub fn now() -> proto::vttime::Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    proto::vttime::Time {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanoseconds: i32::try_from(since.subsec_nanos()).unwrap_or(0),
    }
}

impl Tablet {
    /// Puts the parts together and starts the task that owns the serving state. Connects to nothing yet.
    pub fn new(config: Config, topo: topo::Server, context: &Context) -> Result<Arc<Self>> {
        let users = Users::new(&config);
        let killer = Killer::new(Arc::new(users.dba.clone()));
        let admin_pool = |name, capacity, options: &ConnectOptions| {
            let pool = PoolConfig {
                name,
                capacity,
                timeout: ADMIN_POOL_TIMEOUT,
                idle_timeout: ADMIN_IDLE,
                max_waiters: ADMIN_WAITERS,
            };
            Pool::new(&pool, Arc::new(options.clone()), killer.clone())
        };
        let dba = Dba::new(admin_pool("DbaConnPool", config.query.dba_pool_size, &users.dba));
        let app = admin_pool("AppConnPool", config.query.app_pool_size, &users.app);
        let target = Target::new(&config.keyspace, &config.shard, config.init_type);
        let serving = Serving::new(target);
        let query = query_service(&config, &users, &killer, &dba, &serving, context)?;
        let (state, task) = state::machine(serving.clone(), vec![Arc::new(QueryPart(Arc::clone(&query)))]);
        context.spawn("serving state", task);
        let health = Arc::new(HealthStreamer::new((&config.alias).into(), serving.clone()));
        for pool in [&dba.pool, &app, &query.oltp, &query.olap] {
            pool.publish(&context.metrics);
        }
        let mut disk = Disk::default();
        if let Some(dir) = &config.tablet.disk_write_dir {
            let (interval, timeout) = (config.tablet.disk_write_interval, config.tablet.disk_write_timeout);
            let (watched, writes) = Disk::watch(dir.clone(), interval, timeout)?;
            context.spawn("disk", writes.keep_writing());
            disk = watched;
        }
        let errant = Errant::default();
        let shown = errant.clone();
        context.metrics.publish("ErrantGTIDs", move || shown.get().into());
        let record = Mutex::new(first_record(&config));
        let mysqlctld = config.db.mysqlctl_socket.as_ref().map(RemoteMysqld::new).transpose()?;
        Ok(Arc::new(Self {
            config,
            topo,
            dba,
            app,
            query,
            health,
            serving,
            state,
            record,
            actions: tokio::sync::Mutex::default(),
            publish: Notify::new(),
            shard_sync: Notify::new(),
            look: Notify::new(),
            locked: tokio::sync::Mutex::default(),
            users,
            mysqlctld,
            errant,
            disk,
            mysqld_restarted: AtomicBool::new(false),
        }))
    }

    /// A client of other tablets' managers, whose calls take `limit` at most.
    pub fn managers(&self, limit: Duration) -> GrpcTabletManagerClient {
        GrpcTabletManagerClient::with_options(limit, self.config.managers.clone())
    }

    /// Every pool of connections to mysqld.
    pub fn pools(&self) -> [&Pool; 6] {
        let q = &self.query;
        [&self.dba.pool, &self.app, &q.oltp, &q.olap, q.tx.pool(None), q.tx.found_rows_pool()]
    }

    /// The tablet's record as it shall be.
    pub fn record(&self) -> topodata::Tablet {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the record; it is written by the publishing task.
    pub fn edit_record(&self, edit: impl FnOnce(&mut topodata::Tablet)) {
        edit(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner));
        self.publish.notify_one();
    }

    pub fn tablet_type(&self) -> TabletType {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).r#type()
    }

    pub fn is_primary(&self) -> bool {
        self.tablet_type() == TabletType::Primary
    }

    /// Holds off every other action until the guard is dropped. `what` is told to those that give up.
    pub async fn action(&self, what: &str) -> Result<tokio::sync::MutexGuard<'_, ()>> {
        match tokio::time::timeout(ACTION_WAIT, self.actions.lock()).await {
            Ok(guard) => Ok(guard),
            Err(_) => Err(Error::new(
                Condition::Timeout,
                format!("{what}: another action of {} is under way since {ACTION_WAIT:?}", self.config.alias),
            )),
        }
    }

    /// As [`Tablet::action`], only if nothing else is under way.
    pub fn try_action(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        self.actions.try_lock().ok()
    }
}

pub(crate) fn first_record(config: &Config) -> topodata::Tablet {
    let mut port_map = std::collections::HashMap::from([("grpc".to_owned(), i32::from(config.grpc_port))]);
    if let Some(port) = config.http_port {
        port_map.insert("vt".to_owned(), i32::from(port));
        // Says that the same port speaks TLS alone.
        if config.http_by_tls {
            port_map.insert("vts".to_owned(), i32::from(port));
        }
    }
    topodata::Tablet {
        alias: Some((&config.alias).into()),
        hostname: config.hostname.clone(),
        port_map,
        keyspace: config.keyspace.clone(),
        shard: config.shard.clone(),
        key_range: config.key_range.as_ref().map(Into::into),
        r#type: config.init_type as i32,
        db_name_override: config.db_name_override.clone(),
        mysql_hostname: match &config.address {
            mysqlwire::client::Address::Tcp { host, .. } => host.clone(),
            mysqlwire::client::Address::Unix(_) => config.hostname.clone(),
        },
        // The server was not asked yet; MySQL's is what others expect.
        default_conn_collation: u32::from(
            config.collation.unwrap_or_else(|| mysqlwire::client::default_utf8mb4_collation("8.0")),
        ),
        tablet_start_time: Some(now()),
        ..topodata::Tablet::default()
    }
}

fn query_service(
    config: &Config,
    users: &Users,
    killer: &Killer,
    dba: &Dba,
    serving: &Serving,
    context: &Context,
) -> Result<Arc<QueryService>> {
    let metrics = &context.metrics;
    let q = &config.query;
    let pool = |name, capacity, timeout, found_rows| {
        let pool = PoolConfig {
            name,
            capacity,
            timeout,
            idle_timeout: q.queryserver_config_idle_timeout,
            max_waiters: q.queryserver_config_query_pool_waiter_cap,
        };
        let options = ConnectOptions { found_rows, ..users.app.clone() };
        Pool::new(&pool, Arc::new(options), killer.clone())
    };
    let query_wait = q.queryserver_config_query_pool_timeout;
    let tx_wait = q.queryserver_config_txpool_timeout;
    let tx_pool = pool("TransactionPool", q.queryserver_config_transaction_cap, tx_wait, false);
    let found_rows_pool = pool("FoundRowsPool", q.queryserver_config_transaction_cap, tx_wait, true);
    tx_pool.publish(metrics);
    found_rows_pool.publish(metrics);
    let limits = TxLimits::new(
        q.queryserver_config_transaction_timeout,
        q.reserved_connection_cap,
        q.queryserver_config_idle_timeout,
    );
    let oltp = pool("ConnPool", q.queryserver_config_pool_size, query_wait, false);
    let max_rows = q.queryserver_config_max_result_size;
    oltp.set_options(|o| o.init = vec![select_limit(max_rows)]);
    Ok(Arc::new(QueryService {
        alias: (&config.alias).into(),
        keyspace: config.keyspace.clone(),
        db_name: config.db_name.clone(),
        serving: serving.clone(),
        oltp,
        olap: pool("StreamConnPool", q.queryserver_config_stream_pool_size, query_wait, false),
        tx: TxEngine::new(tx_pool, found_rows_pool, limits, metrics),
        plans: PlanCache::new(q.queryserver_config_query_cache_memory),
        sequences: Sequences::default(),
        schema: Schema::new(&config.db_name, dba.pool.clone(), q.schema_change_reload_timeout),
        limits: QueryLimits::new(q.queryserver_config_query_timeout, max_rows),
        schema_changed: Arc::default(),
        counts: QueryCounts::new(metrics),
        observer: Observer::start(&config.query_log, &config.tracer, context)?,
    }))
}
