//! What every backend must do, run on all of them. etcd is a real one.

use std::{sync::Arc, time::Duration};

use testkit::Etcd;
use topo::{
    CellFactory, Conn, DirEntry, ErrorKind, LockRequest, TopoOptions, Version, WatchTarget, kind,
    memory::MemoryFactory,
};
use vterrors::Result;

/// A lock that a test waits for must come within this.
const LONG: Duration = Duration::from_secs(30);

async fn on_both<F>(test: impl Fn(Arc<dyn Conn>, Arc<dyn Conn>) -> F)
where
    F: Future<Output = ()>,
{
    let memory = MemoryFactory::default();
    test(open(&memory, "").await, open(&memory, "").await).await;
    let etcd = Etcd::start();
    let factory = etcd_factory();
    test(open(&factory, &etcd.address()).await, open(&factory, &etcd.address()).await).await;
}

fn etcd_factory() -> topo::etcd::EtcdFactory {
    topo::etcd::EtcdFactory::new(&TopoOptions::default().validate().expect("defaults are valid"))
}

async fn open(factory: &dyn CellFactory, address: &str) -> Arc<dyn Conn> {
    factory.open("global", address, "/vitess/global").await.expect("opens")
}

fn kind_of<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    kind(&result.expect_err("an error is expected"))
}

fn request(dir: &str, who: &str) -> LockRequest {
    LockRequest {
        dir: dir.into(),
        contents: who.into(),
        must_exist: false,
        no_wait: false,
        ttl: None,
        timeout: LONG,
    }
}

#[tokio::test]
async fn nodes_are_created_read_replaced_and_deleted() {
    on_both(|a, b| async move {
        assert_eq!(kind_of(a.get("x/y").await), ErrorKind::NoNode);
        let v1 = a.create("x/y", b"one".to_vec()).await.unwrap();
        assert_eq!(kind_of(b.create("x/y", vec![]).await), ErrorKind::NodeExists);
        let read = b.get("x/y").await.unwrap();
        assert_eq!((read.value.as_slice(), read.version), (&b"one"[..], v1));
        let v2 = b.update("x/y", b"two".to_vec(), Some(v1)).await.unwrap();
        assert!(v2 > v1);
        assert_eq!(kind_of(a.update("x/y", vec![], Some(v1)).await), ErrorKind::BadVersion);
        assert_eq!(a.get_version("x/y", v1).await.unwrap(), b"one");
        assert_eq!(kind_of(a.get_version("x/y", Version(v2.0 + 1000)).await), ErrorKind::NoNode);
        assert_eq!(kind_of(a.delete("x/y", Some(v1)).await), ErrorKind::BadVersion);
        a.delete("x/y", Some(v2)).await.unwrap();
        assert_eq!(kind_of(a.delete("x/y", None).await), ErrorKind::NoNode);
        assert_eq!(kind_of(a.update("x/y", vec![], Some(v2)).await), ErrorKind::BadVersion);
        a.update("x/y", b"without a version".to_vec(), None).await.unwrap();
        a.update("x/empty", vec![], None).await.unwrap();
        assert_eq!(a.get("x/empty").await.unwrap().value, b"");
    })
    .await;
}

#[tokio::test]
async fn of_two_writers_with_one_version_one_wins() {
    on_both(|a, b| async move {
        let v = a.create("n", b"0".to_vec()).await.unwrap();
        let (x, y) =
            tokio::join!(a.update("n", b"a".to_vec(), Some(v)), b.update("n", b"b".to_vec(), Some(v)));
        assert_eq!([x.is_ok(), y.is_ok()].iter().filter(|ok| **ok).count(), 1);
    })
    .await;
}

#[tokio::test]
async fn directories_are_what_nodes_are_below() {
    on_both(|a, _| async move {
        assert_eq!(kind_of(a.list_dir("").await), ErrorKind::NoNode);
        for path in ["k/b/Keyspace", "k/b/shards/0/Shard", "k/a/Keyspace", "k2/z", "k/b-c/Keyspace"] {
            a.create(path, path.as_bytes().to_vec()).await.unwrap();
        }
        let entry = |name: &str, is_dir| DirEntry { name: name.into(), is_dir, ephemeral: false };
        assert_eq!(a.list_dir("").await.unwrap(), [entry("k", true), entry("k2", true)]);
        assert_eq!(a.list_dir("k").await.unwrap(), [entry("a", true), entry("b", true), entry("b-c", true)]);
        assert_eq!(a.list_dir("k/b").await.unwrap(), [entry("Keyspace", false), entry("shards", true)]);
        assert_eq!(kind_of(a.list_dir("k/none").await), ErrorKind::NoNode);
        let listed: Vec<_> = a.list("k/b/").await.unwrap().into_iter().map(|e| e.path).collect();
        assert_eq!(listed, ["k/b/Keyspace", "k/b/shards/0/Shard"]);
        assert!(a.list("none").await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_watch_gives_what_is_there_and_every_change_after_it_in_order() {
    on_both(|a, b| async move {
        let mut none = a.watch(WatchTarget::Path("w/x".into())).await.unwrap();
        assert!(none.current.is_empty());
        let v = b.create("w/x", b"1".to_vec()).await.unwrap();
        b.create("w/xx", b"not ours".to_vec()).await.unwrap();
        let first = none.changes.recv().await.unwrap().unwrap();
        assert_eq!((first.value.as_deref(), first.version), (Some(&b"1"[..]), v));

        let mut all = a.watch(WatchTarget::Prefix("w/".into())).await.unwrap();
        assert_eq!(all.current.len(), 2);
        b.update("w/x", b"2".to_vec(), None).await.unwrap();
        b.delete("w/x", None).await.unwrap();
        for changes in [&mut none.changes, &mut all.changes] {
            assert_eq!(changes.recv().await.unwrap().unwrap().value.as_deref(), Some(&b"2"[..]));
            assert_eq!(changes.recv().await.unwrap().unwrap().value, None);
        }
    })
    .await;
}

#[tokio::test]
async fn a_lock_is_held_by_one_and_given_in_the_order_of_asking() {
    on_both(|a, b| async move {
        a.create("ks/Keyspace", vec![]).await.unwrap();
        let first = a.lock(request("ks", "first")).await.unwrap();
        first.check().await.unwrap();
        let second = tokio::spawn({
            let b = b.clone();
            async move { b.lock(request("ks", "second")).await }
        });
        while a.list("ks/locks/").await.unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
        let third = tokio::spawn({
            let b = b.clone();
            async move { b.lock(request("ks", "third")).await }
        });
        while a.list("ks/locks/").await.unwrap().len() < 3 {
            tokio::task::yield_now().await;
        }
        assert!(!second.is_finished() && !third.is_finished());
        first.unlock().await.unwrap();
        first.unlock().await.unwrap();
        assert!(first.check().await.is_err());
        let second = second.await.unwrap().unwrap();
        assert!(!third.is_finished());
        second.check().await.unwrap();
        drop(second);
        tokio::time::timeout(LONG, third).await.expect("a dropped lock is released").unwrap().unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_lock_that_is_not_free_in_time_is_given_up_and_leaves_the_queue() {
    on_both(|a, b| async move {
        let first = a.lock(request("dir", "first one")).await.unwrap();
        let short = LockRequest { timeout: Duration::from_millis(100), ..request("dir", "second") };
        assert_eq!(kind_of(b.lock(short).await), ErrorKind::Timeout);
        assert_eq!(a.list("dir/locks/").await.unwrap().len(), 1);
        assert_eq!(
            kind_of(b.lock(LockRequest { no_wait: true, ..request("dir", "third") }).await),
            ErrorKind::NodeExists
        );
        first.unlock().await.unwrap();
        b.lock(LockRequest { no_wait: true, ..request("dir", "fourth") })
            .await
            .unwrap()
            .unlock()
            .await
            .unwrap();
        assert_eq!(
            kind_of(a.lock(LockRequest { must_exist: true, ..request("gone", "x") }).await),
            ErrorKind::NoNode
        );
    })
    .await;
}

#[tokio::test]
async fn a_caller_that_stops_waiting_leaves_the_queue() {
    on_both(|a, b| async move {
        let first = a.lock(request("dir", "first")).await.unwrap();
        let waiting = tokio::spawn({
            let b = b.clone();
            async move { b.lock(request("dir", "second")).await.map(drop) }
        });
        while a.list("dir/locks/").await.unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
        waiting.abort();
        let left = async {
            while a.list("dir/locks/").await.unwrap().len() > 1 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, left).await.expect("the queue is left");
        first.unlock().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn locks_are_keys_with_a_lease_below_locks() {
    let etcd = Etcd::start();
    let conn = open(&etcd_factory(), &etcd.address()).await;
    let lock = conn.lock(request("keyspaces/ks", "why")).await.unwrap();
    let entries = conn.list_dir("keyspaces/ks/locks").await.unwrap();
    assert_eq!(entries.len(), 1);
    assert!(entries[0].ephemeral && entries[0].name.parse::<i64>().is_ok(), "{entries:?}");
    lock.unlock().await.unwrap();
    assert_eq!(kind_of(conn.list_dir("keyspaces/ks/locks").await), ErrorKind::NoNode);
}

#[tokio::test]
async fn a_value_too_large_for_etcd_is_refused_and_a_large_list_is_read() {
    let etcd = Etcd::start();
    let conn = open(&etcd_factory(), &etcd.address()).await;
    for bytes in [1_600_000, 2 << 20] {
        let refused = conn.create("big", vec![0; bytes]).await.unwrap_err();
        assert!(
            refused.message().starts_with(&format!("a value of {bytes} bytes is too large")),
            "{refused}"
        );
    }
    for n in 0..6 {
        conn.create(&format!("many/{n}"), vec![n; 1 << 20]).await.unwrap();
    }
    assert_eq!(conn.list("many/").await.unwrap().len(), 6);
}
