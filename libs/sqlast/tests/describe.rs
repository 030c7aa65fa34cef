//! The lines of `cargo xtask sql`. `tests/data/describe.txt` has for each line that goes in the line that comes
//! out, its members a line each; `UPDATE_GOLDEN=1` accepts.

// A panic in a test is a failed test, in its helpers too.
#![allow(clippy::unwrap_used)]

#[path = "../examples/sql/describe.rs"]
mod describe;
#[path = "../examples/sql/json.rs"]
mod json;
#[path = "../examples/sql/tables.rs"]
mod tables;

use std::path::Path;

#[test]
fn lines_are_as_accepted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/describe.txt");
    testkit::run_cases(&path, |input| {
        let lines = input.lines().map(|line| by_member(describe::line(line.as_bytes())));
        lines.collect::<Vec<_>>().join("\n")
    });
}

fn by_member(object: String) -> String {
    let broken = |line: String, key: &&str| line.replace(&format!(",\"{key}\":"), &format!(",\n \"{key}\":"));
    describe::KEYS.iter().fold(object, broken)
}

#[test]
fn bytes_go_in_and_out() {
    let sql = b"select '\xff\x80\xc3\xa4\\'\"\n' from t\xfe";
    let line = json::string(sql);
    assert!(line.contains("\\udcff\\udc80\u{e4}"), "{line}");
    assert_eq!(json::read(line.as_bytes()).unwrap(), sql);
    // Python's, which escapes everything that is not ASCII; and the bytes themselves.
    assert_eq!(json::read(br#""\udcff\u00e4\ud83d\ude00""#).unwrap(), b"\xff\xc3\xa4\xf0\x9f\x98\x80");
    assert_eq!(json::read(b"\"\xff\"").unwrap(), b"\xff");
}

#[test]
fn what_is_no_json_string_is_named() {
    let lines = [
        "",
        "select 1",
        "5",
        "null",
        "[\"select 1\"]",
        "\"select 1",
        "\"select 1\" x",
        "\"\\ud800\"",
        "\"\\udc41\"",
    ];
    for line in lines {
        let answer = describe::line(line.as_bytes());
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["ok"], false, "{line}");
        assert!(answer["error"].as_str().is_some_and(|e| !e.is_empty()), "{line}: {answer}");
        let keys: Vec<_> = answer.as_object().unwrap().keys().collect();
        assert_eq!(keys, describe::KEYS);
        assert!(answer["printed"].is_null() && answer["kind"].is_null());
    }
}

/// Megabytes in one line are answered, and what is nested too deep is refused in words.
#[test]
fn huge_statements() {
    let ok = |sql: String| {
        let answer = describe::line(json::string(sql.as_bytes()).as_bytes());
        serde_json::from_str::<serde_json::Value>(&answer).unwrap()
    };
    let list = vec!["1234567"; 300_000].join(",");
    let answer = ok(format!("select a from t where a in ({list})"));
    assert_eq!(answer["ok"], true);
    assert_eq!(answer["binds"]["vtg1"]["values"].as_array().unwrap().len(), 300_000);
    let answer = ok(format!("select {}1{}", "(".repeat(200_000), ")".repeat(200_000)));
    assert_eq!(answer["ok"], false);
    assert!(answer["error"].as_str().unwrap().contains("limit"), "{answer}");
}

/// Every line is JSON, whatever a statement of the corpus has in it.
#[test]
fn the_corpus() {
    for statement in testkit::corpus::corpus() {
        let answer = describe::line(json::string(&statement.sql).as_bytes());
        let answer: serde_json::Value =
            serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{e}: {answer}"));
        assert!(answer["ok"] == true || !statement.mysql_accepts, "{}: {answer}", statement.text());
    }
}
