//! Statements that are built to hurt: they end in a plan or a refusal, in little stack and time.

// A panic in a test is a failed test, in its helpers too.
#![allow(clippy::unwrap_used)]

#[path = "golden/schema.rs"]
mod schema;

use planner::{Normalized, Plan, PlanContext, plan};
use vschema::{VSchema, no_files};
use vterrors::Result;

/// Plans in a thread with as much stack as a worker thread of a server has.
fn planned(sql: String) -> Result<Plan> {
    let work = move || {
        let vschema = VSchema::new(&schema::srv_vschema(), &no_files);
        let ctx = PlanContext {
            vschema: &vschema,
            keyspace: Some("customer"),
            shard: None,
            tablet_type: vtmodel::TabletType::Primary,
            no_scatter: false,
            ignore_values: false,
            by_rows: false,
            gather: false,
            select_limit: None,
            sql_mode: sqlast::SqlMode::default(),
        };
        plan(&Normalized::parse(sql.as_bytes(), &sqlast::ParseOptions::default())?, &ctx)
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap()
}

#[test]
fn deep_nesting_is_refused_by_its_limit() {
    for depth in [30, 60, 90, 150, 190] {
        let derived = format!("{}customer{}", "(select * from ".repeat(depth), ") d".repeat(depth));
        let in_ = format!(
            "{}5{}",
            "select customer_id from customer where customer_id in (".repeat(depth),
            ")".repeat(depth)
        );
        for sql in [format!("select * from {derived}"), in_] {
            if let Err(e) = planned(sql) {
                assert!(e.message().contains("nested deeper"), "{depth}: {e}");
                assert!(depth > 60, "{depth}: {e}");
            }
        }
    }
}

#[test]
fn chains_and_towers_of_ctes_are_bounded() {
    let chain: Vec<String> = (1..400).map(|n| format!("c{n} as (select * from c{})", n - 1)).collect();
    let error =
        planned(format!("with c0 as (select 1), {} select * from c399", chain.join(", "))).unwrap_err();
    assert!(error.message().contains("nested deeper than 100"), "{error}");
    let tower: Vec<String> =
        (1..40).map(|n| format!("c{n} as (select a.* from c{0} a, c{0} b)", n - 1)).collect();
    let error =
        planned(format!("with c0 as (select 1), {} select * from c39", tower.join(", "))).unwrap_err();
    assert!(error.message().contains("1000 table references"), "{error}");
}

#[test]
fn long_lists_and_chains_are_planned() {
    let rows: Vec<String> = (0..5_000).map(|n| format!("({n}, 'a')")).collect();
    planned(format!("insert into typed (id, name) values {}", rows.join(", "))).unwrap();
    let terms: Vec<String> = (0..20_000).map(|n| format!("customer_id = {n}")).collect();
    planned(format!("select name from customer where {}", terms.join(" or "))).unwrap();
    planned(format!("select name from customer where {}", terms.join(" and "))).unwrap();
    let list: Vec<String> = (0..50_000).map(|n| n.to_string()).collect();
    planned(format!("select name from customer where customer_id in ({})", list.join(", "))).unwrap();
}
