use super::*;

const LEAST: [&str; 5] =
    ["vttablet", "--tablet-path=zone1-100", "--init-keyspace=ks", "--init-shard=-80", "--grpc-port=1"];

fn parse(more: &[&str]) -> Result<Config> {
    let args = LEAST.iter().chain(more).map(Into::into);
    servenv::parse_from::<Options>(args).map_err(|(text, _)| Error::invalid(text)).and_then(|o| o.validate())
}

#[test]
fn the_least_that_is_needed() {
    let config = parse(&[]).unwrap();
    assert_eq!(config.alias, TabletAlias::new("zone1", 100));
    assert_eq!((config.shard.as_str(), config.db_name.as_str()), ("-80", "vt_ks"));
    assert_eq!(config.init_type, TabletType::Replica);
    assert!(matches!(&config.address, Address::Unix(p) if p.ends_with("vt_0000000100/mysql.sock")));
    assert_eq!(config.query.queryserver_config_query_timeout, Duration::from_secs(30));
}

/// vtctld's pages link to the tablet's by it.
#[test]
fn the_record_says_that_the_pages_come_by_tls() {
    let ports = |more: &[&str]| crate::tablet::first_record(&parse(more).unwrap()).port_map;
    let plain = ports(&["--port=15100"]);
    assert_eq!((plain.get("vt"), plain.get("vts")), (Some(&15100), None));
    let by_tls = ports(&["--port=15100", "--http-cert=a.pem", "--http-key=b.pem"]);
    assert_eq!((by_tls.get("vt"), by_tls.get("vts")), (Some(&15100), Some(&15100)));
}

#[test]
fn what_scripts_of_vitess_pass_is_taken() {
    parse(&[
        "--topo_implementation=etcd2",
        "--topo-global-server-address",
        "localhost:2379",
        "--topo-global-root=/vitess/global",
        "--log-queries-to-file=/tmp/q",
        "--port=15100",
        "--log_dir=/tmp",
        "--tablet_hostname=localhost",
        "--init-tablet-type=rdonly",
        "--health-check-interval=5s",
        "--enable-replication-reporter",
        "--backup-storage-implementation=file",
        "--file-backup-storage-root=/tmp",
        "--service-map=grpc-queryservice,grpc-tabletmanager,grpc-updatestream",
        "--db-charset=utf8mb4",
        "--bind-address=127.0.0.1",
        "--grpc-bind-address=127.0.0.1",
        "--restore-from-backup=false",
        "--db-flavor=MySQL56",
        "--pprof=cpu",
        "--heartbeat-on-demand-duration=5s",
        "--pid-file=/tmp/pid",
        "--pprof-http",
        "--config-file-not-found-handling=ignore",
    ])
    .unwrap();
}

#[test]
fn tls_to_mysqld_is_as_the_mode_says() {
    let dir = testkit::temp_dir();
    let ca = authority::Authority::new("Ours").unwrap().write(dir.path()).unwrap();
    let ca = format!("--db-ssl-ca={}", ca.display());
    let none = parse(&[]).unwrap();
    assert!(none.mysqld_tls.is_none() && none.source_tls.is_none());
    let full = parse(&[&ca]).unwrap();
    assert!(full.mysqld_tls.is_some_and(|tls| tls.required));
    assert!(full.source_tls.is_some_and(|tls| tls.verify_host && tls.ca.is_some()));
    let chain = parse(&[&ca, "--db-ssl-mode=verify_ca"]).unwrap();
    assert!(chain.source_tls.is_some_and(|tls| !tls.verify_host && tls.ca.is_some()));
    let preferred = parse(&["--db-ssl-mode=preferred"]).unwrap();
    assert!(preferred.mysqld_tls.is_some_and(|tls| !tls.required) && preferred.source_tls.is_none());
    let required = parse(&["--db-ssl-mode=required"]).unwrap();
    assert_eq!(required.source_tls, Some(SourceTls::default()));
    for (flags, wanted) in [
        (&["--db-ssl-mode=verify_ca"][..], "need --db-ssl-ca"),
        (&[ca.as_str(), "--db-ssl-cert=/x"], "--db-ssl-cert and --db-ssl-key"),
        (&["--db-ssl-ca=/nosuch.pem"], "--db-ssl-ca: /nosuch.pem: No such file"),
        (&["--db-credentials-file=/nosuch.json"], "--db-credentials-file: /nosuch.json: No such file"),
        (&["--grpc-cert=/nosuch.pem", "--grpc-key=/nosuch.key"], "--grpc-cert: /nosuch.pem: No such file"),
    ] {
        let e = parse(flags).unwrap_err();
        assert!(e.message().contains(wanted), "{wanted}: {e}");
    }
}

#[test]
fn passwords_are_not_shown() {
    let options = servenv::parse_from::<Options>(
        LEAST.iter().chain(&["--db-app-password=planted", "--db-repl-password=planted"]).map(Into::into),
    )
    .unwrap();
    assert!(!format!("{options:?} {:?}", options.validate().unwrap()).contains("planted"));
}

#[test]
fn all_faults_are_told_at_once() {
    let e = parse(&[
        "--init-tablet-type=primary",
        "--db-charset=gbk",
        "--queryserver-config-pool-size=0",
        "--health-check-interval=0",
        "--topo-implementation=paper",
    ])
    .unwrap_err();
    for word in [
        "--init-tablet-type: primary is not",
        "--db-charset: character set \"gbk\"",
        "--queryserver-config-pool-size: must",
        "--health-check-interval: must",
        "--topo-implementation",
    ] {
        assert!(e.message().contains(word), "{word} is missing in:\n{e}");
    }
}
