use proto::{
    replicationdata::Status,
    topodata::{KeyspaceType, TabletType},
    vttime::Time,
};

use super::*;

fn tablet(uid: u32, tablet_type: TabletType) -> Tablet {
    Tablet {
        alias: Some(topodata::TabletAlias { cell: "zone1".into(), uid }),
        hostname: "host".into(),
        port_map: [("vt".to_owned(), 15100), ("grpc".to_owned(), 16100)].into(),
        keyspace: "ks".into(),
        shard: "-80".into(),
        r#type: tablet_type as i32,
        mysql_hostname: "host".into(),
        mysql_port: 17100,
        ..Default::default()
    }
}

#[test]
fn tablets_are_sorted_by_alias() {
    let mut primary = tablet(101, TabletType::Primary);
    primary.primary_term_start_time = Some(Time { seconds: 1_700_000_000, nanoseconds: 0 });
    let text = "\
+------------------+----------+-------+---------+------------+------------+----------------------+
| tablet           | keyspace | shard | type    | grpc       | mysql      | primary since        |
+------------------+----------+-------+---------+------------+------------+----------------------+
| zone1-0000000100 | ks       | -80   | replica | host:16100 | host:17100 |                      |
| zone1-0000000101 | ks       | -80   | primary | host:16100 | host:17100 | 2023-11-14T22:13:20Z |
+------------------+----------+-------+---------+------------+------------+----------------------+
";
    assert_eq!(tablets(&[primary, tablet(100, TabletType::Replica)]), text);
}

#[test]
fn an_empty_list_is_its_header() {
    assert_eq!(names("cell", &[]), "+------+\n| cell |\n+------+\n");
}

#[test]
fn keyspaces_and_their_shards() {
    let record = topodata::Keyspace {
        keyspace_type: KeyspaceType::Normal as i32,
        durability_policy: "semi_sync".into(),
        ..Default::default()
    };
    let text = "\
+----------+--------+------------+-------------+
| keyspace | type   | durability | snapshot of |
+----------+--------+------------+-------------+
| ks       | NORMAL | semi_sync  |             |
+----------+--------+------------+-------------+
";
    assert_eq!(keyspaces(&[vtctldata::Keyspace { name: "ks".into(), keyspace: Some(record) }]), text);
    let shard = |serving| vtctldata::Shard {
        keyspace: "ks".into(),
        name: String::new(),
        shard: Some(topodata::Shard {
            primary_alias: Some(topodata::TabletAlias { cell: "zone1".into(), uid: 100 }),
            is_primary_serving: serving,
            ..Default::default()
        }),
    };
    let text = "\
+----------+-------+------------------+---------+---------------+
| keyspace | shard | primary          | serving | primary since |
+----------+-------+------------------+---------+---------------+
| ks       | -80   | zone1-0000000100 | yes     |               |
| ks       | 80-   | zone1-0000000100 | no      |               |
+----------+-------+------------------+---------+---------------+
";
    assert_eq!(shards(&[("80-".to_owned(), shard(false)), ("-80".to_owned(), shard(true))].into()), text);
}

#[test]
fn positions_with_a_tablet_that_does_not_answer() {
    let answers = [tablet(100, TabletType::Primary), tablet(101, TabletType::Replica)];
    let status =
        Status { position: "MySQL56/a:1-7".into(), replication_lag_seconds: 12, ..Default::default() };
    let answer = ShardReplicationPositionsResponse {
        tablet_map: answers.into_iter().map(|t| (alias(t.alias.as_ref()), t)).collect(),
        replication_statuses: [
            ("zone1-0000000100".to_owned(), Status::default()),
            ("zone1-0000000101".to_owned(), status),
        ]
        .into(),
    };
    let text = "\
+------------------+---------+------+-------+---------------+
| tablet           | type    | host | lag s | position      |
+------------------+---------+------+-------+---------------+
| zone1-0000000100 | primary | host |       | no answer     |
| zone1-0000000101 | replica | host |    12 | MySQL56/a:1-7 |
+------------------+---------+------+-------+---------------+
";
    assert_eq!(positions(&answer), text);
}

#[test]
fn what_cells_serve() {
    use topodata::{ShardReference, srv_keyspace::KeyspacePartition};
    let shard = |name: &str| ShardReference { name: name.into(), key_range: None };
    let partition = KeyspacePartition {
        served_type: TabletType::Primary as i32,
        shard_references: vec![shard("-80"), shard("80-")],
        ..Default::default()
    };
    let served = SrvKeyspace { partitions: vec![partition], ..Default::default() };
    let text = "\
+-------+---------+----------+
| cell  | type    | shards   |
+-------+---------+----------+
| zone1 | primary | -80, 80- |
+-------+---------+----------+
";
    assert_eq!(srv_keyspaces(&[("zone1".to_owned(), served)].into()), text);
}

#[test]
fn a_history_is_told_in_order_and_errors_are_cut() {
    let entry = |who: &str, operation: &str, target: &str, error: Option<String>| topo::HistoryEntry {
        at: "2026-11-23T01:02:03Z".into(),
        who: who.into(),
        operation: operation.into(),
        target: target.into(),
        request: "{}".into(),
        took_ms: 1234,
        error,
    };
    let entries = [
        entry("vtorc on b", "RecoverDeadPrimary", "-80", None),
        entry("ada (certificate)", "DeleteShards", "80-", Some("x".repeat(200))),
    ];
    let text = history(&entries);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].starts_with("| when "), "{text}");
    assert!(lines[3].contains("| vtorc on b        | RecoverDeadPrimary | -80 |  1.234 | done "), "{text}");
    assert!(lines[4].contains(" failed: xxx") && lines[4].contains('…'), "{text}");
    assert!(lines[4].chars().count() < 200, "{text}");
}
