//! vtorc on a real cluster: what it elects, repairs and replaces, and how long a client waits for a new primary.
//!
//! One cluster, one test, step by step: starting it costs more than the steps.

use std::time::Duration;

use e2e::{
    Cluster,
    failover::{self, Kill},
    scenario::step,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stdout)]
async fn what_is_broken_is_repaired() {
    let cluster = Cluster::start(&failover::FLAGS);
    step("the first primary");
    failover::the_first_primary_was_elected(&cluster).await;
    step("a durability policy");
    failover::a_durability_policy_is_carried_out(&cluster).await;
    step("stopped replication");
    failover::stopped_replication_is_started(&cluster).await;
    step("a writable replica");
    failover::a_writable_replica_is_made_read_only(&cluster).await;
    step("a read-only primary");
    failover::a_read_only_primary_is_made_writable(&cluster).await;
    step("the switch");
    failover::the_switch_stops_recoveries(&cluster).await;
    let mut pauses = Vec::new();
    let kills = [Kill::Mysqld, Kill::Both, Kill::Vttablet];
    for (round, how) in (1u64..).zip(kills) {
        step(&format!("kill {round}: {how:?}"));
        pauses.push(failover::a_killed_primary_is_replaced(&cluster, how, round * 1_000_000).await);
        failover::the_killed_one_comes_back(&cluster).await;
    }
    pauses.sort();
    println!("pauses: {pauses:?}");
    // How long it takes is measured elsewhere (`make chaos`), on a machine that does nothing else.
    assert!(pauses[pauses.len() - 1] < Duration::from_secs(30), "the longest is too long: {pauses:?}");
}
