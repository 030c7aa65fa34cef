//! vtorc over 520 made-up tablets of 200 shards, of which many hang: gRPC on streams in memory, in the test's own
//! time. Nobody waits for those that hang: neither the looks, nor the recoveries of other shards.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{sync::Arc, time::Duration};

use bench::scale::{
    Options,
    in_process::{make, watch},
    world::{Fault, Incident, World},
};
use clap::Parser;
use tokio::time::Instant;

/// One tablet in so many hangs.
const ONE_HANGS_IN: u32 = 20;
/// From a death to the decision, where all others of the shard answer.
const DECIDED: Duration = Duration::from_secs(5);

async fn until(what: &str, limit: Duration, world: &World, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < limit, "{what}: not after {limit:?}: {:?}", world.incidents());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn dead(world: &World) -> Vec<Incident> {
    world.incidents().into_iter().filter(|i| i.fault != Fault::Hang).collect()
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_tablets_that_hang() {
    let options = Options::try_parse_from(["bench-scale", "--size=small", "--seed=7"]).unwrap();
    println!("seed {}", options.seed);
    let (world, topo) = make(&options).await.unwrap();
    let hung = world.hang(ONE_HANGS_IN);
    assert!(hung > 10, "{hung} hang");
    let watched = watch(Arc::clone(&world), topo).await.unwrap();
    until("every tablet is looked at", Duration::from_secs(3), &world, || world.never_asked() == 0).await;

    // Single ones, and then many at once, some of them in shards where another tablet hangs.
    for (n, tablet) in world.any_primaries(6).into_iter().enumerate() {
        world.fail(tablet, [Fault::Mysqld, Fault::Processes][n % 2]);
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    for (n, tablet) in world.any_primaries(40).into_iter().enumerate() {
        world.fail(tablet, [Fault::Mysqld, Fault::Processes][n % 2]);
    }
    until("all that can be recovered is", Duration::from_secs(15), &world, || world.open() == 0).await;
    let incidents = dead(&world);
    let sound: Vec<&Incident> = incidents.iter().filter(|i| !i.others_silent).collect();
    assert!(sound.len() > 30, "{} of {}", sound.len(), incidents.len());
    for incident in sound {
        let took = incident.decided.unwrap() - incident.at;
        assert!(took <= DECIDED, "{}: {took:?}", world.cluster.shard_name(incident.shard));
    }
    // A primary that only hangs is replaced where nothing can be lost by it.
    let waits = |i: &Incident| world.cluster.keyspace(i.shard).durability.primary_waits() && !i.others_silent;
    let hangs = || world.incidents().into_iter().filter(|i| i.fault == Fault::Hang && waits(i));
    assert!(hangs().count() > 0);
    until("hung primaries are replaced", Duration::from_secs(30), &world, || {
        hangs().all(|i| i.recovered.is_some())
    })
    .await;
    assert_eq!(world.false_alarms(), Vec::<String>::new());
    assert_eq!(watched.board.reports().len(), world.cluster.shards.len());
    watched.context.stop_tasks(Duration::from_secs(1)).await;
}
