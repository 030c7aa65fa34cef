//! A primary that has too much to do, and is well: nobody may replace it.

use std::time::Duration;

use e2e::Cluster;
use mysql_async::{Conn, OptsBuilder, prelude::Queryable};
use tokio::time::Instant;

use crate::Result;

/// Connections that compute; two processors have more than enough with them.
const BUSY: usize = 16;
/// No server of a test has more connections.
const MAX_CONNECTIONS: usize = 20_000;
/// MySQL's number for "Too many connections".
const TOO_MANY: u16 = 1040;
/// How long one connection may take to be made by a server that is busy.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Takes all connections of a tablet's mysqld, as an application would that goes past vtgate, and computes on some of
/// them, for so long.
pub async fn saturate(cluster: &Cluster, uid: u32, time: Duration) -> Result<()> {
    let end = Instant::now() + time;
    let mut computing = Vec::new();
    for _ in 0..BUSY {
        let mut conn =
            connect(cluster, uid).await?.ok_or("the server has no connection left before it is busy")?;
        computing.push(tokio::spawn(async move {
            let mut rounds = 0_u64;
            while Instant::now() < end
                && conn.query_drop("SELECT BENCHMARK(200000, SHA2('x', 512))").await.is_ok()
            {
                rounds += 1;
            }
            rounds
        }));
    }
    let mut taken = Vec::new();
    while taken.len() < MAX_CONNECTIONS && Instant::now() < end {
        match connect(cluster, uid).await? {
            Some(conn) => taken.push(conn),
            // Those that are given back while this goes on are taken, too.
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    for task in computing {
        task.await.map_err(|e| format!("a connection that computes: {e}"))?;
    }
    for conn in taken {
        // The server may have closed it.
        let _ = conn.disconnect().await;
    }
    Ok(())
}

/// None when the server has no more.
async fn connect(cluster: &Cluster, uid: u32) -> Result<Option<Conn>> {
    let socket = cluster.data_dir().join(format!("vt_{uid:010}/mysql.sock"));
    let options = OptsBuilder::default()
        .socket(Some(socket.to_string_lossy()))
        .user(Some("vt_app"))
        .prefer_socket(false);
    match tokio::time::timeout(CONNECT_LIMIT, Conn::new(options)).await {
        Ok(Ok(conn)) => Ok(Some(conn)),
        Ok(Err(mysql_async::Error::Server(e))) if e.code == TOO_MANY => Ok(None),
        Ok(Err(e)) => Err(format!("{}: {e}", socket.display())),
        // It is busy indeed.
        Err(_) => Ok(None),
    }
}
