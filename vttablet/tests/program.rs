//! The program `vttablet` itself: flags, a real etcd, admin pages, going down.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "tablet/harness.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod harness;

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
    time::Duration,
};

use harness::*;
use proto::{tabletmanagerdata as tm, topodata::CellInfo};
use tabletclient::{GrpcTabletManagerClient, TabletManagerClient};
use testkit::{
    Etcd, free_ports,
    program::{check_faults, check_help, check_version},
    spawn, temp_dir, wait_until,
};
use topo::{Implementation, TopoConfig};
use vtmodel::TabletAlias;

const PROGRAM: &str = env!("CARGO_BIN_EXE_vttablet");

/// Status and body of a request.
fn http(port: u16, method: &str, path: &str, body: &str) -> Result<(u16, String), String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: \
         application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).map_err(|e| e.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|e| e.to_string())?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no head")?;
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or("no status")?;
    Ok((status, body.to_owned()))
}

async fn open_topo(etcd: &Etcd) -> topo::Server {
    let config = TopoConfig {
        implementation: Implementation::Etcd,
        global_server_address: etcd.address(),
        global_root: "/vitess/global".into(),
        lock_timeout: Duration::from_secs(10),
        operation_timeout: Duration::from_secs(5),
        lease_ttl: Duration::from_secs(10),
        tls: None,
        layout: topo::Layout::Compat,
    };
    topo::Server::open(&config).await.unwrap()
}

/// Flags with a certificate for the two kinds of clients that a tablet is: when it ends.
fn add_certificates(command: &mut Command, dir: &Path) -> i64 {
    let authority = authority::Authority::new("Ours").unwrap();
    let ca = authority.write(dir).unwrap();
    let request = authority::Request::new("vttablet", &["localhost"]);
    let (cert, key) = authority.issue(&request).unwrap().write(dir, "vttablet").unwrap();
    for (flag, path) in [("ca", &ca), ("cert", &cert), ("key", &key)] {
        command.arg(format!("--tablet-manager-grpc-{flag}={}", path.display()));
        command.arg(format!("--db-ssl-{flag}={}", path.display()));
    }
    request.not_after.unix_timestamp()
}

#[test]
fn a_tablet_from_its_start_to_its_end() {
    RUNTIME.block_on(async {
        let dir = temp_dir();
        let ports = free_ports(2);
        let mut etcd = Etcd::start();
        let topo = open_topo(&etcd).await;
        let cell = CellInfo { server_address: etcd.address(), root: "/vitess/zone1".into() };
        topo.create_cell_info("zone1", &cell).await.unwrap();
        let server = Server::start(100).await;

        let mut command = Command::new(PROGRAM);
        let ends = add_certificates(&mut command, dir.path());
        command.args([
            "--tablet_path=zone1-100",
            "--init-keyspace=ks",
            "--init-shard",
            "-",
            "--tablet-hostname=127.0.0.1",
            "--topo-implementation=etcd2",
            "--topo-global-root=/vitess/global",
            "--health-check-interval=1s",
        ]);
        command.arg(format!("--topo-global-server-address={}", etcd.address()));
        command.args([format!("--port={}", ports), format!("--grpc-port={}", ports + 1)]);
        command.arg(format!("--db-socket={}", server.mysqld.cnf().socket.display()));
        let mut process = spawn(command, &dir.path().join("vttablet.log"));
        let http_port = ports;
        let vars = || -> Result<serde_json::Value, String> {
            let (_, body) = http(http_port, "GET", "/debug/vars", "")?;
            serde_json::from_str(&body).map_err(|e| e.to_string())
        };
        let vars_now = wait_until("the tablet is up", LIMIT, || match process.ended() {
            Some(status) => panic!("vttablet ended: {status}\n{}", process.output()),
            None => vars(),
        });
        assert_eq!(vars_now["TabletType"], "replica");
        assert_eq!(vars_now["TabletKeyspace"], "ks");

        // It is registered, with everything that leads to it.
        let alias = TabletAlias::new("zone1", 100);
        let record = topo.get_tablet(&alias).await.unwrap().value;
        assert_eq!(record.port_map["grpc"], i32::from(ports + 1));
        assert_eq!(record.mysql_port, i32::from(server.mysqld.cnf().mysql_port));
        assert_eq!(topo.get_shard_replication("zone1", "ks", "-").await.unwrap().nodes.len(), 1);

        let manager = GrpcTabletManagerClient::new(LIMIT);
        manager.init_primary(&record, tm::InitPrimaryRequest::default()).await.unwrap();
        wait_until("it is a serving primary", LIMIT, || match vars()? {
            v if v["TabletStateName"] == "SERVING" && v["TabletType"] == "primary" => Ok(()),
            v => Err(v.to_string()),
        });
        assert_eq!(http(http_port, "GET", "/healthz", "").unwrap().0, 200);
        let (_, status) = http(http_port, "GET", "/debug/status", "").unwrap();
        assert!(status.contains("Tablet Type: PRIMARY"), "{status}");
        let (_, details) = http(http_port, "GET", "/debug/status_details", "").unwrap();
        assert!(details.contains("SERVING"), "{details}");
        let (_, metrics) = http(http_port, "GET", "/metrics", "").unwrap();
        assert!(metrics.contains("vttablet_conn_pool_capacity 16"), "{metrics}");
        testkit::check_metrics("vttablet", &metrics);
        let is_told = |flag| metrics.contains(&format!("_not_after{{flag=\"{flag}\"}} {ends}\n"));
        assert!(is_told("tablet-manager-grpc-cert") && is_told("db-ssl-cert"), "{metrics}");

        // Settings.
        let set = |name: &str, value: &str| {
            http(http_port, "POST", "/debug/env", &format!("varname={name}&value={value}"))
        };
        assert_eq!(set("ReadPoolSize", "5").unwrap().0, 200);
        assert_eq!(set("QueryTimeout", "7s").unwrap().0, 200);
        let (code, text) = set("ReadPoolSize", "none").unwrap();
        assert!(code == 400 && text.contains("ReadPoolSize: \"none\" is not a number"), "{text}");
        let (code, text) = set("Nonsense", "1").unwrap();
        assert!(code == 400 && text.contains("no setting \"Nonsense\""), "{text}");
        let (_, env) = http(http_port, "GET", "/debug/env?format=json", "").unwrap();
        let env: serde_json::Value = serde_json::from_str(&env).unwrap();
        assert_eq!((env["ReadPoolSize"].as_str(), env["QueryTimeout"].as_str()), (Some("5"), Some("7s")));
        let query = tm::ExecuteQueryRequest { query: b"select 7".to_vec(), ..Default::default() };
        manager.execute_query(&record, query).await.unwrap();
        let (_, plans) = http(http_port, "GET", "/debug/query_plans", "").unwrap();
        assert!(plans.contains("select 7"), "{plans}");
        assert_eq!(http(http_port, "GET", "/queryz", "").unwrap().0, 200);

        // Without etcd it goes on serving, and it still goes down in order.
        etcd.stop();
        let query = tm::ExecuteQueryRequest { query: b"select 8".to_vec(), ..Default::default() };
        manager.execute_query(&record, query).await.unwrap();
        etcd.restart();
        let pid = nix::unistd::Pid::from_raw(i32::try_from(process.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        let status = wait_until("it ends", LIMIT, || process.ended().ok_or_else(|| process.output()));
        assert!(status.success(), "{}", process.output());
        let record = topo.get_tablet(&alias).await.unwrap();
        assert!(record.hostname.is_empty() && record.tablet_shutdown_time.is_some());
    });
}

#[test]
fn a_mysqld_that_is_not_there_is_waited_for_within_a_limit() {
    let dir = temp_dir();
    let socket = dir.path().join("none.sock");
    let out = Command::new(PROGRAM)
        .args(["--tablet-path=zone1-100", "--init-keyspace=ks", "--init-shard=0", "--grpc-port=0"])
        .args(["--topo-implementation=memory", "--init-timeout=1s"])
        .arg(format!("--db-socket={}", socket.display()))
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(1));
    let text = String::from_utf8_lossy(&out.stderr);
    assert!(text.contains("mysqld was not ready within 1s: cannot connect to mysqld at"), "{text}");
    assert!(text.contains("none.sock"), "{text}");
}

#[test]
fn a_mysqlctld_that_is_not_there_is_waited_for_within_a_limit() {
    let dir = temp_dir();
    let socket = dir.path().join("none.sock");
    let out = Command::new(PROGRAM)
        .args(["--tablet-path=zone1-100", "--init-keyspace=ks", "--init-shard=0", "--grpc-port=0"])
        .args(["--topo-implementation=memory", "--init-timeout=1s"])
        .arg(format!("--mysqlctl-socket={}", socket.display()))
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(1));
    let text = String::from_utf8_lossy(&out.stderr);
    let why = format!("mysqlctld at {}: cannot connect: No such file or directory", socket.display());
    assert!(text.contains(&format!("mysqlctld was not ready within 1s: {why}")), "{text}");
    assert!(text.contains("waiting for mysqlctld"), "{text}");
}

#[test]
fn the_command_line() {
    check_help(PROGRAM, &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/help.txt"));
    check_version(PROGRAM);
    let wrong = ["--tablet-path=nonsense", "--init-keyspace=a/b", "--init-shard=80-40", "--grpc-port=0"];
    let words = [
        "--tablet-path: invalid tablet alias",
        "--init-keyspace: invalid keyspace name",
        "--init-shard: invalid key range",
    ];
    check_faults(PROGRAM, &wrong, &words);
    // Those of form and those of meaning together.
    let more = ["--no-such-flag", "--port=many", "--init-timeout=soon"];
    let all_words = [&words[..], &["--no-such-flag", "many", "soon"]].concat();
    check_faults(PROGRAM, &[&wrong[..], &more].concat(), &all_words);
    check_faults(PROGRAM, &[], &["--tablet-path", "--init-keyspace", "--init-shard"]);
}
