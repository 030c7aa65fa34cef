//! vtorc: watches the shards of a cluster, names what is wrong with them, and repairs it.
//!
//! Each shard has a task, which keeps a [`view::ShardView`] of records and looks. [`analyse`] makes findings of it
//! and [`decide`] makes actions of those, both purely; [`recover`] acts, under the shard's lock, after a fresh
//! look. [`board`] is what pages and metrics are read from.
//!
//! What must hold:
//! - A primary that lives is not replaced, however slow it is; what makes one dead is in [`analyse::evidence`].
//! - Any number of vtorcs may run: whoever has the shard's lock acts, and decides anew with it in hand.
//! - Nothing waits for a tablet that does not answer but the look at that tablet.
//! - Without the lock server nothing is done; what is known of the shards goes on being shown.

pub mod analyse;
pub mod board;
mod config;
pub mod decide;
pub mod finding;
mod history;
mod http;
pub mod policy;
mod recover;
#[cfg(test)]
mod simulation;
pub mod view;
pub mod watch;

use std::{sync::Arc, time::Duration};

use secrets::tls::CertificateEnds;
use servenv::{Context, Step};
use tabletclient::{GrpcTabletManagerClient, TabletManagerClient};
use vterrors::Result;

pub use board::Board;
pub use config::{Config, Options, RecoveryConfig, WatchConfig};

use board::Audit;
use history::History;
use recover::Recoverer;
use watch::{Shared, Watcher};

/// What a call of a reparent may take beyond its own waiting.
const CALL_MARGIN: Duration = Duration::from_secs(5);

/// Brings vtorc up: it does not wait for the lock server, so that its pages tell what is wrong.
pub async fn start(options: Options, context: Context) -> Result<Vec<Step>> {
    let config = options.validate()?;
    let topo = topo::Server::open(&config.topo).await?;
    let limit = config.recovery.wait_replicas.max(config.recovery.call_limit) + CALL_MARGIN;
    let tablets = Arc::new(GrpcTabletManagerClient::with_options(limit, config.managers.clone()));
    let audit = config.recovery.audit_file.as_deref().map(Audit::open).transpose()?;
    let board = Arc::new(Board::new(audit));
    http::add_pages(&context, &board, &topo, &options);
    watch(&config, topo, tablets, &board, &context);
    Ok(Vec::new())
}

/// Begins to watch and repair; ends with the context. What is seen is on the board.
pub fn watch(
    config: &Config,
    topo: topo::Server,
    tablets: Arc<dyn TabletManagerClient>,
    board: &Arc<Board>,
    context: &Context,
) {
    board.publish(&context.metrics);
    let ends = CertificateEnds::default().client(config.managers.connector.tls());
    context.metrics.publish_certificates(ends.fixed(config.topo.certificate_ends()));
    let history = History::start(topo.clone(), context);
    let recoverer = Recoverer::new(config.recovery.clone(), topo.clone(), tablets.clone(), history);
    let shared =
        Shared::new(topo, tablets, config.watch.clone(), config.policy.clone(), board.clone(), recoverer);
    context.spawn("watch", Watcher::new(Arc::new(shared), context.clone()).run());
}
