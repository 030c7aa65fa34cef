//! The agent beside a mysqld: it serves queries on it ([`query`]) and looks after its replication and its
//! place in the topology ([`manager`]).
//!
//! ```text
//! grpc.rs  ->  query::service  ->  pools of raw connections  ->  mysqld
//!          ->  manager::*      ->  dba connections           ->  mysqld, topology
//! state.rs     what is served now; one task owns the way from one state to the next
//! ```

pub mod admin;
pub mod dba;
mod grpc;
pub mod manager;
pub mod options;
pub mod query;
pub mod state;
pub mod tablet;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use secrets::tls::CertificateEnds;
use servenv::{Context, Step};
use tokio::{net::TcpListener, sync::oneshot};
use vterrors::{Condition, Error, Result};

pub use options::{Config, Options};
pub use tablet::Tablet;

/// How long the going down may take to write the tablet's record.
const UNPUBLISH_LIMIT: Duration = Duration::from_secs(5);

/// Brings the tablet up; returns the steps that take it down.
pub async fn start(options: Options, context: Context) -> Result<Vec<Step>> {
    let config = options.validate()?;
    let topo = topo::Server::open(&config.topo).await?;
    let address = options.server.grpc_address()?.ok_or_else(|| Error::invalid("--grpc-port: needed"))?;
    let limits = (options.server.onterm_timeout, options.server.onclose_timeout);
    let (_tablet, steps) = start_with(config, topo, address, limits, context).await?;
    Ok(steps)
}

/// As [`start`], on a topology that is open and with options that were validated (tests). `limits` are how
/// long transactions and connections may take to end.
pub async fn start_with(
    mut config: Config,
    topo: topo::Server,
    address: SocketAddr,
    limits: (Duration, Duration),
    context: Context,
) -> Result<(Arc<Tablet>, Vec<Step>)> {
    // Bound early: a port that is taken is found out before anything is written.
    let listener = TcpListener::bind(address).await.map_err(|e| {
        Error::new(Condition::FailedPrecondition, format!("cannot listen for gRPC on {address}: {e}"))
    })?;
    config.grpc_port = listener.local_addr().map_or(config.grpc_port, |a| a.port());
    let listener = rpc::Listener::new(listener, config.server_tls.clone());
    let ends = CertificateEnds::default().server(config.server_tls.as_ref());
    let ends = ends.client(config.managers.connector.tls());
    let ends = ends.client(config.mysqld_tls.as_ref().map(|tls| &tls.client));
    let ends = ends.fixed(config.topo.certificate_ends());
    let tablet = Tablet::new(config, topo, &context)?;
    let ends = ends.client(tablet.query.observer.tracer.as_ref().and_then(|t| t.tls()));
    context.metrics.publish_certificates(ends);
    admin::install(&tablet, &context);
    tablet.start(&context).await?;

    let routes = grpc::add_services(rpc::routes().await?, &tablet);
    let routes = routes.with_traces(tablet.query.observer.tracer.is_some());
    let (stop, stopped) = oneshot::channel::<()>();
    let (done, all_done) = oneshot::channel::<()>();
    let cores = context.cores.handles();
    context.spawn("grpc", async move {
        let served = rpc::serve(listener, routes, cores, async move { drop(stopped.await) });
        if let Err(e) = served.await {
            tracing::error!(error = %e, "the gRPC server ended");
        }
        // The receiver is gone when the process ends without the steps.
        let _ = done.send(());
    });
    let mut steps = steps(&tablet, stop, all_done, limits);
    steps.extend(tablet.query.observer.end_steps());
    Ok((tablet, steps))
}

fn steps(
    tablet: &Arc<Tablet>,
    stop: oneshot::Sender<()>,
    all_done: oneshot::Receiver<()>,
    (onterm, onclose): (Duration, Duration),
) -> Vec<Step> {
    let (drain, record) = (Arc::clone(tablet), Arc::clone(tablet));
    vec![
        Step::new("stop serving", onterm, async move {
            if let Err(e) = drain.stop_serving("the tablet is going down").await {
                tracing::warn!(error = %e, "the tablet did not stop serving in order");
            }
        }),
        Step::new("write the tablet's record", UNPUBLISH_LIMIT, async move {
            if let Err(e) = record.unpublish().await {
                tracing::warn!(error = %e, "the tablet's record could not be written");
            }
        }),
        Step::new("close gRPC", onclose.min(Duration::from_secs(2)), async move {
            // An error says that the server has ended already.
            let _ = stop.send(());
            let _ = all_done.await;
        }),
    ]
}
