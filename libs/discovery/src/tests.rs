use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use proto::query::*;
use tabletclient::{QueryService, RowStream};
use topo::memory::{Loss, MemoryCells};
use vterrors::{Error, Result};
use vtmodel::{TabletAlias, TabletType, Target};

use super::*;

/// A tablet that answers nothing.
struct Mute;

macro_rules! mute {
    ($($method:ident($request:ident) -> $response:ty;)*) => {
        #[async_trait]
        impl QueryService for Mute {
            $(async fn $method(&self, _: $request) -> Result<$response> { Err(Error::internal("mute")) })*
        }
    };
}

mute! {
    execute(ExecuteRequest) -> ExecuteResponse;
    begin(BeginRequest) -> BeginResponse;
    commit(CommitRequest) -> CommitResponse;
    rollback(RollbackRequest) -> RollbackResponse;
    begin_execute(BeginExecuteRequest) -> BeginExecuteResponse;
    reserve_execute(ReserveExecuteRequest) -> ReserveExecuteResponse;
    reserve_begin_execute(ReserveBeginExecuteRequest) -> ReserveBeginExecuteResponse;
    release(ReleaseRequest) -> ReleaseResponse;
    stream_execute(StreamExecuteRequest) -> RowStream<StreamExecuteResponse>;
    begin_stream_execute(BeginStreamExecuteRequest) -> RowStream<BeginStreamExecuteResponse>;
    stream_health(StreamHealthRequest) -> RowStream<StreamHealthResponse>;
    get_schema(GetSchemaRequest) -> RowStream<GetSchemaResponse>;
}

fn tablet(uid: u32, tablet_type: TabletType, serving: bool, term: i64) -> Arc<TabletHealth> {
    Arc::new(TabletHealth {
        alias: TabletAlias::new("zone1", uid),
        target: Target::new("ks", "-80", tablet_type),
        serving,
        primary_term_start: term,
        replication_lag_seconds: 0,
        schema_version: 0,
        error: String::new(),
        hostname: "localhost".into(),
        service: Arc::new(Mute),
        load: crate::Load::default(),
    })
}

#[test]
fn the_newest_primary_counts() {
    use TabletType::*;
    let snapshot = Snapshot::of([
        tablet(1, Primary, true, 10),
        tablet(2, Primary, true, 30),
        tablet(3, Primary, true, 20),
        tablet(4, Replica, true, 0),
        tablet(5, Replica, false, 0),
    ]);
    let of =
        |t| snapshot.serving(&Target::new("ks", "-80", t)).iter().map(|t| t.alias.uid).collect::<Vec<_>>();
    assert_eq!(of(Primary), [2]);
    assert_eq!(of(Replica), [4]);
    assert_eq!(of(Rdonly), [0u32; 0]);
    assert_eq!(snapshot.tablets().count(), 5);
}

#[test]
fn an_album_shows_who_is_where_now() {
    use TabletType::*;
    let mut album = snapshot::Album::default();
    album.put(tablet(1, Primary, true, 10));
    album.put(tablet(2, Replica, true, 0));
    let before = album.snapshot();
    // A failover: the replica leads, the old primary is a replica, then it is gone.
    album.put(tablet(2, Primary, true, 20));
    let of = |s: &Snapshot, t| -> Vec<u32> {
        s.of_target(&Target::new("ks", "-80", t)).iter().map(|t| t.alias.uid).collect()
    };
    assert_eq!((of(&album.snapshot(), Primary), of(&album.snapshot(), Replica)), (vec![2], vec![]));
    album.put(tablet(1, Replica, false, 0));
    assert_eq!((of(&album.snapshot(), Primary), of(&album.snapshot(), Replica)), (vec![2], vec![1]));
    album.remove(&TabletAlias::new("zone1", 1));
    assert_eq!((of(&album.snapshot(), Primary), of(&album.snapshot(), Replica)), (vec![2], vec![]));
    assert!(album.snapshot().by_alias(&TabletAlias::new("zone1", 1)).is_none());
    // What was published stays as it was.
    assert_eq!((of(&before, Primary), of(&before, Replica)), (vec![1], vec![2]));
    // A primary that steps down leaves an older one that still says that it is one.
    album.put(tablet(3, Primary, true, 5));
    assert_eq!(of(&album.snapshot(), Primary), [2]);
    album.put(tablet(2, Replica, true, 0));
    assert_eq!(of(&album.snapshot(), Primary), [3]);
}

#[test]
fn a_primary_that_does_not_notice_is_replaced() {
    use TabletType::*;
    let mut album = snapshot::Album::default();
    let (old, new) = (tablet(1, Primary, true, 10), tablet(2, Primary, true, 20));
    album.put(old.clone());
    album.put(tablet(3, Replica, true, 0));
    assert!(!album.is_replaced(&old));
    // Promoted, but not serving yet.
    album.put(tablet(2, Primary, false, 20));
    assert!(!album.is_replaced(&old));
    album.put(new.clone());
    assert_eq!(album.replaced_by(&new).map(|a| a.uid).collect::<Vec<_>>(), [1]);
    assert!(album.is_replaced(&old) && !album.is_replaced(&new));
    // It steps down.
    album.put(tablet(1, Replica, true, 0));
    assert_eq!(album.replaced_by(&new).count(), 0);
    assert!(!album.is_replaced(&tablet(1, Replica, true, 0)));
}

#[tokio::test]
async fn waiting_for_nobody_ends() {
    let discovery = Discovery::fixed(Snapshot::default());
    let target = Target::new("ks", "-80", TabletType::Primary);
    let e = discovery.wait_for(&target, Duration::from_millis(20)).await.unwrap_err();
    assert!(e.message().contains("ks.-80.primary"), "{e}");
}

/// A topology with a tablet in each cell, and what is seen of it from cell `a`.
async fn watched(cells: &MemoryCells, names: &[&str]) -> (Arc<topo::Server>, Discovery) {
    let topo = Arc::new(cells.server(&["a", "b", "c"]).await.unwrap());
    for (uid, cell) in (1..).zip(["a", "b", "c"]) {
        topo.create_tablet(&record(cell, uid)).await.unwrap();
    }
    topo.create_cells_alias("ab", &proto::topodata::CellsAlias { cells: vec!["a".into(), "b".into()] })
        .await
        .unwrap();
    let config = DiscoveryConfig {
        cell: "a".into(),
        cells: names.iter().map(|n| (*n).to_owned()).collect(),
        tablet_refresh_interval: Duration::from_secs(1),
        ..DiscoveryConfig::default()
    };
    let discovery = Discovery::start(topo.clone(), config, |_, work| drop(tokio::spawn(work)));
    (topo, discovery)
}

/// Nobody listens at its address.
fn record(cell: &str, uid: u32) -> proto::topodata::Tablet {
    proto::topodata::Tablet {
        alias: Some((&TabletAlias::new(cell, uid)).into()),
        hostname: "127.0.0.1".into(),
        port_map: [("grpc".to_owned(), 1)].into(),
        keyspace: "ks".into(),
        shard: "-80".into(),
        r#type: TabletType::Replica as i32,
        ..Default::default()
    }
}

/// Waits until the cells of the known tablets are these, and as near as this.
async fn until(discovery: &Discovery, expected: &[(&str, Distance)]) {
    let expected: BTreeSet<_> = expected.iter().map(|(cell, d)| ((*cell).to_owned(), *d)).collect();
    let mut changes = discovery.subscribe();
    let known = || -> BTreeSet<(String, Distance)> {
        let snapshot = discovery.snapshot();
        snapshot.tablets().map(|t| (t.alias.cell.clone(), snapshot.distance(&t.alias.cell))).collect()
    };
    let wait = async {
        while known() != expected {
            changes.changed().await.unwrap();
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), wait).await;
    assert!(in_time.is_ok(), "{:?}, not {expected:?}", known());
}

#[tokio::test]
async fn aliases_name_cells_and_say_which_are_near() {
    use Distance::{Far, Here, Near};
    let cells = MemoryCells::default();
    let (topo, discovery) = watched(&cells, &["ab", "c"]).await;
    until(&discovery, &[("a", Here), ("b", Near), ("c", Far)]).await;
    // A changed alias is seen without a restart.
    topo.update_cells_alias("ab", &["a".into()]).await.unwrap();
    until(&discovery, &[("a", Here), ("c", Far)]).await;
    topo.update_cells_alias("ab", &["a".into(), "c".into()]).await.unwrap();
    until(&discovery, &[("a", Here), ("c", Near)]).await;
}

#[tokio::test]
async fn a_cell_that_does_not_answer_holds_up_nobody() {
    use Distance::{Far, Here, Near};
    let cells = MemoryCells::default();
    let (topo, discovery) = watched(&cells, &["a", "b", "c"]).await;
    until(&discovery, &[("a", Here), ("b", Near), ("c", Far)]).await;
    cells.lose("b", Loss::Frozen);
    let new = TabletAlias::new("c", 4);
    topo.create_tablet(&record("c", 4)).await.unwrap();
    // The frozen cell's answer takes its whole limit of 5 s; c's is there with the next look.
    let begun = tokio::time::Instant::now();
    let mut changes = discovery.subscribe();
    while discovery.snapshot().by_alias(&new).is_none() {
        tokio::time::timeout(Duration::from_secs(20), changes.changed()).await.unwrap().unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    // What is known of the frozen cell stays, also when the global topology is away, too.
    cells.lose("global", Loss::Frozen);
    assert!(discovery.snapshot().by_alias(&TabletAlias::new("b", 2)).is_some());
}
