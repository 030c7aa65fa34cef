//! The figures of a run: merged over its rounds, as a table and as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::sysbench::{Measured, Workload};

/// One workload at one place with so many clients, over all rounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    pub workload: Workload,
    /// `mysqld`, `unsharded` or `sharded`.
    pub place: &'static str,
    pub clients: u32,
    pub queries: u64,
    /// Mean over the rounds.
    pub queries_per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub errors: u64,
    /// CPU microseconds a query of each process that worked for it.
    pub cpu_us_per_query: BTreeMap<String, f64>,
}

/// The whole report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub seconds: u64,
    pub processors: usize,
    pub lines: Vec<Line>,
    /// At the end of the run, by process.
    pub resident_kib: BTreeMap<String, u64>,
}

/// What a round gave: the figures and the CPU microseconds of each process during it.
pub type Round = (Measured, BTreeMap<String, u64>);

/// Puts the rounds of one case together.
pub fn merge(workload: Workload, place: &'static str, clients: u32, rounds: &[Round]) -> Line {
    let mean = |f: &dyn Fn(&Measured) -> f64| {
        rounds.iter().map(|(m, _)| f(m)).sum::<f64>() / rounds.len().max(1) as f64
    };
    let queries: u64 = rounds.iter().map(|(m, _)| m.queries).sum();
    let mut cpu: BTreeMap<String, u64> = BTreeMap::new();
    for (name, micros) in rounds.iter().flat_map(|(_, cpu)| cpu) {
        *cpu.entry(name.clone()).or_default() += micros;
    }
    let per_query = |micros: u64| (micros as f64 / queries.max(1) as f64 * 10.0).round() / 10.0;
    Line {
        workload,
        place,
        clients,
        queries,
        queries_per_second: mean(&|m| m.queries_per_second).round(),
        p50_ms: mean(&|m| m.p50_ms),
        p99_ms: mean(&|m| m.p99_ms),
        errors: rounds.iter().map(|(m, _)| m.errors).sum(),
        // Who did next to nothing is left out.
        cpu_us_per_query: cpu
            .into_iter()
            .map(|(n, us)| (n, per_query(us)))
            .filter(|(_, us)| *us >= 0.5)
            .collect(),
    }
}

/// As text for people.
pub fn table(report: &Report) -> String {
    let mut text = format!(
        "{:<18} {:<10} {:>7} {:>9} {:>9} {:>9}  {}\n",
        "workload", "place", "clients", "queries/s", "p50 ms", "p99 ms", "CPU us a query"
    );
    for line in &report.lines {
        let cpu: Vec<String> =
            line.cpu_us_per_query.iter().map(|(name, us)| format!("{name} {us:.0}")).collect();
        text += &format!(
            "{:<18} {:<10} {:>7} {:>9.0} {:>9.3} {:>9.3}  {}\n",
            line.workload.name(),
            line.place,
            line.clients,
            line.queries_per_second,
            line.p50_ms,
            line.p99_ms,
            cpu.join(", ")
        );
    }
    let memory: Vec<String> =
        report.resident_kib.iter().map(|(name, kib)| format!("{name} {}", kib / 1024)).collect();
    text += &format!("resident MB: {}\n", memory.join(", "));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_merged() {
        let measured =
            |queries, qps| Measured { queries, queries_per_second: qps, p50_ms: 1.0, p99_ms: 3.0, errors: 1 };
        let cpu = |us| BTreeMap::from([("vtgate".to_owned(), us), ("etcd".to_owned(), 1)]);
        let rounds = [(measured(100, 50.0), cpu(1_000)), (measured(300, 150.0), cpu(3_000))];
        let line = merge(Workload::PointSelect, "sharded", 1, &rounds);
        assert_eq!((line.queries, line.queries_per_second, line.errors), (400, 100.0, 2));
        assert_eq!(line.cpu_us_per_query, BTreeMap::from([("vtgate".to_owned(), 10.0)]));
    }
}
