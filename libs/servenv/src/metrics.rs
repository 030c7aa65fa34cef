//! Counters of a process: named once, seen as JSON at `/debug/vars` (Vitess's names) and as Prometheus
//! text at `/metrics` (the same names in snake case behind the program's).

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use secrets::tls::CertificateEnds;
use serde_json::{Map, Value, json};

/// A number that only grows.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    pub fn inc(&self) {
        self.add(1);
    }

    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    pub fn set(&self, v: i64) {
        self.0.store(v, Ordering::Relaxed);
    }

    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often something was done, and how long it took together.
#[derive(Debug, Clone, Default)]
pub struct TimingCounter {
    count: Counter,
    nanoseconds: Counter,
}

impl TimingCounter {
    pub fn record(&self, took: Duration) {
        self.count.inc();
        self.nanoseconds.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub fn count(&self) -> u64 {
        self.count.get()
    }
}

type Read = Box<dyn Fn() -> Value + Send + Sync>;

/// The label of the numbers in an object, where nothing else is said.
const LABEL: &str = "label";

struct Variable {
    /// What the keys of an object are.
    label: &'static str,
    read: Read,
}

/// The process's variables by name.
#[derive(Default)]
pub struct Metrics {
    vars: Mutex<BTreeMap<String, Variable>>,
    certificates: Mutex<CertificateEnds>,
}

impl Metrics {
    /// A variable that is computed when it is looked at: a number, a text, or an object of numbers by label.
    pub fn publish(&self, name: impl Into<String>, read: impl Fn() -> Value + Send + Sync + 'static) {
        self.publish_by(name, LABEL, read);
    }

    /// The same for an object whose keys are a `label` of that name at `/metrics`.
    pub fn publish_by(
        &self,
        name: impl Into<String>,
        label: &'static str,
        read: impl Fn() -> Value + Send + Sync + 'static,
    ) {
        let variable = Variable { label, read: Box::new(read) };
        self.vars.lock().unwrap_or_else(PoisonError::into_inner).insert(name.into(), variable);
    }

    /// When each certificate ends, by the flag that names its file, in seconds since the epoch: these and those of
    /// earlier calls.
    pub fn publish_certificates(&self, ends: CertificateEnds) {
        let mut all = self.certificates.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(ends);
        let all = all.clone();
        self.publish_by("CertificateNotAfter", "flag", move || json!(all.now()));
    }

    pub fn counter(&self, name: impl Into<String>) -> Counter {
        let counter = Counter::default();
        let read = counter.clone();
        self.publish(name, move || json!(read.get()));
        counter
    }

    pub fn gauge(&self, name: impl Into<String>) -> Gauge {
        let gauge = Gauge::default();
        let read = gauge.clone();
        self.publish(name, move || json!(read.get()));
        gauge
    }

    pub fn timing(&self, name: impl Into<String>) -> TimingCounter {
        let timing = TimingCounter::default();
        let read = timing.clone();
        self.publish(
            name,
            move || json!({"TotalCount": read.count.get(), "TotalTime": read.nanoseconds.get()}),
        );
        timing
    }

    /// All variables, for `/debug/vars`.
    pub fn to_json(&self) -> Value {
        let vars = self.vars.lock().unwrap_or_else(PoisonError::into_inner);
        Value::Object(vars.iter().map(|(name, v)| (name.clone(), (v.read)())).collect::<Map<_, _>>())
    }

    /// The numbers among them, for `/metrics`. Texts are left out; nested objects become labels. One whose labels have
    /// not come up yet is there by its name, so that what there is can be seen in a program that did nothing so far.
    pub fn to_prometheus(&self, program: &str) -> String {
        let mut out = String::new();
        let vars = self.vars.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, Variable { label: key, read }) in vars.iter() {
            let (name, value) = (name.as_str(), read());
            let name = format!("{program}_{}", snake_case(name));
            let mut lines = String::new();
            let is_labelled = value.is_object();
            match value {
                Value::Object(labels) => {
                    for (label, value) in labels.iter().filter(|(_, v)| v.is_number()) {
                        let label = label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                        let _ = writeln!(lines, "{name}{{{key}=\"{label}\"}} {value}");
                    }
                }
                Value::Number(n) => {
                    let _ = writeln!(lines, "{name} {n}");
                }
                Value::Bool(b) => {
                    let _ = writeln!(lines, "{name} {}", u8::from(b));
                }
                _ => {}
            }
            if !lines.is_empty() || is_labelled {
                let _ = write!(out, "# TYPE {name} untyped\n{lines}");
            }
        }
        out
    }
}

fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    let mut previous_lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && previous_lower {
            out.push('_');
        }
        previous_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        out.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_numbers_in_both_forms() {
        let m = Metrics::default();
        m.counter("QueryExecutions").add(3);
        m.publish("HealthcheckConnections", || json!({"ks.0.primary": 1}));
        m.publish_by("Ends", "flag", || json!({"grpc-cert": 7}));
        m.publish("TabletType", || json!("primary"));
        m.publish("FailedRecoveries", || json!({}));
        assert_eq!(m.to_json()["QueryExecutions"], 3);
        let text = m.to_prometheus("vtgate");
        assert!(text.contains("vtgate_query_executions 3\n"), "{text}");
        assert!(text.contains("vtgate_healthcheck_connections{label=\"ks.0.primary\"} 1\n"), "{text}");
        assert!(text.contains("vtgate_ends{flag=\"grpc-cert\"} 7\n"), "{text}");
        assert!(!text.contains("tablet_type"), "{text}");
        assert!(text.contains("# TYPE vtgate_failed_recoveries untyped\n#"), "{text}");
    }
}
