//! The dashboard and the alert rules ask for metrics that vtgate exports: of one that is up, and did nothing yet.
//! Among them is when each of its certificates ends.

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

    let dir = testkit::temp_dir();
    let authority = authority::Authority::new("Ours").unwrap();
    let ca = authority.write(dir.path()).unwrap();
    let request = authority::Request::new("vtgate", &["localhost"]);
    let ends = request.not_after.unix_timestamp();
    let (cert, key) = authority.issue(&request).unwrap().write(dir.path(), "vtgate").unwrap();
    let file = |flag: &str, path: &std::path::Path| format!("--{flag}={}", path.display());

    let address = format!("--topo-global-server-address={}", etcd.address());
    let options = vtgate::Options::parse_from([
        "vtgate",
        "--cell=zone1",
        "--cells-to-watch=zone1",
        "--gateway-initial-tablet-timeout=1s",
        "--topo-global-root=/vitess/global",
        &address,
        &file("mysql-server-ssl-cert", &cert),
        &file("mysql-server-ssl-key", &key),
        &file("grpc-cert", &cert),
        &file("grpc-key", &key),
        &file("tablet-grpc-ca", &ca),
        "--tracer=otlp",
        &file("otel-ca", &ca),
    ]);
    let context = Context::new("vtgate");
    let _steps = vtgate::start(options, context.clone()).await.unwrap();
    let exported = context.metrics.to_prometheus("vtgate");
    testkit::check_metrics("vtgate", &exported);
    for flag in ["mysql-server-ssl-cert", "grpc-cert"] {
        let line = format!("vtgate_certificate_not_after{{flag=\"{flag}\"}} {ends}\n");
        assert!(exported.contains(&line), "{exported}");
    }
    for flag in ["tablet-grpc-ca", "otel-ca"] {
        let line = format!("vtgate_certificate_not_after{{flag=\"{flag}\"}} ");
        assert!(exported.contains(&line), "{exported}");
    }
    assert_eq!(context.metrics.to_json()["CertificateNotAfter"]["grpc-cert"], ends);
}
