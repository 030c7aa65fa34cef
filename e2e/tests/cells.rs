//! A cluster in three cells, each with an etcd, a vtgate and a vtorc of its own: reads stay in the cell, commits are
//! acknowledged from another one, and a cell can be lost as a whole: killed, or frozen and back again.
//!
//! One cluster, one test, step by step: starting it costs more than the steps.

use e2e::{
    Cluster,
    cells::{self, Loss},
    scenario::step,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_is_lost_and_the_others_go_on() {
    let cluster = Cluster::start(&cells::FLAGS);
    step("acknowledgements");
    cells::make_a_table(&cluster).await;
    cells::only_other_cells_acknowledge(&cluster).await;
    step("reads");
    cells::reads_stay_in_the_cell(&cluster).await;
    step("aliases");
    cells::reads_go_to_the_cells_of_the_alias_first(&cluster).await;
    step("planned reparents");
    cells::planned_reparents_move_the_acknowledgements(&cluster).await;
    for (round, loss) in (1u64..).zip([Loss::Killed, Loss::Frozen]) {
        step(&format!("a cell is lost: {loss:?}"));
        let lost = cells::a_cell_is_lost(&cluster, loss, round * 1_000_000).await;
        step("it is back");
        cells::the_cell_comes_back(&cluster, lost).await;
    }
    step("drained tablets are refilled");
    cells::drained_tablets_are_refilled(&cluster).await;
}
