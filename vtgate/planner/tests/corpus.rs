//! The planner cases of the shared corpus: every statement is planned or refused in words, and a table of
//! what became of them is printed (`--nocapture`).
//!
//! The corpus is not part of the repository's own data; without it this test says so and passes.

// A panic in a test is a failed test, in its helpers too.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::collections::BTreeMap;

use planner::{Normalized, Plan, PlanContext, Primitive, explain, plan};
use proto::vschema as pb;
use vschema::{VSchema, no_files};

#[test]
fn planner_statements_of_the_corpus() {
    let vschema = VSchema::new(&srv_vschema(), &no_files);
    assert_eq!(vschema.problems(), []);
    let ctx = PlanContext {
        vschema: &vschema,
        keyspace: None,
        shard: None,
        tablet_type: vtmodel::TabletType::Primary,
        no_scatter: false,
        ignore_values: false,
        gather: false,
        sql_mode: sqlast::SqlMode::default(),
    };
    let mut table: BTreeMap<String, usize> = BTreeMap::new();
    let mut internal = Vec::new();
    for sql in corpus() {
        let outcome = Normalized::parse(sql.as_bytes(), &sqlast::ParseOptions::default()).and_then(|n| {
            if planner::is_planned(&n.statement) { plan(&n, &ctx).map(Some) } else { Ok(None) }
        });
        let kind = match outcome {
            Ok(Some(plan)) => {
                if std::env::var_os("SHOW_PLANS").is_some() {
                    println!("PLAN {}: {sql}", kind(&plan));
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
    assert!(serde_json::to_string(plan).is_ok());
    fn of(primitive: &Primitive) -> &'static str {
        match primitive {
            Primitive::Route(route) => route.routing.name(),
            Primitive::Limit(limit) => of(&limit.input),
            Primitive::Aggregate(_) => "Aggregate",
            Primitive::Sort(sort) => of(&sort.input),
            Primitive::Join(join) => join.kind.name(),
            Primitive::Concat(_) => "Concat",
            Primitive::ValuesFirst(_) => "ValuesFirst",
            Primitive::Gather(_) => "Gather",
            Primitive::Insert(_) => "Insert",
            Primitive::InsertRowsOf(_) => "InsertRowsOf",
            Primitive::KeyedDml(_) => "KeyedDml",
            Primitive::MoveRows(_) => "MoveRows",
            Primitive::Update(dml) | Primitive::Delete(dml) => dml.routing.name(),
            Primitive::Send(_) => "Send",
            Primitive::Rows(_) => "Rows",
        }
    }
    format!("{} {}", plan.statement.name(), of(&plan.root))
}

fn corpus() -> Vec<String> {
    let all = testkit::corpus::corpus().into_iter();
    all.filter(|statement| statement.source == "planbuilder").map(|statement| statement.text()).collect()
}

/// Tables as the corpus' statements expect them: `user` sharded, `main` not.
fn srv_vschema() -> pb::SrvVSchema {
    let vindex = |ty: &str, params: &[(&str, &str)]| pb::Vindex {
        r#type: ty.into(),
        params: params.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        owner: String::new(),
    };
    let sharded = |columns: &[&str], name: &str| pb::Table {
        column_vindexes: vec![pb::ColumnVindex {
            column: String::new(),
            name: name.into(),
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        }],
        ..Default::default()
    };
    let by_hash = [
        ("user", "id"),
        ("user_extra", "user_id"),
        ("user_metadata", "user_id"),
        ("music", "user_id"),
        ("music_extra", "user_id"),
        ("authoritative", "user_id"),
        ("u_tbl", "id"),
        ("customer", "id"),
        ("orders", "o_custkey"),
        ("lineitem", "l_orderkey"),
        ("t", "id"),
        ("tbl", "id"),
        ("sbtest", "id"),
        ("warehouse", "w_id"),
        ("district", "d_w_id"),
        ("stock", "s_w_id"),
        ("order_line", "ol_w_id"),
        ("new_orders", "no_w_id"),
        ("history", "h_c_w_id"),
    ];
    let mut user = pb::Keyspace {
        sharded: true,
        vindexes: [
            ("user_index".to_owned(), vindex("hash", &[])),
            ("multicol".to_owned(), vindex("multicol", &[("column_count", "2")])),
        ]
        .into(),
        ..Default::default()
    };
    user.tables.extend(by_hash.map(|(table, column)| (table.to_owned(), sharded(&[column], "user_index"))));
    user.tables.insert("multicol_tbl".into(), sharded(&["cola", "colb"], "multicol"));
    user.tables.insert("u_multicol_tbl".into(), sharded(&["a", "b"], "multicol"));
    user.tables.insert("ref".into(), pb::Table { r#type: "reference".into(), ..Default::default() });
    let of_type = |ty: &str| pb::Table { r#type: ty.into(), ..Default::default() };
    let unsharded =
        ["unsharded", "unsharded_a", "unsharded_b", "unsharded_auto", "unsharded_src", "source_of_ref"];
    let mut main = pb::Keyspace::default();
    main.tables.extend(unsharded.map(|table| (table.to_owned(), of_type(""))));
    main.tables.insert("seq".into(), of_type("sequence"));
    pb::SrvVSchema {
        keyspaces: [("user".to_owned(), user), ("main".to_owned(), main)].into(),
        ..Default::default()
    }
}
