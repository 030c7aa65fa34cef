//! vtorc in this process: its calls go to the tablets over streams in memory, its topology is in memory, too.

use std::{sync::Arc, time::Duration};

use clap::Parser;
use rpc::{ChannelOptions, Connector};
use servenv::Context;
use tabletclient::GrpcTabletManagerClient;
use tokio::time::Instant;
use topo::Server;
use vterrors::{Error, Result};
use vtorc::Board;

use super::{
    FIRST_LIMIT, Options, failures, report::Report, shape::Cluster, tablets::Tablets, topology, wait_until,
    world::World,
};
use crate::machine;

/// The port that records name; nobody listens there.
const PORT: u16 = 15_999;
/// For one call of a reparent, as vtorc itself has it.
const CALL_LIMIT: Duration = Duration::from_secs(35);

/// A cluster and the vtorc that watches it. Ends with the context.
pub struct Watched {
    pub world: Arc<World>,
    pub board: Arc<Board>,
    pub context: Context,
}

/// Makes a cluster of `options` without anybody who watches it.
pub async fn make(options: &Options) -> Result<(Arc<World>, Server)> {
    let cluster = Arc::new(Cluster::new(options.size()));
    let topo = Server::memory(&[]).await?;
    topology::write(&topo, &cluster, "memory", PORT, false).await?;
    let world = World::new(cluster, topo.clone(), options.seed);
    Ok((world, topo))
}

/// Has a vtorc with its default options watch.
pub async fn watch(world: Arc<World>, topo: Server) -> Result<Watched> {
    let context = Context::new("vtorc");
    let config = vtorc::Options::try_parse_from(["vtorc", "--topo-implementation=memory"])
        .map_err(|e| Error::internal(e.to_string()))?
        .validate()?;
    let connector = Connector::new(Arc::new(Tablets::new(Arc::clone(&world)).await?));
    let channels = ChannelOptions { connector, ..ChannelOptions::default() };
    let tablets = Arc::new(GrpcTabletManagerClient::with_options(CALL_LIMIT, channels));
    let board = Arc::new(Board::default());
    vtorc::watch(&config, topo, tablets, &board, &context);
    Ok(Watched { world, board, context })
}

/// The scenario.
pub(super) async fn detector(options: &Options) -> Result<Report> {
    let mut report = Report::new("vtorc over streams in memory (with the simulator in one process)");
    let pid = i32::try_from(std::process::id()).unwrap_or(0);
    let (world, topo) = make(options).await?;
    let hung = world.hang(options.one_hangs_in);
    report.add("tablets", format!("{}, of which {hung} hang", world.cluster.tablets.len()));
    let before = machine::resident_kib(pid).unwrap_or(0);
    let began = Instant::now();
    let watched = watch(Arc::clone(&world), topo).await?;
    let looked = wait_until(FIRST_LIMIT, || world.never_asked() == 0).await;
    let looked = looked.map_or("not all".to_owned(), |_| format!("{:.1} s", began.elapsed().as_secs_f64()));
    report.add("until every tablet was looked at once", looked);
    let rest = super::at_rest(&world, options.seconds, || machine::cpu_micros(pid)).await;
    rest.report(&world, &mut report, "vtorc and simulator together", None);
    let after = machine::resident_kib(pid).unwrap_or(0);
    report.add(
        "memory before and after vtorc began (both ends of every connection)",
        format!("{} MB, {} MB", before / 1024, after / 1024),
    );
    failures(&world, options.single, options.dead, &mut report).await;
    watched.context.stop_tasks(Duration::from_secs(5)).await;
    Ok(report)
}
