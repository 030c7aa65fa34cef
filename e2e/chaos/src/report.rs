//! What the clients saw, by kind of fault.

use std::{collections::BTreeMap, fmt, sync::Arc};

use tokio::time::Instant;

use crate::{
    SHARDS,
    faults::Fault,
    load::{Client, Kind, Op, Outcome},
};

/// A fault that was made.
#[derive(Debug)]
pub struct Made {
    pub fault: Fault,
    pub shard: usize,
    pub begun: Instant,
    /// From the fault to the first write that was begun after it and acknowledged.
    pub seconds_to_recover: f64,
    /// The writes to each shard that it concerns, until the cluster was whole, in the order of their ends.
    pub ops: Vec<Vec<Op>>,
    /// Primaries that were replaced although they were well.
    pub failovers: usize,
}

impl Made {
    /// The longest time since the fault in which no write to a shard was acknowledged, in seconds.
    pub fn pause(&self) -> f64 {
        let gap = |ops: &Vec<Op>| {
            let ends: Vec<_> = ops.iter().filter(|op| op.outcome == Outcome::Acknowledged).collect();
            // A write that waits all through the pause is as long as it.
            let waits = ends.iter().map(|op| (op.ended - op.begun).as_secs_f64());
            let gaps = ends.windows(2).map(|pair| (pair[1].ended - pair[0].ended).as_secs_f64());
            let first = ends.first().map(|op| op.ended.saturating_duration_since(self.begun).as_secs_f64());
            waits.chain(gaps).chain(first).fold(0.0, f64::max)
        };
        self.ops.iter().map(gap).fold(0.0, f64::max)
    }

    fn errors(&self, kind: Kind) -> Vec<&Op> {
        let failed = |op: &&Op| op.kind == kind && op.outcome != Outcome::Acknowledged;
        self.ops.iter().flatten().filter(failed).collect()
    }
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, many) = (self.errors(Kind::Autocommit), self.errors(Kind::Transaction));
        write!(
            f,
            "{:16} {:4} pause {:6.3} s, writes again after {:6.3} s, errors {} and {}",
            self.fault.name(),
            SHARDS[self.shard],
            self.pause(),
            self.seconds_to_recover,
            one.len(),
            many.len()
        )?;
        if self.failovers > 0 {
            write!(f, ", FALSE FAILOVER")?;
        }
        let first = one.iter().chain(&many).next();
        match first.map(|op| &op.outcome) {
            Some(Outcome::Failed { errno, text }) => write!(f, "; {errno} {text}"),
            _ => Ok(()),
        }
    }
}

/// All faults of one kind.
#[derive(Debug, Default)]
struct Row {
    pauses: Vec<f64>,
    recoveries: Vec<f64>,
    autocommit_errors: usize,
    transaction_errors: usize,
    failovers: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Report {
    rows: BTreeMap<Fault, Row>,
    writes: usize,
    failed: usize,
}

impl Report {
    pub fn take(&mut self, made: Made) {
        let row = self.rows.entry(made.fault).or_default();
        row.pauses.push(made.pause());
        row.recoveries.push(made.seconds_to_recover);
        row.autocommit_errors += made.errors(Kind::Autocommit).len();
        row.transaction_errors += made.errors(Kind::Transaction).len();
        row.failovers += made.failovers;
    }

    pub fn take_clients(&mut self, clients: &[Arc<Client>]) {
        for op in clients.iter().flat_map(|c| c.ops()) {
            self.writes += 1;
            self.failed += usize::from(op.outcome != Outcome::Acknowledged);
        }
    }

    /// No client saw an error of a planned operation, no primary was replaced for nothing.
    pub fn is_good(&self) -> bool {
        let planned = self.rows.iter().filter(|(fault, _)| fault.is_planned());
        planned.map(|(_, row)| row.autocommit_errors + row.transaction_errors).sum::<usize>() == 0
            && self.rows.values().all(|row| row.failovers == 0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} writes, {} failed", self.writes, self.failed)?;
        writeln!(
            f,
            "{:16} {:>5} {:>10} {:>10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
            "fault",
            "count",
            "err single",
            "err trans",
            "pause50",
            "pause99",
            "max",
            "recov50",
            "recov99",
            "max"
        )?;
        for (fault, row) in &self.rows {
            write!(
                f,
                "{:16} {:>5} {:>10} {:>10}",
                fault.name(),
                row.pauses.len(),
                row.autocommit_errors,
                row.transaction_errors
            )?;
            for values in [&row.pauses, &row.recoveries] {
                for share in [0.5, 0.99, 1.0] {
                    write!(f, " {:>8.3}", percentile(values, share))?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// The value that this share of the values does not exceed.
fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let values = [0.4, 0.1, 0.3, 0.2];
        assert_eq!(percentile(&values, 0.5), 0.2);
        assert_eq!(percentile(&values, 0.99), 0.4);
        assert_eq!(percentile(&[], 0.5), 0.0);
    }
}
