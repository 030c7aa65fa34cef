use super::*;

#[test]
fn a_file_is_tables_and_cases() {
    let text = "# what it is about\n#! in two\n#! table two.t xxhash(a) sequence a\nCREATE TABLE t (\n  a int);\n\
                #! errno 1062\nINSERT INTO t\n  VALUES (1);\n\n#! any rows\nSELECT ';' FROM t;\nSELECT 2;\n";
    let script = parse("x.test", text).unwrap();
    assert_eq!(script.keyspaces, ["two"]);
    assert_eq!(script.tables[0].create, "CREATE TABLE t (\n  a int)");
    assert_eq!(script.tables[0].sequence("two").as_deref(), Some("t_two_seq"));
    let cases: Vec<_> =
        script.cases.iter().map(|c| (c.line, c.sql.as_str(), c.errno, c.wanted.any_rows)).collect();
    assert_eq!(
        cases,
        [
            (7, "INSERT INTO t\n  VALUES (1)", Some(1062), false),
            (11, "SELECT ';' FROM t", None, true),
            (12, "SELECT 2", None, false)
        ]
    );
}

#[test]
fn what_is_not_understood_is_named() {
    assert_eq!(parse("x", "\n#! sometimes\n").unwrap_err(), "x:2: unknown: #! sometimes");
    assert_eq!(parse("x", "SELECT 1\n").unwrap_err(), "x:1: the statement has no end");
}

#[test]
fn the_sequences_are_in_the_keyspace_that_is_not_sharded() {
    let script = parse("x", "#! table t hash(a) sequence a\nCREATE TABLE t (a int);\n").unwrap();
    let one = vschema(&script.tables, "one");
    let names: Vec<_> = one["tables"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["t", "t_two_seq", "t_four_seq"]);
    let two = vschema(&script.tables, "two");
    assert_eq!(two["tables"]["t"]["auto_increment"]["sequence"], "one.t_two_seq");
}

#[test]
fn a_lookup_is_a_vindex_and_a_table() {
    let text = "#! table two.t multicol(a,b) lookup lookup_unique(u)\nCREATE TABLE t (a int);\n";
    let script = parse("x", text).unwrap();
    let two = vschema(&script.tables, "two");
    assert_eq!(two["tables"]["t"]["column_vindexes"][0]["columns"], serde_json::json!(["a", "b"]));
    assert_eq!(two["tables"]["t"]["column_vindexes"][1]["name"], "t_two_u");
    assert_eq!(two["vindexes"]["multicol"]["params"]["column_count"], "2");
    assert_eq!(two["vindexes"]["t_two_u"]["owner"], "t");
    assert_eq!(two["vindexes"]["t_two_u"]["params"]["table"], "one.t_two_u");
    assert!(vschema(&script.tables, "one")["tables"]["t_two_u"].is_object());
}
