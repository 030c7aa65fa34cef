use super::*;

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
