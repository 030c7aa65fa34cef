//! `bench-scale`: the failure detector, a gate's view and vtctld's pages at the size of the largest deployment told of, over tablets
//! that are made up.
//!
//! Two ways: programs of ours in this process over streams in memory ([`in_process`]), as a test can have them; and the
//! programs as they are installed, in processes of their own with a real etcd, over loopback sockets ([`beside`]), so
//! that CPU time and memory are those of one program alone. What they do is seen from the tablets' side ([`world`]).

mod beside;
pub mod etcd;
mod http;
pub mod in_process;
mod pages;
pub mod report;
pub mod shape;
mod shard;
pub mod tablets;
pub mod topology;
pub mod world;

use std::{path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};
use tokio::time::Instant;
use vterrors::{Error, Result};

use report::{Report, add_incidents};
use shape::Size;
use world::{Fault, World};

/// Between two looks at whether something was done.
const STEP: Duration = Duration::from_millis(50);
/// The longest wait for the first look at everything.
const FIRST_LIMIT: Duration = Duration::from_secs(240);
/// The longest wait for recoveries.
const RECOVERY_LIMIT: Duration = Duration::from_secs(120);
/// By when 99 of 100 failures are to be decided on.
const DECIDED: Duration = Duration::from_secs(5);

/// What is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// vtorc in this process over streams in memory and a topology in memory
    Streams,
    /// The program vtorc with an etcd: at rest, single failures, many at once
    Detector,
    /// The program vtorc with an etcd: every machine of a cell is lost
    Cell,
    /// The program vtgate with an etcd: its view of tablets and VSchemas
    Gate,
    /// The program vtctld with an etcd: its live picture while somebody looks
    Pages,
}

impl Scenario {
    const ALL: [Self; 5] = [Self::Streams, Self::Detector, Self::Cell, Self::Gate, Self::Pages];

    fn name(self) -> &'static str {
        match self {
            Self::Streams => "streams",
            Self::Detector => "detector",
            Self::Cell => "cell",
            Self::Gate => "gate",
            Self::Pages => "pages",
        }
    }
}

/// How large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SizeName {
    /// 11,416 tablets of 4,438 shards in 1,911 keyspaces
    Largest,
    /// 520 tablets of 200 shards in 80 keyspaces
    Small,
}

/// Measures the failure detector, a gate's view and vtctld's pages over thousands of made-up tablets
#[derive(Debug, Clone, Parser)]
#[command(name = "bench-scale")]
pub struct Options {
    /// What is played; everything, one after the other, when not given
    #[arg(long, value_enum)]
    pub scenario: Option<Scenario>,
    /// How large the cluster is
    #[arg(long, value_enum, default_value = "largest")]
    pub size: SizeName,
    /// Of so many tablets one hangs; 0 is none
    #[arg(long, default_value_t = 100)]
    pub one_hangs_in: u32,
    /// Primaries that die one after the other
    #[arg(long, default_value_t = 30)]
    pub single: usize,
    /// Primaries that die at once
    #[arg(long, default_value_t = 100)]
    pub dead: usize,
    /// Seconds over which the cost at rest is measured
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// Of what chance decides
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// First of the ports: etcd has two, the tablets one, the programs two
    // Below those that Linux gives to connections that go out, of which there are thousands.
    #[arg(long, default_value_t = 24_000)]
    pub base_port: u16,
    /// Where the figures go, as JSON
    #[arg(long, default_value = "target/bench/scale.json")]
    pub output: PathBuf,
}

impl Options {
    pub fn size(&self) -> Size {
        match self.size {
            SizeName::Largest => Size::LARGEST,
            SizeName::Small => Size::SMALL,
        }
    }
}

#[allow(clippy::print_stdout)]
fn say(text: &str) {
    println!("{text}");
}

/// Plays what is asked for; prints the tables and writes the report.
///
/// Each of several scenarios has a process of its own: what one leaves in memory is not the next one's.
pub async fn run(options: &Options) -> Result<()> {
    let reports = match options.scenario {
        Some(scenario) => vec![play(scenario, options).await?],
        None => {
            let mut reports = Vec::new();
            for scenario in Scenario::ALL {
                reports.push(play_apart(scenario, options).await?);
            }
            reports
        }
    };
    if options.scenario.is_some() {
        reports.iter().for_each(|report| say(&report.table()));
    }
    let text = serde_json::to_string_pretty(&reports).map_err(|e| Error::internal(e.to_string()))?;
    let fault =
        |e: std::io::Error| Error::internal(format!("cannot write {}: {e}", options.output.display()));
    if let Some(parent) = options.output.parent() {
        std::fs::create_dir_all(parent).map_err(fault)?;
    }
    std::fs::write(&options.output, text + "\n").map_err(fault)
}

async fn play(scenario: Scenario, options: &Options) -> Result<Report> {
    match scenario {
        Scenario::Streams => in_process::detector(options).await,
        Scenario::Detector => beside::detector(options).await,
        Scenario::Cell => beside::cell(options).await,
        Scenario::Gate => beside::gate(options).await,
        Scenario::Pages => pages::pages(options).await,
    }
}

/// This program again, for one scenario.
async fn play_apart(scenario: Scenario, options: &Options) -> Result<Report> {
    let fault = |e: std::io::Error| Error::internal(format!("scenario {}: {e}", scenario.name()));
    let output = tempfile::NamedTempFile::new().map_err(fault)?;
    let size = if options.size == SizeName::Small { "small" } else { "largest" };
    let status = tokio::process::Command::new(std::env::current_exe().map_err(fault)?)
        .arg(format!("--scenario={}", scenario.name()))
        .arg(format!("--size={size}"))
        .arg(format!("--one-hangs-in={}", options.one_hangs_in))
        .arg(format!("--single={}", options.single))
        .arg(format!("--dead={}", options.dead))
        .arg(format!("--seconds={}", options.seconds))
        .arg(format!("--seed={}", options.seed))
        .arg(format!("--base-port={}", options.base_port))
        .arg(format!("--output={}", output.path().display()))
        .status()
        .await
        .map_err(fault)?;
    if !status.success() {
        return Err(Error::internal(format!("scenario {} ended with {status}", scenario.name())));
    }
    let text = std::fs::read_to_string(output.path()).map_err(fault)?;
    let reports: Vec<Report> = serde_json::from_str(&text).map_err(|e| Error::internal(e.to_string()))?;
    reports.into_iter().next().ok_or_else(|| Error::internal("a scenario without a report"))
}

/// Waits until `done`, at most `limit`; how long it took, if it came to that.
async fn wait_until(limit: Duration, mut done: impl FnMut() -> bool) -> Option<Duration> {
    let began = Instant::now();
    while !done() {
        if began.elapsed() > limit {
            return None;
        }
        tokio::time::sleep(STEP).await;
    }
    Some(began.elapsed())
}

/// What programs did while nothing happened.
struct Rest {
    time: Duration,
    cpu: Duration,
    looks: u64,
}

impl Rest {
    /// `most`: cores that it may use.
    fn report(&self, world: &World, report: &mut Report, who: &str, most: Option<f64>) {
        let seconds = self.time.as_secs_f64();
        let cores = self.cpu.as_secs_f64() / seconds;
        let what = format!("{who} at rest");
        match most {
            Some(most) => {
                report.check(&what, format!("{cores:.2} cores"), &format!("{most} cores"), cores <= most)
            }
            None => report.add(what, format!("{cores:.2} cores")),
        }
        if self.looks > 0 {
            let each = self.cpu.as_micros() as f64 / self.looks as f64;
            let rate = self.looks as f64 / seconds;
            let wanted = world.answering() as f64;
            let figure = format!("{rate:.0} a second, {each:.0} us of CPU time each");
            report.check("looks", figure, &format!("{:.0} a second", wanted * 0.95), rate >= wanted * 0.95);
        }
    }
}

/// What somebody does in `seconds`; `cpu` gives its time so far.
async fn at_rest(world: &World, seconds: u64, cpu: impl Fn() -> Option<u64>) -> Rest {
    let looks = || world.looks.load(std::sync::atomic::Ordering::Relaxed);
    let (began, looks_before, cpu_before) = (Instant::now(), looks(), cpu().unwrap_or(0));
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let cpu = cpu().unwrap_or(0).saturating_sub(cpu_before);
    Rest { time: began.elapsed(), cpu: Duration::from_micros(cpu), looks: looks() - looks_before }
}

/// The faults that primaries die of, in turn.
const DEATHS: [Fault; 3] = [Fault::Mysqld, Fault::Processes, Fault::Machine];

/// Lets primaries die one after the other, wherever, then many at once, and tells how long it took.
pub async fn failures(world: &World, single: usize, dead: usize, report: &mut Report) {
    for (n, tablet) in world.any_primaries(single).into_iter().enumerate() {
        world.fail(tablet, DEATHS[n % DEATHS.len()]);
        tokio::time::sleep(world.millis(200..=1_200)).await;
    }
    wait_until(RECOVERY_LIMIT, || world.open() == 0).await;
    let dead_of =
        |world: &World| world.incidents().into_iter().filter(|i| i.fault != Fault::Hang).collect::<Vec<_>>();
    add_incidents(report, "single failures", &dead_of(world), Some(DECIDED));
    world.forget_dead();
    for (n, tablet) in world.sound_primaries(dead).into_iter().enumerate() {
        world.fail(tablet, DEATHS[n % DEATHS.len()]);
    }
    wait_until(RECOVERY_LIMIT, || world.open() == 0).await;
    add_incidents(report, &format!("{dead} at once"), &dead_of(world), None);
    let hung: Vec<_> = world.incidents().into_iter().filter(|i| i.fault == Fault::Hang).collect();
    add_incidents(report, "from the beginning", &hung, None);
    false_alarms(world, report);
}

fn false_alarms(world: &World, report: &mut Report) {
    let alarms = world.false_alarms();
    let shown: Vec<&str> = alarms.iter().take(3).map(String::as_str).collect();
    let figure = format!("{} {}", alarms.len(), shown.join(", "));
    report.check("reparents of shards that are well", figure.trim(), "0", alarms.is_empty());
}
