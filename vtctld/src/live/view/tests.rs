use std::time::{Instant, SystemTime};

use proto::query::{RealtimeStats, StreamHealthResponse, Target};

use super::*;

fn row(uid: u32, keyspace: &str, shard: &str, role: TabletType, serving: Option<bool>) -> TabletRow {
    let alias = TabletAlias::new("zone1", uid);
    let tablet = Tablet {
        alias: Some(alias.clone().into()),
        keyspace: keyspace.into(),
        shard: shard.into(),
        r#type: TabletType::Replica as i32,
        hostname: "host".into(),
        port_map: [("vt".to_owned(), 80), ("grpc".to_owned(), 81)].into(),
        ..Tablet::default()
    };
    let health = serving.map(|serving| {
        let target = Target { tablet_type: role as i32, ..Target::default() };
        let stats = RealtimeStats {
            replication_lag_seconds: uid,
            qps: f64::from(1000 - uid),
            ..RealtimeStats::default()
        };
        let said = StreamHealthResponse {
            target: Some(target),
            serving,
            realtime_stats: Some(stats),
            ..StreamHealthResponse::default()
        };
        (Instant::now(), said)
    });
    TabletRow::of(&alias, &tablet, Some(Heard { health, fault: None }))
}

fn picture() -> Picture {
    let mut tablets = vec![
        row(102, "b", "-80", TabletType::Replica, Some(true)),
        row(101, "b", "-80", TabletType::Primary, Some(true)),
        row(103, "b", "80-", TabletType::Primary, Some(false)),
        row(104, "a", "0", TabletType::Primary, None),
    ];
    tablets.sort_by(TabletRow::order);
    Picture {
        version: 3,
        taken: Some(SystemTime::now()),
        tablets,
        keyspaces: vec!["a".into(), "b".into(), "empty".into()],
        cells: [("zone1".to_owned(), None), ("zone2".to_owned(), Some("no answer".to_owned()))].into(),
        fault: None,
    }
}

#[test]
fn a_tablet_that_is_not_heard_is_shown_as_its_record_says() {
    let silent = row(104, "a", "0", TabletType::Primary, None);
    assert_eq!((silent.role.as_str(), silent.state), ("REPLICA", State::Silent));
    let heard = row(101, "b", "-80", TabletType::Primary, Some(true));
    assert_eq!((heard.role.as_str(), heard.record_role.as_str()), ("PRIMARY", "REPLICA"));
    assert_eq!(heard.status_url, "http://host:80/debug/status");
    let port_map = [("vt".to_owned(), 80), ("vts".to_owned(), 80)].into();
    let by_tls = Tablet { hostname: "host".into(), port_map, ..Tablet::default() };
    let by_tls = TabletRow::of(&TabletAlias::new("zone1", 105), &by_tls, None);
    assert_eq!(by_tls.status_url, "https://host:80/debug/status");
}

#[test]
fn tablets_are_filtered_sorted_and_paged() {
    let picture = picture();
    let aliases = |query: TabletQuery| {
        let page = picture.tablets_page(&query);
        let uid = |t: &&TabletRow| t.alias.rsplit_once('-').unwrap().1.trim_start_matches('0').to_owned();
        (page.matched, page.tablets.iter().map(uid).collect::<Vec<_>>().join(" "))
    };
    let all = TabletQuery::default;
    assert_eq!(aliases(all()), (4, "104 101 102 103".into()));
    assert_eq!(
        aliases(TabletQuery { keyspace: "b".into(), shard: "-80".into(), ..all() }),
        (2, "101 102".into())
    );
    assert_eq!(aliases(TabletQuery { role: "primary".into(), ..all() }), (2, "101 103".into()));
    assert_eq!(aliases(TabletQuery { state: Some(State::NotServing), ..all() }), (1, "103".into()));
    assert_eq!(
        aliases(TabletQuery { text: "HOST".into(), sort: "lag".into(), limit: 2, ..all() }),
        (4, "103 102".into())
    );
    assert_eq!(aliases(TabletQuery { sort: "qps".into(), offset: 1, limit: 1, ..all() }), (4, "102".into()));
    assert_eq!(aliases(TabletQuery { cell: "zone2".into(), ..all() }), (0, String::new()));
}

#[test]
fn keyspaces_are_summed_those_without_tablets_too() {
    let picture = picture();
    let page = picture.keyspaces_page(&KeyspaceQuery::default());
    let names: Vec<_> = page.keyspaces.iter().map(|k| (k.keyspace.as_str(), k.shards.len())).collect();
    assert_eq!(names, [("a", 1), ("b", 2), ("empty", 0)]);
    let sums = &page.totals.sums;
    assert_eq!((sums.tablets, sums.serving, sums.silent, page.totals.shards), (4, 2, 1, 3));
    assert_eq!(page.keyspaces[1].shards[0].primary.as_deref(), Some("zone1-0000000101"));
    assert!(!page.keyspaces[1].shards[1].primary_serves);
    assert_eq!(page.cells[1].fault.as_deref(), Some("no answer"));
    let troubled =
        picture.keyspaces_page(&KeyspaceQuery { troubled: true, text: "B".into(), ..Default::default() });
    assert_eq!((troubled.matched, troubled.keyspaces[0].keyspace.as_str()), (1, "b"));
}

#[test]
fn one_keyspace_is_found_by_its_whole_name() {
    let query = |name: &str| KeyspaceQuery { keyspace: name.into(), ..KeyspaceQuery::default() };
    assert_eq!(picture().keyspaces_page(&query("b")).matched, 1);
    assert_eq!(picture().keyspaces_page(&query("empt")).matched, 0);
}

#[test]
fn a_page_is_never_larger_than_its_limit() {
    let mut picture = picture();
    let one = picture.tablets[0].clone();
    picture.tablets = vec![one; 11_416];
    let page = picture.tablets_page(&TabletQuery { limit: 1_000_000, ..Default::default() });
    assert_eq!((page.matched, page.tablets.len()), (11_416, MAX_PAGE));
}

#[test]
fn an_overview_of_the_largest_deployment_is_short() {
    let keyspaces: Vec<String> = (0..1_911).map(|n| format!("ks{n:04}")).collect();
    let rows = (0..11_416).map(|n| {
        let shard = n % 4_438;
        row(
            100,
            &keyspaces[shard % keyspaces.len()],
            &format!("{shard:04x}-"),
            TabletType::Primary,
            Some(true),
        )
    });
    let mut tablets: Vec<TabletRow> = rows.collect();
    tablets.sort_by(TabletRow::order);
    let picture = Picture { tablets, keyspaces, ..picture() };
    let page = picture.keyspaces_page(&KeyspaceQuery { limit: MAX_PAGE, ..KeyspaceQuery::default() });
    assert_eq!((page.matched, page.keyspaces.len(), page.totals.shards), (1_911, MAX_PAGE, 4_438));
    let text = serde_json::to_string(&page).unwrap();
    assert!(text.len() < 512 << 10, "{} bytes", text.len());
    let wide = || KeyspaceRow {
        keyspace: "wide".into(),
        sums: Sums::default(),
        shards: (0..900).map(|_| ShardRow::default()).collect(),
        shards_left_out: 0,
    };
    let cut = within_shards(vec![wide(), wide(), wide()]);
    let told: Vec<_> = cut.iter().map(|row| (row.shards.len(), row.shards_left_out)).collect();
    assert_eq!(told, [(900, 0), (100, 800), (0, 900)]);
}
