use std::collections::BTreeSet;

use super::*;

fn plan(base_port: Option<u16>) -> Plan {
    Plan::new(&ClusterSpec { base_port, ..ClusterSpec::default() }, Path::new("/data"))
}

#[test]
fn default_ports_are_those_of_vitess_s_example() {
    let plan = plan(None);
    assert_eq!((plan.ports.etcd, plan.ports.vtctld_http, plan.ports.vtctld_grpc), (2379, 15000, 15999));
    assert_eq!(
        (plan.ports.vtgate_http, plan.ports.vtgate_grpc, plan.ports.vtgate_mysql),
        (15001, 15991, 15306)
    );
    let tablets: Vec<String> = plan
        .tablets
        .iter()
        .map(|t| {
            format!("{} {}/{} {} {:?}", t.alias, t.keyspace, t.shard, t.mysql_port, t.process.http_port())
        })
        .collect();
    assert_eq!(tablets[0], "zone1-0000000100 commerce/0 17100 15100");
    assert_eq!(tablets[3], "zone1-0000000103 customer/-80 17103 15103");
    assert_eq!(tablets.len(), 6);
}

#[test]
fn with_a_base_port_every_port_is_its_own_and_near() {
    let plan = plan(Some(20_000));
    let mut ports = BTreeSet::new();
    let processes = plan.servers().chain(plan.tablets.iter().map(|t| &t.process));
    for port in
        processes.flat_map(|p| &p.ports).map(|p| p.port).chain(plan.tablets.iter().map(|t| t.mysql_port))
    {
        assert!((20_000..20_100).contains(&port), "{port}");
        assert!(ports.insert(port), "{port} twice");
    }
}

#[test]
fn tablets_are_spread_over_cells_and_the_first_of_a_shard_is_marked() {
    let spec = ClusterSpec { cells: vec!["a".into(), "b".into()], rdonly: 1, ..ClusterSpec::default() };
    let plan = Plan::new(&spec, Path::new("/data"));
    let of_first_shard: Vec<(&str, bool)> =
        plan.tablets[..3].iter().map(|t| (t.alias.as_str(), t.first)).collect();
    assert_eq!(of_first_shard, [("a-0000000100", true), ("b-0000000101", false), ("a-0000000102", false)]);
    assert!(plan.tablets[2].process.args.contains(&"--init-tablet-type=rdonly".to_owned()));
}

#[test]
fn a_process_has_its_own_log_and_its_socket() {
    let plan = plan(None);
    assert_eq!(plan.tablets[0].process.log, Path::new("/data/logs/vttablet-100.log"));
    let args = &plan.tablets[0].process.args;
    assert!(args.contains(&"--db-socket=/data/vt_0000000100/mysql.sock".to_owned()), "{args:?}");
    assert_eq!(plan.connect_line("mysql", &plan.cells[0]), "mysql -h 127.0.0.1 -P 15306 -u user customer");
}

/// Names and ports of what is no tablet's.
fn servers(base_port: Option<u16>, cells: &[&str]) -> Vec<String> {
    let cells = cells.iter().map(|c| (*c).to_owned()).collect();
    let plan = Plan::new(&ClusterSpec { cells, base_port, ..ClusterSpec::default() }, Path::new("/data"));
    let ports = |p: &ProcessPlan| p.ports.iter().map(|p| p.port.to_string()).collect::<Vec<_>>().join(",");
    plan.servers().map(|p| format!("{} {}", p.name, ports(p))).collect()
}

#[test]
fn each_of_several_cells_has_an_etcd_a_vtorc_and_a_vtgate() {
    let one = ["etcd 2379,2380", "vtctld 15000,15999", "vtorc 16000", "vtgate 15001,15991,15306"];
    assert_eq!(servers(None, &["zone1"]), one);
    let two = [
        "etcd 2379,2380",
        "etcd-a 2381,2382",
        "etcd-b 2383,2384",
        "vtctld 15000,15999",
        "vtorc-a 16000",
        "vtorc-b 16001",
        "vtgate-a 15001,15991,15306",
        "vtgate-b 15002,15992,15307",
    ];
    assert_eq!(servers(None, &["a", "b"]), two);
    // The six tablets have 20010 to 20027.
    let near = [
        "etcd 20000,20001",
        "etcd-a 20008,20009",
        "etcd-b 20028,20029",
        "vtctld 20002,20003",
        "vtorc-a 20007",
        "vtorc-b 20033",
        "vtgate-a 20004,20005,20006",
        "vtgate-b 20030,20031,20032",
    ];
    assert_eq!(servers(Some(20_000), &["a", "b"]), near);
}

#[test]
fn a_cell_s_programs_are_of_the_cell_and_know_the_global_etcd() {
    let spec = ClusterSpec { cells: vec!["a".into(), "b".into()], ..ClusterSpec::default() };
    let plan = Plan::new(&spec, Path::new("/data"));
    let b = plan.cell("b").unwrap();
    assert_eq!(b.etcd_address, "127.0.0.1:2383");
    for process in [&b.vtgate, b.vtorc.as_ref().unwrap()] {
        let has = |arg: &str| process.args.iter().any(|a| a == arg);
        assert!(has("--cell=b") && has("--topo-global-server-address=127.0.0.1:2379"), "{:?}", process.args);
    }
    assert!(b.vtgate.args.contains(&"--cells-to-watch=a,b".to_owned()), "{:?}", b.vtgate.args);
    assert_eq!(b.etcd.as_ref().unwrap().args[0], "--data-dir=/data/etcd-b");
}

/// Whoever listens for gRPC, etcd or MySQL does so by TLS, with a certificate of its own.
#[test]
fn with_tls_every_process_has_its_certificate() {
    let spec = ClusterSpec { tls: true, ..ClusterSpec::default() };
    let plan = Plan::new(&spec, Path::new("/data"));
    let has = |process: &ProcessPlan, flag: &str| process.args.iter().any(|arg| arg == flag);
    for process in plan.servers().chain(plan.tablets.iter().map(|t| &t.process)) {
        let own = format!("/data/tls/{}.pem", process.name);
        let flags: &[&str] = match process.program {
            Program::Etcd => &["cert-file", "peer-cert-file"],
            Program::Vtctld => &[
                "grpc-cert",
                "tablet-manager-grpc-cert",
                "tablet-grpc-cert",
                "vtgate-grpc-cert",
                "http-cert",
            ],
            Program::Vttablet => &["grpc-cert", "tablet-manager-grpc-cert", "db-ssl-cert"],
            Program::Vtgate => &["grpc-cert", "tablet-grpc-cert", "mysql-server-ssl-cert"],
            _ => &["tablet-manager-grpc-cert"],
        };
        for flag in flags {
            assert!(has(process, &format!("--{flag}={own}")), "{} has no --{flag}", process.name);
        }
        if process.program != Program::Etcd {
            assert!(has(process, &format!("--topo-etcd-tls-cert={own}")), "{}", process.name);
            let listens = process.args.iter().any(|arg| arg.starts_with("--grpc-port="));
            assert_eq!(listens, has(process, "--grpc-ca=/data/tls/ca.pem"), "{}", process.name);
        }
    }
    let line = plan.connect_line("mysql", &plan.cells[0]);
    assert!(line.contains("--ssl-ca=/data/tls/ca.pem"), "{line}");
    assert_eq!(plan.pages_line(), "https://127.0.0.1:15000/ (its authority: /data/tls/ca.pem)");
    assert_eq!((plan.vtctld.http_port(), plan.vtctld.ports[0].what), (15000, "https"));
    assert!(Plan::new(&ClusterSpec::default(), Path::new("/data")).client_flags().is_empty());
}

#[test]
fn the_processes_of_a_cell_listen_in_its_place_and_are_started_there() {
    let place = |host: &str, launcher: &[&str]| Place {
        host: host.to_owned(),
        launcher: launcher.iter().map(|w| (*w).to_owned()).collect(),
    };
    let spec = ClusterSpec {
        cells: vec!["a".into(), "b".into()],
        place: place("10.0.0.1", &[]),
        cell_places: [("b".to_owned(), place("10.0.0.2", &["in", "b"]))].into(),
        ..ClusterSpec::default()
    };
    let plan = Plan::new(&spec, Path::new("/data"));
    let b = plan.cell("b").unwrap();
    assert_eq!(b.etcd_address, "10.0.0.2:2383");
    let has =
        |process: &ProcessPlan, arg: &str| assert!(process.args.iter().any(|a| a == arg), "{process:?}");
    has(&b.vtgate, "--mysql-server-bind-address=10.0.0.2");
    has(&b.vtgate, "--topo-global-server-address=10.0.0.1:2379");
    let tablet = plan.tablets.iter().find(|t| t.cell == "b").unwrap();
    has(&tablet.process, "--tablet-hostname=10.0.0.2");
    has(&tablet.process, "--grpc-bind-address=10.0.0.2");
    let launched: Vec<&str> =
        plan.servers().filter(|p| !p.place.launcher.is_empty()).map(|p| &*p.name).collect();
    assert_eq!(launched, ["etcd-b", "vtorc-b", "vtgate-b"]);
    assert!(plan.connect_line("mysql", b).starts_with("mysql -h 10.0.0.2 -P 15307 "));
}
