//! Locks by name (`GET_LOCK`): one set for all sessions, whatever keyspace they use; they live as long as their session.

use crate::{Cluster, exec, fault, rows, scenario::wait, try_rows};

/// The holder of a lock keeps others out, wherever they are, until it lets go or ends.
pub async fn locks_by_name(cluster: &Cluster) {
    let mut one = cluster.connect("customer").await;
    let mut two = cluster.connect("commerce").await;
    let get = "SELECT GET_LOCK('job', 0)";
    let free = "SELECT IS_FREE_LOCK('job')";
    assert_eq!(rows(&mut two, free).await, [["1"]]);
    assert_eq!(rows(&mut one, "SELECT RELEASE_LOCK('job')").await, [["NULL"]], "nobody has it");
    assert_eq!(rows(&mut one, get).await, [["1"]]);
    assert_eq!(rows(&mut two, get).await, [["0"]]);
    assert_eq!(rows(&mut two, free).await, [["0"]]);
    assert_eq!(rows(&mut two, "SELECT RELEASE_LOCK('job')").await, [["0"]], "it is another's");

    // It has nothing to do with transactions, and is counted.
    exec(&mut one, "BEGIN").await;
    assert_eq!(rows(&mut one, "SELECT GET_LOCK('job', 0), GET_LOCK('other', 0)").await, [["1", "1"]]);
    assert_eq!(rows(&mut one, "SELECT COUNT(*) FROM customer WHERE customer_id = 1").await, [["1"]]);
    exec(&mut one, "ROLLBACK").await;
    assert_eq!(rows(&mut one, "SELECT RELEASE_LOCK('job')").await, [["1"]]);
    assert_eq!(rows(&mut two, get).await, [["0"]], "it was got twice");
    exec(&mut one, "DO RELEASE_LOCK('job')").await;
    assert_eq!(rows(&mut two, get).await, [["1"]]);
    assert_eq!(rows(&mut one, "SELECT RELEASE_ALL_LOCKS()").await, [["1"]]);

    // A name in a variable, a plain error, and a session that stays of use after it.
    exec(&mut one, "SET @name = 'third'").await;
    assert_eq!(rows(&mut one, "SELECT GET_LOCK(@name, 0) AS got").await, [["1"]]);
    assert_eq!(fault(&mut one, "SELECT GET_LOCK(NULL, 0)").await.0, 3057);
    assert_eq!(rows(&mut two, "SELECT IS_FREE_LOCK('third')").await, [["0"]]);
    assert_eq!(fault(&mut one, "SELECT GET_LOCK('x', 0) FROM customer").await.0, 1235);

    // Who goes leaves no locks.
    drop(two);
    wait("the locks of a client that is gone", async || {
        let got = try_rows(&mut one, get).await.map_err(|e| e.to_string())?;
        if got == [["1"]] { Ok(()) } else { Err(format!("{got:?}")) }
    })
    .await;
}

/// A statement that waits for a lock can be killed; the lock's holder is not disturbed.
pub async fn a_wait_for_a_lock_is_killed(cluster: &Cluster) {
    let mut holder = cluster.connect("customer").await;
    let mut waiter = cluster.connect("customer").await;
    assert_eq!(rows(&mut holder, "SELECT GET_LOCK('long', 0)").await, [["1"]]);
    let id = rows(&mut waiter, "SELECT CONNECTION_ID()").await.concat().concat();
    let waits = tokio::spawn(async move { fault(&mut waiter, "SELECT GET_LOCK('long', 20)").await });
    wait("the waiter to wait", async || {
        let shown = try_rows(&mut holder, "SHOW FULL PROCESSLIST").await.map_err(|e| e.to_string())?;
        let waits = shown.iter().any(|row| row[0] == id && row.concat().contains("GET_LOCK"));
        if waits { Ok(()) } else { Err(format!("{shown:?}")) }
    })
    .await;
    exec(&mut holder, &format!("KILL QUERY {id}")).await;
    assert_eq!(waits.await.unwrap().0, 1317);
    assert_eq!(rows(&mut holder, "SELECT IS_FREE_LOCK('long'), RELEASE_LOCK('long')").await, [["0", "1"]]);
}

/// The new primary knows nothing of the old one's locks: sessions that had some are told so, and end.
pub async fn a_reparent_ends_sessions_with_locks(cluster: &Cluster) {
    let mut holder = cluster.connect("customer").await;
    assert_eq!(rows(&mut holder, "SELECT GET_LOCK('mine', 0)").await, [["1"]]);
    cluster.vtctl_ok(&["PlannedReparentShard", "commerce/0"]);
    wait("the session to be told", async || match try_rows(&mut holder, "SELECT 1").await {
        Ok(_) => Err("it goes on".to_owned()),
        Err(e) => Err(e.to_string()).or_else(|text| if text.contains("locks") { Ok(()) } else { Err(text) }),
    })
    .await;
    let mut next = cluster.connect("customer").await;
    assert_eq!(rows(&mut next, "SELECT GET_LOCK('mine', 0), RELEASE_LOCK('mine')").await, [["1", "1"]]);
}
