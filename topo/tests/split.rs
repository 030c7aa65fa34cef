//! VSchemas in the split layout, on etcd and in memory: one value a keyspace, no value larger than 1 MiB.

use std::time::Duration;

use proto::vschema::{Keyspace, RoutingRules, SrvVSchema, Table};
use testkit::Etcd;
use topo::{Conn, ErrorKind, Layout, MAX_NODE_BYTES, Server, TopoOptions, kind};

const LIMIT: Duration = Duration::from_secs(10);

/// A VSchema with so many tables, some two hundred bytes each.
fn vschema(tables: usize) -> Keyspace {
    let table = |at: usize| (format!("{}{at:08}", "a_long_name_".repeat(16)), Table::default());
    Keyspace { sharded: true, tables: (0..tables).map(table).collect(), ..Keyspace::default() }
}

async fn on_both<F: Future<Output = ()>>(layout: Layout, test: impl Fn(Server) -> F) {
    test(Server::memory(&["zone1"]).await.expect("memory").with_layout(layout)).await;
    let etcd = Etcd::start();
    let options = TopoOptions {
        topo_global_server_address: vec![etcd.address()],
        srv_vschema_layout: if layout == Layout::Split { "split" } else { "compat" }.into(),
        ..TopoOptions::default()
    };
    let server = Server::open(&options.validate().expect("valid")).await.expect("etcd");
    let cell = proto::topodata::CellInfo { server_address: etcd.address(), root: "/zone1".into() };
    server.create_cell_info("zone1", &cell).await.expect("cell");
    test(server).await;
}

async fn add(server: &Server, keyspace: &str, vschema: &Keyspace) {
    server.create_keyspace(keyspace, &Default::default()).await.expect("keyspace");
    server.save_vschema(keyspace, vschema, None).await.expect("VSchema");
    server.rebuild_srv_vschema_of(keyspace, &[]).await.expect("served");
}

async fn largest(conn: &dyn Conn) -> usize {
    let nodes = conn.list("").await.expect("list");
    nodes.iter().map(|node| node.value.len()).max().unwrap_or_default()
}

#[tokio::test]
async fn a_large_vschema_is_in_chunks_and_a_change_moves_one_keyspace() {
    on_both(Layout::Split, |server| async move {
        let mut watched = server.watch_srv_vschema("zone1").await.expect("watch");
        add(&server, "small", &vschema(3)).await;
        add(&server, "large", &vschema(15_000)).await;
        let sees = async |watched: &mut tokio::sync::watch::Receiver<topo::Seen<SrvVSchema>>,
                          tables: usize| {
            let has = |seen: &topo::Seen<SrvVSchema>| {
                let large = seen.value().and_then(|srv| srv.keyspaces.get("large"));
                large.map_or(0, |large| large.tables.len()) == tables
            };
            tokio::time::timeout(LIMIT, watched.wait_for(has)).await.expect("in time").expect("watch").clone()
        };
        let seen = sees(&mut watched, 15_000).await;
        assert_eq!(seen.value().expect("there").keyspaces["small"], vschema(3));
        assert_eq!(server.get_vschema("large").await.expect("record").value, vschema(15_000));

        let cell = server.cell("zone1").await.expect("cell");
        for conn in [&cell, &server.global()] {
            assert!(largest(&**conn).await <= MAX_NODE_BYTES);
        }
        let nodes = cell.list("srv_vschema/keyspaces/large/").await.expect("list");
        assert!(nodes.len() > 3, "a node and its chunks: {}", nodes.len());

        // One keyspace changes: the other's node and the rules are not written.
        let before = cell.list("srv_vschema/").await.expect("list");
        let record = server.get_vschema("large").await.expect("record");
        server.save_vschema("large", &vschema(17_000), Some(record.version)).await.expect("saved");
        server.rebuild_srv_vschema_of("large", &[]).await.expect("served");
        sees(&mut watched, 17_000).await;
        let after = cell.list("srv_vschema/").await.expect("list");
        for node in before.iter().filter(|node| !node.path.contains("/large/")) {
            assert!(after.contains(node), "{} was written", node.path);
        }
        let served = server.get_srv_vschema("zone1").await.expect("served").value;
        assert_eq!(served, server.build_srv_vschema().await.expect("built"));

        // A whole rebuild finds nothing to write; a write of an old version leaves all as it is.
        server.rebuild_srv_vschema(&[]).await.expect("rebuilt");
        assert_eq!(cell.list("srv_vschema/").await.expect("list"), after);
        let old = server.save_vschema("large", &vschema(16_000), Some(record.version)).await;
        assert_eq!(kind(&old.expect_err("old")), ErrorKind::BadVersion);
        assert_eq!(server.get_vschema("large").await.expect("record").value, vschema(17_000));

        // Small again: the chunks are gone. Rules go their own way.
        server.save_vschema("large", &vschema(1), None).await.expect("saved");
        server.save_routing_rules(&RoutingRules::default()).await.expect("rules");
        server.rebuild_srv_vschema(&[]).await.expect("rebuilt");
        sees(&mut watched, 1).await;
        for conn in [&cell, &server.global()] {
            let nodes = conn.list("").await.expect("list");
            assert!(nodes.iter().all(|node| !node.path.contains(".chunks")), "{nodes:?}");
        }
        assert!(server.serves_vschema_of("zone1", "large").await.expect("asked"));
        assert!(!server.serves_vschema_of("zone1", "none").await.expect("asked"));
        server.delete_srv_vschema("zone1").await.expect("deleted");
        assert_eq!(cell.list("srv_vschema/").await.expect("list"), []);
    })
    .await;
}

#[tokio::test]
async fn vitesss_layout_refuses_what_is_too_large_and_names_the_size() {
    on_both(Layout::Compat, |server| async move {
        server.create_keyspace("large", &Default::default()).await.expect("keyspace");
        let e = server.save_vschema("large", &vschema(15_000), None).await.expect_err("too large");
        let text = e.to_string();
        assert!(text.contains("keyspaces/large/VSchema has 3"), "{text}");
        assert!(text.contains("1048576") && text.contains("--srv-vschema-layout=split"), "{text}");
        // Each is small enough, and together they are not.
        for keyspace in ["a", "b", "c"] {
            server.create_keyspace(keyspace, &Default::default()).await.expect("keyspace");
            server.save_vschema(keyspace, &vschema(2_000), None).await.expect("small enough");
        }
        let e = server.rebuild_srv_vschema(&[]).await.expect_err("too large").to_string();
        assert!(e.contains("SrvVSchema has 1") && e.contains("cell zone1"), "{e}");
    })
    .await;
}

#[tokio::test]
async fn a_layout_that_is_none_is_refused() {
    let options = TopoOptions { srv_vschema_layout: "other".into(), ..TopoOptions::default() };
    let e = options.validate().expect_err("none").to_string();
    assert!(e.contains("--srv-vschema-layout") && e.contains("compat, split"), "{e}");
}
