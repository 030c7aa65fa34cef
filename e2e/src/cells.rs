//! What a cluster of several cells promises, on real servers: where reads go, who acknowledges, and what is left when
//! a cell is lost with everything in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{Cluster, exec, failover::Writers, rows, scenario::wait, text, try_rows};

/// Two tablets in the first cell, one in each of the others.
pub const FLAGS: [&str; 10] = [
    "--cell=a",
    "--cell=b",
    "--cell=c",
    "--keyspace=ks=1",
    "--replicas=3",
    "--mysql-flavor=mysql",
    "--durability-policy=cross_cell",
    "--vtorc-arg=--recovery-block-duration=1s",
    "--vttablet-arg=--errant-data-retention=1s",
    "--vtgate-arg=--buffer-window=30s",
];
const CELLS: [&str; 3] = ["a", "b", "c"];
/// Clients that write in each cell while another is lost.
const WRITERS: usize = 2;
/// A command of the operator's ends within this while a cell is lost.
const COMMAND_LIMIT: Duration = Duration::from_secs(20);

/// How a cell is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All of its processes are killed, its etcd among them.
    Killed,
    /// All of them are stopped: nothing refuses, nothing answers.
    Frozen,
}

/// A cell that was lost, for its return.
#[derive(Debug)]
pub struct Lost {
    cell: String,
    loss: Loss,
    pids: Vec<i32>,
    /// What was acknowledged meanwhile, from this id on.
    first: u64,
    acknowledged: BTreeSet<u64>,
}

/// A cell that comes back has mysqlds to start, or to recover.
async fn wait_long(what: &str, check: impl AsyncFnMut() -> Result<(), String>) {
    testkit::wait_until_async(what, Duration::from_secs(90), async |t| tokio::time::sleep(t).await, check)
        .await;
}

fn cell_of(cluster: &Cluster, uid: u32) -> &str {
    &cluster.plan().tablets.iter().find(|t| t.uid == uid).unwrap().cell
}

pub async fn make_a_table(cluster: &Cluster) {
    let create = "CREATE TABLE w (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)";
    cluster.vtctl_ok(&["ApplySchema", "--sql", create, "ks"]);
    let keyspace = cluster.vtctl_ok(&["GetKeyspace", "ks"]);
    assert!(keyspace.contains("\"durability_policy\": \"cross_cell\""), "{keyspace}");
}

/// The primary waits; replicas of other cells acknowledge, those of its own do not, nor do DRAINED ones.
pub async fn only_other_cells_acknowledge(cluster: &Cluster) {
    let primary = cluster.primary("ks", "0").await;
    let here = cell_of(cluster, primary);
    for tablet in &cluster.plan().tablets {
        // What a primary would do as a replica says nothing.
        let half = if tablet.uid == primary { "source" } else { "replica" };
        let sql = &format!("SELECT @@rpl_semi_sync_{half}_enabled");
        let mut mysqld = cluster.mysqld(tablet.uid).await;
        wait(&format!("semi-sync of {} with the primary in {here}", tablet.alias), async || {
            // A primary that comes back is a replica for a moment, before it finds what nobody acknowledged.
            let drained = cluster.tablet_types().await[&tablet.uid] == "drained";
            let acknowledges = !drained && (tablet.uid == primary || tablet.cell != here);
            let expected = if acknowledges { "1" } else { "0" };
            let found = try_rows(&mut mysqld, sql).await.map_err(|e| e.to_string())?;
            if found == [[expected]] { Ok(()) } else { Err(format!("{found:?}, not {expected:?}")) }
        })
        .await;
    }
    let mut conn = cluster.connect_in("c", "ks").await;
    exec(&mut conn, "REPLACE INTO w (id, n) VALUES (0, 0)").await;
}

/// The cells whose tablets answered some reads of replicas at a cell's vtgate.
async fn read_from(cluster: &Cluster, cell: &str) -> Result<BTreeSet<String>, String> {
    let mut conn = cluster.connect_in(cell, "ks@replica").await;
    let mut cells = BTreeSet::new();
    for _ in 0..20 {
        let port = try_rows(&mut conn, "SELECT @@port").await.map_err(|e| e.to_string())?;
        let tablet = cluster.plan().tablets.iter().find(|t| t.mysql_port.to_string() == port[0][0]);
        cells.insert(tablet.unwrap().cell.clone());
    }
    Ok(cells)
}

async fn reads_go_to(cluster: &Cluster, cell: &str, expected: &[&str]) {
    wait(&format!("reads in {cell} to go to {expected:?}"), async || {
        let found = read_from(cluster, cell).await?;
        if found.iter().eq(expected) { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

/// Each cell has a replica, and it is the one that is read there.
pub async fn reads_stay_in_the_cell(cluster: &Cluster) {
    for cell in CELLS {
        reads_go_to(cluster, cell, &nearest(cluster, cell).await).await;
    }
}

/// Without a replica of its own, a cell reads in the cells of its alias, and in others only when there is none.
pub async fn reads_go_to_the_cells_of_the_alias_first(cluster: &Cluster) {
    let out = cluster.vtctl(&["AddCellsAlias", "--cells=a,nowhere", "east"]);
    assert!(!out.status.success() && text(&out).contains("nowhere"), "{}", text(&out));
    cluster.vtctl_ok(&["AddCellsAlias", "--cells=b,c", "east"]);
    let out = cluster.vtctl(&["AddCellsAlias", "--cells=a,b", "west"]);
    assert!(!out.status.success() && text(&out).contains("east"), "{}", text(&out));
    let of_cell = |cell: &str| cluster.plan().tablets.iter().find(|t| t.cell == cell).unwrap().alias.clone();
    // Spare tablets serve nobody.
    cluster.vtctl_ok(&["ChangeTabletType", &of_cell("c"), "spare"]);
    reads_go_to(cluster, "c", &["b"]).await;
    cluster.vtctl_ok(&["UpdateCellsAlias", "--cells=a,c", "east"]);
    let aliases = cluster.vtctl_ok(&["GetCellsAliases"]);
    assert!(aliases.contains("east") && !aliases.contains("\"b\""), "{aliases}");
    reads_go_to(cluster, "c", &["a"]).await;
    cluster.vtctl_ok(&["DeleteCellsAlias", "east"]);
    reads_go_to(cluster, "c", &["a", "b"]).await;
    cluster.vtctl_ok(&["ChangeTabletType", &of_cell("c"), "replica"]);
    reads_go_to(cluster, "c", &["c"]).await;
}

/// There and back; who acknowledges follows the primary's cell.
pub async fn planned_reparents_move_the_acknowledgements(cluster: &Cluster) {
    let old = cluster.primary("ks", "0").await;
    let new = cluster.plan().tablets.iter().find(|t| t.cell == "b").unwrap();
    let back = cluster.plan().tablets.iter().find(|t| t.uid == old).unwrap();
    for tablet in [new, back] {
        cluster.vtctl_ok(&["PlannedReparentShard", "--new-primary", &tablet.alias, "ks/0"]);
        assert_eq!(cluster.primary("ks", "0").await, tablet.uid);
        only_other_cells_acknowledge(cluster).await;
    }
}

/// Loses the primary's cell under writes in the others: one of them gets the primary, and commands are answered.
#[allow(clippy::print_stdout)]
pub async fn a_cell_is_lost(cluster: &Cluster, loss: Loss, first: u64) -> Lost {
    let old = cluster.primary("ks", "0").await;
    let cell = cell_of(cluster, old).to_owned();
    let others: Vec<&str> = CELLS.into_iter().filter(|c| *c != cell).collect();
    let mut clients = Vec::new();
    for other in &others {
        for _ in 0..WRITERS {
            clients.push(cluster.connect_in(other, "ks").await);
        }
    }
    let writers = Writers::of(clients, first);
    let begun = Instant::now();
    wait("the first writes", async || writers.acknowledged_since(begun).map(drop).ok_or("none".to_owned()))
        .await;
    let pids: Vec<i32> = cluster.processes_of(&cell).iter().map(|name| cluster.pid(name)).collect();
    let lost_at = Instant::now();
    signal(&pids, if loss == Loss::Killed { Signal::SIGKILL } else { Signal::SIGSTOP });
    // A write that was on its way back then.
    let after = lost_at + Duration::from_millis(100);
    wait("another cell to have the primary", async || {
        let acknowledged = writers.acknowledged_since(after);
        acknowledged.map(drop).ok_or_else(|| format!("cell {cell} was lost, {} errors", writers.errors()))
    })
    .await;
    let pause = writers.acknowledged_since(after).unwrap() - lost_at;
    for other in &others {
        reads_go_to(cluster, other, &nearest(cluster, other).await).await;
        // New clients are taken, and write.
        let mut conn = cluster.connect_in(other, "ks").await;
        exec(&mut conn, "REPLACE INTO w (id, n) VALUES (0, 0)").await;
    }
    commands_go_on(cluster, &cell, first).await;
    println!("cell {cell} {loss:?}: {} ms to the next write, {} errors", pause.as_millis(), writers.errors());
    let acknowledged = writers.end().await;
    Lost { cell, loss, pids, first, acknowledged }
}

/// The cells whose replicas a cell reads: its own, where it has one.
async fn nearest<'a>(cluster: &'a Cluster, cell: &'a str) -> Vec<&'a str> {
    let types = cluster.tablet_types().await;
    let replicas = types.iter().filter(|(_, t)| *t == "replica").map(|(uid, _)| cell_of(cluster, *uid));
    let cells: BTreeSet<&str> = replicas.collect();
    if cells.contains(cell) { vec![cell] } else { cells.into_iter().collect() }
}

fn signal(pids: &[i32], signal: Signal) {
    for pid in pids {
        kill(Pid::from_raw(*pid), signal).unwrap();
    }
}

/// What the operator asks is answered without the lost cell, and says so.
async fn commands_go_on(cluster: &Cluster, lost: &str, first: u64) {
    let in_time = |args: &[&str]| {
        let begun = Instant::now();
        let printed = cluster.vtctl_ok(args);
        assert!(begun.elapsed() < COMMAND_LIMIT, "{args:?} took {:?}", begun.elapsed());
        printed
    };
    in_time(&["RebuildKeyspaceGraph", "ks"]);
    let vschema = format!(r#"{{"tables": {{"w": {{}}, "made_{first}": {{}}}}}}"#);
    in_time(&["ApplyVSchema", "--vschema", &vschema, "ks"]);
    let listed: BTreeSet<String> =
        in_time(&["GetTablets"]).lines().filter_map(|l| Some(l.split('-').next()?.to_owned())).collect();
    assert!(!listed.contains(lost) && listed.len() == 2, "{listed:?} without {lost}");
    let served = in_time(&["GetSrvKeyspaces", "ks"]);
    let served: BTreeMap<String, serde_json::Value> = serde_json::from_str(&served).unwrap();
    assert!(!served.contains_key(lost) && served.len() == 2, "{served:?} without {lost}");
    let begun = Instant::now();
    let page = vtlocal::supervise::http_get(cluster.plan().vtctld.http(), "/api/keyspaces/").await;
    assert!(page.is_some_and(|p| p.contains("ks")) && begun.elapsed() < Duration::from_secs(2));
    for cell in CELLS.into_iter().filter(|c| *c != lost) {
        wait(&format!("the gate of {cell} to have the VSchema"), async || {
            vschema_has(cluster, cell, first).await
        })
        .await;
    }
}

async fn vschema_has(cluster: &Cluster, cell: &str, first: u64) -> Result<(), String> {
    let mut conn = cluster.connect_in(cell, "ks").await;
    let tables = try_rows(&mut conn, "SHOW VSCHEMA TABLES").await.map_err(|e| e.to_string())?.concat();
    let name = format!("made_{first}");
    if tables.contains(&name) { Ok(()) } else { Err(format!("{tables:?} without {name}")) }
}

/// Its tablets replicate from the new primary (or are DRAINED, with what nobody acknowledged), it serves what it missed,
/// and nothing that was acknowledged is lost.
pub async fn the_cell_comes_back(cluster: &Cluster, lost: Lost) {
    let Lost { cell, loss, pids, first, acknowledged } = lost;
    match loss {
        Loss::Killed => {
            let out = cluster.up();
            assert!(out.status.success(), "{}\n{}", text(&out), cluster.logs());
        }
        Loss::Frozen => signal(&pids, Signal::SIGCONT),
    }
    wait_long("every tablet to be of use, or drained", async || {
        let types = cluster.tablet_types().await;
        let primaries = types.values().filter(|t| *t == "primary").count();
        let others = types.values().all(|t| matches!(t.as_str(), "primary" | "replica" | "drained"));
        if primaries == 1 && others { Ok(()) } else { Err(format!("{types:?}")) }
    })
    .await;
    only_other_cells_acknowledge(cluster).await;
    wait_long("the cell to serve what it missed", async || vschema_has(cluster, &cell, first).await).await;
    let mut conn = cluster.connect_in(&cell, "ks").await;
    let found = rows(&mut conn, &format!("SELECT id FROM w WHERE id >= {first}")).await;
    let found: BTreeSet<u64> = found.into_iter().map(|row| row[0].parse().unwrap()).collect();
    let missing: Vec<_> = acknowledged.difference(&found).collect();
    assert!(missing.is_empty(), "acknowledged and lost: {missing:?}\n{}", cluster.logs());
}

/// A tablet that had what nobody acknowledged gets another's data, and serves again; its mysqld is a new process, which
/// vtlocal finds.
pub async fn drained_tablets_are_refilled(cluster: &Cluster) {
    wait_long("no tablet to be DRAINED", async || {
        let types = cluster.tablet_types().await;
        let others = types.values().filter(|t| *t == "replica").count();
        if others + 1 == types.len() { Ok(()) } else { Err(format!("{types:?}\n{}", cluster.logs())) }
    })
    .await;
    only_other_cells_acknowledge(cluster).await;
    let status = cluster.status();
    assert!(status.status.success(), "{}", text(&status));
}
