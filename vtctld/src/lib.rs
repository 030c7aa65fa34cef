//! vtctld: the control plane's gRPC and HTTP faces, the web pages among them. What it does is in `ops`; here is the frame.

mod config;
mod grpc;
mod live;
mod web;

use std::{sync::Arc, time::Duration};

use ops::Ops;
use servenv::{Context, Step};
use tabletclient::GrpcTabletManagerClient;
use tokio::{net::TcpListener, sync::oneshot};
use vterrors::{Condition, Error, Result};

pub use config::{Channels, Config, Options};
pub use web::{Role, user_line};

/// A call to a tablet that has no shorter limit may take so long (a schema change on a large table).
const TABLET_CALL_LIMIT: Duration = Duration::from_secs(3600);

/// How often it is looked whether cells are back that missed something.
const STALE_CELLS_INTERVAL: Duration = Duration::from_secs(5);

/// Brings vtctld up: it does not wait for the lock server, so that its pages tell what is wrong.
pub async fn start(options: Options, context: Context) -> Result<Vec<Step>> {
    let config = options.validate()?;
    context.metrics.publish_certificates(config.certificate_ends());
    let topo = topo::Server::open(&config.topo).await?;
    let tablets =
        Arc::new(GrpcTabletManagerClient::with_options(TABLET_CALL_LIMIT, config.channels.managers.clone()));
    context.spawn("stale-cells", rebuild_stale_cells(topo.clone()));
    let ops = Arc::new(Ops::new(topo, tablets));
    web::add_pages(&context, &ops, &options, &config.channels)?;
    let Some(address) = options.server.grpc_address()? else { return Ok(Vec::new()) };
    let listener = TcpListener::bind(address).await.map_err(|e| {
        Error::new(Condition::FailedPrecondition, format!("cannot listen for gRPC on {address}: {e}"))
    })?;
    let listener = rpc::Listener::new(listener, config.server_tls);
    let service = grpc::Service::new(ops, &context.metrics, config.action_timeout);
    let routes = grpc::dry_run::add(rpc::routes().await?, &service).add_service(service);
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(rpc::serve(listener, routes, context.cores.handles(), async move {
        let _ = stopped.await;
    }));
    tracing::info!(%address, "serving gRPC");
    Ok(vec![Step::new("let running commands end", config.onterm_timeout, async move {
        // It may have ended by itself.
        let _ = stop.send(());
        match serving.await {
            Ok(Err(e)) => tracing::error!("{e}"),
            Err(e) => tracing::error!("the gRPC server's task failed: {e}"),
            Ok(Ok(())) => {}
        }
    })])
}

/// Cells that were away while what they serve was rebuilt get it when they are back.
async fn rebuild_stale_cells(topo: topo::Server) {
    let mut said = None;
    loop {
        tokio::time::sleep(STALE_CELLS_INTERVAL).await;
        let fault = topo.rebuild_stale(None).await.err().map(|e| e.to_string());
        if let Some(fault) = fault.as_ref().filter(|fault| said.as_ref() != Some(*fault)) {
            tracing::warn!("cells that were away are not up to date yet: {fault}");
        }
        said = fault;
    }
}
