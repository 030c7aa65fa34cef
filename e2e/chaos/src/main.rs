//! `chaos`: breaks parts of a cluster under load, in a loop, and counts what its clients saw and what is left.
//!
//! Each client writes rows of its own and counts them in a row of its own ([`load`]), so that afterwards every
//! acknowledged write can be looked for, and one that was done twice is seen ([`check`]). Faults come one after the
//! other ([`faults`]); the next one begins when the cluster is whole again. Counted are, by kind of fault: writes lost,
//! errors, the pause that a client saw, the time until the shard took writes again ([`report`]).

mod cells;
mod check;
mod faults;
mod load;
mod network;
mod report;
mod saturate;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use e2e::Cluster;
use rand::{SeedableRng, rngs::StdRng};
use tokio::time::Instant;
use vterrors::Error;

use crate::{faults::Fault, load::Load, network::Network, report::Report};

/// What a function of this program gives: an error is a sentence for whoever runs it.
type Result<T> = std::result::Result<T, String>;

/// The keyspace that is broken, and its shards.
const KEYSPACE: &str = "ks";
const SHARDS: [&str; 2] = ["-80", "80-"];

/// Breaks parts of a cluster under load and counts what its clients saw
#[derive(Debug, Clone, Parser)]
#[command(name = "chaos")]
struct Options {
    /// How long faults are made
    #[arg(long, env = "SECONDS_OF_CHAOS", value_name = "SECONDS", default_value_t = 60)]
    seconds: u64,
    /// Cells of the cluster, each with an etcd, a vtgate and a vtorc of its own, under the durability policy cross_cell
    /// (three at least; one cell and semi_sync if none is given)
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    cells: Vec<String>,
    /// Each cell in a network namespace of its own, so that the network between them can be cut (needs root)
    #[arg(long, requires = "cells")]
    networks: bool,
    /// Kinds of faults, one after the other in a random order; all if none is given (those of cells with --cells alone,
    /// those of the network with --networks)
    #[arg(long, value_enum, value_name = "KIND", value_delimiter = ',')]
    faults: Vec<Fault>,
    /// Clients that write
    #[arg(long, value_name = "N", default_value_t = 16)]
    clients: usize,
    /// Pause of a client between its writes, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 40)]
    think_ms: u64,
    /// Seed of the faults' order (default: a random one, which is printed)
    #[arg(long)]
    seed: Option<u64>,
    /// Family of the database servers: mysql or mariadb (default: the one that is found)
    #[arg(long, value_name = "FLAVOR")]
    mysql_flavor: Option<String>,
    /// Further flags of `vtlocal up`
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    vtlocal_arg: Vec<String>,
}

fn main() -> ExitCode {
    servenv::run_tool("chaos", |options: Options| async move { run(&options).await.map_err(Error::internal) })
}

#[allow(clippy::print_stdout)]
fn say(text: &str) {
    println!("{text}");
}

async fn run(options: &Options) -> Result<()> {
    cells::check(options)?;
    let network = match options.networks {
        true => {
            network::enter()?;
            Some(Network::new(&options.cells)?)
        }
        false => None,
    };
    let seed = options.seed.unwrap_or_else(rand::random);
    say(&format!("seed {seed}"));
    let places = network.as_ref().map(Network::flags).unwrap_or_default();
    let mut flags = vec![
        "--keyspace=ks=2",
        "--replicas=2",
        "--vttablet-arg=--health-check-interval=1s",
        "--vttablet-arg=--errant-data-retention=1s",
    ];
    flags.extend(places.iter().map(String::as_str));
    flags.extend(options.cells.iter().flat_map(|cell| ["--cell", cell]));
    if let Some(flavor) = &options.mysql_flavor {
        flags.extend(["--mysql-flavor", flavor]);
    }
    flags.extend(options.vtlocal_arg.iter().map(String::as_str));
    let cluster = Cluster::start(&flags);
    check::prepare(&cluster, options.clients).await?;
    let think = Duration::from_millis(options.think_ms);
    let load = Load::start(&cluster, options.clients, think, options.networks).await?;
    let mut report = Report::default();
    let stage = Stage { cluster: &cluster, load: &load, network: network.as_ref() };
    let broken = break_things(stage, options, seed, &mut report).await;
    let clients = load.stop().await;
    if let Err(e) = broken {
        // What was counted until then is of use all the same.
        report.take_clients(&clients);
        say(&report.to_string());
        return Err(format!("{e}\nseed {seed}"));
    }
    let kept = check::what_is_left(&cluster, &clients).await?;
    report.take_clients(&clients);
    say(&report.to_string());
    say(&kept.to_string());
    match report.is_good() && kept.is_good() {
        true => Ok(()),
        false => Err(format!("not as promised (seed {seed})")),
    }
}

/// What faults are made of, and on.
#[derive(Clone, Copy)]
struct Stage<'a> {
    cluster: &'a Cluster,
    load: &'a Load,
    network: Option<&'a Network>,
}

async fn break_things(stage: Stage<'_>, options: &Options, seed: u64, report: &mut Report) -> Result<()> {
    let mut random = StdRng::seed_from_u64(seed);
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let mut round = 0;
    stage.load.warm_up().await?;
    while Instant::now() < end {
        let wanted = cells::wanted(options);
        for fault in faults::shuffled(&wanted, &mut random) {
            round += 1;
            let made = faults::make(stage, fault, &mut random)
                .await
                .map_err(|e| format!("round {round}, {}: {e}\n{}", fault.name(), stage.cluster.logs()))?;
            say(&format!("{round:4} {made}"));
            report.take(made);
            if Instant::now() >= end {
                break;
            }
        }
    }
    Ok(())
}
