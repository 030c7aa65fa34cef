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
        .map(|t| format!("{} {}/{} {} {:?}", t.alias, t.keyspace, t.shard, t.mysql_port, t.process.ready))
        .collect();
    assert_eq!(tablets[0], "zone1-0000000100 commerce/0 17100 (15100, \"/debug/vars\")");
    assert_eq!(tablets[3], "zone1-0000000103 customer/-80 17103 (15103, \"/debug/vars\")");
    assert_eq!(tablets.len(), 6);
}

#[test]
fn with_a_base_port_every_port_is_its_own_and_near() {
    let plan = plan(Some(20_000));
    let mut ports = BTreeSet::new();
    let processes = [&plan.etcd, &plan.vtctld, &plan.vtgate]
        .into_iter()
        .chain(&plan.vtorc)
        .chain(plan.tablets.iter().map(|t| &t.process));
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
    assert_eq!(plan.connect_line("mysql"), "mysql -h 127.0.0.1 -P 15306 -u user customer");
}
