//! The connection pool against a real mysqld.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "tablet/harness.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod harness;

use std::{sync::Arc, time::Duration};

use harness::*;
use mysqlwire::client::ConnectOptions;
use vttablet::query::{
    kill::Killer,
    pool::{Pool, PoolConfig},
};

fn pool_of(t: &Running, capacity: usize, timeout: Duration) -> Pool {
    let config =
        PoolConfig { name: "TestPool", capacity, timeout, idle_timeout: Duration::ZERO, max_waiters: 3 };
    let options = |o: &ConnectOptions| Arc::new(o.clone());
    Pool::new(&config, options(&t.tablet.users.app), Killer::new(options(&t.tablet.users.dba)))
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_pool_and_its_line() {
    RUNTIME.block_on(async {
        let t = shared_primary().await;
        let pool = pool_of(&t, 1, Duration::ZERO);

        // The same connection is lent again.
        let first = pool.get().await.unwrap();
        let id = first.connection_id();
        drop(first);
        let held = pool.get().await.unwrap();
        assert_eq!((held.connection_id(), pool.in_use()), (id, 1));

        // First come, first served; who gives up leaves the line; nobody overtakes.
        let waiter = |n: u32, order: Arc<std::sync::Mutex<Vec<u32>>>| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let lent = pool.get().await.unwrap();
                order.lock().unwrap().push(n);
                drop(lent);
            })
        };
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut waiters = Vec::new();
        for n in 0..3 {
            waiters.push(waiter(n, Arc::clone(&order)));
            eventually("it waits", async || {
                let waiting = pool.waiting();
                if waiting == n as usize + 1 { Ok(()) } else { Err(waiting.to_string()) }
            })
            .await;
        }
        // The line is full.
        let e = pool.get().await.unwrap_err();
        assert!(e.message().contains("too many callers wait for one of 1 connections (limit 3)"), "{e}");
        waiters[1].abort();
        drop(held);
        for (n, waiter) in waiters.into_iter().enumerate() {
            assert_eq!(waiter.await.is_ok(), n != 1);
        }
        assert_eq!(*order.lock().unwrap(), [0, 2]);
        assert_eq!(pool.in_use(), 0);
    });
}

#[test]
fn what_does_not_go_back() {
    RUNTIME.block_on(async {
        let t = shared_primary().await;
        let pool = pool_of(&t, 1, SECOND);
        let mut ids = Vec::new();
        // Spoiled; in a transaction; given up in mid-answer; lent before the pool was told to close.
        for round in 0..4 {
            let mut lent = pool.get().await.unwrap();
            ids.push(lent.connection_id());
            match round {
                0 => lent.spoil(),
                1 => drop(lent.execute("begin").await.unwrap()),
                2 => {
                    let cut =
                        tokio::time::timeout(Duration::from_millis(50), lent.execute("select sleep(20)"))
                            .await;
                    assert!(cut.is_err());
                }
                _ => pool.close_idle(),
            }
        }
        let lent = pool.get().await.unwrap();
        ids.push(lent.connection_id());
        ids.dedup();
        assert_eq!(ids.len(), 5, "{ids:?}");
        // The one that was given up is gone at mysqld too.
        eventually("it was killed", async || {
            let sql = format!("select count(*) from information_schema.processlist where id = {}", ids[2]);
            let n = t.dba(&sql).await;
            if n == ["0"] { Ok(()) } else { Err(format!("{n:?}")) }
        })
        .await;
        drop(lent);
        // One that the server closed while it lay idle is not lent.
        t.dba(&format!("kill {}", ids[4])).await;
        eventually("another is lent", async || {
            let lent = pool.get().await.unwrap();
            if lent.connection_id() == ids[4] { Err("the same".into()) } else { Ok(()) }
        })
        .await;
        pool.get().await.unwrap().ping().await.unwrap();
    });
}

#[test]
fn capacity_changes_while_it_runs() {
    RUNTIME.block_on(async {
        let t = shared_primary().await;
        let pool = pool_of(&t, 1, SECOND);
        let one = pool.get().await.unwrap();
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move { pool.get().await }
        });
        eventually("it waits", async || if pool.waiting() == 1 { Ok(()) } else { Err(String::new()) }).await;
        // Larger: who waits is served at once.
        pool.set_capacity(2);
        let two = waiting.await.unwrap().unwrap();
        assert_eq!(pool.in_use(), 2);
        // Smaller: what comes back beyond it is closed.
        pool.set_capacity(1);
        drop(one);
        assert_eq!(pool.in_use(), 1);
        pool.limits().set_timeout(Duration::from_millis(50));
        let e = pool.get().await.unwrap_err();
        assert_eq!(e.message(), "pool TestPool: all 1 connections were in use for 50ms");
        drop(two);
        drop(pool.get().await.unwrap());
        assert_eq!(pool.in_use(), 0);
        // A connection that cannot be made gives its place back.
        pool.set_options(|o| o.user = "nobody".into());
        for _ in 0..3 {
            assert_eq!(pool.get().await.unwrap_err().errno(), 1045);
        }
        assert_eq!(pool.in_use(), 0);
    });
}
