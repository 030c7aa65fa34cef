//! The figures of a run, as a table for people and as JSON.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::world::{Fault, Incident};

/// One figure, with what it is of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub what: String,
    pub figure: String,
    /// What was asked for, where something was.
    pub target: String,
    /// Whether it is what was asked for.
    pub met: bool,
}

/// A scenario's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub scenario: String,
    pub lines: Vec<Line>,
}

impl Report {
    pub fn new(scenario: &str) -> Self {
        Self { scenario: scenario.to_owned(), lines: Vec::new() }
    }

    pub fn add(&mut self, what: impl Into<String>, figure: impl Into<String>) {
        let (what, figure) = (what.into(), figure.into());
        self.lines.push(Line { what, figure, target: String::new(), met: true });
    }

    /// A figure with a target.
    pub fn check(&mut self, what: &str, figure: impl Into<String>, target: &str, met: bool) {
        let (what, figure, target) = (what.to_owned(), figure.into(), target.to_owned());
        self.lines.push(Line { what, figure, target, met });
    }

    /// As a Markdown table, misses first.
    pub fn table(&self) -> String {
        let mut text = format!("### {}\n\n| | figure | target |\n|---|---|---|\n", self.scenario);
        let (met, missed): (Vec<&Line>, Vec<&Line>) = self.lines.iter().partition(|l| l.met);
        for line in missed.into_iter().chain(met) {
            let mark = if line.met { "" } else { "**MISSED** " };
            text += &format!("| {mark}{} | {} | {} |\n", line.what, line.figure, line.target);
        }
        text
    }
}

/// The value below which `percent` of the values are, of a sorted list.
pub fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1).min(last)).copied()
}

/// Times from the failure, of those that got so far.
fn times(incidents: &[&Incident], until: impl Fn(&Incident) -> Option<Instant>) -> Vec<Duration> {
    let mut times: Vec<Duration> = incidents.iter().filter_map(|i| Some(until(i)? - i.at)).collect();
    times.sort();
    times
}

fn seconds(time: Option<Duration>) -> String {
    time.map_or_else(|| "-".to_owned(), |t| format!("{:.2}", t.as_secs_f64()))
}

fn spread(times: &[Duration]) -> String {
    let [p50, p99] = [50, 99].map(|p| seconds(percentile(times, p)));
    format!("p50 {p50} s, p99 {p99} s, max {} s", seconds(times.last().copied()))
}

/// Adds what became of failed primaries, each kind of fault by itself. `limit`: within which 99 of 100 are to be
/// decided on.
pub fn add_incidents(report: &mut Report, title: &str, incidents: &[Incident], limit: Option<Duration>) {
    for fault in [Fault::Mysqld, Fault::Processes, Fault::Machine, Fault::Hang] {
        for others_silent in [false, true] {
            let of: Vec<&Incident> =
                incidents.iter().filter(|i| i.fault == fault && i.others_silent == others_silent).collect();
            if of.is_empty() {
                continue;
            }
            let name = match fault {
                Fault::Mysqld => "mysqld killed",
                Fault::Processes => "mysqld and vttablet killed",
                Fault::Machine => "machine lost",
                Fault::Hang => "vttablet hangs, mysqld lives",
            };
            let others = if others_silent { ", another tablet of the shard silent, too" } else { "" };
            let (decided, recovered) = (times(&of, |i| i.decided), times(&of, |i| i.recovered));
            let what = format!("{title}: {name}{others}");
            let figure = format!("{} of {} decided: {}", decided.len(), of.len(), spread(&decided));
            match limit.filter(|_| !others_silent && fault != Fault::Hang) {
                Some(limit) => {
                    let met =
                        decided.len() == of.len() && percentile(&decided, 99).is_some_and(|t| t <= limit);
                    report.check(&what, figure, &format!("p99 {} s", limit.as_secs()), met);
                }
                None => report.add(&what, figure),
            }
            let figure = format!("{} of {} recovered: {}", recovered.len(), of.len(), spread(&recovered));
            report.add(format!("{what}: a new primary serves"), figure);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_secs).collect();
        assert_eq!(percentile(&times, 50), Some(Duration::from_secs(100)));
        assert_eq!(percentile(&times, 99), Some(Duration::from_secs(198)));
        assert_eq!(percentile(&times[..1], 99), Some(Duration::from_secs(1)));
        assert_eq!(percentile(&[], 99), None);
    }

    #[test]
    fn misses_come_first() {
        let mut report = Report::new("a run");
        report.check("fine", "1", "2", true);
        report.check("not fine", "3", "2", false);
        let table = report.table();
        let at = |text: &str| table.find(text).unwrap();
        assert!(at("**MISSED** not fine") < at("| fine"), "{table}");
    }
}
