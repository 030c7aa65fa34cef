//! What a user of the cluster sees when a part of it fails: a clear error where it happened, everything else goes
//! on, and all is well again when the part is back.
//!
//! One cluster, one test, step by step: starting it costs more than the steps.

use e2e::{Cluster, faults, scenario::step};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_fails_and_comes_back() {
    let cluster = Cluster::start(&faults::FLAGS);
    step("a table in two shards");
    faults::make_a_table(&cluster).await;
    step("random bytes");
    faults::random_bytes_end_their_connection_only(&cluster).await;
    step("a full pool of connections");
    faults::a_full_pool_is_named(&cluster).await;
    step("a full pool of transactions");
    faults::a_full_transaction_pool_is_named(&cluster).await;
    step("a replica that does not replicate");
    faults::a_replica_that_does_not_replicate_is_not_read(&cluster).await;
    step("a vttablet is killed");
    faults::a_killed_vttablet_fails_its_own_queries_only(&cluster).await;
    step("a mysqld is killed");
    faults::a_killed_mysqld_is_named_and_comes_back(&cluster).await;
}
