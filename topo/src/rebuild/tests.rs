use super::*;

fn shard(name: &str, serving: bool) -> ShardInfo {
    let (name, range) = crate::parse_shard_name(name).unwrap();
    let record = proto::topodata::Shard {
        key_range: range.as_ref().map(Into::into),
        is_primary_serving: serving,
        ..Default::default()
    };
    ShardInfo { keyspace: "ks".into(), name, record, version: crate::Version(1) }
}

fn names(built: &SrvKeyspace) -> Vec<(TabletType, Vec<&str>)> {
    built
        .partitions
        .iter()
        .map(|p| (p.served_type(), p.shard_references.iter().map(|r| r.name.as_str()).collect()))
        .collect()
}

#[test]
fn each_type_gets_every_serving_shard() {
    let shards = [shard("-80", true), shard("80-", true), shard("80-c0", false)];
    let built = build_srv_keyspace("ks", &shards, None, false).unwrap();
    let both = vec!["-80", "80-"];
    assert_eq!(
        names(&built),
        [
            (TabletType::Primary, both.clone()),
            (TabletType::Replica, both.clone()),
            (TabletType::Rdonly, both)
        ]
    );
}

#[test]
fn a_gap_is_refused_unless_partial_is_allowed() {
    let shards = [shard("-80", true), shard("c0-", true)];
    let refused = build_srv_keyspace("ks", &shards, None, false).unwrap_err();
    assert!(refused.message().contains("do not cover"), "{refused}");
    assert!(build_srv_keyspace("ks", &shards, None, true).is_ok());
}

#[test]
fn an_unsharded_keyspace_has_no_key_range() {
    let built = build_srv_keyspace("ks", &[shard("0", true)], None, false).unwrap();
    assert_eq!(built.partitions[0].shard_references[0].key_range, None);
}

#[tokio::test]
async fn a_rebuild_is_refused_while_traffic_is_being_moved() {
    let server = Server::memory(&["zone1"]).await.unwrap();
    server.create_keyspace("ks", &Default::default()).await.unwrap();
    server.create_shard("ks", "0").await.unwrap();
    server.rebuild_keyspace_graph("ks", &[], false).await.unwrap();
    let mut current = server.get_srv_keyspace("zone1", "ks").await.unwrap().value;
    let control = proto::topodata::ShardTabletControl {
        name: "0".into(),
        key_range: None,
        query_service_disabled: true,
    };
    current.partitions[0].shard_tablet_controls.push(control);
    server.put_srv_keyspace("zone1", "ks", &current).await.unwrap();
    let refused = server.rebuild_keyspace_graph("ks", &[], false).await.unwrap_err();
    assert!(refused.message().contains("query service is disabled for PRIMARY of ks/0"), "{refused}");
}
