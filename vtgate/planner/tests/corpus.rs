//! The planner cases of the shared corpus: every statement is planned or refused in words, and a table of
//! what became of them is printed (`--nocapture`).
//!
//! The corpus is not part of the repository's own data; without it this test says so and passes.

// A panic in a test is a failed test, in its helpers too.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "corpus/schema.rs"]
mod schema;

use std::collections::BTreeMap;

use planner::{Normalized, Plan, PlanContext, explain, plan};

#[test]
fn planner_statements_of_the_corpus() {
    let options = sqlast::ParseOptions::default();
    let corpus = corpus();
    let parsed: Vec<_> =
        corpus.iter().filter_map(|sql| sqlast::parse(sql.as_bytes(), &options).ok()).collect();
    let vschema = schema::vschema(&parsed);
    let ctx = PlanContext {
        vschema: &vschema,
        keyspace: None,
        shard: None,
        tablet_type: vtmodel::TabletType::Primary,
        no_scatter: false,
        ignore_values: false,
        by_rows: false,
        gather: false,
        select_limit: None,
        sql_mode: sqlast::SqlMode::default(),
    };
    let mut table: BTreeMap<String, usize> = BTreeMap::new();
    let mut internal = Vec::new();
    for sql in corpus {
        let outcome = Normalized::parse(sql.as_bytes(), &sqlast::ParseOptions::default()).and_then(|n| {
            if planner::is_planned(&n.statement) { plan(&n, &ctx).map(Some) } else { Ok(None) }
        });
        let kind = match outcome {
            Ok(Some(plan)) => {
                if std::env::var_os("SHOW_PLANS").is_some() {
                    println!(
                        "PLAN {}: {sql}\n  {}",
                        kind(&plan),
                        explain(&plan).lines().next().unwrap_or_default()
                    );
                }
                kind(&plan)
            }
            Ok(None) => "of the session".to_owned(),
            Err(e) => {
                if e.errno() == 1105 {
                    internal.push(format!("{sql}: {e}"));
                }
                let reason: Vec<&str> =
                    e.message().split_whitespace().filter(|w| !w.contains(['.', '\''])).take(5).collect();
                if std::env::var_os("SHOW_REFUSED").is_some() {
                    println!("{}: {sql}", e.message());
                }
                format!("refused {} {}", e.errno(), reason.join(" "))
            }
        };
        *table.entry(kind).or_default() += 1;
    }
    table.iter().for_each(|(kind, count)| println!("{count:5} {kind}"));
    assert!(internal.is_empty(), "{}", internal.join("\n"));
}

/// How a plan reaches its shards, in a word; a plan must print, too.
fn kind(plan: &Plan) -> String {
    assert!(!explain(plan).is_empty());
    let json = serde_json::to_string(plan).unwrap();
    let has = |name: &str| json.contains(&format!("\"{name}\":{{"));
    let way = if has("Gather") {
        "gathered"
    } else if has("Join") || has("ValuesFirst") {
        "joined"
    } else if has("Concat") {
        "concatenated"
    } else if json.contains("\"Scatter\"") || has("In") || has("MultiEqual") || has("SubShard") {
        match has("Aggregate") {
            true => "scattered and folded",
            false => "scattered",
        }
    } else {
        "merged"
    };
    format!("{} {way}", plan.statement.name())
}

fn corpus() -> Vec<String> {
    let all = testkit::corpus::corpus().into_iter();
    all.filter(|statement| statement.source == "planbuilder").map(|statement| statement.text()).collect()
}
