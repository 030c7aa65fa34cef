//! vtctld's live picture: what its pages cost while somebody looks at them.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use serde_json::Value;
use vterrors::{Error, Result};

use super::{
    FIRST_LIMIT, Options, at_rest,
    beside::{Place, Program},
    http,
    report::{Report, percentile},
    shape::Cluster,
    world::World,
};

/// What a browser asks for on the pages that show much: the overview, and the tablets with the largest lag.
const OVERVIEW: &str = "/api/live/keyspaces?limit=50";
const TABLETS: &str = "/api/live/tablets?limit=50&sort=lag";
/// How often a browser asks.
const EVERY: Duration = Duration::from_secs(2);
/// After a viewer has left, vtctld drops its streams within half a minute.
const LEFT: Duration = Duration::from_secs(45);

pub(super) async fn pages(options: &Options) -> Result<Report> {
    let mut report = Report::new("vtctld's live picture with etcd, in a process of its own");
    let place = Place::new(options, false, &mut report).await?;
    let world = &place.world;
    let vtctld = place.start(
        "vtctld",
        &[
            format!("--cell={}", Cluster::cell_name(0)),
            format!("--port={}", place.port),
            format!("--grpc-port={}", place.port + 1),
            "--bind-address=127.0.0.1".to_owned(),
            "--grpc-bind-address=127.0.0.1".to_owned(),
        ],
    )?;
    let viewer = Viewer { address: format!("127.0.0.1:{}", place.port) };
    viewer.up(&vtctld).await?;
    report.add("vtctld's memory before somebody looks", vtctld.memory());

    let (began, before, cpu) = (Instant::now(), place.etcd.load().await?, vtctld.cpu_micros().unwrap_or(0));
    let first = viewer.heard(OVERVIEW).await?;
    let shown = began.elapsed();
    report.check(
        "until the first page is there",
        format!("{:.1} s, {} tablets heard", shown.as_secs_f64(), first),
        "8 s",
        shown < Duration::from_secs(8),
    );
    let heard = viewer.until_heard(world).await?;
    report.add(
        "until all tablets were heard",
        format!("{heard} of {} after {:.1} s", world.answering(), began.elapsed().as_secs_f64()),
    );
    let spent = vtctld.cpu_micros().unwrap_or(0).saturating_sub(cpu) as f64 / 1e6;
    let load = place.etcd.load().await?.since(&before);
    report.add(
        "vtctld and etcd until then",
        format!(
            "{spent:.1} s of CPU time; {:.0} requests, {:.1} MB sent",
            load.requests,
            load.sent_bytes / 1e6
        ),
    );

    let before = place.etcd.load().await?;
    let looking = viewer.look(Duration::from_secs(options.seconds));
    let (rest, looked) = tokio::join!(at_rest(world, options.seconds, || vtctld.cpu_micros()), looking);
    rest.report(world, &mut report, "vtctld with one viewer", Some(0.5));
    place.etcd_load(&before, &mut report).await?;
    let mut times = looked?;
    times.sort();
    let millis = |p| percentile(&times, p).unwrap_or_default().as_secs_f64() * 1e3;
    let slowest = millis(100);
    report.check(
        "a page",
        format!("p50 {:.0} ms, max {slowest:.0} ms, {} pages", millis(50), times.len()),
        "500 ms",
        slowest < 500.0,
    );
    for path in [OVERVIEW, TABLETS] {
        report.add(path, format!("{} kB", viewer.get(path).await?.len() / 1000));
    }
    report.add("vtctld's memory", vtctld.memory());

    left(&vtctld, world, &mut report).await?;
    Ok(report)
}

/// What remains when nobody looks any more.
async fn left(vtctld: &Program, world: &World, report: &mut Report) -> Result<()> {
    tokio::time::sleep(LEFT).await;
    vtctld.check_alive()?;
    let streams = world.streams.load(Ordering::Relaxed);
    report.check(
        "streams 45 s after the viewer left",
        format!("{streams}, {}", vtctld.memory()),
        "0",
        streams == 0,
    );
    Ok(())
}

/// A browser.
struct Viewer {
    address: String,
}

impl Viewer {
    async fn get(&self, path: &str) -> Result<String> {
        http::get(&self.address, path).await
    }

    async fn up(&self, vtctld: &Program) -> Result<()> {
        let began = Instant::now();
        while self.get("/debug/health").await.is_err() {
            vtctld.check_alive()?;
            if began.elapsed() > FIRST_LIMIT {
                return Err(Error::internal("vtctld does not come up"));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// How many tablets were heard, as the overview has it.
    async fn heard(&self, path: &str) -> Result<u64> {
        let page: Value =
            serde_json::from_str(&self.get(path).await?).map_err(|e| Error::internal(e.to_string()))?;
        let of = |name: &str| page["totals"][name].as_u64().unwrap_or(0);
        Ok(of("serving") + of("not_serving"))
    }

    async fn until_heard(&self, world: &World) -> Result<u64> {
        let began = Instant::now();
        loop {
            let heard = self.heard(OVERVIEW).await?;
            if heard >= world.answering() as u64 || began.elapsed() > FIRST_LIMIT {
                return Ok(heard);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// How long each page took.
    async fn look(&self, time: Duration) -> Result<Vec<Duration>> {
        let began = Instant::now();
        let mut times = Vec::new();
        while began.elapsed() < time {
            for path in [OVERVIEW, TABLETS] {
                let asked = Instant::now();
                self.get(path).await?;
                times.push(asked.elapsed());
            }
            tokio::time::sleep(EVERY).await;
        }
        Ok(times)
    }
}
