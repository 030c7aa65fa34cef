//! The dashboard and the alert rules ask for metrics that vtgate exports: of one that is up, and did nothing yet.

// The helpers of a test fail the test.
#![allow(clippy::unwrap_used)]

use clap::Parser;
use proto::topodata::CellInfo;
use servenv::Context;
use testkit::Etcd;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_monitored_is_exported() {
    let etcd = Etcd::start();
    let flags = topo::TopoOptions { topo_global_server_address: vec![etcd.address()], ..Default::default() };
    let topo = topo::Server::open(&flags.validate().unwrap()).await.unwrap();
    let cell = CellInfo { server_address: etcd.address(), root: "/vitess/zone1".into() };
    topo.create_cell_info("zone1", &cell).await.unwrap();

    let address = format!("--topo-global-server-address={}", etcd.address());
    let options = vtgate::Options::parse_from([
        "vtgate",
        "--cell=zone1",
        "--cells-to-watch=zone1",
        "--gateway-initial-tablet-timeout=1s",
        "--topo-global-root=/vitess/global",
        &address,
    ]);
    let context = Context::new("vtgate");
    let _steps = vtgate::start(options, context.clone()).await.unwrap();
    testkit::check_metrics("vtgate", &context.metrics.to_prometheus("vtgate"));
}
