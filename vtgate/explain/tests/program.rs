//! The program as it is called: golden output of text and JSON, its flags, its faults.

// A panic in a test is a failed test, in its helpers too.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use testkit::program::{check_faults, check_help, check_version, printed, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_vtexplain");

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Runs it with the files of `data`; the first line of `input` may be flags.
fn explain(input: &str, more: &[&str]) -> String {
    let (flags, sql) = match input.split_once('\n') {
        Some((flags, sql)) if flags.starts_with("--") => (flags, sql),
        _ => ("", input),
    };
    let files = [data("vschema.json"), data("schema.sql")].map(|path| path.display().to_string());
    let mut args = vec!["--vschema-file", &files[0], "--schema-file", &files[1], "--sql", sql];
    args.extend(flags.split_whitespace());
    args.extend(more);
    let out = run(PROGRAM, &args);
    assert!(out.status.success() && out.stderr.is_empty(), "{input}: {}", printed(&out));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn the_command_line() {
    check_help(PROGRAM, &data("help.txt"));
    check_version(PROGRAM);
    check_faults(PROGRAM, &[], &["--sql or --sql-file is missing", "--vschema or --vschema-file is missing"]);
    let wrong =
        ["--sql=x", "--sql-file=y", "--shards=0", "--output-mode=xml", "--no-such-flag", "--dbname=ks@boss"];
    check_faults(PROGRAM, &wrong, &["one of --sql", "shards", "xml", "--no-such-flag", "boss", "--vschema"]);
}

#[test]
fn plans_and_queries() {
    testkit::run_cases(&data("queries.txt"), |input| explain(input, &[]));
}

#[test]
fn plans_and_queries_in_json() {
    testkit::run_cases(&data("json.txt"), |input| explain(input, &["--output-mode", "json"]));
}

/// The definitions of columns, which a plan that gathers rows shows, are those of information_schema.
#[test]
fn columns_are_as_mysql_shows_them() {
    let by = r#"{"column_vindexes": [{"column": "c10", "name": "xxhash"}]}"#;
    let vschema = format!(
        r#"{{"d": {{"sharded": true, "vindexes": {{"xxhash": {{"type": "xxhash"}}}},
            "tables": {{"all_types": {by}, "latin": {by}, "general": {by}}}}}}}"#
    );
    let schema = data("columns.sql").display().to_string();
    let expected = std::fs::read_to_string(data("columns.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = expected.lines().map(|line| line.split('\t').collect()).collect();
    assert!(rows.len() > 70);
    for table in ["all_types", "latin", "general"] {
        let columns: Vec<_> = rows.iter().filter(|row| row[0] == table).map(|row| (row[1], row[2])).collect();
        let names: Vec<_> = columns.iter().map(|(name, _)| format!("`{name}`")).collect();
        let names = names.join(", ");
        let sql = format!("select {names}, row_number() over () from {table}");
        let args = ["--vschema", &vschema, "--schema-file", &schema, "--dbname=d", "--sql", &sql];
        let text = printed(&run(PROGRAM, &args));
        let line =
            text.lines().find(|line| line.contains("__vt_gather0 (")).unwrap_or_else(|| panic!("{text}"));
        for (name, definition) in columns {
            let wanted = format!("{name} {definition}");
            assert!(line.contains(&wanted), "{table}: {wanted} is missing in\n{line}");
        }
        if table == "all_types" {
            assert!(
                line.ends_with("; unique k1, i; unique id; unique k2; unique vc, vl; unique c10)"),
                "{line}"
            );
        }
    }
}

/// The VSchema as an operator has it for one cell, with routing rules.
#[test]
fn a_served_vschema_is_read_too() {
    let srv = r#"{"keyspaces": {"a": {"tables": {"t": {}}}, "b": {}},
        "routing_rules": {"rules": [{"from_table": "moved", "to_tables": ["a.t"]}]}}"#;
    let out = run(PROGRAM, &["--vschema", srv, "--sql", "select x from moved"]);
    assert!(printed(&out).contains("1 a/-: select x from t as moved"), "{}", printed(&out));
}

/// Vitess's own scripts: underscores in flags, and flags that change nothing.
#[test]
fn flags_of_vitess() {
    let vschema = data("vschema.json").display().to_string();
    let sql = testkit::temp_dir();
    let file = sql.path().join("all.sql");
    std::fs::write(&file, "select name from customer.customer;\n-- the end\n").unwrap();
    let args = [
        "--vschema_file",
        &vschema,
        "--sql_file",
        &file.display().to_string(),
        "--replication-mode=row",
        "--planner-version=Gen4",
        "--execution-mode=multi",
        "--normalize",
        "--shards=4",
    ];
    let text = printed(&run(PROGRAM, &args));
    for shard in ["-40", "40-80", "80-c0", "c0-"] {
        assert!(text.contains(&format!("1 customer/{shard}: select ")), "{text}");
    }
}

#[test]
fn wrong_files_are_told_together() {
    let args = [
        "--vschema={\"ks\": {\"tables\": {\"t\": {\"columm\": 1}}}}",
        "--schema=create table t (a int); create table t (b int); alter table t drop a; create table x (a in)",
        "--sql-file=/nothing/here.sql",
        "--ks-shard-map={",
    ];
    let words = [
        "columm",
        "statement at line 1: Table 't' already exists",
        "ALTER",
        "not understood: create table x (a in)",
        "/nothing/here.sql",
        "--ks-shard-map: not JSON",
    ];
    check_faults(PROGRAM, &args, &words);
    let sharded = "{\"ks\": {\"sharded\": true, \"tables\": {\"t\": {}}}, \"u\": {}}";
    check_faults(PROGRAM, &["--sql=select 1", "--vschema", sharded], &["table t", "no vindex"]);
    let map =
        ["--sql=select 1", "--vschema={\"ks\": {}}", "--ks-shard-map={\"ks\":[\"-40\",\"80-\"],\"no\":[]}"];
    check_faults(PROGRAM, &map, &["no keyspace no", "-40, 80-", "cover"]);
    check_faults(
        PROGRAM,
        &["--sql=select 1", "--vschema={\"ks\": {}}", "--dbname=no"],
        &["--dbname", "'no'"],
    );
}
