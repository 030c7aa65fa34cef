//! Brings vtgate up, step by step, and lists the steps that take it down.

use std::{sync::Arc, time::Duration};

use discovery::{Discovery, DiscoveryConfig};
use proto::vtgateservice::vitess_server::VitessServer;
use secrets::tls::CertificateEnds;
use servenv::{Context, Step};
use tokio::net::TcpListener;
use tracing::{info, warn};
use vterrors::{Condition, Error, Result};
use vtmodel::{TabletType, Target};

use crate::{
    Config, Options,
    executor::{Executor, ExecutorConfig, GatherLimits},
    frontend::{
        grpc::VitessService,
        mysql::{MysqlServer, Users, bind_unix, serve_tcp, serve_unix},
    },
    gateway::{BufferConfig, Gateway, GatewayConfig},
    metrics::GateMetrics,
    observe::Observer,
    pages,
    schema::Schema,
};

/// How long the start waits for the columns of the keyspaces' tables.
const FIRST_COLUMNS_LIMIT: Duration = Duration::from_secs(5);

/// Starts everything; returns when queries are taken.
pub async fn start(options: Options, context: Context) -> Result<Vec<Step>> {
    let config = options.validate()?;
    let o = &config.options;
    // Ports first: a taken one is told before anything else was done.
    let mysql = match config.mysql_address {
        Some(address) => Some(listen("MySQL", address).await?),
        None => None,
    };
    let grpc = match config.grpc_address {
        Some(address) => Some(listen("gRPC", address).await?),
        None => None,
    };
    let users = users(o)?;
    let observer = Observer::start(&o.query_log, &o.audit, &o.tracer, &context)?;
    let log_steps = observer.end_steps();
    let tls = config.mysql_tls.clone();
    let ends = CertificateEnds::default().server(tls.as_ref()).server(config.grpc_tls.as_ref());
    let ends = ends.client(config.tablet_tls.as_ref()).fixed(config.topo.certificate_ends());
    let ends = ends.client(observer.tracer.as_ref().and_then(|t| t.tls()));
    context.metrics.publish_certificates(ends);

    let topo = Arc::new(topo::Server::open(&config.topo).await?);
    let schema =
        Schema::start(topo.clone(), &config.cell, &context, o.gateway_initial_tablet_timeout).await?;
    let discovery = discover(&config, topo, &context);
    wait_for_tablets(&config, &schema, &discovery).await;

    let metrics = GateMetrics::new(&context.metrics);
    let gateway_config = GatewayConfig {
        retry_count: o.retry_count,
        buffer: BufferConfig {
            window: o.buffer_window,
            size: o.buffer_size,
            bytes: o.buffer_max_bytes,
            max_failover_duration: o.buffer_max_failover_duration,
            min_time_between_failovers: o.buffer_min_time_between_failovers,
            drain_concurrency: o.buffer_drain_concurrency,
        },
        max_calls_per_tablet: o.max_calls_per_tablet,
    };
    let executor_config = ExecutorConfig {
        single_shard_transactions: o.transaction_mode.eq_ignore_ascii_case("single"),
        max_memory_rows: o.max_memory_rows,
        gather: GatherLimits { rows: o.gather_max_rows, bytes: o.gather_max_bytes },
        no_scatter: o.no_scatter,
        local_infile: o.local_infile,
        vschema_ddl_users: o.vschema_ddl_authorized_users.clone(),
        server_version: o.mysql_server_version.clone(),
        query_timeout: o.query_timeout,
        lock_heartbeat: o.lock_heartbeat_time,
    };
    let gateway = Arc::new(Gateway::new(discovery, gateway_config, metrics.clone()));
    schema.track(gateway.clone(), &context, FIRST_COLUMNS_LIMIT).await;
    let executor =
        Executor::new(schema, gateway, executor_config, metrics.clone(), o.gate_query_cache_memory);
    let executor = Arc::new(executor.with_observer(observer));
    pages::add(&context, &executor);

    let server = MysqlServer::new(
        executor.clone(),
        users,
        o.mysql_server_version.clone(),
        config.default_target.clone(),
        o.mysql_max_connections,
        metrics,
    );
    let server = server.with_tls(tls, o.mysql_server_require_secure_transport);
    let server = Arc::new(server.on_cores(context.cores.clone()));
    if let Some(listener) = mysql {
        context.spawn("mysql", serve_tcp(server.clone(), listener));
    }
    if let Some(path) = &o.mysql_server_socket_path {
        context.spawn("mysql-socket", serve_unix(server.clone(), bind_unix(path)?));
    }
    if let Some(listener) = grpc {
        let listener = rpc::Listener::new(listener, config.grpc_tls.clone());
        serve_grpc(listener, executor, &context).await?;
    }
    let clients = Step::new("clients end", o.server.onterm_timeout, async move { server.drain().await });
    Ok(std::iter::once(clients).chain(log_steps).collect())
}

async fn listen(what: &str, address: std::net::SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|e| {
        Error::new(Condition::FailedPrecondition, format!("cannot listen for {what} on {address}: {e}"))
    })
}

fn users(o: &Options) -> Result<Users> {
    match (&o.mysql_auth_server_static_file, &o.mysql_auth_server_static_string) {
        _ if o.mysql_auth_server_impl == "none" => Users::everybody(),
        (Some(path), _) => Users::from_file(path),
        (None, Some(text)) => Users::from_json(text),
        // No MySQL port either (checked with the options): nobody asks.
        (None, None) => Users::from_json("{}"),
    }
}

fn discover(config: &Config, topo: Arc<topo::Server>, context: &Context) -> Discovery {
    let o = &config.options;
    let discovery_config = DiscoveryConfig {
        cell: config.cell.clone(),
        cells: config.cells_to_watch.clone(),
        keyspaces: config.keyspaces_to_watch.clone(),
        tablet_refresh_interval: o.tablet_refresh_interval,
        healthcheck_timeout: o.healthcheck_timeout,
        healthcheck_retry_delay: o.healthcheck_retry_delay,
        connections_per_tablet: o.tablet_grpc_connections,
        connector: o.connector.clone().with_tls(config.tablet_tls.clone()),
    };
    Discovery::start(topo, discovery_config, |name, work| context.spawn(name, work))
}

/// Waits for the wanted tablet types of every shard. A shard that stays away does not keep the others from
/// being served.
async fn wait_for_tablets(config: &Config, schema: &Schema, discovery: &Discovery) {
    let limit = config.options.gateway_initial_tablet_timeout;
    let layout = schema.layout().clone();
    let mut waits = Vec::new();
    for keyspace in layout.keyspaces() {
        if !config.keyspaces_to_watch.is_empty() && !config.keyspaces_to_watch.iter().any(|k| k == keyspace) {
            continue;
        }
        for tablet_type in &config.tablet_types_to_wait {
            let Ok(shards) = layout.shards(keyspace, TabletType::Primary) else { continue };
            waits.extend(shards.all().iter().map(|s| Target::new(keyspace, &*s.name, *tablet_type)));
        }
    }
    let waiting = waits.iter().map(|target| discovery.wait_for(target, limit.max(Duration::from_millis(1))));
    for missing in futures::future::join_all(waiting).await.into_iter().filter_map(Result::err) {
        warn!("starting without a tablet: {missing}");
    }
    info!(targets = waits.len(), "tablets are known");
}

async fn serve_grpc(listener: rpc::Listener, executor: Arc<Executor>, context: &Context) -> Result<()> {
    let service = VitessServer::new(VitessService { executor })
        .max_decoding_message_size(rpc::MAX_MESSAGE_BYTES)
        .max_encoding_message_size(rpc::MAX_MESSAGE_BYTES);
    let routes = rpc::routes().await?.add_service(service);
    let (stop, cores) = (context.stop.clone(), context.cores.handles());
    context.spawn("grpc", async move {
        if let Err(e) = rpc::serve(listener, routes, cores, async move { stop.cancelled().await }).await {
            tracing::error!("{e}");
        }
    });
    Ok(())
}
