//! The command line of sysbench and what it prints.

use std::{process::Stdio, time::Duration};

use serde::Serialize;
use vterrors::{Error, Result};

/// Tables and rows each of the data set.
pub const TABLES: u32 = 2;
pub const ROWS: u32 = 10_000;

/// Where it connects to.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub port: u16,
    pub user: String,
    pub database: String,
}

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Workload {
    PointSelect,
    ReadWrite,
    /// Without ranges, sums, orders and distincts: all by key.
    ReadWriteByKey,
}

impl Workload {
    fn script(self) -> &'static str {
        match self {
            Self::PointSelect => "oltp_point_select",
            Self::ReadWrite | Self::ReadWriteByKey => "oltp_read_write",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::PointSelect => "point_select",
            Self::ReadWrite => "read_write",
            Self::ReadWriteByKey => "read_write_by_key",
        }
    }
}

/// What one run gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    pub queries: u64,
    pub queries_per_second: f64,
    /// Of an event: a query of the point selects, a transaction of the others.
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub errors: u64,
}

fn arguments(endpoint: &Endpoint, workload: Workload) -> Vec<String> {
    let mut args = vec![
        workload.script().to_owned(),
        "--db-driver=mysql".to_owned(),
        "--mysql-host=127.0.0.1".to_owned(),
        format!("--mysql-port={}", endpoint.port),
        format!("--mysql-user={}", endpoint.user),
        format!("--mysql-db={}", endpoint.database),
        "--db-ps-mode=disable".to_owned(),
        format!("--tables={TABLES}"),
        format!("--table-size={ROWS}"),
        "--auto_inc=off".to_owned(),
    ];
    if workload == Workload::ReadWriteByKey {
        args.push("--range_selects=off".to_owned());
    }
    args
}

/// Makes and fills the tables.
pub async fn prepare(endpoint: &Endpoint) -> Result<()> {
    let mut args = arguments(endpoint, Workload::PointSelect);
    args.push("prepare".to_owned());
    output(&args).await.map(drop)
}

/// Runs a workload for `time`.
pub async fn run(endpoint: &Endpoint, workload: Workload, threads: u32, time: Duration) -> Result<Measured> {
    let mut args = arguments(endpoint, workload);
    args.extend([
        format!("--threads={threads}"),
        format!("--time={}", time.as_secs()),
        "--histogram=on".to_owned(),
        "run".to_owned(),
    ]);
    parse(&output(&args).await?)
}

async fn output(args: &[String]) -> Result<String> {
    let out = tokio::process::Command::new("sysbench").args(args).stdin(Stdio::null()).output().await;
    let out = out.map_err(|e| Error::internal(format!("cannot run sysbench: {e}")))?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    match out.status.success() {
        true => Ok(text),
        false => {
            let all = format!("{text}{}", String::from_utf8_lossy(&out.stderr));
            let fatal: Vec<&str> =
                all.lines().filter(|l| l.contains("FATAL") || l.contains("ALERT")).collect();
            Err(Error::internal(format!("sysbench {}: {}", args.join(" "), fatal.join("; "))))
        }
    }
}

/// Reads the report of a run.
fn parse(text: &str) -> Result<Measured> {
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix(name))
            .map(str::trim)
            .ok_or_else(|| Error::internal(format!("sysbench printed no {name:?}: {text}")))
    };
    let number = |name: &str| -> Result<(u64, f64)> {
        let line = field(name)?;
        let mut words = line.split_whitespace();
        let count = words.next().and_then(|w| w.parse().ok());
        let rate = words.next().and_then(|w| w.trim_start_matches('(').parse().ok());
        count.zip(rate).ok_or_else(|| Error::internal(format!("sysbench: cannot read {name} {line:?}")))
    };
    let (queries, queries_per_second) = number("queries:")?;
    let histogram = histogram(text);
    Ok(Measured {
        queries,
        queries_per_second,
        p50_ms: percentile(&histogram, 0.50),
        p99_ms: percentile(&histogram, 0.99),
        errors: number("ignored errors:")?.0,
    })
}

/// Lines `value |*** count`: milliseconds and events.
fn histogram(text: &str) -> Vec<(f64, u64)> {
    text.lines()
        .filter_map(|line| {
            let (value, rest) = line.split_once('|')?;
            Some((value.trim().parse().ok()?, rest.trim_start_matches('*').trim().parse().ok()?))
        })
        .collect()
}

fn percentile(histogram: &[(f64, u64)], part: f64) -> f64 {
    let total: u64 = histogram.iter().map(|(_, count)| count).sum();
    let wanted = total as f64 * part;
    let mut seen = 0;
    for (value, count) in histogram {
        seen += count;
        if seen as f64 >= wanted {
            return *value;
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read() {
        let text = "Latency histogram (values are in milliseconds)\n       value  ---- distribution ---- count\n\
                    \x20      0.050 |****                                     50\n\
                    \x20      0.100 |****                                     49\n       9.000 |   1\n\n\
                    SQL statistics:\n    queries:                             1234   (617.00 per sec.)\n\
                    \x20   ignored errors:                      2      (1.00 per sec.)\n";
        let measured = parse(text).unwrap();
        assert_eq!((measured.queries, measured.queries_per_second, measured.errors), (1234, 617.0, 2));
        assert_eq!((measured.p50_ms, measured.p99_ms), (0.05, 0.1));
        assert!(parse("nothing").is_err());
    }
}
