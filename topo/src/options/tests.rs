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

/// When the files end that the lock server is spoken to with, as they were read.
#[test]
fn certificates_that_were_read_tell_when_they_end() {
    let dir = testkit::temp_dir();
    let authority = authority::Authority::new("Ours").unwrap();
    let request = authority::Request::new("the client", &[]);
    let wanted = request.not_after.unix_timestamp();
    let (cert, key) = authority.issue(&request).unwrap().write(dir.path(), "client").unwrap();
    let options = TopoOptions {
        topo_etcd_tls_ca: Some(authority.write(dir.path()).unwrap()),
        topo_etcd_tls_cert: Some(cert),
        topo_etcd_tls_key: Some(key),
        ..TopoOptions::default()
    };
    let ends = options.validate().unwrap().certificate_ends();
    let flags: Vec<_> = ends.iter().map(|end| end.flag.as_str()).collect();
    assert_eq!(flags, ["topo-etcd-tls-ca", "topo-etcd-tls-cert"]);
    assert_eq!(ends[1].not_after, wanted);
    assert!(TopoOptions::default().validate().unwrap().certificate_ends().is_empty());
}
