//! A cell whose lock server is away: the others get what they are to serve, the lost one later.

// The helpers of a test fail the test.
#![allow(clippy::unwrap_used)]

use proto::{topodata, vschema};
use tokio::time::{Duration, Instant};
use topo::{
    Layout, Server,
    memory::{Loss, MemoryCells},
};
use vtmodel::TabletAlias;

const CELLS: [&str; 3] = ["a", "b", "c"];

async fn cluster(layout: Layout) -> (Server, MemoryCells) {
    let cells = MemoryCells::default();
    let server = cells.server(&CELLS).await.unwrap().with_layout(layout);
    server.create_keyspace("ks", &topodata::Keyspace::default()).await.unwrap();
    server.create_shard("ks", "-").await.unwrap();
    for (uid, cell) in (1..).zip(CELLS) {
        let alias = Some((&TabletAlias::new(cell, uid)).into());
        let tablet =
            topodata::Tablet { alias, keyspace: "ks".into(), shard: "-".into(), ..Default::default() };
        server.create_tablet(&tablet).await.unwrap();
    }
    (server, cells)
}

/// Saves a VSchema with a table of this name.
async fn save(server: &Server, table: &str) {
    let mut wanted = vschema::Keyspace::default();
    wanted.tables.insert(table.to_owned(), Default::default());
    server.ensure_vschema("ks").await.unwrap();
    let version = server.get_vschema("ks").await.unwrap().version;
    server.save_vschema("ks", &wanted, Some(version)).await.unwrap();
}

/// The tables that a cell serves, and the shards of its SrvKeyspace.
async fn served(server: &Server, cell: &str) -> (Vec<String>, usize) {
    let tables = match server.get_srv_vschema(cell).await {
        Ok(found) => found.value.keyspaces["ks"].tables.keys().cloned().collect(),
        Err(_) => vec!["-".to_owned()],
    };
    let shards = server.get_srv_keyspace(cell, "ks").await;
    (tables, shards.map_or(0, |srv| srv.partitions[0].shard_references.len()))
}

async fn a_lost_cell(loss: Loss, layout: Layout) {
    let (server, cells) = cluster(layout).await;
    save(&server, "before").await;
    server.rebuild_srv_vschema(&[]).await.unwrap();
    cells.lose("b", loss);
    let begun = Instant::now();
    save(&server, "after").await;
    server.rebuild_srv_vschema_of("ks", &[]).await.unwrap();
    server.rebuild_keyspace_graph("ks", &[], false).await.unwrap();
    assert!(begun.elapsed() <= Duration::from_secs(10), "{loss:?}: {:?}", begun.elapsed());
    for cell in ["a", "c"] {
        assert_eq!(served(&server, cell).await, (vec!["after".to_owned()], 1), "{loss:?} {cell}");
    }
    let missed = |graphs: Vec<topo::StaleGraph>| graphs.iter().map(ToString::to_string).collect::<Vec<_>>();
    let both = ["SrvVSchema in cell b", "SrvKeyspace of ks in cell b"];
    assert_eq!(missed(server.stale_graphs().await.unwrap()), both);

    // What is known of the others is told.
    let found = server.find_tablets_by_shard("ks", "-").await.unwrap();
    assert_eq!(found.tablets.len(), 2);
    assert_eq!(found.failed_cells.keys().collect::<Vec<_>>(), ["b"]);

    // As long as it is away, nothing happens, and nobody's lock is held for it.
    assert!(server.rebuild_stale(None).await.unwrap().is_empty());
    assert_eq!(server.stale_graphs().await.unwrap().len(), 2);
    // It alone is an error that names it.
    let e = server.rebuild_srv_vschema(&["b".to_owned()]).await.unwrap_err();
    assert!(e.to_string().contains("cell b"), "{e}");

    cells.lose("b", Loss::None);
    assert_eq!(served(&server, "b").await, (vec!["before".to_owned()], 0), "{loss:?}");
    assert!(server.rebuild_stale(Some("a")).await.unwrap().is_empty(), "not asked for");
    assert_eq!(missed(server.rebuild_stale(Some("b")).await.unwrap()), both);
    assert_eq!(served(&server, "b").await, (vec!["after".to_owned()], 1), "{loss:?}");
    assert!(server.stale_graphs().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_is_gone_gets_later_what_the_others_get_now() {
    a_lost_cell(Loss::Gone, Layout::Compat).await;
    a_lost_cell(Loss::Gone, Layout::Split).await;
}

#[tokio::test(start_paused = true)]
async fn a_frozen_cell_gets_later_what_the_others_get_now() {
    a_lost_cell(Loss::Frozen, Layout::Compat).await;
    a_lost_cell(Loss::Frozen, Layout::Split).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_cell_missed_is_forgotten_with_the_cell() {
    let (server, cells) = cluster(Layout::Compat).await;
    cells.lose("b", Loss::Gone);
    server.rebuild_keyspace_graph("ks", &[], false).await.unwrap();
    server.delete_cell_info("b", true).await.unwrap();
    assert_eq!(server.rebuild_stale(None).await.unwrap().len(), 1);
    assert!(server.stale_graphs().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn traffic_that_is_switched_off_in_a_cell_stays_so() {
    let (server, cells) = cluster(Layout::Compat).await;
    server.rebuild_keyspace_graph("ks", &[], false).await.unwrap();
    let mut record = server.get_srv_keyspace("b", "ks").await.unwrap().value;
    let control =
        topodata::ShardTabletControl { name: "-".into(), query_service_disabled: true, key_range: None };
    record.partitions[0].shard_tablet_controls.push(control);
    server.put_srv_keyspace("b", "ks", &record).await.unwrap();
    cells.lose("b", Loss::Gone);
    server.rebuild_keyspace_graph("ks", &[], false).await.unwrap();
    cells.lose("b", Loss::None);
    let e = server.rebuild_stale(None).await.unwrap_err();
    assert!(e.to_string().contains("query service is disabled"), "{e}");
    assert_eq!(server.get_srv_keyspace("b", "ks").await.unwrap().value, record);
}
