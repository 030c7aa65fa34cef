//! The table of the load, and what of the acknowledged writes is in it afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use e2e::Cluster;
use mysql_async::prelude::Queryable;
use tokio::time::Instant;

use crate::{
    KEYSPACE, Result, SHARDS, cells,
    load::{self, Client, Kind, Outcome, Vtgate},
};

/// How long the cluster may take to serve all of the table again.
const LIMIT: Duration = Duration::from_secs(60);

/// Makes the table, and the rows that count.
pub async fn prepare(cluster: &Cluster, clients: usize) -> Result<()> {
    let vschema = r#"{"sharded": true, "vindexes": {"numeric": {"type": "numeric"}},
        "tables": {"written": {"column_vindexes": [{"column": "id", "name": "numeric"}]}}}"#;
    let policy = format!("--durability-policy={}", cells::durability(cluster.plan().cells.len()));
    cluster.vtctl_ok(&["SetKeyspaceDurabilityPolicy", &policy, KEYSPACE]);
    for shard in SHARDS {
        let name = format!("{KEYSPACE}/{shard}");
        // Takes the policy into use.
        cluster.vtctl_ok(&["PlannedReparentShard", "--allow-cross-cell-promotion", &name]);
    }
    cluster.vtctl_ok(&["ApplyVSchema", "--vschema", vschema, KEYSPACE]);
    let create = "CREATE TABLE written (id BIGINT UNSIGNED PRIMARY KEY, n BIGINT NOT NULL)";
    cluster.vtctl_ok(&["ApplySchema", "--sql", create, KEYSPACE]);
    let count_rows: Vec<String> = (0..clients)
        .map(|number| Client::new(number, String::new()))
        .map(|client| format!("({}, 0)", client.count_id()))
        .collect();
    let sql = format!("INSERT INTO written (id, n) VALUES {}", count_rows.join(", "));
    let vtgate = Vtgate::first(cluster);
    let begun = Instant::now();
    loop {
        let mut conn = load::connect(&vtgate).await.map_err(|e| format!("vtgate: {e}"))?;
        match conn.query_drop(&sql).await {
            Ok(()) => return Ok(()),
            Err(e) if begun.elapsed() > LIMIT => return Err(format!("{sql}: {e}")),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Kept {
    acknowledged: usize,
    /// Acknowledged and not there.
    lost: Vec<u64>,
    /// Counts that are below the acknowledged transactions, or above all that were tried.
    miscounted: Vec<String>,
    /// Not acknowledged, and there: they were done, and the client could not be told.
    unknown_done: usize,
}

impl Kept {
    pub fn is_good(&self) -> bool {
        self.lost.is_empty() && self.miscounted.is_empty()
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "acknowledged writes: {}, lost: {}, miscounted: {}, done without an acknowledgement: {}",
            self.acknowledged,
            self.lost.len(),
            self.miscounted.len(),
            self.unknown_done
        )?;
        self.miscounted.iter().try_for_each(|text| writeln!(f, "  {text}"))?;
        self.lost.iter().take(20).try_for_each(|id| writeln!(f, "  lost {id}"))
    }
}

/// Reads all rows from the primaries and compares.
pub async fn what_is_left(cluster: &Cluster, clients: &[Arc<Client>]) -> Result<Kept> {
    let rows = read_all(&Vtgate::first(cluster)).await?;
    let ids: BTreeSet<u64> = rows.keys().copied().collect();
    let mut kept = Kept::default();
    for client in clients {
        let (mut sure, mut perhaps) = (0, 0);
        for op in client.ops() {
            let is_there = ids.contains(&op.id);
            match op.outcome {
                Outcome::Acknowledged => {
                    kept.acknowledged += 1;
                    sure += i64::from(op.kind == Kind::Transaction);
                    if !is_there {
                        kept.lost.push(op.id);
                    }
                }
                Outcome::Failed { .. } if is_there => {
                    kept.unknown_done += 1;
                    perhaps += i64::from(op.kind == Kind::Transaction);
                }
                Outcome::Failed { .. } => {}
            }
        }
        let counted = rows.get(&client.count_id()).copied().unwrap_or(-1);
        if counted != sure + perhaps {
            kept.miscounted.push(format!(
                "client {}: {counted} counted, {sure} acknowledged and {perhaps} done without",
                client.number
            ));
        }
    }
    Ok(kept)
}

async fn read_all(vtgate: &Vtgate) -> Result<BTreeMap<u64, i64>> {
    let begun = Instant::now();
    loop {
        let read = async {
            let mut conn = load::connect(vtgate).await?;
            conn.query::<(u64, i64), _>("SELECT id, n FROM written").await
        };
        match read.await {
            Ok(rows) => return Ok(rows.into_iter().collect()),
            Err(e) if begun.elapsed() > LIMIT => return Err(format!("the table cannot be read: {e}")),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}
