use std::sync::Arc;

use async_trait::async_trait;
use proto::query::*;
use tabletclient::{QueryService, RowStream};
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

#[tokio::test]
async fn waiting_for_nobody_ends() {
    let discovery = Discovery::fixed(Snapshot::default());
    let target = Target::new("ks", "-80", TabletType::Primary);
    let e = discovery.wait_for(&target, Duration::from_millis(20)).await.unwrap_err();
    assert!(e.message().contains("ks.-80.primary"), "{e}");
}
