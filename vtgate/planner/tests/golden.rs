//! Golden plans: `tests/cases/*.txt` hold statements and the plans that they must have.
//!
//! A case is a block of lines up to an empty line: options (`-- keyspace: customer`; `-- tracked`: with
//! the columns that schema tracking would find), the statement
//! (`> select ...`, more lines with `> `), and the printed plan or `error: <errno> <text>`. `UPDATE_GOLDEN=1`
//! writes what the planner answers; look at the difference before you keep it. Lines with `#` are comments.

// A panic in a test is a failed test, in its helpers too.
#![allow(clippy::unwrap_used)]

#[path = "golden/schema.rs"]
mod schema;
#[path = "golden/tracked.rs"]
mod tracked;

use std::{fs, path::Path};

use planner::{Normalized, PlanContext, explain, plan};
use vschema::{VSchema, no_files};

#[test]
fn golden_cases() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let vschema = VSchema::new(&schema::srv_vschema(), &no_files);
    let tracked = tracked::tracked(&vschema);
    assert_eq!(vschema.problems(), []);
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut files: Vec<_> = fs::read_dir(&dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let mut wrong = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let answered: Vec<String> =
            text.split("\n\n").map(|block| answer(block.trim_matches('\n'), [&vschema, &tracked])).collect();
        let answered = answered.join("\n\n") + "\n";
        if update {
            fs::write(&file, answered).unwrap();
        } else {
            let pairs = text.trim_end().split("\n\n").zip(answered.trim_end().split("\n\n"));
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            wrong.extend(
                pairs
                    .filter(|(a, b)| a.trim_matches('\n') != *b)
                    .map(|(a, b)| format!("{name}: wanted\n{a}\ngot\n{b}\n")),
            );
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// The block with the planner's answer in place of what stands there.
fn answer(block: &str, [vschema, tracked]: [&VSchema; 2]) -> String {
    let kept = |line: &&str| line.starts_with('#') || line.starts_with("--") || line.starts_with('>');
    let head: Vec<&str> = block.lines().filter(kept).collect();
    let sql: Vec<&str> = head.iter().filter_map(|l| l.strip_prefix("> ")).collect();
    if sql.is_empty() {
        return head.join("\n");
    }
    let option = |name: &str| {
        head.iter()
            .find_map(|l| l.strip_prefix("-- ")?.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
    };
    let keyspace = option("keyspace").unwrap_or_else(|| "customer".to_owned());
    let shard = option("shard");
    let flag = |name: &str| head.iter().any(|l| l.strip_prefix("-- ") == Some(name));
    let ctx = PlanContext {
        vschema: if flag("tracked") { tracked } else { vschema },
        keyspace: Some(keyspace.as_str()).filter(|k| *k != "none"),
        shard: shard.as_deref(),
        tablet_type: if flag("replica") {
            vtmodel::TabletType::Replica
        } else {
            vtmodel::TabletType::Primary
        },
        no_scatter: flag("no_scatter"),
        ignore_values: flag("ignore_values"),
        by_rows: flag("by_rows"),
        gather: flag("gather"),
        select_limit: option("select_limit").map(|limit| limit.parse().unwrap()),
        sql_mode: sqlast::SqlMode::default(),
    };
    let sql = sql.join("\n");
    let planned =
        Normalized::parse(sql.as_bytes(), &sqlast::ParseOptions::default()).and_then(|n| plan(&n, &ctx));
    let text = match planned {
        Ok(plan) => explain(&plan),
        Err(e) => format!("error: {} {}\n", e.errno(), e.message()),
    };
    format!("{}\n{}", head.join("\n"), text.trim_end())
}
