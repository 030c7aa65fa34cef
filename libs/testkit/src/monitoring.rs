//! The dashboard and the alert rules in `monitoring/` against what a program exports: a metric that is renamed there must
//! not leave a panel empty, or an alert silent, here.

use std::{collections::BTreeSet, fs, path::PathBuf};

/// The programs whose metrics the files use.
const PROGRAMS: [&str; 4] = ["vtctld", "vtgate", "vtorc", "vttablet"];

/// The dashboard and the rules.
const FILES: [&str; 2] = ["grafana-dashboard.json", "alerts.yml"];

/// The text of one of the files in `monitoring/`.
///
/// # Panics
/// When it cannot be read.
pub fn monitoring_file(name: &str) -> String {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../monitoring")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()))
}

/// The words of a text that are a program's metrics: its name, an underscore, more.
fn metrics_in<'a>(program: &str, text: &'a str) -> BTreeSet<&'a str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let of_program = |word: &&str| word.strip_prefix(program).is_some_and(|rest| rest.starts_with('_'));
    words.filter(of_program).collect()
}

/// Checks that each metric of `program` in the dashboard and in the rules is in `exported`, the text of its `/metrics`.
///
/// # Panics
/// With the names that are not exported; also when none is used, which would check nothing.
pub fn check_metrics(program: &str, exported: &str) {
    assert!(PROGRAMS.contains(&program), "{program} is not among those that are monitored");
    let names: BTreeSet<&str> =
        exported.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let mut used = 0;
    for file in FILES {
        let text = monitoring_file(file);
        let wanted = metrics_in(program, &text);
        used += wanted.len();
        let missing: Vec<_> = wanted.difference(&names).collect();
        assert!(missing.is_empty(), "{file} uses metrics that {program} does not export: {missing:?}");
    }
    assert!(used > 0, "no metric of {program} is used");
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The expressions of all panels.
    fn expressions(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|v| expressions(v, found));
            }
            Value::Array(items) => items.iter().for_each(|v| expressions(v, found)),
            _ => {}
        }
    }

    #[test]
    fn the_dashboard_is_json_whose_panels_ask_for_metrics() {
        let dashboard: Value = serde_json::from_str(&monitoring_file("grafana-dashboard.json")).unwrap();
        assert_eq!((&dashboard["title"], &dashboard["uid"]), (&"Vivace".into(), &"vivace".into()));
        let mut found = Vec::new();
        expressions(&dashboard, &mut found);
        assert!(found.len() > 30, "{}", found.len());
        for expression in &found {
            let asks = PROGRAMS.iter().any(|program| !metrics_in(program, expression).is_empty());
            assert!(asks, "{expression}");
        }
        let mut ids: Vec<i64> =
            dashboard["panels"].as_array().unwrap().iter().map(|p| p["id"].as_i64().unwrap()).collect();
        let panels = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), panels, "two panels have one id");
    }

    #[test]
    fn words_of_programs_are_found() {
        let text = "sum(vtgate_a{job=~\"vtgate|x\"}) / my_vtgate_b + vtgate_c_d[5m]";
        assert_eq!(metrics_in("vtgate", text), ["vtgate_a", "vtgate_c_d"].into());
    }

    #[test]
    #[should_panic(expected = "does not export")]
    fn a_metric_that_is_not_there_is_told() {
        check_metrics("vtorc", "# TYPE vtorc_watched_shards untyped\n");
    }
}
