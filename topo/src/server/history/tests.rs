use super::*;

fn entry(n: usize, request: String) -> HistoryEntry {
    HistoryEntry {
        at: format!("2026-01-01T00:00:{n:02}Z"),
        who: "ada".into(),
        operation: "PlannedReparentShard".into(),
        target: n.to_string(),
        request,
        took_ms: 7,
        error: None,
    }
}

#[tokio::test]
async fn the_newest_entries_stay_each_keyspace_by_itself() {
    let topo = Server::memory(&["zone1"]).await.unwrap();
    for n in 0..MAX_ENTRIES + 5 {
        topo.add_to_history(Some("ks"), &entry(n, "{}".into())).await.unwrap();
    }
    topo.add_to_history(None, &entry(1, "{}".into())).await.unwrap();
    let kept = topo.get_history(Some("ks")).await.unwrap();
    assert_eq!((kept.len(), kept[0].target.as_str()), (MAX_ENTRIES, "5"));
    assert_eq!(kept.last().unwrap().target, (MAX_ENTRIES + 4).to_string());
    assert_eq!(topo.get_history(None).await.unwrap().len(), 1);
    assert_eq!(topo.get_history(Some("other")).await.unwrap(), []);
    topo.delete_history("ks").await.unwrap();
    assert_eq!(topo.get_history(Some("ks")).await.unwrap(), []);
}

#[tokio::test]
async fn large_entries_do_not_make_a_large_node() {
    let topo = Server::memory(&["zone1"]).await.unwrap();
    for n in 0..MAX_ENTRIES {
        topo.add_to_history(Some("ks"), &entry(n, "x".repeat(2_000))).await.unwrap();
    }
    let node = topo.global().get(&paths::history(Some("ks"))).await.unwrap();
    assert!(node.value.len() <= MAX_BYTES, "{}", node.value.len());
    let kept = topo.get_history(Some("ks")).await.unwrap();
    assert_eq!(kept.last().unwrap().target, (MAX_ENTRIES - 1).to_string());
}

#[tokio::test]
async fn entries_that_are_added_at_the_same_time_are_all_there() {
    let topo = Server::memory(&["zone1"]).await.unwrap();
    let adds = (0..10).map(|n| {
        let topo = topo.clone();
        async move { topo.add_to_history(Some("ks"), &entry(n, String::new())).await.unwrap() }
    });
    futures::future::join_all(adds).await;
    assert_eq!(topo.get_history(Some("ks")).await.unwrap().len(), 10);
}
