use super::*;

#[test]
fn durations_are_gos() {
    for (text, ms) in [("15s", 15_000), ("1m30s", 90_000), ("250ms", 250), ("1.5h", 5_400_000), ("0", 0)] {
        assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
    }
    for text in ["", "5", "s", "5x", "1m5", "-1s", "1..5s"] {
        assert!(parse_duration(text).is_err(), "{text}");
    }
}

#[test]
fn all_faults_are_reported_together() {
    let options = TopoOptions {
        topo_implementation: "zk".into(),
        topo_etcd_lease_ttl: 0,
        topo_etcd_tls_cert: Some("/nowhere/cert".into()),
        ..TopoOptions::default()
    };
    let text = options.validate().unwrap_err().to_string();
    for word in ["zk", "--topo-etcd-lease-ttl", "/nowhere/cert", "one needs the other"] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
}
