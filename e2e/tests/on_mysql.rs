//! The default cluster on MySQL, used as a newcomer would.
//!
//! One cluster, one test, step by step: starting it costs more than the steps.

use e2e::{Cluster, locks, scenario as day, statements};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sample_cluster_on_mysql() {
    let cluster =
        Cluster::start(&["--mysql-flavor", "mysql", "--vtgate-arg=--vschema-ddl-authorized-users=%"]);
    day::step("up again changes nothing");
    day::up_again_changes_nothing(&cluster);
    day::step("sample rows");
    day::sample_rows(&cluster).await;
    day::step("every select has an answer");
    statements::every_select_has_an_answer(&cluster).await;
    day::step("system tables beside rows");
    statements::system_tables_beside_rows(&cluster).await;
    day::step("a vindex is read as a table");
    statements::a_vindex_is_read_as_a_table(&cluster).await;
    day::step("alter vschema is seen at once");
    statements::alter_vschema_is_seen_at_once(&cluster).await;
    day::step("vexplain tells what happened");
    statements::vexplain_tells_what_happened(&cluster).await;
    day::step("queries set user variables");
    statements::queries_set_user_variables(&cluster).await;
    day::step("views over shards");
    statements::views_over_shards(&cluster).await;
    day::step("customers land where their vindex says");
    day::customers_land_where_their_vindex_says(&cluster).await;
    day::step("rows come back");
    day::rows_come_back(&cluster).await;
    day::step("writes by key touch one shard");
    day::writes_by_key_touch_one_shard(&cluster).await;
    day::step("a rolled back transaction leaves nothing");
    day::a_rolled_back_transaction_leaves_nothing(&cluster).await;
    day::step("a lookup follows its rows");
    statements::a_lookup_follows_its_rows(&cluster).await;
    day::step("shows are of a keyspace");
    statements::shows_are_of_a_keyspace(&cluster).await;
    day::step("values of no shard");
    statements::values_of_no_shard(&cluster).await;
    day::step("files are loaded");
    statements::files_are_loaded(&cluster).await;
    day::step("writes of several tables");
    statements::writes_of_several_tables(&cluster).await;
    day::step("locks by name");
    locks::locks_by_name(&cluster).await;
    locks::a_wait_for_a_lock_is_killed(&cluster).await;
    locks::a_reparent_ends_sessions_with_locks(&cluster).await;
    day::step("a statement is all or nothing");
    statements::a_statement_is_all_or_nothing(&cluster).await;
    day::step("bad input");
    day::bad_input(&cluster).await;
    day::step("reparent");
    day::a_reparent_moves_the_primary_and_inserts_go_on(&cluster).await;
    day::step("down and up");
    day::data_survives_down_and_up(&cluster).await;
}
